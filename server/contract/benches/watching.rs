//! What it costs to hold an exchange against a baseline that has converged: `cargo bench -p understudy-contract --bench
//! watching`. One thread; the counter is exchanges. Bodies of about 0.8 KB differ in their values and, where it says so,
//! in some of their fields; the time to find the endpoint is in it.

use divan::Bencher;
use divan::counter::ItemsCount;
use understudy_contract::drift::Watchdog;
use understudy_contract::{Body, Contract, Exchange, Headers, Model, Request, Response};

fn main() {
    divan::main();
}

/// How many different exchanges there are.
const DIFFERENT: u64 = 1000;

/// A record of about 0.8 KB; with `comes_and_goes` two of its fields are not always there.
fn record(n: u64, comes_and_goes: bool) -> String {
    let note = if comes_and_goes && n.is_multiple_of(3) { r#""note":"n","# } else { "" };
    let rare = if comes_and_goes && n.is_multiple_of(37) { r#""gone":null,"# } else { "" };
    let state = ["open", "paid", "shipped", "closed"][(n % 4) as usize];
    format!(
        r#"{{"id":{n},"uuid":"6ba7b810-9dad-11d1-80b4-{n:012x}","created_at":"2026-05-{:02}T10:{:02}:00Z",{note}{rare}"state":"{state}",
"total":{}.25,"currency":"EUR","gift":{},"tags":["a{}","b"],"url":"https://api.example.org/v1/orders/{n}",
"customer":{{"id":{},"name":"Customer {n}","email":"c{n}@example.org","address":{{"street":"Main Street {n}","city":"Bern",
"zip":"30{:02}","country":"CH"}}}},"items":[{{"sku":"sku-{n}","title":"A thing of some beauty","quantity":{},"price":{}}},
{{"sku":"sku-x{n}","title":"Another one, with a longer title","quantity":1,"price":{}}}],"links":{{"self":"/orders/{n}"}},
"comment":"{}"}}"#,
        n % 28 + 1,
        n % 60,
        n % 500,
        n.is_multiple_of(2),
        n % 9,
        n % 97,
        n % 100,
        n % 5 + 1,
        n % 90 + 10,
        n % 70 + 5,
        "Please leave it at the door. ".repeat(8),
    )
}

fn exchange(n: u64, body: String) -> Exchange {
    let fields = |all: &[(&str, &str)]| Headers(all.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect());
    let asked = [
        ("host", "api.example.org"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64)"),
        ("accept", "application/json"),
        ("accept-encoding", "gzip, deflate, br"),
        ("accept-language", "en"),
        ("authorization", "Bearer a"),
        ("x-client", "web"),
    ];
    let answered = [
        ("content-type", "application/json; charset=utf-8"),
        ("content-length", "1024"),
        ("date", "Mon, 23 Nov 2026 10:00:00 GMT"),
        ("etag", "\"a\""),
        ("vary", "accept"),
        ("x-quota-left", "7"),
    ];
    Exchange {
        id: n,
        received_at_ms: 1_700_000_000_000 + n * 1000,
        latency_us: 4000 + n % 700,
        request: Request {
            method: "GET".into(),
            target: format!("/v1/orders/{n}?fields=all"),
            headers: fields(&asked),
            body: Body::default(),
        },
        response: Response {
            status: 200,
            headers: fields(&answered),
            body: Body { bytes: body.into(), truncated: false },
        },
    }
}

fn converged(all: &[Exchange]) -> (Contract, Watchdog) {
    let mut model = Model::default();
    all.iter().for_each(|exchange| model.learn(exchange));
    let contract = model.contract();
    let mut dog = Watchdog::default();
    for exchange in all.iter().cycle().take(all.len() * 3) {
        dog.observe(&contract, exchange);
    }
    let alerts: Vec<String> = dog.alerts().iter().map(|alert| alert.sentence()).collect();
    assert!(alerts.is_empty(), "nothing changed: {alerts:?}");
    assert_eq!(dog.watched(), (1, 1), "the endpoint is watched");
    (contract, dog)
}

fn watch(bencher: Bencher<'_, '_>, all: &[Exchange]) {
    let (contract, mut dog) = converged(all);
    bencher
        .counter(ItemsCount::new(all.len()))
        .bench_local(|| all.iter().for_each(|exchange| drop(dog.observe(&contract, exchange))));
}

/// At least 500,000 a second are wanted for a kilobyte: under 2 µs each.
#[divan::bench]
fn always_the_same_fields(bencher: Bencher<'_, '_>) {
    let all: Vec<Exchange> = (0..DIFFERENT).map(|n| exchange(n, record(n, false))).collect();
    watch(bencher, &all);
}

#[divan::bench]
fn fields_that_come_and_go(bencher: Bencher<'_, '_>) {
    let all: Vec<Exchange> = (0..DIFFERENT).map(|n| exchange(n, record(n, true))).collect();
    watch(bencher, &all);
}

/// Polled: the same few answers again and again.
#[divan::bench]
fn the_same_to_the_byte(bencher: Bencher<'_, '_>) {
    let all: Vec<Exchange> = (0..40).map(|n| exchange(n, record(n, false))).collect();
    watch(bencher, &all);
}

/// What reading the JSON alone costs, with nothing made of it.
#[divan::bench]
fn reading_alone(bencher: Bencher<'_, '_>) {
    let all: Vec<String> = (0..DIFFERENT).map(|n| record(n, true)).collect();
    bencher
        .counter(ItemsCount::new(all.len()))
        .bench_local(|| all.iter().filter(|body| serde_json::from_str::<serde::de::IgnoredAny>(body).is_ok()).count());
}
