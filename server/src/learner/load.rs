//! Reads what was learned, once a project is open: beside the traffic, which is forwarded, shown and recorded meanwhile.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread::Builder;
use std::time::{Duration, Instant};

use understudy_contract::Rules;
use understudy_contract::twin::Journal;

use super::edit::EditError;
use super::intake::Parked;
use super::{Item, Knowledge, Unpublished, mine, slow_down};
use crate::handles::Handles;
use crate::plugins;
use crate::store::OpenError;
use crate::store::learned::Learned;
use crate::vitals::Part;
use crate::watchdog::Watch;

/// So often it is seen whether all is read.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What came while what was learned was being read. How much of it there can be is bounded by the queue in front.
#[derive(Default)]
pub(super) struct Meanwhile {
    /// What is still to be learned, in the order in which it came.
    pub(super) items: Vec<Parked>,
    pub(super) unpublished: Unpublished,
}

impl Meanwhile {
    fn pass(&mut self, handles: &Handles, batches: &Receiver<Vec<Parked>>) {
        match batches.recv_timeout(LOOK_EVERY) {
            Ok(batch) => batch.into_iter().for_each(|parked| self.take(parked)),
            Err(RecvTimeoutError::Timeout) => {}
            // What came is learned before the end.
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(LOOK_EVERY),
        }
        if self.unpublished.show_by().is_some_and(|by| Instant::now() >= by) {
            self.unpublished.record(handles);
        }
    }

    fn take(&mut self, (item, place): Parked) {
        let item = match item {
            Item::Learn(exchange, shown) => {
                self.show(shown);
                Item::LearnShown(exchange)
            }
            Item::Show(shown) => return self.show(shown),
            item @ (Item::LearnShown(_) | Item::Edit(_)) => item,
        };
        self.items.push((item, place));
    }

    fn show(&mut self, shown: super::Shown) {
        self.unpublished.since.get_or_insert_with(Instant::now);
        self.unpublished.show(shown);
    }
}

/// What was learned, and what came meanwhile. `None` when it cannot be read: then nothing is learned on top of it. `loaded` goes
/// when it is over.
pub(super) fn begin(
    handles: &Handles,
    learned: Learned,
    rules: Rules,
    loaded: Sender<()>,
    batches: &Receiver<Vec<Parked>>,
) -> (Option<Knowledge>, Meanwhile) {
    let mut meanwhile = Meanwhile::default();
    let read = move || {
        let read = read(handles, &learned, rules);
        drop(loaded);
        read
    };
    let knowledge =
        std::thread::scope(|scope| match Builder::new().name("understudy-load".into()).spawn_scoped(scope, read) {
            Ok(thread) => {
                while !thread.is_finished() {
                    meanwhile.pass(handles, batches);
                }
                thread.join().unwrap_or_else(|_| Err(panicked()))
            }
            Err(error) => Err(OpenError::Io(error)),
        });
    (knowledge.inspect_err(|error| fail(handles, error)).ok(), meanwhile)
}

fn read(handles: &Handles, learned: &Learned, rules: Rules) -> Result<Knowledge, OpenError> {
    let began = Instant::now();
    let load = || load(handles, learned, rules);
    let knowledge = handles.store.vitals().guard(Part::Learner, load).unwrap_or_else(|| Err(panicked()));
    slow_down(handles, began);
    let knowledge = knowledge?;
    handles.loading.succeeded();
    tracing::debug!(project = handles.project(), elapsed = ?began.elapsed(), "what was learned is known again");
    Ok(knowledge)
}

fn panicked() -> OpenError {
    OpenError::Damaged("reading it ended in a panic".into())
}

fn fail(handles: &Handles, error: &OpenError) {
    handles.loading.failed(&format!("what was learned cannot be read, `understudy doctor` says more: {error}"));
    tracing::error!(
        project = handles.project(),
        "expected a project file {error}; requests are forwarded, nothing is learned, and the twin does not answer: end \
         Understudy and see what `understudy doctor` says"
    );
}

/// Gives contract, behaviour, baselines and the twin's state to everybody. On an error nobody has got anything.
fn load(handles: &Handles, learned: &Learned, rules: Rules) -> Result<Knowledge, OpenError> {
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
pub(super) fn only_show(handles: &Handles, batches: &Receiver<Vec<Parked>>, meanwhile: Meanwhile) {
    let Meanwhile { items, mut unpublished } = meanwhile;
    let mut batch = items;
    loop {
        for (item, _place) in batch {
            match item {
                Item::Learn(_, shown) => {
                    handles.stats.shed();
                    unpublished.show(shown);
                }
                Item::LearnShown(_) => handles.stats.shed(),
                Item::Show(shown) => unpublished.show(shown),
                Item::Edit(request) => request.answer(Err(EditError::Unknowing)),
            }
        }
        unpublished.record(handles);
        match batches.recv() {
            Ok(next) => batch = next,
            Err(_) => return,
        }
    }
}
