//! Whether a cause for a refusal holds for a call. Mining and answering ask the same questions here.

use serde_json::Value;

use super::behaviour::Cause;
use super::select::{looked_up, taken};
use super::trace::{Call, Sent};
use super::value::{at, key_text};
use super::world::{Row, World};

/// A member of a body, and the field of a row that it names.
pub(super) type NamedBy = (Vec<String>, String);

/// What a call is about, as far as its endpoint decides it.
pub(super) struct Subject<'a> {
    /// The class whose keys each path parameter takes.
    pub(super) params: &'a [Option<usize>],
    /// The class whose rows the answers show.
    pub(super) class: Option<usize>,
    /// What the body names a row by, and the class of that row.
    pub(super) lookup: Option<(usize, &'a [NamedBy])>,
}

pub(super) fn holds(cause: &Cause, world: &World, subject: &Subject<'_>, call: &Call, who: Option<&str>) -> bool {
    match cause {
        Cause::NoCredential => call.credential.is_none(),
        Cause::BadCredential => call.credential.is_some() && who.is_none(),
        Cause::BadQuery(name) => call.query(name).is_some_and(|text| text.parse::<u64>().is_err()),
        Cause::Malformed => call.sent == Sent::Malformed,
        Cause::Unknown(slot) => {
            let class = subject.params.get(*slot).copied().flatten();
            class.zip(call.params.get(*slot)).is_some_and(|(class, key)| !world.tables[class].rows.contains_key(key))
        }
        Cause::NotOwner => not_owner(world, subject, call, who),
        Cause::Absent(path) => {
            parent(call, path).is_some_and(|(parent, name)| !parent.contains_key(name))
                || (path.len() == 1 && call.sent == Sent::Nothing)
        }
        Cause::Empty(path) => parent(call, path).and_then(|(parent, name)| parent.get(name)).is_some_and(is_empty),
        Cause::WrongType { path, types } => {
            let value = parent(call, path).and_then(|(parent, name)| parent.get(name));
            value.is_some_and(|value| !types.contains(&type_name(value)))
        }
        Cause::Taken { path, field } => {
            let (Some(class), Some(value)) = (subject.class, call.sent.value().and_then(|body| at(body, path))) else {
                return false;
            };
            if key_text(value).is_none() {
                return false;
            }
            // The row that is being changed may keep its own value: it is the one the path names, or the caller's.
            let own = subject
                .params
                .iter()
                .zip(&call.params)
                .rev()
                .find(|(of, _)| **of == Some(class))
                .map(|(_, key)| key.as_str());
            taken(world, class, field, value, own.or(who.filter(|_| call.method != "POST")))
        }
        Cause::NoSuch => subject.lookup.is_some_and(|(class, pairs)| looked_up(world, class, pairs, call).is_none()),
    }
}

/// The object that should hold the last member of a path, with that member's name.
fn parent<'c>(call: &'c Call, path: &'c [String]) -> Option<(&'c serde_json::Map<String, Value>, &'c String)> {
    let (name, outer) = path.split_last()?;
    Some((at(call.sent.value()?, outer)?.as_object()?, name))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(object) => object.is_empty(),
        _ => false,
    }
}

pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Whether the row that the path names is another account's.
fn not_owner(world: &World, subject: &Subject<'_>, call: &Call, who: Option<&str>) -> bool {
    let named =
        subject.params.iter().zip(&call.params).rev().find_map(|(class, key)| world.tables[(*class)?].rows.get(key));
    let Some((who, owner)) = who.zip(named.and_then(|row| owner(world, row))) else { return false };
    who != owner
}

/// Who a row belongs to: who was seen to create it, else the account it embeds.
fn owner<'w>(world: &'w World, row: &'w Row) -> Option<&'w str> {
    row.owner.as_deref().or_else(|| {
        let account = world.sessions.values().flatten().next()?.0;
        let mut references = row.refs.values().filter(|(class, _)| *class == account);
        references.next().map(|(_, key)| key.as_str())
    })
}
