//! What people decide about templates: it wins, holds for history, and can be taken back.

mod support;

use support::{exchange, learn};
use understudy_contract::Contract;
use understudy_contract::rules::{self, Change, Rules};

fn rules(all: &[&str]) -> Rules {
    let changes = all.iter().map(|json| serde_json::from_str::<Change>(json).expect("a rule"));
    changes.fold(Rules::default(), |rules, change| rules.with(change).expect("a rule that can be kept"))
}

fn templates(contract: &Contract) -> Vec<String> {
    contract.endpoints().iter().map(|endpoint| format!("{} {}", endpoint.method, endpoint.template)).collect()
}

#[track_caller]
fn check(story: &str, under: &[&str], expected: &[&str]) {
    let model = learn(story);
    let before = model.contract();
    assert_eq!(templates(&model.contract_under(&rules(under))), expected);
    assert_eq!(templates(&model.contract()), templates(&before), "taken back, nothing of a rule is left");
}

const PEOPLE: &str = r#"GET /users 200 [{"login":"ada"},{"login":"leo"}]
    GET /users/ada 200 {"login":"ada","age":3}
    GET /users/leo 200 {"login":"leo","age":4}"#;

#[test]
fn a_parameter_becomes_literals_again() {
    check(PEOPLE, &[], &["GET /users", "GET /users/{id}"]);
    check(PEOPLE, &[r#"{"kind":"split","at":"/users/{id}"}"#], &["GET /users", "GET /users/ada", "GET /users/leo"]);
}

#[test]
fn one_literal_leaves_a_parameter() {
    let split = r#"{"kind":"split","at":"/users/{}","values":["ada"]}"#;
    check(PEOPLE, &[split], &["GET /users", "GET /users/ada", "GET /users/{id}"]);
    let codes = "GET /status/200 200 {}\nGET /status/503 503 {}\nGET /status/404/why 200 {}";
    let split = r#"{"kind":"split","at":"/status/{id}","values":["503"]}"#;
    check(
        codes,
        &[split],
        &["GET /status/503", "GET /status/503/why", "GET /status/{id}", "GET /status/{statusId}/why"],
    );
    check(
        codes,
        &[r#"{"kind":"split","at":"/status/{id}"}"#],
        &[
            "GET /status/200",
            "GET /status/200/why",
            "GET /status/404",
            "GET /status/404/why",
            "GET /status/503",
            "GET /status/503/why",
        ],
    );
}

#[test]
fn what_was_split_off_is_summarised_apart_from_then_on() {
    let story = "GET /status/200 200 {\"a\":1}\nGET /status/503 200 {\"b\":1}";
    let under = rules(&[r#"{"kind":"split","at":"/status/{id}","values":["503"]}"#]);
    let mut model = learn(story);
    model.learn_under(&exchange(9, "GET /status/503 200 {\"c\":1}"), None, &under);
    let fields = |contract: &Contract, path: &str| {
        let body = contract.find("GET", path).expect(path).endpoint.responses().next().expect("an answer").bodies[0];
        body.fields().into_iter().map(|field| field.name).collect::<String>()
    };
    let contract = model.contract_under(&under);
    assert_eq!((&*fields(&contract, "/status/503"), &*fields(&contract, "/status/200")), ("c", "ab"));
    let back = model.contract();
    assert_eq!((templates(&back), &*fields(&back, "/status/1")), (vec!["GET /status/{id}".to_owned()], "abc"));
}

#[test]
fn siblings_become_one() {
    let story = "GET /shops/north/items 200 []\nGET /shops/south/items 200 {}\nGET /shops/all 200 {}";
    check(story, &[], &["GET /shops/all", "GET /shops/north/items", "GET /shops/south/items"]);
    let merge = r#"{"kind":"merge","at":"/shops/{id}","values":["north","south"],"name":"shop"}"#;
    check(story, &[merge], &["GET /shops/all", "GET /shops/{shop}/items"]);
    check(story, &[r#"{"kind":"merge","at":"/shops/{}"}"#], &["GET /shops/{id}", "GET /shops/{shopId}/items"]);
    check(
        "GET /users/me 200 {}\nGET /users/7 200 {}",
        &[r#"{"kind":"merge","at":"/users/{id}","values":["me"]}"#],
        &["GET /users/{id}"],
    );
    check(
        "GET /v1/x 200 {}\nGET /v2/x 200 {}",
        &[r#"{"kind":"merge","at":"/{version}","name":"version"}"#],
        &["GET /{version}/x"],
    );
}

#[test]
fn a_pattern_makes_a_parameter() {
    let story = "GET /rates/EUR 200 {}\nGET /rates/usd 200 {}\nGET /rates/latest 200 {}\nGET /rates/EUR/USD 200 {}";
    let three = r#"{"kind":"regex","at":"/rates/{id}","pattern":"(?i)[a-z]{3}","name":"currency"}"#;
    check(story, &[three], &["GET /rates/latest", "GET /rates/{currency}", "GET /rates/{currency}/USD"]);
    let below = r#"{"kind":"regex","at":"/rates/{}/{}","pattern":"[A-Z]+","name":"to"}"#;
    check(story, &[three, below], &["GET /rates/latest", "GET /rates/{currency}", "GET /rates/{currency}/{to}"]);
    check(
        "GET /files/a.json 200 {}\nGET /files/a 200 {}",
        &[r#"{"kind":"regex","at":"/files/{}.json","pattern":"."}"#],
        &["GET /files/{id}", "GET /files/{id}.json"],
    );
}

#[test]
fn a_parameter_gets_another_name() {
    let story = "GET /users/7 200 {}\nGET /users/7/posts/9 200 {}";
    let rename = r#"{"kind":"rename","at":"/users/{id}","name":"login"}"#;
    check(story, &[rename], &["GET /users/{login}", "GET /users/{login}/posts/{id}"]);
    let twice = r#"{"kind":"rename","at":"/users/{id}/posts/{id}","name":"login"}"#;
    check(story, &[rename, twice], &["GET /users/{login}", "GET /users/{login}/posts/{id}"]);
}

#[test]
fn the_later_rule_wins() {
    let (split, merge) = (r#"{"kind":"split","at":"/users/{id}"}"#, r#"{"kind":"merge","at":"/users/{id}"}"#);
    check(PEOPLE, &[split, merge], &["GET /users", "GET /users/{id}"]);
    check(PEOPLE, &[merge, split], &["GET /users", "GET /users/ada", "GET /users/leo"]);
}

#[test]
fn an_endpoint_is_hidden() {
    let hide = r#"{"kind":"hide","method":"GET","at":"/users/{anything}"}"#;
    check(PEOPLE, &[hide], &["GET /users"]);
    assert!(learn(PEOPLE).contract_under(&rules(&[hide])).find("GET", "/users/ada").is_none());
}

#[test]
fn what_moves_is_told_beforehand() {
    let model = learn(PEOPLE);
    let under = rules(&[r#"{"kind":"split","at":"/users/{id}","values":["ada"]}"#]);
    let moves = |before: &Contract, after: &Contract| serde_json::to_value(rules::moves(before, after)).unwrap();
    let (before, after) = (model.contract(), model.contract_under(&under));
    assert_eq!(
        moves(&before, &after),
        serde_json::json!([{ "method": "GET", "before": "/users/{id}", "after": "/users/ada" }])
    );
    assert_eq!(
        moves(&after, &before),
        serde_json::json!([{ "method": "GET", "before": "/users/ada", "after": "/users/{id}" }])
    );
    assert_eq!(moves(&before, &before), serde_json::json!([]));
}
