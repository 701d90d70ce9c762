//! Lets the twin answer one request.

use std::borrow::Cow;
use std::sync::PoisonError;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde_json::Value;
use understudy_contract::twin::{self, Granted, Wish};
use understudy_contract::{Contract, Headers, Request};
use understudy_plugin_host::Hook;
use understudy_policy::{Preferences, Wanted, Why};
use understudy_types::{Latency, LatencyMode, PinnedAnswer, Source};

use super::body::Body;
use super::choice::Choice;
use super::exchange::ExchangeContext;
use super::respond::{self, Refusal};
use crate::handles::Handles;
use crate::learner::convert;
use crate::{outbox, plugins};

/// The answer and the reason given for it, or why there is none.
pub(super) async fn answer(
    handles: &Handles,
    exchange: &ExchangeContext,
    choice: &Choice,
    why: Why,
) -> Result<(Response<Body>, String), Refusal> {
    let body = match &exchange.body {
        Some(tap) => tap.collect().await?,
        None => Bytes::new(),
    };
    let because = choice.because.filter(|_| why == Why::MockMode).map_or_else(|| because(why), Cow::Borrowed);
    let request = redacted(handles, exchange, body.clone());
    let granted = match (ask(handles, &request, choice), why) {
        (Ok(granted), _) => granted,
        // In mock mode an unknown path is the API's to refuse, in its own words. While upstream is only down, the path may
        // exist there, and an honest refusal says so.
        (Err(twin::Refusal::UnknownEndpoint { as_api: Some(answer), .. }), Why::MockMode) => {
            Granted { answer: *answer, status: false, example: false }
        }
        (Err(refusal), Why::MockMode) => return Err(Refusal::Twin(refusal)),
        (Err(refusal), _) => return Err(Refusal::NoStandIn(because, refusal)),
    };
    let reason = format!("{because}; {}", granted.answer.reason);
    if outbox::concerns(exchange.method.as_str(), why, granted.answer.status) {
        outbox::keep(handles, exchange, &body, &request, &granted.answer, (why, &reason));
    }
    wait(handles, exchange, granted.answer.status, choice.overridden.as_ref().and_then(|own| own.latency_ms)).await;
    let met = met(&choice.preferences, &granted);
    let mut response = response(granted.answer, &reason);
    Choice::applied(response.headers_mut(), &met);
    Ok((response, reason))
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

/// The preferences that this answer meets.
fn met(wished: &Preferences, granted: &Granted) -> Preferences {
    Preferences {
        status: wished.status.filter(|_| granted.status),
        source: wished.source.filter(|source| *source == Wanted::Twin),
        no_fault: wished.no_fault,
        example: wished.example.clone().filter(|_| granted.example),
    }
}

fn redacted(handles: &Handles, exchange: &ExchangeContext, body: Bytes) -> Request {
    let mut request = convert::request(&exchange.method, &exchange.target, &exchange.headers, body);
    handles.redactor.request(&mut request);
    request
}

fn ask(handles: &Handles, request: &Request, choice: &Choice) -> Result<Granted, twin::Refusal> {
    let overridden = choice.overridden.as_ref();
    // What the client asks for itself comes before what a person pinned.
    let wish = Wish {
        status: choice.preferences.status,
        example: choice.preferences.example.clone().or_else(|| overridden?.example.clone()),
    };
    let asked = choice.preferences.status.is_some() || choice.preferences.example.is_some();
    if let Some(pinned) = overridden.and_then(|own| own.answer.as_ref()).filter(|_| !asked) {
        return Ok(Granted { answer: pinned_answer(pinned), status: false, example: false });
    }
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let mint = |nonce: u64, like: &str| handles.redactor.mint(nonce, like);
    let plugins = handles.plugins.current();
    let make = |wanted: &twin::Wanted<'_>| plugins::generate(&plugins, wanted);
    let make: Option<twin::Make<'_>> = if plugins.has(Hook::Generator) { Some(&make) } else { None };
    let mut granted = {
        // The state goes with a behaviour, and both are replaced under this lock.
        let mut state = handles.twin_state.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = handles.snapshot.load();
        let settings = &snapshot.twin.settings;
        let seed = settings.seed.unwrap_or(handles.seed);
        let context = twin::Context { now_ms, seed, min_confidence: settings.min_confidence, mint: &mint, make };
        twin::answer_as(&snapshot.contract, &snapshot.behaviour, &mut state, request, &context, &wish)?
    };
    if !matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS") {
        handles.twin_changed();
    }
    if let Some(patch) = overridden.and_then(|own| own.patch.as_ref()) {
        edit(&mut granted.answer, patch);
    }
    Ok(granted)
}

