//! Counters, written by requests and read by viewers.

use std::sync::atomic::{AtomicU64, Ordering};

use understudy_types::{Counters, DURATION_BOUNDS_US, Learner, Source, duration_place};

use crate::proxy::exchange::Observed;

/// How long exchanges took.
#[derive(Debug, Default)]
struct Durations {
    counts: [AtomicU64; DURATION_BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

/// The same at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationCounts {
    pub counts: understudy_types::Durations,
    pub sum_us: u64,
}

impl Durations {
    fn add(&self, micros: u64) {
        self.counts[duration_place(micros)].fetch_add(1, Ordering::Relaxed);
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

    /// Exchanges that were queued and then let go.
    pub(crate) fn shed_more(&self, exchanges: u64) {
        self.shed.fetch_add(exchanges, Ordering::AcqRel);
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
        let [by_upstream, by_twin] = [&self.durations[0], &self.durations[1]].map(|each| each.read().counts);
        let durations = std::array::from_fn(|place| by_upstream[place] + by_twin[place]);
        Counters { requests, upstream, twin, fault, errors: self.errors.load(Ordering::Relaxed), durations }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_belongs_to_the_first_bound_it_does_not_pass() {
        let durations = Durations::default();
        [0, 100, 101, 10_000_000, 10_000_001].into_iter().for_each(|micros| durations.add(micros));
        let DurationCounts { counts, sum_us } = durations.read();
        assert_eq!((counts[0], counts[1], counts[25], counts[26]), (2, 1, 1, 1));
        assert_eq!(sum_us, 20_000_202);
    }
}
