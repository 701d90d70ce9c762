//! What people decide about templates: the rules themselves, and the same by pointing at an endpoint.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use understudy_contract::rules::{Change, Move, Rule};
use understudy_contract::view::Endpoint;
use understudy_contract::{Contract, Segment};
use understudy_types::{TemplateMove, TemplateRule};

use super::error::{ApiError, Whole};
use crate::handles::Handles;
use crate::learner::edit::{Edit, Outcome};

/// In the order in which they were made; of two that disagree the later one wins.
pub(super) async fn list(State(handles): State<Arc<Handles>>) -> Json<Vec<Rule>> {
    Json(handles.snapshot.load().rules.iter().cloned().collect())
}

pub(super) async fn add(
    State(handles): State<Arc<Handles>>,
    Query(query): Query<PreviewQuery>,
    Whole(body): Whole,
) -> Result<(StatusCode, Json<Outcome>), ApiError> {
    let preview = query.preview()?;
    let change: Change = read(&body)?;
    let outcome = handles.intake.edit(Edit::Add(vec![change]), preview).await?;
    Ok((if preview { StatusCode::OK } else { StatusCode::CREATED }, Json(outcome)))
}

pub(super) async fn remove(
    State(handles): State<Arc<Handles>>,
    Path(id): Path<String>,
    Query(query): Query<PreviewQuery>,
) -> Result<Json<Outcome>, ApiError> {
    let id = id.parse().map_err(|_| ApiError::BadParameter { name: "id", given: id, expected: "the id of a rule" })?;
    Ok(Json(handles.intake.edit(Edit::Remove(id), query.preview()?).await?))
}

/// Rules that follow from pointing at an endpoint.
pub(super) async fn change_endpoint(
    State(handles): State<Arc<Handles>>,
    Path(id): Path<String>,
    Query(query): Query<PreviewQuery>,
    Whole(body): Whole,
) -> Result<Json<Outcome>, ApiError> {
    let preview = query.preview()?;
    let patch: Patch = read(&body)?;
    change(&handles, &id, patch, preview).await.map(Json)
}

async fn change(handles: &Handles, id: &str, patch: Patch, preview: bool) -> Result<Outcome, ApiError> {
    let changes = {
        let snapshot = handles.snapshot.load();
        patch.changes(&snapshot.contract, known(&snapshot.contract, id)?)?
    };
    Ok(handles.intake.edit(Edit::Add(changes), preview).await?)
}

/// The same for the page: `patch` is such a body.
pub(super) async fn change_by(
    handles: &Handles,
    id: &str,
    patch: Value,
    preview: bool,
) -> Result<Vec<TemplateMove>, ApiError> {
    let patch = serde_json::from_value(patch);
    let patch = patch.map_err(|error| ApiError::NotARule(format!("this is no such change: {error}")))?;
    let told = |Move { method, before, after }: Move| TemplateMove { method, before, after };
    Ok(change(handles, id, patch, preview).await?.changes.into_iter().map(told).collect())
}

pub(super) async fn take_back(handles: &Handles, id: u64) -> Result<(), ApiError> {
    handles.intake.edit(Edit::Remove(id), false).await?;
    Ok(())
}

/// In their order, each in words.
pub(super) fn in_words(handles: &Handles) -> Vec<TemplateRule> {
    let told = |rule: &Rule| TemplateRule { id: rule.id, words: words(&rule.change) };
    handles.snapshot.load().rules.iter().map(told).collect()
}

fn words(change: &Change) -> String {
    let some = |values: &[String]| if values.is_empty() { "every segment".to_owned() } else { values.join(", ") };
    match change {
        Change::Split { at, values } => format!("at {at}, {} apart", some(values)),
        Change::Merge { at, values, .. } => format!("at {at}, {} as one parameter", some(values)),
        Change::Regex { at, pattern, .. } => format!("at {at}, what matches {pattern} as one parameter"),
        Change::Rename { at, name } => format!("the parameter at {at} is called {name}"),
        Change::Hide { method, at } => format!("{method} {at} is hidden"),
    }
}

pub(super) async fn hide_endpoint(
    State(handles): State<Arc<Handles>>,
    Path(id): Path<String>,
    Query(query): Query<PreviewQuery>,
) -> Result<Json<Outcome>, ApiError> {
    let preview = query.preview()?;
    let change = {
        let snapshot = handles.snapshot.load();
        let endpoint = known(&snapshot.contract, &id)?;
        Change::Hide { method: endpoint.method.clone(), at: endpoint.template.clone() }
    };
    Ok(Json(handles.intake.edit(Edit::Add(vec![change]), preview).await?))
}

