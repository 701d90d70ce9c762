//! Counters, written by requests and read by viewers.

use std::sync::atomic::{AtomicU64, Ordering};

use understudy_types::{Counters, Learner, Source};

use crate::proxy::exchange::Observed;

/// Upper bounds of what durations are counted by, in microseconds; above the last one there is one more.
pub const DURATIONS_US: [u64; 13] =
    [500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 10_000_000];

/// How long exchanges took.
#[derive(Debug, Default)]
struct Durations {
    counts: [AtomicU64; DURATIONS_US.len() + 1],
    sum_us: AtomicU64,
}

/// The same at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationCounts {
    pub counts: [u64; DURATIONS_US.len() + 1],
    pub sum_us: u64,
}

impl Durations {
    fn add(&self, micros: u64) {
        self.counts[DURATIONS_US.partition_point(|bound| *bound < micros)].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(micros, Ordering::Relaxed);
    }

    fn read(&self) -> DurationCounts {
        let counts = self.counts.each_ref().map(|count| count.load(Ordering::Relaxed));
        DurationCounts { counts, sum_us: self.sum_us.load(Ordering::Relaxed) }
    }
}

/// Counts since the start of the process.
#[derive(Debug, Default)]
pub struct Stats {
    /// Of upstream, the twin, faults, and our refusals.
    durations: [Durations; 4],
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
        let (counter, durations) = match observed.source {
            Source::Upstream => (&self.upstream, &self.durations[0]),
            Source::Twin => (&self.twin, &self.durations[1]),
            Source::Fault => (&self.fault, &self.durations[2]),
            Source::None => (&self.none, &self.durations[3]),
        };
        counter.fetch_add(1, Ordering::Relaxed);
        durations.add(observed.duration_us);
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

    /// From request head to the last byte, by source.
    #[must_use]
    pub fn durations(&self) -> [(Source, DurationCounts); 4] {
        let [upstream, twin, fault, none] = self.durations.each_ref().map(Durations::read);
        [(Source::Upstream, upstream), (Source::Twin, twin), (Source::Fault, fault), (Source::None, none)]
    }

    #[must_use]
    pub fn counters(&self) -> Counters {
        let [upstream, twin, fault, none] =
            [&self.upstream, &self.twin, &self.fault, &self.none].map(|counter| counter.load(Ordering::Relaxed));
        let requests = upstream + twin + fault + none;
        Counters { requests, upstream, twin, fault, errors: self.errors.load(Ordering::Relaxed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_belongs_to_the_first_bound_it_does_not_pass() {
        let durations = Durations::default();
        [0, 500, 501, 10_000_000, 10_000_001].into_iter().for_each(|micros| durations.add(micros));
        let DurationCounts { counts, sum_us } = durations.read();
        assert_eq!((counts[0], counts[1], counts[12], counts[13]), (2, 1, 1, 1));
        assert_eq!(sum_us, 20_001_002);
    }
}
