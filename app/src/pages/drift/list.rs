//! The list of alerts, newest first.

use leptos::prelude::*;
use leptos_router::components::A;
use leptos_router::hooks::use_params_map;
use understudy_types::{DriftAlert, DriftAlerts, DriftSummary};

use crate::components::{Template, segments_of};
use crate::format;
use crate::live::Live;

#[component]
pub fn AlertList(alerts: DriftAlerts) -> impl IntoView {
    if alerts.items.is_empty() {
        return view! { <Quiet summary=alerts.summary/> }.into_any();
    }
    let more = alerts.next.is_some();
    view! {
        <ul class="alerts">{alerts.items.into_iter().map(|alert| view! { <AlertRow alert/> }).collect_view()}</ul>
        {more.then(|| view! { <p class="explorer-count">"Older ones are in " <code>"GET /admin/drift-alerts"</code></p> })}
    }
    .into_any()
}

#[component]
fn AlertRow(alert: DriftAlert) -> impl IntoView {
    let live = expect_context::<Live>();
    let params = use_params_map();
    let id = alert.id.to_string();
    let is_open = move || params.with(|params| params.get_str("id") == Some(id.as_str()));
    let last_seen_ms = alert.last_seen_ms;
    let class = format!("alert severity-{}", alert.severity);
    let closed = (alert.state != "open").then(|| alert.state.clone());
    view! {
        <li class=class class:row-open=is_open data-kind=alert.kind.clone() data-state=alert.state>
            <A href=format!("/admin/drift/{}", alert.id) attr:class="alert-link" scroll=false>
                <SeverityMark severity=alert.severity/>
                <span class="alert-words">
                    <span class="alert-place"><span class="method">{alert.method}</span> <Template segments=segments_of(&alert.template)/></span>
                    <span class="alert-message">{alert.message}</span>
                </span>
                <span class="alert-facts">
                    {closed.map(|state| view! { <span class="chip">{state}</span> })}
                    <span class="number" title=format::exact(alert.count)>{format::times(alert.count)}</span>
                    <span class="when" title=format::timestamp(last_seen_ms)>{move || format::ago(last_seen_ms, live.now_ms.get())}</span>
                </span>
            </A>
        </li>
    }
}

/// A filled triangle, a hollow one, a dot; and the word.
#[component]
pub fn SeverityMark(severity: String) -> impl IntoView {
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
}

#[component]
fn Quiet(summary: DriftSummary) -> impl IntoView {
    let words = if summary.watched == 0 {
        "No endpoint has a baseline yet. One is frozen by itself after ten good answers or more, once nothing new came in the latter half of them; \
         from then on every answer is compared with it."
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
