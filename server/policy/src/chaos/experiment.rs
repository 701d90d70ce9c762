//! Chaos with a question, an end and a stop.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::{After, ClientCard, Follower, Rule, Seen};

/// As it is stored, and as the admin API has it. What the server says of itself (`id`, times, `state`, `report`) is ignored
/// when somebody sends it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    #[serde(default)]
    pub id: u64,
    pub name: String,
    /// What should stay true.
    #[serde(default)]
    pub hypothesis: String,
    pub rules: Vec<Rule>,
    #[serde(default)]
    pub seed: u64,
    /// It ends after this time, whatever happens.
    pub seconds: u64,
    /// It ends at once when one of these is passed.
    #[serde(default)]
    pub halt: Bounds,
    /// It goes on after a restart, for the rest of its time.
    #[serde(default)]
    pub survives_restart: bool,
    #[serde(default)]
    pub started_ms: u64,
    #[serde(default)]
    pub ended_ms: Option<u64>,
    #[serde(default)]
    pub outcome: Outcome,
    #[serde(default)]
    pub report: Option<Report>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bounds {
    /// Share of answers with status 500 and above or none at all, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_rate: Option<f64>,
    /// Of 95 in 100 answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// Requests that were struck.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub faults: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    #[default]
    Running,
    /// Its time was over.
    Finished,
    /// A person, or one of its bounds, ended it.
    Halted,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub state: State,
    /// Why it was halted.
    #[serde(default)]
    pub why: String,
}

impl Experiment {
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.outcome.state == State::Running
    }

    #[must_use]
    pub const fn ends_ms(&self) -> u64 {
        self.started_ms + self.seconds * 1000
    }
}

/// What happened.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub requests: u64,
    /// Requests that were struck, and by which kinds of faults.
    pub touched: u64,
    pub faults: BTreeMap<String, u64>,
    pub errors: u64,
    pub latency_p50_ms: Option<f64>,
    pub latency_p95_ms: Option<f64>,
    /// What clients did next.
    pub after: After,
    pub clients: Vec<ClientCard>,
}

/// Bounds on rates are not looked at before so many answers.
const ENOUGH: u64 = 20;
/// Times of the newest answers.
const LATENCIES: usize = 1000;

/// Counts while chaos is on.
#[derive(Debug, Default)]
pub struct Tally {
    requests: u64,
    touched: u64,
    errors: u64,
    faults: BTreeMap<String, u64>,
    latencies_ms: VecDeque<u64>,
    follower: Follower,
}

impl Tally {
    pub fn see(&mut self, seen: &Seen) {
        self.requests += 1;
        let given_up = seen.touched.as_ref().is_some_and(|touched| touched.given_up);
        self.errors += u64::from(seen.status >= 500 || given_up);
        if let Some(touched) = &seen.touched {
            self.touched += 1;
            for kind in &touched.kinds {
                *self.faults.entry(kind.clone()).or_default() += 1;
            }
        }
        if self.latencies_ms.len() >= LATENCIES {
            self.latencies_ms.pop_front();
        }
        self.latencies_ms.push_back(seen.ended_ms.saturating_sub(seen.began_ms));
        self.follower.see(seen);
    }

    /// Requests that were struck so far.
    #[must_use]
    pub const fn report_touched(&self) -> u64 {
        self.touched
    }

    pub fn expire(&mut self, now_ms: u64) {
        self.follower.expire(now_ms);
    }

    /// Nothing comes any more.
    pub fn finish(&mut self) {
        self.follower.finish();
    }

    /// The bound that was passed, in words.
    #[must_use]
    pub fn passed(&self, bounds: &Bounds) -> Option<String> {
        let rate = self.errors as f64 / self.requests.max(1) as f64;
        let is_enough = self.requests >= ENOUGH;
        if let Some(bound) = bounds.error_rate.filter(|bound| is_enough && rate > *bound) {
            return Some(format!("the error rate of {:.1} % is above {:.1} %", rate * 100.0, bound * 100.0));
        }
        let p95 = self.latency(0.95).unwrap_or(0.0);
        if let Some(bound) = bounds.latency_ms.filter(|bound| is_enough && p95 > *bound) {
            return Some(format!("five in a hundred answers took longer than {p95} ms, the bound is {bound} ms"));
        }
        let bound = bounds.faults.filter(|bound| self.touched > *bound)?;
        Some(format!("{} requests were struck, the bound is {bound}", self.touched))
    }

    fn latency(&self, quantile: f64) -> Option<f64> {
        let mut sorted: Vec<u64> = self.latencies_ms.iter().copied().collect();
        sorted.sort_unstable();
        let place = ((sorted.len() as f64 * quantile) as usize).min(sorted.len().checked_sub(1)?);
        sorted.get(place).map(|millis| *millis as f64)
    }

    #[must_use]
    pub fn report(&self) -> Report {
        Report {
            requests: self.requests,
            touched: self.touched,
            faults: self.faults.clone(),
            errors: self.errors,
            latency_p50_ms: self.latency(0.5),
            latency_p95_ms: self.latency(0.95),
            after: self.follower.after(),
            clients: self.follower.cards(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Touched;
    use super::*;

    fn seen(status: u16, took_ms: u64, kind: Option<&str>) -> Seen {
        Seen {
            client: "test".into(),
            method: "GET".into(),
            target: "/a".into(),
            began_ms: 0,
            ended_ms: took_ms,
            status,
            has_key: false,
            touched: kind.map(|kind| Touched { kinds: vec![kind.into()], failed: status >= 500, ..Touched::default() }),
        }
    }

    #[test]
    fn bounds_halt_and_a_report_tells_what_happened() {
        let mut tally = Tally::default();
        for n in 0..40 {
            tally.see(&if n % 4 == 0 { seen(503, 20, Some("abort")) } else { seen(200, 5, None) });
        }
        let passed = |error_rate, latency_ms, faults| tally.passed(&Bounds { error_rate, latency_ms, faults });
        assert_eq!(passed(Some(0.3), Some(100.0), Some(10)), None);
        assert_eq!(passed(Some(0.2), None, None).unwrap(), "the error rate of 25.0 % is above 20.0 %");
        assert!(passed(None, Some(10.0), None).is_some());
        assert_eq!(passed(None, None, Some(9)).unwrap(), "10 requests were struck, the bound is 9");
        let report = tally.report();
        assert_eq!((report.requests, report.touched, report.errors, report.faults["abort"]), (40, 10, 10, 10));
        assert_eq!((report.latency_p50_ms, report.latency_p95_ms), (Some(5.0), Some(20.0)));
    }

    #[test]
    fn an_experiment_needs_a_name_rules_and_an_end() {
        let text = r#"{"name":"","rules":[{"faults":["hang"],"probability":2}],"seconds":0,"halt":{"error_rate":0}}"#;
        let experiment: Experiment = serde_json::from_str(text).unwrap();
        let fields: Vec<String> = experiment.check().into_iter().map(|wrong| wrong.field).collect();
        assert_eq!(fields, ["name", "seconds", "halt.error_rate", "rules[0].probability"]);
    }
}
