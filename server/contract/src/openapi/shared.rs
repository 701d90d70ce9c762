//! Schemas with a name: those that nest in themselves, and those that stand in several places.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::names;

/// Objects with fewer fields are alike by chance.
const MIN_FIELDS: usize = 3;

/// Moves what is shared out of the paths; what it gives belongs under `components/schemas`.
pub(super) fn share(paths: &mut Map<String, Value>) -> Map<String, Value> {
    let mut components = Components::default();
    each_body(paths, &mut |name, schema| components.fold(name, schema));
    each_body(paths, &mut |name, schema| components.count(name, schema));
    let folded = std::mem::take(&mut components.named);
    components.name_all(&folded);
    each_body(paths, &mut |_, schema| components.hoist(schema));
    components.named.extend(folded);
    components.name_kinds(paths);
    components.named.into_iter().collect()
}

/// Calls `f` for every schema of a body, with the name of what it is about.
fn each_body(paths: &mut Map<String, Value>, f: &mut impl FnMut(&str, &mut Value)) {
    for (template, item) in paths {
        let literal = template.rsplit('/').find(|segment| !segment.is_empty() && !segment.contains('{'));
        let name = singular(literal.unwrap_or("root"));
        for operation in item.as_object_mut().into_iter().flat_map(|item| item.values_mut()) {
            let Some(operation) = operation.as_object_mut() else { continue };
            for (key, part) in operation {
                match key.as_str() {
                    "requestBody" => media(part).for_each(|schema| f(&name, schema)),
                    "responses" => each_response(part, &name, f),
                    _ => {}
                }
            }
        }
    }
}

fn each_response(responses: &mut Value, name: &str, f: &mut impl FnMut(&str, &mut Value)) {
    for (status, response) in responses.as_object_mut().into_iter().flatten() {
        let name = if status.starts_with(['4', '5']) { "error" } else { name };
        media(response).for_each(|schema| f(name, schema));
    }
}

fn media(message: &mut Value) -> impl Iterator<Item = &mut Value> {
    let content = message.get_mut("content").and_then(Value::as_object_mut);
    content.into_iter().flat_map(|content| content.values_mut()).filter_map(|media| media.get_mut("schema"))
}

#[derive(Default)]
struct Components {
    /// By the text of a schema: in how many places it stands, and under which names.
    seen: BTreeMap<String, (usize, BTreeMap<String, usize>)>,
    names: BTreeMap<String, String>,
    named: BTreeMap<String, Value>,
}

impl Components {
    fn count(&mut self, name: &str, schema: &Value) {
        if let Some(core) = core(schema) {
            let (count, names) = self.seen.entry(core.to_string()).or_default();
            *count += 1;
            *names.entry(pascal(name)).or_default() += 1;
        }
        for (key, child) in children(schema) {
            self.count(&below(name, key), child);
        }
    }

    /// Chooses the names; the most frequent suggestion wins, and a number tells those apart that want the same one.
    fn name_all(&mut self, taken: &BTreeMap<String, Value>) {
        let mut wanted: Vec<(String, String)> = Vec::new();
        for (text, (count, names)) in std::mem::take(&mut self.seen) {
            if count > 1 {
                let best = names.into_iter().max_by_key(|(name, count)| (*count, std::cmp::Reverse(name.clone())));
                wanted.extend(best.map(|(name, _)| (name, text)));
            }
        }
        wanted.sort();
        let mut used: BTreeSet<String> = taken.keys().cloned().collect();
        for (name, text) in wanted {
            let free = free(&name, &used);
            used.insert(free.clone());
            self.names.insert(text, free);
        }
    }

    /// Replaces what has a name by a reference, and remembers it under that name.
    fn hoist(&mut self, schema: &mut Value) {
        let name = core(schema).and_then(|core| self.names.get(&core.to_string())).cloned();
        let nullable = name.is_some() && schema["type"].is_array();
        for child in children_mut(schema) {
            self.hoist(child);
        }
        if let Some(name) = name {
            let reference = reference(&name);
            let mut body = std::mem::replace(schema, Value::Null);
            *schema = if nullable { json!({ "anyOf": [reference, { "type": "null" }] }) } else { reference };
            body["type"] = json!("object");
            self.named.insert(name, body);
        }
    }