#[derive(Debug, Deserialize)]
pub(super) struct PreviewQuery {
    preview: Option<String>,
}

impl PreviewQuery {
    fn preview(&self) -> Result<bool, ApiError> {
        match self.preview.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(given) => {
                Err(ApiError::BadParameter { name: "preview", given: given.into(), expected: "true or false" })
            }
        }
    }
}

/// `{"rename":{"id":"login"}}`, `{"split":{"parameter":"id","values":["me"]}}`, `{"merge":{"with":["<endpoint id>"]}}`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Patch {
    /// Old names of parameters with their new ones.
    rename: BTreeMap<String, String>,
    split: Option<Split>,
    merge: Option<Merge>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Split {
    parameter: String,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Merge {
    with: Vec<String>,
    name: Option<String>,
}

impl Patch {
    fn changes(self, contract: &Contract, endpoint: &Endpoint) -> Result<Vec<Change>, ApiError> {
        let mut changes = Vec::new();
        for (parameter, name) in self.rename {
            changes.push(Change::Rename { at: place(endpoint, &parameter)?, name });
        }
        if let Some(Split { parameter, values }) = self.split {
            changes.push(Change::Split { at: place(endpoint, &parameter)?, values });
        }
        if let Some(Merge { with, name }) = self.merge {
            let others = with.iter().map(|id| known(contract, id)).collect::<Result<Vec<_>, _>>()?;
            changes.extend(merged(endpoint, &others, name.as_ref())?);
        }
        if changes.is_empty() {
            return Err(ApiError::NotARule("the body asks for nothing: expected rename, split or merge".into()));
        }
        Ok(changes)
    }
}

/// The template as far as a parameter of this name.
fn place(endpoint: &Endpoint, parameter: &str) -> Result<String, ApiError> {
    let braced = format!("{{{parameter}}}");
    let mut at = String::new();
    for segment in endpoint.template.split('/').skip(1) {
        at.extend(["/", segment]);
        if segment.starts_with(&braced) {
            return Ok(at);
        }
    }
    Err(ApiError::NotARule(format!("{} has no parameter {parameter:?}", endpoint.template)))
}

/// A parameter for every position in which the templates differ.
fn merged(endpoint: &Endpoint, others: &[&Endpoint], name: Option<&String>) -> Result<Vec<Change>, ApiError> {
    if let Some(other) = others.iter().find(|other| other.segments.len() != endpoint.segments.len()) {
        let (one, two) = (&endpoint.template, &other.template);
        return Err(ApiError::NotARule(format!("{one} and {two} differ in length: expected as many segments")));
    }
    let (mut at, mut changes) = (String::new(), Vec::new());
    for (n, own) in endpoint.template.split('/').skip(1).take(endpoint.segments.len()).enumerate() {
        let all = std::iter::once(&endpoint.segments[n]).chain(others.iter().map(|other| &other.segments[n]));
        let literals: Vec<String> = all
            .clone()
            .filter_map(|segment| match segment {
                Segment::Literal(text) => Some(text.clone()),
                Segment::Parameter { .. } => None,
            })
            .collect();
        let parameters = all.count() - literals.len();
        if literals.is_empty() || parameters == 0 && literals.iter().all(|text| *text == literals[0]) {
            at.extend(["/", own]);
        } else {
            at.push_str("/{}");
            changes.push(Change::Merge { at: at.clone(), values: literals, name: name.cloned() });
        }
    }
    if changes.is_empty() {
        return Err(ApiError::NotARule("merge names no other template: expected ids of endpoints that differ".into()));
    }
    Ok(changes)
}

fn known<'c>(contract: &'c Contract, id: &str) -> Result<&'c Endpoint, ApiError> {
    contract.endpoint(id).ok_or_else(|| ApiError::UnknownEndpoint(id.to_owned()))
}

/// What is JSON but not what was expected is told apart from what is no JSON.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let value: Value = serde_json::from_slice(body).map_err(ApiError::NotJson)?;
    serde_json::from_value(value).map_err(|error| ApiError::NotARule(format!("the body is no such change: {error}")))
}
