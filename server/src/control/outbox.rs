//! Writes that the twin answered while the API was away: looked at, replayed, dropped.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use serde_json::{Value, json};

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
