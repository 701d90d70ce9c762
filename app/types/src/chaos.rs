//! Faults on purpose, as the dashboard shows them and the admin API has them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Whether faults are at work: part of every status.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ChaosStatus {
    pub on: bool,
    /// What is at work, in words: the notes of the rules, or the name of the experiment.
    pub says: String,
    /// When it ends by itself, Unix milliseconds.
    pub until_ms: Option<u64>,
    /// The experiment that runs.
    pub experiment: Option<u64>,
    /// Requests that were struck since it was switched on.
    pub touched: u64,
    /// Grows with every change of what is at work.
    pub revision: u64,
}

/// `GET /admin/chaos`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ChaosView {
    pub status: ChaosStatus,
    /// Of the draws: the same seed and order of requests give the same faults.
    pub seed: u64,
    /// How many times as often as by itself the API fails; 0 is off.
    pub dial: f64,
    /// Whether requests may ask for faults with `X-Understudy-Fault`.
    pub per_request: bool,
    /// The field that tells clients apart in the report card.
    pub client_header: String,
    pub rules: Vec<ChaosRule>,
    pub presets: Vec<ChaosPreset>,
    /// The newest first.
    pub experiments: Vec<ChaosExperiment>,
    /// Since chaos was last switched on.
    pub report: ChaosReport,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChaosRule {
    pub id: u64,
    pub enabled: bool,
    /// What it does to whom, in words.
    pub says: String,
    /// Requests that it concerned, and those that it struck, while it is at work.
    pub concerned: u64,
    pub struck: u64,
    /// The rule as it was given.
    pub rule: serde_json::Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChaosPreset {
    pub id: String,
    pub name: String,
    pub meaning: String,
    pub rule: serde_json::Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChaosExperiment {
    pub id: u64,
    pub name: String,
    pub hypothesis: String,
    pub seed: u64,
    pub seconds: u64,
    pub survives_restart: bool,
    pub started_ms: u64,
    pub ended_ms: Option<u64>,
    /// `running`, `finished` or `halted`.
    pub state: String,
    /// Why it was halted; empty else.
    pub why: String,
    /// The rules in words.
    pub says: Vec<String>,
    pub rules: Vec<serde_json::Value>,
    /// The bounds that end it.
    pub halt: serde_json::Value,
    /// So far, or at the end.
    pub report: Option<ChaosReport>,
}

/// What happened while chaos was on.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ChaosReport {
    pub requests: u64,
    pub touched: u64,
    /// Requests by kind of fault.
    pub faults: BTreeMap<String, u64>,
    pub errors: u64,
    pub latency_p50_ms: Option<f64>,
    pub latency_p95_ms: Option<f64>,
    pub after: ChaosAfter,
    /// The report card, the worst client first.
    pub clients: Vec<ChaosClient>,
}

/// What clients did after a request had failed on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ChaosAfter {
    pub failed: u64,
    pub retried: u64,
    /// Requests that were answered well in the end.
    pub recovered: u64,
    /// Series of attempts whose pauses grew, and those whose pauses did not.
    pub backed_off: u64,
    pub hurried: u64,
    pub obeyed_retry_after: u64,
    pub ignored_retry_after: u64,
    pub gave_up: u64,
    /// Repetitions of POST and PATCH without an `Idempotency-Key`.
    pub unsafe_retries: u64,
    /// Repetitions with next to no pause.
    pub storms: u64,
    pub timed_out: u64,
    pub waited_too_long: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChaosClient {
    pub client: String,
    /// A to F; absent while nothing could be graded.
    pub grade: Option<String>,
    pub after: ChaosAfter,
    pub habits: Vec<ChaosHabit>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChaosHabit {
    pub name: String,
    pub good: bool,
    pub says: String,
}

/// An endpoint that a rule would touch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChaosTouch {
    pub id: String,
    pub method: String,
    pub template: String,
    pub requests: u64,
}
