//! The queue between traffic and learner, and the thread that empties it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use understudy_contract::import::DECLARED;
use understudy_contract::{Body, Exchange};
use understudy_policy::Mode;
use understudy_types::{Source, StreamMessage, TrafficRow};

use super::parcel::Parcel;
use super::{Item, Shown, convert, edit, import};
use crate::handles::Handles;
use crate::proxy::capture::Budget;
use crate::proxy::exchange::Observed;
use crate::proxy::overhear::Said;
use crate::stats::Stats;
use crate::traffic::Traffic;
use crate::vitals::Part;

/// Bounds of the queue: a few seconds of heavy traffic, and memory that a laptop has.
const MAX_EXCHANGES: usize = 8192;
const MAX_BYTES: usize = 40 << 20;

/// What comes within this time is taken at once. Nobody who looks on notices it.
const TICK: Duration = Duration::from_millis(10);
/// Exchanges passed on together at most; a few batches stay below what both threads may hold.
const BATCH: usize = 64;

/// An item with the room that it takes up.
pub(super) type Parked = (Item, Option<Place>);

enum Message {
    Observed(Box<Parcel>, Place),
    Said(Box<Said>, Place),
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

    /// Room that is not asked for: the queue's own length bounds it.
    fn force(fill: &Arc<Fill>, bytes: usize) -> Self {
        fill.exchanges.fetch_add(1, Ordering::Relaxed);
        fill.bytes.fetch_add(bytes, Ordering::Relaxed);
        Self { fill: Arc::clone(fill), bytes }
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

    /// The same for what does not come by itself: it waits for room. For threads that may wait.
    pub(super) fn offer_waiting(&self, observed: Box<Observed>) {
        self.stats.offered();
        let parcel = Box::new(Parcel::pack(*observed));
        let place = Place::force(&self.fill, parcel.size());
        if self.queue.send(Message::Observed(parcel, place)).is_err() {
            self.stats.shed();
        }
    }

    /// What was said within an exchange. False when there is no room.
    pub fn say(&self, said: Said) -> bool {
        let Some(mut place) = Place::take(&self.fill) else { return false };
        let bytes = size_of::<Said>() + said.text.as_ref().map_or(0, Vec::len);
        place.grow(bytes) && self.queue.try_send(Message::Said(Box::new(said), place)).is_ok()
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

/// Takes what has come, passes it on, rests a tick, and waits only when nothing came meanwhile. A request that had to wake
/// this thread would pay more for that than for the rest of the hand-over.
pub(super) fn run(handles: &Handles, inbox: &Inbox, batches: &SyncSender<Vec<Parked>>) {
    while let Ok(first) = inbox.queue.recv() {
        let mut next = Some(first);
        while let Some(message) = next {
            let mut batch = Vec::new();
            let goes_on = gather(handles, inbox, message, &mut batch);
            let is_full = batch.len() >= BATCH;
            if batches.send(batch).is_err() || !goes_on {
                return;
            }
            if !is_full {
                std::thread::sleep(TICK);
            }
            next = inbox.queue.try_recv().ok();
        }
    }
}

/// False once the intake was closed.
fn gather(handles: &Handles, inbox: &Inbox, first: Message, batch: &mut Vec<Parked>) -> bool {
    let mut next = Some(first);
    while let Some(message) = next {
        let parked = match message {
            Message::Observed(parcel, mut place) => {
                let is_learned = is_learnable(parcel.source, parcel.status);
                let item = handles.store.vitals().guard(Part::Intake, || unpack(handles, *parcel, &mut place));
                if item.is_none() {
                    handles.stats.shed_more(u64::from(is_learned));
                    handles.traffic.skip();
                }
                item.map(|item| (item, Some(place)))
            }
            Message::Edit(request) => Some((Item::Edit(request), None)),
            Message::Said(said, _place) => {
                handles.store.vitals().guard(Part::Intake, || show(handles, *said));
                None
            }
            Message::Close => return false,
        };
        let is_exchange = parked.is_some();
        batch.extend(parked);
        if is_exchange
            && let Some((Item::Learn(exchange, _), _)) = batch.last()
            && handles.mode() == Mode::Shadow
        {
            handles.shadow.offer(exchange);
        }
        if is_exchange && let Some((Item::Learn(_, shown) | Item::Show(shown), _)) = batch.last() {
            handles.traffic.push(shown.row.clone());
        }
        next = if batch.len() < BATCH { inbox.queue.try_recv().ok() } else { None };
    }
    true
}

/// Redacted as a body is.
fn show(handles: &Handles, said: Said) {
    let text = said.text.filter(|_| handles.config.record).and_then(|text| String::from_utf8(text).ok());
    let message = StreamMessage {
        at_ms: said.at_ms,
        from: said.from,
        kind: said.kind,
        name: said.name.map(|name| String::from_utf8_lossy(&name).into_owned()),
        bytes: said.bytes,
        text: text.map(|text| handles.redactor.text(text)),
    };
    handles.messages.push(said.exchange, message, said.skipped);
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
    let is_declared = parcel.reason == import::AS_DECLARED;
    let fault = parcel.fault.clone();
    let mut exchange = convert::exchange(parcel);
    if !is_declared {
        // The mark is ours to make.
        exchange.request.headers.0.retain(|(name, _)| name != DECLARED);
    }
    handles.redactor.exchange(&mut exchange);
    if !handles.config.record && !is_declared {
        forget(&mut exchange);
    }
    let kept = (!is_declared).then(|| handles.exchanges.push(&exchange));
    row.target.clone_from(&exchange.request.target);
    tracing::debug!(
        target: "understudy::exchange",
        id = row.id,
        method = row.method,
        target = row.target,
        template = row.template.as_deref(),
        status = row.status,
        duration_us = row.duration_us,
        bytes = row.bytes,
        source = ?row.source,
        reason = row.reason,
    );
    handles.traces.record(&row, exchange.request.headers.get("traceparent"));
    handles.chaos.observe(&row, &exchange, fault.as_deref());
    let shown = Shown { row, exchange: kept };
    if learnable { Item::Learn(Box::new(exchange), shown) } else { Item::Show(shown) }
}

/// Leaves what has to be counted: nothing that anybody wrote but the path.
fn forget(exchange: &mut Exchange) {
    let Exchange { request, response, .. } = exchange;
    if let Some(query) = request.target.find('?') {
        request.target.truncate(query);
    }
    for (headers, body) in [(&mut request.headers, &mut request.body), (&mut response.headers, &mut response.body)] {
        headers.0.retain(|(name, _)| name == "content-type");
        if !body.bytes.is_empty() {
            *body = Body { bytes: Bytes::new(), truncated: true };
        }
    }
}

fn template(handles: &Handles, parcel: &Parcel) -> Option<String> {
    let path = parcel.target.split_once('?').map_or(&*parcel.target, |(path, _)| path);
    let snapshot = handles.snapshot.load();
    let found = snapshot.contract.find(parcel.method.as_str(), path)?;
    Some(found.endpoint.template.clone())
}
