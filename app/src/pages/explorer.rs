//! Endpoint Explorer: what was learned, endpoint by endpoint; the address says which one is open.

pub mod detail;
pub mod list;

pub use detail::EndpointPage;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::Outlet;
use leptos_router::hooks::use_params_map;

use crate::backend;
use crate::components::Copyable;
use crate::live::Live;
use list::EndpointList;

/// What the list is narrowed to; it outlives the list, which is read again as more is learned.
#[derive(Debug, Clone, Copy)]
struct Filter(RwSignal<String>);

#[component]
pub fn Explorer() -> impl IntoView {
    let live = expect_context::<Live>();
    provide_context(Filter(RwSignal::new(String::new())));
    let endpoints = Resource::new(move || live.learned.get(), |_| backend::endpoints());
    let params = use_params_map();
    let is_open = move || params.with(|params| params.get_str("id").is_some());
    view! {
        <Title text="Explorer"/>
        <div class="explorer" class:explorer-open=is_open>
            <section class="explorer-list" aria-labelledby="explorer-title">
                <h1 id="explorer-title">"Endpoints"</h1>
                <Transition>
                    {move || Suspend::new(async move {
                        let ready = live.ready().await;
                        match ready.and(endpoints.await) {
                            Ok(endpoints) if endpoints.is_empty() => view! { <NothingLearned/> }.into_any(),
                            Ok(endpoints) => view! { <EndpointList endpoints/> }.into_any(),
                            Err(error) => view! { <p class="panel failure" role="alert">"The server could not be asked: " {error.to_string()}</p> }.into_any(),
                        }
                    })}
                </Transition>
            </section>
            <Outlet/>
        </div>
    }
}

/// Beside the list there is nothing until an endpoint is opened.
#[component]
pub fn NothingOpen() -> impl IntoView {}

#[component]
fn NothingLearned() -> impl IntoView {
    let live = expect_context::<Live>();
    view! {
        <div class="panel steps">
            <h2>"Nothing has been learned yet"</h2>
            <p>"Endpoints appear here as soon as the API has answered requests that pass through. For example:"</p>
            <Copyable text=Signal::derive(move || format!("curl -i {}/", live.api_url.get()))/>
        </div>
    }
}
