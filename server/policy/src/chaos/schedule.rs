//! When a rule is at work, and how much.

use serde::{Deserialize, Serialize};

/// Everything that is given has to hold. Times are Unix milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// The probability grows from 0 to its full value within so many seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ramp_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<Period>,
    /// Only the first so many of the requests that the rule concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
    /// Only each of this number: 3 is the third, the sixth …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
}

/// On for a while, then off for a while, beginning with on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    pub on_seconds: f64,
    pub off_seconds: f64,
}

impl Period {
    /// Whether it is on, so many milliseconds after its beginning.
    #[must_use]
    pub fn is_on(&self, since_ms: u64) -> bool {
        let (on, off) = (self.on_seconds * 1000.0, self.off_seconds * 1000.0);
        (since_ms as f64) % (on + off) < on
    }
}

impl Schedule {
    /// What the probability is multiplied by: 0 outside the window, up to 1 along the ramp. `started_ms` is when the rule was
    /// switched on.
    #[must_use]
    pub fn strength(&self, now_ms: u64, started_ms: u64) -> f64 {
        let begin = self.from_ms.unwrap_or(started_ms);
        if now_ms < begin || self.until_ms.is_some_and(|until| now_ms >= until) {
            return 0.0;
        }
        let since = now_ms - begin;
        if self.period.is_some_and(|period| !period.is_on(since)) {
            return 0.0;
        }
        self.ramp_seconds.map_or(1.0, |ramp| (since as f64 / (ramp * 1000.0)).min(1.0))
    }

    /// `ordinal` counts the requests that the rule concerned, from 0.
    #[must_use]
    pub fn counts(&self, ordinal: u64) -> bool {
        self.first.is_none_or(|first| ordinal < first)
            && self.every.is_none_or(|every| every > 0 && (ordinal + 1).is_multiple_of(every))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_a_ramp_and_a_period_bound_a_rule_in_time() {
        let ramp =
            Schedule { from_ms: Some(1000), until_ms: Some(11_000), ramp_seconds: Some(4.0), ..Default::default() };
        let check = |now, expected| assert_eq!(ramp.strength(now, 0), expected, "{now}");
        check(999, 0.0);
        check(1000, 0.0);
        check(3000, 0.5);
        check(5000, 1.0);
        check(10_999, 1.0);
        check(11_000, 0.0);
        let period = Period { on_seconds: 2.0, off_seconds: 3.0 };
        let beat = Schedule { period: Some(period), ..Default::default() };
        let on: Vec<u64> = (0..10).filter(|second| beat.strength(500 + second * 1000, 500) > 0.0).collect();
        assert_eq!(on, [0, 1, 5, 6]);
    }

    #[test]
    fn counts_pick_single_requests() {
        let check = |first, every, expected: &[u64]| {
            let schedule = Schedule { first, every, ..Default::default() };
            assert_eq!((0..8).filter(|ordinal| schedule.counts(*ordinal)).collect::<Vec<_>>(), expected);
        };
        check(Some(2), None, &[0, 1]);
        check(None, Some(3), &[2, 5]);
        check(Some(4), Some(3), &[2]);
    }
}
