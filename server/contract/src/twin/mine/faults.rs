//! What may be wrong with a value, guessed from the values that were refused and those that were accepted.
//!
//! Every guess tells all accepted values from some refused ones. How likely it is, is a cost: the words of the refusal make a
//! guess cheaper, and so do the numbers in it when they are the bound.

use std::collections::BTreeSet;

use serde_json::Value;

use super::complaints::{quoted, words};
use crate::twin::fault::{Fault, Form, length, number, type_name};
use crate::twin::value::scalar_text;

/// What is known of one place of the request.
pub(super) struct Values<'v> {
    pub(super) refused: Vec<Option<&'v Value>>,
    pub(super) accepted: Vec<Option<&'v Value>>,
    /// Paths, queries and forms have texts only.
    pub(super) texts: bool,
    /// Values that rows have in the field of this name; `None` when no set of them can be closed.
    pub(super) elsewhere: Option<Vec<String>>,
}

/// What a refusal says, for weighing guesses.
pub(super) struct Hints {
    words: BTreeSet<String>,
    quoted: Vec<String>,
    text: String,
    numbers: Vec<f64>,
}

/// What a word of a refusal speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    Absent,
    Null,
    Blank,
    Type,
    Bound,
    Length,
    Form,
    Choice,
    Taken,
    Missing,
    Unknown,
    State,
}

const TOPICS: &[(Topic, &[&str])] = &[
    (Topic::Absent, &["required", "missing", "undefined", "provided", "provide", "absent", "needs", "specify"]),
    (Topic::Null, &["null", "none", "nil"]),
    (Topic::Blank, &["blank", "empty"]),
    (
        Topic::Type,
        &[
            "type", "integer", "int", "number", "string", "boolean", "bool", "array", "list", "object", "parsing",
            "numeric", "float",
        ],
    ),
    (
        Topic::Bound,
        &[
            "greater", "less", "min", "max", "minimum", "maximum", "least", "most", "between", "exceed", "exceeds",
            "large", "small", "negative", "positive", "range", "above", "below", "more", "gt", "ge", "lt", "le",
        ],
    ),
    (Topic::Length, &["length", "characters", "character", "chars", "short", "long", "shorter", "longer", "items"]),
    (
        Topic::Form,
        &[
            "email",
            "mail",
            "url",
            "uri",
            "uuid",
            "guid",
            "date",
            "datetime",
            "format",
            "pattern",
            "match",
            "slug",
            "letters",
            "alphanumeric",
            "hexadecimal",
            "objectid",
            "characters",
        ],
    ),
    (
        Topic::Choice,
        &[
            "choice",
            "choices",
            "allowed",
            "unallowed",
            "enum",
            "option",
            "options",
            "one",
            "supported",
            "unsupported",
            "only",
            "expected",
            "values",
        ],
    ),
    (
        Topic::Taken,
        &[
            "exists",
            "exist",
            "already",
            "unique",
            "uniqueness",
            "taken",
            "duplicate",
            "registered",
            "conflict",
            "use",
            "used",
        ],
    ),
    (Topic::Missing, &["exist", "exists", "found", "unknown", "pk", "reference", "such", "nonexistent"]),
    (
        Topic::Unknown,
        &["unknown", "unexpected", "additional", "unrecognized", "extra", "allowed", "unpermitted", "invalid"],
    ),
    (Topic::State, &["already", "cannot", "status", "state", "transition", "not"]),
];

/// Distinct values of a field that may be a closed set.
const MAX_CHOICES: usize = 12;
/// Accepted uses of each value of a set that nothing in the refusal speaks for.
const USES_OF_EACH: usize = 3;
/// Accepted values that a form without a word for it must fit.
const MIN_FITTING: usize = 4;

impl Hints {
    pub(super) fn new(text: &str, numbers: &[f64]) -> Self {
        Self {
            words: words(text).into_iter().collect(),
            quoted: quoted(text).map(str::to_owned).collect(),
            text: text.to_owned(),
            numbers: numbers.to_vec(),
        }
    }

    pub(super) fn speak_of(&self, topic: Topic) -> bool {
        let own = TOPICS.iter().filter(|(own, _)| *own == topic).flat_map(|(_, words)| *words);
        own.into_iter().any(|word| self.words.contains(*word))
    }

