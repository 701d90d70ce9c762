//! A field that is gone and a field that is new may be one field under another name, or in another place.

use super::evidence::ENOUGH;
use super::finding::Kind;
use super::tree::{Event, NULL, Tree};
use super::watch::{Key, Watch};
use crate::names;

/// Two fields change at once far less often than one; still, so many exchanges have to show it.
const LEAST: u32 = 3;

/// One field in two guises.
pub(super) struct Pair {
    pub(super) kind: Kind,
    pub(super) old: Key,
    pub(super) new: Key,
    /// The old and the new name or, of a field that moved, pointer.
    pub(super) before: String,
    pub(super) after: String,
}

/// A field that is missing, or new, and how much speaks for it.
struct Candidate<'w> {
    key: &'w Key,
    part: usize,
    node: u32,
    hits: u32,
    weight: f32,
}

impl Watch {
    /// Fields that certainly changed their names or places.
    pub(super) fn renames(&self) -> Vec<Pair> {
        let missing = self.candidates(Event::Missing);
        if missing.is_empty() {
            return Vec::new();
        }
        let new = self.candidates(Event::New);
        let mut pairs: Vec<(u32, Pair)> = Vec::new();
        for old in &missing {
            let fits = |new: &&Candidate<'_>| {
                new.part == old.part
                    && old.hits.abs_diff(new.hits) <= 1
                    && old.hits >= LEAST
                    && old.weight + new.weight >= ENOUGH + 4.0
            };
            let best =
                new.iter().filter(fits).filter_map(|new| self.pair(old, new, &missing)).max_by_key(|(score, _)| *score);
            pairs.extend(best);
        }
        // Of two that would have become the same field, the likelier one did.
        pairs.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        let mut kept: Vec<Pair> = Vec::new();
        for (_, pair) in pairs {
            if !kept.iter().any(|other| other.new == pair.new) {
                kept.push(pair);
            }
        }
        kept
    }

    fn candidates(&self, of: Event) -> Vec<Candidate<'_>> {
        let found = self.suspicions.iter().filter_map(|(key, suspicion)| match key {
            Key::At { part, node, event }
                if *event == of && suspicion.passes == 0 && (suspicion.has_witnesses() || self.has_few_targets()) =>
            {
                Some(Candidate { key, part: *part, node: *node, hits: suspicion.hits, weight: suspicion.weight() })
            }
            _ => None,
        });
        found.collect()
    }

    fn pair(&self, old: &Candidate<'_>, new: &Candidate<'_>, missing: &[Candidate<'_>]) -> Option<(u32, Pair)> {
        let tree = &self.parts[old.part].tree;
        let pair = |kind, before: String, after: String| Pair {
            kind,
            old: old.key.clone(),
            new: new.key.clone(),
            before,
            after,
        };
        let name = |node: u32| tree.nodes[node as usize].name.to_string();
        if tree.nodes[old.node as usize].parent != tree.nodes[new.node as usize].parent {
            let to = below(tree, new.node)
                .into_iter()
                .find(|to| name(*to) == name(old.node) && likeness(tree, old.node, *to) > 0)?;
            return Some((1, pair(Kind::FieldMoved, tree.pointer(old.node), tree.pointer(to))));
        }
        if let Some(to) = below(tree, new.node).into_iter().skip(1).find(|to| name(*to) == name(old.node))
            && likeness(tree, old.node, to) > 0
        {
            return Some((2, pair(Kind::FieldMoved, tree.pointer(old.node), tree.pointer(to))));
        }
        let score = likeness(tree, old.node, new.node);
        // Nothing else of this kind is missing: it is the only one that this can have been.
        let rivals = missing.iter().filter(|other| other.part == old.part && likeness(tree, other.node, new.node) > 0);
        let enough = score >= 2 || score == 1 && rivals.count() == 1;
        enough.then(|| (score + 2, pair(Kind::FieldRenamed, name(old.node), name(new.node))))
    }
}

/// A position with all below it.
fn below(tree: &Tree, node: u32) -> Vec<u32> {
    let mut all = vec![node];
    let mut next = 0;
    while let Some(at) = all.get(next).copied() {
        let at = &tree.nodes[at as usize];
        all.extend(at.children.iter().copied().chain(at.items));
        next += 1;
    }
    all
}

/// How much two positions look like one: nothing unless their types fit.
fn likeness(tree: &Tree, old: u32, new: u32) -> u32 {
    let (old, new) = (&tree.nodes[old as usize], &tree.nodes[new as usize]);
    let Some(base) = &old.base else { return 0 };
    let types = new.types_seen() & !(1 << NULL);
    if types != 0 && base.types & types == 0 {
        return 0;
    }
    let plain =
        |name: &str| -> String { name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect() };
    let (a, b) = (names::words(&old.name), names::words(&new.name));
    let mut score = 1;
    score += if plain(&old.name) == plain(&new.name) { 3 } else { u32::from(a.iter().any(|word| b.contains(word))) };
    score += if old.shares_values(new) { 2 } else { 0 };
    score
}
