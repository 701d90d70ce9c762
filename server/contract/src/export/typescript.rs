//! Types of TypeScript for what is sent and answered.

use serde_json::{Map, Value};

use super::schemas::{Operation, collect};
use super::{Source, comment, literal};

const INDENT: &str = "  ";

pub(super) fn types(source: &Source<'_>) -> String {
    let (shared, operations) = collect(source);
    let mut out = format!("// {}: types of its API, learned by Understudy.\n", comment(source.title));
    for (name, schema) in &shared {
        out.push_str(&format!("\nexport type {} = {};\n", identifier(name), type_of(schema, 0)));
    }
    for operation in &operations {
        out.push_str(&format!("\n{}", interface(operation)));
    }
    out.push_str("\n/** All of them, by method and path template. */\nexport interface Endpoints {\n");
    for operation in &operations {
        out.push_str(&format!("{INDENT}{}: {};\n", literal(&operation.title), identifier(&operation.name)));
    }
    out.push_str("}\n");
    out
}

fn interface(operation: &Operation) -> String {
    let mut out = format!("// {}\nexport interface {} {{\n", comment(&operation.title), identifier(&operation.name));
    if let Some(parameters) = &operation.parameters {
        out.push_str(&format!("{INDENT}parameters: {};\n", type_of(parameters, 1)));
    }
    if let Some((required, schema)) = &operation.request {
        let mark = if *required { "" } else { "?" };
        out.push_str(&format!("{INDENT}request{mark}: {};\n", type_of(schema, 1)));
    }
    out.push_str(&format!("{INDENT}responses: {{\n"));
    for (status, schema) in &operation.responses {
        let answer = schema.as_ref().map_or_else(|| "undefined".to_owned(), |schema| type_of(schema, 2));
        out.push_str(&format!("{INDENT}{INDENT}{status}: {answer};\n"));
    }
    out.push_str(&format!("{INDENT}}};\n}}\n"));
    out
}

/// The type of a schema, as it stands `depth` levels in.
fn type_of(schema: &Value, depth: usize) -> String {
    let Some(schema) = schema.as_object() else { return "unknown".into() };
    if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|to| to.rsplit('/').next()) {
        return identifier(name);
    }
    if let Some(value) = schema.get("const") {
        return constant(value);
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return union(values.iter().map(constant).collect());
    }
    if let Some(kinds) = ["oneOf", "anyOf"].iter().find_map(|key| schema.get(*key)?.as_array()) {
        return union(kinds.iter().map(|kind| type_of(kind, depth)).collect());
    }
    match schema.get("type") {
        Some(Value::Array(words)) => union(words.iter().map(|word| named(word, schema, depth)).collect()),
        Some(word) => named(word, schema, depth),
        None if schema.contains_key("properties") => object(schema, depth),
        None => "unknown".into(),
    }
}

fn named(word: &Value, schema: &Map<String, Value>, depth: usize) -> String {
    match word.as_str() {
        Some("string") => "string".into(),
        Some("integer" | "number") => "number".into(),
        Some("boolean") => "boolean".into(),
        Some("null") => "null".into(),
        Some("array") => array(schema, depth),
        Some("object") => object(schema, depth),
        _ => "unknown".into(),
    }
}

fn array(schema: &Map<String, Value>, depth: usize) -> String {
    let item = || schema.get("items").map_or_else(|| "unknown".to_owned(), |items| type_of(items, depth));
    match schema.get("prefixItems").and_then(Value::as_array) {
        Some(first) => {
            // How many of them there are in one array is not said.
            let kinds = first.iter().map(|one| type_of(one, depth)).chain(schema.get("items").map(|_| item()));
            format!("({})[]", union(kinds.collect()))
        }
        None => format!("({})[]", item()),
    }
}

fn object(schema: &Map<String, Value>, depth: usize) -> String {
    let fields = schema.get("properties").and_then(Value::as_object).filter(|fields| !fields.is_empty());
    let Some(fields) = fields else {
        let value = schema.get("additionalProperties").map_or_else(|| "unknown".into(), |other| type_of(other, depth));
        return format!("{{ [key: string]: {value} }}");
    };
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let (inner, outer) = (INDENT.repeat(depth + 1), INDENT.repeat(depth));
    let mut out = String::from("{\n");
    for (name, field) in fields {
        let mark = if required.contains(&name.as_str()) { "" } else { "?" };
        out.push_str(&format!("{inner}{}{mark}: {};\n", key(name), type_of(field, depth + 1)));
    }
    // A type of its own for the others would have to fit the fields that are named, too.
    if schema.get("additionalProperties").is_some_and(|other| *other != false) {
        out.push_str(&format!("{inner}[key: string]: unknown;\n"));
    }
    out + &outer + "}"
}

fn union(mut kinds: Vec<String>) -> String {
    let mut seen = Vec::new();
    kinds.retain(|kind| {
        !seen.contains(kind) && {
            seen.push(kind.clone());
            true
        }
    });
    if kinds.is_empty() { "unknown".into() } else { kinds.join(" | ") }
}

/// The type of one value: what has parts is told by its kind alone.
fn constant(value: &Value) -> String {
    match value {
        Value::Array(_) => "unknown[]".into(),
        Value::Object(_) => "{ [key: string]: unknown }".into(),
        value => value.to_string(),
    }
}

/// Words that no type may be called.
const RESERVED: [&str; 12] = [
    "any",
    "bigint",
    "boolean",
    "never",
    "null",
    "number",
    "object",
    "string",
    "symbol",
    "undefined",
    "unknown",
    "void",
];

fn identifier(name: &str) -> String {
    let mut out: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).collect();
    if out.starts_with(|c: char| c.is_ascii_digit()) || RESERVED.contains(&out.as_str()) {
        out.insert(0, '_');
    }
    out
}

fn key(name: &str) -> String {
    let is_plain = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$'));
    if is_plain { name.to_owned() } else { literal(name) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(schema: &Value, expected: &str) {
        assert_eq!(type_of(schema, 0), expected);
    }

    #[test]
    fn schemas_are_types() {
        check(&json!({}), "unknown");
        check(&json!({ "type": "integer" }), "number");
        check(&json!({ "type": ["string", "null"] }), "string | null");
        check(&json!({ "enum": ["a", "b\"", null] }), r#""a" | "b\"" | null"#);
        check(&json!({ "$ref": "#/$defs/User" }), "User");
        check(&json!({ "type": "array", "items": { "type": ["string", "null"] } }), "(string | null)[]");
        check(&json!({ "type": "object", "additionalProperties": { "type": "number" } }), "{ [key: string]: number }");
        check(&json!({ "oneOf": [{ "$ref": "#/$defs/A" }, { "$ref": "#/$defs/B" }] }), "A | B");
        let object =
            json!({ "type": "object", "properties": { "id": { "type": "integer" }, "a-b": {} }, "required": ["id"] });
        check(&object, "{\n  id: number;\n  \"a-b\"?: unknown;\n}");
    }

    #[test]
    fn names_stay_within_the_language() {
        assert_eq!(identifier("string"), "_string");
        assert_eq!(identifier("2Go"), "_2Go");
        assert_eq!(key("x; y"), r#""x; y""#);
    }
}
