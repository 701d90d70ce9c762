//! Objects of another kind: a record where keys were data, data as keys where a record was, and kinds of records side by side.

use super::tree::{Event, Found, Tree};

/// A record has so many fields that are always there; one alone may just have another name now.
const RECORD: usize = 2;
/// Each of them was seen so often.
const SETTLED: u32 = super::FREEZE_AFTER;
/// So many times as many names as an object has: then they are data.
const VARIED: u32 = 3;

impl Tree {
    /// Whether an object that was read, with none of the fields that were known, is no such record at all. `seen` are the
    /// children that it had instead.
    pub(super) fn is_alien(&self, node: u32, seen: u128) -> bool {
        let at = &self.nodes[node as usize];
        if at.base.is_none() || !self.is_frozen() {
            return false;
        }
        let required = || {
            let all = at.children.iter().map(|child| &self.nodes[*child as usize]);
            // What was seen once was always there.
            all.filter(|child| child.base.as_ref().is_some_and(|base| base.required) && child.sightings() >= SETTLED)
        };
        let plain = |name: &str| -> String {
            name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
        };
        let names = at.children.iter().enumerate().filter(|(at, _)| *at < 128 && seen >> at & 1 == 1);
        let mut names = names.map(|(_, child)| plain(&self.nodes[*child as usize].name));
        // Under another spelling it is the same record.
        required().count() >= RECORD && !names.any(|name| required().any(|child| plain(&child.name) == name))
    }

    /// Its fields are neither missing nor new: it is something else.
    pub(super) fn alien(&mut self, node: u32, found: &mut Vec<Found>) {
        found.retain(|found| found.event != Event::New || self.nodes[found.node as usize].parent != node);
        self.note(node, Event::Alien, || None, found);
    }

    /// The other kind belongs here from now on; beside the old one, or `always`, in its place.
    pub(super) fn let_in(&mut self, node: u32, always: bool) {
        let mut children = self.nodes[node as usize].children.clone();
        if always {
            children.retain(|child| self.nodes[*child as usize].base.is_none());
        }
        for child in &children {
            self.absorb(*child);
            if !always {
                self.accept(*child, Event::Missing, false);
            }
        }
        self.nodes[node as usize].children = children;
    }

    /// Whether the objects that came instead of the record have data as keys; else they are a record too.
    pub(super) fn is_map_now(&self, node: u32, hits: u32) -> bool {
        let at = &self.nodes[node as usize];
        let new = at.children.iter().map(|child| &self.nodes[*child as usize]).filter(|child| child.base.is_none());
        let (names, sightings) = new.fold((0, 0), |(names, seen), child| (names + 1, seen + child.sightings()));
        names * hits.max(1) >= VARIED * sightings
    }

    /// The keys of an object whose keys are data, as the sum of their hashes.
    pub(super) fn keyed(&mut self, node: u32, keys: u64, found: &mut Vec<Found>) {
        let reads = self.reads;
        let at = &mut self.nodes[node as usize];
        if at.keyed.at == reads {
            return;
        }
        (at.keyed.at, at.keyed.count) = (reads, at.keyed.count + 1);
        let is_same = std::mem::replace(&mut at.keys, keys) == keys;
        if is_same {
            self.note(node, Event::Fixed, || None, found);
        }
    }

    /// The names of an object's fields, as they are known by now.
    pub(super) fn field_names(&self, node: u32, is_known: bool) -> String {
        let at = &self.nodes[node as usize];
        let all = at.children.iter().map(|child| &self.nodes[*child as usize]);
        let names = all.filter(|child| child.base.is_some() == is_known).map(|child| &*child.name);
        names.take(8).collect::<Vec<_>>().join(", ")
    }
}
