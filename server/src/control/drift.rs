//! What the watchdog found, and what people decide about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use understudy_contract::drift::{Consumers, Decision};
use understudy_types::{Baselines, Changelog, DriftAlert, DriftAlerts, DriftStats, Webhook};

use super::api::number;
use super::error::{ApiError, Whole};
use crate::handles::Handles;
use crate::twin::now_ms;
use crate::watchdog::present;
use crate::watchdog::webhooks::{MAX_WEBHOOKS, SETTING, check};

/// Alerts of a page, when nobody says otherwise and at most.
const PAGE: usize = 100;
const PAGE_MAX: usize = 1000;
/// An alert is silent for so long when nobody says how long.
const SNOOZE_SECONDS: u64 = 3600;
const SNOOZE_MAX_SECONDS: u64 = 365 * 86_400;
const ACTIONS: &[&str] = &["accept", "dismiss", "snooze"];

#[derive(Debug, Default, Deserialize)]
pub(super) struct AlertsQuery {
    unresolved_only: Option<String>,
    severity: Option<String>,
    before: Option<String>,
    limit: Option<String>,
}

/// Newest first.
pub(super) async fn alerts(
    State(handles): State<Arc<Handles>>,
    Query(query): Query<AlertsQuery>,
) -> Result<Json<DriftAlerts>, ApiError> {
    let unresolved = match query.unresolved_only.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(given) => {
            let name = "unresolved_only";
            return Err(ApiError::BadParameter { name, given: given.into(), expected: "true or false" });
        }
    };
    let severity = query.severity;
    if let Some(given) = severity.as_ref().filter(|word| !["critical", "warning", "info"].contains(&word.as_str())) {
        let expected = "critical, warning or info";
        return Err(ApiError::BadParameter { name: "severity", given: given.clone(), expected });
    }
    let before = query.before.map(|text| number("before", text, "the `next` of an earlier page")).transpose()?;
    let limit = query.limit.map(|text| number("limit", text, "a number from 1 to 1000")).transpose()?;
    let limit = limit.map_or(PAGE, |limit| usize::try_from(limit).unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX));
    Ok(Json(page(&handles, limit, |alert| {
        (!unresolved || alert.unresolved)
            && severity.as_ref().is_none_or(|severity| *severity == alert.severity)
            && before.is_none_or(|before| alert.id < before)
    })))
}

/// Alerts that a condition picks, newest first.
pub(super) fn page(handles: &Handles, limit: usize, fits: impl Fn(&DriftAlert) -> bool) -> DriftAlerts {
    let dog = handles.watchdog.lock();
    let mut items: Vec<DriftAlert> =
        dog.alerts().iter().rev().map(present::alert).filter(fits).take(limit + 1).collect();
    let next = (items.len() > limit).then(|| {
        items.truncate(limit);
        items.last().map(|alert| alert.id.to_string()).unwrap_or_default()
    });
    DriftAlerts { summary: present::summary(&dog), items, next }
}

/// The worst severity of the unresolved alerts, by the endpoint's id.
pub(super) fn severities(handles: &Handles) -> BTreeMap<String, String> {
    let rank = |severity: &str| ["info", "warning", "critical"].iter().position(|word| *word == severity);
    let mut worst: BTreeMap<String, String> = BTreeMap::new();
    for alert in page(handles, usize::MAX - 1, |alert| alert.unresolved).items {
        let known = worst.entry(alert.endpoint_id).or_insert_with(|| alert.severity.clone());
        if rank(known) < rank(&alert.severity) {
            *known = alert.severity;
        }
    }
    worst
}

fn alert_id(text: &str) -> Result<u64, ApiError> {
    // What is no number is no id either.
    text.parse().map_err(|_| ApiError::UnknownAlert(text.to_owned()))
}

pub(super) async fn alert(
    State(handles): State<Arc<Handles>>,
    Path(id): Path<String>,
) -> Result<Json<DriftAlert>, ApiError> {
    let found = handles.watchdog.lock().alert(alert_id(&id)?).map(present::alert);
    found.map(Json).ok_or(ApiError::UnknownAlert(id))
}

/// Body of a decision.
#[derive(Debug, Deserialize)]
struct Resolve {
    #[serde(default)]
    action: Value,
    reason: Option<String>,
    /// Of a snooze.
    seconds: Option<u64>,
}

pub(super) async fn resolve(
    State(handles): State<Arc<Handles>>,
    Path(id): Path<String>,
    Whole(body): Whole,
) -> Result<Json<DriftAlert>, ApiError> {
    let number = alert_id(&id)?;
    if handles.watchdog.lock().alert(number).is_none() {
        return Err(ApiError::UnknownAlert(id));
    }
    let value: Value = serde_json::from_slice(&body).map_err(ApiError::NotJson)?;
    let asked: Resolve =
        serde_json::from_value(value).map_err(|error| ApiError::NotThat { what: "a decision", error })?;
    let action = action(&asked.action, asked.seconds)?;
    decide(&handles, number, &action, asked.reason).await.map(Json)
}

