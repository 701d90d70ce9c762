//! What passes through: bytes, heads, upgrades, in both directions.

mod support;

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use support::{Server, TestBody, Upstream, header, whole};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

/// Sends one request as written and reads the answer to its end.
async fn raw(server: &Server, text: &str) -> String {
    let mut stream = TcpStream::connect(server.app.api()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Answers with the head it got, as the body.
async fn show_head(req: Request<Incoming>) -> Response<TestBody> {
    let mut text = format!("{} {}\n", req.method(), req.uri());
    for (name, value) in req.headers() {
        text += &format!("{name}: {}\n", value.to_str().unwrap());
    }
    Response::new(whole(text))
}

#[tokio::test]
async fn the_request_head_arrives_without_hop_by_hop_fields() {
    let upstream = Upstream::start(show_head).await;
    let server = Server::start(upstream.address).await;
    let answer = raw(
        &server,
        "GET /a%2Fb/?q=1&q=%20 HTTP/1.1\r\nHost: app.test\r\nX-Two: 1\r\nAccept: a\r\nX-Two: 2\r\nConnection: close, X-Drop\r\nX-Drop: 1\r\nTE: trailers\r\nKeep-Alive: 5\r\n\r\n",
    )
    .await;
    let body = answer.split("\r\n\r\n").nth(1).unwrap();
    assert!(body.contains("GET /a%2Fb/?q=1&q=%20\n"), "{answer}");
    assert!(body.contains("host: app.test\n"), "a nearby upstream sees the client's host: {answer}");
    assert!(body.contains("x-two: 1\nx-two: 2\n"), "{answer}");
    assert!(body.contains("x-forwarded-for: 127.0.0.1\n"), "{answer}");
    assert!(body.contains("x-forwarded-host: app.test\n") && body.contains("x-forwarded-proto: http\n"), "{answer}");
    assert!(body.contains("via: 1.1 understudy"), "{answer}");
    assert!(body.contains("te: trailers\n") && body.contains("connection: te\n"), "asked for again: {answer}");
    for gone in ["x-drop", "keep-alive", "connection: close"] {
        assert!(!body.contains(gone), "{gone} must not be passed on: {answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_upstream_with_an_ipv6_address_is_reached() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: this machine has no ::1");
        return;
    }
    let upstream = Upstream::start_at("[::1]:0".parse().unwrap(), show_head).await;
    let server = Server::start(upstream.address).await;
    let response = server.client.get(server.url("/a")).header("host", "app.test").send().await.unwrap();
    assert_eq!(header(&response, "x-understudy-source"), "upstream");
    let body = response.text().await.unwrap();
    assert!(body.contains("GET /a\n") && body.contains("host: app.test\n"), "a nearby upstream: {body}");
    server.stop().await;
}

#[tokio::test]
async fn the_response_head_arrives_and_says_who_answered() {
    let upstream = Upstream::start(|_| async {
        Response::builder()
            .status(299)
            .header("set-cookie", "a=1")
            .header("x-mine", "x")
            .header("set-cookie", "b=2")
            .header("connection", "x-drop")
            .header("x-drop", "1")
            .header("x-understudy-source", "forged")
            .body(whole("body"))
            .unwrap()
    })
    .await;
    let server = Server::start(upstream.address).await;
    let response = server.get("/x").await;
    assert_eq!(response.status(), 299);
    let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert_eq!(header(&response, "x-drop"), "");
    assert_eq!(header(&response, "x-understudy-source"), "upstream");
    assert_ne!(header(&response, "x-understudy-reason"), "");
    assert_eq!(response.text().await.unwrap(), "body");
    server.stop().await;
}

#[tokio::test]
async fn bodies_of_any_bytes_and_size_pass_unchanged() {
    let upstream = Upstream::start(|req: Request<Incoming>| async {
        let body = req.into_body().collect().await.unwrap().to_bytes();
        Response::new(whole(body))
    })
    .await;
    let server = Server::start(upstream.address).await;
    for size in [0_usize, 1, 1000, 100_000, 5_000_000] {
        let body: Vec<u8> = (0..size).map(|i| (i * 31 % 251) as u8).collect();
        let response = server.client.post(server.url("/echo")).body(body.clone()).send().await.unwrap();
        assert_eq!(header(&response, "content-length"), size.to_string());
        assert_eq!(response.bytes().await.unwrap(), body, "{size} bytes");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_body_streams_before_it_ends() {
    let (frames, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let receiver = std::sync::Arc::new(tokio::sync::Mutex::new(Some(receiver)));
    let upstream = Upstream::start(move |_| {
        let receiver = std::sync::Arc::clone(&receiver);
        async move {
            let receiver = receiver.lock().await.take().unwrap();
            let stream = futures_util::stream::unfold(receiver, |mut receiver| async {
                let bytes = receiver.recv().await?;
                Some((Ok(Frame::data(bytes)), receiver))
            });
            Response::new(StreamBody::new(stream).boxed_unsync())
        }
    })
    .await;
    let server = Server::start(upstream.address).await;
    let asked = tokio::spawn(server.client.get(server.url("/stream")).send());
    frames.send(Bytes::from_static(b"first")).await.unwrap();
    let mut response = asked.await.unwrap().unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "first", "the first part must not wait for the last");
    frames.send(Bytes::from_static(b"second")).await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "second");
    drop(frames);
    assert_eq!(response.chunk().await.unwrap(), None);
    server.stop().await;
}

#[tokio::test]
async fn answers_without_a_body_stay_without_one() {
    let upstream = Upstream::start(|req: Request<Incoming>| async move {
        let builder = Response::builder();
        match req.uri().path() {
            "/204" => builder.status(204).body(whole("")).unwrap(),
            "/304" => builder.status(304).header("etag", "\"a\"").body(whole("")).unwrap(),
            _ => builder.header("content-length", "12345").body(whole("")).unwrap(),
        }
    })
    .await;
    let server = Server::start(upstream.address).await;
    let head = server.client.head(server.url("/head")).send().await.unwrap();
    assert_eq!(header(&head, "content-length"), "12345");
    assert_eq!(server.get("/204").await.status(), 204);
    let not_modified = server.get("/304").await;
    assert_eq!((not_modified.status().as_u16(), header(&not_modified, "etag")), (304, "\"a\""));
    server.stop().await;
}

#[tokio::test]
async fn connect_is_refused_in_our_envelope() {
    let upstream = Upstream::start(show_head).await;
    let server = Server::start(upstream.address).await;
    let answer =
        raw(&server, "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    assert!(
        answer.contains("x-understudy-source: none") && answer.contains("\"code\":\"connect_refused\""),
        "{answer}"
    );
    assert_eq!(upstream.count(), 0);
    server.stop().await;
}

#[tokio::test]
async fn a_write_is_never_sent_twice() {
    // Takes the request in and hangs up: it may have been carried out.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = std::sync::Arc::clone(&seen);
    let upstream = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            if stream.read(&mut buffer).await.is_ok_and(|n| n > 0) {
                counter.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            }
        }
    });
    let server = Server::start(address).await;
    let response = server.client.post(server.url("/orders")).body("{}").send().await.unwrap();
    assert_eq!(response.status(), 502);
    assert_eq!(seen.load(std::sync::atomic::Ordering::SeqCst), 1, "a POST must reach upstream once");
    let response = server.get("/orders").await;
    assert_eq!(response.status(), 502);
    assert_eq!(
        seen.load(std::sync::atomic::Ordering::SeqCst),
        2,
        "a GET that a new connection took in is not sent again"
    );
    upstream.abort();
    server.stop().await;
}

