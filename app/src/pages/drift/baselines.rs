//! What answers are compared with: versions of the baselines, what changed between them, and how far each endpoint's is.

use leptos::prelude::*;
use serde_json::Value;
use understudy_types::{BaselineVersion, Baselines, Changelog, DriftChange, DriftPoint, DriftStats};

use super::list::severity_mark;
use super::view_of;
use crate::components::When;
use crate::format;
use crate::parts::Desk;

/// Endpoints that are listed; those that broke come first.
const ENDPOINTS: usize = 100;

pub(super) fn baselines(desk: &Desk, all: bool, since: &str) -> Option<AnyView> {
    let Baselines { versions, mut endpoints } = desk.backend.baselines();
    if endpoints.is_empty() {
        return None;
    }
    let changes = (!since.is_empty()).then(|| changes(desk, all, since));
    let rows: Vec<_> = versions.iter().rev().map(|each| version(each, all, since, desk.now_ms)).collect();
    let is_any = !rows.is_empty();
    endpoints.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.template.cmp(&b.template)));
    let watched = endpoints.iter().take(ENDPOINTS).map(endpoint).collect::<Vec<_>>();
    Some(
        view! {
            <section class="panel rules" aria-labelledby="baselines-title">
                <h2 id="baselines-title">"Baselines"</h2>
                <p class="body-note">"What answers are compared with. A version is kept each time they move; the Docs show the document of each."</p>
                {is_any.then(|| view! { <ul class="saves">{rows}</ul> })}
                {changes}
                <details class="response">
                    <summary>"By endpoint"</summary>
                    <div class="table-scroll">
                        <table class="rows">
                            <thead><tr><th scope="col">"Endpoint"</th><th scope="col">"Phase"</th><th scope="col" class="number">"Compared"</th><th scope="col">"Score"</th></tr></thead>
                            <tbody>{watched}</tbody>
                        </table>
                    </div>
                </details>
                <form method="post" action="/admin/fn/move-baselines" class="choices">
                    <button type="submit" class="choice" name="action" value="freeze" title="What was learned until now is what later answers are compared with">"Freeze all now"</button>
                    <button type="submit" class="choice" name="action" value="relearn" title="The baselines grow anew from what comes, and are frozen by themselves again">"Learn all anew"</button>
                </form>
            </section>
        }
        .into_any(),
    )
}

fn version(version: &BaselineVersion, all: bool, since: &str, now_ms: u64) -> AnyView {
    let is_open = version.version == since;
    let href = view_of("", all, if is_open { "" } else { &version.version });
    let words = if is_open { "Hide what changed" } else { "What changed since" };
    let label = format!("{words} {}", version.version);
    let compare =
        (!version.current).then(|| view! { <a class="quiet" href=href data-noscroll="" aria-label=label>{words}</a> });
    view! {
        <li class="save" data-key=version.version.clone()>
            <strong>{version.version.clone()}</strong>
            <span>{version.reason.clone()}</span>
            <When at_ms=version.at_ms now_ms/>
            {version.current.then(|| view! { <span class="chip">"current"</span> })}
            {compare}
        </li>
    }
    .into_any()
}

fn changes(desk: &Desk, all: bool, since: &str) -> AnyView {
    let log = match desk.backend.changelog(since) {
        Ok(log) => log,
        Err(error) => return view! { <p class="failure" role="alert">{error.message}</p> }.into_any(),
    };
    let Changelog { from, to, summary, bump, changes, .. } = log;
    let title = format!("From {from} to {to}");
    let label = title.clone();
    let rows: Vec<_> = changes.iter().map(change).collect();
    let close = view_of("", all, "");
    let is_any = !rows.is_empty();
    view! {
        <section class="preview" aria-label=label>
            <p class="explorer-tools">
                <span><strong>{title}</strong> ": " {summary} ". A semantic version would take the step: " <code>{bump}</code></span>
                <a class="quiet" href=close data-noscroll="">"Close"</a>
            </p>
            {is_any.then(|| view! {
                <div class="table-scroll" tabindex="0" role="region" aria-label="Changes">
                    <table class="rows">
                        <thead><tr><th scope="col">"Severity"</th><th scope="col">"Endpoint"</th><th scope="col">"Change"</th><th scope="col">"Before"</th><th scope="col">"Then"</th></tr></thead>
                        <tbody>{rows}</tbody>
                    </table>
                </div>
            })}
        </section>
    }
    .into_any()
}

fn change(change: &DriftChange) -> AnyView {
    let place = [change.status.map(|status| status.to_string()), Some(change.pointer.clone())];
    let place: Vec<String> = place.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    view! {
        <tr>
            <td>{severity_mark(change.severity.clone())}</td>
            <td><code>{change.endpoint.clone()}</code></td>
            <td>{change.kind.replace('_', " ")} " " <code>{place.join(" ")}</code></td>
            <td><code>{shown(&change.before)}</code></td>
            <td><code>{shown(&change.after)}</code></td>
        </tr>
    }
    .into_any()
}

pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "–".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn endpoint(stats: &DriftStats) -> AnyView {
    let href = format!("/admin/explorer/{}", stats.endpoint_id);
    let place = format!("{} {}", stats.method, stats.template);
    view! {
        <tr data-key=stats.endpoint_id.clone()>
            <td><a href=href><code>{place}</code></a></td>
            <td title=stats.rule.clone()>{stats.phase.clone()}</td>
            <td class="number" title=format::exact(stats.exchanges)>{format::count(stats.exchanges)}</td>
            <td><span class="score">{format!("{:.0}", stats.score)} {line(&stats.series)}</span></td>
        </tr>
    }
    .into_any()
}

const WIDTH: f64 = 80.0;
const HEIGHT: f64 = 14.0;

/// The score over time, 0 at the bottom and 100 at the top.
fn line(series: &[DriftPoint]) -> Option<AnyView> {
    let (first, last) = (series.first()?.at_ms, series.last()?.at_ms);
    if last == first || series.iter().all(|point| point.score < 0.5) {
        return None;
    }
    let point = |point: &DriftPoint| {
        let x = (point.at_ms - first) as f64 / (last - first) as f64 * WIDTH;
        format!("{x:.1} {:.1}", HEIGHT - point.score / 100.0 * HEIGHT)
    };
    let points: Vec<String> = series.iter().map(point).collect();
    let label = format!("from {} to {}", format::timestamp(first), format::timestamp(last));
    Some(
        view! {
            <svg class="score-line" viewBox=format!("-1 -1 {} {}", WIDTH + 2.0, HEIGHT + 2.0) width=WIDTH.to_string() height=HEIGHT.to_string() role="img" aria-label=label>
                <path d=format!("M{}", points.join("L"))></path>
            </svg>
        }
        .into_any(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_as_people_write_them() {
        assert_eq!((shown(&Value::Null), shown(&"x".into()), shown(&4.into())), ("–".into(), "x".into(), "4".into()));
    }

    #[test]
    fn a_score_that_never_was_draws_no_line() {
        let point = |at_ms, score| DriftPoint { at_ms, score };
        assert!(line(&[point(1, 0.0), point(2, 0.0)]).is_none());
        assert!(line(&[point(1, 50.0)]).is_none());
        assert!(line(&[point(1, 0.0), point(2, 50.0)]).is_some());
    }
}
