//! What plugins do to an exchange while it is under way: make it fail, answer it, change its answer.
//!
//! Only exchanges that concern a plugin come here in earnest; for the others it is one look into a table. One set of plugins is
//! used from the first question to the last, whatever is reloaded meanwhile.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap};
use http::{Method, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use understudy_plugin_host::chaos_policy::{self, Abort, Fault};
use understudy_plugin_host::{PluginSet, Said, responder};
use understudy_policy::Preferences;
use understudy_types::Source;

use super::body::Body;
use super::exchange::{ExchangeContext, Held};
use super::headers::Peer;
use super::respond::{self, Refusal};
use super::twin::{append, draw_bits};
use super::{Hop, answer, choice, finish, refuse};
use crate::handles::Handles;
use crate::vitals::Part;

/// The most of a body that is handed to a plugin, so that there is room for the fields beside it.
const BODY_BYTES: usize = 48 << 10;

/// Answers a request as [`answer`] does, with the plugins around it.
pub(super) async fn handle(
    handles: Arc<Handles>,
    peer: Arc<Peer>,
    mut exchange: ExchangeContext,
    hop: Hop,
) -> Response<Body> {
    let plugins = handles.plugins.current();
    let path = exchange.target.path().to_owned();
    let interest = asked(&handles, || Some(plugins.interest(exchange.method.as_str(), &path))).unwrap_or_default();
    if interest.is_none() {
        return answer(handles, peer, exchange, hop).await;
    }
    let mut notes = Vec::new();

    // 1. A fault, unless the client wants none.
    if interest.chaos && !wants_no_fault(&exchange.headers) {
        match asked(&handles, || plugins.decide(&path, &chaos_request(&handles, &exchange))) {
            Some(Said { plugin, what: Fault::Abort(abort) }) => {
                let reason = format!("plugin {plugin}: abort with {}", abort.status);
                return end(&handles, exchange, aborted(abort), Source::Fault, reason);
            }
            Some(Said { plugin, what: Fault::Delay(millis) }) => {
                tokio::time::sleep(Duration::from_millis(millis.into())).await;
                notes.push(format!("delayed {millis} ms by plugin {plugin}"));
            }
            None => {}
        }
    }

    // 2. An answer in everyone's place.
    if interest.request {
        match ask(&handles, &plugins, &path, &mut exchange).await {
            Ok(Some(Said { plugin, what })) => {
                let reason = format!("plugin {plugin} answered");
                return end(&handles, exchange, whole(what), Source::Twin, reason);
            }
            Ok(None) => {}
            Err(refusal) => return refuse(&handles, exchange, &refusal),
        }
    }

    // 3. The usual answer, and what plugins make of it. Its record waits until that is known.
    let head = (interest.response && exchange.method != Method::HEAD).then(|| {
        // What they are to read must not come compressed.
        exchange.headers.remove(header::ACCEPT_ENCODING);
        request(&exchange, Bytes::new())
    });
    let held = Held::of(&handles);
    exchange.held = Some(Arc::clone(&held));
    let held_by = Arc::clone(&handles);
    let mut response = answer(handles, peer, exchange, hop).await;
    if let Some(head) = head {
        response = amend((&held_by, &plugins), &path, &head, response, &mut notes).await;
    }
    if !notes.is_empty() {
        let note = notes.join("; ");
        respond::note(response.headers_mut(), &note);
        held.note(note);
    }
    held.release();
    response
}

/// A host that panics has no opinion.
fn asked<T>(handles: &Handles, ask: impl FnOnce() -> Option<T>) -> Option<T> {
    handles.store.vitals().guard(Part::Plugins, ask).flatten()
}

fn end(
    handles: &Arc<Handles>,
    exchange: ExchangeContext,
    mut response: Response<Body>,
    source: Source,
    reason: String,
) -> Response<Body> {
    respond::label(response.headers_mut(), source, &reason);
    finish(handles, exchange, &response, source, reason);
    response
}

/// A preference that cannot be read is refused further on.
fn wants_no_fault(headers: &HeaderMap) -> bool {
    choice::read(headers).is_ok_and(|Preferences { no_fault, .. }| no_fault)
}

fn chaos_request(handles: &Handles, exchange: &ExchangeContext) -> chaos_policy::Request {
    let snapshot = handles.snapshot.load();
    let found = snapshot.contract.find(exchange.method.as_str(), exchange.target.path());
    chaos_policy::Request {
        method: exchange.method.as_str().to_owned(),
        target: exchange.target.as_str().to_owned(),
        template: found.map(|found| found.endpoint.template.clone()),
        at_ms: exchange.received_at_ms,
        random: draw_bits(snapshot.twin.settings.seed.unwrap_or(handles.seed), exchange.id),
    }
}

fn aborted(abort: Abort) -> Response<Body> {
    whole(responder::Response { status: abort.status, headers: abort.headers, body: abort.body })
}

/// The body is read first, and then belongs to us: upstream gets a copy. One that may be too long is left alone.
async fn ask(
    handles: &Handles,
    plugins: &PluginSet,
    path: &str,
    exchange: &mut ExchangeContext,
) -> Result<Option<Said<responder::Response>>, Refusal> {
    let body = match &exchange.body {
        None => Bytes::new(),
        Some(tap) if tap.size_hint().upper().is_some_and(|bytes| bytes <= BODY_BYTES as u64) => tap.collect().await?,
        Some(_) => return Ok(None),
    };
    exchange.collected = exchange.body.is_some().then(|| body.clone());
    Ok(asked(handles, || plugins.answer(path, &request(exchange, body))))
}

fn request(exchange: &ExchangeContext, body: Bytes) -> responder::Request {
    responder::Request {
        method: exchange.method.as_str().to_owned(),
        target: exchange.target.as_str().to_owned(),
        headers: fields(&exchange.headers),
        body: body.into(),
    }
}

fn fields(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

async fn amend(
    (handles, plugins): (&Handles, &PluginSet),
    path: &str,
    request: &responder::Request,
    response: Response<Body>,
    notes: &mut Vec<String>,
) -> Response<Body> {
    if !can_be_handed(&response) {
        return response;
    }
    let (parts, body) = response.into_parts();
    let body = match gather(body, BODY_BYTES).await {
        Ok(body) => body,
        Err(passing) => return Response::from_parts(parts, passing),
    };
    let asked = responder::Response {
        status: parts.status.as_u16(),
        headers: fields(&parts.headers),
        body: body.clone().into(),
    };
    let Some(Said { plugin, what }) = self::asked(handles, || plugins.amend(path, request, &asked)) else {
        return Response::from_parts(parts, Body::from(body));
    };
    notes.push(format!("changed by plugin {plugin}"));
    let mut response = whole(what);
    for name in [respond::SOURCE, respond::REASON, respond::CONFIDENCE] {
        response.headers_mut().remove(&name);
        if let Some(value) = parts.headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

fn can_be_handed(response: &Response<Body>) -> bool {
    let field = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    !response.status().is_informational()
        && !response.headers().contains_key(header::CONTENT_ENCODING)
        && !field(header::CONTENT_TYPE).starts_with("text/event-stream")
        && response.body().size_hint().lower() <= BODY_BYTES as u64
}

/// The whole body, or, when it is too long or breaks off, a body that goes on with what was read.
pub(super) async fn gather(mut body: Body, cap: usize) -> Result<Bytes, Body> {
    let (mut frames, mut bytes) = (VecDeque::new(), 0);
    while let Some(frame) = body.frame().await {
        match frame.map(http_body::Frame::into_data) {
            Ok(Ok(data)) => {
                bytes += data.len();
                frames.push_back(Ok(data));
            }
            // Trailers have nowhere to go once the body may change.
            Ok(Err(_)) => {}
            Err(error) => {
                frames.push_back(Err(error));
                return Err(Body::Resumed(frames, Box::new(body)));
            }
        }
        if bytes > cap {
            return Err(Body::Resumed(frames, Box::new(body)));
        }
    }
    let mut whole = BytesMut::with_capacity(bytes);
    frames.into_iter().flatten().for_each(|data| whole.extend_from_slice(&data));
    Ok(whole.freeze())
}

fn whole(made: responder::Response) -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::from(made.body)));
    *response.status_mut() = StatusCode::from_u16(made.status).unwrap_or(StatusCode::OK);
    for (name, value) in &made.headers {
        append(response.headers_mut(), name, value);
    }
    response
}
