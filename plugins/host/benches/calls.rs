//! What plugins cost: the fastest of some rounds, for a busy machine only ever adds time.

use std::hint::black_box;
use std::time::{Duration, Instant};

use understudy_plugin_host::{Limits, Options};

#[path = "../tests/plugins/support.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod support;

use support::{Folder, guest, tenant_prefix};

/// Many and short, so that some of them are not interrupted.
const ROUNDS: u32 = 200;

fn main() {
    let tenant = tenant_prefix("wasm32-unknown-unknown");
    let silent = guest("", "(i32.const 16)");
    let trap = guest("", "unreachable");

    println!("{} KB: a plugin's file", tenant.len() / 1000);
    report("load: read, make a component, compile, start", 1, || {
        black_box(Folder::new(&[("a.wasm", &tenant)]));
    });
    calls("call without segments, no opinion", 500, &silent, &[]);
    calls("call with 5 segments, no opinion", 500, &silent, &["api", "v1", "users", "42", "posts"]);
    calls("tenant-prefix, no opinion", 500, &tenant, &["api", "v1", "users", "42", "posts"]);
    calls("tenant-prefix, opinion", 500, &tenant, &["t", "acme", "users", "42", "posts"]);
    calls("call with 1 KB", 500, &silent, &[&"x".repeat(1000)]);
    calls("call that traps, with its new instance", 50, &trap, &[]);
}

fn calls(what: &str, times: u32, plugin: &[u8], segments: &[&str]) {
    let limits = Limits { failures_in_a_row: u32::MAX, ..Limits::default() };
    let folder = Folder::with(&[("a.wasm", plugin)], &Options { limits, ..Options::default() });
    report(what, times, || {
        black_box(folder.host.normalize("GET", black_box(segments)));
    });
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
