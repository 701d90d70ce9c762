//! What the deck says of who answers, of upstream and of learning.

use leptos::prelude::*;
use understudy_types::{Counters, Health, Learner, Source, Status, TrafficRow, Upstream};

use crate::components::{Copyable, Glyph, SourceMark, When, source_class};
use crate::format;
use crate::parts::{Desk, Drawn};
use crate::standing::{Standing, breaker_hint, breaker_word, health_word, standing};

/// So many of the newest answers say how long answers take now.
const TIMED: usize = 500;

pub(crate) fn draw(desk: &Desk) -> Drawn {
    let status = desk.backend.status();
    let started_ms = desk.now_ms.saturating_sub(status.uptime_seconds * 1000);
    let is_empty = status.counters.requests == 0 && desk.backend.recent(1).is_empty();
    let view = view! {
        {status.upstream.sample.then(sample_note)}
        {(status.outbox > 0).then(|| outbox_note(status.outbox))}
        <div class="deck-head">
            {stage(standing(&status))}
            {upstream_card(&status.upstream)}
            {times_card(&desk.backend.recent(TIMED))}
            {learner_card(&status, desk.backend.fidelity())}
        </div>
        {figures(&status.counters, started_ms, desk.now_ms)}
        {is_empty.then(|| first_steps(&desk.api_url, &status.upstream))}
    };
    Drawn::new("", view.into_any())
}

fn sample_note() -> AnyView {
    view! {
        <p class="note" role="note">
            <strong>"The built-in sample API is upstream."</strong>
            " No TARGET_URL was given, so a small made-up API stands in. For your own: "
            <Copyable text="make run TARGET_URL=http://localhost:3000".to_string()/>
        </p>
    }
    .into_any()
}

fn outbox_note(waiting: u64) -> AnyView {
    view! {
        <p class="note" role="note">
            <strong>{outbox_words(waiting)}</strong>
            " The twin answered while the API was away; nothing is sent by itself. Look at "
            <a href="/admin/twin">"the outbox"</a>
            ", then replay or drop what is in it."
        </p>
    }
    .into_any()
}

fn outbox_words(waiting: u64) -> String {
    if waiting == 1 { "1 write waits in the outbox.".into() } else { format!("{waiting} writes wait in the outbox.") }
}

fn stage(now: Standing) -> AnyView {
    view! {
        <section class=format!("panel stage {}", source_class(now.source)) aria-live="polite">
            <p class="stage-headline"><Glyph source=now.source/> <span>{now.headline}</span></p>
            <p class="stage-meaning">{now.meaning}</p>
        </section>
    }
    .into_any()
}

fn upstream_card(upstream: &Upstream) -> AnyView {
    let (health, breaker) = (health_word(upstream), upstream.breaker);
    let median = upstream.latency_ms.map_or("–".into(), format::milliseconds);
    let error = current_error(upstream);
    view! {
        <section class="panel card" aria-labelledby="upstream-title">
            <h2 id="upstream-title">"Upstream"</h2>
            <dl>
                <dt>"Health"</dt>
                <dd class="card-health" data-health=health>{health}</dd>
                <dt>"Breaker"</dt>
                <dd title=breaker_hint(breaker)>{breaker_word(breaker)}</dd>
                <dt>"Median"</dt>
                <dd>{median}</dd>
            </dl>
            {error.map(|error| view! { <p class="last-error" title=error.clone()>"Last error: " {error.clone()}</p> })}
        </section>
    }
    .into_any()
}

/// What went wrong before upstream came back is no news.
fn current_error(upstream: &Upstream) -> Option<String> {
    if upstream.health == Health::Up { None } else { upstream.last_error.clone() }
}

/// Half, 95 and 99 of 100 of the newest answers came within these times.
fn times_card(newest: &[TrafficRow]) -> AnyView {
    let columns = [Source::Upstream, Source::Twin].map(|source| (source, times(newest, source)));
    let head =
        columns.map(|(source, _)| view! { <th scope="col" class=source_class(source)><SourceMark source/></th> });
    let rows = ["p50", "p95", "p99"].into_iter().enumerate().map(|(at, name)| {
        let cells = columns
            .map(|(_, times)| view! { <td class="number">{times[at].map_or("–".into(), format::duration_us)}</td> });
        view! { <tr><th scope="row">{name}</th>{cells}</tr> }
    });
    view! {
        <section class="panel card" aria-labelledby="times-title">
            <h2 id="times-title">"Answer times"</h2>
            <table class="times" title=format!("Of the newest {TIMED} answers")>
                <thead><tr><td></td>{head}</tr></thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        </section>
    }
    .into_any()
}

