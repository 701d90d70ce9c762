//! Records of one kind stand in many places: an API's user is the author of a post, the owner of a list, the answer to
//! `/users/{id}`. What one place shows (a field can be missing, can be null, has these values) is a warning for the others,
//! where there were fewer sightings.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::schema::render::is_map;
use crate::schema::{Kin, Objects, Schema};
use crate::sketch::Absorb;
use crate::view::Endpoint;

/// Records with fewer fields are alike by chance.
const MIN_SHARED: usize = 3;

#[derive(Default)]
struct Kinds {
    kinds: Vec<BTreeMap<String, Kin>>,
    by_field: HashMap<String, Vec<usize>>,
    /// The kind of each record, in the order of the walk.
    places: Vec<usize>,
}

/// Tells every record in the answers of the endpoints what its kin have shown.
pub(crate) fn acquaint(endpoints: &mut [Endpoint]) {
    let mut kinds = Kinds::default();
    for schema in endpoints.iter().flat_map(|endpoint| crate::view::success_schemas(&endpoint.operation)) {
        each(schema, &mut |objects| kinds.meet(objects));
    }
    let mut places = kinds.places.iter();
    for endpoint in endpoints {
        for schema in crate::view::success_schemas_mut(&mut endpoint.operation) {
            each_mut(schema, &mut |objects| {
                let kind = places.next().map(|at| &kinds.kinds[*at]);
                for (name, field) in objects.fields.iter_mut() {
                    field.kin = kind.and_then(|kind| kind.get(name)).cloned().map(Box::new);
                }
            });
        }
    }
}

fn each(schema: &Schema, f: &mut impl FnMut(&Objects)) {
    if let Some(arrays) = &schema.arrays {
        each(&arrays.items, f);
    }
    let Some(objects) = schema.objects.as_deref() else { return };
    f(objects);
    objects.fields.values().for_each(|field| each(&field.schema, f));
}

/// The same places in the same order.
fn each_mut(schema: &mut Schema, f: &mut impl FnMut(&mut Objects)) {
    if let Some(arrays) = &mut schema.arrays {
        each_mut(&mut arrays.items, f);
    }
    let Some(objects) = schema.objects.as_deref_mut() else { return };
    f(objects);
    objects.fields.iter_mut().for_each(|(_, field)| each_mut(&mut field.schema, f));
}

impl Kinds {
    fn meet(&mut self, objects: &Objects) {
        let names: BTreeSet<&str> = objects.fields.iter().map(|(name, _)| name).collect();
        let found = if is_map(objects) { None } else { self.nearest(&names) };
        let at = found.unwrap_or_else(|| {
            self.kinds.push(BTreeMap::new());
            self.kinds.len() - 1
        });
        self.places.push(at);
        if is_map(objects) {
            return;
        }
        for (name, field) in objects.fields.iter() {
            if !self.kinds[at].contains_key(name) {
                self.by_field.entry(name.to_owned()).or_default().push(at);
            }
            let kin = self.kinds[at].entry(name.to_owned()).or_default();
            kin.missing += objects.count.saturating_sub(field.present);
            kin.present += field.present;
            kin.nulls += field.schema.nulls;
            if let Some(strings) = &field.schema.strings {
                kin.strings += strings.count;
                kin.texts.absorb(&strings.texts);
            }
        }
    }

    /// The kind whose fields are most like these.
    fn nearest(&self, names: &BTreeSet<&str>) -> Option<usize> {
        let mut shared: BTreeMap<usize, usize> = BTreeMap::new();
        for kinds in names.iter().filter_map(|name| self.by_field.get(*name)) {
            kinds.iter().for_each(|at| *shared.entry(*at).or_default() += 1);
        }
        let likeness = |at: usize, both: usize| {
            let (mine, theirs) = (names.len(), self.kinds[at].len());
            let all = both as f64 / (mine + theirs - both) as f64;
            let part = both as f64 / mine.min(theirs) as f64;
            let same = all >= 0.6 || (part >= 0.9 && all >= 0.35 && both > MIN_SHARED);
            (both >= MIN_SHARED && same).then_some(all)
        };
        shared
            .into_iter()
            .filter_map(|(at, both)| Some((likeness(at, both)?, at)))
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))
            .map(|(_, at)| at)
    }
}
