//! What people say about rules, and what they are told.

use serde_json::{Value, json};

use super::support::{Server, config};
use super::{begin, tell};

async fn refused(server: &Server, method: &str, path: &str, body: Value) -> (u16, Value) {
    let answer = tell(server, method, path, body).await;
    let status = answer.status().as_u16();
    (status, answer.json::<Value>().await.unwrap()["error"].clone())
}

#[tokio::test]
async fn mistakes_name_the_field_and_what_may_stand_there() {
    let (_upstream, server) = begin().await;
    let abort = json!({ "abort": { "status": 503 } });
    for (body, field, expected) in [
        (json!({ "faults": [abort], "probability": 1.5 }), "probability", "a number from 0 to 1"),
        (json!({ "faults": [abort], "probability": "often" }), "probability", "f64"),
        (json!({ "faults": ["explode"] }), "faults[0]", "one of "),
        (json!({ "faults": [] }), "faults", "a list of 1 to 16 faults"),
        (json!({ "faults": [{ "abort": { "status": 99 } }] }), "faults[0].abort.status", "a status from 200 to 599"),
        (
            json!({ "faults": [abort], "schedule": { "from_ms": 10, "until_ms": 5 } }),
            "schedule.until_ms",
            "a time after schedule.from_ms",
        ),
        (
            json!({ "faults": [abort], "schedule": { "first": 2, "every": 3 } }),
            "schedule.every",
            "at most schedule.first",
        ),
        (json!({ "faults": [abort], "match": { "path": "/admin/x" } }), "match.path", "a path of the API"),
        (json!({ "faults": [abort], "propability": 1 }), "propability", "one of "),
    ] {
        let (status, error) = refused(&server, "POST", "/admin/chaos/rules", body.clone()).await;
        assert_eq!((status, &error["code"]), (422, &json!("bad_chaos")), "{body}");
        assert_eq!(error["details"][0]["field"], field, "{error}");
        assert!(error["details"][0]["expected"].as_str().unwrap().contains(expected), "{error}");
        assert!(error["message"].as_str().unwrap().contains(field), "{error}");
    }
    assert_eq!(server.get_json("/admin/chaos/rules").await, json!([]), "nothing came of it");
}

#[tokio::test]
async fn settings_have_bounds_too() {
    let (_upstream, server) = begin().await;
    for (body, field) in [
        (json!({ "dial": 21 }), "dial"),
        (json!({ "on": true, "for_seconds": 0 }), "for_seconds"),
        (json!({ "seed": 9_007_199_254_740_993_u64 }), "seed"),
        (json!({ "client_header": "not a name" }), "client_header"),
        (json!({ "rules": [{ "faults": ["hang"], "probability": -1 }] }), "rules[0].probability"),
    ] {
        let (status, error) = refused(&server, "PUT", "/admin/chaos", body).await;
        assert_eq!((status, &error["details"][0]["field"]), (422, &json!(field)), "{error}");
    }
    let (status, error) = refused(&server, "PUT", "/admin/chaos/rules/9", json!({ "faults": ["hang"] })).await;
    assert_eq!((status, &error["code"]), (404, &json!("unknown_rule")));
    let (status, error) = refused(&server, "POST", "/admin/chaos/presets/meteor", json!({})).await;
    assert_eq!((status, &error["code"]), (404, &json!("unknown_preset")));
    assert_eq!(server.get_json("/admin/chaos").await["status"]["on"], false);
}

#[tokio::test]
async fn rules_are_added_replaced_switched_and_removed() {
    let (_upstream, server) = begin().await;
    let rule = json!({ "faults": ["hang"], "match": { "path": "/users/{id}", "methods": ["GET"] }, "note": "first" });
    let added: Value = tell(&server, "POST", "/admin/chaos/rules", rule).await.json().await.unwrap();
    assert_eq!((&added["id"], &added["enabled"]), (&json!(1), &json!(true)));
    assert_eq!(added["says"], "never answer for GET at /users/{id}");
    let off = tell(&server, "PATCH", "/admin/chaos/rules/1", json!({ "enabled": false })).await;
    assert_eq!(off.json::<Value>().await.unwrap()["enabled"], false);
    let other = tell(&server, "PUT", "/admin/chaos/rules/1", json!({ "faults": ["close"] })).await;
    assert_eq!(other.json::<Value>().await.unwrap()["says"], "close the connection for all requests");
    assert_eq!(tell(&server, "DELETE", "/admin/chaos/rules/1", json!({})).await.status(), 200);
    assert_eq!(server.get("/admin/chaos/rules/1").await.status(), 404);
}

#[tokio::test]
async fn a_preview_says_which_endpoints_a_rule_touches() {
    let (upstream, server) = begin().await;
    for id in 1..=5 {
        server.get(&format!("/users/{id}")).await;
    }
    server.get("/users").await;
    server.learned(6).await;
    let preview = |path: &'static str| {
        tell(&server, "POST", "/admin/chaos/preview", json!({ "faults": ["hang"], "match": { "path": path } }))
    };
    let touched: Value = preview("/users/*").await.json().await.unwrap();
    assert_eq!(touched.as_array().unwrap().len(), 1, "{touched}");
    assert_eq!((&touched[0]["method"], &touched[0]["requests"]), (&json!("GET"), &json!(5)));
    let all: Value = preview("/**").await.json().await.unwrap();
    assert_eq!(all.as_array().unwrap().len(), 2, "{all}");
    assert_eq!(server.get_json("/admin/chaos/rules").await, json!([]));
    assert_eq!(upstream.count(), 6);
}

#[tokio::test]
async fn presets_are_known_by_name() {
    let (_upstream, server) = begin().await;
    let presets = server.get_json("/admin/chaos/presets").await;
    let names: Vec<&str> = presets.as_array().unwrap().iter().map(|preset| preset["id"].as_str().unwrap()).collect();
    let wanted = ["slow-3g", "flaky-backend", "latency-spike", "rate-limited", "thundering-503s", "backend-down"];
    assert_eq!(names, wanted);
    let view: Value = tell(&server, "POST", "/admin/chaos/presets/backend-down", json!({})).await.json().await.unwrap();
    assert_eq!(view["status"]["says"], "Backend down");
    assert_eq!(server.get("/users/1").await.status(), 503);
    let view: Value = tell(&server, "POST", "/admin/chaos/presets/rate-limited", json!({})).await.json().await.unwrap();
    assert_eq!(view["status"]["says"], "Rate limited", "one preset at a time");
    assert_eq!(server.get("/users/1").await.status(), 429);
}

#[tokio::test]
async fn rules_belong_to_the_project() {
    let (upstream, server) = begin().await;
    tell(&server, "POST", "/admin/chaos/rules", json!({ "faults": ["hang"], "note": "kept" })).await;
    let address = upstream.address;
    let dir = server.stop().await;
    let again = config(dir.path(), Some(address));
    let server = Server::start_in(dir, again).await;
    let rules = server.get_json("/admin/chaos/rules").await;
    assert_eq!(rules[0]["rule"]["note"], "kept", "{rules}");
}
