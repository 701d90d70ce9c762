//! A refusal taken apart: what it complains of, one by one, and which values of the request it names.
//!
//! Many APIs list what is wrong: a map from names to messages, or an array with an entry for each fault. What is left when
//! these are emptied is the frame. Two refusals with one frame can be put together.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::twin::behaviour::Source;

/// A piece of a container: where that is (JSON Pointer, RFC 6901), the key in a map, the value.
#[derive(Debug, Clone)]
pub(super) struct ToldPart {
    pub(super) at: String,
    pub(super) key: Option<String>,
    pub(super) value: Value,
}

/// Names that calls of an endpoint use, in one spelling, with the places where they do.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<String, Vec<Source>>);

/// One fault, as a refusal tells it.
#[derive(Debug, Clone)]
pub(super) struct Complaint {
    /// The places that its name fits, if it has one.
    pub(super) named: Vec<Source>,
    /// Where it stands in the body; nothing when the body as a whole is one complaint.
    pub(super) parts: Vec<ToldPart>,
    /// All its words, for hints.
    pub(super) text: String,
    /// The numbers it tells, bounds perhaps.
    pub(super) numbers: Vec<f64>,
}

/// Members that tell what was sent, or how the message came about: not lists of faults.
const ASIDE: &[&str] = &["input", "value", "ctx", "context", "params", "received", "stack", "meta", "links"];
/// Members of an error that may also be the name of somebody's field.
const COMMON: &[&str] =
    &["message", "error", "detail", "title", "status", "code", "name", "type", "description", "reason"];

impl Names {
    pub(super) fn add(&mut self, name: &str, source: Source) {
        let places = self.0.entry(plain(name)).or_default();
        if !places.contains(&source) {
            places.push(source);
        }
    }

    /// The places that a name, a dotted path or a JSON Pointer (RFC 6901) stands for.
    fn places(&self, name: &str) -> Option<&Vec<Source>> {
        let last = name.rsplit(['/', '.']).next()?;
        self.0.get(&plain(last)).filter(|_| !last.is_empty())
    }

    /// The places that words speak of: in quotes, else the longest names first, those inside others left out.
    fn in_words(&self, text: &str) -> Vec<Source> {
        let quoted: Vec<Source> = quoted(text).filter_map(|word| self.places(word)).flatten().cloned().collect();
        if !quoted.is_empty() {
            return quoted;
        }
        let words = words(text);
        let mut taken = vec![false; words.len()];
        let mut found: Vec<(usize, Vec<Source>)> = Vec::new();
        for length in (1..=4.min(words.len())).rev() {
            for from in 0..=words.len() - length {
                let name = words[from..from + length].concat();
                if taken[from..from + length].contains(&true) || name.len() < 2 {
                    continue;
                }
                if let Some(places) = self.0.get(&name) {
                    taken[from..from + length].fill(true);
                    found.push((from, places.clone()));
                }
            }
        }
        found.sort_by_key(|(from, _)| *from);
        found.into_iter().flat_map(|(_, places)| places).collect()
    }
}

/// Letters and digits in lower case: `first_name`, `firstName` and `First Name` are one name.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The words of a text; capitals within a word begin another one.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut lower = false;
    for c in text.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && lower) {
            out.push(String::new());
        }
        if c.is_alphanumeric() {
            out.last_mut().expect("never empty").extend(c.to_lowercase());
        }
        lower = c.is_lowercase();
    }
    out.retain(|word| !word.is_empty());
    out
}

/// What stands between quotes or brackets.
pub(super) fn quoted(text: &str) -> impl Iterator<Item = &str> {
    let pairs = [('"', '"'), ('\'', '\''), ('`', '`'), ('[', ']')];
    pairs.into_iter().flat_map(move |(open, close)| {
        let mut rest = text;
        std::iter::from_fn(move || {
            let from = rest.find(open)? + open.len_utf8();
            let to = from + rest[from..].find(close)?;
            let inner = &rest[from..to];
            rest = &rest[to + close.len_utf8()..];
            Some(inner)
        })
    })
}

/// The complaints of a refusal.
pub(super) fn read(body: Option<&Value>, raw: &str, names: &Names) -> Vec<Complaint> {
    let Some(body) = body else {
        return vec![Complaint {
            named: names.in_words(raw),
            parts: vec![],
            numbers: vec![],
            text: raw.to_lowercase(),
        }];
    };
    let mut found = Vec::new();
    containers(body, "", names, &mut found);
    if found.is_empty() {
        let mut told = Told::default();
        told.read(body);
        return vec![told.complaint(names, vec![])];
    }
    // The same name in two containers is one complaint told twice.
    let mut by_name: BTreeMap<(usize, String), Vec<(ToldPart, Value)>> = BTreeMap::new();
    let mut order = Vec::new();
    for (at, container) in found {
        for (name, nth, key, value) in entries(container, names) {
            let part = ToldPart { at: at.clone(), key, value: value.clone() };
            let id = (nth, name);
            if !by_name.contains_key(&id) {
                order.push(id.clone());
            }
            by_name.entry(id).or_default().push((part, value));
        }
    }
    let one = |id: (usize, String)| {
        let parts = by_name.remove(&id).unwrap_or_default();
        let mut told = Told::default();
        parts.iter().for_each(|(_, value)| told.read(value));
        let parts: Vec<ToldPart> = parts.into_iter().map(|(part, _)| part).collect();
        let mut complaint = told.complaint(names, parts);
        if let Some(places) = names.places(&id.1) {
            complaint.named.clone_from(places);
        }
        complaint
    };
    order.into_iter().map(one).collect()
}

