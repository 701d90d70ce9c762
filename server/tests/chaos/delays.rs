//! Answers that come later.

use std::time::{Duration, Instant};

use http::{Request, Response};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::support::{self, Server, TestBody, Upstream, header};
use super::{begin, row, with_fault};

async fn took(server: &Server, path: &str) -> (Duration, reqwest::Response) {
    let begun = Instant::now();
    let answer = server.get(path).await;
    (begun.elapsed(), answer)
}

#[tokio::test]
async fn a_delayed_answer_is_the_apis_own_and_later() {
    let (_upstream, server) = begin().await;
    let plain = server.get("/users/7").await.text().await.unwrap();
    with_fault(&server, json!({ "delay": { "fixed_ms": 200 } })).await;
    let (time, answer) = took(&server, "/users/7").await;
    assert!(time >= Duration::from_millis(200), "{time:?}");
    assert_eq!((answer.status().as_u16(), header(&answer, "x-understudy-source")), (200, "fault"));
    assert_eq!(header(&answer, "x-understudy-reason"), "delay by rule 1; upstream answered");
    assert_eq!(answer.text().await.unwrap(), plain);
    let seen = row(&server, |row| row["source"] == "fault").await;
    assert!(seen["duration_us"].as_u64().unwrap() >= 200_000, "{seen}");
}

#[tokio::test]
async fn delays_are_drawn_and_add_up() {
    let (_upstream, server) = begin().await;
    let uniform = json!({ "delay": { "uniform_ms": [20, 60] } });
    let normal = json!({ "delay": { "normal_ms": { "mean": 50, "deviation": 5 } } });
    super::at_work(&server, json!([{ "faults": [uniform, normal] }])).await;
    let (time, _) = took(&server, "/users/7").await;
    assert!(time >= Duration::from_millis(50), "{time:?}");
}

#[tokio::test]
async fn a_learned_delay_is_a_multiple_of_the_usual_time() {
    async fn slow(_: Request<Incoming>) -> Response<TestBody> {
        tokio::time::sleep(Duration::from_millis(40)).await;
        support::json(200, &json!({ "id": 1 }))
    }
    let upstream = Upstream::start(slow).await;
    let server = Server::start(upstream.address).await;
    for _ in 0..5 {
        server.get("/reports").await;
    }
    server.learned(5).await;
    with_fault(&server, json!({ "delay": { "learned": { "factor": 5.0 } } })).await;
    let (time, _) = took(&server, "/reports").await;
    assert!(time >= Duration::from_millis(5 * 40), "{time:?}");
}

#[tokio::test]
async fn who_goes_away_while_waiting_is_told_apart() {
    let (upstream, server) = begin().await;
    with_fault(&server, json!({ "delay": { "fixed_ms": 60_000 } })).await;
    let asked = server.client.get(server.url("/users/7")).timeout(Duration::from_millis(100)).send().await;
    assert!(asked.is_err_and(|error| error.is_timeout()));
    let seen = row(&server, |row| row["status"] == 499).await;
    assert_eq!((&seen["source"], upstream.count()), (&Value::from("fault"), 0));
}

#[tokio::test]
async fn the_twins_answers_are_delayed_too() {
    let (_upstream, server) = begin().await;
    for id in 1..=5 {
        server.get(&format!("/users/{id}")).await;
    }
    server.learned(5).await;
    server.set_mode("mock").await;
    let rule = json!([{ "match": { "source": "mocked" }, "faults": [{ "delay": { "fixed_ms": 100 } }] }]);
    super::at_work(&server, rule).await;
    let (time, answer) = took(&server, "/users/3").await;
    assert!(time >= Duration::from_millis(100));
    assert_eq!((answer.status().as_u16(), header(&answer, "x-understudy-source")), (200, "fault"));
    assert!(header(&answer, "x-understudy-reason").contains("mock mode"));
    server.set_mode("proxy").await;
    assert_eq!(header(&server.get("/users/3").await, "x-understudy-source"), "upstream");
}
