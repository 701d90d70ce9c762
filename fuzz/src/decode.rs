//! Bytes of a project file: they are refused, or what they hold can be used. The first byte says what they are taken for.
//!
//! A checksum guards the model on disk, yet a project file may come from anybody.

use std::sync::LazyLock;

use understudy_contract::drift::Watchdog;
use understudy_contract::twin::{Behaviour, Context, Extent, Journal, State, answer, credential_like};
use understudy_contract::{Contract, Exchange, Model};

use crate::recording::{exchanges, learn};

const RECORDING: &[u8] = b"POST /users 201 {\"name\":\"Ada\"} => {\"id\":7,\"name\":\"Ada\"}\nGET /users/7 200 => {\"id\":7,\"name\":\"Ada\"}\n\
    POST /users 201 {\"name\":\"Bob\"} => {\"id\":8,\"name\":\"Bob\"}\nGET /users 200 => [{\"id\":7,\"name\":\"Ada\"},{\"id\":8,\"name\":\"Bob\"}]\n\
    DELETE /users/8 204\nGET /users/9 404 => {\"error\":\"no such user\"}\n";

struct Known {
    exchanges: Vec<Exchange>,
    model: Model,
    contract: Contract,
    behaviour: Behaviour,
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let exchanges = exchanges(RECORDING);
    let model = learn(&exchanges);
    let contract = model.contract();
    let mut journal = Journal::default();
    exchanges.iter().cloned().for_each(|exchange| journal.push(exchange));
    let behaviour = Behaviour::mine(&journal, &contract);
    Known { exchanges, model, contract, behaviour }
});

pub fn run(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    match kind {
        b'm' => model(data),
        b'w' => watchdog(data),
        b's' => state(data),
        b'x' => exchange(data),
        _ => {}
    }
}

/// Writes the stored corpus, which nobody could write by hand, into the folder that `FUZZ_SEEDS` names.
pub fn write_seeds() {
    let Ok(folder) = std::env::var("FUZZ_SEEDS") else { return };
    for (name, bytes) in seeds() {
        std::fs::write(format!("{folder}/{name}"), bytes).expect("the folder can be written to");
    }
}

/// Inputs that are what they are taken for.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let Known { exchanges, model, contract, behaviour } = &*KNOWN;
    let mut watchdog = Watchdog::default();
    // Enough of the smallest, so that something is watched.
    for _ in 0..3 {
        exchanges.iter().take(2).for_each(|exchange| drop(watchdog.observe(contract, exchange)));
    }
    let small = learn(&exchanges[..2]).encode();
    let exchange = rmp_serde::to_vec(&exchanges[0]).expect("an exchange is encoded");
    let state = State::initial(behaviour).save(behaviour, Extent::Whole);
    let marked = |mark: &[u8], bytes: &[u8]| [mark, bytes].concat();
    vec![
        ("model", marked(b"m", &small[8..])),
        ("model-none", marked(b"m", &Model::default().encode()[8..])),
        ("watchdog", marked(b"w", &watchdog.encode())),
        ("state", marked(b"s", &state)),
        ("exchange", marked(b"x", &exchange)),
        ("model-more", marked(b"m", &model.encode()[8..])),
    ]
}

fn model(data: &[u8]) {
    let bytes = [b"USTM\x02\0\0\0", data].concat();
    let Ok(mut model) = Model::decode(&bytes) else { return };
    let _ = model.contract().endpoints().len();
    for exchange in &KNOWN.exchanges {
        model.learn(exchange);
    }
    model.merge(KNOWN.model.clone());
    let contract = model.contract();
    assert!(contract.find_request(&KNOWN.exchanges[0].request).is_some(), "what came after it is learned");
    assert!(Model::decode(&model.encode()).is_ok(), "it can be stored again");
}

fn watchdog(data: &[u8]) {
    let Ok(mut watchdog) = Watchdog::decode(data) else { return };
    KNOWN.exchanges.iter().for_each(|exchange| drop(watchdog.observe(&KNOWN.contract, exchange)));
    watchdog.adopt(&KNOWN.contract);
    watchdog.freeze(None, 1_750_000_000_000);
    let _ = (watchdog.score(), watchdog.counts());
    assert!(Watchdog::decode(&watchdog.encode()).is_ok(), "it can be stored again");
}

fn state(data: &[u8]) {
    let Known { contract, behaviour, exchanges, .. } = &*KNOWN;
    let Ok(mut state) = State::restore(behaviour, data) else { return };
    let context =
        Context { now_ms: 1_760_000_000_000, seed: 1, min_confidence: 0.0, mint: &credential_like, make: None };
    for exchange in exchanges {
        let _ = answer(contract, behaviour, &mut state, &exchange.request, &context);
    }
    let kept = state.save(behaviour, Extent::Whole);
    assert!(State::restore(behaviour, &kept).is_ok(), "it can be stored again");
}

fn exchange(data: &[u8]) {
    let Ok(exchange) = rmp_serde::from_slice::<Exchange>(data) else { return };
    let contract = learn([&exchange]).contract();
    let mut journal = Journal::default();
    journal.push(exchange);
    let _ = Behaviour::mine(&journal, &contract);
}
