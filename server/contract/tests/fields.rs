//! Header fields of answers: what they repeat, and how they tell versions apart.

mod stage;

use serde_json::{Value, json};
use stage::{Recording, Twin, request, with};

fn field(twin: &mut Twin, request: &understudy_contract::Request, name: &str) -> Option<String> {
    twin.ask(request).headers.get(name).map(str::to_owned)
}

#[test]
fn a_field_repeats_the_request() {
    let mut recording = Recording::default();
    for n in [3, 40, 500] {
        let hop = request("GET", &format!("/hop?to=/pages/{n}"), None);
        recording.note_with(hop, &[("location", &format!("/pages/{n}"))], &(302, Value::Null));
        let kept = request("GET", &format!("/kept/{n}"), None);
        recording.note_with(kept, &[("cache-control", &format!("public, max-age={n}"))], &(200, json!({"ok": true})));
    }
    let mut twin = recording.twin();
    assert_eq!(field(&mut twin, &request("GET", "/hop?to=/far/away", None), "location").as_deref(), Some("/far/away"));
    let kept = field(&mut twin, &request("GET", "/kept/77", None), "cache-control");
    assert_eq!(kept.as_deref(), Some("public, max-age=77"));
}

#[test]
fn a_version_in_a_field_is_the_entity_tag() {
    let mut recording = Recording::default();
    let stale = (412, json!({"error": "changed meanwhile"}));
    for n in 1..=3_u64 {
        let path = format!("/notes/n{n}");
        let row = |rev: u64, text: &str| json!({"id": format!("n{n}"), "rev": 100 * n + rev, "text": text});
        let put = |text: &str| request("PUT", &path, Some(&json!({"text": text})));
        let tag = |rev: u64| format!("\"{}\"", 100 * n + rev);
        recording.note_with(put("a"), &[("etag", &tag(1))], &(201, row(1, "a")));
        recording.note_with(request("GET", &path, None), &[("etag", &tag(1))], &(200, row(1, "a")));
        recording.note_with(with(put("b"), "if-match", &tag(1)), &[("etag", &tag(2))], &(200, row(2, "b")));
        recording.note(with(put("c"), "if-match", &tag(1)), &stale);
    }
    let mut twin = recording.twin();
    let read = request("GET", "/notes/n2", None);
    assert_eq!(field(&mut twin, &read, "etag").as_deref(), Some("\"202\""));
    let put = |tag: &str| with(request("PUT", "/notes/n2", Some(&json!({"text": "z"}))), "if-match", tag);
    assert_eq!(twin.says(&put("\"201\"")), stale);
    assert_eq!(twin.says(&put("\"202\"")).0, 200);
}

#[test]
fn a_tag_that_no_field_says_lasts_until_the_row_changes() {
    let mut recording = Recording::default();
    let stale = (412, json!({"error": "changed meanwhile"}));
    for n in 1..=3 {
        let path = format!("/jars/{n}");
        let row = |text: &str| json!({"id": n, "text": text});
        let put = |text: &str| request("PUT", &path, Some(&json!({"text": text})));
        let tag = |mark: &str| format!("\"{mark}5f1c0e9a7b3d2{n}\"");
        recording.note(request("POST", "/jars", Some(&json!({"text": "a"}))), &(201, row("a")));
        recording.note_with(request("GET", &path, None), &[("etag", &tag("aa"))], &(200, row("a")));
        recording.note_with(with(put("b"), "if-match", &tag("aa")), &[("etag", &tag("bb"))], &(200, row("b")));
        recording.note(with(put("c"), "if-match", &tag("aa")), &stale);
    }
    let mut twin = recording.twin();
    let read = request("GET", "/jars/2", None);
    assert_eq!(field(&mut twin, &read, "etag").as_deref(), Some("\"bb5f1c0e9a7b3d22\""));
    let put = |tag: &str| with(request("PUT", "/jars/2", Some(&json!({"text": "z"}))), "if-match", tag);
    assert_eq!(twin.says(&put("\"aa5f1c0e9a7b3d22\"")), stale);
    let new = field(&mut twin, &put("\"bb5f1c0e9a7b3d22\""), "etag").unwrap();
    assert_ne!(new, "\"bb5f1c0e9a7b3d22\"");
    assert_eq!(field(&mut twin, &read, "etag"), Some(new.clone()));
    assert_eq!(twin.says(&put("\"bb5f1c0e9a7b3d22\"")), stale);
    assert_eq!(twin.says(&put(&new)).0, 200);
}
