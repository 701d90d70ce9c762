//! The circuit breaker: stops asking an upstream that fails, and finds out when it is back.

use std::time::Duration;

/// When the breaker opens and how long it stays so.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Failures in a row that open it. One success starts the count again.
    pub failures: u32,
    /// Successes in a row that close it again: an upstream that answers once and falls over is not back.
    pub successes: u32,
    /// How long it stays open the first time.
    pub open: Duration,
    /// The wait doubles with every failed probe, up to this.
    pub open_max: Duration,
}

impl Default for Limits {
    /// Opens late and closes early: an upstream that is being restarted by its developer is the common case. Somebody is
    /// expected to look at upstream beside the traffic and to [wake](Breaker::wake) the breaker; the times are for an
    /// upstream that such looks do not find, and each costs one request the wait for it.
    fn default() -> Self {
        Self { failures: 5, successes: 2, open: Duration::from_secs(5), open_max: Duration::from_secs(30) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    Closed,
    Open,
    /// One probe is under way, or some went well and more are wanted.
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
    /// Probes that went well since the last failure.
    successes: u32,
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
            Some(Opened { probe: None, successes: 0, .. }) => BreakerState::Open,
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

    /// Upstream gave a good answer.
    pub fn succeeded(&mut self, now: Duration) {
        self.failures = 0;
        let Some(opened) = &mut self.opened else { return };
        opened.successes += 1;
        opened.probe = None;
        opened.until = now;
        if opened.successes >= self.limits.successes {
            self.opened = None;
        }
    }

    /// The client of a probe went away before there was an answer: the next request may try.
    pub fn abandoned(&mut self, now: Duration) {
        if let Some(opened) = &mut self.opened
            && opened.probe.take().is_some()
        {
            opened.until = now;
        }
    }

    /// Upstream could not be asked, gave no answer, or one that says that it is not well.
    pub fn failed(&mut self, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        match &mut self.opened {
            // A request that left before the breaker opened ends now: it says nothing new.
            Some(Opened { probe: None, successes: 0, .. }) => {}
            Some(opened) => {
                let wait = (opened.wait * 2).min(self.limits.open_max);
                *opened = Opened { until: now + wait, wait, successes: 0, probe: None };
            }
            None if self.failures >= self.limits.failures => {
                let wait = self.limits.open;
                self.opened = Some(Opened { until: now + wait, wait, successes: 0, probe: None });
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
        Breaker::new(Limits { failures, successes: 2, open: at(100), open_max: at(300) })
    }

    #[test]
    fn opens_after_failures_in_a_row_only() {
        let mut b = breaker(3);
        b.failed(at(0));
        b.failed(at(1));
        b.succeeded(at(1));
        b.failed(at(2));
        b.failed(at(3));
        assert_eq!(b.state(), BreakerState::Closed);
        assert_eq!(b.permit(at(4)), Permit::Yes);
        b.failed(at(5));
        assert_eq!(b.state(), BreakerState::Open);
        assert_eq!(b.permit(at(6)), Permit::No);
    }

    #[test]
    fn lets_one_probe_through_at_a_time_and_closes_after_two_successes() {
        let mut b = breaker(1);
        b.failed(at(0));
        assert_eq!(b.permit(at(99)), Permit::No);
        assert_eq!(b.permit(at(100)), Permit::Probe);
        assert_eq!(b.state(), BreakerState::HalfOpen);
        assert_eq!(b.permit(at(101)), Permit::No);
        b.succeeded(at(102));
        assert_eq!(b.state(), BreakerState::HalfOpen);
        assert_eq!(b.permit(at(102)), Permit::Probe, "the second one need not wait");
        assert_eq!(b.permit(at(103)), Permit::No);
        b.succeeded(at(104));
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
    fn one_success_between_failures_does_not_close_it() {
        let mut b = breaker(1);
        b.failed(at(0));
        assert_eq!(b.permit(at(100)), Permit::Probe);
        b.succeeded(at(101));
        assert_eq!(b.permit(at(102)), Permit::Probe);
        b.failed(at(103));
        assert_eq!((b.state(), b.permit(at(104))), (BreakerState::Open, Permit::No));
    }

    #[test]
    fn an_abandoned_probe_is_replaced_at_once() {
        let mut b = breaker(1);
        b.failed(at(0));
        assert_eq!(b.permit(at(100)), Permit::Probe);
        b.abandoned(at(101));
        assert_eq!(b.permit(at(101)), Permit::Probe);
    }

    #[test]
    fn waking_lets_the_next_request_try() {
        let mut b = breaker(1);
        b.failed(at(0));
        b.wake(at(10));
        assert_eq!(b.permit(at(10)), Permit::Probe);
    }
}
