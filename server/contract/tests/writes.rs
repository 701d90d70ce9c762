//! What writes store and answer: where each value of a new or changed row comes from.

mod stage;

use bytes::Bytes;
use serde_json::{Value, json};
use stage::{Recording, request, with};
use understudy_contract::Request;

fn form(method: &str, target: &str, body: &str) -> Request {
    let mut request = request(method, target, None);
    request.body.bytes = Bytes::from(body.to_owned());
    with(request, "content-type", "application/x-www-form-urlencoded")
}

#[test]
fn put_makes_what_the_path_names_and_replaces_it_later() {
    let mut recording = Recording::default();
    for n in 1..=3 {
        let (path, row) = (format!("/boxes/b{n}"), json!({"id": format!("b{n}"), "size": n, "colour": "red"}));
        let sent = json!({"size": n, "colour": "red"});
        recording.note(request("PUT", &path, Some(&sent)), &(201, row.clone()));
        recording.note(request("GET", &path, None), &(200, row));
        let smaller = json!({"id": format!("b{n}"), "size": n + 10});
        recording.note(request("PUT", &path, Some(&json!({"size": n + 10}))), &(200, smaller.clone()));
        recording.note(request("GET", &path, None), &(200, smaller));
    }
    let mut twin = recording.twin();
    let put = |body: Value| request("PUT", "/boxes/oak", Some(&body));
    assert_eq!(
        twin.says(&put(json!({"size": 4, "colour": "blue"}))),
        (201, json!({"id": "oak", "size": 4, "colour": "blue"}))
    );
    assert_eq!(twin.says(&put(json!({"size": 5}))), (200, json!({"id": "oak", "size": 5})));
    assert_eq!(twin.says(&request("GET", "/boxes/oak", None)), (200, json!({"id": "oak", "size": 5})));
}

#[test]
fn what_a_form_sends_as_text_is_shown_in_its_types() {
    let mut recording = Recording::default();
    for n in 1..=4_i64 {
        let body = format!("amount={}&capture={}&meta[tier]=t{n}", n * 100, n % 2 == 0);
        let row = json!({"id": format!("ch_{n}abcdef"), "amount": n * 100, "capture": n % 2 == 0, "meta": {"tier": format!("t{n}")}});
        recording.note(form("POST", "/charges", &body), &(201, row.clone()));
        recording.note(request("GET", &format!("/charges/ch_{n}abcdef"), None), &(200, row));
    }
    let mut twin = recording.twin();
    let (status, row) = twin.says(&form("POST", "/charges", "amount=777&capture=true&meta[tier]=gold"));
    assert_eq!(
        (status, &row["amount"], &row["capture"], &row["meta"]),
        (201, &json!(777), &json!(true), &json!({"tier": "gold"}))
    );
}

#[test]
fn links_repeat_the_new_key_and_other_numbers_go_up() {
    let mut recording = Recording::default();
    for n in 1..=4 {
        let slug = format!("tree-{n}");
        let row = json!({"slug": slug, "number": n + 40, "url": format!("http://api.test/trees/{slug}/"), "links": {"self": format!("/trees/{slug}"), "rings": format!("/trees/{slug}/rings")}});
        let sent = with(request("POST", "/trees", Some(&json!({"slug": slug}))), "host", "api.test");
        recording.note(sent, &(201, row.clone()));
        recording.note(with(request("GET", &format!("/trees/{slug}"), None), "host", "api.test"), &(200, row));
        recording.note(request("DELETE", &format!("/trees/{slug}"), None), &(204, Value::Null));
    }
    let mut twin = recording.twin();
    let mut made = |slug: &str| {
        twin.says(&with(request("POST", "/trees", Some(&json!({"slug": slug}))), "host", "localhost:8000")).1
    };
    let expected = json!({"slug": "yew", "number": 45, "url": "http://localhost:8000/trees/yew/", "links": {"self": "/trees/yew", "rings": "/trees/yew/rings"}});
    assert_eq!(made("yew"), expected);
    assert_eq!(made("elm")["number"], 46);
}

#[test]
fn members_of_records_are_changed_one_by_one() {
    let mut recording = Recording::default();
    for n in 1..=4 {
        let row =
            |title: &str, rank: u32, rev: u32| json!({"id": n, "data": {"title": title, "rank": rank, "rev": rev}});
        let path = format!("/records/{n}");
        recording.note(
            request("POST", "/records", Some(&json!({"data": {"title": format!("t{n}"), "rank": n}}))),
            &(201, row(&format!("t{n}"), n, 1)),
        );
        recording.note(
            request("PATCH", &path, Some(&json!({"data": {"rank": n + 7}}))),
            &(200, row(&format!("t{n}"), n + 7, 1)),
        );
        recording.note(request("GET", &path, None), &(200, row(&format!("t{n}"), n + 7, 1)));
    }
    let mut twin = recording.twin();
    let made = twin.says(&request("POST", "/records", Some(&json!({"data": {"title": "fir", "rank": 3}})))).1;
    assert_eq!(made, json!({"id": 5, "data": {"title": "fir", "rank": 3, "rev": 1}}));
    let changed = twin.says(&request("PATCH", "/records/5", Some(&json!({"data": {"title": "pine"}})))).1;
    assert_eq!(changed, json!({"id": 5, "data": {"title": "pine", "rank": 3, "rev": 1}}));
}

