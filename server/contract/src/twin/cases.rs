//! One endpoint that does several things, told apart by what its calls have.
//!
//! A POST may take one object or a list of them, a page may greet who signed in, an RPC endpoint may choose the operation
//! by a header or a member. Each such case is mined and answered as an endpoint of its own, so that no rule has to explain
//! answers of different kinds at once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::behaviour::PageRole;
use super::behaviour::{Behaviour, Rule};
use super::select::{Role, role_of};
use super::trace::{Call, Seen, Sent, Trace};

/// Separates the endpoint's id from its case; no id has it.
const MARK: char = '\u{1f}';
/// An operation is chosen by one of a few words.
const MAX_WORDS: usize = 40;
/// Each word must have been used so often on average; what is used once is data.
const USES_PER_WORD: f64 = 2.0;
/// How alike the answers of one case are at least, and of all cases together at most, for a choice by word: 0 to 1.
const ALIKE_WITHIN: f64 = 0.9;
const ALIKE_OVERALL: f64 = 0.7;

/// Header fields that choose a representation or speak of the connection, not an operation.
const PLAIN_FIELDS: [&str; 22] = [
    "host",
    "user-agent",
    "accept",
    "accept-encoding",
    "accept-language",
    "accept-charset",
    "connection",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "authorization",
    "proxy-authorization",
    "cookie",
    "date",
    "origin",
    "referer",
    "cache-control",
    "pragma",
    "expect",
    "te",
    "range",
    "if-none-match",
];

/// What tells the cases of an endpoint apart.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Split {
    /// Nothing, one object, or a list in the request body.
    Body,
    /// With or without a credential.
    Signed,
    /// The value of a header field.
    Header(String),
    /// The text of a member of the request body.
    Member(String),
    /// The value of a query parameter.
    Query(String),
    /// With or without a query parameter that asks for a page.
    Paged(String),
}

impl Split {
    fn of(&self, call: &Call) -> String {
        match self {
            Self::Body => body_kind(&call.sent).to_owned(),
            Self::Signed => if call.credential.is_some() { "signed" } else { "anonymous" }.to_owned(),
            Self::Header(name) => call.headers.get(name).unwrap_or_default().to_owned(),
            Self::Paged(name) => if call.query(name).is_some() { "paged" } else { "whole" }.to_owned(),
            Self::Query(name) => call.query(name).unwrap_or_default().to_owned(),
            Self::Member(name) => {
                let member = call.sent.value().and_then(|body| body.get(name));
                member.and_then(Value::as_str).unwrap_or_default().to_owned()
            }
        }
    }
}

/// The cases of all endpoints that have more than one.
#[derive(Debug, Clone, Default)]
pub(super) struct Cases {
    by_endpoint: HashMap<String, Known>,
}

#[derive(Debug, Clone)]
struct Known {
    split: Split,
    /// The cases that had a good answer, the commonest first.
    cases: Vec<String>,
}

impl Cases {
    /// Finds the cases and makes each an endpoint of its own.
    pub(super) fn divide(trace: &mut Trace) -> Self {
        let mut found = Self::default();
        for endpoint in 0..trace.endpoints.len() {
            let seen: Vec<&Seen> = trace.of(endpoint).map(|(_, seen)| seen).collect();
            if let Some(split) = split(&seen) {
                let known = Known { cases: cases(&split, &seen), split };
                found.by_endpoint.insert(trace.endpoints[endpoint].id.clone(), known);
            }
        }
        let mut numbers: HashMap<String, usize> = HashMap::new();
        for at in 0..trace.seen.len() {
            let endpoint = trace.seen[at].endpoint;
            let id = trace.endpoints[endpoint].id.clone();
            let Cow::Owned(own) = found.id(&id, &trace.seen[at].call) else { continue };
            let number = *numbers.entry(own.clone()).or_insert_with(|| {
                let mut place = trace.endpoints[endpoint].clone();
                place.id = own;
                trace.endpoints.push(place);
                trace.endpoints.len() - 1
            });
            trace.seen[at].endpoint = number;
        }
        found
    }

