//! Makes one piece of the page look like newer markup and leaves alone what is the same: focus, selection, scrolling, and
//! what was unfolded by hand.

use leptos::prelude::document;
use leptos::web_sys::{Element, HtmlTemplateElement, Node};
use web_sys::wasm_bindgen::JsCast;

use crate::format;

/// Shows markup that the server drew.
pub(crate) fn show(place: &Element, html: &str) {
    let Ok(template) = document().create_element("template") else { return };
    template.set_inner_html(html);
    let template: HtmlTemplateElement = template.unchecked_into();
    children(place, &template.content());
}

/// Nothing here fails on nodes that are in the page; if it did, the old look would stay.
fn children(old: &Node, new: &Node) {
    let (mut own, mut next) = (old.first_child(), new.first_child());
    while let Some(fresh) = next {
        next = fresh.next_sibling();
        match own.take() {
            Some(known) if is_same(&known, &fresh) => {
                own = known.next_sibling();
                node(&known, &fresh);
            }
            other => {
                let _ = old.insert_before(&fresh, other.as_ref());
                own = other;
            }
        }
    }
    while let Some(known) = own {
        own = known.next_sibling();
        let _ = old.remove_child(&known);
    }
}

/// Whether one can become the other: of one kind, and about one thing.
fn is_same(known: &Node, fresh: &Node) -> bool {
    let key = |node: &Node| node.dyn_ref::<Element>().and_then(|element| element.get_attribute("data-key"));
    known.node_name() == fresh.node_name() && key(known) == key(fresh)
}

fn node(known: &Node, fresh: &Node) {
    if known.is_equal_node(Some(fresh)) {
        return;
    }
    match (known.dyn_ref::<Element>(), fresh.dyn_ref::<Element>()) {
        (Some(known), Some(fresh)) => {
            attributes(known, fresh);
            children(known, fresh);
        }
        _ => known.set_node_value(fresh.node_value().as_deref()),
    }
}

fn attributes(known: &Element, fresh: &Element) {
    // Once a person has chosen, the attribute says no longer what is chosen.
    let is_chosen = fresh.has_attribute("selected");
    if known.has_attribute("selected") != is_chosen {
        let _ = js_sys::Reflect::set(known, &"selected".into(), &is_chosen.into());
    }
    let names = |element: &Element| {
        element.get_attribute_names().iter().filter_map(|name| name.as_string()).collect::<Vec<_>>()
    };
    for name in names(known).iter().filter(|name| *name != "open" && !fresh.has_attribute(name)) {
        let _ = known.remove_attribute(name);
    }
    // What a person unfolded stays unfolded.
    for name in names(fresh).iter().filter(|name| *name != "open") {
        let value = fresh.get_attribute(name).unwrap_or_default();
        if known.get_attribute(name).as_ref() != Some(&value) {
            let _ = known.set_attribute(name, &value);
        }
    }
}

/// Relative times grow older.
pub(crate) fn tick(place: &Element, now_ms: u64) {
    let Ok(times) = place.query_selector_all("[data-at]") else { return };
    for time in (0..times.length()).filter_map(|at| times.get(at)) {
        let Some(time) = time.dyn_ref::<Element>() else { continue };
        let Some(at_ms) = time.get_attribute("data-at").and_then(|at| at.parse().ok()) else { continue };
        let words = format::ago(at_ms, now_ms);
        if time.text_content().as_ref() != Some(&words) {
            time.set_text_content(Some(&words));
        }
    }
}
