//! The JSON routes. Each is a thin edge: check the input, ask, present.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde::Deserialize;
use serde_json::{Value, json};
use understudy_contract::openapi;
use understudy_types::{EndpointDetail, EndpointSummary, ModeChange, Status};

use super::error::{ApiError, Whole};
use super::present;
use crate::handles::Handles;

pub(super) async fn status(State(handles): State<Arc<Handles>>) -> Json<Status> {
    Json(handles.status())
}

pub(super) async fn alive() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

pub(super) async fn set_mode(
    State(handles): State<Arc<Handles>>,
    Whole(body): Whole,
) -> Result<Json<Status>, ApiError> {
    const ALLOWED: &[&str] = &["proxy", "mock", "shadow"];
    let value: Value = serde_json::from_slice(&body).map_err(ApiError::NotJson)?;
    let given = value.get("mode").cloned().unwrap_or_default();
    let change: ModeChange =
        serde_json::from_value(value).map_err(|_| ApiError::NotAllowed { field: "mode", given, allowed: ALLOWED })?;
    handles.set_mode(change.mode).await?;
    Ok(Json(handles.status()))
}

pub(super) async fn endpoints(State(handles): State<Arc<Handles>>) -> Json<Vec<EndpointSummary>> {
    Json(summaries(&handles))
}

/// All endpoints, with what people and the watchdog say of them.
pub(super) fn summaries(handles: &Handles) -> Vec<EndpointSummary> {
    let snapshot = handles.snapshot.load();
    let drift = super::drift::severities(handles);
    let whole = |endpoint| {
        let mut summary = present::summary(endpoint);
        summary.mode = snapshot.twin.overrides.get(&summary.id).and_then(|own| own.mode);
        summary.drift = drift.get(&summary.id).cloned();
        summary
    };
    snapshot.contract.endpoints().iter().map(whole).collect()
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
    document(&handles, query).map(Json)
}

/// The same document in the other notation.
pub(super) async fn openapi_yaml(
    State(handles): State<Arc<Handles>>,
    Query(query): Query<OpenapiQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let text =
        serde_saphyr::to_string(&document(&handles, query)?).map_err(|error| ApiError::Broken(error.to_string()))?;
    Ok(([(CONTENT_TYPE, "application/yaml")], text))
}

fn document(handles: &Handles, query: OpenapiQuery) -> Result<Value, ApiError> {
    if let Some(version) = query.version {
        return super::drift::document(handles, version);
    }
    let evidence = match query.evidence.as_deref() {
        None | Some("true") => true,
        Some("false") => false,
        Some(given) => {
            return Err(ApiError::BadParameter { name: "evidence", given: given.into(), expected: "true or false" });
        }
    };
    let name = handles.project();
    let servers = vec![handles.upstream.load().target.to_string()];
    let options = openapi::Options { title: crate::export::title(&name).into(), servers, evidence };
    Ok(openapi::document(&handles.snapshot.load().contract, &options))
}

pub(super) fn number(name: &'static str, text: String, expected: &'static str) -> Result<u64, ApiError> {
    text.parse().map_err(|_| ApiError::BadParameter { name, given: text, expected })
}
