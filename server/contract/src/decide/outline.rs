//! The outline of what an operation answers: which fields, of which types, how often. Enough to tell whether two
//! operations answer alike, at a fraction of the cost of merging their schemas.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use crate::hash::{combine, hash};
use crate::operation::Operation;
use crate::schema::Schema;
use crate::schema::render::is_map;

/// Two levels of objects tell operations apart; deeper ones come and go.
const MAX_DEPTH: u32 = 3;
/// Fields below this many add nothing to a comparison.
const MAX_FEATURES: usize = 96;

/// An object seen less often may lack a member by chance.
const TELLING_COUNT: f64 = 3.0;
/// What is left of the likeness of answers that hold two kinds of things.
const ESTRANGED: f64 = 0.3;

const BODY: u64 = 1;
const ITEM: u64 = 2;

#[derive(Debug, Clone, Default)]
pub(crate) struct Outline {
    /// How often each thing that has parts was seen.
    wholes: BTreeMap<u64, f64>,
    features: BTreeMap<u64, Feature>,
}

#[derive(Debug, Clone, Copy)]
struct Feature {
    whole: u64,
    count: f64,
    weight: f64,
    /// It is a member of an object, and not the type of a value.
    member: bool,
}

/// The likeness of two outlines, and by how many features it is borne.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Likeness {
    pub(crate) share: f64,
    pub(crate) richness: f64,
}

impl Outline {
    fn of(operation: &Operation) -> Self {
        let mut outline = Self::default();
        for schema in crate::view::success_schemas(operation) {
            outline.position(schema, BODY, 0);
        }
        outline
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.features.is_empty()
    }

    /// How many features there always are.
    pub(crate) fn richness(&self) -> f64 {
        self.features.values().map(|feature| feature.weight * self.share(feature)).sum()
    }

    fn share(&self, feature: &Feature) -> f64 {
        self.wholes.get(&feature.whole).map_or(0.0, |whole| (feature.count / whole).min(1.0))
    }

    fn position(&mut self, schema: &Schema, path: u64, depth: u32) {
        let weight = 0.5_f64.powi(depth as i32);
        let types = [
            (11, schema.falses + schema.trues),
            (12, schema.numbers.as_ref().map_or(0, |n| n.count)),
            (13, schema.strings.as_ref().map_or(0, |s| s.count)),
            (14, schema.arrays.as_ref().map_or(0, |a| a.count)),
            (15, schema.objects.as_ref().map_or(0, |o| o.count)),
        ];
        for (word, count) in types.into_iter().filter(|(_, count)| *count > 0) {
            self.part(path, combine(path, word), count as f64, 0.5 * weight, false);
        }
        self.whole(path, schema.present() as f64);
        if let Some(arrays) = &schema.arrays {
            self.position(&arrays.items, combine(path, ITEM), depth);
        }
        let Some(objects) = schema.objects.as_ref().filter(|objects| depth < MAX_DEPTH && !is_map(objects)) else {
            return;
        };
        let object = combine(path, 15);
        self.whole(object, objects.count as f64);
        for (name, field) in objects.fields.iter() {
            let at = combine(object, hash(name.as_bytes()));
            self.part(object, combine(at, 16), field.present as f64, weight, true);
            self.position(&field.schema, at, depth + 1);
        }
    }

    fn whole(&mut self, path: u64, count: f64) {
        if count > 0.0 && (self.wholes.len() < MAX_FEATURES || self.wholes.contains_key(&path)) {
            *self.wholes.entry(path).or_default() += count;
        }
    }

    fn part(&mut self, whole: u64, path: u64, count: f64, weight: f64, member: bool) {
        if self.features.len() < MAX_FEATURES || self.features.contains_key(&path) {
            self.features.entry(path).or_insert(Feature { whole, count: 0.0, weight, member }).count += count;
        }
    }

    pub(crate) fn absorb(&mut self, other: &Self) {
        for (path, count) in &other.wholes {
            self.whole(*path, *count);
        }
        for (path, feature) in &other.features {
            self.part(feature.whole, *path, feature.count, feature.weight, feature.member);
        }
    }

    /// `None` when there is nothing to compare.
    pub(crate) fn likeness(&self, other: &Self) -> Option<Likeness> {
        let (mut same, mut all) = (0.0, 0.0);
        for (path, feature) in &self.features {
            // What was never there cannot miss a part.
            if other.wholes.contains_key(&feature.whole) {
                let (mine, theirs) = (self.share(feature), other.features.get(path).map_or(0.0, |f| other.share(f)));
                same += feature.weight * mine.min(theirs);
                all += feature.weight * mine.max(theirs);
            }
        }
        for (path, feature) in &other.features {
            if !self.features.contains_key(path) && self.wholes.contains_key(&feature.whole) {
                all += feature.weight * other.share(feature);
            }
        }
        let share = same / all * if self.is_estranged_from(other) { ESTRANGED } else { 1.0 };
        (all > 0.0).then_some(Likeness { share, richness: same })
    }

    /// Whether some object has members here that it never has there, and the other way round, and not many in common: two
    /// kinds of things in one envelope.
    fn is_estranged_from(&self, other: &Self) -> bool {
        let often =
            |outline: &Self, whole: u64| outline.wholes.get(&whole).is_some_and(|count| *count >= TELLING_COUNT);
        let mut objects: BTreeMap<u64, (u32, u32, u32)> = BTreeMap::new();
        for (path, feature) in self.always().filter(|(_, feature)| often(other, feature.whole)) {
            let (own, _, both) = objects.entry(feature.whole).or_default();
            if other.features.contains_key(&path) { *both += 1 } else { *own += 1 }
        }
        for (path, feature) in other.always().filter(|(_, feature)| often(self, feature.whole)) {
            let (_, theirs, _) = objects.entry(feature.whole).or_default();
            *theirs += u32::from(!self.features.contains_key(&path));
        }
        objects.values().any(|(own, theirs, both)| *own >= 1 && *theirs >= 1 && own + theirs > *both)
    }

    /// The members that an object, seen often enough, always has.
    fn always(&self) -> impl Iterator<Item = (u64, &Feature)> {
        let often = |feature: &Feature| self.wholes.get(&feature.whole).is_some_and(|count| *count >= TELLING_COUNT);
        let always = move |feature: &Feature| feature.member && often(feature) && self.share(feature) > 0.99;
        self.features.iter().filter(move |(_, feature)| always(feature)).map(|(path, feature)| (*path, feature))
    }
}

/// Outlines by operation: one walk up and down the trie asks for each many times.
#[derive(Default)]
pub(crate) struct Outlines {
    known: RefCell<HashMap<usize, Rc<Outline>>>,
}

impl Outlines {
    /// The operations must stay where they are as long as this lives.
    pub(crate) fn of(&self, operation: &Operation) -> Rc<Outline> {
        let key = std::ptr::from_ref(operation) as usize;
        Rc::clone(self.known.borrow_mut().entry(key).or_insert_with(|| Rc::new(Outline::of(operation))))
    }
}
