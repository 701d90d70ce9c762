//! Ids that the twin gave out and the API would not: which are they, and where do later requests name them?
//!
//! A long id (a UUID, a slug) is the same thing wherever it stands. A short one such as `31` is an id only behind its
//! collection in a path (`/things/31`) or in a member named after it (`thingId`); elsewhere it may be any number.

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One id as the twin made it, and as the API did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IdPair {
    pub made: Value,
    pub real: Value,
    /// The member that showed it.
    pub name: String,
    /// Path of the request that made it.
    pub collection: String,
}

/// One place of a request where an id was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapped {
    /// `path`, `query name`, `header name` or `body` with a JSON Pointer.
    pub place: String,
    pub from: String,
    pub to: String,
}

/// A string of this length that is not one word names one thing only.
const DISTINCT_CHARS: usize = 8;

/// The ids in which two answers to the same request differ.
#[must_use]
pub fn pairs(path: &str, told: &Value, real: &Value) -> Vec<IdPair> {
    fn walk(path: &str, name: &str, told: &Value, real: &Value, out: &mut Vec<IdPair>) {
        match (told, real) {
            (Value::Object(told), Value::Object(real)) => {
                let both = told.iter().filter_map(|(name, value)| Some((name, value, real.get(name)?)));
                both.for_each(|(name, told, real)| walk(path, name, told, real, out));
            }
            (Value::String(_) | Value::Number(_), Value::String(_) | Value::Number(_))
                if told != real && is_id_name(name) =>
            {
                let (made, real) = (told.clone(), real.clone());
                out.push(IdPair { made, real, name: name.to_owned(), collection: path.to_owned() });
            }
            _ => {}
        }
    }
    let mut out = Vec::new();
    walk(path, "", told, real, &mut out);
    out
}

/// Puts the API's ids in the place of the twin's; returns where.
pub fn in_target(pairs: &[IdPair], target: &mut String) -> Vec<Mapped> {
    let mut mapped = Vec::new();
    let (path, query) = target.split_once('?').map_or((target.as_str(), None), |(path, query)| (path, Some(query)));
    let mut segments: Vec<String> = path.split('/').map(str::to_owned).collect();
    for i in 1..segments.len() {
        let decoded = percent_decode_str(&segments[i]).decode_utf8_lossy().into_owned();
        let found =
            pairs.iter().find(|pair| pair.is(&decoded) && (pair.is_distinct() || pair.stands_behind(&segments[i - 1])));
        if let Some(pair) = found {
            mapped.push(pair.mapped("path"));
            segments[i] = encoded(&text(&pair.real));
        }
    }
    let mut out = segments.join("/");
    if let Some(query) = query {
        let (query, more) = in_form(pairs, query, "query");
        mapped.extend(more);
        out = format!("{out}?{query}");
    }
    if !mapped.is_empty() {
        *target = out;
    }
    mapped
}

/// A query, or a body of the same form.
pub fn in_form(pairs: &[IdPair], form: &str, place: &str) -> (String, Vec<Mapped>) {
    let mut mapped = Vec::new();
    let replaced = form.split('&').map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let decoded = percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().into_owned();
        match pairs.iter().find(|pair| pair.is(&decoded) && pair.is_meant_by(name)) {
            Some(pair) => {
                mapped.push(pair.mapped(&format!("{place} {name}")));
                format!("{name}={}", encoded(&text(&pair.real)))
            }
            None => part.to_owned(),
        }
    });
    let form = replaced.collect::<Vec<_>>().join("&");
    (form, mapped)
}

pub fn in_body(pairs: &[IdPair], body: &mut Value) -> Vec<Mapped> {
    fn walk(pairs: &[IdPair], name: &str, pointer: &str, value: &mut Value, out: &mut Vec<Mapped>) {
        match value {
            Value::Object(object) => object.iter_mut().for_each(|(name, value)| {
                let step = name.replace('~', "~0").replace('/', "~1");
                walk(pairs, name, &format!("{pointer}/{step}"), value, out);
            }),
            Value::Array(items) => items
                .iter_mut()
                .enumerate()
                .for_each(|(i, item)| walk(pairs, name, &format!("{pointer}/{i}"), item, out)),
            scalar => {
                if let Some(pair) = pairs.iter().find(|pair| pair.is(&text(scalar)) && pair.is_meant_by(name)) {
                    out.push(pair.mapped(&format!("body {pointer}")));
                    *scalar = match (&*scalar, &pair.real) {
                        (Value::String(_), real) => Value::from(text(real)),
                        (_, real) => real.clone(),
                    };
                }
            }
        }
    }
    let mut out = Vec::new();
    walk(pairs, "", "", body, &mut out);
    out
}

