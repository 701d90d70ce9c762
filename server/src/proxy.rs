//! One exchange from first byte to last.
//!
//! [`handle`] reads top to bottom like the exchange itself. What is branchy lies in the modules below it or, when it needs
//! no IO, in `understudy-policy`.

pub mod body;
pub mod capture;
pub mod chaos;
mod choice;
pub mod exchange;
pub mod headers;
pub mod health;
pub mod overhear;
pub mod patience;
mod plugins;
pub mod probe;
pub mod respond;
pub mod tunnel;
mod twin;
pub mod upstream;

use std::future::{self, Future};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::header::HeaderValue;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use hyper::upgrade::OnUpgrade;
use understudy_policy::{
    After, Decision, Failure, Permit, Sent, after_answer, after_failure, decide, is_unwell, may_resend,
};
use understudy_types::Source;

use self::body::{Body, Outgoing, Tap, Tee};
use self::choice::Choice;
use self::exchange::ExchangeContext;
use self::headers::{Called, Came, Peer};
use self::health::Health;
use self::overhear::Events;
use self::respond::Refusal;
use self::upstream::{Answer, Over, Upstream, UpstreamError};
use crate::handles::Handles;

/// `x-understudy-reason` of what upstream answered.
const FORWARDED: &str = "upstream answered";

/// What a request is answered while it is under way: in a box as large as the way that it takes. A connection keeps room for it as
/// long as it lasts, and nothing is asked most of that time.
pub type Answering = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// Answers one request of the API. `lane` is the number of the thread, which has connections to upstream of its own.
pub fn handle(handles: Arc<Handles>, lane: usize, peer: Arc<Peer>, req: Request<Incoming>) -> Answering {
    // 1. What came, and when.
    let (exchange, hop) = match begin(&handles, lane, &peer, req) {
        Ok(begun) => begun,
        Err(refusal) => return Box::pin(future::ready(refusal.response())),
    };

    // 2. It may fail on purpose.
    if handles.chaos.is_on() {
        return Box::pin(chaos::handle(handles, peer, exchange, hop));
    }
    Box::pin(go_on(handles, peer, exchange, hop))
}

/// Answers what was not made to fail.
async fn go_on(handles: Arc<Handles>, peer: Arc<Peer>, exchange: ExchangeContext, hop: Hop) -> Response<Body> {
    // 3. Plugins may make it fail, answer it, or change its answer.
    if handles.plugins.is_on_the_way() {
        return Box::pin(plugins::handle(handles, peer, exchange, hop)).await;
    }
    answer(handles, peer, exchange, hop).await
}

/// Answers what plugins leave to us.
async fn answer(handles: Arc<Handles>, peer: Arc<Peer>, exchange: ExchangeContext, hop: Hop) -> Response<Body> {
    // 4. Mode, people, the client itself and the breaker say who is asked. The snapshot is not held while we wait.
    let choice = match Choice::make(&handles.snapshot.load(), &exchange) {
        Ok(choice) => choice,
        Err(refusal) => return refuse(&handles, exchange, &refusal),
    };
    let failover = choice.failover;
    let permit = hop.upstream.health.permit();
    let knows = || handles.twin_knows(&exchange.method, &exchange.target);
    let decision = decide(choice.mode, failover, permit, knows);

    // 5. Upstream answers, or fails before any of its answer has gone out; then the twin may still stand in.
    let (why, instead_of) = match decision {
        Decision::Twin(why) => (why, None),
        Decision::Forward => match forward(&handles, &exchange, &peer, &hop, permit).await {
            Ok(response) => match after_answer(response.status().as_u16(), handles.config.unwell, failover, knows) {
                Some(why) => (why, Some(response)),
                None => return choice.applied_upstream(from_upstream(&handles, exchange, hop, response)),
            },
            Err(error) => {
                if let Some(fault) = exchange.body.as_ref().and_then(|tap| tap.fault()) {
                    return refuse(&handles, exchange, &Refusal::Body(fault));
                }
                match after_failure(error.failure, failover) {
                    After::Twin(why) => (why, None),
                    After::Refuse(_) => return refuse(&handles, exchange, &Refusal::Upstream(error)),
                }
            }
        },
    };

    // 6. The twin answers. Where it cannot, an answer of upstream's is better than none.
    match (twin::answer(&handles, &exchange, &choice, why).await, instead_of) {
        (Ok((mut response, reason)), _) => {
            headers::rewrite(response.headers_mut(), &handles.config.fields, &hop.upstream.target, &hop.called);
            from_twin(&handles, exchange, response, reason)
        }
        (Err(_), Some(response)) => choice.applied_upstream(from_upstream(&handles, exchange, hop, response)),
        (Err(refusal), None) => refuse(&handles, exchange, &refusal),
    }
}

