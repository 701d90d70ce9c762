//! The watchdog over made-up traffic: silent while nothing changes, and right about what does.

use std::sync::Arc;

mod drift_stage;

use drift_stage::{Stage, draw};
use serde_json::{Value, json};
use understudy_contract::Exchange;
use understudy_contract::drift::{Decision, Kind, Phase, Severity, State, Watchdog};

fn rename(user: &mut Value) {
    let id = user.as_object_mut().unwrap().remove("user_id").unwrap();
    user["userId"] = id;
}

/// Five changed answers make one finding of this kind and place.
#[track_caller]
fn check(change: impl Fn(&mut Value), expected: (Kind, Severity, &str)) {
    let mut stage = Stage::new();
    stage.users(300, |_| {});
    assert_eq!(stage.kinds(), []);
    stage.users(5, change);
    let (kind, severity, pointer) = expected;
    assert_eq!(stage.kinds(), [(kind.word(), severity, pointer.to_owned())]);
}

#[test]
fn each_change_of_a_body_is_found_and_named() {
    let remove = |at: &'static str| move |user: &mut Value| drop(user.as_object_mut().unwrap().remove(at));
    check(remove("name"), (Kind::FieldRemoved, Severity::Critical, "/name"));
    check(remove("address"), (Kind::FieldRemoved, Severity::Critical, "/address"));
    check(rename, (Kind::FieldRenamed, Severity::Critical, "/user_id"));
    check(|user| user["extra"] = json!("x"), (Kind::FieldAdded, Severity::Info, "/extra"));
    check(|user| user["extra"] = json!({ "a": 1, "b": [{ "c": 2 }] }), (Kind::FieldAdded, Severity::Info, "/extra"));
    check(|user| user["user_id"] = json!("17"), (Kind::TypeChanged, Severity::Critical, "/user_id"));
    check(|user| user["address"] = json!([{ "city": "x" }]), (Kind::TypeChanged, Severity::Critical, "/address"));
    check(|user| user["tags"] = json!({ "a": 1 }), (Kind::TypeChanged, Severity::Critical, "/tags"));
    check(|user| user["address"]["city"] = Value::Null, (Kind::Nullability, Severity::Critical, "/address/city"));
    check(|user| user["role"] = json!("owner"), (Kind::EnumValueAdded, Severity::Warning, "/role"));
    check(|user| user["created"] = json!("10 May"), (Kind::FormatChanged, Severity::Warning, "/created"));
    check(|user| user["user_id"] = json!(-4), (Kind::BoundsChanged, Severity::Warning, "/user_id"));
    check(
        |user| {
            let city = user["address"].as_object_mut().unwrap().remove("city").unwrap();
            user["city"] = city;
        },
        (Kind::FieldMoved, Severity::Critical, "/address/city"),
    );
}

#[test]
fn what_becomes_optional_is_told_from_what_is_gone() {
    let mut stage = Stage::new();
    stage.users(300, |_| {});
    for n in 0..12 {
        stage.users(1, |user| {
            if n % 2 == 0 {
                user.as_object_mut().unwrap().remove("name");
            }
        });
    }
    assert_eq!(stage.kinds(), [("optionality", Severity::Critical, "/name".to_owned())]);
}

#[test]
fn an_optional_field_may_stay_away_for_a_while_and_not_for_ever() {
    let mut stage = Stage::new();
    stage.users(300, |_| {});
    stage.users(16, |user| drop(user.as_object_mut().unwrap().remove("nickname")));
    assert_eq!(stage.kinds(), []);
    stage.users(120, |user| drop(user.as_object_mut().unwrap().remove("nickname")));
    assert_eq!(stage.kinds(), [("field_removed", Severity::Critical, "/nickname".to_owned())]);
}

#[test]
fn changes_of_whole_answers_are_found() {
    type Change = fn(&mut Exchange);
    let cases: [(Change, Kind); 7] = [
        (|exchange| exchange.response.status = 202, Kind::StatusAdded),
        (|exchange| exchange.response.status = 500, Kind::ErrorRate),
        (|exchange| exchange.response.status = 404, Kind::EndpointGone),
        (|exchange| exchange.response.status = 401, Kind::AuthRequired),
        (|exchange| exchange.response.status = 400, Kind::RequestRefused),
        (|exchange| exchange.response.headers.0[0].1 = "text/html".into(), Kind::MediaTypeChanged),
        (|exchange| exchange.latency_us = 900_000, Kind::Latency),
    ];
    for (change, kind) in cases {
        let mut stage = Stage::new();
        stage.users(300, |_| {});
        for _ in 0..5 {
            let user = stage.user();
            let mut exchange = stage.exchange(&format!("/users/{}", stage.next % 20), 200, &user);
            change(&mut exchange);
            stage.give(&exchange);
        }
        assert_eq!(stage.kinds().iter().map(|(kind, ..)| *kind).collect::<Vec<_>>(), [kind.word()]);
    }
}

