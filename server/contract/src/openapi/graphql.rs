//! GraphQL operations share a path and a method, and OpenAPI knows one operation there: its bodies are one of theirs.

use serde_json::{Map, Value, json};

/// Adds the operation `name` to what stands at its place: the others of the same path, or nothing.
pub(super) fn join(place: &mut Value, name: &str, mut operation: Value) {
    let evidence = operation.as_object_mut().and_then(|all| all.remove("x-understudy"));
    name_requests(&mut operation, name);
    if place.is_null() {
        *place = operation;
    } else {
        bodies(&mut place["requestBody"], operation["requestBody"].take());
        let Value::Object(responses) = operation["responses"].take() else { return };
        for (status, response) in responses {
            match place["responses"].get_mut(&status) {
                Some(known) => bodies(known, response),
                None => place["responses"][status] = response,
            }
        }
        // What one of them asks for or answers beside its body is not theirs all.
        parameters(place, operation.get("parameters"));
    }
    if let Some(evidence) = evidence {
        place["x-understudy"]["graphql"][name] = evidence;
    }
}

/// Says in the schema of a request which operation it is of, so that it fits no other.
fn name_requests(operation: &mut Value, name: &str) {
    let Some(content) = operation.pointer_mut("/requestBody/content").and_then(Value::as_object_mut) else { return };
    for media in content.values_mut() {
        let Some(schema) = media.get_mut("schema").and_then(Value::as_object_mut) else { continue };
        let is_required = |field: &str| schema["required"].as_array().is_some_and(|all| all.contains(&json!(field)));
        let named = schema.contains_key("required") && is_required("operationName");
        let has_query = schema.get("properties").is_some_and(|all| all.get("query").is_some());
        schema.insert("title".into(), json!(name));
        if named {
            schema["properties"]["operationName"] = json!({ "const": name });
        } else if has_query {
            schema["properties"]["query"]["pattern"] = json!(format!("\\b{name}\\b"));
        }
    }
}

/// Puts the schemas of one message's bodies beside those of another, by media type.
fn bodies(into: &mut Value, from: Value) {
    let Value::Object(mut from) = from else { return };
    if into.is_null() {
        *into = Value::Object(from);
        return;
    }
    let Some(Value::Object(content)) = from.remove("content") else { return };
    if !into["content"].is_object() {
        into["content"] = json!({});
    }
    for (media_type, media) in content {
        let Some(known) = into["content"].get_mut(&media_type) else {
            into["content"][media_type] = media;
            continue;
        };
        let Some(schema) = media.get("schema").cloned() else { continue };
        let is_request = schema.get("title").is_some();
        let word = if is_request { "oneOf" } else { "anyOf" };
        let mut all = match known.get_mut("schema").map(Value::take) {
            Some(Value::Object(mut one)) => match one.remove(word) {
                Some(Value::Array(all)) if one.is_empty() => all,
                Some(all) => {
                    vec![Value::Object(one.into_iter().chain([(word.to_owned(), all)]).collect::<Map<_, _>>())]
                }
                None => vec![Value::Object(one)],
            },
            _ => Vec::new(),
        };
        if !all.contains(&schema) {
            all.push(schema);
        }
        known["schema"] = if all.len() == 1 { all.remove(0) } else { json!({ word: all }) };
    }
}

/// A parameter that not every operation has is optional.
fn parameters(place: &mut Value, other: Option<&Value>) {
    let Some(Value::Array(known)) = place.get_mut("parameters") else { return };
    let theirs = other.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for parameter in known.iter_mut().filter(|parameter| parameter["in"] != "path") {
        let same = |one: &&Value| one["name"] == parameter["name"] && one["in"] == parameter["in"];
        if !theirs.iter().find(same).is_some_and(|one| one["required"] == true) {
            parameter["required"] = json!(false);
        }
    }
}
