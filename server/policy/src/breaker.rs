//! The circuit breaker: stops asking an upstream that fails, and finds out when it is back.

use std::time::Duration;

/// When the breaker opens and how long it stays so.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Failures in a row that open it. One success starts the count again.
    pub failures: u32,
    /// How long it stays open the first time.
    pub open: Duration,
    /// The wait doubles with every failed probe, up to this.
    pub open_max: Duration,
}

impl Default for Limits {
    /// Opens late and closes early: an upstream that is being restarted by its developer is the common case.
    fn default() -> Self {
        Self { failures: 5, open: Duration::from_secs(1), open_max: Duration::from_secs(10) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    Closed,
    Open,
    /// One probe is under way; its end decides.
    HalfOpen,
}

/// May this request go upstream?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    Yes,
    /// Yes, as the one probe of a half-open breaker.
    Probe,
    No,
}

/// Times are durations since any fixed moment, and must not go backwards.
#[derive(Debug)]
pub struct Breaker {
    limits: Limits,
    failures: u32,
    /// Set while open or half-open.
    opened: Option<Opened>,
}

#[derive(Debug, Clone, Copy)]
struct Opened {
    until: Duration,
    wait: Duration,
    /// When the probe that is under way left. A probe that never reports back does not hold the breaker for ever.
    probe: Option<Duration>,
}

impl Breaker {
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, failures: 0, opened: None }
    }

    #[must_use]
    pub fn state(&self) -> BreakerState {
        match self.opened {
            None => BreakerState::Closed,
            Some(Opened { probe: None, .. }) => BreakerState::Open,
            Some(_) => BreakerState::HalfOpen,
        }
    }

    /// Nothing to remember: closed, and the last exchange went well.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.opened.is_none() && self.failures == 0
    }

    pub fn permit(&mut self, now: Duration) -> Permit {
        let Some(opened) = &mut self.opened else { return Permit::Yes };
        let probe_lost = opened.probe.is_some_and(|left| now >= left + opened.wait);
        if (opened.probe.is_none() && now >= opened.until) || probe_lost {
            opened.probe = Some(now);
            return Permit::Probe;
        }
        Permit::No
    }

    /// Upstream gave an answer, whatever its status.
    pub fn succeeded(&mut self) {
        self.failures = 0;
        self.opened = None;
    }

    /// Upstream could not be asked or gave no answer.
    pub fn failed(&mut self, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        match &mut self.opened {
            // A request that left before the breaker opened ends now: it says nothing new.
            Some(Opened { probe: None, .. }) => {}
            Some(opened) => {
                let wait = (opened.wait * 2).min(self.limits.open_max);
                *opened = Opened { until: now + wait, wait, probe: None };
            }
            None if self.failures >= self.limits.failures => {
                let wait = self.limits.open;
                self.opened = Some(Opened { until: now + wait, wait, probe: None });
            }
            None => {}
        }
    }

    /// Something outside of the traffic saw upstream alive: the next request may try.
    pub fn wake(&mut self, now: Duration) {
        if let Some(opened) = &mut self.opened {
            opened.until = opened.until.min(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn breaker(failures: u32) -> Breaker {
        Breaker::new(Limits { failures, open: at(100), open_max: at(300) })
    }

    #[test]
    fn opens_after_failures_in_a_row_only() {
        let mut b = breaker(3);
        b.failed(at(0));
        b.failed(at(1));
        b.succeeded();
        b.failed(at(2));
        b.failed(at(3));
        assert_eq!(b.state(), BreakerState::Closed);
        assert_eq!(b.permit(at(4)), Permit::Yes);
        b.failed(at(5));
        assert_eq!(b.state(), BreakerState::Open);
        assert_eq!(b.permit(at(6)), Permit::No);
    }

    #[test]
    fn lets_one_probe_through_and_closes_on_success() {
        let mut b = breaker(1);
        b.failed(at(0));
        assert_eq!(b.permit(at(99)), Permit::No);
        assert_eq!(b.permit(at(100)), Permit::Probe);
        assert_eq!(b.state(), BreakerState::HalfOpen);
        assert_eq!(b.permit(at(101)), Permit::No);
        b.succeeded();
        assert_eq!(b.state(), BreakerState::Closed);
        assert!(b.is_clean());
    }

    #[test]
    fn waits_longer_after_each_failed_probe_up_to_the_limit() {
        let mut b = breaker(1);
        b.failed(at(0));
        assert_eq!(b.permit(at(100)), Permit::Probe);
        b.failed(at(100));
        assert_eq!(b.permit(at(299)), Permit::No);
        assert_eq!(b.permit(at(300)), Permit::Probe);
        b.failed(at(300));
        assert_eq!(b.permit(at(599)), Permit::No);
        assert_eq!(b.permit(at(600)), Permit::Probe);
        b.failed(at(600));
        assert_eq!(b.permit(at(900)), Permit::Probe, "the wait must not pass the limit");
    }

    #[test]
    fn a_late_failure_does_not_prolong_an_open_breaker() {
        let mut b = breaker(1);
        b.failed(at(0));
        b.failed(at(90));
        assert_eq!(b.permit(at(100)), Permit::Probe);
    }

    #[test]
    fn a_lost_probe_is_replaced() {
        let mut b = breaker(1);
        b.failed(at(0));
        assert_eq!(b.permit(at(100)), Permit::Probe);
        assert_eq!(b.permit(at(150)), Permit::No);
        assert_eq!(b.permit(at(200)), Permit::Probe);
    }

    #[test]
    fn waking_lets_the_next_request_try() {
        let mut b = breaker(1);
        b.failed(at(0));
        b.wake(at(10));
        assert_eq!(b.permit(at(10)), Permit::Probe);
    }
}
