//! Two OpenAPI documents side by side: what changed, how bad that is, and what a version number should do about it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::finding::{Direction, Kind, Severity};
use super::score::Counts;

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
/// Recursive schemas end here.
const MAX_DEPTH: u8 = 24;

/// What a semantic version should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bump {
    None,
    Patch,
    Minor,
    Major,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// `GET /users/{id}`.
    pub endpoint: String,
    pub direction: Direction,
    pub kind: Kind,
    pub severity: Severity,
    pub status: Option<u16>,
    pub pointer: String,
    pub before: Value,
    pub after: Value,
}

/// All differences, the worst first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Changelog {
    pub changes: Vec<Change>,
    pub counts: Counts,
    pub bump: Bump,
}

impl Changelog {
    fn of(mut changes: Vec<Change>) -> Self {
        changes.sort_by(|a, b| (a.severity, &a.endpoint, &a.pointer).cmp(&(b.severity, &b.endpoint, &b.pointer)));
        let mut counts = Counts::default();
        changes.iter().for_each(|change| counts.add(change.severity));
        let bump = match counts {
            Counts { critical: 1.., .. } => Bump::Major,
            Counts { warning: 1.., .. } => Bump::Minor,
            Counts { info: 1.., .. } if changes.iter().any(|change| change.kind.action() == super::Action::Add) => {
                Bump::Minor
            }
            Counts { info: 1.., .. } => Bump::Patch,
            _ => Bump::None,
        };
        Self { changes, counts, bump }
    }

    /// For people, a line per change.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = format!("{}; semantic version: {}\n", self.counts.summary(), self.bump.word());
        for change in &self.changes {
            out.push_str(&change.line());
            out.push('\n');
        }
        out
    }
}

impl Bump {
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "no change",
            Self::Patch => "patch",
            Self::Minor => "minor",
            Self::Major => "major",
        }
    }
}

impl Change {
    fn line(&self) -> String {
        let status = self.status.map_or(String::new(), |status| format!(" {status}"));
        let place = if self.pointer.is_empty() { String::new() } else { format!(" {}", self.pointer) };
        let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let change = match (&self.before, &self.after) {
            (Value::Null, Value::Null) => String::new(),
            (Value::Null, after) => format!(": {}", shown(after)),
            (before, Value::Null) => format!(": was {}", shown(before)),
            (before, after) => format!(": {} -> {}", shown(before), shown(after)),
        };
        let direction = if self.direction == Direction::Request { " request" } else { "" };
        format!(
            "{:8} {}{status}{direction} {}{place}{change}",
            self.severity.word(),
            self.endpoint,
            self.kind.word().replace('_', " ")
        )
    }
}

/// From the older document to the newer one.
#[must_use]
pub fn documents(old: &Value, new: &Value) -> Changelog {
    let mut comparison = Comparison { old, new, endpoint: String::new(), status: None, changes: Vec::new() };
    comparison.paths();
    Changelog::of(comparison.changes)
}

struct Comparison<'d> {
    old: &'d Value,
    new: &'d Value,
    endpoint: String,
    status: Option<u16>,
    changes: Vec<Change>,
}

/// A path without the names of its parameters, which mean nothing to who calls it.
fn anonymous(path: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in path.chars() {
        match c {
            '{' => {
                inside = true;
                out.push_str("{}");
            }
            '}' => inside = false,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out
}

type Operation<'d> = (String, String, &'d Value);

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let all = paths.flat_map(|(path, item)| {
        METHODS.iter().filter_map(move |method| {
            let operation = item.get(method)?;
            let method = method.to_ascii_uppercase();
            Some((format!("{method} {}", anonymous(path)), format!("{method} {path}"), operation))
        })
    });
    all.collect()
}

/// Follows a `$ref` into the document.
fn resolve<'d>(document: &'d Value, mut value: &'d Value) -> &'d Value {
    for _ in 0..8 {
        let Some(to) = value.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix('#')) else { break };
        let Some(found) = document.pointer(to) else { break };
        value = found;
    }
    value
}

