//! The admin API and the live feed.

mod support;

use std::time::Duration;

use futures_util::StreamExt;
use http::Response;
use serde_json::{Value, json};
use support::{Server, Upstream, until, whole};

async fn server() -> (Upstream, Server) {
    let upstream = Upstream::start(|_| async { support::json(200, &json!({ "id": 1, "token": "s3cret" })) }).await;
    let server = Server::start(upstream.address).await;
    (upstream, server)
}

async fn put_mode(server: &Server, body: &'static str) -> (u16, Value) {
    let response = server.client.put(server.url("/admin/mode")).body(body).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_bad_mode_is_answered_with_the_allowed_ones() {
    let (_upstream, server) = server().await;
    let (status, body) = put_mode(&server, r#"{"mode":"party"}"#).await;
    assert_eq!((status, &body["error"]["details"]["allowed"]), (422, &json!(["proxy", "mock", "shadow"])));
    assert!(body["error"]["message"].as_str().unwrap().contains("party"), "{body}");
    assert_eq!(put_mode(&server, "{}").await.0, 422);
    assert_eq!(put_mode(&server, "mode=mock").await.0, 400);
    assert_eq!(put_mode(&server, r#"{"mode":"mock"}"#).await.1["mode"], "mock");
    server.stop().await;
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_in_the_envelope() {
    let (upstream, server) = server().await;
    for path in ["/admin", "/admin/", "/admin/nothing", "/admin/endpoints/nothing"] {
        let response = server.get(path).await;
        assert_eq!(response.status(), 404, "{path}");
        let body: Value = response.json().await.unwrap();
        assert!(body["error"]["code"].as_str().unwrap().starts_with("unknown_"), "{body}");
    }
    let response = server.client.delete(server.url("/admin/mode")).send().await.unwrap();
    assert_eq!(response.status(), 405);
    assert_eq!(upstream.count(), 0);
    server.stop().await;
}

#[tokio::test]
async fn pages_of_other_sites_are_kept_out() {
    let (_upstream, server) = server().await;
    let rebound = server.client.get(server.url("/admin/status")).header("host", "evil.example").send().await.unwrap();
    assert_eq!(rebound.status(), 403);
    let foreign = server.client.put(server.url("/admin/mode")).header("origin", "http://evil.example");
    assert_eq!(foreign.body(r#"{"mode":"mock"}"#).send().await.unwrap().status(), 403);
    assert_eq!(server.status().await["mode"], "proxy");
    server.stop().await;
}

#[tokio::test]
async fn a_token_opens_the_admin_api_and_not_the_api() {
    const TOKEN: &str = "0123456789abcdef";
    let upstream = Upstream::start(|_| async { Response::new(whole("the api")) }).await;
    let server = Server::start_with(upstream.address, |config| config.admin_token = Some(TOKEN.into())).await;
    assert_eq!(server.get("/admin/status").await.status(), 401);
    assert_eq!(server.get("/admin/healthz").await.status(), 200);
    assert_eq!(server.get("/x").await.status(), 200);
    let asked = server.client.get(server.url("/admin/status")).bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(asked.status(), 200);
    let opened = server.get(&format!("/admin/status?token={TOKEN}")).await;
    assert_eq!((opened.status().as_u16(), support::header(&opened, "location")), (303, "/admin/status"));
    let cookie = support::header(&opened, "set-cookie").split(';').next().unwrap().to_owned();
    let with_cookie = server.client.get(server.url("/admin/status")).header("cookie", cookie).send().await.unwrap();
    assert_eq!(with_cookie.status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn everything_offered_is_learned_shed_or_pending() {
    let (_upstream, server) = server().await;
    let mut calls = tokio::task::JoinSet::new();
    for i in 0..8 {
        let (client, base) = (server.client.clone(), server.url(""));
        calls.spawn(async move {
            for k in 0..50 {
                client.get(format!("{base}/items/{}", i * 50 + k)).send().await.unwrap().bytes().await.unwrap();
            }
        });
    }
    while !calls.is_empty() {
        let learner = &server.status().await["learner"];
        let count = |name: &str| learner[name].as_u64().unwrap();
        assert_eq!(count("offered"), count("learned") + count("shed") + count("pending"), "{learner}");
        while calls.try_join_next().is_some_and(|joined| joined.is_ok()) {}
    }
    let status = server.learned(400).await;
    assert_eq!(status["learner"]["offered"], 400);
    server.stop().await;
}

#[tokio::test]
async fn traffic_is_listed_redacted_and_in_pages() {
    let (_upstream, server) = server().await;
    for i in 1..=5 {
        server.get(&format!("/items/{i}?api_key=s3cret")).await.bytes().await.unwrap();
    }
    server.learned(5).await;
    let page = server.get_json("/admin/traffic?limit=2").await;
    let target = page["items"][0]["target"].as_str().unwrap();
    assert!(target.starts_with("/items/5?api_key=rd_"), "{target}");
    assert_eq!(page["items"][0]["source"], "upstream");
    let next = page["next"].as_str().unwrap();
    let older = server.get_json(&format!("/admin/traffic?before={next}")).await;
    assert_eq!(older["items"].as_array().unwrap().len(), 3);
    assert!(!page.to_string().contains("s3cret") && !older.to_string().contains("s3cret"));
    assert_eq!(server.get("/admin/traffic?limit=many").await.status(), 400);
    server.stop().await;
}

#[tokio::test]
async fn an_exchange_is_shown_in_full_and_redacted() {
    let (_upstream, server) = server().await;
    for path in ["/items/1", "/items/2?api_key=s3cret"] {
        server.get(path).await.bytes().await.unwrap();
    }
    server.learned(2).await;
    let page = server.get_json("/admin/traffic?filter=path:/items/*%20text:api_key%20-status:5xx").await;
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
    let exchange = server.get_json(&format!("/admin/traffic/{}", page["items"][0]["id"])).await;
    let body: Value = serde_json::from_str(exchange["response"]["text"].as_str().unwrap()).unwrap();
    assert!(body.is_object(), "{exchange}");
    assert!(exchange["request"]["headers"].is_array() && exchange["endpoint"].is_string(), "{exchange}");

    let recording = server.get_json("/admin/traffic.har?filter=status:200").await;
    let entries = recording["log"]["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2, "{recording}");
    assert!(entries[0]["request"]["url"].as_str().unwrap().ends_with("/items/1"), "oldest first");
    assert!(entries[0]["response"]["content"]["text"].is_string());
    assert!(!format!("{exchange}{recording}").contains("s3cret"));

    let refused = server.get("/admin/traffic?filter=colour:red").await;
    assert_eq!(refused.status(), 400);
    let refused: Value = refused.json().await.unwrap();
    assert!(refused["error"]["message"].as_str().unwrap().contains("colour:red"), "{refused}");
    server.stop().await;
}

#[tokio::test]
async fn the_live_feed_shows_a_request_without_being_asked() {
    let (_upstream, server) = server().await;
    let (mut socket, _) =
        tokio_tungstenite::connect_async(format!("ws://{}/admin/ws", server.app.api())).await.unwrap();
    let mut next = async || -> Value {
        let message = tokio::time::timeout(Duration::from_secs(10), socket.next()).await.unwrap().unwrap().unwrap();
        serde_json::from_str(message.to_text().unwrap()).unwrap()
    };
    let first = next().await;
    assert_eq!((&first["type"], &first["rows"]), (&json!("tick"), &json!([])));
    server.get("/items/1").await.bytes().await.unwrap();
    let row = loop {
        let tick = next().await;
        if let Some(row) = tick["rows"].get(0) {
            break row.clone();
        }
    };
    assert_eq!((&row["method"], &row["target"], &row["status"]), (&json!("GET"), &json!("/items/1"), &json!(200)));
    server.stop().await;
}

#[tokio::test]
async fn the_live_feed_tells_a_change_of_mode() {
    let (_upstream, server) = server().await;
    let (mut socket, _) =
        tokio_tungstenite::connect_async(format!("ws://{}/admin/ws", server.app.api())).await.unwrap();
    socket.next().await.unwrap().unwrap();
    server.set_mode("mock").await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        let message = tokio::time::timeout_at(deadline, socket.next()).await.unwrap().unwrap().unwrap();
        let message: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        if message["status"]["mode"] == "mock" {
            break;
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn the_learned_api_is_written_down() {
    let (_upstream, server) = server().await;
    for i in 1..=5 {
        server.get(&format!("/items/{i}")).await.bytes().await.unwrap();
    }
    server.learned(5).await;
    let document = server.get_json("/admin/openapi.json").await;
    assert!(document["paths"]["/items/{id}"]["get"].is_object(), "{document}");
    let endpoints = server.get_json("/admin/endpoints").await;
    assert_eq!((&endpoints[0]["template"], &endpoints[0]["requests"]), (&json!("/items/{id}"), &json!(5)));
    let detail = server.get_json(&format!("/admin/endpoints/{}", endpoints[0]["id"].as_str().unwrap())).await;
    assert_eq!(detail["responses"][0]["status"], 200, "{detail}");
    assert!(!format!("{document}{detail}").contains("s3cret"));
    server.stop().await;
}

#[tokio::test]
async fn without_a_target_the_sample_api_answers() {
    let dir = tempfile::tempdir().unwrap();
    let config = support::config(dir.path(), None);
    let server = Server::start_in(dir, config).await;
    let books = server.get_json("/books").await;
    assert!(books.as_array().unwrap().len() > 3);
    let created =
        server.client.post(server.url("/books")).json(&json!({ "title": "T", "author": "A" })).send().await.unwrap();
    assert_eq!(created.status(), 201);
    let place = support::header(&created, "location").to_owned();
    assert_eq!(server.get_json(&place).await["title"], "T");
    let invalid = server.client.post(server.url("/books")).json(&json!({})).send().await.unwrap();
    assert_eq!(invalid.status(), 422);
    let status = until("the status", || async { Some(server.status().await) }).await;
    assert_eq!(status["upstream"]["sample"], true);
    server.stop().await;
}

#[tokio::test]
async fn what_people_name_is_kept_nowhere() {
    let upstream = Upstream::start(|_| async { support::json(200, &json!({ "iban": "DE99", "id": 1 })) }).await;
    let server = Server::start(upstream.address).await;
    let put = async |body: &'static str| {
        let response = server.client.put(server.url("/admin/redaction")).body(body).send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    assert_eq!(put(r#"{"names":["IBAN","x-tax","IBAN"]}"#).await, (200, json!({ "names": ["IBAN", "x-tax"] })));
    assert_eq!(put(r#"{"names":["--"]}"#).await.0, 422);
    assert_eq!(put(r#"["iban"]"#).await.0, 422);

    server.client.get(server.url("/accounts/1?iban=DE99")).header("x-tax", "12").send().await.unwrap();
    let learned = async || (server.status().await["learner"]["learned"] == 1).then_some(());
    until("the exchange is learned", learned).await;
    let rows: Value = server.get("/admin/traffic").await.json().await.unwrap();
    let kept = server.get(&format!("/admin/traffic/{}", rows["items"][0]["id"])).await.text().await.unwrap();
    assert!(kept.contains("iban") && !kept.contains("DE99"), "{kept}");

    let tried =
        server.client.post(server.url("/admin/redaction/try")).body(r#"{"text":"{\"iban\":\"DE99\",\"a\":1}"}"#);
    let tried = tried.send().await.unwrap().text().await.unwrap();
    assert!(tried.contains(r#"\"a\":1"#) && !tried.contains("DE99"), "{tried}");
    server.stop().await;
}
