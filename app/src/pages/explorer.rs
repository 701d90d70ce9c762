//! Endpoint Explorer: what was learned, endpoint by endpoint; the address says which one is open and what is looked for.

#[cfg(feature = "ssr")]
mod attempt;
#[cfg(feature = "ssr")]
mod decide;
#[cfg(feature = "ssr")]
pub(crate) mod detail;
#[cfg(feature = "ssr")]
mod fidelity;
#[cfg(feature = "ssr")]
mod habits;
#[cfg(feature = "ssr")]
pub(crate) mod list;
#[cfg(feature = "ssr")]
mod map;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_params_map, use_query_map};

use crate::address::encode;
use crate::components::PartView;
use crate::live::Live;
use crate::parts::Part;

#[component]
pub fn Explorer() -> impl IntoView {
    let live = expect_context::<Live>();
    let (params, query) = (use_params_map(), use_query_map());
    let id = Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default()));
    let filter = Memo::new(move |_| query.with(|query| query.get("q").unwrap_or_default()));
    // What is to be seen before it is done, each part on a line.
    let wish = Memo::new(move |_| {
        query.with(|query| ["act", "parameter", "value"].map(|name| query.get(name).unwrap_or_default()).join("\n"))
    });
    let list = Memo::new(move |_| Part::Endpoints { filter: filter.get(), open: id.get() });
    let detail = Memo::new(move |_| Part::Endpoint { id: id.get(), wish: wish.get() });
    let is_open = Memo::new(move |_| id.with(|id| !id.is_empty()));
    let title = RwSignal::new(String::new());
    let close = move || address("", &filter.get());
    view! {
        <Title text=move || if is_open.get() && !title.with(String::is_empty) { title.get() } else { "Explorer".into() }/>
        <div class="explorer" class:explorer-open=is_open>
            <section class="explorer-list" aria-labelledby="explorer-title">
                <h1 id="explorer-title">"Endpoints"</h1>
                <Search id filter/>
                <PartView part=list again=live.learned title=RwSignal::new(String::new())/>
            </section>
            <Show when=move || is_open.get()>
                <section class="detail panel" aria-label="Endpoint">
                    <a class="detail-close quiet" href=close data-noscroll="">"Close"</a>
                    <PartView part=detail again=live.learned title/>
                </section>
            </Show>
        </div>
    }
    .into_any()
}

/// A plain form when there is no script.
#[component]
fn Search(id: Memo<String>, filter: Memo<String>) -> impl IntoView {
    let navigate = use_navigate();
    let typed = move |event| {
        let to = address(&id.get_untracked(), &event_target_value(&event));
        navigate(&to, NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() });
    };
    view! {
        <form class="explorer-tools" method="get" role="search" on:submit=|event| event.prevent_default()>
            <input
                type="search"
                name="q"
                class="filter"
                placeholder="Filter by method or path"
                aria-label="Filter by method or path"
                autocomplete="off"
                value=move || filter.get()
                prop:value=move || filter.get()
                on:input=typed
            />
        </form>
    }
    .into_any()
}

/// Of the screen with this endpoint open, narrowed like this.
#[must_use]
pub fn address(id: &str, filter: &str) -> String {
    let place = if id.is_empty() { "/admin/explorer".to_owned() } else { format!("/admin/explorer/{id}") };
    if filter.is_empty() { place } else { format!("{place}?q={}", encode(filter)) }
}