    /// Gives names to kinds that a tag tells apart: a mapping leads to named schemas only (OpenAPI 3.1, section 4.8.25).
    fn name_kinds(&mut self, paths: &mut Map<String, Value>) {
        each_body(paths, &mut |_, schema| self.name_kinds_of(schema));
        let mut looked_at = BTreeSet::new();
        while let Some(name) = self.named.keys().find(|name| !looked_at.contains(*name)).cloned() {
            let mut schema = self.named[&name].clone();
            self.name_kinds_of(&mut schema);
            self.named.insert(name.clone(), schema);
            looked_at.insert(name);
        }
    }

    fn name_kinds_of(&mut self, schema: &mut Value) {
        for child in children_mut(schema) {
            self.name_kinds_of(child);
        }
        let Some(tag) = schema.pointer("/discriminator/propertyName").and_then(Value::as_str).map(str::to_owned) else {
            return;
        };
        let mut mapping = Map::new();
        for kind in schema["oneOf"].as_array_mut().into_iter().flatten() {
            let name = kind["$ref"].as_str().and_then(|to| to.rsplit('/').next()).map(str::to_owned);
            let body = name.as_ref().and_then(|name| self.named.get(name)).unwrap_or(kind).clone();
            let Some(value) = body["properties"][&tag]["enum"][0].as_str().map(str::to_owned) else { continue };
            let name = name.unwrap_or_else(|| {
                let wanted = pascal(&value);
                let same = self.named.get(&wanted) == Some(&body);
                if same { wanted } else { free(&wanted, &self.named.keys().cloned().collect()) }
            });
            *kind = reference(&name);
            mapping.insert(value, kind["$ref"].clone());
            self.named.insert(name, body);
        }
        schema["discriminator"]["mapping"] = Value::Object(mapping);
    }