    pub(super) fn mentions(&self, word: &str) -> bool {
        words(word).iter().all(|part| self.words.contains(part)) && !word.is_empty()
    }

    /// Less for what the words speak of, more for what they do not when they speak of something else.
    fn weigh(&self, base: i32, topics: &[Topic]) -> i32 {
        if topics.iter().any(|topic| self.speak_of(*topic)) {
            return base - 10;
        }
        let other =
            TOPICS.iter().any(|(topic, _)| !matches!(topic, Topic::State | Topic::Unknown) && self.speak_of(*topic));
        base + if other { 8 } else { 0 }
    }

    fn or_equal(&self) -> bool {
        self.text.to_lowercase().contains("equal")
            || self.words.contains("ge")
            || self.words.contains("le")
            || self.words.contains("least")
            || self.words.contains("most")
    }
}

/// Guesses with their costs, for one place.
pub(super) fn guesses(values: &Values<'_>, hints: &Hints) -> Vec<(Fault, i32)> {
    let refused: Vec<&Value> = values.refused.iter().filter_map(|value| *value).collect();
    let accepted: Vec<&Value> = values.accepted.iter().filter_map(|value| *value).collect();
    let mut out = vec![
        (Fault::Absent, hints.weigh(12, &[Topic::Absent])),
        (Fault::Null, hints.weigh(4, &[Topic::Null, Topic::Absent])),
        (Fault::Blank, hints.weigh(6, &[Topic::Blank, Topic::Absent])),
        (Fault::Empty, hints.weigh(7, &[Topic::Blank, Topic::Absent])),
    ];
    out.extend(types(values, &refused, &accepted, hints));
    out.extend(forms(&refused, &accepted, hints));
    out.extend(bounds(&refused, &accepted, hints));
    out.extend(lengths(&refused, &accepted, hints));
    out.extend(choices(values, &refused, &accepted, hints));
    if !refused.is_empty() {
        let mut same: Vec<Value> = refused.iter().map(|value| (*value).clone()).collect();
        same.dedup();
        out.push((Fault::Same(same), 45));
    }
    let wrong = |fault: &Fault| values.accepted.iter().any(|value| fault.holds(*value));
    out.retain(|(fault, _)| values.refused.iter().any(|value| fault.holds(*value)) && !wrong(fault));
    out
}

fn types(values: &Values<'_>, refused: &[&Value], accepted: &[&Value], hints: &Hints) -> Option<(Fault, i32)> {
    let mut types: BTreeSet<&'static str> = accepted.iter().map(|value| type_name(value)).collect();
    if values.texts || types.is_empty() {
        return None;
    }
    let says_whole = ["integer", "int", "whole"].iter().any(|word| hints.words.contains(*word));
    let fraction_refused = refused.iter().any(|value| type_name(value) == "number");
    if types.contains("number") || (types.contains("integer") && !says_whole && !fraction_refused) {
        types.extend(["integer", "number"]);
    }
    // Null is another matter, unless it was refused in these words or nothing may be left out here.
    let optional = values.accepted.iter().any(|value| value.is_none());
    if optional && !refused.iter().any(|value| value.is_null()) {
        types.insert("null");
    }
    Some((Fault::Type(types.into_iter().collect()), hints.weigh(8, &[Topic::Type])))
}

