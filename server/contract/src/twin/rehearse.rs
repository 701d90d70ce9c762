//! What the twin would have answered, compared with what the API did answer.
//!
//! Which values does the twin claim to know? It is asked twice, the second time with another clock, another seed, other
//! counters. What stays the same was copied, stored or always so, and is compared; what changes was drawn, minted or read
//! from a clock, and only its type and form are.

use serde_json::Value;

use super::behaviour::Effect;
use super::value::read_time;
use super::{Answer, Behaviour, Context, Refusal, State, answer};
use crate::{Contract, Exchange, Headers};

/// How alike two answers were.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Score {
    /// 1 when the status was the same. Else nothing more is compared: a refusal and a success have nothing in common.
    pub status: f64,
    /// Share of the positions that are in both bodies and of one type; `None` when there is no JSON body to compare.
    pub schema: Option<f64>,
    /// Share of the values that the twin claims to know and does; `None` when it claims none.
    pub values: Option<f64>,
    pub mismatches: Vec<Mismatch>,
}

impl Score {
    /// All of it as one number, 0 to 1.
    #[must_use]
    pub fn total(&self) -> f64 {
        if self.status < 1.0 {
            return 0.0;
        }
        let parts = [Some(self.status), self.schema, self.values];
        let present: Vec<f64> = parts.into_iter().flatten().collect();
        present.iter().sum::<f64>() / present.len() as f64
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    pub kind: Kind,
    /// JSON Pointer (RFC 6901) into the response body; empty for the whole of it, and for the status.
    pub pointer: String,
    /// What the API answered; `None` where it has nothing.
    pub expected: Option<Value>,
    /// What the twin would have answered.
    pub got: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Status,
    Schema,
    Value,
}

/// More differences than a person reads; the shares count all.
const MAX_MISMATCHES: usize = 8;
/// Of each list so many items are compared.
const MAX_ITEMS: usize = 50;
/// A time this close to the exchange is the API's clock.
const CLOCK_SLACK_MS: i64 = 5 * 60 * 1000;

/// Compares the twin's answer in this state with the API's. `None` when the endpoint is not known. The state is left as it
/// is; [`State::observe`] takes the exchange over.
pub fn rehearse(
    contract: &Contract,
    behaviour: &Behaviour,
    state: &State,
    exchange: &Exchange,
    context: &Context<'_>,
) -> Option<Result<Score, Refusal>> {
    let hit = contract.find_request(&exchange.request)?;
    let ask =
        |mut state: State, context: &Context<'_>| answer(contract, behaviour, &mut state, &exchange.request, context);
    let first = match ask(state.clone(), context) {
        Ok(first) => first,
        Err(refusal) => return Some(Err(refusal)),
    };
    let other_mint = |nonce: u64, like: &str| (context.mint)(!nonce, like);
    let other = Context {
        now_ms: context.now_ms + 40 * 86_400_000 + 12_345_678,
        seed: !context.seed,
        mint: &other_mint,
        ..*context
    };
    let second = ask(elsewhere(behaviour, state, &hit.endpoint.id.0), &other).ok();
    Some(Ok(compare(exchange, &first, second.as_ref())))
}

/// The same state, in which the counter of what this endpoint creates stands elsewhere.
fn elsewhere(behaviour: &Behaviour, state: &State, endpoint: &str) -> State {
    const FAR: i64 = 7919;
    let mut state = state.clone();
    state.answers += 1;
    for rule in behaviour.rules_of(endpoint) {
        if let Effect::Create { class, .. } = &rule.effect {
            state.world.table_mut(*class).top += FAR;
        }
    }
    state
}

fn compare(exchange: &Exchange, first: &Answer, second: Option<&Answer>) -> Score {
    let real = &exchange.response;
    if real.status != first.status {
        let (expected, got) = (Some(Value::from(real.status)), Some(Value::from(first.status)));
        let mismatch = Mismatch { kind: Kind::Status, pointer: String::new(), expected, got };
        return Score { mismatches: vec![mismatch], ..Score::default() };
    }
    let mut comparing =
        Comparing { at_ms: i64::try_from(exchange.received_at_ms).unwrap_or(i64::MAX), ..Comparing::default() };
    if !real.body.truncated && exchange.request.method != "HEAD" {
        comparing.media_type(&real.headers, &first.headers, !real.body.bytes.is_empty());
        let parsed = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).ok();
        if let Some(expected) = parsed(&real.body.bytes) {
            let got = parsed(&first.body);
            // What is imagined claims to know nothing but its form.
            let claims = !first.reason.starts_with("imagined ");
            let again = second.filter(|_| claims).and_then(|second| parsed(&second.body));
            comparing.value(&mut String::new(), Some(&expected), got.as_ref(), again.as_ref());
        } else if real.body.bytes.is_empty() != first.body.is_empty() {
            comparing.schema(false, "", None, None);
        }
    }
    comparing.score()
}

