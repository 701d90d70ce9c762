//! What a write does to other rows than its own: children go with their parent, and parents count their children.

use std::sync::Arc;

use super::behaviour::Bond;
use super::world::{Row, State, World};

/// Parents and children may go in turn; nothing is nested deeper.
const MAX_DEPTH: usize = 4;

/// Brings the rows beside those that a write changed up to date.
pub(super) fn follow(state: &mut State, before: &World, bonds: &[Bond]) {
    for _ in 0..MAX_DEPTH {
        let orphans = bonds.iter().filter(|bond| bond.cascades && moved(state, before, bond.parent));
        let orphans: Vec<(usize, String)> =
            orphans.flat_map(|bond| state.world.orphans(bond).into_iter().map(|key| (bond.child, key))).collect();
        if orphans.is_empty() {
            break;
        }
        for (class, key) in orphans {
            state.world.table_mut(class).remove(&key);
            state.mark(class, &key);
        }
    }
    for bond in bonds.iter().filter(|bond| !bond.tallies.is_empty()) {
        if moved(state, before, bond.child) {
            count(state, before, bond);
        }
    }
}

fn moved(state: &State, before: &World, class: usize) -> bool {
    !Arc::ptr_eq(&state.world.tables[class], &before.tables[class])
}

/// Takes away what went and adds what came.
fn count(state: &mut State, before: &World, bond: &Bond) {
    let now = state.world.tables[bond.child].clone();
    let then = &before.tables[bond.child];
    let same = |key: &String, row: &Arc<Row>, other: &super::world::Table| {
        other.rows.get(key).is_some_and(|own| Arc::ptr_eq(own, row))
    };
    let went = then.rows.iter().filter(|(key, row)| !same(key, row, &now)).map(|(_, row)| (row, -1));
    let came = now.rows.iter().filter(|(key, row)| !same(key, row, then)).map(|(_, row)| (row, 1));
    for (row, sign) in went.chain(came) {
        let Some(key) = row.names(&bond.field) else { continue };
        let id = (bond.parent, key);
        let Some(parent) = state.world.row_mut(&id) else { continue };
        for tally in &bond.tallies {
            parent.add(&tally.field, sign * tally.weight(row));
        }
        state.mark(bond.parent, &id.1);
    }
}
