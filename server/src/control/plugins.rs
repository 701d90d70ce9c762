//! The routes of plugins.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use understudy_types::{PluginChange, PluginInfo};

use super::error::{ApiError, Whole};
use super::twin;
use crate::handles::Handles;

pub(super) async fn list(State(handles): State<Arc<Handles>>) -> Json<Vec<PluginInfo>> {
    Json(handles.plugin_list())
}

/// Reads the folder now and tells how its files do.
pub(super) async fn reload(State(handles): State<Arc<Handles>>) -> Json<Vec<PluginInfo>> {
    handles.reload_plugins().await;
    Json(handles.plugin_list())
}

/// Switches a plugin off or on; on also forgives what failed.
pub(super) async fn change(
    State(handles): State<Arc<Handles>>,
    Path(id): Path<String>,
    Whole(body): Whole,
) -> Result<Json<Vec<PluginInfo>>, ApiError> {
    let change: PluginChange = twin::read(&body, "a change such as {\"enabled\":false}")?;
    handles.switch_plugin(&id, change.enabled).await?;
    Ok(Json(handles.plugin_list()))
}
