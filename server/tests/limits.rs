//! What one client may take, how long it may take for it, and what happens where a connection ends between two requests.

mod support;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use support::{DEADLINE, Server, Upstream, header, until, whole};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const GET: &[u8] = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
const SHORT: Duration = Duration::from_millis(300);

async fn api() -> Upstream {
    Upstream::start(|_| async { http::Response::new(whole("ok")) }).await
}

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.app.api()).await.unwrap()
}

/// Reads until `end` has come, or the connection ends.
async fn read(stream: &mut TcpStream, end: &str) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end.as_bytes()) || end.is_empty() {
        let read = tokio::time::timeout(DEADLINE, stream.read_buf(&mut bytes)).await.expect("an answer in time");
        if !matches!(read, Ok(n) if n > 0) {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn converse(server: &Server, request: &[u8]) -> String {
    let mut stream = connect(server).await;
    let _ = stream.write_all(request).await;
    read(&mut stream, "").await
}

#[tokio::test]
async fn who_has_no_place_is_told_at_once_and_a_place_comes_free() {
    let upstream = api().await;
    let server = Server::start_with(upstream.address, |config| config.limits.connections = 2).await;
    let mut taken = [connect(&server).await, connect(&server).await];
    for stream in &mut taken {
        stream.write_all(GET).await.unwrap();
        assert!(read(stream, "ok").await.starts_with("HTTP/1.1 200 "));
    }
    let asked = Instant::now();
    let answer = converse(&server, GET).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("too_many_connections"), "{answer}");
    assert!(asked.elapsed() < Duration::from_secs(2), "it took {:?}", asked.elapsed());
    drop(taken);
    until("a place", || async {
        let answer = converse(&server, b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        answer.starts_with("HTTP/1.1 200 ").then_some(())
    })
    .await;
    server.stop().await;
}

#[tokio::test]
async fn heads_are_bounded_in_size_and_number() {
    let upstream = api().await;
    let server = Server::start_with(upstream.address, |config| {
        config.limits.head_bytes = 256 << 10;
        config.limits.head_fields = 50;
    })
    .await;
    let fields: String = (0..51).map(|n| format!("X-{n}: 1\r\n")).collect();
    let many = format!("GET /x HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let large = format!("GET /x HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(300 << 10));
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "y".repeat(70_000));
    for (request, status) in [(many, 431), (large, 431), (long, 414)] {
        let answer = converse(&server, request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer:.200}");
    }
    assert_eq!(upstream.count(), 0);
    assert_eq!(server.get("/x").await.status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn a_head_that_does_not_come_and_an_idle_connection_are_ended() {
    let upstream = api().await;
    let server = Server::start_with(upstream.address, |config| config.limits.head_timeout = SHORT).await;
    for beginning in [&b""[..], b"GE", b"GET /x HTTP/1.1\r\nHost: a\r\nX-"] {
        let began = Instant::now();
        let answer = converse(&server, beginning).await;
        assert!(!answer.contains(" 200 "), "{answer}");
        assert!(began.elapsed() >= SHORT / 2, "not before its time: {:?}", began.elapsed());
    }
    let mut kept = connect(&server).await;
    kept.write_all(GET).await.unwrap();
    assert!(read(&mut kept, "ok").await.starts_with("HTTP/1.1 200 "));
    assert_eq!(read(&mut kept, "").await, "", "an idle connection just ends");
    assert_eq!(upstream.count(), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_stops_coming_is_given_up_with_an_answer() {
    let upstream = Upstream::start(|req: http::Request<hyper::body::Incoming>| async {
        let _ = http_body_util::BodyExt::collect(req.into_body()).await;
        http::Response::new(whole("ok"))
    })
    .await;
    let server = Server::start_with(upstream.address, |config| config.limits.body_timeout = SHORT).await;
    let answer = converse(&server, b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf").await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("body_timeout"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn an_old_connection_ends_between_requests_and_not_within_one() {
    let upstream = Upstream::start(|_| async {
        tokio::time::sleep(SHORT * 2).await;
        http::Response::new(whole("ok"))
    })
    .await;
    let server = Server::start_with(upstream.address, |config| config.limits.connection_age = SHORT).await;
    let mut stream = connect(&server).await;
    stream.write_all(GET).await.unwrap();
    let answer = read(&mut stream, "").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("ok"), "{answer}");
    server.stop().await;
}

/// A client that still sends does not lose the word that its request is refused for (RFC 9112 §9.6).
#[tokio::test]
async fn who_is_refused_while_still_sending_hears_why() {
    let upstream = api().await;
    let server = Server::start(upstream.address).await;
    for head in [
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 4000000\r\n\r\n",
    ] {
        for _ in 0..5 {
            let mut request = head.as_bytes().to_vec();
            request.resize(request.len() + 4_000_000, b'x');
            let (mut reader, mut writer) = connect(&server).await.into_split();
            let sending = tokio::spawn(async move { writer.write_all(&request).await.map(|()| writer) });
            let mut answer = Vec::new();
            let _ = tokio::time::timeout(DEADLINE, reader.read_to_end(&mut answer)).await.expect("an end");
            assert!(answer.starts_with(b"HTTP/1.1 400 "), "{}", String::from_utf8_lossy(&answer));
            let _ = sending.await;
        }
    }
    assert_eq!(upstream.count(), 0);
    server.stop().await;
}

/// An API by hand: `answer` says what becomes of the nth request of the nth connection; `None` closes over it.
async fn by_hand(
    answer: impl Fn(usize, usize) -> Option<&'static [u8]> + Send + Sync + 'static,
) -> (SocketAddr, Arc<AtomicUsize>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    let (counter, answer) = (Arc::clone(&seen), Arc::new(answer));
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        for connection in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (counter, answer) = (Arc::clone(&counter), Arc::clone(&answer));
            connections.spawn(async move {
                let mut bytes = Vec::new();
                for request in 0.. {
                    bytes.clear();
                    while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
                        if !matches!(stream.read_buf(&mut bytes).await, Ok(n) if n > 0) {
                            return;
                        }
                    }
                    counter.fetch_add(1, Ordering::SeqCst);
                    let Some(bytes) = answer(connection, request) else { return };
                    if stream.write_all(bytes).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, seen, tasks)
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// The twin must not step in for what this is about.
async fn without_failover(address: SocketAddr) -> Server {
    Server::start_with(address, |config| config.failover = false).await
}

/// The first request of each connection is answered, and the connection closed over the second one.
fn closes_over_the_second(_connection: usize, request: usize) -> Option<&'static [u8]> {
    (request == 0).then_some(OK)
}

#[tokio::test]
async fn a_kept_connection_that_is_closed_over_a_request_costs_only_those_that_may_not_be_repeated() {
    let (address, seen, _tasks) = by_hand(closes_over_the_second).await;
    // Both requests have to meet on one thread's connections, so they come over one connection.
    let server = without_failover(address).await;
    let mut stream = connect(&server).await;
    for (request, sent, status) in [
        ("GET /a HTTP/1.1\r\nHost: a\r\n\r\n", 1, "200"),
        ("GET /b HTTP/1.1\r\nHost: a\r\n\r\n", 3, "200"),
        ("DELETE /c HTTP/1.1\r\nHost: a\r\n\r\n", 5, "200"),
        ("POST /d HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 6, "502"),
        ("GET /e HTTP/1.1\r\nHost: a\r\n\r\n", 7, "200"),
        ("PUT /f HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", 8, "502"),
    ] {
        stream.write_all(request.as_bytes()).await.unwrap();
        let end = if status == "200" { "ok" } else { "}}" };
        let answer = read(&mut stream, end).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
        assert_eq!(seen.load(Ordering::SeqCst), sent, "{request}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_new_connection_or_one_that_has_begun_to_answer_is_no_reason_to_ask_again() {
    let (address, seen, _tasks) = by_hand(|_, request| match request {
        0 => Some(OK),
        _ => Some(b"HTTP/1.1 2"),
    })
    .await;
    let server = without_failover(address).await;
    let mut stream = connect(&server).await;
    stream.write_all(GET).await.unwrap();
    read(&mut stream, "ok").await;
    stream.write_all(GET).await.unwrap();
    // The API waits for a third request after its half line; the line is cut by ending it.
    tokio::time::sleep(SHORT).await;
    drop(_tasks);
    let answer = read(&mut stream, "}}").await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert_eq!(seen.load(Ordering::SeqCst), 2, "a byte of the answer had come");
    server.stop().await;

    let (address, seen, _tasks) = by_hand(|_, _| None).await;
    let server = without_failover(address).await;
    assert_eq!(server.get("/x").await.status(), 502);
    assert_eq!(seen.load(Ordering::SeqCst), 1, "a new connection took it in");
    server.stop().await;
}

#[tokio::test]
async fn a_body_waits_for_upstreams_word_when_the_client_does() {
    const HEAD: &[u8] = b"POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server::start(listener.local_addr().unwrap()).await;
    let mut client = connect(&server).await;
    client.write_all(HEAD).await.unwrap();
    let (mut upstream, _) = listener.accept().await.unwrap();
    assert!(read(&mut upstream, "\r\n\r\n").await.contains("expect: 100-continue"));
    let quiet = tokio::time::timeout(SHORT, client.read_u8()).await;
    assert!(quiet.is_err(), "the client is not told to send before upstream wants it");
    upstream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
    assert_eq!(read(&mut client, "\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"hello").await.unwrap();
    assert_eq!(read(&mut upstream, "hello").await, "hello");
    upstream.write_all(OK).await.unwrap();
    assert!(read(&mut client, "ok").await.starts_with("HTTP/1.1 200 "));
    drop((client, upstream));

    let mut client = connect(&server).await;
    client.write_all(HEAD).await.unwrap();
    let (mut upstream, _) = listener.accept().await.unwrap();
    read(&mut upstream, "\r\n\r\n").await;
    upstream
        .write_all(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        .await
        .unwrap();
    let answer = read(&mut client, "no").await;
    assert!(answer.starts_with("HTTP/1.1 417 "), "no 100 may come before a refusal: {answer}");
    server.stop().await;
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_unpacks_to_much_passes_as_it_is_and_costs_no_memory() {
    const PIECE: usize = 1 << 20;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let zeros = vec![b' '; PIECE];
    for _ in 0..160 {
        packer.write_all(&zeros).unwrap();
    }
    let bomb = bytes::Bytes::from(packer.finish().unwrap());
    assert!(bomb.len() < PIECE, "it must be one that is kept: {} bytes", bomb.len());
    let sent = bomb.clone();
    let upstream = Upstream::start(move |req: http::Request<hyper::body::Incoming>| {
        let answer =
            http::Response::builder().header("content-encoding", "gzip").header("content-type", "application/json");
        let answer = answer.body(whole(sent.clone())).unwrap();
        async move {
            let _ = http_body_util::BodyExt::collect(req.into_body()).await;
            answer
        }
    })
    .await;
    let server = Server::start(upstream.address).await;
    drop(zeros);
    server.get("/warm").await.bytes().await.unwrap();
    server.learned(1).await;
    let before = resident_bytes();
    for n in 0..8 {
        let answer = server.get(&format!("/bomb/{n}")).await;
        assert_eq!(header(&answer, "content-encoding"), "gzip");
        assert_eq!(answer.bytes().await.unwrap(), bomb);
        let request = server.client.post(server.url("/bomb")).header("content-encoding", "gzip");
        let request = request.header("content-type", "application/json").body(bomb.clone());
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
    server.learned(17).await;
    let grown = resident_bytes().saturating_sub(before) >> 20;
    assert!(grown < 64, "16 bodies of 160 MiB grew the process by {grown} MiB");
    server.stop().await;
}
