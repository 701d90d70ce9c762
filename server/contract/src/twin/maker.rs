//! Values that somebody else makes where nothing explains one, such as a plugin.

use serde_json::{Map, Value, json};

use super::value::hash;

/// Members beside a position that are told.
const SIBLINGS: usize = 8;

/// A position of an answer that nothing explains.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Of the endpoint that is answered.
    pub method: &'a str,
    /// Its path template: `/users/{id}`.
    pub template: &'a str,
    /// JSON Pointer (RFC 6901) into the body, or into the thing that the answer tells of.
    pub pointer: &'a str,
    /// Of the member; of an item of a list that of the list.
    pub name: &'a str,
    /// JSON Schema (2020-12) of the position.
    pub schema: &'a Value,
    /// The same for the same thing and position.
    pub seed: u64,
    /// Members beside it that have their values.
    pub siblings: Vec<(&'a str, &'a Value)>,
}

/// Makes a value, or has no opinion.
pub type Make<'a> = &'a dyn Fn(&Wanted<'_>) -> Option<Value>;

/// Who is asked, for one answer.
#[derive(Clone, Copy)]
pub(super) struct Maker<'a> {
    pub(super) make: Make<'a>,
    pub(super) method: &'a str,
    pub(super) template: &'a str,
    pub(super) seed: u64,
}

impl Maker<'_> {
    pub(super) fn value(
        &self,
        pointer: &str,
        name: &str,
        schema: &Value,
        siblings: &Map<String, Value>,
    ) -> Option<Value> {
        let siblings = siblings.iter().filter(|(own, value)| *own != name && is_leaf(value)).take(SIBLINGS);
        (self.make)(&Wanted {
            method: self.method,
            template: self.template,
            pointer,
            name,
            schema,
            seed: hash(&[pointer, &self.seed.to_string()]),
            siblings: siblings.map(|(own, value)| (own.as_str(), value)).collect(),
        })
    }

    /// Replaces what was copied from another thing. What names the thing itself stays.
    pub(super) fn remake(&self, fields: &mut Map<String, Value>, key: &str) {
        let names: Vec<String> = fields.keys().cloned().collect();
        for name in names {
            let is_free = |value: &&Value| is_leaf(value) && !text(value).contains(key);
            let Some(value) = fields.get(&name).filter(is_free) else { continue };
            let schema = json!({ "type": type_word(value) });
            if let Some(made) = self.value(&format!("/{name}"), &name, &schema, fields) {
                fields.insert(name, made);
            }
        }
    }
}

fn is_leaf(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub(super) fn type_word(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_made_anew_and_keeps_its_own_key() {
        let make = |wanted: &Wanted<'_>| (wanted.name != "city").then(|| Value::from(format!("{}!", wanted.pointer)));
        let maker = Maker { make: &make, method: "GET", template: "/users/{id}", seed: 1 };
        let mut fields = json!({"id": "u-17", "name": "ann", "city": "Oslo", "tags": ["a"], "self": "/users/u-17"});
        maker.remake(fields.as_object_mut().expect("an object"), "u-17");
        let expected = json!({"id": "u-17", "name": "/name!", "city": "Oslo", "tags": ["a"], "self": "/users/u-17"});
        assert_eq!(fields, expected);
    }
}
