//! An API whose answers are made up, its learner and its watchdog.

use serde_json::{Value, json};
use understudy_contract::drift::{Severity, Watchdog};
use understudy_contract::{Body, Contract, Exchange, Headers, Model, Request, Response};

/// An API, its learner and its watchdog.
pub(crate) struct Stage {
    pub(crate) model: Model,
    pub(crate) contract: Contract,
    pub(crate) dog: Watchdog,
    pub(crate) next: u64,
}

/// A number that looks drawn, the same each time.
pub(crate) fn draw(seed: u64, n: u64) -> u64 {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(n.wrapping_mul(0xbf58_476d_1ce4_e5b9)) | 1;
    for _ in 0..3 {
        x ^= x >> 29;
        x = x.wrapping_mul(0x94d0_49bb_1331_11eb);
    }
    x >> 20
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self { model: Model::default(), contract: Contract::default(), dog: Watchdog::default(), next: 0 }
    }

    pub(crate) fn exchange(&mut self, target: &str, status: u16, body: &Value) -> Exchange {
        self.next += 1;
        let headers = Headers(vec![("content-type".into(), "application/json".into())]);
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        Exchange {
            id: self.next,
            received_at_ms: 1_700_000_000_000 + self.next * 1000,
            latency_us: 2000 + draw(3, self.next) % 1000,
            request: Request { method: "GET".into(), target: target.into(), ..Request::default() },
            response: Response { status, headers, body: Body { bytes: bytes.into(), truncated: false } },
        }
    }

    pub(crate) fn give(&mut self, exchange: &Exchange) {
        self.dog.observe(&self.contract, exchange);
        if self.next <= 50 {
            self.model.learn(exchange);
            self.contract = self.model.contract();
            self.dog.adopt(&self.contract);
        }
    }

    pub(crate) fn call(&mut self, target: &str, status: u16, body: &Value) {
        let exchange = self.exchange(target, status, body);
        self.give(&exchange);
    }

    pub(crate) fn user(&self) -> Value {
        let n = self.next;
        let role = ["admin", "member", "guest"][(n % 3) as usize];
        let mut user = json!({
            "user_id": n % 20, "name": format!("User {}", draw(1, n)), "role": role,
            "created": format!("2024-05-{:02}T10:00:00Z", n % 28 + 1), "active": n.is_multiple_of(2),
            "address": { "city": format!("City {}", draw(2, n)), "zip": format!("{:05}", draw(2, n) % 100_000) },
            "tags": ["a", "b"],
        });
        if draw(5, n).is_multiple_of(3) {
            user["nickname"] = json!(format!("nick {n}"));
        }
        user
    }

    /// So many users, each changed by the function.
    pub(crate) fn users(&mut self, times: u64, change: impl Fn(&mut Value)) {
        for _ in 0..times {
            let mut user = self.user();
            change(&mut user);
            self.call(&format!("/users/{}", self.next % 20), 200, &user);
        }
    }

    pub(crate) fn kinds(&self) -> Vec<(&'static str, Severity, String)> {
        let of = |alert: &understudy_contract::drift::Alert| {
            (alert.kind.word(), alert.severity, alert.findings[0].pointer.clone())
        };
        self.dog.alerts().iter().filter(|alert| alert.is_unresolved()).map(of).collect()
    }

    pub(crate) fn only(&self) -> u64 {
        let open: Vec<u64> =
            self.dog.alerts().iter().filter(|alert| alert.is_unresolved()).map(|alert| alert.id).collect();
        assert_eq!(open.len(), 1, "{:?}", self.kinds());
        open[0]
    }
}
