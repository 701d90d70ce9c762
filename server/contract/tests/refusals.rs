//! What the twin refuses, and in whose words: small stories with accepted and refused calls, then new data.

mod stage;

use bytes::Bytes;
use serde_json::{Value, json};
use stage::{Recording, Twin, request, with};
use understudy_contract::twin::Refusal;
use understudy_contract::{Body, Request};

fn post(target: &str, body: Value) -> Request {
    request("POST", target, Some(&body))
}

fn raw(method: &str, target: &str, media: &str, text: &str) -> Request {
    let mut request = with(request(method, target, None), "content-type", media);
    request.body = Body { bytes: Bytes::from(text.to_owned()), truncated: false };
    request
}

/// What the twin says of a call that no endpoint was learned for.
fn unlearned(twin: &mut Twin, request: &Request) -> (u16, Value, Option<String>) {
    match stage::play(&twin.contract, &twin.behaviour, &mut twin.state, request) {
        Err(Refusal::UnknownEndpoint { as_api: Some(answer), .. }) => {
            let allow = answer.headers.get("allow").map(str::to_owned);
            (answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null), allow)
        }
        other => panic!("expected the API's own refusal, got {other:?}"),
    }
}

/// Lamps with a name, a colour of three, and watts from 1 to 60; faults as a list of objects.
fn lamps() -> Recording {
    let mut recording = Recording::default();
    for n in 1..=9_u64 {
        let colour = ["red", "green", "blue"][n as usize % 3];
        let sent = json!({"name": format!("lamp {n}"), "colour": colour, "watts": n * 6});
        let mut row = sent.clone();
        row["id"] = json!(n);
        recording.note(post("/lamps", sent), &(201, row.clone()));
        recording.note(request("GET", &format!("/lamps/{n}"), None), &(200, row));
    }
    let fault = |field: &str, text: &str, got: Value| json!({"loc": ["body", field], "msg": text, "input": got});
    let refuse = |recording: &mut Recording, body: Value, faults: Vec<Value>| {
        recording.note(post("/lamps", body), &(422, json!({"detail": faults})));
    };
    let good = json!({"name": "n", "colour": "red", "watts": 5});
    for (name, value, text) in [
        ("colour", json!("pink"), "value is not one of the choices"),
        ("watts", json!(77), "should be at most 60"),
        ("watts", json!("many"), "should be a number"),
        ("name", json!(""), "should not be blank"),
    ] {
        let mut body = good.clone();
        body[name] = value.clone();
        refuse(&mut recording, body, vec![fault(name, text, value)]);
    }
    recording
}

#[test]
fn faults_are_told_together_though_each_was_seen_alone() {
    let mut twin = lamps().twin();
    let (status, body) = twin.says(&post("/lamps", json!({"name": "", "colour": "black", "watts": 61})));
    let expected = json!({"detail": [
        {"loc": ["body", "name"], "msg": "should not be blank", "input": ""},
        {"loc": ["body", "colour"], "msg": "value is not one of the choices", "input": "black"},
        {"loc": ["body", "watts"], "msg": "should be at most 60", "input": 61},
    ]});
    assert_eq!((status, body), (422, expected));
    assert_eq!(twin.says(&post("/lamps", json!({"name": "new", "colour": "blue", "watts": 60}))).0, 201);
}

#[test]
fn the_reasons_of_an_endpoint_are_told_with_their_status() {
    let twin = lamps().twin();
    let endpoint = twin.contract.endpoints().iter().find(|known| known.method == "POST").unwrap();
    let told = twin.behaviour.refusals(&endpoint.id.0);
    assert!(told.iter().all(|refused| refused.status == 422 && refused.support > 0), "{told:?}");
    let causes: Vec<&str> = told.iter().map(|refused| refused.cause.as_str()).collect();
    assert!(causes.iter().any(|cause| cause.starts_with("colour ")), "{causes:?}");
    assert!(twin.behaviour.refusals("nothing").is_empty());
}

