//! Screens of one part.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::components::PartView;
use crate::parts::Part;

#[component]
pub fn Plugins() -> impl IntoView {
    single("Plugins", Part::Plugins)
}

#[component]
pub fn Settings() -> impl IntoView {
    single("Settings", Part::Settings)
}

fn single(title: &'static str, part: Part) -> AnyView {
    let part = Memo::new(move |_| part.clone());
    view! {
        <Title text=title/>
        <PartView part again=Signal::stored(0) title=RwSignal::new(String::new())/>
    }
    .into_any()
}
