//! The keyboard: `/` to the filter, `g` and a letter to a screen, `?` for help, Ctrl or Cmd with K for everything at once.

use leptos::prelude::*;
use leptos::{ev, html, web_sys};
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use web_sys::wasm_bindgen::JsCast;

use super::frame::PAGES;
#[cfg(feature = "hydrate")]
use crate::backend;

/// What lies over the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    Nothing,
    Help,
    Palette,
}

/// Entries of the palette at once.
const SHOWN: usize = 12;

/// The letter behind `g` that goes to a screen.
fn letter(name: &str) -> String {
    match name {
        // Other screens begin with the same letters.
        "Drift" => "r".into(),
        "Twin" => "w".into(),
        "Docs" => "o".into(),
        "Projects" => "j".into(),
        name => name.chars().take(1).map(|first| first.to_ascii_lowercase()).collect(),
    }
}

/// Whether a key belongs to what somebody writes, or to the browser.
#[must_use]
pub fn is_typing(event: &ev::KeyboardEvent) -> bool {
    if event.ctrl_key() || event.meta_key() || event.alt_key() {
        return true;
    }
    let target = event.target().and_then(|target| target.dyn_into::<web_sys::HtmlElement>().ok());
    target.is_some_and(|element| {
        matches!(element.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT")
            || element.closest("dialog").ok().flatten().is_some()
    })
}

#[component]
pub fn Keys() -> impl IntoView {
    let over = RwSignal::new(Over::Nothing);
    let help = NodeRef::<html::Dialog>::new();
    let palette = NodeRef::<html::Dialog>::new();
    let navigate = use_navigate();
    Effect::new(move |_| {
        let navigate = navigate.clone();
        let is_going = StoredValue::new(false);
        let listener = window_event_listener(ev::keydown, move |event| {
            let key = event.key();
            if (event.ctrl_key() || event.meta_key()) && key == "k" {
                event.prevent_default();
                return over.set(Over::Palette);
            }
            if is_typing(&event) {
                return;
            }
            let was_going = is_going.get_value();
            is_going.set_value(key == "g");
            let page = PAGES.iter().find(|(_, name, _)| was_going && letter(name) == key);
            match (page, key.as_str()) {
                (Some((href, ..)), _) => navigate(href, NavigateOptions::default()),
                (None, "?") => over.set(Over::Help),
                (None, "/") if focus_filter() => event.prevent_default(),
                _ => {}
            }
        });
        on_cleanup(move || listener.remove());
    });
    for (dialog, what) in [(help, Over::Help), (palette, Over::Palette)] {
        Effect::new(move |_| {
            let Some(dialog) = dialog.get() else { return };
            if over.get() == what {
                // It fails when it is open already.
                let _ = dialog.show_modal();
            } else {
                dialog.close();
            }
        });
    }
    let closed = move |_: ev::Event| over.set(Over::Nothing);
    view! {
        <dialog class="over" node_ref=help aria-labelledby="keys-title" on:close=closed>
            <h2 id="keys-title">"Keys"</h2>
            <dl class="keys">
                <dt><kbd>"Ctrl K"</kbd></dt><dd>"screens, endpoints and actions"</dd>
                <dt><kbd>"/"</kbd></dt><dd>"the filter"</dd>
                {PAGES.map(|(_, name, _)| view! { <dt><kbd>"g"</kbd> " " <kbd>{letter(name)}</kbd></dt><dd>{name}</dd> }).collect_view()}
                <dt><kbd>"j"</kbd> " " <kbd>"k"</kbd></dt><dd>"next and previous exchange"</dd>
                <dt><kbd>"p"</kbd></dt><dd>"pause the traffic"</dd>
                <dt><kbd>"x"</kbd></dt><dd>"pin the open exchange"</dd>
                <dt><kbd>"Esc"</kbd></dt><dd>"close"</dd>
            </dl>
            <form method="dialog"><button class="choice">"Close"</button></form>
        </dialog>
        <dialog class="over palette" node_ref=palette aria-label="Go to" on:close=closed>
            <Show when=move || over.get() == Over::Palette><Palette over/></Show>
        </dialog>
    }
    .into_any()
}

/// False where a screen has no filter.
fn focus_filter() -> bool {
    let found = document().query_selector("main input[type=search]").ok().flatten();
    let Some(input) = found.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok()) else { return false };
    input.focus().is_ok()
}

