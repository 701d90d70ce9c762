//! Rows that belong to rows: which field names the other one, what becomes of children when it goes, and which of its
//! fields count or sum them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Facts, each_row};
use crate::twin::behaviour::{Bond, Tally};
use crate::twin::query::plain;
use crate::twin::value::Pattern;
use crate::twin::world::{Row, RowId, World};

/// Share of the rows whose field must name a known parent.
const NAMES: f64 = 0.9;
/// Share of the changes that a tally must explain, and how many there must be.
const EXPLAINS: f64 = 0.95;
const MIN_CHANGES: usize = 2;

/// A child that came (1) or went (-1).
struct Change<'f> {
    step: usize,
    parent: String,
    row: &'f Row,
    by: i64,
}

pub(super) fn find(facts: &Facts<'_>) -> Vec<Bond> {
    let classes = 0..facts.classes.all.len();
    let pairs = classes.clone().flat_map(|child| classes.clone().map(move |parent| (child, parent)));
    let keyed = |(child, parent): &(usize, usize)| {
        child != parent && !facts.classes.all[*parent].key.is_empty() && !facts.classes.all[*child].key.is_empty()
    };
    let sightings = sightings(facts);
    let of = |(child, parent): (usize, usize)| {
        let fields = facts.past.references_of(child).into_iter();
        fields
            .filter(|field| names_parent(facts, child, parent, field))
            .map(|field| {
                let changes = changes(facts, child, &field);
                let tallies = tallies(facts, parent, &changes, &sightings);
                let cascades = cascades(facts, child, parent, &field, &sightings);
                Bond { parent, child, field, cascades, tallies }
            })
            .collect::<Vec<_>>()
    };
    pairs.filter(keyed).flat_map(of).filter(|bond| bond.cascades || !bond.tallies.is_empty()).collect()
}

/// Whether a field of the one class names rows of the other: it embeds them, or it holds their keys and is called so or was
/// always taken from the path.
pub(super) fn names_parent(facts: &Facts<'_>, child: usize, parent: usize, field: &str) -> bool {
    if field == facts.classes.all[child].key {
        return false;
    }
    let known: BTreeSet<String> = keys(facts, parent);
    let (mut named, mut all, mut embedded, mut under) = (0_usize, 0_usize, true, true);
    let mut distinct = BTreeSet::new();
    for row in facts.past.ever(child) {
        let Some(key) = row.names(field) else { continue };
        all += 1;
        named += usize::from(known.contains(&key));
        embedded &= row.refs.get(field).is_some_and(|(class, _)| *class == parent);
        under &= row.parents.contains(&key);
        distinct.insert(key);
    }
    let word = plain(field);
    let stem = word.strip_suffix("id").unwrap_or(&word);
    let name = plain(&facts.classes.all[parent].name);
    // `category` is of `categories`.
    let said = stem.len() >= 3 && name.starts_with(&stem[..stem.len() - 1]) && name.len() <= stem.len() + 3;
    let opaque = distinct.iter().all(|key| key.len() >= 8);
    all > 0 && named as f64 >= all as f64 * NAMES && (embedded || said || under || opaque && distinct.len() >= 2)
}

fn keys(facts: &Facts<'_>, class: usize) -> BTreeSet<String> {
    let events = facts.past.events.iter().filter(|event| event.class == class).map(|event| event.key.clone());
    facts.past.world.tables[class].rows.keys().cloned().chain(events).collect()
}

/// Children that writes made or took away, in the order of time.
fn changes<'f>(facts: &'f Facts<'_>, child: usize, field: &str) -> Vec<Change<'f>> {
    let mut out = Vec::new();
    for event in facts.past.events.iter().filter(|event| event.class == child && event.before.is_none()) {
        if facts.trace.seen[event.step].call.method != "GET"
            && let Some(parent) = event.after.names(field)
        {
            out.push(Change { step: event.step, parent, row: &event.after, by: 1 });
        }
    }
    for (step, id) in deleted(facts).filter(|(_, id)| id.0 == child) {
        let row = facts.past.before(&id, step);
        out.extend(row.and_then(|row| Some(Change { step, parent: row.names(field)?, row, by: -1 })));
    }
    out.sort_by_key(|change| change.step);
    out
}

/// Rows that were deleted by their own path.
fn deleted<'f>(facts: &'f Facts<'_>) -> impl Iterator<Item = (usize, RowId)> + 'f {
    facts.trace.seen.iter().enumerate().filter_map(|(step, seen)| {
        let place = &facts.trace.endpoints[seen.endpoint];
        let gone = place.method == "DELETE" && seen.ok() && place.ends_in_parameter();
        let class = facts.classes.params[seen.endpoint].last().copied().flatten().filter(|_| gone)?;
        Some((step, (class, seen.call.params.last()?.clone())))
    })
}

/// When each row was shown, with the whole numbers that it showed.
type Sightings = HashMap<RowId, Vec<(usize, BTreeMap<String, i64>)>>;

fn sightings(facts: &Facts<'_>) -> Sightings {
    let mut out = Sightings::new();
    for (step, seen) in facts.trace.seen.iter().enumerate().filter(|(_, seen)| seen.ok()) {
        let Some(reply) = &seen.reply else { continue };
        each_row(reply, &Pattern::default(), seen.endpoint, facts.classes, &mut |class, key, object| {
            let numbers = object.iter().filter_map(|(name, value)| Some((name.clone(), value.as_i64()?)));
            out.entry((class, key)).or_default().push((step, numbers.collect()));
        });
    }
    out
}

