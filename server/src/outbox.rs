//! Writes that the twin answered while the API was away.
//!
//! The app was told that they went through; the API knows nothing of them. They are kept until a person replays or drops
//! them, and are never sent by themselves. On disk they are redacted like everything else. The credentials that they came
//! with stay in memory as long as the process runs; after that, replaying one needs them from whoever asks for it.

pub mod ids;
mod replay;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use understudy_contract::{Headers, Request, twin};
use understudy_policy::{Why, is_safe, may_be_processed};

use self::ids::{IdPair, Mapped};
pub use self::replay::{Given, ReplayError, Replayed, replay, replay_all};
use crate::handles::Handles;
use crate::proxy::exchange::ExchangeContext;
use crate::redact::Redactor;

/// A longer outage is one that somebody should know of.
const MAX_ENTRIES: usize = 1000;
/// Of requests as they came, credentials included.
const MAX_ORIGINAL_BYTES: usize = 32 << 20;

/// One write, redacted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The id of the exchange; entries are in the order in which the requests came.
    pub id: u64,
    pub at_ms: u64,
    pub method: String,
    pub target: String,
    pub headers: Headers,
    /// `None` when there was none, or it is no text.
    pub body: Option<String>,
    /// Why the twin answered.
    pub reason: String,
    /// What the app was told.
    pub told: Told,
    /// The API may have carried it out although it never answered: to send it again may do it twice.
    pub may_be_processed: bool,
    /// What is missing here, because secrets are not stored: `header authorization`, `body`, `target`.
    pub needs: Vec<String>,
    pub state: State,
    /// What the API said last, when it was asked.
    pub result: Option<Outcome>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    pub status: u16,
    pub location: Option<String>,
    pub body: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// To be replayed or dropped.
    Waiting,
    /// The API took it.
    Replayed,
    /// The API was asked and refused it.
    Refused,
}

/// The API's answer to a replay, redacted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub at_ms: u64,
    pub status: u16,
    pub body: Option<String>,
    /// Ids of the twin's that were replaced in what was sent.
    pub mapped: Vec<Mapped>,
    /// Ids of the twin's for which the API has others; later entries are sent with the API's.
    pub ids: Vec<IdPair>,
}

/// A request as it came. It must not leave the process but to upstream.
#[derive(Clone)]
pub struct Original {
    target: String,
    headers: HeaderMap,
    body: Bytes,
}

impl std::fmt::Debug for Original {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Original")
    }
}

impl Original {
    fn size(&self) -> usize {
        let fields = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 64).sum::<usize>();
        self.target.len() + self.body.len() + fields
    }
}

/// All entries of a project. A lock is held for moments only.
#[derive(Debug)]
pub struct Outbox {
    held: Mutex<Kept>,
    /// Replays run one at a time: two at once could send one entry twice.
    turn: Semaphore,
}

#[derive(Debug, Default)]
struct Kept {
    entries: BTreeMap<u64, Entry>,
    originals: HashMap<u64, Original>,
    original_bytes: usize,
    /// Pairs of credentials, which are never stored.
    secrets: Vec<IdPair>,
    /// Writes for which there was no room.
    lost: u64,
}

impl Outbox {
    #[must_use]
    pub fn new(entries: Vec<Entry>) -> Self {
        let entries = entries.into_iter().map(|entry| (entry.id, entry)).collect();
        Self { held: Mutex::new(Kept { entries, ..Kept::default() }), turn: Semaphore::new(1) }
    }