/// Answers of a drawn latency between 40 and 90 ms, times and plus something.
fn paced(stage: &mut Stage, times: u64, factor: u64, plus_us: u64) {
    for _ in 0..times {
        let user = stage.user();
        let mut exchange = stage.exchange(&format!("/users/{}", stage.next % 20), 200, &user);
        exchange.latency_us = (40_000 + draw(3, stage.next) % 50_000) * factor + plus_us;
        stage.give(&exchange);
    }
}

#[test]
fn answers_that_stay_slower_are_told_and_a_busy_moment_is_not() {
    let mut stage = Stage::new();
    paced(&mut stage, 400, 1, 0);
    // Twenty seconds, twice as slow and more, but less than three times the slowest.
    paced(&mut stage, 20, 2, 60_000);
    paced(&mut stage, 200, 1, 0);
    assert_eq!(stage.kinds(), []);
    paced(&mut stage, 90, 2, 60_000);
    let alert = stage.dog.alert(stage.only()).unwrap();
    assert_eq!((alert.kind, alert.severity), (Kind::Latency, Severity::Warning));
    assert!(alert.sentence().contains("in 95 of 100 answers"), "{}", alert.sentence());
    paced(&mut stage, 120, 1, 0);
    assert_eq!(stage.dog.alerts()[0].state, State::Resolved);
    // Accepted, the new pace is the usual one.
    paced(&mut stage, 90, 2, 60_000);
    let id = stage.only();
    stage.dog.decide(id, &Decision::Accept, None, 0).unwrap();
    paced(&mut stage, 500, 2, 60_000);
    assert_eq!(stage.kinds(), []);
}

/// Counters, and numbers of any size.
#[test]
fn what_counts_up_leaves_no_bounds() {
    let mut stage = Stage::new();
    for n in 0..3000_u64 {
        let body = json!({ "id": n + 1, "views": n * 3, "drawn": draw(6, n) >> (n % 40) });
        stage.call(&format!("/users/{}", n % 20), 200, &body);
    }
    assert_eq!(stage.kinds(), []);
    for n in 0..5 {
        stage.call(&format!("/users/{n}"), 200, &json!({ "id": n, "views": 5_000_000_000_u64, "drawn": n }));
    }
    assert_eq!(stage.kinds(), [("bounds_changed", Severity::Warning, "/views".into())]);
}

#[test]
fn an_alert_counts_up_and_resolves_itself() {
    let mut stage = Stage::new();
    stage.users(100, |_| {});
    stage.users(30, rename);
    let alert = stage.dog.alert(stage.only()).unwrap();
    assert_eq!((alert.count, alert.findings[0].count, alert.findings[0].samples.len()), (30, 30, 2));
    stage.users(30, |_| {});
    assert_eq!(stage.dog.alerts()[0].state, State::Resolved);
    stage.users(5, rename);
    assert_eq!(stage.dog.alerts().len(), 2);
}

#[test]
fn accepting_moves_the_baseline_and_makes_a_version() {
    let mut stage = Stage::new();
    stage.users(100, |_| {});
    stage.users(10, rename);
    let id = stage.only();
    assert_eq!(stage.dog.decide(id, &Decision::Accept, None, 5).unwrap().state, State::Accepted);
    assert_eq!(stage.dog.decide(id, &Decision::Accept, None, 6).unwrap().history.len(), 2);
    stage.users(100, rename);
    assert_eq!(stage.kinds(), []);
    let log = stage.dog.changelog(1, 2).unwrap();
    assert_eq!((log.changes.len(), log.changes[0].kind, log.bump.word()), (1, Kind::FieldRenamed, "major"));
    assert!(stage.dog.document(1).unwrap().to_string().contains("user_id"));
    assert!(!stage.dog.document(2).unwrap().to_string().contains("user_id"));
    // And back again is a change too.
    stage.users(5, |_| {});
    stage.only();
}

#[test]
fn dismissed_is_silent_and_snoozed_wakes() {
    let mut stage = Stage::new();
    stage.users(100, |_| {});
    stage.users(10, rename);
    let id = stage.only();
    stage.dog.decide(id, &Decision::Dismiss, Some("known".into()), 5).unwrap();
    stage.users(10, rename);
    stage.users(60, |_| {});
    stage.users(10, rename);
    assert_eq!((stage.kinds().len(), stage.dog.alerts().len()), (0, 1));

    let mut stage = Stage::new();
    stage.users(100, |_| {});
    stage.users(10, rename);
    let until = 1_700_000_000_000 + (stage.next + 5) * 1000;
    let id = stage.only();
    stage.dog.decide(id, &Decision::Snooze(until), None, 5).unwrap();
    stage.users(3, rename);
    assert_eq!(stage.dog.alert(id).unwrap().state, State::Snoozed);
    stage.users(5, rename);
    assert_eq!(stage.dog.alert(id).unwrap().state, State::Open);
}

