//! How the twin of a project is controlled.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Mode;

/// `GET` and `PUT /admin/twin/settings`. What is left out has its default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TwinSettings {
    /// What everything drawn depends on; without one it comes from the project's name.
    pub seed: Option<u64>,
    /// 0 to 1: below it the twin refuses with 501 and says why. 0 lets it answer whatever it can.
    pub min_confidence: f64,
    pub latency: Latency,
}

/// How long the twin takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Latency {
    pub mode: LatencyMode,
    /// Multiplies the time.
    pub factor: f64,
    /// In mode `fixed_ms`.
    pub fixed_ms: u64,
}

impl Default for Latency {
    fn default() -> Self {
        Self { mode: LatencyMode::Off, factor: 1.0, fixed_ms: 0 }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LatencyMode {
    /// As fast as it can.
    #[default]
    Off,
    /// Drawn from what was measured of the endpoint and the status.
    Learned,
    FixedMs,
}

/// What a person decided about the answers of one endpoint. What is left out is as it would be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Override {
    /// Who answers here, whatever the project's mode is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// The twin's answer, always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<PinnedAnswer>,
    /// The id of a recorded answer that the twin gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<String>,
    /// How long the twin takes here, whatever the settings say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    /// A JSON merge patch (RFC 7396) on the body of every good answer of the twin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinnedAnswer {
    pub status: u16,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// A text goes out as it is, anything else as JSON; nothing is an empty body.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub body: Value,
}

/// One recorded answer of an endpoint: `GET /admin/endpoints/{id}/examples`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TwinExample {
    pub id: String,
    pub status: u16,
    /// The path and query it answered.
    pub target: String,
    pub media_type: Option<String>,
    pub body: Value,
}

/// `GET /admin/twin/state`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TwinState {
    /// What everything drawn depends on; a text, because it has 64 bits.
    pub seed: String,
    pub now_ms: u64,
    pub collections: Vec<TwinCollection>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TwinCollection {
    pub name: String,
    /// The field that identifies a row; empty for what there is one of.
    pub key: String,
    pub rows: usize,
    /// Rows that the twin itself wrote or deleted.
    pub changed: usize,
}

/// One row of `GET /admin/twin/state?collection=…`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TwinEntity {
    pub key: String,
    pub fields: serde_json::Map<String, Value>,
    /// Embedded rows by field, as `collection/key`; lists of them as arrays.
    pub refs: serde_json::Map<String, Value>,
    /// Written by the twin.
    pub changed: bool,
}

/// Rows of one collection name rows of another: `books` by `authorId` those of `authors`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TwinLink {
    pub from: String,
    pub field: String,
    pub to: String,
}

/// A row of `GET /admin/twin/saves`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TwinSave {
    pub name: String,
    pub at_ms: u64,
    pub bytes: u64,
}
