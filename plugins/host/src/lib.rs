//! Loads and calls plugins; the only user of wasmtime.
//!
//! A plugin is one `.wasm` file: a component, or a core module that carries the description of its component, as plain
//! `cargo build --target wasm32-unknown-unknown` with wit-bindgen makes it. `plugins/wit` says which hooks there are.
//!
//! Whatever a file holds, the process and the other plugins live on: a file that cannot be used is listed with the
//! reason, and a call that fails or overruns its [`Limits`] is counted, logged, and answered with "no opinion". A plugin
//! gets no WASI, no clock, no network and no randomness.
//!
//! Calls block, for the deadline at most. They belong off the request path, and their answers into a cache.

mod bindings;
mod guest;
mod hooks;
mod image;
mod limits;
mod plugin;
mod pool;
mod refusal;
mod report;
mod runtime;
mod template;
mod ticker;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use hooks::Hook;
pub use limits::Limits;
pub use report::{PluginReport, PluginState};

use plugin::Plugin;
use runtime::Runtime;

/// What the operator decides about plugins.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub limits: Limits,
    /// What a plugin reads with `config`: by the file's name without its ending, then by key.
    pub config: BTreeMap<String, BTreeMap<String, String>>,
}

/// Every plugin of one folder, in the order of the file names.
#[derive(Debug, Default)]
pub struct PluginHost {
    plugins: Vec<Plugin>,
}

impl PluginHost {
    /// Loads every `.wasm` file of a folder. A folder that does not exist holds no plugins.
    pub fn load(dir: &Path) -> Self {
        Self::load_with(dir, &Options::default())
    }

    pub fn load_with(dir: &Path, options: &Options) -> Self {
        let files = wasm_files(dir).unwrap_or_else(|error| {
            tracing::error!(dir = %dir.display(), %error, "the plugin folder cannot be read");
            Vec::new()
        });
        if files.is_empty() {
            return Self::default();
        }
        let runtime = Runtime::start(options.limits.clone()).map(Arc::new);
        let plugins = files.iter().enumerate().map(|(i, file)| Plugin::load(file, i, &runtime, options)).collect();
        Self { plugins }
    }

    /// Whether some plugin has the normalizer hook, so that asking can make sense.
    pub fn normalizes(&self) -> bool {
        self.plugins.iter().any(|plugin| plugin.has(Hook::Normalizer))
    }

    /// The template of a path, from the first plugin that has an opinion: parameters as `{name}`, every other segment as
    /// it came.
    pub fn normalize(&self, method: &str, segments: &[&str]) -> Option<Vec<String>> {
        let mut asked = self.plugins.iter().filter(|plugin| plugin.has(Hook::Normalizer)).peekable();
        asked.peek()?;
        // A client may send a segment that reads like a parameter; an answer would not tell the two apart.
        if segments.iter().any(|segment| template::parameter(segment).is_some()) {
            return None;
        }
        let segments: Vec<String> = segments.iter().map(|&segment| segment.to_owned()).collect();
        asked.find_map(|plugin| plugin.normalize(method, &segments))
    }

    /// How every file of the folder does.
    pub fn list(&self) -> Vec<PluginReport> {
        self.plugins.iter().map(Plugin::report).collect()
    }
}

fn wasm_files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    files.retain(|path| path.extension() == Some(OsStr::new("wasm")));
    files.sort();
    Ok(files)
}
