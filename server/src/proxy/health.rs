//! How upstream did lately: the breaker, its latency, its last error.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use understudy_policy::{Breaker, BreakerState, Limits, Permit};
use understudy_types as types;

/// So many answers the latency shown is the median of.
const LATENCIES: usize = 63;

/// Shared by all requests. While all is well a request reads one flag and writes one number.
#[derive(Debug)]
pub struct Health {
    /// The breaker has nothing to remember, so its lock can be left alone.
    clean: AtomicBool,
    breaker: Mutex<Breaker>,
    origin: Instant,
    was_asked: AtomicBool,
    is_down: AtomicBool,
    last_error: Mutex<Option<String>>,
    /// In microseconds; 0 is an empty place.
    latencies: [AtomicU32; LATENCIES],
    next: AtomicUsize,
}

impl Health {
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            clean: AtomicBool::new(true),
            breaker: Mutex::new(Breaker::new(limits)),
            origin: Instant::now(),
            was_asked: AtomicBool::new(false),
            is_down: AtomicBool::new(false),
            last_error: Mutex::new(None),
            latencies: [const { AtomicU32::new(0) }; LATENCIES],
            next: AtomicUsize::new(0),
        }
    }

    pub fn permit(&self) -> Permit {
        if self.clean.load(Ordering::Acquire) {
            return Permit::Yes;
        }
        self.lock().permit(self.origin.elapsed())
    }

    /// Upstream answered, and well.
    pub fn succeeded(&self, latency_us: u64) {
        self.note_latency(latency_us);
        if self.clean.load(Ordering::Acquire) {
            return;
        }
        let mut breaker = self.lock();
        breaker.succeeded(self.origin.elapsed());
        if breaker.state() == BreakerState::Closed {
            self.is_down.store(false, Ordering::Relaxed);
        }
        self.clean.store(breaker.is_clean(), Ordering::Release);
    }

    /// Upstream answered that it is not well.
    pub fn unwell(&self, latency_us: u64, status: u16) {
        self.note_latency(latency_us);
        self.failed(format!("upstream answered {status}"));
    }

    /// A request left us without an answer, and that is not upstream's fault.
    pub fn abandoned(&self) {
        if !self.clean.load(Ordering::Acquire) {
            self.lock().abandoned(self.origin.elapsed());
        }
    }

    fn note_latency(&self, latency_us: u64) {
        let place = self.next.fetch_add(1, Ordering::Relaxed) % LATENCIES;
        self.latencies[place].store(u32::try_from(latency_us).unwrap_or(u32::MAX).max(1), Ordering::Relaxed);
        if !self.was_asked.load(Ordering::Relaxed) {
            self.was_asked.store(true, Ordering::Relaxed);
        }
    }

    pub fn failed(&self, error: String) {
        let mut breaker = self.lock();
        breaker.failed(self.origin.elapsed());
        self.clean.store(false, Ordering::Release);
        drop(breaker);
        self.was_asked.store(true, Ordering::Relaxed);
        self.is_down.store(true, Ordering::Relaxed);
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    /// A probe outside of the traffic reached upstream.
    pub fn wake(&self) {
        self.lock().wake(self.origin.elapsed());
    }

    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.clean.load(Ordering::Acquire) && self.lock().state() == BreakerState::Open
    }

    #[must_use]
    pub fn breaker(&self) -> types::Breaker {
        match self.lock().state() {
            BreakerState::Closed => types::Breaker::Closed,
            BreakerState::Open => types::Breaker::Open,
            BreakerState::HalfOpen => types::Breaker::HalfOpen,
        }
    }

    #[must_use]
    pub fn health(&self) -> types::Health {
        match (self.was_asked.load(Ordering::Relaxed), self.is_down.load(Ordering::Relaxed)) {
            (false, _) => types::Health::Unknown,
            (true, false) => types::Health::Up,
            (true, true) => types::Health::Down,
        }
    }

    #[must_use]
    pub fn last_error(&self) -> Option<String> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    #[must_use]
    pub fn latency_ms(&self) -> Option<f64> {
        let all = self.latencies.iter().map(|latency| latency.load(Ordering::Relaxed));
        let mut seen: Vec<u32> = all.filter(|latency| *latency > 0).collect();
        seen.sort_unstable();
        seen.get(seen.len() / 2).map(|median| f64::from(*median) / 1000.0)
    }

    fn lock(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_open_it_and_a_success_cleans_it() {
        let health = Health::new(Limits { failures: 2, ..Limits::default() });
        assert_eq!(health.health(), types::Health::Unknown);
        health.failed("a".into());
        assert_eq!((health.permit(), health.health()), (Permit::Yes, types::Health::Down));
        health.failed("b".into());
        assert_eq!((health.permit(), health.breaker()), (Permit::No, types::Breaker::Open));
        assert_eq!(health.last_error().as_deref(), Some("b"));
        health.wake();
        assert_eq!(health.permit(), Permit::Probe);
        health.succeeded(10);
        assert_eq!((health.breaker(), health.health()), (types::Breaker::HalfOpen, types::Health::Down));
        assert_eq!(health.permit(), Permit::Probe);
        health.unwell(10, 503);
        assert_eq!(health.last_error().as_deref(), Some("upstream answered 503"));
        health.wake();
        for _ in 0..2 {
            assert_eq!(health.permit(), Permit::Probe);
            health.succeeded(10);
        }
        assert_eq!((health.permit(), health.health()), (Permit::Yes, types::Health::Up));
    }

    #[test]
    fn latency_is_the_median_of_the_last_answers() {
        let health = Health::new(Limits::default());
        assert_eq!(health.latency_ms(), None);
        for latency in [1000, 9000, 3000] {
            health.succeeded(latency);
        }
        assert_eq!(health.latency_ms(), Some(3.0));
        for _ in 0..LATENCIES {
            health.succeeded(500);
        }
        assert_eq!(health.latency_ms(), Some(0.5));
    }
}
