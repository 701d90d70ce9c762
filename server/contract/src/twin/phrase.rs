//! The words of a refusal with slots for what they repeat of the request, or of the row it is about.

use serde_json::{Map, Value};

use super::behaviour::Source;
use super::causes::value_of;
use super::trace::Call;
use super::value::scalar_text;

/// Characters that no JSON text of an API has stand for the slots: for the value as it is, for its text, and for the number
/// that its text is.
const FIRST: u32 = 0xe100;
const MAX_SLOTS: usize = 64;

#[derive(Clone, Copy, PartialEq)]
enum As {
    Itself,
    Text,
    Number,
}
/// A shorter text is found in any sentence; it counts only where it is quoted.
const MIN_TEXT: usize = 3;
/// Members of a body that are looked for.
const MAX_MEMBERS: usize = 48;

/// A value with slots.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Phrase {
    pub(super) value: Value,
    pub(super) slots: Vec<Slot>,
}

/// What fills a slot.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Slot {
    Of(Source),
    Method,
    /// Path and query as sent.
    Target,
    /// Scheme and authority.
    Origin,
    MediaType,
    /// The name that the API does not know.
    Offender,
    /// The row that the path names.
    Row,
    /// How long the refused text is.
    Length,
}

/// What a phrase is opened with, or filled from.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    pub(super) call: &'a Call,
    /// Where the refused value is.
    pub(super) place: Option<&'a Source>,
    /// That value is a key: a number in a sentence is it, and no bound.
    pub(super) is_key: bool,
    pub(super) offender: Option<&'a str>,
    pub(super) row: Option<&'a Map<String, Value>>,
}

impl Words<'_> {
    /// The value with slots in place of what it repeats.
    pub(super) fn open(&self, value: &Value) -> Phrase {
        let mut opening = Opening { words: self, known: self.known(), slots: Vec::new() };
        let value = opening.value("", value);
        Phrase { value, slots: opening.slots }
    }

    pub(super) fn fill(&self, phrase: &Phrase) -> Value {
        fill(&phrase.value, &|slot| self.value(phrase.slots.get(slot)?))
    }

    fn value(&self, slot: &Slot) -> Option<Value> {
        Some(match slot {
            Slot::Of(source) => value_of(source, self.call)?,
            Slot::Method => Value::from(self.call.method.as_str()),
            Slot::Target => Value::from(target(self.call)),
            Slot::Origin => Value::from(format!("http://{}", self.call.headers.get("host").unwrap_or("localhost"))),
            Slot::MediaType => Value::from(self.call.headers.media_type()?),
            Slot::Offender => Value::from(self.offender?),
            Slot::Row => Value::Object(self.row?.clone()),
            Slot::Length => Value::from(value_of(self.place?, self.call)?.as_str().map(|text| text.chars().count())?),
        })
    }

    /// Every part of the request that may be repeated, the likeliest first.
    fn known(&self) -> Vec<(Slot, Value)> {
        let call = self.call;
        let mut out: Vec<Slot> = self.place.map(|of| Slot::Of(of.clone())).into_iter().collect();
        out.extend(self.offender.map(|_| Slot::Offender));
        out.extend(self.place.map(|_| Slot::Length));
        out.extend((0..call.params.len()).rev().map(|slot| Slot::Of(Source::Param(slot))));
        if let Some(body) = call.sent.value() {
            let mut paths = Vec::new();
            members(body, &mut vec![], &mut paths);
            out.extend(paths.into_iter().map(|path| Slot::Of(Source::Body(path))));
        }
        out.extend(call.query.iter().map(|(name, _)| Slot::Of(Source::Query(name.clone()))));
        out.extend([Slot::Of(Source::Path), Slot::Target, Slot::Method, Slot::MediaType]);
        out.extend(call.headers.get("host").map(|_| Slot::Origin));
        let mut known: Vec<(Slot, Value)> =
            out.into_iter().filter_map(|slot| self.value(&slot).map(|value| (slot, value))).collect();
        // A path holds its parameters, so the longer text is looked for first.
        known.sort_by_key(|(_, value)| std::cmp::Reverse(scalar_text(value).map_or(0, |text| text.len())));
        known
    }
}

fn members(value: &Value, path: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
    if out.len() >= MAX_MEMBERS {
        return;
    }
    out.push(path.clone());
    if let (Value::Object(object), true) = (value, path.len() < 4) {
        for (name, inner) in object {
            path.push(name.clone());
            members(inner, path, out);
            path.pop();
        }
    }
}

pub(super) fn target(call: &Call) -> String {
    if call.query.is_empty() {
        return call.path.clone();
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&call.query).finish();
    format!("{}?{query}", call.path)
}

struct Opening<'a> {
    words: &'a Words<'a>,
    known: Vec<(Slot, Value)>,
    slots: Vec<Slot>,
}

