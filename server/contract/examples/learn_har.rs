//! Learns an API from a HAR file and prints it as an OpenAPI document:
//! `cargo run --release --example learn_har -- traffic.har > openapi.json`. What took how long goes to standard error.

#![expect(
    clippy::disallowed_methods,
    reason = "a program for the command line reads files and the clock; the library does not"
)]

use std::time::Instant;

use serde_json::Value;
use understudy_contract::{Body, Exchange, Headers, Model, Request, Response, openapi};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: learn_har FILE.har [ROUNDS]")?;
    let rounds: u32 = std::env::args().nth(2).map_or(Ok(1), |text| text.parse())?;
    let har: Value = serde_json::from_slice(&std::fs::read(path)?)?;
    let entries = har.pointer("/log/entries").and_then(Value::as_array).ok_or("no entries in the file")?;
    let exchanges: Vec<Exchange> = entries.iter().enumerate().map(|(n, entry)| exchange(n as u64, entry)).collect();
    let bytes: usize = exchanges.iter().map(|e| e.request.body.bytes.len() + e.response.body.bytes.len()).sum();

    let mut model = Model::default();
    let start = Instant::now();
    for _ in 0..rounds {
        exchanges.iter().for_each(|exchange| model.learn(exchange));
    }
    let took = start.elapsed() / rounds;
    let rate = exchanges.len() as f64 / took.as_secs_f64();
    eprintln!("{} exchanges, {} bytes of bodies each, {rate:.0}/s", exchanges.len(), bytes / exchanges.len().max(1));
    let start = Instant::now();
    let contract = model.contract();
    eprintln!("{} endpoints, view {:?}", contract.endpoints().len(), start.elapsed());
    let memory = || contract.endpoints().iter().map(understudy_contract::Endpoint::memory_bytes);
    eprintln!(
        "memory of an endpoint: {} on average, {} at most",
        memory().sum::<usize>() / memory().count().max(1),
        memory().max().unwrap_or(0)
    );
    let start = Instant::now();
    let encoded = model.encode();
    eprintln!("{} bytes, encoded in {:?}", encoded.len(), start.elapsed());
    if Model::decode(&encoded)? != model {
        return Err("the stored model is not the one that was written".into());
    }
    let options = openapi::Options { title: "learned".into(), servers: Vec::new(), evidence: true };
    println!("{}", serde_json::to_string(&openapi::document(&contract, &options))?);
    Ok(())
}

fn exchange(id: u64, entry: &Value) -> Exchange {
    let text = |pointer: &str| entry.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let body = |pointer: &str| Body { bytes: text(pointer).into_bytes().into(), truncated: false };
    let url = text("/request/url");
    let target = url.splitn(4, '/').nth(3).map_or("/".to_owned(), |rest| format!("/{rest}"));
    Exchange {
        id,
        received_at_ms: 1_700_000_000_000 + id,
        latency_us: 5000,
        request: Request {
            method: text("/request/method"),
            target,
            headers: headers(entry.pointer("/request/headers")),
            body: body("/request/postData/text"),
        },
        response: Response {
            status: entry.pointer("/response/status").and_then(Value::as_u64).unwrap_or(0) as u16,
            headers: headers(entry.pointer("/response/headers")),
            body: body("/response/content/text"),
        },
    }
}

fn headers(list: Option<&Value>) -> Headers {
    let part = |header: &Value, key: &str| header[key].as_str().unwrap_or_default().to_owned();
    let list = list.and_then(Value::as_array).into_iter().flatten();
    Headers(list.map(|header| (part(header, "name").to_ascii_lowercase(), part(header, "value"))).collect())
}
