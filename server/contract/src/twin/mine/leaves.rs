//! Values of an answer that belong to no row and repeat no part of the request: the time, something made anew with each
//! answer, a field of the account that signs in.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::Facts;
use crate::twin::behaviour::{Part, TokenForm};
use crate::twin::jwt;
use crate::twin::template::Slots;
use crate::twin::trace::Seen;
use crate::twin::value::{at, key_text, leaf_paths, read_time};
use crate::twin::world::Row;

/// Answers compared for each endpoint.
const MAX_COMPARED: usize = 60;
/// Offsets of a time from the moment of the answer that are one and the same: clocks differ, and answers take a while.
const SAME_WITHIN_MS: i64 = 5_000;
/// A lifetime is at most so long; further away a date is data.
const FAR_MS: i64 = 400 * 86_400_000;
/// Shorter texts repeat by chance, or differ by chance.
const MADE_ANEW_CHARS: usize = 8;

/// The leaves of the answers of an endpoint (outside the covered ones) that are made with each answer.
pub(super) fn mine(
    facts: &Facts<'_>,
    endpoint: usize,
    good: &[(usize, &Seen)],
    covered: &[Vec<String>],
) -> Vec<(Vec<String>, Part)> {
    let known = Known {
        holders: facts.auth.holders(facts.past, endpoint),
        keys: facts.events(endpoint).map(|event| (event.step, event.key.as_str())).collect(),
        callers: &facts.past.callers,
        claims: false,
    };
    let replies: Vec<(usize, &Seen, &Value)> = good
        .iter()
        .rev()
        .take(MAX_COMPARED)
        .filter_map(|(step, seen)| Some((*step, *seen, seen.reply.as_ref()?)))
        .collect();
    let Some(first) = replies.first().and_then(|(.., reply)| reply.as_object()) else { return vec![] };
    let free = |path: &Vec<String>| !covered.iter().any(|part| path.starts_with(part));
    let leaves = leaf_paths(first).into_iter().filter(free);
    leaves.filter_map(|path| Some((path.clone(), explain(&path, &replies, &known)?))).collect()
}

/// What the credentials given at these exchanges have in common.
pub(super) fn token_form(facts: &Facts<'_>, times: &[(usize, String)]) -> TokenForm {
    let like = times.last().map(|(_, credential)| credential.clone()).unwrap_or_default();
    let recent = || times.iter().rev().take(MAX_COMPARED);
    let read = recent().filter_map(|(step, credential)| Some((*step, Value::Object(jwt::claims(credential)?))));
    let said: Vec<(usize, Value)> = read.collect();
    let known = Known {
        holders: recent().filter_map(|time| facts.auth.holder_at(facts.past, time)).collect(),
        keys: HashMap::new(),
        callers: &facts.past.callers,
        claims: true,
    };
    let said: Vec<_> = said.iter().map(|(step, claims)| (*step, &facts.trace.seen[*step], claims)).collect();
    let first = said.first().and_then(|(.., claims)| claims.as_object());
    let leaves = first.map(leaf_paths).unwrap_or_default();
    let claims = leaves.into_iter().filter_map(|path| Some((path.clone(), explain(&path, &said, &known)?))).collect();
    TokenForm { like, claims }
}

/// What is known about the exchanges, by their number.
struct Known<'f> {
    /// The rows of the accounts that the answers let in: exchange, class, row.
    holders: Vec<(usize, usize, &'f Row)>,
    /// The key of the row that the exchange was about.
    keys: HashMap<usize, &'f str>,
    callers: &'f [Option<String>],
    /// They are claims of JSON Web Tokens.
    claims: bool,
}

fn explain(path: &[String], replies: &[(usize, &Seen, &Value)], known: &Known<'_>) -> Option<Part> {
    let values: Vec<(&Seen, &Value)> =
        replies.iter().filter_map(|(_, seen, reply)| Some((*seen, at(reply, path)?))).collect();
    if values.len() < 2 || values.len() < replies.len() {
        return None;
    }
    // Tokens of one second are issued at one time: these claims are times by their names (RFC 7519 §4.1).
    let is_time =
        matches!(path, [name] if known.claims && matches!(name.as_str(), "iat" | "exp" | "nbf" | "auth_time"));
    let explained = held(path, replies, &known.holders).or_else(|| moment(&values, is_time));
    explained.or_else(|| template(path, replies, known)).or_else(|| anew(&values))
}

