//! JSON Patch (RFC 6902): a list of operations on a row, instead of the row's members.

use ::json_patch::{Patch, PatchOperation, patch};
use serde_json::{Map, Value};

use super::trace::Call;
use super::value::plant;

const MEDIA_TYPE: &str = "application/json-patch+json";

/// Whether a body of this media type is such a list.
pub(super) fn is_patch(media_type: &str) -> bool {
    media_type == MEDIA_TYPE
}

/// The members that the operations name outright, as if they had been sent as a merge patch: what is learned of one way to
/// change a row holds for the other. What is added to arrays, moved or tested is left to [`Patched`]. Anything else than a patch
/// comes back as it is.
pub(super) fn as_members(body: Value) -> Value {
    let Some(patch) = read(&body) else { return body };
    let mut members = Map::new();
    for operation in &patch.0 {
        let (path, value) = match operation {
            PatchOperation::Add(add) => (&add.path, add.value.clone()),
            PatchOperation::Replace(replace) => (&replace.path, replace.value.clone()),
            PatchOperation::Remove(remove) => (&remove.path, Value::Null),
            _ => continue,
        };
        let path: Vec<String> = path.tokens().map(|token| token.decoded().into_owned()).collect();
        let in_array = path.iter().any(|token| token == "-" || token.parse::<usize>().is_ok());
        if !path.is_empty() && !in_array {
            plant(&mut members, &path, value);
        }
    }
    Value::Object(members)
}

fn read(body: &Value) -> Option<Patch> {
    serde_json::from_value(body.clone()).ok()
}

/// What a patch made of a row.
pub(super) struct Patched {
    /// The members it touched, as they are now.
    pub(super) set: Map<String, Value>,
    /// The members that are gone.
    pub(super) gone: Vec<String>,
}

/// What is wrong with a patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misfit {
    /// It is no list of operations.
    Malformed,
    /// The row is not as an operation needs it (RFC 5789 §2.2).
    Conflict,
}

/// The patch in a call, done to the members of a row; `None` where the call sends no patch.
pub(super) fn apply(call: &Call, row: &Map<String, Value>) -> Option<Result<Patched, Misfit>> {
    if !is_patch(&call.headers.media_type()?) {
        return None;
    }
    Some(done(&call.raw, row))
}

fn done(bytes: &[u8], row: &Map<String, Value>) -> Result<Patched, Misfit> {
    let operations: Patch = serde_json::from_slice(bytes).map_err(|_| Misfit::Malformed)?;
    let mut after = Value::Object(row.clone());
    patch(&mut after, &operations.0).map_err(|_| Misfit::Conflict)?;
    let Value::Object(after) = after else { return Err(Misfit::Conflict) };
    let set = after.iter().filter(|(name, value)| row.get(*name) != Some(value));
    Ok(Patched {
        set: set.map(|(name, value)| (name.clone(), value.clone())).collect(),
        gone: row.keys().filter(|name| !after.contains_key(*name)).cloned().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn operations_become_members() {
        let body = json!([
            {"op": "replace", "path": "/title", "value": "b"},
            {"op": "add", "path": "/place/city~1town", "value": "c"},
            {"op": "add", "path": "/tags/-", "value": "d"},
            {"op": "remove", "path": "/note"},
            {"op": "test", "path": "/title", "value": "a"},
        ]);
        assert_eq!(as_members(body), json!({"title": "b", "place": {"city/town": "c"}, "note": null}));
        assert_eq!(as_members(json!({"title": "b"})), json!({"title": "b"}));
    }

    #[test]
    fn a_row_is_changed_as_the_operations_say_or_not_at_all() {
        let row = json!({"title": "a", "tags": ["x"], "note": 1});
        let row = row.as_object().expect("an object");
        let asked = |body: Value| done(body.to_string().as_bytes(), row);
        let patched = asked(json!([
            {"op": "add", "path": "/tags/-", "value": "y"},
            {"op": "move", "from": "/note", "path": "/memo"},
        ]));
        let patched = patched.unwrap_or_else(|misfit| panic!("{misfit:?}"));
        assert_eq!(Value::Object(patched.set), json!({"tags": ["x", "y"], "memo": 1}));
        assert_eq!(patched.gone, ["note"]);
        let misfit = |body: Value| asked(body).err();
        assert_eq!(misfit(json!([{"op": "test", "path": "/title", "value": "z"}])), Some(Misfit::Conflict));
        assert_eq!(misfit(json!([{"op": "remove", "path": "/none"}])), Some(Misfit::Conflict));
        assert_eq!(misfit(json!([{"op": "paint", "path": "/title"}])), Some(Misfit::Malformed));
        assert_eq!(misfit(json!({"title": "b"})), Some(Misfit::Malformed));
    }
}
