//! The schemas of an OpenAPI document without references, as plain JSON Schema, and values that fit them.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::twin::Generator;

/// Deeper parts, and parts past so many nodes, are left out where they are optional and empty where they are not.
const MAX_DEPTH: u32 = 6;
const MAX_NODES: u32 = 300;
/// References that lead to references.
const MAX_HOPS: u32 = 16;
/// What passes from a schema into its plain form as it is.
const KEPT: [&str; 8] = ["enum", "format", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"];

/// Which way a body goes: `readOnly` members are not sent, `writeOnly` ones not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Sent,
    Shown,
}

/// The document, for its references.
#[derive(Debug, Clone, Copy)]
pub(super) struct Document<'d>(pub(super) &'d Value);

impl<'d> Document<'d> {
    /// What a value refers to within the document, or the value itself.
    pub(super) fn resolve(self, value: &'d Value) -> &'d Value {
        let mut value = value;
        for _ in 0..MAX_HOPS {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else { break };
            let Some(target) = self.target(reference) else { break };
            value = target;
        }
        value
    }

    /// What a reference within the document leads to. It is a fragment of a URI (RFC 6901 section 6).
    pub(super) fn target(self, reference: &str) -> Option<&'d Value> {
        let pointer = percent_decode_str(reference.strip_prefix('#')?).decode_utf8().ok()?;
        self.0.pointer(&pointer)
    }

    /// A schema as plain JSON Schema with `type`, `properties`, `required`, `items`; with the document's own value, where
    /// it gives one, as `example`.
    pub(super) fn plain(self, schema: &'d Value, way: Way) -> Value {
        self.at_depth(schema, way, 0, &mut MAX_NODES.clone())
    }

    fn at_depth(self, schema: &'d Value, way: Way, depth: u32, nodes: &mut u32) -> Value {
        let schema = self.resolve(schema);
        *nodes = nodes.saturating_sub(1);
        let mut out = Map::new();
        // A schema that is made of itself has no end of its own.
        let has_room = *nodes > 0;
        let parts = schema.get("allOf").and_then(Value::as_array).filter(|_| has_room).into_iter().flatten();
        for part in parts {
            combine(&mut out, self.at_depth(part, way, depth, nodes));
        }
        let choice = ["oneOf", "anyOf"].into_iter().find_map(|word| schema.get(word)?.as_array()).filter(|_| has_room);
        let is_null = |variant: &&Value| self.resolve(variant).get("type").is_some_and(|kind| kind == "null");
        if let Some(first) = choice.and_then(|variants| variants.iter().find(|variant| !is_null(variant))) {
            combine(&mut out, self.at_depth(first, way, depth, nodes));
        }
        let own = self.own(schema, way, depth, nodes);
        combine(&mut out, own);
        Value::Object(out)
    }

    fn own(self, schema: &'d Value, way: Way, depth: u32, nodes: &mut u32) -> Value {
        let mut out: Map<String, Value> =
            KEPT.iter().filter_map(|name| Some(((*name).to_owned(), schema.get(*name)?.clone()))).collect();
        if let Some(kind) = kind(schema) {
            out.insert("type".into(), kind.into());
        }
        let first = schema.get("examples").and_then(|examples| examples.get(0));
        let told = schema.get("const").or_else(|| schema.get("example")).or(first).or_else(|| schema.get("default"));
        if let Some(example) = told.filter(|example| !example.is_null()) {
            out.insert("example".into(), example.clone());
        }
        let ends = depth >= MAX_DEPTH || *nodes == 0;
        if let Some(members) = schema.get("properties").and_then(Value::as_object).filter(|_| !ends) {
            let hidden = match way {
                Way::Sent => "readOnly",
                Way::Shown => "writeOnly",
            };
            let visible = members.iter().filter(|(_, member)| self.resolve(member).get(hidden) != Some(&json!(true)));
            let plain = visible.map(|(name, member)| (name.clone(), self.at_depth(member, way, depth + 1, nodes)));
            out.insert("properties".into(), Value::Object(plain.collect()));
        }
        if let Some(items) = schema.get("items").filter(|items| items.is_object() && !ends) {
            out.insert("items".into(), self.at_depth(items, way, depth + 1, nodes));
        }
        if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object() && !ends) {
            out.insert("additionalProperties".into(), self.at_depth(values, way, depth + 1, nodes));
        }
        if let Some(required) = schema.get("required").filter(|required| required.is_array()) {
            out.insert("required".into(), required.clone());
        }
        Value::Object(out)
    }
}

/// The first type that is not `null`, or what the other words say.
fn kind(schema: &Value) -> Option<&str> {
    match schema.get("type") {
        Some(Value::String(kind)) => Some(kind),
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        _ if schema.get("properties").is_some() || schema.get("additionalProperties").is_some() => Some("object"),
        _ if schema.get("items").is_some() => Some("array"),
        _ => schema.get("enum").and_then(|values| values.get(0)).and_then(|value| value.as_str().map(|_| "string")),
    }
}

/// Adds what another part of the same schema says.
fn combine(into: &mut Map<String, Value>, part: Value) {
    let Value::Object(part) = part else { return };
    for (word, value) in part {
        match (into.get_mut(&word), value) {
            (Some(Value::Object(own)), Value::Object(more)) if word == "properties" => own.extend(more),
            (Some(Value::Array(own)), Value::Array(more)) if word == "required" => own.extend(more),
            (_, value) => drop(into.insert(word, value)),
        }
    }
}

/// A value that fits a plain schema, with all its optional members. `told` takes the document's examples where it has them.
pub(super) fn make(generator: &mut Generator<'_>, schema: &Value, name: &str, told: bool) -> Value {
    let fits = |example: &&Value| schema.get("type").is_none_or(|kind| kind_fits(kind, example));
    if let Some(example) = schema.get("example").filter(|_| told).filter(fits) {
        return example.clone();
    }
    if let Some(members) = schema.get("properties").and_then(Value::as_object) {
        let made = members.iter().map(|(name, member)| (name.clone(), make(generator, member, name, told)));
        return Value::Object(made.collect());
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("array") => {
            let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(1).clamp(1, 5);
            let items = schema.get("items").into_iter().cycle().take(least as usize);
            items.map(|item| make(generator, item, name, told)).collect()
        }
        Some("object") => match schema.get("additionalProperties") {
            Some(values) => json!({ "first": make(generator, values, name, told) }),
            None => json!({}),
        },
        _ => generator.value(schema, name),
    }
}

fn kind_fits(kind: &Value, value: &Value) -> bool {
    match kind.as_str() {
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => true,
    }
}
