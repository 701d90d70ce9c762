//! From a checked configuration to running parts, and back to nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use rustls::ClientConfig;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::admin_token;
use crate::config::{Config, Mistake, Mistakes};
use crate::control;
use crate::descriptors;
use crate::handles::Handles;
use crate::listen::{self, Role, Site, Workers, tls};
use crate::projects::{Opened, Projects, Shared};
use crate::proxy::capture::Budget;
use crate::proxy::upstream;

/// Connections that wait to be accepted; the kernel may allow fewer.
const BACKLOG: u32 = 1024;

/// A running server.
#[derive(Debug)]
pub struct App {
    projects: Arc<Projects>,
    api: SocketAddr,
    control: SocketAddr,
    stop: watch::Sender<bool>,
    listeners: JoinSet<()>,
    /// They end with the listeners.
    threads: Vec<JoinHandle<()>>,
    tasks: JoinSet<()>,
    /// The admin token was made by this start.
    has_new_token: bool,
}

/// What a configuration names and a start needs.
struct Ground {
    api: TcpListener,
    control: Option<TcpListener>,
    first: Opened,
    tls: Option<Arc<rustls::ServerConfig>>,
    careful: Arc<ClientConfig>,
}

impl App {
    /// Starts everything, or says everything that is wrong. `mistakes` are those that were found before; with any of them
    /// the rest is still looked at, but nothing listens.
    pub async fn start(config: Config, mistakes: Vec<Mistake>) -> Result<Self, Mistakes> {
        let started = Instant::now();
        descriptors::raise();
        let Ground { api, control, first, tls, careful } = Ground::prepare(&config, mistakes)?;
        let (mut config, has_new_token) = admin_token::complete(config).map_err(|mistake| Mistakes(vec![mistake]))?;
        let (stop, stopped) = watch::channel(false);
        let address = |listener: &TcpListener| {
            listener.local_addr().map_err(|error| listen_mistake("LISTEN_ADDR", config.listen, &error))
        };
        let api_address = address(&api)?;
        let control_address = control.as_ref().map(address).transpose()?.unwrap_or(api_address);

        // With port 0 the machine has chosen, and neither may become the API behind a project.
        config.listen = api_address;
        config.admin = config.admin.map(|_| control_address);
        let budget = Budget::new(config.capture.body, config.capture.memory);
        let shared = Shared { config: Arc::new(config), careful, budget, started };
        let projects =
            Projects::start(shared, first, stopped.clone()).await.map_err(|mistake| Mistakes(vec![mistake]))?;
        let (router, feed) = control::build(&projects, control_address);
        let mut tasks = JoinSet::new();
        tasks.spawn(control::live::run(Arc::clone(&projects), feed, stopped.clone()));

        let (workers, threads) = Workers::start().map_err(|error| {
            Mistakes(vec![Mistake::new(
                "the machine",
                "threads",
                format!("to be able to start one for each core ({error})"),
            )])
        })?;
        let workers = Arc::new(workers);
        let main = tokio::runtime::Handle::current();
        let site = |role| Site {
            projects: Arc::clone(&projects),
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
            projects,
            api: api_address,
            control: control_address,
            stop,
            listeners,
            threads,
            tasks,
            has_new_token,
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

    /// Those of the active project.
    #[must_use]
    pub fn handles(&self) -> Arc<Handles> {
        self.projects.current()
    }

    /// Tells the person at the terminal where to point app and browser.
    pub fn announce(&self) {
        let (handles, config) = (self.projects.current(), self.projects.config());
        let upstream = handles.upstream.load();
        let upstream = if upstream.is_sample { "the built-in sample API".into() } else { upstream.target.to_string() };
        let scheme = if config.tls.is_some() { "https" } else { "http" };
        tracing::info!(
            project = handles.project(),
            "API {scheme}://{} in front of {upstream}; dashboard {scheme}://{}/",
            self.api,
            self.control
        );
        if let Some(token) = config.admin_token.as_ref().filter(|_| self.has_new_token) {
            // Not by the log, which others may collect, and only this once.
            eprintln!(
                "The dashboard can be reached from other machines, so it asks for a token. It was made now, is kept in {}, and is \
                 not shown again:\n\n    {token}\n\nOpen {scheme}://{}/?token={token}, or send `Authorization: Bearer {token}`.",
                admin_token::path(config).display(),
                self.control
            );
        }
        if config.upstream.insecure {
            tracing::warn!(
                "INSECURE: the certificate of {upstream} is NOT checked (UPSTREAM_INSECURE, --insecure): whoever answers is \
                 believed to be the real API, and gets every credential that apps send"
            );
        }
    }

    /// Lets running exchanges finish, learns and stores what is left, closes the projects.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(true);
        while self.listeners.join_next().await.is_some() {}
        let Self { projects, threads, .. } = self;
        self.tasks.shutdown().await;
        let ended = tokio::task::spawn_blocking(move || {
            if threads.into_iter().any(|thread| thread.join().is_err()) {
                tracing::error!("a thread that serves connections panicked; see above");
            }
        });
        if let Err(error) = ended.await {
            tracing::error!(%error, "end the threads that serve connections");
        }
        projects.close_all().await;
    }
}

impl Ground {
    fn prepare(config: &Config, mut mistakes: Vec<Mistake>) -> Result<Self, Mistakes> {
        let mut keep = |result: Result<_, Mistake>| result.map_err(|mistake| mistakes.push(mistake)).ok();
        let api = keep(bind("LISTEN_ADDR", config.listen));
        let control = config.admin.map(|address| keep(bind("ADMIN_ADDR", address)));
        let tls = config.tls.as_ref().map(tls::server_config).transpose();
        let tls = tls.map_err(|mistake| mistakes.push(mistake)).ok().flatten();
        let careful = upstream::careful(&config.upstream).map_err(|mistake| mistakes.push(mistake)).ok();
        let first = Opened::open_at_start(config, &config.project).map_err(|mistake| mistakes.push(mistake)).ok();
        let (Some(api), Some(careful), Some(first), true) = (api, careful, first, mistakes.is_empty()) else {
            return Err(Mistakes(mistakes));
        };
        let listen = |key, socket: TcpSocket, address| {
            socket.listen(BACKLOG).map_err(|error| listen_mistake(key, address, &error))
        };
        let control = match (control.flatten(), config.admin) {
            (Some(socket), Some(address)) => Some(listen("ADMIN_ADDR", socket, address)?),
            _ => None,
        };
        Ok(Self { api: listen("LISTEN_ADDR", api, config.listen)?, control, first, tls, careful })
    }
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
