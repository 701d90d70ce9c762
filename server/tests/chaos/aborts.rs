//! Errors in the API's place.

use serde_json::{Value, json};

use super::support::{header, until};
use super::{at_work, begin, tell, with_fault};

#[tokio::test]
async fn an_error_has_the_status_and_body_that_was_asked_for_and_says_where_it_is_from() {
    let (upstream, server) = begin().await;
    let abort = json!({ "status": 418, "body": "{\"short\":\"and stout\"}", "retry_after_seconds": 9 });
    with_fault(&server, json!({ "abort": abort })).await;
    let answer = server.get("/users/7").await;
    assert_eq!((answer.status().as_u16(), header(&answer, "retry-after")), (418, "9"));
    assert_eq!(header(&answer, "x-understudy-source"), "fault");
    assert_eq!(header(&answer, "x-understudy-fault"), "7-1-0");
    assert_eq!(header(&answer, "x-understudy-fault-rule"), "1");
    assert_eq!(header(&answer, "content-type"), "application/json");
    assert_eq!(answer.json::<Value>().await.unwrap(), json!({ "short": "and stout" }));
    assert_eq!(upstream.count(), 0, "upstream is not asked");
}

#[tokio::test]
async fn without_a_body_it_is_the_apis_own_error() {
    let (_upstream, server) = begin().await;
    for _ in 0..4 {
        assert_eq!(server.get("/failing").await.status(), 503);
    }
    server.learned(4).await;
    with_fault(&server, json!({ "abort": { "status": 503 } })).await;
    let answer = server.get("/failing").await;
    assert_eq!((answer.status().as_u16(), header(&answer, "x-understudy-source")), (503, "fault"));
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body, json!({ "code": "maintenance", "hint": "come back later" }));
}

#[tokio::test]
async fn a_rate_over_ten_thousand_requests_is_within_a_percentage_point() {
    const REQUESTS: usize = 10_000;
    const AT_ONCE: usize = 20;
    let (_upstream, server) = begin().await;
    let abort = json!({ "abort": { "status": 503, "body": "" } });
    let beside = json!({ "match": { "path": "/other" }, "faults": ["hang"] });
    at_work(&server, json!([{ "faults": [abort], "probability": 0.05 }, beside])).await;
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (client, url) = (server.client.clone(), server.url("/users/1"));
        clients.spawn(async move {
            let mut failed = 0_usize;
            for _ in 0..REQUESTS / AT_ONCE {
                failed += usize::from(client.get(&url).send().await.unwrap().status() == 503);
            }
            failed
        });
    }
    let failed: usize = clients.join_all().await.into_iter().sum();
    let rate = failed as f64 / REQUESTS as f64;
    assert!((rate - 0.05).abs() <= 0.01, "{rate}");
    let rules = server.get_json("/admin/chaos/rules").await;
    assert_eq!((&rules[0]["concerned"], &rules[0]["struck"]), (&json!(REQUESTS), &json!(failed)));
    assert_eq!(rules[1]["concerned"], 0);
}

#[tokio::test]
async fn a_flapping_upstream_goes_down_and_comes_back() {
    let (_upstream, server) = begin().await;
    with_fault(&server, json!({ "flapping": { "up_seconds": 0.3, "down_seconds": 0.3 } })).await;
    for wanted in [502, 200, 502] {
        let came = || async { (server.get("/users/1").await.status() == wanted).then_some(()) };
        until("the other state", came).await;
    }
}

#[tokio::test]
async fn the_apis_own_failures_come_more_often_with_the_dial() {
    let (_upstream, server) = begin().await;
    // One in ten fails by itself.
    for round in 0..40 {
        server.get(if round % 10 == 0 { "/failing" } else { "/users/1" }).await;
    }
    server.learned(40).await;
    let answer = tell(&server, "PUT", "/admin/chaos", json!({ "on": true, "seed": 3, "dial": 20.0 })).await;
    assert_eq!(answer.status(), 200);
    let failing = || async {
        let answer = server.get("/failing").await;
        (header(&answer, "x-understudy-source") == "fault").then(|| answer.status().as_u16())
    };
    assert_eq!(until("a failure of the dial's", failing).await, 503);
}
