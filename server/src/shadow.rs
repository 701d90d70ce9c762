//! Shadow mode: what the twin would have answered, computed beside each live answer and scored.
//!
//! A thread of its own has a fork of the twin's state, in which only what the API answered happens. The twin that is asked
//! about an exchange never learned from it: a newer behaviour is taken up only for exchanges that came after all it knows.

pub mod record;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use understudy_contract::Exchange;
use understudy_contract::twin::{Context, Score, State, rehearse};
use understudy_policy::Mode;

pub use self::record::Record;
use crate::handles::Handles;
use crate::snapshot::Snapshot;
use crate::vitals::Part;

/// Exchanges that wait to be scored; more are skipped and counted. Together with the next bound it limits memory.
const MAX_WAITING: usize = 256;
/// Exchanges with more than this in their bodies are not scored.
const MAX_BYTES: usize = 256 << 10;
/// Bytes of bodies remembered until a behaviour comes that knows them, and exchanges.
const MAX_RECENT_BYTES: usize = 16 << 20;
const MAX_RECENT: usize = 8192;
/// Scores are written this often while they change.
const SAVE_EVERY: Duration = Duration::from_secs(2);

enum Message {
    Score(Box<Exchange>),
    Close,
}

/// Where exchanges are offered, and where scores are read.
#[derive(Debug)]
pub struct Shadow {
    queue: SyncSender<Message>,
    /// By endpoint id.
    records: Mutex<BTreeMap<String, Record>>,
    skipped: AtomicU64,
    unknown: AtomicU64,
    pending: AtomicU64,
}

/// The other end, for the thread that scores.
pub struct Stage {
    queue: Receiver<Message>,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stage")
    }
}

impl Shadow {
    #[must_use]
    pub fn new(records: BTreeMap<String, Record>) -> (Self, Stage) {
        let (queue, receiver) = sync_channel(MAX_WAITING);
        let [skipped, unknown, pending] = [const { AtomicU64::new(0) }; 3];
        (Self { queue, records: Mutex::new(records), skipped, unknown, pending }, Stage { queue: receiver })
    }

