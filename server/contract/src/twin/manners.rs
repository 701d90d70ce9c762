//! What the twin says where the API was never seen to refuse: by the standard, in the words and the shape that the API has
//! for its other refusals, and with little confidence.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::Answer;
use super::answer::write_json;
use super::behaviour::{Behaviour, Rule, Sample, Selector};
use super::json_patch::{self, Misfit};
use super::mine::sample;
use super::trace::{Call, Sent, Trace};
use super::world::State;
use crate::Headers;
use crate::openapi::reason;

/// How far an answer carries that is only usual.
const IN_ITS_SHAPE: f64 = 0.35;
const BY_THE_STANDARD: f64 = 0.25;
/// Keys of one form that make another form no key.
const MIN_KEYS: usize = 3;
/// Calls that make the only media type they had the one that is read.
const MIN_READ: usize = 2;

/// The API's refusals by status, and how it lets pages of other origins in.
#[derive(Debug, Default)]
pub(super) struct Manners {
    refusals: BTreeMap<u16, Sample>,
    /// An answer to a preflight request (Fetch, section 3.2).
    preflight: Option<Sample>,
    /// Answers told browsers whether they may be read.
    shares: Option<bool>,
}

impl Manners {
    /// `strange` are refusals on paths that belong to no endpoint.
    pub(super) fn learn<'s>(trace: &Trace, strange: impl Iterator<Item = &'s Sample>) -> Self {
        let mut out = Self::default();
        let tells = |status: u16, body: &Option<Value>| {
            (400..500).contains(&status) && body.as_ref().is_some_and(Value::is_object)
        };
        for own in strange.filter(|own| tells(own.status, &own.body)) {
            out.refusals.insert(own.status, own.clone());
        }
        for seen in &trace.seen {
            if tells(seen.status, &seen.reply) {
                out.refusals.insert(seen.status, sample(seen));
            }
            if seen.call.method == "OPTIONS" && seen.status < 400 {
                out.preflight = Some(sample(seen));
            }
            if seen.call.headers.get("origin").is_some() && seen.status < 400 {
                let shares = seen.headers.get("access-control-allow-origin").is_some();
                out.shares = Some(shares || out.shares == Some(true));
            }
        }
        out
    }

    /// A refusal with this status.
    pub(super) fn refusal(&self, status: u16, why: &str) -> Answer {
        let like = self.refusals.get(&status).or_else(|| {
            [404, 400, 422, 409, 403, 401]
                .iter()
                .find_map(|other| self.refusals.get(other))
                .or_else(|| self.refusals.values().next())
        });
        let (kind, body, raw, confidence) = match like {
            Some(seen) => {
                let kind = seen.headers.get("content-type").unwrap_or("application/json");
                let own = seen.body.clone().unwrap_or_default();
                let body = if seen.status == status { own } else { said_again(&own, seen.status, status) };
                (kind.to_owned(), body, seen.raw.clone(), IN_ITS_SHAPE)
            }
            // RFC 9457.
            None => {
                let body = json!({"title": reason(status), "status": status});
                ("application/problem+json".to_owned(), body, bytes::Bytes::new(), BY_THE_STANDARD)
            }
        };
        Answer {
            status,
            headers: Headers(vec![("content-type".to_owned(), kind)]),
            body: write_json(&body, &raw),
            confidence,
            reason: format!("by the standard: {why}"),
        }
    }

    /// What a path can do (RFC 9110 §9.3.7), and who may ask for it.
    pub(super) fn options(&self, call: &Call, allowed: &BTreeSet<&'static str>) -> Answer {
        let allow = list(allowed);
        let origin = call.headers.get("origin");
        let like = self.preflight.as_ref();
        let mut fields: Vec<(String, String)> = vec![];
        for (name, value) in like.iter().flat_map(|seen| &seen.headers.0) {
            let asked = |name: &str| like.and_then(|seen| seen.call.headers.get(name));
            let value = match name.as_str() {
                "allow" | "access-control-allow-methods" if value != "*" => allow.clone(),
                "access-control-allow-origin" if Some(value.as_str()) == asked("origin") => {
                    origin.unwrap_or(value).to_owned()
                }
                "access-control-allow-headers" if Some(value.as_str()) == asked("access-control-request-headers") => {
                    call.headers.get("access-control-request-headers").unwrap_or_default().to_owned()
                }
                name if name.starts_with("access-control-") || name == "vary" => value.clone(),
                _ => continue,
            };
            fields.push((name.clone(), value));
        }
        if like.is_none() {
            fields.push(("allow".to_owned(), allow.clone()));
        }
        // Nobody saw a browser ask: that it may is the use of a twin.
        let preflight = origin.is_some() && call.headers.get("access-control-request-method").is_some();
        if preflight && like.is_none() && self.shares != Some(false) {
            let headers = call.headers.get("access-control-request-headers");
            let mut add = |name: &str, value: &str| fields.push((name.to_owned(), value.to_owned()));
            add("access-control-allow-origin", origin.unwrap_or("*"));
            add("access-control-allow-methods", &allow);
            headers.into_iter().for_each(|names| add("access-control-allow-headers", names));
            add("vary", "Origin");
        }
        Answer {
            status: like.map_or(204, |seen| seen.status),
            headers: Headers(fields),
            body: bytes::Bytes::new(),
            confidence: 0.5,
            reason: "methods seen on this path".to_owned(),
        }
    }
}

