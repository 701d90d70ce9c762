//! Proxy, shadow or mock: one segmented control in a plain form.

use leptos::prelude::*;
use understudy_types::{Mode, Source};

use super::glyph::Glyph;
use crate::standing::{CHOICES, mode_hint, mode_label, mode_word};

#[component]
pub fn ModeSwitch(mode: Mode) -> impl IntoView {
    let button = |choice: Mode| {
        let source = if choice == Mode::Mock { Source::Twin } else { Source::Upstream };
        let word = mode_word(choice);
        view! {
            <button type="submit" name="mode" value=word class=format!("mode mode-{word}") title=mode_hint(choice) aria-pressed=(choice == mode).to_string()>
                <Glyph source/>
                {mode_label(choice)}
            </button>
        }
    };
    view! {
        <form method="post" action="/admin/fn/set-mode" class="modes" aria-label="Mode">{CHOICES.map(button).collect_view()}</form>
    }
}
