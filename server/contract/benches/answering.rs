//! What an answer of the twin costs: `cargo bench -p understudy-contract --bench answering`. One thread.

use divan::Bencher;
use understudy_contract::twin::{Behaviour, Context, Journal, State, answer, credential_like};
use understudy_contract::{Body, Contract, Exchange, Headers, Model, Request, Response};

fn main() {
    divan::main();
}

fn json() -> Headers {
    Headers(vec![("content-type".into(), "application/json".into())])
}

fn request(method: &str, target: String, body: String) -> Request {
    let body = Body { bytes: body.into(), truncated: false };
    Request { method: method.into(), target, headers: json(), body }
}

/// An item of about a kilobyte.
fn item(n: usize) -> String {
    format!(
        r#"{{"id":{n},"name":"Item {n}","price":{}.5,"tags":["a","b","c"],"stock":{},"maker":{{"name":"Maker {}","city":"Bern"}},"text":"{}"}}"#,
        n * 3,
        n % 7,
        n % 5,
        "It is what it is, and not another thing. ".repeat(21),
    )
}

/// A client that made and read so many items.
fn recorded(items: usize) -> (Contract, Behaviour) {
    let mut exchanges = Vec::new();
    let mut note = |request: Request, status: u16, body: String| {
        let id = exchanges.len() as u64;
        let body = Body { bytes: body.into(), truncated: false };
        let response = Response { status, headers: json(), body };
        exchanges.push(Exchange { id, received_at_ms: 1_700_000_000_000 + id, latency_us: 900, request, response });
    };
    for n in 1..=items {
        note(request("POST", "/items".into(), item(n)), 201, item(n));
        note(request("GET", format!("/items/{n}"), String::new()), 200, item(n));
    }
    let page = |from: usize| format!("[{}]", (from..from + 10).map(item).collect::<Vec<_>>().join(","));
    note(request("GET", "/items?limit=10".into(), String::new()), 200, page(1));
    note(request("GET", "/items?limit=10&offset=10".into(), String::new()), 200, page(11));
    let (mut model, mut journal) = (Model::default(), Journal::default());
    for exchange in exchanges {
        model.learn(&exchange);
        journal.push(exchange);
    }
    let contract = model.contract();
    let behaviour = Behaviour::mine(&journal, &contract);
    (contract, behaviour)
}

/// Asks anew every time; what was asked before is told again from memory.
fn ask(bencher: Bencher<'_, '_>, rows: usize, request: &Request, anew: bool) {
    let (contract, behaviour) = recorded(rows);
    let mut known = State::initial(&behaviour);
    let context =
        Context { now_ms: 1_760_000_000_000, seed: 1, min_confidence: 0.0, mint: &credential_like, make: None };
    let say = |state: &mut State| answer(&contract, &behaviour, state, request, &context).expect("an answer").body;
    if anew {
        bencher.with_inputs(|| State::initial(&behaviour)).bench_local_values(|mut state| say(&mut state));
    } else {
        bencher.bench_local(|| say(&mut known));
    }
}

#[divan::bench(args = [40, 1000])]
fn read_an_item(bencher: Bencher<'_, '_>, rows: usize) {
    ask(bencher, rows, &request("GET", "/items/7".into(), String::new()), true);
}

#[divan::bench(args = [40, 1000])]
fn read_a_page(bencher: Bencher<'_, '_>, rows: usize) {
    ask(bencher, rows, &request("GET", "/items?limit=10&offset=20".into(), String::new()), true);
}

#[divan::bench(args = [40, 1000])]
fn read_an_item_again(bencher: Bencher<'_, '_>, rows: usize) {
    ask(bencher, rows, &request("GET", "/items/7".into(), String::new()), false);
}