fn list(methods: &BTreeSet<&'static str>) -> String {
    let implied = methods.contains("GET").then_some("HEAD");
    methods.iter().copied().chain(implied).chain(["OPTIONS"]).collect::<Vec<_>>().join(", ")
}

/// What any API refuses, where no rule of this one says how.
pub(super) fn refusal(behaviour: &Behaviour, rule: &Rule, state: &State, call: &Call) -> Option<Answer> {
    let (status, why) = fault(rule, state, call)?;
    Some(behaviour.manners.refusal(status, why))
}

fn fault(rule: &Rule, state: &State, call: &Call) -> Option<(u16, &'static str)> {
    let sent: Vec<&Call> =
        rule.samples.iter().map(|sample| &sample.call).filter(|call| call.sent != Sent::Nothing).collect();
    let json = sent.len() >= MIN_READ && sent.iter().all(|call| call.sent.value().is_some() && is_json(call));
    if json && call.sent == Sent::Malformed {
        return Some((400, "the body is not JSON"));
    }
    if json && call.sent == Sent::Opaque && call.headers.media_type().is_some() {
        return Some((415, "the body is of another media type"));
    }
    if let Some(body) = call.sent.value()
        && rule.needed.iter().any(|path| super::value::at(body, path).is_none())
    {
        return Some((400, "a member is missing that every body had"));
    }
    let named = rule.params.iter().zip(&call.params).filter_map(|(class, key)| Some(((*class)?, key)));
    let creates = rule.place.method == "PUT";
    for (class, key) in named.filter(|_| !creates) {
        let table = &state.world.tables[class];
        if let Some(row) = table.rows.get(key) {
            match json_patch::apply(call, &row.fields) {
                Some(Err(Misfit::Malformed)) => return Some((400, "the body is no JSON Patch")),
                Some(Err(Misfit::Conflict)) => return Some((409, "the patch does not fit the row")),
                _ => continue,
            }
        }
        // Some go on saying that it went well.
        let firm = rule.open_world == 0 || rule.place.method == "GET";
        let numbers = table.rows.len() >= MIN_KEYS && table.rows.values().all(|row| row.key.is_number());
        if (table.gone.contains(key) && firm) || (numbers && key.parse::<i64>().is_err()) {
            return Some((404, "there is no such row"));
        }
    }
    None
}

fn is_json(call: &Call) -> bool {
    call.headers.media_type().is_some_and(|media| media.ends_with("json"))
}

/// Whether an answer shows one row that has to be found first.
pub(super) fn must_find(selector: &Selector) -> bool {
    matches!(selector, Selector::First(_) | Selector::Via { .. })
}

/// A refusal of one status told for another one: numbers and words of the status replaced, lists of faults emptied.
fn said_again(value: &Value, old: u16, new: u16) -> Value {
    match value {
        Value::Object(object) => {
            let is_text = |value: &Value| value.as_str().is_some_and(|text| text.contains(' '));
            let told = object.values().any(is_text);
            // Beside a message a list tells of faults, which are not these.
            let member = |(name, inner): (&String, &Value)| match inner {
                Value::Array(_) if told => (name.clone(), Value::Array(vec![])),
                _ => (name.clone(), member(name, inner, old, new)),
            };
            Value::Object(object.iter().map(member).collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().take(1).map(|item| said_again(item, old, new)).collect(),
        Value::Number(number) if number.as_u64() == Some(u64::from(old)) => Value::from(new),
        Value::String(text) if *text == old.to_string() => Value::from(new.to_string()),
        other => other.clone(),
    }
}

fn member(name: &str, value: &Value, old: u16, new: u16) -> Value {
    let Value::String(text) = value else { return said_again(value, old, new) };
    if *text == old.to_string() {
        return Value::from(new.to_string());
    }
    let title = reason(new);
    if text.contains(' ') {
        return Value::from(title);
    }
    match super::query::plain(name).as_str() {
        "message" | "detail" | "title" | "description" | "reason" | "msg" | "errordescription" => Value::from(title),
        "code" | "error" | "name" | "type" | "key" | "id" if !text.contains(['/', ':']) => {
            Value::from(cased(title, text))
        }
        _ => value.clone(),
    }
}

/// Words written as a code is: `NOT_FOUND`, `not_found`, `not-found`, `NotFound`, `Not Found`.
fn cased(title: &str, like: &str) -> String {
    let words = || title.split([' ', '-']).map(|word| word.chars().filter(|c| c.is_alphanumeric()).collect::<String>());
    let upper = like.chars().any(|c| c.is_uppercase());
    let lower = like.chars().any(|c| c.is_lowercase());
    let joined =
        |sign: &str, change: fn(&str) -> String| words().map(|word| change(&word)).collect::<Vec<_>>().join(sign);
    let sign = if like.contains('-') {
        "-"
    } else if like.contains('.') {
        "."
    } else {
        "_"
    };
    match (upper, lower) {
        (true, false) => joined(sign, |word| word.to_uppercase()),
        (false, _) => joined(sign, |word| word.to_lowercase()),
        (true, true) => joined("", str::to_owned),
    }
}
