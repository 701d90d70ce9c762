//! What a mock without memory can play of an endpoint: recorded answers, and to which requests each belongs.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Source;
use crate::{Contract, Endpoint, Exchange};

/// Fields that belong to the connection the answer came over, or to the moment.
const OF_THE_MOMENT: [&str; 10] = [
    "age",
    "connection",
    "content-encoding",
    "content-length",
    "date",
    "keep-alive",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];
/// Answers to requests that show no credentials.
const CLOSED: [u16; 2] = [401, 403];

/// One endpoint and its answers. The first that fits a request is its answer.
#[derive(Debug)]
pub(super) struct Play<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) rules: Vec<Rule>,
}

#[derive(Debug)]
pub(super) struct Rule {
    pub(super) fits: Fits,
    pub(super) recorded: Exchange,
}

/// Which requests of the endpoint get an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fits {
    /// Those without an `Authorization` field. Which credentials are good cannot be told: they were redacted.
    NoCredentials,
    /// The same target, and the same body if the recorded request had one.
    Same,
    /// The same path.
    Path,
    Any,
}

impl Fits {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::NoCredentials => "without credentials",
            Self::Same => "as recorded",
            Self::Path => "same path",
            Self::Any => "any other",
        }
    }
}

impl Play<'_> {
    /// The newest good exchange, else the newest.
    pub(super) fn best(&self) -> Option<&Exchange> {
        let all = || self.rules.iter().map(|rule| &rule.recorded);
        all().filter(|e| is_good(e)).max_by_key(|e| e.received_at_ms).or_else(|| all().max_by_key(|e| e.received_at_ms))
    }

    pub(super) fn name(&self) -> String {
        let graphql = self.endpoint.graphql.as_ref().map_or_else(String::new, |name| format!(" {name}"));
        format!("{} {}{graphql}", self.endpoint.method, self.endpoint.template)
    }
}

/// Every endpoint of which an exchange is remembered; those with fewer parameters first where both may fit.
pub(super) fn plays<'a>(source: &Source<'a>) -> Vec<Play<'a>> {
    let mut plays: Vec<Play<'a>> = source
        .contract
        .endpoints()
        .iter()
        .map(|endpoint| {
            let remembered = source.behaviour.remembered(&endpoint.id.0).filter(is_readable);
            Play { endpoint, rules: rules(source.contract, endpoint, remembered.collect()) }
        })
        .filter(|play| !play.rules.is_empty())
        .collect();
    plays.sort_by_cached_key(|play| {
        let segments = play.endpoint.template.split('/').map(|segment| (segment.contains('{'), segment.to_owned()));
        (segments.collect::<Vec<_>>(), play.endpoint.method.clone(), play.endpoint.graphql.clone())
    });
    plays
}

