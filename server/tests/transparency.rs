//! Each shape goes to an upstream twice, directly and through us, and both sides must see the same. What may differ stands
//! in [`plain_request`] and [`plain_response`] and nowhere else.

mod support;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use support::raw::{self, Framing, Message, Reader};
use support::{DEADLINE, Server};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// The request that came, and the bytes to answer the next one with.
type Script = Arc<Mutex<(Option<Message>, Vec<u8>)>>;

const CLOSE: &[u8] = b"Connection: close";

/// Answers with the bytes it was given, whatever is asked.
async fn scripted() -> (SocketAddr, Script) {
    let (listener, address) = raw::listener().await;
    let script = Script::default();
    let shared = Arc::clone(&script);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let script = Arc::clone(&shared);
            tokio::spawn(async move {
                let (read, mut write) = stream.into_split();
                let mut reader = Reader::new(read);
                while let Ok(Some(req)) = reader.request().await {
                    let answer = {
                        let mut script = script.lock().unwrap();
                        script.0 = Some(req);
                        script.1.clone()
                    };
                    let _ = write.write_all(&answer).await;
                    if answer.windows(CLOSE.len()).any(|part| part == CLOSE) {
                        return;
                    }
                }
            });
        }
    });
    (address, script)
}

/// Names without case, fields of one name side by side: the order among different names means nothing (RFC 9110 §5.3).
fn grouped(fields: &[(String, String)]) -> Vec<(String, String)> {
    let lower: Vec<_> = fields.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
    let mut names: Vec<&String> = Vec::new();
    for (name, _) in &lower {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.iter().flat_map(|name| lower.iter().filter(move |(other, _)| other == *name).cloned()).collect()
}

/// Without what we add to a request. `TE` comes behind the others, because it is ours anew.
fn plain_request(message: &Message) -> Message {
    plain(message, &["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded", "via", "te"])
}

/// Without who answered, and a `Date` that was missing (RFC 9110 §6.6.1).
fn plain_response(message: &Message, direct: &Message) -> Message {
    let mut ours = vec!["via", "x-understudy-source", "x-understudy-reason"];
    if direct.status() == 304 {
        // hyper leaves it out, and RFC 9110 §8.6 allows it to be absent.
        ours.push("content-length");
    }
    if direct.values("date").is_empty() {
        ours.push("date");
    }
    plain(message, &ours)
}

/// Each hop has fields and a version of its own (RFC 9110 §2.5, §7.6.1).
fn plain(message: &Message, ours: &[&str]) -> Message {
    const HOP: [&str; 4] = ["connection", "keep-alive", "transfer-encoding", "proxy-connection"];
    let fields = grouped(&message.fields).into_iter();
    let fields = fields.filter(|(name, _)| !HOP.contains(&name.as_str()) && !ours.contains(&name.as_str()));
    // A body that ends with its connection has chunks once the connection stays.
    let framing = if message.framing == Framing::Close { Framing::Chunked } else { message.framing };
    let start = message.start.replacen("HTTP/1.0", "HTTP/1.1", 1);
    Message {
        start,
        fields: fields.collect(),
        body: message.body.clone(),
        trailers: grouped(&message.trailers),
        framing,
    }
}

async fn ask(address: SocketAddr, request: &[u8], method: &str) -> Option<Message> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut reader = Reader::new(stream);
    let answer = tokio::time::timeout(DEADLINE, reader.response(method)).await.expect("an answer in time");
    answer.ok().flatten().map(|(_, message)| message)
}

struct Shape {
    name: String,
    method: String,
    request: Vec<u8>,
    response: Vec<u8>,
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok";
const PLAIN_GET: &str = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

fn shape(name: impl Into<String>, method: &str, request: impl Into<Vec<u8>>, response: impl Into<Vec<u8>>) -> Shape {
    Shape { name: name.into(), method: method.into(), request: request.into(), response: response.into() }
}

fn get(fields: &str) -> String {
    format!("GET /a HTTP/1.1\r\nHost: api.test\r\n{fields}\r\n")
}

fn chunks(pieces: &[&str], trailers: &str) -> String {
    let pieces: String = pieces.iter().map(|piece| format!("{:x}\r\n{piece}\r\n", piece.len())).collect();
    format!("{pieces}0\r\n{trailers}\r\n")
}

fn methods() -> Vec<Shape> {
    const METHODS: [&str; 12] =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "PURGE", "M-SEARCH", "get"];
    let bodies = [
        ("no body", String::from("\r\n")),
        ("an empty body", "Content-Length: 0\r\n\r\n".into()),
        ("a length", "Content-Length: 5\r\n\r\nab\0\r\n".into()),
        ("chunks", format!("Transfer-Encoding: chunked\r\n\r\n{}", chunks(&["ab", "cde"], ""))),
    ];
    let with = |method: &str, (name, rest): &(&str, String)| {
        shape(format!("{method} with {name}"), method, format!("{method} /a HTTP/1.1\r\nHost: a\r\n{rest}"), OK)
    };
    METHODS.iter().flat_map(|method| bodies.iter().map(move |body| with(method, body))).collect()
}

