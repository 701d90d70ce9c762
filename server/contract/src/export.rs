//! What was learned, in the words of other tools: the contract as types and schemas, the recorded answers as mocks.
//!
//! All of it follows from contract and behaviour alone, in a fixed order and without times: the same knowledge gives the same
//! text, and what differs between two exports is what was learned between them. Redaction was before all of it.

mod hoverfly;
mod k6;
mod mockoon;
mod msw;
mod play;
mod postman;
mod schemas;
mod typescript;
mod wiremock;

use serde_json::Value;

use crate::twin::Behaviour;
use crate::{Contract, hash, openapi};

/// What an export is made from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    pub contract: &'a Contract,
    pub behaviour: &'a Behaviour,
    /// What the API is called.
    pub title: &'a str,
    /// Where the API is, without a slash at the end.
    pub base_url: &'a str,
}

/// A form to export to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// OpenAPI 3.1, as JSON.
    OpenApi,
    /// A Postman collection, format 2.1, with saved responses.
    Postman,
    /// WireMock stub mappings, as `POST /__admin/mappings/import` takes them.
    WireMock,
    /// A Hoverfly simulation, format v5.
    Hoverfly,
    /// A Mockoon environment.
    Mockoon,
    /// Request handlers of Mock Service Worker 2, in TypeScript.
    Msw,
    /// A script of k6 that makes the recorded requests.
    K6,
    /// JSON Schema 2020-12: one definition for each body of each endpoint.
    JsonSchema,
    /// Types of parameters and bodies.
    TypeScript,
}

impl Format {
    pub const ALL: [Self; 9] = [
        Self::OpenApi,
        Self::Postman,
        Self::WireMock,
        Self::Hoverfly,
        Self::Mockoon,
        Self::Msw,
        Self::K6,
        Self::JsonSchema,
        Self::TypeScript,
    ];

    /// The word that people write for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenApi => "openapi",
            Self::Postman => "postman",
            Self::WireMock => "wiremock",
            Self::Hoverfly => "hoverfly",
            Self::Mockoon => "mockoon",
            Self::Msw => "msw",
            Self::K6 => "k6",
            Self::JsonSchema => "json-schema",
            Self::TypeScript => "typescript",
        }
    }

    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Msw | Self::TypeScript => "application/typescript",
            Self::K6 => "text/javascript",
            Self::JsonSchema => "application/schema+json",
            _ => "application/json",
        }
    }

    /// Of a file that holds it, without a dot.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Msw | Self::TypeScript => "ts",
            Self::K6 => "js",
            _ => "json",
        }
    }
}

/// The text of an export.
#[must_use]
pub fn export(source: &Source<'_>, format: Format) -> String {
    match format {
        Format::OpenApi => pretty(&document(source)),
        Format::Postman => pretty(&postman::collection(source)),
        Format::WireMock => pretty(&wiremock::mappings(source)),
        Format::Hoverfly => pretty(&hoverfly::simulation(source)),
        Format::Mockoon => pretty(&mockoon::environment(source)),
        Format::Msw => msw::handlers(source),
        Format::K6 => k6::script(source),
        Format::JsonSchema => pretty(&schemas::document(source)),
        Format::TypeScript => typescript::types(source),
    }
}

fn document(source: &Source<'_>) -> Value {
    let servers = vec![source.base_url.to_owned()];
    openapi::document(source.contract, &openapi::Options { title: source.title.into(), servers, evidence: false })
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// A UUID (RFC 9562 section 5.8, version 8) that says what it stands for: the same parts give the same one.
fn uuid(parts: &[&str]) -> String {
    let all = parts.iter().fold(0, |state, part| hash::combine(state, hash::hash(part.as_bytes())));
    let more = hash::combine(all, 1);
    let (high, low) = (all >> 48, all & 0xffff_ffff);
    let variant = 0x8000 | (more >> 48 & 0x3fff);
    format!("{low:08x}-{high:04x}-8{:03x}-{variant:04x}-{:012x}", all >> 32 & 0xfff, more & 0xffff_ffff_ffff)
}

/// A text as a literal of JavaScript: JSON is one (ECMA-262, since edition 10).
fn literal(text: &str) -> String {
    Value::from(text).to_string()
}

/// A word for an endpoint that a program can use as a name: `GetUsersById`.
fn type_name(method: &str, template: &str) -> String {
    let mut name = openapi::pascal(&method.to_ascii_lowercase());
    let (mut literals, mut parameters) = (String::new(), String::new());
    for segment in template.split('/').filter(|segment| !segment.is_empty()) {
        if segment.contains('{') {
            parameters.extend([if parameters.is_empty() { "By" } else { "And" }, &openapi::pascal(segment)]);
        } else {
            literals.extend([std::mem::take(&mut parameters), openapi::pascal(segment)]);
        }
    }
    name.extend([if literals.is_empty() && parameters.is_empty() { "Root" } else { "" }, &literals, &parameters]);
    name
}

/// Line breaks would end a comment of one line, and the rest be code.
fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_the_path_is() {
        let check = |method, template, expected: &str| assert_eq!(type_name(method, template), expected);
        check("GET", "/users/{id}", "GetUsersById");
        check("GET", "/users/{userId}/posts/{id}", "GetUsersByUserIdPostsById");
        check("POST", "/", "PostRoot");
        check("GET", "/{owner}/{repo}", "GetByOwnerAndRepo");
        check("DELETE", "/v1/pull_requests", "DeleteV1PullRequests");
    }

    #[test]
    fn an_identifier_depends_on_every_part() {
        let one = uuid(&["a", "b"]);
        assert_eq!(one, uuid(&["a", "b"]));
        assert_ne!(one, uuid(&["ab", ""]));
        assert_ne!(one, uuid(&["b", "a"]));
        let groups: Vec<usize> = one.split('-').map(str::len).collect();
        assert_eq!((groups, &one[14..15], &one[19..20] >= "8"), (vec![8, 4, 4, 4, 12], "8", true));
    }
}
