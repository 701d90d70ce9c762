//! The queue between traffic and learner, and the thread that empties it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use http::StatusCode;
use understudy_types::{Source, TrafficRow};

use super::{Item, convert, edit};
use crate::handles::Handles;
use crate::proxy::exchange::Observed;
use crate::stats::Stats;
use crate::traffic::Traffic;

/// Bounds of the queue: a few seconds of heavy traffic, and memory that a laptop has.
const MAX_EXCHANGES: usize = 8192;
const MAX_BYTES: usize = 64 << 20;

enum Message {
    Observed(Box<Observed>),
    Edit(Box<edit::Request>),
    Close,
}

/// Where requests hand over what they saw. Never waits.
#[derive(Debug)]
pub struct Intake {
    queue: SyncSender<Message>,
    bytes: Arc<AtomicUsize>,
    stats: Arc<Stats>,
    traffic: Arc<Traffic>,
}

/// The other end, for the learner.
#[derive(Debug)]
pub struct Inbox {
    queue: Receiver<Message>,
    bytes: Arc<AtomicUsize>,
}

impl Intake {
    #[must_use]
    pub fn new(stats: Arc<Stats>, traffic: Arc<Traffic>) -> (Self, Inbox) {
        let (sender, receiver) = sync_channel(MAX_EXCHANGES);
        let bytes = Arc::new(AtomicUsize::new(0));
        (Self { queue: sender, bytes: Arc::clone(&bytes), stats, traffic }, Inbox { queue: receiver, bytes })
    }

    /// When the queue is full the exchange is dropped and counted as shed.
    pub fn offer(&self, observed: Box<Observed>) {
        let learnable = is_learnable(&observed);
        if learnable {
            self.stats.offered();
        }
        let size = observed.size();
        let fits = self.bytes.fetch_add(size, Ordering::Relaxed) + size <= MAX_BYTES;
        if fits && self.queue.try_send(Message::Observed(observed)).is_ok() {
            return;
        }
        self.bytes.fetch_sub(size, Ordering::Relaxed);
        self.traffic.skip();
        if learnable {
            self.stats.shed();
        }
    }

    /// Passes on what people decided, behind the exchanges that were offered before it. False when there is no room.
    pub(super) fn pass(&self, request: edit::Request) -> bool {
        self.queue.try_send(Message::Edit(Box::new(request))).is_ok()
    }

    /// What was offered before is still learned; what comes after is shed. Waits for room in the queue.
    pub fn close(&self) {
        // When the receiver is gone already there is nothing to close.
        let _ = self.queue.send(Message::Close);
    }
}

/// The twin's own answers would only teach it its own mistakes; a switch to another protocol is no answer.
fn is_learnable(observed: &Observed) -> bool {
    observed.source == Source::Upstream && observed.status != StatusCode::SWITCHING_PROTOCOLS
}

pub(super) fn run(handles: &Handles, inbox: &Inbox, items: &SyncSender<Item>) {
    loop {
        let (size, item) = match inbox.queue.recv() {
            Ok(Message::Observed(observed)) => (observed.size(), prepare(handles, *observed)),
            Ok(Message::Edit(request)) => (0, Item::Edit(request)),
            Ok(Message::Close) | Err(_) => return,
        };
        if let Item::Learn(_, row) | Item::Show(row) = &item {
            handles.traffic.push(row.clone());
        }
        let sent = items.send(item);
        inbox.bytes.fetch_sub(size, Ordering::Relaxed);
        if sent.is_err() {
            return;
        }
    }
}

/// Nothing unredacted gets past here.
fn prepare(handles: &Handles, observed: Observed) -> Item {
    let learnable = is_learnable(&observed);
    let mut row = TrafficRow {
        id: observed.id,
        at_ms: observed.received_at_ms,
        method: observed.method.to_string(),
        target: String::new(),
        template: template(handles, &observed),
        status: observed.status.as_u16(),
        duration_us: observed.duration_us,
        bytes: observed.response_bytes,
        source: observed.source,
        reason: observed.reason.clone().into_owned(),
    };
    let mut exchange = convert::exchange(observed);
    handles.redactor.exchange(&mut exchange);
    row.target.clone_from(&exchange.request.target);
    if learnable { Item::Learn(Box::new(exchange), row) } else { Item::Show(row) }
}

fn template(handles: &Handles, observed: &Observed) -> Option<String> {
    let snapshot = handles.snapshot.load();
    let found = snapshot.contract.find(observed.method.as_str(), observed.target.path())?;
    Some(found.endpoint.template.clone())
}