    /// Entries that were not replayed.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.lock().entries.values().filter(|entry| entry.state != State::Replayed).count() as u64
    }

    /// Writes that were not kept because the outbox was full.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lock().lost
    }

    /// In the order in which they came.
    #[must_use]
    pub fn list(&self) -> Vec<Entry> {
        self.lock().entries.values().cloned().collect()
    }

    #[must_use]
    pub fn get(&self, id: u64) -> Option<Entry> {
        self.lock().entries.get(&id).cloned()
    }

    /// Whether an entry can be replayed without being given anything.
    #[must_use]
    pub fn has_original(&self, id: u64) -> bool {
        self.lock().originals.contains_key(&id)
    }

    /// Forgets one entry; false when there is none.
    pub fn drop_one(&self, id: u64) -> bool {
        let mut kept = self.lock();
        kept.forget_original(id);
        kept.entries.remove(&id).is_some()
    }

    fn put(&self, entry: Entry, original: Option<Original>) -> bool {
        let mut kept = self.lock();
        if kept.entries.len() >= MAX_ENTRIES && !kept.entries.contains_key(&entry.id) {
            kept.lost += 1;
            return false;
        }
        if let Some(original) = original
            && kept.original_bytes + original.size() <= MAX_ORIGINAL_BYTES
        {
            kept.original_bytes += original.size();
            kept.originals.insert(entry.id, original);
        }
        kept.entries.insert(entry.id, entry);
        true
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn forget_original(&mut self, id: u64) {
        if let Some(original) = self.originals.remove(&id) {
            self.original_bytes -= original.size();
        }
    }
}

/// Whether an answer of the twin's leaves the API with something to be told later. What the app was refused is settled.
#[must_use]
pub fn concerns(method: &str, why: Why, status: u16) -> bool {
    !is_safe(method) && status < 400 && matches!(why, Why::BreakerOpen | Why::Failover(_) | Why::Unwell(_))
}

/// Keeps a write that the twin answered. Never waits: the file is written by the store's own thread.
pub fn keep(
    handles: &Handles,
    exchange: &ExchangeContext,
    body: &Bytes,
    redacted: &Request,
    answer: &twin::Answer,
    (why, reason): (Why, &str),
) {
    let original =
        Original { target: exchange.target.to_string(), headers: exchange.headers.clone(), body: body.clone() };
    let entry = Entry {
        id: exchange.id,
        at_ms: exchange.received_at_ms,
        method: exchange.method.to_string(),
        target: redacted.target.clone(),
        headers: redacted.headers.clone(),
        body: text(&redacted.body.bytes),
        reason: reason.to_owned(),
        told: Told {
            status: answer.status,
            location: answer.headers.get("location").map(str::to_owned),
            body: text(&answer.body),
        },
        may_be_processed: may_be_processed(why),
        needs: needs(&handles.redactor, &original, redacted),
        state: State::Waiting,
        result: None,
    };
    if handles.outbox.put(entry.clone(), Some(original)) {
        handles.store.keep_outbox(entry);
    } else {
        tracing::warn!(exchange = exchange.id, "the outbox is full; a write that the twin answered is not kept");
    }
}

/// What redaction took out of a request, so that what is stored of it is not enough to send it.
fn needs(redactor: &Redactor, original: &Original, redacted: &Request) -> Vec<String> {
    let mut needs: Vec<String> = Vec::new();
    if original.target != redacted.target {
        needs.push("target".to_owned());
    }
    for (name, value) in &redacted.headers.0 {
        let came = original.headers.get_all(name).iter().any(|given| given.as_bytes() == value.as_bytes());
        if !came || redactor.holds_token(value) {
            needs.push(format!("header {name}"));
        }
    }
    // A coded body is stored decoded, and sent so.
    let coded = original.headers.contains_key(http::header::CONTENT_ENCODING);
    let whole = redacted.body.bytes == original.body || (coded && !redacted.body.truncated);
    let holds_token = std::str::from_utf8(&redacted.body.bytes).is_ok_and(|text| redactor.holds_token(text));
    if !original.body.is_empty() && (!whole || holds_token || text(&redacted.body.bytes).is_none()) {
        needs.push("body".to_owned());
    }
    needs.dedup();
    needs
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.is_empty()).map(str::to_owned)
}
