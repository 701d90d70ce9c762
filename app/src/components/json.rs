//! A recorded body: JSON as a tree that folds and can be searched (`acts`), everything else as the text it is. Never markup.

use leptos::prelude::*;
use serde_json::Value;
use understudy_types::MessageDetail;

use crate::format;

/// A larger tree is a burden to the browser; it is shown as text.
const MAX_NODES: usize = 3000;
/// Levels that are unfolded at first.
const OPEN_LEVELS: usize = 3;

#[component]
pub fn BodyText(message: MessageDetail) -> impl IntoView {
    let MessageDetail { bytes, truncated, text, .. } = message;
    let cut = truncated
        .then(|| view! { <p class="body-note">"Cut: only the first " {format::bytes(bytes)} " are kept."</p> });
    let body = match text {
        Some(text) if text.is_empty() => view! { <p class="body-note">"No body."</p> }.into_any(),
        Some(text) => text_view(text),
        None => view! { <p class="body-note">{format::bytes(bytes)} " that are not text."</p> }.into_any(),
    };
    view! { <div class="body">{cut}{body}</div> }.into_any()
}

fn text_view(text: String) -> AnyView {
    match serde_json::from_str::<Value>(&text) {
        Ok(value) if (value.is_object() || value.is_array()) && nodes(&value) <= MAX_NODES => {
            view! { <JsonTree value/> }.into_any()
        }
        _ => view! { <pre class="body-text" tabindex="0">{text}</pre> }.into_any(),
    }
}

#[component]
fn JsonTree(value: Value) -> impl IntoView {
    let tree = node(None, &value, 0);
    view! {
        <p class="json-tools">
            <input type="search" class="filter" placeholder="Find in this body" aria-label="Find in this body" data-find=""/>
            <span class="json-found" aria-live="polite"></span>
        </p>
        <div class="json">{tree}</div>
    }
    .into_any()
}

fn node(name: Option<&str>, value: &Value, level: usize) -> AnyView {
    let label = name.map(|name| format!("{name}: "));
    let (members, size): (Vec<AnyView>, String) = match value {
        Value::Object(members) if !members.is_empty() => (
            members.iter().map(|(name, value)| node(Some(name), value, level + 1)).collect(),
            format!("{{{}}}", members.len()),
        ),
        Value::Array(items) if !items.is_empty() => (
            items.iter().enumerate().map(|(at, value)| node(Some(&at.to_string()), value, level + 1)).collect(),
            format!("[{}]", items.len()),
        ),
        _ => return leaf(label, value),
    };
    view! {
        <details class="json-branch" open=level < OPEN_LEVELS>
            <summary><span class="json-name">{label}</span><span class="json-size">{size}</span></summary>
            {members}
        </details>
    }
    .into_any()
}

fn leaf(label: Option<String>, value: &Value) -> AnyView {
    let class = match value {
        Value::String(_) => "json-string",
        Value::Null => "json-null",
        _ => "json-value",
    };
    view! { <div class="json-leaf"><span class="json-name">{label}</span><span class=class>{value.to_string()}</span></div> }.into_any()
}

fn nodes(value: &Value) -> usize {
    1 + match value {
        Value::Object(members) => members.values().map(nodes).sum(),
        Value::Array(items) => items.iter().map(nodes).sum(),
        _ => 0,
    }
}