/// The body with its containers emptied.
pub(super) fn frame(body: &Value, complaints: &[Complaint]) -> Value {
    let mut frame = body.clone();
    for part in complaints.iter().flat_map(|complaint| &complaint.parts) {
        match frame.pointer_mut(&part.at) {
            Some(Value::Object(object)) => object.clear(),
            Some(Value::Array(items)) => items.clear(),
            _ => {}
        }
    }
    frame
}

fn containers<'b>(value: &'b Value, at: &str, names: &Names, out: &mut Vec<(String, &'b Value)>) {
    let is = match value {
        Value::Object(object) => {
            let known = |name: &String| names.places(name).is_some();
            let tells = |value: &Value| value.is_string() || value.as_array().is_some_and(|items| !items.is_empty());
            let at_root = at.is_empty();
            !object.is_empty()
                && object.keys().all(known)
                && object.values().all(tells)
                && (!at_root || object.iter().all(|(name, value)| value.is_array() || !COMMON.contains(&name.as_str())))
        }
        Value::Array(items) => {
            !items.is_empty() && items.iter().all(|item| !item.is_array() && name_of(item, names).is_some())
        }
        _ => false,
    };
    if is {
        out.push((at.to_owned(), value));
        return;
    }
    let aside = |name: &str| ASIDE.contains(&name.to_ascii_lowercase().as_str());
    match value {
        Value::Object(object) => {
            for (name, inner) in object.iter().filter(|(name, _)| !aside(name)) {
                let step = name.replace('~', "~0").replace('/', "~1");
                containers(inner, &format!("{at}/{step}"), names, out);
            }
        }
        Value::Array(items) => {
            for (i, inner) in items.iter().enumerate() {
                containers(inner, &format!("{at}/{i}"), names, out);
            }
        }
        _ => {}
    }
}

/// The entries of a container: the name, the how-manieth of that name, the key in a map, the value.
fn entries(container: &Value, names: &Names) -> Vec<(String, usize, Option<String>, Value)> {
    let mut out: Vec<(String, usize, Option<String>, Value)> = Vec::new();
    let mut push = |name: &str, key: Option<String>, value: Value| {
        let nth = out.iter().filter(|(own, ..)| own == name).count();
        out.push((name.to_owned(), nth, key, value));
    };
    match container {
        Value::Object(object) => {
            for (name, value) in object {
                match value {
                    Value::Array(items) => {
                        items.iter().for_each(|item| push(name, Some(name.clone()), Value::from(vec![item.clone()])))
                    }
                    one => push(name, Some(name.clone()), one.clone()),
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                push(&name_of(item, names).unwrap_or_default(), None, item.clone());
            }
        }
        _ => {}
    }
    out
}

/// The name that an entry of a list of faults has: a text that is one, the end of a list that is a path, else a word of its
/// message.
fn name_of(entry: &Value, names: &Names) -> Option<String> {
    fn exact(value: &Value, names: &Names) -> Option<String> {
        match value {
            Value::String(text) if text.len() <= 80 && !text.contains(' ') => {
                names.places(text).map(|_| text.rsplit(['/', '.']).next().unwrap_or(text).to_owned())
            }
            Value::Array(items) => items.last().and_then(|last| exact(last, names)),
            _ => None,
        }
    }
    match entry {
        Value::Object(object) => {
            let aside = |name: &str| ASIDE.contains(&name.to_ascii_lowercase().as_str());
            let inner = || object.iter().filter(|(name, _)| !aside(name)).map(|(_, inner)| inner);
            let lists = inner().filter(|value| value.is_array()).find_map(|value| exact(value, names));
            let source =
                object.get("source").and_then(|source| source.get("pointer").or_else(|| source.get("parameter")));
            lists
                .or_else(|| source.and_then(|value| exact(value, names)))
                .or_else(|| inner().find_map(|value| exact(value, names)))
                .or_else(|| inner().filter_map(Value::as_str).find_map(|text| word(text, names)))
        }
        Value::String(text) => exact(entry, names).or_else(|| word(text, names)),
        _ => None,
    }
}

fn word(text: &str, names: &Names) -> Option<String> {
    let first = names.in_words(text).into_iter().next()?;
    Some(match first {
        Source::Body(path) => path.last()?.clone(),
        Source::Query(name) | Source::Header(name) => name,
        _ => return None,
    })
}

/// The words and numbers of a complaint.
#[derive(Default)]
struct Told {
    text: String,
    numbers: Vec<f64>,
}

impl Told {
    fn read(&mut self, value: &Value) {
        match value {
            Value::String(text) => {
                self.text.push_str(text);
                self.text.push('\n');
                self.numbers.extend(numbers(text));
            }
            Value::Number(number) => self.numbers.extend(number.as_f64()),
            Value::Array(items) => items.iter().for_each(|item| self.read(item)),
            Value::Object(object) => object.iter().for_each(|(name, inner)| {
                // `min_length: 2` says more than the number.
                if inner.is_number() {
                    self.text.push_str(name);
                    self.text.push('\n');
                }
                self.read(inner);
            }),
            _ => {}
        }
    }

    fn complaint(self, names: &Names, parts: Vec<ToldPart>) -> Complaint {
        let named = names.in_words(&self.text);
        Complaint { named, parts, text: self.text, numbers: self.numbers }
    }
}

fn numbers(text: &str) -> impl Iterator<Item = f64> {
    let parts = text.split(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-')));
    parts.filter_map(|part| part.trim_matches('.').parse::<f64>().ok())
}
