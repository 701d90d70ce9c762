//! What the watchdog tells of lists, statuses, enums and kinds of objects; and the same traffic without the change, silent.

mod drift_stage;

use drift_stage::{Stage, draw};
use serde_json::{Value, json};
use understudy_contract::drift::{Decision, State};
use understudy_contract::rules::Rules;
use understudy_contract::{Exchange, Model};

impl Stage {
    fn give_with(&mut self, target: &str, status: u16, body: &Value, change: impl Fn(&mut Exchange)) {
        let mut exchange = self.exchange(target, status, body);
        change(&mut exchange);
        self.give(&exchange);
    }

    fn words(&self) -> Vec<&'static str> {
        self.kinds().into_iter().map(|(kind, ..)| kind).collect()
    }
}

/// A page of orders, of which there are more; each look has newer ones in it.
fn page(n: u64, rows: u64) -> Vec<Value> {
    (0..rows)
        .map(|row| {
            let id = 1_000_000 + n - row;
            json!({
                "id": id, "made": format!("2026-05-{:02}T10:{:02}:00Z", id / 1440 % 28 + 1, id / 60 % 24),
                "total": draw(5, id) % 1000, "title": format!("Order {}", draw(6, id)), "open": draw(7, id).is_multiple_of(2),
            })
        })
        .collect()
}

fn list(stage: &mut Stage, times: u64, target: &str, make: impl Fn(u64) -> Value) {
    for _ in 0..times {
        let body = make(stage.next);
        stage.call(target, 200, &body);
    }
}

#[test]
fn rows_in_another_order_are_told() {
    let downwards = |n| json!({ "items": page(n, 10), "total": 500 });
    let upwards = |n| json!({ "items": page(n, 10).into_iter().rev().collect::<Vec<_>>(), "total": 500 });
    let drawn = |n| {
        let mut rows = page(n, 10);
        rows.sort_by_key(|row| draw(n, row["id"].as_u64().unwrap()));
        json!({ "items": rows, "total": 500 })
    };
    for changed in [&upwards as &dyn Fn(u64) -> Value, &drawn] {
        let mut stage = Stage::new();
        // Another query may be sorted in another way, and so may what nobody asked for before.
        for _ in 0..150 {
            list(&mut stage, 2, "/orders?limit=10&sort=id", downwards);
            list(&mut stage, 1, "/orders?limit=10&sort=made", upwards);
        }
        list(&mut stage, 50, "/orders?limit=10&sort=total", drawn);
        assert_eq!(stage.kinds(), []);
        list(&mut stage, 60, "/orders?limit=10&sort=id", changed);
        let alert = stage.dog.alert(stage.only()).unwrap();
        assert_eq!((alert.kind.word(), &*alert.findings[0].pointer), ("order_changed", "/items/*"));
        assert!(alert.findings[0].before.as_str().unwrap().contains("by id downwards"), "{:?}", alert.findings[0]);
        list(&mut stage, 800, "/orders?limit=10&sort=id", downwards);
        assert_eq!(stage.dog.alerts()[0].state, State::Resolved);
    }
}

#[test]
fn an_order_that_was_none_is_none() {
    // Sorted by their id because they were made in turn, until one is moved, and shuffled now and then.
    let mut stage = Stage::new();
    for n in 0..3000_u64 {
        let mut rows: Vec<Value> =
            (0..12).map(|row| json!({ "id": row * 7, "rank": row, "name": format!("n{n}") })).collect();
        if n > 400 {
            let (from, to) = ((draw(1, n / 50) % 12) as usize, (draw(2, n / 50) % 12) as usize);
            rows.swap(from, to);
        }
        stage.call("/things", 200, &json!(rows));
        // Drawn each time, and too short to have an order.
        let some: Vec<Value> = (0..draw(3, n) % 6).map(|row| json!({ "score": draw(n, row), "tag": "x" })).collect();
        stage.call("/scores", 200, &json!({ "rows": some, "next": null }));
    }
    assert_eq!(stage.kinds(), []);
}

#[test]
fn another_caller_may_see_another_order_and_other_pages() {
    let mut stage = Stage::new();
    for n in 0..1200_u64 {
        let who = if n < 600 { "Bearer a" } else { "Bearer b" };
        let mut rows = page(n, if n < 600 { 10 } else { 50 });
        if n >= 600 {
            rows.reverse();
        }
        let body = json!({ "items": rows, "next": format!("/orders?page={n}") });
        stage.give_with("/orders", 200, &body, |exchange| {
            exchange.request.headers.0.push(("authorization".into(), who.into()));
        });
    }
    assert_eq!(stage.kinds(), []);
}

