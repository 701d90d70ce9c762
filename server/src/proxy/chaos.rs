//! What goes wrong on purpose with one exchange.
//!
//! Only while chaos is on does a request come here. What is decided lies in [`understudy_policy::chaos`]; this carries it out,
//! in the order in which a client would meet it: a wait, an end without an answer, and then an answer that is not what it was.

mod damage;
mod ends;
mod slow;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};
use http_body::Body as _;
use understudy_policy::Mode;
use understudy_policy::chaos::{Asked, AskedError, End, Fault, FaultId, Met, Plan, Side};
use understudy_types::Source;

use super::body::{Body, Captured};
use super::choice::{self, Choice};
use super::exchange::ExchangeContext;
use super::headers::Peer;
use super::plugins::gather;
use super::respond::{self, Refusal};
use super::{Hop, go_on, refuse};
use crate::chaos::Chaos;
use crate::handles::Handles;

pub use self::slow::Faulted;

/// What one request asks for itself, where that is switched on.
const ASKED: HeaderName = HeaderName::from_static("x-understudy-fault");
/// In the traffic list, for a request that the client gave up, and for one whose connection we ended: no client ever sees
/// them. Web servers use the same two in their logs.
const GIVEN_UP: u16 = 499;
const NO_ANSWER: u16 = 444;
/// Answers that are longer are not kept for a stale one.
const KEPT_MAX_BYTES: usize = 256 << 10;

/// Ends the connection in an answer's place.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the connection ends, on purpose")]
pub struct Cut;

/// What the record of an exchange says of its faults.
#[derive(Debug)]
pub struct Mark {
    /// Ids of faults and of the rules that they came from, as they stand in header fields.
    pub ids: String,
    pub rules: String,
    pub kinds: Vec<&'static str>,
    /// The client gets nothing that it could use.
    pub failed: bool,
    pub retry_after_seconds: Option<u64>,
    given_up: AtomicBool,
}

impl Mark {
    fn of(plan: &Plan) -> Arc<Self> {
        let list = |texts: &mut dyn Iterator<Item = String>| texts.collect::<Vec<_>>().join(", ");
        let retry_after_seconds = match &plan.end {
            Some(End::Abort(abort)) => abort.retry_after_seconds,
            _ => None,
        };
        Arc::new(Self {
            ids: list(&mut plan.hits.iter().map(|hit| hit.id.to_string())),
            rules: list(&mut plan.hits.iter().map(|hit| hit.id.rule.to_string())),
            kinds: plan.kinds().collect(),
            failed: plan.fails(),
            retry_after_seconds,
            given_up: AtomicBool::new(false),
        })
    }

    /// The client ended the wait itself.
    #[must_use]
    pub fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    /// With what would have been said without the fault.
    #[must_use]
    pub fn reason(&self, else_reason: &str) -> String {
        let kinds = self.kinds.join(" + ");
        let then = if else_reason.is_empty() { String::new() } else { format!("; {else_reason}") };
        format!("{kinds} by rule {}{then}", self.rules)
    }

    fn label(&self, response: &mut Response<Body>) {
        let headers = response.headers_mut();
        let said = headers.get(respond::REASON).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let reason = self.reason(said);
        respond::label(headers, Source::Fault, &reason);
        for (name, text) in [(respond::FAULT, &self.ids), (respond::FAULT_RULE, &self.rules)] {
            if let Ok(value) = HeaderValue::try_from(text.as_str()) {
                headers.insert(name, value);
            }
        }
    }
}