/// `seconds` are those of a snooze.
pub(super) fn action(word: &Value, seconds: Option<u64>) -> Result<Decision, ApiError> {
    match word.as_str() {
        Some("accept") => Ok(Decision::Accept),
        Some("dismiss") => Ok(Decision::Dismiss),
        Some("snooze") => {
            let seconds = seconds.unwrap_or(SNOOZE_SECONDS).min(SNOOZE_MAX_SECONDS);
            Ok(Decision::Snooze(now_ms() + seconds * 1000))
        }
        _ => Err(ApiError::NotAllowed { field: "action", given: word.clone(), allowed: ACTIONS }),
    }
}

/// Takes effect when it is stored.
pub(super) async fn decide(
    handles: &Handles,
    id: u64,
    action: &Decision,
    reason: Option<String>,
) -> Result<DriftAlert, ApiError> {
    let (alert, bytes) = {
        let mut dog = handles.watchdog.lock();
        let alert = dog.decide(id, action, reason, now_ms());
        let alert = alert.map(present::alert).map_err(|_| ApiError::UnknownAlert(id.to_string()))?;
        (alert, dog.encode())
    };
    handles.store.keep_watchdog(bytes).await?;
    Ok(alert)
}

pub(super) async fn stats(
    State(handles): State<Arc<Handles>>,
    Path(id): Path<String>,
) -> Result<Json<DriftStats>, ApiError> {
    stats_of(&handles, &id).map(Json).ok_or(ApiError::UnknownEndpoint(id))
}

/// Of an endpoint that nothing was compared with yet there are zeros.
fn stats_of(handles: &Handles, id: &str) -> Option<DriftStats> {
    let snapshot = handles.snapshot.load();
    let endpoint = snapshot.contract.endpoint(id)?;
    let stats = handles.watchdog.lock().endpoint(id).unwrap_or_default();
    Some(present::stats((id, &endpoint.method, &endpoint.template), stats))
}

pub(super) async fn baselines(State(handles): State<Arc<Handles>>) -> Json<Baselines> {
    Json(all_baselines(&handles))
}

pub(super) fn all_baselines(handles: &Handles) -> Baselines {
    let ids: Vec<String> =
        handles.snapshot.load().contract.endpoints().iter().map(|endpoint| endpoint.id.to_string()).collect();
    let versions = present::versions(&handles.watchdog.lock());
    Baselines { versions, endpoints: ids.iter().filter_map(|id| stats_of(handles, id)).collect() }
}

/// Body of `POST /admin/baselines/freeze` and `/relearn`; without an endpoint it is about all.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    endpoint_id: Option<String>,
}

fn chosen(body: &[u8]) -> Result<Chosen, ApiError> {
    if body.is_empty() {
        return Ok(Chosen::default());
    }
    let value: Value = serde_json::from_slice(body).map_err(ApiError::NotJson)?;
    serde_json::from_value(value).map_err(|error| ApiError::NotThat { what: "an endpoint_id", error })
}

pub(super) async fn freeze(State(handles): State<Arc<Handles>>, Whole(body): Whole) -> Result<Json<Value>, ApiError> {
    let frozen = freeze_now(&handles, chosen(&body)?.endpoint_id).await?;
    Ok(Json(json!({ "frozen": frozen })))
}

/// How many were frozen.
pub(super) async fn freeze_now(handles: &Handles, endpoint_id: Option<String>) -> Result<usize, ApiError> {
    let (frozen, bytes) = {
        let mut dog = handles.watchdog.lock();
        (dog.freeze(endpoint_id.as_deref(), now_ms()), dog.encode())
    };
    match endpoint_id {
        Some(id) if frozen == 0 => return Err(ApiError::UnknownEndpoint(id)),
        _ => handles.store.keep_watchdog(bytes).await?,
    }
    Ok(frozen)
}

pub(super) async fn relearn(State(handles): State<Arc<Handles>>, Whole(body): Whole) -> Result<Json<Value>, ApiError> {
    let relearned = relearn_now(&handles, chosen(&body)?.endpoint_id).await?;
    Ok(Json(json!({ "relearned": relearned })))
}

/// Lets baselines grow anew; how many.
pub(super) async fn relearn_now(handles: &Handles, endpoint_id: Option<String>) -> Result<usize, ApiError> {
    let ids = match &endpoint_id {
        Some(id) => vec![id.clone()],
        None => handles.snapshot.load().contract.endpoints().iter().map(|endpoint| endpoint.id.to_string()).collect(),
    };
    let (relearned, bytes) = {
        let mut dog = handles.watchdog.lock();
        (ids.iter().filter(|id| dog.relearn(id)).count(), dog.encode())
    };
    match endpoint_id {
        Some(id) if relearned == 0 => return Err(ApiError::UnknownEndpoint(id)),
        _ => handles.store.keep_watchdog(bytes).await?,
    }
    Ok(relearned)
}

#[derive(Debug, Deserialize)]
pub(super) struct ChangelogQuery {
    from: Option<String>,
    to: Option<String>,
}

