//! What is remembered about one exchange while it passes.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode};
use understudy_types::Source;

use super::body::{Captured, Tap};
use super::capture::Budget;
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
            reason: reason.into(),
        };
        Recording {
            handles: Arc::clone(handles),
            request: self.body,
            received: self.received,
            observed: Box::new(observed),
        }
    }
}

/// An exchange whose response body is still under way.
pub struct Recording {
    handles: Arc<Handles>,
    request: Option<Arc<Tap>>,
    received: Instant,
    observed: Box<Observed>,
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
        self.handles.intake.offer(self.observed);
    }
}
