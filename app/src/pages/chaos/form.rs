//! From the fields of forms to rules and experiments as the admin API has them.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use understudy_types::ChaosView;

/// A fault as it is offered: its name here, its JSON with places for two values, and what the values are.
pub(super) struct Offered {
    pub(super) name: &'static str,
    /// `"#1"` stands for the first value as a number, `"$1"` as a text; a member whose value is not given goes.
    template: &'static str,
    pub(super) values: &'static str,
}

const fn offer(name: &'static str, template: &'static str, values: &'static str) -> Offered {
    Offered { name, template, values }
}

pub(super) const OFFERED: [Offered; 24] = [
    offer("Delay, fixed", r##"{"delay":{"fixed_ms":"#1"}}"##, "ms"),
    offer("Delay, from and to", r##"{"delay":{"uniform_ms":["#1","#2"]}}"##, "ms; ms"),
    offer("Delay, normal", r##"{"delay":{"normal_ms":{"mean":"#1","deviation":"#2"}}}"##, "mean ms; deviation ms"),
    offer("Delay, log-normal", r##"{"delay":{"log_normal_ms":{"median":"#1","p99":"#2"}}}"##, "median ms; p99 ms"),
    offer("Delay, as the API is slow", r##"{"delay":{"learned":{"factor":"#1"}}}"##, "times"),
    offer("Answer with a status", r##"{"abort":{"status":"#1","retry_after_seconds":"#2"}}"##, "status; Retry-After s"),
    offer("Fail as the API fails", r##"{"learned":{"dial":"#1"}}"##, "times, 0 to 20"),
    offer("Never answer", r#""hang""#, "none"),
    offer("Reset the connection", r#""reset""#, "none"),
    offer("Close the connection", r#""close""#, "none"),
    offer("Close within the body", r##"{"cut":{"after":"#1"}}"##, "share, 0 to 1"),
    offer("Limit the bandwidth", r##"{"bandwidth":{"bytes_per_second":"#1"}}"##, "bytes a second"),
    offer("Drip", r##"{"drip":{"bytes":"#1","every_ms":"#2"}}"##, "bytes; every ms"),
    offer("Cut the body short", r##"{"truncate":{"share":"#1"}}"##, "share, 0 to 1"),
    offer("Damage the JSON", r#""corrupt""#, "none"),
    offer("Wrong content type", r#"{"content_type":{"value":"$1"}}"#, "type"),
    offer("Leave out a field", r#"{"drop_field":{"name":"$1"}}"#, "name, or one is drawn"),
    offer("Send a field twice", r#"{"duplicate_field":{"name":"$1"}}"#, "name, or one is drawn"),
    offer("Null in a field", r#"{"null_field":{"name":"$1"}}"#, "name, or one is drawn"),
    offer("Empty list", r#"{"empty_list":{"name":"$1"}}"#, "name, or one is drawn"),
    offer("Huge list", r##"{"huge_list":{"items":"#1","name":"$2"}}"##, "items; name"),
    offer("Previous answer", r#""stale""#, "none"),
    offer("Clock off", r##"{"clock_skew":{"seconds":"#1"}}"##, "seconds"),
    offer("Flapping upstream", r##"{"flapping":{"up_seconds":"#1","down_seconds":"#2"}}"##, "up s; down s"),
];

/// As the form sends it: everything is text, and what is empty does not count.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct RuleForm {
    pub(super) fault: String,
    pub(super) first: String,
    pub(super) second: String,
    pub(super) path: String,
    pub(super) methods: String,
    pub(super) percent: String,
    pub(super) note: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ExperimentForm {
    pub(super) name: String,
    pub(super) hypothesis: String,
    /// A preset's id, or nothing for the rules that are switched on.
    pub(super) rules: String,
    pub(super) minutes: String,
    pub(super) seed: String,
    pub(super) error_rate: String,
    pub(super) latency_ms: String,
    pub(super) faults: String,
    pub(super) survives_restart: String,
}

/// The rule, to be checked by whoever keeps it.
pub(super) fn rule(form: &RuleForm) -> Result<Value, ServerFnError> {
    let offered = OFFERED.iter().find(|offered| offered.name == form.fault);
    let offered = offered.ok_or_else(|| ServerFnError::new(format!("no fault is called {:?}", form.fault)))?;
    let template = serde_json::from_str(offered.template).map_err(|error| ServerFnError::new(error.to_string()))?;
    let fault = filled(template, [form.first.trim(), form.second.trim()])?;
    let mut matches = Map::new();
    if let Some(path) = given(&form.path) {
        matches.insert("path".into(), path.into());
    }
    let methods: Vec<String> =
        form.methods.split([',', ' ']).filter(|method| !method.is_empty()).map(str::to_uppercase).collect();
    if !methods.is_empty() {
        matches.insert("methods".into(), methods.into());
    }
    let percent: Option<f64> = given(&form.percent).map(|text| number("of 100 requests", text)).transpose()?;
    let probability = percent.unwrap_or(100.0) / 100.0;
    Ok(
        json!({ "match": matches, "faults": fault.into_iter().collect::<Vec<_>>(), "probability": probability, "note": form.note.trim() }),
    )
}

/// `None` for a place whose value is not given.
fn filled(template: Value, values: [&str; 2]) -> Result<Option<Value>, ServerFnError> {
    Ok(Some(match template {
        Value::String(place) => match place.as_str() {
            "#1" | "#2" | "$1" | "$2" => {
                let value = values[usize::from(place.ends_with('2'))];
                return Ok(match (given(value), place.starts_with('#')) {
                    (None, _) => None,
                    (Some(text), true) => Some(number::<serde_json::Number>("value of the fault", text)?.into()),
                    (Some(text), false) => Some(text.into()),
                });
            }
            _ => Value::String(place),
        },
        Value::Array(items) => {
            let items: Result<Vec<_>, _> = items.into_iter().map(|item| filled(item, values)).collect();
            items?.into_iter().flatten().collect()
        }
        Value::Object(members) => {
            let mut out = Map::new();
            for (name, value) in members {
                if let Some(value) = filled(value, values)? {
                    out.insert(name, value);
                }
            }
            Value::Object(out)
        }
        other => other,
    }))
}

pub(super) fn experiment(form: &ExperimentForm, view: &ChaosView) -> Result<Value, ServerFnError> {
    let rules: Vec<Value> = match given(&form.rules) {
        Some(preset) => {
            view.presets.iter().filter(|known| known.id == preset).map(|known| known.rule.clone()).collect()
        }
        None => view.rules.iter().filter(|rule| rule.enabled).map(|rule| rule.rule.clone()).collect(),
    };
    let minutes: f64 = number("minutes", &form.minutes)?;
    let seed: Option<u64> = given(&form.seed).map(|text| number("seed", text)).transpose()?;
    let mut halt = Map::new();
    for (name, text, unit) in [("error_rate", &form.error_rate, 0.01), ("latency_ms", &form.latency_ms, 1.0)] {
        if let Some(text) = given(text) {
            halt.insert(name.into(), json!(number::<f64>(name, text)? * unit));
        }
    }
    if let Some(text) = given(&form.faults) {
        halt.insert("faults".into(), json!(number::<u64>("requests struck", text)?));
    }
    Ok(json!({
        "name": form.name.trim(), "hypothesis": form.hypothesis.trim(), "rules": rules, "seed": seed.unwrap_or(0),
        "seconds": (minutes * 60.0).max(0.0) as u64, "halt": halt, "survives_restart": form.survives_restart == "true",
    }))
}

fn given(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

pub(super) fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, ServerFnError> {
    text.trim().parse().map_err(|_| ServerFnError::new(format!("{name} is {text:?}: expected a number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(fault: &str, first: &str, second: &str) -> RuleForm {
        RuleForm { fault: fault.into(), first: first.into(), second: second.into(), ..RuleForm::default() }
    }

    fn fault(fault: &str, first: &str, second: &str) -> Value {
        rule(&form(fault, first, second)).unwrap()["faults"].clone()
    }

    #[test]
    fn values_take_their_places() {
        assert_eq!(fault("Delay, from and to", "100", "300"), json!([{ "delay": { "uniform_ms": [100, 300] } }]));
        let abort = json!([{ "abort": { "status": 429, "retry_after_seconds": 2 } }]);
        assert_eq!(fault("Answer with a status", " 429 ", "2"), abort);
        assert_eq!(fault("Answer with a status", "503", ""), json!([{ "abort": { "status": 503 } }]));
        assert_eq!(fault("Never answer", "", ""), json!(["hang"]));
        assert_eq!(fault("Null in a field", "", ""), json!([{ "null_field": {} }]));
        assert_eq!(fault("Wrong content type", "text/\"x", ""), json!([{ "content_type": { "value": "text/\"x" } }]));
    }

    #[test]
    fn whom_and_how_often_go_with_it() {
        let form = RuleForm {
            path: "/users/{id}".into(),
            methods: "get, PUT".into(),
            percent: "5".into(),
            note: " seldom ".into(),
            ..form("Damage the JSON", "", "")
        };
        let expected = json!({
            "match": { "path": "/users/{id}", "methods": ["GET", "PUT"] }, "faults": ["corrupt"], "probability": 0.05,
            "note": "seldom",
        });
        assert_eq!(rule(&form).unwrap(), expected);
    }

    #[test]
    fn what_is_no_number_is_told() {
        for (wrong, says) in
            [(form("Explode", "", ""), "no fault is called"), (form("Delay, fixed", "soon", ""), "expected a number")]
        {
            assert!(rule(&wrong).unwrap_err().to_string().contains(says), "{wrong:?}");
        }
    }

    #[test]
    fn every_offer_is_json() {
        for offered in OFFERED {
            assert!(serde_json::from_str::<Value>(offered.template).is_ok(), "{}", offered.name);
        }
    }

    #[test]
    fn an_experiment_takes_the_rules_that_are_on_or_a_preset() {
        let form =
            ExperimentForm { name: "n".into(), minutes: "1.5".into(), error_rate: "20".into(), ..Default::default() };
        let out = experiment(&form, &ChaosView::default()).unwrap();
        assert_eq!(
            (&out["seconds"], &out["halt"], &out["rules"]),
            (&json!(90), &json!({ "error_rate": 0.2 }), &json!([]))
        );
    }
}
