//! From what the proxy saw to what the contract crate reads.

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode};
use understudy_contract::{Body, Exchange, Headers, Request, Response};

use super::decode;
use super::parcel::{Message, Parcel};
use crate::proxy::body::Captured;

/// Content codings are undone here. What comes out is not redacted yet.
#[must_use]
pub fn exchange(parcel: Parcel) -> Exchange {
    let Parcel { request, response, .. } = parcel;
    let (headers, body) = decoded(request.headers(), request.body);
    let request = Request { method: parcel.method.to_string(), target: parcel.target.into(), headers, body };
    let (headers, body) = decoded(response.headers(), response.body);
    let response = Response { status: parcel.status.as_u16(), headers, body };
    Exchange { id: parcel.id, received_at_ms: parcel.received_at_ms, latency_us: parcel.latency_us, request, response }
}

/// A request for the twin.
#[must_use]
pub fn request(method: &Method, target: &PathAndQuery, fields: &HeaderMap, body: Bytes) -> Request {
    let message = Message::pack(fields, Captured::default());
    let (headers, body) = decoded(message.headers(), Captured::from(body));
    Request { method: method.to_string(), target: target.to_string(), headers, body }
}

/// An exchange that is whole from the start: method, target, fields and body of the request, and what it was answered.
/// Without id and times.
#[must_use]
pub fn whole(
    (method, target, fields, body): (&str, &str, &HeaderMap, Bytes),
    (status, answered, answer): (StatusCode, &HeaderMap, Bytes),
) -> Exchange {
    let side = |fields: &HeaderMap, body: Bytes| {
        decoded(Message::pack(fields, Captured::default()).headers(), Captured::from(body))
    };
    let (headers, body) = side(fields, body);
    let request = Request { method: method.to_owned(), target: target.to_owned(), headers, body };
    let (headers, body) = side(answered, answer);
    let response = Response { status: status.as_u16(), headers, body };
    Exchange { id: 0, received_at_ms: 0, latency_us: 0, request, response }
}

fn decoded(mut headers: Headers, captured: Captured) -> (Headers, Body) {
    let truncated = captured.truncated;
    let mut body = Body { bytes: captured.concat(), truncated };
    if decode::decode(&headers, &mut body) {
        // They speak of the coded form.
        headers.0.retain(|(name, _)| name != "content-encoding" && name != "content-length");
    }
    (headers, body)
}
