//! The baseline of one endpoint, and what speaks against it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::evidence::Suspicion;
use super::manner::Manners;
use super::pace::Pace;
use super::rows::{Change, Lists};
use super::tree::{Event, Tree};

/// Targets that were answered well, by a hash of their path; one takes the place of another of the same slot.
const TARGETS: usize = 512;
/// One thing of so few that are known is as good a witness as several.
const FEW: usize = 4;
/// Exchanges that were looked at and found clean, by a hash of all that is compared.
const SAME: usize = 256;

/// Which part of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Place {
    /// Names of query parameters.
    Query,
    /// Names of request header fields.
    Asked,
    /// The request body, by media type.
    Request(String),
    /// Names of the header fields of answers with this status.
    Headers(u16),
    /// Answers with this status and media type.
    Body(u16, String),
}

/// The same, borrowed: most exchanges bring no new one.
pub(super) enum At<'a> {
    Query,
    Asked,
    Request(&'a str),
    Headers(u16),
    Body(u16, &'a str),
}

impl At<'_> {
    fn is(&self, place: &Place) -> bool {
        match (self, place) {
            (Self::Query, Place::Query) | (Self::Asked, Place::Asked) => true,
            (Self::Request(media_type), Place::Request(other)) => media_type == other,
            (Self::Headers(status), Place::Headers(other)) => status == other,
            (Self::Body(status, media_type), Place::Body(of, other)) => status == of && media_type == other,
            _ => false,
        }
    }

    fn to_owned(&self) -> Place {
        match *self {
            Self::Query => Place::Query,
            Self::Asked => Place::Asked,
            Self::Request(media_type) => Place::Request(media_type.to_owned()),
            Self::Headers(status) => Place::Headers(status),
            Self::Body(status, media_type) => Place::Body(status, media_type.to_owned()),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) place: Place,
    pub(super) tree: Tree,
    /// Hash of the names that were read last, when they were as expected.
    pub(super) last: u64,
}

/// What can happen to an exchange as a whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Sign {
    Status(u16),
    /// Any status of 500 and above.
    Failing,
    /// 404 or 410 for what was there before.
    Absent,
    /// 401 or 403 for a request without credentials, as they were taken before.
    Auth,
    /// 400 or 422 for a request like those that were taken before.
    Refused,
    /// Far slower than all before.
    Slow,
    /// Slower than nearly all at the beginning.
    Slower,
    Media(u16, String),
    /// A status that came before, to those who ask in this way.
    Mix(u32, u16),
    /// One that they do not get any more.
    Away(u32, u16),
    /// Rows in another order, or in pages of another size, to this query.
    Order(u32),
    Paging(u32),
}

/// One thing that is watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Key {
    Sign(Sign),
    At { part: usize, node: u32, event: Event },
}

/// A finding that stands; what it is about is silent meanwhile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Raised {
    /// The finding's, within this endpoint.
    pub(super) id: String,
    pub(super) keys: Vec<Key>,
    pub(super) hits: u32,
    pub(super) passes: u32,
    /// Exchanges without it since the last one with it.
    pub(super) clean: u32,
}

