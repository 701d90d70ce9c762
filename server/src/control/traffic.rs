//! The routes of the traffic list: pages of rows, one exchange, and a recording to take along.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use understudy_contract::{Body, Exchange, Headers};
use understudy_types::{ExchangeDetail, Filter, MessageDetail, TrafficRow};

use super::api::number;
use super::error::ApiError;
use super::explain;
use crate::handles::Handles;
use crate::store::{self, Records, StoreError};

/// Rows of a page, when nobody says otherwise and at most.
const PAGE: usize = 100;
const PAGE_MAX: usize = 1000;

#[derive(Debug, Default, Deserialize)]
pub(super) struct TrafficQuery {
    before: Option<String>,
    limit: Option<String>,
    filter: Option<String>,
    /// Of exchanges, separated by commas.
    ids: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct TrafficPage {
    /// Newest first.
    items: Vec<TrafficRow>,
    /// For `?before=`, when there is more.
    next: Option<String>,
}

pub(super) async fn page(
    State(handles): State<Arc<Handles>>,
    Query(query): Query<TrafficQuery>,
) -> Result<Json<TrafficPage>, ApiError> {
    let wish = Wish::read(query, PAGE)?;
    let mut items = wish.recent(&handles);
    let mut next = items.last().map(|row| row.id).filter(|_| items.len() == wish.limit);
    let oldest = handles.traffic.oldest().filter(|_| items.len() < wish.limit && wish.ids.is_none());
    if let Some(oldest) = oldest {
        let (path, before) =
            (handles.config.data_dir.join(handles.project()), wish.before.unwrap_or(oldest).min(oldest));
        let room = wish.limit - items.len();
        let older = tokio::task::spawn_blocking(move || store::older(&path, before, room, |row| wish.filter.fits(row)));
        let (older, more) = older.await.map_err(|error| ApiError::Broken(error.to_string()))??;
        items.extend(older);
        next = more;
    }
    Ok(Json(TrafficPage { items, next: next.map(|id| id.to_string()) }))
}

/// Which rows are asked for.
struct Wish {
    before: Option<u64>,
    limit: usize,
    filter: Filter,
    ids: Option<Vec<u64>>,
}

impl Wish {
    fn read(query: TrafficQuery, usual: usize) -> Result<Self, ApiError> {
        let before = query.before.map(|text| number("before", text, "the `next` of an earlier page")).transpose()?;
        let limit = query.limit.map(|text| number("limit", text, "a number from 1 to 1000")).transpose()?;
        let limit = limit.map_or(usual, |limit| usize::try_from(limit).unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX));
        let filter = Filter::parse(query.filter.as_deref().unwrap_or_default())
            .map_err(|error| ApiError::BadParameter { name: "filter", given: error.word, expected: error.expected })?;
        let ids = query.ids.map(|text| {
            let ids =
                text.split(',').map(|id| number("ids", id.to_owned(), "numbers of exchanges, separated by commas"));
            ids.collect::<Result<Vec<_>, _>>()
        });
        let ids = ids.transpose()?;
        Ok(Self { before, limit, filter, ids })
    }

    /// Of those that are kept in memory, newest first.
    fn recent(&self, handles: &Handles) -> Vec<TrafficRow> {
        let wanted =
            |row: &TrafficRow| self.ids.as_ref().is_none_or(|ids| ids.contains(&row.id)) && self.filter.fits(row);
        handles.traffic.page(self.before, self.limit, wanted)
    }
}

/// One exchange, and what was said in it when it is one that goes on.
pub(super) async fn exchange(
    State(handles): State<Arc<Handles>>,
    Path(id): Path<String>,
) -> Result<Json<ExchangeDetail>, ApiError> {
    let id = number("id", id, "the number of an exchange")?;
    detail(&handles, id).await?.map(Json).ok_or(ApiError::UnknownExchange(id))
}

/// From memory or, when it is older than what is kept there, from the file.
pub(super) async fn detail(handles: &Arc<Handles>, id: u64) -> Result<Option<ExchangeDetail>, ApiError> {
    let (mut row, mut kept) = (handles.traffic.find(id), handles.exchanges.find(id));
    if row.is_none() || kept.is_none() {
        let (filed_row, filed) = in_file(handles, move |records| Ok((records.row(id)?, records.exchange(id)?))).await?;
        (row, kept) = (row.or(filed_row), kept.or(filed.map(Arc::new)));
    }
    Ok(described(handles, id, row, kept.as_deref()))
}

/// Reads the project's file, on a thread that may wait.
async fn in_file<T: Send + 'static>(
    handles: &Handles,
    read: impl FnOnce(&mut Records) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, ApiError> {
    let path = handles.config.data_dir.join(handles.project());
    let read = tokio::task::spawn_blocking(move || read(&mut Records::open(&path)?)).await;
    Ok(read.map_err(|error| ApiError::Broken(error.to_string()))??)
}

fn described(handles: &Handles, id: u64, row: Option<TrafficRow>, kept: Option<&Exchange>) -> Option<ExchangeDetail> {
    let stream = handles.messages.of(id);
    if row.is_none() && stream.is_none() {
        return None;
    }
    let stream = stream.unwrap_or_default();
    let explained = kept.zip(row.as_ref()).map(|(kept, row)| explain::explain(handles, kept, row.source, row.at_ms));
    Some(ExchangeDetail {
        explained: explained.unwrap_or_default(),
        endpoint: row.as_ref().and_then(|row| endpoint(handles, row)),
        row,
        latency_us: kept.map(|exchange| exchange.latency_us),
        request: kept.map(|exchange| message(&exchange.request.headers, &exchange.request.body)),
        response: kept.map(|exchange| message(&exchange.response.headers, &exchange.response.body)),
        messages: stream.messages.into(),
        skipped_messages: stream.skipped,
    })
}

