//! Drift: what the API does otherwise than it did. The address says which alert is open, and since which version of the
//! baselines changes are shown.

#[cfg(feature = "ssr")]
mod baselines;
#[cfg(feature = "ssr")]
pub(crate) mod detail;
#[cfg(feature = "ssr")]
pub(crate) mod list;
#[cfg(feature = "ssr")]
mod timeline;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};

use crate::components::PartView;
use crate::live::Live;
use crate::parts::Part;

#[component]
pub fn Drift() -> impl IntoView {
    let live = expect_context::<Live>();
    let (params, query) = (use_params_map(), use_query_map());
    let id = Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default()));
    let all = Memo::new(move |_| query.with(|query| query.get_str("all").is_some()));
    let since = Memo::new(move |_| query.with(|query| query.get("since").unwrap_or_default()));
    let list = Memo::new(move |_| Part::Alerts { all: all.get(), open: id.get(), since: since.get() });
    let detail = Memo::new(move |_| Part::Alert { id: id.get() });
    let is_open = Memo::new(move |_| id.with(|id| !id.is_empty()));
    let title = RwSignal::new(String::new());
    view! {
        <Title text=move || if is_open.get() && !title.with(String::is_empty) { title.get() } else { "Drift".into() }/>
        <div class="explorer" class:explorer-open=is_open>
            <section class="explorer-list" aria-labelledby="drift-title">
                <h1 id="drift-title">"Drift"</h1>
                <PartView part=list again=live.drift title=RwSignal::new(String::new())/>
            </section>
            <Show when=move || is_open.get()>
                <section class="detail panel" aria-label="Alert">
                    <a class="detail-close quiet" href=move || address("", all.get()) data-noscroll="">"Close"</a>
                    <PartView part=detail again=live.drift title/>
                </section>
            </Show>
        </div>
    }
    .into_any()
}

/// Of the screen with this alert open, with those that are settled or without.
#[must_use]
pub fn address(id: &str, all: bool) -> String {
    let place = if id.is_empty() { "/admin/drift".to_owned() } else { format!("/admin/drift/{id}") };
    if all { place + "?all=1" } else { place }
}

/// The same with the changes since a version of the baselines, when one is given.
#[cfg(feature = "ssr")]
fn view_of(id: &str, all: bool, since: &str) -> String {
    let place = address(id, all);
    if since.is_empty() {
        return place;
    }
    format!("{place}{}since={}", if all { "&" } else { "?" }, crate::address::encode(since))
}
