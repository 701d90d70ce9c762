//! The engine that all plugins share, and how it is set up.

use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::Limits;
use crate::bindings::imports::Imports;
use crate::guest::{Guest, HostOf};
use crate::refusal::Refusal;
use crate::ticker::{self, Ticker};

pub(crate) const MOST_PLUGINS: usize = 64;
/// Calls at once to one plugin; more wait.
pub(crate) const INSTANCES_PER_PLUGIN: usize = 4;
/// A core module made a component has three: itself and two that join it to its imports.
const CORE_INSTANCES: u32 = 8;
const TABLES: u32 = 4;

pub(crate) struct Runtime {
    pub(crate) engine: Engine,
    pub(crate) limits: Limits,
    pub(crate) ticker: Ticker,
    pub(crate) deadline_ticks: u64,
    linker: Linker<Guest>,
}

impl Runtime {
    pub(crate) fn start(limits: Limits) -> Result<Self, String> {
        let engine = Engine::new(&config(&limits)).map_err(|error| format!("{error:#}"))?;
        let mut linker = Linker::new(&engine);
        Imports::add_to_linker::<_, HostOf>(&mut linker, |guest| guest).map_err(|error| format!("{error:#}"))?;
        let ticker = Ticker::start(engine.clone()).map_err(|error| error.to_string())?;
        Ok(Self { engine, deadline_ticks: ticker::ticks(limits.deadline), limits, ticker, linker })
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
    let components = (MOST_PLUGINS * INSTANCES_PER_PLUGIN) as u32;
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
