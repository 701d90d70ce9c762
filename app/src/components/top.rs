//! What the top bar says of the server: the project, the mode, upstream, drift, and faults on purpose.

use leptos::prelude::*;
use understudy_types::{ChaosStatus, DriftSummary, Status};

use super::{HealthDot, ModeSwitch};
use crate::parts::{Desk, Drawn};
use crate::standing::health_word;

pub(crate) fn draw(desk: &Desk) -> Drawn {
    let status = desk.backend.status();
    let view = view! {
        {announcer(desk, &status)}
        {switcher(desk.backend.project_names(), &status.project)}
        <ModeSwitch mode=status.mode/>
        <HealthDot upstream=status.upstream/>
        {drift_mark(status.drift)}
        {chaos_banner(status.chaos)}
    };
    Drawn::new("", view.into_any())
}

/// The active project, and the others where there are some.
fn switcher(names: Vec<String>, active: &str) -> AnyView {
    if names.len() < 2 {
        let active = active.to_owned();
        return view! { <a href="/admin/projects" class="project" title="The active project">{active}</a> }.into_any();
    }
    let option = |name: String| {
        let (is_active, value) = (name == active, name.clone());
        view! { <option value=value selected=is_active>{name}</option> }
    };
    view! {
        <form method="post" action="/admin/fn/activate-project" class="project" data-key=active.to_owned()>
            <select name="name" data-now="" aria-label="Active project">{names.into_iter().map(option).collect_view()}</select>
            <button type="submit" class="choice unscripted">"Switch"</button>
        </form>
    }
    .into_any()
}

/// Says aloud, on every page, what others see change in this bar.
fn announcer(desk: &Desk, status: &Status) -> AnyView {
    let alerts = status.drift.critical + status.drift.warning;
    let newest = (alerts > 0).then(|| desk.backend.drift_alerts(true).items.into_iter().next()).flatten();
    let drift = newest.map(|alert| {
        format!("Drift, {}: {} {}: {}", status.drift.summary, alert.method, alert.template, alert.message)
    });
    let upstream = (health_word(&status.upstream) == "down").then_some("The API is down");
    let chaos = status.chaos.on.then_some("Chaos is on");
    view! {
        <span class="hidden" data-key="announcer">
            <span class="announced" role="alert">{drift.unwrap_or_default()}</span>
            <span class="announced" role="status">{upstream.unwrap_or_default()}</span>
            <span class="announced" role="status">{chaos.unwrap_or_default()}</span>
        </span>
    }
    .into_any()
}

/// Only there when the watchdog has something to say.
fn drift_mark(drift: DriftSummary) -> Option<AnyView> {
    let is_any = drift.critical + drift.warning > 0;
    let mark = || {
        view! {
            <a href="/admin/drift" class="drift-mark" title="What the API does otherwise than it did">
                <svg class="glyph" viewBox="0 0 10 10" width="10" height="10" aria-hidden="true"><path d="M5 .5l5 9h-10z" fill="currentColor"></path></svg>
                <span class="drift-words">{drift.summary}</span>
            </a>
        }
        .into_any()
    };
    is_any.then(mark)
}

/// On every page, so that faults on purpose are never mistaken for real ones nor left on.
fn chaos_banner(chaos: ChaosStatus) -> Option<AnyView> {
    let banner = || {
        view! {
            <div class="chaos-banner fault" role="status">
                <a href="/admin/chaos" class="chaos-on">"Chaos is on"</a>
                <span class="chaos-says" title=chaos.says.clone()>{chaos.says.clone()}</span>
                <form method="post" action="/admin/fn/halt-chaos"><button type="submit" class="halt">"Halt"</button></form>
            </div>
        }
        .into_any()
    };
    chaos.on.then(banner)
}
