//! What other tools keep of an API becomes exchanges, whole or not at all.

use serde_json::{Value, json};
use understudy_contract::Exchange;
use understudy_contract::import::{DECLARED, Import, import, import_lines};

const NOW_MS: u64 = 1_760_000_000_000;

fn read(document: &Value) -> Import {
    import(document, NOW_MS).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(document: &Value) -> String {
    import(document, NOW_MS).expect_err("a refusal").to_string()
}

/// `GET /a?b=c 200`, for each.
fn lines(read: &Import) -> Vec<String> {
    let line = |exchange: &Exchange| {
        format!("{} {} {}", exchange.request.method, exchange.request.target, exchange.response.status)
    };
    read.exchanges.iter().map(line).collect()
}

fn stub(request: &Value, response: &Value) -> Value {
    json!({ "request": request, "response": response })
}

#[test]
fn wiremock_mappings_are_exchanges() {
    let document = json!({ "meta": { "total": 6 }, "mappings": [
        stub(&json!({ "method": "GET", "url": "/things?page=2" }),
            &json!({ "jsonBody": [{ "id": 1 }], "headers": { "X-Total": 7, "Set-Cookie": ["a=1", "b=2"] } })),
        stub(&json!({ "method": "POST", "urlPath": "/things", "queryParameters": { "q": { "equalTo": "a b" } },
            "headers": { "X-Key": { "equalTo": "k" }, "Accept": { "contains": "json" } },
            "bodyPatterns": [{ "equalToJson": "{\"name\":\"x\"}" }] }),
            &json!({ "status": 201, "body": "made" })),
        stub(&json!({ "method": "DELETE", "urlPathPattern": "^/v1\\.0/things$" }), &json!({ "status": 204 })),
        stub(&json!({ "urlPattern": "/things/.*" }), &json!({ "status": 200 })),
        stub(&json!({ "urlPath": "/a" }), &json!({ "fault": "EMPTY_RESPONSE" })),
        stub(&json!({ "urlPath": "/b" }), &json!({ "body": "{{now}}", "transformers": ["response-template"] })),
    ] });
    let read = read(&document);
    assert_eq!(read.format, "WireMock");
    assert_eq!(lines(&read), ["GET /things?page=2 200", "POST /things?q=a+b 201", "DELETE /v1.0/things 204"]);
    let [list, made, _] = &read.exchanges[..] else { panic!("three") };
    assert_eq!(list.response.body.bytes, r#"[{"id":1}]"#);
    let fields: Vec<_> = list.response.headers.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let expected =
        [("x-total", "7"), ("set-cookie", "a=1"), ("set-cookie", "b=2"), ("content-type", "application/json")];
    assert_eq!(fields, expected);
    assert_eq!(made.request.body.bytes, r#"{"name":"x"}"#);
    assert_eq!(made.request.headers.get("x-key"), Some("k"));
    assert_eq!(made.request.headers.get("accept"), None);
    assert_eq!(read.exchanges[2].received_at_ms, NOW_MS);
    let notes = [
        "1 stub mappings were left out: their URL is a pattern",
        "1 stub mappings were left out: their answers are templates",
        "1 stub mappings were left out: they break the connection",
    ];
    assert_eq!(read.notes, notes);
}

#[test]
fn parameters_of_a_wiremock_template_take_what_the_answer_repeats() {
    let of = |response: &Value, more: &Value| {
        let mut request = json!({ "urlPathTemplate": "/users/{name}/posts/{id}" });
        request["pathParameters"] = more.clone();
        read(&stub(&request, response)).exchanges.remove(0).request
    };
    let told = of(&json!({ "jsonBody": { "id": 7 } }), &json!({ "name": { "equalTo": "a/b" } }));
    assert_eq!((told.target.as_str(), told.headers.get(DECLARED)), ("/users/a%2Fb/posts/7", None));
    let untold = of(&json!({ "body": "x" }), &json!({}));
    assert_eq!(untold.target, "/users/1/posts/1");
    assert_eq!(untold.headers.get(DECLARED), Some("/users/{name}/posts/{id}"));
}

#[test]
fn bodies_that_lie_elsewhere_prove_nothing() {
    let said = json!({ "bodyFileName": "x.json" });
    let exchange =
        read(&stub(&json!({ "url": "/a", "bodyPatterns": [{ "matches": ".*" }] }), &said)).exchanges.remove(0);
    assert!(exchange.request.body.truncated && exchange.response.body.truncated);
    let said = json!({ "base64Body": "AAH/" });
    let exchange = read(&stub(&json!({ "url": "/a" }), &said)).exchanges.remove(0);
    assert_eq!(exchange.response.body.bytes, &[0u8, 1, 255][..]);
}

fn matcher(value: &str) -> Value {
    json!([{ "matcher": "exact", "value": value }])
}

fn simulation(version: &str, pairs: &Value) -> Value {
    json!({ "data": { "pairs": pairs, "globalActions": { "delays": [] } }, "meta": { "schemaVersion": version } })
}

#[test]
fn hoverfly_pairs_are_exchanges() {
    let pair = |host: &str, path: &Value, said: &Value| {
        let request = json!({ "method": matcher("PUT"), "scheme": matcher("https"), "destination": matcher(host),
            "path": path, "query": { "a": matcher("1 2") }, "headers": { "X-Key": matcher("k") },
            "body": [{ "matcher": "json", "value": "{\"n\":1}" }] });
        json!({ "request": request, "response": said })
    };
    let said = json!({ "status": 200, "body": "eyJpZCI6MX0=", "encodedBody": true, "templated": false,
        "headers": { "Content-Type": ["application/json"], "Content-Length": ["8"] } });
    let read = read(&simulation(
        "v5.3",
        &json!([
            pair("api.example", &matcher("/things/1"), &said),
            pair("api.example", &json!([{ "matcher": "glob", "value": "/things/*" }]), &said),
            pair("api.example", &json!([]), &said),
            pair("ads.example", &matcher("/pixel"), &json!({ "status": 204, "body": "", "encodedBody": false })),
        ]),
    ));
    assert_eq!((read.format, lines(&read)), ("Hoverfly", vec!["PUT /things/1?a=1+2 200".to_owned()]));
    let exchange = &read.exchanges[0];
    assert_eq!(exchange.response.body.bytes, r#"{"id":1}"#);
    assert_eq!(exchange.response.headers.0, [("content-type".to_owned(), "application/json".to_owned())]);
    assert_eq!(
        (exchange.request.headers.get("x-key"), &exchange.request.body.bytes[..]),
        (Some("k"), &b"{\"n\":1}"[..])
    );
    let notes = [
        "1 pairs were left out: their path is a pattern",
        "1 pairs were left out: they take any path",
        "1 pairs of other origins than https://api.example were left out",
    ];
    assert_eq!(read.notes, notes);
}

fn collection(items: &Value) -> Value {
    json!({
        "info": { "name": "shop", "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json" },
        "variable": [{ "key": "base", "value": "https://shop.example/v1" }, { "key": "size", "value": 20 }],
        "item": items,
    })
}

#[test]
fn saved_responses_of_a_postman_collection_are_exchanges() {
    let list = json!({ "method": "GET", "header": [{ "key": "X-Off", "value": "1", "disabled": true }],
        "url": { "raw": "{{base}}/products?size={{size}}#top", "host": ["{{base}}"], "path": ["products"] } });
    let one = json!({ "method": "GET", "url": { "host": "{{base}}", "path": ["products", ":id"],
        "query": [{ "key": "full", "value": "1" }, { "key": "off", "disabled": true }],
        "variable": [{ "key": "id", "value": "a b" }] } });
    let unknown = json!({ "method": "GET", "url": "{{base}}/carts/{{cart}}" });
    let make = json!({ "method": "POST", "url": "{{base}}/products",
        "body": { "mode": "raw", "raw": "{\"size\":{{size}}}", "options": { "raw": { "language": "json" } } } });
    let form = json!({ "method": "POST", "url": "{{base}}/login",
        "body": { "mode": "urlencoded", "urlencoded": [{ "key": "user", "value": "a&b" }] } });
    let said = |code: u16| json!({ "code": code, "_postman_previewlanguage": "json", "header": null, "body": "{}" });
    let read = read(&collection(&json!([
        { "name": "products", "item": [
            { "name": "list", "request": list, "response": [said(200), { "originalRequest": one, "code": 404, "body": null }] },
            { "name": "make", "request": make, "response": [said(201)] },
        ] },
        { "name": "cart", "request": unknown, "response": [said(200)] },
        { "name": "login", "request": form, "response": [said(200)] },
        { "name": "unsaved", "request": list, "response": [] },
    ])));
    let expected = [
        "GET /v1/products?size=20 200",
        "GET /v1/products/a%20b?full=1 404",
        "POST /v1/products 201",
        "GET /v1/carts/1 200",
        "POST /v1/login 200",
    ];
    assert_eq!((read.format, lines(&read)), ("Postman", expected.map(str::to_owned).to_vec()));
    assert_eq!(read.notes, ["1 requests were left out: no response is saved with them"]);
    let [list, _, make, cart, login] = &read.exchanges[..] else { panic!("five") };
    assert_eq!(list.request.headers.0, []);
    assert_eq!(list.response.headers.get("content-type"), Some("application/json"));
    assert_eq!(make.request.body.bytes, r#"{"size":20}"#);
    assert_eq!(make.request.headers.get("content-type"), Some("application/json"));
    assert_eq!(cart.request.headers.get(DECLARED), Some("/v1/carts/{cart}"));
    assert_eq!(login.request.body.bytes, "user=a%26b");
}

#[test]
fn a_damaged_file_says_where() {
    let good = stub(&json!({ "url": "/a" }), &json!({ "status": 200 }));
    let cases = [
        (
            json!({ "mappings": [good, stub(&json!({ "url": "/a" }), &json!({ "status": "ok" }))] }),
            r#"at /mappings/1/response/status it has "ok": expected a status from 100 to 599"#,
        ),
        (
            json!({ "mappings": [good, { "request": {} }] }),
            "at /mappings/1/response it has nothing: expected a response definition",
        ),
        (
            json!({ "mappings": [stub(&json!({ "url": 4 }), &json!({}))] }),
            "at /mappings/0/request/url it has 4: expected a text",
        ),
        (
            json!({ "mappings": [stub(&json!({ "url": "/a" }), &json!({ "base64Body": "*" }))] }),
            r#"at /mappings/0/response/base64Body it has "*": expected base64 (RFC 4648 section 4)"#,
        ),
        (
            json!({ "mappings": [stub(&json!({ "url": "/a" }), &json!({ "headers": { "a/b": {} } }))] }),
            "at /mappings/0/response/headers/a~1b it has {}: expected a text",
        ),
        (
            simulation("v5", &json!([{ "request": { "path": matcher("/a") }, "response": {} }])),
            "at /data/pairs/0/response/status it has nothing: expected a status from 100 to 599",
        ),
        (simulation("v5", &json!({})), "at /data/pairs it has {}: expected a list"),
        (simulation("v2", &json!([])), "its meta.schemaVersion is v2: expected v5"),
        (
            collection(&json!([{ "request": { "url": "/a" }, "response": [{ "code": 0 }] }])),
            "at /item/0/response/0/code it has 0: expected a status from 100 to 599",
        ),
        (collection(&json!([{ "name": "x" }])), "at /item/0/request it has nothing: expected a request"),
        (
            json!({ "info": { "schema": "https://schema.getpostman.com/json/collection/v1.0.0/" } }),
            "its info.schema is https://schema.getpostman.com/json/collection/v1.0.0/: expected v2.1.0",
        ),
        (
            json!({ "id": "x", "name": "old", "order": [], "requests": [{ "url": "/a" }] }),
            "its format is a Postman collection v1: expected a Postman collection v2.1",
        ),
        (
            json!([{ "method": "GET", "path": "/a", "status": 200 }, { "method": "GET", "path": "/a", "status": 1200 }]),
            "at /1/status it has 1200: expected a status from 100 to 599",
        ),
        (
            collection(&json!([{ "request": "/a" }])),
            "it holds no exchange of an API: 1 requests were left out: no response is saved with them",
        ),
    ];
    for (document, expected) in cases {
        assert_eq!(refused(&document), expected);
    }
}

#[test]
fn access_logs_are_exchanges_without_bodies() {
    let log = r#"
{"time_iso8601":"2023-11-15T00:13:20+02:00","request_method":"GET","request_uri":"/users/1?full=1","status":"200","request_time":"0.012","host":"api.example"}
{"start_time":"2023-11-14T22:13:21.000Z","method":"POST","path":"/users","response_code":201,"duration":7,"authority":"api.example"}
{"ts":1700000002.5,"request":{"method":"DELETE","uri":"/users/1","host":"api.example"},"status":204,"duration":0.25}
{"msec":"1700000003.123","request":"GET /users/9 HTTP/1.1","status":404,"body_bytes_sent":0,"http_host":"api.example"}
{"RequestMethod":"GET","RequestPath":"/users","DownstreamStatus":200,"Duration":1500000,"RequestHost":"api.example"}
{"request":"\u0016\u0003\u0001","status":400,"host":"api.example"}
{"request_method":"GET","uri":"/x","args":"a=b","status":0,"host":"api.example"}
{"request_method":"GET","request_uri":"/","status":200,"host":"other.example"}
"#;
    let read = import_lines(log, NOW_MS).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(read.format, "access log");
    let expected =
        ["GET /users/1?full=1 200", "POST /users 201", "DELETE /users/1 204", "GET /users/9 404", "GET /users 200"];
    assert_eq!(lines(&read), expected);
    let latencies: Vec<u64> = read.exchanges.iter().map(|exchange| exchange.latency_us).collect();
    assert_eq!(latencies, [12_000, 7_000, 250_000, 0, 1_500]);
    let times: Vec<u64> = read.exchanges.iter().map(|exchange| exchange.received_at_ms).collect();
    assert_eq!(times, [1_700_000_000_000, 1_700_000_001_000, 1_700_000_002_500, 1_700_000_003_123, NOW_MS]);
    // A body that the log does not hold proves nothing; one that was empty does.
    let cut: Vec<bool> = read.exchanges.iter().map(|exchange| exchange.response.body.truncated).collect();
    assert_eq!(cut, [true, true, false, false, true]);
    let notes = [
        "1 lines were left out: they got no answer",
        "1 lines were left out: they name no method and path",
        "1 lines of other origins than api.example were left out",
    ];
    assert_eq!(read.notes, notes);
}

#[test]
fn a_damaged_log_is_told_by_its_line() {
    let good = r#"{"method":"GET","path":"/a","status":200}"#;
    let check = |second: &str, expected: &str| {
        let error = import_lines(
            &format!(
                "{good}

{second}
{good}
"
            ),
            NOW_MS,
        )
        .expect_err("a refusal");
        assert_eq!(error.to_string(), expected);
    };
    check(
        r#"{"method":"GET","pa"#,
        r#"at line 3 it has "{\"method\":\"GET\",\"pa": expected an object of JSON, as on the other lines"#,
    );
    check("[1]", "at line 3 it has [1]: expected an object of JSON, as on the other lines");
    check(
        r#"{"method":"GET","path":"/a","status":"600"}"#,
        "at line 3/status it has 600: expected a status from 100 to 599",
    );
    check(r#"{"method":"GET","path":["/a"],"status":200}"#, r#"at line 3/path it has ["/a"]: expected a text"#);
}

/// Wherever one value of a good file turns into another kind, the reader answers and does not panic; and it is the same twice.
#[test]
fn no_change_of_a_value_is_a_panic() {
    let said = json!({ "code": 200, "header": [{ "key": "A", "value": "b" }], "body": "{}" });
    let asked = json!({ "method": "GET", "header": [], "url": { "raw": "http://h/a/:b?c", "variable": [{ "key": "b", "value": "1" }] },
        "body": { "mode": "graphql", "graphql": { "query": "{a}", "variables": "{}" } } });
    let pair = json!({ "request": { "path": matcher("/é"), "query": { "a": matcher("b") }, "body": matcher("x") },
        "response": { "status": 200, "body": "é", "headers": { "A": ["b"] } } });
    let request = json!({ "urlPathTemplate": "/é/{b}", "basicAuthCredentials": { "username": "a", "password": "b" },
        "bodyPatterns": [{ "binaryEqualTo": "AA==" }] });
    let documents = [
        json!([{ "method": "GET", "path": "/é", "args": "é", "status": 200, "time": "2024-01-01T00:00:00Z", "host": "h" }]),
        json!({ "mappings": [stub(&request, &json!({ "jsonBody": { "b": "é" }, "headers": { "A": "b" } }))] }),
        simulation("v5", &json!([pair])),
        collection(&json!([{ "item": [{ "request": asked, "response": [said] }] }])),
    ];
    let others =
        [json!(null), json!("{{"), json!("é:{{}}%"), json!(-1.5), json!([]), json!([0]), json!({}), json!(true)];
    for document in documents {
        assert_eq!(read(&document).exchanges.len(), 1, "{document}");
        for pointer in pointers(&document, String::new()) {
            for other in &others {
                let mut changed = document.clone();
                *changed.pointer_mut(&pointer).expect("a place") = other.clone();
                assert_eq!(import(&changed, 0), import(&changed, 0), "{pointer}");
            }
        }
    }
}

fn pointers(value: &Value, at: String) -> Vec<String> {
    let below: Vec<String> = match value {
        Value::Object(members) => {
            members.iter().flat_map(|(key, value)| pointers(value, format!("{at}/{key}"))).collect()
        }
        Value::Array(items) => {
            items.iter().enumerate().flat_map(|(index, value)| pointers(value, format!("{at}/{index}"))).collect()
        }
        _ => Vec::new(),
    };
    std::iter::once(at).chain(below).collect()
}
