//! What two parsers could read differently must not get through. Payloads are sent as raw bytes; behind the proxy stands a
//! sink that reads by hand and knows nothing of hyper. nginx, where it is installed, is asked for a second opinion.

mod support;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use support::raw::{self, Reader};
use support::{DEADLINE, Server};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// Ends every payload, so that who is content with it answers and closes.
const LAST: &str = "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
/// Must never arrive as a request of its own where it lies inside of another.
const INNER: &str = "GET /inner HTTP/1.1\r\nHost: a\r\n\r\n";

/// What the sink got, one list of targets (or what was wrong) for each connection.
type Seen = Arc<Mutex<Vec<String>>>;

async fn sink() -> (SocketAddr, Seen) {
    let (listener, address) = raw::listener().await;
    let seen = Seen::default();
    let all = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let seen = Arc::clone(&all);
            tokio::spawn(async move {
                let (read, mut write) = stream.into_split();
                let mut reader = Reader::new(read);
                loop {
                    match reader.request().await {
                        Ok(Some(req)) => {
                            let body = String::from_utf8_lossy(&req.body).into_owned();
                            let target = req.start.split(' ').nth(1).unwrap_or_default();
                            seen.lock().unwrap().push(format!("{target} {body:?}"));
                            if write.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.is_err() {
                                return;
                            }
                        }
                        Ok(None) => return,
                        // A body that broke off on its way is no message.
                        Err(error) if error.to_string().starts_with("cut") => return,
                        Err(error) => return seen.lock().unwrap().push(format!("NOT HTTP: {error}")),
                    }
                }
            });
        }
    });
    (address, seen)
}

/// What one front made of a payload: the statuses it answered with, and what the sink got by it.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    statuses: Vec<u16>,
    seen: Vec<String>,
}

async fn ask(front: SocketAddr, seen: &Seen, payload: &[u8]) -> Outcome {
    seen.lock().unwrap().clear();
    let answer = raw::converse(front, payload).await;
    let mut statuses = Vec::new();
    let mut reader = Reader::new(answer.as_slice());
    while let Ok(Some((_, response))) = reader.response("GET").await {
        statuses.push(response.status());
    }
    Outcome { statuses, seen: seen.lock().unwrap().clone() }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// 400 for this request, and nothing of it or behind it is taken up.
    Refused,
    /// 400 or a body that breaks off: the head was fine and may be upstream already.
    Broken,
    /// Everything is read as it is meant; the inner request is part of a body, or not there.
    Passed,
}

