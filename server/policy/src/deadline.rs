//! How long upstream may be silent before it counts as hung.

use std::time::Duration;

/// So many times as long as the slowest in a thousand answers took: late is not yet hung.
const PATIENCE: u32 = 3;

/// The bounds of every deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// No answer is given up earlier, however fast the endpoint usually is: every server pauses now and then.
    pub floor: Duration,
    /// Also the deadline where nothing is known of the endpoint.
    pub ceiling: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { floor: Duration::from_secs(2), ceiling: Duration::from_secs(60) }
    }
}

impl Deadlines {
    /// From the end of the request to the head of the answer. `slowest` is what 999 of 1000 answers of the endpoint stayed
    /// below.
    #[must_use]
    pub fn for_latency(&self, slowest: Option<Duration>) -> Duration {
        let learned = slowest.map(|slowest| slowest.saturating_mul(PATIENCE));
        learned.map_or(self.ceiling, |learned| learned.max(self.floor).min(self.ceiling))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deadline_follows_the_endpoint_within_bounds() {
        let bounds = Deadlines { floor: Duration::from_secs(1), ceiling: Duration::from_secs(10) };
        let check = |slowest: Option<u64>, expected: u64| {
            let deadline = bounds.for_latency(slowest.map(Duration::from_millis));
            assert_eq!(deadline, Duration::from_millis(expected), "{slowest:?}");
        };
        check(None, 10_000);
        check(Some(5), 1_000);
        check(Some(1_200), 3_600);
        check(Some(9_000), 10_000);
    }
}
