//! How fast bodies are learned: `cargo bench -p understudy-contract`. One thread; the counter is bytes of response bodies
//! or exchanges a second. Bodies differ in their values and in some of their fields, as those of one endpoint do.

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use understudy_contract::{Body, Exchange, Headers, Model, Request, Response};

fn main() {
    divan::main();
}

/// A record of about a kilobyte.
fn record(n: u64) -> String {
    let note = if n.is_multiple_of(3) { r#""note":null,"# } else { "" };
    let state = ["open", "paid", "shipped", "closed"][(n % 4) as usize];
    format!(
        r#"{{"id":{n},"uuid":"6ba7b810-9dad-11d1-80b4-{:012x}","created_at":"2026-05-{:02}T10:{:02}:00Z",{note}"state":"{state}",
"total":{}.{:02},"currency":"EUR","gift":{},"tags":["a{}","b"],"url":"https://api.example.org/v1/orders/{n}",
"customer":{{"id":{},"name":"Customer {n}","email":"c{n}@example.org","address":{{"street":"Main Street {n}","city":"Bern","zip":"30{:02}",
"country":"CH","geo":{{"lat":46.{n},"lng":7.{n}}}}}}},"items":[{{"sku":"sku-{n}","title":"A thing of some beauty","quantity":{},"price":{}}},
{{"sku":"sku-x{n}","title":"Another one, with a longer title","quantity":1,"price":{}}}],"links":{{"self":"/orders/{n}","invoice":"/orders/{n}/invoice"}},
"comment":"{}"}}"#,
        n * 7919,
        n % 28 + 1,
        n % 60,
        n % 500,
        n % 100,
        n.is_multiple_of(2),
        n % 9,
        n % 97,
        n % 100,
        n % 5 + 1,
        n % 90 + 10,
        n % 70 + 5,
        "Please leave it at the door. ".repeat(4),
    )
}

fn exchange(n: u64, target: String, body: String) -> Exchange {
    let json = || Headers(vec![("content-type".into(), "application/json".into())]);
    Exchange {
        id: n,
        received_at_ms: 1_700_000_000_000 + n,
        latency_us: 4000 + n % 700,
        request: Request { method: "GET".into(), target, headers: json(), body: Body::default() },
        response: Response { status: 200, headers: json(), body: Body { bytes: body.into(), truncated: false } },
    }
}

fn learn(bencher: Bencher<'_, '_>, exchanges: &[Exchange]) {
    let bytes: usize = exchanges.iter().map(|exchange| exchange.response.body.bytes.len()).sum();
    let mut model = Model::default();
    exchanges.iter().for_each(|exchange| model.learn(exchange));
    bencher
        .counter(ItemsCount::new(exchanges.len()))
        .counter(BytesCount::new(bytes))
        .bench_local(|| exchanges.iter().for_each(|exchange| model.learn(exchange)));
}

/// At least 20,000 a second are wanted.
#[divan::bench]
fn exchanges_of_1_kb(bencher: Bencher<'_, '_>) {
    let all: Vec<Exchange> = (0..500).map(|n| exchange(n, format!("/orders/{n}"), record(n))).collect();
    learn(bencher, &all);
}

/// At least 150 MB a second are wanted.
#[divan::bench]
fn lists_of_100_kb(bencher: Bencher<'_, '_>) {
    let list = |n: u64| format!("[{}]", (0..90).map(|i| record(n * 90 + i)).collect::<Vec<_>>().join(","));
    let all: Vec<Exchange> = (0..20).map(|n| exchange(n, "/orders".into(), list(n))).collect();
    learn(bencher, &all);
}