/// Answers a request while chaos is on.
pub(super) async fn handle(
    handles: Arc<Handles>,
    peer: Arc<Peer>,
    mut exchange: ExchangeContext,
    hop: Hop,
) -> Response<Body> {
    // 1. What goes wrong, if anything does.
    let mut plan = match plan(&handles, &peer, &mut exchange) {
        Ok(Some(plan)) => Box::new(plan),
        Ok(None) => return Box::pin(as_ever(handles, peer, exchange, hop)).await,
        Err(refusal) => return refuse(&handles, exchange, &refusal),
    };
    let kept = if plan.stale { handles.chaos.kept.get(handles.chaos.kept.key(&exchange)) } else { None };
    if kept.is_none() {
        plan.forget_stale();
    }
    if plan.is_empty() {
        return Box::pin(as_ever(handles, peer, exchange, hop)).await;
    }
    let mark = Mark::of(&plan);
    exchange.fault = Some(Arc::clone(&mark));

    // 2. A wait, which the client may end. Nothing else is at hand meanwhile: many may wait.
    let pause = pause(&handles, &exchange, &plan);
    let hangs = plan.end == Some(End::Hang);
    if hangs {
        log(&exchange, &mark);
    }
    if hangs || !pause.is_zero() {
        let mut waiting = Waiting { handles: Arc::clone(&handles), exchange: Some(exchange) };
        if wait((!hangs).then_some(pause), &handles.chaos).await == Waited::Halted {
            plan.forgive();
        }
        exchange = match waiting.exchange.take() {
            Some(exchange) => exchange,
            None => return Response::new(Body::empty()),
        };
    }

    // 3. An end without an answer of the API's, or an answer that is not what it was.
    Box::pin(struck(handles, peer, exchange, hop, Struck { plan, mark, kept })).await
}

/// A request with what goes wrong with it.
struct Struck {
    plan: Box<Plan>,
    mark: Arc<Mark>,
    /// What it was answered before, for a stale answer.
    kept: Option<(HeaderMap, Bytes)>,
}

async fn struck(
    handles: Arc<Handles>,
    peer: Arc<Peer>,
    mut exchange: ExchangeContext,
    hop: Hop,
    struck: Struck,
) -> Response<Body> {
    let Struck { mut plan, mark, kept } = struck;
    let version = hop.version;
    if plan.is_below_http() {
        log(&exchange, &mark);
    }
    let mut response = match (plan.end.take(), kept.filter(|_| plan.stale)) {
        (Some(End::Abort(abort)), _) => return ends::abort(&handles, exchange, &abort, &mark).await,
        (Some(end), _) => {
            let by_reset = end == End::Reset && version < http::Version::HTTP_2;
            return ends::without_answer(&handles, exchange, &peer, by_reset);
        }
        (None, Some(kept)) => ends::stale(&handles, exchange, kept),
        (None, None) => {
            if plan.needs_body() {
                // What is to be damaged must not come compressed.
                exchange.headers.remove(header::ACCEPT_ENCODING);
            }
            let is_head = exchange.method == Method::HEAD;
            let response = as_ever(handles, Arc::clone(&peer), exchange, hop).await;
            if is_head { return labelled(response, &mark) } else { response }
        }
    };
    response = damage::apply(response, &plan, &mark).await;
    response = slow::apply(response, &plan, (version < http::Version::HTTP_2).then_some(peer));
    labelled(response, &mark)
}

fn labelled(mut response: Response<Body>, mark: &Mark) -> Response<Body> {
    let is_refusal = response.headers().get(respond::SOURCE).is_some_and(|source| source == "none");
    if !is_refusal {
        mark.label(&mut response);
    }
    response
}

/// Answers as without chaos. What a stale answer may need later is kept.
async fn as_ever(handles: Arc<Handles>, peer: Arc<Peer>, exchange: ExchangeContext, hop: Hop) -> Response<Body> {
    if !handles.chaos.keeps_answers() || exchange.method != Method::GET {
        return go_on(handles, peer, exchange, hop).await;
    }
    let key = handles.chaos.kept.key(&exchange);
    let response = go_on(Arc::clone(&handles), peer, exchange, hop).await;
    if response.status() != StatusCode::OK || response.body().size_hint().lower() > KEPT_MAX_BYTES as u64 {
        return response;
    }
    let (parts, body) = response.into_parts();
    match gather(body, KEPT_MAX_BYTES).await {
        Ok(body) => {
            handles.chaos.kept.put(key, parts.headers.clone(), body.clone());
            Response::from_parts(parts, Body::from(body))
        }
        Err(passing) => Response::from_parts(parts, passing),
    }
}