fn targets() -> Vec<Shape> {
    let long = "/very/long".repeat(100);
    let targets = [
        "/",
        "//",
        "/a/",
        "/a//b",
        "/a/./b",
        "/a/../b",
        "/%2e%2e/",
        "/a%2Fb",
        "/a%00b",
        "/?",
        "/?a",
        "/?a=1&a=2&b",
        "/?a=%20+%2B",
        "/a;b=c",
        "/a,b",
        "/a:b",
        "/@a",
        "/a?b?c",
        "/~a",
        "/a=b",
        "/'(a)*!$",
        "/%E4%BD%A0",
        "/a?u=http://x/y",
        &long,
    ];
    let one =
        |target: &&str| shape(format!("{target:.30}"), "GET", format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"), OK);
    targets.iter().map(one).collect()
}

fn request_fields() -> Vec<Shape> {
    let many: String = (0..80).map(|i| format!("X-{i}: {i}\r\n")).collect();
    let large = format!("X-Large: {}\r\n", "a".repeat(30_000));
    let fields = [
        "",
        "X-A: 1\r\nX-B: 2\r\nX-A: 3\r\n",
        "Accept: a\r\nAccept: b\r\naccept: c\r\n",
        "X-Empty:\r\n",
        "X-Space:   a  b  \r\n",
        "X-Tab:\ta\tb\r\n",
        "Cookie: a=1; b=2\r\n",
        "Cookie: a=1\r\nCookie: b=2\r\n",
        "Authorization: Basic YTpi\r\n",
        "Range: bytes=0-1\r\n",
        "If-None-Match: \"a\", W/\"b\"\r\n",
        "If-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT\r\n",
        "Accept-Encoding: gzip, br, zstd, deflate\r\n",
        "Cache-Control: no-cache\r\nPragma: no-cache\r\n",
        "Origin: http://x\r\nAccess-Control-Request-Method: PUT\r\n",
        "X-!#$%&'*+.^_`|~0: token\r\n",
        "Max-Forwards: 3\r\n",
        "From: a@b\r\nReferer: http://x/y\r\n",
        "Prefer: return=minimal\r\n",
        "User-Agent: a (b; c) d/1\r\n",
        "Keep-Alive: 5\r\nConnection: keep-alive\r\n",
        "X-Real-IP: 1.2.3.4\r\nTraceparent: 00-a-b-01\r\n",
        "X-Quote: \"a, b\\\"c\"\r\n",
        "Content-Type: a/b\r\n",
        &many,
        &large,
    ];
    let one = |fields: &&str| shape(format!("request fields {fields:.60?}"), "GET", get(fields), OK);
    fields.iter().map(one).collect()
}

fn statuses() -> Vec<Shape> {
    let statuses = [
        "200 OK",
        "201 Created",
        "202 Accepted",
        "203 Non-Authoritative Information",
        "206 Partial Content",
        "207 Multi-Status",
        "226 IM Used",
        "299 Unknown",
        "300 Multiple Choices",
        "301 Moved Permanently",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "400 Bad Request",
        "401 Unauthorized",
        "403 Forbidden",
        "404 Not Found",
        "404 Nothing Here",
        "409 Conflict",
        "418 I'm a teapot",
        "422 Unprocessable Entity",
        "429 Too Many Requests",
        "500 Internal Server Error",
        "501 Not Implemented",
        "503 Service Unavailable",
        "504 Gateway Timeout",
        "599 Whatever It Is",
        "999 Odd",
    ];
    let bodiless = [
        "204 No Content\r\n",
        "204 No Content\r\nX: y\r\n",
        "304 Not Modified\r\nETag: \"a\"\r\n",
        "304 Not Modified\r\nContent-Length: 99\r\n",
    ];
    let with_body = statuses
        .iter()
        .map(|status| shape(*status, "GET", PLAIN_GET, format!("HTTP/1.1 {status}\r\nContent-Length: 4\r\n\r\nbody")));
    with_body
        .chain(bodiless.iter().map(|head| shape(*head, "GET", PLAIN_GET, format!("HTTP/1.1 {head}\r\n"))))
        .collect()
}

fn response_fields() -> Vec<Shape> {
    let fields = [
        "Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2; HttpOnly\r\nSet-Cookie: a=3\r\n",
        "X-A: 1\r\nX-B: 2\r\nX-A: 3\r\n",
        "Content-Encoding: gzip\r\n",
        "Content-Encoding: br\r\nVary: Accept-Encoding\r\n",
        "ETag: W/\"a\"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n",
        "Location: https://elsewhere.test/x\r\n",
        "Location: b/c\r\n",
        "Link: </a?page=2>; rel=\"next\"\r\n",
        "WWW-Authenticate: Basic realm=\"a\"\r\nWWW-Authenticate: Bearer\r\n",
        "Retry-After: 3\r\n",
        "Date: Mon, 01 Jan 2024 00:00:00 GMT\r\n",
        "Server: x/1\r\n",
        "Content-Type: text/plain; charset=\"utf-8\"\r\n",
        "Accept-Ranges: bytes\r\nContent-Range: bytes 0-1/9\r\n",
        "X-Empty:\r\n",
        "Cache-Control: private\r\nAge: 3\r\n",
        "Access-Control-Allow-Origin: *\r\n",
        "Content-Disposition: attachment; filename=\"a b\"\r\n",
        "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n",
        "Allow: GET\r\n",
    ];
    let one = |fields: &&str| {
        shape(
            format!("response fields {fields:?}"),
            "GET",
            PLAIN_GET,
            format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\nok"),
        )
    };
    fields.iter().map(one).collect()
}

fn bodies() -> Vec<Shape> {
    let chunked =
        |fields: &str, body: &str| format!("HTTP/1.1 200 OK\r\n{fields}Transfer-Encoding: chunked\r\n\r\n{body}");
    let mut all: Vec<Shape> = [
        ("chunks", chunked("", &chunks(&["a", "bc", "\r\n0\r\n\r\n"], ""))),
        ("no chunks", chunked("", &chunks(&[], ""))),
        ("an end by closing", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end".into()),
        ("HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok".into()),
        ("an empty body", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".into()),
        ("a large body", format!("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n{}", "x".repeat(300_000))),
        ("100 before it", format!("HTTP/1.1 100 Continue\r\n\r\n{OK}")),
        ("events", chunked("Content-Type: text/event-stream\r\n", &chunks(&["data: 1\n\n", "data: 2\n\n"], ""))),
    ]
    .into_iter()
    .map(|(name, response)| shape(format!("an answer with {name}"), "GET", PLAIN_GET, response))
    .collect();
    for fields in
        ["Content-Length: 12345\r\n", "Transfer-Encoding: chunked\r\n", "Content-Type: a/b\r\nContent-Length: 1\r\n"]
    {
        all.push(shape(
            format!("HEAD {fields:?}"),
            "HEAD",
            "HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n",
            format!("HTTP/1.1 200 OK\r\n{fields}\r\n"),
        ));
    }
    for (names, trailers) in [("X-Sum", "X-Sum: 1\r\n"), ("X-Sum, X-More", "X-Sum: 1\r\nX-More: 2\r\n")] {
        let body = chunks(&["ab"], trailers);
        let request =
            format!("POST /a HTTP/1.1\r\nHost: a\r\nTrailer: {names}\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        all.push(shape(format!("request trailers {names}"), "POST", request, OK));
        let response = chunked(&format!("Trailer: {names}\r\n"), &body);
        all.push(shape(
            format!("response trailers {names}"),
            "GET",
            get("TE: trailers\r\nConnection: TE\r\n"),
            response,
        ));
    }
    all.push(shape("HTTP/1.0", "GET", "GET /a HTTP/1.0\r\nHost: a\r\n\r\n", OK));
    all.push(shape("the whole server", "OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", OK));
    all.push(shape("Host with a port", "GET", "GET /a HTTP/1.1\r\nHost: a.test:81\r\n\r\n", OK));
    all
}

/// What differs, if anything.
async fn compare(shape: &Shape, upstream: SocketAddr, front: SocketAddr, script: &Script) -> Result<(), String> {
    script.lock().unwrap().1.clone_from(&shape.response);
    let direct = ask(upstream, &shape.request, &shape.method).await.ok_or("no direct answer")?;
    let asked = script.lock().unwrap().0.take().ok_or("not asked directly")?;
    let through = ask(front, &shape.request, &shape.method).await.ok_or("no answer through us")?;
    let asked_through = script.lock().unwrap().0.take().ok_or_else(|| format!("not asked: {through:?}"))?;
    let (sent, got) = (plain_request(&asked), plain_request(&asked_through));
    if sent != got {
        return Err(format!("request\n  {sent:?}\n  {got:?}"));
    }
    let (sent, got) = (plain_response(&direct, &direct), plain_response(&through, &direct));
    if sent == got { Ok(()) } else { Err(format!("response\n  {sent:?}\n  {got:?}")) }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_tells_us_from_a_direct_call_but_what_is_written_down() {
    let (upstream, script) = scripted().await;
    let server = Server::start(upstream).await;
    let all: Vec<Shape> = [methods(), targets(), request_fields(), statuses(), response_fields(), bodies()]
        .into_iter()
        .flatten()
        .collect();
    let mut wrong = Vec::new();
    for shape in &all {
        if let Err(difference) = compare(shape, upstream, server.app.api(), &script).await {
            wrong.push(format!("{}: {difference}", shape.name));
        }
    }
    println!("{} shapes: {} differ", all.len(), wrong.len());
    assert!(all.len() >= 150, "{} shapes", all.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    server.stop().await;
}
