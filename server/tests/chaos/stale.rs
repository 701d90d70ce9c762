//! The previous answer once more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::at_work;
use super::support::{self, Server, Upstream, header};

async fn counting() -> (Upstream, Server) {
    let count = Arc::new(AtomicU64::new(0));
    let upstream = Upstream::start(move |_| {
        let version = count.fetch_add(1, Ordering::SeqCst);
        async move { support::json(200, &json!({ "version": version })) }
    })
    .await;
    let server = Server::start(upstream.address).await;
    (upstream, server)
}

async fn version(server: &Server) -> (Value, String) {
    let answer = server.get("/state").await;
    let source = header(&answer, "x-understudy-source").to_owned();
    (answer.json::<Value>().await.unwrap()["version"].clone(), source)
}

#[tokio::test]
async fn a_stale_answer_is_the_one_before() {
    let (_upstream, server) = counting().await;
    at_work(&server, json!([{ "faults": ["stale"], "schedule": { "every": 2 } }])).await;
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(version(&server).await);
    }
    let expected = [(0, "upstream"), (0, "fault"), (1, "upstream"), (1, "fault")];
    assert_eq!(seen, expected.map(|(version, source)| (json!(version), source.to_owned())));
}

#[tokio::test]
async fn the_first_answer_is_fresh_and_says_so() {
    let (_upstream, server) = counting().await;
    at_work(&server, json!([{ "faults": ["stale"] }])).await;
    assert_eq!(version(&server).await, (json!(0), "upstream".to_owned()));
    assert_eq!(version(&server).await, (json!(0), "fault".to_owned()));
    assert_eq!(version(&server).await, (json!(0), "fault".to_owned()));
}

#[tokio::test]
async fn nobody_gets_what_another_one_was_answered() {
    let (_upstream, server) = counting().await;
    at_work(&server, json!([{ "faults": ["stale"] }])).await;
    let of = |who: &'static str| {
        let request = server.client.get(server.url("/state")).header("authorization", who);
        async move { request.send().await.unwrap().json::<Value>().await.unwrap()["version"].clone() }
    };
    assert_eq!((of("Bearer a").await, of("Bearer b").await, of("Bearer a").await), (json!(0), json!(1), json!(0)));
}
