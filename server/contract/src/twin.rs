//! Answers in the place of the API.
//!
//! Three parts: the [`Journal`] keeps the newest exchanges as they were; [`Behaviour`] is mined from journal and contract
//! (classes of entities, rules, explanations) and is immutable; [`State`] holds the entities, and every answer may
//! change it.
//!
//! The idea is *explain every value, then replay the explanation*: each value of a recorded answer is put down to where
//! it came from (the request, a stored entity, the caller, a clock, a counter, nothing but habit), by trying the
//! candidates on all recorded exchanges and keeping what held. `mine` does that; `answer` replays it.

mod aliases;
mod answer;
mod behaviour;
mod cases;
mod causes;
mod classes;
mod complete;
mod echoes;
mod fault;
mod generate;
mod inspect;
mod journal;
mod json_patch;
mod jwt;
mod keep;
mod kinship;
mod maker;
mod manners;
mod merge_patch;
mod mine;
mod nearest;
mod observe;
mod paging;
mod phrase;
mod query;
mod refuse;
mod rehearse;
mod select;
mod show;
mod template;
mod timed;
mod told;
mod trace;
mod value;
mod wish;
mod world;
mod write;

use bytes::Bytes;

pub(crate) use generate::Generator;

pub use behaviour::Behaviour;
pub use echoes::Echoes;
pub use inspect::{Collection, Entity, Example, Refused};
pub use journal::Journal;
pub use keep::{Extent, RestoreError};
pub use maker::{Make, Wanted};
pub use merge_patch::merge_patch;
pub use nearest::Nearest;
pub use rehearse::{Kind, Mismatch, Score, rehearse};
pub use told::answer;
pub use value::shifted_time;
pub use wish::{Granted, Wish, answer_as};
pub use world::State;

use crate::Headers;

/// Another text of the same shape.
pub(crate) fn like(sample: &str, seed: u64) -> String {
    value::same_shape(sample, seed)
}

/// Another credential of the same form, for a [`Context`] without redaction; 16 hex digits where there is no form.
#[must_use]
pub fn credential_like(nonce: u64, like: &str) -> String {
    if like.is_empty() { format!("{nonce:016x}") } else { jwt::renewed(like, nonce) }
}

/// A time as Unix milliseconds, in any of the forms in which APIs write times.
pub(crate) fn time_ms(value: &serde_json::Value) -> Option<u64> {
    let (_, millis) = value::read_time(value).or_else(|| {
        // An API answers in one zone; what people record is told in their own.
        let (local, offset_ms) = offset_ms(value.as_str()?)?;
        let (form, millis) = value::read_time(&serde_json::Value::from(format!("{local}Z")))?;
        Some((form, millis - offset_ms))
    })?;
    u64::try_from(millis).ok()
}

/// A time without its zone (RFC 3339 section 5.6), and how far that is ahead of UTC.
fn offset_ms(text: &str) -> Option<(&str, i64)> {
    let (local, zone) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let sign = match zone.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    Some((local, sign * (hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?) * 60_000))
}

/// What an answer may depend on beside the request, the state and what was learned.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Unix milliseconds.
    pub now_ms: u64,
    pub seed: u64,
    /// Below it the twin refuses, 0 to 1.
    pub min_confidence: f64,
    /// Makes a credential from a nonce and one that the API gave (empty where none is known), in whose form it should be; of
    /// a JSON Web Token only the signature is to be made. What it returns must be left alone by the redaction in front of the
    /// twin, or the client's next call would not be recognised.
    pub mint: &'a dyn Fn(u64, &str) -> String,
    /// Asked first where nothing explains a value.
    pub make: Option<Make<'a>>,
}

impl Context<'_> {
    /// Who makes values for an answer of this endpoint, and for the thing that `of` names.
    fn maker<'b>(&'b self, endpoint: &'b crate::Endpoint, of: &[&str]) -> Option<maker::Maker<'b>> {
        let seed = value::hash(&[of, &[&self.seed.to_string()]].concat());
        Some(maker::Maker { make: self.make?, method: &endpoint.method, template: &endpoint.template, seed })
    }
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("now_ms", &self.now_ms).field("seed", &self.seed).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub headers: Headers,
    pub body: Bytes,
    /// 0 to 1.
    pub confidence: f64,
    /// In a few words why this answer: `read posts/7`, `unknown id of posts`.
    pub reason: String,
}

/// Why the twin gives no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// `closest` explains the near miss, when there is one; `as_api` is what the API itself was seen to say of paths it
    /// does not know.
    #[error("no endpoint was learned for {method} {path}{}", closest.as_ref().map(|c| format!("; closest is {c}")).unwrap_or_default())]
    UnknownEndpoint { method: String, path: String, closest: Option<Box<Nearest>>, as_api: Option<Box<Answer>> },
    /// `lacks` says what nearly all accepted requests had and this one has not.
    #[error("the evidence for {endpoint} is too thin: confidence {confidence:.2} is below {needed:.2}{}", if lacks.is_empty() { String::new() } else { format!("; {}", lacks.join(" and ")) })]
    ThinEvidence { endpoint: String, confidence: f64, needed: f64, lacks: Vec<String> },
}
