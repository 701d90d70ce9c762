//! What plugins cost: the fastest of some rounds, for a busy machine only ever adds time. Files named as arguments are loaded
//! without and with the cache of compiled plugins.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use understudy_plugin_host::chaos_policy::Request;
use understudy_plugin_host::{Limits, Options};
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};
use wit_component::ComponentEncoder;

#[path = "../tests/plugins/support.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod support;

use support::{Folder, big, chaos, guest, guest_with, tenant_prefix};

/// Many and short, so that some of them are not interrupted.
const ROUNDS: u32 = 200;
/// Functions of the plugin that is to have 1 MB.
const FUNCTIONS: u32 = 5200;

fn main() {
    let files: Vec<String> = std::env::args().skip(1).filter(|arg| arg.ends_with(".wasm")).collect();
    if !files.is_empty() {
        return files.iter().for_each(|file| loading(file, &std::fs::read(Path::new(file)).expect("a file")));
    }
    let tenant = tenant_prefix("wasm32-unknown-unknown");
    let silent = guest("", "(i32.const 16)");

    println!("{} KB: a plugin's file", tenant.len() / 1000);
    bare("bare wasmtime, empty call", &silent, &[]);
    bare("bare wasmtime, 1 KB in and out", &echo(), &["x".repeat(1000)]);
    bare("bare wasmtime, tenant-prefix, opinion", &tenant, &["t", "acme", "users", "42", "posts"].map(str::to_owned));
    calls("empty call (a path without segments, no opinion)", 500, &silent, &[]);
    calls("a path of 5 segments, no opinion", 500, &silent, &["api", "v1", "users", "42", "posts"]);
    calls("tenant-prefix, no opinion", 500, &tenant, &["api", "v1", "users", "42", "posts"]);
    calls("tenant-prefix, opinion", 500, &tenant, &["t", "acme", "users", "42", "posts"]);
    calls("1 KB in", 500, &silent, &[&"x".repeat(1000)]);
    calls("1 KB in and out", 500, &echo(), &[&"x".repeat(1000)]);
    instances();
    on_the_way();
    loading("1 MB plugin", &big(FUNCTIONS));
    reloads();
}

/// Answers the path as it came.
fn echo() -> Vec<u8> {
    let body = "(i32.store (i32.const 64) (i32.const 1)) (i32.store (i32.const 68) (local.get $segments))
        (i32.store (i32.const 72) (local.get $count)) (i32.const 64)";
    guest("", body)
}

/// The control: the same call of one instance with nothing around it, neither deadline nor bounds nor counts.
fn bare(what: &str, plugin: &[u8], segments: &[String]) {
    let mut pool = PoolingAllocationConfig::new();
    pool.max_memory_size(16 << 20);
    let pooling = InstanceAllocationStrategy::Pooling(pool);
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .allocation_strategy(pooling)
        .memory_reservation(16 << 20)
        .memory_guard_size(64 << 10);
    let engine = Engine::new(&config).expect("an engine");
    let component =
        ComponentEncoder::default().module(plugin).and_then(|mut encoder| encoder.encode()).expect("a component");
    let component = Component::new(&engine, component).expect("it compiles");
    let mut linker = Linker::<()>::new(&engine);
    linker.define_unknown_imports_as_traps(&component).expect("imports");
    linker.allow_shadowing(true);
    let mut host = linker.instance("understudy:plugin/host@0.1.0").expect("an interface");
    host.func_wrap("config", |_, (_,): (String,)| Ok((None::<String>,))).expect("a function");
    let component = linker.instantiate_pre(&component).expect("its imports");
    report(&format!("{what}: new store and instance"), 50, || {
        let mut store = Store::new(&engine, ());
        store.set_epoch_deadline(u64::MAX / 2);
        black_box(component.instantiate(&mut store).expect("an instance"));
    });
    let mut store = Store::new(&engine, ());
    store.set_epoch_deadline(u64::MAX / 2);
    let instance = component.instantiate(&mut store).expect("an instance");
    let hook = instance.get_export_index(&mut store, None, "understudy:plugin/normalizer@0.1.0").expect("the hook");
    let normalize = instance.get_export_index(&mut store, Some(&hook), "normalize").expect("its function");
    let normalize = instance.get_typed_func::<(&str, &[String]), (Option<Vec<String>>,)>(&mut store, normalize);
    let normalize = normalize.expect("its type");
    report(what, 500, || {
        black_box(normalize.call(&mut store, ("GET", black_box(segments))).expect("an answer"));
    });
}

