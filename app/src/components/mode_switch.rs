//! Proxy, shadow or mock: one segmented control in a plain form.

use leptos::prelude::*;
use understudy_types::{Mode, Source};

use super::glyph::Glyph;
use crate::live::Live;
use crate::standing::{CHOICES, mode_hint, mode_label, mode_word};

/// What was chosen shows when the server says so, a moment later.
#[component]
pub fn ModeSwitch() -> impl IntoView {
    view! {
        <form method="post" action="/admin/fn/set-mode" class="modes" aria-label="Mode">
            {CHOICES.map(|mode| view! { <ModeButton mode/> }).collect_view()}
        </form>
    }
}

#[component]
fn ModeButton(mode: Mode) -> impl IntoView {
    let live = expect_context::<Live>();
    let current = live.part(move |status| status.mode == mode);
    let source = if mode == Mode::Mock { Source::Twin } else { Source::Upstream };
    view! {
        <button
            type="submit"
            name="mode"
            value=mode_word(mode)
            class=format!("mode mode-{}", mode_word(mode))
            title=mode_hint(mode)
            aria-pressed=move || current.get().to_string()
        >
            <Glyph source/>
            {mode_label(mode)}
        </button>
    }
}
