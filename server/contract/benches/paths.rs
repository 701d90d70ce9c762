//! What templates cost: `cargo bench --package understudy-contract --bench paths`. Prints the best of five of each.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock; the library does not")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use understudy_contract::rules::{Change, Rules};
use understudy_contract::twin::{Behaviour, Journal};
use understudy_contract::{Body, Exchange, Headers, Model, Request, Response};

const EXCHANGES: u64 = 100_000;

fn main() {
    let mut model = Model::default();
    let mut journal = Journal::default();
    let all: Vec<Exchange> = (0..EXCHANGES).map(exchange).collect();
    let start = Instant::now();
    all.iter().for_each(|exchange| model.learn(exchange));
    println!("learn {EXCHANGES} exchanges: {:.0}/s", EXCHANGES as f64 / start.elapsed().as_secs_f64());
    all.into_iter().for_each(|exchange| journal.push(exchange));

    let none = Rules::default();
    let split = rule(r#"{"kind":"split","at":"/{any}"}"#);
    let merge = rule(r#"{"kind":"merge","at":"/{any}/{id}/parts/{id}"}"#);
    for (name, rules) in [("no rule", &none), ("split", &split), ("merge", &merge)] {
        let contract = model.contract_under(rules);
        let computed = best(|| drop(black_box(model.contract_under(rules))));
        let mined = best(|| drop(black_box(Behaviour::mine(&journal, &contract))));
        println!("{name}: {} endpoints, contract {computed:?}, twin {mined:?}", contract.endpoints().len());
    }
}

/// Sixty resources with lists, items by number and items by slug below them.
fn exchange(n: u64) -> Exchange {
    let (resource, id) = (n % 60, (n / 60) % 500);
    let item =
        format!(r#"{{"id":{id},"slug":"item-{id}-of","title":"t","body":"b","owner":{{"login":"ada"}},"tags":["a"]}}"#);
    let (path, body) = match n % 3 {
        0 => (format!("/resource-{resource}"), format!("[{item}]")),
        1 => (format!("/resource-{resource}/{id}"), item),
        _ => (format!("/resource-{resource}/{id}/parts/item-{id}-of"), item),
    };
    Exchange {
        id: n,
        received_at_ms: n,
        latency_us: 1000,
        request: Request { method: "GET".into(), target: path, ..Request::default() },
        response: Response {
            status: 200,
            headers: Headers(vec![("content-type".into(), "application/json".into())]),
            body: Body { bytes: body.into(), truncated: false },
        },
    }
}

fn rule(json: &str) -> Rules {
    let change: Change = serde_json::from_str(json).expect("a rule");
    Rules::default().with(change).expect("a rule that can be kept")
}

fn best(mut work: impl FnMut()) -> Duration {
    let once = |_| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    (0..5).map(once).min().unwrap_or_default()
}
