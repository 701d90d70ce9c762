//! Files that cannot be used: each is listed with its reason and harms no other.

use understudy_plugin_host::{Options, PluginState};

use crate::support::{Folder, described, guest, tenant_prefix};

/// The reason for which the host refuses the file.
fn refusal(bytes: &[u8]) -> String {
    let folder = Folder::new(&[("odd.wasm", bytes)]);
    assert_eq!(folder.ask("GET", "a/b"), None);
    let report = folder.report();
    assert_eq!((report.file.as_str(), report.calls), ("odd.wasm", 0));
    match report.state {
        PluginState::Refused(reason) => reason,
        state => panic!("{state}"),
    }
}

fn check(bytes: &[u8], expected: &str) {
    let reason = refusal(bytes);
    assert!(reason.contains(expected), "{reason:?} does not say {expected:?}");
}

#[test]
fn what_is_no_webassembly() {
    check(b"", "not WebAssembly");
    check(b"(module)", "not WebAssembly");
    check(&[0x7f; 4096], "not WebAssembly");
}

#[test]
fn what_is_cut_off() {
    let whole = tenant_prefix("wasm32-unknown-unknown");
    for len in [8, 9, whole.len() / 2, whole.len() - 1] {
        refusal(&whole[..len]);
    }
    let component = tenant_prefix("wasm32-wasip2");
    for len in [8, component.len() / 2, component.len() - 1] {
        refusal(&component[..len]);
    }
}

#[test]
fn no_byte_of_a_file_can_be_wrong_in_a_way_that_ends_the_process() {
    let whole = guest("", "(i32.const 16)");
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        // Whether the file still loads depends on the byte; that there is a report is the point.
        Folder::new(&[("odd.wasm", &bytes)]).report();
    }
}

#[test]
fn what_has_no_hook() {
    check(&wat::parse_str("(module)").unwrap(), "exports no hook");
    check(&wat::parse_str("(component)").unwrap(), "exports no hook of understudy:plugin@0.1.0 (it exports nothing)");
    let other = r#"(component
        (core module $m (func (export "f")))
        (core instance $i (instantiate $m))
        (func $f (canon lift (core func $i "f")))
        (instance $hook (export "normalize" (func $f)))
        (export "understudy:plugin/normalizer@0.2.0" (instance $hook)))"#;
    check(&wat::parse_str(other).unwrap(), "it exports understudy:plugin/normalizer@0.2.0");
    let wrong = other.replace("@0.2.0", "@0.1.0");
    check(&wat::parse_str(&wrong).unwrap(), "its normalizer does not have the right type");
    let incomplete = wrong.replace("\"normalize\"", "\"other\"");
    check(&wat::parse_str(&incomplete).unwrap(), "its hook is not complete");
}

#[test]
fn what_lacks_the_exports_that_it_describes() {
    check(&described("(module)"), "normalize");
    check(&described(r#"(module (func (export "understudy:plugin/normalizer@0.1.0#normalize")))"#), "normalize");
}

#[test]
fn what_wants_more_than_plugins_get() {
    let wants = r#"(component (import "files" (func $f)))"#;
    check(&wat::parse_str(wants).unwrap(), "imports `files`");
    check(&described(r#"(module (import "env" "clock" (func)))"#), "env");
    let text = r#"(component (core module $m (memory 1000)) (core instance (instantiate $m)))"#;
    check(&wat::parse_str(text).unwrap(), "memory");
}

#[test]
fn what_fails_at_the_start() {
    let fails = |body: &str| guest(&format!("(func $start {body}) (start $start)"), "(i32.const 16)");
    check(&fails("unreachable"), "fails at the start");
    check(&fails("(loop $again (br $again))"), "ran longer than its 50 ms");
}

#[test]
fn other_files_and_folders_are_no_plugins() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("README.md"), "text").unwrap();
    std::fs::create_dir(dir.path().join("folder.wasm")).unwrap();
    let reports = understudy_plugin_host::PluginHost::load(dir.path(), Options::default()).list();
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].state, PluginState::Refused("it is not a regular file".to_owned()));
}

#[test]
fn a_bad_file_leaves_the_others_alone() {
    let tenant = tenant_prefix("wasm32-unknown-unknown");
    let folder = Folder::new(&[("a.wasm", b"text"), ("b.wasm", &tenant[..999]), ("c.wasm", &tenant)]);
    assert_eq!(folder.ask("GET", "t/acme").as_deref(), Some("t/{tenant}"));
}
