//! Reads JSON text straight into a summary, without a tree in between.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Schema;

/// Hears of every string under its field name, and of every key.
pub(crate) trait Listener {
    fn string(&mut self, field: &str, text: &str);
}

impl Listener for () {
    fn string(&mut self, _: &str, _: &str) {}
}

/// Adds one JSON text to a summary; whether it was JSON. Text that is not leaves the summary as it was.
pub(crate) fn json(schema: &mut Schema, bytes: &[u8], listener: &mut dyn Listener) -> bool {
    if serde_json::from_slice::<IgnoredAny>(bytes).is_err() {
        return false;
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    Position { schema, field: "", listener }.deserialize(&mut deserializer).is_ok()
}

struct Position<'a, 'n> {
    schema: &'a mut Schema,
    /// The nearest name above.
    field: &'n str,
    listener: &'a mut dyn Listener,
}

impl<'de> DeserializeSeed<'de> for Position<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Position<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.schema.nulls += 1;
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        if value {
            self.schema.trues += 1;
        } else {
            self.schema.falses += 1;
        }
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.schema.numbers.get_or_insert_default().add(value as f64);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.schema.numbers.get_or_insert_default().add(value as f64);
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.schema.numbers.get_or_insert_default().add(value);
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.schema.strings.get_or_insert_default().add(value);
        self.listener.string(self.field, value);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let arrays = self.schema.arrays.get_or_insert_default();
        let mut length = 0;
        while let Some(()) = items.next_element_seed(Position {
            schema: &mut arrays.items,
            field: self.field,
            listener: &mut *self.listener,
        })? {
            length += 1;
        }
        arrays.count += 1;
        arrays.longest = arrays.longest.max(length);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let objects = self.schema.objects.get_or_insert_default();
        while let Some(Key(name)) = entries.next_key::<Key<'de>>()? {
            let field = objects.fields.entry(&name);
            field.present += 1;
            entries.next_value_seed(Position {
                schema: &mut field.schema,
                field: &name,
                listener: &mut *self.listener,
            })?;
        }
        objects.count += 1;
        Ok(())
    }
}

/// A key, borrowed where it has no escapes.
struct Key<'de>(Cow<'de, str>);

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// Adds the fields of a form or a query as one object of strings; numbers and booleans are told by their form.
pub(crate) fn pairs<'p>(schema: &mut Schema, pairs: impl Iterator<Item = (Cow<'p, str>, Cow<'p, str>)>) {
    let objects = schema.objects.get_or_insert_default();
    objects.count += 1;
    let mut seen = std::collections::BTreeSet::new();
    for (name, value) in pairs {
        let field = objects.fields.entry(&name);
        if seen.insert(name) {
            field.present += 1;
        }
        scalar(&mut field.schema, &value);
    }
}

/// Adds a value that arrived as text.
pub(crate) fn scalar(schema: &mut Schema, text: &str) {
    let plain = !text.is_empty() && text.len() < 16 && text.bytes().all(|b| b.is_ascii_digit() || b"-.".contains(&b));
    let zero_led =
        text.trim_start_matches('-').len() > 1 && text.trim_start_matches('-').starts_with('0') && !text.contains('.');
    match text {
        "true" => schema.trues += 1,
        "false" => schema.falses += 1,
        _ => match text.parse::<f64>() {
            Ok(number) if plain && !zero_led => schema.numbers.get_or_insert_default().add(number),
            _ => schema.strings.get_or_insert_default().add(text),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_type() {
        let mut schema = Schema::default();
        assert!(json(&mut schema, br#"{"a":[1,2.5,null,"x"],"b":true}"#, &mut ()));
        let fields = &schema.objects.as_ref().unwrap().fields.kept;
        let items = &fields["a"].schema.arrays.as_ref().unwrap().items;
        assert_eq!((items.nulls, items.numbers.as_ref().unwrap().fractions), (1, 1));
        assert_eq!(fields["b"].schema.trues, 1);
    }

    #[test]
    fn broken_text_leaves_no_trace() {
        let mut schema = Schema::default();
        assert!(!json(&mut schema, br#"{"a":1"#, &mut ()));
        assert_eq!(schema, Schema::default());
    }
}
