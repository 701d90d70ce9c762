//! How a call is refused: which rules hold, and their words put together.

use bytes::Bytes;
use serde_json::Value;

use super::Answer;
use super::answer::write_json;
use super::behaviour::{Behaviour, Closed, RefusalRule};
use super::causes::Case;
use super::phrase::Words;
use super::trace::Call;
use crate::Headers;

/// How far a refusal carries that was seen in these words, but not of this call.
const BY_HABIT: f64 = 0.5;

/// The refusal of a call, when one of the rules holds.
pub(super) fn refusal(rules: &[RefusalRule], case: &Case<'_>) -> Option<Answer> {
    let mut holding = rules.iter().filter(|rule| rule.cause.holds(case));
    let first = holding.next()?;
    let mut told = Told::of(first, case);
    // An API that lists faults lists all of them, of each value the first.
    if !first.lists.is_empty() {
        let mut places: Vec<_> = first.cause.place().into_iter().collect();
        for other in holding.filter(|other| other.sample.status == first.sample.status && !other.lists.is_empty()) {
            let place = other.cause.place();
            if place.is_some_and(|place| places.contains(&place)) {
                continue;
            }
            places.extend(place);
            let more = Told::of(other, case);
            if more.empty == told.empty {
                told.add(other, &more.pieces);
            }
        }
    }
    let mut answer = told.answer(first);
    answer.confidence = (0.55 + 0.15 * f64::from(first.support)).min(0.95);
    answer.reason = format!("refused: {}", first.cause);
    Some(answer)
}

/// A refusal that holds for any call: of an unknown path, of a method that a path has not.
pub(super) fn replayed(rule: &RefusalRule, call: &Call, reason: &str) -> Answer {
    let words = Words { call, place: None, is_key: false, offender: None, row: None };
    let mut answer = Told::filled(rule, &words).answer(rule);
    answer.confidence = BY_HABIT;
    reason.clone_into(&mut answer.reason);
    answer
}

/// What is known of a method that a path was never seen to have: that it is refused there, or that methods are refused
/// elsewhere. `allowed` are the methods that it has.
pub(super) fn closed(behaviour: &Behaviour, template: &str, call: &Call, allowed: &[&str]) -> Option<Answer> {
    let own = behaviour.closed.iter().find(|own| own.template == template && own.method == call.method);
    if let Some(own) = own {
        let alike = |rule: &&RefusalRule| rule.sample.call.credential.is_some() == call.credential.is_some();
        let rule = own.refusals.iter().find(alike).or_else(|| own.refusals.first())?;
        let mut answer = replayed(rule, call, "as the API refuses this method here");
        answer.confidence = 0.9;
        return Some(answer);
    }
    let of_a_method = |closed: &Closed| closed.refusals.iter().find(|rule| rule.sample.status == 405).cloned();
    let rule = behaviour.closed.iter().find_map(of_a_method)?;
    let mut answer = replayed(&rule, call, "as the API refuses methods elsewhere");
    // RFC 9110 §15.5.6 asks for the field; this path's methods are not the other one's.
    if let Some((_, value)) = answer.headers.0.iter_mut().find(|(name, _)| name == "allow") {
        let mut methods: Vec<&str> = allowed.to_vec();
        let implied = ["HEAD", "OPTIONS"].into_iter().filter(|method| value.contains(method));
        methods.extend(implied.filter(|method| !allowed.contains(method)));
        *value = methods.join(", ");
    }
    Some(answer)
}

/// A refusal with its slots filled.
struct Told {
    frame: Value,
    /// The frame before anything was put into it.
    empty: Value,
    pieces: Vec<(Value, Value)>,
    headers: Headers,
}

impl Told {
    fn of(rule: &RefusalRule, case: &Case<'_>) -> Self {
        let offender = rule.cause.offender(case.call);
        let row = case.target().map(|row| &row.fields);
        let place = rule.cause.place();
        Self::filled(rule, &Words { call: case.call, place, is_key: false, offender: offender.as_deref(), row })
    }

    fn filled(rule: &RefusalRule, words: &Words<'_>) -> Self {
        let mut filled = words.fill(&rule.words);
        let empty = filled[0].take();
        let pieces = filled[1].as_array_mut().map(std::mem::take).unwrap_or_default();
        let pieces: Vec<(Value, Value)> =
            pieces.into_iter().map(|mut piece| (piece[0].take(), piece[1].take())).collect();
        let fields = filled[2].as_object().into_iter().flatten();
        let fields = fields.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        let mut told = Self { frame: empty.clone(), empty, pieces: vec![], headers: Headers(fields.collect()) };
        told.add(rule, &pieces);
        told.pieces = pieces;
        told
    }

    fn add(&mut self, rule: &RefusalRule, pieces: &[(Value, Value)]) {
        for (at, (key, value)) in rule.lists.iter().zip(pieces) {
            match (self.frame.pointer_mut(at), key.as_str()) {
                (Some(Value::Object(map)), Some(key)) => match (map.get_mut(key), value) {
                    (None, _) => drop(map.insert(key.to_owned(), value.clone())),
                    (Some(Value::Array(own)), Value::Array(more)) => {
                        own.extend(more.iter().filter(|one| !own.contains(one)).cloned().collect::<Vec<_>>());
                    }
                    _ => {}
                },
                (Some(Value::Array(list)), _) if !list.contains(value) => list.push(value.clone()),
                _ => {}
            }
        }
    }

    fn answer(self, rule: &RefusalRule) -> Answer {
        let body = match (&rule.sample.body, &self.frame) {
            (None, Value::String(text)) => Bytes::from(text.clone()),
            (None, _) => rule.sample.raw.clone(),
            (Some(_), frame) => write_json(frame, &rule.sample.raw),
        };
        Answer { status: rule.sample.status, headers: self.headers, body, confidence: 0.0, reason: String::new() }
    }
}
