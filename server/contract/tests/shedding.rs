//! When nine exchanges in ten are let go, what is left tells the same story.

mod support;

use std::collections::BTreeMap;

use support::exchange;
use understudy_contract::{Contract, Model};

fn mixed(n: usize) -> usize {
    ((n as u64 ^ 0x9e37).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33) as usize
}

/// One request of a shop: ids of several kinds, names beside them, fields that come and go.
fn line(n: usize) -> String {
    let (r, id) = (mixed(n), mixed(n * 31) % 60);
    let slug = ["red", "blue", "old", "tiny", "loud"][id % 5].to_owned()
        + ["-fox", "-owl", "-elk"][id % 3]
        + &"-jr".repeat(id / 15);
    let note = if r.is_multiple_of(3) { r#","note":"x y""# } else { "" };
    let user = format!(r#"{{"id":{id},"login":"u{id}","email":"u{id}@b.co","admin":false{note}}}"#);
    let article = format!(r#"{{"slug":"{slug}","title":"T {id}","words":{r},"state":"{}"}}"#, ["draft", "live"][r % 2]);
    match r % 10 {
        0 => format!("GET /v1/users 200 [{user},{user}]"),
        1 | 2 => format!("GET /v1/users/{id} 200 {user}"),
        3 => "GET /v1/users/me 200 {\"id\":1,\"login\":\"u1\",\"email\":\"u1@b.co\",\"admin\":true}".to_owned(),
        4 => format!("GET /v1/users/{id}/articles 200 [{article}]"),
        5 | 6 => format!("GET /v1/articles/{slug} 200 {article}"),
        7 => format!("GET /v1/articles 200 [{article}]"),
        8 => format!("POST /v1/articles/{slug}/likes 201 {{\"likes\":{r},\"by\":\"u{id}\"}}"),
        _ => format!("GET /v1/users/{} 404 {{\"error\":\"no such user\"}}", 10_000 + r % 900),
    }
}

/// Of each template its required fields, and the types of all, by status and pointer.
type Facts = BTreeMap<String, BTreeMap<String, (bool, Vec<&'static str>)>>;

fn facts(contract: &Contract) -> Facts {
    let mut facts = Facts::new();
    for endpoint in contract.endpoints() {
        let of = facts.entry(format!("{} {}", endpoint.method, endpoint.template)).or_default();
        for response in endpoint.responses().filter(|response| response.status < 400) {
            for field in response.bodies.iter().flat_map(|body| body.fields()) {
                of.insert(format!("{} {}", response.status, field.pointer), (field.required, field.types));
            }
        }
    }
    facts
}

fn learn(picked: impl Fn(usize) -> bool) -> Facts {
    let mut model = Model::default();
    (0..6000).filter(|n| picked(*n)).for_each(|n| model.learn(&exchange(n, &line(n))));
    facts(&model.contract())
}

#[test]
fn nine_in_ten_let_go() {
    let all = learn(|_| true);
    let templates: Vec<&str> = all.keys().map(String::as_str).collect();
    assert_eq!(
        templates,
        [
            "GET /v1/articles",
            "GET /v1/articles/{slug}",
            "GET /v1/users",
            "GET /v1/users/me",
            "GET /v1/users/{id}",
            "GET /v1/users/{userId}/articles",
            "POST /v1/articles/{articleSlug}/likes",
        ]
    );
    assert_eq!(learn(|n| mixed(n * 7 + 1).is_multiple_of(10)), all);
}

/// A queue that is full sheds in bursts: long stretches are missing as a whole.
#[test]
fn long_stretches_let_go() {
    assert_eq!(learn(|n| n % 1500 < 150), learn(|_| true));
}
