//! GraphQL operations behind one path are endpoints of their own.

mod stage;
mod support;

use serde_json::{Value, json};
use understudy_contract::openapi::{Options, document};
use understudy_contract::{Body, Exchange, Model};

fn ask(id: usize, body: &Value, answer: &str) -> Exchange {
    let mut exchange = support::exchange(id, &format!("POST /graphql 200 {answer}"));
    exchange.request.headers.0.push(("content-type".into(), "application/json".into()));
    exchange.request.body = Body { bytes: body.to_string().into(), truncated: false };
    exchange
}

fn traffic() -> Vec<Exchange> {
    let mut all = Vec::new();
    for n in 0..15 {
        let query =
            json!({ "query": "query Users($n: Int) { users(first: $n) { id login } }", "variables": { "n": n } });
        all.push(ask(3 * n, &query, &format!(r#"{{"data":{{"users":[{{"id":{n},"login":"u{n}"}}]}}}}"#)));
        let change = json!({ "query": "mutation Add { add { id } }", "variables": {} });
        all.push(ask(3 * n + 1, &change, &format!(r#"{{"data":{{"add":{{"id":"{n}-x"}}}}}}"#)));
        let named = json!({ "query": "query A { a } query Me { me { age } }", "operationName": "Me" });
        all.push(ask(3 * n + 2, &named, r#"{"data":{"me":{"age":7}}}"#));
    }
    all
}

fn learn(traffic: &[Exchange]) -> Model {
    let mut model = Model::default();
    traffic.iter().for_each(|exchange| model.learn(exchange));
    model
}

#[test]
fn each_operation_is_an_endpoint() {
    let traffic = traffic();
    let contract = learn(&traffic).contract();
    let found: Vec<_> =
        contract.endpoints().iter().map(|e| (e.graphql.as_deref(), e.template.as_str(), e.requests)).collect();
    assert_eq!(found, [(Some("Add"), "/graphql", 15), (Some("Me"), "/graphql", 15), (Some("Users"), "/graphql", 15)]);
    for (exchange, name) in traffic.iter().zip(["Users", "Add", "Me"]) {
        let hit = contract.find_request(&exchange.request).expect("the path is known");
        assert_eq!(hit.endpoint.graphql.as_deref(), Some(name));
        assert_eq!(contract.endpoint(&hit.endpoint.id.0).map(|e| &e.template), Some(&hit.endpoint.template));
    }
    assert!(contract.find("POST", "/graphql").is_some());
    let fields: Vec<String> = contract.endpoints()[1]
        .responses()
        .flat_map(|response| response.bodies.iter().flat_map(|body| body.fields()).collect::<Vec<_>>())
        .map(|field| field.pointer)
        .collect();
    assert_eq!(fields, ["", "/data", "/data/me", "/data/me/age"]);
}

#[test]
fn one_path_of_a_document_holds_them_all() {
    let traffic = traffic();
    let contract = learn(&traffic).contract();
    let options = Options { title: "t".into(), servers: Vec::new(), evidence: true };
    let document = document(&contract, &options);
    let operation = &document["paths"]["/graphql"]["post"];
    let schema = operation.pointer("/requestBody/content/application~1json/schema").expect("a schema");
    let titles: Vec<&str> = schema["oneOf"].as_array().unwrap().iter().map(|s| s["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["Add", "Me", "Users"]);
    assert_eq!(operation.pointer("/x-understudy/graphql/Users/requests"), Some(&json!(15)));
    let mut alone = schema.clone();
    alone["components"] = document["components"].clone();
    let validator = jsonschema::validator_for(&alone).expect("a schema");
    for exchange in &traffic {
        let body: Value = serde_json::from_slice(&exchange.request.body.bytes).unwrap();
        assert!(validator.is_valid(&body), "{body}");
    }
    assert!(!validator.is_valid(&json!({ "query": "query Other { x }", "variables": {} })));
}

#[test]
fn order_does_not_matter() {
    let mut traffic = traffic();
    let all = learn(&traffic).encode();
    traffic.reverse();
    assert_eq!(learn(&traffic).encode(), all);
    let mut left = learn(&traffic[..20]);
    left.merge(learn(&traffic[20..]));
    assert_eq!(left.encode(), all);
}

#[test]
fn the_twin_answers_each_operation_with_its_own() {
    let mut recording = stage::Recording::default();
    let of = |query: &str, n: usize| {
        stage::request("POST", "/graphql", Some(&json!({ "query": query, "variables": { "id": n } })))
    };
    let (user, shop) = ("query User($id: Int) { user(id: $id) { id login } }", "query Shop { shop { name open } }");
    for n in 1..=9 {
        let one = json!({ "data": { "user": { "id": n, "login": format!("user-{n}") } } });
        recording.note(of(user, n), &(200, one));
        recording.note(of(shop, n), &(200, json!({ "data": { "shop": { "name": "Corner", "open": true } } })));
    }
    let mut twin = recording.twin();
    assert_eq!(twin.says(&of(shop, 4)), (200, json!({ "data": { "shop": { "name": "Corner", "open": true } } })));
    let (status, body) = twin.says(&of(user, 7));
    assert_eq!((status, &body["data"]["user"]["login"]), (200, &json!("user-7")), "{body}");
    let unknown = of("query Bill { bill { total } }", 1);
    let refused = stage::play(&twin.contract, &twin.behaviour, &mut twin.state, &unknown);
    assert!(refused.is_err(), "{refused:?}");
}