#[test]
fn a_refused_call_makes_no_row() {
    let mut twin = lamps().twin();
    assert_eq!(twin.says(&post("/lamps", json!({"name": "a", "colour": "no", "watts": 1}))).0, 422);
    let made = twin.says(&post("/lamps", json!({"name": "a", "colour": "red", "watts": 1}))).1;
    assert_eq!(made["id"], 10);
}

#[test]
fn words_repeat_the_new_value_and_not_the_recorded_one() {
    let mut recording = Recording::default();
    for n in 1..=5 {
        let row = json!({"id": n, "code": format!("code-{n}")});
        recording.note(post("/seals", json!({"code": format!("code-{n}")})), &(201, row.clone()));
        recording.note(request("GET", &format!("/seals/{n}"), None), &(200, row));
    }
    let taken = json!({"message": "'code-2' already exists", "code": 409});
    recording.note(post("/seals", json!({"code": "code-2"})), &(409, taken));
    recording.note(
        request("GET", "/seals/88", None),
        &(404, json!({"message": "no record for id '88'", "path": "/seals/88"})),
    );
    let mut twin = recording.twin();
    let (status, body) = twin.says(&post("/seals", json!({"code": "code-4"})));
    assert_eq!((status, body), (409, json!({"message": "'code-4' already exists", "code": 409})));
    let (status, body) = twin.says(&request("GET", "/seals/123", None));
    assert_eq!((status, body), (404, json!({"message": "no record for id '123'", "path": "/seals/123"})));
    assert_eq!(twin.says(&post("/seals", json!({"code": "code-6"}))).0, 201);
}

#[test]
fn a_missing_optional_member_is_no_cause_when_a_reference_dangles() {
    let mut recording = Recording::default();
    for n in 1..=4 {
        recording.note(post("/shelves", json!({"room": "r"})), &(201, json!({"id": n, "room": "r"})));
        recording.note(request("GET", &format!("/shelves/{n}"), None), &(200, json!({"id": n, "room": "r"})));
    }
    for n in 1..=6 {
        let sent = json!({"shelf": n % 4 + 1, "title": format!("t{n}"), "note": "x"});
        let mut row = sent.clone();
        row["id"] = json!(n + 100);
        recording.note(post("/books", sent), &(201, row.clone()));
        recording.note(request("GET", &format!("/books/{}", n + 100), None), &(200, row));
    }
    let dangling = json!({"error": "shelf 900 does not exist"});
    recording.note(post("/books", json!({"shelf": 900, "title": "t"})), &(400, dangling));
    let mut twin = recording.twin();
    let (status, body) = twin.says(&post("/books", json!({"shelf": 901, "title": "u", "note": "y"})));
    assert_eq!((status, body), (400, json!({"error": "shelf 901 does not exist"})));
    assert_eq!(twin.says(&post("/books", json!({"shelf": 2, "title": "u"}))).0, 201);
    let shelf = twin.says(&post("/shelves", json!({"room": "q"}))).1["id"].clone();
    assert_eq!(twin.says(&post("/books", json!({"shelf": shelf, "title": "u"}))).0, 201);
}

#[test]
fn unknown_members_and_parameters_are_refused_by_their_own_names() {
    let mut recording = lamps();
    let strange = json!({"detail": [{"loc": ["body", "odd"], "msg": "extra inputs are not permitted", "input": 1}]});
    recording.note(post("/lamps", json!({"name": "n", "colour": "red", "watts": 5, "odd": 1})), &(422, strange));
    for colour in ["red", "green"] {
        let found = json!([{"id": 3, "name": "lamp 3", "colour": colour, "watts": 18}]);
        recording.note(request("GET", &format!("/lamps?colour={colour}"), None), &(200, found));
    }
    recording.note(request("GET", "/lamps?weight=3", None), &(400, json!({"error": "cannot filter by weight"})));
    let mut twin = recording.twin();
    let (status, body) = twin.says(&post("/lamps", json!({"name": "n", "colour": "red", "watts": 5, "even": 2})));
    let expected = json!({"detail": [{"loc": ["body", "even"], "msg": "extra inputs are not permitted", "input": 1}]});
    assert_eq!((status, &body["detail"][0]["loc"]), (422, &expected["detail"][0]["loc"]));
    let (status, body) = twin.says(&request("GET", "/lamps?height=3", None));
    assert_eq!((status, body), (400, json!({"error": "cannot filter by height"})));
    assert_eq!(twin.says(&request("GET", "/lamps?watts=18", None)).0, 200, "a field of the rows is no strange name");
}

