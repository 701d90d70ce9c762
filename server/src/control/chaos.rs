//! The routes of chaos.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use understudy_app::backend::ChaosChange;
use understudy_policy::chaos::{Experiment, Rule};
use understudy_types::{ChaosClient, ChaosExperiment, ChaosPreset, ChaosReport, ChaosRule, ChaosTouch, ChaosView};

use super::error::{ApiError, Whole};
use crate::chaos::{ChaosError, RuleChange, SettingsChange, touches};
use crate::handles::Handles;

/// Why it ended.
const BY_A_PERSON: &str = "halted by a person";

type Shared = State<Arc<Handles>>;

pub(super) async fn view(State(handles): Shared) -> Json<ChaosView> {
    Json(handles.chaos.view())
}

pub(super) async fn change(State(handles): Shared, Whole(body): Whole) -> Result<Json<ChaosView>, ApiError> {
    handles.change_chaos(read::<SettingsChange>(&body)?).await?;
    Ok(Json(handles.chaos.view()))
}

pub(super) async fn halt(State(handles): Shared) -> Result<Json<ChaosView>, ApiError> {
    handles.halt_chaos(BY_A_PERSON).await?;
    Ok(Json(handles.chaos.view()))
}

pub(super) async fn rules(State(handles): Shared) -> Json<Vec<ChaosRule>> {
    Json(handles.chaos.view().rules)
}

pub(super) async fn add_rule(State(handles): Shared, Whole(body): Whole) -> Result<Json<ChaosRule>, ApiError> {
    let id = handles.change_chaos_rule(RuleChange::Add(read::<Rule>(&body)?)).await?;
    one_rule(&handles, id)
}

pub(super) async fn rule(State(handles): Shared, Path(id): Path<String>) -> Result<Json<ChaosRule>, ApiError> {
    one_rule(&handles, rule_id(&id)?)
}

