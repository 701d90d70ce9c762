//! The routes that control the twin: its state, its settings, and what people pinned on endpoints.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use understudy_contract::twin;
use understudy_types::{EndpointDetail, Override, TwinEntity, TwinExample, TwinSave, TwinSettings, TwinState};

use super::error::{ApiError, Whole};
use super::rules::{self, PreviewQuery};
use super::{api, present};
use crate::handles::Handles;
use crate::learner::import::{Imported, import_document};

/// Rows of a page, when nobody says otherwise and at most.
const PAGE: usize = 100;
const PAGE_MAX: usize = 1000;
/// Names of saved states are shown in lists and typed on command lines.
const NAME_MAX_CHARS: usize = 64;
/// Longer than any key that was learned.
const KEY_MAX_BYTES: usize = 512;
/// Longer than this nobody waits for an answer.
const LATENCY_MAX_MS: u64 = 600_000;
const FACTOR_MAX: f64 = 1000.0;
/// The largest published documents have a tenth of it; recordings of browsers may be long.
pub(super) const DOCUMENT_MAX_BYTES: usize = 64 << 20;

#[derive(Debug, Deserialize)]
pub(super) struct StateQuery {
    collection: Option<String>,
    cursor: Option<String>,
    limit: Option<String>,
}

/// All collections with their counts or, with `?collection=`, the rows of one.
pub(super) async fn state(
    State(handles): State<Arc<Handles>>,
    Query(query): Query<StateQuery>,
) -> Result<Json<Value>, ApiError> {
    let Some(name) = query.collection else { return Ok(Json(json!(collections(&handles)))) };
    let limit = query.limit.map(|text| api::number("limit", text, "a number from 1 to 1000")).transpose()?;
    let limit = limit.map_or(PAGE, |limit| usize::try_from(limit).unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX));
    let rows = entities(&handles, &name, query.cursor.as_deref(), limit);
    let (items, next) = rows.ok_or_else(|| ApiError::UnknownCollection(name.clone()))?;
    Ok(Json(json!({ "collection": name, "items": items, "next": next })))
}

pub(super) fn collections(handles: &Handles) -> TwinState {
    let (state, behaviour) = handles.twin_state();
    TwinState {
        seed: handles.snapshot.load().twin.settings.seed.unwrap_or(handles.seed).to_string(),
        now_ms: crate::twin::now_ms(),
        collections: state.collections(&behaviour).into_iter().map(present::collection).collect(),
    }
}

/// The rows of one collection, and where the next page begins.
pub(super) fn entities(
    handles: &Handles,
    name: &str,
    cursor: Option<&str>,
    limit: usize,
) -> Option<(Vec<TwinEntity>, Option<String>)> {
    let (state, behaviour) = handles.twin_state();
    let (items, more) = state.entities(&behaviour, name, cursor, limit)?;
    let next = items.last().filter(|_| more).map(|row| row.key.clone());
    Some((items.into_iter().map(present::entity).collect(), next))
}

pub(super) async fn put_row(
    State(handles): State<Arc<Handles>>,
    Path((collection, key)): Path<(String, String)>,
    Whole(body): Whole,
) -> Result<Json<Value>, ApiError> {
    let fields = read(&body, "the fields of a row")?;
    edit(&handles, &collection, &key, Some(fields))?;
    Ok(Json(json!({ "written": key })))
}

