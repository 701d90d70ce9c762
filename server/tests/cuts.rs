//! The line is cut at every stage of an exchange, on either side: the other side learns of it, nothing is made up, nothing is
//! sent twice that must not be, and the next request is answered as if nothing had happened.

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use support::{DEADLINE, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// What the API does with a request whose path names it.
#[derive(Debug, Clone, Copy)]
enum Cut {
    /// Hangs up after so much of the request.
    AfterRequest,
    AfterHead,
    InRequestBody,
    /// Hangs up after having said this.
    Saying(&'static str),
}

const CUTS: &[(&str, Cut)] = &[
    ("nothing", Cut::AfterRequest),
    ("head", Cut::AfterHead),
    ("body", Cut::InRequestBody),
    ("start-line", Cut::Saying("HTTP/1.1 20")),
    ("fields", Cut::Saying("HTTP/1.1 200 OK\r\nContent-Le")),
    ("interim", Cut::Saying("HTTP/1.1 103 Early Hints\r\n\r\n")),
    ("in-interim", Cut::Saying("HTTP/1.1 103 Early Hi")),
    ("length", Cut::Saying("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")),
    ("length-half", Cut::Saying("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")),
    ("chunks", Cut::Saying("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")),
    ("chunk-size", Cut::Saying("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r")),
    ("chunk-half", Cut::Saying("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")),
    ("chunk-end", Cut::Saying("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")),
    ("last-chunk", Cut::Saying("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n")),
    ("trailers", Cut::Saying("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: 1\r\n")),
];

struct Api {
    address: SocketAddr,
    /// Request heads that arrived for a cut.
    heads: Arc<AtomicUsize>,
    /// Request bodies that arrived whole, and exchanges that were left by the other side.
    whole: Arc<AtomicUsize>,
    left: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Api {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (heads, whole, left): (Arc<AtomicUsize>, Arc<AtomicUsize>, Arc<AtomicUsize>) = Default::default();
        let counters = (Arc::clone(&heads), Arc::clone(&whole), Arc::clone(&left));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (heads, whole, left) = counters.clone();
                connections.spawn(async move {
                    if !serve(stream, &heads, &whole).await {
                        left.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        Self { address, heads, whole, left, _tasks: tasks }
    }
}

/// Reads until the bytes contain `what`; false at the end of the connection.
async fn read_until(stream: &mut TcpStream, bytes: &mut Vec<u8>, what: &[u8]) -> bool {
    while !bytes.windows(what.len()).any(|window| window == what) {
        if !matches!(stream.read_buf(bytes).await, Ok(n) if n > 0) {
            return false;
        }
    }
    true
}

/// False when the other side left before an answer was due.
async fn serve(mut stream: TcpStream, heads: &AtomicUsize, whole: &AtomicUsize) -> bool {
    loop {
        let mut bytes = Vec::new();
        if !read_until(&mut stream, &mut bytes, b"\r\n\r\n").await {
            return bytes.is_empty();
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
        let cut = CUTS.iter().find(|(name, _)| path == format!("/{name}")).map(|(_, cut)| *cut);
        if cut.is_some() || path == "/hang" {
            heads.fetch_add(1, Ordering::SeqCst);
        }
        if matches!(cut, Some(Cut::AfterHead)) {
            return true;
        }
        if matches!(cut, Some(Cut::InRequestBody)) {
            return !text.starts_with("POST") || read_until(&mut stream, &mut bytes, b"12345").await;
        }
        // Bodies of the requests here end with these words, whatever their framing is.
        if text.starts_with("POST") && !read_until(&mut stream, &mut bytes, b"the end").await {
            return false;
        }
        if text.starts_with("POST") {
            whole.fetch_add(1, Ordering::SeqCst);
        }
        match cut {
            Some(Cut::Saying(words)) => return stream.write_all(words.as_bytes()).await.is_ok(),
            Some(_) => return true,
            None if path == "/hang" => {
                let mut byte = [0];
                return matches!(stream.read(&mut byte).await, Ok(n) if n > 0);
            }
            None => {
                if stream.write_all(OK.as_bytes()).await.is_err() {
                    return false;
                }
            }
        }
    }
}

/// Everything that comes back until the connection ends.
async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer))
        .await
        .unwrap_or_else(|_| panic!("the connection must end: {request:?}"));
    String::from_utf8_lossy(&answer).into_owned()
}

async fn assert_is_well(server: &Server, after: &str) {
    let answer = ask(server.app.api(), "GET /well HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("ok"), "after {after}: {answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_upstream_cuts_off_is_never_passed_off_as_whole() {
    let api = Api::start().await;
    let server = Server::start(api.address).await;
    for (name, cut) in CUTS {
        let answer =
            ask(server.app.api(), &format!("GET /{name} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).await;
        let has_head =
            matches!(cut, Cut::Saying(words) if words.starts_with("HTTP/1.1 200 OK\r\n") && words.contains("\r\n\r\n"));
        if has_head {
            assert!(answer.starts_with("HTTP/1.1 200 "), "{name}: the head has gone out: {answer}");
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            let head = head.to_ascii_lowercase();
            let is_whole = if head.contains("chunked") { body.ends_with("0\r\n\r\n") } else { body.len() >= 10 };
            assert!(!is_whole, "{name}: a body that broke off must not end well: {answer}");
        } else {
            assert!(answer.starts_with("HTTP/1.1 502 "), "{name}: {answer}");
            assert!(answer.contains("x-understudy-source: none"), "{name}: {answer}");
        }
        assert_is_well(&server, name).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_sent_once_wherever_upstream_cuts_it_off() {
    let api = Api::start().await;
    let server = Server::start(api.address).await;
    for (name, _) in CUTS {
        let before = api.heads.load(Ordering::SeqCst);
        let body = "12345 the end";
        let request = format!(
            "POST /{name} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        ask(server.app.api(), &request).await;
        let sent = api.heads.load(Ordering::SeqCst) - before;
        assert_eq!(sent, 1, "{name}: a POST that may have been carried out must not be sent again");
        assert_is_well(&server, name).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_takes_its_request_with_it() {
    let api = Api::start().await;
    let server = Server::start(api.address).await;
    let stages = [
        ("connected", "", 0),
        ("in the request line", "GET /ha", 0),
        ("in the fields", "GET /hang HTTP/1.1\r\nHost: a\r\nX-", 0),
        ("before the body", "POST /hang HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n", 1),
        ("in the body", "POST /hang HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n12345", 1),
        ("in a chunk size", "POST /hang HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n1", 1),
        ("in a chunk", "POST /hang HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1f\r\n12345", 1),
        (
            "before the last chunk",
            "POST /hang HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
            1,
        ),
        ("before the answer", "GET /hang HTTP/1.1\r\nHost: a\r\n\r\n", 1),
    ];
    let mut expected = 0;
    for (stage, bytes, reaches_upstream) in stages {
        let heads = api.heads.load(Ordering::SeqCst);
        let mut stream = TcpStream::connect(server.app.api()).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        wait_for(stage, || api.heads.load(Ordering::SeqCst) >= heads + reaches_upstream).await;
        drop(stream);
        expected += reaches_upstream;
        wait_for(stage, || api.left.load(Ordering::SeqCst) >= expected).await;
        assert_is_well(&server, stage).await;
    }
    assert_eq!(api.whole.load(Ordering::SeqCst), 0, "no body that broke off may look whole to the API");
    server.stop().await;
}

async fn wait_for(what: &str, done: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !done() {
        assert!(begun.elapsed() < DEADLINE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