fn forms(refused: &[&Value], accepted: &[&Value], hints: &Hints) -> Vec<(Fault, i32)> {
    let texts = |values: &[&Value]| -> Vec<String> {
        values.iter().flat_map(|value| items(value)).filter_map(|value| value.as_str().map(str::to_owned)).collect()
    };
    let (refused, accepted) = (texts(refused), texts(accepted));
    if accepted.is_empty() {
        return vec![];
    }
    let fits =
        |form: &&Form| accepted.iter().all(|text| form.fits(text)) && refused.iter().any(|text| !form.fits(text));
    let named = |form: Form| -> bool {
        let any = |words: &[&str]| words.iter().any(|word| hints.words.contains(*word));
        match form {
            Form::Integer => any(&["integer", "int", "number", "numeric", "whole"]),
            Form::Number => any(&["number", "numeric", "float", "decimal"]),
            Form::Truth => any(&["boolean", "bool"]),
            Form::Email => any(&["email", "mail"]),
            Form::Uuid => any(&["uuid", "guid"]),
            Form::Date | Form::Time => any(&["date", "datetime", "time", "timestamp"]),
            Form::Url => any(&["url", "uri"]),
            Form::Json => any(&["json", "object"]),
            Form::Digits => any(&["digits"]),
            Form::Hex => any(&["hex", "hexadecimal", "objectid", "id"]),
            Form::LowerSlug => any(&["lowercase", "slug"]),
            Form::Slug => any(&["slug", "letters", "alphanumeric", "hyphens", "dashes", "underscores", "characters"]),
            Form::NoBlanks => any(&["spaces", "space", "whitespace", "blanks"]),
            Form::Printable => any(&["characters"]),
        }
    };
    let cost = |(nth, form): (usize, &Form)| {
        let base = if accepted.len() >= MIN_FITTING { 20 } else { 28 } + i32::try_from(nth).unwrap_or(0);
        // Capitals are worth a rule only where they were refused.
        let lower = *form == Form::LowerSlug && !refused.iter().any(|text| Form::Slug.fits(text));
        let penalty = if lower { 30 } else { 0 };
        let strict = matches!(form, Form::Digits | Form::Hex | Form::NoBlanks | Form::Printable) && !named(*form);
        let base = base + penalty + if strict { 10 } else { 0 };
        (Fault::Form(*form), if named(*form) { base - 16 } else { hints.weigh(base, &[Topic::Form]) })
    };
    Form::ALL.iter().filter(fits).enumerate().map(cost).collect()
}

fn bounds(refused: &[&Value], accepted: &[&Value], hints: &Hints) -> Vec<(Fault, i32)> {
    let numbers = |values: &[&Value]| -> Vec<f64> { values.iter().filter_map(|value| number(value)).collect() };
    let (refused, accepted) = (numbers(refused), numbers(accepted));
    let (Some(least), Some(most)) =
        (accepted.iter().copied().reduce(f64::min), accepted.iter().copied().reduce(f64::max))
    else {
        return vec![];
    };
    let mut out = Vec::new();
    let cost = |told: bool| hints.weigh(if told { 6 } else { 16 }, &[Topic::Bound]);
    if let Some(next) = refused.iter().copied().filter(|n| *n > most).reduce(f64::min) {
        let (bound, told) =
            told_bound(&hints.numbers, most, next).map_or_else(|| (between(most, next), false), |n| (n, true));
        let open = bound == next || (bound != most && told && !hints.or_equal() && hints.says_strict());
        out.push((Fault::Above { bound, open }, cost(told)));
    }
    if let Some(next) = refused.iter().copied().filter(|n| *n < least).reduce(f64::max) {
        let (bound, told) =
            told_bound(&hints.numbers, least, next).map_or_else(|| (between(least, next), false), |n| (n, true));
        let open = bound == next || (bound != least && told && !hints.or_equal() && hints.says_strict());
        out.push((Fault::Below { bound, open }, cost(told)));
    }
    out
}

impl Hints {
    /// `greater than 0` leaves 0 out, `max value is 150` does not.
    fn says_strict(&self) -> bool {
        ["greater", "less", "above", "below", "more", "gt", "lt", "positive"]
            .iter()
            .any(|word| self.words.contains(*word))
    }
}

/// A number of the message between the nearest accepted and the nearest refused value.
fn told_bound(numbers: &[f64], accepted: f64, refused: f64) -> Option<f64> {
    let (low, high) = if accepted < refused { (accepted, refused) } else { (refused, accepted) };
    numbers.iter().copied().find(|n| (low..=high).contains(n))
}

/// The roundest number that tells two others apart, near the refused one: a bound is rarely 37, and what was never refused
/// is rather let through.
fn between(accepted: f64, refused: f64) -> f64 {
    let (low, high) = if accepted < refused { (accepted, refused) } else { (refused, accepted) };
    if low <= 0.0 && 0.0 <= high {
        return 0.0;
    }
    let whole = accepted.fract() == 0.0 && refused.fract() == 0.0;
    let mut unit = 10_f64.powf(high.abs().max(low.abs()).log10().ceil());
    while unit >= if whole { 1.0 } else { 1e-6 } {
        for unit in [unit, unit / 2.0] {
            let near =
                if accepted < refused { (refused / unit).floor() * unit } else { (refused / unit).ceil() * unit };
            if (low..=high).contains(&near) {
                return near;
            }
        }
        unit /= 10.0;
    }
    refused
}

