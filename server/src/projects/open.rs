//! One open project: its file, what it knows, and the threads and tasks that work for it.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use rustls::ClientConfig;
use tokio::sync::watch;
use tokio::task::JoinSet;
use understudy_contract::twin::Journal;
use understudy_plugin_host::{PluginHost, Watch};

use crate::chaos::{self, Chaos};
use crate::config::{Config, Mistake};
use crate::exchanges::Exchanges;
use crate::handles::Handles;
use crate::learner::{Inbox, Intake, Knowledge, Learner, mine};
use crate::messages::Messages;
use crate::outbox::Outbox;
use crate::plugins;
use crate::proxy::capture::Budget;
use crate::proxy::probe;
use crate::proxy::upstream::Upstream;
use crate::redact::{self, Redactor};
use crate::shadow::{self, Shadow, Stage};
use crate::snapshot::{Snapshot, policy_mode};
use crate::stats::Stats;
use crate::store::{OpenError, Project, Store, Writer, aside, beside, files};
use crate::traces::Traces;
use crate::traffic::Traffic;
use crate::twin::{TwinControl, first_state, parse};
use crate::vitals::Part;
use crate::watchdog::webhooks::{self, Outgoing, Webhooks};
use crate::watchdog::{self, webhooks_of};

/// So long a start waits for plugins that have to be compiled.
const PLUGIN_PATIENCE: Duration = Duration::from_secs(10);
/// The twin's state is stored this often while it changes.
const KEEP_TWIN_EVERY: Duration = Duration::from_secs(2);

/// What all projects of a server share.
#[derive(Debug, Clone)]
pub struct Shared {
    pub config: Arc<Config>,
    /// Whom this machine believes.
    pub careful: Arc<ClientConfig>,
    pub budget: Arc<Budget>,
    pub started: Instant,
}

/// A project file that was opened, and read.
pub struct Opened {
    pub name: String,
    store: Store,
    writer: Writer,
    pub project: Project,
    redactor: Redactor,
}

/// A project at work, whether it is the active one or finishes what it has begun.
#[derive(Debug)]
pub(super) struct Open {
    pub handles: Arc<Handles>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    learner: Learner,
    shadow: JoinHandle<()>,
    plugins: Option<Watch>,
    writer: Writer,
    /// How often the handles are shared by what works for the project itself.
    own: usize,
}

impl Opened {
    /// Opens or makes the file. Whoever reads the mistake knows which key it is about.
    pub fn open(config: &Config, name: &str) -> Result<Self, Mistake> {
        let path = place(config, name)?;
        let file = Store::open_keeping(&path, config.keep).map_err(|error| unusable(&path, error))?;
        Self::with_key(name, &path, file)
    }

    /// The same at a start, which a damaged file does not prevent: it is set aside, and that is told.
    pub fn open_at_start(config: &Config, name: &str) -> Result<Self, Mistake> {
        let path = place(config, name)?;
        let reason = if aside::is_emptied(&path) {
            "it is empty".to_owned()
        } else {
            match Store::open_keeping(&path, config.keep) {
                Ok(file) => return Self::with_key(name, &path, file),
                Err(error) => aside::damage(&path, &error).ok_or_else(|| unusable(&path, error))?,
            }
        };
        let kept = aside::set_aside(&path).map_err(|error| unusable(&path, error))?;
        let kept = kept.file_name().unwrap_or_default().to_string_lossy();
        let says = format!(
            "the project file was damaged ({reason}); it was set aside as {kept}, and a new one was begun. What can be \
             read of it is had by: understudy doctor --repair {kept}"
        );
        tracing::error!(path = %path.display(), "{says}");
        let opened = Self::open(config, name)?;
        opened.store.vitals().note(Part::Store, says);
        Ok(opened)
    }

    fn with_key(name: &str, path: &Path, (store, writer, project): (Store, Writer, Project)) -> Result<Self, Mistake> {
        let key = beside(path, ".key");
        match Redactor::open(&key) {
            Ok(redactor) => Ok(Self { name: name.to_owned(), store, writer, project, redactor }),
            Err(error) => {
                writer.close();
                let expected = format!("a key file that belongs to the project ({error})");
                Err(Mistake::new("DB_NAME", key.display(), expected))
            }
        }
    }