    /// The id of the rule for a call: the endpoint's own, or that of one of its cases.
    pub(super) fn id<'i>(&self, endpoint: &'i str, call: &Call) -> Cow<'i, str> {
        let Some(known) = self.by_endpoint.get(endpoint) else { return Cow::Borrowed(endpoint) };
        let case = known.split.of(call);
        let case = known.cases.iter().find(|own| **own == case).or(known.cases.first());
        case.map_or(Cow::Borrowed(endpoint), |case| Cow::Owned(named(endpoint, case)))
    }

    fn ids(&self, endpoint: &str) -> Vec<String> {
        match self.by_endpoint.get(endpoint) {
            Some(known) => known.cases.iter().map(|case| named(endpoint, case)).collect(),
            None => vec![endpoint.to_owned()],
        }
    }
}

fn named(endpoint: &str, case: &str) -> String {
    format!("{endpoint}{MARK}{case}")
}

impl Behaviour {
    /// The rule for a call of an endpoint.
    pub(super) fn rule(&self, endpoint: &str, call: &Call) -> Option<&Rule> {
        self.rules.get(self.cases.id(endpoint, call).as_ref())
    }

    /// The rules for all cases of an endpoint, the commonest first.
    pub(super) fn rules_of<'b>(&'b self, endpoint: &str) -> impl Iterator<Item = &'b Rule> + use<'b> {
        self.cases.ids(endpoint).into_iter().filter_map(|id| self.rules.get(&id))
    }
}

fn cases(split: &Split, seen: &[&Seen]) -> Vec<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for seen in seen.iter().filter(|seen| seen.status < 400) {
        *counts.entry(split.of(&seen.call)).or_insert(0) += 1;
    }
    let mut cases: Vec<(String, usize)> = counts.into_iter().collect();
    cases.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    cases.into_iter().map(|(case, _)| case).collect()
}

fn split(seen: &[&Seen]) -> Option<Split> {
    let good: Vec<&Seen> = seen.iter().copied().filter(|seen| seen.status < 400).collect();
    if good.len() < 2 {
        return None;
    }
    if by_body(&good) {
        return Some(Split::Body);
    }
    if let Some(name) = by_page(&good) {
        return Some(Split::Paged(name));
    }
    by_word(&good).or_else(|| by_credential(&good).then_some(Split::Signed))
}

fn body_kind(sent: &Sent) -> &'static str {
    match sent {
        Sent::Value(Value::Array(_)) => "list",
        Sent::Value(Value::Object(_)) => "object",
        Sent::Value(_) => "scalar",
        Sent::Nothing => "none",
        Sent::Malformed | Sent::Opaque => "other",
    }
}

/// A list is many of what an object is one of.
fn by_body(good: &[&Seen]) -> bool {
    let has = |kind: &str| good.iter().any(|seen| body_kind(&seen.call.sent) == kind);
    has("list") && has("object")
}

/// The parameter that asks for a page, where pages come in an envelope that whole lists do not have.
fn by_page(good: &[&Seen]) -> Option<String> {
    let pages = |role: Role| {
        matches!(role.role, PageRole::Page | PageRole::Limit | PageRole::Offset | PageRole::Cursor | PageRole::After)
    };
    let names: BTreeSet<&str> = good.iter().flat_map(|seen| &seen.call.query).map(|(name, _)| name.as_str()).collect();
    let mut names = names.into_iter().filter(|name| role_of(&[(*name).to_owned()]).is_some_and(pages));
    let tells = |name: &&str| {
        let (paged, whole): (Vec<&Seen>, Vec<&Seen>) =
            good.iter().copied().partition(|seen| seen.call.query(name).is_some());
        let lists = |seen: &[&Seen]| seen.iter().all(|seen| seen.reply.as_ref().is_some_and(holds_list));
        let (paged_shape, whole_shape) = (Shape::of(&paged), Shape::of(&whole));
        !paged.is_empty() && !whole.is_empty() && lists(&paged) && lists(&whole) && paged_shape.shows_more(&whole_shape)
    };
    names.find(tells).map(str::to_owned)
}

/// An array, or an object with one.
fn holds_list(reply: &Value) -> bool {
    reply.is_array() || reply.as_object().is_some_and(|object| object.values().any(Value::is_array))
}

