//! Why the twin gave a value: where the same value stands in what it was asked and in what it remembers. What is found
//! nowhere was made.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use understudy_app::format;
use understudy_contract::Exchange;
use understudy_types::{Explained, Source};

use crate::handles::Handles;

/// Rows of a collection that are looked through.
const ROWS: usize = 2000;
/// A shorter text that stands in two places says nothing.
const MIN_COPY: usize = 3;
/// More than this nobody hovers over.
const MAX_LEAVES: usize = 2000;

/// Everything that a value can be put down to.
#[derive(Default)]
struct Evidence {
    /// Names and values of path and query parameters.
    path: Vec<(String, String)>,
    query: Vec<(String, String)>,
    sent: Value,
    /// Rows by the text of their key, with the collection and the field that is the key.
    rows: BTreeMap<String, Vec<Remembered>>,
    /// Pointers, with `*` for an item, at which every answer had one and the same value.
    constant: Vec<String>,
    at_ms: u64,
}

struct Remembered {
    collection: String,
    key_field: String,
    fields: Map<String, Value>,
}

/// Of answers of the twin in JSON; nothing of others.
pub(super) fn explain(handles: &Handles, exchange: &Exchange, source: Source, at_ms: u64) -> Vec<Explained> {
    if source != Source::Twin {
        return Vec::new();
    }
    let Ok(body) = serde_json::from_slice::<Value>(&exchange.response.body.bytes) else { return Vec::new() };
    let evidence = gather(handles, exchange, at_ms);
    let mut explained = Vec::new();
    walk(&body, &mut String::new(), None, &evidence, &mut explained);
    explained
}

fn gather(handles: &Handles, exchange: &Exchange, at_ms: u64) -> Evidence {
    let snapshot = handles.snapshot.load();
    let request = &exchange.request;
    let hit = snapshot.contract.find_request(request);
    let path = hit.iter().flat_map(|hit| &hit.parameters).map(|(name, value)| (name.to_string(), value.to_string()));
    let status = exchange.response.status;
    let constant = hit.iter().flat_map(|hit| hit.endpoint.responses()).filter(|response| response.status == status);
    let fields =
        constant.flat_map(|response| response.bodies.iter().flat_map(|body| body.fields()).collect::<Vec<_>>());
    let (state, behaviour) = handles.twin_state();
    let mut rows: BTreeMap<String, Vec<Remembered>> = BTreeMap::new();
    for known in state.collections(&behaviour) {
        let (entities, _) = state.entities(&behaviour, &known.name, None, ROWS).unwrap_or_default();
        for entity in entities {
            let row =
                Remembered { collection: known.name.clone(), key_field: known.key.clone(), fields: entity.fields };
            rows.entry(entity.key).or_default().push(row);
        }
    }
    Evidence {
        path: path.collect(),
        query: form_urlencoded::parse(request.query().unwrap_or_default().as_bytes()).into_owned().collect(),
        sent: serde_json::from_slice(&request.body.bytes).unwrap_or_default(),
        rows,
        constant: fields
            .filter(|field| field.values.len() == 1 && field.count > 1)
            .map(|field| field.pointer)
            .collect(),
        at_ms,
    }
}

fn walk(
    value: &Value,
    pointer: &mut String,
    parent: Option<&Map<String, Value>>,
    evidence: &Evidence,
    explained: &mut Vec<Explained>,
) {
    let length = pointer.len();
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                pointer.extend(["/", name]);
                walk(member, pointer, Some(members), evidence, explained);
                pointer.truncate(length);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                pointer.extend(["/", &at.to_string()]);
                walk(item, pointer, parent, evidence, explained);
                pointer.truncate(length);
            }
        }
        leaf if explained.len() < MAX_LEAVES => {
            let (kind, words) = evidence.of(leaf, pointer, parent);
            explained.push(Explained { pointer: pointer.clone(), kind: kind.into(), words });
        }
        _ => {}
    }
}