/// A way of the palette: what it is called, and where it leads. What begins with [`ACT`] is done on the spot.
type Way = (String, String);

/// Before the address of a server function, with its fields as a query.
pub const ACT: &str = "post:";

#[component]
fn Palette(over: RwSignal<Over>) -> impl IntoView {
    let typed = RwSignal::new(String::new());
    let at = RwSignal::new(0_usize);
    let endpoints = RwSignal::new(Vec::<Way>::new());
    read(endpoints);
    let ways = Memo::new(move |_| {
        let mut ways: Vec<Way> = PAGES.iter().map(|(href, name, _)| ((*name).to_owned(), (*href).to_owned())).collect();
        ways.extend(endpoints.get());
        typed.with(|typed| fitting(ways, typed))
    });
    let navigate = use_navigate();
    let go = move |way: &Way| {
        over.set(Over::Nothing);
        match way.1.strip_prefix(ACT) {
            Some(act) => carry_out(act),
            None => navigate(&way.1, NavigateOptions::default()),
        }
    };
    let input = NodeRef::<html::Input>::new();
    Effect::new(move |_| {
        if let Some(input) = input.get() {
            // Where it cannot have the focus a click gives it.
            let _ = input.focus();
        }
    });
    let pressed = {
        let go = go.clone();
        move |event: ev::KeyboardEvent| {
            let last = ways.with_untracked(Vec::len).saturating_sub(1);
            match event.key().as_str() {
                "ArrowDown" => at.update(|at| *at = (*at + 1).min(last)),
                "ArrowUp" => at.update(|at| *at = at.saturating_sub(1)),
                "Enter" => ways.with_untracked(|ways| ways.get(at.get_untracked()).cloned()).iter().for_each(&go),
                _ => return,
            }
            event.prevent_default();
        }
    };
    let entry = move |(place, way): (usize, Way)| {
        let go = go.clone();
        let text = way.0.clone();
        view! {
            <li id=format!("way-{place}") role="option" class="way" aria-selected=move || (at.get() == place).to_string() on:click=move |_| go(&way)>{text}</li>
        }
    };
    view! {
        <input
            type="search"
            class="palette-input"
            node_ref=input
            role="combobox"
            aria-label="Go to a screen or an endpoint, or do something"
            aria-expanded="true"
            aria-controls="ways"
            aria-activedescendant=move || format!("way-{}", at.get())
            placeholder="Screens, endpoints, and what can be done"
            on:input=move |event| { typed.set(event_target_value(&event)); at.set(0); }
            on:keydown=pressed
        />
        <ul id="ways" class="ways" role="listbox" aria-label="Ways">{move || ways.get().into_iter().enumerate().map(entry.clone()).collect_view()}</ul>
    }
    .into_any()
}

#[cfg(feature = "hydrate")]
fn read(endpoints: RwSignal<Vec<Way>>) {
    leptos::task::spawn_local(async move {
        if let Ok(ways) = backend::ways().await.and_then(|ways| ways.open()) {
            endpoints.set(ways);
        }
    });
}

#[cfg(feature = "hydrate")]
fn carry_out(act: &str) {
    crate::acts::submit(act);
}

/// The palette opens in the browser alone.
#[cfg(not(feature = "hydrate"))]
fn read(_: RwSignal<Vec<Way>>) {}

#[cfg(not(feature = "hydrate"))]
fn carry_out(_: &str) {}

/// The ways that have every word that was typed.
fn fitting(ways: Vec<Way>, typed: &str) -> Vec<Way> {
    let typed = typed.to_lowercase();
    let fits = |way: &Way| typed.split_whitespace().all(|word| way.0.to_lowercase().contains(word));
    ways.into_iter().filter(fits).take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_screen_has_a_letter_of_its_own() {
        let mut letters: Vec<_> = PAGES.iter().map(|(_, name, _)| letter(name)).collect();
        letters.sort();
        letters.dedup();
        assert_eq!(letters.len(), PAGES.len());
    }

    #[test]
    fn words_may_stand_in_any_order() {
        let ways = vec![("GET /users/{id}".to_owned(), "a".to_owned()), ("Traffic".to_owned(), "b".to_owned())];
        assert_eq!(fitting(ways.clone(), "users get")[0].1, "a");
        assert_eq!(fitting(ways.clone(), "TRAF")[0].1, "b");
        assert_eq!(fitting(ways, "").len(), 2);
    }
}