#[test]
fn pages_of_another_size_and_another_way_on_are_told() {
    let sized = |rows: u64| move |n| json!({ "items": page(n, rows), "next": format!("/orders?page={n}&limit=10") });
    let cursor = |n| json!({ "items": page(n, 10), "next": format!("/orders?cursor={n}&limit=10") });
    for changed in [&sized(25) as &dyn Fn(u64) -> Value, &sized(5), &cursor] {
        let mut stage = Stage::new();
        list(&mut stage, 300, "/orders", sized(10));
        // The last page is shorter, and says that it is the last one.
        list(&mut stage, 40, "/orders", |n| json!({ "items": page(n, 3), "next": null }));
        assert_eq!(stage.words(), ["nullability"], "what is null now and never was is another thing");
        let id = stage.only();
        stage.dog.decide(id, &Decision::Accept, None, 0).unwrap();
        list(&mut stage, 60, "/orders", changed);
        assert_eq!(stage.words(), ["paging_changed"]);
        let id = stage.only();
        stage.dog.decide(id, &Decision::Accept, None, 0).unwrap();
        list(&mut stage, 300, "/orders", changed);
        assert_eq!(stage.kinds(), []);
    }
}

#[test]
fn lists_that_grow_have_no_pages() {
    let mut stage = Stage::new();
    for n in 0..2000_u64 {
        stage.call("/orders", 200, &json!({ "items": page(n, 7 + n / 600), "total": 7 + n / 600 }));
    }
    assert_eq!(stage.kinds(), []);
}

/// Jobs: one in so many is not done yet.
fn jobs(stage: &mut Stage, times: u64, pending: u64) {
    for _ in 0..times {
        let n = stage.next;
        let status = if draw(8, n) % 100 < pending { 202 } else { 200 };
        stage.call(&format!("/jobs/{}", draw(9, n) % 5000 + 100), status, &json!({ "id": n, "note": "n" }));
    }
}

#[test]
fn a_status_that_comes_far_more_often_is_told() {
    let mut stage = Stage::new();
    jobs(&mut stage, 600, 10);
    assert_eq!(stage.kinds(), []);
    jobs(&mut stage, 40, 80);
    assert_eq!(stage.words(), ["status_mix"]);
    jobs(&mut stage, 300, 10);
    assert_eq!(stage.dog.alerts()[0].state, State::Resolved);
}

#[test]
fn a_mix_that_the_question_explains_is_none() {
    let mut stage = Stage::new();
    jobs(&mut stage, 600, 10);
    // The same job polled, and jobs that are asked for in another way.
    for n in 0..400_u64 {
        stage.call("/jobs/4711", 202, &json!({ "id": n, "note": "n" }));
        stage.call(
            &format!("/jobs/{}?wait=1", 200 + n),
            if n % 2 == 0 { 202 } else { 200 },
            &json!({ "id": n, "note": "n" }),
        );
        jobs(&mut stage, 1, 10);
    }
    assert_eq!(stage.kinds(), []);
}

#[test]
fn what_is_deleted_and_asked_for_again_is_not_gone() {
    let mut stage = Stage::new();
    stage.users(600, |_| {});
    for _ in 0..40 {
        stage.call("/users/7", 404, &json!({ "error": "not found" }));
        stage.call("/users/9", 404, &json!({ "error": "not found" }));
        stage.users(2, |_| {});
    }
    assert_eq!(stage.words(), Vec::<&str>::new());
}

#[test]
fn a_thing_that_a_person_changed_is_no_change_of_the_api() {
    let mut stage = Stage::new();
    stage.users(600, |_| {});
    for n in 0..60_u64 {
        let mut user = stage.user();
        user["name"] = Value::Null;
        user["extra"] = json!(n);
        stage.call("/users/7", 200, &user);
    }
    assert_eq!(stage.kinds(), []);
}

#[test]
fn what_some_refuse_is_a_mix_and_what_all_refuse_is_gone() {
    let mut stage = Stage::new();
    stage.users(600, |_| {});
    for n in 0..120_u64 {
        match n % 4 {
            0 => stage.call(&format!("/users/{}", n % 20), 404, &json!({ "error": "not found" })),
            _ => stage.users(1, |_| {}),
        }
    }
    assert_eq!(stage.words(), ["status_mix"]);
}

#[test]
fn a_status_that_stays_away_is_told() {
    let mut stage = Stage::new();
    jobs(&mut stage, 1500, 20);
    assert_eq!(stage.kinds(), []);
    jobs(&mut stage, 1500, 0);
    assert_eq!(stage.kinds().iter().map(|(kind, ..)| *kind).collect::<Vec<_>>(), ["status_removed"]);
    jobs(&mut stage, 200, 20);
    assert_eq!(stage.dog.alerts()[0].state, State::Resolved);
}

