//! What was seen of one method on one path.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::hash::hash;
use crate::schema::Schema;
use crate::schema::read::{self, Listener};
use crate::sketch::{Absorb, Bounded, Durations, Span, absorb_map};
use crate::{Body, Exchange, Headers};

/// Media types that are told apart in one place; the client chooses them, so there must be a bound.
const MAX_MEDIA_TYPES: usize = 8;
/// A sample is for reading; larger ones help nobody.
const MAX_SAMPLE_BYTES: usize = 4096;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Operation {
    pub(crate) requests: u64,
    pub(crate) span: Span,
    /// Requests whose path ended in a slash.
    pub(crate) slashes: u64,
    /// Requests that carried credentials, and those among them and without that were answered well.
    pub(crate) authorized: u64,
    /// Requests that were answered below 400: what the next two were learned from.
    pub(crate) accepted: u64,
    pub(crate) query: Schema,
    pub(crate) request: Bounded<Bodies, MAX_MEDIA_TYPES>,
    pub(crate) responses: BTreeMap<u16, Response>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Response {
    pub(crate) count: u64,
    pub(crate) latency: Durations,
    pub(crate) bodies: Bounded<Bodies, MAX_MEDIA_TYPES>,
}

/// Bodies of one media type.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bodies {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
    /// Bodies whose content taught nothing: cut, malformed, or of a media type without a schema.
    pub(crate) unread: u64,
    pub(crate) schema: Schema,
    /// The small body with the smallest hash.
    sample: Option<(u64, String)>,
}

impl Operation {
    pub(crate) fn learn(&mut self, exchange: &Exchange, listener: &mut dyn Listener) {
        let Exchange { request, response, .. } = exchange;
        self.requests += 1;
        self.span.add(exchange.received_at_ms);
        self.slashes += u64::from(request.path().len() > 1 && request.path().ends_with('/'));
        self.authorized += u64::from(request.headers.get("authorization").is_some());
        // What the API refused is no example of what it wants.
        if response.status < 400 {
            self.accepted += 1;
            let query = request.query().unwrap_or_default();
            read::pairs(&mut self.query, form_urlencoded::parse(query.as_bytes()));
            learn_body(&mut self.request, &request.headers, &request.body, &mut ());
        }
        let seen = self.responses.entry(response.status).or_default();
        seen.count += 1;
        seen.latency.add(exchange.latency_us);
        learn_body(&mut seen.bodies, &response.headers, &response.body, listener);
    }

    pub(crate) fn successes(&self) -> impl Iterator<Item = &Response> {
        self.responses.iter().filter(|(status, _)| (200..300).contains(*status)).map(|(_, response)| response)
    }
}

fn learn_body(
    into: &mut Bounded<Bodies, MAX_MEDIA_TYPES>,
    headers: &Headers,
    body: &Body,
    listener: &mut dyn Listener,
) {
    if !body.bytes.is_empty() {
        let media_type = headers.media_type().unwrap_or_else(|| "application/octet-stream".to_owned());
        into.entry(&media_type).learn(&media_type, body, listener);
    }
}

pub(crate) fn is_json(media_type: &str) -> bool {
    media_type.ends_with("/json") || media_type.ends_with("+json")
}

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

impl Bodies {
    fn learn(&mut self, media_type: &str, body: &Body, listener: &mut dyn Listener) {
        self.count += 1;
        self.bytes += body.bytes.len() as u64;
        let read = !body.truncated
            && match media_type {
                _ if is_json(media_type) => read::json(&mut self.schema, &body.bytes, listener),
                FORM => {
                    read::pairs(&mut self.schema, form_urlencoded::parse(&body.bytes));
                    true
                }
                _ => false,
            };
        if read && body.bytes.len() <= MAX_SAMPLE_BYTES {
            self.keep_sample(&body.bytes);
        }
        self.unread += u64::from(!read);
    }

    fn keep_sample(&mut self, bytes: &[u8]) {
        let key = hash(bytes);
        if self.sample.as_ref().is_none_or(|(kept, _)| key < *kept)
            && let Ok(text) = std::str::from_utf8(bytes)
        {
            self.sample = Some((key, text.to_owned()));
        }
    }

    pub(crate) fn sample(&self) -> Option<&str> {
        self.sample.as_ref().map(|(_, text)| text.as_str())
    }
}

impl Absorb for Operation {
    fn absorb(&mut self, other: &Self) {
        self.requests += other.requests;
        self.span.absorb(&other.span);
        self.slashes += other.slashes;
        self.authorized += other.authorized;
        self.accepted += other.accepted;
        self.query.absorb(&other.query);
        self.request.absorb(&other.request);
        absorb_map(&mut self.responses, &other.responses);
    }
}

impl Absorb for Response {
    fn absorb(&mut self, other: &Self) {
        self.count += other.count;
        self.latency.absorb(&other.latency);
        self.bodies.absorb(&other.bodies);
    }
}

impl Absorb for Bodies {
    fn absorb(&mut self, other: &Self) {
        self.count += other.count;
        self.bytes += other.bytes;
        self.unread += other.unread;
        self.schema.absorb(&other.schema);
        if let Some((key, text)) = &other.sample
            && self.sample.as_ref().is_none_or(|(kept, _)| key < kept)
        {
            self.sample = Some((*key, text.clone()));
        }
    }
}
