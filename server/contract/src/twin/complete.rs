//! Completes rows by what was learned of their shape: what was there every time is there this time too, and a value is of
//! a type that was seen.

use serde_json::Value;

use super::behaviour::Sample;
use super::generate::Generator;
use crate::Endpoint;
use crate::schema::render::{self, is_map};
use crate::schema::{Objects, Schema, Strings};

/// What was there so often and every time belongs there.
const ALWAYS_AFTER: u64 = 3;
/// Deeper parts are left as they are.
const MAX_DEPTH: u32 = 12;

/// What the answers of one kind look like, and how much was added to one of them.
pub(super) struct Completion<'a> {
    schema: Option<&'a Schema>,
    like: Option<&'a Value>,
    completing: Completing<'a>,
    pub(super) count: usize,
}

impl<'a> Completion<'a> {
    /// For answers as the sample is one.
    pub(super) fn of(endpoint: &'a Endpoint, sample: &'a Sample, generator: Generator<'a>) -> Self {
        let response = endpoint.operation.responses.get(&sample.status);
        let bodies =
            response.zip(sample.headers.media_type()).and_then(|(response, kind)| response.bodies.kept.get(&kind));
        let schema = bodies.filter(|bodies| bodies.count > bodies.unread).map(|bodies| &bodies.schema);
        Self { schema, like: sample.body.as_ref(), completing: Completing { generator }, count: 0 }
    }

    /// Completes the row at a place, or one of the list there. Members whose absence is `explained` stay away.
    pub(super) fn row(&mut self, place: &[String], listed: bool, row: &mut Value, explained: &dyn Fn(&str) -> bool) {
        let (Some(mut schema), mut like) = (self.schema, self.like) else { return };
        for name in place {
            let Some(objects) = schema.objects.as_deref() else { return };
            let Some((_, field)) = objects.fields.iter().find(|(own, _)| own == name) else { return };
            schema = &field.schema;
            like = like.and_then(|like| like.get(name));
        }
        if listed {
            let Some(arrays) = schema.arrays.as_deref() else { return };
            schema = &arrays.items;
            like = like.and_then(|like| like.get(0));
        }
        self.count += match (row, schema.objects.as_deref()) {
            (Value::Object(members), Some(objects)) if !is_map(objects) => {
                self.completing.members(objects, members, like, 0, explained)
            }
            _ => 0,
        };
    }
}

struct Completing<'a> {
    generator: Generator<'a>,
}

impl Completing<'_> {
    fn value(&mut self, schema: &Schema, value: &mut Value, like: Option<&Value>, name: &str, depth: u32) -> usize {
        if depth > MAX_DEPTH {
            return 0;
        }
        if !fits(schema, value) {
            return self.replace(schema, value, like, name);
        }
        match value {
            Value::Object(members) => {
                let Some(objects) = schema.objects.as_deref().filter(|objects| !is_map(objects)) else { return 0 };
                self.members(objects, members, like, depth, &|_| false)
            }
            Value::Array(items) => {
                let Some(arrays) = &schema.arrays else { return 0 };
                let first = like.and_then(|like| like.get(0));
                items.iter_mut().map(|item| self.value(&arrays.items, item, first, name, depth + 1)).sum()
            }
            _ => 0,
        }
    }

    fn members(
        &mut self,
        objects: &Objects,
        members: &mut serde_json::Map<String, Value>,
        like: Option<&Value>,
        depth: u32,
        explained: &dyn Fn(&str) -> bool,
    ) -> usize {
        let mut count = 0;
        for (name, field) in objects.fields.iter() {
            let like = like.and_then(|like| like.get(name));
            if let Some(member) = members.get_mut(name) {
                count += self.value(&field.schema, member, like, name, depth + 1);
            } else if field.present >= objects.count && objects.count >= ALWAYS_AFTER && !explained(name) {
                let mut made = self.made(&field.schema, like, name);
                self.value(&field.schema, &mut made, like, name, depth + 1);
                members.insert(name.to_owned(), made);
                count += 1;
            }
        }
        count
    }

    /// The same in another type where it reads as that, else another value.
    fn replace(&mut self, schema: &Schema, value: &mut Value, like: Option<&Value>, name: &str) -> usize {
        *value = match value {
            Value::Number(number) if schema.strings.is_some() => Value::from(number.to_string()),
            Value::String(text) if schema.numbers.is_some() => match serde_json::from_str::<Value>(text) {
                Ok(number) if number.is_number() && fits(schema, &number) => number,
                _ => self.made(schema, like, name),
            },
            _ => self.made(schema, like, name),
        };
        1
    }

    fn made(&mut self, schema: &Schema, like: Option<&Value>, name: &str) -> Value {
        match like.filter(|like| fits(schema, like)) {
            Some(like) => like.clone(),
            None => self.generator.value(&render::schema(schema), name),
        }
    }
}

/// Whether values of this type were seen. Where nothing but null was seen, anything may come.
fn fits(schema: &Schema, value: &Value) -> bool {
    let numbers = schema.numbers.as_deref();
    let known = schema.falses + schema.trues > 0
        || numbers.is_some()
        || schema.strings.is_some()
        || schema.arrays.is_some()
        || schema.objects.is_some();
    !known
        || match value {
            Value::Null => schema.nulls > 0,
            Value::Bool(_) => schema.falses + schema.trues > 0,
            Value::Number(number) => numbers.is_some_and(|seen| seen.fractions > 0 || !number.is_f64()),
            Value::String(text) => schema.strings.as_deref().is_some_and(|seen| keeps_format(seen, text)),
            Value::Array(_) => schema.arrays.is_some(),
            Value::Object(_) => schema.objects.is_some(),
        }
}

/// Whether a text has the format that all texts had, when they had one for certain.
fn keeps_format(seen: &Strings, text: &str) -> bool {
    let Some(format) = seen.formats.first().filter(|format| format.certain) else { return true };
    let mut narrowed = seen.formats;
    narrowed.narrow(text);
    narrowed.first().is_some_and(|still| still.word == format.word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_always_there_is_there_again() {
        let mut schema = Schema::default();
        let mut room = crate::schema::room::Room::<64>::default();
        for n in 0..4 {
            let told = json!({"id": n, "owner": {"name": "ann"}, "tags": ["a"], "note": "x", "rare": n});
            let mut told = told.as_object().expect("an object").clone();
            if n > 0 {
                told.shift_remove("rare");
            }
            let bytes = serde_json::to_vec(&told).expect("JSON");
            crate::schema::read::json(&mut schema, &bytes, &mut room, &mut ());
        }
        let mut body = json!({"id": "7", "owner": {}, "tags": [1], "extra": true});
        let like = json!({"owner": {"name": "bob"}, "note": "as recorded"});
        let generator = Generator::new(1, 1_750_000_000_000);
        let changed = Completing { generator }.value(&schema, &mut body, Some(&like), "", 0);
        let expected = json!({"id": 7, "owner": {"name": "bob"}, "tags": ["1"], "extra": true, "note": "as recorded"});
        assert_eq!((changed, body), (4, expected));
    }
}
