//! Documents on their way to the learner: they go in at the same door as traffic.

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::Value;
use understudy_contract::import::{DECLARED, Import, ImportError, import, import_lines};
use understudy_contract::{Exchange, Headers};
use understudy_types::Source;

use crate::handles::Handles;
use crate::proxy::body::Captured;
use crate::proxy::exchange::Observed;

/// The reason of rows that were made from what a document declares.
pub(super) const AS_DECLARED: &str = "imported, as declared";

/// Why a document was not imported.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    #[error("read the document: it is neither JSON nor YAML ({0})")]
    Text(String),
    #[error("import the document: {0}")]
    Import(#[from] ImportError),
}

/// What an import brought.
#[derive(Debug, serde::Serialize)]
pub struct Imported {
    pub format: &'static str,
    /// Exchanges that the learner has or will get.
    pub exchanges: usize,
    pub notes: Vec<String>,
}

/// Reads a document and hands its exchanges to the learner, waiting for room in its queue. For threads that may wait.
pub fn import_document(handles: &Handles, bytes: &[u8]) -> Result<Imported, DocumentError> {
    let Import { format, exchanges, mut notes } = read(bytes, crate::twin::now_ms())?;
    let total = exchanges.len();
    let mut taken = 0;
    for exchange in exchanges {
        if let Some(observed) = observed(handles, exchange) {
            handles.intake.offer_waiting(Box::new(observed));
            taken += 1;
        }
    }
    if taken < total {
        notes.push(format!("{} exchanges that HTTP does not allow were left out", total - taken));
    }
    Ok(Imported { format, exchanges: taken, notes })
}

fn read(bytes: &[u8], now_ms: u64) -> Result<Import, DocumentError> {
    let not_json = match serde_json::from_slice(bytes) {
        Ok(value) => return Ok(import(&value, now_ms)?),
        Err(error) => error.to_string(),
    };
    let text = std::str::from_utf8(bytes).map_err(|error| DocumentError::Text(error.to_string()))?;
    if is_log(text) {
        return Ok(import_lines(text, now_ms)?);
    }
    if text.trim_start().starts_with(['{', '[']) {
        return Err(DocumentError::Text(not_json));
    }
    let value: Value =
        serde_saphyr::from_str(text).map_err(|error| DocumentError::Text(yaml_error(&error.to_string())))?;
    Ok(import(&value, now_ms)?)
}

/// Place and reason; the lines of the document that are drawn below them are left out.
fn yaml_error(drawn: &str) -> String {
    let first = drawn.lines().next().unwrap_or_default();
    first.strip_prefix("error: ").unwrap_or(first).to_owned()
}

/// The first line is an object, whole.
fn is_log(text: &str) -> bool {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    first.trim_start().starts_with('{') && serde_json::from_str::<serde::de::IgnoredAny>(first).is_ok()
}

/// As if it had passed through the proxy. `None` for what HTTP does not allow.
fn observed(handles: &Handles, exchange: Exchange) -> Option<Observed> {
    let Exchange { received_at_ms, latency_us, request, response, .. } = exchange;
    let declared = request.headers.get(DECLARED).is_some();
    Some(Observed {
        id: handles.next_id(),
        received_at_ms,
        latency_us,
        duration_us: latency_us,
        method: Method::try_from(request.method.as_str()).ok()?,
        target: PathAndQuery::try_from(request.target.as_str()).ok()?,
        request_headers: fields(&request.headers),
        request_body: captured(request.body),
        status: StatusCode::from_u16(response.status).ok()?,
        response_headers: fields(&response.headers),
        response_bytes: response.body.bytes.len() as u64,
        response_body: captured(response.body),
        source: Source::Upstream,
        reason: if declared { AS_DECLARED.into() } else { "imported".into() },
        fault: None,
    })
}

fn captured(body: understudy_contract::Body) -> Captured {
    let mut captured = Captured::from(body.bytes);
    captured.truncated |= body.truncated;
    captured
}

fn fields(headers: &Headers) -> HeaderMap {
    let pair = |(name, value): &(String, String)| {
        Some((HeaderName::try_from(name.as_str()).ok()?, HeaderValue::try_from(value.as_str()).ok()?))
    };
    let mut fields = HeaderMap::new();
    for (name, value) in headers.0.iter().filter_map(pair) {
        fields.append(name, value);
    }
    fields
}
