//! Sixty and more secrets through every way that one can come, in every mode; then every byte that was kept, logged, shown or
//! exported is searched for them.

#[path = "canaries/api.rs"]
mod api;
#[path = "canaries/planted.rs"]
mod planted;
mod support;

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::{SinkExt, StreamExt};
use planted::{Sent, canaries, exchanges};
use serde_json::{Value, json};
use support::until;
use tokio::process::{Child, Command};
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// The program as people run it, its log in a file.
struct Understudy {
    child: Child,
    dir: tempfile::TempDir,
    base: String,
    client: reqwest::Client,
}

impl Understudy {
    async fn start(target: std::net::SocketAddr) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_understudy"));
        let data = dir.path().join("data");
        command.env_clear().current_dir(dir.path()).env("TARGET_URL", format!("http://{target}")).env("DATA_DIR", data);
        command.env("LISTEN_ADDR", "127.0.0.1:0").env("LOG", "debug").stderr(Stdio::from(log)).kill_on_drop(true);
        let child = command.spawn().unwrap();
        let base = until("the address in the log", || async {
            let log = std::fs::read_to_string(dir.path().join("log")).ok()?;
            let (_, rest) = log.split_once("API http://")?;
            Some(format!("http://{}", rest.split(' ').next()?))
        })
        .await;
        Self { child, dir, base, client: support::client() }
    }

    async fn get(&self, path: &str) -> Vec<u8> {
        let asked = self.client.get(format!("{}{path}", self.base)).header("accept", "*/*");
        asked.send().await.unwrap().bytes().await.unwrap().to_vec()
    }

    async fn json(&self, path: &str) -> Value {
        serde_json::from_slice(&self.get(path).await).unwrap_or_default()
    }

    async fn mode(&self, mode: &str) {
        let put = self.client.put(format!("{}/admin/mode", self.base)).json(&json!({ "mode": mode }));
        assert_eq!(put.send().await.unwrap().status(), 200);
    }

    async fn settled(&self) {
        until("the learner to finish", || async {
            (self.json("/admin/status").await["learner"]["pending"] == 0).then_some(())
        })
        .await;
    }

    async fn send(&self, sent: &Sent) -> Option<reqwest::Response> {
        let method = sent.method.parse().unwrap();
        let mut request = self.client.request(method, format!("{}{}", self.base, sent.target)).body(sent.body.clone());
        for (name, value) in &sent.headers {
            request = request.header(*name, value);
        }
        let answer = request.send().await.ok()?;
        Some(answer)
    }

    /// Whatever of it can be asked for.
    async fn shown(&self) -> Vec<(String, Vec<u8>)> {
        let mut paths: Vec<String> = [
            "status",
            "endpoints",
            "rules",
            "openapi.json",
            "openapi.yaml",
            "traffic?limit=1000",
            "traffic.har",
            "drift-alerts",
            "baselines",
            "fidelity",
            "outbox",
            "chaos/report",
            "chaos/clients",
            "twin/state",
            "metrics",
            "redaction",
            "audit",
            "consumers",
            "projects/default/export",
            "fn/snapshot",
            "fn/ways",
            "fn/traffic?filter=&pins=",
        ]
        .map(|path| format!("/admin/{path}"))
        .to_vec();
        paths.extend(
            ["/admin/explorer", "/admin/traffic", "/admin/drift", "/admin/docs", "/admin/twin", "/"].map(str::to_owned),
        );
        for format in self.json("/admin/export").await.as_array().into_iter().flatten() {
            let name = format["name"].as_str().or(format["format"].as_str()).or(format.as_str()).unwrap_or_default();
            paths.push(format!("/admin/export/{name}"));
        }
        for name in
            ["openapi", "har", "postman", "wiremock", "hoverfly", "mockoon", "msw", "k6", "json-schema", "typescript"]
        {
            paths.push(format!("/admin/export/{name}"));
        }
        for endpoint in self.json("/admin/endpoints").await.as_array().into_iter().flatten() {
            let id = endpoint["id"].as_str().unwrap_or_default();
            paths.extend(["", "/examples", "/drift-stats"].map(|part| format!("/admin/endpoints/{id}{part}")));
        }
        for row in self.json("/admin/traffic?limit=1000").await["items"].as_array().into_iter().flatten() {
            paths.push(format!("/admin/traffic/{}", row["id"]));
        }
        for collection in self.json("/admin/twin/state").await["collections"].as_array().into_iter().flatten() {
            let name = collection["name"].as_str().unwrap_or_default().replace('/', "%2F");
            paths.push(format!("/admin/twin/state?collection={name}"));
        }
        let mut shown = Vec::new();
        for path in paths {
            let html = self.client.get(format!("{}{path}", self.base)).header("accept", "text/html,*/*");
            shown.push((format!("page {path}"), html.send().await.unwrap().bytes().await.unwrap().to_vec()));
            shown.push((path.clone(), self.get(&path).await));
        }
        shown
    }
}

