//! What the forms of this page post to. Nothing in the browser calls these, so only the server has them.

use leptos::prelude::*;
use serde_json::{Value, json};

use super::form::{self, ExperimentForm, RuleForm};
use crate::backend::{ChaosChange, backend};
use crate::parts::refused;

async fn change(change: ChaosChange) -> Result<(), ServerFnError> {
    backend()?.change_chaos(change).await.map_err(refused)
}

#[server(prefix = "/admin/fn", endpoint = "halt-chaos")]
pub(super) async fn halt_chaos() -> Result<(), ServerFnError> {
    change(ChaosChange::Halt).await
}

/// Without a field what it says stays as it is.
#[server(prefix = "/admin/fn", endpoint = "set-chaos")]
pub(super) async fn set_chaos(
    on: Option<bool>,
    minutes: Option<u64>,
    seed: Option<String>,
    dial: Option<f64>,
    client_header: Option<String>,
    per_request: Option<bool>,
) -> Result<(), ServerFnError> {
    let seed = seed.map(|seed| form::number::<u64>("seed", &seed)).transpose()?;
    let wanted = json!({
        "on": on, "for_seconds": minutes.map(|minutes| minutes.saturating_mul(60)), "seed": seed, "dial": dial,
        "client_header": client_header, "per_request": per_request,
    });
    change(ChaosChange::Settings(wanted)).await
}

#[server(prefix = "/admin/fn", endpoint = "start-preset")]
pub(super) async fn start_preset(name: String, path: Option<String>) -> Result<(), ServerFnError> {
    let path = path.filter(|path| !path.trim().is_empty()).map(|path| path.trim().to_owned());
    change(ChaosChange::Preset { name, path }).await
}

#[server(prefix = "/admin/fn", endpoint = "add-rule")]
pub(super) async fn add_rule(rule: RuleForm) -> Result<(), ServerFnError> {
    change(ChaosChange::AddRule(form::rule(&rule)?)).await
}

/// `action` is `enable`, `disable`, `remove`, or `replace` with the rule as JSON.
#[server(prefix = "/admin/fn", endpoint = "change-rule")]
pub(super) async fn change_rule(id: u64, action: String, json: Option<String>) -> Result<(), ServerFnError> {
    let wanted = match action.as_str() {
        "enable" | "disable" => ChaosChange::EnableRule(id, action == "enable"),
        "remove" => ChaosChange::RemoveRule(id),
        "replace" => {
            let rule: Value = serde_json::from_str(json.as_deref().unwrap_or_default())
                .map_err(|error| ServerFnError::new(format!("the rule is no JSON: {error}")))?;
            ChaosChange::ReplaceRule(id, rule)
        }
        _ => return Err(ServerFnError::new("an action is enable, disable, remove or replace")),
    };
    change(wanted).await
}

#[server(prefix = "/admin/fn", endpoint = "start-experiment")]
pub(super) async fn start_experiment(experiment: ExperimentForm) -> Result<(), ServerFnError> {
    let view = backend()?.chaos();
    change(ChaosChange::StartExperiment(form::experiment(&experiment, &view)?)).await
}

#[server(prefix = "/admin/fn", endpoint = "remove-experiment")]
pub(super) async fn remove_experiment(id: u64) -> Result<(), ServerFnError> {
    change(ChaosChange::RemoveExperiment(id)).await
}
