//! Faults on purpose: what people decided about them, and whether they are at work.
//!
//! Rules and experiments belong to the project; that they are at work does not, but for an experiment that says otherwise. So
//! a restart switches chaos off. Everything that is switched on has an end. What becomes of one request lies in
//! `proxy::chaos`, what a rule means in [`understudy_policy::chaos`].

mod change;
mod kept;
mod present;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};
use understudy_contract::Exchange;
use understudy_policy::chaos::{
    Active, Experiment, Failures, Fault, Outcome, Past, Profile, Rule, Seen, State, Tally, Touched,
};
use understudy_types::{Source, TrafficRow};

use self::kept::Kept;
use crate::handles::Handles;
use crate::proxy::chaos::Mark;
use crate::traffic::Traffic;
use crate::twin::{now_ms, parse};

pub use self::change::{ChaosError, RuleChange, SettingsChange};
pub use self::present::touches;

/// Key of the settings in the project file.
const SETTINGS: &str = "chaos";
/// What is on ends after this time at the latest, unless somebody says how long.
pub const USUAL_SECONDS: u64 = 3600;
/// Ends and bounds are looked at this often while chaos is on.
const TICK: Duration = Duration::from_millis(100);
/// The API's own failures are counted anew this often.
const LEARN_EVERY: Duration = Duration::from_secs(5);
/// Clients are followed for so long after chaos has ended: what did they do next?
const FOLLOW_MS: u64 = 60_000;
/// Finished experiments that a project keeps.
const MAX_EXPERIMENTS: usize = 50;
/// Of the dial's own rule; those of people begin at 1.
const DIAL_RULE: u64 = 0;

/// What the project file has.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
struct Settings {
    /// None: follows from the project's name.
    seed: Option<u64>,
    dial: f64,
    client_header: String,
    next_id: u64,
    rules: Vec<Rule>,
    experiments: Vec<Experiment>,
}

impl Default for Settings {
    fn default() -> Self {
        let client_header = "user-agent".to_owned();
        Self { seed: None, dial: 0.0, client_header, next_id: 1, rules: Vec::new(), experiments: Vec::new() }
    }
}

/// The rules are at work, from one time to another.
#[derive(Debug, Clone, Copy)]
struct Session {
    since_ms: u64,
    until_ms: u64,
}

#[derive(Debug)]
struct Inner {
    settings: Settings,
    session: Option<Session>,
    tally: Tally,
    news: Vec<String>,
}

/// One per running server.
#[derive(Debug)]
pub struct Chaos {
    /// All that a request looks at while nothing is on.
    on: AtomicBool,
    per_request: AtomicBool,
    keeps_answers: AtomicBool,
    active: ArcSwap<Active>,
    profile: ArcSwap<Profile>,
    pub kept: Kept,
    inner: Mutex<Inner>,
    /// One change at a time; it is stored before it holds.
    edits: tokio::sync::Mutex<()>,
    /// Exchanges that end before this are looked at. Unix milliseconds.
    follow_until_ms: AtomicU64,
    changed: Notify,
    /// Counts what was put at work.
    revision: AtomicU64,
    /// Wakes requests that wait on purpose when nothing is on any more.
    pub over: Notify,
    usual_seed: u64,
}

impl Chaos {
    /// From the settings of a project. Nothing is on but an experiment that survives restarts.
    #[must_use]
    pub fn new(settings: &BTreeMap<String, String>, seed: u64) -> Self {
        let mut settings: Settings = parse(settings, SETTINGS);
        let now = now_ms();
        for experiment in settings.experiments.iter_mut().filter(|experiment| experiment.is_running()) {
            if !experiment.survives_restart || experiment.ends_ms() <= now {
                experiment.outcome = Outcome { state: State::Halted, why: "Understudy was restarted".into() };
                experiment.ended_ms = Some(now);
            }
        }
        let chaos = Self {
            on: AtomicBool::new(false),
            per_request: AtomicBool::new(false),
            keeps_answers: AtomicBool::new(false),
            active: ArcSwap::default(),
            profile: ArcSwap::default(),
            kept: Kept::default(),
            inner: Mutex::new(Inner { settings, session: None, tally: Tally::default(), news: Vec::new() }),
            edits: tokio::sync::Mutex::new(()),
            follow_until_ms: AtomicU64::new(0),
            changed: Notify::new(),
            revision: AtomicU64::new(0),
            over: Notify::new(),
            // A number that every JSON reader can hold.
            usual_seed: seed >> 16,
        };
        chaos.rebuild(&mut chaos.lock());
        chaos
    }

    /// Whether a request has to be looked at.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Whether requests may ask for faults themselves.
    #[must_use]
    pub fn heeds_requests(&self) -> bool {
        self.per_request.load(Ordering::Relaxed)
    }

    /// Whether a rule may give a stale answer.
    #[must_use]
    pub fn keeps_answers(&self) -> bool {
        self.keeps_answers.load(Ordering::Relaxed)
    }

