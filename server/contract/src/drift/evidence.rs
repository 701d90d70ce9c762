//! When is a contradiction a change? A sequential test over events that are rare while nothing changes.
//!
//! The events of one place (a field is missing, a value is null) are taken to come with one unknown rate as long as the API
//! stays what it is. Having seen `v` of them in `n` exchanges, the next one comes with the probability
//! `(v + 1/2) / (n + 1)` (Krichevsky and Trofimov). That is held against four ways in which it may have changed: the
//! event now comes nearly always, in every other exchange, in one of five, in three of a hundred. Each keeps the sum of the logarithms
//! of the two probabilities and never falls below zero (the cumulative sum test of Page), so that it does not matter
//! when the change came. A false alarm takes a run that is less likely than `e^-ENOUGH` under the old rate.
//!
//! What follows from that: after some fifty sightings of a required field five answers without it are enough, after
//! thousands of sightings three or four; and a field that is missing in one of two hundred answers may go on like that for ever.

use serde::{Deserialize, Serialize};

/// One chance in nine million, for each event that is watched and each point at which a change could have begun. An API has
/// some thousand watched places of which few ever see an event at all.
pub(super) const ENOUGH: f32 = 16.0;
/// The rates that a changed event may have.
const CHANGED: [f32; 4] = [0.95, 0.5, 0.2, 0.03];
/// The logarithms of what is left of them to one.
const NOT_CHANGED: [f32; 4] = [-2.995_732_3, -std::f32::consts::LN_2, -0.223_143_55, -0.030_459_207];
/// Targets that were offending, remembered so that one that is asked for again and again is no new evidence.
const OFFENDERS: usize = 8;

/// What speaks for a change of one event, since the last time when nothing did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Suspicion {
    scores: [f32; CHANGED.len()],
    /// Exchanges with the event, and without it.
    pub(super) hits: u32,
    pub(super) passes: u32,
    /// When the first of them came.
    pub(super) since_ms: u64,
    /// And which exchange it was.
    pub(super) first: u64,
    offenders: Vec<u32>,
}

impl Suspicion {
    pub(super) fn begin(id: u64, at_ms: u64) -> Self {
        Self { since_ms: at_ms, first: id, ..Self::default() }
    }

    /// The event came, after `before` in `of` exchanges.
    pub(super) fn hit(&mut self, before: u32, of: u32) {
        self.hits += 1;
        let expected = rate(before, of);
        for (score, changed) in self.scores.iter_mut().zip(CHANGED) {
            *score = if changed > expected { score.max(0.0) + (changed / expected).ln() } else { 0.0 };
        }
    }

    /// The event could have come and did not.
    pub(super) fn pass(&mut self, before: u32, of: u32) {
        self.passes += 1;
        let expected = rate(before, of);
        let usual = (1.0 - expected).ln();
        for ((score, changed), not_changed) in self.scores.iter_mut().zip(CHANGED).zip(NOT_CHANGED) {
            // An event that came more often than that all along has not begun to.
            *score = if changed > expected { (*score + not_changed - usual).max(0.0) } else { 0.0 };
        }
    }

    /// Logarithm of how much better a change explains what was seen.
    pub(super) fn weight(&self) -> f32 {
        self.scores.iter().copied().fold(0.0, f32::max)
    }

    pub(super) fn is_over(&self) -> bool {
        self.weight() <= 0.0
    }

    /// Whether several things showed it: one that a person changed says nothing of the API.
    pub(super) fn has_witnesses(&self) -> bool {
        self.offenders.len() > 1
    }

    /// Whether a target is evidence that was not heard before.
    pub(super) fn is_new(&mut self, target: u32) -> bool {
        if self.offenders.contains(&target) {
            return false;
        }
        if self.offenders.len() == OFFENDERS {
            self.offenders.remove(0);
        }
        self.offenders.push(target);
        true
    }
}

fn rate(events: u32, of: u32) -> f32 {
    ((events as f32 + 0.5) / (of.max(events) as f32 + 1.0)).min(0.999)
}

/// Whether something that came `seen` times in `of` exchanges can have stayed away for so many more without a change.
pub(super) fn is_gone(seen: u32, of: u32, away: u32) -> bool {
    // The lower end of what the rate can be: five standard deviations of the count below it.
    let least = seen as f32 - 5.0 * (seen as f32).sqrt();
    let rate = (least / of.max(1) as f32).min(0.999);
    rate > 0.0 && -(1.0 - rate).ln() * away as f32 > ENOUGH
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many events in a row a change is certain, having seen none in `of` exchanges.
    fn needed(of: u32) -> u32 {
        let mut suspicion = Suspicion::default();
        (1..100)
            .find(|n| {
                suspicion.hit(n - 1, of + n - 1);
                suspicion.weight() >= ENOUGH
            })
            .unwrap()
    }

    #[test]
    fn logarithms_are_those_of_the_rates() {
        for (changed, not_changed) in CHANGED.into_iter().zip(NOT_CHANGED) {
            assert!(((1.0 - changed).ln() - not_changed).abs() < 1e-5, "{changed}");
        }
    }

    #[test]
    fn the_more_was_seen_the_fewer_contradictions_it_takes() {
        let counts: Vec<u32> = [10, 50, 200, 5000, 100_000].map(needed).into();
        assert_eq!(counts, [15, 5, 4, 2, 2]);
    }

    #[test]
    fn a_rare_event_may_stay_rare() {
        let mut suspicion = Suspicion::default();
        let (mut seen, mut worst) = (0, 0.0_f32);
        for n in 0..200_000_u64 {
            let (before, of) = (seen, n as u32);
            if crate::hash::combine(7, n).is_multiple_of(200) {
                suspicion.hit(before, of);
                seen += 1;
            } else {
                suspicion.pass(before, of);
            }
            worst = worst.max(suspicion.weight());
        }
        assert!(worst < ENOUGH, "{worst}");
    }

    #[test]
    fn a_frequent_event_that_becomes_rare_is_no_rise() {
        let mut suspicion = Suspicion::default();
        suspicion.hit(200, 1000);
        (0..500).for_each(|n| suspicion.pass(201, 1001 + n));
        assert!(suspicion.is_over());
    }

    #[test]
    fn one_in_thirty_is_told_from_never() {
        let mut suspicion = Suspicion::default();
        let found = (0..1000_u32).find(|n| {
            if n % 30 == 0 {
                suspicion.hit(n / 30, 5000 + n);
            } else {
                suspicion.pass(n / 30 + 1, 5000 + n);
            }
            suspicion.weight() >= ENOUGH
        });
        assert!(found.is_some_and(|n| n < 300), "{found:?}");
    }

    #[test]
    fn what_is_rare_may_stay_away_for_long() {
        assert!(!is_gone(3, 1000, 100_000) && !is_gone(100, 1000, 200) && is_gone(100, 1000, 400));
        assert!(is_gone(900, 1000, 12) && !is_gone(900, 1000, 6));
    }
}