impl<'d> Comparison<'d> {
    fn paths(&mut self) {
        let (old, new) = (operations(self.old), operations(self.new));
        for (key, name, before) in &old {
            self.endpoint.clone_from(name);
            match new.iter().find(|(other, ..)| other == key) {
                Some((_, _, after)) => self.operation(before, after),
                None => self.add(Direction::Response, Kind::EndpointGone, "", Value::Null, Value::Null),
            }
        }
        for (_, name, _) in new.iter().filter(|(key, ..)| !old.iter().any(|(other, ..)| other == key)) {
            self.endpoint.clone_from(name);
            self.add(Direction::Response, Kind::EndpointAdded, "", Value::Null, Value::Null);
        }
    }

    fn add(&mut self, direction: Direction, kind: Kind, pointer: &str, before: Value, after: Value) {
        let severity = match direction {
            Direction::Response => kind.in_response(),
            Direction::Request => kind.in_request(),
        };
        self.add_as(severity, direction, kind, pointer, before, after);
    }

    fn add_as(
        &mut self,
        severity: Severity,
        direction: Direction,
        kind: Kind,
        pointer: &str,
        before: Value,
        after: Value,
    ) {
        self.changes.push(Change {
            endpoint: self.endpoint.clone(),
            direction,
            kind,
            severity,
            status: self.status,
            pointer: pointer.to_owned(),
            before,
            after,
        });
    }

    fn operation(&mut self, before: &'d Value, after: &'d Value) {
        self.parameters(before, after);
        let body = |document: &'d Value, of: &'d Value| &resolve(document, &of["requestBody"])["content"];
        let (sent, now) = (body(self.old, before), body(self.new, after));
        for (media_type, content) in sent.as_object().into_iter().flatten() {
            match now.get(media_type) {
                Some(other) => self.schema(Direction::Request, "", &content["schema"], &other["schema"], 0),
                None => self.add_as(
                    Severity::Critical,
                    Direction::Request,
                    Kind::MediaTypeChanged,
                    "",
                    json!(media_type),
                    Value::Null,
                ),
            }
        }
        self.responses(&before["responses"], &after["responses"]);
    }

    /// A request may not be narrowed: a parameter that is needed now breaks whoever does not send it.
    fn parameters(&mut self, before: &'d Value, after: &'d Value) {
        let (old, new) = (parameters(self.old, before), parameters(self.new, after));
        for (key, needed) in &new {
            let was = old.iter().find(|(other, _)| other == key).map(|(_, needed)| *needed);
            let pointer = format!("/{}", key.1);
            match was {
                None if *needed => self.add_as(
                    Severity::Critical,
                    Direction::Request,
                    Kind::FieldAdded,
                    &pointer,
                    Value::Null,
                    json!("required"),
                ),
                None => self.add(Direction::Request, Kind::FieldAdded, &pointer, Value::Null, json!("optional")),
                Some(false) if *needed => {
                    self.add_as(
                        Severity::Critical,
                        Direction::Request,
                        Kind::Optionality,
                        &pointer,
                        json!("optional"),
                        json!("required"),
                    );
                }
                Some(_) => {}
            }
        }
        for (key, _) in old.iter().filter(|(key, _)| !new.iter().any(|(other, _)| other == key)) {
            self.add_as(
                Severity::Warning,
                Direction::Request,
                Kind::FieldRemoved,
                &format!("/{}", key.1),
                Value::Null,
                Value::Null,
            );
        }
    }

    fn responses(&mut self, before: &'d Value, after: &'d Value) {
        for (status, old) in before.as_object().into_iter().flatten() {
            self.status = status.parse().ok();
            match after.get(status) {
                Some(new) => self.response(resolve(self.old, old), resolve(self.new, new)),
                None => self.add(Direction::Response, Kind::StatusRemoved, "", json!(status), Value::Null),
            }
        }
        for (status, _) in after.as_object().into_iter().flatten().filter(|(status, _)| before.get(*status).is_none()) {
            self.status = status.parse().ok();
            self.add(Direction::Response, Kind::StatusAdded, "", Value::Null, json!(status));
        }
        self.status = None;
    }

