//! All baselines of a project, their versions, and the alerts.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::alerts::{Action, Alert, AlertError, Alerts, Where};
use super::compare::{self, Changelog};
use super::document;
use super::finding::{Area, Direction, Finding, Kind, Severity};
use super::observe;
use super::retemplate;
use super::score::{Counts, score};
use super::watch::Watch;
use super::weigh::Signal;
use crate::import::DECLARED;
use crate::{Contract, Exchange};

/// Exchanges that a baseline takes at least before it can be frozen.
pub const FREEZE_AFTER: u32 = 10;
/// Exchanges whose endpoint is not known yet, kept until it may be.
const MAX_WAITING: usize = 256;
const MAX_WAITING_BYTES: usize = 4 << 20;
/// An API of which so many exchanges were seen, and no new endpoint in the latter half of them, has no others.
const SETTLED: u64 = 200;
/// And so many for each endpoint that it has: one that is asked for half as often as the others would have come among them, but for one
/// case in three thousand.
const QUIET: u64 = 16;
/// A new endpoint is told after so many good answers.
const NEW_ENDPOINT: u32 = 3;
/// Versions whose documents are kept.
const MAX_VERSIONS: usize = 100;
/// Points of a score over time.
const MAX_POINTS: usize = 240;

/// JSON Pointers that each client reads, by the client's name. One may be preceded by an endpoint: `GET /users/{id}#/name`.
pub type Consumers = BTreeMap<String, Vec<String>>;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The baseline still grows.
    #[default]
    Learning,
    /// The baseline is what later exchanges are compared with.
    Watching,
}

/// One state of all baselines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    pub number: u32,
    pub at_ms: u64,
    /// Why it was made.
    pub reason: String,
    /// OpenAPI 3.1; the current version's follows from the baselines.
    document: Option<Value>,
}

/// How one endpoint is doing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EndpointStats {
    pub phase: Phase,
    pub exchanges: u64,
    pub frozen_at_ms: Option<u64>,
    pub changed_at_ms: Option<u64>,
    pub score: f64,
    /// Of unresolved alerts.
    pub counts: Counts,
    /// Of all alerts there ever were.
    pub alerts: u64,
    /// Time in Unix milliseconds, and the score from then on.
    pub series: Vec<(u64, f64)>,
}

/// The watchdog of one project.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Watchdog {
    watches: BTreeMap<String, Watch>,
    alerts: Alerts,
    versions: Vec<Version>,
    consumers: Consumers,
    exchanges: u64,
    /// How many exchanges there had been when the last endpoint came.
    newest_at: u64,
    series: BTreeMap<String, Vec<(u64, f64)>>,
    /// Grows with everything that people can see.
    #[serde(skip)]
    revision: u64,
    /// With how many exchanges there had been when they came.
    #[serde(skip)]
    waiting: VecDeque<(u64, Exchange)>,
    #[serde(skip)]
    waiting_bytes: usize,
    /// When there was no room for another one.
    #[serde(skip)]
    missed_at: Option<u64>,
    #[serde(skip)]
    judge: Judge,
}

/// Somebody who has a say in what is told, such as a plugin: given method, path template and finding, what severity is left,
/// if any. The outer `None` is "no opinion".
pub type Opinion = dyn Fn(&str, &str, &Finding) -> Option<Option<Severity>> + Send + Sync;

/// No part of what the watchdog knows: two watchdogs are alike whoever judges.
#[derive(Clone, Default)]
struct Judge(Option<Arc<Opinion>>);

impl std::fmt::Debug for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Judge")
    }
}

impl PartialEq for Judge {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Watchdog {
    /// From now on each new finding is put to this judge before anybody is told.
    pub fn set_judge(&mut self, judge: Arc<Opinion>) {
        self.judge = Judge(Some(judge));
    }

    /// Looks at one exchange. The ids of alerts that were raised or resolved by it.
    pub fn observe(&mut self, contract: &Contract, exchange: &Exchange) -> Vec<u64> {
        if exchange.request.headers.get(DECLARED).is_some() || observe::is_beside_the_point(exchange.response.status) {
            return Vec::new();
        }
        match contract.find_request(&exchange.request) {
            Some(hit) => {
                let endpoint = hit.endpoint;
                self.compare(&endpoint.id.0, &endpoint.method, &endpoint.template, exchange, self.exchanges)
            }
            None => {
                self.wait(exchange);
                Vec::new()
            }
        }
    }

