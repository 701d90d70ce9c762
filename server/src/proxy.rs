//! One exchange from first byte to last.
//!
//! [`handle`] reads top to bottom like the exchange itself. What is branchy lies in the modules below it or, when it needs
//! no IO, in `understudy-policy`.

pub mod body;
pub mod exchange;
pub mod headers;
pub mod health;
pub mod respond;
pub mod tunnel;
mod twin;
pub mod upstream;

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::header::HeaderValue;
use http::request::Parts;
use http::uri::{Authority, PathAndQuery};
use http::{Method, Request, Response, StatusCode, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use understudy_policy::{After, Decision, Sent, after_failure, decide, may_resend};
use understudy_types::Source;

use self::body::{Body, Captured, Outgoing, Tap, Tee};
use self::exchange::ExchangeContext;
use self::respond::Refusal;
use self::upstream::UpstreamError;
use crate::handles::Handles;

/// `x-understudy-reason` of what upstream answered.
const FORWARDED: &str = "upstream answered";

/// What a connection tells about every request that comes over it.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The client's address, ready for `X-Forwarded-For`.
    pub forwarded_for: HeaderValue,
}

/// Answers one request of the API.
pub async fn handle(handles: Arc<Handles>, peer: Peer, req: Request<Incoming>) -> Response<Body> {
    // 1. What came, and when.
    let (exchange, hop) = match begin(&handles, req) {
        Ok(begun) => begun,
        Err(refusal) => return refusal.response(),
    };

    // 2. Mode and breaker say who is asked. The snapshot is not held while we wait.
    let (mode, failover) = {
        let snapshot = handles.snapshot.load();
        (snapshot.mode, snapshot.failover)
    };
    let decision =
        decide(mode, failover, handles.health.permit(), || handles.twin_knows(&exchange.method, &exchange.target));

    // 3. Upstream answers, or fails before any of its answer has gone out; then the twin may still stand in.
    let why = match decision {
        Decision::Twin(why) => why,
        Decision::Forward => match forward(&handles, &exchange, &peer, &hop).await {
            Ok(response) => return from_upstream(&handles, exchange, hop, response),
            Err(error) => match after_failure(error.failure, failover) {
                After::Twin(why) => why,
                After::Refuse(_) => return refuse(&handles, exchange, &Refusal::Upstream(error)),
            },
        },
    };

    // 4. The twin answers.
    match twin::answer(&handles, &exchange, why).await {
        Ok((response, reason)) => from_twin(&handles, exchange, response, reason),
        Err(refusal) => refuse(&handles, exchange, &refusal),
    }
}

/// What belongs to this connection and not to the exchange.
struct Hop {
    version: Version,
    authority: Option<Authority>,
    /// The protocol to switch to, and our side of the switch.
    upgrade: Option<(HeaderValue, OnUpgrade)>,
}

fn begin(handles: &Handles, req: Request<Incoming>) -> Result<(ExchangeContext, Hop), Refusal> {
    let (mut parts, incoming) = req.into_parts();
    let target = target(&parts)?;
    let upgrade = headers::upgrade(&parts.headers).zip(parts.extensions.remove::<OnUpgrade>());
    let hop = Hop { version: parts.version, authority: parts.uri.authority().cloned(), upgrade };
    let exchange = ExchangeContext {
        id: handles.next_id(),
        received: Instant::now(),
        received_at_ms: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64),
        method: parts.method,
        target,
        headers: parts.headers,
        body: (!incoming.is_end_stream()).then(|| Tap::new(incoming)),
    };
    Ok((exchange, hop))
}

/// Path and query. A reverse proxy has no use for the other forms of a request target (RFC 9112 §3.2).
fn target(parts: &Parts) -> Result<PathAndQuery, Refusal> {
    if parts.method == Method::CONNECT {
        return Err(Refusal::Connect);
    }
    let target = parts.uri.path_and_query().filter(|target| target.as_str().starts_with('/'));
    target.cloned().ok_or_else(|| Refusal::Target(parts.uri.to_string()))
}

