//! One alert: what changed, the proof, and what to do about it.

use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use leptos_router::hooks::use_params_map;
use serde_json::Value;
use understudy_types::{DriftAlert, DriftFinding, DriftStep};

use super::list::SeverityMark;
use crate::backend::{self, Decide};
use crate::components::{Template, segments_of};
use crate::format;
use crate::live::Live;

#[component]
pub fn AlertPage() -> impl IntoView {
    let live = expect_context::<Live>();
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get_str("id").and_then(|id| id.parse::<u64>().ok())));
    let decision = ServerAction::<Decide>::new();
    // It outlives the alert's view, which is made anew whenever the alert counts up.
    let reason = RwSignal::new(String::new());
    let alert = Resource::new(
        move || (id.get(), live.drift.get(), decision.version().get()),
        |(id, ..)| async move {
            match id {
                Some(id) => backend::load_alert(id).await,
                None => Ok(None),
            }
        },
    );
    Effect::new(move |_| {
        if decision.version().get() > 0 {
            reason.set(String::new());
            live.drift.update(|news| *news += 1);
        }
    });
    view! {
        <section class="detail panel" aria-label="Alert">
            <A href="/admin/drift" attr:class="detail-close quiet" scroll=false>"Close"</A>
            <Transition>
                {move || Suspend::new(async move {
                    let ready = live.ready().await;
                    match ready.and(alert.await) {
                        Ok(Some(alert)) => view! { <Detail alert decision reason/> }.into_any(),
                        Ok(None) => view! { <UnknownAlert/> }.into_any(),
                        Err(error) => view! { <p class="failure" role="alert">"The server could not be asked: " {error.to_string()}</p> }.into_any(),
                    }
                })}
            </Transition>
        </section>
    }
}

#[component]
fn UnknownAlert() -> impl IntoView {
    #[cfg(feature = "ssr")]
    crate::document::not_found();
    view! { <p>"There is no alert with this id."</p> }
}

#[component]
fn Detail(alert: DriftAlert, decision: ServerAction<Decide>, reason: RwSignal<String>) -> impl IntoView {
    let live = expect_context::<Live>();
    let (first_ms, last_ms) = (alert.first_seen_ms, alert.last_seen_ms);
    let class = format!("alert-headline severity-{}", alert.severity);
    view! {
        <Title text=alert.message.clone()/>
        <h2 class="detail-title"><span class="method">{alert.method}</span> <Template segments=segments_of(&alert.template)/></h2>
        <p class=class>
            <SeverityMark severity=alert.severity/> {alert.message}
        </p>
        <dl class="facts">
            <div><dt>"State"</dt><dd>{alert.state}</dd></div>
            <div><dt>"Seen"</dt><dd title=format::exact(alert.count)>{format::times(alert.count)}</dd></div>
            <div><dt>"First"</dt><dd title=format::timestamp(first_ms)>{move || format::ago(first_ms, live.now_ms.get())}</dd></div>
            <div><dt>"Last"</dt><dd title=format::timestamp(last_ms)>{move || format::ago(last_ms, live.now_ms.get())}</dd></div>
        </dl>
        {alert.unresolved.then(|| view! { <Choices id=alert.id decision reason/> })}
        {alert.findings.into_iter().map(|finding| view! { <Finding finding/> }).collect_view()}
        <h3>"History"</h3>
        <ol class="history">{alert.history.into_iter().map(|step| view! { <Step step/> }).collect_view()}</ol>
    }
}

#[component]
fn Choices(id: u64, decision: ServerAction<Decide>, reason: RwSignal<String>) -> impl IntoView {
    let failure = move || {
        decision
            .value()
            .with(|answer| answer.as_ref().and_then(|answer| answer.as_ref().err()).map(ToString::to_string))
    };
    let button = move |action: &'static str, label: &'static str, hint: &'static str| {
        view! {
            <button type="submit" name="action" value=action class="choice" title=hint aria-busy=move || decision.pending().get().to_string()>{label}</button>
        }
    };
    view! {
        <ActionForm action=decision attr:class="choices" attr:aria-label="Decide">
            <input type="hidden" name="id" value=id.to_string()/>
            <input
                type="text"
                name="reason"
                class="filter"
                maxlength="2000"
                placeholder="Reason, for the history"
                aria-label="Reason, for the history"
                prop:value=move || reason.get()
                on:input=move |event| reason.set(event_target_value(&event))
            />
            {button("accept", "Accept", "The API may do that: the baseline moves, in a new version")}
            {button("dismiss", "Dismiss", "Never speak of it again")}
            {button("snooze", "Snooze 1 h", "Silent for an hour")}
            <span class="choices-failure" role="alert">{failure}</span>
        </ActionForm>
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
                " · " {format::percent(finding.confidence)} " certain · first in exchange " {finding.first_exchange}
            </p>
            <dl class="change">
                <div><dt>"Before"</dt><dd><code>{shown(&finding.before)}</code></dd></div>
                <div><dt>"Now"</dt><dd><code>{shown(&finding.after)}</code></dd></div>
            </dl>
            <div class="samples-pair">
                {finding
                    .samples
                    .into_iter()
                    .map(|sample| view! {
                        <details class="sample" open>
                            <summary>{if sample.of == "before" { "An answer of before" } else { "The answer that proved it" }}</summary>
                            <pre tabindex="0">{pretty(&sample.text)}</pre>
                        </details>
                    })
                    .collect_view()}
            </div>
        </article>
    }
}

#[component]
fn Step(step: DriftStep) -> impl IntoView {
    let live = expect_context::<Live>();
    let at_ms = step.at_ms;
    view! {
        <li>
            <strong>{step.what}</strong>
            {step.note.map(|note| format!(": {note}"))}
            " "
            <span class="when" title=format::timestamp(at_ms)>{move || format::ago(at_ms, live.now_ms.get())}</span>
        </li>
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "–".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
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
        assert_eq!((shown(&Value::Null), shown(&"x".into()), shown(&4.into())), ("–".into(), "x".into(), "4".into()));
    }
}
