//! What is learned of bodies: it is stored and comes back, is written down in every form, and raises no alarm about itself.

use understudy_contract::drift::Watchdog;
use understudy_contract::export::{Format, Source, export};
use understudy_contract::twin::{Behaviour, Journal};
use understudy_contract::{Model, openapi};

use crate::recording::{exchanges, learn};

pub fn run(data: &[u8]) {
    let all = exchanges(data);
    let model = learn(&all);
    let bytes = model.encode();
    let again = Model::decode(&bytes).expect("what was encoded is decoded");
    assert!(again.encode() == bytes, "what was stored comes back");
    let contract = model.contract();
    let options = openapi::Options { title: "fuzz".into(), servers: Vec::new(), evidence: true };
    assert_eq!(openapi::document(&contract, &options), openapi::document(&again.contract(), &options));

    let mut journal = Journal::default();
    all.iter().cloned().for_each(|exchange| journal.push(exchange));
    let behaviour = Behaviour::mine(&journal, &contract);
    let source = Source { contract: &contract, behaviour: &behaviour, title: "fuzz", base_url: "http://localhost" };
    for format in Format::ALL {
        let text = export(&source, format);
        let is_json = format.media_type().ends_with("json");
        assert!(!is_json || serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{} is no JSON", format.name());
    }

    let mut watchdog = Watchdog::default();
    all.iter().for_each(|exchange| drop(watchdog.observe(&contract, exchange)));
    watchdog.adopt(&contract);
    watchdog.freeze(None, 1_750_000_000_000);
    all.iter().for_each(|exchange| drop(watchdog.observe(&contract, exchange)));
    let kept = watchdog.encode();
    let kept_again = Watchdog::decode(&kept).expect("what was encoded is decoded").encode();
    assert!(kept_again == kept, "the watchdog comes back");
}
