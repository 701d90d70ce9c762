//! Answers that only read, told again while nothing has changed.
//!
//! An app asks for the same things over and over. To compose an answer walks rules and rows and writes JSON; to repeat one is
//! a look-up. What is repeated is exactly what would be composed: answers that change the world, show a new credential, or
//! come from a clock are never kept, and whatever changes the world forgets all of them.

use std::collections::HashMap;
use std::sync::Arc;

use super::behaviour::{Behaviour, Effect, Part, Rule};
use super::world::{State, World};
use super::{Answer, Context, Refusal};
use crate::{Contract, Request};

/// Past either of these it starts over; composing anew is only slower.
const MAX_ANSWERS: usize = 4096;
const MAX_BYTES: usize = 4 << 20;

/// Belongs to one state: a copy of a state starts without it.
#[derive(Debug, Default)]
pub(super) struct Told {
    answers: HashMap<Request, Answer>,
    bytes: usize,
    /// What they were composed from.
    from: (usize, usize, u64, u64),
}

impl Clone for Told {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Told {
    pub(super) fn clear(&mut self) {
        self.answers.clear();
        self.bytes = 0;
    }

    /// Contract and behaviour are known by where they are, and a state is rebased before either is replaced.
    fn belong_to(&mut self, contract: &Contract, behaviour: &Behaviour, context: &Context<'_>) {
        let place = (std::ptr::from_ref(contract).addr(), std::ptr::from_ref(behaviour).addr());
        let from = (place.0, place.1, context.seed, context.min_confidence.to_bits());
        if from != self.from {
            self.clear();
            self.from = from;
        }
    }

    fn keep(&mut self, request: &Request, answer: &Answer) {
        let fields = |headers: &crate::Headers| headers.0.iter().map(|(name, value)| name.len() + value.len()).sum();
        let sent: usize = fields(&request.headers);
        let answered: usize = fields(&answer.headers);
        let size = request.target.len() + sent + request.body.bytes.len() + answered + answer.body.len();
        if self.answers.len() >= MAX_ANSWERS || self.bytes + size > MAX_BYTES {
            self.clear();
        }
        if size <= MAX_BYTES {
            self.bytes += size;
            self.answers.insert(request.clone(), answer.clone());
        }
    }
}

/// Answers one request. The same arguments give the same answer and the same state afterwards.
pub fn answer(
    contract: &Contract,
    behaviour: &Behaviour,
    state: &mut State,
    request: &Request,
    context: &Context<'_>,
) -> Result<Answer, Refusal> {
    state.told.belong_to(contract, behaviour, context);
    if let Some(answer) = state.told.answers.get(request) {
        let answer = answer.clone();
        state.answers += 1;
        return Ok(answer);
    }
    let hit = contract.find_request(request);
    let mut rules = hit.iter().flat_map(|hit| behaviour.rules_of(&hit.endpoint.id.0)).peekable();
    let ruled = rules.peek().is_some();
    let moves = hit.iter().flat_map(|hit| behaviour.rules_of(&hit.endpoint.id.0)).any(Rule::moves);
    // With a second owner every change makes a copy, so that it can be seen afterwards. Writes are spared that.
    let writes = rules.any(|rule| !matches!(rule.effect, Effect::Nothing));
    let before = (!writes).then(|| state.world.clone());
    let answer = super::answer::answer(contract, behaviour, state, request, context);
    let unchanged = before.is_some_and(|before| before.is_same(&state.world));
    match &answer {
        // Without a rule it is made from the schema, with the time in it.
        Ok(answer) if unchanged && ruled && !moves => state.told.keep(request, answer),
        _ if unchanged => {}
        _ => state.told.clear(),
    }
    answer
}

impl Rule {
    /// Whether the same call gets another answer though nothing has changed.
    fn moves(&self) -> bool {
        self.parts.iter().any(|(_, part)| matches!(part, Part::Now { .. } | Part::Anew { .. }))
    }
}

impl World {
    /// Not only equal: nobody has touched it.
    fn is_same(&self, other: &Self) -> bool {
        self.tables.len() == other.tables.len()
            && self.tables.iter().zip(&other.tables).all(|(one, two)| Arc::ptr_eq(one, two))
            && Arc::ptr_eq(&self.relations, &other.relations)
            && Arc::ptr_eq(&self.sessions, &other.sessions)
    }
}