#[test]
fn a_delete_that_shows_the_row_shows_the_right_one() {
    let mut recording = Recording::default();
    for n in 1..=4 {
        let row = json!({"id": n, "name": format!("stone {n}")});
        recording.note(request("POST", "/stones", Some(&json!({"name": format!("stone {n}")}))), &(201, row.clone()));
        recording.note(request("GET", &format!("/stones/{n}"), None), &(200, row.clone()));
        if n > 2 {
            recording.note(request("DELETE", &format!("/stones/{n}"), None), &(200, row));
            recording.note(request("GET", &format!("/stones/{n}"), None), &(404, json!({"error": "gone"})));
        }
    }
    let mut twin = recording.twin();
    let made = twin.says(&request("POST", "/stones", Some(&json!({"name": "flint"})))).1;
    assert_eq!(made, json!({"id": 5, "name": "flint"}));
    assert_eq!(twin.says(&request("DELETE", "/stones/5", None)), (200, made));
    assert_eq!(twin.says(&request("GET", "/stones/5", None)).0, 404);
}

#[test]
fn a_create_that_always_answers_one_id_shows_what_was_sent() {
    let mut recording = Recording::default();
    let thing = |id: u64| json!({"id": id, "name": format!("thing {id}")});
    for id in 1..=20 {
        recording.note(request("GET", &format!("/things/{id}"), None), &(200, thing(id)));
    }
    recording.note(request("GET", "/things", None), &(200, (1..=30).map(thing).collect()));
    for name in ["a", "b", "c"] {
        let sent = json!({"name": name});
        recording.note(request("POST", "/things", Some(&sent)), &(201, json!({"id": 31, "name": name})));
    }
    let mut twin = recording.twin();
    let (status, made) = twin.says(&request("POST", "/things", Some(&json!({"name": "fresh"}))));
    assert_eq!((status, &made["name"]), (201, &json!("fresh")));
}

fn patch(id: u64, operations: &Value) -> understudy_contract::Request {
    let mut asked = request("PATCH", &format!("/pages/{id}"), Some(operations));
    asked.headers.0[0].1 = "application/json-patch+json".to_owned();
    asked
}

#[test]
fn operations_of_a_json_patch_change_the_row() {
    let mut recording = Recording::default();
    for id in 1..=6_u64 {
        let mut page = json!({"id": id, "title": format!("Page {id}"), "tags": ["draft"], "version": 1});
        let sent = json!({"title": page["title"], "tags": ["draft"]});
        recording.note(request("POST", "/pages", Some(&sent)), &(201, page.clone()));
        recording.note(request("GET", &format!("/pages/{id}"), None), &(200, page.clone()));
        for version in 2..=3 {
            page["title"] = json!(format!("Chapter {id}.{version}"));
            page["version"] = json!(version);
            let asked = patch(id, &json!([{"op": "replace", "path": "/title", "value": page["title"]}]));
            recording.note(asked, &(200, page.clone()));
        }
    }
    let mut twin = recording.twin();
    let asked = patch(
        3,
        &json!([
            {"op": "test", "path": "/title", "value": "Chapter 3.3"},
            {"op": "replace", "path": "/title", "value": "Appendix"},
            {"op": "add", "path": "/tags/0", "value": "new"},
        ]),
    );
    let due = json!({"id": 3, "title": "Appendix", "tags": ["new", "draft"], "version": 4});
    assert_eq!(twin.says(&asked), (200, due.clone()));
    assert_eq!(twin.says(&asked).0, 409, "the title is another one now");
    assert_eq!(twin.says(&patch(3, &json!([{"op": "paint", "path": "/title"}]))).0, 400);
    assert_eq!(twin.says(&request("GET", "/pages/3", None)), (200, due));
}

#[test]
fn ids_that_tell_the_time_go_on_telling_it() {
    let mut recording = Recording::default();
    for n in 1..=5_u64 {
        let id = format!("01971a3c-{:04x}-7cc3-98c4-dc0c0c0739{n:02x}", n * 300);
        let sent = json!({"note": format!("note {n}")});
        recording.note(request("POST", "/notes", Some(&sent)), &(201, json!({"id": id, "note": sent["note"]})));
        recording.note(request("GET", &format!("/notes/{id}"), None), &(200, json!({"id": id, "note": sent["note"]})));
    }
    let (_, made) = recording.twin().says(&request("POST", "/notes", Some(&json!({"note": "new"}))));
    let id = made["id"].as_str().expect("an id");
    // The twin's clock in these tests says 1,760,000,000,000.
    assert!(id.starts_with("0199c82c-c000-7"), "{id}");
}
