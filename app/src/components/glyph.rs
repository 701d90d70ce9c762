//! Who spoke: never by colour alone, always a shape and a word too.

use leptos::prelude::*;
use understudy_types::Source;

#[must_use]
pub fn source_word(source: Source) -> &'static str {
    match source {
        Source::Upstream => "live",
        Source::Twin => "twin",
        Source::Fault => "fault",
        Source::None => "refused",
    }
}

/// The class that gives the colour; `live`, `twin`, `fault` or `refused`.
#[must_use]
pub fn source_class(source: Source) -> &'static str {
    source_word(source)
}

#[must_use]
pub fn source_hint(source: Source) -> &'static str {
    match source {
        Source::Upstream => "upstream answered",
        Source::Twin => "the twin answered",
        Source::Fault => "a fault was injected on purpose",
        Source::None => "nobody gave the API's answer: Understudy refused and said why",
    }
}

/// A disc, a diamond, a triangle, a ring.
#[component]
pub fn Glyph(source: Source) -> impl IntoView {
    let shape = shape_of(source);
    view! {
        <svg class="glyph" viewBox="0 0 10 10" width="10" height="10" aria-hidden="true">
            <path d=shape fill="currentColor" fill-rule="evenodd"></path>
        </svg>
    }
}

#[must_use]
pub fn shape_of(source: Source) -> &'static str {
    match source {
        Source::Upstream => "M5 1a4 4 0 1 0 0 8a4 4 0 1 0 0-8z",
        Source::Twin => "M5 0l5 5l-5 5l-5-5z",
        Source::Fault => "M5 .5l5 9h-10z",
        Source::None => "M5 .5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9zm0 2a2.5 2.5 0 1 1 0 5a2.5 2.5 0 1 1 0-5z",
    }
}

#[component]
pub fn SourceMark(source: Source) -> impl IntoView {
    view! {
        <span class=format!("source {}", source_class(source)) title=source_hint(source)>
            <Glyph source/>
            <span class="source-word">{source_word(source)}</span>
        </span>
    }
}
