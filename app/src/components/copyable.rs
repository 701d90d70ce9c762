//! A command to copy.

use leptos::prelude::*;

#[component]
pub fn Copyable(#[prop(into)] text: Signal<String>) -> impl IntoView {
    let copied = RwSignal::new(false);
    let copy = move |_| {
        put_on_clipboard(text.get_untracked());
        copied.set(true);
    };
    view! {
        <span class="copyable">
            <code tabindex="0">{move || text.get()}</code>
            <button type="button" class="quiet copy" on:click=copy aria-label=move || format!("Copy {}", text.get())>
                {move || if copied.get() { "copied" } else { "copy" }}
            </button>
        </span>
    }
}

#[cfg(feature = "hydrate")]
fn put_on_clipboard(text: String) {
    if let Some(window) = web_sys::window() {
        // It answers with a promise; nobody waits for it.
        let _ = window.navigator().clipboard().write_text(&text);
    }
}

#[cfg(not(feature = "hydrate"))]
fn put_on_clipboard(_: String) {}
