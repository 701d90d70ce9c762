//! A recording in the making, and a twin to ask.
#![allow(dead_code, reason = "each test program uses a part of it, and some use all")]

use bytes::Bytes;
use serde_json::Value;
use understudy_contract::twin::{Answer, Behaviour, Context, Journal, Refusal, State, answer};
use understudy_contract::{Body, Contract, Exchange, Headers, Model, Request, Response};

/// Status and body; null is no body.
pub(crate) type Reply = (u16, Value);

pub(crate) fn request(method: &str, target: &str, body: Option<&Value>) -> Request {
    let content = body.map(|_| ("content-type".to_owned(), "application/json".to_owned()));
    Request {
        method: method.into(),
        target: target.into(),
        headers: Headers(content.into_iter().collect()),
        body: Body { bytes: body.map(|body| Bytes::from(body.to_string())).unwrap_or_default(), truncated: false },
    }
}

#[derive(Default)]
pub(crate) struct Recording {
    pub(crate) model: Model,
    pub(crate) journal: Journal,
    id: u64,
}

impl Recording {
    pub(crate) fn note(&mut self, request: Request, reply: &Reply) {
        self.note_with(request, &[], reply);
    }

    /// With these header fields in the answer, beside its media type.
    pub(crate) fn note_with(&mut self, request: Request, fields: &[(&str, &str)], (status, body): &Reply) {
        self.id += 1;
        let empty = body.is_null();
        let kind = (!empty).then_some(("content-type", "application/json"));
        let headers = kind.iter().chain(fields).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let response = Response {
            status: *status,
            headers: Headers(headers.collect()),
            body: Body { bytes: if empty { Bytes::new() } else { body.to_string().into() }, truncated: false },
        };
        let exchange = Exchange { id: self.id, received_at_ms: self.now_ms() - 50, latency_us: 900, request, response };
        self.model.learn(&exchange);
        self.journal.push(exchange);
    }
}

impl Recording {
    /// The moment of the next exchange.
    pub(crate) fn now_ms(&self) -> u64 {
        1_750_000_000_000 + (self.id + 1) * 50
    }

    /// A twin of what was recorded.
    pub(crate) fn twin(&self) -> Twin {
        let contract = self.model.contract();
        let behaviour = Behaviour::mine(&self.journal, &contract);
        let state = State::initial(&behaviour);
        Twin { contract, behaviour, state }
    }
}

pub(crate) struct Twin {
    pub(crate) contract: Contract,
    pub(crate) behaviour: Behaviour,
    pub(crate) state: State,
}

impl Twin {
    pub(crate) fn ask(&mut self, request: &Request) -> Answer {
        play(&self.contract, &self.behaviour, &mut self.state, request).expect("a learned endpoint")
    }

    /// Status and JSON of the answer.
    pub(crate) fn says(&mut self, request: &Request) -> Reply {
        let answer = self.ask(request);
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
    }
}

/// The request with one more header field.
pub(crate) fn with(mut request: Request, name: &str, value: &str) -> Request {
    request.headers.0.push((name.to_owned(), value.to_owned()));
    request
}

pub(crate) fn play(
    contract: &Contract,
    behaviour: &Behaviour,
    state: &mut State,
    request: &Request,
) -> Result<Answer, Refusal> {
    let mint = understudy_contract::twin::credential_like;
    answer(
        contract,
        behaviour,
        state,
        request,
        &Context { now_ms: 1_760_000_000_000, seed: 1, min_confidence: 0.0, mint: &mint, make: None },
    )
}

/// Draws without a generator of its own: SplitMix64.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % n
    }

    pub(crate) fn word(&mut self) -> String {
        (0..6 + self.below(5)).map(|_| char::from(b'a' + u8::try_from(self.below(26)).expect("below 26"))).collect()
    }

    pub(crate) fn of<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[usize::try_from(self.below(all.len() as u64)).expect("small")]
    }
}
