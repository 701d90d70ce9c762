//! One file of the plugin folder, from its bytes to its answers.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use wasmtime::component::InstancePre;
use wasmtime::{Store, Trap};

use crate::guest::{About, Guest};
use crate::hooks::{HookIndices, Hooks};
use crate::pool::Pool;
use crate::refusal::Refusal;
use crate::runtime::{INSTANCES_PER_PLUGIN, MOST_PLUGINS, Runtime};
use crate::{Hook, Limits, Options, PluginReport, PluginState, image, template};

pub(crate) struct Plugin {
    file: String,
    about: Arc<About>,
    loaded: Result<Active, Refusal>,
}

struct Active {
    runtime: Arc<Runtime>,
    about: Arc<About>,
    component: InstancePre<Guest>,
    hooks: HookIndices,
    /// An instance is used again until it fails; then its memory is not to be trusted, and the next call gets a new one.
    instances: Pool<Instance>,
    tally: Tally,
}

struct Instance {
    store: Store<Guest>,
    hooks: Hooks,
}

#[derive(Debug, Default)]
struct Tally {
    calls: AtomicU64,
    traps: AtomicU64,
    in_a_row: AtomicU32,
    last_error: Mutex<Option<String>>,
}

impl Plugin {
    /// `index` is the place of the file in its folder.
    pub(crate) fn load(path: &Path, index: usize, runtime: &Result<Arc<Runtime>, String>, options: &Options) -> Self {
        let bytes = if index < MOST_PLUGINS {
            image::read(path, options.limits.file_bytes)
        } else {
            Err(Refusal::TooMany { most: MOST_PLUGINS })
        };
        let about = Arc::new(about(path, bytes.as_deref().unwrap_or_default(), options));
        let loaded = bytes.and_then(|bytes| {
            let runtime = runtime.as_ref().map_err(|error| Refusal::Engine(error.clone()))?;
            // Decoders and compilers are big, and the file may be anything: a panic in them must not take the server along.
            catch_unwind(AssertUnwindSafe(|| Active::new(&bytes, Arc::clone(runtime), Arc::clone(&about))))
                .unwrap_or(Err(Refusal::LoaderPanic))
        });
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (plugin, version) = (&about.name, about.version());
        match &loaded {
            Ok(active) => tracing::info!(plugin, version, file, hooks = ?active.hooks(), "plugin loaded"),
            Err(error) => tracing::error!(plugin, version, file, %error, "plugin refused"),
        }
        Self { file, about, loaded }
    }

    pub(crate) fn has(&self, hook: Hook) -> bool {
        self.loaded.as_ref().is_ok_and(|active| active.hooks.has(hook))
    }

    pub(crate) fn normalize(&self, method: &str, segments: &[String]) -> Option<Vec<String>> {
        let active = self.loaded.as_ref().ok()?;
        if method.len() + segments.iter().map(String::len).sum::<usize>() > active.runtime.limits.input_bytes {
            return None;
        }
        active.call(|Instance { store, hooks }| {
            let Some(normalizer) = &hooks.normalizer else { return Ok(Ok(None)) };
            let answer = normalizer.understudy_plugin_normalizer().call_normalize(store, method, segments)?;
            Ok(answer.map(|template| template::check(segments, template)).transpose())
        })
    }

    pub(crate) fn report(&self) -> PluginReport {
        let report = PluginReport {
            name: self.about.name.clone(),
            file: self.file.clone(),
            version: self.about.version.clone(),
            hooks: Vec::new(),
            state: PluginState::Active,
            calls: 0,
            traps: 0,
            last_error: None,
        };
        match &self.loaded {
            Ok(active) => PluginReport {
                hooks: active.hooks(),
                state: active.state(),
                calls: active.tally.calls.load(Relaxed),
                traps: active.tally.traps.load(Relaxed),
                last_error: active.tally.last_error(),
                ..report
            },
            Err(error) => PluginReport { state: PluginState::Refused(error.to_string()), ..report },
        }
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Plugin").field(&self.report()).finish()
    }
}

fn about(path: &Path, bytes: &[u8], options: &Options) -> About {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    // By the file's name, which the operator gave: by a name that it gave itself, a plugin could ask for another's values.
    let config = options.config.get(&*stem).cloned().unwrap_or_default();
    let (name, version) = match image::identity(bytes) {
        Some(identity) => (identity.name, Some(identity.version)),
        None => (stem.into_owned(), None),
    };
    About { name, version, config }
}

