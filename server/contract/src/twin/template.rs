//! Values with slots: texts that repeat the row's key, a path parameter, the caller or the address of the API.

use serde_json::Value;

use super::trace::Call;

/// Slots are characters that no JSON text of an API has.
const ORIGIN: char = '\u{e000}';
const KEY: char = '\u{e001}';
const CALLER: char = '\u{e002}';
const FIRST_PARAM: u32 = 0xe010;
const MAX_PARAMS: usize = 16;

/// What fills the slots.
pub(super) struct Slots<'a> {
    pub(super) call: &'a Call,
    pub(super) key: &'a str,
    pub(super) who: Option<&'a str>,
}

impl Slots<'_> {
    /// The value with slots in place of what this call and row repeat; `None` when nothing is repeated.
    pub(super) fn open(&self, value: &Value) -> Option<Value> {
        let opened = each_text(value, &|text| self.open_text(text));
        (opened != *value).then_some(opened)
    }

    pub(super) fn fill(&self, template: &Value) -> Value {
        each_text(template, &|text| self.fill_text(text))
    }

    fn open_text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if let Some(host) = self.call.headers.get("host") {
            for scheme in ["http://", "https://"] {
                text = text.replace(&format!("{scheme}{host}"), &ORIGIN.to_string());
            }
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_str();
        // Words between delimiters; an id may hold dashes and underscores itself.
        while !rest.is_empty() {
            let end = rest.find(is_delimiter).unwrap_or(rest.len());
            out.push_str(&self.slot_of(&rest[..end]).map_or_else(|| rest[..end].to_owned(), |slot| slot.to_string()));
            let next = rest[end..].chars().next().map_or(0, char::len_utf8);
            out.push_str(&rest[end..end + next]);
            rest = &rest[end + next..];
        }
        out
    }

    fn slot_of(&self, word: &str) -> Option<char> {
        if word.is_empty() {
            return None;
        }
        if word == self.key {
            return Some(KEY);
        }
        let param = self.call.params.iter().take(MAX_PARAMS).position(|param| param == word);
        let param = param.and_then(|slot| char::from_u32(FIRST_PARAM + u32::try_from(slot).ok()?));
        param.or_else(|| (self.who == Some(word)).then_some(CALLER))
    }

    fn fill_text(&self, text: &str) -> String {
        if !text.contains(is_slot) {
            return text.to_owned();
        }
        let mut out = String::with_capacity(text.len() + 32);
        for c in text.chars() {
            match c {
                ORIGIN => {
                    out.push_str("http://");
                    out.push_str(self.call.headers.get("host").unwrap_or("localhost"));
                }
                KEY => out.push_str(self.key),
                CALLER => out.push_str(self.who.unwrap_or_default()),
                c if is_slot(c) => {
                    let slot = (u32::from(c) - FIRST_PARAM) as usize;
                    out.push_str(self.call.params.get(slot).map_or("", String::as_str));
                }
                c => out.push(c),
            }
        }
        out
    }
}

fn is_delimiter(c: char) -> bool {
    matches!(c, '/' | '?' | '#' | '&' | '=' | ':' | ',' | ' ' | '"' | '\'' | '(' | ')' | '[' | ']' | '.' | '@')
}

fn is_slot(c: char) -> bool {
    (u32::from(ORIGIN)..FIRST_PARAM + MAX_PARAMS as u32).contains(&u32::from(c))
}

fn each_text(value: &Value, change: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(text)),
        Value::Array(items) => Value::Array(items.iter().map(|item| each_text(item, change)).collect()),
        Value::Object(object) => object.iter().map(|(name, inner)| (name.clone(), each_text(inner, change))).collect(),
        other => other.clone(),
    }
}
