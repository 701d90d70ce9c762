//! Ends without the answer that there would have been.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use understudy_policy::chaos::Abort;
use understudy_policy::{Mode, Preferences, Why};
use understudy_types::Source;

use super::{Captured, Cut, Mark, NO_ANSWER};
use crate::handles::Handles;
use crate::proxy::body::Body;
use crate::proxy::choice::Choice;
use crate::proxy::exchange::ExchangeContext;
use crate::proxy::headers::Peer;
use crate::proxy::{finish, respond, twin};

/// Says which preferences were met; this one was none.
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// An error in the API's place.
pub(super) async fn abort(
    handles: &Arc<Handles>,
    exchange: ExchangeContext,
    abort: &Abort,
    mark: &Mark,
) -> Response<Body> {
    let mut response = match &abort.body {
        Some(body) => given(body, abort.content_type.as_deref()),
        None => own(handles, &exchange, abort.status).await,
    };
    *response.status_mut() = StatusCode::from_u16(abort.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(seconds) = abort.retry_after_seconds {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response.headers_mut().remove(respond::REASON);
    mark.label(&mut response);
    finish(handles, exchange, &response, Source::Fault, String::new());
    response
}

fn given(body: &str, content_type: Option<&str>) -> Response<Body> {
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(body).is_ok();
    let usual = if is_json { "application/json" } else { "text/plain; charset=utf-8" };
    let mut response = Response::new(Body::from(Bytes::copy_from_slice(body.as_bytes())));
    if let Ok(value) = HeaderValue::try_from(content_type.unwrap_or(usual)) {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response
}

/// As the API itself answers with this status: the twin knows.
async fn own(handles: &Handles, exchange: &ExchangeContext, status: u16) -> Response<Body> {
    let preferences = Preferences { status: Some(status), ..Preferences::default() };
    let choice = Choice { mode: Mode::Mock, preferences, ..Choice::default() };
    match twin::answer(handles, exchange, &choice, Why::MockMode).await {
        Ok((mut response, _)) => {
            for name in [respond::CONFIDENCE, PREFERENCE_APPLIED] {
                response.headers_mut().remove(name);
            }
            response
        }
        // The body of the request could not be read; the client is about to be told of an error anyway.
        Err(_) => given("{\"error\":\"on purpose\"}", None),
    }
}

/// Ends the connection. An HTTP/2 stream ends alone: the others on its connection are no part of this.
pub(super) fn without_answer(
    handles: &Arc<Handles>,
    exchange: ExchangeContext,
    peer: &Peer,
    by_reset: bool,
) -> Response<Body> {
    if by_reset {
        peer.end_with_reset();
    }
    record(handles, exchange, NO_ANSWER, "the connection was ended");
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(Cut);
    response
}

/// What was answered before.
pub(super) fn stale(
    handles: &Arc<Handles>,
    exchange: ExchangeContext,
    (headers, body): (HeaderMap, Bytes),
) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.headers_mut() = headers;
    finish(handles, exchange, &response, Source::Fault, "answered as before".into());
    response
}

/// An exchange of which the client saw no answer.
pub(super) fn record(handles: &Arc<Handles>, exchange: ExchangeContext, status: u16, reason: &'static str) {
    let status = StatusCode::from_u16(status).unwrap_or_default();
    let recording = exchange.answered(handles, status, HeaderMap::new(), Source::Fault, reason);
    recording.finish(Captured::default(), 0);
}
