//! Documents become a usable twin.

use serde_json::{Value, json};
use understudy_contract::import::{self, ImportError, declared_template, import};
use understudy_contract::twin::{Answer, Behaviour, Context, Journal, State, answer};
use understudy_contract::{Body, Contract, Exchange, Headers, Model, Request, Response};

const NOW_MS: u64 = 1_760_000_000_000;

/// A twin that knows a document and nothing else.
struct Played {
    contract: Contract,
    behaviour: Behaviour,
    state: State,
}

impl Played {
    fn of(document: &Value) -> Self {
        let (mut model, mut journal) = (Model::default(), Journal::default());
        for exchange in import(document, NOW_MS).expect("a document").exchanges {
            model.learn_as(&exchange, declared_template(&exchange).as_deref());
            journal.push(exchange);
        }
        let contract = model.contract();
        let behaviour = Behaviour::mine(&journal, &contract);
        let state = State::initial(&behaviour);
        Self { contract, behaviour, state }
    }

    fn ask(&mut self, method: &str, target: &str, body: Option<&Value>, headers: &[(&str, &str)]) -> (Answer, Value) {
        let json = body.map(|_| ("content-type".to_owned(), "application/json".to_owned()));
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).chain(json);
        let bytes = body.map(|body| body.to_string().into()).unwrap_or_default();
        let request = Request {
            method: method.into(),
            target: target.into(),
            headers: Headers(headers.collect()),
            body: Body { bytes, truncated: false },
        };
        let mint = understudy_contract::twin::credential_like;
        let context = Context { now_ms: NOW_MS + 5000, seed: 1, min_confidence: 0.0, mint: &mint, make: None };
        let said = answer(&self.contract, &self.behaviour, &mut self.state, &request, &context);
        let said = said.unwrap_or_else(|refusal| panic!("{method} {target}: {refusal}"));
        let value = serde_json::from_slice(&said.body).unwrap_or(Value::Null);
        (said, value)
    }
}

fn shop() -> Value {
    json!({
        "openapi": "3.0.3",
        "info": { "title": "shop", "version": "1" },
        "servers": [{ "url": "https://{host}/v1", "variables": { "host": { "default": "shop.example" } } }],
        "security": [{ "key": [] }],
        "paths": {
            "/products": {
                "get": { "responses": {
                    "200": json_body(&json!({ "type": "object", "properties": {
                        "data": { "type": "array", "items": { "$ref": "#/components/schemas/Product" } },
                        "total": { "type": "integer" },
                    } })),
                    "401": json_body(&json!({ "$ref": "#/components/schemas/Problem" })),
                } },
                "post": {
                    "requestBody": json_body(&json!({ "$ref": "#/components/schemas/New" })),
                    "responses": {
                        "201": json_body(&json!({ "$ref": "#/components/schemas/Product" })),
                        "422": json_body(&json!({ "$ref": "#/components/schemas/Problem" })),
                    },
                },
            },
            "/products/{productId}": {
                "parameters": [{ "name": "productId", "in": "path", "required": true, "schema": { "type": "integer" } }],
                "get": { "responses": {
                    "200": json_body(&json!({ "$ref": "#/components/schemas/Product" })),
                    "404": json_body(&json!({ "$ref": "#/components/schemas/Problem" })),
                } },
                "patch": {
                    "requestBody": json_body(&json!({ "$ref": "#/components/schemas/New" })),
                    "responses": { "200": json_body(&json!({ "$ref": "#/components/schemas/Product" })) },
                },
                "delete": { "responses": { "204": { "description": "gone" } } },
            },
        },
        "components": {
            "securitySchemes": { "key": { "type": "apiKey", "in": "header", "name": "X-Api-Key" } },
            "schemas": {
                "New": { "type": "object", "required": ["name"], "properties": {
                    "name": { "type": "string", "example": "Lamp" },
                    "price": { "type": "number", "minimum": 1, "maximum": 99 },
                } },
                "Product": { "allOf": [
                    { "$ref": "#/components/schemas/New" },
                    { "type": "object", "required": ["id"], "properties": {
                        "id": { "type": "integer", "readOnly": true },
                        "made": { "type": "string", "format": "date-time" },
                    } },
                ] },
                "Problem": { "type": "object", "properties": {
                    "code": { "type": "integer" },
                    "detail": { "type": "string", "example": "that does not work" },
                } },
            },
        },
    })
}