/// Asks upstream, a second time only where [`may_resend`] allows it.
async fn forward(
    handles: &Handles,
    exchange: &ExchangeContext,
    peer: &Peer,
    hop: &Hop,
) -> Result<Response<Incoming>, UpstreamError> {
    let sent = if exchange.body.is_some() { Sent::Body } else { Sent::NoBody };
    let mut resent = false;
    loop {
        let error = match handles.client.send(outgoing(handles, exchange, peer, hop)).await {
            Ok(response) => {
                handles.health.succeeded(exchange.received.elapsed().as_micros() as u64);
                return Ok(response);
            }
            Err(error) => error,
        };
        if !resent && may_resend(exchange.method.as_str(), error.failure, sent) {
            resent = true;
            continue;
        }
        if !error.downstream {
            tracing::debug!(exchange = exchange.id, error = error.causes(), "forward");
            handles.health.failed(error.causes());
        }
        return Err(error);
    }
}

fn outgoing(handles: &Handles, exchange: &ExchangeContext, peer: &Peer, hop: &Hop) -> Request<Outgoing> {
    let body = exchange.body.as_ref().map_or(Outgoing::Empty, |tap| Outgoing::Tapped(Arc::clone(tap)));
    let mut req = Request::new(body);
    *req.method_mut() = exchange.method.clone();
    *req.uri_mut() = handles.target.uri(&exchange.target).unwrap_or_default();
    let mut fields = headers::for_upstream(
        &exchange.headers,
        &handles.target,
        &peer.forwarded_for,
        hop.version,
        hop.authority.as_ref(),
    );
    if let Some((protocol, _)) = &hop.upgrade {
        headers::set_upgrade(&mut fields, protocol.clone());
    }
    *req.headers_mut() = fields;
    req
}

/// Passes upstream's answer on; its body streams, and ends the exchange.
fn from_upstream(
    handles: &Arc<Handles>,
    exchange: ExchangeContext,
    hop: Hop,
    response: Response<Incoming>,
) -> Response<Body> {
    let (mut parts, incoming) = response.into_parts();
    let mut fields = headers::for_downstream(&parts.headers);
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        let protocol = parts.headers.get(http::header::UPGRADE).cloned();
        if let (Some(protocol), Some((_, downstream)), Some(upstream)) =
            (protocol, hop.upgrade, parts.extensions.remove())
        {
            headers::set_upgrade(&mut fields, protocol);
            tunnel::spawn(downstream, upstream);
        }
    }
    respond::label(&mut fields, Source::Upstream, FORWARDED);
    let recording = exchange.answered(handles, parts.status, parts.headers, Source::Upstream, FORWARDED);
    let mut response = Response::new(Body::Upstream(Box::new(Tee::new(incoming, recording))));
    *response.status_mut() = parts.status;
    *response.headers_mut() = fields;
    response
}

fn from_twin(
    handles: &Arc<Handles>,
    exchange: ExchangeContext,
    response: Response<Body>,
    reason: String,
) -> Response<Body> {
    finish(handles, exchange, &response, Source::Twin, reason);
    response
}

fn refuse(handles: &Arc<Handles>, exchange: ExchangeContext, refusal: &Refusal) -> Response<Body> {
    let response = refusal.response();
    finish(handles, exchange, &response, Source::None, refusal.to_string());
    response
}

/// Our own answers are whole from the start.
fn finish(
    handles: &Arc<Handles>,
    exchange: ExchangeContext,
    response: &Response<Body>,
    source: Source,
    reason: String,
) {
    let bytes = response.body().size_hint().exact().unwrap_or_default();
    let recording = exchange.answered(handles, response.status(), response.headers().clone(), source, reason);
    recording.finish(Captured::default(), bytes);
}
