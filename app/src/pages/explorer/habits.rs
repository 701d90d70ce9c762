//! How an endpoint behaves, in small pictures: who got which status, how long it took, when it was asked.

use leptos::prelude::*;
use understudy_types::{AuthCarrier, EndpointBehaviour, LatencyBucket, Paging, Refusal, StatusBehaviour};

use crate::components::StatusMark;
use crate::format;

const HEIGHT: f64 = 40.0;
const COLUMN: f64 = 10.0;

pub(super) fn habits(behaviour: &EndpointBehaviour, recent: &[u64]) -> AnyView {
    let latency = (behaviour.latency.len() > 1).then(|| histogram(&behaviour.latency));
    view! {
        <section class="habits" aria-label="How it behaves">
            {split(&behaviour.statuses)}
            {latency}
            {requests(recent, behaviour.rate.bucket_minutes)}
        </section>
    }
    .into_any()
}

/// One line, as long as all answers: a status takes its share of it.
fn split(statuses: &[StatusBehaviour]) -> AnyView {
    let mut at = 0.0;
    let part = |(place, each): (usize, &StatusBehaviour)| {
        let (x, width) = (at, each.share * 100.0);
        at += width;
        let class = if place % 2 == 0 { "split-part" } else { "split-part split-other" };
        view! { <rect class=class x=format!("{x:.2}") width=format!("{width:.2}") height="6"><title>{each.status}</title></rect> }
    };
    let parts: Vec<_> = statuses.iter().enumerate().map(part).collect();
    let word = |each: &StatusBehaviour| {
        let times = [each.latency_p50_ms, each.latency_p90_ms, each.latency_p99_ms]
            .map(|ms| ms.map_or("–".into(), format::milliseconds));
        let title = format!("p50 {}, p90 {}, p99 {}", times[0], times[1], times[2]);
        view! { <span class="split-word" title=title><StatusMark status=each.status/> " " {format::percent(each.share)}</span> }
    };
    let words: Vec<_> = statuses.iter().map(word).collect();
    view! {
        <figure class="habit">
            <figcaption>"Statuses"</figcaption>
            <svg class="split" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">{parts}</svg>
            <span class="split-words">{words}</span>
        </figure>
    }
    .into_any()
}

fn histogram(buckets: &[LatencyBucket]) -> AnyView {
    let most = buckets.iter().map(|bucket| bucket.share).fold(0.0, f64::max);
    let bar = |(at, bucket): (usize, &LatencyBucket)| {
        let height = bucket.share / most * HEIGHT;
        let words = format!("up to {}: {}", format::milliseconds(bucket.to_ms), format::percent(bucket.share));
        column(at, height, words)
    };
    let bars: Vec<_> = buckets.iter().enumerate().map(bar).collect();
    let (first, last) = (buckets[0].to_ms, buckets[buckets.len() - 1].to_ms);
    let words =
        format!("Answers took from under {} to under {}", format::milliseconds(first), format::milliseconds(last));
    view! {
        <figure class="habit">
            <figcaption>"Time until the answer"</figcaption>
            <svg class="bars" viewBox=format!("0 0 {} {HEIGHT}", COLUMN * buckets.len() as f64) preserveAspectRatio="none" role="img" aria-label=words>{bars}</svg>
            <span class="bars-ends"><span>{format::milliseconds(first)}</span><span>{format::milliseconds(last)}</span></span>
        </figure>
    }
    .into_any()
}

fn requests(recent: &[u64], minutes: u64) -> Option<AnyView> {
    let most = recent.iter().copied().max().filter(|most| *most > 0)?;
    let bar = |(at, n): (usize, &u64)| {
        column(at, *n as f64 / most as f64 * HEIGHT, format!("{} requests", format::exact(*n)))
    };
    let bars: Vec<_> = recent.iter().enumerate().map(bar).collect();
    let span = format!("{} before", minutes_words(minutes * recent.len() as u64));
    let words = format!("Requests in stretches of {}, at most {}", minutes_words(minutes), format::count(most));
    Some(
        view! {
            <figure class="habit">
                <figcaption>"Requests"</figcaption>
                <svg class="bars" viewBox=format!("0 0 {} {HEIGHT}", COLUMN * recent.len() as f64) preserveAspectRatio="none" role="img" aria-label=words>{bars}</svg>
                <span class="bars-ends"><span>{span}</span><span>"last seen"</span></span>
            </figure>
        }
        .into_any(),
    )
}

