//! Exchanges read for mining: matched to endpoints, bodies parsed, credentials found.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::Journal;
use crate::{Body, Contract, Exchange, Headers, Request};

/// A request as the twin reads it, recorded or live.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: String,
    pub(super) path: String,
    /// Path parameters in order, percent-decoded.
    pub(super) params: Vec<String>,
    /// Query parameters in order, decoded.
    pub(super) query: Vec<(String, String)>,
    pub(super) credential: Option<String>,
    pub(super) sent: Sent,
    pub(super) headers: Headers,
    pub(super) at_ms: u64,
}

/// What a request body turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Sent {
    Nothing,
    Value(Value),
    /// Declared as JSON, and is not.
    Malformed,
    /// Neither JSON nor a form.
    Opaque,
}

impl Sent {
    pub(super) fn value(&self) -> Option<&Value> {
        match self {
            Self::Value(value) => Some(value),
            _ => None,
        }
    }
}

impl Call {
    pub(super) fn read(request: &Request, params: Vec<String>, at_ms: u64) -> Self {
        Self {
            method: request.method.clone(),
            path: request.path().to_owned(),
            params,
            query: request.query().map(query_pairs).unwrap_or_default(),
            credential: credential(&request.headers),
            sent: read_sent(&request.headers, &request.body),
            headers: request.headers.clone(),
            at_ms,
        }
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// One recorded exchange.
#[derive(Debug)]
pub(super) struct Seen {
    /// Index into [`Trace::endpoints`].
    pub(super) endpoint: usize,
    pub(super) call: Call,
    pub(super) status: u16,
    pub(super) reply: Option<Value>,
    pub(super) headers: Headers,
    pub(super) raw: bytes::Bytes,
}

impl Seen {
    pub(super) fn ok(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// An endpoint as the twin knows it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) id: String,
    pub(super) method: String,
    pub(super) template: String,
    /// Literal segments; `None` is a parameter.
    pub(super) segments: Vec<Option<String>>,
}

impl Place {
    pub(super) fn ends_in_parameter(&self) -> bool {
        self.segments.last().is_some_and(Option::is_none)
    }

    /// Whether `self` is the collection that `item` is in: `/posts` and `/posts/{id}`.
    pub(super) fn is_parent_of(&self, item: &Self) -> bool {
        item.segments.len() == self.segments.len() + 1 && item.segments.starts_with(&self.segments)
    }
}

/// All recorded exchanges that belong to a known endpoint, oldest first.
#[derive(Debug, Default)]
pub(super) struct Trace {
    pub(super) endpoints: Vec<Place>,
    pub(super) seen: Vec<Seen>,
}

impl Trace {
    pub(super) fn read(journal: &Journal, contract: &Contract) -> Self {
        let mut trace = Self::default();
        let mut index = HashMap::new();
        for exchange in journal.exchanges() {
            let Some(hit) = contract.find(&exchange.request.method, exchange.request.path()) else { continue };
            let endpoint = *index.entry(hit.endpoint.id.0.clone()).or_insert_with(|| {
                trace.endpoints.push(place(hit.endpoint));
                trace.endpoints.len() - 1
            });
            let params = hit.parameters.iter().map(|(_, value)| value.clone().into_owned()).collect();
            trace.seen.push(seen(exchange, endpoint, params));
        }
        trace
    }

    pub(super) fn of(&self, endpoint: usize) -> impl Iterator<Item = (usize, &Seen)> {
        self.seen.iter().enumerate().filter(move |(_, seen)| seen.endpoint == endpoint)
    }
}

fn place(endpoint: &crate::Endpoint) -> Place {
    let segments = endpoint
        .template
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| (!segment.contains('{')).then(|| segment.to_owned()))
        .collect();
    Place { id: endpoint.id.0.clone(), method: endpoint.method.clone(), template: endpoint.template.clone(), segments }
}

pub(super) fn seen(exchange: &Exchange, endpoint: usize, params: Vec<String>) -> Seen {
    let body = &exchange.response.body;
    Seen {
        endpoint,
        call: Call::read(&exchange.request, params, exchange.received_at_ms),
        status: exchange.response.status,
        reply: (!body.truncated).then(|| serde_json::from_slice(&body.bytes).ok()).flatten(),
        headers: exchange.response.headers.clone(),
        raw: body.bytes.clone(),
    }
}

/// The credential of a request (RFC 9110 §11.4): what follows the scheme in `Authorization`, else a header that is an API
/// key by its name, else the cookies.
fn credential(headers: &Headers) -> Option<String> {
    if let Some(value) = headers.get("authorization") {
        return Some(value.split_once(' ').map_or(value, |(_, rest)| rest.trim()).to_owned());
    }
    let is_key = |name: &str| name.contains("api-key") || name.contains("apikey") || name.ends_with("-token");
    let key = headers.0.iter().find(|(name, _)| is_key(name)).map(|(_, value)| value.clone());
    key.or_else(|| headers.get("cookie").map(|cookie| cookie.split_once('=').map_or(cookie, |(_, v)| v).to_owned()))
}

fn read_sent(headers: &Headers, body: &Body) -> Sent {
    if body.bytes.is_empty() {
        return Sent::Nothing;
    }
    if body.truncated {
        return Sent::Opaque;
    }
    let media_type = headers.media_type().unwrap_or_default();
    if media_type == "application/x-www-form-urlencoded" {
        return std::str::from_utf8(&body.bytes).map_or(Sent::Opaque, |text| Sent::Value(form(text)));
    }
    match serde_json::from_slice(&body.bytes) {
        Ok(value) => Sent::Value(value),
        Err(_) if media_type.contains("json") => Sent::Malformed,
        Err(_) => Sent::Opaque,
    }
}

fn form(text: &str) -> Value {
    Value::Object(query_pairs(text).into_iter().map(|(name, value)| (name, Value::from(value))).collect::<Map<_, _>>())
}

pub(super) fn query_pairs(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}
