//! How the API fails by itself: how often, with what, and how many times in a row.

use std::collections::BTreeMap;

use super::Failures;

/// One answer of the API's, in the order in which they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// Method and path template.
    pub endpoint: String,
    pub status: u16,
}

/// The failures of every endpoint, and of all together for those of which too little is known.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profile {
    endpoints: BTreeMap<String, Failures>,
    all: Option<Failures>,
}

/// Below this an endpoint's own rate says less than everybody's.
const ENOUGH: u64 = 20;

#[derive(Debug, Default)]
struct Count {
    answers: u64,
    failures: u64,
    /// Failures that followed no failure.
    runs: u64,
    fails: bool,
    statuses: BTreeMap<u16, u64>,
}

impl Profile {
    /// Learns from what was answered.
    pub fn learn(past: impl Iterator<Item = Past>) -> Self {
        let mut counts: BTreeMap<String, Count> = BTreeMap::new();
        let mut all = Count::default();
        for Past { endpoint, status } in past {
            counts.entry(endpoint).or_default().add(status);
            all.add(status);
        }
        let endpoints = counts.into_iter().filter(|(_, count)| count.answers >= ENOUGH);
        Self {
            endpoints: endpoints.map(|(endpoint, count)| (endpoint, count.failures())).collect(),
            all: (all.answers > 0).then(|| all.failures()),
        }
    }

    /// `None` while nothing was answered at all.
    #[must_use]
    pub fn of(&self, endpoint: Option<&str>) -> Option<&Failures> {
        endpoint.and_then(|endpoint| self.endpoints.get(endpoint)).or(self.all.as_ref())
    }
}

impl Count {
    fn add(&mut self, status: u16) {
        let fails = status >= 500 || matches!(status, 408 | 429);
        self.answers += 1;
        if fails {
            self.failures += 1;
            self.runs += u64::from(!self.fails);
            *self.statuses.entry(status).or_default() += 1;
        }
        self.fails = fails;
    }

    fn failures(self) -> Failures {
        let burst = (self.failures as f64 / self.runs.max(1) as f64).round() as u64;
        Failures {
            rate: self.failures as f64 / self.answers.max(1) as f64,
            burst: burst.max(1),
            statuses: self.statuses.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_bursts_and_statuses_are_those_of_the_past() {
        let status = |n: u64| if n % 20 < 4 { 503 } else { 200 };
        let past = (0..200).map(|n| Past { endpoint: "GET /a".into(), status: status(n) });
        let past = past.chain((0..3).map(|_| Past { endpoint: "GET /b".into(), status: 200 }));
        let profile = Profile::learn(past);
        let own = profile.of(Some("GET /a")).unwrap();
        assert_eq!((own.rate, own.burst, own.statuses.as_slice()), (0.2, 4, [(503, 40)].as_slice()));
        assert_eq!(profile.of(Some("GET /b")), profile.of(None));
        assert!(Profile::default().of(None).is_none());
    }
}
