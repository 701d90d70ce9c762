//! Control Deck: who is answering my app right now?

#[cfg(feature = "ssr")]
pub(crate) mod board;

use leptos::prelude::*;
use leptos_meta::Title;

use crate::components::{Chart, PartView, TimesChart, TrafficTable};
use crate::live::Live;
use crate::parts::Part;

#[component]
pub fn Deck() -> impl IntoView {
    let live = expect_context::<Live>();
    let part = Memo::new(|_| Part::Deck);
    view! {
        <Title text="Control Deck"/>
        <h1 class="hidden">"Control Deck"</h1>
        <div class="deck">
            <PartView part again=live.news title=RwSignal::new(String::new())/>
            <Suspense>
                {move || Suspend::new(async move { live.ready().await.map(|()| view! { <Passing/> }) })}
            </Suspense>
        </div>
    }
    .into_any()
}

/// Nothing until something has passed.
#[component]
fn Passing() -> impl IntoView {
    let live = expect_context::<Live>();
    let is_any = Memo::new(move |_| {
        live.feed.with(|feed| feed.rows().len() > 0) || live.pulse.with(|pulse| pulse.counters.requests > 0)
    });
    view! {
        <Show when=move || is_any.get()>
            <div class="charts"><Chart/><TimesChart/></div>
            <TrafficTable/>
        </Show>
    }
    .into_any()
}
