//! How well the twin would have answered, as shadow mode found out.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use understudy_types::{Fidelity, FidelityRow};

use super::error::ApiError;
use crate::handles::Handles;
use crate::snapshot::types_mode;

pub(super) async fn get(State(handles): State<Arc<Handles>>) -> Json<Fidelity> {
    Json(of(&handles))
}

pub(super) fn of(handles: &Handles) -> Fidelity {
    let snapshot = handles.snapshot.load();
    let records = handles.shadow.records();
    // An endpoint that was merged into another one has no place any more.
    let known = records.iter().filter_map(|(id, record)| Some((snapshot.contract.endpoint(id)?, record)));
    let (mut sum, mut exchanges, mut endpoints) = (0.0, 0, Vec::new());
    for (endpoint, record) in known {
        let (own, count) = record.weight();
        sum += own;
        exchanges += count;
        endpoints.push(FidelityRow {
            id: endpoint.id.to_string(),
            method: endpoint.method.clone(),
            template: endpoint.template.clone(),
            fidelity: record.present(),
        });
    }
    endpoints.sort_by(|a, b| a.fidelity.score.total_cmp(&b.fidelity.score));
    let score = (exchanges > 0).then(|| (sum / exchanges as f64 * 10_000.0).round() / 100.0);
    Fidelity {
        mode: types_mode(snapshot.mode),
        score,
        exchanges,
        skipped: handles.shadow.skipped(),
        unknown: handles.shadow.unknown(),
        pending: handles.shadow.pending(),
        endpoints,
    }
}

/// Begins anew.
pub(super) async fn clear(State(handles): State<Arc<Handles>>) -> Result<Json<Value>, ApiError> {
    handles.shadow.clear();
    handles.store.clear_fidelity().await?;
    Ok(Json(json!({ "cleared": true })))
}
