//! Who answers: upstream, the twin, or nobody and why.

mod support;

#[path = "failover/outage.rs"]
mod outage;
#[path = "failover/outbox.rs"]
mod outbox;
#[path = "failover/shadow.rs"]
mod shadow;

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;
use support::{Server, TestBody, Upstream, header, until};

/// Things by number; every other path is unknown.
async fn things(req: Request<Incoming>) -> Response<TestBody> {
    let path = req.uri().path().to_owned();
    let id = path.strip_prefix("/things/").and_then(|id| id.parse::<u64>().ok());
    let is_post = req.method() == "POST";
    let body = req.into_body().collect().await.unwrap().to_bytes();
    match (path.as_str(), id) {
        ("/things", _) if is_post => {
            let given: serde_json::Value = serde_json::from_slice(&body).unwrap();
            support::json(201, &json!({ "id": 31, "name": given["name"] }))
        }
        ("/things", _) => {
            let list: Vec<_> = (1..=30).map(|id| json!({ "id": id, "name": format!("thing {id}") })).collect();
            support::json(200, &json!(list))
        }
        (_, Some(id)) if id <= 30 => support::json(200, &json!({ "id": id, "name": format!("thing {id}") })),
        _ => support::json(404, &json!({ "error": "not found" })),
    }
}

async fn teach(server: &Server) {
    for id in 1..=20 {
        assert_eq!(server.get(&format!("/things/{id}")).await.status(), 200);
    }
    assert_eq!(server.get("/things").await.status(), 200);
    server.learned(21).await;
}

#[tokio::test]
async fn the_twin_answers_the_very_request_that_fails() {
    let upstream = Upstream::start(things).await;
    let server = Server::start(upstream.address).await;
    teach(&server).await;
    upstream.kill().await;
    let response = server.get("/things/7").await;
    assert_eq!((response.status().as_u16(), header(&response, "x-understudy-source")), (200, "twin"));
    assert!(header(&response, "x-understudy-reason").starts_with("failover: upstream "), "{:?}", response.headers());
    let confidence: f64 = header(&response, "x-understudy-confidence").parse().unwrap();
    assert!((0.0..=1.0).contains(&confidence));
    assert_eq!(response.json::<serde_json::Value>().await.unwrap(), json!({ "id": 7, "name": "thing 7" }));
    let status = server.status().await;
    assert_eq!(status["upstream"]["health"], "down");
    assert_eq!(status["counters"]["twin"], 1);
    server.stop().await;
}

#[tokio::test]
async fn nobody_pretends_for_an_endpoint_that_is_not_known() {
    let upstream = Upstream::start(things).await;
    let server = Server::start(upstream.address).await;
    upstream.kill().await;
    let response = server.get("/never/seen").await;
    assert_eq!((response.status().as_u16(), header(&response, "x-understudy-source")), (502, "none"));
    assert!(header(&response, "x-understudy-reason").contains("refused the connection"), "{:?}", response.headers());
    let body: serde_json::Value = response.json().await.unwrap();
    assert_eq!(body["error"]["code"], "upstream_failed_and_no_twin");
    server.stop().await;
}

#[tokio::test]
async fn failover_can_be_off() {
    let upstream = Upstream::start(things).await;
    let server = Server::start_with(upstream.address, |config| config.failover = false).await;
    teach(&server).await;
    upstream.kill().await;
    let response = server.get("/things/7").await;
    assert_eq!((response.status().as_u16(), header(&response, "x-understudy-source")), (502, "none"));
    server.stop().await;
}

#[tokio::test]
async fn mock_mode_leaves_upstream_alone() {
    let upstream = Upstream::start(things).await;
    let server = Server::start(upstream.address).await;
    teach(&server).await;
    let asked = upstream.count();
    server.set_mode("mock").await;
    let response = server.get("/things/7").await;
    assert_eq!((response.status().as_u16(), header(&response, "x-understudy-source")), (200, "twin"));
    let unknown = server.get("/never/seen").await;
    assert_eq!((unknown.status().as_u16(), header(&unknown, "x-understudy-source")), (501, "none"));
    assert_eq!(upstream.count(), asked);
    server.set_mode("proxy").await;
    assert_eq!(header(&server.get("/things/7").await, "x-understudy-source"), "upstream");
    server.stop().await;
}

#[tokio::test]
async fn what_the_twin_answers_is_not_learned() {
    let upstream = Upstream::start(things).await;
    let server = Server::start(upstream.address).await;
    teach(&server).await;
    server.set_mode("mock").await;
    for _ in 0..5 {
        server.get("/things/7").await;
    }
    let status = server.status().await;
    assert_eq!((&status["learner"]["offered"], &status["counters"]["twin"]), (&json!(21), &json!(5)));
    server.stop().await;
}

#[tokio::test]
async fn the_breaker_opens_and_closes_when_upstream_is_back() {
    let upstream = Upstream::start(things).await;
    let server = Server::start(upstream.address).await;
    teach(&server).await;
    let address = upstream.kill().await;
    until("the breaker to open", || async {
        assert_eq!(server.get("/things/3").await.status(), 200);
        (server.status().await["upstream"]["breaker"] == "open").then_some(())
    })
    .await;
    let upstream = Upstream::start_at(address, things).await;
    until("upstream to answer again", || async {
        let response = server.get("/things/3").await;
        (header(&response, "x-understudy-source") == "upstream").then_some(())
    })
    .await;
    // One answer alone does not close it.
    assert_eq!(server.status().await["upstream"]["breaker"], "half-open");
    assert_eq!(header(&server.get("/things/3").await, "x-understudy-source"), "upstream");
    let status = server.status().await;
    assert_eq!((&status["upstream"]["breaker"], &status["upstream"]["health"]), (&json!("closed"), &json!("up")));
    assert!(upstream.count() > 0);
    server.stop().await;
}

#[tokio::test]
async fn the_twin_gets_the_body_that_upstream_did_not_take() {
    let upstream = Upstream::start(things).await;
    let server = Server::start(upstream.address).await;
    teach(&server).await;
    for name in ["a", "b", "c"] {
        let created = server.client.post(server.url("/things")).json(&json!({ "name": name })).send().await.unwrap();
        assert_eq!(created.status(), 201);
    }
    server.learned(24).await;
    upstream.kill().await;
    let created = server.client.post(server.url("/things")).json(&json!({ "name": "fresh" })).send().await.unwrap();
    assert_eq!((created.status().as_u16(), header(&created, "x-understudy-source")), (201, "twin"));
    assert_eq!(created.json::<serde_json::Value>().await.unwrap()["name"], "fresh");
    server.stop().await;
}
