//! What every request and every task of an open project shares.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use http::Method;
use http::uri::PathAndQuery;
use understudy_contract::twin::{Behaviour, State};
use understudy_contract::{Contract, Rules};
use understudy_plugin_host::PluginHost;
use understudy_policy::Mode;
use understudy_types as types;

use crate::chaos::Chaos;
use crate::config::Config;
use crate::exchanges::Exchanges;
use crate::learner::Intake;
use crate::messages::Messages;
use crate::outbox::Outbox;
use crate::proxy::capture::Budget;
use crate::proxy::upstream::Upstream;
use crate::redact::Redactor;
use crate::shadow::Shadow;
use crate::snapshot::{Snapshot, policy_mode, types_mode};
use crate::stats::Stats;
use crate::store::{Store, StoreError};
use crate::traces::Traces;
use crate::traffic::Traffic;
use crate::watchdog::Watch;

/// One per open project.
pub struct Handles {
    pub config: Arc<Config>,
    /// The project's file under the data folder; it can be renamed.
    pub name: ArcSwap<String>,
    /// The API behind the project; people can name another one.
    pub upstream: ArcSwap<Upstream>,
    pub snapshot: ArcSwap<Snapshot>,
    /// Goes with the behaviour in the snapshot: whoever replaces one replaces the other under this lock.
    pub twin_state: Mutex<State>,
    /// Changes of the twin's state since the start, and those of them that are stored.
    pub twin_changes: AtomicU64,
    pub twin_kept: AtomicU64,
    /// One change of the twin's settings or overrides at a time.
    pub twin_edits: tokio::sync::Mutex<()>,
    pub redactor: Redactor,
    /// The same for every start of a project, so that the twin repeats itself. The twin's settings may say another.
    pub seed: u64,
    pub intake: Intake,
    /// What may be kept of the bodies that pass.
    pub budget: Arc<Budget>,
    pub stats: Arc<Stats>,
    pub traffic: Arc<Traffic>,
    pub exchanges: Exchanges,
    pub traces: Traces,
    pub messages: Messages,
    /// Writes that the twin answered in the API's place.
    pub outbox: Outbox,
    /// What the twin would have answered, and how well.
    pub shadow: Shadow,
    /// What the API does otherwise than it did.
    pub watchdog: Watch,
    pub plugins: Arc<PluginHost>,
    /// Faults on purpose.
    pub chaos: Chaos,
    /// Which plugin named the template of an endpoint, by its id.
    pub named_by: ArcSwap<BTreeMap<String, String>>,
    pub store: Store,
    /// When the server was started.
    pub started: Instant,
    pub next_id: AtomicU64,
}

impl std::fmt::Debug for Handles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handles").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Handles {
    /// The project's file name.
    #[must_use]
    pub fn project(&self) -> String {
        String::clone(&self.name.load())
    }

    pub fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    #[must_use]
    pub fn twin_knows(&self, method: &Method, target: &PathAndQuery) -> bool {
        self.snapshot.load().contract.find(method.as_str(), target.path()).is_some()
    }

    /// How long upstream may be silent over a request of this endpoint.
    #[must_use]
    pub fn deadline(&self, method: &Method, target: &PathAndQuery) -> Duration {
        let snapshot = self.snapshot.load();
        let found = snapshot.contract.find(method.as_str(), target.path());
        let slowest = found.and_then(|hit| hit.endpoint.latency_ms(0.999));
        self.config.deadlines.for_latency(slowest.map(|ms| Duration::from_secs_f64(ms / 1000.0)))
    }

    /// Takes effect when it is stored: a restart does not undo it.
    pub async fn set_mode(&self, mode: types::Mode) -> Result<(), StoreError> {
        self.store.set_mode(mode).await?;
        self.snapshot.rcu(|old| Snapshot { mode: policy_mode(mode), ..Snapshot::clone(old) });
        Ok(())
    }

    #[must_use]
    pub fn mode(&self) -> Mode {
        self.snapshot.load().mode
    }

    /// Puts a newer contract and behaviour in the place of the current ones.
    /// `learned_to` is the id of the newest exchange in them.
    pub fn publish(&self, contract: &Arc<Contract>, behaviour: &Arc<Behaviour>, learned_to: u64) {
        let mut state = self.twin_state.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.snapshot.load_full();
        if !Arc::ptr_eq(&known.behaviour, behaviour) {
            state.rebase(behaviour, &known.behaviour);
        }
        self.snapshot.rcu(|old| Snapshot {
            contract: Arc::clone(contract),
            behaviour: Arc::clone(behaviour),
            learned_to,
            ..Snapshot::clone(old)
        });
    }

    /// The learner's: the contract that follows these rules comes next.
    pub fn set_rules(&self, rules: &Rules) {
        let rules = Arc::new(rules.clone());
        self.snapshot.rcu(|old| Snapshot { rules: Arc::clone(&rules), ..Snapshot::clone(old) });
    }

    #[must_use]
    pub fn status(&self) -> types::Status {
        let snapshot = self.snapshot.load();
        let upstream = self.upstream.load();
        types::Status {
            version: env!("CARGO_PKG_VERSION").into(),
            project: self.project(),
            mode: types_mode(snapshot.mode),
            failover: snapshot.failover,
            upstream: types::Upstream {
                url: upstream.target.to_string(),
                sample: upstream.is_sample,
                insecure: self.config.upstream.insecure,
                health: upstream.health.health(),
                breaker: upstream.health.breaker(),
                latency_ms: upstream.health.latency_ms(),
                last_error: upstream.health.last_error(),
            },
            learner: self.stats.learner(self.budget.shed()),
            outbox: self.outbox.waiting(),
            counters: self.stats.counters(),
            endpoints: snapshot.contract.endpoints().len() as u64,
            limits: limits(&snapshot.contract),
            drift: self.watchdog.summary(),
            chaos: self.chaos.status(),
            parts: self.store.vitals().report(),
            uptime_seconds: self.started.elapsed().as_secs(),
            memory_bytes: memory_bytes(),
        }
    }
}

fn limits(contract: &Contract) -> types::Limits {
    let limits = contract.limits();
    types::Limits {
        path_level: limits.level,
        shared_paths: limits.shared,
        shared_missing: limits.missing,
        dropped_endpoints: limits.dropped,
        crowded_endpoints: limits.crowded,
    }
}

/// Resident memory, where `/proc` tells it.
fn memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