/// A preference that cannot be read is refused further on.
fn plan(handles: &Handles, peer: &Peer, exchange: &mut ExchangeContext) -> Result<Option<Plan>, Refusal> {
    let asked = if handles.chaos.heeds_requests() { exchange.headers.remove(&ASKED) } else { None };
    if choice::read(&exchange.headers).is_ok_and(|preferences| preferences.no_fault) {
        return Ok(None);
    }
    let exchange = &*exchange;
    let header = |name: &str| exchange.headers.get(name).and_then(|value| value.to_str().ok());
    let query = |name: &str| {
        let pairs = form_urlencoded::parse(exchange.target.query().unwrap_or_default().as_bytes());
        pairs.into_iter().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    };
    let template = || {
        let snapshot = handles.snapshot.load();
        let found = snapshot.contract.find(exchange.method.as_str(), exchange.target.path());
        found.map(|found| found.endpoint.template.clone())
    };
    let side = || match Choice::make(&handles.snapshot.load(), exchange) {
        Ok(choice) if choice.mode == Mode::Mock => Side::Mocked,
        _ => Side::Live,
    };
    let failures = || handles.chaos.failures(exchange.method.as_str(), template().as_deref());
    let met = Met {
        method: exchange.method.as_str(),
        path: exchange.target.path(),
        header: &header,
        query: &query,
        address: peer.address(),
        now_ms: exchange.received_at_ms,
        side: &side,
        template: &template,
        failures: &failures,
    };
    match asked {
        Some(value) => own(handles, exchange, &met, value.to_str().unwrap_or_default()),
        None => Ok(Some(handles.chaos.active().plan(&met)).filter(|plan| !plan.is_empty())),
    }
}

/// What the request asks for itself.
fn own(handles: &Handles, exchange: &ExchangeContext, met: &Met<'_>, value: &str) -> Result<Option<Plan>, Refusal> {
    let Asked { faults, again } = Asked::read(value)?;
    let Some(id) = again else {
        let id = FaultId { seed: handles.chaos.seed(), rule: 0, ordinal: exchange.id };
        return Ok((!faults.is_empty()).then(|| Plan::asked(&faults, id)));
    };
    let plan = handles.chaos.active().replay(id, met);
    let unknown = AskedError { given: value.to_owned(), expected: "the id of a fault whose rule is at work" };
    plan.map(|plan| Some(plan).filter(|plan| !plan.is_empty())).ok_or(Refusal::Fault(unknown))
}

fn pause(handles: &Handles, exchange: &ExchangeContext, plan: &Plan) -> Duration {
    let mut millis = plan.delay_ms;
    if !plan.learned_delays.is_empty() {
        let snapshot = handles.snapshot.load();
        let found = snapshot.contract.find(exchange.method.as_str(), exchange.target.path());
        for (factor, place) in &plan.learned_delays {
            millis += factor * found.as_ref().and_then(|found| found.endpoint.latency_ms(*place)).unwrap_or(0.0);
        }
    }
    Duration::from_secs_f64(millis / 1000.0)
}

/// What no label in an answer can say.
fn log(exchange: &ExchangeContext, mark: &Mark) {
    tracing::info!(exchange = exchange.id, fault = mark.ids, kinds = mark.kinds.join("+"), "strike below HTTP");
}

#[derive(Debug, PartialEq, Eq)]
enum Waited {
    Out,
    /// Chaos ended meanwhile: whoever still waits is let go.
    Halted,
}

/// Without a time, until chaos ends or the client goes away.
async fn wait(time: Option<Duration>, chaos: &Chaos) -> Waited {
    let over = chaos.over.notified();
    tokio::pin!(over);
    // From here on an end is heard of.
    over.as_mut().enable();
    if !chaos.is_on() {
        return Waited::Halted;
    }
    match time {
        Some(time) => tokio::select! {
            () = tokio::time::sleep(time) => Waited::Out,
            () = over => Waited::Halted,
        },
        None => {
            over.await;
            Waited::Halted
        }
    }
}

/// A request that waits on purpose. Its client may go away meanwhile, and then this is all there ever is of it.
struct Waiting {
    handles: Arc<Handles>,
    exchange: Option<ExchangeContext>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(exchange) = self.exchange.take() else { return };
        if let Some(mark) = &exchange.fault {
            mark.given_up.store(true, Ordering::Relaxed);
        }
        ends::record(&self.handles, exchange, GIVEN_UP, "the client gave up");
    }
}

/// The kinds whose faults damage what is in a body.
fn damages(fault: &Fault, body: &[u8], edit: &understudy_policy::chaos::Edit) -> Option<Vec<u8>> {
    let out = edit.apply(body);
    if out.is_none() {
        tracing::debug!(kind = fault.kind(), "find nothing in a body to damage");
    }
    out
}
