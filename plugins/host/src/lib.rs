//! Loads and calls plugins; the only user of wasmtime.
//!
//! A plugin is one `.wasm` file: a component, or a core module that carries the description of its component, as plain
//! `cargo build --target wasm32-unknown-unknown` with wit-bindgen makes it. `plugins/wit` says which hooks there are.
//!
//! Whatever a file holds, the process and the other plugins live on: a file that cannot be used is listed with the
//! reason, and a call that fails or overruns its [`Limits`] is counted, logged, and answered with "no opinion". A plugin
//! gets no WASI, no clock, no network and no randomness.
//!
//! Calls block, for the deadline at most. Those that can be are made off the request path, and their answers kept; those on
//! it ([`chaos_policy`], [`responder`], [`generator`]) have a short deadline, and are made for requests that concern a plugin.
//!
//! [`PluginHost`] holds the folder, a [`PluginSet`] what is in force at one moment. Reloading swaps the set.

mod active;
mod bindings;
mod guest;
mod hooks;
mod image;
mod interest;
mod limits;
mod plugin;
mod pool;
mod refusal;
mod report;
mod runtime;
mod set;
mod tally;
mod template;
mod ticker;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

pub use hooks::Hook;
pub use interest::Interest;
pub use limits::Limits;
pub use report::{PluginReport, PluginState};
pub use set::{Asked, PluginSet, RedactorFailed, Said};
pub use watch::Watch;

/// Questions to a `generator`.
pub mod generator {
    pub use crate::bindings::generator::Field;
}

/// Questions to a `chaos-policy`, and its answers.
pub mod chaos_policy {
    pub use crate::bindings::chaos_policy::{Abort, Fault, Request};
}

/// Questions to a `redactor`.
pub mod redactor {
    pub use crate::bindings::redactor::{Message, Side, Text};
}

/// Questions to a `drift-policy`, and its answers.
pub mod drift_policy {
    pub use crate::bindings::drift_policy::{Finding, Severity, Verdict};
}

/// Questions to a `responder`, and its answers.
pub mod responder {
    pub use crate::bindings::responder::{Request, Response};
}

use plugin::Plugin;
use runtime::Runtime;

/// What the operator decides about plugins.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub limits: Limits,
    /// What a plugin reads with `config`: by the file's name without its ending, then by key.
    pub config: BTreeMap<String, BTreeMap<String, String>>,
    /// Files that come first, in this order, by name without ending. The others follow in the order of their names.
    pub order: Vec<String>,
    /// Files that are not asked, by name without ending.
    pub disabled: BTreeSet<String>,
    /// A folder of our own for compiled plugins. Without one each start compiles anew.
    pub cache_dir: Option<PathBuf>,
}

/// The plugins of one folder.
pub struct PluginHost {
    dir: PathBuf,
    options: Options,
    /// Started with the first plugin: most projects have none.
    runtime: OnceLock<Result<Arc<Runtime>, String>>,
    set: ArcSwap<PluginSet>,
    /// One change at a time.
    changing: Mutex<()>,
}

impl std::fmt::Debug for PluginHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PluginHost").field("dir", &self.dir).field("set", &self.set).finish_non_exhaustive()
    }
}

impl PluginHost {
    /// Knows the folder and has loaded nothing yet.
    #[must_use]
    pub fn new(dir: &Path, options: Options) -> Self {
        let set = PluginSet::new(Vec::new(), options.disabled.clone());
        Self {
            dir: dir.to_owned(),
            options,
            runtime: OnceLock::new(),
            set: ArcSwap::from_pointee(set),
            changing: Mutex::new(()),
        }
    }

    /// Loads every `.wasm` file of a folder, or the one file that `dir` names. What does not exist holds no plugins.
    #[must_use]
    pub fn load(dir: &Path, options: Options) -> Self {
        let host = Self::new(dir, options);
        host.reload();
        host
    }

    /// Loads the folder on a thread of its own, which then follows it. Waits for the first loading, `patience` at most.
    pub fn watch(self: &Arc<Self>, patience: Duration) -> io::Result<Watch> {
        Watch::start(self, patience)
    }

    /// What is in force now. It stays the same however the folder changes; keep it for one exchange.
    #[must_use]
    pub fn current(&self) -> Arc<PluginSet> {
        self.set.load_full()
    }

    /// Whether requests may have to ask anybody. Cheap: this is what a request pays when no plugin is for it.
    #[must_use]
    pub fn is_on_the_way(&self) -> bool {
        self.set.load().is_on_the_way()
    }

    /// How every file of the folder does.
    #[must_use]
    pub fn list(&self) -> Vec<PluginReport> {
        self.set.load().list()
    }

    /// Reads the folder again. Files that are the same stay as they are, and one that cannot be used leaves running what ran
    /// under its name. Blocks for as long as compiling takes.
    pub fn reload(&self) {
        let _turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let files = match wasm_files(&self.dir) {
            Ok(files) => self.in_order(files),
            Err(error) => {
                tracing::error!(dir = %self.dir.display(), %error, "the plugin folder cannot be read; nothing changes");
                return;
            }
        };
        let old = self.set.load_full();
        if files.is_empty() && old.plugins.is_empty() {
            return;
        }
        let before = |path: &Path| {
            let id = path.file_stem().unwrap_or_default().to_string_lossy();
            old.plugins.iter().find(|plugin| plugin.id == id)
        };
        let runtime = self.runtime.get_or_init(|| {
            Runtime::start(self.options.limits.clone(), self.options.cache_dir.as_deref()).map(Arc::new)
        });
        let plugins: Vec<_> = files
            .iter()
            .enumerate()
            .map(|(i, path)| Plugin::load(path, i, runtime, &self.options, before(path)))
            .collect();
        for gone in old.plugins.iter().filter(|old| plugins.iter().all(|plugin| plugin.id != old.id)) {
            tracing::info!(plugin = gone.id, "plugin removed");
        }
        self.set.store(Arc::new(PluginSet::new(plugins, old.disabled().clone())));
    }

    /// Switches a plugin on or off, by the name of its file without ending. Switching it on also forgives what failed.
    /// False when there is no such plugin.
    pub fn set_enabled(&self, id: &str, enabled: bool) -> bool {
        let _turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.set.load_full();
        let Some(plugin) = old.plugins.iter().find(|plugin| plugin.id == id) else { return false };
        let mut disabled = old.disabled().clone();
        if enabled {
            disabled.remove(id);
            if let Some(active) = &plugin.active {
                active.tally.forgive();
            }
        } else {
            disabled.insert(id.to_owned());
        }
        self.set.store(Arc::new(PluginSet::new(old.plugins.clone(), disabled)));
        true
    }

    /// The names of the files that are not asked because a person does not want it.
    #[must_use]
    pub fn disabled(&self) -> BTreeSet<String> {
        self.set.load().disabled().clone()
    }

    fn in_order(&self, mut files: Vec<PathBuf>) -> Vec<PathBuf> {
        let place = |path: &PathBuf| {
            let id = path.file_stem().unwrap_or_default().to_string_lossy();
            self.options.order.iter().position(|wanted| *wanted == id).unwrap_or(usize::MAX)
        };
        files.sort_by(|a, b| place(a).cmp(&place(b)).then_with(|| a.cmp(b)));
        files
    }
}

fn wasm_files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    if dir.is_file() {
        return Ok(vec![dir.to_owned()]);
    }
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    files.retain(|path| path.extension() == Some(OsStr::new("wasm")));
    Ok(files)
}
