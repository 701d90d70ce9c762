//! Collections whose answers share one envelope, and things of one kind that do.

mod stage;

use serde_json::{Value, json};
use stage::{Recording, request};

fn envelope(kind: &str, id: u64, attributes: &Value) -> Value {
    json!({
        "jsonapi": {"version": "1.0"},
        "meta": {"copyright": "none", "node": "a"},
        "links": {"self": format!("/rest/{kind}/{id}")},
        "data": {"type": kind, "id": id.to_string(), "attributes": attributes},
    })
}

fn templates(recording: &Recording) -> Vec<String> {
    recording.model.contract().endpoints().iter().map(|endpoint| endpoint.template.clone()).collect()
}

#[test]
fn kinds_with_members_of_their_own_are_collections() {
    let mut recording = Recording::default();
    for n in 1..=12 {
        let person = json!({"name": format!("name {n}"), "email": format!("m{n}@mail.test"), "age": n});
        let article = json!({"title": format!("title {n}"), "content": "text", "views": n});
        let order = json!({"total": n, "currency": "EUR", "paid": true});
        for (kind, attributes) in [("people", person), ("articles", article), ("orders", order)] {
            recording.note(request("GET", &format!("/rest/{kind}/{n}"), None), &(200, envelope(kind, n, &attributes)));
        }
    }
    let templates = templates(&recording);
    for kind in ["people", "articles", "orders"] {
        assert!(templates.contains(&format!("/rest/{kind}/{{id}}")), "{kind}: {templates:?}");
    }
}

#[test]
fn things_of_one_kind_with_optional_members_are_one() {
    let mut recording = Recording::default();
    for n in 1..=30_u64 {
        let mut own = json!({"name": format!("name {n}"), "email": format!("m{n}@mail.test"), "age": n});
        // Some have this, some have that, and each is asked for several times.
        own[if n % 2 == 0 { "bio" } else { "company" }] = json!("there");
        let name = format!("{}{}", ["ada", "bob", "cyd", "dan", "eve"][(n % 5) as usize], n * 7 % 30);
        for _ in 0..4 {
            recording.note(request("GET", &format!("/rest/{name}"), None), &(200, envelope("people", n, &own)));
        }
    }
    assert_eq!(templates(&recording).len(), 1, "{:?}", templates(&recording));
}