    /// The API that the project itself names.
    #[must_use]
    pub fn target(&self) -> Option<String> {
        parse(&self.project.settings, files::TARGET)
    }

    /// Closes the file again.
    pub fn close(self) {
        self.writer.close();
    }
}

impl Open {
    /// Puts a project to work. Blocks while plugins are loaded; needs a runtime.
    pub(super) fn start(shared: &Shared, opened: Opened, upstream: Upstream) -> Result<Self, Mistake> {
        let plugins = Arc::new(plugins::host(&shared.config, &opened.project.settings));
        // Before the first exchange: a redactor that comes late has missed something.
        let watch = plugins.watch(PLUGIN_PATIENCE);
        let watch = watch.inspect_err(|error| tracing::error!(%error, "follow the plugin folder")).ok();
        let Opened { name, store, writer, project, redactor } = opened;
        let (handles, outgoing, (inbox, knowledge, stage)) =
            build(shared, (name, upstream), plugins, store, project, redactor);
        let threads = |error: std::io::Error| {
            Mistake::new("the machine", "threads", format!("to be able to start three more ({error})"))
        };
        let learner = Learner::spawn(&handles, inbox, knowledge).map_err(threads)?;
        let shadow = shadow::spawn(&handles, stage).map_err(threads)?;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let work = (Arc::clone(&handles), stopped.clone());
        tasks.spawn(kept(Part::Probe, work.clone(), probe::run));
        tasks.spawn(kept(Part::Chaos, work.clone(), chaos::run));
        tasks.spawn(kept(Part::Keeper, work, keep_twin));
        let vitals = Arc::clone(handles.store.vitals());
        let careful = (*shared.careful).clone();
        tasks.spawn(async move {
            vitals.keep(Part::Webhooks, webhooks::run(outgoing, careful, stopped), || None).await;
        });
        let own = Arc::strong_count(&handles);
        Ok(Self { handles, stop, tasks, learner, shadow, plugins: watch, writer, own })
    }

    /// Whether nothing uses the project but what works for it: no exchange is under way, no connection is tunnelled, nobody asks.
    /// Only of one that is not active.
    #[must_use]
    pub(super) fn is_idle(&self) -> bool {
        Arc::strong_count(&self.handles) <= self.own
    }

    /// Learns and stores what is left, and closes the file.
    pub(super) async fn close(mut self) {
        let _ = self.stop.send(true);
        self.tasks.shutdown().await;
        if let Err(error) = self.handles.keep_twin().await {
            tracing::error!(%error, "keep the twin's state");
        }
        let Self { handles, learner, shadow, plugins, writer, .. } = self;
        let ended = tokio::task::spawn_blocking(move || {
            handles.intake.close();
            learner.join();
            handles.traces.end();
            handles.shadow.close();
            if shadow.join().is_err() {
                tracing::error!("the thread that scores the twin panicked; see above");
            }
            drop(plugins);
            writer.close();
        });
        if let Err(error) = ended.await {
            tracing::error!(%error, "close the project");
        }
    }
}

