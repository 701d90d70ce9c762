//! What writes did where their answers do not say, endpoints that do several things, and values made with each answer.

mod stage;

use serde_json::{Value, json};
use stage::{Recording, request, with};

#[test]
fn a_create_that_answers_nothing_is_known_by_the_rows_after_it() {
    let mut recording = Recording::default();
    let mut rows = vec![json!({"id": 1, "name": "first kind"})];
    recording.note(request("GET", "/kinds", None), &(200, json!(rows)));
    for n in 2..=5 {
        let name = format!("kind number {n}");
        recording.note(request("POST", "/kinds", Some(&json!({"name": name}))), &(200, Value::Null));
        rows.push(json!({"id": n, "name": name}));
        recording.note(request("GET", "/kinds", None), &(200, json!(rows)));
    }
    let mut twin = recording.twin();
    assert_eq!(twin.says(&request("POST", "/kinds", Some(&json!({"name": "quite new"})))), (200, Value::Null));
    let (_, all) = twin.says(&request("GET", "/kinds", None));
    assert_eq!(all.as_array().map(Vec::len), Some(6), "{all}");
    assert_eq!(all[5], json!({"id": 6, "name": "quite new"}));
}

#[test]
fn a_create_that_answers_an_id_and_a_version_keeps_what_was_sent() {
    let mut recording = Recording::default();
    for n in 1..=5 {
        let (id, rev) = (format!("doc-{n}f3a"), format!("1-{n}c0ffee{n}"));
        let path = format!("/papers/{id}");
        let (title, pages) = (format!("Paper {n}"), n * 10);
        recording.note(
            request("POST", "/papers", Some(&json!({"title": title, "pages": pages}))),
            &(201, json!({"ok": true, "ref": id, "rev": rev})),
        );
        let row = json!({"_id": id, "_rev": rev, "title": title, "pages": pages, "state": "draft"});
        recording.note(request("GET", &path, None), &(200, row.clone()));
        let rev = format!("2-{n}decade{n}");
        recording.note(request("PATCH", &path, Some(&json!({"pages": 7}))), &(200, json!({"ok": true, "rev": rev})));
        let row = json!({"_id": id, "_rev": rev, "title": title, "pages": 7, "state": "draft"});
        recording.note(request("GET", &path, None), &(200, row));
    }
    let mut twin = recording.twin();
    let (status, made) = twin.says(&request("POST", "/papers", Some(&json!({"title": "New", "pages": 3}))));
    let id = made["ref"].as_str().expect("an id").to_owned();
    let (_, row) = twin.says(&request("GET", &format!("/papers/{id}"), None));
    assert_eq!((status, &row["_id"], &row["title"], &row["pages"]), (201, &json!(id), &json!("New"), &json!(3)));
    assert_eq!((&row["_rev"], &row["state"]), (&made["rev"], &json!("draft")));
    let (_, changed) = twin.says(&request("PATCH", &format!("/papers/{id}"), Some(&json!({"pages": 99}))));
    let (_, row) = twin.says(&request("GET", &format!("/papers/{id}"), None));
    assert_eq!((&row["pages"], &row["title"], &row["_rev"]), (&json!(99), &json!("New"), &changed["rev"]));
    assert_ne!(changed["rev"], made["rev"]);
}

#[test]
fn one_object_and_a_list_of_them_are_two_cases() {
    let mut recording = Recording::default();
    for n in 1..=8 {
        let row = json!({"id": n, "name": format!("name {n}")});
        let sent = json!({"name": format!("name {n}")});
        if n % 4 == 0 {
            recording.note(
                request("POST", "/people", Some(&json!([sent]))),
                &(201, json!({"items": [row], "status": "OK"})),
            );
        } else {
            recording.note(request("POST", "/people", Some(&sent)), &(201, row));
        }
    }
    let mut twin = recording.twin();
    let (status, row) = twin.says(&request("POST", "/people", Some(&json!({"name": "only one"}))));
    assert_eq!((status, row), (201, json!({"id": 9, "name": "only one"})));
    let (_, many) = twin.says(&request("POST", "/people", Some(&json!([{"name": "in a list"}]))));
    assert!(many["items"].is_array(), "{many}");
}

#[test]
fn a_word_in_a_header_chooses_the_operation() {
    let mut recording = Recording::default();
    for n in 1..=6 {
        let call = |operation: &str| with(request("POST", "/", Some(&json!({"n": n}))), "x-target", operation);
        recording.note(call("Describe"), &(200, json!({"table": "t", "state": "ACTIVE"})));
        recording.note(call("Count"), &(200, json!({"total": 4})));
        recording.note(call("Ping"), &(200, json!({"pong": true})));
    }
    let mut twin = recording.twin();
    for (operation, expected) in [
        ("Count", json!({"total": 4})),
        ("Ping", json!({"pong": true})),
        ("Describe", json!({"table": "t", "state": "ACTIVE"})),
    ] {
        let call = with(request("POST", "/", Some(&json!({"n": 77}))), "x-target", operation);
        assert_eq!(twin.says(&call), (200, expected), "{operation}");
    }
}