#[test]
fn a_value_that_stays_away_is_told() {
    let mut stage = Stage::new();
    stage.users(400, |_| {});
    let no_guests = |user: &mut Value| {
        if user["role"] == "guest" {
            user["role"] = json!("member");
        }
    };
    let mut drawn = |times: u64, change: &dyn Fn(&mut Value)| {
        for _ in 0..times {
            let mut user = stage.user();
            change(&mut user);
            stage.call(&format!("/users/{}", draw(4, stage.next) % 40), 200, &user);
        }
        stage.words()
    };
    assert_eq!(drawn(600, &|_| {}), Vec::<&str>::new());
    assert_eq!(drawn(300, &no_guests), ["enum_value_removed"]);
    assert_eq!(drawn(100, &|_| {}), Vec::<&str>::new());
    // One that is polled shows what it shows.
    for _ in 0..2000 {
        let mut user = stage.user();
        user["role"] = json!("member");
        stage.call("/users/3", 200, &user);
    }
    assert_eq!(stage.kinds(), []);
}

/// What does not change is not read again; that is no reason to think that it stayed away.
#[test]
fn what_is_the_same_to_the_byte_stays_away_from_nothing() {
    let mut stage = Stage::new();
    for n in 0..6000_u64 {
        let id = draw(4, n) % 40;
        // Guests never change, and neither do those who have a nickname.
        let role = ["admin", "member", "guest"][(id % 3) as usize];
        let count = if n > 1500 && id % 3 == 2 { 0 } else { n };
        let mut user = json!({ "id": id, "role": role, "count": count, "name": "n" });
        if id % 3 == 2 {
            user["nick"] = json!("x");
        }
        stage.call(&format!("/users/{id}"), 200, &user);
    }
    assert_eq!(stage.kinds(), []);
}

fn rates(n: u64) -> Value {
    let names =
        (0..2 + draw(n, 1) % 3).map(|at| (format!("to_{}", draw(n, at + 5) % 300), json!(draw(1, n + at) % 100)));
    Value::Object(names.collect())
}

#[test]
fn a_map_and_a_record_are_told_apart() {
    let shop = |stage: &mut Stage, times: u64, make: &dyn Fn(u64) -> Value| {
        for _ in 0..times {
            let n = stage.next;
            stage.call(&format!("/shops/{}", draw(9, n) % 500 + 10), 200, &json!({ "name": "n", "rates": make(n) }));
        }
        stage.words()
    };
    let record = |n: u64| json!({ "buy": n, "sell": n + 1, "unit": "eur" });
    let mut stage = Stage::new();
    assert_eq!(shop(&mut stage, 300, &record), Vec::<&str>::new());
    assert_eq!(shop(&mut stage, 5, &|n| json!({ format!("k{n}"): 1, format!("l{n}"): 2 })), ["map_changed"]);

    let mut stage = Stage::new();
    assert_eq!(shop(&mut stage, 600, &rates), Vec::<&str>::new());
    assert_eq!(shop(&mut stage, 2000, &rates), Vec::<&str>::new());
    assert_eq!(shop(&mut stage, 40, &|n| json!({ "to_1": n, "to_2": n, "to_3": n })), ["map_changed"]);
}

#[test]
fn one_more_kind_beside_the_others_is_a_branch() {
    let mut stage = Stage::new();
    stage.users(300, |_| {});
    for n in 0..20 {
        stage.users(1, |user| {
            if n % 2 == 0 {
                user["name"] = json!(["first", "last"]);
            }
        });
    }
    assert_eq!(stage.words(), ["union_changed"]);

    // Another kind of record.
    let mut stage = Stage::new();
    stage.users(300, |_| {});
    let both = |stage: &mut Stage, times: u64| {
        for n in 0..times {
            stage.users(1, |user| {
                if n % 2 == 0 {
                    user["address"] = json!({ "box": 7, "office": "x" });
                }
            });
        }
    };
    both(&mut stage, 10);
    let alert = stage.dog.alert(stage.only()).unwrap();
    assert_eq!((alert.kind.word(), &*alert.findings[0].pointer), ("union_changed", "/address"));
    let id = alert.id;
    stage.dog.decide(id, &Decision::Accept, None, 0).unwrap();
    both(&mut stage, 200);
    assert_eq!(stage.kinds(), []);

    // All names in another spelling are renames.
    let mut stage = Stage::new();
    stage.users(300, |_| {});
    stage.users(5, |user| user["address"] = json!({ "City": "x", "Zip": "1" }));
    assert_eq!(stage.words(), ["field_renamed"]);
}

#[test]
fn what_lasts_does_not_resolve_itself() {
    let mut stage = Stage::new();
    jobs(&mut stage, 300, 0);
    jobs(&mut stage, 1000, 60);
    assert_eq!(stage.words(), ["status_added"]);
    jobs(&mut stage, 200, 0);
    assert_eq!(stage.words(), Vec::<&str>::new());
}

