//! People and clients control the twin: state, settings, overrides, preferences.

mod support;

use std::sync::{Arc, Mutex};
use std::time::Instant;

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use support::{Server, TestBody, Upstream, header};

type Pets = Arc<Mutex<Vec<Value>>>;

/// Pets by number, kept in memory.
async fn pets(pets: Pets, req: Request<Incoming>) -> Response<TestBody> {
    let (method, path) = (req.method().to_string(), req.uri().path().to_owned());
    let body = req.into_body().collect().await.unwrap().to_bytes();
    let mut pets = pets.lock().unwrap();
    let id = path.strip_prefix("/pets/").and_then(|id| id.parse::<usize>().ok());
    match (method.as_str(), path.as_str(), id) {
        ("GET", "/pets", _) => support::json(200, &json!({ "items": *pets, "total": pets.len() })),
        ("POST", "/pets", _) => {
            let given: Value = serde_json::from_slice(&body).unwrap();
            let pet =
                json!({ "id": pets.len() + 1, "name": given["name"], "self": format!("/pets/{}", pets.len() + 1) });
            pets.push(pet.clone());
            support::json(201, &pet)
        }
        ("GET", _, Some(id)) if id >= 1 && id <= pets.len() => support::json(200, &pets[id - 1]),
        _ => support::json(404, &json!({ "error": "no such pet" })),
    }
}

async fn taught() -> (Upstream, Server) {
    let all = Pets::default();
    let upstream = Upstream::start(move |req| pets(Arc::clone(&all), req)).await;
    let server = Server::start(upstream.address).await;
    teach(&server).await;
    (upstream, server)
}

async fn teach(server: &Server) {
    for n in 1..=8 {
        assert_eq!(create(server, &format!("pet {n}")).await["id"], n);
    }
    for id in 1..=8 {
        server.get(&format!("/pets/{id}")).await;
    }
    server.get("/pets/99").await;
    server.get("/pets/98").await;
    server.get("/pets").await;
    server.learned(19).await;
}

async fn create(server: &Server, name: &str) -> Value {
    server.client.post(server.url("/pets")).json(&json!({ "name": name })).send().await.unwrap().json().await.unwrap()
}

async fn call(server: &Server, method: &str, path: &str, body: Value) -> (u16, Value) {
    let request = server.client.request(method.parse().unwrap(), server.url(path)).json(&body);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn prefer(server: &Server, path: &str, value: &str) -> reqwest::Response {
    server.client.get(server.url(path)).header("prefer", value).send().await.unwrap()
}

async fn endpoint(server: &Server, method: &str, template: &str) -> String {
    let all = server.get_json("/admin/endpoints").await;
    let found = all.as_array().unwrap().iter().find(|e| e["method"] == method && e["template"] == template);
    found.unwrap()["id"].as_str().unwrap().to_owned()
}

async fn total(server: &Server) -> u64 {
    server.get_json("/pets").await["total"].as_u64().unwrap()
}

#[tokio::test]
async fn the_state_is_shown_saved_loaded_and_reset() {
    let (_upstream, server) = taught().await;
    server.set_mode("mock").await;
    let state = server.get_json("/admin/twin/state").await;
    assert_eq!(state["collections"][0], json!({ "name": "pets", "key": "id", "rows": 8, "changed": 0 }), "{state}");
    assert!(state["seed"].is_string() && state["now_ms"].is_u64());

    assert_eq!(create(&server, "extra").await["id"], 9);
    assert_eq!(call(&server, "POST", "/admin/twin/save", json!({ "name": "nine pets" })).await.0, 200);
    assert_eq!(create(&server, "one more").await["id"], 10);
    let state = server.get_json("/admin/twin/state").await;
    assert_eq!((&state["collections"][0]["rows"], &state["collections"][0]["changed"]), (&json!(10), &json!(2)));
    let page = server.get_json("/admin/twin/state?collection=pets&limit=3").await;
    assert_eq!((page["items"].as_array().unwrap().len(), &page["next"]), (3, &json!("2")), "{page}");
    let rest = server.get_json("/admin/twin/state?collection=pets&cursor=2").await;
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (7, &Value::Null), "{rest}");
    assert_eq!(server.get("/admin/twin/state?collection=cats").await.status(), 404);

    assert_eq!(call(&server, "POST", "/admin/twin/reset", json!({})).await.0, 200);
    assert_eq!(total(&server).await, 8);
    assert_eq!(call(&server, "POST", "/admin/twin/load", json!({ "name": "nine pets" })).await.0, 200);
    assert_eq!((total(&server).await, create(&server, "after").await["id"].clone()), (9, json!(10)));
    let (status, body) = call(&server, "POST", "/admin/twin/load", json!({ "name": "nothing" })).await;
    assert_eq!((status, &body["error"]["code"]), (404, &json!("unknown_save")));
    assert_eq!(call(&server, "POST", "/admin/twin/save", json!({ "name": " " })).await.0, 422);
    let saves = server.get_json("/admin/twin/saves").await;
    assert_eq!((saves.as_array().unwrap().len(), &saves[0]["name"]), (1, &json!("nine pets")));
    assert_eq!(call(&server, "DELETE", "/admin/twin/saves/nine%20pets", json!({})).await.0, 200);
    assert_eq!(server.get_json("/admin/twin/saves").await, json!([]));
    server.stop().await;
}

