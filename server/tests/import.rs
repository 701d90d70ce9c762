//! Files of other tools through the admin API: what they bring, and that a damaged one brings nothing.

mod support;

use serde_json::{Value, json};
use support::{Server, Upstream, header};

async fn empty() -> (Upstream, Server) {
    let upstream = Upstream::start(|_| async { support::json(500, &json!({})) }).await;
    let server = Server::start(upstream.address).await;
    server.set_mode("mock").await;
    (upstream, server)
}

async fn import(server: &Server, document: impl Into<reqwest::Body>) -> (u16, Value) {
    let response = server.client.post(server.url("/admin/import")).body(document).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

fn postman() -> Value {
    let request = json!({ "method": "GET", "url": "https://api.example/things/7" });
    let response = json!({
        "name": "found", "originalRequest": request, "code": 200,
        "header": [{ "key": "Content-Type", "value": "application/json" }], "body": "{\"id\":7,\"name\":\"seventh\"}",
    });
    json!({
        "info": { "name": "things", "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json" },
        "item": [{ "name": "one", "request": request, "response": [response] }],
    })
}

fn wiremock() -> Value {
    json!({ "mappings": [{
        "request": { "method": "GET", "url": "/things/7" },
        "response": { "status": 200, "jsonBody": { "id": 7, "name": "seventh" } },
    }] })
}

fn hoverfly() -> Value {
    let exact = |value: &str| json!([{ "matcher": "exact", "value": value }]);
    json!({
        "data": { "pairs": [{
            "request": { "method": exact("GET"), "destination": exact("api.example"), "path": exact("/things/7"), "scheme": exact("https") },
            "response": {
                "status": 200, "body": "{\"id\":7,\"name\":\"seventh\"}", "encodedBody": false, "templated": false,
                "headers": { "Content-Type": ["application/json"] },
            },
        }] },
        "meta": { "schemaVersion": "v5" },
    })
}

#[tokio::test]
async fn files_of_other_tools_teach_the_twin() {
    for (format, document) in [("Postman", postman()), ("WireMock", wiremock()), ("Hoverfly", hoverfly())] {
        let (_upstream, server) = empty().await;
        let (status, said) = import(&server, document.to_string()).await;
        assert_eq!(status, 200, "{format}: {said}");
        assert!(said["format"].as_str().unwrap().contains(format), "{said}");
        assert_eq!(said["exchanges"], 1, "{format}: {said}");
        server.learned(1).await;
        let response = server.get("/things/7").await;
        assert_eq!((response.status().as_u16(), header(&response, "x-understudy-source")), (200, "twin"), "{format}");
        assert_eq!(response.json::<Value>().await.unwrap(), json!({ "id": 7, "name": "seventh" }), "{format}");
        server.stop().await;
    }
}

fn har() -> Value {
    let content = json!({ "mimeType": "application/json", "text": "{\"id\":7}" });
    json!({ "log": { "version": "1.2", "entries": [{
        "request": { "method": "GET", "url": "https://api.example/things/7", "headers": [] },
        "response": { "status": 200, "headers": [], "content": content },
    }] } })
}

fn openapi(version: (&str, &str)) -> Value {
    let mut document = json!({ "paths": { "/things/{id}": { "get": {
        "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "integer" }, "type": "integer" }],
        "responses": { "200": { "description": "found" } },
    } } } });
    document[version.0] = json!(version.1);
    document
}

/// Of each format: one that is whole, what to break, what is said of it then, and where its version stands.
fn formats() -> Vec<(&'static str, Value, &'static str, Value, &'static str)> {
    vec![
        ("HAR", har(), "/log/entries/0/response/status", json!("fine"), "/log/version"),
        ("OpenAPI 3", openapi(("openapi", "3.1.0")), "/paths/~1things~1{id}/get", json!(7), "/openapi"),
        ("Swagger 2", openapi(("swagger", "2.0")), "/paths/~1things~1{id}/get/responses/200", json!([]), "/swagger"),
        ("Postman", postman(), "/item/0/response/0/code", json!("fine"), "/info/schema"),
        ("WireMock", wiremock(), "/mappings/0/response/status", json!("fine"), ""),
        ("Hoverfly", hoverfly(), "/data/pairs/0/response/status", json!(99_999), "/meta/schemaVersion"),
    ]
}

/// What is said of a document that is refused, in one line.
async fn refusal(server: &Server, what: &str, document: impl Into<reqwest::Body>) -> String {
    let (status, said) = import(server, document).await;
    assert_eq!((status, &said["error"]["code"]), (422, &json!("bad_document")), "{what}: {said}");
    let message = said["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.len() < 1000 && !message.contains('\n'), "{what}: {message}");
    message
}

async fn nothing_came(server: Server) {
    let learner = server.status().await["learner"].clone();
    assert_eq!((&learner["offered"], &learner["pending"]), (&json!(0), &json!(0)));
    assert_eq!(server.get_json("/admin/endpoints").await, json!([]));
    server.stop().await;
}

#[tokio::test]
async fn a_damaged_file_changes_nothing() {
    let (_upstream, server) = empty().await;
    for (format, document, place, value, version) in formats() {
        let mut damaged = document.clone();
        *damaged.pointer_mut(place).unwrap_or_else(|| panic!("{format}: {place}")) = value;
        let told = refusal(&server, format, damaged.to_string()).await;
        assert!(told.contains(&format!("at {place} it has")), "{format}: {told}");

        // Cut off anywhere, on one line and on many.
        for whole in [document.to_string(), serde_json::to_string_pretty(&document).unwrap()] {
            for part in 1..8 {
                let told = refusal(&server, format, whole[..whole.len() * part / 8].to_owned()).await;
                assert!(told.contains("line ") && told.contains("column "), "{format}: {told}");
            }
        }
        if !version.is_empty() {
            let mut other = document;
            let shown =
                if format == "Postman" { "https://schema.getpostman.com/json/collection/v1.0.0/x" } else { "v97" };
            *other.pointer_mut(version).unwrap() = json!(shown);
            let told = refusal(&server, format, other.to_string()).await;
            assert!(told.contains(shown) && told.contains("expected"), "{format}: {told}");
        }
    }
    nothing_came(server).await;
}

#[tokio::test]
async fn hostile_files_change_nothing() {
    let (_upstream, server) = empty().await;
    let deep = |open: &str, close: &str| open.repeat(200_000) + &close.repeat(200_000);
    let bomb: String = (1..=40).map(|n| format!("a{n}: &a{n} [*a{0},*a{0},*a{0},*a{0}]\n", n - 1)).collect();
    let cases = [
        ("deep JSON", deep("[", "]"), "recursion limit exceeded at line 1 column"),
        ("deep members", deep("{\"log\":", "}"), "recursion limit exceeded at line 1 column"),
        ("deep YAML", "a: ".to_owned() + &deep("[", "]"), "neither JSON nor YAML"),
        ("aliases of aliases", format!("a0: &a0 lol\n{bomb}"), "neither JSON nor YAML"),
        ("bytes", "\u{0}\u{1}".to_owned(), "neither JSON nor YAML"),
        ("nothing", String::new(), ""),
        ("something else", "{\"things\":[]}".to_owned(), "it is neither an OpenAPI document"),
        ("a number", "17".to_owned(), "it is neither an OpenAPI document"),
        ("no exchange", "{\"log\":{\"entries\":[]}}".to_owned(), "it holds no exchange"),
    ];
    for (what, document, words) in cases {
        let told = refusal(&server, what, document).await;
        assert!(told.contains(words), "{what}: {told}");
    }
    assert!(refusal(&server, "not text", vec![0xff_u8, 0xfe, 0x80]).await.contains("neither JSON nor YAML"));
    let (status, said) = import(&server, vec![b' '; (64 << 20) + 1]).await;
    assert_eq!((status, &said["error"]["code"]), (413, &json!("too_large")), "{said}");
    nothing_came(server).await;
}

fn line(path: &str, status: u16) -> String {
    json!({ "request_method": "GET", "request_uri": path, "status": status, "request_time": 0.02 }).to_string() + "\n"
}

#[tokio::test]
async fn an_access_log_gives_endpoints() {
    let (_upstream, server) = empty().await;
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
    let (_upstream, server) = empty().await;
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
    let (_upstream, server) = empty().await;
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
