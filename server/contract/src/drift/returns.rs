//! When has something that comes again and again stopped coming?
//!
//! Whatever its rate is, and however it clumps: once it has stayed away for eight times as long as its longest pause so far, of
//! forty pauses at least. Were the pauses drawn from one exponential distribution, the next one after `m` would be that long with the
//! probability `8! / ((m + 1) … (m + 8))`; summed over all `m` from forty on that is one in some thirty million, for ever. What clumps
//! more has had longer pauses already, and waits longer. The pause has to be long in exchanges and by the clock: at night everything
//! pauses.

use serde::{Deserialize, Serialize};

/// Pauses before anything is said.
const PAUSES: u32 = 40;
/// How many times the longest of them.
const TIMES: u32 = 8;

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Returns {
    /// When it came last, in exchanges of whoever asks and in Unix milliseconds.
    last: u32,
    last_ms: u64,
    longest: u32,
    longest_ms: u64,
    pauses: u32,
}

impl Returns {
    /// It came in the exchange of this number, at this time.
    pub(super) fn come(&mut self, number: u32, at_ms: u64) {
        if self.last == number {
            return;
        }
        if self.last > 0 {
            self.pauses = self.pauses.saturating_add(1);
            self.longest = self.longest.max(number.saturating_sub(self.last));
            self.longest_ms = self.longest_ms.max(at_ms.saturating_sub(self.last_ms));
        }
        (self.last, self.last_ms) = (number, at_ms);
    }

    pub(super) fn is_away(&self, number: u32, at_ms: u64) -> bool {
        self.pauses >= PAUSES
            && number.saturating_sub(self.last) > self.longest.saturating_mul(TIMES)
            && at_ms.saturating_sub(self.last_ms) > self.longest_ms.saturating_mul(u64::from(TIMES))
    }

    /// The wait begins anew: meanwhile it may have come unseen. Returns for how many exchanges it lasts.
    pub(super) fn wait(&mut self, number: u32, at_ms: u64) -> u32 {
        (self.last, self.last_ms) = (number, at_ms);
        self.longest.saturating_mul(TIMES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws that look random; comes with a chance of one in `of`.
    fn comes(seed: u64, n: u32, of: u64) -> bool {
        crate::hash::combine(seed, u64::from(n)).is_multiple_of(of)
    }

    #[test]
    fn what_comes_at_any_rate_is_never_away() {
        for (seed, of) in (0..200).flat_map(|seed| [1, 2, 7, 50, 400].map(|of| (seed, of))) {
            let mut returns = Returns::default();
            for n in 1..20_000 {
                if comes(seed, n, of) {
                    returns.come(n, u64::from(n));
                }
                assert!(!returns.is_away(n, u64::from(n)), "{seed} {of} {n}");
            }
        }
    }

    #[test]
    fn what_comes_in_bursts_is_not_away_between_them() {
        let mut returns = Returns::default();
        for n in 1..50_000 {
            if n / 500 % 7 == 0 && comes(3, n, 2) {
                returns.come(n, u64::from(n));
            }
            assert!(n < 7000 || !returns.is_away(n, u64::from(n)), "{n}");
        }
    }

    #[test]
    fn what_stays_away_is_away_after_eight_times_its_longest_pause() {
        let mut returns = Returns::default();
        (1..200).filter(|n| n % 4 == 0).for_each(|n| returns.come(n, u64::from(n)));
        assert!(!returns.is_away(196 + 32, 300) && returns.is_away(196 + 33, 300));
        assert!(!returns.is_away(196 + 33, 196 + 32), "not by the clock");
        assert!(!Returns::default().is_away(1_000_000, 1_000_000));
    }
}