fn head(fields: &str) -> String {
    format!("POST /outer HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
}

fn chunked(body: &str) -> String {
    head("Transfer-Encoding: chunked\r\n") + body
}

/// Class, expectation, bytes in front of [`LAST`].
#[expect(clippy::too_many_lines, reason = "a table")]
fn payloads() -> Vec<(&'static str, Expected, String)> {
    use Expected::{Broken, Passed, Refused};
    let mut all: Vec<(&'static str, Expected, String)> = Vec::new();
    let mut add = |class, expected, list: Vec<String>| all.extend(list.into_iter().map(|p| (class, expected, p)));
    let smuggled = format!("0\r\n\r\n{INNER}");
    let both = |fields: &str| head(fields) + &smuggled;

    add(
        "length and coding",
        Refused,
        vec![
            both("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n"),
            both("Transfer-Encoding: chunked\r\nContent-Length: 6\r\n"),
            both("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"),
            both("content-length: 41\r\ntransfer-encoding: chunked\r\n"),
            both("Transfer-Encoding: CHUNKED\r\nContent-Length: 5\r\n"),
            both("Transfer-Encoding: chunked\r\nX: y\r\nContent-Length: 5\r\n"),
        ],
    );
    add(
        "two lengths",
        Refused,
        [
            "5\r\nContent-Length: 6",
            "6\r\nContent-Length: 5",
            "0\r\nContent-Length: 5",
            "5, 6",
            "5,6",
            "5\r\ncontent-length: 5",
        ]
        .map(|length| head(&format!("Content-Length: {length}\r\n")) + "abcde" + INNER)
        .to_vec(),
    );
    add(
        "odd lengths",
        Refused,
        ["+5", "-1", "0x5", "5 5", "5;", "5.0", "", "five", "\u{b}5", "99999999999999999999999", "5e0", "٥"]
            .map(|length| head(&format!("Content-Length: {length}\r\n")) + "abcde" + INNER)
            .to_vec(),
    );
    add(
        "odd codings",
        Refused,
        [
            "xchunked",
            "chunked, identity",
            "identity, chunked",
            "gzip, chunked",
            "chunked, chunked",
            "identity",
            "gzip",
            "",
            "\u{b}chunked",
            "chunked;q=1",
            "\"chunked\"",
            "chunk",
            "chunked,",
            ",chunked",
            "chun ked",
        ]
        .map(|coding| head(&format!("Transfer-Encoding: {coding}\r\n")) + &smuggled)
        .to_vec(),
    );
    add(
        "two codings",
        Refused,
        [
            "chunked\r\nTransfer-Encoding: identity",
            "identity\r\nTransfer-Encoding: chunked",
            "chunked\r\nTransfer-Encoding: chunked",
            "chunked\r\ntransfer-encoding: x",
        ]
        .map(|coding| head(&format!("Transfer-Encoding: {coding}\r\n")) + &smuggled)
        .to_vec(),
    );
    add(
        "hidden field names",
        Refused,
        [
            "Transfer-Encoding : chunked",
            "Transfer-Encoding\t: chunked",
            " Transfer-Encoding: chunked",
            "\tTransfer-Encoding: chunked",
            "Transfer\u{b}-Encoding: chunked",
            "Transfer Encoding: chunked",
            "Content-Length : 5",
            ": chunked",
            "Transfer-Encoding",
            "Content-Length\0: 5",
        ]
        .map(|field| head(&format!("{field}\r\n")) + &smuggled)
        .to_vec(),
    );
    add(
        "folded lines",
        Refused,
        [
            "X: a\r\n b",
            "X: a\r\n\tb",
            "Transfer-Encoding:\r\n chunked",
            "Content-Length:\r\n 5",
            "X: a\r\n Transfer-Encoding: chunked",
        ]
        .map(|field| head(&format!("{field}\r\n")) + &smuggled)
        .to_vec(),
    );
    add(
        "bare LF in a head",
        Refused,
        vec![
            format!("POST /outer HTTP/1.1\nHost: a\r\n\r\n{INNER}"),
            format!("POST /outer HTTP/1.1\r\nHost: a\n\r\n{INNER}"),
            format!("POST /outer HTTP/1.1\r\nHost: a\r\n\n{INNER}"),
            format!("POST /outer HTTP/1.1\r\nHost: a\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n{smuggled}"),
            format!("POST /outer HTTP/1.1\r\nHost: a\n\n{INNER}"),
        ],
    );
    add(
        "bare CR",
        Refused,
        vec![
            format!("POST /outer HTTP/1.1\rHost: a\r\n\r\n{INNER}"),
            head("X: a\rTransfer-Encoding: chunked\r\n") + &smuggled,
            head("X: a\r\r\n") + INNER,
            head("X\r: a\r\n") + INNER,
            head("\rX: a\r\n") + INNER,
        ],
    );
    add(
        "NUL and other control characters",
        Refused,
        ["X: a\0b", "X: a\0", "X\0: a", "X: \u{1}", "X: a\u{7f}", "X: \u{8}b"]
            .map(|f| head(&format!("{f}\r\n")) + INNER)
            .to_vec(),
    );
    add(
        "chunk sizes",
        Broken,
        [
            "0x5\r\nabcde\r\n",
            "+5\r\nabcde\r\n",
            "-5\r\nabcde\r\n",
            " 5\r\nabcde\r\n",
            "5 \r\nabcde\r\n",
            "g\r\nabcde\r\n",
            "\r\nabcde\r\n",
            "5 5\r\nabcde\r\n",
            "5,5\r\nabcde\r\n",
            "10000000000000005\r\nabcde\r\n",
            "ffffffffffffffff\r\nabcde\r\n",
            "5\0\r\nabcde\r\n",
        ]
        .map(|body| chunked(body) + "0\r\n\r\n" + INNER)
        .to_vec(),
    );
    add(
        "chunk ends",
        Broken,
        [
            "5\r\nabcdeX\r\n",
            "5\r\nabcde\n",
            "5\r\nabcd\r\n",
            "5\r\nabcdef\r\n",
            "5\r\nabcde\r0",
            "5\nabcde\r\n",
            "5\rabcde\r\n",
        ]
        .map(|body| chunked(body) + "0\r\n\r\n" + INNER)
        .to_vec(),
    );
    add(
        "chunk extensions",
        Broken,
        [
            "5;a\nb\r\nabcde\r\n",
            "5;\u{b}\r\nabcde\r\n",
            "5;a=\0\r\nabcde\r\n",
            "5;a\rb\r\nabcde\r\n",
            "5;a=\"\n\"\r\nabcde\r\n",
        ]
        .map(|body| chunked(body) + "0\r\n\r\n" + INNER)
        .to_vec(),
    );
    add(
        "trailers",
        Broken,
        [
            "X: y\n\r\n",
            "Content-Length: 5\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n",
            "no field\r\n\r\n",
            "X : y\r\n\r\n",
            "Host: b\r\n\r\n",
            " X: y\r\n\r\n",
        ]
        .map(|trailers| chunked("5\r\nabcde\r\n0\r\n") + trailers + INNER)
        .to_vec(),
    );
    add(
        "HTTP/1.0 and other versions",
        Refused,
        vec![
            format!("POST /outer HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{smuggled}"),
            format!(
                "POST /outer HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n{smuggled}"
            ),
            format!("POST /outer HTTP/1.2x\r\nHost: a\r\n\r\n{INNER}"),
            format!("POST /outer HTTP/2.0\r\nHost: a\r\n\r\n{INNER}"),
            format!("POST /outer HTTP/0.9\r\nHost: a\r\n\r\n{INNER}"),
            format!("POST /outer http/1.1\r\nHost: a\r\n\r\n{INNER}"),
            format!("POST /outer\r\nHost: a\r\n\r\n{INNER}"),
        ],
    );
    add(
        "request lines",
        Refused,
        [
            "POST  /outer HTTP/1.1",
            "POST /outer  HTTP/1.1",
            " POST /outer HTTP/1.1",
            "POST\t/outer HTTP/1.1",
            "POST /out er HTTP/1.1",
            "POST /outer HTTP/1.1 ",
            "PO(ST /outer HTTP/1.1",
            "POST /ou\0ter HTTP/1.1",
            "POST outer HTTP/1.1 x",
        ]
        .map(|line| format!("{line}\r\nHost: a\r\n\r\n{INNER}"))
        .to_vec(),
    );
    add(
        "hosts",
        Refused,
        [
            "",
            "Host: a\r\nHost: b\r\n",
            "Host: a\r\nHost: a\r\n",
            "Host: a/b\r\n",
            "Host: u@a\r\n",
            "Host: a b\r\n",
            "Host: a, b\r\n",
            "Host: a#b\r\n",
        ]
        .map(|host| format!("POST /outer HTTP/1.1\r\n{host}\r\n{INNER}"))
        .to_vec(),
    );
    add(
        "lines before a request",
        Refused,
        vec![
            format!("\r\n\r\n{}{INNER}", head("")),
            format!("\n{}{INNER}", head("")),
            format!("\r{}{INNER}", head("")),
            format!("x\r\n{}{INNER}", head("")),
        ],
    );
    add(
        "another request in a body",
        Passed,
        vec![
            head(&format!("Content-Length: {}\r\n", INNER.len())) + INNER,
            chunked(&format!("{:x}\r\n{INNER}\r\n0\r\n\r\n", INNER.len())),
            format!("GET /outer HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{INNER}", INNER.len()),
            format!(
                "GET /outer HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{INNER}\r\n0\r\n\r\n",
                INNER.len()
            ),
            format!("DELETE /outer HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{INNER}", INNER.len()),
            format!("OPTIONS /outer HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{INNER}", INNER.len()),
            chunked(&format!("{:x};a=b\r\n{INNER}\r\n0\r\nX-Sum: 1\r\n\r\n", INNER.len())),
        ],
    );
    add(
        "another request behind a wish to switch",
        Passed,
        ["h2c", "websocket", "TLS/1.0", "x"]
            .map(|protocol| {
                format!(
                    "POST /outer HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: {protocol}\r\nContent-Length: {}\r\n\r\n{INNER}",
                    INNER.len()
                )
            })
            .to_vec(),
    );
    add(
        "fields that a hop takes away",
        Passed,
        ["Content-Length", "Host", "Transfer-Encoding", "X, content-length, host", "keep, Content-Length"]
            .map(|name| head(&format!("Connection: {name}\r\nContent-Length: {}\r\n", INNER.len())) + INNER)
            .to_vec(),
    );
    all
}

fn judge(expected: Expected, outcome: &Outcome) -> Result<(), &'static str> {
    let outer = outcome.seen.iter().filter(|seen| seen.starts_with("/outer ")).count();
    let taken_up = |target: &str| outcome.seen.iter().any(|seen| seen.starts_with(target));
    if outcome.seen.iter().any(|seen| seen.starts_with("NOT HTTP")) {
        return Err("the sink got something that is not HTTP");
    }
    if taken_up("/inner ") {
        return Err("the inner request was taken for one of its own");
    }
    match expected {
        Expected::Refused if outcome.statuses != [400] => Err("expected one 400"),
        Expected::Refused if !outcome.seen.is_empty() => Err("something went upstream"),
        Expected::Broken if !(outcome.statuses.is_empty() || outcome.statuses == [400]) => {
            Err("expected a 400 or an end")
        }
        Expected::Broken if outer + usize::from(taken_up("/last ")) > 0 => Err("a broken message was delivered whole"),
        Expected::Passed if outcome.statuses != [200, 200] => Err("expected both answers"),
        Expected::Passed if outer != 1 || !taken_up("/last ") => Err("expected both requests"),
        _ => Ok(()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_payload_is_read_in_two_ways() {
    let (upstream, seen) = sink().await;
    let server = Server::start(upstream).await;
    let all = payloads();
    let mut classes: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    let second = SecondOpinion::start(upstream).await;
    let mut disagreements = Vec::new();
    for (class, expected, payload) in &all {
        *classes.entry(class).or_default() += 1;
        let bytes = format!("{payload}{LAST}").into_bytes();
        let outcome = ask(server.app.api(), &seen, &bytes).await;
        if let Err(reason) = judge(*expected, &outcome) {
            wrong.push(format!("{class}: {reason}: {payload:?} -> {outcome:?}"));
        }
        if let Some(second) = &second {
            let other = ask(second.address, &seen, &bytes).await;
            // To refuse what the other one takes is no disagreement; to find other messages in it is.
            let both_took = outcome.statuses.iter().chain(&other.statuses).all(|status| *status == 200);
            if both_took && !outcome.seen.is_empty() && !other.seen.is_empty() && outcome.seen != other.seen {
                disagreements.push(format!("{class}: {payload:?}: {outcome:?}, nginx {other:?}"));
            }
        }
    }
    println!("{} payloads in {} classes: {} wrong", all.len(), classes.len(), wrong.len());
    match &second {
        Some(_) => println!("nginx: {} disagreements about message boundaries", disagreements.len()),
        None => println!("nginx is not installed: no second opinion"),
    }
    assert!(all.len() >= 100 && classes.len() >= 20, "{} payloads, {} classes", all.len(), classes.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(disagreements.is_empty(), "{}", disagreements.join("\n"));
    server.stop().await;
}

/// An nginx in front of the same sink.
struct SecondOpinion {
    address: SocketAddr,
    _process: Child,
    _dir: tempfile::TempDir,
}

impl SecondOpinion {
    async fn start(upstream: SocketAddr) -> Option<Self> {
        let program =
            ["/usr/sbin/nginx", "/usr/bin/nginx"].into_iter().find(|path| std::path::Path::new(path).exists())?;
        let dir = tempfile::tempdir().unwrap();
        // Taken and given back: nginx cannot be told to choose one.
        let (listener, address) = raw::listener().await;
        drop(listener);
        let root = dir.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {root}/{kind};"))
            .concat();
        let config = format!(
            "daemon off; master_process off; worker_processes 1; pid {root}/pid; error_log {root}/error.log; events {{}}\n\
             http {{ access_log off; {temporary} keepalive_timeout 5; upstream api {{ server {upstream}; keepalive 4; }}\n\
             server {{ listen {address}; location / {{ proxy_pass http://api; proxy_http_version 1.1;\n\
             proxy_set_header Connection \"\"; proxy_request_buffering off; }} }} }}"
        );
        let path = dir.path().join("nginx.conf");
        std::fs::write(&path, config).unwrap();
        let process = Command::new(program)
            .args(["-e", &format!("{root}/error.log"), "-p", &root.to_string(), "-c"])
            .arg(&path)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        tokio::time::timeout(DEADLINE, async {
            while tokio::net::TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        })
        .await
        .unwrap();
        Some(Self { address, _process: process, _dir: dir })
    }
}
