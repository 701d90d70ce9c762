//! The engine that all plugins share, and how it is set up.

use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Cache, CacheConfig, Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use std::path::Path;

use crate::Limits;
use crate::bindings::imports::Imports;
use crate::guest::{Guest, HostOf};
use crate::refusal::Refusal;
use crate::ticker::{self, Ticker};

pub(crate) const MOST_PLUGINS: usize = 64;
/// Calls at once to one plugin; more wait.
pub(crate) const INSTANCES_PER_PLUGIN: usize = 4;
/// Versions of a plugin that may live side by side: requests under way keep the one that they began with.
const VERSIONS: usize = 2;
/// A core module made a component has three: itself and two that join it to its imports.
const CORE_INSTANCES: u32 = 8;
const TABLES: u32 = 4;

pub(crate) struct Runtime {
    pub(crate) engine: Engine,
    pub(crate) limits: Limits,
    pub(crate) ticker: Ticker,
    /// Half of a deadline each; see [`Guest::half_time`].
    pub(crate) deadline_ticks: u64,
    pub(crate) deadline_ticks_on_the_way: u64,
    cache: Option<Cache>,
    linker: Linker<Guest>,
}

impl Runtime {
    /// `cache` is a folder for compiled plugins that belongs to nobody else.
    pub(crate) fn start(limits: Limits, cache: Option<&Path>) -> Result<Self, String> {
        let cache = cache.and_then(|dir| {
            let opened = open_cache(dir);
            opened.inspect_err(|error| tracing::warn!(dir = %dir.display(), error, "keep no compiled plugins")).ok()
        });
        let mut config = config(&limits);
        config.cache(cache.clone());
        let engine = Engine::new(&config).map_err(|error| format!("{error:#}"))?;
        let mut linker = Linker::new(&engine);
        Imports::add_to_linker::<_, HostOf>(&mut linker, |guest| guest).map_err(|error| format!("{error:#}"))?;
        let ticker = Ticker::start(engine.clone()).map_err(|error| error.to_string())?;
        Ok(Self {
            engine,
            deadline_ticks: ticker::ticks(limits.deadline / 2),
            deadline_ticks_on_the_way: ticker::ticks(limits.deadline_on_the_way / 2),
            limits,
            ticker,
            cache,
            linker,
        })
    }

    /// How many components came out of the cache so far.
    pub(crate) fn cache_hits(&self) -> usize {
        self.cache.as_ref().map_or(0, Cache::cache_hits)
    }

    /// Compiles a component and gives it what it may import.
    pub(crate) fn prepare(&self, component: &[u8]) -> Result<InstancePre<Guest>, Refusal> {
        let component =
            Component::new(&self.engine, component).map_err(|error| Refusal::Invalid(format!("{error:#}")))?;
        let mut wasi = false;
        for (import, _) in component.component_type().imports(&self.engine) {
            wasi |= import.starts_with("wasi:");
            if !import.starts_with("wasi:") && !import.starts_with("understudy:plugin/") {
                return Err(Refusal::UnknownImport(import.to_owned()));
            }
        }
        let mut linker = self.linker.clone();
        if wasi {
            // A standard library built for WASI imports much that is never called. Each such import is a trap.
            linker
                .define_unknown_imports_as_traps(&component)
                .map_err(|error| Refusal::Imports(format!("{error:#}")))?;
        }
        linker.instantiate_pre(&component).map_err(|error| Refusal::Imports(format!("{error:#}")))
    }
}

/// What lies in the folder is machine code, so only its owner may look into it or write to it. The engine's version and
/// settings are a part of each key.
fn open_cache(dir: &Path) -> Result<Cache, String> {
    std::fs::create_dir_all(dir).map_err(|error| error.to_string())?;
    #[cfg(unix)]
    std::fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .map_err(|error| error.to_string())?;
    let dir = dir.canonicalize().map_err(|error| error.to_string())?;
    let mut config = CacheConfig::new();
    config.with_directory(dir);
    Cache::new(config).map_err(|error| format!("{error:#}"))
}

fn config(limits: &Limits) -> Config {
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(limits)))
        // Address space is only set aside for what a plugin may have: the default of 4 GiB for each memory makes operators
        // ask who uses a terabyte, and fails where address space is limited. Accesses are checked instead.
        .memory_reservation(limits.memory_bytes as u64)
        .memory_guard_size(64 << 10)
        .epoch_interruption(true)
        .max_wasm_stack(limits.stack_bytes)
        .wasm_backtrace_max_frames(None)
        // The same question gets the same answer on every machine.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true);
    config
}

fn pool(limits: &Limits) -> PoolingAllocationConfig {
    let components = (MOST_PLUGINS * INSTANCES_PER_PLUGIN * VERSIONS) as u32;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(components)
        .total_core_instances(components * CORE_INSTANCES)
        .max_core_instances_per_component(CORE_INSTANCES)
        .total_memories(components)
        .max_memories_per_component(1)
        .max_memory_size(limits.memory_bytes)
        .total_tables(components * TABLES)
        .max_tables_per_component(TABLES)
        .max_tables_per_module(TABLES)
        .table_elements(limits.table_elements);
    pool
}
