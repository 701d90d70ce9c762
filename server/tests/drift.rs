//! The watchdog over the admin API: an API changes, people are told at once, and what they decide holds.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::StreamExt;
use http::Request;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use support::{Server, Upstream, until};

/// An API of users that can rename a field.
struct Users {
    upstream: Upstream,
    renamed: Arc<AtomicBool>,
}

impl Users {
    async fn start() -> Self {
        let renamed = Arc::new(AtomicBool::new(false));
        let switch = Arc::clone(&renamed);
        let upstream = Upstream::start(move |req: Request<Incoming>| {
            let field = if switch.load(Ordering::SeqCst) { "userId" } else { "user_id" };
            async move {
                let id: u64 = req.uri().path().rsplit('/').next().unwrap().parse().unwrap_or(0);
                support::json(200, &json!({ field: id, "name": format!("User {id}"), "active": true }))
            }
        })
        .await;
        Self { upstream, renamed }
    }

    fn rename(&self) {
        self.renamed.store(true, Ordering::SeqCst);
    }
}

async fn call(server: &Server, times: u64) {
    for n in 0..times {
        server.get(&format!("/users/{}", n % 12 + 1)).await.bytes().await.unwrap();
    }
}

/// A server that has learned the users, and seen them renamed when asked to.
async fn taught(renamed: bool) -> (Users, Server) {
    let users = Users::start().await;
    let server = Server::start(users.upstream.address).await;
    call(&server, 40).await;
    until("a baseline", || async {
        let watched = server.status().await["drift"]["watched"] == 1;
        watched.then_some(())
    })
    .await;
    if renamed {
        users.rename();
        call(&server, 6).await;
        until("the alert", || async { unresolved(&server).await.pop() }).await;
    }
    (users, server)
}

async fn unresolved(server: &Server) -> Vec<Value> {
    let all = server.get_json("/admin/drift-alerts?unresolved_only=true").await;
    all["items"].as_array().unwrap().clone()
}