/// Answers with a credential show what answers without one never do.
fn by_credential(good: &[&Seen]) -> bool {
    let (signed, anonymous): (Vec<&Seen>, Vec<&Seen>) =
        good.iter().copied().partition(|seen| seen.call.credential.is_some());
    let (signed, anonymous) = (Shape::of(&signed), Shape::of(&anonymous));
    // Twice at least on either side: a member may be missing once for many reasons.
    signed.count >= 2 && anonymous.count >= 2 && (signed.shows_more(&anonymous) || anonymous.shows_more(&signed))
}

/// The word in the request that decides what the answer looks like.
fn by_word(good: &[&Seen]) -> Option<Split> {
    let overall = Shape::of(good);
    if overall.alike() > ALIKE_OVERALL {
        return None;
    }
    let fits = |split: &Split| {
        let mut groups: BTreeMap<String, Vec<&Seen>> = BTreeMap::new();
        for seen in good {
            groups.entry(split.of(&seen.call)).or_default().push(seen);
        }
        let enough =
            (2..=MAX_WORDS).contains(&groups.len()) && good.len() as f64 >= groups.len() as f64 * USES_PER_WORD;
        let within: f64 = groups.values().map(|group| Shape::of(group).alike() * group.len() as f64).sum();
        (enough && within / good.len() as f64 >= ALIKE_WITHIN).then_some(groups.len())
    };
    // The fewest words explain best.
    let fitting = candidates(good).into_iter().filter_map(|split| Some((fits(&split)?, split)));
    fitting.min_by_key(|(words, _)| *words).map(|(_, split)| split)
}

/// What every call has: header fields of the API's own and members with a short text.
fn candidates(good: &[&Seen]) -> Vec<Split> {
    let Some(first) = good.first() else { return vec![] };
    let is_word = |text: &str| !text.is_empty() && text.len() <= 80 && !text.contains(' ');
    let fields = first.call.headers.0.iter().map(|(name, _)| name.as_str());
    let fields = fields.filter(|name| !PLAIN_FIELDS.contains(name)).collect::<BTreeSet<_>>();
    let headers = fields.into_iter().map(|name| Split::Header(name.to_owned()));
    let members = first.call.sent.value().and_then(Value::as_object).into_iter().flatten();
    let members = members.filter(|(_, value)| value.is_string()).map(|(name, _)| Split::Member(name.clone()));
    let parameters = first.call.query.iter().map(|(name, _)| Split::Query(name.clone()));
    let all = headers.chain(members).chain(parameters);
    all.filter(|split| good.iter().all(|seen| is_word(&split.of(&seen.call)))).collect()
}

/// What some answers have in common.
struct Shape<'s> {
    count: usize,
    kinds: BTreeSet<&'static str>,
    /// Members of those that are objects, with the number of answers that have each.
    members: BTreeMap<&'s str, usize>,
}

impl<'s> Shape<'s> {
    fn of(seen: &[&'s Seen]) -> Self {
        let mut shape = Self { count: seen.len(), kinds: BTreeSet::new(), members: BTreeMap::new() };
        for seen in seen {
            shape.kinds.insert(match &seen.reply {
                None => "none",
                Some(Value::Null) => "null",
                Some(Value::Array(_)) => "list",
                Some(Value::Object(_)) => "object",
                Some(_) => "scalar",
            });
            for name in seen.reply.as_ref().and_then(Value::as_object).into_iter().flat_map(|object| object.keys()) {
                *shape.members.entry(name).or_insert(0) += 1;
            }
        }
        shape
    }

    fn always(&self) -> impl Iterator<Item = &str> {
        self.members.iter().filter(|(_, count)| **count == self.count).map(|(name, _)| *name)
    }

    /// Every answer here is of a kind, or has a member, that no answer there has.
    fn shows_more(&self, other: &Self) -> bool {
        self.kinds.is_disjoint(&other.kinds) || self.always().any(|name| !other.members.contains_key(name))
    }

    /// The share of members that an answer has of all that some answer has; 0 where the kinds differ.
    fn alike(&self) -> f64 {
        if self.kinds.len() > 1 {
            return 0.0;
        }
        let all = self.members.len() * self.count;
        if all == 0 { 1.0 } else { self.members.values().sum::<usize>() as f64 / all as f64 }
    }
}
