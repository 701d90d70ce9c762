//! The program itself, in a process that a test may kill, and clients that never rest.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use crate::support::{self, DEADLINE, Upstream};

/// Whether this is the long version, on a machine that does nothing else.
pub(crate) fn is_full() -> bool {
    std::env::var("SOAK").is_ok_and(|value| value == "full")
}

/// How often: in the quick version, and in the long one.
pub(crate) fn rounds(quick: usize, full: usize) -> usize {
    if is_full() { full } else { quick }
}

/// A bound that is promised holds in the long version; other tests may keep a machine busy for far longer.
pub(crate) fn bound(promised: Duration) -> Duration {
    if is_full() { promised } else { DEADLINE }
}

/// Numbers that are the same in each run: SplitMix64.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % n
    }
}

/// Says back which of many things was asked for.
pub(crate) async fn api() -> Upstream {
    Upstream::start(|req| async move {
        let id = req.uri().path().rsplit('/').next().and_then(|id| id.parse::<u64>().ok()).unwrap_or(0);
        support::json(200, &json!({ "id": id, "name": format!("item {id}"), "tags": ["a", "b"] }))
    })
    .await
}

pub(crate) struct Program {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) client: reqwest::Client,
}

impl Program {
    /// `before` are words of the shell, such as `ulimit -n 100`.
    pub(crate) async fn start(dir: &Path, upstream: SocketAddr, before: &str, env: &[(&str, &str)]) -> Self {
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{before}; exec {}", env!("CARGO_BIN_EXE_understudy")));
        command.env_clear().envs(env.iter().copied()).current_dir(dir).kill_on_drop(true);
        command.env("TARGET_URL", format!("http://{upstream}")).env("LISTEN_ADDR", address.to_string());
        command.env("DATA_DIR", dir.join("data")).env("LOG", "error");
        command.stderr(std::fs::OpenOptions::new().create(true).append(true).open(dir.join("log")).unwrap());
        let child = command.spawn().unwrap();
        let program = Self { child, address, client: support::client() };
        let begun = Instant::now();
        while program.client.get(program.url("/items/0")).send().await.is_err() {
            assert!(begun.elapsed() < DEADLINE, "it must answer: {}", log(dir));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        program
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        self.client.get(self.url(path)).send().await.unwrap().json().await.unwrap()
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) {
        let answer = self.client.put(self.url(path)).json(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }

    /// What the status says of a part: its state, and what is said.
    pub(crate) async fn part(&self, name: &str) -> (String, String) {
        let status = self.json("/admin/status").await;
        let part = status["parts"].as_array().unwrap().iter().find(|part| part["name"] == name).unwrap().clone();
        let text = |key: &str| part[key].as_str().unwrap_or_default().to_owned();
        (text("state"), text("says"))
    }

    /// Like `kill -9`.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    pub(crate) async fn end(mut self) {
        let id = self.id().to_string();
        assert!(std::process::Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
        tokio::time::timeout(DEADLINE, self.child.wait()).await.expect("it ends").unwrap();
    }
}

pub(crate) fn log(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("log")).unwrap_or_default()
}

pub(crate) fn database(dir: &Path) -> PathBuf {
    dir.join("data/default.db")
}

/// Clients that ask one thing after the other, each over a connection of its own.
pub(crate) struct Load {
    tasks: JoinSet<()>,
    stop: Arc<AtomicBool>,
    pub(crate) answered: Arc<AtomicU64>,
    pub(crate) failed: Arc<AtomicU64>,
}

impl Load {
    pub(crate) fn start(program: &Program, clients: u64, pause: Duration) -> Self {
        let mut load =
            Self { tasks: JoinSet::new(), stop: Arc::default(), answered: Arc::default(), failed: Arc::default() };
        for number in 0..clients {
            let base = program.url("/items/");
            let (stop, answered, failed) =
                (Arc::clone(&load.stop), Arc::clone(&load.answered), Arc::clone(&load.failed));
            load.tasks.spawn(async move {
                let client = support::client();
                let mut next = number + 1;
                while !stop.load(Ordering::Relaxed) {
                    let answer =
                        async { client.get(format!("{base}{next}")).send().await?.json::<Value>().await }.await;
                    let is_right = answer.is_ok_and(|body| body["id"] == next);
                    if is_right { &answered } else { &failed }.fetch_add(1, Ordering::Relaxed);
                    next += clients;
                    tokio::time::sleep(pause).await;
                }
            });
        }
        load
    }

    /// How many were answered, and how many were not.
    pub(crate) async fn end(mut self) -> (u64, u64) {
        self.stop.store(true, Ordering::Relaxed);
        while self.tasks.join_next().await.is_some() {}
        (self.answered.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }
}

/// How long it took until something held.
pub(crate) async fn took<F: Future<Output = bool>>(
    what: &str,
    promised: Duration,
    mut holds: impl FnMut() -> F,
) -> Duration {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < bound(promised), "{what}: not within {:?}", bound(promised));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("{what}: {} ms", begun.elapsed().as_millis());
    begun.elapsed()
}
