//! Nothing is left on by accident, nothing is learned, and who is not concerned notices nothing.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::support::{Server, config, until};
use super::{at_work, begin, raw, tell, with_fault};

#[tokio::test]
async fn a_restart_and_a_halt_switch_it_off() {
    let (upstream, server) = begin().await;
    with_fault(&server, json!({ "abort": { "status": 503 } })).await;
    let status = server.status().await;
    assert_eq!(
        (&status["chaos"]["on"], &status["chaos"]["says"]),
        (&json!(true), &json!("answer 503 for all requests"))
    );
    assert_eq!(server.get("/users/1").await.status(), 503);

    let address = upstream.address;
    let dir = server.stop().await;
    let again = config(dir.path(), Some(address));
    let server = Server::start_in(dir, again).await;
    assert_eq!(server.status().await["chaos"]["on"], false);
    assert_eq!(server.get("/users/1").await.status(), 200);

    tell(&server, "PUT", "/admin/chaos", json!({ "on": true })).await;
    assert_eq!(server.get("/users/1").await.status(), 503, "the rule is still there");
    let view = tell(&server, "POST", "/admin/chaos/halt", json!({})).await;
    assert_eq!(view.json::<serde_json::Value>().await.unwrap()["status"]["on"], false);
    assert_eq!(server.get("/users/1").await.status(), 200);
}

#[tokio::test]
async fn it_ends_by_itself() {
    let (_upstream, server) = begin().await;
    let rules = json!([{ "faults": [{ "abort": { "status": 503 } }] }]);
    tell(&server, "PUT", "/admin/chaos", json!({ "on": true, "for_seconds": 2, "rules": rules })).await;
    assert_eq!(server.get("/users/1").await.status(), 503);
    let over = || async { (server.get("/users/1").await.status() == 200).then_some(()) };
    until("its time to be over", over).await;
    assert_eq!(server.status().await["chaos"]["on"], false);
}

#[tokio::test]
async fn our_own_paths_never_get_a_fault() {
    let (_upstream, server) = begin().await;
    with_fault(&server, json!("close")).await;
    for path in ["/admin/status", "/admin/chaos", "/admin/healthz"] {
        assert_eq!(server.get(path).await.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn nothing_is_learned_from_faulted_answers_and_drift_ignores_them() {
    let (_upstream, server) = begin().await;
    for id in 1..=30 {
        server.get(&format!("/users/{id}")).await;
    }
    let before = server.learned(30).await;
    let faults = json!([{ "drop_field": { "name": "name" } }, { "null_field": { "name": "since" } }]);
    at_work(&server, json!([{ "faults": faults }])).await;
    for id in 1..=60 {
        server.get(&format!("/users/{id}")).await;
    }
    let counted = || async {
        let status = server.status().await;
        (status["counters"]["fault"] == 60).then_some(status)
    };
    let after = until("the faults to be counted", counted).await;
    assert_eq!(after["learner"]["learned"], before["learner"]["learned"]);
    assert_eq!(server.get_json("/admin/drift-alerts").await["items"], json!([]));
    assert_eq!(after["upstream"]["breaker"], "closed", "and upstream is not blamed");
}

/// Answers everything with the same bytes.
async fn parrot(answer: &'static [u8]) -> (std::net::SocketAddr, tokio::task::JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            connections.spawn(async move {
                let mut bytes = Vec::new();
                while matches!(stream.read_buf(&mut bytes).await, Ok(count) if count > 0) {
                    if bytes.ends_with(b"\r\n\r\n") {
                        bytes.clear();
                        if stream.write_all(answer).await.is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    (address, tasks)
}

#[tokio::test]
async fn who_is_not_concerned_gets_the_same_bytes() {
    let answer = b"HTTP/1.1 200 OK\r\nDate: Tue, 03 Jun 2025 10:00:00 GMT\r\nContent-Type: application/json\r\n\
        ETag: \"a\"\r\nX-Odd:  two  spaces \r\nContent-Length: 15\r\n\r\n{\"a\" :1,\"b\":[]}";
    let (upstream, _tasks) = parrot(answer).await;
    let server = Server::start(upstream).await;
    let (off, _) = raw(server.app.api(), "/a").await;
    assert!(off.ends_with("{\"a\" :1,\"b\":[]}"), "{off}");
    at_work(&server, json!([{ "match": { "path": "/other" }, "faults": ["hang"] }])).await;
    assert_eq!(raw(server.app.api(), "/a").await.0, off, "while another path is struck");
    at_work(&server, json!([{ "match": { "path": "/other" }, "faults": ["stale"] }])).await;
    assert_eq!(raw(server.app.api(), "/a").await.0, off, "while answers are kept");
    tell(&server, "POST", "/admin/chaos/halt", json!({})).await;
    assert_eq!(raw(server.app.api(), "/a").await.0, off, "after a halt");
}