    #[must_use]
    pub fn active(&self) -> Arc<Active> {
        self.active.load_full()
    }

    #[must_use]
    pub fn seed(&self) -> u64 {
        self.lock().settings.seed.unwrap_or(self.usual_seed)
    }

    /// How an endpoint fails by itself.
    #[must_use]
    pub fn failures(&self, method: &str, template: Option<&str>) -> Option<Failures> {
        let endpoint = template.map(|template| format!("{method} {template}"));
        self.profile.load().of(endpoint.as_deref()).cloned()
    }

    /// Told of every exchange that has ended, redacted, by the learner's intake.
    pub fn observe(&self, row: &TrafficRow, exchange: &Exchange, fault: Option<&Mark>) {
        let ended_ms = row.at_ms + row.duration_us / 1000;
        if ended_ms >= self.follow_until_ms.load(Ordering::Relaxed) {
            return;
        }
        let mut inner = self.lock();
        let field = |name: &str| exchange.request.headers.get(name).map(str::to_owned);
        let seen = Seen {
            client: field(&inner.settings.client_header).unwrap_or_else(|| "unnamed".into()),
            method: row.method.clone(),
            target: row.target.clone(),
            began_ms: row.at_ms,
            ended_ms,
            status: row.status,
            has_key: field("idempotency-key").is_some(),
            touched: fault.map(|mark| Touched {
                kinds: mark.kinds.iter().map(|kind| (*kind).to_owned()).collect(),
                failed: mark.failed || mark.is_given_up(),
                retry_after_ms: mark.retry_after_seconds.map(|seconds| seconds * 1000),
                given_up: mark.is_given_up(),
            }),
        };
        inner.tally.see(&seen);
    }

    /// What happened since the last call, for viewers.
    pub fn take_news(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().news)
    }

    /// What a profile is learned from.
    fn learn(&self, traffic: &Traffic) {
        let mut rows = traffic.page(None, usize::MAX, |row| row.source == Source::Upstream);
        rows.reverse();
        let past = rows.into_iter().map(|row| Past {
            endpoint: format!("{} {}", row.method, row.template.as_deref().unwrap_or(&row.target)),
            status: row.status,
        });
        self.profile.store(Arc::new(Profile::learn(past)));
    }

    /// Puts what holds now at work.
    fn rebuild(&self, inner: &mut Inner) {
        let Inner { settings, session, .. } = &*inner;
        let seed = settings.seed.unwrap_or(self.usual_seed);
        let mut standing = settings.rules.clone();
        if settings.dial > 0.0 {
            standing.push(Rule { id: DIAL_RULE, ..Rule::of(Fault::Learned { dial: settings.dial }) });
        }
        let mut sets: Vec<(u64, u64, &[Rule])> = Vec::new();
        sets.extend(session.map(|session| (seed, session.since_ms, standing.as_slice())));
        let running = settings.experiments.iter().find(|experiment| experiment.is_running());
        sets.extend(running.map(|running| (running.seed, running.started_ms, running.rules.as_slice())));
        let active = Active::new(&sets, &self.active.load());
        let ends = session.map(|session| session.until_ms).into_iter().chain(running.map(Experiment::ends_ms));
        let follow = ends.max().map(|end| end + FOLLOW_MS);
        self.keeps_answers.store(active.wants_answers_kept(), Ordering::Relaxed);
        if !active.wants_answers_kept() {
            self.kept.clear();
        }
        let on = !active.is_empty() || self.heeds_requests();
        self.active.store(Arc::new(active));
        // What is over is followed a little longer.
        let follow = follow.unwrap_or_else(|| self.follow_until_ms.load(Ordering::Relaxed).min(now_ms() + FOLLOW_MS));
        self.follow_until_ms.store(follow, Ordering::Relaxed);
        self.revision.fetch_add(1, Ordering::Relaxed);
        self.on.store(on, Ordering::Relaxed);
        if !on {
            self.over.notify_waiters();
        }
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn running(&self) -> Option<&Experiment> {
        self.settings.experiments.iter().find(|experiment| experiment.is_running())
    }

    fn is_idle(&self) -> bool {
        self.session.is_none() && self.running().is_none()
    }
}

/// Ends what has to end: sessions and experiments whose time is over, and experiments that passed a bound.
pub async fn run(handles: Arc<Handles>, mut stopped: watch::Receiver<bool>) {
    let mut learned: Option<tokio::time::Instant> = None;
    loop {
        let idle = handles.chaos.lock().is_idle();
        tokio::select! {
            () = handles.chaos.changed.notified() => {}
            () = tokio::time::sleep(TICK), if !idle => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        if handles.chaos.lock().is_idle() {
            continue;
        }
        if learned.is_none_or(|at| at.elapsed() >= LEARN_EVERY) {
            handles.chaos.learn(&handles.traffic);
            learned = Some(tokio::time::Instant::now());
        }
        if let Err(error) = handles.end_chaos_in_time(now_ms()).await {
            tracing::error!(%error, "store how an experiment ended");
        }
    }
}
