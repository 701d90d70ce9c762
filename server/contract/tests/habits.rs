//! What is known of an endpoint beside its schemas: how it behaves, and on how much evidence that rests.

mod support;

use support::exchange;
use understudy_contract::openapi::{Options, document};
use understudy_contract::view::Endpoint;
use understudy_contract::{Exchange, Model};

fn learn(traffic: &[Exchange]) -> Model {
    let mut model = Model::default();
    traffic.iter().for_each(|exchange| model.learn(exchange));
    model
}

fn list(n: usize) -> Exchange {
    let items: Vec<String> =
        (0..n % 5 + 1).map(|i| format!(r#"{{"id":{i},"state":"{}"}}"#, ["open", "done"][i % 2])).collect();
    let body = format!(r#"{{"items":[{}],"next_cursor":"c{n}","total":40}}"#, items.join(","));
    let mut one = exchange(n, &format!("GET /orders?page_size=5&state=open 200 {body}"));
    one.received_at_ms = 1_700_000_000_000 + n as u64 * 20_000;
    one.latency_us = 1000 * (n as u64 % 10 + 1);
    one.response.headers.0.push(("etag".into(), format!("\"{n}\"")));
    one.response.headers.0.push(("cache-control".into(), ["no-cache", "max-age=60"][n % 2].into()));
    if !n.is_multiple_of(4) {
        one.request.headers.0.push(("authorization".into(), "Bearer tok_1".into()));
    }
    one
}

fn traffic() -> Vec<Exchange> {
    let mut all: Vec<Exchange> = (0..40).map(list).collect();
    all.extend((40..50).map(|n| exchange(n, r#"GET /orders 401 {"error":"who are you"}"#)));
    all
}

#[track_caller]
fn orders(model: &Model, f: impl FnOnce(&Endpoint)) {
    let contract = model.contract();
    f(contract.find("GET", "/orders").expect("it was learned").endpoint);
}

#[test]
fn how_it_behaves() {
    orders(&learn(&traffic()), |endpoint| {
        let habits: Vec<_> = endpoint.status_habits().collect();
        assert_eq!(habits.iter().map(|habit| (habit.status, habit.count)).collect::<Vec<_>>(), [(200, 40), (401, 10)]);
        assert!((habits[0].share - 0.8).abs() < 1e-9);
        let [p50, p90, p99] = habits[0].latency_ms.expect("it was timed");
        assert!(
            (4.9..6.1).contains(&p50) && (8.9..9.2).contains(&p90) && (9.9..10.1).contains(&p99),
            "{p50} {p90} {p99}"
        );
        assert!((habits[0].etag, habits[0].last_modified, habits[1].etag) == (1.0, 0.0, 0.0));
        assert_eq!(habits[0].cache_control, [("max-age=60".into(), 20), ("no-cache".into(), 20)]);
        let size = habits[0].size.expect("there were bodies");
        assert!(size.median <= size.p95 && size.p95 <= size.most && size.most > 100, "{size:?}");
        let frequency = endpoint.frequency();
        assert_eq!(frequency.buckets.iter().map(|(_, count)| count).sum::<u64>(), 50);
        assert_eq!(frequency.bucket_minutes, 1);
        let carriers = endpoint.carriers();
        assert_eq!((carriers[0].place.as_str(), carriers[0].name.as_str()), ("authorization", "bearer"));
        assert!((carriers[0].share - 0.6).abs() < 1e-9);
        let paging = endpoint.paging().expect("it is a list");
        assert_eq!(
            (paging.items.as_str(), paging.parameters, paging.link_header),
            ("/items", vec!["page_size".into()], false)
        );
        assert_eq!(paging.members, ["/next_cursor", "/total"]);
    });
}

#[test]
fn each_field_has_its_evidence() {
    orders(&learn(&traffic()), |endpoint| {
        let good = endpoint.responses().next().expect("200");
        let fields = good.bodies[0].fields();
        let state = fields.iter().find(|field| field.pointer == "/items/*/state").expect("it was seen");
        assert_eq!((state.values.join(" "), state.value_counts.iter().sum::<u64>()), ("done open".into(), state.count));
        assert_eq!(state.seen_ms, Some((1_700_000_000_000, 1_700_000_780_000)));
        assert!(state.samples.len() >= 2);
        let query = endpoint.parameters().into_iter().find(|p| p.name == "page_size").expect("it was sent");
        assert_eq!((query.count, query.seen_ms), (40, (1_700_000_000_000, 1_700_000_780_000)));
    });
}

#[test]
fn any_order_and_any_parts_give_the_same_bytes() {
    let mut traffic = traffic();
    let all = learn(&traffic).encode();
    traffic.reverse();
    assert_eq!(learn(&traffic).encode(), all);
    for parts in 2..=8 {
        let mut merged = Model::default();
        traffic.chunks(traffic.len().div_ceil(parts)).for_each(|chunk| merged.merge(learn(chunk)));
        assert_eq!(merged.encode(), all, "{parts} parts");
    }
}

#[test]
fn a_tag_tells_kinds_apart() {
    let card = r#"{"id":1,"kind":"card","brand":"v","last4":"1"}"#;
    let bank = r#"{"id":2,"kind":"bank","iban":"x","bic":"y"}"#;
    let story =
        |n: usize| exchange(n, &format!("GET /sources/{n} 200 {}", if n.is_multiple_of(3) { bank } else { card }));
    let traffic: Vec<Exchange> = (0..60).map(story).collect();
    let options = Options { title: "t".into(), servers: Vec::new(), evidence: false };
    let document = document(&learn(&traffic).contract(), &options);
    let schema =
        &document["paths"]["/sources/{id}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!(schema["discriminator"]["propertyName"], "kind");
    assert_eq!(schema["discriminator"]["mapping"]["bank"], "#/components/schemas/Bank");
    assert_eq!(schema["oneOf"][0]["$ref"], "#/components/schemas/Card");
    let bank = &document["components"]["schemas"]["Bank"];
    assert_eq!(bank["properties"]["kind"]["enum"], serde_json::json!(["bank"]));
    assert!(bank["properties"].get("brand").is_none());
}

#[test]
fn what_many_texts_have_in_common() {
    let body = |n: usize| format!(r#"{{"key":"ORD-{:04}","sku":"{:05}X","note":"note {n}"}}"#, n * 7, n * 31);
    let traffic: Vec<Exchange> = (0..150).map(|n| exchange(n, &format!("GET /orders/{n} 200 {}", body(n)))).collect();
    let contract = learn(&traffic).contract();
    let good = contract.endpoints()[0].responses().next().expect("200");
    let schema = good.bodies[0].schema();
    assert_eq!(schema["properties"]["key"]["pattern"], "^ORD-[0-9A-Z-]{4}$");
    assert_eq!(schema["properties"]["key"]["maxLength"], 8);
    assert_eq!(schema["properties"]["sku"]["pattern"], "^[0-9A-Z]{6}$");
    assert!(schema["properties"]["note"].get("pattern").is_none());
}