#[test]
fn who_signed_in_sees_more() {
    let mut recording = Recording::default();
    for n in 1..=3 {
        recording.note(request("GET", "/", None), &(200, json!({"version": "1.2"})));
        let signed = with(request("GET", "/", None), "authorization", &format!("Bearer token-number-{n}"));
        recording.note(signed, &(200, json!({"version": "1.2", "scopes": ["read"]})));
    }
    let mut twin = recording.twin();
    assert_eq!(twin.says(&request("GET", "/", None)), (200, json!({"version": "1.2"})));
    let signed = with(request("GET", "/", None), "authorization", "Bearer token-number-2");
    assert_eq!(twin.says(&signed), (200, json!({"version": "1.2", "scopes": ["read"]})));
}

#[test]
fn a_login_that_answers_only_a_token_lets_in_whom_the_form_names() {
    let mut recording = Recording::default();
    for n in 1..=4 {
        let (mail, secret) = (format!("user{n}@mail.test"), format!("Secret-{n}-long"));
        let row = json!({"id": 40 + n, "email": mail});
        recording
            .note(request("POST", "/users", Some(&json!({"email": mail, "password": secret}))), &(201, row.clone()));
        let token = format!("tokentoken{n}");
        recording.note(
            request("POST", "/login", Some(&json!({"username": mail, "password": secret}))),
            &(
                200,
                json!({"access_token": token, "user_id": 40 + n, "expires": (1_750_000_000 + n * 150 / 1000 + 3600)}),
            ),
        );
        recording.note(with(request("GET", "/me", None), "authorization", &format!("Bearer {token}")), &(200, row));
    }
    let wrong = json!({"detail": "LOGIN_BAD_CREDENTIALS"});
    for n in 1..=3 {
        let body = json!({"username": format!("user{n}@mail.test"), "password": "wrong"});
        recording.note(request("POST", "/login", Some(&body)), &(400, wrong.clone()));
    }
    let mut twin = recording.twin();
    twin.says(&request("POST", "/users", Some(&json!({"email": "new@mail.test", "password": "Fresh-secret"}))));
    let login =
        |password: &str| request("POST", "/login", Some(&json!({"username": "new@mail.test", "password": password})));
    let (status, session) = twin.says(&login("Fresh-secret"));
    assert_eq!((status, &session["user_id"]), (200, &json!(45)), "{session}");
    let token = session["access_token"].as_str().expect("a token");
    let me = with(request("GET", "/me", None), "authorization", &format!("Bearer {token}"));
    assert_eq!(twin.says(&me), (200, json!({"id": 45, "email": "new@mail.test"})));
    assert_eq!(twin.says(&login("Other-secret")), (400, wrong));
}

#[test]
fn times_and_ids_of_an_answer_are_made_with_it() {
    let mut recording = Recording::default();
    for n in 1..=4_u64 {
        let now = 1_750_000_000_000 + n * 50;
        let body =
            json!({"time": now + 1, "until": now + 600_000, "request": format!("9f{n}c0d3a{n}b7e"), "name": "clock"});
        recording.note(request("GET", "/status", None), &(200, body));
    }
    let mut twin = recording.twin();
    let (_, first) = twin.says(&request("GET", "/status", None));
    let (_, second) = twin.says(&request("GET", "/status", None));
    assert_eq!((&first["time"], &first["until"]), (&json!(1_760_000_000_000_u64), &json!(1_760_000_600_000_u64)));
    assert_eq!(first["name"], "clock");
    assert_ne!(first["request"], second["request"]);
}

#[test]
fn one_collection_under_two_addresses_is_one() {
    let mut recording = Recording::default();
    for n in 1..=6 {
        let store = n % 2 + 1;
        let row = json!({"id": n, "sku": format!("sku-{n}-x"), "price": n * 10, "storeId": store});
        let sent = json!({"sku": format!("sku-{n}-x"), "price": n * 10});
        recording.note(request("POST", &format!("/stores/{store}/products"), Some(&sent)), &(201, row.clone()));
        recording.note(request("GET", &format!("/products/{n}"), None), &(200, row));
    }
    let mut twin = recording.twin();
    let sent = json!({"sku": "sku-new", "price": 5});
    let (_, made) = twin.says(&request("POST", "/stores/2/products", Some(&sent)));
    assert_eq!(made, json!({"id": 7, "sku": "sku-new", "price": 5, "storeId": 2}));
    assert_eq!(twin.says(&request("GET", "/products/7", None)), (200, made));
}
