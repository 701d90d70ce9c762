//! Learning is order-free: any order, any sharding and any bracketing of merges give the same bytes.

use proptest::prelude::*;
use understudy_contract::{Body, Exchange, Headers, Model, Request, Response};

fn exchange(id: u64, method: &str, target: &str, status: u16, answer: &str) -> Exchange {
    let json = || Headers(vec![("content-type".into(), "application/json".into())]);
    Exchange {
        id,
        received_at_ms: 1_700_000_000_000 + id,
        latency_us: 100 + id * 37,
        request: Request { method: method.into(), target: target.into(), headers: json(), body: Body::default() },
        response: Response {
            status,
            headers: json(),
            body: Body { bytes: answer.to_owned().into(), truncated: false },
        },
    }
}

fn segment() -> impl Strategy<Value = String> {
    prop_oneof!["(users|posts|me|v1)", "[a-z]{1,6}(-[a-z]{1,6})?", "[0-9]{1,4}", "[0-9]{2}\\.json"]
}

/// JSON of some depth, with few names, so that positions meet.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i32>().prop_map(Into::into),
        any::<f32>().prop_map(Into::into),
        "[a-z]{0,9}".prop_map(Into::into),
        "(2024-0[1-9]-11|[0-9]{1,4}\\.1\\.0|CHF|[A-Z]{2}|é{30,50})".prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map("([a-e]{1,2}|[1-9]{3})", inner, 0..5)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

fn exchanges() -> impl Strategy<Value = Vec<Exchange>> {
    let status = prop_oneof![4 => Just(200), 1 => Just(201), 1 => Just(404), 1 => Just(422)];
    let one = (prop::collection::vec(segment(), 0..4), prop_oneof![Just("GET"), Just("PUT")], status, json());
    prop::collection::vec(one, 0..24).prop_map(|all| {
        let numbered = all.into_iter().enumerate();
        numbered
            .map(|(n, (path, method, status, body))| {
                exchange(n as u64, method, &format!("/{}?q={n}", path.join("/")), status, &body.to_string())
            })
            .collect()
    })
}

fn learn<'e>(exchanges: impl IntoIterator<Item = &'e Exchange>) -> Model {
    let mut model = Model::default();
    exchanges.into_iter().for_each(|exchange| model.learn(exchange));
    model
}

proptest! {
    // How many cases is the variable PROPTEST_CASES's to say.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_does_not_matter((exchanges, shuffled) in exchanges().prop_flat_map(|e| (Just(e.clone()), Just(e).prop_shuffle()))) {
        prop_assert_eq!(learn(&exchanges).encode(), learn(&shuffled).encode());
    }

    #[test]
    fn sharding_does_not_matter(exchanges in exchanges(), parts in 1_usize..9) {
        let mut merged = Model::default();
        for part in (0..parts).rev() {
            merged.merge(learn(exchanges.iter().skip(part).step_by(parts)));
        }
        prop_assert_eq!(learn(&exchanges).encode(), merged.encode());
    }

    #[test]
    fn bracketing_does_not_matter(a in exchanges(), b in exchanges(), c in exchanges()) {
        let (a, b, c) = (learn(&a), learn(&b), learn(&c));
        let mut left = a.clone();
        left.merge(b.clone());
        left.merge(c.clone());
        let mut right = b;
        right.merge(c);
        right.merge(a);
        prop_assert_eq!(left.encode(), right.encode());
    }

    #[test]
    fn nothing_is_the_identity(exchanges in exchanges()) {
        let model = learn(&exchanges);
        let (mut left, mut right) = (Model::default(), model.clone());
        left.merge(model.clone());
        right.merge(Model::default());
        prop_assert_eq!(&left.encode(), &model.encode());
        prop_assert_eq!(right.encode(), model.encode());
    }

    #[test]
    fn what_is_stored_comes_back(exchanges in exchanges()) {
        let model = learn(&exchanges);
        prop_assert_eq!(Model::decode(&model.encode()).unwrap(), model);
    }

    #[test]
    fn every_request_that_was_answered_is_found(exchanges in exchanges()) {
        let contract = learn(&exchanges).contract();
        for exchange in exchanges.iter().filter(|e| e.response.status != 404) {
            prop_assert!(contract.find(&exchange.request.method, exchange.request.path()).is_some(), "{}", exchange.request.target);
        }
    }
}