    /// Finds objects that hold objects of their own kind under a name that these use for the same, and makes one named
    /// schema of all levels.
    fn fold(&mut self, name: &str, schema: &mut Value) {
        if let Some(key) = own_kind(schema) {
            let (mut merged, mut wrapper) = unroll(schema, &key);
            let inner = pascal(name);
            let taken: BTreeSet<String> = self
                .named
                .iter()
                .filter(|(_, known)| !alike(known, &merged, &key))
                .map(|(name, _)| name.clone())
                .collect();
            let inner = free(&inner, &taken);
            fill(&mut wrapper, &reference(&inner));
            merged["properties"][&key] = wrapper;
            if let Some(known) = self.named.remove(&inner) {
                merged = merge(known, merged);
            }
            let nullable = schema["type"].is_array();
            let reference = reference(&inner);
            *schema = if nullable { json!({ "anyOf": [reference, { "type": "null" }] }) } else { reference };
            merged["type"] = json!("object");
            self.named.insert(inner, merged);
            return;
        }
        let keys: Vec<String> = children(schema).map(|(key, _)| below(name, key)).collect();
        for (key, child) in keys.iter().zip(children_mut(schema)) {
            self.fold(key, child);
        }
    }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn free(name: &str, used: &BTreeSet<String>) -> String {
    let numbered = (2..).map(|n| format!("{name}{n}"));
    std::iter::once(name.to_owned()).chain(numbered).find(|name| !used.contains(name)).unwrap_or_default()
}

/// A record with enough fields to be told from others, without its null.
fn core(schema: &Value) -> Option<Value> {
    let fields = schema.get("properties")?.as_object()?;
    let object = match &schema["type"] {
        Value::String(word) => word == "object",
        Value::Array(words) => words.len() == 2 && words.contains(&json!("object")) && words.contains(&json!("null")),
        _ => false,
    };
    (object && fields.len() >= MIN_FIELDS).then(|| {
        let mut core = schema.clone();
        core["type"] = json!("object");
        core
    })
}

/// The key under which an object holds its own kind, itself or in an array.
fn own_kind(schema: &Value) -> Option<String> {
    let fields = core(schema)?["properties"].as_object()?.clone();
    let kin = fields.into_iter().find(|(key, value)| {
        let inner = if value["items"].is_object() { &value["items"] } else { value };
        alike(schema, inner, key)
    });
    kin.map(|(key, _)| key)
}

/// Whether two records have nearly the same fields, apart from one.
fn alike(one: &Value, other: &Value, without: &str) -> bool {
    let names = |schema: &Value| -> BTreeSet<String> {
        let fields = schema.get("properties").and_then(Value::as_object);
        fields.into_iter().flat_map(|fields| fields.keys()).filter(|name| *name != without).cloned().collect()
    };
    let (one, other) = (names(one), names(other));
    let both = one.intersection(&other).count();
    both >= MIN_FIELDS && both * 5 >= one.union(&other).count() * 4
}

/// All levels of an object in one, without the field that leads to the next level, and what stands in that field with a
/// hole for the object.
fn unroll(schema: &Value, key: &str) -> (Value, Value) {
    let mut level = schema.clone();
    let fields = level["properties"].as_object_mut().and_then(|fields| fields.remove(key));
    let Some(mut wrapper) = fields else { return (level, Value::Null) };
    let hole = if wrapper["items"].is_object() { &mut wrapper["items"] } else { &mut wrapper };
    if !alike(schema, hole, key) {
        return (level, wrapper);
    }
    let inner = hole.take();
    if wrapper.is_null() && inner["type"].is_array() {
        wrapper = json!({ "anyOf": [null, { "type": "null" }] });
    }
    let (below, deeper) = unroll(&inner, key);
    // At some level there may be none, and null in its place.
    if wrapper["type"] != deeper["type"] && !wrapper["type"].is_null() && !deeper["type"].is_null() {
        wrapper["type"] = types(&wrapper["type"], &deeper["type"]);
    }
    (merge(level, below), wrapper)
}

fn fill(wrapper: &mut Value, with: &Value) {
    match wrapper {
        Value::Null => *wrapper = with.clone(),
        Value::Object(fields) => {
            if let Some(hole) = fields.get_mut("items") {
                *hole = with.clone();
            } else if let Some(kinds) = fields.get_mut("anyOf") {
                kinds[0] = with.clone();
            }
        }
        _ => {}
    }
}

/// A schema that accepts what either accepts.
fn merge(one: Value, other: Value) -> Value {
    if one == other {
        return one;
    }
    let (Value::Object(one), Value::Object(mut other)) = (one, other) else { return json!({}) };
    // An empty schema accepts all; a reference stands for itself only.
    if one.is_empty() || other.is_empty() || one.contains_key("$ref") != other.contains_key("$ref") {
        return json!({});
    }
    let mut out = Map::new();
    for (key, mine) in one {
        let theirs = other.remove(&key);
        match (key.as_str(), theirs) {
            ("type", Some(theirs)) => drop(out.insert(key, types(&mine, &theirs))),
            ("properties", Some(theirs)) => drop(out.insert(key, properties(mine, theirs))),
            ("properties", None) => drop(out.insert(key, mine)),
            ("items", None) | ("additionalProperties", None) => drop(out.insert(key, mine)),
            ("items" | "additionalProperties", Some(theirs)) => drop(out.insert(key, merge(mine, theirs))),
            ("required" | "enum", Some(theirs)) => {
                let (mine, theirs) = (list(mine), list(theirs));
                let kept: Vec<Value> = if key == "required" {
                    mine.into_iter().filter(|item| theirs.contains(item)).collect()
                } else {
                    let new: Vec<Value> = theirs.into_iter().filter(|item| !mine.contains(item)).collect();
                    mine.into_iter().chain(new).collect()
                };
                if !kept.is_empty() {
                    out.insert(key, Value::Array(kept));
                }
            }
            (_, Some(theirs)) if theirs == mine => drop(out.insert(key, mine)),
            _ => {}
        }
    }
    let open = ["properties", "items", "additionalProperties"];
    out.extend(other.into_iter().filter(|(key, _)| open.contains(&key.as_str())));
    Value::Object(out)
}

fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        one => vec![one],
    }
}

fn types(one: &Value, other: &Value) -> Value {
    let mut all: Vec<Value> = list(one.clone());
    all.extend(list(other.clone()).into_iter().filter(|word| !list(one.clone()).contains(word)));
    if all.contains(&json!("number")) {
        all.retain(|word| word != "integer");
    }
    if all.len() == 1 { all.remove(0) } else { Value::Array(all) }
}

fn properties(one: Value, other: Value) -> Value {
    let (Value::Object(mut one), Value::Object(other)) = (one, other) else { return json!({}) };
    for (name, theirs) in other {
        let merged = match one.remove(&name) {
            Some(mine) => merge(mine, theirs),
            None => theirs,
        };
        one.insert(name, merged);
    }
    one.sort_keys();
    Value::Object(one)
}

