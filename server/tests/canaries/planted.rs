//! What is sent and answered, with a secret of its own in every place.

use std::io::Write;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::json;

/// Every place, in the order of the numbers that their canaries hold.
const PLACES: &[&str] = &[
    "login password",
    "login access_token",
    "login refresh_token",
    "login id_token",
    "Bearer",
    "Basic",
    "Token scheme",
    "Digest",
    "cookie",
    "other cookie",
    "X-API-Key",
    "X-Auth-Token",
    "Proxy-Authorization",
    "X-Amz-Security-Token",
    "Referer query",
    "Referer user",
    "access_token in query",
    "api_key in query",
    "password in query",
    "signature in query",
    "user of an address in query",
    "token of an address in query",
    "path",
    "JWT in path",
    "known form in path",
    "JSON password",
    "JSON tokens",
    "JSON client_secret",
    "JSON in base64",
    "JSON in JSON",
    "GraphQL variable",
    "GraphQL literal",
    "JSON refresh token",
    "JWT by form",
    "known by form",
    "user of an address in JSON",
    "connection string",
    "private key",
    "form password",
    "form client_secret",
    "form code",
    "form assertion",
    "multipart field",
    "multipart file",
    "XML element",
    "XML attribute",
    "XML CDATA",
    "SOAP header",
    "gzip request",
    "Set-Cookie",
    "Location query",
    "Location fragment",
    "Location code",
    "error page",
    "error message",
    "gzip answer",
    "deflate answer",
    "meta",
    "X-Auth-Token of an answer",
    "event",
    "message of a client",
    "message of the API",
    "message of words",
    "NDJSON",
    "plain text",
    "Link",
    "WebSocket protocol",
    "cut JSON",
    "JSON without a type",
    "error of a key in query",
    "session header",
    "YAML",
];

pub(crate) fn canaries() -> Vec<(&'static str, String)> {
    PLACES.iter().map(|place| (*place, of(place))).collect()
}

pub(crate) fn of(place: &str) -> String {
    let n =
        PLACES.iter().position(|known| *known == place).unwrap_or_else(|| panic!("{place} is not among the places"));
    format!("cN{n:02}qX7rT{n:02}vLk9Zw{n:02}")
}