/// The baseline of one endpoint.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Watch {
    pub(super) method: String,
    pub(super) template: String,
    pub(super) exchanges: u32,
    /// Answered below 400.
    pub(super) accepted: u32,
    /// Of these, requests without credentials.
    pub(super) anonymous: u32,
    /// Hash of the names of the last accepted request's header fields, and whether credentials were among them.
    #[serde(default)]
    pub(super) asked: (u64, bool),
    /// The exchange that brought a new status or media type last.
    pub(super) news: u32,
    /// Unix milliseconds.
    pub(super) frozen_at_ms: Option<u64>,
    pub(super) statuses: BTreeMap<u16, u32>,
    /// Statuses that belong to the baseline.
    pub(super) known: Vec<u16>,
    pub(super) signs: BTreeMap<Sign, u32>,
    pub(super) parts: Vec<Part>,
    /// The slowest answer of the baseline, in microseconds.
    pub(super) slowest_us: u64,
    /// Until when the last slow exchange ran: others within that time share its cause.
    pub(super) slow_until_ms: u64,
    #[serde(default)]
    pub(super) pace: Pace,
    #[serde(default)]
    pub(super) manners: Manners,
    #[serde(default)]
    pub(super) lists: Lists,
    /// The exchange that was read last is about another thing than those before; and what its manner of asking is called.
    #[serde(skip)]
    pub(super) is_another: bool,
    #[serde(skip)]
    pub(super) manner: Option<u32>,
    targets: Vec<u32>,
    /// Hashes of exchanges that were clean, and of what they were about: only what was asked for before can be the same again.
    pub(super) same: Vec<u64>,
    #[serde(skip)]
    again: Vec<u64>,
    pub(super) suspicions: Vec<(Key, Suspicion)>,
    pub(super) raised: Vec<Raised>,
    /// When the baseline moved last.
    pub(super) changed_at_ms: Option<u64>,
    /// It came when the API had long shown all it had, and nobody was told yet.
    pub(super) is_new: bool,
}

impl Watch {
    pub(super) fn new(method: &str, template: &str) -> Self {
        Self { method: method.to_owned(), template: template.to_owned(), ..Self::default() }
    }

    pub(super) fn is_frozen(&self) -> bool {
        self.frozen_at_ms.is_some()
    }

    /// The part of a place, made when it is new.
    pub(super) fn part(&mut self, at: &At<'_>) -> usize {
        let known = self.parts.iter().position(|part| at.is(&part.place));
        known.unwrap_or_else(|| {
            self.parts.push(Part { place: at.to_owned(), tree: Tree::default(), last: 0 });
            self.parts.len() - 1
        })
    }

    pub(super) fn knows(&self, target: u32) -> bool {
        self.targets.get(target as usize % TARGETS) == Some(&target)
    }

    pub(super) fn remember(&mut self, target: u32) {
        if self.targets.is_empty() {
            self.targets = vec![0; TARGETS];
        }
        self.targets[target as usize % TARGETS] = target;
    }

    /// Whether an exchange like this, to the byte, was found clean.
    pub(super) fn is_same(&self, hash: u64) -> bool {
        self.same.get(hash as usize % SAME) == Some(&hash)
    }

    pub(super) fn remember_same(&mut self, hash: u64) {
        remember(&mut self.same, hash);
    }

    /// Whether something like it came before, so that it is worth while to look at every byte. Remembered if not.
    pub(super) fn is_again(&mut self, hash: u64) -> bool {
        let is = self.again.get(hash as usize % SAME) == Some(&hash);
        if !is {
            remember(&mut self.again, hash);
        }
        is
    }

    /// How confident the baseline is, 0 to 1.
    pub(super) fn confidence(&self) -> f64 {
        let n = f64::from(self.accepted);
        n / (n + 5.0)
    }

    /// How often a sign came, in how many exchanges.
    pub(super) fn sign_rate(&self, sign: &Sign) -> (u32, u32) {
        let before = || self.signs.get(sign).copied().unwrap_or(0);
        match sign {
            Sign::Status(status) => (self.statuses.get(status).copied().unwrap_or(0), self.exchanges),
            Sign::Slower => (before(), self.pace.looks),
            Sign::Mix(names, status) => self.manners.rate(*names, *status),
            Sign::Order(query) => (before(), self.lists.looks(*query, Change::Order)),
            Sign::Paging(query) => (before(), self.lists.looks(*query, Change::Paging)),
            _ => (before(), self.exchanges),
        }
    }

    /// It is a finding that stands.
    pub(super) fn is_raised(&self, sign: &Sign) -> bool {
        let is = |key: &Key| matches!(key, Key::Sign(other) if other == sign);
        self.raised.iter().any(|raised| raised.keys.iter().any(is))
    }

