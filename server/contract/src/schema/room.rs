//! How much room the schemas of one operation's requests, or of its answers, have together.
//!
//! Every field has a rank: first its depth, then a hash of its name. Past the bound those of the highest ranks are left
//! out. A field outranks all that lies below it, and the edge only ever falls, so what stays was counted from its first
//! sight on: the outcome depends on the set of fields alone.

use serde::{Deserialize, Serialize};

use super::{Fields, Schema};
use crate::hash::hash;

/// Values nested deeper are not looked into.
pub(crate) const MAX_DEPTH: u8 = 64;

/// Depth and hash of a name.
type Rank = (u8, u64);

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Room<const MAX: usize> {
    taken: u32,
    /// Fields of this rank and above are left out.
    edge: Option<Rank>,
}

/// What a reader asks before it puts in a new field.
pub(crate) trait Admit {
    /// Whether a new field has a place, which it then takes. `None` is the one that data as keys share.
    fn take(&mut self, depth: u8, name: Option<&str>) -> bool;
    /// Fields became one: asks to be tidied.
    fn recount(&mut self);
}

impl<const MAX: usize> Admit for Room<MAX> {
    fn take(&mut self, depth: u8, name: Option<&str>) -> bool {
        let fits = self.fits(depth, name);
        self.taken = self.taken.saturating_add(u32::from(fits));
        fits
    }

    fn recount(&mut self) {
        self.taken = u32::MAX;
    }
}

impl<const MAX: usize> Room<MAX> {
    fn fits(&self, depth: u8, name: Option<&str>) -> bool {
        depth < MAX_DEPTH && self.edge.is_none_or(|edge| rank(depth, name) < edge)
    }

    /// How many fields there are at most.
    pub(crate) fn taken(&self) -> usize {
        self.taken as usize
    }

    pub(crate) fn is_crowded(&self) -> bool {
        self.taken as usize > MAX
    }

    /// Something was left out.
    pub(crate) fn is_cut(&self) -> bool {
        self.edge.is_some()
    }

    /// Takes over what another one left out; asks to be tidied.
    pub(crate) fn absorb(&mut self, other: &Self) {
        self.edge = self.edge.into_iter().chain(other.edge).min();
        self.recount();
    }

    /// Counts anew, and leaves out what is too much.
    pub(crate) fn tidy(&mut self, schemas: &mut [&mut Schema]) {
        let mut taken = 0;
        for schema in &mut *schemas {
            each(schema, 0, &mut |fields, _| taken += fields.len() + usize::from(fields.rest.is_some()));
        }
        self.taken = taken as u32;
        if self.edge.is_none() && taken <= MAX {
            return;
        }
        let mut ranks = Vec::new();
        for schema in &mut *schemas {
            each(schema, 0, &mut |fields, depth| {
                fields.retain(|name| self.fits(depth, name));
                ranks.extend(fields.iter().map(|(name, _)| rank(depth, Some(name))));
                ranks.extend(fields.rest.as_ref().map(|_| rank(depth, None)));
            });
        }
        if ranks.len() > MAX {
            ranks.sort_unstable();
            let edge = ranks[MAX];
            self.edge = Some(edge);
            ranks.retain(|rank| *rank < edge);
            for schema in schemas {
                each(schema, 0, &mut |fields, depth| fields.retain(|name| self.fits(depth, name)));
            }
        }
        self.taken = ranks.len() as u32;
    }
}

fn rank(depth: u8, name: Option<&str>) -> Rank {
    (depth, name.map_or(0, |name| hash(name.as_bytes())))
}

/// Every object of a schema with the depth of its fields, outer ones first.
fn each(schema: &mut Schema, depth: u8, f: &mut impl FnMut(&mut Fields, u8)) {
    if let Some(arrays) = &mut schema.arrays {
        each(&mut arrays.items, depth + 1, f);
    }
    if let Some(objects) = &mut schema.objects {
        f(&mut objects.fields, depth);
        objects.fields.values_mut().for_each(|field| each(&mut field.schema, depth + 1, f));
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;
    use crate::sketch::Absorb;

    fn learn(texts: &[String]) -> (Schema, Room<512>) {
        let (mut schema, mut room) = (Schema::default(), Room::default());
        for text in texts {
            assert!(read::json(&mut schema, text.as_bytes(), &mut room, &mut ()));
            if room.is_crowded() {
                room.tidy(&mut [&mut schema]);
            }
        }
        (schema, room)
    }

    #[test]
    fn what_is_left_out_does_not_depend_on_order() {
        let texts: Vec<String> =
            (0..900).map(|n| format!(r#"{{"k{}":{{"a{}":[{{"b{n}":1,"{n}":2}}]}}}}"#, n % 40, n % 300)).collect();
        let all = learn(&texts);
        let reversed: Vec<String> = texts.iter().rev().cloned().collect();
        assert_eq!(learn(&reversed), all);
        let (mut schema, mut room) = learn(&texts[600..]);
        let (other, edge) = learn(&texts[..600]);
        schema.absorb(&other);
        room.absorb(&edge);
        room.tidy(&mut [&mut schema]);
        assert_eq!((schema, room), all);
        assert!(all.1.taken as usize <= 512 && all.1.edge.is_some());
    }
}
