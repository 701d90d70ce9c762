//! Proxy, shadow or mock: one segmented control, and a plain form when there is no script.

use leptos::prelude::*;
use understudy_types::{Mode, Source};

use super::glyph::Glyph;
use crate::backend::SetMode;
use crate::live::Live;
use crate::standing::{CHOICES, mode_hint, mode_label, mode_word};

#[component]
pub fn ModeSwitch() -> impl IntoView {
    let live = expect_context::<Live>();
    let action = ServerAction::<SetMode>::new();
    let answer = action.value();
    Effect::new(move |_| {
        if let Some(Ok(status)) = answer.get() {
            live.status.set(status);
        }
    });
    let failure =
        move || answer.with(|answer| answer.as_ref().and_then(|answer| answer.as_ref().err()).map(ToString::to_string));
    view! {
        <ActionForm action attr:class="modes" attr:aria-label="Mode">
            {CHOICES.map(|mode| view! { <ModeButton mode pending=action.pending()/> }).collect_view()}
            <span class="modes-failure" role="alert">{failure}</span>
        </ActionForm>
    }
}

#[component]
fn ModeButton(mode: Mode, pending: Memo<bool>) -> impl IntoView {
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
            aria-busy=move || pending.get().to_string()
        >
            <Glyph source/>
            {mode_label(mode)}
        </button>
    }
}
