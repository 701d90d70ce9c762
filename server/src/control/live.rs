//! The live feed: about eight messages a second while something changes, each serialised once for all viewers.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::time::MissedTickBehavior;
use understudy_types::{LiveMessage, Status, TrafficRow};

use super::Control;
use crate::handles::Handles;
use crate::projects::Projects;
use crate::vitals::Part;

/// Faster than this nobody reads.
const TICK: Duration = Duration::from_millis(125);
/// Messages that a viewer may lag behind before it loses some: two seconds.
const LAG: usize = 16;
/// Rows that a new viewer starts with.
const FIRST_ROWS: usize = 20;
/// A viewer that takes nothing for so long is gone.
const SEND_TIMEOUT: Duration = Duration::from_secs(20);
/// Viewers send nothing but pongs.
const MAX_MESSAGE_BYTES: usize = 4 << 10;

/// Where viewers listen.
#[derive(Debug)]
pub struct Feed {
    ticks: broadcast::Sender<Utf8Bytes>,
}

impl Feed {
    pub(super) fn new() -> Self {
        Self { ticks: broadcast::channel(LAG).0 }
    }
}

/// Fills the feed until the server stops.
pub async fn run(projects: Arc<Projects>, feed: Arc<Feed>, mut stopped: watch::Receiver<bool>) {
    let mut interval = tokio::time::interval(TICK);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = None;
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        let (handles, feed, mut seen) = (projects.current(), Arc::clone(&feed), last.take());
        // On a thread of its own: what hangs in it must not take other tasks along. What cannot be told once is told the next time.
        let told = tokio::task::spawn_blocking(move || {
            handles.store.vitals().guard(Part::Dashboard, || tell(&handles, &feed, &mut seen));
            seen
        });
        last = told.await.unwrap_or_default();
    }
}

/// What is new since the last time.
fn tell(handles: &Handles, feed: &Feed, last: &mut Option<Status>) {
    let (rows, skipped) = handles.traffic.take_fresh();
    let alerts = handles.watchdog.take_news();
    let chaos = handles.chaos.take_news();
    if feed.ticks.receiver_count() == 0 {
        return;
    }
    for alert in alerts {
        let _ = feed.ticks.send(text(&LiveMessage::Drift { alert: Box::new(alert) }));
    }
    for says in chaos {
        let _ = feed.ticks.send(text(&LiveMessage::Chaos { says }));
    }
    let status = handles.status();
    let seen = without_clock(&status);
    if rows.is_empty() && skipped == 0 && last.as_ref() == Some(&seen) {
        return;
    }
    *last = Some(seen);
    // Without a viewer left nobody misses it.
    let _ = feed.ticks.send(text(&tick(status, rows, skipped)));
}

/// Uptime and memory alone are no news.
fn without_clock(status: &Status) -> Status {
    Status { uptime_seconds: 0, memory_bytes: None, ..status.clone() }
}

fn tick(status: Status, rows: Vec<TrafficRow>, skipped: u64) -> LiveMessage {
    LiveMessage::Tick { status: Box::new(status), rows, skipped }
}

fn text(message: &LiveMessage) -> Utf8Bytes {
    serde_json::to_string(message).expect("messages have string keys only").into()
}

pub(super) async fn connect(State(control): State<Control>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.max_message_size(MAX_MESSAGE_BYTES).on_upgrade(move |socket| show(control, socket))
}

async fn show(control: Control, mut socket: WebSocket) {
    let mut ticks = control.feed.ticks.subscribe();
    let handles = control.projects.current();
    let mut rows = handles.traffic.page(None, FIRST_ROWS, |_| true);
    rows.reverse();
    let first = text(&tick(handles.status(), rows, 0));
    // Handles are not kept: a viewer must not hold a project open.
    drop((control, handles));
    if !send(&mut socket, first).await {
        return;
    }
    loop {
        let message = tokio::select! {
            message = ticks.recv() => message,
            incoming = socket.recv() => match incoming {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
        };
        let message = match message {
            Ok(message) => message,
            Err(RecvError::Lagged(messages)) => text(&LiveMessage::Missed { messages }),
            Err(RecvError::Closed) => return,
        };
        if !send(&mut socket, message).await {
            return;
        }
    }
}

async fn send(socket: &mut WebSocket, message: Utf8Bytes) -> bool {
    matches!(tokio::time::timeout(SEND_TIMEOUT, socket.send(Message::Text(message))).await, Ok(Ok(())))
}
