//! Sends entries of the outbox to the API, because a person asked for it.
//!
//! An entry is marked as perhaps processed, on disk, before it is sent: whatever interrupts a replay, it will not be sent
//! a second time by mistake.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Version, header};
use http_body_util::{BodyExt, Limited};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use understudy_types::Source;

use super::ids::{self, IdPair, Mapped};
use super::{Entry, Original, Outcome, State, text};
use crate::handles::Handles;
use crate::learner::convert;
use crate::proxy::body::{Captured, Outgoing};
use crate::proxy::exchange::Observed;
use crate::proxy::headers::{self, Came, Peer};
use crate::proxy::upstream::{Over, UpstreamError};
use crate::store::StoreError;

const REASON: &str = "replayed from the outbox";
/// An answer is read whole; more than this of it is not looked at.
const MAX_ANSWER_BYTES: usize = 4 << 20;

/// What whoever asks for a replay adds to an entry.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// Instead of the fields of these names.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Instead of the path and query.
    pub target: Option<String>,
    /// Instead of the body: a text as it is, anything else as JSON.
    pub body: Option<Value>,
    /// Send it although the API may have processed it already.
    #[serde(default)]
    pub force: bool,
}

/// Why an entry was not sent, or nobody knows what became of it.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("no entry of the outbox has the id {0}")]
    Unknown(u64),
    #[error("entry {0} was replayed already")]
    Done(u64),
    #[error("another replay is running")]
    Busy,
    #[error("entry {id} may have been processed by the API already; `\"force\": true` sends it all the same")]
    MayBeProcessed { id: u64 },
    #[error("entry {id} needs what is not stored: {}; give it as `headers`, `target` or `body`", needs.join(", "))]
    Needs { id: u64, needs: Vec<String> },
    #[error("{what} is {given:?}: expected {expected}")]
    Malformed { what: &'static str, given: String, expected: &'static str },
    #[error("entry {id} was not answered: {error}")]
    Upstream { id: u64, error: UpstreamError },
    #[error("entry {id} was not answered in time")]
    TimedOut { id: u64 },
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("the replay ended early")]
    Ended,
}

/// All entries in order, up to the first that did not go through.
#[derive(Debug, Serialize)]
pub struct Replayed {
    pub entries: Vec<Entry>,
    /// The id of the entry that the replay stopped at, and why.
    pub stopped: Option<(u64, String)>,
    pub waiting: u64,
}

/// Replays one entry. Goes on when the caller stops waiting, so that its end is noted in any case.
pub async fn replay(handles: &Arc<Handles>, id: u64, given: Given) -> Result<Entry, ReplayError> {
    let handles = Arc::clone(handles);
    let task = tokio::spawn(async move {
        let _turn = handles.outbox.turn.try_acquire().map_err(|_| ReplayError::Busy)?;
        one(&handles, id, &given).await
    });
    task.await.unwrap_or(Err(ReplayError::Ended))
}

/// Replays everything that waits, in the order in which it came. It stops at the first entry that does not go through,
/// because later ones may build on it.
pub async fn replay_all(handles: &Arc<Handles>, given: Given) -> Result<Replayed, ReplayError> {
    let handles = Arc::clone(handles);
    let task = tokio::spawn(async move {
        let _turn = handles.outbox.turn.try_acquire().map_err(|_| ReplayError::Busy)?;
        let waiting = handles.outbox.list().into_iter().filter(|entry| entry.state == State::Waiting);
        let (mut entries, mut stopped) = (Vec::new(), None);
        for id in waiting.map(|entry| entry.id).collect::<Vec<_>>() {
            match one(&handles, id, &given).await {
                Ok(entry) if entry.state == State::Replayed => entries.push(entry),
                Ok(entry) => {
                    stopped = Some((id, format!("the API refused entry {id}")));
                    entries.push(entry);
                }
                Err(error) => stopped = Some((id, error.to_string())),
            }
            if stopped.is_some() {
                break;
            }
        }
        Ok(Replayed { entries, stopped, waiting: handles.outbox.waiting() })
    });
    task.await.unwrap_or(Err(ReplayError::Ended))
}

async fn one(handles: &Handles, id: u64, given: &Given) -> Result<Entry, ReplayError> {
    let mut entry = handles.outbox.get(id).ok_or(ReplayError::Unknown(id))?;
    if entry.state == State::Replayed {
        return Err(ReplayError::Done(id));
    }
    if entry.may_be_processed && !given.force {
        return Err(ReplayError::MayBeProcessed { id });
    }
    let (outgoing, mapped) = prepare(handles, &entry, given)?;

    let was_uncertain = entry.may_be_processed;
    entry.may_be_processed = true;
    save(handles, &entry).await?;
    let answer = send(handles, &entry, outgoing).await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            if let ReplayError::Upstream { error, .. } = &error
                && error.failure.is_before_sending()
            {
                entry.may_be_processed = was_uncertain;
                save(handles, &entry).await?;
            }
            return Err(error);
        }
    };
    // A server error says nothing about how far the API came.
    entry.may_be_processed = was_uncertain || answer.status.is_server_error();
    note(handles, &mut entry, &answer, mapped);
    save(handles, &entry).await?;
    Ok(entry)
}

