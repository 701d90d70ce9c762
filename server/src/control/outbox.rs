//! Writes that the twin answered while the API was away: looked at, replayed, dropped.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use serde_json::{Value, json};
use understudy_app::backend::OutboxChange;
use understudy_types::{ErrorDetail, OutboxEntry};

use super::error::{ApiError, Whole};
use crate::handles::Handles;
use crate::outbox::{self, Entry, Given, Replayed};

/// One entry, and what a replay of it would take now.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    #[serde(flatten)]
    entry: Entry,
    /// What has to be given with a replay: secrets are not stored, and those that came with the request are kept in memory
    /// only, until Understudy ends.
    to_give: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Listed {
    /// Not replayed yet.
    waiting: u64,
    /// Writes that were not kept because the outbox was full.
    lost: u64,
    /// In the order in which they came.
    items: Vec<Shown>,
}

fn shown(handles: &Handles, entry: Entry) -> Shown {
    let to_give = if handles.outbox.has_original(entry.id) { Vec::new() } else { entry.needs.clone() };
    Shown { entry, to_give }
}

pub(super) async fn list(State(handles): State<Arc<Handles>>) -> Json<Listed> {
    let items = handles.outbox.list().into_iter().map(|entry| shown(&handles, entry)).collect();
    Json(Listed { waiting: handles.outbox.waiting(), lost: handles.outbox.lost(), items })
}

pub(super) async fn get(State(handles): State<Arc<Handles>>, Path(id): Path<String>) -> Result<Json<Shown>, ApiError> {
    let id = number(&id)?;
    let entry = handles.outbox.get(id).ok_or(outbox::ReplayError::Unknown(id))?;
    Ok(Json(shown(&handles, entry)))
}

pub(super) async fn replay(
    State(handles): State<Arc<Handles>>,
    Path(id): Path<String>,
    Whole(body): Whole,
) -> Result<Json<Shown>, ApiError> {
    let entry = outbox::replay(&handles, number(&id)?, given(&body)?).await?;
    Ok(Json(shown(&handles, entry)))
}

/// Headers that are given go with every entry; a body or a target would be wrong for all but one.
pub(super) async fn replay_all(
    State(handles): State<Arc<Handles>>,
    Whole(body): Whole,
) -> Result<Json<Replayed>, ApiError> {
    let given = given(&body)?;
    if given.body.is_some() || given.target.is_some() {
        let field = if given.body.is_some() { "body" } else { "target" };
        return Err(ApiError::NotAllowed { field, given: json!("given"), allowed: &["headers", "force"] });
    }
    Ok(Json(outbox::replay_all(&handles, given).await?))
}

pub(super) async fn drop_one(
    State(handles): State<Arc<Handles>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let id = number(&id)?;
    if !handles.outbox.drop_one(id) {
        return Err(outbox::ReplayError::Unknown(id).into());
    }
    handles.store.drop_outbox(id).await?;
    Ok(Json(json!({ "dropped": 1, "waiting": handles.outbox.waiting() })))
}

pub(super) async fn drop_all(State(handles): State<Arc<Handles>>) -> Result<Json<Value>, ApiError> {
    let ids: Vec<u64> = handles.outbox.list().into_iter().map(|entry| entry.id).collect();
    let dropped = ids.iter().filter(|id| handles.outbox.drop_one(**id)).count();
    for id in ids {
        handles.store.drop_outbox(id).await?;
    }
    Ok(Json(json!({ "dropped": dropped, "waiting": handles.outbox.waiting() })))
}

fn number(id: &str) -> Result<u64, ApiError> {
    id.parse().map_err(|_| ApiError::BadParameter { name: "id", given: id.into(), expected: "the id of an entry" })
}

/// An empty body gives nothing.
fn given(body: &[u8]) -> Result<Given, ApiError> {
    if body.is_empty() { Ok(Given::default()) } else { serde_json::from_slice(body).map_err(ApiError::NotJson) }
}

/// What the dashboard lists.
pub(super) fn entries(handles: &Handles) -> Vec<OutboxEntry> {
    let entry = |shown: Shown| OutboxEntry {
        id: shown.entry.id,
        at_ms: shown.entry.at_ms,
        method: shown.entry.method,
        target: shown.entry.target,
        told: shown.entry.told.status,
        state: word(shown.entry.state).to_owned(),
        may_be_processed: shown.entry.may_be_processed,
        to_give: shown.to_give,
        result: shown.entry.result.map(|result| result.status),
    };
    handles.outbox.list().into_iter().map(|kept| entry(shown(handles, kept))).collect()
}

fn word(state: outbox::State) -> &'static str {
    match state {
        outbox::State::Waiting => "waiting",
        outbox::State::Replayed => "replayed",
        outbox::State::Refused => "refused",
    }
}

pub(super) async fn apply(handles: &Arc<Handles>, change: OutboxChange) -> Result<(), ErrorDetail> {
    let handles = Arc::clone(handles);
    let done = match change {
        OutboxChange::Replay { id: Some(id), force } => {
            let given = Given { force, ..Given::default() };
            outbox::replay(&handles, id, given).await.map(drop).map_err(ApiError::from)
        }
        OutboxChange::Replay { id: None, .. } => {
            let replayed = outbox::replay_all(&handles, Given::default()).await.map_err(ApiError::from);
            return replayed.map_err(|error| error.detail()).and_then(went_through);
        }
        OutboxChange::Drop { id: Some(id) } => drop_one(State(handles), Path(id.to_string())).await.map(drop),
        OutboxChange::Drop { id: None } => drop_all(State(handles)).await.map(drop),
    };
    done.map_err(|error| error.detail())
}

/// A person who asked for all of it has to hear where it ended.
fn went_through(replayed: Replayed) -> Result<(), ErrorDetail> {
    let Some((id, why)) = replayed.stopped else { return Ok(()) };
    let message = format!("{} went through, then it stopped at {id}: {why}", replayed.entries.len());
    Err(ErrorDetail { code: "replay_stopped".into(), message, details: json!({ "id": id }) })
}
