//! Findings of one kind at one endpoint are one alert that counts up, until a person decides or the API comes back.

use serde::{Deserialize, Serialize};

use super::finding::{Direction, Finding, Kind, Severity};

/// Alerts that are kept; of closed ones the oldest go first.
const MAX_ALERTS: usize = 1000;
/// Findings of one alert that are kept.
const MAX_FINDINGS: usize = 50;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Open,
    /// Silent until a time.
    Snoozed,
    /// The API may do that: the baseline moved.
    Accepted,
    /// Silent for good.
    Dismissed,
    /// The API does it no more.
    Resolved,
}

/// What a person decides about an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Accept,
    Dismiss,
    /// Until a time in Unix milliseconds.
    Snooze(u64),
}

/// One entry of an alert's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub at_ms: u64,
    /// `raised`, `accepted`, `dismissed`, `snoozed`, `woken`, `resolved`.
    pub what: String,
    pub note: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    pub id: u64,
    /// The endpoint's id.
    pub endpoint: String,
    pub method: String,
    pub template: String,
    pub direction: Direction,
    pub kind: Kind,
    /// That of its worst finding.
    pub severity: Severity,
    pub state: State,
    /// Exchanges that showed any of its findings.
    pub count: u64,
    pub first_seen_ms: u64,
    pub last_seen_ms: u64,
    pub snoozed_until_ms: Option<u64>,
    pub findings: Vec<Finding>,
    /// The ids of the findings within the endpoint, and whether each still holds.
    pub(super) holds: Vec<(String, bool)>,
    pub history: Vec<Step>,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AlertError {
    #[error("no alert has the id {0}")]
    Unknown(u64),
}

impl Alert {
    /// Nobody has decided about it yet, and it has not gone away.
    #[must_use]
    pub fn is_unresolved(&self) -> bool {
        matches!(self.state, State::Open | State::Snoozed)
    }

    /// In one sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let more = self.findings.len().saturating_sub(1);
        let first = self.findings.first().map(Finding::sentence).unwrap_or_default();
        if more > 0 { format!("{first}, and {more} more") } else { first }
    }

    fn note(&mut self, at_ms: u64, what: &str, note: Option<String>) {
        self.history.push(Step { at_ms, what: what.to_owned(), note });
    }

    fn close(&mut self, state: State, at_ms: u64, what: &str, note: Option<String>) {
        self.state = state;
        self.snoozed_until_ms = None;
        self.note(at_ms, what, note);
    }
}

/// All alerts of a project, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Alerts {
    next_id: u64,
    pub(super) all: Vec<Alert>,
}

/// Which endpoint it is about.
pub(super) struct Where<'a> {
    pub(super) id: &'a str,
    pub(super) method: &'a str,
    pub(super) template: &'a str,
}

impl Alerts {
    /// A new finding. The alert it opened or joined, unless somebody silenced it.
    pub(super) fn raise(&mut self, at: &Where<'_>, id: &str, finding: Finding) -> Option<u64> {
        let now = finding.last_seen_ms;
        let same = |alert: &&mut Alert| {
            alert.endpoint == at.id && alert.kind == finding.kind && alert.direction == finding.direction
        };
        if let Some(alert) = self
            .all
            .iter_mut()
            .filter(|alert| alert.state == State::Dismissed)
            .find(|alert| alert.endpoint == at.id && alert.holds.iter().any(|(other, _)| other == id))
        {
            alert.count += finding.count;
            alert.last_seen_ms = now;
            return None;
        }
        if let Some(alert) = self.all.iter_mut().filter(|alert| alert.is_unresolved()).find(same) {
            alert.severity = alert.severity.min(finding.severity);
            alert.count += finding.count;
            alert.last_seen_ms = now;
            alert.note(now, "raised", Some(finding.sentence()));
            if alert.findings.len() < MAX_FINDINGS {
                alert.holds.push((id.to_owned(), true));
                alert.findings.push(finding);
            }
            return Some(alert.id);
        }
        Some(self.open(at, id, finding))
    }