    fn wait(&mut self, exchange: &Exchange) {
        if exchange.response.status >= 400 {
            return;
        }
        let size = exchange.response.body.bytes.len() + exchange.request.body.bytes.len();
        if self.waiting.len() < MAX_WAITING && self.waiting_bytes + size <= MAX_WAITING_BYTES {
            self.waiting_bytes += size;
            self.waiting.push_back((self.exchanges, exchange.clone()));
        } else {
            self.missed_at = Some(self.exchanges);
        }
    }

    /// A newer contract: what waited for it is looked at, and endpoints that it lacks are forgotten.
    pub fn adopt(&mut self, contract: &Contract) -> Vec<u64> {
        let (forgotten, moved) = retemplate::follow(&mut self.watches, contract);
        for id in forgotten {
            self.revision += 1;
            self.alerts.forget(&id);
        }
        // An API whose paths are still being divided has not shown all it has, unless it had for very long.
        if moved && self.exchanges.saturating_sub(self.newest_at) < self.exchanges / 8 * 7 {
            self.newest_at = self.exchanges;
        }
        self.waiting_bytes = 0;
        let newest_at = self.newest_at;
        let waiting = std::mem::take(&mut self.waiting);
        let known = waiting.iter().filter_map(|(came, exchange)| {
            let hit = contract.find_request(&exchange.request)?;
            Some((hit.endpoint, exchange, *came))
        });
        let changed = known
            .flat_map(|(endpoint, exchange, came)| {
                self.compare(&endpoint.id.0, &endpoint.method, &endpoint.template, exchange, came)
            })
            .collect();
        // Where some of those that waited were of endpoints that nobody had met, so may be some of those that did not.
        if let Some(missed) = self.missed_at.take().filter(|_| self.newest_at != newest_at) {
            self.newest_at = self.newest_at.max(missed);
        }
        changed
    }

    /// An exchange that waited is no less old for it: `came` is how many there had been when it came.
    fn compare(&mut self, id: &str, method: &str, template: &str, exchange: &Exchange, came: u64) -> Vec<u64> {
        self.exchanges += 1;
        let watch = match self.watches.get_mut(id) {
            Some(watch) => watch,
            None => self.meet(id, method, template, exchange, came),
        };
        let at_ms = exchange.received_at_ms;
        let mut signals = Vec::new();
        let mut is_settled = false;
        if let Some(shown) = watch.read(exchange) {
            if watch.is_frozen() {
                signals = watch.weigh(shown, exchange);
            }
            is_settled = watch.settle(at_ms);
        }
        let mut changed = Vec::new();
        if watch.is_new {
            changed.extend(self.announce_new(id, exchange));
        }
        if is_settled {
            self.revision += 1;
            self.first_version(at_ms);
        }
        for signal in signals {
            changed.extend(self.take(id, signal, at_ms));
        }
        if !changed.is_empty() {
            self.mark_score(id, at_ms);
        }
        changed
    }

    /// An endpoint that was never seen. Of an API that had shown all it has for long, that is news.
    fn meet(&mut self, id: &str, method: &str, template: &str, exchange: &Exchange, came: u64) -> &mut Watch {
        let mut watch = Watch::new(method, template);
        let target = crate::hash::hash(exchange.request.path().as_bytes()) as u32;
        // The same path under another template is no new endpoint.
        let is_old = self.watches.values().any(|other| other.method == method && other.knows(target));
        if !is_old {
            let quiet = came.saturating_sub(self.newest_at);
            watch.is_new = came >= SETTLED && quiet >= (came / 2).max(QUIET * self.watches.len() as u64);
            self.newest_at = if watch.is_new { self.newest_at } else { self.newest_at.max(came) };
        }
        self.watches.entry(id.to_owned()).or_insert(watch)
    }

    fn announce_new(&mut self, id: &str, exchange: &Exchange) -> Option<u64> {
        let watch = self.watches.get_mut(id).filter(|watch| watch.is_new && watch.accepted >= NEW_ENDPOINT)?;
        watch.is_new = false;
        let finding = Finding {
            direction: Direction::Response,
            area: Area::Endpoint,
            kind: Kind::EndpointAdded,
            action: Kind::EndpointAdded.action(),
            severity: Severity::Info,
            confidence: 0.9,
            status: Some(exchange.response.status),
            pointer: String::new(),
            before: Value::Null,
            after: Value::from(format!("{} {}", watch.method, watch.template)),
            count: u64::from(watch.accepted),
            first_seen_ms: exchange.received_at_ms,
            last_seen_ms: exchange.received_at_ms,
            first_exchange: exchange.id,
            samples: Vec::new(),
        };
        self.take(id, Signal::Raised("endpoint_added".into(), Box::new(finding)), exchange.received_at_ms)
    }