/// The fields of the parent that go up and down with its children.
fn tallies(facts: &Facts<'_>, parent: usize, changes: &[Change<'_>], sightings: &Sightings) -> Vec<Tally> {
    if changes.len() < MIN_CHANGES {
        return vec![];
    }
    let own = || sightings.iter().filter(|((class, _), _)| *class == parent);
    let fields: BTreeSet<&String> = own().flat_map(|(_, seen)| seen.iter().flat_map(|(_, own)| own.keys())).collect();
    let numbers: BTreeSet<&String> =
        changes.iter().flat_map(|change| &change.row.fields).filter(|(_, v)| v.is_i64()).map(|(n, _)| n).collect();
    let mut out = Vec::new();
    for field in fields.into_iter().filter(|field| **field != facts.classes.all[parent].key) {
        let sums = numbers.iter().map(|number| Some((*number).clone()));
        let candidates = std::iter::once(None).chain(sums).map(|sum| Tally { field: field.clone(), sum });
        let holds = |tally: &Tally| {
            let (mut right, mut all, mut moved) = (0_usize, 0_usize, 0_usize);
            for ((_, key), seen) in own() {
                let values: Vec<(usize, i64)> =
                    seen.iter().filter_map(|(step, own)| Some((*step, *own.get(field)?))).collect();
                for pair in values.windows(2) {
                    let due = due(changes, tally, key, pair[0].0, pair[1].0);
                    all += 1;
                    moved += usize::from(due != 0 && due == pair[1].1 - pair[0].1);
                    right += usize::from(due == pair[1].1 - pair[0].1);
                }
            }
            moved >= MIN_CHANGES && right as f64 >= all as f64 * EXPLAINS
        };
        out.extend(candidates.into_iter().find(holds));
    }
    out
}

/// By how much a tally of a row moves after one exchange and up to another one.
fn due(changes: &[Change<'_>], tally: &Tally, key: &str, after: usize, until: usize) -> i64 {
    let own = changes.iter().filter(|change| change.parent == key && change.step > after && change.step <= until);
    own.map(|change| change.by * tally.weight(change.row)).sum()
}

/// Whether children go with their parent: none of them was shown again, and some were found missing, or they only are there
/// under its path.
fn cascades(facts: &Facts<'_>, child: usize, parent: usize, field: &str, sightings: &Sightings) -> bool {
    let (mut missing, mut there) = (0_usize, 0_usize);
    let removed: Vec<(usize, RowId)> = deleted(facts).filter(|(_, id)| id.0 == parent).collect();
    let gone: BTreeSet<(usize, String)> =
        deleted(facts).filter(|(_, id)| id.0 == child).map(|(s, id)| (s, id.1)).collect();
    for (step, (_, key)) in &removed {
        let orphans = facts.past.events.iter().filter(|event| {
            event.class == child && event.step < *step && event.after.names(field).as_ref() == Some(key)
        });
        let orphans: BTreeSet<&String> = orphans.map(|event| &event.key).collect();
        let before = |key: &String| gone.iter().any(|(at, own)| at < step && own == key);
        for orphan in orphans.into_iter().filter(|orphan| !before(orphan)) {
            let shown = sightings.get(&(child, orphan.clone())).into_iter().flatten();
            there += usize::from(shown.into_iter().any(|(at, _)| at > step));
            missing += facts.trace.seen[*step..].iter().filter(|seen| is_missing(facts, seen, child, orphan)).count();
        }
    }
    there == 0 && (missing > 0 || nested(facts, child, parent))
}

fn is_missing(facts: &Facts<'_>, seen: &crate::twin::trace::Seen, class: usize, key: &str) -> bool {
    let last = facts.classes.params[seen.endpoint].iter().zip(&seen.call.params).next_back();
    seen.status == 404 && last.is_some_and(|(of, own)| *of == Some(class) && own == key)
}

/// Whether rows of the one class are only made below a row of the other.
fn nested(facts: &Facts<'_>, child: usize, parent: usize) -> bool {
    let makes = |step: usize| &facts.trace.seen[step];
    let own = facts.past.events.iter().filter(|event| event.class == child && event.before.is_none());
    let mut own = own.filter(|event| makes(event.step).call.method == "POST").peekable();
    own.peek().is_some() && own.all(|event| facts.classes.params[makes(event.step).endpoint].contains(&Some(parent)))
}

/// The world as it was left: with what parents did not show again, and without the children of those that are gone.
pub(super) fn settle(facts: &Facts<'_>, bonds: &[Bond]) -> Vec<(RowId, String, i64)> {
    let sightings = sightings(facts);
    let mut out = Vec::new();
    for bond in bonds {
        let changes = changes(facts, bond.child, &bond.field);
        for tally in &bond.tallies {
            for key in facts.past.world.tables[bond.parent].rows.keys() {
                let id = (bond.parent, key.clone());
                let seen = sightings.get(&id).into_iter().flatten();
                let last = seen.filter(|(_, own)| own.contains_key(&tally.field)).map(|(step, _)| *step).max();
                let due = last.map_or(0, |last| due(&changes, tally, key, last, usize::MAX));
                out.extend((due != 0).then(|| (id, tally.field.clone(), due)));
            }
        }
    }
    out
}

/// Writes down what `settle` found.
pub(super) fn apply(world: &mut World, bonds: &[Bond], found: Vec<(RowId, String, i64)>) {
    for (id, field, by) in found {
        if let Some(row) = world.row_mut(&id) {
            row.add(&field, by);
        }
    }
    for bond in bonds.iter().filter(|bond| bond.cascades) {
        for key in world.orphans(bond) {
            world.table_mut(bond.child).remove(&key);
        }
    }
}
