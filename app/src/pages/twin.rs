//! Twin: what the twin remembers, collection by collection, and the states kept under a name.

#[cfg(feature = "ssr")]
pub(crate) mod board;
#[cfg(feature = "ssr")]
mod outbox;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::components::PartView;
use crate::live::Live;
use crate::parts::Part;

#[component]
pub fn Twin() -> impl IntoView {
    let live = expect_context::<Live>();
    let query = use_query_map();
    let part = Memo::new(move |_| {
        let part = |name| query.with(|query| query.get(name).unwrap_or_default());
        Part::Twin { collection: part("collection"), after: part("after") }
    });
    // What the twin does changes its state too.
    let again = Memo::new(move |_| live.learned.get() + live.pulse.with(|pulse| pulse.counters.twin));
    view! {
        <Title text="Twin"/>
        <section class="twin-screen" aria-labelledby="twin-title">
            <h1 id="twin-title">"Twin"</h1>
            <PartView part again=again title=RwSignal::new(String::new())/>
        </section>
    }
    .into_any()
}