    fn take(&mut self, id: &str, signal: Signal, at_ms: u64) -> Option<u64> {
        let watch = self.watches.get(id)?;
        self.revision += 1;
        match signal {
            Signal::Raised(finding_id, mut finding) => {
                let place = format!("{} {}", watch.method, watch.template);
                finding.severity = for_consumers(&self.consumers, &place, &finding);
                let judged = self.judge.0.as_ref().and_then(|judge| judge(&watch.method, &watch.template, &finding));
                if let Some(left) = judged {
                    finding.severity = left?;
                }
                let at = Where { id, method: &watch.method, template: &watch.template };
                self.alerts.raise(&at, &finding_id, *finding)
            }
            Signal::Again(finding_id) => {
                self.alerts.count(id, &finding_id, at_ms);
                None
            }
            Signal::Resolved(finding_id) => self.alerts.resolve(id, &finding_id, at_ms),
        }
    }

    fn mark_score(&mut self, id: &str, at_ms: u64) {
        let score = self.score_of(id);
        let series = self.series.entry(id.to_owned()).or_default();
        if series.last().is_none_or(|(_, last)| (last - score).abs() > f64::EPSILON) {
            if series.len() >= MAX_POINTS {
                series.remove(0);
            }
            series.push((at_ms, score));
        }
    }

    fn score_of(&self, id: &str) -> f64 {
        score(self.open().filter(|alert| alert.endpoint == id).flat_map(|alert| &alert.findings))
    }

    fn open(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.all.iter().filter(|alert| alert.is_unresolved())
    }

    /// All alerts, the oldest first.
    #[must_use]
    pub fn alerts(&self) -> &[Alert] {
        &self.alerts.all
    }

    #[must_use]
    pub fn alert(&self, id: u64) -> Option<&Alert> {
        self.alerts.all.iter().find(|alert| alert.id == id)
    }

    /// Of unresolved alerts.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        self.open().for_each(|alert| counts.add(alert.severity));
        counts
    }

    /// Of the whole API.
    #[must_use]
    pub fn score(&self) -> f64 {
        score(self.open().flat_map(|alert| &alert.findings))
    }

    /// Grows with everything that people can see.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// How many endpoints are watched, and how many there are.
    #[must_use]
    pub fn watched(&self) -> (usize, usize) {
        (self.watches.values().filter(|watch| watch.is_frozen()).count(), self.watches.len())
    }

    /// What a person decides. Deciding the same twice changes nothing.
    pub fn decide(
        &mut self,
        id: u64,
        action: &Action,
        reason: Option<String>,
        at_ms: u64,
    ) -> Result<&Alert, AlertError> {
        let changed = self.alerts.decide(id, action, reason, at_ms)?;
        let alert = self.alerts.get_mut(id)?;
        let (endpoint, findings) = (alert.endpoint.clone(), alert.holds.clone());
        let what = format!("{} {}: {} accepted", alert.method, alert.template, alert.kind.word().replace('_', " "));
        if changed {
            self.revision += 1;
            if *action == Action::Accept {
                self.keep_version();
                if let Some(watch) = self.watches.get_mut(&endpoint) {
                    findings.iter().for_each(|(finding, _)| watch.release(finding, true, at_ms));
                }
                self.new_version(what, at_ms);
            }
            self.mark_score(&endpoint, at_ms);
        }
        self.alert(id).ok_or(AlertError::Unknown(id))
    }

    /// Freezes by hand: one endpoint, or all. How many there were.
    pub fn freeze(&mut self, endpoint: Option<&str>, at_ms: u64) -> usize {
        self.keep_version();
        let chosen = self.watches.iter_mut().filter(|(id, _)| endpoint.is_none_or(|wanted| wanted == *id));
        let frozen = chosen.map(|(_, watch)| watch.freeze(at_ms, true)).count();
        if frozen > 0 {
            self.revision += 1;
            let what = endpoint.map_or_else(|| "all endpoints".to_owned(), |id| self.name_of(id));
            self.new_version(format!("{what} frozen by hand"), at_ms);
        }
        frozen
    }

    fn name_of(&self, id: &str) -> String {
        self.watches.get(id).map_or_else(|| id.to_owned(), |watch| format!("{} {}", watch.method, watch.template))
    }

