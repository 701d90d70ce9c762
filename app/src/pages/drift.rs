//! Drift: what the API does otherwise than it did. The address says which alert is open.

pub mod detail;
pub mod list;

pub use detail::AlertPage;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::Outlet;
use leptos_router::hooks::use_params_map;
use understudy_types::DriftSummary;

use crate::backend;
use crate::live::Live;
use list::AlertList;

#[component]
pub fn Drift() -> impl IntoView {
    let live = expect_context::<Live>();
    let all = RwSignal::new(false);
    let alerts = Resource::new(move || (live.drift.get(), all.get()), |(_, all)| backend::list_alerts(!all));
    let params = use_params_map();
    let is_open = move || params.with(|params| params.get_str("id").is_some());
    view! {
        <Title text="Drift"/>
        <div class="explorer" class:explorer-open=is_open>
            <section class="explorer-list" aria-labelledby="drift-title">
                <h1 id="drift-title">"Drift"</h1>
                <Transition>
                    {move || Suspend::new(async move {
                        let ready = live.ready().await;
                        match ready.and(alerts.await) {
                            Ok(alerts) => view! {
                                <Head summary=alerts.summary.clone() all/>
                                <AlertList alerts/>
                            }
                            .into_any(),
                            Err(error) => view! { <p class="panel failure" role="alert">"The server could not be asked: " {error.to_string()}</p> }.into_any(),
                        }
                    })}
                </Transition>
            </section>
            <Outlet/>
        </div>
    }
}

/// Beside the list there is nothing until an alert is opened.
#[component]
pub fn NoAlertOpen() -> impl IntoView {}

#[component]
fn Head(summary: DriftSummary, all: RwSignal<bool>) -> impl IntoView {
    let watched = watched_words(&summary);
    view! {
        <p class="explorer-tools">
            <span>
                <strong class="drift-summary">{summary.summary}</strong>
                <span class="drift-score" title="0 is as it was, 100 is broken all over: severity, certainty and count of what is open">
                    "Score " {format!("{:.1}", summary.score)}
                </span>
            </span>
            <span class="explorer-count">{watched}</span>
            <button type="button" class="quiet" aria-pressed=move || all.get().to_string() on:click=move |_| all.update(|all| *all = !*all)>
                {move || if all.get() { "Only what is open" } else { "History too" }}
            </button>
        </p>
    }
}

fn watched_words(summary: &DriftSummary) -> String {
    format!("{} of {} endpoints watched", summary.watched, summary.endpoints)
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
