//! Counters, written by requests and read by viewers.

use std::sync::atomic::{AtomicU64, Ordering};

use understudy_types::{Counters, Learner, Source};

use crate::proxy::exchange::Observed;

/// Counts since the start of the process.
#[derive(Debug, Default)]
pub struct Stats {
    upstream: AtomicU64,
    twin: AtomicU64,
    fault: AtomicU64,
    none: AtomicU64,
    errors: AtomicU64,
    offered: AtomicU64,
    learned: AtomicU64,
    shed: AtomicU64,
}

impl Stats {
    pub(crate) fn count(&self, observed: &Observed) {
        let counter = match observed.source {
            Source::Upstream => &self.upstream,
            Source::Twin => &self.twin,
            Source::Fault => &self.fault,
            Source::None => &self.none,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if observed.status.is_server_error() || observed.source == Source::None {
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn offered(&self) {
        self.offered.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn shed(&self) {
        self.shed.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn learned(&self, exchanges: u64) {
        self.learned.fetch_add(exchanges, Ordering::AcqRel);
    }

    /// What is done is read before what was offered, so `pending` is never negative and the sum always holds.
    #[must_use]
    pub fn learner(&self, bodies_shed: u64) -> Learner {
        let learned = self.learned.load(Ordering::Acquire);
        let shed = self.shed.load(Ordering::Acquire);
        let offered = self.offered.load(Ordering::Acquire);
        Learner { pending: offered - learned - shed, learned, shed, offered, bodies_shed }
    }

    #[must_use]
    pub fn counters(&self) -> Counters {
        let [upstream, twin, fault, none] =
            [&self.upstream, &self.twin, &self.fault, &self.none].map(|counter| counter.load(Ordering::Relaxed));
        let requests = upstream + twin + fault + none;
        Counters { requests, upstream, twin, fault, errors: self.errors.load(Ordering::Relaxed) }
    }
}