async fn save(handles: &Handles, entry: &Entry) -> Result<(), ReplayError> {
    handles.outbox.put(entry.clone(), None);
    Ok(handles.store.save_outbox(entry.clone()).await?)
}

/// The request to send: as it came where that is known, else as it was stored with what was given for the gaps, and with
/// the API's ids in the place of the twin's.
fn prepare(handles: &Handles, entry: &Entry, given: &Given) -> Result<(Original, Vec<Mapped>), ReplayError> {
    let kept = handles.outbox.lock();
    let known = kept.originals.get(&entry.id).cloned();
    let earlier = kept.entries.range(..entry.id).filter_map(|(_, entry)| entry.result.as_ref());
    let pairs: Vec<IdPair> = earlier.flat_map(|result| result.ids.clone()).chain(kept.secrets.clone()).collect();
    drop(kept);

    let mut missing: Vec<&str> =
        if known.is_some() { Vec::new() } else { entry.needs.iter().map(String::as_str).collect() };
    let mut request = known.unwrap_or_else(|| stored(entry));
    let mut mapped = ids::in_target(&pairs, &mut request.target);
    if let Some(target) = &given.target {
        missing.retain(|need| *need != "target");
        request.target.clone_from(target);
    }
    for (name, value) in &given.headers {
        missing.retain(|need| need.strip_prefix("header ") != Some(&name.to_ascii_lowercase()));
        let field =
            HeaderName::try_from(name.as_str()).map_err(|_| malformed("a header name", name, "a field name"))?;
        let mut value = HeaderValue::try_from(value.as_str())
            .map_err(|_| malformed("a header value", "(not shown)", "visible ASCII"))?;
        value.set_sensitive(true);
        request.headers.insert(field, value);
    }
    match &given.body {
        Some(body) => {
            missing.retain(|need| *need != "body");
            request.body = body.as_str().map_or_else(|| body.to_string(), str::to_owned).into();
            request.headers.remove(header::CONTENT_ENCODING);
        }
        None => mapped.extend(map_body(&pairs, &mut request)),
    }
    mapped.extend(map_headers(&pairs, &mut request.headers));
    // What the twin gave out as a credential opens nothing at the API, and what redaction put in its place neither.
    let made_up =
        request.headers.iter().filter(|(_, value)| value.to_str().is_ok_and(|v| handles.redactor.holds_token(v)));
    let mut needs: Vec<String> = made_up.map(|(name, _)| format!("header {name}")).collect();
    needs.extend(missing.into_iter().map(str::to_owned));
    needs.sort();
    needs.dedup();
    if needs.is_empty() { Ok((request, mapped)) } else { Err(ReplayError::Needs { id: entry.id, needs }) }
}

fn malformed(what: &'static str, given: &str, expected: &'static str) -> ReplayError {
    ReplayError::Malformed { what, given: given.to_owned(), expected }
}

/// As much of a request as the file has.
fn stored(entry: &Entry) -> Original {
    let mut headers = HeaderMap::new();
    for (name, value) in &entry.headers.0 {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.append(name, value);
        }
    }
    Original { target: entry.target.clone(), headers, body: entry.body.clone().unwrap_or_default().into() }
}

fn map_body(pairs: &[IdPair], request: &mut Original) -> Vec<Mapped> {
    let media_type =
        request.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if request.headers.contains_key(header::CONTENT_ENCODING) {
        return Vec::new();
    }
    if media_type.starts_with("application/x-www-form-urlencoded") {
        let Ok(form) = std::str::from_utf8(&request.body) else { return Vec::new() };
        let (form, mapped) = ids::in_form(pairs, form, "form");
        request.body = form.into();
        return mapped;
    }
    let Ok(mut body) = serde_json::from_slice::<Value>(&request.body) else { return Vec::new() };
    let mapped = ids::in_body(pairs, &mut body);
    if !mapped.is_empty() {
        request.body = body.to_string().into();
    }
    mapped
}

/// Long ids stand in fields too: in a cookie, behind `Bearer`.
fn map_headers(pairs: &[IdPair], headers: &mut HeaderMap) -> Vec<Mapped> {
    let mut mapped = Vec::new();
    for (name, value) in headers.iter_mut() {
        let Ok(text) = value.to_str() else { continue };
        let found = pairs.iter().filter(|pair| pair.is_distinct());
        let found = found.filter_map(|pair| Some((pair.made.as_str()?, pair.real.as_str()?)));
        let Some((made, real)) = found.into_iter().find(|(made, _)| text.contains(made)) else { continue };
        if let Ok(replaced) = HeaderValue::try_from(text.replace(made, real)) {
            *value = replaced;
            let hidden = "(credential)".to_owned();
            mapped.push(Mapped { place: format!("header {name}"), from: hidden.clone(), to: hidden });
        }
    }
    mapped
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    sent: Original,
    took_us: u64,
}

