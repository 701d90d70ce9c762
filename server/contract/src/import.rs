//! A contract and a twin without traffic: documents become exchanges.
//!
//! A HAR is traffic already, and so is what Postman, WireMock and Hoverfly keep: requests with their answers; access logs have
//! them without bodies. An OpenAPI
//! document is turned into the exchanges it speaks of; they carry the mark [`DECLARED`], so that what the API itself shows
//! soon takes their place.

mod access;
mod cursor;
mod har;
mod hoverfly;
mod openapi;
mod postman;
mod saved;
mod shape;
mod sound;
mod story;
mod wiremock;

use serde_json::Value;

pub use har::Survey;

use crate::{Contract, Exchange};

/// A request header that no client sends: the exchange was made from a document. Its value is the path template.
pub const DECLARED: &str = "x-understudy-declared";
/// After so many real exchanges of an endpoint the twin forgets the declared ones.
const OUTWEIGHED_AFTER: usize = 3;

const FORM: &str = "application/x-www-form-urlencoded";

/// Of a media type without parameters, in lower case.
pub(crate) fn is_json(media_type: &str) -> bool {
    media_type.ends_with("/json") || media_type.ends_with("+json")
}

/// What a document gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// `access log`, `HAR`, `Hoverfly`, `OpenAPI`, `Postman` or `WireMock`.
    pub format: &'static str,
    /// In the order in which they happened; ids count from 0, and nothing is redacted yet. A latency of 0 is unknown.
    pub exchanges: Vec<Exchange>,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

/// Why a document cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    #[error(
        "it is neither an OpenAPI document (openapi 3.x, swagger 2.0), a HAR (log.entries), a Postman collection (info.schema), \
         WireMock mappings (mappings), a Hoverfly simulation (data.pairs) nor an access log (lines with method, path and status)"
    )]
    Unknown,
    #[error("its {field} is {given}: expected {expected}")]
    Version { field: &'static str, given: String, expected: &'static str },
    /// `at` is a JSON Pointer (RFC 6901), behind the number of the line in a log.
    #[error("at {at} it has {given}: expected {expected}")]
    Damaged { at: String, given: String, expected: &'static str },
    #[error("it holds no exchange of an API{}", because(.0))]
    Empty(Vec<String>),
}

fn because(notes: &[String]) -> String {
    if notes.is_empty() { String::new() } else { format!(": {}", notes.join("; ")) }
}

/// Turns a document into exchanges, the last of which happened at `now_ms` if the document does not say when. The same
/// document gives the same exchanges.
pub fn import(document: &Value, now_ms: u64) -> Result<Import, ImportError> {
    let import = if document.pointer("/log/entries").is_some() {
        har::read(document, now_ms)?
    } else if hoverfly::is_one(document) {
        hoverfly::read(document, now_ms)?
    } else if postman::is_one(document) {
        postman::read(document, now_ms)?
    } else if wiremock::is_one(document) {
        wiremock::read(document, now_ms)?
    } else if postman::is_old(document) {
        let (given, expected) = ("a Postman collection v1".to_owned(), "a Postman collection v2.1");
        return Err(ImportError::Version { field: "format", given, expected });
    } else if access::is_one(document) {
        access::read(document, now_ms)?
    } else {
        match (document.get("openapi"), document.get("swagger")) {
            (Some(version), _) => openapi::read(document, now_ms, supported("openapi", version, "3.", "3.x")?)?,
            (_, Some(version)) => openapi::read(document, now_ms, supported("swagger", version, "2.", "2.0")?)?,
            _ => return Err(ImportError::Unknown),
        }
    };
    whole(import)
}

/// The same for a log, which has a document on each line.
pub fn import_lines(text: &str, now_ms: u64) -> Result<Import, ImportError> {
    whole(access::read_lines(text, now_ms)?)
}

fn whole(import: Import) -> Result<Import, ImportError> {
    if import.exchanges.is_empty() { Err(ImportError::Empty(import.notes)) } else { Ok(import) }
}

/// The major version.
fn supported(
    field: &'static str,
    given: &Value,
    start: &str,
    expected: &'static str,
) -> Result<openapi::Version, ImportError> {
    let text = given.as_str().map_or_else(|| given.to_string(), str::to_owned);
    if !text.starts_with(start) {
        return Err(ImportError::Version { field, given: text, expected });
    }
    Ok(if field == "swagger" { openapi::Version::Two } else { openapi::Version::Three })
}

/// The path template of an exchange that was made from a document, segment by segment.
#[must_use]
pub fn declared_template(exchange: &Exchange) -> Option<Vec<String>> {
    let template = exchange.request.headers.get(DECLARED)?;
    let raw = crate::trie::segments(exchange.request.path());
    // A parameter with something beside it in its segment is told by its form alone.
    let plain = |segment: &str| !segment.contains('{') || (segment.starts_with('{') && segment.ends_with('}'));
    let segments = crate::trie::segments(template).zip(raw);
    Some(segments.map(|(own, raw)| if plain(own) { own.to_owned() } else { raw.to_owned() }).collect())
}

/// The exchanges that the twin is mined from: without the declared ones of endpoints that the API itself has shown since.
#[must_use]
pub fn without_outweighed(journal: &crate::twin::Journal, contract: &Contract) -> Option<crate::twin::Journal> {
    let is_declared = |exchange: &Exchange| exchange.request.headers.get(DECLARED).is_some();
    if !journal.exchanges().any(is_declared) {
        return None;
    }
    let endpoint = |exchange: &Exchange| contract.find_request(&exchange.request).map(|hit| hit.endpoint.id.0.clone());
    let mut real = std::collections::HashMap::<_, usize>::new();
    for exchange in journal.exchanges().filter(|exchange| !is_declared(exchange)) {
        *real.entry(endpoint(exchange)).or_default() += 1;
    }
    let stays = |exchange: &&Exchange| {
        !is_declared(exchange) || real.get(&endpoint(exchange)).is_none_or(|count| *count < OUTWEIGHED_AFTER)
    };
    let mut kept = crate::twin::Journal::default();
    journal.exchanges().filter(stays).for_each(|exchange| kept.push(exchange.clone()));
    Some(kept)
}
