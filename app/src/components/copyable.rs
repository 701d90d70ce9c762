//! A command to copy.

use leptos::prelude::*;

/// What a click does is in `acts`.
#[component]
pub fn Copyable(#[prop(into)] text: Signal<String>) -> impl IntoView {
    view! {
        <span class="copyable">
            <code tabindex="0">{move || text.get()}</code>
            <button type="button" class="quiet copy" data-copy=move || text.get() aria-label=move || format!("Copy {}", text.get())>"copy"</button>
        </span>
    }
}