fn files(dir: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if let Ok(bytes) = std::fs::read(&path) {
            found.push((path.display().to_string(), bytes));
        }
    }
}

/// As it came, and in the three ways in which it can stand within base64.
fn forms(canary: &str) -> Vec<Vec<u8>> {
    let coded = (0..3).map(|shift| {
        let text = format!("{}{canary}", "x".repeat(shift));
        let coded = BASE64_STANDARD.encode(text);
        // The ends depend on what stands beside it.
        let (start, end) = ((shift * 8).div_ceil(6), coded.trim_end_matches('=').len() - 2);
        coded.as_bytes()[start..end].to_vec()
    });
    std::iter::once(canary.as_bytes().to_vec()).chain(coded).collect()
}

fn found_in(haystacks: &[(String, Vec<u8>)]) -> Vec<String> {
    let mut found = Vec::new();
    for (what, canary) in canaries() {
        for form in forms(&canary) {
            for (place, bytes) in haystacks {
                if let Some(at) = memchr::memmem::find(bytes, &form) {
                    let around = &bytes[at.saturating_sub(60)..(at + form.len() + 20).min(bytes.len())];
                    found.push(format!("{what} in {place}: {}", String::from_utf8_lossy(around)));
                }
            }
        }
    }
    found
}

#[test]
fn the_search_finds_what_is_there() {
    let all = canaries();
    assert!(all.len() >= 60, "{}", all.len());
    for (what, canary) in &all {
        for pad in ["", "u:", "ab"] {
            let haystack = [(String::new(), BASE64_STANDARD.encode(format!("{pad}{canary}:c")).into_bytes())];
            assert!(found_in(&haystack).iter().any(|found| found.starts_with(&format!("{what} in"))), "{what} {pad}");
        }
    }
}

