//! What the watchdog says: alerts, baselines and their versions.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The watchdog in one line; a part of `GET /admin/status`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DriftSummary {
    /// `2 critical issues, 1 warning`.
    pub summary: String,
    /// 0 (as it was) to 100.
    pub score: f64,
    pub critical: u64,
    pub warning: u64,
    pub info: u64,
    /// Endpoints with a frozen baseline, and all endpoints that were seen.
    pub watched: u64,
    pub endpoints: u64,
    /// Grows with everything that changes here.
    pub revision: u64,
}

/// One redacted message of a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftSample {
    /// `before` or `after`.
    pub of: String,
    pub text: String,
}

/// One difference between an endpoint and its baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftFinding {
    /// `request` or `response`.
    pub direction: String,
    /// `body`, `headers`, `status`, `media_type`, `parameters`, `security`, `performance` or `endpoint`.
    pub area: String,
    /// For example `field_renamed`.
    pub kind: String,
    /// `add`, `remove`, `change`, `rename` or `move`.
    pub action: String,
    /// `critical`, `warning` or `info`.
    pub severity: String,
    /// 0 to 1.
    pub confidence: f64,
    /// Of the answer it is about.
    pub status: Option<u16>,
    /// JSON Pointer (RFC 6901), with `*` for any item or key; empty for what has no place in a body.
    pub pointer: String,
    /// In one sentence.
    pub message: String,
    pub before: Value,
    pub after: Value,
    pub count: u64,
    pub first_seen_ms: u64,
    pub last_seen_ms: u64,
    /// The id of the first offending exchange in the traffic list.
    pub first_exchange: u64,
    pub samples: Vec<DriftSample>,
}

/// What became of an alert, step by step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftStep {
    pub at_ms: u64,
    /// `raised`, `accepted`, `dismissed`, `snoozed`, `woken` or `resolved`.
    pub what: String,
    pub note: Option<String>,
}

/// Findings of one kind at one endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftAlert {
    pub id: u64,
    /// The endpoint's.
    pub endpoint_id: String,
    pub method: String,
    pub template: String,
    pub direction: String,
    pub kind: String,
    /// That of its worst finding.
    pub severity: String,
    /// `open`, `snoozed`, `accepted`, `dismissed` or `resolved`.
    pub state: String,
    /// Nobody has decided about it, and it has not gone away.
    pub unresolved: bool,
    /// In one sentence.
    pub message: String,
    /// Exchanges that showed it.
    pub count: u64,
    pub first_seen_ms: u64,
    pub last_seen_ms: u64,
    pub snoozed_until_ms: Option<u64>,
    pub findings: Vec<DriftFinding>,
    pub history: Vec<DriftStep>,
}

/// `GET /admin/drift-alerts`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DriftAlerts {
    /// Of all unresolved alerts.
    pub summary: DriftSummary,
    /// Newest first.
    pub items: Vec<DriftAlert>,
    /// For `?before=`, when there is more.
    pub next: Option<String>,
}

/// One point of a score over time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DriftPoint {
    pub at_ms: u64,
    pub score: f64,
}

/// `GET /admin/endpoints/{id}/drift-stats`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftStats {
    pub endpoint_id: String,
    pub method: String,
    pub template: String,
    /// `learning` while the baseline grows, `watching` once it is frozen.
    pub phase: String,
    /// Why it is not frozen yet, or when it was.
    pub rule: String,
    pub exchanges: u64,
    pub frozen_at_ms: Option<u64>,
    /// When the baseline moved last.
    pub last_change_ms: Option<u64>,
    pub score: f64,
    /// Unresolved alerts by severity, and all there ever were.
    pub critical: u64,
    pub warning: u64,
    pub info: u64,
    pub alerts: u64,
    /// Oldest first.
    pub series: Vec<DriftPoint>,
}

/// One state of all baselines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaselineVersion {
    /// `v3`.
    pub version: String,
    pub at_ms: u64,
    pub reason: String,
    pub current: bool,
}

/// `GET /admin/baselines`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baselines {
    /// Oldest first.
    pub versions: Vec<BaselineVersion>,
    pub endpoints: Vec<DriftStats>,
}

/// `GET /admin/baselines/changelog`: from one version of the baselines to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Changelog {
    pub from: String,
    pub to: String,
    /// `2 critical issues, 1 warning`.
    pub summary: String,
    /// What a semantic version should do: `major`, `minor`, `patch` or `none`.
    pub bump: String,
    /// The worst first.
    pub changes: Vec<DriftChange>,
    /// All of it as lines of text.
    pub text: String,
}

/// One difference between two versions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftChange {
    /// `GET /users/{id}`.
    pub endpoint: String,
    pub direction: String,
    pub kind: String,
    pub severity: String,
    pub status: Option<u16>,
    /// JSON Pointer (RFC 6901), with `*` for any item or key.
    pub pointer: String,
    pub before: Value,
    pub after: Value,
}

/// Where alerts are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    pub url: String,
    /// `json` or `slack`.
    #[serde(default = "json_format")]
    pub format: String,
    /// The least severity that is sent: `critical`, `warning` or `info`.
    #[serde(default = "warning")]
    pub min_severity: String,
    /// Signs each message; never shown again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The same alert is not sent again for so long.
    #[serde(default = "ten_minutes")]
    pub cooldown_seconds: u64,
}

fn json_format() -> String {
    "json".into()
}

fn warning() -> String {
    "warning".into()
}

fn ten_minutes() -> u64 {
    600
}
