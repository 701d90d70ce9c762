//! Plugins that load and then misbehave: every call ends within its bounds, with no opinion, and is counted.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use understudy_plugin_host::{Limits, PluginState};

use crate::support::{Folder, guest, panics, tenant_prefix};

/// Far more than the deadline of 50 ms, for machines that are busy with other tests.
const SOON: Duration = Duration::from_secs(2);

fn check(bytes: &[u8], expected: &str) {
    let folder = Folder::new(&[("a.wasm", bytes), ("b.wasm", &tenant_prefix("wasm32-unknown-unknown"))]);
    for calls in 1..=3 {
        let started = Instant::now();
        assert_eq!(folder.ask("GET", "t/acme").as_deref(), Some("t/{tenant}"));
        assert!(started.elapsed() < SOON, "took {:?}", started.elapsed());

        let report = &folder.host.list()[0];
        assert_eq!((report.calls, report.traps, &report.state), (calls, calls, &PluginState::Active));
        let error = report.last_error.as_deref().unwrap();
        assert!(error.contains(expected), "{error:?} does not say {expected:?}");
    }
}

#[test]
fn endless_loops() {
    check(&guest("", "(loop $again (br $again)) unreachable"), "it ran longer than its 50 ms");
    let logging = "(loop $again (call $log (i32.const 0) (i32.const 0) (i32.const 9)) (br $again)) unreachable";
    check(&guest("", logging), "it ran longer than its 50 ms");
}

#[test]
fn deep_recursion() {
    check(&guest("(func $down (call $down) (call $down))", "(call $down) unreachable"), "it used up its call stack");
}

#[test]
fn memory_and_table_bombs() {
    let memory = "(loop $again (drop (memory.grow (i32.const 16))) (br $again)) unreachable";
    check(&guest("", memory), "growing memory");
    let table = "(loop $again (drop (table.grow $t (ref.null func) (i32.const 999))) (br $again)) unreachable";
    check(&guest("(table $t 1 funcref)", table), "growing table");
}

#[test]
fn traps_and_panics() {
    check(&guest("", "unreachable"), "it trapped");
    check(&guest("", "(i32.load (i32.const -8))"), "it trapped");
    check(&guest("", "(i32.div_u (i32.const 1) (i32.const 0))"), "it trapped");
}

#[test]
fn a_panic_says_why_and_the_next_call_finds_a_fresh_instance() {
    let folder = Folder::new(&[("panics.wasm", &panics())]);
    for _ in 0..3 {
        assert_eq!(folder.ask("DELETE", "a"), None);
        assert_eq!(folder.ask("GET", "a"), None);
    }
    let report = folder.report();
    assert_eq!((report.calls, report.traps, report.state), (6, 3, PluginState::Active));
    let error = report.last_error.unwrap();
    assert!(error.contains("panics.rs") && error.contains("no way with [\"a\"]"), "{error}");
}

/// An answer of `count` strings that all are the same `bytes` of memory.
fn answers(count: u32, bytes: u32) -> Vec<u8> {
    let body = format!(
        "(loop $next
            (i32.store (i32.add (i32.const 65536) (i32.shl (local.get $i) (i32.const 3))) (i32.const 8192))
            (i32.store (i32.add (i32.const 65540) (i32.shl (local.get $i) (i32.const 3))) (i32.const {bytes}))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $next (i32.lt_u (local.get $i) (i32.const {count}))))
         (i32.store (i32.const 64) (i32.const 1))
         (i32.store (i32.const 68) (i32.const 65536))
         (i32.store (i32.const 72) (i32.const {count}))
         (i32.const 64)"
    );
    guest("", &body)
}

#[test]
fn answers_that_are_too_big() {
    check(&answers(1, 65 << 10), "too much data");
    // 20,000 strings of 50 KB would be a gigabyte here, from a quarter of a megabyte there.
    check(&answers(20_000, 50_000), "too much data");
}

#[test]
fn answers_that_make_no_sense() {
    check(&answers(3, 1), "it answered 3 segments for a path of 2");
    check(&answers(2, 1), "it answered \"\\0\" for the segment \"t\"");
    let beyond = "(i32.store (i32.const 64) (i32.const 1)) (i32.store (i32.const 68) (i32.const -8))
                  (i32.store (i32.const 72) (i32.const 2)) (i32.const 64)";
    check(&guest("", beyond), "out of bounds");
    check(&guest("", "(i32.store8 (i32.const 64) (i32.const 7)) (i32.const 64)"), "discriminant");
    let utf8 = r#"(data (i32.const 8192) "\ff\fe")"#;
    let body = "(i32.store (i32.const 64) (i32.const 1)) (i32.store (i32.const 68) (i32.const 80))
                (i32.store (i32.const 72) (i32.const 1)) (i32.store (i32.const 80) (i32.const 8192))
                (i32.store (i32.const 84) (i32.const 2)) (i32.const 64)";
    check(&guest(utf8, body), "utf-8");
}

#[test]
fn after_enough_failures_in_a_row_a_plugin_is_switched_off() {
    let folder = Folder::new(&[("a.wasm", &guest("", "unreachable"))]);
    let most = u64::from(Limits::default().failures_in_a_row);
    for _ in 0..most + 5 {
        assert_eq!(folder.ask("GET", "a"), None);
    }
    let report = folder.report();
    assert_eq!((report.calls, report.traps), (most, most));
    assert_eq!(report.state.word(), "switched-off");
    assert!(report.state.to_string().contains(&format!("{most} of {most} calls failed; the last one: it trapped")));
    assert!(folder.host.set_enabled("a", true));
    assert_eq!(folder.ask("GET", "a"), None);
    assert_eq!((folder.report().calls, folder.report().state), (most + 1, PluginState::Active));
}

#[test]
fn threads_that_share_a_plugin_without_an_end_all_get_away() {
    let folder = Folder::new(&[("a.wasm", &guest("", "(loop $again (br $again)) unreachable"))]);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(folder.ask("GET", "a"), None));
        }
    });
    assert!(started.elapsed() < SOON, "took {:?}", started.elapsed());
}

#[test]
fn a_talkative_plugin_gets_a_few_short_lines() {
    let body = "(loop $next
            (call $log (i32.const 2) (i32.const 8192) (i32.const 60000))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $next (i32.lt_u (local.get $i) (i32.const 1000))))
        (i32.const 16)";
    let folder = Folder::new(&[("a.wasm", &guest("", body))]);
    let lines = Lines::default();
    tracing::subscriber::with_default(lines.clone(), || assert_eq!(folder.ask("GET", "a"), None));
    let limits = Limits::default();
    assert_eq!(lines.0.count.load(Ordering::Relaxed), limits.log_lines as usize);
    assert!(*lines.0.longest.lock().unwrap() <= limits.log_line_bytes);
}

/// Counts what is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Counted>);

#[derive(Default)]
struct Counted {
    count: AtomicUsize,
    longest: Mutex<usize>,
}

impl tracing::Subscriber for Lines {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        self.0.count.fetch_add(1, Ordering::Relaxed);
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            if field.name() == "message" {
                let mut longest = self.0.longest.lock().unwrap();
                *longest = (*longest).max(format!("{value:?}").len());
            }
        });
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}
