//! What people decide about templates, over the admin API: it holds for what was learned, the twin follows, and it can be
//! taken back.

mod support;

use http::Request;
use hyper::body::Incoming;
use serde_json::{Value, json};
use support::{Server, Upstream, header};

async fn page(req: Request<Incoming>) -> http::Response<support::TestBody> {
    let name = req.uri().path().rsplit('/').next().unwrap().to_owned();
    support::json(200, &json!({ "words": name.len(), "text": format!("about {name}") }))
}

/// An API of two pages that look like endpoints of their own.
async fn taught() -> (Upstream, Server) {
    let upstream = Upstream::start(page).await;
    let server = Server::start(upstream.address).await;
    for path in ["/pages/about", "/pages/start"] {
        server.get(path).await.bytes().await.unwrap();
    }
    server.learned(2).await;
    (upstream, server)
}

async fn templates(server: &Server) -> Vec<String> {
    let all = server.get_json("/admin/endpoints").await;
    all.as_array().unwrap().iter().map(|endpoint| endpoint["template"].as_str().unwrap().to_owned()).collect()
}

async fn send(server: &Server, method: &str, path: &str, body: Value) -> (u16, Value) {
    let request = server.client.request(method.parse().unwrap(), server.url(path)).json(&body);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn id_of(server: &Server, template: &str) -> String {
    let all = server.get_json("/admin/endpoints").await;
    let found = all.as_array().unwrap().iter().find(|endpoint| endpoint["template"] == template);
    found.unwrap()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_merge_is_shown_made_played_and_taken_back() {
    let (_upstream, server) = taught().await;
    server.set_mode("mock").await;
    assert_eq!(server.get("/pages/never").await.status(), 501);

    let merge = json!({ "kind": "merge", "at": "/pages/{id}", "name": "page" });
    let changes = json!([
        { "method": "GET", "before": "/pages/about", "after": "/pages/{page}" },
        { "method": "GET", "before": "/pages/start", "after": "/pages/{page}" }
    ]);
    let (status, preview) = send(&server, "POST", "/admin/rules?preview=true", merge.clone()).await;
    assert_eq!((status, &preview["changes"], &preview["preview"]), (200, &changes, &json!(true)));
    assert_eq!(templates(&server).await, ["/pages/about", "/pages/start"]);
    assert_eq!(server.get_json("/admin/rules").await, json!([]));

    let (status, made) = send(&server, "POST", "/admin/rules", merge).await;
    assert_eq!((status, &made["changes"], &made["rules"][0]["id"]), (201, &changes, &json!(1)));
    assert_eq!(templates(&server).await, ["/pages/{page}"]);
    let answer = server.get("/pages/never").await;
    assert_eq!((answer.status().as_u16(), header(&answer, "x-understudy-source")), (200, "twin"));
    assert_eq!(server.get_json("/admin/rules").await[0]["name"], "page");

    let (status, undone) = send(&server, "DELETE", "/admin/rules/1", Value::Null).await;
    assert_eq!((status, &undone["rules"]), (200, &made["rules"]));
    assert_eq!(templates(&server).await, ["/pages/about", "/pages/start"]);
    assert_eq!(server.get("/pages/never").await.status(), 501);
    assert_eq!(send(&server, "DELETE", "/admin/rules/1", Value::Null).await.1["error"]["code"], "unknown_rule");
    server.stop().await;
}

#[tokio::test]
async fn an_endpoint_is_merged_renamed_split_and_hidden() {
    let (_upstream, server) = taught().await;
    let (about, start) = (id_of(&server, "/pages/about").await, id_of(&server, "/pages/start").await);
    let patch = json!({ "merge": { "with": [start] } });
    assert_eq!(send(&server, "PATCH", &format!("/admin/endpoints/{about}"), patch).await.0, 200);
    let merged = id_of(&server, "/pages/{id}").await;
    let patch = json!({ "rename": { "id": "page" }, "split": { "parameter": "id", "values": ["start"] } });
    let (status, outcome) = send(&server, "PATCH", &format!("/admin/endpoints/{merged}"), patch).await;
    assert_eq!((status, outcome["rules"].as_array().unwrap().len()), (200, 2), "{outcome}");
    assert_eq!(templates(&server).await, ["/pages/start", "/pages/{page}"]);
    assert_eq!(send(&server, "DELETE", &format!("/admin/endpoints/{merged}"), Value::Null).await.0, 200);
    assert_eq!(templates(&server).await, ["/pages/start"]);
    server.stop().await;
}

#[tokio::test]
async fn rules_outlive_a_restart() {
    let (upstream, server) = taught().await;
    let merge = json!({ "kind": "merge", "at": "/pages/{id}" });
    assert_eq!(send(&server, "POST", "/admin/rules", merge.clone()).await.0, 201);
    send(&server, "DELETE", "/admin/rules/1", Value::Null).await;
    send(&server, "POST", "/admin/rules", merge).await;
    let config = support::config(server.dir.path(), Some(upstream.address));
    let server = Server::start_in(server.stop().await, config).await;
    assert_eq!(templates(&server).await, ["/pages/{id}"]);
    assert_eq!(server.get_json("/admin/rules").await[0]["id"], 2);
    let rename = json!({ "kind": "rename", "at": "/pages/{id}", "name": "page" });
    assert_eq!(send(&server, "POST", "/admin/rules", rename).await.1["rules"][0]["id"], 3);
    server.stop().await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let (_upstream, server) = taught().await;
    let about = format!("/admin/endpoints/{}", id_of(&server, "/pages/about").await);
    let cases = [
        ("POST", "/admin/rules", json!({ "kind": "melt", "at": "/a/{}" }), 422, "bad_rule", "melt"),
        ("POST", "/admin/rules", json!({ "kind": "split", "at": "/a" }), 422, "bad_rule", "ends in the parameter"),
        ("POST", "/admin/rules?preview=maybe", json!({}), 400, "bad_parameter", "maybe"),
        ("DELETE", "/admin/rules/x", Value::Null, 400, "bad_parameter", "\"x\""),
        ("DELETE", "/admin/rules/7", Value::Null, 404, "unknown_rule", "7"),
        ("PATCH", "/admin/endpoints/nothing", json!({}), 404, "unknown_endpoint", "nothing"),
        ("PATCH", &about, json!({}), 422, "bad_rule", "asks for nothing"),
        ("PATCH", &about, json!({ "rename": { "id": "x" } }), 422, "bad_rule", "no parameter"),
        ("PATCH", &about, json!({ "merge": { "with": [] } }), 422, "bad_rule", "no other template"),
        ("DELETE", "/admin/endpoints/nothing", Value::Null, 404, "unknown_endpoint", "nothing"),
    ];
    for (method, path, body, status, code, part) in cases {
        let (got, answer) = send(&server, method, path, body).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert_eq!((got, &answer["error"]["code"]), (status, &json!(code)), "{method} {path}: {answer}");
        assert!(message.contains(part), "{message}");
    }
    server.stop().await;
}