fn calls(what: &str, times: u32, plugin: &[u8], segments: &[&str]) {
    let set = Folder::new(&[("a.wasm", plugin)]).host.current();
    report(what, times, || {
        black_box(set.normalize("GET", black_box(segments)));
    });
}

/// A call that fails takes its instance along, so the next one needs a new one. A trap comes by a signal of the system, which
/// costs more than the instance.
fn instances() {
    let limits = Limits { failures_in_a_row: u32::MAX, ..Limits::default() };
    let options = Options { limits, ..Options::default() };
    let nonsense = "(i32.store8 (i32.const 64) (i32.const 7)) (i32.const 64)";
    for (what, body) in [("call that answers nonsense", nonsense), ("call that traps", "unreachable")] {
        let folder = Folder::with(&[("a.wasm", &guest("", body))], &options);
        let set = folder.host.current();
        report(&format!("{what}, with its new instance"), 50, || {
            black_box(set.normalize("GET", &[]));
        });
    }
}

/// What a request pays for plugins that are or are not concerned.
fn on_the_way() {
    let unconcerned = r#"(func (export "$name#concerns") (param i32 i32 i32 i32) (result i32) (i32.const 0))
        (func (export "$name#decide") (param i32 i32 i32 i32 i32 i32 i32 i64 i64) (result i32) unreachable)"#;
    let set = Folder::new(&[("a.wasm", &guest_with("chaos-policy", "", unconcerned))]).host.current();
    report("request that concerns no plugin", 5000, || {
        black_box(set.interest("GET", black_box("/users/17/posts")));
    });
    let set = Folder::new(&[("a.wasm", &chaos("", "(i32.const 16)"))]).host.current();
    let request = Request {
        method: "GET".to_owned(),
        target: "/users/17/posts?page=2".to_owned(),
        template: Some("/users/{id}/posts".to_owned()),
        at_ms: 1,
        random: 2,
    };
    report("chaos policy that is concerned and wants no fault", 500, || {
        if set.interest("GET", "/users/17/posts").chaos {
            black_box(set.decide("/users/17/posts", &request));
        }
    });
}

fn loading(what: &str, plugin: &[u8]) {
    let dir = tempfile::tempdir().expect("a folder");
    let options = Options { cache_dir: Some(dir.path().join("cache")), ..Options::default() };
    let load = || Folder::with(&[("a.wasm", plugin)], &options).report();
    let first = load();
    println!("{:>12} bytes: {what}, {}", plugin.len(), first.state);
    println!("{:>12.2?}: {what}, compiled", Duration::from_micros(first.load_us));
    let again = (0..20).map(|_| load()).filter(|report| report.from_cache).map(|report| report.load_us).min();
    match again {
        Some(micros) => println!("{:>12.2?}: {what}, from the cache", Duration::from_micros(micros)),
        None => println!("     never came from the cache: {what}"),
    }
}

/// Two versions of a file take each other's place while it is asked.
fn reloads() {
    const RELOADS: usize = 10_000;
    let versions = ["(i32.const 16)", "(nop) (i32.const 16)"].map(|body| guest("", body));
    let dir = tempfile::tempdir().expect("a folder");
    let options = Options { cache_dir: Some(dir.path().join("cache")), ..Options::default() };
    let folder = Folder::with(&[("a.wasm", &versions[0])], &options);
    let (done, traps) = (std::sync::atomic::AtomicBool::new(false), std::sync::atomic::AtomicU64::new(0));
    let began = Instant::now();
    let calls = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut calls = 0_u64;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                folder.ask("GET", "a/b");
                calls += 1;
            }
            calls
        });
        for n in 1..=RELOADS {
            // The counts of a version go with it.
            traps.fetch_add(folder.report().traps, std::sync::atomic::Ordering::Relaxed);
            folder.write("a.wasm", &versions[n % 2]);
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        asking.join().expect("the thread that asks")
    });
    let traps = traps.into_inner() + folder.report().traps;
    println!("{:>12.2?}: {RELOADS} reloads beside {calls} calls, of which {traps} failed", began.elapsed());
}

fn report(what: &str, times: u32, mut run: impl FnMut()) {
    let round = |run: &mut dyn FnMut()| {
        let started = Instant::now();
        (0..times).for_each(|_| run());
        started.elapsed() / times
    };
    let fastest = (0..ROUNDS).map(|_| round(&mut run)).min().unwrap_or(Duration::ZERO);
    println!("{:>12.2?}: {what}", fastest);
}
