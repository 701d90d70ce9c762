//! Traffic: every exchange as it happens, narrowed by the filter language, with one of them opened beside the list.

#[cfg(feature = "ssr")]
pub(crate) mod detail;
#[cfg(feature = "ssr")]
pub(crate) mod difference;
pub mod list;

use std::sync::Arc;

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_query_map};

use crate::address::TrafficAddress;
use crate::backend::{self, TrafficView};
use crate::components::PartView;
use crate::live::Live;
use crate::parts::Part;
use list::Stream;

/// What the screen shows, for its parts; the address of the page is where it is kept.
#[derive(Debug, Clone, Copy)]
struct Shown(Memo<TrafficAddress>);

impl Shown {
    fn get_untracked(self) -> TrafficAddress {
        self.0.get_untracked()
    }

    fn with<T>(self, read: impl FnOnce(&TrafficAddress) -> T) -> T {
        self.0.with(read)
    }
}

/// Goes to an address without moving what is seen; typing leaves no trail in the history.
fn go(navigate: impl Fn(&str, NavigateOptions), address: &TrafficAddress, is_typing: bool) {
    navigate(&address.url(), NavigateOptions { replace: is_typing, scroll: false, ..NavigateOptions::default() });
}

#[component]
pub fn Traffic() -> impl IntoView {
    let live = expect_context::<Live>();
    let query = use_query_map();
    let shown = Shown(Memo::new(move |_| {
        query.with(|query| TrafficAddress::read(query.get_str("q"), query.get_str("pin"), query.get_str("open")))
    }));
    provide_context(shown);
    // The pins come first: there is no line break in them.
    let key = Memo::new(move |_| shown.with(|shown| format!("{}\n{}", pins(shown), shown.filter)));
    let rows = backend::asked(key.into(), |key| {
        let (pins, filter) = key.split_once('\n').unwrap_or_default();
        Box::pin(backend::load_traffic(filter.to_owned(), pins.to_owned()))
    });
    let is_open = move || shown.with(|shown| shown.open.is_some());
    let title = RwSignal::new(String::new());
    view! {
        <Title text=move || if is_open() && !title.with(String::is_empty) { title.get() } else { "Traffic".into() }/>
        <div class="explorer traffic-screen" class:explorer-open=is_open>
            <section class="explorer-list" aria-labelledby="traffic-screen-title">
                <h1 id="traffic-screen-title">"Traffic"</h1>
                <Tools/>
                <Suspense>
                    {move || Suspend::new(async move {
                        let ready = live.ready().await;
                        match ready.and(rows.await).and_then(|view| view.open::<TrafficView>()) {
                            Ok(view) => stream(view),
                            Err(error) => view! { <p class="panel failure" role="alert">"The server could not be asked: " {error.to_string()}</p> }.into_any(),
                        }
                    })}
                </Suspense>
            </section>
            <Show when=is_open><ExchangePanel title/></Show>
        </div>
    }
    .into_any()
}

#[component]
fn ExchangePanel(title: RwSignal<String>) -> impl IntoView {
    let shown = expect_context::<Shown>();
    let part = Memo::new(move |_| Part::Exchange { id: shown.with(|shown| shown.open.unwrap_or_default()) });
    view! {
        <section class="detail panel" aria-label="Exchange">
            <a class="detail-close quiet" href=move || shown.with(|shown| shown.opening(None).url()) data-noscroll="">"Close"</a>
            <PartView part again=Signal::stored(0) title/>
        </section>
    }
    .into_any()
}

fn pins(shown: &TrafficAddress) -> String {
    shown.pins.iter().map(u64::to_string).collect::<Vec<_>>().join(",")
}

fn stream(view: TrafficView) -> AnyView {
    let older = view.rows.into_iter().map(Arc::new).collect();
    let pinned = view.pinned.into_iter().map(Arc::new).collect();
    view! {
        {view.mistake.map(|mistake| view! { <p class="filter-mistake" role="alert">"Cannot read " {mistake} "."</p> })}
        <Stream older pinned/>
    }
    .into_any()
}

/// A plain form when there is no script.
#[component]
fn Tools() -> impl IntoView {
    let shown = expect_context::<Shown>();
    let navigate = use_navigate();
    let typed = move |event| go(&navigate, &shown.get_untracked().filtering(event_target_value(&event)), true);
    view! {
        <form class="explorer-tools" method="get" action="/admin/traffic" role="search" on:submit=|event| event.prevent_default()>
            <input
                type="search"
                name="q"
                class="traffic-filter"
                placeholder="method:POST status:>=400 path:/users/* source:twin"
                aria-label="Filter the traffic"
                aria-describedby="filter-help"
                autocomplete="off"
                spellcheck="false"
                value=move || shown.with(|shown| shown.filter.clone())
                prop:value=move || shown.with(|shown| shown.filter.clone())
                on:input=typed
            />
            <a class="choice" href=move || shown.with(TrafficAddress::recording) download="understudy.har" rel="external" title="The pinned exchanges, or all that are listed, as HAR 1.2">"Export HAR"</a>
        </form>
        <p class="filter-help" id="filter-help">
            "Words side by side all have to hold: " <code>"method:"</code> " " <code>"status:4xx"</code> " " <code>"time:>100ms"</code> " "
            <code>"source:live|twin|fault|refused"</code> " " <code>"path:/a/*"</code> ", any text; a minus in front turns one around."
        </p>
    }
    .into_any()
}