/// What belongs to this connection and not to the exchange.
struct Hop {
    /// The same from the head of the request to the end, whatever people decide meanwhile.
    upstream: Arc<Upstream>,
    lane: usize,
    version: Version,
    called: Called,
    /// The protocol to switch to, and our side of the switch.
    upgrade: Option<(HeaderValue, OnUpgrade)>,
}

fn begin(
    handles: &Handles,
    lane: usize,
    peer: &Peer,
    req: Request<Incoming>,
) -> Result<(ExchangeContext, Hop), Refusal> {
    let (mut parts, incoming) = req.into_parts();
    let target = target(&parts)?;
    let upgrade = headers::upgrade(&parts.headers).zip(parts.extensions.remove::<OnUpgrade>());
    let host = headers::called_host(&parts.headers, parts.uri.authority());
    let called = Called { is_https: peer.is_https, host };
    let hop = Hop { upstream: handles.upstream.load_full(), lane, version: parts.version, called, upgrade };
    let exchange = ExchangeContext {
        id: handles.next_id(),
        received: Instant::now(),
        received_at_ms: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64),
        method: parts.method,
        target,
        headers: parts.headers,
        body: (!incoming.is_end_stream())
            .then(|| Tap::new(incoming, &handles.budget, handles.config.limits.body_timeout)),
        collected: None,
        held: None,
        fault: None,
    };
    Ok((exchange, hop))
}

/// Path and query. A reverse proxy has no use for the other forms of a request target (RFC 9112 §3.2).
fn target(parts: &Parts) -> Result<PathAndQuery, Refusal> {
    if parts.method == Method::CONNECT {
        return Err(Refusal::Connect);
    }
    let asks_whole_server = |target: &PathAndQuery| target == "*" && parts.method == Method::OPTIONS;
    let target = parts.uri.path_and_query();
    let target = target.filter(|target| target.as_str().starts_with('/') || asks_whole_server(target));
    target.cloned().ok_or_else(|| Refusal::Target(parts.uri.to_string()))
}

/// Asks upstream, a second time only where [`may_resend`] allows it.
async fn forward(
    handles: &Handles,
    exchange: &ExchangeContext,
    peer: &Peer,
    hop: &Hop,
    permit: Permit,
) -> Result<Response<Answer>, UpstreamError> {
    let mut over = Over::Any;
    let pending = Pending { health: &hop.upstream.health, permit };
    loop {
        let req = outgoing(handles, exchange, peer, hop);
        let error = match send(handles, exchange, hop.upstream.lane(hop.lane).send(req, over), permit).await {
            Ok(response) => {
                pending.answered(exchange.received.elapsed().as_micros() as u64, response.status());
                return Ok(response);
            }
            Err(error) => error,
        };
        let has_begun = exchange.body.as_ref().is_some_and(|tap| tap.has_begun());
        let sent = if has_begun { Sent::Body } else { Sent::NoBody };
        if over == Over::Any && may_resend(exchange.method.as_str(), error.failure, sent, error.line) {
            over = Over::New;
            continue;
        }
        if !error.downstream {
            tracing::debug!(exchange = exchange.id, error = error.causes(), "forward");
            pending.failed(error.causes());
        }
        return Err(error);
    }
}

/// A request that is upstream. A probe whose client goes away must not keep others from trying.
struct Pending<'a> {
    health: &'a Health,
    permit: Permit,
}

impl Pending<'_> {
    fn answered(mut self, latency_us: u64, status: StatusCode) {
        self.permit = Permit::Yes;
        if is_unwell(status.as_u16()) {
            self.health.unwell(latency_us, status.as_u16());
        } else {
            self.health.succeeded(latency_us);
        }
    }

    fn failed(mut self, causes: String) {
        self.permit = Permit::Yes;
        self.health.failed(causes);
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if self.permit == Permit::Probe {
            self.health.abandoned();
        }
    }
}

