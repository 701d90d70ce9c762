//! Answers that are kept while a rule may want to give a stale one. Bounded, and in memory only.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::HeaderMap;
use http::header;

use crate::proxy::exchange::ExchangeContext;

const MAX_ANSWERS: usize = 500;
const MAX_BYTES: usize = 16 << 20;

/// The last good answer to each request.
#[derive(Debug, Default)]
pub struct Kept {
    /// Keys must not be foreseeable: one client must not get what another one was answered.
    hasher: RandomState,
    answers: Mutex<Answers>,
}

#[derive(Debug, Default)]
struct Answers {
    by_key: HashMap<u64, (HeaderMap, Bytes)>,
    order: VecDeque<u64>,
    bytes: usize,
}

impl Kept {
    /// Of a request and whoever makes it.
    #[must_use]
    pub fn key(&self, exchange: &ExchangeContext) -> u64 {
        let who = [header::AUTHORIZATION, header::COOKIE, header::ACCEPT].map(|name| exchange.headers.get(name));
        let mut hasher = self.hasher.build_hasher();
        (&exchange.method, exchange.target.as_str(), who).hash(&mut hasher);
        std::hash::Hasher::finish(&hasher)
    }

    #[must_use]
    pub fn get(&self, key: u64) -> Option<(HeaderMap, Bytes)> {
        self.lock().by_key.get(&key).cloned()
    }

    pub fn put(&self, key: u64, headers: HeaderMap, body: Bytes) {
        let mut answers = self.lock();
        answers.bytes += body.len();
        match answers.by_key.insert(key, (headers, body)) {
            Some((_, old)) => answers.bytes -= old.len(),
            None => answers.order.push_back(key),
        }
        while answers.bytes > MAX_BYTES || answers.order.len() > MAX_ANSWERS {
            let Some(oldest) = answers.order.pop_front() else { break };
            if let Some((_, body)) = answers.by_key.remove(&oldest) {
                answers.bytes -= body.len();
            }
        }
    }

    pub fn clear(&self) {
        *self.lock() = Answers::default();
    }

    fn lock(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
