//! The twin: it answers whatever it learned from, says the same twice, and its state outlives a restart.

use understudy_contract::Request;
use understudy_contract::twin::{Behaviour, Context, Extent, Journal, State, answer, credential_like};

use crate::recording::{exchanges, learn};

/// Of the recorded exchanges the last ones are questions only.
const ONLY_ASKED: usize = 3;

pub fn run(data: &[u8]) {
    let mut all = exchanges(data);
    let asked = all.split_off(all.len().saturating_sub(ONLY_ASKED));
    let contract = learn(&all).contract();
    let mut journal = Journal::default();
    all.iter().cloned().for_each(|exchange| journal.push(exchange));
    let behaviour = Behaviour::mine(&journal, &contract);
    let context =
        Context { now_ms: 1_760_000_000_000, seed: 1, min_confidence: 0.0, mint: &credential_like, make: None };
    let ask = |state: &mut State, request: &Request| answer(&contract, &behaviour, state, request, &context);

    let mut state = State::initial(&behaviour);
    for request in all.iter().chain(&asked).map(|exchange| &exchange.request) {
        let mut other = state.clone();
        let said = ask(&mut state, request);
        assert_eq!(ask(&mut other, request), said, "the same question in the same state");
        if let Ok(answer) = &said {
            assert!((100..600).contains(&answer.status), "status {}", answer.status);
            assert!((0.0..=1.0).contains(&answer.confidence), "confidence {}", answer.confidence);
        }
    }
    for extent in [Extent::Whole, Extent::Changes] {
        let kept = state.save(&behaviour, extent);
        State::restore(&behaviour, &kept).expect("a state that was saved is restored");
    }
    let kept = state.save(&behaviour, Extent::Whole);
    let restored = State::restore(&behaviour, &kept).expect("a state that was saved is restored");
    assert!(restored.save(&behaviour, Extent::Whole) == kept, "a state that was restored is the same");
}
