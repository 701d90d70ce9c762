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
        let exchange = Exchange {
            id: self.id,
            received_at_ms: 1_750_000_000_000 + self.id * 50,
            latency_us: 900,
            request,
            response,
        };
        self.model.learn(&exchange);
        self.journal.push(exchange);
    }
}

impl Recording {
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
    let mint = |nonce: u64| format!("rd_{nonce:024x}");
    answer(
        contract,
        behaviour,
        state,
        request,
        &Context { now_ms: 1_760_000_000_000, seed: 1, min_confidence: 0.0, mint: &mint, make: None },
    )
}
