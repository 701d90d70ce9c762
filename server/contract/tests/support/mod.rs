//! Traffic as text: one request per line, `METHOD TARGET STATUS BODY`.

#![allow(dead_code, unreachable_pub, reason = "each test binary has this module and uses its own part of it")]

use understudy_contract::{Body, Exchange, Headers, Model, Request, Response};

pub fn learn(story: &str) -> Model {
    let mut model = Model::default();
    let lines = story.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.enumerate().for_each(|(n, line)| model.learn(&exchange(n, line)));
    model
}

/// One line as an exchange; all numbers that it does not tell follow from `n`.
pub fn exchange(n: usize, line: &str) -> Exchange {
    let mut words = line.splitn(4, ' ');
    let mut next = || words.next().unwrap_or_default().to_owned();
    let (method, target, status, body) = (next(), next(), next(), next());
    Exchange {
        id: n as u64,
        received_at_ms: n as u64,
        latency_us: 1000,
        request: Request { method, target, ..Request::default() },
        response: Response {
            status: status.parse().expect("a status"),
            headers: Headers(vec![("content-type".into(), "application/json".into())]),
            body: Body { bytes: body.into(), truncated: false },
        },
    }
}