#[test]
fn methods_and_paths_are_refused_as_the_api_does() {
    let mut recording = lamps();
    let not_allowed = |method: &str| json!({"detail": format!("method \"{method}\" not allowed")});
    recording.note_with(
        request("DELETE", "/lamps/4", None),
        &[("allow", "GET, HEAD, OPTIONS")],
        &(405, not_allowed("DELETE")),
    );
    recording.note(request("GET", "/chairs", None), &(404, json!({"detail": "no route", "path": "/chairs"})));
    let mut twin = recording.twin();
    assert_eq!(
        unlearned(&mut twin, &request("DELETE", "/lamps/7", None)),
        (405, not_allowed("DELETE"), Some("GET, HEAD, OPTIONS".into()))
    );
    assert_eq!(
        unlearned(&mut twin, &request("PATCH", "/lamps", Some(&json!({})))),
        (405, not_allowed("PATCH"), Some("POST, HEAD, OPTIONS".into()))
    );
    let (status, body, _) = unlearned(&mut twin, &request("GET", "/tables", None));
    assert_eq!((status, body), (404, json!({"detail": "no route", "path": "/tables"})));
}

#[test]
fn a_refusal_keeps_its_header_fields() {
    let mut recording = Recording::default();
    for n in 1..=3 {
        let read = request("GET", "/me", None);
        let known = with(read.clone(), "authorization", &format!("Bearer token-number-{n}"));
        recording.note(known, &(200, json!({"id": n, "name": format!("n{n}")})));
        let fields = [("www-authenticate", "Bearer realm=\"house\"")];
        recording.note_with(read, &fields, &(401, json!({"detail": "who are you"})));
    }
    let answer = recording.twin().ask(&request("GET", "/me", None));
    assert_eq!((answer.status, answer.headers.get("www-authenticate")), (401, Some("Bearer realm=\"house\"")));
}

#[test]
fn what_is_done_cannot_be_done_again() {
    let mut recording = Recording::default();
    for n in 1..=3 {
        let row = |state: &str| json!({"id": n, "sum": n * 10, "status": state});
        recording.note(post("/bills", json!({"sum": n * 10})), &(201, row("open")));
        recording.note(request("GET", &format!("/bills/{n}"), None), &(200, row("open")));
        recording.note(request("POST", &format!("/bills/{n}/pay"), None), &(200, row("paid")));
        recording.note(request("GET", &format!("/bills/{n}"), None), &(200, row("paid")));
    }
    let already = json!({"error": {"message": "Bill is already paid"}});
    recording.note(request("POST", "/bills/2/pay", None), &(400, already.clone()));
    let mut twin = recording.twin();
    let id = twin.says(&post("/bills", json!({"sum": 70}))).1["id"].clone();
    let pay = request("POST", &format!("/bills/{id}/pay"), None);
    assert_eq!(twin.says(&pay).0, 200);
    assert_eq!(twin.says(&pay), (400, already));
}