    fn response(&mut self, before: &'d Value, after: &'d Value) {
        let names = |of: &'d Value| {
            of["headers"].as_object().map(|all| all.keys().cloned().collect::<BTreeSet<_>>()).unwrap_or_default()
        };
        let (old, new) = (names(before), names(after));
        for name in old.difference(&new) {
            self.add(Direction::Response, Kind::HeaderRemoved, &format!("/{name}"), Value::Null, Value::Null);
        }
        for name in new.difference(&old) {
            self.add(Direction::Response, Kind::HeaderAdded, &format!("/{name}"), Value::Null, Value::Null);
        }
        let content = |of: &'d Value| of["content"].as_object().cloned().unwrap_or_default();
        let (old, new) = (content(before), content(after));
        for media_type in old.keys() {
            match (before["content"].get(media_type), after["content"].get(media_type)) {
                (Some(one), Some(other)) => self.schema(Direction::Response, "", &one["schema"], &other["schema"], 0),
                _ => {
                    let other = new.keys().next().map_or(Value::Null, |other| json!(other));
                    self.add(Direction::Response, Kind::MediaTypeChanged, "", json!(media_type), other);
                }
            }
        }
    }

    fn schema(&mut self, direction: Direction, pointer: &str, before: &'d Value, after: &'d Value, depth: u8) {
        if depth > MAX_DEPTH {
            return;
        }
        let (before, after) = (resolve(self.old, before), resolve(self.new, after));
        let is_map = |of: &Value| {
            of["additionalProperties"].is_object() && of["properties"].as_object().is_none_or(Map::is_empty)
        };
        let is_record = |of: &Value| of["properties"].as_object().is_some_and(|fields| !fields.is_empty());
        if is_map(before) && is_record(after) || is_record(before) && is_map(after) {
            let word = |of: &Value| json!(if is_map(of) { "a map" } else { "a record" });
            return self.add(direction, Kind::MapChanged, pointer, word(before), word(after));
        }
        self.branches(direction, pointer, before, after);
        self.types(direction, pointer, before, after);
        self.values(direction, pointer, before, after);
        if before["format"] != after["format"] && before.get("format").is_some() {
            self.add(direction, Kind::FormatChanged, pointer, before["format"].clone(), after["format"].clone());
        }
        if let (Some(one), Some(other)) = (before.get("items"), after.get("items")) {
            self.schema(direction, &format!("{pointer}/*"), one, other, depth + 1);
        }
        if let (Some(one), Some(other)) = (before["properties"].as_object(), after["properties"].as_object()) {
            self.properties((direction, pointer, depth), (before, one), (after, other));
        }
    }

    /// Kinds that may stand there side by side.
    fn branches(&mut self, direction: Direction, pointer: &str, before: &Value, after: &Value) {
        for word in ["oneOf", "anyOf"] {
            let (Some(old), Some(new)) = (before[word].as_array(), after[word].as_array()) else { continue };
            let (gone, come) = (old.iter().any(|one| !new.contains(one)), new.iter().any(|one| !old.contains(one)));
            // When both changed in place, it is the same kinds with other fields.
            if (gone || come) && old.len() != new.len() {
                let breaks = (direction == Direction::Response) == (new.len() > old.len());
                let severity = if breaks { Severity::Critical } else { Severity::Info };
                let kinds = |of: usize| json!(format!("{of} kinds"));
                self.add_as(severity, direction, Kind::UnionChanged, pointer, kinds(old.len()), kinds(new.len()));
            }
        }
    }

    fn types(&mut self, direction: Direction, pointer: &str, before: &Value, after: &Value) {
        let (old, new) = (types(before), types(after));
        if old.is_empty() || new.is_empty() || old == new {
            return;
        }
        let plain =
            |of: &BTreeSet<String>| of.iter().filter(|word| *word != "null").cloned().collect::<Vec<_>>().join(" or ");
        let (one, other) = (plain(&old), plain(&new));
        if one != other {
            // Every integer is a number: an answer may narrow to it, a request may widen.
            let harmless = match direction {
                Direction::Response => one == "number" && other == "integer",
                Direction::Request => one == "integer" && other == "number",
            };
            let (fewer, more) = (new.is_subset(&old), old.is_subset(&new));
            // One more beside those there were, or one less: an answer may lose one, a request may get one.
            let is_union = fewer || more;
            let harmless = harmless || if direction == Direction::Response { fewer } else { more };
            let severity = if harmless { Severity::Info } else { Severity::Critical };
            let kind = if is_union { Kind::UnionChanged } else { Kind::TypeChanged };
            self.add_as(severity, direction, kind, pointer, json!(one), json!(other));
        }
        if old.contains("null") != new.contains("null") {
            let widens = new.contains("null");
            let breaks = widens == (direction == Direction::Response);
            let word = |is: bool| json!(if is { "nullable" } else { "never null" });
            let severity = if breaks { Severity::Critical } else { Severity::Info };
            self.add_as(severity, direction, Kind::Nullability, pointer, word(!widens), word(widens));
        }
    }

    fn values(&mut self, direction: Direction, pointer: &str, before: &Value, after: &Value) {
        let (Some(old), Some(new)) = (before["enum"].as_array(), after["enum"].as_array()) else { return };
        for value in new.iter().filter(|value| !old.contains(value)) {
            let severity = if direction == Direction::Response { Severity::Warning } else { Severity::Info };
            self.add_as(severity, direction, Kind::EnumValueAdded, pointer, Value::Null, value.clone());
        }
        for value in old.iter().filter(|value| !new.contains(value)) {
            let severity = if direction == Direction::Response { Severity::Info } else { Severity::Critical };
            self.add_as(severity, direction, Kind::EnumValueRemoved, pointer, value.clone(), Value::Null);
        }
    }

    fn properties(
        &mut self,
        (direction, pointer, depth): (Direction, &str, u8),
        (before, old): (&'d Value, &'d Map<String, Value>),
        (after, new): (&'d Value, &'d Map<String, Value>),
    ) {
        let is_required =
            |of: &Value, name: &str| of["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
        let at = |name: &str| format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
        let mut gone: Vec<&String> = old.keys().filter(|name| !new.contains_key(*name)).collect();
        let mut come: Vec<&String> = new.keys().filter(|name| !old.contains_key(*name)).collect();
        // The same field under another spelling.
        let plain = |name: &str| -> String {
            name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
        };
        gone.retain(|name| {
            let Some(other) = come.iter().position(|other| plain(other) == plain(name)) else { return true };
            let other = come.remove(other);
            self.add_as(Severity::Critical, direction, Kind::FieldRenamed, &at(name), json!(name), json!(other));
            false
        });
        for name in gone {
            let severity = if direction == Direction::Response { Severity::Critical } else { Severity::Warning };
            self.add_as(severity, direction, Kind::FieldRemoved, &at(name), Value::Null, Value::Null);
        }
        for name in come {
            let breaks = direction == Direction::Request && is_required(after, name);
            let severity = if breaks { Severity::Critical } else { Severity::Info };
            self.add_as(severity, direction, Kind::FieldAdded, &at(name), Value::Null, Value::Null);
        }
        for (name, one) in old {
            let Some(other) = new.get(name) else { continue };
            let (was, is) = (is_required(before, name), is_required(after, name));
            if was != is {
                let breaks = is == (direction == Direction::Request);
                let severity = if breaks { Severity::Critical } else { Severity::Info };
                let word = |is: bool| json!(if is { "required" } else { "optional" });
                self.add_as(severity, direction, Kind::Optionality, &at(name), word(was), word(is));
            }
            self.schema(direction, &at(name), one, other, depth + 1);
        }
    }
}