/// Texts that repeat the path, the row's key or the caller inside of constant words.
fn template(path: &[String], replies: &[(usize, &Seen, &Value)], known: &Known<'_>) -> Option<Part> {
    let mut first: Option<Value> = None;
    let mut distinct = BTreeSet::new();
    for (step, seen, reply) in replies {
        let value = at(reply, path)?;
        let who = known.callers.get(*step).and_then(Option::as_deref);
        let key = known.keys.get(step).copied().unwrap_or_default();
        let opened = Slots { call: &seen.call, key, who }.open(value)?;
        distinct.insert(value.to_string());
        if first.get_or_insert_with(|| opened.clone()) != &opened {
            return None;
        }
    }
    first.filter(|_| distinct.len() >= 2).map(Part::Template)
}

/// A field of the row of who signs in.
fn held(path: &[String], replies: &[(usize, &Seen, &Value)], holders: &[(usize, usize, &Row)]) -> Option<Part> {
    let pairs: Vec<(&Value, &Row)> = holders
        .iter()
        .filter_map(|(step, _, row)| {
            let (.., reply) = replies.iter().find(|(own, ..)| own == step)?;
            Some((at(reply, path)?, *row))
        })
        .collect();
    let class = holders.first()?.1;
    let distinct: BTreeSet<String> = pairs.iter().map(|(value, _)| value.to_string()).collect();
    if distinct.len() < 2 {
        return None;
    }
    let is_key = pairs.iter().all(|(value, row)| *value == &row.key || key_text(value) == key_text(&row.key));
    if is_key {
        let text = pairs.iter().all(|(value, row)| value.is_string() && !row.key.is_string());
        return Some(Part::Holder { class, field: None, text });
    }
    let fields = pairs.first()?.1.fields.keys();
    let mut fields = fields.filter(|field| pairs.iter().all(|(value, row)| row.fields.get(*field) == Some(*value)));
    fields.next().map(|field| Part::Holder { class, field: Some(field.clone()), text: false })
}

/// The time of the answer, or always as long after it.
fn moment(values: &[(&Seen, &Value)], is_time: bool) -> Option<Part> {
    let (form, _) = read_time(values.first()?.1)?;
    let offsets: Option<Vec<i64>> = values
        .iter()
        .map(|(seen, value)| {
            let (own, millis) = read_time(value)?;
            let now = i64::try_from(seen.call.at_ms).ok()?;
            (own == form).then_some(millis - now)
        })
        .collect();
    let offsets = offsets?;
    let (least, most) = (*offsets.iter().min()?, *offsets.iter().max()?);
    let distinct: BTreeSet<String> = values.iter().map(|(_, value)| value.to_string()).collect();
    let moved = distinct.len() >= 2 || is_time;
    (moved && most - least <= SAME_WITHIN_MS && least.abs() <= FAR_MS)
        .then(|| Part::Now { form, offset_ms: rounded(i64::midpoint(least, most)) })
}

/// Lifetimes are whole minutes; a few seconds are the clock's.
pub(super) fn rounded(offset_ms: i64) -> i64 {
    let minute = (offset_ms as f64 / 60_000.0).round() as i64 * 60_000;
    if (offset_ms - minute).abs() <= SAME_WITHIN_MS {
        minute
    } else {
        (offset_ms as f64 / 1000.0).round() as i64 * 1000
    }
}

/// Another text in each answer, all of one form.
fn anew(values: &[(&Seen, &Value)]) -> Option<Part> {
    let texts: Option<Vec<&str>> = values.iter().map(|(_, value)| value.as_str()).collect();
    let texts = texts?;
    let first = texts.first()?;
    let distinct: BTreeSet<&&str> = texts.iter().collect();
    let opaque =
        |text: &&str| text.len() >= MADE_ANEW_CHARS && !text.contains([' ', '/', '@']) && text.len() == first.len();
    (distinct.len() == texts.len() && texts.iter().all(opaque) && is_mixed(first))
        .then(|| Part::Anew { like: (*first).to_owned() })
}

/// Letters and digits together, as ids and tokens have them.
fn is_mixed(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit()) && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}
