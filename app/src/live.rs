//! The live feed as signals. The server fills them once, for the first HTML; in the browser `/admin/ws` goes on.

use leptos::prelude::*;
use understudy_types::{Breaker, Counters, DriftSummary, Health, Learner, Mode, Status, Upstream};

use crate::backend::{self, Packed, Snapshot};
use crate::feed::Feed;
use crate::meter::Meter;

/// What every screen may watch.
#[derive(Debug, Clone, Copy)]
pub struct Live {
    snapshot: Resource<Result<Packed<Snapshot>, ServerFnError>>,
    filled: RwSignal<bool>,
    pub status: RwSignal<Status>,
    pub feed: RwSignal<Feed>,
    pub meter: RwSignal<Meter>,
    pub api_url: RwSignal<String>,
    /// When the server started, by its own clock.
    pub started_ms: RwSignal<u64>,
    /// The server's clock, as well as the page knows it.
    pub now_ms: RwSignal<u64>,
    pub connection: RwSignal<Connection>,
    /// Grows when something was learned, at most every two seconds: what lists of endpoints are read again for.
    pub learned: RwSignal<u64>,
    /// Grows when the watchdog has news: at once for an alert, and at most once a second for what only counts.
    pub drift: RwSignal<u64>,
    /// Grows when somebody did something in a part.
    pub acted: RwSignal<u64>,
    /// What became of that: nothing more to say, or why it was refused.
    pub told: RwSignal<Option<Result<(), String>>>,
}

/// How the page itself is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// As the server rendered it.
    Connecting,
    Open,
    /// The line is down, and a new one is tried again and again.
    Lost,
}

impl Live {
    fn new() -> Self {
        Self {
            snapshot: Resource::new(|| (), |()| backend::load_snapshot()),
            filled: RwSignal::new(false),
            status: RwSignal::new(nothing_known()),
            feed: RwSignal::new(Feed::default()),
            meter: RwSignal::new(Meter::new(&[], 0)),
            api_url: RwSignal::new(String::new()),
            started_ms: RwSignal::new(0),
            now_ms: RwSignal::new(0),
            connection: RwSignal::new(Connection::Connecting),
            learned: RwSignal::new(0),
            drift: RwSignal::new(0),
            acted: RwSignal::new(0),
            told: RwSignal::new(None),
        }
    }

    /// Waits for the first snapshot; whatever is shown before is nothing.
    pub async fn ready(self) -> Result<(), ServerFnError> {
        let snapshot = self.snapshot.await?;
        if !self.filled.get_untracked() {
            let snapshot = snapshot.open()?;
            self.filled.set(true);
            self.fill(snapshot);
        }
        Ok(())
    }

    fn fill(self, snapshot: Snapshot) {
        self.now_ms.set(snapshot.now_ms);
        self.started_ms.set(snapshot.now_ms.saturating_sub(snapshot.status.uptime_seconds * 1000));
        self.meter.set(Meter::new(&snapshot.rows, snapshot.now_ms));
        self.feed.set(Feed::new(snapshot.rows));
        self.status.set(snapshot.status);
        self.api_url.set(snapshot.api_url);
    }

    /// A part of the status that is only looked at again when it changed.
    pub fn part<T>(self, part: impl Fn(&Status) -> T + Send + Sync + 'static) -> Memo<T>
    where
        T: PartialEq + Send + Sync + 'static,
    {
        Memo::new(move |_| self.status.with(&part))
    }
}

/// Gives the page its [`Live`] and, in the browser, keeps it alive.
pub fn provide_live() -> Live {
    let live = Live::new();
    provide_context(live);
    #[cfg(feature = "hydrate")]
    browser::start(live);
    live
}

/// Only [`Live::ready`] ends the time in which this is in the signals, and views wait for that.
fn nothing_known() -> Status {
    let upstream = Upstream {
        url: String::new(),
        sample: false,
        insecure: false,
        health: Health::Unknown,
        breaker: Breaker::Closed,
        latency_ms: None,
        last_error: None,
    };
    Status {
        version: String::new(),
        project: String::new(),
        mode: Mode::Proxy,
        failover: true,
        upstream,
        learner: Learner::default(),
        outbox: 0,
        counters: Counters::default(),
        endpoints: 0,
        drift: DriftSummary::default(),
        uptime_seconds: 0,
        memory_bytes: None,
    }
}

#[cfg(feature = "hydrate")]
mod browser {
    use std::time::Duration;

    use futures_util::StreamExt;
    use gloo_net::websocket::Message;
    use gloo_net::websocket::futures::WebSocket;
    use leptos::prelude::*;
    use leptos::task::spawn_local;
    use serde::Deserialize;
    use understudy_types::{Status, TrafficRow};

    use super::{Connection, Live};
    use crate::backend;