/// Where and how each parameter is called, and whether it is needed.
fn parameters(document: &Value, operation: &Value) -> Vec<((String, String), bool)> {
    let all = operation["parameters"].as_array().into_iter().flatten().map(|parameter| resolve(document, parameter));
    let all = all.filter(|parameter| parameter["in"] != "path");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    all.map(|parameter| ((text(&parameter["in"]), text(&parameter["name"])), parameter["required"] == true)).collect()
}

fn types(schema: &Value) -> BTreeSet<String> {
    let mut types: BTreeSet<String> = match &schema["type"] {
        Value::String(one) => [one.clone()].into(),
        Value::Array(many) => many.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => BTreeSet::new(),
    };
    if schema["nullable"] == true {
        types.insert("null".into());
    }
    types
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(schema: &Value) -> Value {
        json!({ "paths": { "/users/{id}": { "get": { "responses": { "200": { "content": { "application/json": { "schema": schema } } } } } } } })
    }

    fn check(before: Value, after: Value, expected: &[(&str, Severity)]) {
        let log = documents(&document(&before), &document(&after));
        let found: Vec<_> = log.changes.iter().map(|change| (change.kind.word(), change.severity)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn tells_what_changed_in_an_answer() {
        let object =
            |fields: Value, required: Value| json!({ "type": "object", "properties": fields, "required": required });
        let old = object(json!({ "user_id": { "type": "integer" } }), json!(["user_id"]));
        check(old.clone(), old.clone(), &[]);
        check(
            old.clone(),
            object(json!({ "userId": { "type": "integer" } }), json!(["userId"])),
            &[("field_renamed", Severity::Critical)],
        );
        check(old.clone(), object(json!({}), json!([])), &[("field_removed", Severity::Critical)]);
        check(
            old.clone(),
            object(json!({ "user_id": { "type": ["integer", "null"] } }), json!(["user_id"])),
            &[("nullability", Severity::Critical)],
        );
        check(
            old.clone(),
            object(json!({ "user_id": { "type": "string" } }), json!([])),
            &[("optionality", Severity::Critical), ("type_changed", Severity::Critical)],
        );
        check(
            old.clone(),
            object(json!({ "user_id": { "type": "integer" }, "n": {} }), json!(["user_id"])),
            &[("field_added", Severity::Info)],
        );
    }

    #[test]
    fn maps_and_kinds_side_by_side_are_told_from_types() {
        let record = json!({ "type": "object", "properties": { "eur": { "type": "number" } }, "required": ["eur"] });
        let map = json!({ "type": "object", "additionalProperties": { "type": "number" } });
        check(record.clone(), map.clone(), &[("map_changed", Severity::Critical)]);
        check(map, record, &[("map_changed", Severity::Critical)]);
        let of = |types: Value| json!({ "type": types });
        check(of(json!("string")), of(json!(["string", "object"])), &[("union_changed", Severity::Critical)]);
        check(of(json!(["string", "object"])), of(json!("string")), &[("union_changed", Severity::Info)]);
        let kinds =
            |all: &[&str]| json!({ "oneOf": all.iter().map(|kind| json!({ "title": kind })).collect::<Vec<_>>() });
        check(kinds(&["a"]), kinds(&["a", "b"]), &[("union_changed", Severity::Critical)]);
        check(kinds(&["a", "b"]), kinds(&["a"]), &[("union_changed", Severity::Info)]);
    }

    #[test]
    fn names_of_parameters_mean_nothing_and_endpoints_come_and_go() {
        let with = |path: &str| json!({ "paths": { path: { "get": { "responses": {} } } } });
        assert_eq!(documents(&with("/a/{id}"), &with("/a/{userId}")).bump, Bump::None);
        let log = documents(&with("/a"), &with("/b"));
        assert_eq!((log.bump, log.counts.critical, log.counts.info), (Bump::Major, 1, 1));
        assert!(log.text().starts_with("1 critical issue, 1 note; semantic version: major"));
    }

    #[test]
    fn a_request_may_not_be_narrowed() {
        let with = |required: bool| {
            let parameters = json!([{ "in": "query", "name": "q", "required": required }]);
            json!({ "paths": { "/a": { "get": { "parameters": parameters, "responses": {} } } } })
        };
        assert_eq!(documents(&with(false), &with(true)).bump, Bump::Major);
        assert_eq!(documents(&with(true), &with(false)).bump, Bump::None);
    }
}
