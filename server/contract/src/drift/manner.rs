//! Which statuses follow when the same is asked in the same way.
//!
//! What clients ask for moves the mix of statuses more than any API does: another filter, a preference, a conditional request.
//! So answers are counted by the names of the query parameters and header fields that were asked with, and compared only
//! with those to the same. Of one thing that is asked for again and again, only the first of a row of answers counts.

use serde::{Deserialize, Serialize};

use super::returns::Returns;

/// Ways of asking that are kept apart for an endpoint; others are not looked at.
const MANNERS: usize = 16;
/// Statuses of each.
const STATUSES: usize = 8;
/// Answers before a manner says anything.
const ENOUGH: u32 = 50;
/// The last things that were asked for.
const LATELY: usize = 8;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Manner {
    /// Hash of the names.
    names: u32,
    answers: u32,
    statuses: Vec<Habit>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Habit {
    status: u16,
    count: u32,
    returns: Returns,
}

/// What an endpoint answers to whom.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Manners {
    all: Vec<Manner>,
    /// Hashes of what was asked for lately, and where the next one goes.
    lately: [u32; LATELY],
    next: u8,
    /// The manner of the exchange that was read last.
    #[serde(skip)]
    now: Option<usize>,
}

impl Manners {
    /// Whether this is another thing than the last few. If `is_each`, every one is.
    pub(super) fn is_another(&mut self, target: u32, is_each: bool) -> bool {
        if !is_each && self.lately.contains(&target) {
            return false;
        }
        self.lately[usize::from(self.next) % LATELY] = target;
        self.next = self.next.wrapping_add(1);
        true
    }

    /// Counts an answer, if it tells something.
    pub(super) fn count(&mut self, names: u32, status: u16, at_ms: u64, is_telling: bool) {
        self.now = self.all.iter().position(|manner| manner.names == names);
        if !is_telling {
            return;
        }
        if self.now.is_none() && self.all.len() < MANNERS {
            self.all.push(Manner { names, answers: 0, statuses: Vec::new() });
            self.now = Some(self.all.len() - 1);
        }
        let Some(manner) = self.now.map(|at| &mut self.all[at]) else { return };
        manner.answers = manner.answers.saturating_add(1);
        let known = manner.statuses.iter().position(|habit| habit.status == status);
        let at = known.unwrap_or(manner.statuses.len());
        if known.is_none() && at < STATUSES {
            manner.statuses.push(Habit { status, count: 0, returns: Returns::default() });
        }
        if let Some(habit) = manner.statuses.get_mut(at) {
            habit.count += 1;
            habit.returns.come(manner.answers, at_ms);
        }
    }

    /// The manner of the exchange that was read last, if it says anything.
    pub(super) fn now(&self) -> Option<u32> {
        self.now.map(|at| &self.all[at]).filter(|manner| manner.answers >= ENOUGH).map(|manner| manner.names)
    }

    /// How often a status came in how many answers.
    pub(super) fn rate(&self, names: u32, status: u16) -> (u32, u32) {
        let manner = self.all.iter().find(|manner| manner.names == names);
        manner.map_or((0, 0), |manner| {
            let habit = manner.statuses.iter().find(|habit| habit.status == status);
            (habit.map_or(0, |habit| habit.count), manner.answers)
        })
    }

    /// A status that the present manner of asking used to get, and gets no more.
    pub(super) fn away(&self, at_ms: u64) -> Option<u16> {
        let manner = self.now.map(|at| &self.all[at])?;
        let away = |habit: &&Habit| habit.status < 400 && habit.returns.is_away(manner.answers, at_ms);
        manner.statuses.iter().find(away).map(|habit| habit.status)
    }

    /// So many answers were part of a change and not of what is normal.
    pub(super) fn take_back(&mut self, names: u32, status: u16, hits: u32) {
        let habit = self.habit(names, status);
        if let Some(habit) = habit {
            habit.count = habit.count.saturating_sub(hits);
        }
    }

    /// It may come that often.
    pub(super) fn accept(&mut self, names: u32, status: u16) {
        let (count, of) = self.rate(names, status);
        if let Some(habit) = self.habit(names, status) {
            habit.count = count.max(of / 2);
        }
    }

    /// It need not come any more.
    pub(super) fn forget(&mut self, names: u32, status: u16) {
        if let Some(manner) = self.all.iter_mut().find(|manner| manner.names == names) {
            manner.statuses.retain(|habit| habit.status != status);
        }
    }

    fn habit(&mut self, names: u32, status: u16) -> Option<&mut Habit> {
        let manner = self.all.iter_mut().find(|manner| manner.names == names)?;
        manner.statuses.iter_mut().find(|habit| habit.status == status)
    }
}