    /// All of it is about one thing, or about few: there are no others that could tell the same.
    pub(super) fn has_few_targets(&self) -> bool {
        !self.template.contains('{') || self.targets.iter().filter(|target| **target != 0).take(FEW).count() < FEW
    }

    /// What is known becomes what was promised.
    pub(super) fn freeze(&mut self, at_ms: u64, by_hand: bool) {
        if self.frozen_at_ms.is_none() || by_hand {
            self.frozen_at_ms = Some(at_ms);
            self.known = self.statuses.keys().copied().collect();
        }
        for part in self.parts.iter_mut().filter(|part| !part.tree.is_frozen() && (by_hand || part.tree.is_confident()))
        {
            part.tree.freeze();
        }
    }

    /// Freezes what has settled. Returns whether that made a baseline of this endpoint.
    pub(super) fn settle(&mut self, at_ms: u64) -> bool {
        if self.is_frozen() {
            for part in self.parts.iter_mut().filter(|part| !part.tree.is_frozen() && part.tree.is_confident()) {
                part.tree.freeze();
            }
            return false;
        }
        let quiet = self.exchanges.saturating_sub(self.news) >= self.exchanges / 2;
        let read =
            |part: &Part| part.tree.is_confident() || matches!(part.place, Place::Body(status, _) if status >= 400);
        let bodies = self.parts.iter().filter(|part| matches!(part.place, Place::Body(..)));
        if self.accepted < super::FREEZE_AFTER || !quiet || !bodies.clone().all(read) {
            return false;
        }
        self.freeze(at_ms, false);
        true
    }

    /// Takes a finding back: its cause is gone, or part of the baseline from now on.
    pub(super) fn release(&mut self, id: &str, accepted: bool, at_ms: u64) {
        let Some(at) = self.raised.iter().position(|raised| raised.id == id) else { return };
        let raised = self.raised.remove(at);
        let always = raised.passes * 4 <= raised.hits;
        for key in &raised.keys {
            match key {
                Key::Sign(sign) if accepted => self.accept_sign(sign),
                Key::Sign(_) => {}
                Key::At { part, node, event } if accepted => self.parts[*part].tree.accept(*node, *event, always),
                Key::At { part, node, event } => self.parts[*part].tree.settle(*node, *event),
            }
        }
        if accepted {
            self.changed_at_ms = Some(at_ms);
        }
    }

    fn accept_sign(&mut self, sign: &Sign) {
        let half = self.exchanges / 2;
        match sign {
            Sign::Status(status) => {
                let count = self.statuses.entry(*status).or_default();
                *count = half.max(*count);
                if !self.known.contains(status) {
                    self.known.push(*status);
                }
            }
            Sign::Slow => self.slowest_us = self.slowest_us.saturating_mul(8),
            Sign::Slower => self.pace = Pace::default(),
            Sign::Mix(names, status) => self.manners.accept(*names, *status),
            Sign::Away(names, status) => self.manners.forget(*names, *status),
            Sign::Order(query) => self.lists.accept(*query, Change::Order),
            Sign::Paging(query) => self.lists.accept(*query, Change::Paging),
            sign => {
                let count = self.signs.entry(sign.clone()).or_default();
                *count = half.max(*count);
            }
        }
    }
}

fn remember(slots: &mut Vec<u64>, hash: u64) {
    if slots.is_empty() {
        slots.resize(SAME, 0);
    }
    slots[hash as usize % SAME] = hash;
}

/// Cut to so many bytes, at a character.
pub(super) fn shorten(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let mut end = bytes;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// One thing that an exchange did differently.
#[derive(Debug, Clone)]
pub(super) struct Happened {
    pub(super) key: Key,
    pub(super) before: u32,
    pub(super) of: u32,
    pub(super) value: Option<Value>,
}
