//! Baselines as an OpenAPI 3.1 document: what was promised, and nothing of what came since.

use serde_json::{Map, Value, json};

use super::tree::{ARRAY, OBJECT, STRING, Tree};
use super::watch::{Part, Place, Watch};

/// The document of all frozen baselines.
pub(super) fn document<'w>(title: &str, version: &str, watches: impl Iterator<Item = &'w Watch>) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    let mut all: Vec<&Watch> = watches.filter(|watch| watch.is_frozen()).collect();
    all.sort_by(|a, b| (&a.template, &a.method).cmp(&(&b.template, &b.method)));
    for watch in all {
        let item = paths.entry(watch.template.clone()).or_insert_with(|| json!({}));
        item[watch.method.to_ascii_lowercase()] = operation(watch);
    }
    json!({ "openapi": "3.1.0", "info": { "title": title, "version": version }, "paths": paths })
}

fn operation(watch: &Watch) -> Value {
    let mut out = Map::new();
    let parameters: Vec<Value> = path_parameters(&watch.template).chain(query_parameters(watch)).collect();
    if !parameters.is_empty() {
        out.insert("parameters".into(), Value::Array(parameters));
    }
    let mut content = Map::new();
    for part in &watch.parts {
        if let Place::Request(media_type) = &part.place {
            content.insert(media_type.clone(), json!({ "schema": schema(&part.tree, 0) }));
        }
    }
    if !content.is_empty() {
        out.insert("requestBody".into(), json!({ "content": content }));
    }
    let mut responses = Map::new();
    for status in &watch.known {
        responses.insert(status.to_string(), response(watch, *status));
    }
    out.insert("responses".into(), Value::Object(responses));
    Value::Object(out)
}

fn path_parameters(template: &str) -> impl Iterator<Item = Value> {
    let names = template.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    names.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
}

fn query_parameters(watch: &Watch) -> impl Iterator<Item = Value> {
    let parts = watch.parts.iter().filter(|part| part.place == Place::Query);
    parts
        .flat_map(names)
        .map(|(name, required)| json!({ "name": name, "in": "query", "required": required, "schema": {} }))
}

fn names(part: &Part) -> impl Iterator<Item = (&str, bool)> {
    part.tree.nodes[0].children.iter().filter_map(|child| {
        let node = &part.tree.nodes[*child as usize];
        node.base.as_ref().map(|base| (&*node.name, base.required))
    })
}

fn response(watch: &Watch, status: u16) -> Value {
    let mut content = Map::new();
    let mut headers = Map::new();
    for part in &watch.parts {
        match &part.place {
            Place::Body(of, media_type) if *of == status => {
                content.insert(media_type.clone(), json!({ "schema": schema(&part.tree, 0) }));
            }
            Place::Headers(of) if *of == status => {
                headers.extend(
                    names(part)
                        .map(|(name, required)| (name.to_owned(), json!({ "required": required, "schema": {} }))),
                );
            }
            _ => {}
        }
    }
    let mut out = Map::from_iter([("description".to_owned(), json!(""))]);
    if !headers.is_empty() {
        out.insert("headers".into(), Value::Object(headers));
    }
    if !content.is_empty() {
        out.insert("content".into(), Value::Object(content));
    }
    Value::Object(out)
}

/// JSON Schema 2020-12 of a position.
fn schema(tree: &Tree, node: u32) -> Value {
    let at = &tree.nodes[node as usize];
    let Some(base) = &at.base else { return json!({}) };
    let mut out = Map::new();
    match base.types().as_slice() {
        [] => {}
        [one] => drop(out.insert("type".into(), json!(one))),
        many => drop(out.insert("type".into(), json!(many))),
    }
    if base.has(STRING) {
        if let Some(format) = &base.format {
            out.insert("format".into(), json!(format));
        }
        if let Some(values) = &base.values {
            out.insert("enum".into(), json!(values));
        }
    }
    if let Some(items) = at.items.filter(|_| base.has(ARRAY)) {
        out.insert("items".into(), schema(tree, items));
    }
    if base.has(OBJECT) {
        let known = at.children.iter().filter(|child| tree.nodes[**child as usize].base.is_some());
        let properties: Map<String, Value> =
            known.clone().map(|child| (tree.nodes[*child as usize].name.to_string(), schema(tree, *child))).collect();
        let required: Vec<&str> = known
            .map(|child| &tree.nodes[*child as usize])
            .filter(|node| node.base.as_ref().is_some_and(|base| base.required))
            .map(|node| &*node.name)
            .collect();
        if !properties.is_empty() {
            out.insert("properties".into(), Value::Object(properties));
        }
        if !required.is_empty() {
            out.insert("required".into(), json!(required));
        }
        if let Some(values) = at.values {
            out.insert("additionalProperties".into(), schema(tree, values));
        }
    }
    Value::Object(out)
}
