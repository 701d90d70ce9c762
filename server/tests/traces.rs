//! Spans on their way to a collector: `cargo test --features understudy-server/otlp --test traces`, in a selection of packages that
//! leaves the browser's half out.
#![cfg(feature = "otlp")]

mod support;

use std::process::Stdio;
use std::sync::{Arc, Mutex};

use http_body_util::BodyExt;
use serde_json::json;
use support::{Upstream, until, whole};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

#[tokio::test]
async fn an_exchange_is_a_span_under_its_clients() {
    let seen = Arc::new(Mutex::new(Vec::<(String, Vec<u8>)>::new()));
    let kept = Arc::clone(&seen);
    let collector = Upstream::start(move |req| {
        let kept = Arc::clone(&kept);
        async move {
            let path = req.uri().path().to_owned();
            let body = req.into_body().collect().await.unwrap().to_bytes().to_vec();
            kept.lock().unwrap().push((path, body));
            http::Response::new(whole(""))
        }
    })
    .await;
    let upstream = Upstream::start(|_| async { support::json(200, &json!({ "id": 1 })) }).await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let dir = tempfile::tempdir().unwrap();
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_understudy"))
        .env_clear()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", collector.address))
        .env("OTEL_BSP_SCHEDULE_DELAY", "100")
        .env("TARGET_URL", format!("http://{}", upstream.address))
        .env("LISTEN_ADDR", format!("127.0.0.1:{port}"))
        .current_dir(dir.path())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let client = support::client();
    let url = format!("http://127.0.0.1:{port}/things/7?token=s3cret-in-a-query");
    until("the server to answer", || async {
        let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
        client.get(&url).header("traceparent", parent).send().await.ok()
    })
    .await;
    let (path, body) = until("a span to come", || async { seen.lock().unwrap().first().cloned() }).await;
    assert_eq!(path, "/v1/traces");
    let text = String::from_utf8_lossy(&body).into_owned();
    for word in ["understudy", "http.response.status_code", "/things/7", "understudy.source", "upstream"] {
        assert!(text.contains(word), "{word} is not in {text}");
    }
    assert!(!text.contains("s3cret-in-a-query"), "{text}");
    let trace: Vec<u8> = (0..16).map(|at| u8::from_str_radix(&TRACE[at * 2..at * 2 + 2], 16).unwrap()).collect();
    assert!(body.windows(16).any(|window| window == trace), "{text}");
    child.kill().await.unwrap();
}
