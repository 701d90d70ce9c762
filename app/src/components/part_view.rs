//! A place on a screen for what the server draws, kept up to date.

use leptos::html;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::backend::{self, Packed};
use crate::live::Live;
use crate::parts::{Part, load_part};

/// What goes with the page beside its markup: the markup itself is there already.
#[derive(Debug, Serialize, Deserialize)]
struct First {
    title: String,
    missing: bool,
}

/// Shows `part`, and reads it again when it becomes another one, when `again` changes, and when somebody did something.
#[component]
pub fn PartView(part: Memo<Part>, #[prop(into)] again: Signal<u64>, title: RwSignal<String>) -> impl IntoView {
    let html = StoredValue::new(String::new());
    let first = backend::asked(Signal::stored(String::new()), move |_| {
        let part = part.get_untracked();
        Box::pin(async move {
            let drawn = load_part(part).await?;
            html.set_value(drawn.html);
            Packed::new(&First { title: drawn.title, missing: drawn.missing })
        })
    });
    let place = NodeRef::<html::Div>::new();
    keep_up(part, again, place, title);
    view! {
        <Suspense>
            {move || Suspend::new(async move {
                match first.await.and_then(|first| first.open::<First>()) {
                    Ok(First { title: own, missing }) => {
                        if missing {
                            not_found();
                        }
                        title.set(own);
                        view! { <div class="part" node_ref=place inner_html=html.get_value()></div> }.into_any()
                    }
                    Err(error) => view! { <p class="panel failure" role="alert">"The server could not be asked: " {error.to_string()}</p> }.into_any(),
                }
            })}
        </Suspense>
    }
    .into_any()
}

fn not_found() {
    #[cfg(feature = "ssr")]
    crate::document::not_found();
}

#[cfg(not(feature = "hydrate"))]
fn keep_up(_: Memo<Part>, _: Signal<u64>, _: NodeRef<html::Div>, _: RwSignal<String>) {
    let _ = use_context::<Live>();
}

#[cfg(feature = "hydrate")]
fn keep_up(part: Memo<Part>, again: Signal<u64>, place: NodeRef<html::Div>, title: RwSignal<String>) {
    let live = expect_context::<Live>();
    let asked = StoredValue::new(0_u64);
    Effect::new(move |before: Option<()>| {
        let wanted = part.get();
        again.track();
        live.acted.track();
        // What is shown first came with the page.
        if before.is_none() {
            return;
        }
        asked.update_value(|asked| *asked += 1);
        let turn = asked.get_value();
        leptos::task::spawn_local(async move {
            // Without an answer the old one stays; that the line is down is told elsewhere.
            let Ok(drawn) = load_part(wanted).await else { return };
            let is_latest = asked.try_get_value() == Some(turn);
            if let Some(place) = place.try_get_untracked().flatten().filter(|_| is_latest) {
                title.set(drawn.title);
                crate::morph::show(&place, &drawn.html);
            }
        });
    });
    Effect::new(move |_| {
        let now = live.now_ms.get();
        if let Some(place) = place.get() {
            crate::morph::tick(&place, now);
        }
    });
}
