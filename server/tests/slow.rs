//! Clients that take their time do not take anybody else's, and events are not held back.

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use support::{DEADLINE, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// Of each kind; `bench/endurance.py` does the same with a thousand.
const SLOW: usize = 100;
const LARGE: usize = 4 << 20;
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Reads heads and nothing else; `/large` is answered with megabytes.
async fn api() -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let large = Arc::new(
        [format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n").into_bytes(), vec![b'x'; LARGE]].concat(),
    );
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let large = Arc::clone(&large);
            connections.spawn(async move {
                let mut bytes = Vec::new();
                while matches!(stream.read_buf(&mut bytes).await, Ok(n) if n > 0) {
                    if bytes.ends_with(b"\r\n\r\n") && bytes.starts_with(b"GET") {
                        let answer = if bytes.starts_with(b"GET /large") { &large[..] } else { OK };
                        bytes.clear();
                        if stream.write_all(answer).await.is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    (address, tasks)
}

/// The longest that a normal client waited, over a second of asking; every answer must be right.
async fn normal_client(address: SocketAddr) -> Duration {
    let begun = Instant::now();
    let mut longest = Duration::ZERO;
    while begun.elapsed() < Duration::from_secs(1) {
        let asked = Instant::now();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await.expect("an answer").unwrap();
        assert!(
            answer.starts_with(b"HTTP/1.1 200 ") && answer.ends_with(b"ok"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
        longest = longest.max(asked.elapsed());
    }
    longest
}

/// A client with a small window, that never reads unless it is told to.
async fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(address).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_cost_a_normal_one_nothing() {
    let (upstream, _tasks) = api().await;
    let server = Server::start(upstream).await;
    let kinds: [(&str, &[u8]); 3] = [
        ("heads", b"GET /x HTTP/1.1\r\nHost: a\r\nX-"),
        ("bodies", b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4096\r\n\r\nx"),
        ("reading", b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n"),
    ];
    let mut all = Vec::new();
    for (kind, beginning) in kinds {
        for _ in 0..SLOW {
            let mut stream = connect(server.app.api()).await;
            stream.write_all(beginning).await.unwrap();
            all.push(stream);
        }
        let longest = normal_client(server.app.api()).await;
        println!(
            "{} slow clients, the last {SLOW} with slow {kind}: a normal one waited {longest:?} at most",
            all.len()
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_pass_without_delay() {
    const EVENTS: usize = 200;
    let begun = Instant::now();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            assert!(stream.read_buf(&mut bytes).await.unwrap() > 0);
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await
            .unwrap();
        for _ in 0..EVENTS {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let event = format!("data: {}\n\n", begun.elapsed().as_nanos());
            stream.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).await.unwrap();
        }
        stream.write_all(b"0\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
    });
    let server = Server::start(upstream).await;
    let mut stream = TcpStream::connect(server.app.api()).await.unwrap();
    stream.write_all(b"GET /events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n").await.unwrap();
    let mut bytes = Vec::new();
    let mut delays = Vec::new();
    while delays.len() < EVENTS {
        let read = tokio::time::timeout(DEADLINE, stream.read_buf(&mut bytes)).await.expect("an event").unwrap();
        assert!(read > 0, "the stream ended after {} events", delays.len());
        let now = begun.elapsed().as_nanos();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some(end) = text.rfind("\n\n") else { continue };
        let sent = text[..end].lines().filter_map(|line| line.strip_prefix("data: ")?.parse::<u128>().ok());
        delays.extend(sent.map(|sent| Duration::from_nanos((now - sent) as u64)));
        bytes.drain(..end + 2);
    }
    delays.sort();
    let (median, most) = (delays[EVENTS / 2], delays[EVENTS * 19 / 20]);
    println!("events: median {median:?}, 19 of 20 within {most:?}, longest {:?}", delays[EVENTS - 1]);
    assert!(median < Duration::from_millis(5), "the median event took {median:?}");
    server.stop().await;
}
