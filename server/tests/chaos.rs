//! Faults on purpose, as real clients meet them over real sockets. Each family is in a file of its own.

mod support;

#[path = "chaos/aborts.rs"]
mod aborts;
#[path = "chaos/bodies.rs"]
mod bodies;
#[path = "chaos/clients.rs"]
mod clients;
#[path = "chaos/delays.rs"]
mod delays;
#[path = "chaos/ends.rs"]
mod ends;
#[path = "chaos/experiments.rs"]
mod experiments;
#[path = "chaos/requests.rs"]
mod requests;
#[path = "chaos/rules.rs"]
mod rules;
#[path = "chaos/safety.rs"]
mod safety;
#[path = "chaos/slow.rs"]
mod slow;
#[path = "chaos/stale.rs"]
mod stale;

use std::net::SocketAddr;

use http::{Request, Response};
use hyper::body::Incoming;
use serde_json::{Value, json};
use support::{Server, TestBody, Upstream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Users by number, a list of them, and a path that fails in the API's own manner.
async fn users(req: Request<Incoming>) -> Response<TestBody> {
    let user = |id: u64| json!({ "id": id, "name": format!("user {id}"), "since": "2024-05-01T10:00:00Z" });
    match req.uri().path() {
        "/users" => support::json(200, &json!({ "items": [user(1), user(2), user(3)], "total": 3 })),
        "/failing" => support::json(503, &json!({ "code": "maintenance", "hint": "come back later" })),
        path => match path.strip_prefix("/users/").and_then(|id| id.parse().ok()) {
            Some(id) => support::json(200, &user(id)),
            None => support::json(404, &json!({ "code": "unknown" })),
        },
    }
}

async fn begin() -> (Upstream, Server) {
    let upstream = Upstream::start(users).await;
    let server = Server::start(upstream.address).await;
    (upstream, server)
}

/// Sends JSON to the admin API.
async fn tell(server: &Server, method: &str, path: &str, body: Value) -> reqwest::Response {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    server.client.request(method, server.url(path)).json(&body).send().await.unwrap()
}

/// These rules and no others are at work.
async fn at_work(server: &Server, rules: Value) -> Value {
    let answer = tell(server, "PUT", "/admin/chaos", json!({ "on": true, "seed": 7, "rules": rules })).await;
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    answer.json().await.unwrap()
}

/// One rule of one fault is at work for everybody.
async fn with_fault(server: &Server, fault: Value) {
    at_work(server, json!([{ "faults": [fault] }])).await;
}

/// Everything that comes back on a connection of its own, and how it ended.
async fn raw(address: SocketAddr, path: &str) -> (String, Result<(), std::io::ErrorKind>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let reading = tokio::time::timeout(support::DEADLINE, stream.read_to_end(&mut answer));
    let ended = reading.await.expect("the connection ends").map(drop).map_err(|error| error.kind());
    (String::from_utf8_lossy(&answer).into_owned(), ended)
}

/// The newest row of the traffic list that satisfies.
async fn row(server: &Server, wanted: impl Fn(&Value) -> bool) -> Value {
    support::until("a row of the traffic list", || async {
        let traffic = server.get_json("/admin/traffic").await;
        traffic["items"].as_array().unwrap().iter().find(|row| wanted(row)).cloned()
    })
    .await
}