/// It was seen first, and only then, when it had been missing for long.
#[test]
fn what_came_once_before_the_baseline_was_frozen_was_never_always_there() {
    let mut stage = Stage::new();
    for n in 0..300 {
        stage.users(1, |user| {
            if n == 4 {
                user["address"]["rare"] = json!(true);
            }
        });
    }
    assert_eq!(stage.kinds(), []);
}

/// Another way to divide the same paths.
#[test]
fn a_template_that_is_split_and_merged_is_no_change() {
    let split: Rules = Rules::default()
        .with(serde_json::from_value(json!({ "kind": "split", "at": "/users/{id}", "values": ["7"] })).unwrap())
        .unwrap();
    let mut stage = Stage::new();
    stage.users(600, |_| {});
    let mut model = Model::default();
    for n in 0..60 {
        let user = stage.user();
        model.learn(&stage.exchange(&format!("/users/{}", n % 20), 200, &user));
    }
    stage.contract = model.contract_under(&split);
    assert!(stage.contract.endpoints().iter().any(|endpoint| endpoint.template == "/users/7"));
    stage.dog.adopt(&stage.contract);
    // What stands at the one place only.
    for n in 0..400_u64 {
        let mut user = stage.user();
        if n % 20 == 7 {
            user["own"] = json!(n);
        }
        stage.call(&format!("/users/{}", n % 20), 200, &user);
    }
    stage.contract = model.contract();
    stage.dog.adopt(&stage.contract);
    for n in 0..400_u64 {
        let mut user = stage.user();
        if n % 20 == 7 {
            user["own"] = json!(n);
        }
        stage.call(&format!("/users/{}", n % 20), 200, &user);
    }
    assert_eq!(stage.kinds(), []);
}

/// Lists, pages, jobs, maps and enums, drawn, in which nothing changes.
#[test]
fn stationary_lists_and_statuses_raise_nothing() {
    for seed in 0..3_u64 {
        let mut stage = Stage::new();
        for n in 0..12_000_u64 {
            let at = draw(seed + 1, n);
            match at % 4 {
                0 => {
                    let rows = if at.is_multiple_of(28) { 3 } else { 10 };
                    let next = if rows == 10 { json!("abc") } else { Value::Null };
                    stage.call(
                        &format!("/orders?page={}", at / 4 % 5),
                        200,
                        &json!({ "items": page(n, rows), "next": next }),
                    );
                }
                1 => jobs(&mut stage, 1, 15),
                2 => {
                    stage.call(&format!("/shops/{}", at / 4 % 90 + 10), 200, &json!({ "rates": rates(n), "name": "n" }))
                }
                _ => stage.users(1, |_| {}),
            }
        }
        assert_eq!(stage.kinds(), [], "{seed}");
    }
}

#[test]
fn an_endpoint_that_waited_for_its_template_is_not_new() {
    let mut stage = Stage::new();
    stage.users(60, |_| {});
    // Nobody has divided these paths yet, and it takes until the API is known well.
    for id in 1..=4 {
        let exchange = stage.exchange(&format!("/orders/{id}"), 200, &json!({ "id": id, "total": 7 * id }));
        stage.model.learn(&exchange);
        stage.give(&exchange);
    }
    stage.users(300, |_| {});
    stage.contract = stage.model.contract();
    stage.dog.adopt(&stage.contract);
    assert_eq!(stage.kinds(), []);
    // One that comes only now is.
    for id in 1..=4 {
        let exchange = stage.exchange(&format!("/invoices/{id}"), 200, &json!({ "id": id, "total": 7 * id }));
        stage.model.learn(&exchange);
        stage.give(&exchange);
    }
    stage.contract = stage.model.contract();
    stage.dog.adopt(&stage.contract);
    assert_eq!(stage.words(), ["endpoint_added"]);
}

#[test]
fn answers_that_were_not_read_again_had_their_media_type_too() {
    let mut stage = Stage::new();
    for n in 0..2400 {
        stage.call(&format!("/tokens/{}", 100 + n % 8), 200, &json!({ "id": 100 + n % 8 }));
    }
    for id in 200..240 {
        stage.call(&format!("/tokens/{id}"), 200, &json!({ "id": id }));
    }
    assert_eq!(stage.kinds(), []);
}

#[test]
fn a_parameter_that_comes_and_goes_is_counted_while_the_baseline_grows() {
    for seed in 0..8 {
        let mut stage = Stage::new();
        for n in 0..1500 {
            let target =
                if draw(seed, n) % 10 < 3 { format!("/previous?device_id={}", draw(9, n)) } else { "/previous".into() };
            stage.call(&target, 204, &Value::Null);
        }
        assert_eq!(stage.kinds(), [], "seed {seed}");
    }
}