/// Nothing where nobody answered.
fn times(newest: &[TrafficRow], source: Source) -> [Option<u64>; 3] {
    let mut took: Vec<u64> = newest.iter().filter(|row| row.source == source).map(|row| row.duration_us).collect();
    took.sort_unstable();
    [0.5, 0.95, 0.99].map(|share| {
        let at = (took.len() as f64 * share) as usize;
        took.get(at.min(took.len().saturating_sub(1))).copied()
    })
}

fn learner_card(status: &Status, fidelity: Option<f64>) -> AnyView {
    let Learner { learned, pending, shed, .. } = status.learner;
    let drift = if status.drift.watched == 0 { "no baseline yet".to_owned() } else { status.drift.summary.clone() };
    let fidelity = fidelity.map(|score| {
        view! {
            <dt title="How well the twin would have answered, as shadow mode found out">"Twin's fidelity"</dt>
            <dd>{format!("{score:.0} of 100")}</dd>
        }
    });
    view! {
        <section class="panel card" aria-labelledby="learner-title">
            <h2 id="learner-title">"Learned"</h2>
            <dl>
                <dt><a href="/admin/explorer">"Endpoints"</a></dt>
                <dd>{format::count(status.endpoints)}</dd>
                <dt title="Exchanges that the contract was learned from">"Exchanges"</dt>
                <dd>{format::count(learned)}</dd>
                <dt title="Handed over and not yet learned">"Pending"</dt>
                <dd>{format::count(pending)}</dd>
                <dt title="Dropped because the queue was full; traffic never waits for learning">"Shed"</dt>
                <dd>{format::count(shed)}</dd>
                <dt><a href="/admin/drift">"Drift"</a></dt>
                <dd>{drift}</dd>
                {fidelity}
            </dl>
        </section>
    }
    .into_any()
}

fn figures(counters: &Counters, started_ms: u64, now_ms: u64) -> AnyView {
    let figure = |label: &'static str, source: Option<Source>, value: u64| {
        let share =
            (source.is_some() && value > 0).then(|| format::percent(value as f64 / counters.requests.max(1) as f64));
        view! {
            <div class=format!("figure {}", source.map_or("plain", source_class))>
                <span class="figure-label">{source.map(|source| view! { <Glyph source/> })} {label}</span>
                <span class="figure-value" title=format::exact(value)>{format::count(value)}</span>
                <span class="figure-share">{share}</span>
            </div>
        }
    };
    view! {
        <section class="figures" aria-label="Answers since the start">
            {figure("Answers", None, counters.requests)}
            {figure("live", Some(Source::Upstream), counters.upstream)}
            {figure("twin", Some(Source::Twin), counters.twin)}
            {figure("fault", Some(Source::Fault), counters.fault)}
            {figure("Errors", None, counters.errors)}
            <p class="figures-since">"since the start, " <When at_ms=started_ms now_ms/></p>
        </section>
    }
    .into_any()
}

/// Before the first request: what to do, to copy.
fn first_steps(url: &str, upstream: &Upstream) -> AnyView {
    let first = format!("curl -i {url}{}", first_path(upstream.sample));
    view! {
        <section class="panel steps" aria-labelledby="steps-title">
            <h2 id="steps-title">"Nothing has passed through yet"</h2>
            <ol>
                <li>
                    <p>"Point your app's base URL here instead of at " <code>{upstream.url.clone()}</code> ":"</p>
                    <Copyable text=url.to_owned()/>
                </li>
                <li>
                    <p>"Or send a first request by hand. It shows up here at once:"</p>
                    <Copyable text=first/>
                </li>
                <li>
                    <p>"When enough was learned, press Mock above: the twin answers the same requests, and the API may rest."</p>
                </li>
            </ol>
        </section>
    }
    .into_any()
}

/// Of an API nobody has seen yet only the root is known; the sample API has books.
fn first_path(is_sample: bool) -> &'static str {
    if is_sample { "/books" } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_by_who_answered() {
        let row = |duration_us, source| TrafficRow {
            id: 0,
            at_ms: 0,
            method: "GET".into(),
            target: "/".into(),
            template: None,
            status: 200,
            duration_us,
            bytes: 0,
            source,
            reason: String::new(),
        };
        let rows: Vec<_> = (1..=100).map(|us| row(us, Source::Upstream)).collect();
        assert_eq!(times(&rows, Source::Upstream), [Some(51), Some(96), Some(100)]);
        assert_eq!(times(&rows, Source::Twin), [None; 3]);
    }
}
