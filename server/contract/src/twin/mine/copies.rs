//! Values of an answer that repeat the request, wherever the answer shows no rows.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::twin::behaviour::{Part, Source};
use crate::twin::causes::whole_query;
use crate::twin::trace::{Call, MIN_CREDENTIAL, Seen};
use crate::twin::value::names;

/// Answers compared for each endpoint.
const MAX_COMPARED: usize = 60;
/// Share of the answers that a copy must hold for.
const HOLDS: f64 = 0.9;

/// Positions (outside the covered ones) that copy a part of the request. What is sent as a form is often shown elsewhere
/// than what is sent as JSON, so each kind of request is explained for itself.
pub(super) fn mine(good: &[(usize, &Seen)], covered: &[Vec<String>]) -> Vec<(Vec<String>, Part)> {
    let mut kinds: BTreeMap<Option<String>, Vec<&Seen>> = BTreeMap::new();
    for (_, seen) in good {
        kinds.entry(seen.call.headers.media_type()).or_default().push(seen);
    }
    let one = kinds.len() == 1;
    let mut out = Vec::new();
    for (kind, seen) in kinds {
        let copies = of_kind(&seen, covered).into_iter();
        out.extend(copies.map(|(path, source)| (path, Part::Copy { source, of: kind.clone().filter(|_| !one) })));
    }
    out
}

fn of_kind(good: &[&Seen], covered: &[Vec<String>]) -> Vec<(Vec<String>, Source)> {
    let mut found: BTreeMap<Vec<String>, Tally> = BTreeMap::new();
    for seen in good.iter().rev().take(MAX_COMPARED) {
        if let Some(reply) = &seen.reply {
            walk(reply, &mut vec![], covered, &seen.call, &mut found);
        }
    }
    let mut out: Vec<(Vec<String>, Source)> = Vec::new();
    for (path, tally) in found {
        if out.iter().any(|(outer, _)| path.starts_with(outer)) {
            continue;
        }
        if let Some(source) = tally.best() {
            out.push((path, source));
        }
    }
    out
}

#[derive(Default)]
struct Tally {
    answers: u32,
    values: std::collections::BTreeSet<String>,
    hits: BTreeMap<Source, u32>,
    /// Answers whose call has this source at all.
    had: BTreeMap<Source, u32>,
}

impl Tally {
    fn best(self) -> Option<Source> {
        // One value only: a constant explains it as well, unless the copy is of something long.
        let telling = self.values.len() >= 2 || self.values.iter().any(|value| value.len() >= 12);
        let holds = |source: &Source, hits: u32| {
            f64::from(hits) >= f64::from(self.answers.max(*self.had.get(source).unwrap_or(&0))) * HOLDS
        };
        let best = self.hits.iter().filter(|(source, hits)| holds(source, **hits)).max_by_key(|(_, hits)| **hits);
        best.filter(|_| telling).map(|(source, _)| source.clone())
    }
}

fn walk(
    value: &Value,
    path: &mut Vec<String>,
    covered: &[Vec<String>],
    call: &Call,
    found: &mut BTreeMap<Vec<String>, Tally>,
) {
    if covered.iter().any(|part| path.starts_with(part)) || path.len() > 5 {
        return;
    }
    let around_covered = covered.iter().any(|part| part.starts_with(path));
    if !around_covered {
        let tally = found.entry(path.clone()).or_default();
        tally.answers += 1;
        if tally.values.len() < 4 {
            tally.values.insert(value.to_string());
        }
        for source in sources(call, value) {
            *tally.hits.entry(source).or_insert(0) += 1;
        }
    }
    if let Value::Object(object) = value {
        for (name, inner) in object {
            path.push(name.clone());
            walk(inner, path, covered, call, found);
            path.pop();
        }
    }
}

/// Every part of the request that has this value.
pub(super) fn sources(call: &Call, value: &Value) -> Vec<Source> {
    let mut out = Vec::new();
    let scalar = !value.is_object() && !value.is_array() && !value.is_null() && !value.is_boolean();
    if scalar {
        let params = call.params.iter().enumerate().filter(|(_, text)| names(text, value));
        out.extend(params.map(|(slot, _)| Source::Param(slot)));
        let queries = call.query.iter().filter(|(_, text)| !text.is_empty() && names(text, value));
        out.extend(queries.map(|(name, _)| Source::Query(name.clone())));
        if let Value::String(text) = value {
            if *text == call.path {
                out.push(Source::Path);
            }
            if call.url().as_ref() == Some(text) {
                out.push(Source::Url);
            }
            if text.len() >= 3 && text.as_bytes() == call.raw {
                out.push(Source::Text);
            }
            if text.len() >= MIN_CREDENTIAL && call.credential.as_ref() == Some(text) {
                out.push(Source::Credential);
            }
            if call.basic.as_ref().is_some_and(|(user, _)| user == text) {
                out.push(Source::User);
            }
            let headers = call.headers.0.iter().filter(|(_, own)| own == text && own.len() >= 3);
            out.extend(headers.map(|(name, _)| Source::Header(name.clone())));
        }
    }
    if value.is_object() && *value == whole_query(call) {
        out.push(Source::WholeQuery);
    }
    if let Some(body) = call.sent.value() {
        body_sources(body, value, &mut vec![], &mut out);
    }
    out
}

fn body_sources(body: &Value, value: &Value, path: &mut Vec<String>, out: &mut Vec<Source>) {
    let plain = value.is_null() || value.is_boolean() || value.as_object().is_some_and(serde_json::Map::is_empty);
    if body == value && !plain {
        out.push(Source::Body(path.clone()));
    }
    if let Value::Object(object) = body
        && path.len() < 4
    {
        for (name, inner) in object {
            path.push(name.clone());
            body_sources(inner, value, path, out);
            path.pop();
        }
    }
}