fn endpoint(handles: &Handles, row: &TrafficRow) -> Option<String> {
    let path = row.target.split_once('?').map_or(row.target.as_str(), |(path, _)| path);
    Some(handles.snapshot.load().contract.find(&row.method, path)?.endpoint.id.to_string())
}

fn message(headers: &Headers, body: &Body) -> MessageDetail {
    MessageDetail {
        headers: headers.0.clone(),
        bytes: body.bytes.len() as u64,
        truncated: body.truncated,
        text: text(body),
    }
}

/// A body that was cut may end within a letter.
fn text(body: &Body) -> Option<String> {
    match std::str::from_utf8(&body.bytes) {
        Ok(text) => Some(text.to_owned()),
        Err(error) if body.truncated && error.error_len().is_none() => {
            Some(String::from_utf8_lossy(&body.bytes[..error.valid_up_to()]).into_owned())
        }
        Err(_) => None,
    }
}

/// The same rows as a recording (HAR 1.2), without those of which only the row is remembered.
pub(super) async fn recording(
    State(handles): State<Arc<Handles>>,
    Query(query): Query<TrafficQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let rows = Wish::read(query, PAGE_MAX)?.recent(&handles);
    let base = handles.upstream.load().target.to_string();
    let kept: Vec<_> = rows.iter().map(|row| handles.exchanges.find(row.id)).collect();
    // Those that are not in memory any more are in the file, unless they had no bodies that could be kept.
    let missing: Vec<u64> = rows.iter().zip(&kept).filter(|(_, kept)| kept.is_none()).map(|(row, _)| row.id).collect();
    let mut filed = in_file(&handles, move |records| {
        missing.into_iter().map(|id| Ok((id, records.exchange(id)?))).collect::<Result<HashMap<_, _>, StoreError>>()
    })
    .await?;
    let found = rows.iter().zip(kept).filter_map(|(row, kept)| {
        let kept = kept.or_else(|| filed.remove(&row.id).flatten().map(Arc::new))?;
        Some(entry(base.trim_end_matches('/'), row, &kept))
    });
    let mut entries: Vec<Value> = found.collect();
    entries.reverse();
    let creator = json!({ "name": "Understudy", "version": env!("CARGO_PKG_VERSION") });
    let recording = json!({ "log": { "version": "1.2", "creator": creator, "entries": entries } });
    let headers =
        [(CONTENT_TYPE, "application/json"), (CONTENT_DISPOSITION, "attachment; filename=\"understudy.har\"")];
    Ok((headers, recording.to_string()))
}

fn entry(base: &str, row: &TrafficRow, exchange: &Exchange) -> Value {
    let Exchange { request, response, .. } = exchange;
    let total_ms = row.duration_us as f64 / 1000.0;
    let wait_ms = (exchange.latency_us as f64 / 1000.0).min(total_ms);
    let query: Vec<Value> = form_urlencoded::parse(request.query().unwrap_or_default().as_bytes())
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect();
    let mut sent = json!({
        "method": request.method,
        "url": format!("{base}{}", request.target),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": fields(&request.headers),
        "queryString": query,
        "headersSize": -1,
        "bodySize": request.body.bytes.len(),
    });
    if !request.body.bytes.is_empty() {
        let media_type = request.headers.get("content-type").unwrap_or_default();
        sent["postData"] = json!({ "mimeType": media_type, "text": String::from_utf8_lossy(&request.body.bytes) });
    }
    json!({
        "startedDateTime": rfc3339(row.at_ms),
        "time": total_ms,
        "request": sent,
        "response": {
            "status": response.status,
            "statusText": "",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": fields(&response.headers),
            "content": content(&response.headers, &response.body),
            "redirectURL": response.headers.get("location").unwrap_or_default(),
            "headersSize": -1,
            "bodySize": row.bytes,
        },
        "cache": {},
        "timings": { "send": 0, "wait": wait_ms, "receive": total_ms - wait_ms },
        "comment": row.reason,
    })
}

fn fields(headers: &Headers) -> Vec<Value> {
    headers.0.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

fn content(headers: &Headers, body: &Body) -> Value {
    let media_type = headers.get("content-type").unwrap_or("application/octet-stream");
    let mut content = json!({ "size": body.bytes.len(), "mimeType": media_type });
    match text(body) {
        Some(text) => content["text"] = text.into(),
        None => {
            content["text"] = BASE64_STANDARD.encode(&body.bytes).into();
            content["encoding"] = "base64".into();
        }
    }
    content
}

/// `2026-11-22T23:43:10.123Z`.
pub(super) fn rfc3339(ms: u64) -> String {
    understudy_app::format::timestamp(ms).replacen(' ', "T", 1).replace(" UTC", "Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_recordings() {
        assert_eq!(rfc3339(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
    }

    #[test]
    fn a_cut_body_is_text_as_far_as_it_goes() {
        let body = |bytes: &'static [u8], truncated| Body { bytes: bytes.into(), truncated };
        assert_eq!(text(&body("aé".as_bytes(), false)).as_deref(), Some("aé"));
        assert_eq!(text(&body(&"aé".as_bytes()[..2], true)).as_deref(), Some("a"));
        assert_eq!(text(&body(&"aé".as_bytes()[..2], false)), None);
        assert_eq!(text(&body(b"a\xff", true)), None);
    }
}
