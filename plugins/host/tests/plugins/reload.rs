//! The folder changes while plugins are asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use understudy_plugin_host::{Hook, Options, PluginHost, PluginState};

use crate::support::{Folder, big, names_the_second};

#[test]
fn files_come_are_replaced_and_go() {
    let folder = Folder::new(&[]);
    assert_eq!(folder.ask("GET", "x/y"), None);
    folder.write("a.wasm", &names_the_second('a'));
    assert_eq!(folder.ask("GET", "x/y").as_deref(), Some("x/{a}"));
    folder.write("a.wasm", &names_the_second('b'));
    assert_eq!(folder.ask("GET", "x/y").as_deref(), Some("x/{b}"));
    folder.remove("a.wasm");
    assert_eq!(folder.ask("GET", "x/y"), None);
    assert!(folder.host.list().is_empty());
}

#[test]
fn a_broken_file_leaves_running_what_ran_and_says_why() {
    let folder = Folder::new(&[("a.wasm", &names_the_second('a'))]);
    folder.write("a.wasm", &names_the_second('b')[..200]);
    assert_eq!(folder.ask("GET", "x/y").as_deref(), Some("x/{a}"));
    let report = folder.report();
    assert!(matches!(&report.state, PluginState::Outdated(_)), "{}", report.state);
    assert!(report.last_error.unwrap().contains("the newer file cannot be used"));
    folder.write("a.wasm", &names_the_second('b'));
    assert_eq!(folder.ask("GET", "x/y").as_deref(), Some("x/{b}"));
    assert_eq!(folder.report().state, PluginState::Active);
}

#[test]
fn what_did_not_change_keeps_its_counts() {
    let folder = Folder::new(&[("a.wasm", &names_the_second('a'))]);
    folder.ask("GET", "x/y");
    folder.write("b.wasm", b"text");
    assert_eq!(folder.host.list()[0].calls, 1);
}

#[test]
fn whoever_keeps_a_set_sees_one_version() {
    let folder = Folder::new(&[("a.wasm", &names_the_second('a'))]);
    let kept = folder.host.current();
    folder.remove("a.wasm");
    assert_eq!(kept.normalize("GET", &["x", "y"]).unwrap().what, ["x", "{a}"]);
    assert!(!folder.host.current().has(Hook::Normalizer));
}

#[test]
fn the_operator_switches_plugins_off_and_on_and_orders_them() {
    let files: [(&str, &[u8]); 2] = [("a.wasm", &names_the_second('a')), ("b.wasm", &names_the_second('b'))];
    let folder = Folder::new(&files);
    assert!(folder.host.set_enabled("a", false));
    assert_eq!(folder.ask("GET", "x/y").as_deref(), Some("x/{b}"));
    assert_eq!(folder.host.list()[0].state, PluginState::Disabled);
    assert!(folder.host.set_enabled("a", true));
    assert_eq!(folder.ask("GET", "x/y").as_deref(), Some("x/{a}"));
    assert!(!folder.host.set_enabled("c", true));

    let ordered = Folder::with(&files, &Options { order: vec!["b".to_owned()], ..Options::default() });
    assert_eq!(ordered.ask("GET", "x/y").as_deref(), Some("x/{b}"));
    let options = Options { disabled: ["a".to_owned()].into(), ..Options::default() };
    assert_eq!(Folder::with(&files, &options).ask("GET", "x/y").as_deref(), Some("x/{b}"));
}

/// Waits for what the system tells, which takes as long as it takes.
fn wait_for(what: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(30);
    while !what() {
        assert!(Instant::now() < patience, "it never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_watched_folder_is_followed_even_when_it_comes_later() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("plugins");
    let host = Arc::new(PluginHost::new(&dir, Options::default()));
    let watch = host.watch(Duration::from_secs(30)).unwrap();
    let ask = || host.current().normalize("GET", &["x", "y"]).map(|said| said.what.join("/"));
    assert_eq!(ask(), None);
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("a.wasm"), names_the_second('a')).unwrap();
    wait_for(|| ask().as_deref() == Some("x/{a}"));
    std::fs::write(dir.join("a.wasm"), names_the_second('b')).unwrap();
    wait_for(|| ask().as_deref() == Some("x/{b}"));
    std::fs::remove_dir_all(&dir).unwrap();
    wait_for(|| ask().is_none());
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(dir.join("c.wasm"), names_the_second('c')).unwrap();
    wait_for(|| ask().as_deref() == Some("x/{c}"));
    drop(watch);
}

#[test]
fn reloads_under_load_lose_no_call() {
    let folder = Folder::new(&[("a.wasm", &names_the_second('a'))]);
    let (versions, done, calls) = (['a', 'b'].map(names_the_second), AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Relaxed) {
                    let answer = folder.ask("GET", "x/y");
                    assert!(matches!(answer.as_deref(), Some("x/{a}" | "x/{b}")), "{answer:?}");
                    calls.fetch_add(1, Relaxed);
                }
            });
        }
        for i in 0..200 {
            let before = calls.load(Relaxed);
            folder.write("a.wasm", &versions[i % 2]);
            wait_for(|| calls.load(Relaxed) > before);
        }
        done.store(true, Relaxed);
    });
    assert_eq!(folder.report().traps, 0);
}

#[test]
fn a_file_that_takes_long_to_compile_keeps_nobody_waiting() {
    let folder = Folder::new(&[("a.wasm", &names_the_second('a'))]);
    let (big, loaded) = (big(2000), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            folder.write("big.wasm", &big);
            loaded.store(true, Relaxed);
        });
        let mut calls = 0_u64;
        while !loaded.load(Relaxed) {
            assert_eq!(folder.ask("GET", "x/y").as_deref(), Some("x/{a}"));
            calls += 1;
        }
        assert!(calls > 100, "{calls} calls while it was compiled");
    });
    let states: Vec<_> = folder.host.list().into_iter().map(|report| report.state).collect();
    assert_eq!(states, [PluginState::Active, PluginState::Active]);
}

#[test]
fn compiled_plugins_are_kept_in_a_private_folder() {
    let kept = tempfile::tempdir().unwrap();
    let cache = kept.path().join("cache");
    let options = Options { cache_dir: Some(cache.clone()), ..Options::default() };
    let files: [(&str, &[u8]); 1] = [("a.wasm", &names_the_second('a'))];
    assert!(!Folder::with(&files, &options).report().from_cache);
    let again = Folder::with(&files, &options);
    assert!(again.report().from_cache);
    assert_eq!(again.ask("GET", "x/y").as_deref(), Some("x/{a}"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&cache).unwrap().permissions().mode() & 0o777, 0o700);
    }
    // Whatever lies there that is not the engine's own is not believed.
    for file in files_below(&cache) {
        std::fs::write(file, b"no code").unwrap();
    }
    let damaged = Folder::with(&files, &options);
    assert_eq!(damaged.ask("GET", "x/y").as_deref(), Some("x/{a}"));
}

fn files_below(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}
