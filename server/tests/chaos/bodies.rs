//! Answers that are not what they were.

use serde_json::{Value, json};
use understudy_contract::twin::shifted_time;

use super::support::{Server, header};
use super::{begin, with_fault};

async fn damaged(server: &Server, path: &str, fault: Value) -> String {
    let kind = fault.as_str().map_or_else(|| fault.as_object().unwrap().keys().next().unwrap().clone(), str::to_owned);
    with_fault(server, fault).await;
    let answer = server.get(path).await;
    assert_eq!((answer.status().as_u16(), header(&answer, "x-understudy-source")), (200, "fault"));
    assert!(header(&answer, "x-understudy-reason").starts_with(&format!("{kind} by rule ")));
    let promised: Option<usize> = header(&answer, "content-length").parse().ok();
    let body = answer.text().await.unwrap();
    assert!(promised.is_none_or(|promised| promised == body.len()), "well framed: {promised:?}, {}", body.len());
    body
}

async fn value(server: &Server, path: &str, fault: Value) -> Value {
    serde_json::from_str(&damaged(server, path, fault).await).unwrap()
}

#[tokio::test]
async fn members_go_turn_null_or_come_twice() {
    let (_upstream, server) = begin().await;
    let plain = server.get("/users/1").await.text().await.unwrap();
    let name = json!({ "name": "name" });
    let without = value(&server, "/users/1", json!({ "drop_field": name })).await;
    assert_eq!(without, json!({ "id": 1, "since": "2024-05-01T10:00:00Z" }));
    assert_eq!(value(&server, "/users/1", json!({ "null_field": name })).await["name"], Value::Null);
    let twice = damaged(&server, "/users/1", json!({ "duplicate_field": name })).await;
    assert_eq!((twice.matches("\"name\"").count(), plain.matches("\"name\"").count()), (2, 1));
}

#[tokio::test]
async fn lists_are_empty_or_huge() {
    let (_upstream, server) = begin().await;
    let empty = value(&server, "/users", json!({ "empty_list": { "name": "items" } })).await;
    assert_eq!(empty, json!({ "items": [], "total": 3 }));
    let huge = value(&server, "/users", json!({ "huge_list": { "items": 5000 } })).await;
    assert_eq!(huge["items"].as_array().unwrap().len(), 5000);
}

#[tokio::test]
async fn json_is_cut_short_or_corrupt() {
    let (_upstream, server) = begin().await;
    let plain = server.get("/users").await.text().await.unwrap();
    let half = damaged(&server, "/users", json!({ "truncate": { "share": 0.5 } })).await;
    assert_eq!(half, plain[..plain.len() / 2]);
    let corrupt = damaged(&server, "/users", json!("corrupt")).await;
    assert!(serde_json::from_str::<Value>(&corrupt).is_err() && corrupt.len() == plain.len() + 1);
}

#[tokio::test]
async fn the_content_type_lies() {
    let (_upstream, server) = begin().await;
    with_fault(&server, json!({ "content_type": { "value": "text/html" } })).await;
    assert_eq!(header(&server.get("/users").await, "content-type"), "text/html");
}

#[tokio::test]
async fn clocks_are_off() {
    const DAY: i64 = 86_400;
    let (_upstream, server) = begin().await;
    let before = header(&server.get("/users/1").await, "date").to_owned();
    with_fault(&server, json!({ "clock_skew": { "seconds": DAY } })).await;
    let answer = server.get("/users/1").await;
    let off =
        (DAY..DAY + 30).find(|seconds| shifted_time(&before, *seconds).as_deref() == Some(header(&answer, "date")));
    assert!(off.is_some(), "{before}, then {:?}", answer.headers());
    assert_eq!(answer.json::<Value>().await.unwrap()["since"], "2024-05-02T10:00:00Z");
}

#[tokio::test]
async fn faults_combine() {
    let (_upstream, server) = begin().await;
    let faults = json!([{ "delay": { "fixed_ms": 50 } }, { "drop_field": { "name": "since" } }, { "null_field": { "name": "name" } }]);
    super::at_work(&server, json!([{ "faults": faults }])).await;
    let answer = server.get("/users/1").await;
    assert_eq!(header(&answer, "x-understudy-reason"), "delay + drop_field + null_field by rule 1; upstream answered");
    assert_eq!(answer.json::<Value>().await.unwrap(), json!({ "id": 1, "name": null }));
}