/// Where the file of a project is or will be, in a folder that can be written to.
fn place(config: &Config, name: &str) -> Result<PathBuf, Mistake> {
    let dir = &config.data_dir;
    let unwritable = |error: std::io::Error| {
        Mistake::new("DATA_DIR", dir.display(), format!("a folder that can be written to ({error})"))
    };
    std::fs::create_dir_all(dir).map_err(unwritable)?;
    tempfile_in(dir).map_err(unwritable)?;
    Ok(dir.join(name))
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn unusable(path: &Path, error: OpenError) -> Mistake {
    Mistake::new("DB_NAME", path.display(), format!("a project file {error}"))
}

/// Proves that files can be made here.
fn tempfile_in(dir: &Path) -> std::io::Result<()> {
    let probe: PathBuf = dir.join(format!(".understudy-{}", std::process::id()));
    std::fs::File::create(&probe)?;
    std::fs::remove_file(&probe)
}

fn build(
    shared: &Shared,
    (name, upstream): (String, Upstream),
    plugins: Arc<PluginHost>,
    store: Store,
    project: Project,
    redactor: Redactor,
) -> (Arc<Handles>, Outgoing, (Inbox, Knowledge, Stage)) {
    let config = Arc::clone(&shared.config);
    let next_id = AtomicU64::new(project.next_id());
    let mut journal = Journal::default();
    for exchange in project.journal {
        journal.push(exchange);
    }
    let contract = Arc::new(project.model.contract_under(&project.rules));
    let behaviour = Arc::new(mine(&journal, &contract));
    let snapshot = Snapshot {
        contract,
        behaviour: Arc::clone(&behaviour),
        learned_to: journal.newest().unwrap_or(0),
        rules: Arc::new(project.rules.clone()),
        mode: policy_mode(project.mode),
        failover: config.failover,
        twin: Arc::new(TwinControl::read(&project.settings)),
    };
    let stats = Arc::new(Stats::default());
    let traffic = Arc::new(Traffic::new(project.traffic));
    let (shadow, stage) = Shadow::new(project.fidelity);
    let budget = Arc::clone(&shared.budget);
    let (intake, inbox) = Intake::new(Arc::clone(&stats), Arc::clone(&traffic), Arc::clone(&budget));
    let mut watchdog = watchdog::Watch::restore(project.watchdog.as_deref());
    watchdog.set_judge(plugins::judge_of(&plugins));
    let (webhooks, outgoing) = Webhooks::new(webhooks_of(&project.settings));
    redactor.set_names(parse(&project.settings, redact::SETTING));
    let seed = parse::<Option<u64>>(&project.settings, files::SEED).unwrap_or_else(|| seed_of(&name));
    let handles = Handles {
        seed,
        chaos: Chaos::new(&project.settings, seed),
        name: ArcSwap::from_pointee(name),
        upstream: ArcSwap::from_pointee(upstream),
        snapshot: ArcSwap::from_pointee(snapshot),
        twin_state: Mutex::new(first_state(&behaviour, project.twin_state.as_deref())),
        twin_changes: AtomicU64::new(0),
        twin_kept: AtomicU64::new(0),
        twin_edits: tokio::sync::Mutex::new(()),
        redactor: redactor.with_plugins(&plugins),
        intake,
        budget,
        stats,
        traffic,
        exchanges: Exchanges::default(),
        traces: Traces::start(),
        messages: Messages::default(),
        outbox: Outbox::new(project.outbox),
        shadow,
        watchdog: watchdog::Watch::new(watchdog, webhooks),
        plugins,
        named_by: ArcSwap::default(),
        store,
        started: shared.started,
        next_id,
        config,
    };
    let newest = journal.newest().unwrap_or(0);
    let knowledge = Knowledge { model: project.model, rules: project.rules, newest, journal, ..Knowledge::default() };
    (Arc::new(handles), outgoing, (inbox, knowledge, stage))
}

/// From the project's first name, so that a project made anew under the same name tells the same story. One that is renamed or
/// copied keeps the seed in its file.
#[must_use]
pub(super) fn seed_of(name: &str) -> u64 {
    let hash = blake3::hash(name.as_bytes());
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("a hash has more than eight bytes"))
}

/// What a task of a project works with: the project, and when to end.
type Work = (Arc<Handles>, watch::Receiver<bool>);

/// Begins a task anew when it panics.
fn kept<F: Future<Output = ()> + Send>(
    part: Part,
    (handles, stopped): Work,
    run: impl Fn(Arc<Handles>, watch::Receiver<bool>) -> F + Send + Sync,
) -> impl Future<Output = ()> + Send {
    let (vitals, project) = (Arc::clone(handles.store.vitals()), Arc::downgrade(&handles));
    // Made here, so that the project is shared with it from now on: see `own`.
    let first = run(handles, stopped.clone());
    async move { vitals.keep(part, first, || Some(run(project.upgrade()?, stopped.clone()))).await }
}

/// Stores the twin's state now and then, so that even a crash loses little of it.
async fn keep_twin(handles: Arc<Handles>, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(KEEP_TWIN_EVERY) => {}
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        if let Err(error) = handles.keep_twin().await {
            tracing::error!(%error, "keep the twin's state");
        }
    }
}