pub(super) async fn replace_rule(
    State(handles): Shared,
    Path(id): Path<String>,
    Whole(body): Whole,
) -> Result<Json<ChaosRule>, ApiError> {
    let id = handles.change_chaos_rule(RuleChange::Replace(rule_id(&id)?, read::<Rule>(&body)?)).await?;
    one_rule(&handles, id)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Enabled {
    enabled: bool,
}

pub(super) async fn enable_rule(
    State(handles): Shared,
    Path(id): Path<String>,
    Whole(body): Whole,
) -> Result<Json<ChaosRule>, ApiError> {
    let Enabled { enabled } = read(&body)?;
    let id = handles.change_chaos_rule(RuleChange::Enable(rule_id(&id)?, enabled)).await?;
    one_rule(&handles, id)
}

pub(super) async fn remove_rule(State(handles): Shared, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let id = handles.change_chaos_rule(RuleChange::Remove(rule_id(&id)?)).await?;
    Ok(Json(json!({ "removed": id })))
}

/// Which endpoints a rule would touch. Nothing changes.
pub(super) async fn preview(State(handles): Shared, Whole(body): Whole) -> Result<Json<Vec<ChaosTouch>>, ApiError> {
    previewed(&handles, &read(&body)?).map(Json)
}

pub(super) fn preview_of(handles: &Handles, rule: Value) -> Result<Vec<ChaosTouch>, ApiError> {
    previewed(handles, &from_value(&rule)?)
}

fn previewed(handles: &Handles, rule: &Rule) -> Result<Vec<ChaosTouch>, ApiError> {
    let mistakes = rule.check();
    if !mistakes.is_empty() {
        return Err(ChaosError::Wrong(mistakes).into());
    }
    Ok(touches(rule, &handles.snapshot.load().contract))
}

pub(super) async fn presets(State(handles): Shared) -> Json<Vec<ChaosPreset>> {
    Json(handles.chaos.view().presets)
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Where {
    path: Option<String>,
}

pub(super) async fn start_preset(
    State(handles): Shared,
    Path(name): Path<String>,
    Whole(body): Whole,
) -> Result<Json<ChaosView>, ApiError> {
    let Where { path } = if body.is_empty() { Where::default() } else { read(&body)? };
    handles.start_preset(&name, path).await?;
    Ok(Json(handles.chaos.view()))
}

pub(super) async fn experiments(State(handles): Shared) -> Json<Vec<ChaosExperiment>> {
    Json(handles.chaos.view().experiments)
}

pub(super) async fn start_experiment(
    State(handles): Shared,
    Whole(body): Whole,
) -> Result<Json<ChaosExperiment>, ApiError> {
    let id = handles.start_experiment(read::<Experiment>(&body)?).await?;
    one_experiment(&handles, id)
}

pub(super) async fn experiment(
    State(handles): Shared,
    Path(id): Path<String>,
) -> Result<Json<ChaosExperiment>, ApiError> {
    one_experiment(&handles, experiment_id(&id)?)
}

pub(super) async fn remove_experiment(State(handles): Shared, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    handles.remove_experiment(experiment_id(&id)?).await?;
    Ok(Json(json!({ "removed": id })))
}

pub(super) async fn report(State(handles): Shared) -> Json<ChaosReport> {
    Json(handles.chaos.report())
}

pub(super) async fn clients(State(handles): Shared) -> Json<Vec<ChaosClient>> {
    Json(handles.chaos.report().clients)
}

/// What somebody changes on the page.
pub(super) async fn apply(handles: &Handles, change: ChaosChange) -> Result<(), ApiError> {
    match change {
        ChaosChange::Settings(value) => handles.change_chaos(from_value(&value)?).await?,
        ChaosChange::Preset { name, path } => drop(handles.start_preset(&name, path).await?),
        ChaosChange::AddRule(rule) => drop(handles.change_chaos_rule(RuleChange::Add(from_value(&rule)?)).await?),
        ChaosChange::ReplaceRule(id, rule) => {
            handles.change_chaos_rule(RuleChange::Replace(id, from_value(&rule)?)).await?;
        }
        ChaosChange::EnableRule(id, enabled) => {
            handles.change_chaos_rule(RuleChange::Enable(id, enabled)).await?;
        }
        ChaosChange::RemoveRule(id) => drop(handles.change_chaos_rule(RuleChange::Remove(id)).await?),
        ChaosChange::StartExperiment(wanted) => drop(handles.start_experiment(from_value(&wanted)?).await?),
        ChaosChange::RemoveExperiment(id) => handles.remove_experiment(id).await?,
        ChaosChange::Halt => handles.halt_chaos(BY_A_PERSON).await?,
    }
    Ok(())
}

fn one_rule(handles: &Handles, id: u64) -> Result<Json<ChaosRule>, ApiError> {
    handles.chaos.rule_with(id).map(Json).ok_or_else(|| ChaosError::UnknownRule(id.to_string()).into())
}

fn one_experiment(handles: &Handles, id: u64) -> Result<Json<ChaosExperiment>, ApiError> {
    handles.chaos.experiment(id).map(Json).ok_or_else(|| ChaosError::UnknownExperiment(id.to_string()).into())
}

fn rule_id(text: &str) -> Result<u64, ApiError> {
    text.parse().map_err(|_| ChaosError::UnknownRule(text.to_owned()).into())
}

fn experiment_id(text: &str) -> Result<u64, ApiError> {
    text.parse().map_err(|_| ChaosError::UnknownExperiment(text.to_owned()).into())
}

/// Says at which place of the JSON something is wrong, what stands there, and what may.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    from_value(&serde_json::from_slice(body).map_err(ApiError::NotJson)?)
}

fn from_value<T: DeserializeOwned>(value: &Value) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let field = error.path().to_string();
        let given = at(value, error.path()).cloned().unwrap_or(Value::Null);
        ApiError::Misplaced { field, given, error: error.into_inner().to_string() }
    })
}

fn at<'v>(value: &'v Value, path: &serde_path_to_error::Path) -> Option<&'v Value> {
    use serde_path_to_error::Segment;
    path.iter().try_fold(value, |value, segment| match segment {
        Segment::Seq { index } => value.get(index),
        Segment::Map { key } => value.get(key),
        Segment::Enum { variant } => value.get(variant).or(Some(value)),
        Segment::Unknown => None,
    })
}
