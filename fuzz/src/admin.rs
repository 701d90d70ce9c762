//! Bodies of the admin API, as the server reads them: what is refused changes nothing, what is taken can be carried out.

use std::sync::LazyLock;

use serde::de::DeserializeOwned;
use understudy_contract::rules::{Change, Rules, moves};
use understudy_contract::{Contract, Model};
use understudy_policy::Preferences;
use understudy_policy::chaos::{Active, Asked, Draw, Edit, Experiment, Failures, FaultId, Met, Rule, Side, Tally};
use understudy_types::{Override, Redaction, TwinSettings};

use crate::recording::{exchanges, learn};

const RECORDING: &[u8] = b"GET /users/7 200 => {\"id\":7,\"name\":\"Ada\"}\nGET /users/me 200 => {\"id\":7}\n\
    GET /users/8 200 => {\"id\":8,\"name\":\"Bob\"}\nPOST /users 201 {\"name\":\"Bob\"} => {\"id\":8}\nGET /v1/a.json 200 => [1]\n";
const BODY: &[u8] = br#"{"id":7,"items":[{"a":1,"b":"x"},{"a":2}],"name":"Ada","empty":[]}"#;

static KNOWN: LazyLock<(Model, Contract)> = LazyLock::new(|| {
    let model = learn(&exchanges(RECORDING));
    let contract = model.contract();
    (model, contract)
});

pub fn run(data: &[u8]) {
    templates(data);
    chaos(data);
    settings(data);
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Preferences::read(text.lines());
        if let Ok(asked) = Asked::read(text) {
            asked.faults.iter().for_each(|fault| damage(fault.clone()));
        }
        let _ = text.trim().parse::<FaultId>();
    }
}

fn read<T: DeserializeOwned>(data: &[u8]) -> Option<T> {
    serde_json::from_slice(data).ok()
}

fn templates(data: &[u8]) {
    let (model, contract) = &*KNOWN;
    if let Some(change) = read::<Change>(data)
        && let Ok(rules) = Rules::default().with(change)
    {
        let changed = model.contract_under(&rules);
        let _ = moves(contract, &changed);
        assert!(rules.without(1).is_some_and(|rules| rules.is_empty()));
    }
    // As the project file has them.
    if let Some(stored) = read::<Vec<understudy_contract::rules::Rule>>(data)
        && let Ok(rules) = Rules::new(1, stored)
    {
        let _ = model.contract_under(&rules);
        let _ = rules.next_id();
    }
}

fn chaos(data: &[u8]) {
    if let Some(rule) = read::<Rule>(data)
        && rule.check().is_empty()
    {
        let text = serde_json::to_vec(&rule).expect("a rule is written as JSON");
        assert_eq!(read::<Rule>(&text).as_ref(), Some(&rule), "a rule comes back");
        strike(&[rule]);
    }
    if let Some(experiment) = read::<Experiment>(data)
        && experiment.check().is_empty()
    {
        let _ = Tally::default().passed(&experiment.halt);
        strike(&experiment.rules);
    }
}

fn strike(rules: &[Rule]) {
    let active = Active::new(&[(1, 1_750_000_000_000, rules)], &Active::default());
    let failures = Failures { rate: 0.1, burst: 2, statuses: vec![(503, 3), (500, 1)] };
    for step in 0..4 {
        let met = Met {
            method: "GET",
            path: "/users/7",
            header: &|_| Some("1"),
            query: &|_| Some("1".into()),
            address: "127.0.0.1",
            // Clocks step back, too.
            now_ms: 1_750_000_000_500 - step * 400,
            side: &|| Side::Live,
            template: &|| Some("/users/{id}".into()),
            failures: &|| Some(failures.clone()),
        };
        let _ = active.plan(&met);
        let _ = active.replay(FaultId { seed: 1, rule: rules[0].id, ordinal: step }, &met);
    }
    rules.iter().flat_map(|rule| &rule.faults).for_each(|fault| damage(fault.clone()));
}

fn damage(fault: understudy_policy::chaos::Fault) {
    let _ = fault.says();
    let draw = Draw::new(1, 2, 3);
    let _ = Edit { fault, draw }.apply(BODY);
}

fn settings(data: &[u8]) {
    fn comes_back<T: DeserializeOwned + serde::Serialize + PartialEq + std::fmt::Debug>(data: &[u8]) {
        if let Some(value) = read::<T>(data) {
            let text = serde_json::to_vec(&value).expect("settings are written as JSON");
            assert_eq!(read::<T>(&text).as_ref(), Some(&value), "a setting comes back");
        }
    }
    comes_back::<TwinSettings>(data);
    comes_back::<Override>(data);
    comes_back::<Redaction>(data);
}
