//! Lets the twin answer one request.

use std::borrow::Cow;
use std::sync::PoisonError;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use understudy_contract::{Request, twin};
use understudy_policy::Why;
use understudy_types::Source;

use super::body::Body;
use super::exchange::ExchangeContext;
use super::respond::{self, Refusal};
use crate::handles::Handles;
use crate::learner::convert;
use crate::outbox;

/// The twin refuses nothing for thin evidence: its confidence is told with every answer.
const MIN_CONFIDENCE: f64 = 0.0;

/// The answer and the reason given for it, or why there is none.
pub(super) async fn answer(
    handles: &Handles,
    exchange: &ExchangeContext,
    why: Why,
) -> Result<(Response<Body>, String), Refusal> {
    let body = match &exchange.body {
        Some(tap) => tap.collect().await?,
        None => Bytes::new(),
    };
    let request = redacted(handles, exchange, body.clone());
    let answer = match (ask(handles, &request), why) {
        (Ok(answer), _) => answer,
        // In mock mode an unknown path is the API's to refuse, in its own words. While upstream is only down, the path may
        // exist there, and an honest refusal says so.
        (Err(twin::Refusal::UnknownEndpoint { as_api: Some(answer), .. }), Why::MockMode) => *answer,
        (Err(refusal), Why::MockMode) => return Err(Refusal::Twin(refusal)),
        (Err(refusal), Why::BreakerOpen | Why::Failover(_) | Why::Unwell(_)) => {
            return Err(Refusal::NoStandIn(because(why), refusal));
        }
    };
    let reason = format!("{}; {}", because(why), answer.reason);
    if outbox::concerns(exchange.method.as_str(), why, answer.status) {
        outbox::keep(handles, exchange, &body, &request, &answer, (why, &reason));
    }
    Ok((response(answer, &reason), reason))
}

/// In words, why the twin and not upstream.
fn because(why: Why) -> Cow<'static, str> {
    match why {
        Why::MockMode => "mock mode".into(),
        Why::BreakerOpen => "failover: upstream failed just before".into(),
        Why::Failover(failure) => format!("failover: upstream {}", failure.words()).into(),
        Why::Unwell(status) => format!("failover: upstream answered {status}").into(),
    }
}

fn redacted(handles: &Handles, exchange: &ExchangeContext, body: Bytes) -> Request {
    let mut request = convert::request(&exchange.method, &exchange.target, &exchange.headers, body);
    handles.redactor.request(&mut request);
    request
}

fn ask(handles: &Handles, request: &Request) -> Result<twin::Answer, twin::Refusal> {
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let mint = |nonce: u64| handles.redactor.mint(nonce);
    let context = twin::Context { now_ms, seed: handles.seed, min_confidence: MIN_CONFIDENCE, mint: &mint };
    // The state goes with a behaviour, and both are replaced under this lock.
    let mut state = handles.twin_state.lock().unwrap_or_else(PoisonError::into_inner);
    let snapshot = handles.snapshot.load();
    twin::answer(&snapshot.contract, &snapshot.behaviour, &mut state, request, &context)
}

fn response(answer: twin::Answer, reason: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    for (name, value) in &answer.headers.0 {
        append(headers, name, value);
    }
    respond::label(headers, Source::Twin, reason);
    let confidence = HeaderValue::try_from(format!("{:.2}", answer.confidence)).expect("digits and a dot");
    headers.insert(respond::CONFIDENCE, confidence);
    response
}

/// Framing belongs to the connection, and a field that cannot be sent is left out.
fn append(headers: &mut HeaderMap, name: &str, value: &str) {
    let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else { return };
    if name != header::TRANSFER_ENCODING && name != header::CONTENT_LENGTH && name != header::CONNECTION {
        headers.append(name, value);
    }
}