    /// Takes a redacted exchange with upstream. Never waits.
    pub fn offer(&self, exchange: &Exchange) {
        let bytes = size(exchange);
        self.pending.fetch_add(1, Ordering::Relaxed);
        if bytes > MAX_BYTES || self.queue.try_send(Message::Score(Box::new(exchange.clone()))).is_err() {
            self.skipped.fetch_add(1, Ordering::Relaxed);
            self.pending.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// What was offered before is still scored. Waits for room in the queue.
    pub fn close(&self) {
        // When the receiver is gone already there is nothing to close.
        let _ = self.queue.send(Message::Close);
    }

    #[must_use]
    pub fn records(&self) -> BTreeMap<String, Record> {
        self.lock().clone()
    }

    #[must_use]
    pub fn record(&self, endpoint: &str) -> Option<Record> {
        self.lock().get(endpoint).cloned()
    }

    /// Forgets all scores.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// Exchanges that were not scored: for want of time or because they were too large.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    /// Exchanges of endpoints that were not known yet.
    #[must_use]
    pub fn unknown(&self) -> u64 {
        self.unknown.load(Ordering::Relaxed)
    }

    /// Exchanges offered and not looked at yet.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.pending.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that scores. It ends after [`Shadow::close`].
pub fn spawn(handles: &Arc<Handles>, stage: Stage) -> std::io::Result<JoinHandle<()>> {
    let handles = Arc::clone(handles);
    std::thread::Builder::new().name("understudy-shadow".into()).spawn(move || {
        crate::learner::give_way();
        let alive = handles.store.vitals().watch(Part::Shadow);
        run(&handles, &stage);
        alive.end();
    })
}

/// The twin as it is asked, and what happened since.
struct Fork {
    snapshot: Arc<Snapshot>,
    state: State,
    recent: VecDeque<Exchange>,
    recent_bytes: usize,
}

fn size(exchange: &Exchange) -> usize {
    exchange.request.body.bytes.len() + exchange.response.body.bytes.len()
}

fn run(handles: &Handles, stage: &Stage) {
    let mut fork: Option<Fork> = None;
    let mut changed: BTreeMap<String, Record> = BTreeMap::new();
    let mut saved = Instant::now();
    loop {
        let idle = changed.is_empty() && fork.is_none();
        let wait = if idle { Duration::MAX } else { SAVE_EVERY.saturating_sub(saved.elapsed()) };
        match stage.queue.recv_timeout(wait) {
            Ok(Message::Score(exchange)) => {
                let scored = handles.store.vitals().guard(Part::Shadow, || score(handles, &mut fork, *exchange));
                if scored.is_none() {
                    // It begins with what is known now.
                    fork = None;
                    handles.shadow.skipped.fetch_add(1, Ordering::Relaxed);
                }
                changed.extend(scored.flatten());
                handles.shadow.pending.fetch_sub(1, Ordering::Relaxed);
            }
            Ok(Message::Close) | Err(RecvTimeoutError::Disconnected) => return save(handles, &mut changed),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if saved.elapsed() >= SAVE_EVERY {
            save(handles, &mut changed);
            saved = Instant::now();
        }
        if handles.mode() != Mode::Shadow && handles.shadow.pending() == 0 {
            // The next time it begins with what is known then.
            fork = None;
        }
    }
}

fn save(handles: &Handles, changed: &mut BTreeMap<String, Record>) {
    if !changed.is_empty() {
        handles.store.keep_fidelity(std::mem::take(changed));
    }
}

/// The record that the exchange changed.
fn score(handles: &Handles, fork: &mut Option<Fork>, exchange: Exchange) -> Option<(String, Record)> {
    let current = handles.snapshot.load_full();
    let fork = match fork {
        Some(fork) => fork,
        None => fork.insert(Fork::new(Arc::clone(&current))),
    };
    if !Arc::ptr_eq(&fork.snapshot.behaviour, &current.behaviour) && current.learned_to < exchange.id {
        fork.renew(current);
    }
    let changed = fork.rehearse(handles, &exchange);
    fork.take(exchange);
    changed
}

impl Fork {
    fn new(snapshot: Arc<Snapshot>) -> Self {
        Self { state: State::initial(&snapshot.behaviour), snapshot, recent: VecDeque::new(), recent_bytes: 0 }
    }

    /// Begins anew from what a newer behaviour knows, and repeats what it does not know yet.
    fn renew(&mut self, snapshot: Arc<Snapshot>) {
        let mut next = Self::new(snapshot);
        let known = next.snapshot.learned_to;
        for exchange in std::mem::take(&mut self.recent).into_iter().filter(|exchange| exchange.id > known) {
            next.take(exchange);
        }
        *self = next;
    }

    /// The API's word is taken over.
    fn take(&mut self, exchange: Exchange) {
        if exchange.id > self.snapshot.learned_to {
            self.state.observe(&self.snapshot.contract, &self.snapshot.behaviour, &exchange);
        }
        self.recent_bytes += size(&exchange);
        self.recent.push_back(exchange);
        while self.recent.len() > MAX_RECENT || self.recent_bytes > MAX_RECENT_BYTES {
            let Some(oldest) = self.recent.pop_front() else { break };
            self.recent_bytes -= size(&oldest);
        }
    }

    fn rehearse(&self, handles: &Handles, exchange: &Exchange) -> Option<(String, Record)> {
        if exchange.id <= self.snapshot.learned_to {
            // The twin has learned this very answer: to know it now proves nothing.
            handles.shadow.skipped.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let Snapshot { contract, behaviour, .. } = &*self.snapshot;
        let mint = |nonce: u64, like: &str| handles.redactor.mint(nonce, like);
        let context = Context {
            now_ms: exchange.received_at_ms,
            seed: handles.seed,
            min_confidence: 0.0,
            mint: &mint,
            make: None,
        };
        let hit = contract.find_request(&exchange.request);
        let outcome = rehearse(contract, behaviour, &self.state, exchange, &context);
        let (Some(hit), Some(outcome)) = (hit, outcome) else {
            handles.shadow.unknown.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        // A refusal is an answer that the app could not have used.
        let score = outcome.unwrap_or_else(|_| Score::default());
        let id = hit.endpoint.id.to_string();
        let mut records = handles.shadow.lock();
        let record = records.entry(id.clone()).or_default();
        record.add(exchange, &score);
        Some((id, record.clone()))
    }
}