/// The schemas inside a schema, with the key that names each.
fn children(schema: &Value) -> impl Iterator<Item = (Option<&str>, &Value)> {
    let fields = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let fields = fields.map(|(key, child)| (Some(key.as_str()), child));
    let single =
        ["items", "additionalProperties"].into_iter().filter_map(|key| schema.get(key)).map(|child| (None, child));
    let lists = ["oneOf", "anyOf"].into_iter().filter_map(|key| schema.get(key)?.as_array()).flatten();
    fields.chain(single).chain(lists.map(|child| (None, child)))
}

/// The same, in the same order.
fn children_mut(schema: &mut Value) -> Vec<&mut Value> {
    let (mut fields, mut single, mut lists) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    for (key, value) in schema.as_object_mut().into_iter().flatten() {
        match (key.as_str(), value) {
            ("properties", Value::Object(all)) => fields.extend(all.values_mut()),
            ("items", value) => drop(single.insert(0, value)),
            ("additionalProperties", value) => drop(single.insert(1, value)),
            ("oneOf", Value::Array(all)) => drop(lists.insert(0, all)),
            ("anyOf", Value::Array(all)) => drop(lists.insert(1, all)),
            _ => {}
        }
    }
    fields.extend(single.into_values());
    fields.extend(lists.into_values().flatten());
    fields
}

fn below(name: &str, key: Option<&str>) -> String {
    key.map_or_else(|| singular(name), singular)
}

fn singular(name: &str) -> String {
    names::singular(name.split('.').next().unwrap_or(name))
}

/// `pull_request` and `pull-request` as `PullRequest`; only what a component's name may hold (OpenAPI 3.1, section 4.8.7).
pub(crate) fn pascal(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut out = String::new();
    for word in words {
        let (first, rest) = word.split_at(1);
        out.extend([&first.to_ascii_uppercase(), rest]);
    }
    if out.is_empty() { "Schema".into() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(schema: Value) -> Value {
        json!({ "responses": { "200": { "content": { "application/json": { "schema": schema } } } } })
    }

    fn paths(of: &[(&str, Value)]) -> Map<String, Value> {
        of.iter().map(|(path, schema)| ((*path).to_owned(), json!({ "get": body(schema.clone()) }))).collect()
    }

    fn record(names: &[&str]) -> Value {
        let fields: Map<String, Value> =
            names.iter().map(|name| ((*name).to_owned(), json!({ "type": "string" }))).collect();
        json!({ "type": "object", "properties": fields, "required": names })
    }

    #[test]
    fn what_stands_twice_gets_the_name_of_its_resource() {
        let user = record(&["id", "login", "name"]);
        let mut nullable = user.clone();
        nullable["type"] = json!(["object", "null"]);
        let mut paths = paths(&[
            ("/users", json!({ "type": "array", "items": user })),
            ("/users/{id}", user.clone()),
            ("/posts/{id}", json!({ "type": "object", "properties": { "author": nullable } })),
        ]);
        let components = share(&mut paths);
        assert_eq!(Value::Object(components), json!({ "User": user }));
        let reference = json!({ "$ref": "#/components/schemas/User" });
        let schema =
            |path: &str| paths[path]["get"]["responses"]["200"]["content"]["application/json"]["schema"].clone();
        assert_eq!(schema("/users")["items"], reference);
        assert_eq!(schema("/posts/{id}")["properties"]["author"], json!({ "anyOf": [reference, { "type": "null" }] }));
    }

    #[test]
    fn what_holds_its_own_kind_refers_to_itself() {
        let mut comment = record(&["id", "text", "author"]);
        for depth in 0..3 {
            let mut above = record(&["id", "text", "author"]);
            above["properties"]["replies"] = json!({ "type": "array", "items": comment });
            if depth == 2 {
                above["required"] = json!(["id", "text", "author", "replies"]);
            }
            comment = above;
        }
        let mut paths = paths(&[("/comments", json!({ "type": "array", "items": comment }))]);
        let components = share(&mut paths);
        let reference = json!({ "$ref": "#/components/schemas/Comment" });
        let comment = &components["Comment"];
        assert_eq!(comment["properties"]["replies"], json!({ "type": "array", "items": reference }));
        assert_eq!(comment["required"], json!(["id", "text", "author"]));
        let schema = &paths["/comments"]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        assert_eq!(schema, &json!({ "type": "array", "items": reference }));
    }
}
