//! A time: relative, kept up by the page, exact on hover.

use leptos::prelude::*;

use crate::format;

/// `now_ms` is when the server draws it.
#[component]
pub fn When(at_ms: u64, now_ms: u64) -> impl IntoView {
    view! { <time class="when" data-at=at_ms.to_string() title=format::timestamp(at_ms)>{format::ago(at_ms, now_ms)}</time> }
}