/// Lets a request be sent and waits for the head of the answer, as long as the endpoint's own latency makes that reasonable.
async fn send(
    handles: &Handles,
    exchange: &ExchangeContext,
    sending: impl Future<Output = Result<Response<Answer>, UpstreamError>>,
    permit: Permit,
) -> Result<Response<Answer>, UpstreamError> {
    tokio::pin!(sending);
    let began = Instant::now();
    // No deadline is shorter than the floor, and few answers take as long: only then the endpoint is looked up.
    let mut deadline = None;
    let mut until = began + handles.config.deadlines.floor;
    loop {
        if let Ok(answer) = tokio::time::timeout_at(until.into(), &mut sending).await {
            return answer;
        }
        let now = Instant::now();
        let deadline = *deadline.get_or_insert_with(|| patience(handles, exchange, permit));
        // While the client still sends its body, upstream cannot be blamed for silence.
        let silent_since = exchange.body.as_ref().map_or(Some(began), |tap| tap.sent()).unwrap_or(now);
        until = silent_since.max(began) + deadline;
        if until <= now {
            return Err(UpstreamError::of(Failure::HeadTimeout));
        }
    }
}

/// A breaker that is open lets a request through only because the twin cannot answer it: that must not take long. Without
/// failover nobody is helped by giving up early.
fn patience(handles: &Handles, exchange: &ExchangeContext, permit: Permit) -> Duration {
    if !handles.snapshot.load().failover {
        return handles.config.deadlines.ceiling;
    }
    match permit {
        Permit::No => handles.config.deadlines.floor,
        Permit::Yes | Permit::Probe => handles.deadline(&exchange.method, &exchange.target),
    }
}

fn outgoing(handles: &Handles, exchange: &ExchangeContext, peer: &Peer, hop: &Hop) -> Request<Outgoing> {
    let body = match (&exchange.collected, &exchange.body) {
        (Some(bytes), _) => Outgoing::Whole(Some(bytes.clone())),
        (None, Some(tap)) => Outgoing::Tapped(Arc::clone(tap)),
        (None, None) => Outgoing::Empty,
    };
    let mut req = Request::new(body);
    *req.method_mut() = exchange.method.clone();
    *req.uri_mut() = hop.upstream.target.uri(&exchange.target).unwrap_or_default();
    let came = Came {
        peer,
        version: hop.version,
        method: &exchange.method,
        host: hop.called.host.as_ref(),
        needs_own_name: hop.upstream.client.speaks_http2(),
    };
    let mut fields = headers::for_upstream(&exchange.headers, &hop.upstream.target, &handles.config.fields, &came);
    if let Some((protocol, _)) = &hop.upgrade {
        headers::set_upgrade(&mut fields, protocol.clone());
    }
    *req.headers_mut() = fields;
    if let Some(tap) = &exchange.body
        && exchange
            .headers
            .get(http::header::EXPECT)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
    {
        tap.hold();
        let tap = Arc::clone(tap);
        hyper::ext::on_informational(&mut req, move |interim| {
            if interim.status() == StatusCode::CONTINUE {
                tap.proceed();
            }
        });
    }
    req
}

/// Passes upstream's answer on; its body streams, and ends the exchange.
fn from_upstream(
    handles: &Arc<Handles>,
    exchange: ExchangeContext,
    hop: Hop,
    response: Response<Answer>,
) -> Response<Body> {
    let (mut parts, incoming) = response.into_parts();
    let mut fields = headers::for_downstream(&parts.headers, &hop.upstream.target, &handles.config.fields, &hop.called);
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        let protocol = parts.headers.get(http::header::UPGRADE).cloned();
        let is_websocket = protocol.as_ref().is_some_and(|name| name.as_bytes().eq_ignore_ascii_case(b"websocket"));
        if let (Some(protocol), Some((_, downstream)), Some(upstream)) =
            (protocol, hop.upgrade, parts.extensions.remove())
        {
            headers::set_upgrade(&mut fields, protocol);
            tunnel::spawn(handles, exchange.id, is_websocket, (downstream, upstream));
        }
    }
    respond::label_static(&mut fields, Source::Upstream, FORWARDED);
    let events = is_event_stream(&parts.headers).then(|| Events::new(handles, exchange.id));
    let recording = exchange.answered(handles, parts.status, parts.headers, Source::Upstream, FORWARDED);
    let mut response = Response::new(Body::Upstream(Box::new(Tee::new(
        incoming,
        (recording, events),
        handles.config.upstream.idle_timeout,
    ))));
    *response.status_mut() = parts.status;
    *response.headers_mut() = fields;
    if let Some(phrase) = parts.extensions.remove::<ReasonPhrase>() {
        response.extensions_mut().insert(phrase);
    }
    response
}

/// Events that can be read as they pass.
fn is_event_stream(fields: &HeaderMap) -> bool {
    let media_type = fields.get(http::header::CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let media_type = media_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    media_type.eq_ignore_ascii_case(b"text/event-stream") && !fields.contains_key(http::header::CONTENT_ENCODING)
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
    recording.finish(response.body().shown(), bytes);
}
