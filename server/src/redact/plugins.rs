//! What plugins find in a message, and what it is replaced by.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;
use understudy_contract::Body;
use understudy_plugin_host::redactor::{Message, Side, Text};
use understudy_plugin_host::{PluginSet, RedactorFailed};

use super::Redactor;

/// Handed to a plugin at once; it may take 64 KiB, names and places included.
const PART_BYTES: usize = 32 << 10;
/// A text is looked at so far; when something is found, all of it goes.
const TEXT_BYTES: usize = 8 << 10;
/// So often a token is drawn that no plugin finds in turn, before it is made as for a credential.
const DRAWS: u32 = 8;

/// One message while plugins look at it.
pub(super) struct Look<'a> {
    pub(super) redactor: &'a Redactor,
    pub(super) plugins: &'a PluginSet,
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) side: Side,
}

impl Look<'_> {
    /// The path and query of a request with tokens for what was found.
    pub(super) fn target(&self, target: &str) -> Result<Option<String>, RedactorFailed> {
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let segments: Vec<&str> = path.split('/').collect();
        let pairs: Vec<(&str, Option<&str>)> = query
            .into_iter()
            .flat_map(|query| query.split('&'))
            .map(|pair| pair.split_once('=').map_or((pair, None), |(name, value)| (name, Some(value))))
            .collect();
        let asked = self.plugins.message(&(self.method, target));
        if asked.is_clean() {
            return Ok(None);
        }
        let mut texts: Vec<Text> = segments.iter().map(|segment| text("path", "", &decoded(segment))).collect();
        texts.extend(pairs.iter().map(|(name, value)| text("query", &decoded(name), &decoded(value.unwrap_or("")))));
        let tokens = self.tokens(texts)?;
        if tokens.is_empty() {
            asked.found_nothing();
            return Ok(None);
        }
        let encoded = |raw: &str| {
            let token = tokens.get(&decoded(raw));
            token.map_or_else(|| raw.to_owned(), |token| utf8_percent_encode(token, NON_ALPHANUMERIC).to_string())
        };
        let path: Vec<String> = segments.iter().map(|segment| encoded(segment)).collect();
        let pairs = pairs.iter().map(|(name, value)| match value {
            Some(value) => format!("{name}={}", encoded(value)),
            None => (*name).to_owned(),
        });
        let query = query.map(|_| format!("?{}", pairs.collect::<Vec<_>>().join("&")));
        Ok(Some(path.join("/") + &query.unwrap_or_default()))
    }

    /// A JSON body with tokens for what was found; nobody looks into others. A body that was cut is no JSON.
    pub(super) fn body(&self, body: &mut Body) -> Result<(), RedactorFailed> {
        if body.bytes.is_empty() {
            return Ok(());
        }
        let asked = self.plugins.message(&(self.method, self.path, self.side as u8, &body.bytes));
        if asked.is_clean() {
            return Ok(());
        }
        let Ok(mut value) = serde_json::from_slice::<Value>(&body.bytes) else { return Ok(()) };
        let mut texts = Vec::new();
        leaves(&value, &mut String::new(), "", &mut texts);
        let tokens = self.tokens(texts)?;
        if tokens.is_empty() {
            asked.found_nothing();
        } else {
            replace(&mut value, &tokens);
            body.bytes = Bytes::from(value.to_string());
        }
        Ok(())
    }

    /// A token for each value that was found.
    fn tokens(&self, texts: Vec<Text>) -> Result<BTreeMap<String, String>, RedactorFailed> {
        let mut tokens = BTreeMap::new();
        for found in self.found(texts)? {
            if !tokens.contains_key(&found.value) && !self.redactor.is_token(&found.value) {
                let token = self.token(&found)?;
                tokens.insert(found.value, token);
            }
        }
        Ok(tokens)
    }

    fn found(&self, mut texts: Vec<Text>) -> Result<Vec<Text>, RedactorFailed> {
        let mut found = Vec::new();
        while !texts.is_empty() {
            let rest = texts.split_off(part_len(&texts));
            let indices = self.ask(&mut texts)?;
            found.extend(indices.into_iter().map(|index| texts[index].clone()));
            texts = rest;
        }
        Ok(found)
    }

    /// Lends the texts to the message that is asked about: nearly always they are short, and nothing is copied.
    fn ask(&self, texts: &mut Vec<Text>) -> Result<BTreeSet<usize>, RedactorFailed> {
        let are_short = texts.iter().all(is_short);
        let lent = if are_short { mem::take(texts) } else { texts.iter().map(cut).collect() };
        let (method, path) = (self.method.to_owned(), self.path.to_owned());
        let message = Message { method, path, side: self.side, texts: lent };
        let found = self.plugins.redact(&message);
        if are_short {
            *texts = message.texts;
        }
        found
    }

    /// Of the same shape, and such that no plugin finds it: redacting twice changes nothing.
    fn token(&self, found: &Text) -> Result<String, RedactorFailed> {
        for draw in 0..DRAWS {
            let value = self.redactor.same_shape(&found.value, draw);
            let mut candidates = vec![Text { value, ..cut(found) }];
            if candidates[0].value != found.value && self.ask(&mut candidates)?.is_empty() {
                return Ok(candidates.swap_remove(0).value);
            }
        }
        Ok(self.redactor.token(&found.value))
    }
}

fn text(place: &str, name: &str, value: &str) -> Text {
    Text { place: place.to_owned(), name: name.to_owned(), value: value.to_owned() }
}

/// How many of the texts are handed over at once. One is always small enough.
fn part_len(texts: &[Text]) -> usize {
    let mut bytes = 0;
    let fits = |text: &&Text| {
        bytes += 16 + text.place.len() + text.name.len() + text.value.len().min(TEXT_BYTES);
        bytes <= PART_BYTES
    };
    texts.iter().take_while(fits).count().max(1)
}

fn is_short(text: &Text) -> bool {
    text.place.len() <= TEXT_BYTES && text.name.len() <= TEXT_BYTES && text.value.len() <= TEXT_BYTES
}

fn cut(text: &Text) -> Text {
    let short = |text: &str| text[..text.floor_char_boundary(TEXT_BYTES)].to_owned();
    Text { place: short(&text.place), name: short(&text.name), value: short(&text.value) }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Strings and numbers with their JSON Pointers (RFC 6901).
fn leaves(value: &Value, pointer: &mut String, name: &str, texts: &mut Vec<Text>) {
    let len = pointer.len();
    let mut inside = |part: &str, name: &str, inner: &Value, texts: &mut Vec<Text>| {
        pointer.push('/');
        pointer.push_str(&part.replace('~', "~0").replace('/', "~1"));
        leaves(inner, pointer, name, texts);
        pointer.truncate(len);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(own, inner)| inside(own, own, inner, texts)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, inner)| inside(&i.to_string(), name, inner, texts));
        }
        Value::String(own) => texts.push(text(pointer, name, own)),
        Value::Number(own) => texts.push(text(pointer, name, &own.to_string())),
        Value::Null | Value::Bool(_) => {}
    }
}

fn replace(value: &mut Value, tokens: &BTreeMap<String, String>) {
    match value {
        Value::Object(members) => members.values_mut().for_each(|inner| replace(inner, tokens)),
        Value::Array(items) => items.iter_mut().for_each(|inner| replace(inner, tokens)),
        Value::String(own) => {
            if let Some(token) = tokens.get(own) {
                own.clone_from(token);
            }
        }
        Value::Number(own) => {
            if let Some(token) = tokens.get(&own.to_string()) {
                *value = token.parse::<serde_json::Number>().map_or_else(|_| Value::from(token.clone()), Value::Number);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}
