//! The shapes: what is sent, and what is answered. Each is an ordinary thing that some client or API does.

/// The bytes of an answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer(pub(crate) Vec<u8>);

impl Answer {
    /// False when only the end of the connection ends it.
    pub(crate) fn contains_framing(&self) -> bool {
        let head = String::from_utf8_lossy(&self.0).to_ascii_lowercase();
        let last = head.rfind("http/1.").map_or("", |at| &head[at..]);
        let head = last.split("\r\n\r\n").next().unwrap_or_default();
        let bodiless = [" 204", " 304"].iter().any(|status| head[8..].starts_with(status));
        let close = head.contains("connection: close") || head.starts_with("http/1.0");
        !close && (bodiless || head.contains("\r\ncontent-length:") || head.contains("\r\ntransfer-encoding:"))
    }
}

#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) name: String,
    pub(crate) request: Vec<u8>,
    pub(crate) answer: Answer,
}

const OK: &str = "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 2\r\n\r\nok";

pub(crate) fn all() -> Vec<Shape> {
    let mut shapes = Vec::new();
    methods(&mut shapes);
    targets(&mut shapes);
    request_fields(&mut shapes);
    request_bodies(&mut shapes);
    statuses(&mut shapes);
    response_fields(&mut shapes);
    response_bodies(&mut shapes);
    shapes
}

/// `request` has no `Host` and no end of its head yet: both are added, with the name by which the API knows the shape.
fn add(shapes: &mut Vec<Shape>, name: &str, head: impl AsRef<[u8]>, body: impl AsRef<[u8]>, answer: impl AsRef<[u8]>) {
    let mut request = head.as_ref().to_vec();
    request.extend(format!("Host: app.test\r\nX-Shape: {name}\r\n\r\n").bytes());
    request.extend_from_slice(body.as_ref());
    shapes.push(Shape { name: name.to_owned(), request, answer: Answer(answer.as_ref().to_vec()) });
}

fn methods(shapes: &mut Vec<Shape>) {
    let plain = [
        "GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "PURGE", "PROPFIND", "M-SEARCH", "get", "LOCK", "REPORT",
        "X_Y-1.2!",
    ];
    for method in plain {
        add(shapes, &format!("method {method}"), format!("{method} /m HTTP/1.1\r\n"), "", OK);
    }
    for method in ["POST", "PUT", "PATCH", "QUERY", "GET", "DELETE", "OPTIONS"] {
        add(
            shapes,
            &format!("{method} with a body"),
            format!("{method} /m HTTP/1.1\r\nContent-Length: 5\r\n"),
            "hello",
            OK,
        );
    }
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        add(
            shapes,
            &format!("{method} with an empty body"),
            format!("{method} /m HTTP/1.1\r\nContent-Length: 0\r\n"),
            "",
            OK,
        );
    }
    add(shapes, "POST without a length", "POST /m HTTP/1.1\r\n", "", OK);
    add(shapes, "HTTP/1.0", "GET /m HTTP/1.0\r\n", "", OK);
    add(shapes, "HTTP/1.0 kept alive", "GET /m HTTP/1.0\r\nConnection: keep-alive\r\n", "", OK);
    add(shapes, "OPTIONS for the whole server", "OPTIONS * HTTP/1.1\r\n", "", OK);
}

fn targets(shapes: &mut Vec<Shape>) {
    let long_path = format!("/{}", "a/".repeat(2000));
    let long_query = format!("/a?{}", "key=value&".repeat(600));
    let targets = [
        "/",
        "/a//b",
        "//a",
        "/a/",
        "/a/./b",
        "/a/../b",
        "/%2e%2e/a",
        "/a%2Fb",
        "/a%2fb",
        "/%41",
        "/a%20b",
        "/a+b",
        "/a;v=1;w",
        "/a:b@c",
        "/$&'()*,=",
        "/~x/-_.!",
        "/%E2%82%AC",
        "/%",
        "/%zz",
        "/%00",
        "/a|b",
        "/a?",
        "/?",
        "/a?b",
        "/a?b=",
        "/a?=b",
        "/a?b=c&b=d",
        "/a?b[]=1&b[]=2",
        "/a?x[y]=1",
        "/a?q=a+b%20c",
        "/a?q=%2B%26%3D",
        "/a?u=http://h/p?q",
        "/a?/?/",
        "/a?a;b",
        "/a?&&",
        "/a?q='x'",
        "/a?t=10:00",
        "/a?e=%F0%9F%98%80",
        "/index.html",
        "/.well-known/x",
        "/a?json={a:[1]}",
        "/{\"a\":1}",
        "/@scope%2fname",
        &long_path,
        &long_query,
    ];
    for (i, target) in targets.into_iter().enumerate() {
        let shown: String = target.chars().take(30).collect();
        add(shapes, &format!("target {i} {shown}"), format!("GET {target} HTTP/1.1\r\n"), "", OK);
    }
}