    /// From the first lost line to a server that is away for long.
    const RETRY_FIRST: Duration = Duration::from_millis(250);
    const RETRY_LAST: Duration = Duration::from_secs(4);
    const LEARNED_EVERY_MS: u64 = 2000;
    /// Two clocks differ by this much without a restart between.
    const CLOCK_SLACK_MS: u64 = 3000;

    /// `LiveMessage`, with what this page reads of it: an enum with its tag inside needs a lot of code.
    #[derive(Deserialize)]
    struct Said {
        #[serde(rename = "type")]
        what: String,
        #[serde(default)]
        status: Option<Box<Status>>,
        #[serde(default)]
        rows: Vec<TrafficRow>,
        #[serde(default)]
        skipped: u64,
    }

    pub(super) fn start(live: Live) {
        // An effect runs after the page was taken over: until then it has to look as the server made it.
        Effect::new(move |_| spawn_local(follow(live)));
    }

    async fn follow(live: Live) {
        if live.ready().await.is_err() {
            return;
        }
        let clock = Clock::set(live.now_ms.get_untracked());
        spawn_local(run_clock(live, clock));
        let mut retry = RETRY_FIRST;
        loop {
            if listen(live, clock).await {
                retry = RETRY_FIRST;
            }
            live.connection.set(Connection::Lost);
            gloo_timers::future::sleep(retry).await;
            retry = (retry * 2).min(RETRY_LAST);
        }
    }

    /// The server's clock, by the browser's.
    #[derive(Clone, Copy)]
    struct Clock {
        ahead_ms: f64,
    }

    impl Clock {
        fn set(server_ms: u64) -> Self {
            Self { ahead_ms: server_ms as f64 - js_sys::Date::now() }
        }

        fn now_ms(self) -> u64 {
            (js_sys::Date::now() + self.ahead_ms) as u64
        }
    }

    async fn run_clock(live: Live, clock: Clock) {
        let mut learned_at = 0;
        let mut revision = live.status.with_untracked(|status| status.drift.revision);
        loop {
            let now = clock.now_ms();
            live.now_ms.set(now);
            live.meter.update(|meter| meter.advance(now));
            let learned = live.status.with_untracked(|status| status.learner.learned);
            if learned != live.learned.get_untracked() && now >= learned_at + LEARNED_EVERY_MS {
                learned_at = now;
                live.learned.set(learned);
            }
            let drift = live.status.with_untracked(|status| status.drift.revision);
            if drift != revision {
                revision = drift;
                live.drift.update(|news| *news += 1);
            }
            gloo_timers::future::TimeoutFuture::new(1000).await;
        }
    }

    /// One connection, from opening to its end. Whether it ever spoke.
    async fn listen(live: Live, clock: Clock) -> bool {
        let Some(mut socket) = address().and_then(|url| WebSocket::open(&url).ok()) else { return false };
        let mut spoke = false;
        while let Some(Ok(message)) = socket.next().await {
            let Message::Text(text) = message else { continue };
            let Ok(message) = serde_json::from_str::<Said>(&text) else { continue };
            if !spoke {
                spoke = true;
                live.meter.update(|meter| meter.interrupt());
                live.connection.set(Connection::Open);
                spawn_local(catch_up(live));
            }
            take(live, message, clock.now_ms());
        }
        spoke
    }

    fn address() -> Option<String> {
        let location = web_sys::window()?.location();
        let scheme = if location.protocol().ok()? == "https:" { "wss" } else { "ws" };
        Some(format!("{scheme}://{}/admin/ws", location.host().ok()?))
    }

    /// What passed while there was no line.
    async fn catch_up(live: Live) {
        if let Ok(mut snapshot) = backend::load_snapshot().await.and_then(|snapshot| snapshot.open()) {
            snapshot.rows.reverse();
            live.feed.update(|feed| feed.push(snapshot.rows, 0));
        }
    }

    fn note_start(live: Live, started_ms: u64) {
        if live.started_ms.get_untracked().abs_diff(started_ms) > CLOCK_SLACK_MS {
            live.started_ms.set(started_ms);
        }
    }

    fn take(live: Live, said: Said, now_ms: u64) {
        match (said.what.as_str(), said.status) {
            ("tick", Some(status)) => {
                live.meter.update(|meter| meter.count(&status.counters, now_ms));
                note_start(live, now_ms.saturating_sub(status.uptime_seconds * 1000));
                live.status.set(*status);
                if !said.rows.is_empty() || said.skipped > 0 {
                    live.now_ms.set(now_ms);
                    live.feed.update(|feed| feed.push(said.rows, said.skipped));
                }
            }
            ("drift", _) => live.drift.update(|news| *news += 1),
            // What was missed is in the next status; the rows are fetched.
            ("missed", _) => spawn_local(catch_up(live)),
            _ => {}
        }
    }
}
