//! Reads what was learned, once a project is open: beside the traffic, which is forwarded meanwhile.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use understudy_contract::Rules;
use understudy_contract::twin::Journal;

use super::edit::EditError;
use super::intake::Parked;
use super::{Item, Knowledge, Unpublished, mine};
use crate::handles::Handles;
use crate::plugins;
use crate::store::OpenError;
use crate::store::learned::Learned;
use crate::watchdog::Watch;

/// Gives contract, behaviour, baselines and the twin's state to everybody. On an error nobody has got anything.
pub(super) fn load(handles: &Handles, learned: &Learned, rules: Rules) -> Result<Knowledge, OpenError> {
    let model = learned.model()?;
    let mut journal = Journal::default();
    for exchange in learned.journal() {
        journal.push(exchange);
    }
    let contract = Arc::new(model.contract_under(&rules));
    let behaviour = Arc::new(mine(&journal, &contract));
    let newest = journal.newest().unwrap_or(0);
    let mut dog = Watch::restore(learned.watchdog.as_deref());
    dog.set_judge(plugins::judge_of(&handles.plugins));
    handles.watchdog.begin_with(dog);
    handles.begin_with(&contract, &behaviour, newest, learned.twin_state.as_deref());
    Ok(Knowledge { model, rules, newest, journal, kept: learned.kept(), ..Knowledge::default() })
}

/// Shows traffic and learns none of it, because what came before is not known.
pub(super) fn only_show(handles: &Handles, batches: &Receiver<Vec<Parked>>) {
    let mut unpublished = Unpublished::default();
    while let Ok(batch) = batches.recv() {
        for (item, _place) in batch {
            match item {
                Item::Learn(_, shown) => {
                    handles.stats.shed();
                    unpublished.show(shown);
                }
                Item::Show(shown) => unpublished.show(shown),
                Item::Edit(request) => request.answer(Err(EditError::Unknowing)),
            }
        }
        unpublished.record(handles);
    }
}