impl Active {
    fn new(bytes: &[u8], runtime: Arc<Runtime>, about: Arc<About>) -> Result<Self, Refusal> {
        let component = runtime.prepare(&image::component(bytes)?)?;
        let hooks = HookIndices::find(&component)?;
        let first = {
            let _running = runtime.ticker.running();
            Instance::start(&runtime, &component, &hooks, &about).map_err(Refusal::Start)?
        };
        let instances = Pool::new(INSTANCES_PER_PLUGIN, first);
        Ok(Self { runtime, about, component, hooks, instances, tally: Tally::default() })
    }

    /// The answer of a hook; none when there is none to be had. The inner result says why an answer is not valid.
    fn call<A>(&self, hook: impl FnOnce(&mut Instance) -> wasmtime::Result<Result<Option<A>, String>>) -> Option<A> {
        if self.is_switched_off() {
            return None;
        }
        self.tally.calls.fetch_add(1, Relaxed);
        match self.run(hook) {
            Ok(answer) => {
                self.tally.in_a_row.store(0, Relaxed);
                answer
            }
            Err(error) => {
                tracing::warn!(plugin = self.about.name, version = self.about.version(), error, "plugin call failed");
                self.tally.failed(error);
                None
            }
        }
    }

    fn run<A>(
        &self,
        hook: impl FnOnce(&mut Instance) -> wasmtime::Result<Result<Option<A>, String>>,
    ) -> Result<Option<A>, String> {
        let mut place = self.instances.take();
        let _running = self.runtime.ticker.running();
        let mut instance = match place.item.take() {
            Some(instance) => instance,
            None => Instance::start(&self.runtime, &self.component, &self.hooks, &self.about)?,
        };
        instance.store.set_epoch_deadline(self.runtime.deadline_ticks);
        instance.store.data_mut().begin_call();
        let answer = match hook(&mut instance) {
            Ok(answer) => answer,
            Err(error) => return Err(explain(&error, instance.store.data_mut(), &self.runtime.limits)),
        };
        place.item = Some(instance);
        answer
    }

    fn hooks(&self) -> Vec<Hook> {
        Hook::ALL.into_iter().filter(|&hook| self.hooks.has(hook)).collect()
    }

    fn is_switched_off(&self) -> bool {
        self.tally.in_a_row.load(Relaxed) >= self.runtime.limits.failures_in_a_row
    }

    fn state(&self) -> PluginState {
        if self.is_switched_off() {
            PluginState::SwitchedOff(format!("{} calls in a row failed", self.runtime.limits.failures_in_a_row))
        } else {
            PluginState::Active
        }
    }
}

impl Instance {
    fn start(
        runtime: &Runtime,
        component: &InstancePre<Guest>,
        hooks: &HookIndices,
        about: &Arc<About>,
    ) -> Result<Self, String> {
        let mut store = Store::new(&runtime.engine, Guest::new(Arc::clone(about), &runtime.limits));
        store.limiter(|guest| &mut guest.store_limits);
        store.set_hostcall_fuel(runtime.limits.output_bytes);
        store.set_epoch_deadline(runtime.deadline_ticks);
        let hooks = component.instantiate(&mut store).and_then(|instance| hooks.load(&mut store, &instance));
        match hooks {
            Ok(hooks) => Ok(Self { store, hooks }),
            Err(error) => Err(explain(&error, store.data_mut(), &runtime.limits)),
        }
    }
}

impl Tally {
    fn failed(&self, error: String) {
        self.traps.fetch_add(1, Relaxed);
        self.in_a_row.fetch_add(1, Relaxed);
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    fn last_error(&self) -> Option<String> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Says in words what ended a call, with the plugin's own last words when it had any.
fn explain(error: &wasmtime::Error, guest: &mut Guest, limits: &Limits) -> String {
    let what = match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => format!("it ran longer than its {} ms", limits.deadline.as_millis()),
        Some(Trap::StackOverflow) => format!("it used up its call stack of {} KiB", limits.stack_bytes >> 10),
        Some(trap) => format!("it trapped: {trap}"),
        None => format!("{error:#}"),
    };
    match guest.take_complaint() {
        Some(complaint) => format!("{what}; it said: {complaint}"),
        None => what,
    }
}
