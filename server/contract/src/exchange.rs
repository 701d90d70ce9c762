//! One exchange as the learner gets it: redacted, decoded, capped.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// One request with its response, as observed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// Grows with every exchange of a project; the order in which requests arrived.
    pub id: u64,
    /// Unix milliseconds when the request head arrived.
    pub received_at_ms: u64,
    /// From request head to response head, in microseconds.
    pub latency_us: u64,
    pub request: Request,
    pub response: Response,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, Hash)]
pub struct Request {
    /// As sent; methods are case-sensitive (RFC 9110 §9.1).
    pub method: String,
    /// Origin form (RFC 9112 §3.2.1): path and query as sent, percent-encoding untouched.
    pub target: String,
    pub headers: Headers,
    pub body: Body,
}

impl Request {
    /// The path of the target, without the query; percent-encoding untouched.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The query of the target, without the `?`.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Response {
    pub status: u16,
    pub headers: Headers,
    pub body: Body,
}

/// Header fields in the order they came, names in lower case, repeated fields kept apart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, Hash)]
#[serde(transparent)]
pub struct Headers(pub Vec<(String, String)>);

impl Headers {
    /// The first value of a field; `name` in lower case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The media type without its parameters, in lower case: `application/json`.
    #[must_use]
    pub fn media_type(&self) -> Option<String> {
        let value = self.get("content-type")?;
        let essence = value.split(';').next().unwrap_or(value).trim();
        (!essence.is_empty()).then(|| essence.to_ascii_lowercase())
    }
}

/// A body after its content coding was undone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, Hash)]
pub struct Body {
    pub bytes: Bytes,
    /// The capture's cap cut it: its length and content prove nothing.
    pub truncated: bool,
}
