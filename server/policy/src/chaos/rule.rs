//! A rule: whom it concerns, what goes wrong, how often and when.

use serde::{Deserialize, Serialize};

use super::{Fault, Schedule};

/// As it is stored, and as the admin API has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Given by the server; 0 until then.
    #[serde(default)]
    pub id: u64,
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Every condition has to hold; without any the rule concerns every request.
    #[serde(default, rename = "match")]
    pub matches: Match,
    /// All of them happen together.
    pub faults: Vec<Fault>,
    /// Of a request that is concerned, 0 to 1.
    #[serde(default = "always")]
    pub probability: f64,
    #[serde(default)]
    pub schedule: Schedule,
    /// Where two rules contradict each other (two statuses, say) the higher one wins, then the older one.
    #[serde(default)]
    pub priority: i32,
    #[serde(default)]
    pub note: String,
}

impl Rule {
    /// The same rule under another id.
    #[must_use]
    pub fn with_id(&self, id: u64) -> Self {
        Self { id, ..self.clone() }
    }

    /// A rule that always makes this happen to everyone.
    #[must_use]
    pub fn of(fault: Fault) -> Self {
        Self {
            id: 0,
            enabled: true,
            matches: Match::default(),
            faults: vec![fault],
            probability: 1.0,
            schedule: Schedule::default(),
            priority: 0,
            note: String::new(),
        }
    }
}

const fn yes() -> bool {
    true
}

const fn always() -> f64 {
    1.0
}

/// Whom a rule concerns.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Match {
    /// In capital letters; none means all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// A path template (`/users/{id}`) or a glob: `*` within a segment, `**` for any number of segments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<FieldMatch>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<FieldMatch>,
    /// Who would answer without the fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Side>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clients: Option<Clients>,
}

/// A header field or a query parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldMatch {
    pub name: String,
    /// A glob; without it the field only has to be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Upstream.
    Live,
    /// The twin.
    Mocked,
}

/// A part of the clients, always the same ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clients {
    /// Above 0, at most 1.
    pub share: f64,
    /// The header field that tells clients apart; without it, or where it is missing, their address does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}
