//! One file of the plugin folder: what became of its bytes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::active::Active;
use crate::guest::About;
use crate::refusal::Refusal;
use crate::runtime::{MOST_PLUGINS, Runtime};
use crate::{Hook, Options, PluginReport, PluginState, image};

pub(crate) struct Plugin {
    /// The file's name without its ending: what the operator calls it.
    pub(crate) id: String,
    file: String,
    /// Of the newest bytes; none when there are none.
    digest: Option<[u8; 32]>,
    about: Arc<About>,
    /// The newest bytes that could be used.
    pub(crate) active: Option<Arc<Active>>,
    /// Why the newest bytes cannot be used.
    refusal: Option<Refusal>,
}

impl Plugin {
    /// `index` is the place of the file in its folder, `before` what stood there under the same name. Bytes that cannot be
    /// used leave running what ran.
    pub(crate) fn load(
        path: &Path,
        index: usize,
        runtime: &Result<Arc<Runtime>, String>,
        options: &Options,
        before: Option<&Arc<Self>>,
    ) -> Arc<Self> {
        let bytes = if index < MOST_PLUGINS {
            image::read(path, options.limits.file_bytes)
        } else {
            Err(Refusal::TooMany { most: MOST_PLUGINS })
        };
        let digest = bytes.as_ref().ok().map(|bytes| *blake3::hash(bytes).as_bytes());
        if let Some(same) = before.filter(|before| digest.is_some() && before.digest == digest) {
            return Arc::clone(same);
        }
        let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut about = Arc::new(about(&id, bytes.as_deref().unwrap_or_default(), options));
        let loaded = bytes.and_then(|bytes| {
            let runtime = runtime.as_ref().map_err(|error| Refusal::Engine(error.clone()))?;
            Active::load(&bytes, runtime, &about).map(Arc::new)
        });
        tell(&file, &about, &loaded);
        let (active, refusal) = match loaded {
            Ok(active) => (Some(active), None),
            Err(refusal) => (before.and_then(|before| before.active.clone()), Some(refusal)),
        };
        if let Some(active) = &active {
            about = Arc::clone(&active.about);
        }
        Arc::new(Self { id, file, digest, about, active, refusal })
    }

    pub(crate) fn report(&self, enabled: bool) -> PluginReport {
        let refusal = self.refusal.as_ref().map(ToString::to_string);
        let report = PluginReport {
            id: self.id.clone(),
            name: self.about.name.clone(),
            file: self.file.clone(),
            version: self.about.version.clone(),
            hooks: Vec::new(),
            state: PluginState::Refused(refusal.clone().unwrap_or_default()),
            calls: 0,
            traps: 0,
            p50_us: None,
            p99_us: None,
            memory_bytes: 0,
            load_us: 0,
            from_cache: false,
            last_error: None,
        };
        let Some(active) = &self.active else { return report };
        PluginReport {
            hooks: Hook::ALL.iter().copied().filter(|&hook| active.has(hook)).collect(),
            state: state(active, enabled, refusal.as_deref()),
            calls: active.tally.calls(),
            traps: active.tally.failures(),
            p50_us: active.tally.quantile_us(0.5),
            p99_us: active.tally.quantile_us(0.99),
            memory_bytes: self.about.peak_memory.load(Relaxed) as u64,
            load_us: u64::try_from(active.loaded.took.as_micros()).unwrap_or(u64::MAX),
            from_cache: active.loaded.from_cache,
            last_error: refusal
                .map(|refusal| format!("the newer file cannot be used: {refusal}"))
                .or_else(|| active.tally.last_error()),
            ..report
        }
    }
}

fn state(active: &Active, enabled: bool, refusal: Option<&str>) -> PluginState {
    if !enabled {
        return PluginState::Disabled;
    }
    if active.is_switched_off() {
        let why = active.tally.last_error().unwrap_or_default();
        let (failed, calls) = (active.tally.failures(), active.tally.calls());
        return PluginState::SwitchedOff(format!("{failed} of {calls} calls failed; the last one: {why}"));
    }
    match refusal {
        Some(refusal) => PluginState::Outdated(refusal.to_owned()),
        None => PluginState::Active,
    }
}

fn tell(file: &str, about: &About, loaded: &Result<Arc<Active>, Refusal>) {
    let (plugin, version) = (&about.name, about.version());
    match loaded {
        Ok(active) => {
            let hooks: Vec<&str> =
                Hook::ALL.iter().filter(|&&hook| active.has(hook)).map(|hook| hook.as_str()).collect();
            let took = active.loaded.took;
            let from_cache = active.loaded.from_cache;
            tracing::info!(plugin, version, file, hooks = hooks.join(" "), ?took, from_cache, "plugin loaded");
        }
        Err(error) => tracing::error!(plugin, version, file, %error, "plugin refused"),
    }
}

fn about(id: &str, bytes: &[u8], options: &Options) -> About {
    // By the file's name, which the operator gave: by a name that it gave itself, a plugin could ask for another's values.
    let config = options.config.get(id).cloned().unwrap_or_default();
    let (name, version) = match image::identity(bytes) {
        Some(identity) => (identity.name, Some(identity.version)),
        None => (id.to_owned(), None),
    };
    About { name, version, config, peak_memory: AtomicUsize::new(0) }
}
