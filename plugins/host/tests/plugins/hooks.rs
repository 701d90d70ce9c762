//! Guests that answer hooks wrongly, too late or not at all.

use std::time::{Duration, Instant};

use understudy_plugin_host::chaos_policy::Request;
use understudy_plugin_host::generator::Field;
use understudy_plugin_host::redactor::{Message, Side, Text};
use understudy_plugin_host::{Interest, Limits, PluginState};

use crate::support::{Folder, chaos, guest_with};

const ENDLESS: &str = "(loop $again (br $again)) unreachable";

fn request() -> Request {
    Request { method: "GET".to_owned(), target: "/a".to_owned(), template: None, at_ms: 0, random: 0 }
}

fn field() -> Field {
    Field {
        method: "GET".to_owned(),
        template: "/a".to_owned(),
        pointer: "/b".to_owned(),
        name: "b".to_owned(),
        schema: "{}".to_owned(),
        seed: 1,
        siblings: Vec::new(),
    }
}

fn message(texts: usize) -> Message {
    let text = Text { place: "/b".to_owned(), name: "b".to_owned(), value: "c".to_owned() };
    Message { method: "GET".to_owned(), path: "/a".to_owned(), side: Side::Request, texts: vec![text; texts] }
}

/// A generator whose answer is this text.
fn generates(text: &str) -> Vec<u8> {
    let items = format!(r#"(data (i32.const 8192) "{text}")"#);
    let function = format!(
        r#"(func (export "$name#generate") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i64 i32 i32) (result i32)
            (i32.store8 (i32.const 64) (i32.const 1)) (i32.store (i32.const 68) (i32.const 8192))
            (i32.store (i32.const 72) (i32.const {})) (i32.const 64))"#,
        text.len()
    );
    guest_with("generator", &items, &function)
}

fn redacts(body: &str) -> Vec<u8> {
    let function = format!(r#"(func (export "$name#redact") (param i32 i32 i32 i32 i32 i32 i32) (result i32) {body})"#);
    guest_with("redactor", "", &function)
}

#[test]
fn a_call_that_a_request_waits_for_ends_soon() {
    let folder = Folder::new(&[("a.wasm", &chaos("", ENDLESS))]);
    let set = folder.host.current();
    assert_eq!(set.interest("GET", "/a"), Interest { chaos: true, ..Interest::default() });
    for _ in 0..3 {
        let began = Instant::now();
        assert_eq!(set.decide("/a", &request()), None);
        // Far more than the 10 ms, for machines that are busy with other tests.
        assert!(began.elapsed() < Duration::from_secs(2), "took {:?}", began.elapsed());
    }
    assert!(folder.report().last_error.unwrap().contains("it ran longer than its 10 ms"));
}

#[test]
fn a_plugin_that_never_ends_costs_requests_ten_deadlines_and_then_nothing() {
    let folder = Folder::new(&[("a.wasm", &chaos("", ENDLESS))]);
    let set = folder.host.current();
    for _ in 0..1000 {
        assert_eq!(set.decide("/a", &request()), None);
    }
    let report = folder.report();
    assert_eq!((report.traps, report.state.word()), (u64::from(Limits::default().failures_in_a_row), "switched-off"));
}

#[test]
fn a_plugin_that_traps_half_of_the_time_is_switched_off_too() {
    let items = "(global $n (mut i32) (i32.const 0))";
    // A trap costs the instance its memory, so every instance succeeds once and then traps.
    let decide = "(global.set $n (i32.add (global.get $n) (i32.const 1)))
        (if (i32.gt_u (global.get $n) (i32.const 1)) (then unreachable)) (i32.const 16)";
    let folder = Folder::new(&[("a.wasm", &chaos(items, decide))]);
    for _ in 0..100 {
        assert_eq!(folder.host.current().decide("/a", &request()), None);
    }
    let report = folder.report();
    assert_eq!(report.state.word(), "switched-off");
    assert!(report.calls > report.traps && report.calls < 30, "{report:?}");
}

#[test]
fn faults_that_make_no_sense_are_no_faults() {
    for (fault, expected) in [
        // A delay of a minute and a millisecond, and an abort with 200.
        ("(i32.store8 (i32.const 68) (i32.const 0)) (i32.store (i32.const 72) (i32.const 60001))", "60001 ms"),
        ("(i32.store8 (i32.const 68) (i32.const 1)) (i32.store16 (i32.const 72) (i32.const 200))", "abort with 200"),
        ("(i32.store8 (i32.const 68) (i32.const 9))", "discriminant"),
    ] {
        let decide = format!("(i32.store8 (i32.const 64) (i32.const 1)) {fault} (i32.const 64)");
        let folder = Folder::new(&[("a.wasm", &chaos("", &decide))]);
        assert_eq!(folder.host.current().decide("/a", &request()), None);
        let error = folder.report().last_error.unwrap();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_generators_answer_is_json_or_nothing() {
    let made = |text: &str| {
        let folder = Folder::new(&[("a.wasm", &generates(text))]);
        let value = folder.host.current().generate(&field()).map(|said| said.what);
        (value, folder.report().last_error)
    };
    assert_eq!(made("17").0, Some(serde_json::json!(17)));
    let (value, error) = made("seventeen");
    assert_eq!(value, None);
    assert!(error.unwrap().contains("it answered no JSON"));
}

#[test]
fn a_redactor_that_fails_is_not_taken_for_one_that_found_nothing() {
    let found = "(i32.store (i32.const 64) (i32.const 80)) (i32.store (i32.const 68) (i32.const 1))
        (i32.store (i32.const 80) (i32.const 1)) (i32.const 64)";
    let folder = Folder::new(&[("a.wasm", &redacts(found))]);
    assert_eq!(folder.host.current().redact(&message(2)).unwrap().into_iter().collect::<Vec<_>>(), [1]);
    assert!(folder.host.current().redact(&message(1)).is_err());
    assert!(folder.report().last_error.unwrap().contains("it answered index 1 of 1 texts"));

    let folder = Folder::new(&[("a.wasm", &redacts("unreachable"))]);
    for _ in 0..20 {
        assert!(folder.host.current().redact(&message(1)).is_err(), "also when it is switched off");
    }
    folder.host.set_enabled("a", false);
    assert!(folder.host.current().redact(&message(1)).unwrap().is_empty());
    assert_eq!(folder.report().state, PluginState::Disabled);
}

#[test]
fn a_file_of_fifty_megabytes_is_refused_unread() {
    let mut bytes = chaos("", "(i32.const 16)");
    bytes.resize(50 << 20, 0);
    let folder = Folder::new(&[("a.wasm", &bytes)]);
    assert_eq!(folder.report().state.reason(), Some("it has more than 16777216 bytes"));
}
