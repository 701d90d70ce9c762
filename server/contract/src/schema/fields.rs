//! The fields of the objects at one position: how often each was there, and which go together.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Kin, Schema};
use crate::hash::hash;
use crate::names;
use crate::sketch::{Absorb, Span};
use crate::token::Kind;

/// Which fields go together is learned of objects with at most so many.
const MAX_RELATED: usize = 128;
/// So many fields that an object lacks are passed over to find the place of the next one.
const MAX_AHEAD: usize = 32;
/// Sets of fields that need not be looked at again.
const MAX_KNOWN: usize = 16;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Fields {
    /// Sorted by name.
    #[serde(rename = "f", skip_serializing_if = "Vec::is_empty")]
    pub(super) list: Vec<(Box<str>, Field)>,
    /// By field: with which others it was ever seen, and without which. Empty when there are too many fields, or some are
    /// left out.
    #[serde(rename = "w", skip_serializing_if = "Vec::is_empty")]
    relations: Vec<Relation>,
    /// What stood under keys that are data by their form, an id or a date, and once there are too many names under those
    /// that are not always there.
    #[serde(rename = "r", skip_serializing_if = "Option::is_none")]
    pub(crate) rest: Option<Box<Field>>,
    /// Some fields were left out for want of room.
    #[serde(rename = "c", skip_serializing_if = "std::ops::Not::not")]
    pub(crate) cut: bool,
    /// There were too many names to keep each.
    #[serde(rename = "d", skip_serializing_if = "std::ops::Not::not")]
    pub(super) wide: bool,
    #[serde(skip)]
    recent: Recent,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Field {
    /// In how many objects it was.
    #[serde(rename = "p")]
    pub(crate) present: u64,
    /// When it was first and last there.
    #[serde(rename = "s")]
    pub(crate) span: Span,
    #[serde(rename = "v")]
    pub(crate) schema: Schema,
    #[serde(skip)]
    role: Role,
    /// What the view knows from other places; no part of the summary.
    #[serde(skip)]
    pub(crate) kin: Option<Box<Kin>>,
}

/// Whether the name of a field tells one thing from another, once somebody asked; says nothing about what was seen.
#[derive(Debug, Clone, Copy, Default)]
struct Role(Option<bool>);

impl PartialEq for Role {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Field {
    /// Whether its name, which is `name`, tells one thing from another.
    pub(crate) fn identifies(&mut self, name: &str) -> bool {
        *self.role.0.get_or_insert_with(|| names::is_identifier(name))
    }

    fn meet(&mut self, at_ms: u64) {
        self.present += 1;
        self.span.add(at_ms);
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Relation {
    #[serde(rename = "t")]
    with: Set,
    #[serde(rename = "n")]
    without: Set,
}

/// Fields by their place in the list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Set(u128);

/// What makes the next object cheaper to learn; says nothing about what was seen.
#[derive(Debug, Clone, Default)]
struct Recent {
    /// The fields of an object that had many, in its order.
    order: Vec<u16>,
    /// Sets of fields whose relations are learned.
    known: Vec<Set>,
}

impl PartialEq for Recent {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Set {
    pub(crate) fn has(self, at: usize) -> bool {
        at < MAX_RELATED && self.0 >> at & 1 == 1
    }

    fn put(&mut self, at: usize) {
        if at < MAX_RELATED {
            self.0 |= 1 << at;
        }
    }

    /// Makes room at a place for one more field.
    fn open(&mut self, at: usize) {
        let low = (1 << at) - 1;
        self.0 = (self.0 & low) | ((self.0 & !low) << 1);
    }

    fn all(count: usize) -> Self {
        Self(if count >= MAX_RELATED { u128::MAX } else { (1 << count) - 1 })
    }
}

/// As few bytes as the highest field needs.
impl Serialize for Set {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let used = 16 - self.0.leading_zeros() as usize / 8;
        serializer.serialize_bytes(&self.0.to_le_bytes()[..used])
    }
}

impl<'de> Deserialize<'de> for Set {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = bytes::Bytes::deserialize(deserializer)?;
        let mut all = [0; 16];
        let used = read.len().min(16);
        all[..used].copy_from_slice(&read[..used]);
        Ok(Self(u128::from_le_bytes(all)))
    }
}

/// One object while it is read.
#[derive(Default)]
pub(crate) struct Reading {
    seen: Set,
    /// Fields past what a set can hold.
    others: Vec<u16>,
    position: usize,
    /// Empty while it is the expected one.
    order: Vec<u16>,
    /// The order is the expected one so far.
    same: bool,
    at_ms: u64,
    /// Hashes of the names without a field of their own.
    shared: BTreeSet<u64>,
}

impl Fields {
    /// `at_ms` is when the object was received.
    pub(crate) fn begin(&mut self, at_ms: u64) -> Reading {
        Reading { same: true, at_ms, ..Reading::default() }
    }

    /// The field of a key of the object that is being read, counted as present; `None` when it is left out: `room` says
    /// whether a new one may be put in, of this name or for all keys that are data.
    pub(crate) fn entry(
        &mut self,
        reading: &mut Reading,
        name: &str,
        room: impl FnOnce(Option<&str>) -> bool,
    ) -> Option<&mut Field> {
        let expected = self.recent.order.get(reading.position).map(|at| usize::from(*at));
        let at = match expected.filter(|at| *self.list[*at].0 == *name) {
            Some(at) => {
                reading.position += 1;
                at
            }
            None => {
                if std::mem::take(&mut reading.same) {
                    reading.order = self.recent.order[..reading.position].to_vec();
                }
                match self.find(name) {
                    Ok(at) => {
                        // Behind what is missing the order goes on as before.
                        let ahead = self.recent.order.iter().skip(reading.position);
                        let ahead = ahead.take(MAX_AHEAD).position(|next| usize::from(*next) == at);
                        reading.position += ahead.map_or(0, |skipped| skipped + 1);
                        at
                    }
                    Err(_) if is_data(name) => return self.data(true, reading.at_ms, || room(None)),
                    Err(_) if self.wide => {
                        let first = reading.shared.insert(hash(name.as_bytes()));
                        return self.data(first, reading.at_ms, || room(None));
                    }
                    Err(_) if !room(Some(name)) => {
                        self.leave_out();
                        return None;
                    }
                    Err(at) => {
                        self.insert(at, name, reading);
                        at
                    }
                }
            }
        };
        if !reading.same {
            reading.order.push(at as u16);
        }
        let field = &mut self.list[at].1;
        // A key can stand in an object twice.
        if reading.first(at) {
            field.meet(reading.at_ms);
        }
        Some(field)
    }

    fn data(&mut self, first: bool, at_ms: u64, room: impl FnOnce() -> bool) -> Option<&mut Field> {
        if self.rest.is_none() && !room() {
            self.leave_out();
            return None;
        }
        let rest = self.rest.get_or_insert_default();
        if first {
            rest.meet(at_ms);
        }
        // Keys that are data share no name.
        rest.role = Role(None);
        Some(rest)
    }

    fn leave_out(&mut self) {
        self.cut = true;
        self.relations = Vec::new();
    }

    /// `objects` is how many were read, this one counted. Says whether fields became one.
    pub(crate) fn end(&mut self, reading: Reading, objects: u64) -> bool {
        if !self.relations.is_empty() && !self.recent.known.contains(&reading.seen) {
            let others = Set(Set::all(self.list.len()).0 & !reading.seen.0);
            for (at, relation) in self.relations.iter_mut().enumerate().filter(|(at, _)| reading.seen.has(*at)) {
                relation.with.0 |= reading.seen.0;
                relation.without.0 |= others.0;
                debug_assert!(relation.with.has(at));
            }
            if self.recent.known.len() == MAX_KNOWN {
                self.recent.known.remove(0);
            }
            self.recent.known.push(reading.seen);
        }
        if !reading.same && reading.order.len() >= self.recent.order.len() {
            self.recent.order = reading.order;
        }
        self.gather(objects)
    }

    /// Forgets which fields go together, and where the next one is to be expected.
    pub(super) fn unrelate(&mut self) {
        self.relations = Vec::new();
        self.recent = Recent::default();
    }

    pub(super) fn find(&self, name: &str) -> Result<usize, usize> {
        self.list.binary_search_by(|(kept, _)| (**kept).cmp(name))
    }

    /// Puts in a field that was never seen.
    fn insert(&mut self, at: usize, name: &str, reading: &mut Reading) {
        self.list.insert(at, (name.into(), Field::default()));
        self.recent = Recent::default();
        reading.open(at);
        if self.list.len() > MAX_RELATED || self.cut {
            self.relations = Vec::new();
            return;
        }
        let mut relation = Relation::default();
        for (other, (_, field)) in self.list.iter().enumerate().filter(|(other, _)| *other != at) {
            // Objects of the past that had the other one lacked this one. The object that is being read adds itself.
            let before = field.present - u64::from(reading.seen.has(other));
            if before > 0 {
                relation.without.put(other);
            }
        }
        let lacked = relation.without;
        relation.without = Set::default();
        for (other, relation) in self.relations.iter_mut().enumerate() {
            relation.with.open(at);
            relation.without.open(at);
            if lacked.has(other + usize::from(other >= at)) {
                relation.without.put(at);
            }
        }
        self.relations.insert(at, relation);
    }

    /// Leaves out the fields that do not fit, and the shared one if that is said of none.
    pub(crate) fn retain(&mut self, fits: impl Fn(Option<&str>) -> bool) {
        let before = self.list.len() + usize::from(self.rest.is_some());
        self.list.retain(|(name, _)| fits(Some(name)));
        if !fits(None) {
            self.rest = None;
        }
        if self.list.len() + usize::from(self.rest.is_some()) < before {
            self.leave_out();
            self.recent = Recent::default();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// In the order of their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Field)> {
        self.list.iter().map(|(name, field)| (&**name, field))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Field)> {
        self.list.iter_mut().map(|(name, field)| (&**name, field))
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &Field> {
        self.list.iter().map(|(_, field)| field)
    }

    /// The fields, and the shared one when there is one.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut Field> {
        self.list.iter_mut().map(|(_, field)| field).chain(self.rest.as_deref_mut())
    }

    /// Whether the two were ever seen in one object. `None` where that is not known.
    pub(crate) fn met(&self, one: usize, other: usize) -> Option<bool> {
        Some(self.relations.get(one)?.with.has(other))
    }

    /// Whether wherever the one was, the other was too. `None` where that is not known.
    pub(crate) fn implies(&self, one: usize, other: usize) -> Option<bool> {
        Some(!self.relations.get(one)?.without.has(other))
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let list = self.list.iter().map(|(name, field)| name.len() + field.schema.heap_bytes());
        let rest = self.rest.iter().map(|rest| size_of::<Field>() + rest.schema.heap_bytes());
        self.list.capacity() * size_of::<(Box<str>, Field)>()
            + self.relations.capacity() * size_of::<Relation>()
            + self.recent.order.capacity() * 2
            + self.recent.known.capacity() * size_of::<Set>()
            + list.sum::<usize>()
            + rest.sum::<usize>()
    }
}

impl Reading {
    /// Makes room at a place for one more field.
    fn open(&mut self, at: usize) {
        self.order.iter_mut().chain(&mut self.others).for_each(|seen| *seen += u16::from(usize::from(*seen) >= at));
        if at < MAX_RELATED {
            self.others.extend(self.seen.has(MAX_RELATED - 1).then_some(MAX_RELATED as u16));
            self.seen.open(at);
        }
    }

    /// Marks a field as seen; whether it was not before.
    fn first(&mut self, at: usize) -> bool {
        if at >= MAX_RELATED {
            let new = !self.others.contains(&(at as u16));
            self.others.extend(new.then_some(at as u16));
            return new;
        }
        let new = !self.seen.has(at);
        self.seen.put(at);
        new
    }
}

/// Whether a key is no name of a field, by its form alone.
pub(crate) fn is_data(name: &str) -> bool {
    use Kind::{Date, DateTime, Email, Hash, Integer, ObjectId, Ulid, Uuid};
    // `-1` and `+1` are votes.
    !name.starts_with('-')
        && matches!(Kind::of(name), Some(Integer | Uuid | Ulid | ObjectId | Hash | Date | DateTime | Email))
}

impl Fields {
    /// Adds the fields of other objects; `objects` is how many there are then.
    pub(crate) fn absorb(&mut self, other: &Self, objects: u64) {
        if self.wide || other.wide {
            self.absorb_wide(other, objects);
            return;
        }
        if let Some(theirs) = &other.rest {
            self.rest.get_or_insert_default().absorb(theirs);
        }
        for (name, field) in other.iter() {
            let at = self.find(name).unwrap_or_else(|at| {
                self.insert(at, name, &mut Reading::default());
                at
            });
            // The presence comes last: until then, what the other side had is no past of this one.
            self.list[at].1.schema.absorb(&field.schema);
            self.list[at].1.span.absorb(&field.span);
        }
        if other.cut {
            self.leave_out();
        }
        self.absorb_relations(other);
        self.gather(objects);
    }

    fn absorb_relations(&mut self, other: &Self) {
        let places: Vec<usize> = other.iter().filter_map(|(name, _)| self.find(name).ok()).collect();
        self.recent = Recent::default();
        if !self.relations.is_empty() && !other.relations.is_empty() {
            let moved = |set: Set| {
                let mut out = Set::default();
                places.iter().enumerate().filter(|(from, _)| set.has(*from)).for_each(|(_, to)| out.put(*to));
                out
            };
            let theirs = moved(Set::all(other.list.len()));
            let unknown = Set(Set::all(self.list.len()).0 & !theirs.0);
            for (from, to) in places.iter().enumerate() {
                let (relation, mine) = (&other.relations[from], &mut self.relations[*to]);
                mine.with.0 |= moved(relation.with).0;
                mine.without.0 |= moved(relation.without).0 | unknown.0;
            }
        }
        for (from, to) in places.iter().enumerate() {
            self.list[*to].1.present += other.list[from].1.present;
        }
    }
}

impl Absorb for Field {
    fn absorb(&mut self, other: &Self) {
        self.present += other.present;
        self.span.absorb(&other.span);
        self.schema.absorb(&other.schema);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(objects: &[&[&str]]) -> Fields {
        let mut fields = Fields::default();
        for (before, object) in objects.iter().enumerate() {
            let mut reading = fields.begin(0);
            for name in *object {
                fields.entry(&mut reading, name, |_| true);
            }
            fields.end(reading, before as u64 + 1);
        }
        fields
    }

    #[test]
    fn what_goes_together() {
        let fields = of(&[&["b", "d"], &["a", "d"], &["c", "d", "b"], &["a", "d"]]);
        let at = |name: &str| fields.find(name).unwrap();
        let check = |one, other, met, implies| {
            assert_eq!(
                (fields.met(at(one), at(other)), fields.implies(at(one), at(other))),
                (Some(met), Some(implies))
            );
        };
        check("a", "b", false, false);
        check("a", "d", true, true);
        check("d", "a", true, false);
        check("c", "b", true, true);
        check("b", "c", true, false);
        check("b", "a", false, false);
    }

    #[test]
    fn merging_is_learning_in_any_order() {
        let objects: [&[&str]; 5] = [&["x", "b"], &["a"], &["c", "b", "x"], &[], &["a", "k", "k"]];
        let all = of(&objects);
        for split in 0..=5 {
            let (mut left, mut right) = (of(&objects[..split]), of(&objects[split..]));
            let (l, r) = (left.clone(), right.clone());
            left.absorb(&r, 5);
            right.absorb(&l, 5);
            assert_eq!(left, all, "{split}");
            assert_eq!(right, all, "{split}");
        }
        let mut reversed = objects;
        reversed.reverse();
        assert_eq!(of(&reversed), all);
    }

    #[test]
    fn many_fields_are_counted_once_each() {
        let names: Vec<String> = (0..200).map(|n| format!("k{:03}", n * 7 % 200)).collect();
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        names.extend(names.clone());
        let fields = of(&[&names, &names]);
        assert!(fields.len() == 200 && fields.values().all(|field| field.present == 2));
    }

    #[test]
    fn keys_that_are_data_share_one_field() {
        let fields = of(&[&["17", "name", "18"], &["2024-05-06"]]);
        assert_eq!((fields.len(), fields.rest.as_ref().unwrap().present), (1, 3));
    }

    #[test]
    fn what_is_left_out_is_noted() {
        let mut fields = of(&[&["a", "b"], &["b", "c"]]);
        fields.retain(|name| name != Some("b"));
        assert!(fields.cut);
        assert_eq!((fields.len(), fields.met(0, 1)), (2, None));
    }
}
