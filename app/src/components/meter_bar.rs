//! A thin bar for a share, with the number beside it.

use leptos::prelude::*;

use crate::format;

/// Drawn as SVG: the page's policy forbids style attributes.
#[component]
pub fn ShareBar(share: f64, #[prop(into)] label: String) -> impl IntoView {
    let width = (share.clamp(0.0, 1.0) * 100.0).round();
    view! {
        <span class="share" title=label>
            <svg class="share-bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
                <rect class="share-track" width="100" height="4"></rect>
                <rect class="share-fill" width=width.to_string() height="4"></rect>
            </svg>
            <span class="share-number">{format::percent(share)}</span>
        </span>
    }
}