#[test]
fn with_a_list_of_what_clients_read_the_rest_is_a_note() {
    let mut stage = Stage::new();
    stage.dog.set_consumers([("app".to_owned(), vec!["/name".to_owned(), "GET /other#/role".to_owned()])].into());
    stage.users(300, |_| {});
    stage.users(5, |user| {
        user.as_object_mut().unwrap().remove("name");
        user["role"] = json!("owner");
    });
    let mut kinds = stage.kinds();
    kinds.sort();
    let expected = [("enum_value_added", Severity::Info, "/role"), ("field_removed", Severity::Critical, "/name")];
    assert_eq!(kinds, expected.map(|(kind, severity, at)| (kind, severity, at.to_owned())));
}

#[test]
fn a_judge_has_the_last_word_on_new_findings() {
    let mut stage = Stage::new();
    stage.dog.set_judge(Arc::new(|method, template, finding| {
        assert_eq!((method, template), ("GET", "/users/{id}"));
        match finding.pointer.as_str() {
            "/name" => Some(None),
            "/role" => Some(Some(Severity::Info)),
            _ => None,
        }
    }));
    stage.users(60, |_| {});
    stage.users(60, |user| {
        user["name"] = json!(7);
        user["role"] = json!(7);
        user["active"] = json!(7);
    });
    let findings = stage.dog.alerts().iter().flat_map(|alert| &alert.findings);
    let told: Vec<_> = findings.map(|finding| (finding.pointer.as_str(), finding.severity)).collect();
    let severity = |pointer: &str| told.iter().find(|(at, _)| *at == pointer).map(|(_, severity)| *severity);
    assert_eq!(severity("/name"), None);
    assert_eq!(severity("/role"), Some(Severity::Info));
    assert_eq!(severity("/active"), Some(Severity::Critical));
}

#[test]
fn an_endpoint_that_joins_a_settled_api_is_told() {
    let mut stage = Stage::new();
    stage.users(10, |_| {});
    for n in 0..10 {
        stage.call(&format!("/orders/{n}"), 200, &json!({ "id": n }));
    }
    stage.users(300, |_| {});
    for n in 0..3 {
        let exchange = stage.exchange(&format!("/carts/{n}"), 200, &json!({ "id": n }));
        stage.model.learn(&exchange);
        stage.contract = stage.model.contract();
        stage.dog.adopt(&stage.contract);
        stage.give(&exchange);
    }
    assert_eq!(stage.kinds(), [("endpoint_added", Severity::Info, String::new())]);
}

#[test]
fn one_entity_that_differs_is_no_change() {
    let mut stage = Stage::new();
    stage.users(100, |_| {});
    for _ in 0..50 {
        let mut user = stage.user();
        user.as_object_mut().unwrap().remove("name");
        stage.call("/users/4711", 200, &user);
    }
    assert_eq!(stage.kinds(), []);
}

#[test]
fn what_is_stored_goes_on_where_it_was() {
    let mut stage = Stage::new();
    stage.users(100, |_| {});
    stage.users(2, rename);
    let restored = Watchdog::decode(&stage.dog.encode()).unwrap();
    assert_eq!(restored.encode(), stage.dog.encode());
    stage.dog = restored;
    stage.users(3, rename);
    stage.only();
    let id = stage.contract.endpoints()[0].id.to_string();
    let stats = stage.dog.endpoint(&id).unwrap();
    assert_eq!((stats.phase, stats.counts.critical, stats.series.len()), (Phase::Watching, 1, 1));
    assert!(stats.score > 20.0);
}

/// The order of everything is drawn, and nothing changes.
#[test]
fn stationary_traffic_raises_nothing() {
    for seed in 0..6 {
        let mut stage = Stage::new();
        for n in 0..20_000_u64 {
            let mut body = stage.user();
            // Fields in one of two hundred, one of twenty, half, and nineteen of twenty answers; a null in one of fifty.
            for (field, of, below) in [("rare", 200, 1), ("seldom", 20, 1), ("half", 2, 1), ("mostly", 20, 19)] {
                if draw(seed * 31 + of + below, n) % of < below {
                    body[field] = json!(draw(9, n));
                }
            }
            if draw(seed + 77, n).is_multiple_of(50) {
                body["nullable"] = Value::Null;
            } else {
                body["nullable"] = json!(1.5);
            }
            let status = if draw(seed + 99, n).is_multiple_of(25) { 404 } else { 200 };
            if status == 404 {
                stage.call(&format!("/users/9{}", draw(4, n)), 404, &json!({ "error": "not found" }));
            } else {
                stage.call(&format!("/users/{}", draw(seed, n) % 40), 200, &body);
            }
        }
        assert_eq!(stage.kinds(), [], "{seed}");
    }
}
