//! Near misses: the endpoint that a request most likely meant, and what is different.

use std::fmt;

use crate::{Contract, Endpoint, Request, Segment};

/// More differences than this are no near miss.
const MAX_COST: u32 = 8;
/// Of one difference.
const METHOD: u32 = 2;
const SEGMENT: u32 = 4;
const SIMILAR_SEGMENT: u32 = 2;
const LENGTH: u32 = 5;

/// The closest endpoint to a request that none fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearest {
    /// Method and template: `GET /users/{id}`.
    pub endpoint: String,
    /// What is different, in words: `the method is POST there`.
    pub because: Vec<String>,
    cost: u32,
}

impl fmt::Display for Nearest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, because {}", self.endpoint, self.because.join(" and "))
    }
}

/// The endpoint with the fewest and smallest differences, when they are few; the first of equals.
pub(super) fn nearest(contract: &Contract, method: &str, path: &str) -> Option<Nearest> {
    let segments: Vec<&str> = crate::trie::segments(path).collect();
    let all = contract.endpoints().iter().map(|endpoint| compare(endpoint, method, &segments));
    all.filter(|near| near.cost <= MAX_COST).min_by_key(|near| near.cost).filter(|near| {
        // With every segment different, nothing is near.
        near.cost < SEGMENT * u32::try_from(segments.len().max(1)).unwrap_or(u32::MAX) || near.cost <= SIMILAR_SEGMENT
    })
}

fn compare(endpoint: &Endpoint, method: &str, segments: &[&str]) -> Nearest {
    // What is missing or too much stands at the end or, as a base path does, at the start.
    let (own, theirs) = (&endpoint.segments, segments);
    let skip = own.len().abs_diff(theirs.len());
    let from_start = differences(own.iter().zip(theirs.iter().copied()), 0);
    let (mut cost, mut because) = if own.len() > theirs.len() {
        let from_end = differences(own[skip..].iter().zip(theirs.iter().copied()), 0);
        if from_end.0 < from_start.0 { from_end } else { from_start }
    } else {
        let from_end = differences(own.iter().zip(theirs[skip..].iter().copied()), skip);
        if from_end.0 < from_start.0 { from_end } else { from_start }
    };
    if skip > 0 {
        cost += LENGTH * u32::try_from(skip).unwrap_or(LENGTH);
        let word = if own.len() > theirs.len() { "more" } else { "fewer" };
        because.push(format!("it has {skip} segment{} {word}", if skip == 1 { "" } else { "s" }));
    }
    if endpoint.method != method {
        cost += METHOD;
        because.insert(0, format!("the method is {} there", endpoint.method));
    }
    Nearest { endpoint: format!("{} {}", endpoint.method, endpoint.template), because, cost }
}

fn differences<'a>(pairs: impl Iterator<Item = (&'a Segment, &'a str)>, first: usize) -> (u32, Vec<String>) {
    let mut out = (0, Vec::new());
    for (at, (own, theirs)) in pairs.enumerate() {
        let Segment::Literal(own) = own else { continue };
        if own == theirs {
            continue;
        }
        out.0 += if similar(own, theirs) { SIMILAR_SEGMENT } else { SEGMENT };
        out.1.push(format!("segment {} is {own:?} there, not {:?}", at + first + 1, crate::token::decode(theirs)));
    }
    out
}

/// The same but for case, plural or a slip of the finger.
fn similar(a: &str, b: &str) -> bool {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let (short, long) = if a.len() <= b.len() { (&a, &b) } else { (&b, &a) };
    long.starts_with(short.as_str()) && short.len() >= 3 || distance_is_small(&a, &b)
}

/// At most two edits (and fewer than half of the letters), by the usual table; segments are short.
fn distance_is_small(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let edited = (diagonal + usize::from(x != y)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], edited);
        }
    }
    row[b.len()] <= 2 && row[b.len()] * 2 < a.len().max(b.len())
}

/// What most accepted requests of an endpoint carried and this one lacks, in words.
pub(super) fn lacks(endpoint: &Endpoint, request: &Request) -> Vec<String> {
    let sent = super::trace::query_pairs(request.query().unwrap_or_default());
    let query = endpoint.parameters().into_iter().filter(|parameter| parameter.location == "query");
    let missing = query.filter(|parameter| parameter.presence > 0.9 && sent.iter().all(|(n, _)| *n != parameter.name));
    let mut out: Vec<String> =
        missing.map(|parameter| format!("the query parameter {} is missing", parameter.name)).collect();
    if endpoint.authorized_share() > 0.9 && request.headers.get("authorization").is_none() {
        out.push("the credential is missing".to_owned());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Body, Exchange, Headers, Model, Response};

    fn contract() -> Contract {
        let mut model = Model::default();
        let calls = [("GET", "/api/users"), ("POST", "/api/users"), ("GET", "/api/users/7"), ("GET", "/api/orders/9")];
        for (id, (method, target)) in calls.into_iter().enumerate() {
            let request = Request { method: method.into(), target: target.into(), ..Request::default() };
            let body = Body { bytes: bytes::Bytes::from_static(b"{}"), truncated: false };
            let response = Response { status: 200, headers: Headers::default(), body };
            model.learn(&Exchange { id: id as u64, received_at_ms: 1, latency_us: 1, request, response });
        }
        model.contract()
    }

    #[test]
    fn the_closest_endpoint_is_told_with_the_reason() {
        let contract = contract();
        let check = |method: &str, path: &str, expected: Option<&str>| {
            let near = nearest(&contract, method, path).map(|near| near.to_string());
            assert_eq!(near.as_deref(), expected, "{method} {path}");
        };
        check("DELETE", "/api/users/7", Some("GET /api/users/{id}, because the method is GET there"));
        check("GET", "/api/usres/7", Some("GET /api/users/{id}, because segment 2 is \"users\" there, not \"usres\""));
        check("GET", "/users/7", Some("GET /api/users/{id}, because it has 1 segment more"));
        check("GET", "/api/orders/9/lines", Some("GET /api/orders/{id}, because it has 1 segment fewer"));
        check("GET", "/robots.txt", None);
    }
}
