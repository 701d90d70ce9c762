//! The twin's state as bytes, and back under a behaviour that may have been mined anew since.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Behaviour;
use super::world::{Row, RowId, State, Table};

/// How much of a state is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Every entity: loading it brings back exactly this world, whatever the API showed meanwhile.
    Whole,
    /// What only the twin's own answers changed: the rest comes from the journal.
    Changes,
}

/// Why bytes are no state of a twin.
#[derive(Debug, thiserror::Error)]
#[error("read the twin's state: {0}")]
pub struct RestoreError(#[from] rmp_serde::decode::Error);

#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    whole: bool,
    answers: u64,
    classes: Vec<SavedClass>,
    relations: Vec<SavedRelation>,
    sessions: Vec<(String, Option<RowId>)>,
}

/// A class is known by its name and key field: its number differs between two minings.
#[derive(Debug, Serialize, Deserialize)]
struct SavedClass {
    name: String,
    key: String,
    next_seq: u64,
    top: i64,
    tops: BTreeMap<String, i64>,
    rows: BTreeMap<String, Row>,
    gone: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedRelation {
    class: usize,
    field: String,
    pairs: BTreeSet<(String, String)>,
}

impl State {
    /// Bytes that [`State::restore`] reads back.
    #[must_use]
    pub fn save(&self, behaviour: &Behaviour, extent: Extent) -> Vec<u8> {
        let classes = behaviour.classes.all.iter().zip(&self.world.tables).enumerate();
        let relations = self.world.relations.iter().map(|((class, field), pairs)| SavedRelation {
            class: *class,
            field: field.clone(),
            pairs: pairs.clone(),
        });
        let saved = Saved {
            whole: extent == Extent::Whole,
            answers: self.answers,
            classes: classes
                .map(|(number, (class, table))| {
                    let (rows, gone) = self.kept(number, table, extent);
                    let (name, key) = (class.name.clone(), class.key.clone());
                    let tops = table.tops.clone();
                    SavedClass { name, key, next_seq: table.next_seq, top: table.top, tops, rows, gone }
                })
                .collect(),
            relations: relations.collect(),
            sessions: self.world.sessions.iter().map(|(token, owner)| (token.clone(), owner.clone())).collect(),
        };
        rmp_serde::to_vec_named(&saved).expect("a state holds nothing that MessagePack lacks")
    }

    fn kept(&self, class: usize, table: &Table, extent: Extent) -> (BTreeMap<String, Row>, Vec<String>) {
        let own = |key: &String| extent == Extent::Whole || self.written.contains(&(class, key.clone()));
        let rows = table.rows.iter().filter(|(key, _)| own(key));
        (
            rows.map(|(key, row)| (key.clone(), Row::clone(row))).collect(),
            table.gone.iter().filter(|key| own(key)).cloned().collect(),
        )
    }

    /// The state that was saved, as far as this behaviour still has its collections.
    pub fn restore(behaviour: &Behaviour, bytes: &[u8]) -> Result<Self, RestoreError> {
        let saved: Saved = rmp_serde::from_slice(bytes)?;
        // Two may have one name and key: the second of these is the second again.
        let mut taken = BTreeSet::new();
        let numbers: Vec<Option<usize>> = saved
            .classes
            .iter()
            .map(|old| {
                let mut all = behaviour.classes.all.iter().enumerate();
                let found = all.find(|(at, new)| new.name == old.name && new.key == old.key && !taken.contains(at));
                let at = found.map(|(at, _)| at);
                taken.extend(at);
                at
            })
            .collect();
        let number = |class: usize| numbers.get(class).copied().flatten();
        let renumbered = |id: RowId| Some((number(id.0)?, id.1));
        let mut state = Self::initial(behaviour);
        state.answers = saved.answers;
        for (class, new) in saved.classes.into_iter().zip(&numbers) {
            if let Some(new) = *new {
                fill(state.world.table_mut(new), class, saved.whole, &renumbered);
            }
        }
        let relations = Arc::make_mut(&mut state.world.relations);
        for SavedRelation { class, field, pairs } in saved.relations {
            if let Some(new) = number(class) {
                relations.insert((new, field), pairs);
            }
        }
        // Credentials that the API has given out since stay good.
        Arc::make_mut(&mut state.world.sessions)
            .extend(saved.sessions.into_iter().map(|(token, owner)| (token, owner.and_then(renumbered))));
        state.written = differences(&state, behaviour);
        Ok(state)
    }
}

fn fill(table: &mut Table, class: SavedClass, whole: bool, renumbered: &dyn Fn(RowId) -> Option<RowId>) {
    if whole {
        table.rows.clear();
    }
    for key in &class.gone {
        table.remove(key);
    }
    for (key, mut row) in class.rows {
        row.refs = row.refs.into_iter().filter_map(|(field, id)| Some((field, renumbered(id)?))).collect();
        let lists = std::mem::take(&mut row.lists).into_iter();
        row.lists = lists
            .filter_map(|(field, (class, keys))| Some((field, (renumbered((class, String::new()))?.0, keys))))
            .collect();
        table.gone.remove(&key);
        table.rows.insert(key, Arc::new(row));
    }
    table.next_seq = table.next_seq.max(class.next_seq);
    table.top = table.top.max(class.top);
    for (field, top) in class.tops {
        let own = table.tops.entry(field).or_insert(top);
        *own = top.max(*own);
    }
}

/// The rows that are not as the journal left them. They count as written by the twin, so that what is learned next does
/// not undo them.
fn differences(state: &State, behaviour: &Behaviour) -> BTreeSet<RowId> {
    let tables = state.world.tables.iter().zip(&behaviour.world.tables).enumerate();
    tables
        .flat_map(|(class, (own, recorded))| {
            let changed = own.rows.iter().filter(|(key, row)| recorded.rows.get(*key) != Some(*row));
            let lost = recorded.rows.keys().filter(|key| !own.rows.contains_key(*key));
            changed.map(|(key, _)| key).chain(lost).map(move |key| (class, key.clone())).collect::<Vec<_>>()
        })
        .collect()
}
