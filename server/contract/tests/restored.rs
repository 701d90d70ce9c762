//! A state of the twin that was stored comes back as it was.

mod stage;

use serde_json::{Value, json};
use stage::{Recording, request};
use understudy_contract::twin::{Extent, State};

/// Found by fuzzing: the collection at two places, of which only one knows its rows, is two of one name and key.
#[test]
fn two_collections_of_one_name_are_kept_apart() {
    let mut recording = Recording::default();
    let row = |id: u64, name: &str| json!({ "id": id, "name": name, "email": format!("{name}@example.org") });
    let mut note = |method: &str, target: &str, body: Option<&Value>, status: u16, answer: Value| {
        recording.note(request(method, target, body), &(status, answer));
    };
    for (id, name) in [(7, "Ada"), (8, "Bob")] {
        note("POST", "/users", Some(&json!({ "name": name })), 201, row(id, name));
    }
    note("GET", "/users", None, 200, json!([{ "id": 7, "name": "Ada" }, { "id": 8, "name": "Bob" }]));
    note("GET", "/users/:7", None, 200, row(7, "Ada"));
    note("PATCH", "/users/7", Some(&json!({ "name": "Ada L" })), 200, json!({ "id": 7, "name": "Ada L" }));
    note("DELETE", "/users/8", None, 204, Value::Null);
    note("GET", "/users/8", None, 404, json!({ "error": "no such user" }));
    let mut twin = recording.twin();
    twin.ask(&request("GET", "/users", None));
    let kept = twin.state.save(&twin.behaviour, Extent::Whole);
    let restored = State::restore(&twin.behaviour, &kept).unwrap();
    assert!(restored.save(&twin.behaviour, Extent::Whole) == kept);
}
