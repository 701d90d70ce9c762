//! `GET /admin/export/{format}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use understudy_contract::export::Source;

use super::error::ApiError;
use super::traffic;
use crate::export::{self, NAMES};
use crate::handles::Handles;

pub(super) async fn formats() -> Json<Value> {
    Json(json!(NAMES))
}

pub(super) async fn export(
    State(handles): State<Arc<Handles>>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    if name == "har" {
        let all = Query(traffic::TrafficQuery::default());
        return Ok(traffic::recording(State(handles), all).await?.into_response());
    }
    // Thousands of endpoints take longer than a thread of the runtime should be kept.
    let made = tokio::task::spawn_blocking(move || make(&handles, name)).await;
    made.map_err(|error| ApiError::Broken(error.to_string()))?
}

fn make(handles: &Handles, name: String) -> Result<Response, ApiError> {
    let snapshot = handles.snapshot.load_full();
    let project = handles.project();
    let title = export::title(&project);
    let base_url = &handles.upstream.load().target.to_string();
    let source = Source { contract: &snapshot.contract, behaviour: &snapshot.behaviour, title, base_url };
    let Some(made) = export::learned(&source, &name) else {
        return Err(ApiError::NotAllowed { field: "format", given: name.into(), allowed: &NAMES });
    };
    let made = made.map_err(ApiError::Broken)?;
    let file = format!("attachment; filename=\"understudy-{name}.{}\"", made.extension);
    let headers = [(CONTENT_TYPE, made.media_type.to_owned()), (CONTENT_DISPOSITION, file)];
    Ok((headers, made.text).into_response())
}
