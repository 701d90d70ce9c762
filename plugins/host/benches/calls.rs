//! What plugins cost: the fastest of some rounds, for a busy machine only ever adds time. Files named as arguments are loaded
//! without and with the cache of compiled plugins.

use std::fmt::Write;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use understudy_plugin_host::chaos_policy::Request;
use understudy_plugin_host::{Limits, Options};

#[path = "../tests/plugins/support.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod support;

use support::{Folder, chaos, guest, guest_with, tenant_prefix};

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
    calls("empty call (a path without segments, no opinion)", 500, &silent, &[]);
    calls("a path of 5 segments, no opinion", 500, &silent, &["api", "v1", "users", "42", "posts"]);
    calls("tenant-prefix, no opinion", 500, &tenant, &["api", "v1", "users", "42", "posts"]);
    calls("tenant-prefix, opinion", 500, &tenant, &["t", "acme", "users", "42", "posts"]);
    calls("1 KB in", 500, &silent, &[&"x".repeat(1000)]);
    calls("1 KB in and out", 500, &echo(), &[&"x".repeat(1000)]);
    instances();
    on_the_way();
    loading("1 MB plugin", &big());
    reloads();
}

/// Answers the path as it came.
fn echo() -> Vec<u8> {
    let body = "(i32.store (i32.const 64) (i32.const 1)) (i32.store (i32.const 68) (local.get $segments))
        (i32.store (i32.const 72) (local.get $count)) (i32.const 64)";
    guest("", body)
}

/// Functions that the compiler has to work on, about 200 bytes each.
fn big() -> Vec<u8> {
    let mut items = String::new();
    for n in 0..FUNCTIONS {
        let _ = write!(items, "(func $f{n} (param i64) (result i64) (local.get 0)");
        for step in 0..22 {
            let constant = (u64::from(n) << 20 | step) * 0x9e37_79b9;
            let _ = write!(items, "(i64.const {}) i64.xor (i64.const {step}) i64.rotl", constant >> 2);
        }
        items.push(')');
    }
    guest(&items, "(i32.const 16)")
}

fn calls(what: &str, times: u32, plugin: &[u8], segments: &[&str]) {
    let set = Folder::new(&[("a.wasm", plugin)]).host.current();
    report(what, times, || {
        black_box(set.normalize("GET", black_box(segments)));
    });
}

/// A call that traps takes its instance along, so the next one needs a new one.
fn instances() {
    let limits = Limits { failures_in_a_row: u32::MAX, ..Limits::default() };
    let options = Options { limits, ..Options::default() };
    let folder = Folder::with(&[("a.wasm", &guest("", "unreachable"))], &options);
    let set = folder.host.current();
    report("call that traps, with its new instance", 50, || {
        black_box(set.normalize("GET", &[]));
    });
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
