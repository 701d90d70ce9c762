//! What is remembered about one exchange while it passes.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode};
use understudy_types::Source;

use super::body::{Captured, Tap};
use super::capture::Budget;
use super::chaos::Mark;
use crate::handles::Handles;

/// One exchange as it was seen, before redaction: it must not leave the process, nor be logged.
pub struct Observed {
    pub id: u64,
    pub received_at_ms: u64,
    /// From request head to response head.
    pub latency_us: u64,
    /// From request head to the end of the response body.
    pub duration_us: u64,
    pub method: Method,
    pub target: PathAndQuery,
    pub request_headers: HeaderMap,
    pub request_body: Captured,
    pub status: StatusCode,
    pub response_headers: HeaderMap,
    pub response_body: Captured,
    pub response_bytes: u64,
    pub source: Source,
    pub reason: Cow<'static, str>,
    /// What was wrong with it on purpose.
    pub fault: Option<Arc<Mark>>,
}

impl std::fmt::Debug for Observed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observed").field("id", &self.id).field("status", &self.status).finish_non_exhaustive()
    }
}

/// What is known when the head of a request has arrived.
pub struct ExchangeContext {
    pub id: u64,
    pub received: Instant,
    pub received_at_ms: u64,
    pub method: Method,
    pub target: PathAndQuery,
    pub headers: HeaderMap,
    /// `None`: the request has no body.
    pub body: Option<Arc<Tap>>,
    /// The whole body, once we have read it ourselves; upstream then gets this.
    pub collected: Option<Bytes>,
    /// Plugins may still have a say in what the record tells.
    pub held: Option<Arc<Held>>,
    /// What goes wrong with it on purpose.
    pub fault: Option<Arc<Mark>>,
}

impl ExchangeContext {
    /// The response head is there; what remains is its body.
    pub fn answered(
        self,
        handles: &Arc<Handles>,
        status: StatusCode,
        response_headers: HeaderMap,
        source: Source,
        reason: impl Into<Cow<'static, str>>,
    ) -> Recording {
        let reason = reason.into();
        let (source, reason) = match &self.fault {
            // A refusal of our own stays one.
            Some(mark) if source != Source::None => (Source::Fault, mark.reason(&reason).into()),
            _ => (source, reason),
        };
        let observed = Observed {
            id: self.id,
            received_at_ms: self.received_at_ms,
            latency_us: self.received.elapsed().as_micros() as u64,
            duration_us: 0,
            method: self.method,
            target: self.target,
            request_headers: self.headers,
            request_body: Captured::default(),
            status,
            response_headers,
            response_body: Captured::default(),
            response_bytes: 0,
            source,
            reason,
            fault: self.fault,
        };
        Recording {
            handles: Arc::clone(handles),
            request: self.body,
            received: self.received,
            observed: Box::new(observed),
            held: self.held,
        }
    }
}

/// An exchange whose response body is still under way.
pub struct Recording {
    handles: Arc<Handles>,
    request: Option<Arc<Tap>>,
    received: Instant,
    observed: Box<Observed>,
    held: Option<Arc<Held>>,
}

/// Keeps the record of an exchange until plugins are through with it. Whatever happens, it is handed over in the end.
pub struct Held {
    handles: Arc<Handles>,
    state: Mutex<HeldState>,
}

#[derive(Default)]
struct HeldState {
    observed: Option<Box<Observed>>,
    note: Option<String>,
    released: bool,
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.observed.fmt(f)
    }
}

impl Recording {
    pub(super) fn budget(&self) -> &Arc<Budget> {
        &self.handles.budget
    }

    /// Counts the exchange and hands it over. Never waits.
    pub fn finish(mut self, response_body: Captured, response_bytes: u64) {
        let observed = &mut self.observed;
        observed.duration_us = self.received.elapsed().as_micros() as u64;
        observed.request_body = self.request.as_ref().map(|tap| tap.take()).unwrap_or_default();
        observed.response_body = response_body;
        observed.response_bytes = response_bytes;
        self.handles.stats.count(observed);
        match self.held {
            Some(held) => held.offer(self.observed),
            None => self.handles.intake.offer(self.observed),
        }
    }
}

impl Held {
    pub fn of(handles: &Arc<Handles>) -> Arc<Self> {
        Arc::new(Self { handles: Arc::clone(handles), state: Mutex::default() })
    }

    /// What the reason goes on with.
    pub fn note(&self, note: String) {
        self.lock().note = Some(note);
    }

    /// From now on the record goes its way as soon as it is there.
    pub fn release(&self) {
        let kept = {
            let mut state = self.lock();
            state.released = true;
            state.take()
        };
        kept.into_iter().for_each(|observed| self.handles.intake.offer(observed));
    }

    fn offer(&self, observed: Box<Observed>) {
        let ready = {
            let mut state = self.lock();
            state.observed = Some(observed);
            if state.released { state.take() } else { None }
        };
        ready.into_iter().for_each(|observed| self.handles.intake.offer(observed));
    }

    fn lock(&self) -> MutexGuard<'_, HeldState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HeldState {
    fn take(&mut self) -> Option<Box<Observed>> {
        let mut observed = self.observed.take()?;
        if let Some(note) = &self.note {
            observed.reason = format!("{}; {note}", observed.reason).into();
        }
        Some(observed)
    }
}

/// The client went away before the plugins were through.
impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}
