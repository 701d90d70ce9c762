//! The live feed as signals. The server fills them once, for the first HTML; in the browser `/admin/ws` goes on.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use understudy_types::Counters;

use crate::backend::{self, Asked, Snapshot};
use crate::feed::Feed;
use crate::meter::Meter;

/// What every screen may watch.
#[derive(Debug, Clone, Copy)]
pub struct Live {
    snapshot: Asked,
    filled: RwSignal<bool>,
    pub pulse: RwSignal<Pulse>,
    pub feed: RwSignal<Feed>,
    pub meter: RwSignal<Meter>,
    pub api_url: RwSignal<String>,
    /// The server's clock, as well as the page knows it.
    pub now_ms: RwSignal<u64>,
    pub connection: RwSignal<Connection>,
    /// Grows when something was learned, at most every two seconds: what lists of endpoints are read again for.
    pub learned: RwSignal<u64>,
    /// Grows when the watchdog has news: at once for an alert, and at most once a second for what only counts.
    pub drift: RwSignal<u64>,
    /// Grows with every news, at most a few times a second.
    pub news: RwSignal<u64>,
    /// Whether news wait to be told together: `None` when the next is told at once.
    #[cfg(feature = "hydrate")]
    gathering: StoredValue<Option<bool>>,
    /// Grows when what the top bar says has changed, and with what was learned.
    pub standing: RwSignal<u64>,
    /// Grows when somebody did something in a part.
    pub acted: RwSignal<u64>,
    /// What became of that: nothing more to say, or why it was refused.
    pub told: RwSignal<Option<Result<(), String>>>,
}

/// What a page reads of the server's status (`Status`); the rest the server draws.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Pulse {
    pub counters: Counters,
    pub learner: Learned,
    pub drift: Revision,
    #[serde(default)]
    pub chaos: Revision,
    pub mode: String,
    #[serde(default)]
    pub project: String,
    pub upstream: Standing,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    pub learned: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    pub revision: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    pub health: String,
    pub breaker: String,
}

impl Pulse {
    /// Whether the top bar has something else to say.
    #[cfg(feature = "hydrate")]
    fn stands_as(&self, other: &Self) -> bool {
        (&self.mode, &self.upstream, &self.drift, &self.chaos)
            == (&other.mode, &other.upstream, &other.drift, &other.chaos)
    }
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
            snapshot: backend::asked(Signal::stored(String::new()), |_| Box::pin(backend::load_snapshot())),
            filled: RwSignal::new(false),
            pulse: RwSignal::new(Pulse::default()),
            feed: RwSignal::new(Feed::default()),
            meter: RwSignal::new(Meter::new(&[], 0)),
            api_url: RwSignal::new(String::new()),
            now_ms: RwSignal::new(0),
            connection: RwSignal::new(Connection::Connecting),
            learned: RwSignal::new(0),
            drift: RwSignal::new(0),
            news: RwSignal::new(0),
            #[cfg(feature = "hydrate")]
            gathering: StoredValue::new(None),
            standing: RwSignal::new(0),
            acted: RwSignal::new(0),
            told: RwSignal::new(None),
        }
    }

    /// Waits for the first snapshot; whatever is shown before is nothing.
    pub async fn ready(self) -> Result<(), ServerFnError> {
        let snapshot = self.snapshot.await?;
        if !self.filled.get_untracked() {
            let snapshot: Snapshot = snapshot.open()?;
            self.filled.set(true);
            self.fill(snapshot);
        }
        Ok(())
    }

    fn fill(self, snapshot: Snapshot) {
        self.now_ms.set(snapshot.now_ms);
        self.meter.set(Meter::new(&snapshot.rows, snapshot.now_ms));
        self.feed.set(Feed::new(snapshot.rows));
        self.pulse.set(snapshot.pulse);
        self.api_url.set(snapshot.api_url);
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

#[cfg(feature = "hydrate")]
mod browser {
    use std::time::Duration;

    use futures_util::StreamExt;
    use gloo_net::websocket::Message;
    use gloo_net::websocket::futures::WebSocket;
    use leptos::prelude::*;
    use leptos::task::spawn_local;
    use serde::Deserialize;
    use understudy_types::TrafficRow;

    use super::{Connection, Live, Pulse};
    use crate::backend;

    /// From the first lost line to a server that is away for long.
    const RETRY_FIRST: Duration = Duration::from_millis(250);
    const RETRY_LAST: Duration = Duration::from_secs(4);
    const LEARNED_EVERY_MS: u64 = 2000;
    /// More often than this nobody reads anew.
    const NEWS_EVERY: Duration = Duration::from_millis(300);

    /// `LiveMessage`, with what this page reads of it: an enum with its tag inside needs a lot of code.
    #[derive(Deserialize)]
    struct Said {
        #[serde(rename = "type")]
        what: String,
        #[serde(default)]
        status: Option<Box<Pulse>>,
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
        let mut revision = live.pulse.with_untracked(|pulse| pulse.drift.revision);
        loop {
            let now = clock.now_ms();
            live.now_ms.set(now);
            live.meter.update(|meter| meter.advance(now));
            let learned = live.pulse.with_untracked(|pulse| pulse.learner.learned);
            if learned != live.learned.get_untracked() && now >= learned_at + LEARNED_EVERY_MS {
                learned_at = now;
                live.learned.set(learned);
                live.standing.update(|standing| *standing += 1);
            }
            let drift = live.pulse.with_untracked(|pulse| pulse.drift.revision);
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
        if let Ok(mut snapshot) =
            backend::load_snapshot().await.and_then(|snapshot| snapshot.open::<backend::Snapshot>())
        {
            snapshot.rows.reverse();
            live.feed.update(|feed| feed.push(snapshot.rows, 0));
        }
    }

    /// The first news at once, then those of a while together.
    fn note(live: Live) {
        if live.gathering.get_value().is_some() {
            return live.gathering.set_value(Some(true));
        }
        live.gathering.set_value(Some(false));
        live.news.update(|news| *news += 1);
        spawn_local(async move {
            gloo_timers::future::sleep(NEWS_EVERY).await;
            let is_more = live.gathering.get_value() == Some(true);
            live.gathering.set_value(None);
            if is_more {
                note(live);
            }
        });
    }

    fn take(live: Live, said: Said, now_ms: u64) {
        match (said.what.as_str(), said.status) {
            ("tick", Some(pulse)) => {
                if live.pulse.with_untracked(|before| before.project != pulse.project) {
                    // Nothing that is shown belongs to the project that is active now.
                    let _ = leptos::prelude::location().reload();
                    return;
                }
                live.meter.update(|meter| meter.count(&pulse.counters, now_ms));
                if !live.pulse.with_untracked(|before| before.stands_as(&pulse)) {
                    live.standing.update(|standing| *standing += 1);
                }
                live.pulse.set(*pulse);
                note(live);
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
