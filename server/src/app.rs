//! From a checked configuration to running parts, and back to nothing.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;
use understudy_contract::twin::Journal;
use understudy_plugin_host::{PluginHost, Watch};
use understudy_policy::Limits;

use crate::chaos::{self, Chaos};
use crate::config::{Config, Mistake, Mistakes, TargetUrl};
use crate::control;
use crate::exchanges::Exchanges;
use crate::handles::Handles;
use crate::learner::{Intake, Knowledge, Learner, mine};
use crate::listen::{self, Role, Site, Workers, tls};
use crate::messages::Messages;
use crate::outbox::Outbox;
use crate::plugins;
use crate::proxy::capture::Budget;
use crate::proxy::health::Health;
use crate::proxy::upstream::Client;
use crate::proxy::{headers, probe};
use crate::redact::{self, Redactor};
use crate::sample;
use crate::shadow::{self, Shadow, Stage};
use crate::snapshot::{Snapshot, policy_mode};
use crate::stats::Stats;
use crate::store::{Project, Store, Writer, beside};
use crate::traces::Traces;
use crate::traffic::Traffic;
use crate::twin::{TwinControl, first_state, parse};
use crate::watchdog::webhooks::{self, Outgoing, Webhooks};
use crate::watchdog::{self, webhooks_of};

/// Connections that wait to be accepted; the kernel may allow fewer.
const BACKLOG: u32 = 1024;
/// So long a start waits for plugins that have to be compiled.
const PLUGIN_PATIENCE: Duration = Duration::from_secs(10);
/// The twin's state is stored this often while it changes.
const KEEP_TWIN_EVERY: Duration = Duration::from_secs(2);

/// A running server.
#[derive(Debug)]
pub struct App {
    handles: Arc<Handles>,
    api: SocketAddr,
    control: SocketAddr,
    stop: watch::Sender<bool>,
    listeners: JoinSet<()>,
    /// They end with the listeners.
    threads: Vec<JoinHandle<()>>,
    tasks: JoinSet<()>,
    learner: Learner,
    shadow: JoinHandle<()>,
    plugins: Option<Watch>,
    writer: Writer,
}

/// What a configuration names and a start needs.
struct Ground {
    api: TcpListener,
    control: Option<TcpListener>,
    store: Store,
    writer: Writer,
    project: Project,
    redactor: Redactor,
    tls: Option<Arc<rustls::ServerConfig>>,
    client: Client,
}

impl App {
    /// Starts everything, or says everything that is wrong. `mistakes` are those that were found before; with any of them
    /// the rest is still looked at, but nothing listens.
    pub async fn start(config: Config, mistakes: Vec<Mistake>) -> Result<Self, Mistakes> {
        let ground = Ground::prepare(&config, mistakes)?;
        let Ground { api, control, store, writer, project, redactor, tls, client } = ground;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let target = match &config.target {
            Some(target) => target.clone(),
            None => start_sample(&mut tasks, &stopped).await?,
        };
        let address = |listener: &TcpListener| {
            listener.local_addr().map_err(|error| listen_mistake("LISTEN_ADDR", config.listen, &error))
        };
        let api_address = address(&api)?;
        let control_address = control.as_ref().map(address).transpose()?.unwrap_or(api_address);

        let plugins = Arc::new(plugins::host(&config, &project.settings));
        // Before the first exchange: a redactor that comes late has missed something.
        let watch = plugins.watch(PLUGIN_PATIENCE);
        let watch = watch.inspect_err(|error| tracing::error!(%error, "follow the plugin folder")).ok();
        let (handles, outgoing, (inbox, knowledge, stage)) =
            build(config, plugins, (target, client), store, project, redactor);
        let learner = Learner::spawn(&handles, inbox, knowledge).map_err(|error| {
            Mistakes(vec![Mistake::new("the machine", "threads", format!("to be able to start two more ({error})"))])
        })?;
        let shadow = shadow::spawn(&handles, stage).map_err(|error| {
            Mistakes(vec![Mistake::new("the machine", "threads", format!("to be able to start one more ({error})"))])
        })?;
        let (router, feed) = control::build(&handles, control_address);
        tasks.spawn(control::live::run(Arc::clone(&handles), feed, stopped.clone()));
        tasks.spawn(probe::run(Arc::clone(&handles), stopped.clone()));
        tasks.spawn(chaos::run(Arc::clone(&handles), stopped.clone()));
        tasks.spawn(keep_twin(Arc::clone(&handles), stopped.clone()));
        tasks.spawn(webhooks::run(outgoing, handles.client.careful_tls(), stopped.clone()));

        let (workers, threads) = Workers::start(&handles.client).map_err(|error| {
            Mistakes(vec![Mistake::new(
                "the machine",
                "threads",
                format!("to be able to start one for each core ({error})"),
            )])
        })?;
        let workers = Arc::new(workers);
        let main = tokio::runtime::Handle::current();
        let site = |role| Site {
            handles: Arc::clone(&handles),
            control: router.clone(),
            main: main.clone(),
            role,
            tls: tls.clone(),
        };
        let mut listeners = JoinSet::new();
        if let Some(control) = control {
            listeners.spawn(listen::run(control, site(Role::Control), Arc::clone(&workers), stopped.clone()));
            listeners.spawn(listen::run(api, site(Role::Api), workers, stopped));
        } else {
            listeners.spawn(listen::run(api, site(Role::Both), workers, stopped));
        }
        Ok(Self {
            handles,
            api: api_address,
            control: control_address,
            stop,
            listeners,
            threads,
            tasks,
            learner,
            shadow,
            plugins: watch,
            writer,
        })
    }