pub(crate) struct Sent {
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

fn get(target: impl Into<String>, headers: &[(&'static str, String)]) -> Sent {
    Sent { method: "GET", target: target.into(), headers: headers.to_vec(), body: Vec::new() }
}

fn post(target: &str, kind: &str, body: impl Into<Vec<u8>>) -> Sent {
    let headers = if kind.is_empty() { Vec::new() } else { vec![("content-type", kind.to_owned())] };
    Sent { method: "POST", target: target.to_owned(), headers, body: body.into() }
}

pub(crate) fn jwt(place: &str) -> String {
    let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let claims = json!({ "sub": "7", "iat": 1_700_000_000 }).to_string();
    format!("{}.{}.{}{}", part("{\"alg\":\"HS256\"}"), part(&claims), of(place), "A".repeat(21))
}

pub(crate) fn gzip(text: &str) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(text.as_bytes()).unwrap();
    packer.finish().unwrap()
}

pub(crate) fn messages() -> Vec<String> {
    vec![
        json!({ "type": "auth", "password": of("message of a client") }).to_string(),
        format!("AUTH token={}", of("message of words")),
    ]
}

pub(crate) fn exchanges() -> Vec<Sent> {
    let basic = BASE64_STANDARD.encode(format!("amber:{}", of("Basic")));
    let login = json!({ "user": "amber", "password": of("login password") }).to_string();
    let mut all = vec![
        post("/login", "application/json", login),
        get("/me", &[("authorization", format!("Bearer {}", of("login access_token")))]),
        get("/me", &[]),
        get("/plain/1", &[("authorization", format!("Bearer {}", of("Bearer")))]),
        get("/plain/2", &[("authorization", format!("Basic {basic}"))]),
        get("/plain/3", &[("authorization", format!("Token {}", of("Token scheme")))]),
        get("/plain/4", &[("authorization", format!("Digest username=\"amber\", response=\"{}\"", of("Digest")))]),
        get("/plain/5", &[("cookie", format!("sid={}; theme={}", of("cookie"), of("other cookie")))]),
        get("/plain/6", &[("x-api-key", of("X-API-Key")), ("x-auth-token", of("X-Auth-Token"))]),
        get("/plain/7", &[("proxy-authorization", format!("Bearer {}", of("Proxy-Authorization")))]),
        get(
            "/plain/8",
            &[("x-amz-security-token", of("X-Amz-Security-Token")), ("x-session-id", of("session header"))],
        ),
        get("/plain/9", &[("referer", format!("http://a.example/?token={}", of("Referer query")))]),
        get("/plain/10", &[("referer", format!("http://amber:{}@a.example/x", of("Referer user")))]),
        get(format!("/plain/11?access_token={}&page=2", of("access_token in query")), &[]),
        get(format!("/plain/12?api_key={}%20", of("api_key in query")), &[]),
        get(format!("/plain/13?user=amber&password={}", of("password in query")), &[]),
        get(format!("/plain/14?X-Amz-Signature={}&X-Amz-Date=20260101", of("signature in query")), &[]),
        get(format!("/plain/15?next=http%3A%2F%2Famber%3A{}%40h.example%2F", of("user of an address in query")), &[]),
        get(format!("/plain/16?next=%2Fx%3Ftoken%3D{}%26y%3D1", of("token of an address in query")), &[]),
        get(format!("/reset/{}", of("path")), &[]),
        get(format!("/invitations/{}/open", jwt("JWT in path")), &[]),
        get(format!("/hooks/sk_live_{}", of("known form in path")), &[]),
        get("/redirect/query", &[]),
        get("/redirect/fragment", &[]),
        get("/redirect/code", &[]),
        get("/set-cookie", &[]),
        get("/gzip", &[]),
        get("/deflate", &[]),
        get("/page", &[]),
        get("/fields", &[]),
        get("/events", &[]),
        get("/lines", &[]),
        get("/text", &[]),
        get("/yaml", &[]),
        get("/error/page", &[("authorization", format!("Bearer {}", of("error page")))]),
        get("/error/message", &[("x-api-key", of("error message"))]),
        get(format!("/error/message?api_key={}", of("error of a key in query")), &[]),
    ];
    all.extend(bodies());
    all
}

fn bodies() -> Vec<Sent> {
    const JSON: &str = "application/json";
    const FORM: &str = "application/x-www-form-urlencoded";
    let inner = json!({ "password": of("JSON in base64"), "a": 1 }).to_string();
    let multipart = format!(
        "--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n{}\r\n--x\r\nContent-Disposition: form-data; name=\"f\"; \
         filename=\"a.txt\"\r\n\r\n{}\r\n--x--\r\n",
        of("multipart field"),
        of("multipart file")
    );
    let xml = format!(
        "<?xml version=\"1.0\"?><login token=\"{}\"><password>{}</password><apiKey><![CDATA[{}]]></apiKey></login>",
        of("XML attribute"),
        of("XML element"),
        of("XML CDATA")
    );
    let soap = format!(
        "<s:Envelope><s:Header><wsse:Password Type=\"text\">{}</wsse:Password></s:Header><s:Body/></s:Envelope>",
        of("SOAP header")
    );
    let graphql = json!({
        "query": format!("mutation L($p: String!) {{ login(password: $p) {{ id }} other(apiKey: \"{}\") {{ id }} }}", of("GraphQL literal")),
        "variables": { "p": 1, "input": { "password": of("GraphQL variable") } },
    });
    let mut packed = post("/accounts", JSON, gzip(&json!({ "password": of("gzip request") }).to_string()));
    packed.headers.push(("content-encoding", "gzip".into()));
    vec![
        post(
            "/accounts",
            JSON,
            json!({ "user": "b", "password": of("JSON password"), "pin": 735_194_826 }).to_string(),
        ),
        post("/accounts", JSON, json!({ "deep": [{ "tokens": ["x", of("JSON tokens")] }] }).to_string()),
        post(
            "/accounts",
            JSON,
            json!({ "client_secret": of("JSON client_secret"), "refreshToken": of("JSON refresh token") }).to_string(),
        ),
        post("/accounts", JSON, json!({ "payload": BASE64_STANDARD.encode(inner) }).to_string()),
        post(
            "/accounts",
            JSON,
            json!({ "payload": json!({ "password": of("JSON in JSON") }).to_string() }).to_string(),
        ),
        post("/graphql", JSON, graphql.to_string()),
        post(
            "/accounts",
            JSON,
            json!({ "note": jwt("JWT by form"), "key_of_shop": format!("sk_live_{}", of("known by form")) })
                .to_string(),
        ),
        post(
            "/accounts",
            JSON,
            json!({ "callback": format!("https://amber:{}@h.example/x", of("user of an address in JSON")) })
                .to_string(),
        ),
        post(
            "/accounts",
            JSON,
            json!({ "dsn": format!("Server=db;Uid=a;Password={};Port=1", of("connection string")) }).to_string(),
        ),
        post(
            "/accounts",
            JSON,
            json!({ "pem": format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----", of("private key")) })
                .to_string(),
        ),
        post("/accounts", JSON, format!("{{\"a\":[1,2],\"password\":\"{}", of("cut JSON"))),
        post("/accounts", "", json!({ "secret": of("JSON without a type") }).to_string()),
        post(
            "/session",
            FORM,
            format!("user=a&password={}&client_secret={}", of("form password"), of("form client_secret")),
        ),
        post(
            "/session",
            FORM,
            format!("grant_type=authorization_code&code={}&assertion={}", of("form code"), of("form assertion")),
        ),
        post("/upload", "multipart/form-data; boundary=x", multipart),
        post("/xml", "application/xml", xml),
        post("/soap", "text/xml; charset=utf-8", soap),
        packed,
    ]
}
