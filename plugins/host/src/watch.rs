//! The thread that loads plugins: at the start, and whenever the folder changes.
//!
//! Changes are told by the system (`notify`). A look every few seconds finds what the system does not tell: folders that come
//! later, and file systems without such news.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use crate::PluginHost;

/// Files are often written in several steps: so long nothing must change before they are read.
const QUIET: Duration = Duration::from_millis(50);
/// A folder that never comes to rest is read all the same.
const LATEST: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Compilers are deeply recursive.
const STACK_BYTES: usize = 8 << 20;
/// Traffic goes first once the server runs.
const NICENESS: i32 = 10;

/// Keeps the thread alive; it ends when this is dropped.
#[derive(Debug)]
pub struct Watch {
    stop: Sender<Message>,
    /// Taken when it is dropped.
    thread: Option<JoinHandle<()>>,
}

enum Message {
    Changed,
    Stop,
}

impl Watch {
    /// Loads the folder and then follows it. Returns when it is loaded for the first time, and after `patience` at the latest.
    pub(crate) fn start(host: &Arc<PluginHost>, patience: Duration) -> io::Result<Self> {
        let (stop, messages) = channel();
        let (loaded, first) = channel();
        let changes = stop.clone();
        let (host, dir) = (Arc::downgrade(host), host.dir.clone());
        let thread =
            std::thread::Builder::new().name("plugin-loader".to_owned()).stack_size(STACK_BYTES).spawn(move || {
                // Looked at before it is loaded: what changes meanwhile is then seen to differ.
                let seen = look(&dir);
                if let Some(host) = host.upgrade() {
                    host.reload();
                }
                // Nobody listens any more when it took too long.
                let _ = loaded.send(());
                step_back();
                follow(&host, &dir, seen, &messages, &changes);
            })?;
        if first.recv_timeout(patience).is_err() {
            tracing::warn!("plugins are still being compiled; until then they are not asked");
        }
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // A thread that is gone has nothing to stop.
        let _ = self.stop.send(Message::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// On Linux the niceness belongs to the thread; elsewhere it is the process's, and is left alone.
fn step_back() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS) {
        tracing::debug!(%error, "let the loader of plugins step back");
    }
}

fn follow(
    host: &Weak<PluginHost>,
    dir: &Path,
    mut seen: Files,
    messages: &Receiver<Message>,
    changes: &Sender<Message>,
) {
    let mut watcher = None;
    loop {
        if watcher.is_none() {
            watcher = watch(dir, changes.clone());
        }
        match messages.recv_timeout(LOOK_EVERY) {
            Ok(Message::Changed) => {
                if !settle(messages) {
                    return;
                }
            }
            Err(RecvTimeoutError::Timeout) if look(dir) == seen => continue,
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
        }
        let Some(host) = host.upgrade() else { return };
        seen = look(dir);
        if seen.is_empty() {
            // The folder itself may be gone, and what watched it with it.
            watcher = None;
        }
        host.reload();
    }
}

/// Waits until nothing changes any more. False: it is time to stop.
fn settle(messages: &Receiver<Message>) -> bool {
    let latest = Instant::now() + LATEST;
    loop {
        match messages.recv_timeout(QUIET.min(latest.saturating_duration_since(Instant::now()))) {
            Ok(Message::Changed) if Instant::now() < latest => {}
            Ok(Message::Changed) | Err(RecvTimeoutError::Timeout) => return true,
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
}

fn watch(dir: &Path, changes: Sender<Message>) -> Option<RecommendedWatcher> {
    let tell = move |event: notify::Result<notify::Event>| {
        // Reading a file is an event, too, and reading is what a change leads to.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            let _ = changes.send(Message::Changed);
        }
    };
    let mut watcher = notify::recommended_watcher(tell).ok()?;
    watcher.watch(dir, RecursiveMode::NonRecursive).ok()?;
    Some(watcher)
}

type Files = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// Names, sizes and times: cheap to have, and different when something changed.
fn look(dir: &Path) -> Files {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let described = entries.filter_map(|entry| {
        let metadata = entry.metadata().ok()?;
        Some((entry.path(), (metadata.len(), metadata.modified().ok())))
    });
    described.collect()
}
