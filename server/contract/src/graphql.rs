//! Which operation a GraphQL request asks for (GraphQL over HTTP, section 5.4): many stand behind one path and method, and
//! each has a contract of its own.

use apollo_parser::Parser;
use apollo_parser::cst::{CstNode, Definition, OperationDefinition, Selection};
use serde::Deserialize;

use crate::Request;

/// Deeper documents are no client's.
const MAX_DEPTH: usize = 128;
/// Longer documents are learned as plain JSON.
const MAX_TOKENS: usize = 20_000;
/// Longer names are cut.
const MAX_NAME: usize = 64;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    query: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default, rename = "operationName")]
    operation_name: Option<std::borrow::Cow<'a, str>>,
    #[serde(default)]
    extensions: Option<Extensions>,
}

#[derive(Deserialize)]
struct Extensions {
    #[serde(default, rename = "persistedQuery")]
    persisted_query: Option<serde::de::IgnoredAny>,
}

/// The name of the operation that a request asks for: the one it names, else the only one of its document, else the first
/// field of an anonymous one. `None` when the request is none of GraphQL's.
pub(crate) fn operation(request: &Request) -> Option<String> {
    if request.method != "POST" || request.body.truncated {
        return None;
    }
    let bytes = request.body.bytes.as_ref();
    let name = match request.headers.media_type()?.as_str() {
        "application/graphql" => named(std::str::from_utf8(bytes).ok()?),
        kind if kind.ends_with("/json") || kind.ends_with("+json") => in_envelope(bytes),
        _ => None,
    }?;
    Some(name.chars().take(MAX_NAME).collect())
}

fn in_envelope(bytes: &[u8]) -> Option<String> {
    // Most bodies are no requests of this kind: they cost one look for a key.
    let key: &[u8] = br#""query""#;
    let other: &[u8] = br#""persistedQuery""#;
    if !bytes.windows(key.len()).any(|window| window == key) && !bytes.windows(other.len()).any(|w| w == other) {
        return None;
    }
    let envelope: Envelope<'_> = serde_json::from_slice(bytes).ok()?;
    let chosen = envelope.operation_name.filter(|name| is_name(name)).map(|name| name.into_owned());
    match envelope.query {
        // A document sent for the first time, or every time. Any text may be called a query: it must be one.
        Some(query) => named(&query).map(|found| chosen.unwrap_or(found)),
        None => chosen.filter(|_| envelope.extensions.is_some_and(|e| e.persisted_query.is_some())),
    }
}

/// The name of the first operation of a document.
fn named(document: &str) -> Option<String> {
    let opens = ["{", "query", "mutation", "subscription", "fragment", "#"];
    if !opens.iter().any(|word| document.trim_start().starts_with(word)) {
        return None;
    }
    let tree = Parser::new(document).recursion_limit(MAX_DEPTH).token_limit(MAX_TOKENS).parse();
    if tree.errors().next().is_some() {
        return None;
    }
    let mut operations = tree.document().definitions().filter_map(|definition| match definition {
        Definition::OperationDefinition(operation) => Some(operation),
        _ => None,
    });
    let first = operations.next()?;
    first.name().map(|name| name.text().to_string()).or_else(|| first_field(&first))
}

fn first_field(operation: &OperationDefinition) -> Option<String> {
    let selections = operation.selection_set()?.selections();
    let mut fields = selections.filter_map(|selection| match selection {
        Selection::Field(field) => field.name().map(|name| name.text().to_string()),
        other => Some(other.source_string()),
    });
    fields.next()
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Body, Headers};

    #[test]
    fn names_of_operations() {
        let check = |media_type: &str, body: &str, expected: Option<&str>| {
            let request = Request {
                method: "POST".into(),
                target: "/graphql".into(),
                headers: Headers(vec![("content-type".into(), media_type.into())]),
                body: Body { bytes: body.to_owned().into(), truncated: false },
            };
            assert_eq!(operation(&request).as_deref(), expected, "{body}");
        };
        let json = |body: &str, expected: Option<&str>| check("application/json", body, expected);
        json(r#"{"query":"query Users { users { id } }"}"#, Some("Users"));
        json(r#"{"query":"mutation Add($n: Int!) { add(n: $n) { id } }","variables":{"n":1}}"#, Some("Add"));
        json(r#"{"query":"query A { a } query B { b }","operationName":"B"}"#, Some("B"));
        json(r#"{"query":"{ users(first: 2) { id } }"}"#, Some("users"));
        json(r##"{"query":"# all of them\nquery Q { users { ...F } } fragment F on User { id }"}"##, Some("Q"));
        json(r#"{"operationName":"Me","extensions":{"persistedQuery":{"version":1,"sha256Hash":"ab"}}}"#, Some("Me"));
        check("application/graphql", "subscription S { news }", Some("S"));
        json(r#"{"query":"query letters from Bern"}"#, None);
        json(r#"{"query":"shoes"}"#, None);
        json(r#"{"query":{"match_all":{}}}"#, None);
        json(r#"{"operationName":"Me"}"#, None);
        json(r#"{"a":1}"#, None);
        let deep = format!(r#"{{"query":"{}"}}"#, "{a".repeat(100_000));
        json(&deep, None);
    }
}