    fn open(&mut self, at: &Where<'_>, id: &str, finding: Finding) -> u64 {
        self.next_id += 1;
        let history = vec![Step { at_ms: finding.last_seen_ms, what: "raised".into(), note: Some(finding.sentence()) }];
        self.all.push(Alert {
            id: self.next_id,
            endpoint: at.id.to_owned(),
            method: at.method.to_owned(),
            template: at.template.to_owned(),
            direction: finding.direction,
            kind: finding.kind,
            severity: finding.severity,
            state: State::Open,
            count: finding.count,
            first_seen_ms: finding.first_seen_ms,
            last_seen_ms: finding.last_seen_ms,
            snoozed_until_ms: None,
            holds: vec![(id.to_owned(), true)],
            findings: vec![finding],
            history,
        });
        if self.all.len() > MAX_ALERTS {
            let closed = self.all.iter().position(|alert| !alert.is_unresolved() && alert.state != State::Dismissed);
            self.all.remove(closed.unwrap_or(0));
        }
        self.next_id
    }

    /// A finding that stands was seen again.
    pub(super) fn count(&mut self, endpoint: &str, id: &str, at_ms: u64) -> Option<u64> {
        let alert = self.all.iter_mut().rev().find(|alert| {
            alert.endpoint == endpoint
                && !matches!(alert.state, State::Accepted | State::Resolved)
                && alert.holds.iter().any(|(other, _)| other == id)
        })?;
        alert.count += 1;
        alert.last_seen_ms = at_ms;
        if let Some(at) = alert.holds.iter().position(|(other, _)| other == id) {
            alert.findings[at].count += 1;
            alert.findings[at].last_seen_ms = at_ms;
        }
        if alert.state == State::Snoozed && alert.snoozed_until_ms.is_some_and(|until| until <= at_ms) {
            alert.close(State::Open, at_ms, "woken", None);
        }
        Some(alert.id)
    }

    /// A finding holds no longer. The alert, when it was its last one.
    pub(super) fn resolve(&mut self, endpoint: &str, id: &str, at_ms: u64) -> Option<u64> {
        let alert = self.all.iter_mut().rev().find(|alert| {
            alert.endpoint == endpoint
                && alert.is_unresolved()
                && alert.holds.iter().any(|(other, holds)| other == id && *holds)
        })?;
        alert.holds.iter_mut().filter(|(other, _)| other == id).for_each(|(_, holds)| *holds = false);
        if alert.holds.iter().any(|(_, holds)| *holds) {
            return None;
        }
        alert.close(State::Resolved, at_ms, "resolved", Some("the API came back".into()));
        Some(alert.id)
    }

    /// An endpoint is learned anew: what was said about it is over.
    pub(super) fn forget(&mut self, endpoint: &str) {
        for alert in self.all.iter_mut().filter(|alert| alert.endpoint == endpoint && alert.is_unresolved()) {
            alert.holds.iter_mut().for_each(|(_, holds)| *holds = false);
            let at_ms = alert.last_seen_ms;
            alert.close(State::Resolved, at_ms, "resolved", Some("the endpoint is learned anew".into()));
        }
    }

    pub(super) fn get_mut(&mut self, id: u64) -> Result<&mut Alert, AlertError> {
        self.all.iter_mut().find(|alert| alert.id == id).ok_or(AlertError::Unknown(id))
    }

    /// The state changes; whether it was another before.
    pub(super) fn decide(
        &mut self,
        id: u64,
        action: &Action,
        reason: Option<String>,
        at_ms: u64,
    ) -> Result<bool, AlertError> {
        let alert = self.get_mut(id)?;
        let is_closed = matches!(alert.state, State::Accepted | State::Resolved);
        let (state, what) = match action {
            Action::Accept => (State::Accepted, "accepted"),
            Action::Dismiss => (State::Dismissed, "dismissed"),
            Action::Snooze(_) => (State::Snoozed, "snoozed"),
        };
        if is_closed || alert.state == state && state != State::Snoozed {
            return Ok(false);
        }
        alert.close(state, at_ms, what, reason);
        if let Action::Snooze(until) = action {
            alert.snoozed_until_ms = Some(*until);
        }
        Ok(true)
    }
}
