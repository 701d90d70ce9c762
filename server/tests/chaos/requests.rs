//! Requests that ask for faults themselves, and faults that come again.

use serde_json::{Value, json};

use super::support::{Server, header};
use super::{at_work, begin, tell};

async fn asking(server: &Server, field: &str) -> reqwest::Response {
    server.client.get(server.url("/users/7")).header("x-understudy-fault", field).send().await.unwrap()
}

async fn heed(server: &Server) {
    assert_eq!(tell(server, "PUT", "/admin/chaos", json!({ "per_request": true })).await.status(), 200);
}

#[tokio::test]
async fn a_request_gets_the_fault_that_it_asks_for_where_that_is_switched_on() {
    let (_upstream, server) = begin().await;
    assert_eq!(asking(&server, "abort=503").await.status(), 200, "off by default");
    heed(&server).await;
    let begun = std::time::Instant::now();
    let answer = asking(&server, "delay=80;abort=429;retry_after=3").await;
    assert!(begun.elapsed().as_millis() >= 80);
    assert_eq!((answer.status().as_u16(), header(&answer, "retry-after")), (429, "3"));
    assert_eq!(server.get("/users/7").await.status(), 200, "nobody else is struck");
    tell(&server, "POST", "/admin/chaos/halt", json!({})).await;
    assert_eq!(asking(&server, "abort=503").await.status(), 200, "a halt ends this too");
}

#[tokio::test]
async fn what_cannot_be_read_is_told() {
    let (_upstream, server) = begin().await;
    heed(&server).await;
    for (field, expected) in
        [("explode", "delay=MS"), ("abort=99", "a status from 200 to 599"), ("id=1-2-3", "the id of a fault")]
    {
        let answer = asking(&server, field).await;
        assert_eq!(answer.status(), 400, "{field}");
        let error: Value = answer.json().await.unwrap();
        assert_eq!(error["error"]["code"], "bad_fault");
        assert!(error["error"]["details"]["expected"].as_str().unwrap().starts_with(expected), "{error}");
    }
}

#[tokio::test]
async fn who_wants_no_fault_gets_none() {
    let (_upstream, server) = begin().await;
    super::with_fault(&server, json!({ "abort": { "status": 503 } })).await;
    let calm = server.client.get(server.url("/users/7")).header("prefer", "fault=none").send().await.unwrap();
    assert_eq!((calm.status().as_u16(), header(&calm, "x-understudy-source")), (200, "upstream"));
    assert_eq!(server.get("/users/7").await.status(), 503);
}

/// Which of so many requests in order fail, and the ids of their faults.
async fn course(server: &Server) -> Vec<(u16, String)> {
    let mut seen = Vec::new();
    for _ in 0..60 {
        let answer = server.get("/users/7").await;
        seen.push((answer.status().as_u16(), header(&answer, "x-understudy-fault").to_owned()));
    }
    seen
}

#[tokio::test]
async fn the_same_seed_and_order_give_the_same_faults_and_an_id_brings_one_back() {
    let rules = json!([
        { "faults": [{ "abort": { "status": 503 } }], "probability": 0.3 },
        { "faults": [{ "abort": { "status": 500 } }], "probability": 0.3, "priority": 1 },
    ]);
    let mut courses = Vec::new();
    for _ in 0..2 {
        let (_upstream, server) = begin().await;
        at_work(&server, rules.clone()).await;
        courses.push(course(&server).await);
        if courses.len() == 2 {
            heed(&server).await;
            let (status, id) = courses[0].iter().find(|(_, id)| !id.is_empty() && !id.contains(',')).unwrap();
            let again = asking(&server, &format!("id={id}")).await;
            assert_eq!((again.status().as_u16(), header(&again, "x-understudy-fault")), (*status, id.as_str()));
        }
    }
    assert_eq!(courses[0], courses[1]);
    let struck = courses[0].iter().filter(|(status, _)| *status != 200).count();
    assert!((15..45).contains(&struck), "{struck} of 60");
}