fn pinned_answer(pinned: &PinnedAnswer) -> twin::Answer {
    let mut headers: Vec<(String, String)> =
        pinned.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
    let (kind, body) = match &pinned.body {
        Value::Null => (None, Bytes::new()),
        Value::String(text) => (Some("text/plain; charset=utf-8"), Bytes::from(text.clone())),
        value => (Some("application/json"), Bytes::from(value.to_string())),
    };
    if let Some(kind) = kind.filter(|_| headers.iter().all(|(name, _)| name != "content-type")) {
        headers.push(("content-type".into(), kind.into()));
    }
    let reason = "pinned by a person".to_owned();
    twin::Answer { status: pinned.status, headers: Headers(headers), body, confidence: 1.0, reason }
}

/// A good answer in JSON, as a person changed it.
fn edit(answer: &mut twin::Answer, patch: &Value) {
    if !(200..300).contains(&answer.status) {
        return;
    }
    let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) else { return };
    twin::merge_patch(&mut body, patch);
    answer.body = Bytes::from(body.to_string());
    // It was made over another content.
    answer.headers.0.retain(|(name, _)| name != "etag");
    answer.reason.push_str("; edited by a person");
}

/// Waits as long as the API would have taken, what has passed already taken off.
async fn wait(handles: &Handles, exchange: &ExchangeContext, status: u16, said_ms: Option<u64>) {
    let pause = if let Some(ms) = said_ms {
        Duration::from_millis(ms)
    } else {
        let snapshot = handles.snapshot.load();
        let settings = &snapshot.twin.settings;
        if settings.latency.mode == LatencyMode::Off {
            return;
        }
        let draw = draw(settings.seed.unwrap_or(handles.seed), exchange.id);
        pause(&settings.latency, &snapshot.contract, exchange, status, draw)
    };
    tokio::time::sleep(pause.saturating_sub(exchange.received.elapsed())).await;
}

/// 0 to 1; the same for the same seed and exchange.
fn draw(seed: u64, exchange: u64) -> f64 {
    draw_bits(seed, exchange) as f64 / u64::MAX as f64
}

pub(super) fn draw_bits(seed: u64, exchange: u64) -> u64 {
    let hash = blake3::hash(&[seed.to_le_bytes(), exchange.to_le_bytes()].concat());
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("a hash has more than eight bytes"))
}

fn pause(latency: &Latency, contract: &Contract, exchange: &ExchangeContext, status: u16, draw: f64) -> Duration {
    let micros = match latency.mode {
        LatencyMode::Off => 0.0,
        LatencyMode::FixedMs => latency.fixed_ms as f64 * 1000.0,
        LatencyMode::Learned => {
            let found = contract.find(exchange.method.as_str(), exchange.target.path());
            found.and_then(|found| found.endpoint.latency_us(status, draw)).unwrap_or(0.0)
        }
    };
    Duration::from_micros((micros * latency.factor) as u64)
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
pub(super) fn append(headers: &mut HeaderMap, name: &str, value: &str) {
    let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else { return };
    if name != header::TRANSFER_ENCODING && name != header::CONTENT_LENGTH && name != header::CONNECTION {
        headers.append(name, value);
    }
}
