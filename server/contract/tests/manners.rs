//! What the twin refuses by the standard where the API never did, in the API's own shape where it has shown one.

mod stage;

use serde_json::{Value, json};
use stage::{Recording, Twin, request, with};
use understudy_contract::{Body, Request};

fn boat(id: u64) -> Value {
    json!({"id": id, "name": format!("Boat {id}"), "berths": id % 7})
}

/// Boats that are made, read, listed and sunk; nothing was ever refused.
fn harbour() -> Recording {
    let mut recording = Recording::default();
    for id in 1..=5 {
        let sent = json!({"name": boat(id)["name"], "berths": id % 7});
        recording.note(request("POST", "/boats", Some(&sent)), &(201, boat(id)));
        recording.note(request("GET", &format!("/boats/{id}"), None), &(200, boat(id)));
    }
    recording.note(request("GET", "/boats", None), &(200, (1..=5).map(boat).collect()));
    recording.note(request("DELETE", "/boats/5", None), &(204, Value::Null));
    recording
}

fn raw(kind: &str, body: &'static str) -> Request {
    let body = Body { bytes: body.into(), truncated: false };
    Request { body, ..with(request("POST", "/boats", None), "content-type", kind) }
}

fn doubted(twin: &mut Twin, asked: &Request) -> (u16, Value) {
    let answer = twin.ask(asked);
    assert!(answer.confidence < 0.5, "{}", answer.confidence);
    (answer.status, serde_json::from_slice(&answer.body).expect("JSON"))
}

#[test]
fn what_any_api_refuses_is_refused_by_the_standard() {
    let mut twin = harbour().twin();
    let problem = |status: u16, title: &str| (status, json!({"title": title, "status": status}));
    assert_eq!(doubted(&mut twin, &raw("application/json", "{\"name\"")), problem(400, "Bad Request"));
    assert_eq!(doubted(&mut twin, &raw("application/xml", "<boat/>")), problem(415, "Unsupported Media Type"));
    assert_eq!(doubted(&mut twin, &request("GET", "/boats/5", None)), problem(404, "Not Found"));
    assert_eq!(doubted(&mut twin, &request("GET", "/boats/dinghy", None)), problem(404, "Not Found"));
    assert_eq!(twin.says(&request("DELETE", "/boats/2", None)).0, 204);
    assert_eq!(doubted(&mut twin, &request("GET", "/boats/2", None)), problem(404, "Not Found"));
}

#[test]
fn a_default_takes_the_shape_of_the_refusals_that_were_seen() {
    let mut recording = harbour();
    let refusal =
        json!({"error": {"code": "NAME_MISSING", "status": 422, "message": "a boat needs a name"}, "ok": false});
    recording.note(request("POST", "/boats", Some(&json!({"berths": 3}))), &(422, refusal));
    let expected = json!({"error": {"code": "NOT_FOUND", "status": 404, "message": "Not Found"}, "ok": false});
    assert_eq!(doubted(&mut recording.twin(), &request("GET", "/boats/5", None)), (404, expected));
}

fn preflight() -> Request {
    let asked = with(request("OPTIONS", "/boats/3", None), "origin", "https://app.example.test");
    let asked = with(asked, "access-control-request-method", "DELETE");
    with(asked, "access-control-request-headers", "authorization")
}

#[test]
fn a_browser_may_ask_unless_the_api_lets_none_in() {
    let answer = harbour().twin().ask(&preflight());
    let field = |name: &str| answer.headers.get(name).map(str::to_owned);
    assert_eq!(answer.status, 204);
    assert_eq!(field("access-control-allow-origin").as_deref(), Some("https://app.example.test"));
    assert_eq!(field("access-control-allow-methods").as_deref(), Some("DELETE, GET, HEAD, OPTIONS"));
    assert_eq!(field("access-control-allow-headers").as_deref(), Some("authorization"));

    let mut closed = harbour();
    closed.note(with(request("GET", "/boats/3", None), "origin", "https://app.example.test"), &(200, boat(3)));
    assert_eq!(closed.twin().ask(&preflight()).headers.get("access-control-allow-origin"), None);
}

#[test]
fn a_preflight_is_answered_as_it_was_on_another_path() {
    let mut recording = harbour();
    let asked = with(request("OPTIONS", "/boats", None), "origin", "https://other.example.test");
    let fields = [
        ("access-control-allow-origin", "https://other.example.test"),
        ("access-control-allow-methods", "GET,POST"),
        ("access-control-max-age", "600"),
    ];
    recording.note_with(asked, &fields, &(200, Value::Null));
    let answer = recording.twin().ask(&preflight());
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers.get("access-control-allow-origin"), Some("https://app.example.test"));
    assert_eq!(answer.headers.get("access-control-max-age"), Some("600"));
}

#[test]
fn an_endpoint_that_only_refused_goes_on_refusing() {
    let mut recording = harbour();
    let refusal = json!({"error": "the harbour is closed in winter"});
    for name in ["Ada", "Eva"] {
        recording.note(request("POST", "/berths/bookings", Some(&json!({"guest": name}))), &(403, refusal.clone()));
    }
    let said = recording.twin().says(&request("POST", "/berths/bookings", Some(&json!({"guest": "Ida"}))));
    assert_eq!(said, (403, refusal));
}

/// Moorings whose bodies differ but always have a berth; and one form of guests that is always sent whole.
fn moorings() -> Recording {
    let mut recording = Recording::default();
    for id in 1..=12 {
        let mut sent = json!({"berth": id * 2});
        if id % 2 == 0 {
            sent["note"] = json!(format!("from {id} on"));
        }
        let mut row = sent.clone();
        row["id"] = json!(id);
        recording.note(request("POST", "/moorings", Some(&sent)), &(201, row));
        let sent = json!({"name": format!("Guest {id}"), "nights": id});
        recording.note(
            request("POST", "/guests", Some(&sent)),
            &(201, json!({"id": id, "name": sent["name"], "nights": id})),
        );
    }
    recording
}

#[test]
fn what_every_body_had_is_needed() {
    let mut twin = moorings().twin();
    assert_eq!(doubted(&mut twin, &request("POST", "/moorings", Some(&json!({"note": "early"})))).0, 400);
    assert_eq!(twin.says(&request("POST", "/moorings", Some(&json!({"berth": 31})))).0, 201);
    // A form that is always filled in the same says nothing of what may be left out.
    assert_eq!(twin.says(&request("POST", "/guests", Some(&json!({"name": "Ada"})))).0, 201);
}

#[test]
fn what_every_body_had_is_refused_in_the_words_for_another_member() {
    let mut recording = moorings();
    for id in 1..=12 {
        let mut sent = json!({"title": format!("Trip {id}")});
        if id % 3 == 0 {
            sent["crew"] = json!(id);
        }
        let mut row = sent.clone();
        row["id"] = json!(id);
        recording.note(request("POST", "/trips", Some(&sent)), &(201, row));
    }
    for crew in 1..=3 {
        let refusal = json!({"field": "title", "message": "title can't be blank"});
        recording.note(request("POST", "/trips", Some(&json!({"crew": crew}))), &(422, refusal));
    }
    let said = recording.twin().says(&request("POST", "/moorings", Some(&json!({"note": "early"}))));
    assert_eq!(said, (422, json!({"field": "berth", "message": "berth can't be blank"})));
}
