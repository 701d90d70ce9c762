//! Reads JSON text straight into a summary, without a tree in between.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::room::{Admit, MAX_DEPTH};
use super::{Arrays, Schema, Type, sound};
use crate::hash::{combine, hash};
use crate::names;

/// Hears of every string.
pub(crate) trait Listener {
    /// `identifies` says that the nearest name above tells one thing from another; `key` is the hash of the text.
    fn string(&mut self, identifies: bool, text: &str, key: u64);
}

impl Listener for () {
    fn string(&mut self, _: bool, _: &str, _: u64) {}
}

/// What reading needs beside the text and the summary.
pub(crate) struct Reader<'a> {
    pub(crate) room: &'a mut dyn Admit,
    pub(crate) listener: &'a mut dyn Listener,
    /// When the message was received.
    pub(crate) at_ms: u64,
}

impl Reader<'_> {
    /// Adds one JSON text to a summary; whether it was JSON. Text that is not leaves the summary as it was.
    pub(crate) fn json(&mut self, schema: &mut Schema, bytes: &[u8]) -> bool {
        if !sound::is_sound(bytes) {
            return false;
        }
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        Position { schema, identifies: false, depth: 0, reader: self }.deserialize(&mut deserializer).is_ok()
    }
}

/// The same where it does not matter when that was.
#[cfg(test)]
pub(crate) fn json(schema: &mut Schema, bytes: &[u8], room: &mut dyn Admit, listener: &mut dyn Listener) -> bool {
    Reader { room, listener, at_ms: 0 }.json(schema, bytes)
}

struct Position<'r, 'a> {
    schema: &'r mut Schema,
    /// The nearest name above is one of those that tell one thing from another.
    identifies: bool,
    depth: u8,
    reader: &'r mut Reader<'a>,
}

/// What an array needs to know of its items: the type, and a hash of the value if it is a scalar.
struct Item {
    of: Type,
    key: u64,
}

impl Item {
    fn scalar<E>(of: Type, key: u64) -> Result<Self, E> {
        Ok(Self { of, key })
    }
}

impl<'de> DeserializeSeed<'de> for Position<'_, '_> {
    type Value = Item;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Item, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Position<'_, '_> {
    fn number<E>(self, value: f64) -> Result<Item, E> {
        self.schema.numbers.get_or_insert_default().add(value);
        let of = if value.fract() == 0.0 { Type::Integer } else { Type::Number };
        Item::scalar(of, combine(of as u64, value.to_bits()))
    }
}

impl<'de> Visitor<'de> for Position<'_, '_> {
    type Value = Item;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Item, E> {
        self.schema.nulls += 1;
        Item::scalar(Type::Null, 0)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Item, E> {
        if value {
            self.schema.trues += 1;
        } else {
            self.schema.falses += 1;
        }
        Item::scalar(Type::Boolean, u64::from(value) + 1)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Item, E> {
        self.number(value as f64)
    }

    fn visit_u64<E>(self, value: u64) -> Result<Item, E> {
        self.number(value as f64)
    }

    fn visit_f64<E>(self, value: f64) -> Result<Item, E> {
        self.number(value)
    }

    fn visit_str<E>(self, value: &str) -> Result<Item, E> {
        let key = hash(value.as_bytes());
        // What is known here was heard when it came first.
        if self.schema.strings.get_or_insert_default().add(value, key) {
            self.reader.listener.string(self.identifies, value, key);
        }
        Item::scalar(Type::String, key)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Item, A::Error> {
        let arrays = self.schema.arrays.get_or_insert_default();
        let mut reading = Elements::default();
        if self.depth + 1 >= MAX_DEPTH {
            while items.next_element::<IgnoredAny>()?.is_some() {
                reading.length += 1;
            }
        }
        while let Some(item) = items.next_element_seed(Position {
            schema: &mut arrays.items,
            identifies: self.identifies,
            depth: self.depth + 1,
            reader: &mut *self.reader,
        })? {
            reading.add(&item, arrays);
        }
        reading.end(arrays);
        Item::scalar(Type::Array, 0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Item, A::Error> {
        let objects = self.schema.objects.get_or_insert_default();
        let mut reading = objects.fields.begin(self.reader.at_ms);
        while let Some(Key(name)) = entries.next_key::<Key<'de>>()? {
            let Reader { room, .. } = &mut *self.reader;
            let Some(field) = objects.fields.entry(&mut reading, &name, |name| room.take(self.depth, name)) else {
                let identifies = names::is_identifier(&name);
                let depth = self.depth + 1;
                entries.next_value_seed(Heard { identifies, depth, listener: &mut *self.reader.listener })?;
                continue;
            };
            entries.next_value_seed(Position {
                identifies: field.identifies(&name),
                schema: &mut field.schema,
                depth: self.depth + 1,
                reader: &mut *self.reader,
            })?;
        }
        objects.count += 1;
        if objects.fields.end(reading, objects.count) {
            self.reader.room.recount();
        }
        Item::scalar(Type::Object, 0)
    }
}

/// Passes on the strings of a value that is left out of the summary: what is heard must not depend on the room there was.
struct Heard<'a> {
    identifies: bool,
    depth: u8,
    listener: &'a mut dyn Listener,
}

impl<'de> DeserializeSeed<'de> for Heard<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.depth > MAX_DEPTH {
            return deserializer.deserialize_ignored_any(IgnoredAny).map(drop);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Heard<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.listener.string(self.identifies, value, hash(value.as_bytes()));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let (identifies, depth) = (self.identifies, self.depth + 1);
        while items.next_element_seed(Heard { identifies, depth, listener: &mut *self.listener })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(Key(name)) = entries.next_key::<Key<'de>>()? {
            let identifies = names::is_identifier(&name);
            let depth = self.depth + 1;
            entries.next_value_seed(Heard { identifies, depth, listener: &mut *self.listener })?;
        }
        Ok(())
    }
}

/// Whether scalars repeat is looked at in arrays of at most so many items.
const MAX_COMPARED: usize = 32;

/// One array while it is read.
#[derive(Default)]
struct Elements {
    length: u32,
    keys: Vec<u64>,
    repeats: bool,
}

impl Elements {
    fn add(&mut self, item: &Item, arrays: &mut Arrays) {
        if let Some(place) = arrays.places.get_mut(self.length as usize) {
            *place |= item.of as u8;
        }
        self.length += 1;
        if item.key != 0 && !self.repeats && arrays.repeating == 0 && self.keys.len() < MAX_COMPARED {
            self.repeats = self.keys.contains(&item.key);
            self.keys.push(item.key);
        }
    }

