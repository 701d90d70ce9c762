//! Writes of several rows in one call, and what deletes say of the row that is gone.

mod stage;

use serde_json::{Value, json};
use stage::{Recording, request};

fn thing(n: u64, topic: &str) -> Value {
    json!({"id": n, "title": format!("thing number {n}"), "topic": topic, "done": false})
}

/// Things made one by one, read by topic, and changed and removed by it.
fn recording() -> Recording {
    let mut recording = Recording::default();
    let mut next = 1;
    for round in 1..=3 {
        let topic = format!("topic-{round}");
        let mut rows = Vec::new();
        for _ in 0..2 {
            let row = thing(next, &topic);
            let sent = json!({"title": row["title"], "topic": topic});
            recording.note(request("POST", "/things", Some(&sent)), &(201, row.clone()));
            rows.push(row);
            next += 1;
        }
        let pair = [thing(next, &topic), thing(next + 1, &topic)];
        next += 2;
        let sent: Vec<Value> = pair.iter().map(|row| json!({"title": row["title"], "topic": topic})).collect();
        recording.note(request("POST", "/things", Some(&json!(sent))), &(201, json!(pair)));
        rows.extend(pair);
        let target = format!("/things?topic={topic}");
        recording.note(request("GET", &target, None), &(200, json!(rows)));
        recording.note(request("GET", "/things?topic=none", None), &(200, json!([])));
        rows.iter_mut().for_each(|row| row["done"] = json!(true));
        recording.note(request("PATCH", &target, Some(&json!({"done": true}))), &(200, json!(rows)));
        recording.note(request("GET", &target, None), &(200, json!(rows)));
        if round < 3 {
            recording.note(request("DELETE", &target, None), &(200, json!(rows)));
            recording.note(request("GET", &target, None), &(200, json!([])));
        }
    }
    recording
}

#[test]
fn a_list_of_objects_makes_a_row_of_each() {
    let mut twin = recording().twin();
    let sent = json!([{"title": "one more", "topic": "t"}, {"title": "another", "topic": "t"}]);
    let (status, made) = twin.says(&request("POST", "/things", Some(&sent)));
    assert_eq!(status, 201);
    assert_eq!(made[0], json!({"id": 13, "title": "one more", "topic": "t", "done": false}));
    assert_eq!(made[1]["id"], 14);
    assert_eq!(twin.says(&request("GET", "/things?topic=t", None)), (200, made));
}

#[test]
fn a_patch_and_a_delete_by_query_are_about_all_that_a_read_lists() {
    let mut twin = recording().twin();
    for title in ["first", "second"] {
        twin.says(&request("POST", "/things", Some(&json!({"title": title, "topic": "fresh"}))));
    }
    let (_, changed) = twin.says(&request("PATCH", "/things?topic=fresh", Some(&json!({"done": true}))));
    assert_eq!(changed.as_array().map(Vec::len), Some(2), "{changed}");
    assert!(changed.as_array().expect("a list").iter().all(|row| row["done"] == true), "{changed}");
    let (_, other) = twin.says(&request("GET", "/things?topic=topic-3", None));
    let (_, gone) = twin.says(&request("DELETE", "/things?topic=fresh", None));
    assert_eq!(gone, changed);
    assert_eq!(twin.says(&request("GET", "/things?topic=fresh", None)), (200, json!([])));
    assert_eq!(twin.says(&request("GET", "/things?topic=topic-3", None)), (200, other));
}

#[test]
fn a_parameter_that_was_never_seen_selects_nothing() {
    let mut twin = recording().twin();
    let (_, before) = twin.says(&request("GET", "/things?topic=topic-3", None));
    twin.says(&request("DELETE", "/things?colour=red", None));
    assert_eq!(twin.says(&request("GET", "/things?topic=topic-3", None)), (200, before));
}

#[test]
fn a_delete_marks_the_row_that_it_shows() {
    let mut recording = Recording::default();
    for n in 1..=4 {
        let row = thing(n, "t");
        let sent = json!({"title": row["title"], "topic": "t"});
        recording.note(request("POST", "/things", Some(&sent)), &(201, row.clone()));
        recording.note(request("GET", &format!("/things/{n}"), None), &(200, row));
        let gone = json!({"id": n, "deleted": true});
        recording.note(request("DELETE", &format!("/things/{n}"), None), &(200, gone));
        recording.note(request("GET", &format!("/things/{n}"), None), &(404, json!({"error": "gone"})));
    }
    let mut twin = recording.twin();
    let (_, made) = twin.says(&request("POST", "/things", Some(&json!({"title": "short lived", "topic": "t"}))));
    let target = format!("/things/{}", made["id"]);
    assert_eq!(twin.says(&request("DELETE", &target, None)), (200, json!({"id": made["id"], "deleted": true})));
    assert_eq!(twin.says(&request("GET", &target, None)), (404, json!({"error": "gone"})));
}

#[test]
fn a_delete_of_a_collection_empties_what_its_path_holds() {
    let mut recording = Recording::default();
    let mut next = 1;
    for store in 1..=3 {
        let path = format!("/stores/{store}/products");
        let mut rows = Vec::new();
        for _ in 0..3 {
            let row = json!({"id": next, "sku": format!("sku-{next}-x"), "storeId": store});
            recording.note(request("POST", &path, Some(&json!({"sku": row["sku"]}))), &(201, row.clone()));
            rows.push(row);
            next += 1;
        }
        recording.note(request("GET", &path, None), &(200, json!(rows)));
        if store < 3 {
            recording.note(request("DELETE", &path, None), &(204, Value::Null));
            recording.note(request("GET", &path, None), &(200, json!([])));
        }
    }
    let mut twin = recording.twin();
    let path = "/stores/9/products";
    twin.says(&request("POST", path, Some(&json!({"sku": "sku-new"}))));
    assert_eq!(twin.says(&request("GET", path, None)).1.as_array().map(Vec::len), Some(1));
    assert_eq!(twin.says(&request("DELETE", path, None)).0, 204);
    assert_eq!(twin.says(&request("GET", path, None)), (200, json!([])));
    assert_eq!(twin.says(&request("GET", "/stores/3/products", None)).1.as_array().map(Vec::len), Some(3));
}
