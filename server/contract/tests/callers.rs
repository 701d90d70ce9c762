//! Who calls: credentials that an API gives out, that clients bring, and that end.

mod stage;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use stage::{Recording, request, with};
use understudy_contract::Request;

fn as_caller(request: Request, token: &str) -> Request {
    with(request, "authorization", &format!("Bearer {token}"))
}

fn sign_in(name: &str, password: &str) -> Request {
    request("POST", "/sessions", Some(&json!({"name": name, "password": password})))
}

/// Accounts, sign-in by name and password that answers a token alone, and a page of the caller's own.
fn recorded() -> Recording {
    let mut recording = Recording::default();
    for n in 1..=4_u64 {
        let (name, password, token) = (format!("user{n}"), format!("secret-{n}"), format!("token-of-{n}-00000"));
        let account = json!({"id": n, "name": name});
        let sent = json!({"name": name, "password": password});
        recording.note(request("POST", "/accounts", Some(&sent)), &(201, account.clone()));
        recording.note(sign_in(&name, &password), &(200, json!({"token": token})));
        recording.note(sign_in(&name, "wrong"), &(401, json!({"error": "who?"})));
        recording.note(as_caller(request("GET", "/me", None), &token), &(200, account));
        recording.note(request("GET", "/me", None), &(401, json!({"error": "sign in"})));
        recording.note(as_caller(request("GET", "/me", None), "token-of-nobody"), &(401, json!({"error": "who?"})));
        let note = json!({"id": n, "text": format!("note {n}"), "by": name});
        let sent = json!({"text": format!("note {n}")});
        recording.note(as_caller(request("POST", "/notes", Some(&sent)), &token), &(201, note));
        recording.note(as_caller(request("DELETE", "/sessions", None), &token), &(204, Value::Null));
        recording.note(as_caller(request("GET", "/me", None), &token), &(401, json!({"error": "who?"})));
    }
    recording
}

#[test]
fn a_sign_in_that_answers_a_token_alone_makes_a_session_of_that_account() {
    let mut twin = recorded().twin();
    let mut token = |name: &str| {
        let sent = json!({"name": name, "password": format!("pw-of-{name}")});
        assert_eq!(twin.says(&request("POST", "/accounts", Some(&sent))).0, 201);
        assert_eq!(twin.says(&sign_in(name, "guess")).0, 401, "a wrong password");
        let (status, body) = twin.says(&sign_in(name, &format!("pw-of-{name}")));
        assert_eq!(status, 200);
        body["token"].as_str().expect("a token").to_owned()
    };
    let (amber, birch) = (token("amber"), token("birch"));
    assert_ne!(amber, birch);
    let mut me = |token: &str| twin.says(&as_caller(request("GET", "/me", None), token));
    assert_eq!(me(&amber).1["name"], "amber");
    assert_eq!(me(&birch).1["name"], "birch");
    assert_eq!(me("token-of-a-stranger").0, 401);
    let sent = json!({"text": "mine"});
    let note = twin.says(&as_caller(request("POST", "/notes", Some(&sent)), &birch)).1;
    assert_eq!(note["by"], "birch");
}

#[test]
fn a_session_that_was_ended_is_refused() {
    let mut twin = recorded().twin();
    twin.says(&request("POST", "/accounts", Some(&json!({"name": "cedar", "password": "long enough"}))));
    let token = twin.says(&sign_in("cedar", "long enough")).1["token"].as_str().expect("a token").to_owned();
    let me = as_caller(request("GET", "/me", None), &token);
    assert_eq!(twin.says(&me).0, 200);
    assert_eq!(twin.says(&as_caller(request("DELETE", "/sessions", None), &token)).0, 204);
    assert_eq!(twin.says(&me).0, 401);
}

#[test]
fn cookies_are_given_out_and_recognised() {
    let mut recording = Recording::default();
    for n in 1..=3_u64 {
        let account = json!({"id": n, "mail": format!("a{n}@example.test")});
        let sent = json!({"mail": account["mail"], "password": format!("secret-{n}")});
        recording.note(request("POST", "/join", Some(&sent)), &(201, account.clone()));
        let cookie = format!("sid=cookie-value-{n}; Path=/; HttpOnly");
        recording.note_with(
            request("POST", "/login", Some(&sent)),
            &[("set-cookie", &cookie)],
            &(200, json!({"ok": true})),
        );
        let own = with(request("GET", "/profile", None), "cookie", &format!("theme=dark; sid=cookie-value-{n}"));
        recording.note(own, &(200, account));
        recording.note(request("GET", "/profile", None), &(401, json!({"error": "no session"})));
    }
    let mut twin = recording.twin();
    let sent = json!({"mail": "elder@example.test", "password": "rowan"});
    twin.says(&request("POST", "/join", Some(&sent)));
    let answer = twin.ask(&request("POST", "/login", Some(&sent)));
    let field = answer.headers.get("set-cookie").expect("a cookie");
    assert!(field.starts_with("sid=") && field.ends_with("; Path=/; HttpOnly"), "{field}");
    let pair = field.split(';').next().expect("a pair").to_owned();
    let profile = with(request("GET", "/profile", None), "cookie", &format!("theme=light; {pair}"));
    assert_eq!(twin.says(&profile).1["mail"], "elder@example.test");
    assert_eq!(twin.says(&request("GET", "/profile", None)).0, 401);
}

#[test]
fn keys_that_clients_bring_are_not_refused_for_being_new() {
    let mut recording = Recording::default();
    for n in 0..6_u64 {
        let key = format!("key-number-{n}");
        recording.note(as_caller(request("GET", "/things", None), &key), &(200, json!([{"id": 1, "name": "one"}])));
        recording.note(request("GET", "/things", None), &(401, json!({"error": "no key"})));
    }
    let mut twin = recording.twin();
    assert_eq!(twin.says(&as_caller(request("GET", "/things", None), "key-never-seen")).0, 200);
    assert_eq!(twin.says(&request("GET", "/things", None)).0, 401);
}

#[test]
fn basic_credentials_are_those_of_the_account_that_was_made() {
    let basic = |request: Request, name: &str, password: &str| {
        with(request, "authorization", &format!("Basic {}", BASE64_STANDARD.encode(format!("{name}:{password}"))))
    };
    let mut recording = Recording::default();
    for n in 1..=4_u64 {
        let (name, password) = (format!("user{n}"), format!("secret-{n}"));
        let made = request("PUT", &format!("/accounts/{name}"), Some(&json!({"password": password})));
        recording.note(made, &(201, json!({"id": name, "active": true})));
        let own = request("GET", &format!("/accounts/{name}"), None);
        recording.note(basic(own.clone(), &name, &password), &(200, json!({"id": name, "active": true})));
        recording.note(basic(own.clone(), &name, "wrong"), &(401, json!({"error": "no"})));
        recording.note(own, &(401, json!({"error": "no"})));
    }
    let mut twin = recording.twin();
    let made = twin.says(&request("PUT", "/accounts/fern", Some(&json!({"password": "moss"}))));
    assert_eq!(made, (201, json!({"id": "fern", "active": true})));
    let own = request("GET", "/accounts/fern", None);
    assert_eq!(twin.says(&basic(own.clone(), "fern", "moss")).0, 200);
    assert_eq!(twin.says(&basic(own, "fern", "peat")).0, 401);
}
