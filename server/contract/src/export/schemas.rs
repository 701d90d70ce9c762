//! JSON Schema 2020-12 for each endpoint: its parameters, its request, and its answers by status.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Source, document as openapi, type_name};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
const COMPONENTS: &str = "#/components/schemas/";
const DEFINITIONS: &str = "#/$defs/";

/// The schemas of one method and path template.
#[derive(Debug)]
pub(super) struct Operation {
    /// A name for programs, unique among operations and shared schemas.
    pub(super) name: String,
    /// `GET /users/{id}`.
    pub(super) title: String,
    /// An object of the objects `path`, `query`, `header` and `cookie`.
    pub(super) parameters: Option<Value>,
    /// Whether there has to be a body, and its schema.
    pub(super) request: Option<(bool, Value)>,
    /// `None`: without a body, or with one that was not read.
    pub(super) responses: Vec<(String, Option<Value>)>,
}

/// Schemas that stand in several places, by name, and the operations. References lead to `#/$defs/`.
pub(super) fn collect(source: &Source<'_>) -> (Map<String, Value>, Vec<Operation>) {
    let mut document = openapi(source);
    relocate(&mut document);
    let shared = match document.pointer_mut("/components/schemas").map(Value::take) {
        Some(Value::Object(shared)) => shared,
        _ => Map::new(),
    };
    let mut used: BTreeSet<String> = shared.keys().cloned().collect();
    let mut operations = Vec::new();
    for (template, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let wanted = type_name(method, template);
            let numbered = (2..).map(|n| format!("{wanted}{n}"));
            let name =
                std::iter::once(wanted.clone()).chain(numbered).find(|name| !used.contains(name)).unwrap_or_default();
            used.insert(name.clone());
            let title = format!("{} {template}", method.to_ascii_uppercase());
            operations.push(read(name, title, operation));
        }
    }
    (shared, operations)
}

pub(super) fn document(source: &Source<'_>) -> Value {
    let (mut definitions, operations) = collect(source);
    for operation in operations {
        let Operation { name, title, parameters, request, responses } = operation;
        let mut put = |what: &str, schema: Option<Value>| {
            let Some(Value::Object(mut schema)) = schema else { return };
            schema.shift_insert(0, "$comment".into(), json!(title));
            definitions.insert(format!("{name}{what}"), Value::Object(schema));
        };
        put("Parameters", parameters);
        put("Request", request.map(|(_, schema)| schema));
        for (status, schema) in responses {
            put(&format!("Response{status}"), schema);
        }
    }
    json!({ "$schema": DIALECT, "title": source.title, "$defs": definitions })
}

fn relocate(value: &mut Value) {
    match value {
        Value::Object(members) => members.iter_mut().for_each(|(name, member)| match member {
            Value::String(text) if name == "$ref" || text.starts_with(COMPONENTS) => {
                *text = text.replacen(COMPONENTS, DEFINITIONS, 1);
            }
            member => relocate(member),
        }),
        Value::Array(items) => items.iter_mut().for_each(relocate),
        _ => {}
    }
}

fn read(name: String, title: String, operation: &Value) -> Operation {
    let responses = operation["responses"].as_object().into_iter().flatten();
    Operation {
        name,
        title,
        parameters: parameters(&operation["parameters"]),
        request: content(&operation["requestBody"])
            .map(|schema| (operation["requestBody"]["required"] == true, schema)),
        responses: responses.map(|(status, response)| (status.clone(), content(response))).collect(),
    }
}

fn parameters(list: &Value) -> Option<Value> {
    let mut places = Map::new();
    for one in list.as_array()? {
        let (place, name) = (one["in"].as_str()?, one["name"].as_str()?);
        let empty = || json!({ "type": "object", "properties": {}, "required": [] });
        let object = places.entry(place).or_insert_with(empty);
        object["properties"][name] = one["schema"].clone();
        if let (true, Some(required)) = (one["required"] == true, object["required"].as_array_mut()) {
            required.push(json!(name));
        }
    }
    let required: Vec<&String> =
        places.iter().filter(|(_, object)| object["required"] != json!([])).map(|(place, _)| place).collect();
    let required = json!(required);
    Some(json!({ "type": "object", "properties": places, "required": required }))
}

/// The schema of a message: JSON before all else, any of several.
fn content(message: &Value) -> Option<Value> {
    let media = message["content"].as_object()?;
    let is_json = |kind: &str| crate::import::is_json(kind);
    let of = |wanted: bool| media.iter().filter(move |(kind, _)| is_json(kind) == wanted);
    let schemas =
        |wanted: bool| -> Vec<Value> { of(wanted).filter_map(|(_, one)| one.get("schema").cloned()).collect() };
    let mut found = schemas(true);
    if found.is_empty() {
        found = schemas(false);
    }
    found.dedup();
    match found.len() {
        0 => None,
        1 => found.pop(),
        _ => Some(json!({ "anyOf": found })),
    }
}
