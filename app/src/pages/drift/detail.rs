//! One alert: what changed, the proof, and what to do about it.

use leptos::prelude::*;
use serde_json::Value;
use understudy_types::{DriftAlert, DriftFinding, DriftSample, DriftStep};

use super::baselines::shown;
use super::list::severity_mark;
use crate::components::{Template, When, segments_of};
use crate::format;
use crate::pages::traffic::difference::between;
use crate::parts::{Desk, Drawn};

pub(crate) fn draw(desk: &Desk, id: &str) -> Drawn {
    let alert = id.parse().ok().and_then(|id| desk.backend.drift_alert(id));
    let Some(alert) = alert else {
        return Drawn::missing(view! { <p>"There is no alert with this id."</p> }.into_any());
    };
    Drawn::new(alert.message.clone(), view! { <Detail alert now_ms=desk.now_ms/> }.into_any())
}

#[component]
fn Detail(alert: DriftAlert, now_ms: u64) -> impl IntoView {
    let class = format!("alert-headline severity-{}", alert.severity);
    view! {
        <h2 class="detail-title"><span class="method">{alert.method}</span> <Template segments=segments_of(&alert.template)/></h2>
        <p class=class>
            {severity_mark(alert.severity)} {alert.message}
        </p>
        <dl class="facts">
            <div><dt>"State"</dt><dd>{alert.state}</dd></div>
            <div><dt>"Seen"</dt><dd title=format::exact(alert.count)>{format::times(alert.count)}</dd></div>
            <div><dt>"First"</dt><dd><When at_ms=alert.first_seen_ms now_ms/></dd></div>
            <div><dt>"Last"</dt><dd><When at_ms=alert.last_seen_ms now_ms/></dd></div>
        </dl>
        {alert.unresolved.then(|| view! { <Choices id=alert.id/> })}
        {alert.findings.into_iter().map(|finding| view! { <Finding finding/> }).collect_view()}
        <h3>"History"</h3>
        <ol class="history">{alert.history.into_iter().map(|step| view! { <Step step now_ms/> }).collect_view()}</ol>
    }
}

#[component]
fn Choices(id: u64) -> impl IntoView {
    let button = move |action: &'static str, label: &'static str, hint: &'static str| {
        view! { <button type="submit" name="action" value=action class="choice" title=hint>{label}</button> }
    };
    view! {
        <form method="post" action="/admin/fn/decide" class="choices" aria-label="Decide">
            <input type="hidden" name="id" value=id.to_string()/>
            <input type="text" name="reason" class="filter" maxlength="2000" placeholder="Reason, for the history" aria-label="Reason, for the history"/>
            {button("accept", "Accept", "The API may do that: the baseline moves, in a new version")}
            {button("dismiss", "Dismiss", "Never speak of it again")}
            {button("snooze", "Snooze 1 h", "Silent for an hour")}
        </form>
    }
}

#[component]
fn Finding(finding: DriftFinding) -> impl IntoView {
    let place =
        [finding.status.map(|status| status.to_string()), Some(finding.pointer).filter(|pointer| !pointer.is_empty())];
    let place: Vec<String> = place.into_iter().flatten().collect();
    view! {
        <article class="finding">
            <h3>{finding.message}</h3>
            <p class="finding-place">
                {finding.direction} " " {finding.area.replace('_', " ")} " " <code>{place.join(" ")}</code>
                " · " {format::percent(finding.confidence)} " certain · first in exchange " <a href=format!("/admin/traffic?open={}", finding.first_exchange)>{finding.first_exchange}</a>
            </p>
            <dl class="change">
                <div><dt>"Before"</dt><dd><code>{shown(&finding.before)}</code></dd></div>
                <div><dt>"Now"</dt><dd><code>{shown(&finding.after)}</code></dd></div>
            </dl>
            {evidence(finding.samples)}
        </article>
    }
}

/// What differs between an answer of before and the one that proved it, and both of them whole.
fn evidence(samples: Vec<DriftSample>) -> AnyView {
    let text = |of: &str| samples.iter().find(|sample| sample.of == of).map(|sample| sample.text.clone());
    let now = samples.iter().find(|sample| sample.of != "before").map(|sample| sample.text.clone());
    let difference = text("before").zip(now).and_then(|(before, now)| between(&before, &now));
    let whole = |sample: DriftSample| {
        let title = if sample.of == "before" { "An answer of before" } else { "The answer that proved it" };
        view! {
            <details class="sample" open>
                <summary>{title}</summary>
                <pre tabindex="0">{pretty(&sample.text)}</pre>
            </details>
        }
    };
    view! {
        {difference}
        <div class="samples-pair">{samples.into_iter().map(whole).collect_view()}</div>
    }
    .into_any()
}

#[component]
fn Step(step: DriftStep, now_ms: u64) -> impl IntoView {
    view! {
        <li>
            <strong>{step.what}</strong>
            {step.note.map(|note| format!(": {note}"))}
            " "
            <When at_ms=step.at_ms now_ms/>
        </li>
    }
}

/// JSON with line breaks; what was cut stays as it is.
fn pretty(text: &str) -> String {
    let parsed = serde_json::from_str::<Value>(text);
    parsed.and_then(|value| serde_json::to_string_pretty(&value)).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_json_gets_line_breaks_and_what_was_cut_stays() {
        assert_eq!(pretty(r#"{"a":1}"#), "{\n  \"a\": 1\n}");
        assert_eq!(pretty(r#"{"a":…"#), r#"{"a":…"#);
    }
}