fn rules(contract: &Contract, endpoint: &Endpoint, remembered: Vec<Exchange>) -> Vec<Rule> {
    // Refusals may be those of another endpoint, where this one never was seen to refuse.
    let is_own = |e: &Exchange| contract.find_request(&e.request).is_some_and(|hit| hit.endpoint.id == endpoint.id);
    let (own, borrowed): (Vec<Exchange>, Vec<Exchange>) = remembered.into_iter().partition(is_own);
    let first = |wanted: &dyn Fn(&Exchange) -> bool| {
        let of = |all: &'_ [Exchange]| newest(all.iter().filter(|e| wanted(e))).cloned();
        of(&own).or_else(|| of(&borrowed)).map(|mut exchange| {
            exchange.request.method.clone_from(&endpoint.method);
            exchange
        })
    };
    let has_field = |e: &Exchange| e.request.headers.get("authorization").is_some();
    let is_closed = |e: &Exchange| CLOSED.contains(&e.response.status);
    let guarded = own.iter().filter(|e| is_good(e)).all(has_field);
    let door = first(&|e| guarded && is_closed(e) && !has_field(e));
    // The same request is refused or not by its credentials, and there is no telling which are good.
    let told = |e: &&Exchange| !is_closed(e) || !own.iter().any(is_good);
    let mut same = BTreeMap::<(bool, &str, &[u8]), Vec<&Exchange>>::new();
    let mut path = BTreeMap::<&str, Vec<&Exchange>>::new();
    for exchange in own.iter().filter(told) {
        let request = &exchange.request;
        let body: &[u8] = &request.body.bytes;
        same.entry((body.is_empty(), &request.target, body)).or_default().push(exchange);
        if is_good(exchange) {
            path.entry(request.path()).or_default().push(exchange);
        }
    }
    let has_parameters = endpoint.template.contains('{');
    let other = first(&|e| has_parameters && e.response.status == 404).or_else(|| first(&is_good));
    let rule = |fits| move |exchange: &Exchange| Rule { fits, recorded: cleaned(exchange) };
    let mut rules: Vec<Rule> = door.as_ref().map(rule(Fits::NoCredentials)).into_iter().collect();
    let same = same.into_values().filter_map(newest);
    // GraphQL operations share their path: only the body tells which is asked for.
    if endpoint.graphql.is_some() {
        rules.extend(same.map(rule(Fits::Same)));
        return rules;
    }
    let path: Vec<&Exchange> = path.into_values().filter_map(newest).filter(|_| has_parameters).collect();
    // The answer of a path is that of the bare path already.
    let is_bare = |e: &Exchange| e.request.body.bytes.is_empty() && e.request.query().is_none();
    let said = |e: &&Exchange| is_bare(e) && path.iter().any(|known| std::ptr::eq(*known, *e));
    rules.extend(same.filter(|e| !said(e)).map(rule(Fits::Same)));
    rules.extend(path.iter().copied().map(rule(Fits::Path)));
    rules.extend(other.as_ref().map(rule(Fits::Any)));
    rules
}

/// What is equally new is told apart by what it says, so that the choice does not depend on the order.
fn newest<'e>(exchanges: impl IntoIterator<Item = &'e Exchange>) -> Option<&'e Exchange> {
    exchanges.into_iter().max_by_key(|e| (e.received_at_ms, e.response.status, e.response.body.bytes.clone()))
}

pub(super) fn is_good(exchange: &Exchange) -> bool {
    exchange.response.status < 400
}

/// A body that says it is JSON and is not was damaged on purpose or on its way.
fn is_readable(exchange: &Exchange) -> bool {
    let response = &exchange.response;
    let is_json = response.headers.media_type().is_some_and(|kind| crate::import::is_json(&kind));
    !is_json || response.body.bytes.is_empty() || json(&response.body.bytes).is_some()
}

fn cleaned(exchange: &Exchange) -> Exchange {
    let mut exchange = exchange.clone();
    let is_kept = |name: &str| !OF_THE_MOMENT.contains(&name) && !name.starts_with("x-understudy-");
    exchange.response.headers.0.retain(|(name, _)| is_kept(name));
    exchange
}

/// Header fields of an answer in order, the values of one name together.
pub(super) fn fields(exchange: &Exchange) -> Vec<(&str, Vec<&str>)> {
    let mut fields: Vec<(&str, Vec<&str>)> = Vec::new();
    for (name, value) in &exchange.response.headers.0 {
        match fields.iter_mut().find(|(known, _)| known == name) {
            Some((_, values)) => values.push(value),
            None => fields.push((name, vec![value])),
        }
    }
    fields
}

/// Decoded pairs of the query.
pub(super) fn query(exchange: &Exchange) -> Vec<(String, String)> {
    form_urlencoded::parse(exchange.request.query().unwrap_or_default().as_bytes()).into_owned().collect()
}

pub(super) fn json(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes).ok()
}

/// How a body travels in a document of text.
pub(super) enum Content {
    Empty,
    Json(Value),
    Text(String),
    Base64(String),
}

pub(super) fn content(bytes: &[u8]) -> Content {
    use base64::Engine;
    if bytes.is_empty() {
        return Content::Empty;
    }
    // A bare text or number that happens to be JSON stays as it was written.
    if let Some(value) = json(bytes).filter(|value| value.is_object() || value.is_array()) {
        return Content::Json(value);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Content::Text(text.to_owned()),
        Err(_) => Content::Base64(base64::prelude::BASE64_STANDARD.encode(bytes)),
    }
}
