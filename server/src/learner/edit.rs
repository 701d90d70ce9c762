//! Changes of people's rules. The learner makes them, because it has the model: what a rule would do is computed from it,
//! and no exchange is learned between the change and the contract that follows it.

use tokio::sync::oneshot;
use understudy_contract::rules::{Change, Move, Rule, RuleError, Rules, moves};

use super::{Intake, Knowledge};
use crate::store::{Store, StoreError};

/// What people ask for.
#[derive(Debug, Clone)]
pub enum Edit {
    /// All of them or, when one makes no sense, none.
    Add(Vec<Change>),
    /// By the rule's id.
    Remove(u64),
}

/// An edit, and who waits for what became of it.
#[derive(Debug)]
pub struct Request {
    edit: Edit,
    preview: bool,
    done: oneshot::Sender<Result<Outcome, EditError>>,
}

/// What an edit did, or would do.
#[derive(Debug, serde::Serialize)]
pub struct Outcome {
    /// The rules that came or went.
    pub rules: Vec<Rule>,
    /// Which endpoints change into which.
    pub changes: Vec<Move>,
    /// Nothing was done.
    pub preview: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum EditError {
    #[error("{0}")]
    Rule(#[from] RuleError),
    #[error("no rule has the id {0}")]
    Unknown(u64),
    #[error("failed to {0}")]
    Store(#[from] StoreError),
    #[error("the learner has no room for this now: try again")]
    Busy,
}

impl Intake {
    /// Waits until the edit holds: the next request meets the contract that follows it.
    pub async fn edit(&self, edit: Edit, preview: bool) -> Result<Outcome, EditError> {
        let (done, outcome) = oneshot::channel();
        if !self.pass(Request { edit, preview, done }) {
            return Err(EditError::Busy);
        }
        outcome.await.unwrap_or(Err(EditError::Busy))
    }
}

impl Request {
    pub(super) fn answer(self, outcome: Result<Outcome, EditError>) {
        // Whoever asked may have stopped waiting; what was asked for is done all the same.
        let _ = self.done.send(outcome);
    }
}

/// Changes the rules unless it is a preview. They are on disk before they hold.
pub(super) fn apply(store: &Store, request: &Request, knowledge: &mut Knowledge) -> Result<Outcome, EditError> {
    let (after, rules) = edited(&knowledge.rules, &request.edit)?;
    let model = &knowledge.model;
    let changes = moves(&model.contract_under(&knowledge.rules), &model.contract_under(&after));
    if !request.preview {
        store.set_rules(&after)?;
        knowledge.rules = after;
    }
    Ok(Outcome { rules, changes, preview: request.preview })
}

fn edited(before: &Rules, edit: &Edit) -> Result<(Rules, Vec<Rule>), EditError> {
    match edit {
        Edit::Add(changes) => {
            let after = changes.iter().cloned().try_fold(before.clone(), |rules, change| rules.with(change))?;
            let added = after.iter().skip(before.iter().count()).cloned().collect();
            Ok((after, added))
        }
        Edit::Remove(id) => {
            let after = before.without(*id).ok_or(EditError::Unknown(*id))?;
            Ok((after, before.iter().filter(|rule| rule.id == *id).cloned().collect()))
        }
    }
}