pub(super) async fn remove_row(
    State(handles): State<Arc<Handles>>,
    Path((collection, key)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    edit(&handles, &collection, &key, None)?;
    Ok(Json(json!({ "removed": key })))
}

/// Without fields the row goes.
pub(super) fn edit(
    handles: &Handles,
    collection: &str,
    key: &str,
    fields: Option<serde_json::Map<String, Value>>,
) -> Result<(), ApiError> {
    if key.is_empty() || key.len() > KEY_MAX_BYTES {
        let expected = "1 to 512 bytes";
        return Err(ApiError::Unfit { name: "the key of the row", given: key.into(), expected });
    }
    let is_done = handles.edit_twin(collection, key, fields);
    is_done.then_some(()).ok_or_else(|| ApiError::UnknownCollection(collection.to_owned()))
}

pub(super) async fn reset(State(handles): State<Arc<Handles>>) -> Json<Value> {
    handles.reset_twin();
    Json(json!({ "reset": true }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: String,
}

fn name(body: &[u8]) -> Result<String, ApiError> {
    let Named { name } = read(body, "{\"name\": …}")?;
    checked_name(name)
}

fn checked_name(name: String) -> Result<String, ApiError> {
    let fits = !name.trim().is_empty() && name.chars().count() <= NAME_MAX_CHARS && !name.chars().any(char::is_control);
    let expected = "1 to 64 characters, none of them a control character";
    if fits { Ok(name) } else { Err(ApiError::Unfit { name: "name", given: name.into(), expected }) }
}

pub(super) async fn save(State(handles): State<Arc<Handles>>, Whole(body): Whole) -> Result<Json<Value>, ApiError> {
    let name = name(&body)?;
    handles.save_twin(&name).await?;
    Ok(Json(json!({ "saved": name })))
}

pub(super) async fn load(State(handles): State<Arc<Handles>>, Whole(body): Whole) -> Result<Json<Value>, ApiError> {
    let name = name(&body)?;
    handles.load_twin(&name).await?;
    Ok(Json(json!({ "loaded": name })))
}

pub(super) async fn saves(State(handles): State<Arc<Handles>>) -> Result<Json<Vec<TwinSave>>, ApiError> {
    Ok(Json(handles.store.twin_saves().await?))
}

/// What the page asks for: `reset`, or `save`, `load` or `remove` with a name.
pub(super) async fn change(handles: &Arc<Handles>, action: &str, name: String) -> Result<(), ApiError> {
    match action {
        "reset" => handles.reset_twin(),
        "save" => handles.save_twin(&checked_name(name)?).await?,
        "load" => handles.load_twin(&checked_name(name)?).await?,
        "remove" if handles.store.remove_twin(&name).await? => {}
        "remove" => return Err(crate::twin::LoadError::Unknown(name).into()),
        _ => {
            let allowed = &["reset", "save", "load", "remove"];
            return Err(ApiError::NotAllowed { field: "action", given: action.into(), allowed });
        }
    }
    Ok(())
}

pub(super) async fn remove_save(
    State(handles): State<Arc<Handles>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    if handles.store.remove_twin(&name).await? {
        return Ok(Json(json!({ "removed": name })));
    }
    Err(crate::twin::LoadError::Unknown(name).into())
}

pub(super) async fn settings(State(handles): State<Arc<Handles>>) -> Json<TwinSettings> {
    Json(handles.snapshot.load().twin.settings.clone())
}

pub(super) async fn set_settings(
    State(handles): State<Arc<Handles>>,
    Whole(body): Whole,
) -> Result<Json<TwinSettings>, ApiError> {
    let settings = read(&body, "settings of the twin (seed, min_confidence, latency)")?;
    keep_settings(&handles, settings).await.map(Json)
}

pub(super) async fn keep_settings(handles: &Handles, settings: TwinSettings) -> Result<TwinSettings, ApiError> {
    let unfit = |name, given: Value, expected| Err(ApiError::Unfit { name, given, expected });
    let TwinSettings { min_confidence, latency, .. } = &settings;
    if !(0.0..=1.0).contains(min_confidence) {
        return unfit("min_confidence", json!(min_confidence), "a number from 0 to 1");
    }
    if !(latency.factor > 0.0 && latency.factor <= FACTOR_MAX) {
        return unfit("latency.factor", json!(latency.factor), "a number above 0, at most 1000");
    }
    if latency.fixed_ms > LATENCY_MAX_MS {
        return unfit("latency.fixed_ms", json!(latency.fixed_ms), "at most 600000");
    }
    handles.set_twin_settings(settings.clone()).await?;
    Ok(settings)
}

/// `{"override": …}` decides about the answers of an endpoint, `{"override": null}` leaves them to themselves; everything
/// else decides about its template.
pub(super) async fn change_endpoint(
    handles: State<Arc<Handles>>,
    path: Path<String>,
    query: Query<PreviewQuery>,
    Whole(body): Whole,
) -> Result<Response, ApiError> {
    let value: Value = serde_json::from_slice(&body).map_err(ApiError::NotJson)?;
    let Some(wanted) = value.get("override") else {
        return Ok(rules::change_endpoint(handles, path, query, Whole(body)).await?.into_response());
    };
    if value.as_object().is_some_and(|object| object.len() > 1) {
        let expected = "override alone: changes of the template may change the endpoint itself";
        return Err(ApiError::Unfit { name: "the body", given: value, expected });
    }
    let wanted = overridden(wanted)?;
    let (State(handles), Path(id)) = (handles, path);
    keep_override(&handles, &id, wanted).await?;
    Ok(api::endpoint(State(handles), Path(id)).await?.into_response())
}

pub(super) async fn keep_override(handles: &Handles, id: &str, wanted: Option<Override>) -> Result<(), ApiError> {
    check(handles, id, wanted.as_ref())?;
    Ok(handles.set_override(id, wanted).await?)
}

fn overridden(wanted: &Value) -> Result<Option<Override>, ApiError> {
    serde_json::from_value(wanted.clone())
        .map_err(|error| ApiError::NotThat { what: "an override (mode, answer, example, latency_ms, patch)", error })
}

fn check(handles: &Handles, id: &str, wanted: Option<&Override>) -> Result<(), ApiError> {
    let snapshot = handles.snapshot.load();
    snapshot.contract.endpoint(id).ok_or_else(|| ApiError::UnknownEndpoint(id.to_owned()))?;
    let Some(wanted) = wanted else { return Ok(()) };
    if let Some(answer) = &wanted.answer {
        if !(200..600).contains(&answer.status) {
            let (name, expected) = ("override.answer.status", "a status from 200 to 599");
            return Err(ApiError::Unfit { name, given: answer.status.into(), expected });
        }
        let unsendable = answer.headers.iter().find(|(name, value)| {
            http::HeaderName::try_from(name.as_str()).is_err() || http::HeaderValue::try_from(value.as_str()).is_err()
        });
        if let Some((name, value)) = unsendable {
            let given = json!({ name: value });
            return Err(ApiError::Unfit { name: "override.answer.headers", given, expected: "header fields of HTTP" });
        }
    }
    if wanted.latency_ms.is_some_and(|ms| ms > LATENCY_MAX_MS) {
        let (name, expected) = ("override.latency_ms", "at most 600000");
        return Err(ApiError::Unfit { name, given: json!(wanted.latency_ms), expected });
    }
    if let Some(example) = &wanted.example
        && snapshot.behaviour.examples(id).iter().all(|known| known.id != *example)
    {
        let expected = "the id of one of GET /admin/endpoints/{id}/examples";
        return Err(ApiError::Unfit { name: "override.example", given: example.clone().into(), expected });
    }
    Ok(())
}

/// Every endpoint that people decided about, also one that is in the contract no more.
pub(super) async fn overrides(State(handles): State<Arc<Handles>>) -> Json<Value> {
    let snapshot = handles.snapshot.load();
    let row = |(id, own): (&String, &Override)| {
        let endpoint = snapshot.contract.endpoint(id);
        let (method, template) = endpoint.map(|found| (&found.method, &found.template)).unzip();
        json!({ "id": id, "method": method, "template": template, "override": own })
    };
    Json(snapshot.twin.overrides.iter().map(row).collect())
}

pub(super) async fn remove_override(
    State(handles): State<Arc<Handles>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    if !handles.snapshot.load().twin.overrides.contains_key(&id) {
        return Err(ApiError::UnknownEndpoint(id));
    }
    handles.set_override(&id, None).await?;
    Ok(Json(json!({ "removed": id })))
}

pub(super) async fn examples(
    State(handles): State<Arc<Handles>>,
    Path(id): Path<String>,
) -> Result<Json<Vec<TwinExample>>, ApiError> {
    examples_of(&handles, &id).map(Json).ok_or(ApiError::UnknownEndpoint(id))
}

pub(super) fn examples_of(handles: &Handles, id: &str) -> Option<Vec<TwinExample>> {
    let snapshot = handles.snapshot.load();
    snapshot.contract.endpoint(id)?;
    let example = |example: twin::Example| {
        let twin::Example { id, status, target, media_type, body } = example;
        TwinExample { id, status, target, media_type, body }
    };
    Some(snapshot.behaviour.examples(id).into_iter().map(example).collect())
}

/// An OpenAPI document or a HAR, as JSON or YAML. The learner has it in its queue when this answers.
pub(super) async fn import(
    State(handles): State<Arc<Handles>>,
    Whole(body): Whole,
) -> Result<Json<Imported>, ApiError> {
    let imported = tokio::task::spawn_blocking(move || import_document(&handles, &body)).await;
    Ok(Json(imported.map_err(|error| ApiError::Broken(error.to_string()))??))
}

pub(super) fn detail(handles: &Handles, id: &str) -> Option<EndpointDetail> {
    let snapshot = handles.snapshot.load();
    let record = handles.shadow.record(id);
    let mut detail = snapshot.contract.endpoint(id).map(|endpoint| present::detail(endpoint, record.as_ref()))?;
    detail.overridden = snapshot.twin.overrides.get(id).cloned();
    detail.summary.mode = detail.overridden.as_ref().and_then(|own| own.mode);
    detail.summary.drift = super::drift::severities(handles).remove(id);
    detail.named_by = handles.named_by.load().get(id).cloned();
    detail.refusals = snapshot.behaviour.refusals(id).into_iter().map(present::refusal).collect();
    Some(detail)
}

/// What is JSON but not what was expected is told apart from what is no JSON.
pub(super) fn read<T: DeserializeOwned>(body: &[u8], what: &'static str) -> Result<T, ApiError> {
    let value: Value = serde_json::from_slice(body).map_err(ApiError::NotJson)?;
    // A list would be read as the members in their order.
    if !value.is_object() {
        let error = serde::de::Error::custom("expected an object");
        return Err(ApiError::NotThat { what, error });
    }
    serde_json::from_value(value).map_err(|error| ApiError::NotThat { what, error })
}
