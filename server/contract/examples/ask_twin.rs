//! Learns a HAR or an OpenAPI document and lets the twin answer requests, one JSON object a line on standard input
//! (`{"method","target","headers":[[name,value]],"body"}`), each in a fresh state; one answer a line on standard output:
//! `cargo run --release --example ask_twin -- FILE < requests.jsonl > answers.jsonl`. With `--own` it asks what the file
//! itself says was asked.

#![expect(
    clippy::disallowed_methods,
    reason = "a program for the command line reads files and the clock; the library does not"
)]

use std::io::BufRead;
use std::time::Instant;

use serde_json::{Value, json};
use understudy_contract::import::{declared_template, import};
use understudy_contract::twin::{Behaviour, Context, Journal, State, answer};
use understudy_contract::{Body, Contract, Headers, Model, Request};

const NOW_MS: u64 = 1_760_000_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: ask_twin FILE [--own] < REQUESTS")?;
    let document: Value = serde_json::from_slice(&std::fs::read(path)?)?;
    let start = Instant::now();
    let read = import(&document, NOW_MS)?;
    let (mut model, mut journal) = (Model::default(), Journal::default());
    for exchange in &read.exchanges {
        model.learn_as(exchange, declared_template(exchange).as_deref());
        journal.push(exchange.clone());
    }
    let contract = model.contract();
    let behaviour = Behaviour::mine(&journal, &contract);
    eprintln!("{} exchanges, {} endpoints, {:?}", read.exchanges.len(), contract.endpoints().len(), start.elapsed());
    if std::env::args().any(|argument| argument == "--own") {
        for exchange in &read.exchanges {
            println!("{}", ask(&contract, &behaviour, &exchange.request));
        }
        return Ok(());
    }
    for line in std::io::stdin().lock().lines() {
        let asked: Value = serde_json::from_str(&line?)?;
        println!("{}", ask(&contract, &behaviour, &request(&asked)));
    }
    Ok(())
}

fn request(asked: &Value) -> Request {
    let pairs = asked["headers"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut headers: Vec<(String, String)> =
        pairs.map(|pair| (text(&pair[0]).to_lowercase(), text(&pair[1]))).collect();
    let bytes = asked.get("body").filter(|body| !body.is_null()).map(Value::to_string).unwrap_or_default();
    if !bytes.is_empty() {
        headers.push(("content-type".into(), "application/json".into()));
    }
    let body = Body { bytes: bytes.into(), truncated: false };
    Request { method: text(&asked["method"]), target: text(&asked["target"]), headers: Headers(headers), body }
}

fn ask(contract: &Contract, behaviour: &Behaviour, request: &Request) -> Value {
    let mint = understudy_contract::twin::credential_like;
    let context = Context { now_ms: NOW_MS + 1000, seed: 1, min_confidence: 0.0, mint: &mint, make: None };
    let said = answer(contract, behaviour, &mut State::initial(behaviour), request, &context);
    let (method, target) = (&request.method, &request.target);
    match said {
        Ok(said) => json!({
            "method": method, "target": target, "status": said.status, "confidence": said.confidence,
            "reason": said.reason, "body": serde_json::from_slice::<Value>(&said.body).ok(),
        }),
        Err(refusal) => json!({ "method": method, "target": target, "refused": refusal.to_string() }),
    }
}
