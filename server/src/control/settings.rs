//! What people set beside the twin and the watchdog: which names redaction knows, and which limits hold.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use understudy_app::format;
use understudy_types::{Limit, Redaction};

use super::error::{ApiError, Whole};
use super::twin::read;
use crate::config::Config;
use crate::handles::Handles;
use crate::redact;

/// Every name of every recorded member is held against them.
const NAMES_MAX: usize = 64;
const NAME_MAX_BYTES: usize = 64;
/// Longer than a body that somebody pastes to see what stays of it.
const TRY_MAX_BYTES: usize = 64 << 10;

pub(super) async fn redaction(State(handles): State<Arc<Handles>>) -> Json<Redaction> {
    Json(rules(&handles))
}

pub(super) fn rules(handles: &Handles) -> Redaction {
    Redaction { names: handles.redactor.names() }
}

pub(super) async fn set_redaction(
    State(handles): State<Arc<Handles>>,
    Whole(body): Whole,
) -> Result<Json<Redaction>, ApiError> {
    let wanted: Redaction = read(&body, "names of what is secret ({\"names\": […]})")?;
    keep_redaction(&handles, wanted).await.map(Json)
}

/// Holds for what comes from now on; what was recorded before stays as it is.
pub(super) async fn keep_redaction(handles: &Handles, wanted: Redaction) -> Result<Redaction, ApiError> {
    let unfit = |given: Value, expected| Err(ApiError::Unfit { name: "names", given, expected });
    if wanted.names.len() > NAMES_MAX {
        return unfit(wanted.names.len().into(), "at most 64 names");
    }
    let is_name = |name: &String| name.len() <= NAME_MAX_BYTES && name.chars().any(char::is_alphanumeric);
    if let Some(wrong) = wanted.names.iter().find(|name| !is_name(name)) {
        return unfit(json!(wrong), "names of members, parameters or header fields, of at most 64 bytes each");
    }
    let mut names = wanted.names;
    names.sort();
    names.dedup();
    let json = serde_json::to_string(&names).map_err(|error| ApiError::Broken(error.to_string()))?;
    handles.store.set_setting(redact::SETTING, json).await?;
    handles.redactor.set_names(names.clone());
    Ok(Redaction { names })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trial {
    text: String,
}

/// What would stay of a text. Nothing of it is kept.
pub(super) async fn try_redaction(
    State(handles): State<Arc<Handles>>,
    Whole(body): Whole,
) -> Result<Json<Value>, ApiError> {
    let Trial { text } = read(&body, "a text to redact ({\"text\": …})")?;
    Ok(Json(json!({ "text": redacted(&handles, text)? })))
}

pub(super) fn redacted(handles: &Handles, text: String) -> Result<String, ApiError> {
    if text.len() > TRY_MAX_BYTES {
        let given = text.len().into();
        return Err(ApiError::Unfit { name: "the length of the text", given, expected: "at most 65536 bytes" });
    }
    Ok(handles.redactor.text(text))
}

/// What flags, environment and file came to, as far as it bounds something.
pub(super) fn limits(config: &Config) -> Vec<Limit> {
    let limit = |key: &str, value: String, meaning: &str| Limit { key: key.into(), value, meaning: meaning.into() };
    let time = |time: Duration| format::milliseconds(time.as_secs_f64() * 1000.0);
    let size = |bytes: usize| format::bytes(bytes as u64);
    let days = |age: Duration| format!("{:.1} days", age.as_secs_f64() / 86_400.0);
    let on = |is_on: bool| if is_on { "on" } else { "off" }.to_owned();
    vec![
        limit("FAILOVER", on(config.failover), "whether the twin answers when the API cannot"),
        limit("CAPTURE_BODY_LIMIT", size(config.capture.body), "of one body are kept to learn from"),
        limit("CAPTURE_MEMORY_LIMIT", size(config.capture.memory), "of all bodies that wait to be learned"),
        limit("TRAFFIC_MAX_AGE", days(config.keep.age), "of recorded traffic in a project file"),
        limit("TRAFFIC_MAX_SIZE", format::bytes(config.keep.bytes), "of it at most"),
        limit("DEADLINE_FLOOR", time(config.deadlines.floor), "of silence before an API may count as hung"),
        limit("DEADLINE_CEILING", time(config.deadlines.ceiling), "after which it does in any case"),
        limit("HEAD_TIMEOUT", time(config.limits.head_timeout), "for the head of a request"),
        limit("BODY_TIMEOUT", time(config.limits.body_timeout), "without a byte of a body under way"),
        limit("MAX_HEAD_BYTES", size(config.limits.head_bytes), "of one request's head"),
        limit("MAX_CONNECTIONS", format::exact(config.limits.connections as u64), "of clients at once"),
    ]
}

/// Whether the dashboard asks for a token; the token itself is shown to nobody.
pub(super) fn has_token(config: &Config) -> bool {
    config.admin_token.is_some()
}
