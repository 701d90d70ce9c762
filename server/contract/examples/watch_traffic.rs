//! Lets the watchdog see traffic from standard input, a JSON text per line, and says what it raised:
//! `bench/drift.py` writes these lines and judges the answers.
//!
//! An exchange is `{"m","t","s","h","b","q","us"}`: method, target, status, response headers, response body, request body,
//! microseconds. `{"do":"base"}` remembers this moment; `{"do":"trial"}` goes back to it; `{"do":"tell"}` prints all alerts;
//! `{"do":"time"}` prints what an exchange costs, over those since the base.

#![expect(clippy::disallowed_methods, reason = "a program for the command line reads the clock; the library does not")]

use std::io::BufRead;
use std::time::Instant;

use serde::Deserialize;
use serde_json::json;
use understudy_contract::drift::Watchdog;
use understudy_contract::{Body, Contract, Exchange, Headers, Model, Request, Response};

/// The contract is computed anew after each doubling, from so many exchanges on, and after so many more in any case.
const FIRST_CONTRACT: u64 = 64;
const NEXT_CONTRACT: u64 = 16_384;
/// Exchanges that are kept to measure with.
const MEASURED: usize = 4096;

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Command {
        r#do: String,
    },
    Exchange {
        m: String,
        t: String,
        s: u16,
        h: Vec<(String, String)>,
        b: String,
        #[serde(default)]
        q: Vec<(String, String)>,
        #[serde(default)]
        qb: String,
        us: u64,
    },
}

#[derive(Default)]
struct Watching {
    model: Model,
    contract: Contract,
    dog: Watchdog,
    seen: u64,
    is_settled: bool,
    kept: Vec<Exchange>,
}

impl Watching {
    fn observe(&mut self, exchange: Exchange) {
        self.dog.observe(&self.contract, &exchange);
        if !self.is_settled || self.contract.find(&exchange.request.method, exchange.request.path()).is_none() {
            self.model.learn(&exchange);
        }
        self.seen += 1;
        let is_due =
            self.seen.is_power_of_two() && self.seen >= FIRST_CONTRACT || self.seen.is_multiple_of(NEXT_CONTRACT);
        let is_unknown = exchange.response.status < 400
            && self.is_settled
            && self.contract.find(&exchange.request.method, exchange.request.path()).is_none();
        if is_due || is_unknown {
            self.contract = self.model.contract();
            self.dog.adopt(&self.contract);
        }
        if self.kept.len() < MEASURED && exchange.response.status < 300 {
            self.kept.push(exchange);
        }
    }

    /// Nanoseconds an exchange, and the mean size of a body.
    fn cost(&self) -> (f64, usize) {
        let mut dog = self.dog.clone();
        let mut best = f64::INFINITY;
        for _ in 0..5 {
            let began = Instant::now();
            self.kept.iter().for_each(|exchange| drop(dog.observe(&self.contract, exchange)));
            best = best.min(began.elapsed().as_nanos() as f64 / self.kept.len().max(1) as f64);
        }
        let bytes: usize = self.kept.iter().map(|exchange| exchange.response.body.bytes.len()).sum();
        (best, bytes / self.kept.len().max(1))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut watching = Watching::default();
    let mut base = Watchdog::default();
    let mut next = 0;
    for line in std::io::stdin().lock().lines() {
        match serde_json::from_str(&line?)? {
            Line::Exchange { m, t, s, h, b, q, qb, us } => {
                next += 1;
                let body = |text: String| Body { bytes: text.into_bytes().into(), truncated: false };
                watching.observe(Exchange {
                    id: next,
                    // One exchange a second: slow ones do not overlap.
                    received_at_ms: 1_700_000_000_000 + next * 1000,
                    latency_us: us,
                    request: Request { method: m, target: t, headers: Headers(q), body: body(qb) },
                    response: Response { status: s, headers: Headers(h), body: body(b) },
                });
            }
            Line::Command { r#do } => match &*r#do {
                "base" => {
                    watching.contract = watching.model.contract();
                    watching.dog.adopt(&watching.contract);
                    watching.is_settled = true;
                    base = watching.dog.clone();
                }
                "trial" => watching.dog = base.clone(),
                "time" => {
                    let (nanos, bytes) = watching.cost();
                    println!("{}", json!({ "nanos": nanos, "bytes": bytes, "watched": watching.dog.watched() }));
                }
                _ => println!("{}", json!(watching.dog.alerts())),
            },
        }
    }
    Ok(())
}
