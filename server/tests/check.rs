//! `understudy check` and `understudy diff` as a pipeline runs them.

mod support;

use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Request;
use hyper::body::Incoming;
use serde_json::{Value, json};
use support::{Server, Upstream, until};
use tokio::process::Command;

async fn understudy(dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_understudy"));
    // Nobody listens there, so the file is read.
    command.args(arguments).env("DATA_DIR", dir).env("LISTEN_ADDR", "127.0.0.1:1").current_dir(dir);
    command.output().await.unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_pipeline_fails_when_the_api_drifted() {
    let renamed = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&renamed);
    let upstream = Upstream::start(move |req: Request<Incoming>| {
        let field = if switch.load(Ordering::SeqCst) { "userId" } else { "user_id" };
        async move {
            let id: u64 = req.uri().path().rsplit('/').next().unwrap().parse().unwrap_or(0);
            support::json(200, &json!({ field: id, "active": true }))
        }
    })
    .await;
    let server = Server::start(upstream.address).await;
    let call = async |times: u64| {
        for n in 0..times {
            server.get(&format!("/users/{}", n % 9)).await.bytes().await.unwrap();
        }
    };
    call(30).await;
    until("a baseline", || async { (server.status().await["drift"]["watched"] == 1).then_some(()) }).await;
    renamed.store(true, Ordering::SeqCst);
    call(8).await;
    server.learned(38).await;
    let dir = server.stop().await;

    let found = understudy(dir.path(), &["check", "--project", "default"]).await;
    assert_eq!(found.status.code(), Some(1), "{}", text(&found.stderr));
    assert!(
        text(&found.stdout).starts_with("1 critical issue\ncritical GET /users/{id} 200: field /user_id is now userId")
    );
    let none = understudy(dir.path(), &["check", "--fail-on", "none", "--format", "sarif"]).await;
    let sarif: Value = serde_json::from_slice(&none.stdout).unwrap();
    assert_eq!((none.status.code(), &sarif["runs"][0]["results"][0]["ruleId"]), (Some(0), &json!("field_renamed")));
    let junit = understudy(dir.path(), &["check", "--format", "junit"]).await;
    assert!(text(&junit.stdout).contains("failures=\"1\""));
    let same = understudy(dir.path(), &["check", "--baseline", "v1", "--format", "json"]).await;
    let report: Value = serde_json::from_slice(&same.stdout).unwrap();
    assert_eq!(report["counts"]["critical"], 1);
    let unknown = understudy(dir.path(), &["check", "--baseline", "v7"]).await;
    assert_eq!(unknown.status.code(), Some(2));
    let missing = understudy(dir.path(), &["check", "--project", "nothing"]).await;
    assert_eq!((missing.status.code(), dir.path().join("nothing.db").exists()), (Some(2), false));
}

#[tokio::test]
async fn two_documents_are_compared() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, field: &str| {
        let schema = json!({ "type": "object", "properties": { field: { "type": "integer" } }, "required": [field] });
        let answer = json!({ "200": { "content": { "application/json": { "schema": schema } } } });
        let document = json!({ "openapi": "3.1.0", "paths": { "/users": { "get": { "responses": answer } } } });
        std::fs::write(dir.path().join(name), document.to_string()).unwrap();
    };
    write("old.json", "user_id");
    write("new.json", "userId");
    let found = understudy(dir.path(), &["diff", "old.json", "new.json"]).await;
    let expected = "1 critical issue\ncritical GET /users 200: field renamed /user_id: user_id -> userId\n";
    assert_eq!((found.status.code(), text(&found.stdout)), (Some(0), expected.to_owned()));
    let fails = understudy(dir.path(), &["diff", "old.json", "new.json", "--fail-on", "critical"]).await;
    assert_eq!(fails.status.code(), Some(1));
    let same = understudy(dir.path(), &["diff", "old.json", "old.json", "--fail-on", "info"]).await;
    assert_eq!((same.status.code(), text(&same.stdout)), (Some(0), "no issues\n".to_owned()));
    std::fs::write(dir.path().join("bad.json"), "{\"a\":1}").unwrap();
    let bad = understudy(dir.path(), &["diff", "old.json", "bad.json"]).await;
    assert_eq!(bad.status.code(), Some(2));
    assert!(text(&bad.stderr).contains("expected an OpenAPI 3 document"));
}