impl Evidence {
    fn of(&self, value: &Value, pointer: &str, parent: Option<&Map<String, Value>>) -> (&'static str, String) {
        let text = text(value);
        let name = pointer.rsplit('/').next().unwrap_or_default();
        let asked = |known: &&(String, String)| known.1 == text && is_telling(&known.0, name, &text);
        if let Some((name, _)) = self.path.iter().find(asked) {
            return ("copied", format!("copied from the path: {{{name}}}"));
        }
        if let Some((name, _)) = self.query.iter().find(asked) {
            return ("copied", format!("copied from the query: {name}"));
        }
        if let Some(place) = sent(&self.sent, value, name, "") {
            return ("copied", format!("copied from the request's body: {place}"));
        }
        if let Some(words) = parent.and_then(|parent| self.remembered(parent, name, value)) {
            return ("remembered", words);
        }
        if self.constant.contains(&starred(pointer)) {
            return ("constant", "constant: every answer that was seen had it".into());
        }
        if is_now(&text, self.at_ms) {
            return ("clock", "read from the clock".into());
        }
        ("made", "made: drawn from what was learned, nothing that was asked or remembered has it".into())
    }

    /// The object has the key of a row, and the row has the value under this name.
    fn remembered(&self, object: &Map<String, Value>, name: &str, value: &Value) -> Option<String> {
        object.iter().find_map(|(key_field, key)| {
            let key = text(key);
            let rows = self.rows.get(&key)?;
            let row = rows.iter().find(|row| row.key_field == *key_field && row.fields.get(name) == Some(value))?;
            Some(format!("remembered: {name} of {}/{key}", row.collection))
        })
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Where a body has the value: under the same name, or anywhere when it is long enough to tell.
fn sent(body: &Value, value: &Value, name: &str, pointer: &str) -> Option<String> {
    let below = |step: &str, inner: &Value| sent(inner, value, name, &format!("{pointer}/{step}"));
    match body {
        Value::Object(members) => members.iter().find_map(|(step, inner)| below(step, inner)),
        Value::Array(items) => items.iter().enumerate().find_map(|(at, inner)| below(&at.to_string(), inner)),
        Value::Null => None,
        leaf if leaf == value => {
            let is_telling =
                pointer.ends_with(&format!("/{name}")) || leaf.as_str().is_some_and(|text| text.len() >= MIN_COPY);
            is_telling.then(|| pointer.to_owned())
        }
        _ => None,
    }
}

/// Two places have a value for one reason when they have one name, or when the value is no other's by chance.
fn is_telling(one: &str, other: &str, text: &str) -> bool {
    one == other || text.len() >= MIN_COPY && text.bytes().any(|byte| !byte.is_ascii_digit())
}

/// With `*` in the place of items.
fn starred(pointer: &str) -> String {
    let is_item = |step: &str| !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
    pointer.split('/').map(|step| if is_item(step) { "*" } else { step }).collect::<Vec<_>>().join("/")
}

/// A time within a minute of the exchange, as most APIs write it (RFC 3339).
fn is_now(text: &str, at_ms: u64) -> bool {
    const MINUTE_MS: u64 = 60_000;
    [at_ms.saturating_sub(MINUTE_MS), at_ms, at_ms + MINUTE_MS].iter().any(|ms| {
        let minute = format::timestamp(*ms).chars().take("2026-01-01 00:00".len()).collect::<String>();
        text.starts_with(&minute.replacen(' ', "T", 1)) || text.starts_with(&minute)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_value_is_put_down_to_what_has_it() {
        let fields = json!({"id": 7, "title": "Dune", "pages": 3}).as_object().cloned().unwrap_or_default();
        let row = Remembered { collection: "books".into(), key_field: "id".into(), fields };
        let evidence = Evidence {
            path: vec![("id".into(), "7".into())],
            query: vec![("lang".into(), "fr".into())],
            sent: json!({"note": "from the body", "n": 4}),
            rows: BTreeMap::from([("7".to_owned(), vec![row])]),
            constant: vec!["/items/*/kind".into()],
            at_ms: 1_700_000_000_000,
        };
        let body = json!({
            "id": 7, "title": "Dune", "lang": "fr", "note": "from the body", "m": 4, "n": 4,
            "items": [{"kind": "x"}], "at": "2023-11-14T22:13:20Z", "luck": "q",
        });
        let mut explained = Vec::new();
        walk(&body, &mut String::new(), None, &evidence, &mut explained);
        let kinds: Vec<_> = explained.iter().map(|each| (each.pointer.as_str(), each.kind.as_str())).collect();
        let expected = [
            ("/id", "copied"),
            ("/title", "remembered"),
            ("/lang", "copied"),
            ("/note", "copied"),
            ("/m", "made"),
            ("/n", "copied"),
            ("/items/0/kind", "constant"),
            ("/at", "clock"),
            ("/luck", "made"),
        ];
        assert_eq!(kinds, expected);
        assert_eq!(explained[1].words, "remembered: title of books/7");
        assert_eq!(explained[3].words, "copied from the request's body: /note");
    }
}
