//! What is counted about a plugin.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A failed call weighs as much as so many that succeed.
const FAILURE: u32 = 10;
/// Parts of a power of two: a quantile is off by less than a tenth.
const PARTS: u32 = 8;
const BUCKETS: usize = 40 * PARTS as usize;
/// Each of the first calls is timed, later on one in some: looking at the clock twice costs a quarter of what an empty call does.
const ALL_TIMED: u64 = 1000;
const ONE_IN: u64 = 8;

/// Counts calls without a lock, apart from the text of the last error.
#[derive(Debug)]
pub(crate) struct Tally {
    calls: AtomicU64,
    failures: AtomicU64,
    /// Grows with failures, shrinks with successes; too much of it switches the plugin off.
    blame: AtomicU32,
    last_error: Mutex<Option<String>>,
    /// Calls that were timed by their duration, in steps of an eighth of a power of two.
    durations: [AtomicU64; BUCKETS],
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            calls: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            blame: AtomicU32::new(0),
            last_error: Mutex::default(),
            durations: [const { AtomicU64::new(0) }; BUCKETS],
        }
    }
}

impl Tally {
    /// Counts a call that begins, with the time if it is one that is timed.
    pub(crate) fn begin(&self) -> Option<Instant> {
        let calls = self.calls.fetch_add(1, Relaxed);
        (calls < ALL_TIMED || calls.is_multiple_of(ONE_IN)).then(Instant::now)
    }

    pub(crate) fn succeeded(&self, began: Option<Instant>) {
        self.time(began);
        if self.blame.load(Relaxed) > 0 {
            // Another thread may have been faster; what is lost is a tenth of a failure.
            let _ = self.blame.fetch_update(Relaxed, Relaxed, |blame| blame.checked_sub(1));
        }
    }

    pub(crate) fn failed(&self, began: Option<Instant>, error: String) {
        self.time(began);
        self.failures.fetch_add(1, Relaxed);
        // Far from overflowing: nobody is asked again once it is off.
        self.blame.fetch_add(FAILURE, Relaxed);
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// Whether so many calls failed in a row, or nearly so.
    pub(crate) fn is_to_blame(&self, failures_in_a_row: u32) -> bool {
        self.blame.load(Relaxed) >= failures_in_a_row.saturating_mul(FAILURE)
    }

    pub(crate) fn forgive(&self) {
        self.blame.store(0, Relaxed);
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }

    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Relaxed)
    }

    pub(crate) fn last_error(&self) -> Option<String> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// So long, at most, took `share` of the calls; in microseconds.
    pub(crate) fn quantile_us(&self, share: f64) -> Option<f64> {
        let counts: Vec<u64> = self.durations.iter().map(|count| count.load(Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        let wanted = (total as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        let bucket = counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        Some(2f64.powf((bucket as f64 + 1.0) / f64::from(PARTS)) / 1000.0)
    }

    fn time(&self, began: Option<Instant>) {
        if let Some(began) = began {
            self.count(began.elapsed());
        }
    }

    fn count(&self, took: Duration) {
        self.durations[bucket(took)].fetch_add(1, Relaxed);
    }
}

/// The power of two below the nanoseconds, and which eighth above it, without a logarithm.
fn bucket(took: Duration) -> usize {
    let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(u64::from(PARTS));
    let power = nanos.ilog2();
    // The three bits after the leading one: linear within a power of two, which is close enough to its eighths.
    let part = (nanos >> (power - PARTS.ilog2())) & u64::from(PARTS - 1);
    ((power * PARTS) as usize + part as usize).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_close() {
        let tally = Tally::default();
        assert_eq!(tally.quantile_us(0.5), None);
        for micros in 1..=1000 {
            tally.count(Duration::from_micros(micros));
        }
        for (share, expected) in [(0.5, 500.0), (0.99, 990.0)] {
            let got = tally.quantile_us(share).unwrap();
            assert!((got / expected - 1.0).abs() < 0.15, "{share}: {got}");
        }
    }

    #[test]
    fn the_longest_call_has_a_bucket() {
        let tally = Tally::default();
        tally.count(Duration::MAX);
        tally.count(Duration::ZERO);
        assert!(tally.quantile_us(1.0) > tally.quantile_us(0.5));
    }

    #[test]
    fn all_calls_are_counted_and_some_of_many_timed() {
        let tally = Tally::default();
        let timed = (0..ALL_TIMED + 10 * ONE_IN).filter(|_| tally.begin().is_some()).count() as u64;
        assert_eq!((tally.calls(), timed), (ALL_TIMED + 10 * ONE_IN, ALL_TIMED + 10));
    }

    #[test]
    fn failures_in_a_row_are_to_blame_and_rare_ones_are_not() {
        let tally = Tally::default();
        for _ in 0..100 {
            tally.failed(None, "no".to_owned());
            (0..10).for_each(|_| tally.succeeded(None));
        }
        assert!(!tally.is_to_blame(3));
        (0..3).for_each(|_| tally.failed(None, "no".to_owned()));
        assert!(tally.is_to_blame(3) && !tally.is_to_blame(4));
        tally.forgive();
        assert!(!tally.is_to_blame(3));
    }
}