fn request_fields(shapes: &mut Vec<Shape>) {
    let long = format!("X-Long: {}\r\n", "v".repeat(7000));
    let many: String = (0..80).map(|i| format!("X-Field-{i}: {i}\r\n")).collect();
    let cookies = format!("Cookie: {}\r\n", (0..50).map(|i| format!("c{i}=v{i}")).collect::<Vec<_>>().join("; "));
    let fields: [(&str, &str); 40] = [
        ("twice", "X-A: 1\r\nX-A: 2\r\n"),
        ("twice with another between", "X-A: 1\r\nX-B: 3\r\nX-A: 2\r\n"),
        ("the same value twice", "X-A: 1\r\nX-A: 1\r\n"),
        ("list", "X-A: 1, 2,3 ,, 4\r\n"),
        ("empty value", "X-A:\r\n"),
        ("only blanks", "X-A:   \r\n"),
        ("no blank", "X-A:1\r\n"),
        ("blanks around", "X-A: \t 1 \t \r\n"),
        ("tab inside", "X-A: a\tb\r\n"),
        ("colon inside", "X-A: a:b:c\r\n"),
        ("quotes", "X-A: \"a, b\\\"c\"\r\n"),
        ("odd name", "!#$%&'*+-.^_`|~09: 1\r\n"),
        ("underscore", "x_a: 1\r\nX_B: 2\r\n"),
        ("digits", "1: 2\r\n"),
        ("long", &long),
        ("many", &many),
        ("cookie", "Cookie: a=1; b=2\r\n"),
        ("many cookies", &cookies),
        ("odd cookie", "Cookie: a; =b; c=\"d e\"; ;\r\n"),
        ("basic", "Authorization: Basic dTpw\r\n"),
        ("bearer", "Authorization: Bearer abc.def.ghi\r\n"),
        ("proxy authorization", "Proxy-Authorization: Basic dTpw\r\n"),
        (
            "accept",
            "Accept: text/html;q=0.8, */*;q=0.1\r\nAccept-Language: de, en;q=0.5\r\nAccept-Encoding: gzip, br, zstd\r\n",
        ),
        ("range", "Range: bytes=0-4,10-\r\nIf-Range: \"a\"\r\n"),
        ("conditions", "If-None-Match: W/\"a\", \"b\"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
        ("if match", "If-Match: *\r\nIf-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
        ("cors", "Origin: null\r\nAccess-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: x-a,x-b\r\n"),
        ("browser", "Sec-Fetch-Mode: cors\r\nSec-CH-UA: \"a\";v=\"1\"\r\nUpgrade-Insecure-Requests: 1\r\nDNT: 1\r\n"),
        ("trace", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: a=b\r\n"),
        ("forwarded before", "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: h\r\n"),
        ("forwarded twice before", "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 5.6.7.8, 9.9.9.9\r\n"),
        ("standard forwarded before", "Forwarded: for=1.2.3.4;proto=https\r\nForwarded: for=\"[::1]\"\r\n"),
        ("via before", "Via: 1.0 fred, 1.1 p.example\r\n"),
        ("max forwards", "Max-Forwards: 10\r\n"),
        ("no cache", "Cache-Control: no-cache\r\nPragma: no-cache\r\n"),
        ("connection names a field", "X-Hop: 1\r\nConnection: X-Hop\r\n"),
        ("connection closes", "Connection: close\r\n"),
        (
            "hop by hop",
            "Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\nConnection: keep-alive, te\r\n",
        ),
        ("content type without a body", "Content-Type: application/json\r\n"),
        (
            "digest",
            "Content-Digest: sha-256=:abc=:\r\nIdempotency-Key: \"8e03978e\"\r\nPriority: u=1, i\r\nPrefer: return=minimal\r\n",
        ),
    ];
    for (name, field) in fields {
        add(shapes, &format!("request field {name}"), format!("GET /f HTTP/1.1\r\n{field}"), "", OK);
    }
    add(shapes, "request field beyond ASCII", b"GET /f HTTP/1.1\r\nX-A: caf\xe9 \xff\r\nX-B: \xc3\xa9\r\n", "", OK);
}

fn request_bodies(shapes: &mut Vec<Shape>) {
    let all_bytes: Vec<u8> = (0..=255).collect();
    let medium: Vec<u8> = (0..100_000_u32).map(|i| (i * 31 % 251) as u8).collect();
    let large: Vec<u8> = (0..1_500_000_u32).map(|i| (i * 17 % 253) as u8).collect();
    let bodies: [(&str, &str, &[u8]); 12] = [
        ("one byte", "", b"x"),
        ("all bytes", "application/octet-stream", &all_bytes),
        ("medium", "application/octet-stream", &medium),
        ("large", "application/octet-stream", &large),
        ("json", "application/json", b"{\"a\":[1,2.50,1e3,\"\\u00e9\"],\"a\":null}\n"),
        ("json with a byte order mark", "application/json; charset=utf-8", b"\xef\xbb\xbf{}"),
        ("broken json", "application/json", b"{\"a\":"),
        ("form", "application/x-www-form-urlencoded", b"a=1&a=2&b=%20+&c"),
        (
            "multipart",
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\n\0\r\n--x--\r\n",
        ),
        ("xml", "text/xml", b"<?xml version='1.0'?><a b=\"c\"/>"),
        ("only line ends", "text/plain", b"\r\n\r\n\r\n"),
        ("latin 1", "text/plain; charset=iso-8859-1", b"caf\xe9"),
    ];
    for (name, media_type, body) in bodies {
        let head = format!("POST /b HTTP/1.1\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n", body.len());
        add(shapes, &format!("body {name}"), head, body, OK);
    }
    for coding in ["gzip", "br", "zstd", "deflate", "x-unknown"] {
        let head = format!("POST /b HTTP/1.1\r\nContent-Encoding: {coding}\r\nContent-Length: 4\r\n");
        add(shapes, &format!("body said to be {coding}"), head, b"\x1f\x8b\x00z", OK);
    }
    let many: String = (0..200).map(|i| format!("3\r\n{:03}\r\n", i % 1000)).chain(["0\r\n\r\n".into()]).collect();
    let chunked: [(&str, &str, &str); 8] = [
        ("one", "", "5\r\nhello\r\n0\r\n\r\n"),
        ("none", "", "0\r\n\r\n"),
        ("many", "", &many),
        ("zeros in front", "", "0005\r\nhello\r\n000\r\n\r\n"),
        ("capitals", "", "A\r\n0123456789\r\n0\r\n\r\n"),
        ("extensions", "", "5;a=b;c=\"d\"\r\nhello\r\n0;x\r\n\r\n"),
        ("trailers", "Trailer: X-Sum, X-More\r\n", "5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n"),
        ("line ends inside", "", "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n"),
    ];
    for (name, field, body) in chunked {
        add(
            shapes,
            &format!("chunks {name}"),
            format!("POST /b HTTP/1.1\r\n{field}Transfer-Encoding: chunked\r\n"),
            body,
            OK,
        );
    }
    add(shapes, "chunked GET", "GET /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", "2\r\nhi\r\n0\r\n\r\n", OK);
}

fn statuses(shapes: &mut Vec<Shape>) {
    let codes = [
        200, 201, 202, 203, 205, 206, 207, 208, 226, 299, 300, 301, 302, 303, 305, 307, 308, 400, 401, 402, 403, 404,
        405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425, 426, 428, 429,
        431, 451, 499, 500, 501, 502, 503, 504, 505, 507, 508, 511, 599, 600, 999,
    ];
    for code in codes {
        add(
            shapes,
            &format!("status {code}"),
            "GET /s HTTP/1.1\r\n",
            "",
            format!("HTTP/1.1 {code} Word\r\nContent-Length: 2\r\n\r\nhi"),
        );
    }
    let lines: [(&str, &[u8]); 11] = [
        ("204", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("304", b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n"),
        ("304 with a length", b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 5\r\n\r\n"),
        ("the usual phrase", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        ("another phrase", b"HTTP/1.1 200 Fine by me!\r\nContent-Length: 0\r\n\r\n"),
        ("no phrase", b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"),
        ("early hints first", b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ("two interim answers first", b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ("old", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ("old without a length", b"HTTP/1.0 200 OK\r\n\r\nok"),
        ("closing", b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"),
    ];
    for (name, answer) in lines {
        add(shapes, &format!("answer {name}"), "GET /s HTTP/1.1\r\n", "", answer);
    }
    let heads: [(&str, &str); 5] = [
        ("a length", "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n"),
        ("chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("zero", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ("not found", "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n"),
        ("a huge length", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"),
    ];
    for (name, answer) in heads {
        add(shapes, &format!("HEAD {name}"), "HEAD /s HTTP/1.1\r\n", "", answer);
    }
}

fn response_fields(shapes: &mut Vec<Shape>) {
    let long = format!("X-Long: {}\r\n", "v".repeat(7000));
    let many: String = (0..80).map(|i| format!("X-Field-{i}: {i}\r\n")).collect();
    let fields: [(&str, &str); 36] = [
        ("no date", ""),
        ("a date", "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
        ("server", "Server: thing/1.0 (os)\r\nX-Powered-By: y\r\n"),
        (
            "cookies",
            "Set-Cookie: a=1; Path=/; HttpOnly\r\nSet-Cookie: b=2; Secure; SameSite=None\r\nSet-Cookie: a=3\r\n",
        ),
        ("cookie with a date", "Set-Cookie: a=1; Expires=Sun, 06 Nov 1994 08:49:37 GMT; Max-Age=0\r\n"),
        ("cookie for elsewhere", "Set-Cookie: a=1; Domain=example.org\r\n"),
        ("odd cookie", "Set-Cookie: =; a\r\nSet-Cookie:\r\n"),
        ("links", "Link: </a?page=2>; rel=\"next\"\r\nLink: </a?page=9>; rel=last\r\n"),
        ("challenges", "WWW-Authenticate: Basic realm=\"a, b\"\r\nWWW-Authenticate: Bearer\r\n"),
        (
            "cache",
            "Cache-Control: max-age=60, private\r\nAge: 5\r\nExpires: 0\r\nETag: W/\"x\"\r\nVary: accept, origin\r\n",
        ),
        ("last modified", "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
        (
            "cors",
            "Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Headers: a, b\r\nAccess-Control-Max-Age: 60\r\n",
        ),
        ("relative location", "Location: ../a?b#c\r\n"),
        ("absolute location", "Location: /a/b\r\n"),
        ("location elsewhere", "Location: https://example.org/a\r\n"),
        ("location with another scheme", "Location: myapp://callback?code=1\r\n"),
        ("content location", "Content-Location: /a.json\r\n"),
        ("retry", "Retry-After: 120\r\n"),
        ("retry at", "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
        ("disposition", "Content-Disposition: attachment; filename=\"a b.txt\"; filename*=UTF-8''%e2%82%ac\r\n"),
        (
            "policy",
            "Content-Security-Policy: default-src 'self'; img-src *\r\nStrict-Transport-Security: max-age=1\r\n",
        ),
        ("rate limit", "RateLimit-Limit: 10\r\nRateLimit-Remaining: 9\r\nX-RateLimit-Reset: 1\r\n"),
        ("alternative", "Alt-Svc: h3=\":443\"; ma=1\r\n"),
        ("allow", "Allow: GET, HEAD\r\nAccept-Ranges: bytes\r\n"),
        ("refresh", "Refresh: 5; url=/a\r\nWarning: 199 - \"x\"\r\n"),
        ("via before", "Via: 1.1 varnish\r\n"),
        ("connection names a field", "X-Hop: 1\r\nConnection: X-Hop\r\n"),
        ("keep alive", "Keep-Alive: timeout=5, max=100\r\nConnection: keep-alive\r\n"),
        ("empty value", "X-A:\r\nX-B: \r\n"),
        ("odd name", "!#$%&'*+-.^_`|~09: 1\r\n"),
        ("long", &long),
        ("many", &many),
        ("twice with another between", "X-A: 1\r\nX-B: 3\r\nX-A: 2\r\n"),
        ("tab inside", "X-A: a\tb\r\n"),
        ("json in it", "X-A: {\"a\":[1,2]}\r\n"),
        ("timing", "Server-Timing: db;dur=53, app;dur=47.2\r\nX-Request-Id: 1\r\n"),
    ];
    for (name, field) in fields {
        let answer = format!("HTTP/1.1 200 OK\r\n{field}Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nok");
        add(shapes, &format!("response field {name}"), "GET /rf HTTP/1.1\r\n", "", answer);
    }
    let beyond = b"HTTP/1.1 200 OK\r\nX-A: caf\xe9\r\nX-B: \xc3\xa9\r\nContent-Length: 2\r\n\r\nok";
    add(shapes, "response field beyond ASCII", "GET /rf HTTP/1.1\r\n", "", beyond);
}

fn response_bodies(shapes: &mut Vec<Shape>) {
    let all_bytes: Vec<u8> = (0..=255).collect();
    let medium: Vec<u8> = (0..100_000_u32).map(|i| (i * 31 % 251) as u8).collect();
    let large: Vec<u8> = (0..3_000_000_u32).map(|i| (i * 17 % 253) as u8).collect();
    let ranges =
        b"--b\r\nContent-Range: bytes 0-0/9\r\n\r\na\r\n--b\r\nContent-Range: bytes 8-8/9\r\n\r\ni\r\n--b--\r\n";
    let bodies: [(&str, &str, &[u8]); 9] = [
        ("empty", "200 OK\r\nContent-Type: text/plain", b""),
        ("one byte", "200 OK", b"x"),
        ("all bytes", "200 OK\r\nContent-Type: application/octet-stream", &all_bytes),
        ("medium", "200 OK\r\nContent-Type: image/png", &medium),
        ("large", "200 OK\r\nContent-Type: video/mp4", &large),
        ("json", "200 OK\r\nContent-Type: application/json", b"{\"a\":1.0,\"a\":2}\n"),
        ("part", "206 Partial Content\r\nContent-Range: bytes 2-4/9", b"cde"),
        ("parts", "206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=b", ranges),
        ("no such part", "416 Range Not Satisfiable\r\nContent-Range: bytes */9", b""),
    ];
    for (name, head, body) in bodies {
        let mut answer = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
        answer.extend_from_slice(body);
        add(shapes, &format!("answer body {name}"), "GET /rb HTTP/1.1\r\n", "", answer);
    }
    for coding in ["gzip", "br", "zstd", "deflate", "identity", "gzip, br", "x-unknown"] {
        let mut answer =
            format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: 5\r\n\r\n").into_bytes();
        answer.extend_from_slice(b"\x1f\x8b\x08\xff\x00");
        add(
            shapes,
            &format!("answer said to be {coding}"),
            "GET /rb HTTP/1.1\r\nAccept-Encoding: gzip\r\n",
            "",
            answer,
        );
    }
    let many: String = (0..300).map(|i| format!("3\r\n{:03}\r\n", i % 1000)).chain(["0\r\n\r\n".into()]).collect();
    let events = "14\r\nevent: a\ndata: {}\n\n\n\r\n9\r\ndata: b\n\n\r\n0\r\n\r\n";
    let chunked: [(&str, &str, &str); 7] = [
        ("one", "", "5\r\nhello\r\n0\r\n\r\n"),
        ("none", "", "0\r\n\r\n"),
        ("many", "", &many),
        ("extensions", "", "5;a=b\r\nhello\r\n0;c\r\n\r\n"),
        ("trailers", "Trailer: X-Sum\r\n", "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"),
        ("events", "Content-Type: text/event-stream\r\nCache-Control: no-cache\r\n", events),
        ("lines", "Content-Type: application/x-ndjson\r\n", "5\r\n{}\n[]\r\n0\r\n\r\n"),
    ];
    for (name, field, body) in chunked {
        let answer = format!("HTTP/1.1 200 OK\r\n{field}Transfer-Encoding: chunked\r\n\r\n{body}");
        add(
            shapes,
            &format!("answer in chunks {name}"),
            "GET /rb HTTP/1.1\r\nTE: trailers\r\nConnection: TE\r\n",
            "",
            answer,
        );
    }
    let to_the_end: [(&str, &str); 4] = [
        ("to the end of the connection", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"),
        ("to the end, unsaid", "HTTP/1.1 200 OK\r\n\r\nhello"),
        ("to the end, empty", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"),
        ("an error to the end", "HTTP/1.1 500 Oops\r\nConnection: close\r\n\r\n<h1>"),
    ];
    for (name, answer) in to_the_end {
        add(shapes, &format!("answer {name}"), "GET /rb HTTP/1.1\r\n", "", answer);
    }
    let broken: [(&str, &str); 2] = [
        ("shorter than it says", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 10\r\n\r\nhello"),
        (
            "without its last chunk",
            "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        ),
    ];
    for (name, answer) in broken {
        add(shapes, &format!("answer {name}"), "GET /rb HTTP/1.1\r\n", "", answer);
    }
}