    /// Lets the baseline of an endpoint grow anew. False when there is none.
    pub fn relearn(&mut self, endpoint: &str) -> bool {
        let Some(watch) = self.watches.get_mut(endpoint) else { return false };
        *watch = Watch::new(&watch.method.clone(), &watch.template.clone());
        self.alerts.forget(endpoint);
        self.revision += 1;
        true
    }

    fn first_version(&mut self, at_ms: u64) {
        if self.versions.is_empty() {
            self.new_version("first baseline".into(), at_ms);
        }
    }

    /// Writes down the current version before it changes.
    fn keep_version(&mut self) {
        let document = self.versions.last().map(|version| self.render(version.number));
        if let (Some(version), Some(document)) = (self.versions.last_mut(), document) {
            version.document = Some(document);
        }
    }

    fn new_version(&mut self, reason: String, at_ms: u64) {
        let number = self.versions.last().map_or(1, |version| version.number + 1);
        if self.versions.len() >= MAX_VERSIONS {
            self.versions.remove(0);
        }
        self.versions.push(Version { number, at_ms, reason, document: None });
    }

    fn render(&self, number: u32) -> Value {
        document::document("baseline", &format!("v{number}"), self.watches.values())
    }

    /// Oldest first; the last one is current.
    #[must_use]
    pub fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// The OpenAPI document of a version.
    #[must_use]
    pub fn document(&self, number: u32) -> Option<Value> {
        let version = self.versions.iter().find(|version| version.number == number)?;
        let is_current = self.versions.last().is_some_and(|last| last.number == number);
        if is_current { Some(self.render(number)) } else { version.document.clone() }
    }

    /// What changed from one version to another.
    #[must_use]
    pub fn changelog(&self, from: u32, to: u32) -> Option<Changelog> {
        Some(compare::documents(&self.document(from)?, &self.document(to)?))
    }

    #[must_use]
    pub fn endpoint(&self, id: &str) -> Option<EndpointStats> {
        let watch = self.watches.get(id)?;
        let mut counts = Counts::default();
        self.open().filter(|alert| alert.endpoint == id).for_each(|alert| counts.add(alert.severity));
        Some(EndpointStats {
            phase: if watch.is_frozen() { Phase::Watching } else { Phase::Learning },
            exchanges: u64::from(watch.exchanges),
            frozen_at_ms: watch.frozen_at_ms,
            changed_at_ms: watch.changed_at_ms,
            score: self.score_of(id),
            counts,
            alerts: self.alerts.all.iter().filter(|alert| alert.endpoint == id).count() as u64,
            series: self.series.get(id).cloned().unwrap_or_default(),
        })
    }

    #[must_use]
    pub fn consumers(&self) -> &Consumers {
        &self.consumers
    }

    /// Which fields each client reads. Severities follow at once.
    pub fn set_consumers(&mut self, consumers: Consumers) {
        self.consumers = consumers;
        self.revision += 1;
        for alert in &mut self.alerts.all {
            let place = format!("{} {}", alert.method, alert.template);
            for finding in &mut alert.findings {
                finding.severity = for_consumers(&self.consumers, &place, finding);
            }
            alert.severity = alert.findings.iter().map(|finding| finding.severity).min().unwrap_or(alert.severity);
        }
    }

    /// Bytes that [`Watchdog::decode`] reads back.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).expect("a watchdog holds nothing that MessagePack lacks")
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, rmp_serde::decode::Error> {
        rmp_serde::from_slice(bytes)
    }
}

/// With a list of what clients read, a change to what is on it is critical and one to the rest of a body is a note.
fn for_consumers(consumers: &Consumers, place: &str, finding: &Finding) -> Severity {
    let own = match finding.direction {
        Direction::Response => finding.kind.in_response(),
        Direction::Request => finding.kind.in_request(),
    };
    if consumers.is_empty() || !finding.kind.is_of_body() || finding.direction == Direction::Request {
        return if finding.severity == own || consumers.is_empty() { finding.severity } else { own };
    }
    let is_read = |listed: &String| {
        let (at, pointer) = listed.split_once('#').map_or(("", listed.as_str()), |(at, pointer)| (at, pointer));
        let is_here = at.is_empty() || at == place;
        // A change of what lies around a field, or of what lies below it, is a change of the field.
        let touches = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        is_here && (touches(pointer, &finding.pointer) || touches(&finding.pointer, pointer))
    };
    if consumers.values().flatten().any(is_read) { Severity::Critical } else { Severity::Info }
}
