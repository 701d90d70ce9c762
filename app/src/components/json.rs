//! A recorded body: JSON as a tree that folds and can be searched (`acts`), everything else as the text it is. Never markup.

use std::collections::BTreeMap;

use leptos::prelude::*;
use serde_json::Value;
use understudy_types::{Explained, MessageDetail};

use crate::format;

/// A larger tree is a burden to the browser; it is shown as text.
const MAX_NODES: usize = 3000;
/// Levels that are unfolded at first.
const OPEN_LEVELS: usize = 3;

/// Where values came from, by pointer.
pub type Why = BTreeMap<String, Explained>;

#[component]
pub fn BodyText(message: MessageDetail, #[prop(optional)] why: Why) -> impl IntoView {
    let MessageDetail { bytes, truncated, text, .. } = message;
    let cut = truncated
        .then(|| view! { <p class="body-note">"Cut: only the first " {format::bytes(bytes)} " are kept."</p> });
    let body = match text {
        Some(text) if text.is_empty() => view! { <p class="body-note">"No body."</p> }.into_any(),
        Some(text) => text_view(text, why),
        None => view! { <p class="body-note">{format::bytes(bytes)} " that are not text."</p> }.into_any(),
    };
    view! { <div class="body">{cut}{body}</div> }.into_any()
}

fn text_view(text: String, why: Why) -> AnyView {
    match serde_json::from_str::<Value>(&text) {
        Ok(value) if (value.is_object() || value.is_array()) && nodes(&value) <= MAX_NODES => {
            view! { <JsonTree value why/> }.into_any()
        }
        _ => view! { <pre class="body-text" tabindex="0">{text}</pre> }.into_any(),
    }
}

#[component]
fn JsonTree(value: Value, why: Why) -> impl IntoView {
    let tree = node(None, &value, "", 0, &why);
    view! {
        <p class="json-tools">
            <input type="search" class="filter" placeholder="Find in this body" aria-label="Find in this body" data-find=""/>
            <span class="json-found" aria-live="polite"></span>
        </p>
        <div class="json">{tree}</div>
    }
    .into_any()
}

fn node(name: Option<&str>, value: &Value, pointer: &str, level: usize, why: &Why) -> AnyView {
    let below = |name: &str, value: &Value| node(Some(name), value, &format!("{pointer}/{name}"), level + 1, why);
    let label = name.map(|name| format!("{name}: "));
    let (members, size): (Vec<AnyView>, String) = match value {
        Value::Object(members) if !members.is_empty() => {
            (members.iter().map(|(name, value)| below(name, value)).collect(), format!("{{{}}}", members.len()))
        }
        Value::Array(items) if !items.is_empty() => (
            items.iter().enumerate().map(|(at, value)| below(&at.to_string(), value)).collect(),
            format!("[{}]", items.len()),
        ),
        _ => return leaf(label, value, why.get(pointer)),
    };
    view! {
        <details class="json-branch" open=level < OPEN_LEVELS>
            <summary><span class="json-name">{label}</span><span class="json-size">{size}</span></summary>
            {members}
        </details>
    }
    .into_any()
}

fn leaf(label: Option<String>, value: &Value, why: Option<&Explained>) -> AnyView {
    let class = match value {
        Value::String(_) => "json-string",
        Value::Null => "json-null",
        _ => "json-value",
    };
    let class = why.map_or_else(|| class.to_owned(), |why| format!("{class} why-value why-{}", why.kind));
    let words = why.map(|why| why.words.clone());
    view! { <div class="json-leaf"><span class="json-name">{label}</span><span class=class title=words>{value.to_string()}</span></div> }.into_any()
}

fn nodes(value: &Value) -> usize {
    1 + match value {
        Value::Object(members) => members.values().map(nodes).sum(),
        Value::Array(items) => items.iter().map(nodes).sum(),
        _ => 0,
    }
}