pub(super) async fn changelog(
    State(handles): State<Arc<Handles>>,
    Query(ChangelogQuery { from, to }): Query<ChangelogQuery>,
) -> Result<Json<Changelog>, ApiError> {
    changes(&handles, from, to).map(Json)
}

/// From one version to another; to the current one when nobody says to which, from the one before when nobody says from
/// which.
pub(super) fn changes(handles: &Handles, from: Option<String>, to: Option<String>) -> Result<Changelog, ApiError> {
    let dog = handles.watchdog.lock();
    let last = dog.versions().last().map_or(0, |version| version.number);
    let of = |name, given: Option<String>, usual| match given {
        Some(text) => version(name, text),
        None => Ok(usual),
    };
    let (from, to) = (of("from", from, last.saturating_sub(1).max(1))?, of("to", to, last)?);
    let log = dog.changelog(from, to).ok_or_else(|| ApiError::UnknownVersion(format!("v{from} or v{to}")))?;
    Ok(present::changelog(&log, (from, to)))
}

/// `v3` or `3`.
pub(super) fn version(name: &'static str, text: String) -> Result<u32, ApiError> {
    let digits = text.strip_prefix('v').unwrap_or(&text);
    digits.parse().map_err(|_| ApiError::BadParameter { name, given: text, expected: "a version such as v3" })
}

/// The OpenAPI document of a version of the baselines.
pub(super) fn document(handles: &Handles, text: String) -> Result<Value, ApiError> {
    let number = version("version", text)?;
    let document = handles.watchdog.lock().document(number);
    document.ok_or_else(|| ApiError::UnknownVersion(format!("v{number}")))
}

pub(super) async fn consumers(State(handles): State<Arc<Handles>>) -> Json<Consumers> {
    Json(handles.watchdog.lock().consumers().clone())
}

pub(super) async fn set_consumers(
    State(handles): State<Arc<Handles>>,
    Whole(body): Whole,
) -> Result<Json<Consumers>, ApiError> {
    let value: Value = serde_json::from_slice(&body).map_err(ApiError::NotJson)?;
    let consumers: Consumers = serde_json::from_value(value)
        .map_err(|error| ApiError::NotThat { what: "a list of JSON Pointers per client", error })?;
    let is_pointer = |listed: &&String| {
        let pointer = listed.split_once('#').map_or(listed.as_str(), |(_, pointer)| pointer);
        !pointer.is_empty() && !pointer.starts_with('/')
    };
    if let Some(wrong) = consumers.values().flatten().find(is_pointer) {
        let expected = "a JSON Pointer such as /user/name, or GET /users/{id}#/name";
        return Err(ApiError::Unfit { name: "pointer", given: json!(wrong), expected });
    }
    let bytes = {
        let mut dog = handles.watchdog.lock();
        dog.set_consumers(consumers.clone());
        dog.encode()
    };
    handles.store.keep_watchdog(bytes).await?;
    Ok(Json(consumers))
}

/// Secrets are not shown again.
pub(super) fn without_secrets(mut webhooks: Vec<Webhook>) -> Vec<Webhook> {
    for webhook in &mut webhooks {
        webhook.secret = webhook.secret.is_some().then(|| "(set)".to_owned());
    }
    webhooks
}

pub(super) async fn webhooks(State(handles): State<Arc<Handles>>) -> Json<Vec<Webhook>> {
    Json(without_secrets(handles.watchdog.webhooks.list()))
}

pub(super) async fn set_webhooks(
    State(handles): State<Arc<Handles>>,
    Whole(body): Whole,
) -> Result<Json<Vec<Webhook>>, ApiError> {
    let value: Value = serde_json::from_slice(&body).map_err(ApiError::NotJson)?;
    let webhooks = serde_json::from_value(value);
    let webhooks = webhooks.map_err(|error| ApiError::NotThat { what: "a list of webhooks", error })?;
    keep_webhooks(&handles, webhooks).await.map(Json)
}

/// As they are shown from then on.
pub(super) async fn keep_webhooks(handles: &Handles, mut webhooks: Vec<Webhook>) -> Result<Vec<Webhook>, ApiError> {
    if webhooks.len() > MAX_WEBHOOKS {
        let given = json!(webhooks.len());
        return Err(ApiError::Unfit { name: "the number of webhooks", given, expected: "16 at most" });
    }
    let before = handles.watchdog.webhooks.list();
    for webhook in &mut webhooks {
        check(webhook).map_err(|(name, given, expected)| ApiError::Unfit { name, given, expected })?;
        // What was shown in the place of a secret stands for the one that is there.
        if webhook.secret.as_deref() == Some("(set)") {
            webhook.secret = before.iter().find(|old| old.url == webhook.url).and_then(|old| old.secret.clone());
        }
    }
    let json = serde_json::to_string(&webhooks).map_err(|error| ApiError::Broken(error.to_string()))?;
    handles.store.set_setting(SETTING, json).await?;
    handles.watchdog.webhooks.set(webhooks.clone());
    Ok(without_secrets(webhooks))
}

pub(super) async fn test_webhooks(State(handles): State<Arc<Handles>>) -> Json<Value> {
    Json(json!({ "sent_to": handles.watchdog.webhooks.test() }))
}
