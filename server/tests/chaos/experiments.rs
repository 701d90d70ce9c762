//! Experiments: an end, a stop, and a report.

use serde_json::{Value, json};

use super::support::{Server, config, until};
use super::{begin, tell};

fn experiment(seconds: u64, halt: &Value) -> Value {
    json!({
        "name": "errors are retried", "hypothesis": "nobody notices", "seconds": seconds, "seed": 11, "halt": halt,
        "rules": [{ "faults": [{ "abort": { "status": 503 } }], "match": { "path": "/users/{id}" } }],
    })
}

async fn start(server: &Server, wanted: Value) -> u64 {
    let answer = tell(server, "POST", "/admin/chaos/experiments", wanted).await;
    assert_eq!(answer.status(), 200);
    let begun: Value = answer.json().await.unwrap();
    assert_eq!(begun["state"], "running");
    begun["id"].as_u64().unwrap()
}

async fn ended(server: &Server, id: u64) -> Value {
    until("the experiment to end", || async {
        let seen = server.get_json(&format!("/admin/chaos/experiments/{id}")).await;
        (seen["state"] != "running").then_some(seen)
    })
    .await
}

#[tokio::test]
async fn it_ends_with_a_report_that_is_kept() {
    let (upstream, server) = begin().await;
    let id = start(&server, experiment(3, &json!({}))).await;
    assert_eq!(server.status().await["chaos"]["says"], "experiment errors are retried");
    for _ in 0..4 {
        assert_eq!(server.get("/users/1").await.status(), 503);
        assert_eq!(server.get("/users").await.status(), 200);
    }
    let done = ended(&server, id).await;
    assert_eq!((&done["state"], &done["seed"]), (&json!("finished"), &json!(11)));
    let report = &done["report"];
    assert_eq!(
        (&report["requests"], &report["touched"], &report["faults"]["abort"]),
        (&json!(8), &json!(4), &json!(4))
    );
    assert_eq!(
        (&report["errors"], &report["after"]["failed"], &report["after"]["retried"]),
        (&json!(4), &json!(4), &json!(3))
    );
    assert_eq!(server.get("/users/1").await.status(), 200);
    let address = upstream.address;
    let dir = server.stop().await;
    let again = config(dir.path(), Some(address));
    let server = Server::start_in(dir, again).await;
    assert_eq!(server.get_json(&format!("/admin/chaos/experiments/{id}")).await["report"]["touched"], 4);
}

#[tokio::test]
async fn a_bound_halts_it() {
    let (_upstream, server) = begin().await;
    let id = start(&server, experiment(600, &json!({ "faults": 5 }))).await;
    until("the bound to hold", || async { (server.get("/users/1").await.status() == 200).then_some(()) }).await;
    let halted = ended(&server, id).await;
    assert_eq!(halted["state"], "halted");
    assert!(halted["why"].as_str().unwrap().ends_with("requests were struck, the bound is 5"), "{halted}");
}

#[tokio::test]
async fn an_error_rate_halts_it() {
    let (_upstream, server) = begin().await;
    let id = start(&server, experiment(600, &json!({ "error_rate": 0.5 }))).await;
    until("the bound to hold", || async { (server.get("/users/1").await.status() == 200).then_some(()) }).await;
    assert!(ended(&server, id).await["why"].as_str().unwrap().starts_with("the error rate of 100.0 % is above 50.0 %"));
}

#[tokio::test]
async fn a_person_halts_it_and_one_runs_at_a_time() {
    let (_upstream, server) = begin().await;
    let id = start(&server, experiment(600, &json!({}))).await;
    let second = tell(&server, "POST", "/admin/chaos/experiments", experiment(600, &json!({}))).await;
    assert_eq!(second.status(), 409);
    tell(&server, "POST", "/admin/chaos/halt", json!({})).await;
    let halted = ended(&server, id).await;
    assert_eq!((&halted["state"], &halted["why"]), (&json!("halted"), &json!("halted by a person")));
    assert_eq!(server.get("/users/1").await.status(), 200);
    assert_eq!(tell(&server, "DELETE", &format!("/admin/chaos/experiments/{id}"), json!({})).await.status(), 200);
    assert_eq!(server.get(&format!("/admin/chaos/experiments/{id}")).await.status(), 404);
}

#[tokio::test]
async fn only_one_that_says_so_survives_a_restart() {
    for survives in [false, true] {
        let (upstream, server) = begin().await;
        let mut wanted = experiment(600, &json!({}));
        wanted["survives_restart"] = json!(survives);
        let id = start(&server, wanted).await;
        let address = upstream.address;
        let dir = server.stop().await;
        let again = config(dir.path(), Some(address));
        let server = Server::start_in(dir, again).await;
        let seen = server.get_json(&format!("/admin/chaos/experiments/{id}")).await;
        assert_eq!(seen["state"], if survives { "running" } else { "halted" });
        assert_eq!(server.get("/users/1").await.status(), if survives { 503 } else { 200 });
    }
}

#[tokio::test]
async fn mistakes_are_named() {
    let (_upstream, server) = begin().await;
    let answer = tell(&server, "POST", "/admin/chaos/experiments", experiment(0, &json!({ "error_rate": 3 }))).await;
    assert_eq!(answer.status(), 422);
    let error: Value = answer.json().await.unwrap();
    let fields: Vec<&Value> =
        error["error"]["details"].as_array().unwrap().iter().map(|wrong| &wrong["field"]).collect();
    assert_eq!(fields, ["seconds", "halt.error_rate"]);
}
