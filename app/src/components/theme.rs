//! Light, dark, or as the system has it; and the rail with its words or without. What was chosen lives in cookies, so that
//! the server renders it at once.

use leptos::prelude::*;

/// Read by the shell, written by the toggles.
pub const THEME_COOKIE: &str = "understudy_theme";
pub const RAIL_COOKIE: &str = "understudy_rail";

#[component]
pub fn ThemeToggle() -> impl IntoView {
    view! {
        <button type="button" class="quiet theme" aria-label="Change between light and dark" title="Light or dark" on:click=|_| toggle()>
            <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
                <path fill="currentColor" fill-rule="evenodd" d="M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13zm0 1.5v10a5 5 0 0 1 0-10z"></path>
            </svg>
        </button>
    }
}

/// At the foot of the rail.
#[component]
pub fn RailToggle() -> impl IntoView {
    view! {
        <button type="button" class="rail-link rail-toggle" title="Words in the rail, or icons only" on:click=|_| narrow()>
            <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
                <path fill="currentColor" d="M2 3h2v10H2zM12 3.500v9L6 8z"></path>
            </svg>
            <span>"Narrow"</span>
        </button>
    }
}

#[cfg(feature = "hydrate")]
fn narrow() {
    let Some(root) = document().document_element() else { return };
    let next = if root.get_attribute("data-rail").as_deref() == Some("narrow") { "wide" } else { "narrow" };
    // Where it fails, the rail stays as it is.
    let _ = root.set_attribute("data-rail", next);
    keep(RAIL_COOKIE, next);
}

#[cfg(not(feature = "hydrate"))]
fn narrow() {}

#[cfg(feature = "hydrate")]
fn toggle() {
    let Some(window) = web_sys::window() else { return };
    let Some(root) = document().document_element() else { return };
    let chosen = root.get_attribute("data-theme");
    let system_is_dark =
        || window.match_media("(prefers-color-scheme: dark)").ok().flatten().is_some_and(|query| query.matches());
    let is_dark = chosen.map_or_else(system_is_dark, |theme| theme == "dark");
    let next = if is_dark { "light" } else { "dark" };
    // Where either fails, the theme stays as it is.
    let _ = root.set_attribute("data-theme", next);
    keep(THEME_COOKIE, next);
}

#[cfg(feature = "hydrate")]
fn keep(name: &str, choice: &str) {
    use web_sys::wasm_bindgen::JsCast;
    const YEAR_SECONDS: u32 = 365 * 86_400;
    if let Ok(document) = document().dyn_into::<web_sys::HtmlDocument>() {
        let _ = document.set_cookie(&format!("{name}={choice}; Path=/; Max-Age={YEAR_SECONDS}; SameSite=Strict"));
    }
}

#[cfg(not(feature = "hydrate"))]
fn toggle() {}
