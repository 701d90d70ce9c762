//! How upstream is, in one dot, one word and one number.

use leptos::prelude::*;
use understudy_types::Upstream;

use crate::format;
use crate::standing::health_word;

#[component]
pub fn HealthDot(upstream: Upstream) -> impl IntoView {
    let word = health_word(&upstream);
    view! {
        <span class="health" data-health=word title=hint(&upstream)>
            <svg class="health-dot" viewBox="0 0 10 10" width="10" height="10" aria-hidden="true">
                <path d=shape(&upstream) fill="currentColor" fill-rule="evenodd"></path>
            </svg>
            <span class="health-name">{if upstream.sample { "sample API" } else { "upstream" }}</span>
            " "
            <span class="health-word">{word}</span>
            <span class="health-latency">{upstream.latency_ms.map(format::milliseconds)}</span>
        </span>
    }
}

/// A full disc when up, a cross when down, a ring when it is not known.
fn shape(upstream: &Upstream) -> &'static str {
    match health_word(upstream) {
        "up" => "M5 1a4 4 0 1 0 0 8a4 4 0 1 0 0-8z",
        "down" => "M1.5 0L5 3.5L8.5 0L10 1.5L6.5 5L10 8.5L8.5 10L5 6.5L1.5 10L0 8.5L3.5 5L0 1.5z",
        _ => "M5 .5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9zm0 2a2.5 2.5 0 1 1 0 5a2.5 2.5 0 1 1 0-5z",
    }
}

fn hint(upstream: &Upstream) -> String {
    let median = upstream.latency_ms.map(|ms| format!(", median {}", format::milliseconds(ms)));
    let error = upstream.last_error.as_ref().map(|error| format!(", last error: {error}"));
    format!("{}{}{}", upstream.url, median.unwrap_or_default(), error.unwrap_or_default())
}
