//! What was learned, taken out through the admin API and on the command line.

mod support;

use std::process::Stdio;

use serde_json::{Value, json};
use support::{Server, Upstream, header};

async fn learned() -> (Upstream, Server) {
    let upstream = Upstream::start(|_| async { support::json(200, &json!({ "id": 1, "token": "s3cret-of-the-api" })) });
    let upstream = upstream.await;
    let server = Server::start(upstream.address).await;
    server.get("/things/1").await;
    server.get("/things/2").await;
    server.learned(2).await;
    (upstream, server)
}

#[tokio::test]
async fn every_format_is_served_as_what_it_is() {
    let (_upstream, server) = learned().await;
    let names = server.get_json("/admin/export").await;
    assert_eq!(names.as_array().unwrap().len(), 11, "{names}");
    for name in names.as_array().unwrap() {
        let name = name.as_str().unwrap();
        let response = server.get(&format!("/admin/export/{name}")).await;
        assert_eq!(response.status(), 200, "{name}");
        assert!(header(&response, "content-disposition").starts_with("attachment; filename="), "{name}");
        let kind = header(&response, "content-type").to_owned();
        let text = response.text().await.unwrap();
        assert_eq!(kind.contains("json"), serde_json::from_str::<Value>(&text).is_ok(), "{name} is {kind}: {text}");
        assert!(text.contains("things") && !text.contains("s3cret-of-the-api"), "{name}: {text}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_unknown_format_is_answered_with_those_there_are() {
    let (_upstream, server) = learned().await;
    let response = server.get("/admin/export/fax").await;
    assert_eq!(response.status(), 422);
    let error = response.json::<Value>().await.unwrap()["error"].take();
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("fax") && message.contains("wiremock"), "{error}");
    assert_eq!(error["details"]["allowed"], server.get_json("/admin/export").await);
    server.stop().await;
}

async fn understudy(listen: &str, data: &std::path::Path, arguments: &[&str]) -> (bool, String) {
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_understudy"))
        .args(["--listen-addr", listen, "--data-dir"])
        .arg(data)
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let text = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn the_command_line_asks_the_server_or_opens_the_project() {
    let (_upstream, server) = learned().await;
    let listen = server.app.api().to_string();
    let over_the_api = server.get("/admin/export/wiremock").await.text().await.unwrap();
    let file = server.dir.path().join("stubs.json");
    let into = ["export", "wiremock", "--output", file.to_str().unwrap()];
    let (is_done, told) = understudy(&listen, server.dir.path(), &into).await;
    assert!(is_done && told.contains("stubs.json"), "{told}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), over_the_api);
    let dir = server.stop().await;
    // Nobody listens there any more.
    let (is_done, text) = understudy(&listen, dir.path(), &["export", "wiremock"]).await;
    assert!(is_done, "{text}");
    assert_eq!(text, over_the_api);
    let (is_done, told) = understudy(&listen, dir.path(), &["export", "har"]).await;
    assert!(!is_done && told.contains("running"), "{told}");
    let (is_done, told) = understudy(&listen, dir.path(), &["export", "fax"]).await;
    assert!(!is_done && told.contains("fax") && told.contains("json-schema"), "{told}");
}