async fn talk(understudy: &Understudy) {
    let url = format!("{}/socket", understudy.base.replace("http:", "ws:"));
    let mut request = url.into_client_request().unwrap();
    let protocols = format!("chat, {}", planted::of("WebSocket protocol"));
    request.headers_mut().insert("sec-websocket-protocol", protocols.parse().unwrap());
    let Ok((mut socket, _)) = tokio_tungstenite::connect_async(request).await else { return };
    for message in planted::messages() {
        socket.send(tungstenite::Message::text(message)).await.unwrap();
        let _ = tokio::time::timeout(support::DEADLINE, socket.next()).await;
    }
    let _ = socket.close(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_kept_logged_shown_or_exported() {
    let mut api = api::Api::start().await;
    let mut understudy = Understudy::start(api.address).await;
    let (mut feed, _) =
        tokio_tungstenite::connect_async(format!("{}/admin/ws", understudy.base.replace("http:", "ws:")))
            .await
            .unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ear = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Some(Ok(message)) = feed.next().await {
            ear.lock().unwrap().extend_from_slice(&message.into_data());
        }
    });

    for mode in ["proxy", "shadow", "mock", "failover"] {
        if mode == "failover" {
            api.stop().await;
        }
        understudy.mode(if mode == "failover" { "proxy" } else { mode }).await;
        for _ in 0..4 {
            for sent in exchanges() {
                let answer = understudy.send(&sent).await;
                if mode == "proxy" {
                    assert!(
                        answer.is_some_and(|answer| answer.status().as_u16() < 501),
                        "{} {}",
                        sent.method,
                        sent.target
                    );
                } else if let Some(answer) = answer {
                    let _ = answer.bytes().await;
                }
            }
            talk(&understudy).await;
        }
        understudy.settled().await;
        if mode == "mock" {
            the_twin_works(&understudy).await;
        }
    }

    let mut haystacks = understudy.shown().await;
    let shown: usize = haystacks.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(shown > 100_000 && haystacks.len() > 100, "there is something to search: {shown} in {}", haystacks.len());
    let in_full = haystacks.iter().filter(|(place, _)| place.starts_with("/admin/traffic/"));
    let bodies = in_full.filter(|(_, bytes)| memchr::memmem::find(bytes, b"amber").is_some()).count();
    assert!(bodies > 20, "what was sent is shown in full, but for its secrets: {bodies}");
    haystacks.push(("live feed".into(), heard.lock().unwrap().clone()));
    assert!(memchr::memmem::find(&haystacks.last().unwrap().1, b"/login").is_some(), "the feed tells what happens");
    files(understudy.dir.path(), &mut haystacks);
    let pid = rustix::process::Pid::from_raw(understudy.child.id().unwrap().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    understudy.child.wait().await.unwrap();
    files(understudy.dir.path(), &mut haystacks);
    assert!(
        haystacks
            .iter()
            .any(|(place, bytes)| place.ends_with("/log") && memchr::memmem::find(bytes, b"/login").is_some())
    );
    let found = found_in(&haystacks);
    assert!(found.is_empty(), "{} found:\n{}", found.len(), found.join("\n"));
}

/// A login with the secret that was recorded still opens what it opened, and another one does not.
async fn the_twin_works(understudy: &Understudy) {
    let post = |password: String| {
        let request = understudy.client.post(format!("{}/login", understudy.base));
        request.json(&json!({ "user": "amber", "password": password })).send()
    };
    let right = post(planted::of("login password")).await.unwrap();
    assert_eq!(right.status(), 200);
    assert_eq!(support::header(&right, "x-understudy-source"), "twin");
    let right: Value = right.json().await.unwrap();
    let token = right["access_token"].as_str().unwrap().to_owned();
    assert_ne!(token, planted::of("login access_token"));
    let me = |token: Option<&str>| {
        let request = understudy.client.get(format!("{}/me", understudy.base));
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
        .send()
    };
    assert_eq!(me(Some(&token)).await.unwrap().status(), 200, "what the twin gave out opens");
    assert_eq!(
        me(Some(&planted::of("login access_token"))).await.unwrap().status(),
        200,
        "what the API gave out opens"
    );
    assert_eq!(me(None).await.unwrap().status(), 401);
}

/// `RECORD=off`: what was said is not kept, whatever it was called.
#[tokio::test]
async fn nothing_is_kept_when_nothing_shall_be() {
    let upstream = support::Upstream::start(|_| async {
        let mut answer = support::json(200, &json!({ "remark": "answered-4711" }));
        answer.headers_mut().insert("x-remark", "field-4711".parse().unwrap());
        answer
    })
    .await;
    let server = support::Server::start_with(upstream.address, |config| config.record = false).await;
    for id in 1..=3 {
        let post =
            server.client.post(server.url(&format!("/notes/{id}?remark=query-4711"))).header("x-remark", "field-4711");
        let answer = post.json(&json!({ "remark": "sent-4711" })).send().await.unwrap();
        assert!(answer.text().await.unwrap().contains("answered-4711"), "it passes");
    }
    server.learned(3).await;
    let rows = server.get_json("/admin/traffic").await;
    assert_eq!(rows["items"].as_array().unwrap().len(), 3);
    let exchange = server.get("/admin/traffic/1").await.text().await.unwrap();
    let mut haystacks =
        vec![("rows".to_owned(), rows.to_string().into_bytes()), ("exchange".into(), exchange.into_bytes())];
    let dir = server.stop().await;
    files(dir.path(), &mut haystacks);
    for (place, bytes) in &haystacks {
        assert!(memchr::memmem::find(bytes, b"4711").is_none(), "{place}");
    }
}
