//! The newest exchanges with header fields and bodies, redacted, for people to look at. Bounded, and in memory only.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use understudy_contract::{Exchange, Headers};

/// Bytes of all that is kept: enough for what a person scrolls back through.
const MAX_BYTES: usize = 24 << 20;
const MAX_EXCHANGES: usize = 5000;
/// A longer body is shown by its beginning.
const MAX_BODY: usize = 256 << 10;

/// Written by the learner's intake, never by a request.
#[derive(Debug, Default)]
pub struct Exchanges(Mutex<Log>);

#[derive(Debug, Default)]
struct Log {
    /// The oldest in front.
    kept: VecDeque<Arc<Exchange>>,
    bytes: usize,
}

impl Exchanges {
    /// What is kept of it.
    pub fn push(&self, exchange: &Exchange) -> Arc<Exchange> {
        let mut exchange = exchange.clone();
        for body in [&mut exchange.request.body, &mut exchange.response.body] {
            if body.bytes.len() > MAX_BODY {
                // A slice would keep all of it in memory.
                body.bytes = body.bytes[..MAX_BODY].to_vec().into();
                body.truncated = true;
            }
        }
        let exchange = Arc::new(exchange);
        let mut log = self.lock();
        log.bytes += cost(&exchange);
        log.kept.push_back(Arc::clone(&exchange));
        while log.bytes > MAX_BYTES || log.kept.len() > MAX_EXCHANGES {
            let Some(oldest) = log.kept.pop_front() else { break };
            log.bytes -= cost(&oldest);
        }
        exchange
    }

    #[must_use]
    pub fn find(&self, id: u64) -> Option<Arc<Exchange>> {
        self.lock().kept.iter().rev().find(|exchange| exchange.id == id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that an exchange takes in memory.
pub(crate) fn cost(exchange: &Exchange) -> usize {
    let fields = |Headers(fields): &Headers| -> usize {
        fields.iter().map(|(name, value)| size_of::<(String, String)>() + name.len() + value.len()).sum()
    };
    size_of::<Exchange>()
        + exchange.request.target.len()
        + fields(&exchange.request.headers)
        + fields(&exchange.response.headers)
        + exchange.request.body.bytes.len()
        + exchange.response.body.bytes.len()
}

#[cfg(test)]
mod tests {
    use understudy_contract::{Body, Request, Response};

    use super::*;

    fn exchange(id: u64, body: usize) -> Exchange {
        let body = Body { bytes: vec![b'x'; body].into(), truncated: false };
        let response = Response { status: 200, body, ..Response::default() };
        Exchange { id, received_at_ms: 0, latency_us: 0, request: Request::default(), response }
    }

    #[test]
    fn the_newest_are_kept_within_bounds() {
        let exchanges = Exchanges::default();
        for id in 1..=(MAX_EXCHANGES as u64 + 10) {
            exchanges.push(&exchange(id, 10));
        }
        assert!(exchanges.find(10).is_none());
        assert_eq!(exchanges.find(11).unwrap().response.body.bytes.len(), 10);
        for id in 10_000..10_200 {
            exchanges.push(&exchange(id, MAX_BODY));
        }
        let log = exchanges.lock();
        assert!(log.bytes <= MAX_BYTES);
        assert_eq!(log.bytes, log.kept.iter().map(|kept| cost(kept)).sum::<usize>());
    }

    #[test]
    fn a_long_body_is_shown_by_its_beginning() {
        let exchanges = Exchanges::default();
        exchanges.push(&exchange(1, MAX_BODY + 1));
        let body = &exchanges.find(1).unwrap().response.body;
        assert_eq!((body.bytes.len(), body.truncated), (MAX_BODY, true));
    }
}