#[test]
fn a_change_needs_the_version_it_was_made_from() {
    let mut recording = Recording::default();
    for n in 1..=4 {
        let path = format!("/pages/{n}");
        let row = |text: &str, rev: u32| json!({"id": n, "text": text, "rev": rev});
        let change = |text: &str| request("PUT", &path, Some(&json!({"text": text})));
        recording.note(post("/pages", json!({"text": "a"})), &(201, row("a", 1)));
        recording.note(request("GET", &path, None), &(200, row("a", 1)));
        recording.note(change("b"), &(428, json!({"error": "If-Match is required"})));
        recording.note(with(change("b"), "if-match", "\"1\""), &(200, row("b", 2)));
        recording.note(with(change("c"), "if-match", "\"1\""), &(412, json!({"error": "changed meanwhile"})));
        recording.note(with(change("c"), "if-match", "\"2\""), &(200, row("c", 3)));
    }
    let mut twin = recording.twin();
    let id = twin.says(&post("/pages", json!({"text": "x"}))).1["id"].clone();
    let change = request("PUT", &format!("/pages/{id}"), Some(&json!({"text": "y"})));
    assert_eq!(twin.says(&change), (428, json!({"error": "If-Match is required"})));
    assert_eq!(twin.says(&with(change.clone(), "if-match", "\"9\"")).0, 412);
    assert_eq!(twin.says(&with(change.clone(), "if-match", "\"1\"")).0, 200);
    assert_eq!(twin.says(&with(change, "if-match", "\"1\"")), (412, json!({"error": "changed meanwhile"})));
}

#[test]
fn broken_and_foreign_bodies_are_refused_everywhere_alike() {
    let mut recording = lamps();
    recording.note(raw("POST", "/lamps", "application/json", "{\"a\":"), &(400, json!({"detail": "parse error"})));
    let media = json!({"detail": "unsupported media type \"text/csv\""});
    recording.note(raw("POST", "/lamps", "text/csv", "a,b"), &(415, media));
    for n in 1..=3 {
        let row = json!({"id": n, "name": format!("lamp {n}"), "colour": "red", "watts": n * 6});
        recording.note(request("PUT", &format!("/lamps/{n}"), Some(&row)), &(200, row));
    }
    let mut twin = recording.twin();
    assert_eq!(twin.says(&raw("PUT", "/lamps/2", "application/json", "{{")), (400, json!({"detail": "parse error"})));
    let (status, body) = twin.says(&raw("PUT", "/lamps/2", "application/xml", "<a/>"));
    assert_eq!((status, body), (415, json!({"detail": "unsupported media type \"application/xml\""})));
    let (status, body) =
        twin.says(&request("PUT", "/lamps/2", Some(&json!({"name": "n", "colour": "pink", "watts": 2}))));
    assert_eq!(
        (status, &body["detail"][0]["msg"]),
        (422, &json!("value is not one of the choices")),
        "as POST refuses it"
    );
}

#[test]
fn nulls_and_blanks_and_types_have_words_of_their_own() {
    let mut recording = Recording::default();
    for n in 1..=6 {
        let row = json!({"id": n, "title": format!("t{n}"), "rank": n});
        recording.note(post("/notes", json!({"title": format!("t{n}"), "rank": n})), &(201, row.clone()));
        recording.note(request("GET", &format!("/notes/{n}"), None), &(200, row));
    }
    for (value, text) in
        [(Value::Null, "may not be null"), (json!(""), "may not be blank"), (json!([1]), "not a valid string")]
    {
        let refused = json!({"title": [format!("This field {text}.")]});
        recording.note(post("/notes", json!({"title": value, "rank": 1})), &(400, refused));
    }
    let mut twin = recording.twin();
    let mut said = |title: Value| twin.says(&post("/notes", json!({"title": title, "rank": 2}))).1["title"].clone();
    assert_eq!(said(Value::Null), json!(["This field may not be null."]));
    assert_eq!(said(json!("  ")), json!(["This field may not be blank."]));
    assert_eq!(said(json!({"a": 1})), json!(["This field not a valid string."]));
    assert_eq!(said(json!("fine")), json!("fine"));
}
