//! Screens of one part.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::components::PartView;
use crate::live::Live;
use crate::parts::Part;

#[component]
pub fn Chaos() -> impl IntoView {
    single("Chaos", Part::Chaos, expect_context::<Live>().news.into())
}

#[component]
pub fn Plugins() -> impl IntoView {
    single("Plugins", Part::Plugins, Signal::stored(0))
}

#[component]
pub fn Projects() -> impl IntoView {
    single("Projects", Part::Projects, Signal::stored(0))
}

#[component]
pub fn Settings() -> impl IntoView {
    single("Settings", Part::Settings, Signal::stored(0))
}

fn single(title: &'static str, part: Part, again: Signal<u64>) -> AnyView {
    let part = Memo::new(move |_| part.clone());
    view! {
        <Title text=title/>
        <PartView part again title=RwSignal::new(String::new())/>
    }
    .into_any()
}
