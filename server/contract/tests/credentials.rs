//! Credentials that the twin gives out: in the form of the API's own, and saying what those say.

mod stage;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use stage::{Recording, request, with};

const AT_S: u64 = 1_750_000_000;

fn jwt(claims: &Value, signature: &str) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(&json!({"alg": "HS256", "typ": "JWT"})), part(claims))
}

fn claims(token: &str) -> Value {
    let claims = token.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

#[test]
fn a_json_web_token_names_its_holder_and_its_time() {
    let mut recording = Recording::default();
    for n in 1..=4_u64 {
        let (name, word) = (format!("nora{n}"), format!("word-{n}-long"));
        let account = json!({"id": n, "login": name, "city": "Oslo"});
        recording.note(
            request("POST", "/accounts", Some(&json!({"login": name, "password": word, "city": "Oslo"}))),
            &(201, account.clone()),
        );
        let said = json!({"sub": n.to_string(), "login": name, "iss": "bank", "iat": AT_S, "exp": AT_S + 3600, "jti": format!("a1b2c3d4e5f{n}")});
        let token = jwt(&said, &format!("c2lnbmF0dXJlLW9mLXRoZS10b2tlbi1udW1iZXItMD{n}"));
        let sign_in = json!({"login": name, "password": word});
        recording.note(request("POST", "/sign-in", Some(&sign_in)), &(200, json!({"token": token})));
        let me = with(request("GET", "/me", None), "authorization", &format!("Bearer {token}"));
        recording.note(me, &(200, account));
    }
    let mut twin = recording.twin();
    twin.says(&request("POST", "/accounts", Some(&json!({"login": "ida", "password": "sesame-7", "city": "Bergen"}))));
    let (status, body) =
        twin.says(&request("POST", "/sign-in", Some(&json!({"login": "ida", "password": "sesame-7"}))));
    assert_eq!(status, 200);
    let token = body["token"].as_str().unwrap();
    let said = claims(token);
    assert_eq!((&said["sub"], &said["login"], &said["iss"]), (&json!("5"), &json!("ida"), &json!("bank")));
    let (iat, exp) = (said["iat"].as_u64().unwrap(), said["exp"].as_u64().unwrap());
    assert_eq!((iat, exp - iat), (1_760_000_000, 3600));
    assert!(said["jti"].as_str().is_some_and(|jti| jti.len() == 12 && jti != "a1b2c3d4e5f4"), "{said}");
    let me = with(request("GET", "/me", None), "authorization", &format!("Bearer {token}"));
    assert_eq!(twin.says(&me), (200, json!({"id": 5, "login": "ida", "city": "Bergen"})));
}

#[test]
fn an_opaque_token_keeps_its_form() {
    let mut recording = Recording::default();
    for n in 1..=3 {
        let account = json!({"id": n, "login": format!("per{n}")});
        let sent = json!({"login": format!("per{n}"), "password": format!("long-word-{n}")});
        recording.note(request("POST", "/accounts", Some(&sent)), &(201, account.clone()));
        let token = format!("9f86d081884c7d659a2feaa0c55ad015a3bf4f{n}b");
        recording.note(request("POST", "/sign-in", Some(&sent)), &(200, json!({"key": token})));
        let me = with(request("GET", "/me", None), "authorization", &format!("Token {token}"));
        recording.note(me, &(200, account));
    }
    let mut twin = recording.twin();
    let (_, body) = twin.says(&request("POST", "/sign-in", Some(&json!({"login": "per2", "password": "long-word-2"}))));
    let token = body["key"].as_str().unwrap();
    assert!(token.len() == 40 && token.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{token}");
    assert!(!token.starts_with("9f86d081"), "{token} is one that was recorded");
}

#[test]
fn two_ways_to_fail_a_sign_in_keep_their_own_words() {
    let mut recording = Recording::default();
    let wrong = (401, json!({"error": "Wrong name or password"}));
    let kind = (401, json!({"error": "This kind of sign-in is not allowed here"}));
    for n in 1..=4 {
        let account = json!({"id": n, "login": format!("per{n}")});
        let sent = json!({"login": format!("per{n}"), "password": format!("long-word-{n}")});
        recording.note(request("POST", "/accounts", Some(&sent)), &(201, account.clone()));
        let sign_in = |kind: &str, password: &str| {
            request("POST", "/sign-in", Some(&json!({"kind": kind, "login": format!("per{n}"), "password": password})))
        };
        let token = format!("9f86d081884c7d659a2feaa0c55ad015a3bf4f{n}b");
        recording.note(sign_in("plain", &format!("long-word-{n}")), &(200, json!({"key": token})));
        let me = with(request("GET", "/me", None), "authorization", &format!("Token {token}"));
        recording.note(me, &(200, account));
        recording.note(sign_in("plain", "not-the-word"), &wrong);
        recording.note(request("POST", "/sign-in", Some(&json!({"kind": "stars", "login": format!("per{n}")}))), &kind);
    }
    let mut twin = recording.twin();
    let sign_in = |kind: &str, login: &str| {
        request("POST", "/sign-in", Some(&json!({"kind": kind, "login": login, "password": "guess-guess"})))
    };
    assert_eq!(twin.says(&sign_in("plain", "per1")), wrong);
    assert_eq!(twin.says(&sign_in("plain", "nobody-here")), wrong);
    assert_eq!(twin.says(&request("POST", "/sign-in", Some(&json!({"kind": "moon", "login": "per1"})))), kind);
}

#[test]
fn two_rows_in_one_answer_are_found_each_by_its_own_way() {
    let mut recording = Recording::default();
    for n in 1..=3 {
        let login = format!("per{n}");
        let account = json!({"id": format!("acc-{n}-x7"), "login": login, "town": "Oslo"});
        let sent = json!({"login": login, "password": format!("long-word-{n}"), "town": "Oslo"});
        let cookie = format!("visit=k3y-of-the-visit-{n}-0a1b2c3d");
        let field = format!("{cookie}; Path=/; HttpOnly");
        recording.note_with(
            request("POST", "/join", Some(&sent)),
            &[("set-cookie", &field)],
            &(200, json!({"account": account})),
        );
        let visit = json!({"id": format!("visit-{n}-q9"), "holder": format!("acc-{n}-x7"), "since": 1_700_000_000 + n});
        let who = with(request("GET", "/visit", None), "cookie", &cookie);
        recording.note(who, &(200, json!({"visit": visit, "account": account})));
    }
    let mut twin = recording.twin();
    let sent = json!({"login": "ida", "password": "sesame-7", "town": "Bergen"});
    let answer = twin.ask(&request("POST", "/join", Some(&sent)));
    let cookie = answer.headers.get("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let joined: Value = serde_json::from_slice(&answer.body).unwrap();
    let (_, seen) = twin.says(&with(request("GET", "/visit", None), "cookie", &cookie));
    assert_eq!(seen["account"], joined["account"]);
    assert_eq!((&seen["account"]["login"], &seen["visit"]["holder"]), (&json!("ida"), &joined["account"]["id"]));
}

#[test]
fn a_password_shown_as_its_hash_still_opens_the_door() {
    use base64::prelude::BASE64_STANDARD;
    let basic = |name: &str, word: &str| format!("Basic {}", BASE64_STANDARD.encode(format!("{name}:{word}")));
    let mut recording = Recording::default();
    let refused = (401, json!({"error": "who are you"}));
    for n in 1..=3 {
        let (name, word) = (format!("kim{n}"), format!("long-word-{n}"));
        let path = format!("/people/{name}");
        let shown = json!({"id": name, "password": format!("$2b$12$kWu9q4s9dmPYnRZ8YO5L{n}"), "floor": n});
        recording.note(request("PUT", &path, Some(&json!({"password": word, "floor": n}))), &(201, shown.clone()));
        let read = |word: &str| with(request("GET", &path, None), "authorization", &basic(&name, word));
        recording.note(read(&word), &(200, shown));
        recording.note(read("not-the-word"), &refused);
        recording.note(request("GET", &path, None), &refused);
    }
    let mut twin = recording.twin();
    let made = twin.says(&request("PUT", "/people/ada", Some(&json!({"password": "sesame-7", "floor": 9}))));
    assert_eq!((made.0, &made.1["floor"]), (201, &json!(9)));
    let read = |word: &str| with(request("GET", "/people/ada", None), "authorization", &basic("ada", word));
    assert_eq!(twin.says(&read("sesame-7")).0, 200);
    assert_eq!(twin.says(&read("sesame-8")), refused);
    let known = with(request("GET", "/people/kim2", None), "authorization", &basic("kim2", "long-word-2"));
    assert_eq!(twin.says(&known).0, 200);
}
