//! Connections that end without an answer, or within one.

use std::io::ErrorKind;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{begin, raw, row, with_fault};

/// The length that the head promises, and the bytes that came.
fn lengths(answer: &str) -> (usize, usize) {
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let promised = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    (promised.expect("a length"), body.len())
}

#[tokio::test]
async fn a_hang_lasts_until_the_client_gives_up() {
    let (upstream, server) = begin().await;
    with_fault(&server, json!("hang")).await;
    let mut stream = TcpStream::connect(server.app.api()).await.unwrap();
    stream.write_all(b"GET /users/1 HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut byte = [0];
    let heard = tokio::time::timeout(Duration::from_millis(300), stream.read(&mut byte)).await;
    assert!(heard.is_err(), "nothing comes, not even an end");
    drop(stream);
    let seen = row(&server, |row| row["status"] == 499).await;
    assert_eq!((&seen["source"], upstream.count()), (&Value::from("fault"), 0));
    assert_eq!(seen["reason"], "hang by rule 1; the client gave up");
}

#[tokio::test]
async fn a_hang_lasts_until_chaos_is_halted() {
    let (_upstream, server) = begin().await;
    with_fault(&server, json!("hang")).await;
    let waiting = tokio::spawn({
        let address = server.app.api();
        async move { raw(address, "/users/1").await }
    });
    let rules = || async {
        let rules = server.get_json("/admin/chaos/rules").await;
        (rules[0]["struck"] == 1).then_some(())
    };
    super::support::until("the request to hang", rules).await;
    super::tell(&server, "POST", "/admin/chaos/halt", json!({})).await;
    let (answer, ended) = waiting.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && ended.is_ok(), "{answer}");
}

#[tokio::test]
async fn a_connection_is_reset_before_an_answer() {
    let (upstream, server) = begin().await;
    with_fault(&server, json!("reset")).await;
    let (answer, ended) = raw(server.app.api(), "/users/1").await;
    assert_eq!((answer.as_str(), ended), ("", Err(ErrorKind::ConnectionReset)));
    assert_eq!(upstream.count(), 0);
    row(&server, |row| row["status"] == 444 && row["source"] == "fault").await;
}

#[tokio::test]
async fn a_connection_is_closed_before_an_answer() {
    let (_upstream, server) = begin().await;
    with_fault(&server, json!("close")).await;
    assert_eq!(raw(server.app.api(), "/users/1").await, (String::new(), Ok(())));
    row(&server, |row| row["status"] == 444 && row["reason"] == "close by rule 1; the connection was ended").await;
}

#[tokio::test]
async fn a_connection_is_closed_within_the_body() {
    let (_upstream, server) = begin().await;
    with_fault(&server, json!({ "cut": { "after": 0.25 } })).await;
    let (answer, ended) = raw(server.app.api(), "/users").await;
    let (promised, came) = lengths(&answer);
    assert_eq!((came, ended), (promised / 4, Ok(())), "{answer}");
}

#[tokio::test]
async fn a_connection_is_reset_within_the_body() {
    let (_upstream, server) = begin().await;
    with_fault(&server, json!({ "cut": { "after": 0.5, "reset": true } })).await;
    let (answer, ended) = raw(server.app.api(), "/users").await;
    let (promised, came) = lengths(&answer);
    assert_eq!(ended, Err(ErrorKind::ConnectionReset), "{answer}");
    assert!(came <= promised / 2, "{came} of {promised}");
}

#[tokio::test]
async fn other_connections_go_on() {
    let (_upstream, server) = begin().await;
    let rule = json!([{ "match": { "path": "/users/1" }, "faults": ["reset"] }]);
    super::at_work(&server, rule).await;
    for _ in 0..3 {
        assert!(server.client.get(server.url("/users/1")).send().await.is_err());
        assert_eq!(server.get("/users/2").await.status(), 200);
    }
}
