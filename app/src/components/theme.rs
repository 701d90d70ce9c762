//! Light, dark, or as the system has it. The choice lives in a cookie, so that the server renders it at once.

use leptos::prelude::*;

/// Read by the shell, written by the toggle.
pub const THEME_COOKIE: &str = "understudy_theme";

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
    keep(next);
}

#[cfg(feature = "hydrate")]
fn keep(theme: &str) {
    use web_sys::wasm_bindgen::JsCast;
    const YEAR_SECONDS: u32 = 365 * 86_400;
    if let Ok(document) = document().dyn_into::<web_sys::HtmlDocument>() {
        let _ =
            document.set_cookie(&format!("{THEME_COOKIE}={theme}; Path=/; Max-Age={YEAR_SECONDS}; SameSite=Strict"));
    }
}

#[cfg(not(feature = "hydrate"))]
fn toggle() {}