fn json_body(schema: &Value) -> Value {
    json!({ "description": "a body", "content": { "application/json": { "schema": schema } } })
}

const KEY: &[(&str, &str)] = &[("x-api-key", "declared-credential")];

#[test]
fn a_document_gives_a_coherent_twin() {
    let mut twin = Played::of(&shop());
    let (_, list) = twin.ask("GET", "/v1/products", None, KEY);
    let products = list["data"].as_array().expect("a list").clone();
    assert!(products.len() >= 3 && list["total"] == products.len(), "{list}");
    for product in &products {
        let (said, one) = twin.ask("GET", &format!("/v1/products/{}", product["id"]), None, KEY);
        assert_eq!((said.status, &one), (200, product));
    }
    let (said, made) = twin.ask("POST", "/v1/products", Some(&json!({ "name": "Chair", "price": 12.5 })), KEY);
    assert_eq!((said.status, &made["name"], &made["price"]), (201, &json!("Chair"), &json!(12.5)), "{made}");
    assert!(products.iter().all(|product| product["id"] != made["id"]), "{made}");
    let place = format!("/v1/products/{}", made["id"]);
    assert_eq!(twin.ask("GET", &place, None, KEY).1, made);
    let (_, list) = twin.ask("GET", "/v1/products", None, KEY);
    assert_eq!(list["total"], products.len() + 1, "{list}");
    let (_, changed) = twin.ask("PATCH", &place, Some(&json!({ "name": "Stool" })), KEY);
    assert_eq!((&changed["name"], &changed["price"]), (&json!("Stool"), &json!(12.5)), "{changed}");
    assert_eq!(twin.ask("DELETE", &place, None, KEY).0.status, 204);
    let (said, gone) = twin.ask("GET", &place, None, KEY);
    assert_eq!((said.status, gone), (404, json!({ "code": 404, "detail": "that does not work" })));
}

#[test]
fn declared_errors_are_given() {
    let mut twin = Played::of(&shop());
    assert_eq!(twin.ask("GET", "/v1/products", None, &[]).0.status, 401);
    assert_eq!(twin.ask("POST", "/v1/products", Some(&json!({ "price": 3 })), KEY).0.status, 422);
    assert_eq!(twin.ask("GET", "/v1/products/55555", None, KEY).0.status, 404);
}

#[test]
fn swagger_two_is_read_too() {
    let document = json!({
        "swagger": "2.0", "basePath": "/api", "produces": ["application/json"],
        "paths": { "/tags": {
            "get": { "responses": { "200": { "schema": { "type": "array", "items": { "$ref": "#/definitions/Tag" } } } } },
            "post": {
                "parameters": [{ "name": "tag", "in": "body", "schema": { "$ref": "#/definitions/Tag" } }],
                "responses": { "201": { "schema": { "$ref": "#/definitions/Tag" } } },
            },
        }, "/tags/{slug}": { "get": {
            "parameters": [{ "name": "slug", "in": "path", "required": true, "type": "string" }],
            "responses": { "200": { "schema": { "$ref": "#/definitions/Tag" } } },
        } } },
        "definitions": { "Tag": { "type": "object", "properties": {
            "slug": { "type": "string" }, "title": { "type": "string", "x-nullable": true },
        } } },
    });
    let mut twin = Played::of(&document);
    let (_, list) = twin.ask("GET", "/api/tags", None, &[]);
    let first = list[0]["slug"].as_str().expect("a slug").to_owned();
    assert_eq!(twin.ask("GET", &format!("/api/tags/{first}"), None, &[]).1, list[0]);
    let (_, made) = twin.ask("POST", "/api/tags", Some(&json!({ "slug": "new-one", "title": "New" })), &[]);
    assert_eq!(made, json!({ "slug": "new-one", "title": "New" }));
    assert_eq!(twin.ask("GET", "/api/tags/new-one", None, &[]).1, made);
}

