//! What the top bar says of the server: the project, the mode, upstream, and drift.

use leptos::prelude::*;
use understudy_types::DriftSummary;

use super::{HealthDot, ModeSwitch};
use crate::parts::{Desk, Drawn};

pub(crate) fn draw(desk: &Desk) -> Drawn {
    let status = desk.backend.status();
    let view = view! {
        <span class="project" title="The open project">{status.project}</span>
        <ModeSwitch mode=status.mode/>
        <HealthDot upstream=status.upstream/>
        {drift_mark(status.drift)}
    };
    Drawn::new("", view.into_any())
}

/// Only there when the watchdog has something to say.
fn drift_mark(drift: DriftSummary) -> Option<AnyView> {
    let is_any = drift.critical + drift.warning > 0;
    let mark = || {
        view! { <a href="/admin/drift" class="drift-mark severity-critical" title="What the API does otherwise than it did">{drift.summary}</a> }
            .into_any()
    };
    is_any.then(mark)
}
