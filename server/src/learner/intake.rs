//! The queue between traffic and learner, and the thread that empties it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use bytes::Bytes;
use http::StatusCode;
use understudy_contract::Body;
use understudy_types::{Source, TrafficRow};

use super::parcel::Parcel;
use super::{Item, convert, edit};
use crate::handles::Handles;
use crate::proxy::capture::Budget;
use crate::proxy::exchange::Observed;
use crate::stats::Stats;
use crate::traffic::Traffic;

/// Bounds of the queue: a few seconds of heavy traffic, and memory that a laptop has.
const MAX_EXCHANGES: usize = 8192;
const MAX_BYTES: usize = 40 << 20;

enum Message {
    Observed(Box<Parcel>, Place),
    Edit(Box<edit::Request>),
    Close,
}

/// Where requests hand over what they saw. Never waits.
#[derive(Debug)]
pub struct Intake {
    queue: SyncSender<Message>,
    fill: Arc<Fill>,
    closing: AtomicBool,
    stats: Arc<Stats>,
    traffic: Arc<Traffic>,
    budget: Arc<Budget>,
}

/// The other end, for the learner.
#[derive(Debug)]
pub struct Inbox {
    queue: Receiver<Message>,
}

/// What waits to be learned, from the offer until the learner takes it.
#[derive(Debug, Default)]
struct Fill {
    exchanges: AtomicUsize,
    bytes: AtomicUsize,
}

/// The room that one exchange takes up, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    fill: Arc<Fill>,
    bytes: usize,
}

impl Place {
    /// `None` when there are too many exchanges already; how many bytes there are is seen by [`Place::grow`].
    fn take(fill: &Arc<Fill>) -> Option<Self> {
        if fill.exchanges.fetch_add(1, Ordering::Relaxed) < MAX_EXCHANGES {
            return Some(Self { fill: Arc::clone(fill), bytes: 0 });
        }
        fill.exchanges.fetch_sub(1, Ordering::Relaxed);
        None
    }

    fn grow(&mut self, bytes: usize) -> bool {
        if self.fill.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > MAX_BYTES {
            self.fill.bytes.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        self.bytes += bytes;
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.fill.exchanges.fetch_sub(1, Ordering::Relaxed);
        self.fill.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Intake {
    #[must_use]
    pub fn new(stats: Arc<Stats>, traffic: Arc<Traffic>, budget: Arc<Budget>) -> (Self, Inbox) {
        let (queue, receiver) = sync_channel(MAX_EXCHANGES);
        let fill = Arc::new(Fill::default());
        (Self { queue, fill, closing: AtomicBool::new(false), stats, traffic, budget }, Inbox { queue: receiver })
    }

    /// When there is little room the bodies are let go, and what is left is still learned; when there is none, the exchange
    /// is. Both are counted.
    pub fn offer(&self, observed: Box<Observed>) {
        let learnable = is_learnable(observed.source, observed.status);
        if learnable {
            self.stats.offered();
        }
        if !self.queue(*observed) {
            self.traffic.skip();
            if learnable {
                self.stats.shed();
            }
        }
    }

    /// Passes on what people decided, behind the exchanges that were offered before it. False when there is no room.
    pub(super) fn pass(&self, request: edit::Request) -> bool {
        self.queue.try_send(Message::Edit(Box::new(request))).is_ok()
    }

    fn queue(&self, observed: Observed) -> bool {
        // Asked first, so that a full queue costs a request next to nothing.
        let Some(mut place) = Place::take(&self.fill) else { return false };
        let mut parcel = Box::new(Parcel::pack(observed));
        let fits = place.grow(parcel.size()) || {
            if parcel.shed_bodies() {
                self.budget.count_shed();
            }
            place.grow(parcel.size())
        };
        fits && self.queue.try_send(Message::Observed(parcel, place)).is_ok()
    }

    /// What was offered before is still learned; what comes after is shed. Waits for room in the queue.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
        // When the receiver is gone already there is nothing to close.
        let _ = self.queue.send(Message::Close);
    }

    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }
}

/// The twin's own answers would only teach it its own mistakes; a switch to another protocol is no answer.
fn is_learnable(source: Source, status: StatusCode) -> bool {
    source == Source::Upstream && status != StatusCode::SWITCHING_PROTOCOLS
}

pub(super) fn run(handles: &Handles, inbox: &Inbox, items: &SyncSender<(Item, Option<Place>)>) {
    loop {
        let (item, place) = match inbox.queue.recv() {
            Ok(Message::Observed(parcel, mut place)) => (unpack(handles, *parcel, &mut place), Some(place)),
            Ok(Message::Edit(request)) => (Item::Edit(request), None),
            Ok(Message::Close) | Err(_) => return,
        };
        if let Item::Learn(_, row) | Item::Show(row) = &item {
            handles.traffic.push(row.clone());
        }
        if items.send((item, place)).is_err() {
            return;
        }
    }
}

/// Undoing a content coding may have made it larger than what there is room for.
fn unpack(handles: &Handles, parcel: Parcel, place: &mut Place) -> Item {
    let packed = parcel.size();
    let mut item = prepare(handles, parcel);
    if let Item::Learn(exchange, _) = &mut item {
        let unpacked = exchange.request.body.bytes.len() + exchange.response.body.bytes.len();
        if !place.grow(unpacked.saturating_sub(packed)) {
            handles.budget.count_shed();
            for body in [&mut exchange.request.body, &mut exchange.response.body] {
                *body = Body { bytes: Bytes::new(), truncated: true };
            }
        }
    }
    item
}

/// Nothing unredacted gets past here.
fn prepare(handles: &Handles, parcel: Parcel) -> Item {
    let learnable = is_learnable(parcel.source, parcel.status);
    let mut row = TrafficRow {
        id: parcel.id,
        at_ms: parcel.received_at_ms,
        method: parcel.method.to_string(),
        target: String::new(),
        template: template(handles, &parcel),
        status: parcel.status.as_u16(),
        duration_us: parcel.duration_us,
        bytes: parcel.response_bytes,
        source: parcel.source,
        reason: parcel.reason.clone().into_owned(),
    };
    let mut exchange = convert::exchange(parcel);
    handles.redactor.exchange(&mut exchange);
    row.target.clone_from(&exchange.request.target);
    if learnable { Item::Learn(Box::new(exchange), row) } else { Item::Show(row) }
}

fn template(handles: &Handles, parcel: &Parcel) -> Option<String> {
    let path = parcel.target.split_once('?').map_or(&*parcel.target, |(path, _)| path);
    let snapshot = handles.snapshot.load();
    let found = snapshot.contract.find(parcel.method.as_str(), path)?;
    Some(found.endpoint.template.clone())
}
