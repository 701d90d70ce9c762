//! How fast an endpoint usually answers, and whether one answer was slow for it.
//!
//! Single slow answers are nothing, and a machine that is busy for a moment makes many of them at once. So one answer a
//! second is looked at, and what is slow is told only once it has lasted for a minute.

use serde::{Deserialize, Serialize};

use crate::Exchange;
use crate::sketch::Durations;

/// What is usual follows from so many answers.
const FIRST: u32 = 200;
/// Answers within this time of each other share what made them slow.
const APART_MS: u64 = 1000;
/// Twice as slow as 95 of 100 answers were, and by so much that somebody minds, in microseconds.
const TIMES: u64 = 2;
const MORE_US: u64 = 50_000;
/// How long it has to last.
pub(super) const LASTS_MS: u64 = 60_000;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Pace {
    first: Durations,
    count: u32,
    /// 95 of 100 of the first answers were faster, in microseconds; 0 until there were enough.
    pub(super) usual_us: u64,
    looked_at_ms: u64,
    /// Answers that were looked at since.
    pub(super) looks: u32,
    /// The last exchange was one of them.
    pub(super) is_look: bool,
}

impl Pace {
    /// Takes an answer of the API's. Whether it is looked at and slow.
    pub(super) fn look(&mut self, exchange: &Exchange) -> bool {
        self.is_look = false;
        if exchange.response.status >= 500 {
            return false;
        }
        if self.usual_us == 0 {
            self.learn(exchange.latency_us);
            return false;
        }
        if exchange.received_at_ms < self.looked_at_ms.saturating_add(APART_MS) {
            return false;
        }
        self.looked_at_ms = exchange.received_at_ms;
        self.is_look = true;
        self.looks += 1;
        exchange.latency_us > (self.usual_us * TIMES).max(self.usual_us + MORE_US)
    }

    fn learn(&mut self, latency_us: u64) {
        self.first.add(latency_us);
        self.count += 1;
        if self.count >= FIRST {
            let usual = self.first.quantile(0.95).unwrap_or(1.0);
            *self = Self { usual_us: usual.max(1.0) as u64, ..Self::default() };
        }
    }
}
