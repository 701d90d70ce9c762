//! The list of alerts, newest first.

use leptos::prelude::*;
use understudy_types::{DriftAlert, DriftAlerts, DriftSummary};

use super::address;
use super::baselines::baselines;
use super::timeline::timeline;
use crate::components::{Template, When, segments_of};
use crate::format;
use crate::parts::{Desk, Drawn};

pub(crate) fn draw(desk: &Desk, all: bool, open: &str, since: &str) -> Drawn {
    let alerts = desk.backend.drift_alerts(!all);
    let head = head(&alerts.summary, all, open);
    let now_ms = desk.now_ms;
    let timeline = timeline(&alerts.items, &desk.backend.baselines().versions, all, now_ms);
    let view = view! {
        {head}
        {timeline}
        <AlertList alerts all open=open.to_owned() now_ms/>
        {baselines(desk, all, since)}
    };
    Drawn::new("", view.into_any())
}

fn head(summary: &DriftSummary, all: bool, open: &str) -> AnyView {
    let watched = watched_words(summary);
    let (words, href) = (if all { "Only what is open" } else { "History too" }, address(open, !all));
    view! {
        <p class="explorer-tools">
            <span>
                <strong class="drift-summary">{summary.summary.clone()}</strong>
                <span class="drift-score" title="0 is as it was, 100 is broken all over: severity, certainty and count of what is open">
                    "Score " {format!("{:.1}", summary.score)}
                </span>
            </span>
            <span class="explorer-count">{watched}</span>
            <a class="quiet" href=href data-noscroll="">{words}</a>
        </p>
    }
    .into_any()
}

fn watched_words(summary: &DriftSummary) -> String {
    format!("{} of {} endpoints watched", summary.watched, summary.endpoints)
}

#[component]
fn AlertList(alerts: DriftAlerts, all: bool, open: String, now_ms: u64) -> impl IntoView {
    if alerts.items.is_empty() {
        return view! { <Quiet summary=alerts.summary/> }.into_any();
    }
    let more = alerts.next.is_some();
    view! {
        <ul class="alerts">{alerts.items.into_iter().map(|alert| view! { <AlertRow is_open=alert.id.to_string() == open href=address(&alert.id.to_string(), all) alert now_ms/> }).collect_view()}</ul>
        {more.then(|| view! { <p class="explorer-count">"Older ones are in " <code>"GET /admin/drift-alerts"</code></p> })}
    }
    .into_any()
}

#[component]
fn AlertRow(alert: DriftAlert, href: String, is_open: bool, now_ms: u64) -> impl IntoView {
    let open = if is_open { " row-open" } else { "" };
    let class = format!("alert severity-{}{open}", alert.severity);
    let closed = (alert.state != "open").then(|| alert.state.clone());
    view! {
        <li class=class data-key=alert.id.to_string() data-kind=alert.kind.clone() data-state=alert.state>
            <a href=href class="alert-link" data-noscroll="" aria-current=is_open.then_some("page")>
                {severity_mark(alert.severity)}
                <span class="alert-words">
                    <span class="alert-place"><span class="method">{alert.method}</span> <Template segments=segments_of(&alert.template)/></span>
                    <span class="alert-message">{alert.message}</span>
                </span>
                <span class="alert-facts">
                    {closed.map(|state| view! { <span class="chip">{state}</span> })}
                    <span class="number" title=format::exact(alert.count)>{format::times(alert.count)}</span>
                    <When at_ms=alert.last_seen_ms now_ms/>
                </span>
            </a>
        </li>
    }
}

/// A filled triangle, a hollow one, a dot; and the word.
pub(super) fn severity_mark(severity: String) -> AnyView {
    let shape = match severity.as_str() {
        "critical" => "M5 .5l5 9h-10z",
        "warning" => "M5 .5l5 9h-10zM5 3l-3 5.500h6z",
        _ => "M5 3a2 2 0 1 0 0 4a2 2 0 1 0 0-4z",
    };
    view! {
        <span class="severity">
            <svg class="glyph" viewBox="0 0 10 10" width="10" height="10" aria-hidden="true">
                <path d=shape fill="currentColor" fill-rule="evenodd"></path>
            </svg>
            {severity}
        </span>
    }
    .into_any()
}

#[component]
fn Quiet(summary: DriftSummary) -> impl IntoView {
    let words = if summary.watched == 0 {
        "No endpoint has a baseline yet. One is frozen by itself after ten good answers or more, once nothing new came in \
         the latter half of them (after 300, in the last 16); from then on every answer is compared with it."
    } else {
        "The API does what it did when its baselines were frozen. A change shows up here within a second of the answers that prove it."
    };
    view! {
        <div class="panel steps">
            <h2>"Nothing has changed"</h2>
            <p>{words}</p>
            <p>"In a pipeline, " <code>"understudy check --fail-on critical"</code> " says the same by its exit code."</p>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_watched_is_said() {
        let summary = DriftSummary { watched: 2, endpoints: 3, ..DriftSummary::default() };
        assert_eq!(watched_words(&summary), "2 of 3 endpoints watched");
    }
}
