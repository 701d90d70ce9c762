//! From what the proxy saw to what the contract crate reads.

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method};
use understudy_contract::{Body, Exchange, Headers, Request, Response};

use super::decode;
use crate::proxy::body::Captured;
use crate::proxy::exchange::Observed;

/// Content codings are undone here. What comes out is not redacted yet.
#[must_use]
pub fn exchange(observed: Observed) -> Exchange {
    let (headers, body) = message(&observed.request_headers, observed.request_body);
    let request = Request { method: observed.method.to_string(), target: observed.target.to_string(), headers, body };
    let (headers, body) = message(&observed.response_headers, observed.response_body);
    let response = Response { status: observed.status.as_u16(), headers, body };
    Exchange {
        id: observed.id,
        received_at_ms: observed.received_at_ms,
        latency_us: observed.latency_us,
        request,
        response,
    }
}

/// A request for the twin.
#[must_use]
pub fn request(method: &Method, target: &PathAndQuery, fields: &HeaderMap, body: Bytes) -> Request {
    let (headers, body) = message(fields, Captured::from(body));
    Request { method: method.to_string(), target: target.to_string(), headers, body }
}

fn message(fields: &HeaderMap, captured: Captured) -> (Headers, Body) {
    let mut headers = headers(fields);
    let truncated = captured.truncated;
    let mut body = Body { bytes: captured.concat(), truncated };
    if decode::decode(&headers, &mut body) {
        // They speak of the coded form.
        headers.0.retain(|(name, _)| name != "content-encoding" && name != "content-length");
    }
    (headers, body)
}

/// Bytes beyond ASCII are read as Latin-1, as RFC 9110 §5.5 leaves them to be.
fn headers(fields: &HeaderMap) -> Headers {
    let text = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    };
    Headers(fields.iter().map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect())
}
