//! Whatever is sent to the API's port, answered by the API, or imported: connections go to the API and to nobody else. A trap
//! listens and counts.

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use support::{Server, Upstream, whole};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A connection that is neither answered nor closed for so long is left; only the trap counts.
const SILENCE: std::time::Duration = std::time::Duration::from_secs(2);

/// Counts who comes, and says nothing.
struct Trap {
    address: SocketAddr,
    came: Arc<AtomicUsize>,
}

impl Trap {
    async fn set() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, came) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let counter = Arc::clone(&came);
        tokio::spawn(async move {
            while let Ok((_stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { address, came }
    }

    /// Comes last, so that everybody before it was counted before it is.
    async fn caught_nobody(self) -> bool {
        let _own = TcpStream::connect(self.address).await.unwrap();
        support::until("the trap to count", || async { (self.came.load(Ordering::SeqCst) > 0).then_some(()) }).await;
        self.came.load(Ordering::SeqCst) == 1
    }
}

/// Sends bytes and reads whatever comes until the connection ends, or nothing has come for a while.
async fn send(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(SILENCE, stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Request lines and fields that a forward proxy, or one that believes its client, would follow. `T` is the trap, `U` we.
const REQUESTS: &[&str] = &[
    "GET http://T/x HTTP/1.1\r\nHost: T",
    "GET http://T/x HTTP/1.1\r\nHost: U",
    "GET http://T HTTP/1.1\r\nHost: T",
    "GET https://T/x HTTP/1.1\r\nHost: T",
    "GET HTTP://T/x HTTP/1.1\r\nHost: T",
    "GET ftp://T/x HTTP/1.1\r\nHost: T",
    "GET gopher://T/x HTTP/1.1\r\nHost: T",
    "GET ws://T/x HTTP/1.1\r\nHost: T",
    "GET file://T/etc/passwd HTTP/1.1\r\nHost: U",
    "GET http:T/x HTTP/1.1\r\nHost: U",
    "GET http:/T/x HTTP/1.1\r\nHost: U",
    "GET http:///T/x HTTP/1.1\r\nHost: U",
    "GET http:\\\\T\\x HTTP/1.1\r\nHost: U",
    "GET //T/x HTTP/1.1\r\nHost: U",
    "GET ///T/x HTTP/1.1\r\nHost: U",
    "GET /\\T/x HTTP/1.1\r\nHost: U",
    "GET \\\\T\\x HTTP/1.1\r\nHost: U",
    "GET @T/x HTTP/1.1\r\nHost: U",
    "GET :@T/x HTTP/1.1\r\nHost: U",
    "GET /@T/x HTTP/1.1\r\nHost: U",
    "GET /%40T/x HTTP/1.1\r\nHost: U",
    "GET .T/x HTTP/1.1\r\nHost: U",
    "GET T HTTP/1.1\r\nHost: U",
    "GET T/x HTTP/1.1\r\nHost: U",
    "GET http://U@T/x HTTP/1.1\r\nHost: U",
    "GET http://U:80@T/x HTTP/1.1\r\nHost: U",
    "GET http://U%40T/x HTTP/1.1\r\nHost: U",
    "GET http://T#@U/x HTTP/1.1\r\nHost: U",
    "GET http://T?@U/x HTTP/1.1\r\nHost: U",
    "GET http://T\\@U/x HTTP/1.1\r\nHost: U",
    "GET http://U\t@T/x HTTP/1.1\r\nHost: U",
    "GET /x?url=http://T/x HTTP/1.1\r\nHost: U",
    "GET /http://T/x HTTP/1.1\r\nHost: U",
    "GET /proxy/http://T/x HTTP/1.1\r\nHost: U",
    "GET /x#http://T/ HTTP/1.1\r\nHost: U",
    "GET /x HTTP/1.1\r\nHost: T",
    "GET /x HTTP/1.1\r\nHost: U@T",
    "GET /x HTTP/1.1\r\nHost: T/x",
    "GET /x HTTP/1.1\r\nHost: http://T",
    "GET /x HTTP/1.1\r\nHost: U, T",
    "GET /x HTTP/1.1\r\nHost: U T",
    "GET /x HTTP/1.1\r\nHost: T\r\nHost: U",
    "GET /x HTTP/1.1\r\nHost: U\r\nHost: T",
    "GET /x HTTP/1.1\r\nHost: U\r\n Host: T",
    "GET /x HTTP/1.0\r\nHost: T",
    "GET http://T/x HTTP/1.0",
    "GET http://T/x HTTP/1.0\r\nHost: T\r\nProxy-Connection: keep-alive",
    "CONNECT T HTTP/1.1\r\nHost: T",
    "CONNECT http://T HTTP/1.1\r\nHost: T",
    "CONNECT /T HTTP/1.1\r\nHost: U",
    "CONNECT T HTTP/1.0",
    "OPTIONS http://T HTTP/1.1\r\nHost: T",
    "OPTIONS * HTTP/1.1\r\nHost: T",
    "TRACE http://T/x HTTP/1.1\r\nHost: T\r\nMax-Forwards: 5",
    "PROPFIND http://T/x HTTP/1.1\r\nHost: T\r\nDestination: http://T/y",
    "COPY /x HTTP/1.1\r\nHost: U\r\nDestination: http://T/y",
    "GET /x HTTP/1.1\r\nHost: U\r\nX-Forwarded-Host: T",
    "GET /x HTTP/1.1\r\nHost: U\r\nX-Forwarded-Server: T",
    "GET /x HTTP/1.1\r\nHost: U\r\nX-Host: T",
    "GET /x HTTP/1.1\r\nHost: U\r\nForwarded: for=127.0.0.1;host=\"T\";by=T",
    "GET /x HTTP/1.1\r\nHost: U\r\nX-Forwarded-For: T\r\nX-Real-IP: T\r\nX-Forwarded-Proto: http://T",
    "GET /x HTTP/1.1\r\nHost: U\r\nX-Original-URL: http://T/x\r\nX-Rewrite-URL: http://T/x",
    "GET /x HTTP/1.1\r\nHost: U\r\nX-HTTP-Host-Override: T\r\nX-Forwarded-Port: T",
    "GET /x HTTP/1.1\r\nHost: U\r\nReferer: http://T/x\r\nOrigin: http://T",
    "GET /x HTTP/1.1\r\nHost: U\r\nX-Wap-Profile: http://T/wap.xml\r\nContact: http://T\r\nFrom: x@T",
    "GET /x HTTP/1.1\r\nHost: U\r\nTrue-Client-IP: T\r\nCF-Connecting-IP: T\r\nClient-IP: T",
    "GET /x HTTP/1.1\r\nHost: U\r\nDestination: http://T/\r\nContent-Location: http://T/\r\nLocation: http://T/",
    "GET /x HTTP/1.1\r\nHost: U\r\nProxy-Authorization: Basic dTpw\r\nProxy: http://T\r\nVia: 1.1 T",
    "GET /x HTTP/1.1\r\nHost: U\r\nConnection: close, Host\r\nX-Forwarded-Host: T",
    "GET http://T/ws HTTP/1.1\r\nHost: T\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "GET /ws HTTP/1.1\r\nHost: T\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "GET /x HTTP/1.1\r\nHost: T\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
    "GET /x HTTP/1.1\r\nHost: U\r\nPrefer: source=http://T",
    "GET /x HTTP/1.1\r\nHost: U\r\nPrefer: source=upstream; host=T",
    "GET http://T/admin/status HTTP/1.1\r\nHost: U",
    "GET http://[::ffff:127.0.0.1]:PORT/x HTTP/1.1\r\nHost: T",
    "GET http://2130706433:PORT/x HTTP/1.1\r\nHost: T",
    "GET http://0x7f000001:PORT/x HTTP/1.1\r\nHost: T",
    "GET http://127.1:PORT/x HTTP/1.1\r\nHost: T",
    "GET http://localhost:PORT/x HTTP/1.1\r\nHost: localhost:PORT",
];

/// Fields of an answer of the API's that a client, or a proxy that helps one, would follow.
const ANSWERS: &[(u16, &[(&str, &str)])] = &[
    (301, &[("location", "http://T/x")]),
    (302, &[("location", "//T/x")]),
    (303, &[("location", "http://U@T/x")]),
    (307, &[("location", "http://T/x")]),
    (308, &[("location", "http://T/x")]),
    (300, &[("location", "http://T/x")]),
    (305, &[("location", "http://T/")]),
    (201, &[("location", "http://T/x"), ("content-location", "http://T/x")]),
    (200, &[("refresh", "0; url=http://T/x"), ("link", "<http://T/x>; rel=preload")]),
    (200, &[("alt-svc", "h2=\"T\""), ("x-accel-redirect", "http://T/x"), ("x-sendfile", "http://T/x")]),
    (401, &[("www-authenticate", "Bearer realm=\"http://T/token\"")]),
    (407, &[("proxy-authenticate", "Basic realm=\"http://T\"")]),
    (503, &[("retry-after", "0"), ("location", "http://T/x")]),
];

fn filled(text: &str, trap: SocketAddr, own: SocketAddr) -> String {
    let (trap, port, own) = (trap.to_string(), trap.port().to_string(), own.to_string());
    let mut filled = String::new();
    // Letters of their own, not of words.
    for (at, c) in text.char_indices() {
        let stands_alone = {
            let is_letter = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-');
            !is_letter(text[..at].chars().next_back()) && !is_letter(text[at + c.len_utf8()..].chars().next())
        };
        match c {
            'T' if stands_alone || text[..at].ends_with("%40") => filled.push_str(&trap),
            'U' if stands_alone => filled.push_str(&own),
            other => filled.push(other),
        }
    }
    filled.replace("PORT", &port)
}

#[tokio::test]
async fn requests_lead_nowhere_but_to_the_api() {
    let trap = Trap::set().await;
    let upstream = Upstream::start(|_| async { Response::new(whole("the api")) }).await;
    let server = Server::start(upstream.address).await;
    let own = server.app.api();
    assert!(REQUESTS.len() >= 80, "{}", REQUESTS.len());
    assert!(
        filled("GET http://T/x HTTP/1.1\r\nHost: U", trap.address, own)
            .contains(&format!("http://{}/x HTTP", trap.address))
    );
    for request in REQUESTS {
        let request = filled(request, trap.address, own);
        let close = if request.contains("Connection: close") { "" } else { "Connection: close\r\n" };
        let close = if request.contains("Upgrade:") { "Connection: upgrade\r\n" } else { close };
        let answer = send(own, &format!("{request}\r\n{close}\r\n")).await;
        let is_known =
            answer.starts_with("HTTP/1.1 4") || answer.contains("the api") || answer.starts_with("HTTP/1.1 200 ");
        assert!(
            is_known || answer.starts_with("HTTP/1.1 501 ") || answer.is_empty() || answer.starts_with("HTTP/1.0 "),
            "{request}\n{answer}"
        );
    }
    assert_eq!(server.get("/x").await.text().await.unwrap(), "the api");
    server.stop().await;
    assert!(trap.caught_nobody().await);
}

#[tokio::test]
async fn the_authority_of_http2_is_no_address() {
    let trap = Trap::set().await;
    let upstream = Upstream::start(|_| async { Response::new(whole("the api")) }).await;
    let server = Server::start(upstream.address).await;
    let stream = TokioIo::new(TcpStream::connect(server.app.api()).await.unwrap());
    let (mut client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    for (method, scheme) in [("GET", "http"), ("POST", "https"), ("CONNECT", "")] {
        let uri = if scheme.is_empty() { trap.address.to_string() } else { format!("{scheme}://{}/x", trap.address) };
        let request = Request::builder().method(method).uri(uri).body(Full::new(Bytes::new())).unwrap();
        let answer = client.send_request(request).await;
        assert!(
            answer.as_ref().is_ok_and(|answer| (answer.status() == 200) != (method == "CONNECT")),
            "{method} {answer:?}"
        );
    }
    drop(client);
    server.stop().await;
    assert!(trap.caught_nobody().await);
}

#[tokio::test]
async fn what_the_api_answers_is_passed_on_and_not_followed() {
    let trap = Trap::set().await;
    let place = trap.address;
    let upstream = Upstream::start(move |req: Request<hyper::body::Incoming>| async move {
        let nth: usize = req.uri().path().trim_start_matches("/a/").parse().unwrap_or_default();
        let (status, fields) = ANSWERS[nth % ANSWERS.len()];
        let mut answer = Response::builder().status(status);
        for (name, value) in fields {
            answer = answer.header(*name, filled(value, place, place));
        }
        let body = json!({ "id": nth, "url": format!("http://{place}/x"), "$ref": format!("http://{place}/y"), "webhook": format!("http://{place}/") });
        answer.header("content-type", "application/json").body(whole(body.to_string())).unwrap()
    })
    .await;
    let server = Server::start(upstream.address).await;
    for mode in ["proxy", "shadow", "mock"] {
        server.set_mode(mode).await;
        for (nth, (status, _)) in ANSWERS.iter().enumerate() {
            let answer = server.get(&format!("/a/{nth}")).await;
            assert!(mode == "mock" || answer.status() == *status, "{mode} {nth}: {}", answer.status());
        }
        if mode == "proxy" {
            server.learned(ANSWERS.len() as u64 - 1).await;
        }
    }
    server.stop().await;
    assert!(trap.caught_nobody().await);
}

/// Documents name other hosts in many places, and nobody asks these hosts.
#[tokio::test]
async fn what_is_imported_is_read_and_not_fetched() {
    let trap = Trap::set().await;
    let upstream = Upstream::start(|_| async { support::json(200, &json!({})) }).await;
    let server = Server::start(upstream.address).await;
    let t = format!("http://{}", trap.address);
    for document in documents(&t) {
        let sent = server.client.post(server.url("/admin/import")).body(document.to_string()).send().await.unwrap();
        assert!(sent.status().is_success() || sent.status() == 422, "{document}: {}", sent.text().await.unwrap());
    }
    // Nor is what the twin answers then.
    server.set_mode("mock").await;
    for path in ["/pets", "/pets/1", "/har", "/postman", "/wire"] {
        server.get(path).await.bytes().await.unwrap();
    }
    let export = server.get("/admin/openapi.json").await;
    assert_eq!(export.status(), 200);
    server.set_mode("proxy").await;
    assert_eq!(server.get("/pets").await.status(), 200);
    assert_eq!(upstream.count(), 1, "a document does not say which API is behind the project");
    server.stop().await;
    assert!(trap.caught_nobody().await);
}

fn documents(t: &str) -> Vec<Value> {
    let reference = json!({ "$ref": format!("{t}/schema.json#/Pet") });
    let answer = json!({ "200": { "description": "ok", "content": { "application/json": { "schema": reference } } } });
    let entry = json!({
        "startedDateTime": "2026-01-01T00:00:00Z", "time": 1, "cache": {}, "timings": { "send": 0, "wait": 1, "receive": 0 },
        "request": { "method": "GET", "url": format!("{t}/har"), "httpVersion": "HTTP/1.1", "headers": [], "queryString": [], "cookies": [], "headersSize": -1, "bodySize": 0 },
        "response": { "status": 302, "statusText": "", "httpVersion": "HTTP/1.1", "headers": [{ "name": "location", "value": t }], "cookies": [], "redirectURL": t, "headersSize": -1, "bodySize": 0, "content": { "size": 2, "mimeType": "application/json", "text": "{}" } },
    });
    vec![
        json!({
            "openapi": "3.1.0", "$schema": format!("{t}/meta"), "jsonSchemaDialect": format!("{t}/dialect"),
            "info": { "title": "t", "version": "1", "termsOfService": t, "contact": { "url": t }, "license": { "name": "l", "url": t } },
            "servers": [{ "url": t }], "externalDocs": { "url": t },
            "paths": {
                "/pets": { "get": { "responses": answer, "servers": [{ "url": t }], "externalDocs": { "url": t } } },
                "/pets/{id}": { "$ref": format!("{t}/paths.json#/pet") },
            },
            "webhooks": { "n": { "post": { "responses": answer } } },
            "components": { "securitySchemes": { "o": { "type": "openIdConnect", "openIdConnectUrl": t }, "f": { "type": "oauth2", "flows": { "clientCredentials": { "tokenUrl": t, "scopes": {} } } } } },
        }),
        json!({ "openapi": "3.0.3", "info": { "title": "t", "version": "1" }, "paths": { "/pets": { "get": { "responses": { "200": { "$ref": t } }, "parameters": [{ "$ref": t }] }, "post": { "responses": { "200": { "description": "", "content": { "application/json": { "example": { "externalValue": t }, "examples": { "e": { "externalValue": t } } } } } }, "callbacks": { "c": { "{$request.body#/url}": { "post": { "responses": {} } } } } } } } }),
        json!({ "swagger": "2.0", "info": { "title": "t", "version": "1" }, "host": t.trim_start_matches("http://"), "schemes": ["http"], "basePath": "/", "paths": { "/pets": { "get": { "responses": { "200": { "description": "", "schema": reference } } } } } }),
        json!({ "log": { "version": "1.2", "creator": { "name": "t", "version": "1" }, "entries": [entry] } }),
        json!({ "info": { "name": "t", "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json", "_postman_id": t }, "auth": { "type": "oauth2", "oauth2": [{ "key": "accessTokenUrl", "value": t }] }, "event": [{ "listen": "prerequest", "script": { "exec": [format!("pm.sendRequest('{t}')")], "src": t } }], "item": [{ "name": "p", "request": { "method": "GET", "url": format!("{t}/postman") }, "response": [{ "name": "r", "code": 200, "header": [], "body": "{}", "originalRequest": { "method": "GET", "url": format!("{t}/postman") } }] }] }),
        json!({ "mappings": [{ "request": { "method": "GET", "url": "/wire" }, "response": { "status": 200, "proxyBaseUrl": t, "jsonBody": {} }, "serveEventListeners": [{ "name": "webhook", "parameters": { "url": t, "method": "GET" } }] }] }),
        json!({ "data": { "pairs": [{ "request": { "destination": [{ "matcher": "exact", "value": t }], "path": [{ "matcher": "exact", "value": "/hover" }], "method": [{ "matcher": "exact", "value": "GET" }] }, "response": { "status": 200, "body": "{}", "headers": { "Location": [t] }, "postServeAction": t } }], "globalActions": { "delays": [] } }, "meta": { "schemaVersion": "v5" } }),
    ]
}

/// A webhook goes to the address that a person gave, over HTTP, and no further.
#[tokio::test]
async fn a_webhook_is_not_led_on() {
    let trap = Trap::set().await;
    let place = trap.address;
    let receiver = Upstream::start(move |_| async move {
        Response::builder().status(307).header("location", format!("http://{place}/x")).body(whole("")).unwrap()
    })
    .await;
    let upstream = Upstream::start(|_| async { support::json(200, &json!({})) }).await;
    let server = Server::start(upstream.address).await;
    let put = |url: String| server.client.put(server.url("/admin/webhooks")).json(&json!([{ "url": url }])).send();
    for url in [
        format!("file://{place}/x"),
        format!("gopher://{place}/x"),
        format!("ftp://{place}/"),
        place.to_string(),
        "http://".into(),
        format!("//{place}/x"),
        "javascript:x".into(),
    ] {
        assert_eq!(put(url.clone()).await.unwrap().status(), 422, "{url}");
    }
    // Nobody who only calls the API can set one.
    let strangers =
        "PUT /admin/webhooks HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\nContent-Length: 2\r\n\r\n[]";
    assert!(send(server.app.api(), strangers).await.starts_with("HTTP/1.1 403 "));
    assert!(put(format!("http://{}/hook", receiver.address)).await.unwrap().status().is_success());
    let tested = server.client.post(server.url("/admin/webhooks/test")).send().await.unwrap();
    assert!(tested.status().is_success(), "{}", tested.text().await.unwrap());
    support::until("the webhook to be called", || async { (receiver.count() > 0).then_some(()) }).await;
    server.stop().await;
    assert!(trap.caught_nobody().await);
}