#[tokio::test]
async fn a_restart_keeps_state_saves_settings_and_overrides() {
    let (upstream, server) = taught().await;
    server.set_mode("mock").await;
    assert_eq!(create(&server, "kept").await["id"], 9);
    call(&server, "POST", "/admin/twin/save", json!({ "name": "s" })).await;
    call(&server, "PUT", "/admin/twin/settings", json!({ "seed": 7 })).await;
    let id = endpoint(&server, "GET", "/pets").await;
    call(&server, "PATCH", &format!("/admin/endpoints/{id}"), json!({ "override": { "patch": { "edited": true } } }))
        .await;
    let config = support::config(server.dir.path(), Some(upstream.address));
    let dir = server.stop().await;

    let server = Server::start_in(dir, config).await;
    let list = server.get_json("/pets").await;
    assert_eq!((&list["total"], &list["edited"], &list["items"][8]["name"]), (&json!(9), &json!(true), &json!("kept")));
    assert_eq!(server.get_json("/admin/twin/settings").await["seed"], 7);
    assert_eq!(server.get_json("/admin/twin/saves").await[0]["name"], "s");
    server.stop().await;
}

#[tokio::test]
async fn settings_hold_at_once_and_bad_ones_are_refused() {
    let (_upstream, server) = taught().await;
    server.set_mode("mock").await;
    let defaults =
        json!({ "seed": null, "min_confidence": 0.0, "latency": { "mode": "off", "factor": 1.0, "fixed_ms": 0 } });
    assert_eq!(server.get_json("/admin/twin/settings").await, defaults);
    for bad in [
        json!({ "min_confidence": 2 }),
        json!({ "latency": { "factor": 0 } }),
        json!({ "latency": { "mode": "slow" } }),
        json!({ "latency": { "fixed_ms": 600_001 } }),
        json!({ "sed": 1 }),
        json!([]),
    ] {
        let (status, body) = call(&server, "PUT", "/admin/twin/settings", bad.clone()).await;
        assert_eq!(status, 422, "{bad}");
        assert_eq!(body["error"]["code"], "unfit", "{bad}");
    }
    assert_eq!(server.get_json("/admin/twin/settings").await, defaults);

    call(&server, "PUT", "/admin/twin/settings", json!({ "min_confidence": 1.0 })).await;
    let refused = server.get("/pets/1").await;
    assert_eq!((refused.status().as_u16(), header(&refused, "x-understudy-source")), (501, "none"));
    let body: Value = refused.json().await.unwrap();
    assert_eq!(
        (&body["error"]["code"], &body["error"]["details"]["endpoint"]),
        (&json!("thin_evidence"), &json!("GET /pets/{id}"))
    );
    // A refused call has changed nothing.
    assert_eq!(
        server.client.post(server.url("/pets")).json(&json!({ "name": "x" })).send().await.unwrap().status(),
        501
    );
    call(&server, "PUT", "/admin/twin/settings", json!({})).await;
    assert_eq!(total(&server).await, 8);

    call(
        &server,
        "PUT",
        "/admin/twin/settings",
        json!({ "latency": { "mode": "fixed_ms", "fixed_ms": 60, "factor": 2.0 } }),
    )
    .await;
    let began = Instant::now();
    assert_eq!(server.get("/pets/1").await.status(), 200);
    assert!(began.elapsed().as_millis() >= 120, "{:?}", began.elapsed());
    call(&server, "PUT", "/admin/twin/settings", json!({ "latency": { "mode": "learned" } })).await;
    assert_eq!(server.get("/pets/1").await.status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn a_client_can_ask_for_a_status_and_a_source() {
    let (_upstream, server) = taught().await;
    // In proxy mode too: upstream cannot be told what to answer.
    let gone = prefer(&server, "/pets/1", "code=404, wait=10").await;
    assert_eq!((gone.status().as_u16(), header(&gone, "preference-applied")), (404, "code=404"));
    assert_eq!(header(&gone, "x-understudy-source"), "twin");
    assert_eq!(gone.json::<Value>().await.unwrap(), json!({ "error": "no such pet" }));
    let teapot = prefer(&server, "/pets/1", "code=418").await;
    let confidence: f64 = header(&teapot, "x-understudy-confidence").parse().unwrap();
    assert!(teapot.status() == 418 && confidence < 0.5, "{confidence}");
    let twin = prefer(&server, "/pets/1", "source=twin, fault=none").await;
    assert_eq!(
        (header(&twin, "x-understudy-source"), header(&twin, "preference-applied")),
        ("twin", "source=twin, fault=none")
    );
    server.set_mode("mock").await;
    let real = prefer(&server, "/pets/1", "source=upstream").await;
    assert_eq!(
        (header(&real, "x-understudy-source"), header(&real, "preference-applied")),
        ("upstream", "source=upstream")
    );
    // A wished good answer does what it says, a wished error does nothing.
    let post = |value: &'static str| {
        server.client.post(server.url("/pets")).header("prefer", value).json(&json!({ "name": "n" })).send()
    };
    assert_eq!(post("code=409").await.unwrap().status(), 409);
    assert_eq!(total(&server).await, 8);
    assert_eq!(post("code=201").await.unwrap().status(), 201);
    assert_eq!(total(&server).await, 9);
    server.stop().await;
}

#[tokio::test]
async fn only_malformed_preferences_of_ours_are_refused() {
    let (_upstream, server) = taught().await;
    let bad = prefer(&server, "/pets/1", "code=many").await;
    assert_eq!((bad.status().as_u16(), header(&bad, "x-understudy-source")), (400, "none"));
    let body: Value = bad.json().await.unwrap();
    assert_eq!(
        body["error"]["details"],
        json!({ "preference": "code", "given": "many", "expected": "a status from 200 to 599" })
    );
    for other in ["return=minimal", "codes=1", "handling=strict; code=x", "\"\"=,,;"] {
        assert_eq!(prefer(&server, "/pets/1", other).await.status(), 200, "{other}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_endpoint_can_be_overridden() {
    let (upstream, server) = taught().await;
    let id = endpoint(&server, "GET", "/pets/{id}").await;
    let at = format!("/admin/endpoints/{id}");
    let set = async |wanted: Value| call(&server, "PATCH", &at, json!({ "override": wanted })).await;

    let asked = upstream.count();
    let (status, detail) = set(json!({ "mode": "mock" })).await;
    assert_eq!((status, &detail["override"]), (200, &json!({ "mode": "mock" })), "{detail}");
    let one = server.get("/pets/1").await;
    assert_eq!((header(&one, "x-understudy-source"), upstream.count()), ("twin", asked));
    assert!(header(&one, "x-understudy-reason").starts_with("the endpoint's override"), "{:?}", one.headers());
    assert_eq!(header(&server.get("/pets").await, "x-understudy-source"), "upstream");

    set(json!({ "mode": "mock", "patch": { "name": "Rex", "self": null } })).await;
    assert_eq!(server.get_json("/pets/2").await, json!({ "id": 2, "name": "Rex" }));
    assert_eq!(server.get_json("/pets/99").await, json!({ "error": "no such pet" }));

    let examples = server.get_json(&format!("{at}/examples")).await;
    let fifth = examples.as_array().unwrap().iter().find(|example| example["target"] == "/pets/5").unwrap();
    set(json!({ "mode": "mock", "example": fifth["id"] })).await;
    assert_eq!(server.get_json("/pets/7").await["name"], "pet 5");

    set(json!({ "mode": "mock", "answer": { "status": 503, "headers": { "Retry-After": "9" }, "body": { "busy": true } } })).await;
    let busy = server.get("/pets/1").await;
    assert_eq!(
        (busy.status().as_u16(), header(&busy, "retry-after"), header(&busy, "content-type")),
        (503, "9", "application/json")
    );
    assert_eq!(busy.json::<Value>().await.unwrap(), json!({ "busy": true }));

    assert_eq!(set(json!({ "answer": { "status": 99 } })).await.0, 422);
    assert_eq!(set(json!({ "example": "nothing" })).await.0, 422);
    assert_eq!(set(json!({ "moood": "mock" })).await.0, 422);
    assert_eq!(call(&server, "PATCH", "/admin/endpoints/none", json!({ "override": {} })).await.0, 404);
    let all = server.get_json("/admin/twin/overrides").await;
    assert_eq!((all.as_array().unwrap().len(), &all[0]["template"]), (1, &json!("/pets/{id}")));

    assert_eq!(call(&server, "PATCH", &at, json!({ "override": null })).await.1.get("override"), None);
    assert_eq!(header(&server.get("/pets/1").await, "x-understudy-source"), "upstream");
    assert_eq!(server.get_json("/admin/twin/overrides").await, json!([]));
    set(json!({ "mode": "mock" })).await;
    assert_eq!(call(&server, "DELETE", &format!("/admin/twin/overrides/{id}"), json!({})).await.0, 200);
    assert_eq!(server.get_json(&at).await.get("override"), None);
    server.stop().await;
}

#[tokio::test]
async fn a_near_miss_is_explained() {
    let (_upstream, server) = taught().await;
    server.set_mode("mock").await;
    let miss = server.client.delete(server.url("/pets/1")).send().await.unwrap();
    assert_eq!(miss.status(), 501);
    let body: Value = miss.json().await.unwrap();
    let expected = json!({ "endpoint": "GET /pets/{id}", "because": ["the method is GET there"] });
    assert_eq!(body["error"]["details"]["closest"], expected, "{body}");
    server.stop().await;
}

#[tokio::test]
async fn unseen_ids_are_coherent_over_sockets() {
    let (_upstream, server) = taught().await;
    server.set_mode("mock").await;
    let first: Value = prefer(&server, "/pets/70001", "code=200").await.json().await.unwrap();
    assert_eq!((&first["id"], &first["self"]), (&json!(70001), &json!("/pets/70001")), "{first}");
    let again: Value = prefer(&server, "/pets/70001", "code=200").await.json().await.unwrap();
    assert_eq!(first, again);
    server.stop().await;
}

#[tokio::test]
async fn a_document_makes_a_twin_before_any_traffic() {
    let document = r##"
openapi: 3.1.0
info: { title: pets, version: "1" }
paths:
  /pets:
    get:
      responses:
        "200": { description: all, content: { application/json: { schema: { type: array, items: { $ref: "#/components/schemas/Pet" } } } } }
    post:
      requestBody: { content: { application/json: { schema: { $ref: "#/components/schemas/Pet" } } } }
      responses:
        "201": { description: made, content: { application/json: { schema: { $ref: "#/components/schemas/Pet" } } } }
  /pets/{petId}:
    get:
      parameters: [{ name: petId, in: path, required: true, schema: { type: integer } }]
      responses:
        "200": { description: one, content: { application/json: { schema: { $ref: "#/components/schemas/Pet" } } } }
components:
  schemas:
    Pet:
      type: object
      properties:
        id: { type: integer, readOnly: true }
        name: { type: string, example: Rex }
"##;
    let upstream = Upstream::start(|_| async { support::json(500, &json!({})) }).await;
    let server = Server::start(upstream.address).await;
    let request = server.client.post(server.url("/admin/import")).body(document);
    let imported: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(imported["format"], "OpenAPI", "{imported}");
    server.learned(imported["exchanges"].as_u64().unwrap()).await;
    server.set_mode("mock").await;
    let list = server.get_json("/pets").await;
    let before = list.as_array().unwrap().len();
    assert!(before >= 3, "{list}");
    let made = create(&server, "Bello").await;
    assert_eq!(made["name"], "Bello", "{made}");
    assert_eq!(server.get_json(&format!("/pets/{}", made["id"])).await, made);
    assert_eq!(server.get_json("/pets").await.as_array().unwrap().len(), before + 1);
    assert_eq!(upstream.count(), 0);
    for (document, code) in
        [("{", "bad_document"), ("{\"a\":1}", "bad_document"), ("{\"openapi\":\"9\"}", "bad_document")]
    {
        let response = server.client.post(server.url("/admin/import")).body(document).send().await.unwrap();
        assert_eq!(response.status(), 422, "{document}");
        assert_eq!(response.json::<Value>().await.unwrap()["error"]["code"], code);
    }
    server.stop().await;
}

/// Two operations on one path.
async fn graphql(req: Request<Incoming>) -> Response<TestBody> {
    let body: Value = serde_json::from_slice(&req.into_body().collect().await.unwrap().to_bytes()).unwrap();
    let id = body["variables"]["id"].clone();
    let data = if body["query"].as_str().unwrap().starts_with("query User") {
        json!({ "user": { "id": id, "login": format!("user-{id}") } })
    } else {
        json!({ "shop": { "name": "Corner", "open": true } })
    };
    support::json(200, &json!({ "data": data }))
}

#[tokio::test]
async fn graphql_operations_are_told_apart() {
    let upstream = Upstream::start(graphql).await;
    let server = Server::start(upstream.address).await;
    let user =
        |id: u64| json!({ "query": "query User($id: Int) { user(id: $id) { id login } }", "variables": { "id": id } });
    let shop = json!({ "query": "query Shop { shop { name open } }" });
    for id in 1..=8 {
        call(&server, "POST", "/graphql", user(id)).await;
        call(&server, "POST", "/graphql", shop.clone()).await;
    }
    server.learned(16).await;
    let learned = server.get_json("/admin/endpoints").await;
    assert_eq!(learned.as_array().unwrap().len(), 2, "{learned}");
    server.set_mode("mock").await;
    let (status, body) = call(&server, "POST", "/graphql", shop).await;
    assert_eq!((status, body), (200, json!({ "data": { "shop": { "name": "Corner", "open": true } } })));
    let (status, body) = call(&server, "POST", "/graphql", user(5)).await;
    assert_eq!((status, &body["data"]["user"]["login"]), (200, &json!("user-5")), "{body}");
    let unknown = json!({ "query": "query Bill { bill { total } }" });
    assert_eq!(call(&server, "POST", "/graphql", unknown).await.0, 501);
    let limits = &server.get_json("/admin/status").await["limits"];
    assert_eq!((&limits["path_level"], &limits["dropped_endpoints"]), (&json!(0), &json!(0)), "{limits}");
}