async fn send(handles: &Handles, entry: &Entry, request: Original) -> Result<Answer, ReplayError> {
    let id = entry.id;
    let target: PathAndQuery = request
        .target
        .parse()
        .map_err(|_| malformed("target", &request.target, "a path, and perhaps a query, as sent"))?;
    let upstream = handles.upstream.load_full();
    let method = Method::from_bytes(entry.method.as_bytes()).expect("the method came in a request");
    let body = (!request.body.is_empty()).then(|| request.body.clone());
    let mut req = Request::new(Outgoing::Whole(body));
    *req.method_mut() = method;
    *req.uri_mut() = upstream.target.uri(&target).unwrap_or_default();
    let ours = Peer::new(std::net::Ipv4Addr::LOCALHOST.into(), false);
    let host = headers::called_host(&request.headers, None);
    let came = Came {
        peer: &ours,
        version: Version::HTTP_11,
        method: req.method(),
        host: host.as_ref(),
        needs_own_name: upstream.client.speaks_http2(),
    };
    let mut fields = headers::for_upstream(&request.headers, &upstream.target, &handles.config.fields, &came);
    // The body may be another one by now, and nobody waits for a `100 Continue`.
    fields.remove(header::CONTENT_LENGTH);
    fields.remove(header::EXPECT);
    *req.headers_mut() = fields;
    let began = Instant::now();
    // A kept connection may be closed just now, and that would look as if the write had been lost on its way.
    let whole = async {
        let response =
            upstream.client.send(req, Over::New).await.map_err(|error| ReplayError::Upstream { id, error })?;
        let (parts, body) = response.into_parts();
        // What the answer says is a help for mapping ids; that there was one is what counts.
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Ok::<_, ReplayError>((parts, body))
    };
    let answered = tokio::time::timeout(handles.config.deadlines.ceiling, whole).await;
    let (parts, body) = answered.map_err(|_| ReplayError::TimedOut { id })??;
    let took_us = began.elapsed().as_micros() as u64;
    Ok(Answer { status: parts.status, headers: parts.headers, body, sent: request, took_us })
}

/// Writes down what the API said, and lets the learner have it: it was an exchange with the API like any other.
fn note(handles: &Handles, entry: &mut Entry, answer: &Answer, mapped: Vec<Mapped>) {
    let mut exchange = convert::whole(
        (&entry.method, &answer.sent.target, &answer.sent.headers, answer.sent.body.clone()),
        (answer.status, &answer.headers, answer.body.clone()),
    );
    let real: Option<Value> = serde_json::from_slice(&exchange.response.body.bytes).ok();
    handles.redactor.exchange(&mut exchange);
    let told = entry.told.body.as_deref().and_then(|body| serde_json::from_str(body).ok());
    let path = answer.sent.target.split('?').next().unwrap_or_default();
    let mut pairs =
        told.zip(real).map(|(told, real): (Value, Value)| ids::pairs(path, &told, &real)).unwrap_or_default();
    let location = answer.headers.get(header::LOCATION).and_then(|value| value.to_str().ok());
    pairs.extend(entry.told.location.as_deref().zip(location).and_then(|(told, real)| moved(path, told, real)));
    let is_secret = |pair: &IdPair| {
        handles.redactor.is_secret(&pair.name)
            || pair.made.as_str().is_some_and(|made| handles.redactor.holds_token(made))
    };
    let (secrets, ids): (Vec<_>, Vec<_>) = pairs.into_iter().partition(is_secret);

    entry.state = if answer.status.as_u16() < 400 { State::Replayed } else { State::Refused };
    entry.result = Some(Outcome {
        at_ms: now_ms(),
        status: answer.status.as_u16(),
        body: text(&exchange.response.body.bytes),
        mapped,
        ids,
    });
    let mut kept = handles.outbox.lock();
    kept.secrets.extend(secrets);
    if entry.state == State::Replayed {
        kept.forget_original(entry.id);
    }
    drop(kept);
    offer(handles, entry, answer);
}

/// The ids at the end of two `Location` fields.
fn moved(path: &str, told: &str, real: &str) -> Option<IdPair> {
    let last = |url: &str| url.trim_end_matches('/').rsplit('/').next().map(str::to_owned).filter(|id| !id.is_empty());
    let (made, real) = (last(told)?, last(real)?);
    (made != real).then(|| IdPair {
        made: Value::from(made),
        real: Value::from(real),
        name: "location".into(),
        collection: path.to_owned(),
    })
}

fn offer(handles: &Handles, entry: &Entry, answer: &Answer) {
    let (Ok(method), Ok(target)) = (Method::from_bytes(entry.method.as_bytes()), answer.sent.target.parse()) else {
        return;
    };
    let observed = Observed {
        id: handles.next_id(),
        received_at_ms: now_ms(),
        latency_us: answer.took_us,
        duration_us: answer.took_us,
        method,
        target,
        request_headers: answer.sent.headers.clone(),
        request_body: Captured::from(answer.sent.body.clone()),
        status: answer.status,
        response_headers: answer.headers.clone(),
        response_body: Captured::from(answer.body.clone()),
        response_bytes: answer.body.len() as u64,
        source: Source::Upstream,
        reason: Cow::Borrowed(REASON),
        fault: None,
    };
    handles.stats.count(&observed);
    handles.intake.offer(Box::new(observed));
}

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
