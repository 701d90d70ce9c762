//! Time to find a request's endpoint in a contract of so many endpoints: `lookup ENDPOINTS`. Prints one line of JSON.
//!
//! Both sizes look up the same number of different paths, in the same mixed order: otherwise the small contract would also
//! be asked about fewer strings, and the caches of the processor would be what is measured.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use understudy_contract::{Body, Exchange, Headers, Model, Request, Response};

const PATHS: usize = 5000;
const ROUNDS: usize = 200;

fn main() -> anyhow::Result<()> {
    let endpoints: usize = std::env::args().nth(1).context("usage: lookup ENDPOINTS")?.parse()?;
    let mut model = Model::default();
    for number in 0..endpoints {
        for id in [1, 2] {
            model.learn(&exchange(number, id));
        }
    }
    let contract = model.contract();
    let found = contract.endpoints().len();
    ensure!(found == endpoints, "learned {found} endpoints and not {endpoints}");
    // 1009 is prime: neighbours in this order are strangers in the contract.
    let paths: Vec<String> = (0..PATHS).map(|n| path(n * 1009 % endpoints, n + 1)).collect();
    let fastest = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        let hits = paths.iter().filter(|path| contract.find("GET", std::hint::black_box(path)).is_some()).count();
        assert_eq!(hits, PATHS, "every path has its endpoint");
        start.elapsed().as_nanos() as f64 / PATHS as f64
    });
    println!(r#"{{"endpoints":{endpoints},"ns":{:.1}}}"#, fastest.fold(f64::INFINITY, f64::min));
    Ok(())
}

/// A tree as wide as those of large APIs: some seventy resources in some seventy areas.
fn path(endpoint: usize, id: usize) -> String {
    format!("/area{}/kind{}/{id}", letters(endpoint / 71), letters(endpoint % 71))
}

/// A digit would look like a part that changes from call to call.
fn letters(number: usize) -> String {
    let letter = |digit: usize| char::from(b'a' + (digit % 26) as u8);
    [letter(number / 676), letter(number / 26), letter(number)].iter().collect()
}

/// Each resource has fields of its own; the same ones everywhere would speak for one endpoint with a parameter.
fn exchange(endpoint: usize, id: usize) -> Exchange {
    let fields: Vec<String> = (0..4).map(|n| format!(r#""{}_{n}":"{id}""#, letters(endpoint))).collect();
    let json = Headers(vec![("content-type".into(), "application/json".into())]);
    Exchange {
        id: 1,
        received_at_ms: 0,
        latency_us: 100,
        request: Request {
            method: "GET".into(),
            target: path(endpoint, id),
            headers: Headers::default(),
            body: Body { bytes: Bytes::new(), truncated: false },
        },
        response: Response {
            status: 200,
            headers: json,
            body: Body { bytes: Bytes::from(format!("{{{}}}", fields.join(","))), truncated: false },
        },
    }
}