fn lengths(refused: &[&Value], accepted: &[&Value], hints: &Hints) -> Vec<(Fault, i32)> {
    let lengths = |values: &[&Value]| -> Vec<usize> { values.iter().filter_map(|value| length(value)).collect() };
    let (refused, accepted) = (lengths(refused), lengths(accepted));
    let (Some(least), Some(most)) = (accepted.iter().min().copied(), accepted.iter().max().copied()) else {
        return vec![];
    };
    let told = |low: usize, high: usize| {
        let whole = hints.numbers.iter().filter(|n| n.fract() == 0.0 && **n >= 0.0).map(|n| *n as usize);
        whole.into_iter().find(|n| (low..=high).contains(n))
    };
    let cost = |told: bool| hints.weigh(if told { 8 } else { 22 }, &[Topic::Length, Topic::Bound]);
    let mut out = Vec::new();
    if let Some(next) = refused.iter().copied().filter(|n| *n > most).min() {
        let found = told(most, next);
        // At the bound itself a text still fits, unless it was refused.
        let bound = found.unwrap_or_else(|| between(most as f64, next as f64) as usize).min(next - 1);
        out.push((Fault::Longer(bound), cost(found.is_some())));
    }
    if let Some(next) = refused.iter().copied().filter(|n| *n < least).max() {
        let found = told(next, least);
        let bound = found.unwrap_or(next + 1).max(next + 1);
        out.push((Fault::Shorter(bound), cost(found.is_some())));
    }
    out
}

/// A closed set: what was accepted, and what the refusal itself lists.
fn choices(values: &Values<'_>, refused: &[&Value], accepted: &[&Value], hints: &Hints) -> Option<(Fault, i32)> {
    let elsewhere = values.elsewhere.as_ref()?;
    let scalars: Vec<String> = accepted
        .iter()
        .flat_map(|value| items(value))
        .filter(|value| value.is_string() || value.is_boolean())
        .filter_map(scalar_text)
        .collect();
    let refused: BTreeSet<String> = refused.iter().flat_map(|value| items(value)).filter_map(scalar_text).collect();
    let known: BTreeSet<String> = scalars.iter().chain(elsewhere).cloned().collect();
    if known.is_empty() || refused.iter().all(|text| known.contains(text)) {
        return None;
    }
    let listed = listed(hints, &refused);
    if listed.len() >= 2 && known.is_subset(&listed) {
        return Some((Fault::NotOneOf(listed.into_iter().collect()), 2));
    }
    let told = hints.speak_of(Topic::Choice);
    let uses = scalars.len() + elsewhere.len();
    let often = uses >= known.len() * USES_OF_EACH || (told && uses > known.len());
    let cost = hints.weigh(22, &[Topic::Choice]);
    // One value alone is a choice where the refusal speaks of one.
    let least = if told { 1 } else { 2 };
    ((least..=MAX_CHOICES).contains(&known.len()) && often)
        .then(|| (Fault::NotOneOf(known.into_iter().collect()), cost))
}

/// The values that a message lists: between quotes, or after a colon or `of` with commas between them.
fn listed(hints: &Hints, refused: &BTreeSet<String>) -> BTreeSet<String> {
    let quoted: BTreeSet<String> = hints.quoted.iter().filter(|text| !refused.contains(*text)).cloned().collect();
    if quoted.len() >= 2 {
        return quoted;
    }
    let end = [" of ", ": ", "["].iter().filter_map(|mark| hints.text.rfind(mark).map(|at| at + mark.len())).max();
    let Some(end) = end else { return BTreeSet::new() };
    let rest = hints.text[end..].replace(" or ", ",").replace(" and ", ",");
    let trim = |text: &str| text.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
    rest.split([',', '|']).map(trim).filter(|text| !text.is_empty() && !refused.contains(text)).collect()
}

/// The items of an array, or the value itself.
fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        one => std::slice::from_ref(one),
    }
}