#[derive(Default)]
struct Comparing {
    at_ms: i64,
    /// Compared and alike.
    schema: (u64, u64),
    values: (u64, u64),
    mismatches: Vec<Mismatch>,
}

impl Comparing {
    fn score(self) -> Score {
        let share = |(all, alike): (u64, u64)| (all > 0).then(|| alike as f64 / all as f64);
        Score { status: 1.0, schema: share(self.schema), values: share(self.values), mismatches: self.mismatches }
    }

    fn media_type(&mut self, expected: &Headers, got: &Headers, has_body: bool) {
        let (expected, got) = (expected.media_type(), got.media_type());
        if has_body {
            let alike = expected == got;
            self.schema(alike, "", expected.map(Value::from).as_ref(), got.map(Value::from).as_ref());
        }
    }

    fn schema(&mut self, alike: bool, pointer: &str, expected: Option<&Value>, got: Option<&Value>) {
        self.schema.0 += 1;
        self.schema.1 += u64::from(alike);
        if !alike {
            self.note(Kind::Schema, pointer, expected, got);
        }
    }

    fn note(&mut self, kind: Kind, pointer: &str, expected: Option<&Value>, got: Option<&Value>) {
        if self.mismatches.len() < MAX_MISMATCHES {
            let (expected, got) = (expected.cloned(), got.cloned());
            self.mismatches.push(Mismatch { kind, pointer: pointer.to_owned(), expected, got });
        }
    }

    /// `again` is what the twin said the second time.
    fn value(&mut self, pointer: &mut String, expected: Option<&Value>, got: Option<&Value>, again: Option<&Value>) {
        let (Some(real), Some(own)) = (expected, got) else { return self.schema(false, pointer, expected, got) };
        match (real, own) {
            (Value::Object(real), Value::Object(own)) => {
                self.schema(true, pointer, None, None);
                let names = real.keys().chain(own.keys().filter(|name| !real.contains_key(*name)));
                for name in names {
                    let again = again.and_then(|again| again.get(name));
                    let step = name.replace('~', "~0").replace('/', "~1");
                    self.below(pointer, &step, real.get(name), own.get(name), again);
                }
            }
            (Value::Array(items), Value::Array(own)) => {
                self.schema(true, pointer, None, None);
                self.items(pointer, items, own, again.and_then(Value::as_array));
            }
            _ if is_nested(real) || is_nested(own) => self.schema(false, pointer, expected, got),
            _ => self.scalar(pointer, real, own, again),
        }
    }

    fn below(
        &mut self,
        pointer: &mut String,
        step: &str,
        expected: Option<&Value>,
        got: Option<&Value>,
        again: Option<&Value>,
    ) {
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(step);
        self.value(pointer, expected, got, again);
        pointer.truncate(length);
    }

    /// Where the lengths differ the items are not the same ones: then only the length counts, and the form of the first.
    fn items(&mut self, pointer: &mut String, real: &[Value], own: &[Value], again: Option<&Vec<Value>>) {
        let claimed = again.is_some_and(|again| again.len() == own.len());
        if claimed && real.len() != own.len() {
            let (expected, got) =
                (Value::from(format!("{} items", real.len())), Value::from(format!("{} items", own.len())));
            self.values.0 += 1;
            self.note(Kind::Value, pointer, Some(&expected), Some(&got));
        }
        let same = claimed && real.len() == own.len();
        let compared = if same { MAX_ITEMS } else { 1 };
        for (i, (real, own)) in real.iter().zip(own).take(compared).enumerate() {
            let again = again.filter(|_| same).and_then(|again| again.get(i));
            self.below(pointer, &i.to_string(), Some(real), Some(own), again);
        }
    }

    fn scalar(&mut self, pointer: &str, real: &Value, own: &Value, again: Option<&Value>) {
        let is_null = real.is_null() || own.is_null();
        let form = |value: &Value| (kind(value), read_time(value).map(|(form, _)| form).is_some() && value.is_string());
        self.schema(is_null || form(real) == form(own), pointer, Some(real), Some(own));
        if again != Some(own) || self.is_clock(real, own) || (!is_null && kind(real) != kind(own)) {
            return;
        }
        self.values.0 += 1;
        if equal(real, own) {
            self.values.1 += 1;
        } else {
            self.note(Kind::Value, pointer, Some(real), Some(own));
        }
    }

    fn is_clock(&self, real: &Value, own: &Value) -> bool {
        let near = |(_, millis): (_, i64)| (millis - self.at_ms).abs() <= CLOCK_SLACK_MS;
        read_time(own).is_some() && read_time(real).is_some_and(near)
    }
}

fn is_nested(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// JSON knows one kind of number.
fn equal(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}