impl IdPair {
    fn is(&self, other: &str) -> bool {
        text(&self.made) == other
    }

    /// Long enough to be no coincidence.
    #[must_use]
    pub fn is_distinct(&self) -> bool {
        let made = text(&self.made);
        self.made.is_string() && made.len() >= DISTINCT_CHARS && made.contains(|c: char| !c.is_ascii_alphabetic())
    }

    fn stands_behind(&self, segment: &str) -> bool {
        self.last_segment() == Some(segment)
    }

    fn is_meant_by(&self, name: &str) -> bool {
        let thing = self.last_segment().map(|segment| plain(singular(segment))).unwrap_or_default();
        self.is_distinct() || (!thing.is_empty() && plain(name).contains(&thing))
    }

    fn last_segment(&self) -> Option<&str> {
        self.collection.rsplit('/').find(|segment| !segment.is_empty())
    }

    fn mapped(&self, place: &str) -> Mapped {
        Mapped { place: place.to_owned(), from: text(&self.made), to: text(&self.real) }
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn singular(name: &str) -> &str {
    name.strip_suffix("ies").or_else(|| name.strip_suffix('s')).unwrap_or(name)
}

fn is_id_name(name: &str) -> bool {
    const NAMES: [&str; 9] = ["uuid", "guid", "slug", "key", "code", "token", "ref", "number", "handle"];
    let name = plain(name);
    name.ends_with("id") || NAMES.iter().any(|known| name.ends_with(known))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn thing(made: Value, real: Value) -> Vec<IdPair> {
        pairs("/v1/things", &json!({ "id": made, "size": 1 }), &json!({ "id": real, "size": 2 }))
    }

    #[test]
    fn only_ids_pair_up() {
        let found = thing(json!(31), json!(57));
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].made, &found[0].real, found[0].name.as_str()), (&json!(31), &json!(57), "id"));
        assert!(thing(json!(31), json!(31)).is_empty());
    }

    #[test]
    fn a_short_id_is_replaced_only_where_its_collection_is_named() {
        let pairs = thing(json!(31), json!(57));
        let check = |target: &str, expected: &str| {
            let mut changed = target.to_owned();
            in_target(&pairs, &mut changed);
            assert_eq!(changed, expected);
        };
        check("/v1/things/31/parts", "/v1/things/57/parts");
        check("/v1/users/31", "/v1/users/31");
        check("/v1/parts?thing_id=31&limit=31", "/v1/parts?thing_id=57&limit=31");
        let mut body =
            json!({ "thingId": 31, "count": 31, "userId": 31, "thing_ids": [31, 4], "of": { "thing": "31" } });
        let mapped = in_body(&pairs, &mut body);
        let expected =
            json!({ "thingId": 57, "count": 31, "userId": 31, "thing_ids": [57, 4], "of": { "thing": "57" } });
        assert_eq!(body, expected);
        assert_eq!(mapped[0], Mapped { place: "body /thingId".into(), from: "31".into(), to: "57".into() });
    }

    #[test]
    fn a_long_id_is_replaced_everywhere() {
        let pairs = thing(json!("0b9f6c1e-5a57"), json!("7777 7777"));
        let mut target = "/other/0b9f6c1e-5a57?x=0b9f6c1e-5a57".to_owned();
        in_target(&pairs, &mut target);
        assert_eq!(target, "/other/7777%207777?x=7777%207777");
        let mut body = json!({ "anything": "0b9f6c1e-5a57" });
        in_body(&pairs, &mut body);
        assert_eq!(body, json!({ "anything": "7777 7777" }));
    }
}
