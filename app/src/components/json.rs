//! A recorded body: JSON as a tree that folds and can be searched, everything else as the text it is. Never markup.

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
    let find = RwSignal::new(String::new());
    let tree = node(None, &value, 0, find);
    let found = move || find.with(|find| if find.is_empty() { String::new() } else { hits_words(hits(&value, find)) });
    view! {
        <p class="json-tools">
            <input type="search" class="filter" placeholder="Find in this body" aria-label="Find in this body" on:input=move |event| find.set(event_target_value(&event).to_lowercase())/>
            <span class="json-found" aria-live="polite">{found}</span>
        </p>
        <div class="json">{tree}</div>
    }
    .into_any()
}

fn node(name: Option<&str>, value: &Value, level: usize, find: RwSignal<String>) -> AnyView {
    let label = name.map(|name| format!("{name}: "));
    let (members, size): (Vec<AnyView>, String) = match value {
        Value::Object(members) if !members.is_empty() => (
            members.iter().map(|(name, value)| node(Some(name), value, level + 1, find)).collect(),
            format!("{{{}}}", members.len()),
        ),
        Value::Array(items) if !items.is_empty() => (
            items.iter().enumerate().map(|(at, value)| node(Some(&at.to_string()), value, level + 1, find)).collect(),
            format!("[{}]", items.len()),
        ),
        _ => return leaf(label, name.unwrap_or_default(), value, find),
    };
    let key = name.unwrap_or_default().to_lowercase();
    let is_hit = move || find.with(|find| !find.is_empty() && key.contains(find.as_str()));
    let is_open = move || level < OPEN_LEVELS || find.with(|find| !find.is_empty());
    view! {
        <details class="json-branch" open=is_open>
            <summary class:json-hit=is_hit><span class="json-name">{label}</span><span class="json-size">{size}</span></summary>
            {members}
        </details>
    }
    .into_any()
}

fn leaf(label: Option<String>, name: &str, value: &Value, find: RwSignal<String>) -> AnyView {
    let text = value.to_string();
    let searched = format!("{name} {text}").to_lowercase();
    let class = match value {
        Value::String(_) => "json-string",
        Value::Null => "json-null",
        _ => "json-value",
    };
    view! {
        <div class="json-leaf" class:json-hit=move || find.with(|find| !find.is_empty() && searched.contains(find.as_str()))>
            <span class="json-name">{label}</span><span class=class>{text}</span>
        </div>
    }
    .into_any()
}

fn nodes(value: &Value) -> usize {
    1 + match value {
        Value::Object(members) => members.values().map(nodes).sum(),
        Value::Array(items) => items.iter().map(nodes).sum(),
        _ => 0,
    }
}

/// Names and values that contain the text; `find` in lower case.
fn hits(value: &Value, find: &str) -> usize {
    let has = |text: &str| usize::from(text.to_lowercase().contains(find));
    match value {
        Value::Object(members) if !members.is_empty() => {
            members.iter().map(|(name, value)| member_hits(name, value, find)).sum()
        }
        Value::Array(items) if !items.is_empty() => items.iter().map(|item| hits(item, find)).sum(),
        other => has(&other.to_string()),
    }
}

fn member_hits(name: &str, value: &Value, find: &str) -> usize {
    let inner = hits(value, find);
    let is_leaf = nodes(value) == 1;
    let by_name = usize::from(name.to_lowercase().contains(find));
    if is_leaf { inner.max(by_name) } else { inner + by_name }
}

fn hits_words(hits: usize) -> String {
    match hits {
        0 => "nothing found".into(),
        1 => "found once".into(),
        hits => format!("found {hits} times"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_found_is_counted_once() {
        let body = json!({"title": "A title", "author": {"name": "Title"}, "titles": [1, 2], "n": 12});
        assert_eq!(hits(&body, "title"), 3);
        assert_eq!(hits(&body, "2"), 2);
        assert_eq!(hits(&body, "zzz"), 0);
        assert_eq!(nodes(&body), 8);
    }
}