    /// Where the API answers.
    #[must_use]
    pub fn api(&self) -> SocketAddr {
        self.api
    }

    /// Where dashboard and admin API answer.
    #[must_use]
    pub fn control(&self) -> SocketAddr {
        self.control
    }

    #[must_use]
    pub fn handles(&self) -> &Arc<Handles> {
        &self.handles
    }

    /// Tells the person at the terminal where to point app and browser.
    pub fn announce(&self) {
        let upstream = if self.handles.config.target.is_some() {
            self.handles.target.to_string()
        } else {
            "the built-in sample API".into()
        };
        let scheme = if self.handles.config.tls.is_some() { "https" } else { "http" };
        tracing::info!(
            project = self.handles.config.project,
            "API {scheme}://{} in front of {upstream}; dashboard {scheme}://{}/",
            self.api,
            self.control
        );
        if self.handles.config.upstream.insecure {
            tracing::warn!(
                "INSECURE: the certificate of {upstream} is NOT checked (UPSTREAM_INSECURE, --insecure): whoever answers is \
                 believed to be the real API, and gets every credential that apps send"
            );
        }
    }

    /// Lets running exchanges finish, learns and stores what is left, closes the project.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(true);
        while self.listeners.join_next().await.is_some() {}
        let Self { handles, threads, learner, shadow, plugins, writer, .. } = self;
        self.tasks.shutdown().await;
        if let Err(error) = handles.keep_twin().await {
            tracing::error!(%error, "keep the twin's state");
        }
        let ended = tokio::task::spawn_blocking(move || {
            if threads.into_iter().any(|thread| thread.join().is_err()) {
                tracing::error!("a thread that serves connections panicked; see above");
            }
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

impl Ground {
    fn prepare(config: &Config, mut mistakes: Vec<Mistake>) -> Result<Self, Mistakes> {
        let mut keep = |result: Result<_, Mistake>| result.map_err(|mistake| mistakes.push(mistake)).ok();
        let api = keep(bind("LISTEN_ADDR", config.listen));
        let control = config.admin.map(|address| keep(bind("ADMIN_ADDR", address)));
        let tls = config.tls.as_ref().map(tls::server_config).transpose();
        let tls = tls.map_err(|mistake| mistakes.push(mistake)).ok().flatten();
        let client = build_client(config).map_err(|mistake| mistakes.push(mistake)).ok();
        let project = open_project(config).map_err(|mistake| mistakes.push(mistake)).ok();
        let (Some(api), Some(client), Some((store, writer, project, redactor)), true) =
            (api, client, project, mistakes.is_empty())
        else {
            return Err(Mistakes(mistakes));
        };
        let listen = |key, socket: TcpSocket, address| {
            socket.listen(BACKLOG).map_err(|error| listen_mistake(key, address, &error))
        };
        let control = match (control.flatten(), config.admin) {
            (Some(socket), Some(address)) => Some(listen("ADMIN_ADDR", socket, address)?),
            _ => None,
        };
        Ok(Self {
            api: listen("LISTEN_ADDR", api, config.listen)?,
            control,
            store,
            writer,
            project,
            redactor,
            tls,
            client,
        })
    }
}

/// The sample API is on this machine and speaks no TLS, whatever its port.
fn build_client(config: &Config) -> Result<Client, Mistake> {
    let sample = || TargetUrl::local((std::net::Ipv4Addr::LOCALHOST, 0).into());
    let target = config.target.clone().unwrap_or_else(sample);
    Client::new(&config.upstream, &target, headers::keeps_host(&config.fields, &target))
}

/// Takes the port without listening yet: a start that fails for another reason must not have answered anyone.
fn bind(key: &'static str, address: SocketAddr) -> Result<TcpSocket, Mistake> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let bound = socket.and_then(|socket| {
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(socket)
    });
    bound.map_err(|error| bind_mistake(key, address, &error))
}

fn bind_mistake(key: &'static str, address: SocketAddr, error: &std::io::Error) -> Mistake {
    let expected = match error.kind() {
        std::io::ErrorKind::AddrInUse => "a free port, another program listens on this one".into(),
        std::io::ErrorKind::AddrNotAvailable => "an address of this machine".into(),
        std::io::ErrorKind::PermissionDenied => "a port that this user may listen on, such as one above 1023".into(),
        _ => format!("an address to listen on ({error})"),
    };
    Mistake::new(key, address, expected)
}

fn listen_mistake(key: &'static str, address: SocketAddr, error: &std::io::Error) -> Mistakes {
    Mistakes(vec![bind_mistake(key, address, error)])
}

fn open_project(config: &Config) -> Result<(Store, Writer, Project, Redactor), Mistake> {
    let dir = &config.data_dir;
    let unwritable = |error: std::io::Error| {
        Mistake::new("DATA_DIR", dir.display(), format!("a folder that can be written to ({error})"))
    };
    std::fs::create_dir_all(dir).map_err(unwritable)?;
    tempfile_in(dir).map_err(unwritable)?;
    let path = dir.join(&config.project);
    let (store, writer, project) = Store::open(&path)
        .map_err(|error| Mistake::new("DB_NAME", path.display(), format!("a project file {error}")))?;
    let key = beside(&path, ".key");
    let redactor = Redactor::open(&key);
    match redactor {
        Ok(redactor) => Ok((store, writer, project, redactor)),
        Err(error) => {
            writer.close();
            Err(Mistake::new("DB_NAME", key.display(), format!("a key file that belongs to the project ({error})")))
        }
    }
}

/// Proves that files can be made here.
fn tempfile_in(dir: &std::path::Path) -> std::io::Result<()> {
    let probe: PathBuf = dir.join(format!(".understudy-{}", std::process::id()));
    std::fs::File::create(&probe)?;
    std::fs::remove_file(&probe)
}

fn build(
    config: Config,
    plugins: Arc<PluginHost>,
    (target, client): (TargetUrl, Client),
    store: Store,
    project: Project,
    redactor: Redactor,
) -> (Arc<Handles>, Outgoing, (crate::learner::Inbox, Knowledge, Stage)) {
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
    let budget = Budget::new(config.capture.body, config.capture.memory);
    let (intake, inbox) = Intake::new(Arc::clone(&stats), Arc::clone(&traffic), Arc::clone(&budget));
    let mut watchdog = watchdog::Watch::restore(project.watchdog.as_deref());
    watchdog.set_judge(crate::plugins::judge_of(&plugins));
    let (webhooks, outgoing) = Webhooks::new(webhooks_of(&project.settings));
    redactor.set_names(parse(&project.settings, redact::SETTING));
    let seed = seed(&config.project);
    let handles = Handles {
        seed,
        chaos: Chaos::new(&project.settings, seed),
        target,
        client,
        health: Health::new(Limits::default()),
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
        started: Instant::now(),
        next_id,
        config,
    };
    (
        Arc::new(handles),
        outgoing,
        (
            inbox,
            Knowledge {
                model: project.model,
                rules: project.rules,
                newest: journal.newest().unwrap_or(0),
                journal,
                ..Knowledge::default()
            },
            stage,
        ),
    )
}

/// From the project's name, so that a copy of a project under the same name tells the same story.
fn seed(project: &str) -> u64 {
    let hash = blake3::hash(project.as_bytes());
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("a hash has more than eight bytes"))
}

async fn start_sample(tasks: &mut JoinSet<()>, stopped: &watch::Receiver<bool>) -> Result<TargetUrl, Mistakes> {
    let wrong = |error: std::io::Error| {
        Mistakes(vec![Mistake::new(
            "TARGET_URL",
            "",
            format!("the URL of a real API, the sample API does not start ({error})"),
        )])
    };
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.map_err(wrong)?;
    let address = listener.local_addr().map_err(wrong)?;
    tasks.spawn(sample::run(listener, stopped.clone()));
    Ok(TargetUrl::local(address))
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
