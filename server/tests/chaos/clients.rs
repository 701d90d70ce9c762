//! What clients do after a fault, and the report card they get for it.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::{Server, until};
use super::{at_work, begin};

async fn send(server: &Server, method: reqwest::Method, agent: &str, path: &str) {
    let request = server.client.request(method, server.url(path)).header("user-agent", agent);
    request.send().await.unwrap();
}

async fn card(server: &Server, agent: &str, retried: u64) -> Value {
    until("the report card", || async {
        let cards = server.get_json("/admin/chaos/clients").await;
        let card = cards.as_array().unwrap().iter().find(|card| card["client"] == agent).cloned();
        card.filter(|card| card["after"]["retried"] == retried)
    })
    .await
}

#[tokio::test]
async fn a_client_that_hammers_fails_and_one_that_waits_passes() {
    let (_upstream, server) = begin().await;
    let limited = json!({ "abort": { "status": 429, "retry_after_seconds": 1 } });
    at_work(&server, json!([{ "faults": [limited], "match": { "path": "/users/1" } }])).await;
    for _ in 0..6 {
        send(&server, reqwest::Method::POST, "hammer/1", "/users/1").await;
    }
    send(&server, reqwest::Method::GET, "patient/1", "/users/1").await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    send(&server, reqwest::Method::GET, "patient/1", "/users/1").await;

    let bad = card(&server, "hammer/1", 5).await;
    assert_eq!(bad["grade"], "F", "{bad}");
    assert_eq!((&bad["after"]["unsafe_retries"], &bad["after"]["ignored_retry_after"]), (&json!(5), &json!(5)));
    let good = card(&server, "patient/1", 1).await;
    assert_eq!((&good["grade"], &good["after"]["obeyed_retry_after"]), (&json!("A"), &json!(1)), "{good}");
    let report = server.get_json("/admin/chaos/report").await;
    assert_eq!((&report["touched"], &report["clients"][0]["client"]), (&json!(8), &json!("hammer/1")));
}

#[tokio::test]
async fn clients_can_be_told_by_another_field() {
    let (_upstream, server) = begin().await;
    let rules = json!([{ "faults": [{ "abort": { "status": 503 } }] }]);
    super::tell(&server, "PUT", "/admin/chaos", json!({ "on": true, "client_header": "X-App", "rules": rules })).await;
    for app in ["one", "two"] {
        for _ in 0..2 {
            server.client.get(server.url("/users/1")).header("x-app", app).send().await.unwrap();
        }
        card(&server, app, 1).await;
    }
}