/// Every medium, header fields and cookies.
#[test]
fn all_of_a_message_is_order_free() {
    let form = "--X\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\nPIXELS\r\n--X--\r\n";
    let media = [
        ("application/x-ndjson", "{\"a\":1}\n{\"b\":[1,\"x\"]}\n"),
        ("application/problem+json", r#"{"title":"no","code":7}"#),
        ("application/x-www-form-urlencoded", "a=1&a=2&b=x"),
        ("multipart/form-data; boundary=X", form),
        ("image/png", "PNG"),
    ];
    let all: Vec<Exchange> = (0..60)
        .map(|n| {
            let (content_type, body) = media[n as usize % media.len()];
            let mut exchange = exchange(n, "POST", &format!("/things?page={}&t{}=1", n % 7, n % 90), 200, body);
            let headers = vec![
                ("content-type".into(), content_type.into()),
                ("cookie".into(), format!("sid=SECRET{n}; theme=dark")),
                ("x-api-key".into(), format!("SECRET{n}")),
                ("x-tenant".into(), format!("tenant-{}", n % 3)),
            ];
            exchange.response.headers = Headers(headers.clone());
            exchange.request.headers = Headers(headers);
            exchange.request.body = exchange.response.body.clone();
            exchange
        })
        .collect();
    let forward = learn(&all);
    assert_eq!(forward.encode(), learn(all.iter().rev()).encode());
    for shards in 2..=8 {
        let mut merged = Model::default();
        (0..shards).for_each(|shard| merged.merge(learn(all.iter().skip(shard).step_by(shards))));
        assert_eq!(forward.encode(), merged.encode(), "{shards}");
    }
    let stored = String::from_utf8_lossy(&forward.encode()).into_owned();
    assert!(!stored.contains("SECRET") && !stored.contains("PIXELS"));
    let contract = forward.contract();
    let places = |location: &str| {
        let parameters = contract.endpoints()[0].parameters().into_iter().filter(|p| p.location == location);
        parameters.map(|parameter| parameter.name).collect::<Vec<_>>()
    };
    assert_eq!(places("header"), ["x-api-key", "x-tenant"]);
    assert_eq!(places("cookie"), ["sid", "theme"]);
}

/// What is learned stays within bounds, and what is always there stays right.
#[test]
fn a_million_random_keys() {
    let word =
        |n: u64| format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).replace(|c: char| c.is_ascii_digit(), "g");
    let body = |n: u64| {
        let keys: Vec<String> = (0..500).map(|k| format!(r#""{}":{k}"#, word(n * 500 + k))).collect();
        format!(r#"{{"id":{n},"name":"x y {n}","data":{{{}}}}}"#, keys.join(","))
    };
    let mut model = Model::default();
    for n in 0..2000 {
        model.learn(&exchange(n, "GET", "/things", 200, &body(n)));
    }
    let contract = model.contract();
    let endpoint = &contract.endpoints()[0];
    assert!(endpoint.memory_bytes() < 1 << 20, "{}", endpoint.memory_bytes());
    let schema = endpoint.responses().next().unwrap().bodies[0].schema();
    assert_eq!(schema["properties"]["id"]["type"], "integer");
    assert_eq!(schema["required"], serde_json::json!(["data", "id", "name"]));
    assert_eq!(schema["properties"]["data"]["additionalProperties"]["type"], "integer");
    assert!(model.encode().len() < 1 << 20, "{}", model.encode().len());
}

/// More paths, keys and values than any bound, in two orders and three shards.
#[test]
fn bounds_do_not_depend_on_order() {
    let body = |n: u64| format!(r#"{{"k{}":"value-{n}","fixed":{n}}}"#, n % 700);
    let word = |n: u64| n.to_string().bytes().map(|b| char::from(b - b'0' + b'a')).collect::<String>();
    let all: Vec<Exchange> = (0..1500)
        .map(|n| exchange(n, "GET", &format!("/things/{}", word(n)), if n % 3 == 0 { 404 } else { 200 }, &body(n)))
        .collect();
    let forward = learn(&all);
    assert_eq!(forward.encode(), learn(all.iter().rev()).encode());
    let mut merged = learn(&all[900..]);
    merged.merge(learn(&all[..400]));
    merged.merge(learn(&all[400..900]));
    assert_eq!(forward.encode(), merged.encode());
}

/// More names than a record has, some of them with objects below, one of them always there and one nearly always.
#[test]
fn maps_of_words_do_not_depend_on_order() {
    let answer = |n: u64| {
        let nearly = if n == 77 { "x" } else { "nearly" };
        let below = if n.is_multiple_of(3) { r#"{"a":[{"b":1}]}"# } else { r#"{"a":null}"# };
        format!(r#"{{"always":{n},"{nearly}":1,"word{}":{below},"other{}":{below}}}"#, n * 7 % 200, n % 150)
    };
    let all: Vec<Exchange> = (0..400).map(|n| exchange(n, "GET", "/words", 200, &answer(n))).collect();
    let forward = learn(&all);
    assert_eq!(forward.encode(), learn(all.iter().rev()).encode());
    for parts in 2..=8 {
        let mut merged = Model::default();
        for part in 0..parts {
            merged.merge(learn(all.iter().skip(part).step_by(parts)));
        }
        assert_eq!(forward.encode(), merged.encode(), "{parts} parts");
    }
    let contract = forward.contract();
    let schema = contract.endpoints()[0].responses().next().expect("one status").bodies[0].schema();
    assert_eq!(schema["properties"].as_object().expect("properties").keys().collect::<Vec<_>>(), ["always"]);
    assert_eq!(schema["additionalProperties"]["type"], serde_json::json!(["integer", "object"]), "{schema}");
}

#[test]
fn what_is_no_model_is_refused() {
    let reason = |bytes: &[u8]| Model::decode(bytes).unwrap_err().to_string();
    assert!(reason(b"SQLite format 3").contains("does not start as one"));
    let mut newer = Model::default().encode();
    newer[4] = 200;
    assert!(reason(&newer).contains("format 200"));
    assert!(Model::decode(&Model::default().encode()[..12]).is_err());
}

#[test]
fn a_negative_zero_is_a_zero() {
    let (plus, minus) = (exchange(1, "GET", "/a", 200, "[0.0]"), exchange(1, "GET", "/a", 200, "[-0.0]"));
    let bounds = |all: [&Exchange; 2]| {
        let contract = learn(all).contract();
        let response = contract.endpoints()[0].responses().next().expect("one status");
        response.bodies[0].schema().to_string()
    };
    assert_eq!(bounds([&plus, &minus]), bounds([&minus, &plus]));
    assert!(!bounds([&minus, &minus]).contains("-0"));
}
