//! Files that come in through the admin API.

mod support;

use serde_json::{Value, json};
use support::{Server, Upstream};

async fn server() -> (Upstream, Server) {
    let upstream = Upstream::start(|_| async { support::json(200, &json!({})) }).await;
    let server = Server::start(upstream.address).await;
    (upstream, server)
}

async fn import(server: &Server, document: String) -> (u16, Value) {
    let response = server.client.post(server.url("/admin/import")).body(document).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

fn line(path: &str, status: u16) -> String {
    json!({ "request_method": "GET", "request_uri": path, "status": status, "request_time": 0.02 }).to_string() + "\n"
}

#[tokio::test]
async fn an_access_log_gives_endpoints() {
    let (_upstream, server) = server().await;
    let log: String = (1..=9).map(|id| line(&format!("/users/{id}?token=s3cret-in-a-log"), 200)).collect();
    let (status, imported) = import(&server, log + &line("/users/77", 404)).await;
    assert_eq!((status, &imported["format"], &imported["exchanges"]), (200, &json!("access log"), &json!(10)));
    server.learned(10).await;
    let endpoints = server.get_json("/admin/endpoints").await;
    let known: Vec<&Value> = endpoints.as_array().unwrap().iter().map(|one| &one["template"]).collect();
    assert_eq!(known, ["/users/{id}"]);
    assert!(!server.get("/admin/traffic").await.text().await.unwrap().contains("s3cret-in-a-log"));
    server.stop().await;
}

#[tokio::test]
async fn a_damaged_log_changes_nothing() {
    let (_upstream, server) = server().await;
    let log = line("/a", 200) + &line("/b", 200)[..30];
    let (status, told) = import(&server, log).await;
    assert_eq!(status, 422);
    assert!(told["error"]["message"].as_str().unwrap().contains("at line 2 it has"), "{told}");
    assert_eq!(server.status().await["learner"]["offered"], 0);
    server.stop().await;
}

/// Longer than what is read whole.
#[tokio::test]
async fn a_recording_may_have_any_size() {
    let (_upstream, server) = server().await;
    let filler = "x".repeat(1 << 20);
    let entry = |id: usize| {
        // What makes it long is of another server: pictures, as browsers record them.
        let (origin, kind, text) = match id {
            1..=4 => ("https://api.example", "application/json", json!({ "id": id }).to_string()),
            _ => ("https://images.example", "image/svg+xml", filler.clone()),
        };
        let url = format!("{origin}/users/{id}");
        let content = json!({ "mimeType": kind, "text": text });
        json!({
            "startedDateTime": "2024-01-01T00:00:00Z", "time": 2,
            "request": { "method": "GET", "url": url, "headers": [] },
            "response": { "status": 200, "headers": [], "content": content },
        })
        .to_string()
    };
    let file = server.dir.path().join("long.har");
    let entries: Vec<String> = (1..=36).map(entry).collect();
    std::fs::write(&file, format!("{{\"log\":{{\"version\":\"1.2\",\"entries\":[{}]}}}}", entries.join(","))).unwrap();
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_understudy"))
        .args(["--listen-addr", &server.app.api().to_string(), "import"])
        .arg(&file)
        .current_dir(server.dir.path())
        .env_clear()
        .output()
        .await
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.starts_with("4 exchanges from HAR"), "{told}{}", String::from_utf8_lossy(&output.stderr));
    server.learned(4).await;
    assert_eq!(server.get_json("/admin/endpoints").await[0]["template"], "/users/{id}");
    server.stop().await;
}
