//! Documents of other tools: all of one or an error, and what comes of it can be learned.

use understudy_contract::import::{Import, declared_template, import, import_lines};
use understudy_contract::{Model, Rules};

const NOW_MS: u64 = 1_750_000_000_000;

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(document) = serde_json::from_str(text) {
        let first = import(&document, NOW_MS);
        assert_eq!(first, import(&document, NOW_MS), "the same document gives the same exchanges");
        first.iter().for_each(learnable);
    }
    import_lines(text, NOW_MS).iter().for_each(learnable);
}

fn learnable(import: &Import) {
    assert!(!import.exchanges.is_empty());
    let mut model = Model::default();
    for exchange in &import.exchanges {
        model.learn_under(exchange, declared_template(exchange).as_deref(), &Rules::default());
    }
    assert!(model.contract().endpoints().len() <= import.exchanges.len());
}
