//! Shadow mode: the twin is scored beside the live API, and nobody notices.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use reqwest::Method;
use serde_json::{Value, json};

use super::support::{self, Server, TestBody, Upstream, header, until};

/// Notes with an owner, a clock and a random tag: coherent, with values nobody can predict.
#[derive(Clone, Default)]
struct Notes {
    notes: Arc<Mutex<(u64, BTreeMap<u64, Value>)>>,
    /// The API changes: a field goes, another is spelled differently.
    changed: Arc<AtomicBool>,
}

impl Notes {
    async fn answer(self, req: Request<Incoming>) -> Response<TestBody> {
        let (method, path) = (req.method().to_string(), req.uri().path().to_owned());
        let body = req.into_body().collect().await.unwrap().to_bytes();
        let sent: Value = serde_json::from_slice(&body).unwrap_or_default();
        let mut guard = self.notes.lock().unwrap();
        let (made, notes) = &mut *guard;
        let id = path.strip_prefix("/notes/").and_then(|id| id.parse::<u64>().ok());
        match (method.as_str(), id) {
            ("GET", None) => support::json(200, &json!(notes.values().collect::<Vec<_>>())),
            ("POST", None) => {
                *made += 1;
                let now =
                    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
                let tag = format!("{:08x}-{:04x}", now.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32, *made * 7919 % 65536);
                let note = json!({ "id": *made, "text": sent["text"], "kind": "note", "tag": tag, "createdAt": now });
                notes.insert(*made, note.clone());
                support::json(201, &note)
            }
            (_, Some(id)) if notes.contains_key(&id) => match method.as_str() {
                "GET" if self.changed.load(Ordering::SeqCst) => {
                    let mut note = notes[&id].clone();
                    note.as_object_mut().unwrap().remove("kind");
                    note["text"] = json!(format!("{} (edited)", note["text"].as_str().unwrap()));
                    support::json(200, &note)
                }
                "GET" => support::json(200, &notes[&id]),
                "PATCH" => {
                    notes.get_mut(&id).unwrap()["text"] = sent["text"].clone();
                    support::json(200, &notes[&id])
                }
                _ => {
                    notes.remove(&id);
                    Response::builder().status(204).body(support::whole("")).unwrap()
                }
            },
            _ => support::json(404, &json!({ "error": "no such note" })),
        }
    }
}

async fn call(server: &Server, method: Method, path: &str, body: Option<Value>) -> u16 {
    let mut request = server.client.request(method, server.url(path));
    if let Some(body) = body {
        request = request.json(&body);
    }
    let response = request.send().await.unwrap();
    assert_eq!(header(&response, "x-understudy-source"), "upstream");
    let status = response.status().as_u16();
    response.bytes().await.unwrap();
    status
}

/// One note's life, and a look at all of them.
async fn journey(server: &Server, first: u64) {
    for n in first..first + 3 {
        let text = json!({ "text": format!("text number {n}") });
        assert_eq!(call(server, Method::POST, "/notes", Some(text)).await, 201);
        assert_eq!(call(server, Method::GET, &format!("/notes/{n}"), None).await, 200);
        let text = json!({ "text": format!("better {n}") });
        assert_eq!(call(server, Method::PATCH, &format!("/notes/{n}"), Some(text)).await, 200);
        assert_eq!(call(server, Method::GET, &format!("/notes/{n}"), None).await, 200);
    }
    assert_eq!(call(server, Method::GET, "/notes", None).await, 200);
    assert_eq!(call(server, Method::DELETE, &format!("/notes/{first}"), None).await, 204);
    assert_eq!(call(server, Method::GET, &format!("/notes/{first}"), None).await, 404);
}

/// The report once `exchanges` are scored: the learner hears of an exchange only after the client has its answer.
async fn fidelity(server: &Server, exchanges: u64) -> Value {
    until("the twin to be scored", || async {
        let fidelity = server.get_json("/admin/fidelity").await;
        (fidelity["pending"] == 0 && fidelity["exchanges"] == exchanges).then_some(fidelity)
    })
    .await
}

#[tokio::test]
async fn the_twin_scores_full_marks_on_a_coherent_api_and_less_where_it_changes() {
    let api = Notes::default();
    let service = api.clone();
    let upstream = Upstream::start(move |req| service.clone().answer(req)).await;
    let server = Server::start(upstream.address).await;
    for round in 0..3 {
        journey(&server, round * 3 + 1).await;
    }
    server.learned(45).await;
    assert_eq!(fidelity(&server, 0).await["skipped"], 0, "in proxy mode nothing is scored");

    server.set_mode("shadow").await;
    journey(&server, 10).await;
    server.learned(60).await;
    let report = fidelity(&server, 15).await;
    assert_eq!((&report["mode"], &report["skipped"]), (&json!("shadow"), &json!(0)));
    assert_eq!(report["score"], 100.0, "{report:#}");
    let row = |report: &Value, method: &str, template: &str| {
        let rows = report["endpoints"].as_array().unwrap().clone();
        rows.into_iter().find(|row| row["method"] == method && row["template"] == template).unwrap()
    };
    let read = row(&report, "GET", "/notes/{id}");
    assert_eq!((&read["exchanges"], &read["values"], &read["examples"]), (&json!(7), &json!(100.0), &json!([])));

    api.changed.store(true, Ordering::SeqCst);
    assert_eq!(call(&server, Method::GET, "/notes/11", None).await, 200);
    let report = fidelity(&server, 16).await;
    let read = row(&report, "GET", "/notes/{id}");
    assert!(read["score"].as_f64().unwrap() < 100.0, "{read:#}");
    let examples = read["examples"].as_array().unwrap();
    let about = |kind: &str, pointer: &str| {
        examples
            .iter()
            .find(|e| e["kind"] == kind && e["pointer"] == pointer)
            .unwrap_or_else(|| panic!("{read:#}"))
            .clone()
    };
    let text = about("value", "/text");
    assert_eq!((&text["expected"], &text["got"]), (&json!("better 11 (edited)"), &json!("better 11")));
    let kind = about("schema", "/kind");
    assert_eq!((kind.get("expected"), &kind["got"]), (None, &json!("note")));
    assert_eq!(row(&report, "PATCH", "/notes/{id}")["score"], 100.0);

    // It belongs to the project, and to the endpoint.
    let detail = server.get_json(&format!("/admin/endpoints/{}", read["id"].as_str().unwrap())).await;
    assert_eq!(detail["fidelity"]["score"], read["score"]);
    assert_eq!(
        detail["fidelity"]["series"].as_array().unwrap().iter().map(|p| p["exchanges"].as_u64().unwrap()).sum::<u64>(),
        8
    );
    let dir = server.stop().await;
    let config = support::config(dir.path(), Some(upstream.address));
    let server = Server::start_in(dir, config).await;
    let again = server.get_json("/admin/fidelity").await;
    assert_eq!(
        (&again["score"], &again["exchanges"], &again["mode"]),
        (&report["score"], &json!(16), &json!("shadow"))
    );
    let cleared = server.client.delete(server.url("/admin/fidelity")).send().await.unwrap();
    assert_eq!(cleared.status(), 200);
    assert_eq!(server.get_json("/admin/fidelity").await["score"], Value::Null);
    server.stop().await;
}