/// Who asks, how lists are read page by page, and what is said about keeping answers: what there is of it.
pub(super) fn rules(behaviour: &EndpointBehaviour) -> Option<AnyView> {
    let cache =
        behaviour.statuses.iter().flat_map(|status| &status.cache_control).map(|each| each.value.clone()).next();
    let etag = behaviour.statuses.iter().any(|status| status.etag_share > 0.5).then(|| "ETag".to_owned());
    let keeping: Vec<String> = cache.into_iter().chain(etag).collect();
    let facts = [
        ("Credentials", behaviour.auth.iter().map(carrier).collect::<Vec<_>>().join("; ")),
        ("Pages", behaviour.paging.as_ref().filter(|paging| is_paged(paging)).map(paging).unwrap_or_default()),
        ("Caching", keeping.join("; ")),
    ];
    let fact = |(name, words): (&'static str, String)| view! { <div><dt>{name}</dt><dd>{words}</dd></div> };
    let facts: Vec<_> = facts.into_iter().filter(|(_, words)| !words.is_empty()).map(fact).collect();
    (!facts.is_empty()).then(|| view! { <dl class="facts">{facts}</dl> }.into_any())
}

/// Reasons that are listed; the admin API has them all.
const REFUSALS: usize = 40;

/// Which status for what: what the twin refuses by.
pub(super) fn refusals(refusals: &[Refusal]) -> Option<AnyView> {
    let row = |refusal: &Refusal| {
        view! {
            <tr>
                <td><StatusMark status=refusal.status/></td>
                <td class="refusal-cause">{refusal.cause.clone()}</td>
                <td class="number">{format::times(refusal.count)}</td>
            </tr>
        }
    };
    let rows: Vec<_> = refusals.iter().take(REFUSALS).map(row).collect();
    let table = || {
        view! {
            <section class="refusals" aria-labelledby="refusals-title">
                <h3 id="refusals-title">"Refused when"</h3>
                <div class="table-scroll"><table class="rows schema"><tbody>{rows}</tbody></table></div>
            </section>
        }
        .into_any()
    };
    (!refusals.is_empty()).then(table)
}

fn carrier(carrier: &AuthCarrier) -> String {
    let place = if carrier.place == "authorization" { "Authorization" } else { carrier.place.as_str() };
    format!("{place} {} in {} of the requests", carrier.name, format::percent(carrier.share))
}

/// Members alone that are named like this prove nothing: a book has `pages` too.
fn is_paged(paging: &Paging) -> bool {
    !paging.parameters.is_empty() || paging.link_header
}

fn paging(paging: &Paging) -> String {
    let mut words = Vec::new();
    if !paging.parameters.is_empty() {
        words.push(format!("chosen by {}", paging.parameters.join(", ")));
    }
    if !paging.items.is_empty() {
        words.push(format!("items in {}", paging.items));
    }
    if !paging.members.is_empty() {
        words.push(format!("told by {}", paging.members.join(", ")));
    }
    if paging.link_header {
        words.push("a Link header leads on".into());
    }
    words.join("; ")
}

fn column(at: usize, height: f64, words: String) -> AnyView {
    let (x, y) = (at as f64 * COLUMN + 1.0, HEIGHT - height);
    view! {
        <rect class="bar" x=x.to_string() y=format!("{y:.1}") width=(COLUMN - 2.0).to_string() height=format!("{height:.1}")><title>{words}</title></rect>
    }
    .into_any()
}

fn minutes_words(minutes: u64) -> String {
    match minutes {
        1 => "a minute".into(),
        minutes if minutes < 120 => format!("{minutes} min"),
        minutes if minutes < 2 * 1440 => format!("{} h", minutes / 60),
        minutes => format!("{} d", minutes / 1440),
    }
}

/// For a row of a list: the requests of late, without words.
pub(super) fn spark(recent: &[u64]) -> AnyView {
    let most = recent.iter().copied().max().unwrap_or(0).max(1);
    let path: String = recent
        .iter()
        .enumerate()
        .filter(|(_, n)| **n > 0)
        .map(|(at, n)| {
            let height = (*n as f64 / most as f64 * 12.0).max(1.0);
            format!("M{} 12v-{height:.1}h2v{height:.1}z", at * 3)
        })
        .collect();
    let width = recent.len() * 3;
    view! {
        <svg class="spark" viewBox=format!("0 0 {width} 12") width=width.to_string() height="12" aria-hidden="true"><path d=path></path></svg>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_told_where_there_are_any() {
        assert!(rules(&EndpointBehaviour::default()).is_none());
        let auth = AuthCarrier { place: "authorization".into(), name: "bearer".into(), share: 0.97 };
        assert_eq!(carrier(&auth), "Authorization bearer in 97 % of the requests");
        let pages = Paging {
            parameters: vec!["page".into(), "limit".into()],
            items: "/items".into(),
            members: Vec::new(),
            link_header: true,
        };
        assert!(is_paged(&pages) && !is_paged(&Paging { parameters: Vec::new(), link_header: false, ..pages.clone() }));
        assert_eq!(paging(&pages), "chosen by page, limit; items in /items; a Link header leads on");
    }

    #[test]
    fn stretches_are_named_by_what_fits() {
        for (minutes, expected) in [(1, "a minute"), (24, "24 min"), (180, "3 h"), (5760, "4 d")] {
            assert_eq!(minutes_words(minutes), expected);
        }
    }
}