    fn end(self, arrays: &mut Arrays) {
        arrays.shortest = if arrays.count == 0 { self.length } else { arrays.shortest.min(self.length) };
        arrays.longest = arrays.longest.max(self.length);
        arrays.count += 1;
        arrays.repeating = arrays.repeating.max(u64::from(self.repeats));
    }
}

/// A key, borrowed where it has no escapes.
pub(crate) struct Key<'de>(pub(crate) Cow<'de, str>);

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
pub(crate) fn pairs<'p>(
    schema: &mut Schema,
    pairs: impl Iterator<Item = (Cow<'p, str>, Cow<'p, str>)>,
    Reader { room, at_ms, .. }: &mut Reader<'_>,
) {
    let objects = schema.objects.get_or_insert_default();
    let mut reading = objects.fields.begin(*at_ms);
    for (name, value) in pairs {
        if let Some(field) = objects.fields.entry(&mut reading, &name, |name| room.take(0, name)) {
            scalar(&mut field.schema, &value);
        }
    }
    objects.count += 1;
    if objects.fields.end(reading, objects.count) {
        room.recount();
    }
}

/// Adds the fields of a message's head as one object, if there are any; those without a value were there, and that is all.
pub(crate) fn names<'p>(
    schema: &mut Schema,
    named: impl Iterator<Item = (&'p str, Option<&'p str>)>,
    Reader { room, at_ms, .. }: &mut Reader<'_>,
) {
    let mut named = named.peekable();
    if named.peek().is_none() {
        return;
    }
    let objects = schema.objects.get_or_insert_default();
    let mut reading = objects.fields.begin(*at_ms);
    for (name, value) in named {
        let Some(field) = objects.fields.entry(&mut reading, name, |name| room.take(0, name)) else { continue };
        match value {
            Some(value) => scalar(&mut field.schema, value),
            None => field.schema.strings.get_or_insert_default().add_secret(),
        }
    }
    objects.count += 1;
    if objects.fields.end(reading, objects.count) {
        room.recount();
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
            _ => {
                schema.strings.get_or_insert_default().add(text, hash(text.as_bytes()));
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::room::Room;
    use super::*;

    #[test]
    fn reads_every_type() {
        let mut schema = Schema::default();
        assert!(json(&mut schema, br#"{"a":[1,2.5,null,"x"],"b":true}"#, &mut Room::<64>::default(), &mut ()));
        let fields: Vec<_> = schema.objects.as_ref().unwrap().fields.iter().collect();
        let items = &fields[0].1.schema.arrays.as_ref().unwrap().items;
        assert_eq!((items.nulls, items.numbers.as_ref().unwrap().fractions), (1, 1));
        assert_eq!((fields[1].0, fields[1].1.schema.trues), ("b", 1));
    }

    #[test]
    fn broken_text_leaves_no_trace() {
        let mut schema = Schema::default();
        assert!(!json(&mut schema, br#"{"a":1"#, &mut Room::<64>::default(), &mut ()));
        assert_eq!(schema, Schema::default());
    }
}
