//! Docs: the learned API in Swagger UI. It lives in a document of its own, so that neither's styles and scripts reach the
//! other. The address says who answers what is tried out, and which version is shown.

#[cfg(feature = "ssr")]
pub(crate) mod board;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::components::PartView;
use crate::live::Live;
use crate::parts::Part;

#[component]
pub fn Docs() -> impl IntoView {
    let live = expect_context::<Live>();
    let query = use_query_map();
    let part = Memo::new(move |_| {
        let part = |name| query.with(|query| query.get(name).unwrap_or_default());
        Part::Docs { source: part("source"), version: part("version") }
    });
    view! {
        <Title text="Docs"/>
        <PartView part again=live.drift title=RwSignal::new(String::new())/>
    }
    .into_any()
}