#[tokio::test]
async fn a_websocket_passes_through() {
    let upstream = Upstream::start(|mut req: Request<Incoming>| async move {
        let key = req.headers()["sec-websocket-key"].as_bytes().to_vec();
        let upgrade = hyper::upgrade::on(&mut req);
        tokio::spawn(async move {
            let stream = TokioIo::new(upgrade.await.unwrap());
            let role = tokio_tungstenite::tungstenite::protocol::Role::Server;
            let mut socket = tokio_tungstenite::WebSocketStream::from_raw_socket(stream, role, None).await;
            while let Some(Ok(message)) = socket.next().await {
                if message.is_text() {
                    socket.send(message).await.unwrap();
                }
            }
        });
        Response::builder()
            .status(101)
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-accept", tokio_tungstenite::tungstenite::handshake::derive_accept_key(&key))
            .body(whole(""))
            .unwrap()
    })
    .await;
    let server = Server::start(upstream.address).await;
    let (mut socket, response) =
        tokio_tungstenite::connect_async(format!("ws://{}/chat", server.app.api())).await.unwrap();
    assert_eq!(response.headers()["x-understudy-source"], "upstream");
    for text in ["hello", "again"] {
        socket.send(Message::text(text)).await.unwrap();
        let echoed = tokio::time::timeout(Duration::from_secs(10), socket.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(echoed, Message::text(text));
    }
    socket.send(Message::text("{\"password\":\"secret\",\"n\":1}")).await.unwrap();
    socket.next().await.unwrap().unwrap();
    socket.send(Message::binary(vec![0; 70_000])).await.unwrap();
    socket.close(None).await.unwrap();
    let detail = said(&server, 8).await;
    let shown: Vec<_> =
        detail["messages"].as_array().unwrap().iter().map(|m| (m["from"].clone(), m["text"].clone())).collect();
    assert_eq!((&shown[0].0, &shown[0].1), (&"client".into(), &"hello".into()), "{detail}");
    assert_eq!((&shown[1].0, &shown[1].1), (&"upstream".into(), &"hello".into()), "{detail}");
    let text = detail.to_string();
    assert!(!text.contains("secret") && text.contains("\\\"n\\\":1"), "redacted as a body is: {text}");
    assert!(text.contains("70000") && text.contains("\"close\""), "{text}");
    let unknown = server.get("/admin/traffic/999999").await;
    assert_eq!((unknown.status().as_u16(), unknown.text().await.unwrap().contains("\"error\"")), (404, true));
    server.stop().await;
}

/// The detail of the newest exchange that has so many messages.
async fn said(server: &Server, at_least: usize) -> serde_json::Value {
    support::until("the messages", || async {
        for id in 1..10 {
            let detail = server.get_json(&format!("/admin/traffic/{id}")).await;
            if detail["messages"].as_array().is_some_and(|messages| messages.len() >= at_least) {
                return Some(detail);
            }
        }
        None
    })
    .await
}

#[tokio::test]
async fn events_are_shown_while_they_pass() {
    let (frames, receiver) = tokio::sync::mpsc::channel::<Bytes>(8);
    let receiver = std::sync::Arc::new(tokio::sync::Mutex::new(Some(receiver)));
    let upstream = Upstream::start(move |_| {
        let receiver = std::sync::Arc::clone(&receiver);
        async move {
            let receiver = receiver.lock().await.take().unwrap();
            let stream = futures_util::stream::unfold(receiver, |mut receiver| async {
                let bytes = receiver.recv().await?;
                Some((Ok(Frame::data(bytes)), receiver))
            });
            let answer = Response::builder().header("content-type", "text/event-stream; charset=utf-8");
            answer.body(StreamBody::new(stream).boxed_unsync()).unwrap()
        }
    })
    .await;
    let server = Server::start(upstream.address).await;
    let asked = tokio::spawn(server.client.get(server.url("/events")).send());
    for part in
        ["data: o", "ne\n\nevent: user\r\ndata: {\"token\":\"tk\",\r\n", "data: \"n\":2}\r\n\r\n: a comment\n\n"]
    {
        frames.send(Bytes::from_static(part.as_bytes())).await.unwrap();
    }
    let _response = asked.await.unwrap().unwrap();
    let detail = said(&server, 2).await;
    assert_eq!(detail["row"], serde_json::Value::Null, "the exchange goes on: {detail}");
    let messages = detail["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 2, "{detail}");
    assert_eq!((&messages[0]["kind"], &messages[0]["text"]), (&"event".into(), &"one".into()));
    assert_eq!(messages[1]["name"], "user");
    let text = messages[1]["text"].as_str().unwrap();
    assert!(text.contains("\"n\":2") && !text.contains("tk\""), "{text}");
    drop(frames);
    server.stop().await;
}

#[tokio::test]
async fn only_a_browser_navigation_to_the_root_is_ours() {
    let upstream = Upstream::start(|_| async { Response::new(whole("the api")) }).await;
    let server = Server::start(upstream.address).await;
    assert_eq!(server.get("/").await.text().await.unwrap(), "the api");
    assert_eq!(server.get("/administrators").await.text().await.unwrap(), "the api");
    let page = server.client.get(server.url("/")).header("accept", "text/html,*/*;q=0.8").send().await.unwrap();
    assert_ne!(page.text().await.unwrap(), "the api");
    server.stop().await;
}

#[tokio::test]
async fn with_an_admin_address_the_api_port_reserves_nothing() {
    let upstream = Upstream::start(|_| async { Response::new(whole("the api")) }).await;
    let server =
        Server::start_with(upstream.address, |config| config.admin = Some("127.0.0.1:0".parse().unwrap())).await;
    assert_eq!(server.get("/admin/status").await.text().await.unwrap(), "the api");
    let status = server.client.get(format!("http://{}/admin/status", server.app.control())).send().await.unwrap();
    assert_eq!(status.json::<serde_json::Value>().await.unwrap()["mode"], "proxy");
    server.stop().await;
}