impl Opening<'_> {
    fn value(&mut self, name: &str, value: &Value) -> Value {
        // The answer's own media type is not the request's, and the methods of a path are not the one that was used.
        if matches!(name, "content-type" | "allow") {
            return value.clone();
        }
        if let Some((slot, form)) = self.whole(name, value) {
            return Value::from(self.mark(slot, form).to_string());
        }
        match value {
            Value::String(text) => Value::from(self.text(text)),
            Value::Array(items) => Value::Array(items.iter().map(|item| self.value(name, item)).collect()),
            Value::Object(object) => {
                let row = self.words.row.filter(|row| is_row(object, row));
                if row.is_some() {
                    return Value::from(self.mark(Slot::Row, As::Itself).to_string());
                }
                object.iter().map(|(name, inner)| (self.key(name), self.value(name, inner))).collect()
            }
            other => other.clone(),
        }
    }

    /// A name that is the offending one.
    fn key(&mut self, name: &str) -> String {
        match self.words.offender {
            Some(offender) if offender == name => self.mark(Slot::Offender, As::Text).to_string(),
            _ => name.to_owned(),
        }
    }

    /// What the whole value repeats. Small numbers, truths and empty values are repeated by chance, unless their name says
    /// that they are what was sent.
    fn whole(&self, name: &str, value: &Value) -> Option<(Slot, As)> {
        let telling = match value {
            Value::Null | Value::Bool(_) => false,
            Value::Number(number) => number.as_f64().is_some_and(|n| n.abs() >= 10.0),
            Value::String(text) => text.len() >= MIN_TEXT,
            Value::Array(items) => items.len() > 1,
            Value::Object(object) => !object.is_empty(),
        };
        if !telling && !says_sent(name) {
            return None;
        }
        let text = value.is_number().then(|| value.to_string());
        let is = |(slot, known): &&(Slot, Value)| {
            let equal = known == value || (text.is_some() && known.as_str() == text.as_deref());
            equal && (telling && *slot != Slot::Length || matches!(slot, Slot::Of(_)) || says_sent(name))
        };
        let own = |(slot, _): &&(Slot, Value)| self.words.place.is_some_and(|of| *slot == Slot::Of(of.clone()));
        let hits = || self.known.iter().filter(is);
        let (slot, known) = hits().find(own).or_else(|| hits().next())?;
        Some((slot.clone(), if known == value { As::Itself } else { As::Number }))
    }

    fn text(&mut self, text: &str) -> String {
        let mut out = text.to_owned();
        for (slot, value) in self.known.clone() {
            let Some(wanted) = scalar_text(&value).filter(|text| !text.is_empty()) else { continue };
            let free = match (&slot, &value) {
                (Slot::Of(Source::Param(_)), _) => true,
                (Slot::Of(of), _) if self.words.is_key && self.words.place == Some(of) => true,
                // A number in a sentence may as well be a bound.
                (_, Value::Number(_)) => wanted.len() > 3,
                (_, Value::Bool(_)) => false,
                _ => wanted.chars().count() >= MIN_TEXT,
            };
            let mut from = 0;
            while let Some(found) = out[from..].find(&wanted).map(|at| at + from) {
                let end = found + wanted.len();
                if stands_alone(&out, found, end, free) {
                    let mark = self.mark(slot.clone(), As::Text);
                    out.replace_range(found..end, &mark.to_string());
                    from = found + mark.len_utf8();
                } else {
                    from = end;
                }
            }
        }
        out
    }

    fn mark(&mut self, slot: Slot, form: As) -> char {
        let at = self.slots.iter().position(|own| *own == slot).unwrap_or_else(|| {
            self.slots.push(slot);
            self.slots.len() - 1
        });
        let at = at.min(MAX_SLOTS - 1) + form as usize * MAX_SLOTS;
        char::from_u32(FIRST + u32::try_from(at).unwrap_or(0)).unwrap_or('?')
    }
}

/// Whether an object is the row, or a view of it.
fn is_row(object: &Map<String, Value>, row: &Map<String, Value>) -> bool {
    let same = object.iter().filter(|(name, value)| row.get(*name) == Some(*value)).count();
    same >= 2 && same * 4 >= object.len() * 3
}

fn says_sent(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["value", "input", "received", "actual", "given", "rejected"].iter().any(|word| name.contains(word))
}

/// Whether what is found is a word of its own: between quotes, or (when `free`) between other delimiters.
fn stands_alone(text: &str, from: usize, to: usize, free: bool) -> bool {
    let before = text[..from].chars().next_back();
    let after = text[to..].chars().next();
    let quote = |c: Option<char>| c.is_some_and(|c| matches!(c, '"' | '\'' | '`' | '“' | '”' | '‘' | '’'));
    let within = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    (quote(before) && quote(after)) || (free && !within(before) && !within(after))
}

fn slot_of(c: char) -> Option<(usize, As)> {
    let at = u32::from(c).checked_sub(FIRST)? as usize;
    let form = match at / MAX_SLOTS {
        0 => As::Itself,
        1 => As::Text,
        2 => As::Number,
        _ => return None,
    };
    Some((at % MAX_SLOTS, form))
}

fn fill(value: &Value, get: &dyn Fn(usize) -> Option<Value>) -> Value {
    match value {
        Value::String(text) => {
            let mut chars = text.chars();
            let only = chars.next().and_then(slot_of).filter(|_| chars.next().is_none());
            match only {
                Some((slot, As::Itself)) => get(slot).unwrap_or(Value::Null),
                Some((slot, As::Number)) => {
                    let own = get(slot).unwrap_or(Value::Null);
                    own.as_str().and_then(|text| serde_json::from_str(text).ok()).map_or(own, Value::Number)
                }
                _ => Value::from(fill_text(text, get)),
            }
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| fill(item, get)).collect()),
        Value::Object(object) => object.iter().map(|(name, inner)| (fill_text(name, get), fill(inner, get))).collect(),
        other => other.clone(),
    }
}

fn fill_text(text: &str, get: &dyn Fn(usize) -> Option<Value>) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match slot_of(c) {
            Some((slot, _)) => out.push_str(&get(slot).as_ref().and_then(scalar_text).unwrap_or_default()),
            None => out.push(c),
        }
    }
    out
}