#[test]
fn a_har_is_learned_from_its_main_origin() {
    let entry = |url: &str, kind: &str, text: &str| {
        json!({
            "startedDateTime": "2026-01-02T03:04:05.678Z", "time": 12.5, "timings": { "wait": 7.25 },
            "request": { "method": "GET", "url": url, "headers": [{ "name": ":authority", "value": "x" }, { "name": "Accept", "value": "*/*" }] },
            "response": { "status": 200, "headers": [{ "name": "Content-Encoding", "value": "gzip" }],
                "content": { "mimeType": kind, "text": text, "size": text.len() } },
        })
    };
    let mut coded = entry("https://api.example/things/2", "application/json", "eyJpZCI6Mn0=");
    coded["response"]["content"]["encoding"] = json!("base64");
    let document = json!({ "log": { "version": "1.2", "entries": [
        entry("https://www.example/app.js", "text/javascript", "let a"),
        entry("https://www.example/app.css", "text/css", "a {}"),
        entry("https://www.example/more.css", "text/css", "a {}"),
        entry("https://api.example/things/1?full=1#top", "application/json", "{\"id\":1}"),
        coded,
        json!({ "request": { "method": "GET", "url": "https://api.example/x" }, "response": { "status": 0 } }),
    ] } });
    let read = import(&document, NOW_MS).expect("a HAR");
    let first = &read.exchanges[0];
    assert_eq!((read.format, read.exchanges.len(), read.notes.len()), ("HAR", 2, 2), "{:?}", read.notes);
    assert_eq!((first.request.target.as_str(), first.latency_us), ("/things/1?full=1", 7250));
    assert_eq!(first.received_at_ms, 1_767_323_045_678);
    assert_eq!(first.response.headers.0, [("content-type".to_owned(), "application/json".to_owned())]);
    assert_eq!(read.exchanges[1].response.body.bytes, r#"{"id":2}"#);
}

#[test]
fn what_is_no_document_is_refused() {
    assert_eq!(import(&json!({ "a": 1 }), 0).unwrap_err(), ImportError::Unknown);
    let error = import(&json!({ "openapi": "4.0", "paths": {} }), 0).unwrap_err();
    assert_eq!(error.to_string(), "its openapi is 4.0: expected 3.x");
    assert_eq!(import(&json!({ "swagger": "2.0", "paths": {} }), 0).unwrap_err(), ImportError::Empty(Vec::new()));
    assert_eq!(import(&json!({ "log": { "entries": [] } }), 0).unwrap_err(), ImportError::Empty(Vec::new()));
}

#[test]
fn what_the_api_shows_outweighs_what_was_declared() {
    let (mut model, mut journal) = (Model::default(), Journal::default());
    let declared = import(&shop(), NOW_MS).expect("a document").exchanges;
    let count = declared.len();
    let real = (0..4_u64).map(|n| Exchange {
        id: 1000 + n,
        received_at_ms: NOW_MS + n,
        latency_us: 10,
        request: Request { method: "GET".into(), target: format!("/v1/products/{}", 40 + n), ..Request::default() },
        response: Response {
            status: 200,
            headers: Headers(vec![("content-type".into(), "application/json".into())]),
            body: Body { bytes: json!({ "id": 40 + n, "label": "real" }).to_string().into(), truncated: false },
        },
    });
    for exchange in declared.into_iter().chain(real) {
        model.learn_as(&exchange, declared_template(&exchange).as_deref());
        journal.push(exchange);
    }
    let kept = import::without_outweighed(&journal, &model.contract()).expect("some were declared");
    let is_read = |e: &&Exchange| e.request.method == "GET" && e.request.target.starts_with("/v1/products/");
    let reads: Vec<u64> = kept.exchanges().filter(is_read).map(|exchange| exchange.id).collect();
    assert_eq!(reads, [1000, 1001, 1002, 1003]);
    assert!(kept.len() > 4 && kept.len() < count + 4);
    assert_eq!(import::without_outweighed(&Journal::default(), &model.contract()).map(|kept| kept.len()), None);
}

#[test]
fn the_same_document_gives_the_same_exchanges() {
    assert_eq!(import(&shop(), NOW_MS), import(&shop(), NOW_MS));
}

/// A recording with one entry that was answered, and one that was not.
fn recording() -> Value {
    let request = json!({ "method": "POST", "url": "https://api.example/things", "headers": [{ "name": "accept", "value": "*/*" }],
        "postData": { "mimeType": "application/json", "text": "{}" } });
    let answer =
        json!({ "status": 201, "headers": [], "content": { "mimeType": "application/json", "text": "{\"id\":1}" } });
    json!({ "log": { "version": "1.2", "entries": [
        { "request": request.clone(), "response": answer }, { "request": request, "response": { "status": 0 } },
    ] } })
}

fn refused(document: &Value) -> String {
    import(document, NOW_MS).expect_err("damage").to_string()
}

#[test]
fn damage_in_a_recording_is_told_with_its_place() {
    assert_eq!(import(&recording(), NOW_MS).expect("a recording").exchanges.len(), 1);
    let cases = [
        ("/log/entries", json!({}), "at /log/entries it has {}: expected a list"),
        ("/log/entries/1", json!(7), "at /log/entries/1/request it has nothing: expected an object"),
        ("/log/entries/0/request/url", json!(7), "at /log/entries/0/request/url it has 7: expected a text"),
        ("/log/entries/0/request/method", json!(null), "/request/method it has nothing: expected a text"),
        ("/log/entries/0/request/headers", json!("a: b"), "/request/headers it has \"a: b\": expected a list"),
        ("/log/entries/0/request/headers/0/name", json!([]), "/headers/0/name it has []: expected a text"),
        ("/log/entries/0/request/postData/text", json!({}), "/postData/text it has {}: expected a text"),
        ("/log/entries/0/response/status", json!("fine"), "/response/status it has \"fine\": expected a status"),
        ("/log/entries/0/response/status", json!(70_000), "/response/status it has 70000: expected a status"),
        ("/log/entries/0/response/content/text", json!(1), "/content/text it has 1: expected a text"),
        ("/log/version", json!("2.0"), "its log.version is 2.0: expected 1.2"),
    ];
    for (place, value, words) in cases {
        let mut document = recording();
        *document.pointer_mut(place).expect(place) = value;
        let told = refused(&document);
        assert!(told.contains(words), "{place}: {told}");
    }
    let mut document = recording();
    document["log"]["entries"][0]["response"]["content"]["encoding"] = json!("base64");
    assert!(
        refused(&document).contains("/content/text it has \"{\\\"id\\\":1}\": expected base64"),
        "{}",
        refused(&document)
    );
}

#[test]
fn damage_in_an_openapi_document_is_told_with_its_place() {
    let operation = "/paths/~1articles/get";
    let cases = [
        ("/paths".to_owned(), json!([]), "at /paths it has []: expected an object"),
        ("/paths/~1articles".to_owned(), json!("x"), "at /paths/~1articles it has \"x\": expected an object"),
        (operation.to_owned(), json!(7), "at /paths/~1articles/get it has 7: expected an object"),
        (format!("{operation}/responses"), json!([]), "/get/responses it has []: expected an object"),
        (format!("{operation}/responses"), json!({ "fine": {} }), "/responses/fine it has \"fine\": expected a status"),
        (format!("{operation}/responses"), json!({ "200": 7 }), "/responses/200 it has 7: expected an object"),
        (
            format!("{operation}/responses"),
            json!({ "200": { "content": 7 } }),
            "/200/content it has 7: expected an object",
        ),
        (
            format!("{operation}/responses"),
            json!({ "200": { "$ref": "#/nowhere" } }),
            "/responses/200/$ref it has \"#/nowhere\": expected a reference to a part of this document",
        ),
        (
            format!("{operation}/parameters"),
            json!([{ "in": "query" }]),
            "/parameters/0/name it has nothing: expected a text",
        ),
    ];
    for (place, value, words) in cases {
        let mut document = json!({ "openapi": "3.1.0", "paths": { "/articles": { "get": {
            "parameters": [], "responses": { "200": { "description": "" } } } } } });
        *document.pointer_mut(&place).unwrap_or_else(|| panic!("{place}")) = value;
        let told = refused(&document);
        assert!(told.contains(words), "{place}: {told}");
    }
    let two = json!({ "swagger": "2.0", "paths": { "/a": { "get": { "responses": { "200": { "schema": { "$ref": "#/definitions/A" } } } } } } });
    assert!(refused(&two).contains("/paths/~1a/get/responses/200/schema/$ref it has"), "{}", refused(&two));
    assert_eq!(refused(&json!({ "swagger": "1.2", "apis": [] })), "its swagger is 1.2: expected 2.0");
}

/// References are fragments of a URI, so braces in them may be written as such.
#[test]
fn references_may_be_percent_encoded() {
    let answer =
        json!({ "content": { "application/json": { "schema": { "type": "object" }, "example": { "id": 1 } } } });
    let document = json!({ "openapi": "3.0.0", "paths": {
        "/a/{id}": { "get": { "responses": { "200": answer } } },
        "/b": { "get": { "responses": { "200": { "$ref": "#/paths/~1a~1%7Bid%7D/get/responses/200" } } } },
    } });
    let read = import(&document, NOW_MS).expect("a document");
    let b = read.exchanges.iter().find(|exchange| exchange.request.path() == "/b").expect("an exchange");
    assert_eq!(b.response.body.bytes, "{\"id\":1}");
}

/// Schemas that are made of themselves, in each way there is, and promises nobody can keep.
#[test]
fn hostile_schemas_come_to_an_end() {
    let own = json!({ "$ref": "#/components/schemas/Own" });
    for schema in [
        json!({ "allOf": [own, own] }),
        json!({ "oneOf": [own] }),
        json!({ "anyOf": [{ "allOf": [own] }], "allOf": [own] }),
        own.clone(),
        json!({ "type": "object", "properties": { "a": own, "b": own }, "additionalProperties": own }),
        json!({ "type": "array", "minItems": 1_000_000_000_000_u64, "items": own }),
        json!({ "type": "string", "minLength": 1_000_000_000_000_u64 }),
        json!({ "type": "string", "properties": { "id": { "type": "integer" }, "name": {} } }),
        json!(true),
    ] {
        let body = json_body(&own);
        let parameter = json!({ "name": "id", "in": "path", "example": 1, "schema": schema });
        let document = json!({ "openapi": "3.1.0", "components": { "schemas": { "Own": schema } }, "paths": {
            "/own": { "get": { "responses": { "200": body } }, "post": { "requestBody": body, "responses": { "201": body } } },
            "/own/{id}": { "parameters": [parameter], "get": { "responses": { "200": body } },
                "put": { "requestBody": body, "responses": { "200": body } } },
        } });
        let read = import(&document, NOW_MS).expect("a document");
        assert!(read.exchanges.iter().all(|exchange| exchange.response.body.bytes.len() < 1 << 20), "{schema}");
    }
}
