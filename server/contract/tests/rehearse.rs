//! The twin's answer beside the API's: what counts, what does not, and that the state follows the API.

use bytes::Bytes;
use serde_json::{Value, json};
use understudy_contract::twin::{Behaviour, Context, Journal, Kind, Score, State, rehearse};
use understudy_contract::{Body, Contract, Exchange, Headers, Model, Request, Response};

const NOW_MS: u64 = 1_790_000_000_000;

fn exchange(id: u64, method: &str, target: &str, sent: Option<Value>, status: u16, answer: Value) -> Exchange {
    let json = || Headers(vec![("content-type".into(), "application/json".into())]);
    let bytes = |value: Option<Value>| {
        let bytes = value.filter(|value| !value.is_null()).map_or_else(Bytes::new, |value| value.to_string().into());
        Body { bytes, truncated: false }
    };
    Exchange {
        id,
        received_at_ms: NOW_MS + id * 1000,
        latency_us: 1000,
        request: Request { method: method.into(), target: target.into(), headers: json(), body: bytes(sent) },
        response: Response { status, headers: json(), body: bytes(Some(answer)) },
    }
}

/// A cup has a counted id, a colour that was sent, a serial number that nobody can foretell, and the time it was made.
fn cup(n: u64, colour: &str) -> Value {
    json!({ "id": n, "colour": colour, "serial": format!("{:08x}", n.wrapping_mul(0x9E37_79B9) as u32), "madeMs": NOW_MS + n * 4000 })
}

struct Twin {
    contract: Contract,
    behaviour: Behaviour,
    state: State,
}

/// Knows cups 1 to 6.
fn twin() -> Twin {
    let (mut model, mut journal) = (Model::default(), Journal::default());
    for n in 1..=6 {
        let colour = ["red", "green", "blue"][n as usize % 3];
        let made = exchange(n * 4, "POST", "/cups", Some(json!({ "colour": colour })), 201, cup(n, colour));
        let read = exchange(n * 4 + 1, "GET", &format!("/cups/{n}"), None, 200, cup(n, colour));
        let none = exchange(n * 4 + 2, "GET", &format!("/cups/{}", n + 100), None, 404, json!({ "error": "no cup" }));
        for exchange in [made, read, none] {
            model.learn(&exchange);
            journal.push(exchange);
        }
    }
    let contract = model.contract();
    let behaviour = Behaviour::mine(&journal, &contract);
    let state = State::initial(&behaviour);
    Twin { contract, behaviour, state }
}

impl Twin {
    fn score(&self, exchange: &Exchange) -> Score {
        let mint = |nonce: u64, _: &str| format!("token-{nonce}");
        let context =
            Context { now_ms: exchange.received_at_ms, seed: 7, min_confidence: 0.0, mint: &mint, make: None };
        let scored = rehearse(&self.contract, &self.behaviour, &self.state, exchange, &context);
        scored.expect("the endpoint is known").expect("the twin answers")
    }

    fn observe(&mut self, exchange: &Exchange) {
        self.state.observe(&self.contract, &self.behaviour, exchange);
    }
}

fn differences(score: &Score) -> Vec<(Kind, &str)> {
    score.mismatches.iter().map(|mismatch| (mismatch.kind, mismatch.pointer.as_str())).collect()
}

#[test]
fn what_is_stored_is_claimed_and_compared() {
    let twin = twin();
    let right = twin.score(&exchange(50, "GET", "/cups/3", None, 200, cup(3, "red")));
    assert_eq!((right.total(), right.values), (1.0, Some(1.0)), "{right:?}");
    let mut other = cup(3, "pink");
    other["serial"] = json!(5);
    let wrong = twin.score(&exchange(50, "GET", "/cups/3", None, 200, other));
    assert_eq!(differences(&wrong), [(Kind::Value, "/colour"), (Kind::Schema, "/serial")]);
    assert!(wrong.total() < 1.0 && wrong.total() > 0.5);
}

#[test]
fn what_is_minted_or_drawn_is_compared_by_its_form_only() {
    let twin = twin();
    // The API has a counter of its own, which other clients move.
    let made = twin.score(&exchange(90, "POST", "/cups", Some(json!({ "colour": "blue" })), 201, cup(71, "blue")));
    assert_eq!((made.total(), differences(&made)), (1.0, vec![]), "{made:?}");
    assert_eq!(made.values, Some(1.0), "the colour was sent");
    let other = twin.score(&exchange(90, "POST", "/cups", Some(json!({ "colour": "blue" })), 201, cup(71, "grey")));
    assert_eq!(differences(&other), [(Kind::Value, "/colour")]);
}

#[test]
fn another_status_is_no_score_at_all() {
    let score = twin().score(&exchange(50, "GET", "/cups/3", None, 404, json!({ "error": "no cup" })));
    assert_eq!((score.total(), differences(&score)), (0.0, vec![(Kind::Status, "")]));
}

#[test]
fn fields_that_come_or_go_are_told() {
    let mut changed = cup(3, "red");
    changed.as_object_mut().unwrap().remove("colour");
    changed["volume"] = json!(0.3);
    let score = twin().score(&exchange(50, "GET", "/cups/3", None, 200, changed));
    assert_eq!(differences(&score), [(Kind::Schema, "/volume"), (Kind::Schema, "/colour")]);
}

#[test]
fn the_state_follows_what_the_api_answered() {
    let mut twin = twin();
    let made = exchange(60, "POST", "/cups", Some(json!({ "colour": "white" })), 201, cup(88, "white"));
    let read = exchange(61, "GET", "/cups/88", None, 200, cup(88, "white"));
    assert!(twin.score(&read).total() < 1.0, "nobody made it yet");
    twin.score(&made);
    assert!(twin.score(&read).total() < 1.0, "to be asked changes nothing");
    twin.observe(&made);
    assert_eq!(twin.score(&read).total(), 1.0, "{:?}", twin.score(&read));
}
