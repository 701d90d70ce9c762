//! The JSON routes. Each is a thin edge: check the input, ask, present.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use understudy_contract::openapi;
use understudy_types::{EndpointDetail, EndpointSummary, ExchangeDetail, ModeChange, Status, TrafficRow};

use super::error::ApiError;
use super::present;
use crate::handles::Handles;

/// Rows of a page, when nobody says otherwise and at most.
const PAGE: usize = 100;
const PAGE_MAX: usize = 1000;

pub(super) async fn status(State(handles): State<Arc<Handles>>) -> Json<Status> {
    Json(handles.status())
}

pub(super) async fn alive() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

pub(super) async fn set_mode(State(handles): State<Arc<Handles>>, body: Bytes) -> Result<Json<Status>, ApiError> {
    const ALLOWED: &[&str] = &["proxy", "mock", "shadow"];
    let value: Value = serde_json::from_slice(&body).map_err(ApiError::NotJson)?;
    let given = value.get("mode").cloned().unwrap_or_default();
    let change: ModeChange =
        serde_json::from_value(value).map_err(|_| ApiError::NotAllowed { field: "mode", given, allowed: ALLOWED })?;
    handles.set_mode(change.mode).await?;
    Ok(Json(handles.status()))
}

pub(super) async fn endpoints(State(handles): State<Arc<Handles>>) -> Json<Vec<EndpointSummary>> {
    Json(handles.snapshot.load().contract.endpoints().iter().map(present::summary).collect())
}

pub(super) async fn endpoint(
    State(handles): State<Arc<Handles>>,
    Path(id): Path<String>,
) -> Result<Json<EndpointDetail>, ApiError> {
    super::twin::detail(&handles, &id).map(Json).ok_or(ApiError::UnknownEndpoint(id))
}

#[derive(Debug, Deserialize)]
pub(super) struct OpenapiQuery {
    evidence: Option<String>,
    /// Of the baselines, such as `v3`.
    version: Option<String>,
}

pub(super) async fn openapi(
    State(handles): State<Arc<Handles>>,
    Query(query): Query<OpenapiQuery>,
) -> Result<Json<Value>, ApiError> {
    if let Some(version) = query.version {
        return super::drift::document(&handles, version).map(Json);
    }
    let evidence = match query.evidence.as_deref() {
        None | Some("true") => true,
        Some("false") => false,
        Some(given) => {
            return Err(ApiError::BadParameter { name: "evidence", given: given.into(), expected: "true or false" });
        }
    };
    let title = handles.config.project.rsplit_once('.').map_or(handles.config.project.as_str(), |(name, _)| name);
    let options = openapi::Options { title: title.into(), servers: vec![handles.target.to_string()], evidence };
    Ok(Json(openapi::document(&handles.snapshot.load().contract, &options)))
}

#[derive(Debug, Deserialize)]
pub(super) struct TrafficQuery {
    before: Option<String>,
    limit: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct TrafficPage {
    /// Newest first.
    items: Vec<TrafficRow>,
    /// For `?before=`, when there is more.
    next: Option<String>,
}

pub(super) async fn traffic(
    State(handles): State<Arc<Handles>>,
    Query(query): Query<TrafficQuery>,
) -> Result<Json<TrafficPage>, ApiError> {
    let before = query.before.map(|text| number("before", text, "the `next` of an earlier page")).transpose()?;
    let limit = query.limit.map(|text| number("limit", text, "a number from 1 to 1000")).transpose()?;
    let limit = limit.map_or(PAGE, |limit| usize::try_from(limit).unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX));
    let items = handles.traffic.page(before, limit);
    let next = (items.len() == limit).then(|| items.last().map(|row| row.id.to_string())).flatten();
    Ok(Json(TrafficPage { items, next }))
}

/// One exchange, and what was said in it when it is one that goes on.
pub(super) async fn exchange(
    State(handles): State<Arc<Handles>>,
    Path(id): Path<String>,
) -> Result<Json<ExchangeDetail>, ApiError> {
    let id = number("id", id, "the number of an exchange")?;
    let (row, stream) = (handles.traffic.find(id), handles.messages.of(id));
    if row.is_none() && stream.is_none() {
        return Err(ApiError::UnknownExchange(id));
    }
    let stream = stream.unwrap_or_default();
    Ok(Json(ExchangeDetail { row, messages: stream.messages.into(), skipped_messages: stream.skipped }))
}

pub(super) fn number(name: &'static str, text: String, expected: &'static str) -> Result<u64, ApiError> {
    text.parse().map_err(|_| ApiError::BadParameter { name, given: text, expected })
}