async fn send(server: &Server, method: &str, path: &str, body: Value) -> (u16, Value) {
    let request = server.client.request(method.parse().unwrap(), server.url(path)).json(&body);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_renamed_field_is_one_critical_alert() {
    let (_users, server) = taught(true).await;
    let alerts = unresolved(&server).await;
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    let alert = &alerts[0];
    assert_eq!((&alert["kind"], &alert["severity"]), (&json!("field_renamed"), &json!("critical")));
    let finding = &alert["findings"][0];
    assert_eq!(
        (&finding["pointer"], &finding["before"], &finding["after"]),
        (&json!("/user_id"), &json!("user_id"), &json!("userId"))
    );
    assert_eq!(finding["samples"].as_array().unwrap().len(), 2);
    let id = alert["endpoint_id"].as_str().unwrap();
    let stats = server.get_json(&format!("/admin/endpoints/{id}/drift-stats")).await;
    assert_eq!((&stats["phase"], &stats["critical"]), (&json!("watching"), &json!(1)));
    assert!(stats["score"].as_f64().unwrap() > 10.0 && !stats["series"].as_array().unwrap().is_empty());
    assert_eq!(server.status().await["drift"]["summary"], "1 critical issue");
}

#[tokio::test]
async fn viewers_hear_of_an_alert_within_a_second() {
    let (users, server) = taught(false).await;
    let url = format!("ws://{}/admin/ws", server.app.control());
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    users.rename();
    call(&server, 6).await;
    let asked = std::time::Instant::now();
    let alert = loop {
        let message = tokio::time::timeout(support::DEADLINE, socket.next()).await.unwrap().unwrap().unwrap();
        let Ok(text) = message.to_text() else { continue };
        let Ok(message) = serde_json::from_str::<Value>(text) else { continue };
        if message["type"] == "drift" {
            break message["alert"].clone();
        }
    };
    assert!(asked.elapsed().as_millis() < 1000, "{:?}", asked.elapsed());
    assert_eq!(alert["kind"], "field_renamed");
}

#[tokio::test]
async fn decisions_hold_and_are_kept() {
    let (_users, server) = taught(true).await;
    let id = unresolved(&server).await[0]["id"].as_u64().unwrap();
    let path = format!("/admin/drift-alerts/{id}/resolve");
    let (status, answer) = send(&server, "POST", &path, json!({ "action": "forget" })).await;
    assert_eq!((status, &answer["error"]["details"]["allowed"]), (422, &json!(["accept", "dismiss", "snooze"])));
    for unknown in ["/admin/drift-alerts/999/resolve", "/admin/drift-alerts/nothing/resolve"] {
        let (status, answer) = send(&server, "POST", unknown, json!({ "action": "accept" })).await;
        assert_eq!((status, &answer["error"]["code"]), (404, &json!("unknown_alert")));
    }
    for _ in 0..2 {
        let (status, answer) = send(&server, "POST", &path, json!({ "action": "accept" })).await;
        assert_eq!(
            (status, &answer["state"], answer["history"].as_array().unwrap().len()),
            (200, &json!("accepted"), 2)
        );
    }
    call(&server, 12).await;
    server.learned(58).await;
    assert_eq!(unresolved(&server).await.len(), 0);

    let versions = server.get_json("/admin/baselines").await["versions"].clone();
    assert_eq!((&versions[0]["version"], &versions[1]["version"]), (&json!("v1"), &json!("v2")));
    let log = server.get_json("/admin/baselines/changelog?from=v1&to=v2").await;
    assert_eq!((&log["bump"], log["changes"].as_array().unwrap().len()), (&json!("major"), 1));
    let old = server.get_json("/admin/openapi.json?version=v1").await.to_string();
    let new = server.get_json("/admin/openapi.json?version=v2").await.to_string();
    assert!(old.contains("user_id") && !old.contains("userId") && new.contains("userId"));
    assert_eq!(server.get("/admin/openapi.json?version=v9").await.status(), 404);
}

#[tokio::test]
async fn alerts_and_baselines_outlive_a_restart() {
    let (users, server) = taught(true).await;
    let before = unresolved(&server).await;
    let dir = server.stop().await;
    let config = support::config(dir.path(), Some(users.upstream.address));
    let server = Server::start_in(dir, config).await;
    assert_eq!(unresolved(&server).await[0]["id"], before[0]["id"]);
    call(&server, 3).await;
    until("the alert to count on", || async {
        let now = unresolved(&server).await;
        (now.len() == 1 && now[0]["count"].as_u64() > before[0]["count"].as_u64()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn baselines_are_frozen_and_learned_anew_by_hand() {
    let users = Users::start().await;
    let server = Server::start(users.upstream.address).await;
    call(&server, 3).await;
    server.learned(3).await;
    let id = server.get_json("/admin/endpoints").await[0]["id"].as_str().unwrap().to_owned();
    let stats = server.get_json(&format!("/admin/endpoints/{id}/drift-stats")).await;
    assert_eq!((&stats["phase"], &stats["exchanges"]), (&json!("learning"), &json!(3)));
    let (status, answer) = send(&server, "POST", "/admin/baselines/freeze", json!({ "endpoint_id": id })).await;
    assert_eq!((status, answer), (200, json!({ "frozen": 1 })));
    assert_eq!(send(&server, "POST", "/admin/baselines/freeze", json!({ "endpoint_id": "x" })).await.0, 404);
    assert_eq!(server.status().await["drift"]["watched"], 1);
    let (_, answer) = send(&server, "POST", "/admin/baselines/relearn", json!({})).await;
    assert_eq!((answer, &server.status().await["drift"]["watched"]), (json!({ "relearned": 1 }), &json!(0)));
    assert_eq!(server.get("/admin/endpoints/x/drift-stats").await.status(), 404);
}

#[tokio::test]
async fn a_webhook_gets_signed_alerts_and_one_that_hangs_delays_nothing() {
    let heard: Arc<Mutex<Vec<(String, String, Value)>>> = Arc::default();
    let log = Arc::clone(&heard);
    let receiver = Upstream::start(move |req: Request<Incoming>| {
        let log = Arc::clone(&log);
        async move {
            let field = |name: &str| req.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
            let (signature, time) = (field("x-understudy-signature"), field("x-understudy-timestamp"));
            let body = req.into_body().collect().await.unwrap().to_bytes();
            log.lock().unwrap().push((signature, time, serde_json::from_slice(&body).unwrap()));
            support::json(200, &json!({}))
        }
    })
    .await;
    let hanging = Upstream::start(|_| async {
        std::future::pending::<()>().await;
        support::json(200, &json!({}))
    })
    .await;

    let (users, server) = taught(false).await;
    let url = |upstream: &Upstream| format!("http://{}/hook", upstream.address);
    let hooks = json!([
        { "url": url(&hanging) },
        { "url": url(&receiver), "secret": "hush", "cooldown_seconds": 600 },
        { "url": url(&receiver), "format": "slack" },
    ]);
    let (status, shown) = send(&server, "PUT", "/admin/webhooks", hooks).await;
    assert_eq!((status, &shown[1]["secret"]), (200, &json!("(set)")));
    let (status, answer) = send(&server, "PUT", "/admin/webhooks", json!([{ "url": "ftp://x" }])).await;
    assert_eq!((status, &answer["error"]["details"]["name"]), (422, &json!("url")));

    users.rename();
    call(&server, 20).await;
    let messages = until("both messages", || async {
        let heard = heard.lock().unwrap().clone();
        (heard.len() >= 2).then_some(heard)
    })
    .await;
    assert_eq!(messages.len(), 2, "the same alert is not sent twice: {messages:?}");
    let (signature, time, body) = messages.iter().find(|(signature, ..)| !signature.is_empty()).unwrap();
    assert_eq!((&body["event"], &body["alert"]["kind"]), (&json!("drift.alert"), &json!("field_renamed")));
    assert!(signature.starts_with("sha256=") && signature.len() == 71 && !time.is_empty());
    let slack = messages.iter().find(|(signature, ..)| signature.is_empty()).unwrap();
    assert!(slack.2["text"].as_str().unwrap().contains("CRITICAL"));
    server.learned(60).await;
}

#[tokio::test]
async fn what_clients_read_decides_how_bad_it_is() {
    let (_users, server) = taught(true).await;
    let (status, _) = send(&server, "PUT", "/admin/consumers", json!({ "app": ["/name"] })).await;
    assert_eq!((status, &unresolved(&server).await[0]["severity"]), (200, &json!("info")));
    send(&server, "PUT", "/admin/consumers", json!({ "app": ["GET /users/{id}#/user_id"] })).await;
    assert_eq!(unresolved(&server).await[0]["severity"], "critical");
    let (status, _) = send(&server, "PUT", "/admin/consumers", json!({ "app": ["name"] })).await;
    assert_eq!(status, 422);
}
