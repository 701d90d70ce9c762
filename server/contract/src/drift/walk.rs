//! Reads a JSON text along a [`Tree`], without a tree of values in between.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::tree::{ARRAY, BOOLEAN, Event, Found, INTEGER, NULL, NUMBER, OBJECT, Tree};
use crate::schema::fields::is_data;
use crate::schema::read::Key;

/// Deeper than this nothing is watched.
const MAX_DEPTH: u8 = 32;
/// Items of one array that are looked at.
const MAX_ITEMS: usize = 256;

impl Tree {
    /// Reads one document. What it did differently, or `None` when it is no JSON.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Option<Vec<Found>> {
        // In one go, and not text by text.
        let text = std::str::from_utf8(bytes).ok()?;
        let mut found = Vec::new();
        self.begin();
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let position = Position { node: 0, depth: 0, tree: self, found: &mut found };
        position.deserialize(&mut deserializer).ok()?;
        deserializer.end().ok()?;
        Some(found)
    }

    /// Reads names as the fields of one object, without their values.
    pub(super) fn read_names<'n>(&mut self, names: impl Iterator<Item = &'n str>) -> Vec<Found> {
        let mut found = Vec::new();
        self.begin();
        let mut object = Object::begin(self, 0, &mut found);
        for name in names {
            object.field(self, name, &mut found);
        }
        object.end(self, &mut found);
        found
    }
}

struct Position<'t, 'f> {
    node: u32,
    depth: u8,
    tree: &'t mut Tree,
    found: &'f mut Vec<Found>,
}

/// One object while it is read.
struct Object {
    node: u32,
    /// Fields that were seen, by their place among the children; the first 128 of them.
    seen: u128,
    next: usize,
    /// One of its fields was known.
    is_known: bool,
    /// It has others.
    is_strange: bool,
    /// Hashes of keys that are data, added up.
    keys: u64,
}

impl Object {
    fn begin(tree: &mut Tree, node: u32, found: &mut Vec<Found>) -> Self {
        tree.note(node, Event::Type(OBJECT as u8), || None, found);
        Self { node, seen: 0, next: 0, is_known: false, is_strange: false, keys: 0 }
    }

    /// The position of a key; `None` when it is not watched.
    fn field(&mut self, tree: &mut Tree, name: &str, found: &mut Vec<Found>) -> Option<u32> {
        let (at, child) = match tree.known(self.node, name, self.next) {
            Some(known) => known,
            None if tree.nodes[self.node as usize].is_map() || is_data(name) => {
                self.is_strange = true;
                self.keys = self.keys.wrapping_add(crate::hash::hash(name.as_bytes()));
                let values = tree.values(self.node)?;
                tree.see(values);
                return Some(values);
            }
            None => tree.child(self.node, name, self.next)?,
        };
        self.next = at + 1;
        if at < 128 {
            self.seen |= 1 << at;
        }
        tree.see(child);
        if tree.nodes[child as usize].base.is_some() {
            self.is_known = true;
        } else {
            self.is_strange = true;
            if tree.parent_is_known(child) {
                tree.note(child, Event::New, || None, found);
            }
        }
        Some(child)
    }

    fn end(self, tree: &mut Tree, found: &mut Vec<Found>) {
        if self.keys != 0 && !self.is_known {
            tree.keyed(self.node, self.keys, found);
        }
        if self.is_strange && !self.is_known && tree.is_alien(self.node, self.seen) {
            return tree.alien(self.node, found);
        }
        let children = tree.nodes[self.node as usize].children.len().min(128);
        let all = if children == 128 { u128::MAX } else { (1 << children) - 1 };
        let mut missing = all & !self.seen;
        while missing != 0 {
            let at = missing.trailing_zeros() as usize;
            missing &= missing - 1;
            tree.miss(tree.nodes[self.node as usize].children[at], found);
        }
    }
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
        self.tree.note(self.node, Event::Type(NULL as u8), || None, self.found);
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.tree.note(self.node, Event::Type(BOOLEAN as u8), || None, self.found);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.tree.number(self.node, INTEGER, value as f64, self.found);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.tree.number(self.node, INTEGER, value as f64, self.found);
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        let of = if value.fract() == 0.0 { INTEGER } else { NUMBER };
        self.tree.number(self.node, of, value, self.found);
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.tree.text(self.node, value, self.found);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { node, depth, tree, found } = self;
        tree.note(node, Event::Type(ARRAY as u8), || None, found);
        let below = if depth < MAX_DEPTH { tree.items(node) } else { None };
        if let Some(below) = below {
            for _ in 0..MAX_ITEMS {
                let item = Position { node: below, depth: depth + 1, tree: &mut *tree, found: &mut *found };
                if items.next_element_seed(Seen(item))?.is_none() {
                    return Ok(());
                }
            }
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Self { node, depth, tree, found } = self;
        let mut object = Object::begin(tree, node, found);
        while let Some(Key(name)) = entries.next_key::<Key<'de>>()? {
            let below = if depth < MAX_DEPTH { object.field(tree, &name, found) } else { None };
            match below {
                Some(node) => {
                    let position = Position { node, depth: depth + 1, tree: &mut *tree, found: &mut *found };
                    entries.next_value_seed(position)?;
                }
                None => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        object.end(tree, found);
        Ok(())
    }
}

/// An item counts as seen when there is one.
struct Seen<'t, 'f>(Position<'t, 'f>);

impl<'de> DeserializeSeed<'de> for Seen<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.0.tree.see(self.0.node);
        self.0.deserialize(deserializer)
    }
}
