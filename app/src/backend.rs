//! What the dashboard asks the server for.
//!
//! The server depends on this crate and not the other way round: it implements [`Backend`] and puts an
//! [`SharedBackend`] into the Leptos context. The server functions below call it; each is reachable for anyone who
//! can reach the port, so each checks what it is given.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::live::Pulse;
use leptos::prelude::*;
use leptos::server_fn::codec::GetUrl;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use understudy_types::{
    Baselines, Changelog, ChaosTouch, ChaosView, DriftAlert, DriftAlerts, EndpointDetail, EndpointSummary, ErrorDetail,
    ExchangeDetail, LatencyMode, Limit, Mode, OutboxEntry, Override, PluginInfo, Project, Redaction, Spread, Status,
    TemplateMove, TemplateRule, TrafficRow, TwinEntity, TwinExample, TwinLink, TwinSave, TwinSettings, TwinState,
    Webhook,
};

#[cfg(feature = "ssr")]
use serde_json::json;
#[cfg(feature = "ssr")]
use understudy_types::{Filter, Latency, PinnedAnswer};

/// An answer that has to wait for something, such as the store.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The server, as the dashboard sees it.
pub trait Backend: Send + Sync {
    fn status(&self) -> Status;

    fn set_mode(&self, mode: Mode) -> Later<'_, Result<Status, ErrorDetail>>;

    fn endpoints(&self) -> Vec<EndpointSummary>;

    fn endpoint(&self, id: &str) -> Option<EndpointDetail>;

    /// Recorded good answers of an endpoint, newest first.
    fn examples(&self, id: &str) -> Vec<TwinExample>;

    /// How values spread in the newest answers of an endpoint with this status, by pointer as in a schema's fields.
    fn spreads(&self, id: &str, status: u16) -> BTreeMap<String, Spread>;

    /// `None` leaves the endpoint's answers to themselves.
    fn set_override(&self, id: String, wanted: Option<Override>) -> Later<'_, Result<(), ErrorDetail>>;

    /// `patch` is a body of `PATCH /admin/endpoints/{id}`. What becomes of the templates, or would with `preview`.
    fn change_template(
        &self,
        id: String,
        patch: Value,
        preview: bool,
    ) -> Later<'_, Result<Vec<TemplateMove>, ErrorDetail>>;

    /// What people decided about templates, in their order.
    fn rules(&self) -> Vec<TemplateRule>;

    fn take_back(&self, rule: u64) -> Later<'_, Result<(), ErrorDetail>>;

    /// How the twin's collections name each other.
    fn links(&self) -> Vec<TwinLink>;

    /// How every file of the plugin folder does.
    fn plugins(&self) -> Vec<PluginInfo>;

    /// Switches a plugin by the name of its file without ending; says how all do then.
    fn switch_plugin(&self, id: String, enabled: bool) -> Later<'_, Result<Vec<PluginInfo>, ErrorDetail>>;

    /// Reads the plugin folder now.
    fn reload_plugins(&self) -> Later<'_, Vec<PluginInfo>>;

    /// The newest exchanges, newest first.
    fn recent(&self, limit: usize) -> Vec<TrafficRow>;

    /// Exchanges that are wanted, newest first.
    fn traffic(&self, limit: usize, wanted: &dyn Fn(&TrafficRow) -> bool) -> Vec<TrafficRow>;

    fn exchange(&self, id: u64) -> Later<'_, Result<Option<ExchangeDetail>, ErrorDetail>>;

    fn twin_state(&self) -> TwinState;

    /// Rows of a collection behind `cursor`, and where the next page begins.
    fn twin_rows(&self, collection: &str, cursor: Option<&str>) -> Option<(Vec<TwinEntity>, Option<String>)>;

    fn twin_saves(&self) -> Later<'_, Result<Vec<TwinSave>, ErrorDetail>>;

    /// `action` is `reset`, or `save`, `load` or `remove` with a name.
    fn change_twin(&self, action: String, name: String) -> Later<'_, Result<(), ErrorDetail>>;

    /// Writes a row of the twin's state, or deletes it.
    fn edit_twin(&self, collection: &str, key: &str, fields: Option<Map<String, Value>>) -> Result<(), ErrorDetail>;

    /// Everything the settings screen shows, secrets masked.
    fn settings(&self) -> SettingsView;

    /// In the order in which they came.
    fn outbox(&self) -> Vec<OutboxEntry>;

    fn change_outbox(&self, change: OutboxChange) -> Later<'_, Result<(), ErrorDetail>>;

    fn set_twin(&self, settings: TwinSettings) -> Later<'_, Result<(), ErrorDetail>>;

    fn set_webhooks(&self, webhooks: Vec<Webhook>) -> Later<'_, Result<(), ErrorDetail>>;

    fn set_redaction(&self, rules: Redaction) -> Later<'_, Result<(), ErrorDetail>>;

    /// What is left of a text where it is kept or shown.
    fn redacted(&self, text: String) -> Result<String, ErrorDetail>;

    /// Alerts of the watchdog, newest first.
    fn drift_alerts(&self, unresolved_only: bool) -> DriftAlerts;

    fn drift_alert(&self, id: u64) -> Option<DriftAlert>;

    /// `action` is `accept`, `dismiss` or `snooze`.
    fn decide(&self, id: u64, action: String, reason: Option<String>) -> Later<'_, Result<DriftAlert, ErrorDetail>>;

    /// Versions of the baselines, and how far that of each endpoint is.
    fn baselines(&self) -> Baselines;

    /// What changed from a version to the current one.
    fn changelog(&self, from: &str) -> Result<Changelog, ErrorDetail>;

    /// `action` is `freeze` or `relearn`; of all endpoints when `id` is none.
    fn move_baselines(&self, action: String, id: Option<String>) -> Later<'_, Result<(), ErrorDetail>>;

    /// The twin's score of 0 to 100, once shadow mode found one out.
    fn fidelity(&self) -> Option<f64>;

    /// Names of the projects, the active one among them.
    fn project_names(&self) -> Vec<String>;

    fn projects(&self) -> Later<'_, Result<Vec<Project>, ErrorDetail>>;

    fn change_project(&self, change: ProjectChange) -> Later<'_, Result<(), ErrorDetail>>;

    /// What is at work of faults on purpose, what could be, and how clients took it.
    fn chaos(&self) -> ChaosView;

    /// The endpoints that a rule concerns.
    fn chaos_touches(&self, rule: &Value) -> Vec<ChaosTouch>;

    fn change_chaos(&self, change: ChaosChange) -> Later<'_, Result<(), ErrorDetail>>;

    /// Where the app reaches the API through us, when that is another address than the dashboard's own.
    fn api_url(&self) -> Option<String> {
        None
    }
}

/// What somebody changes about faults on purpose. Rules, settings and experiments are as the admin API has them.
#[derive(Debug, Clone, PartialEq)]
pub enum ChaosChange {
    Settings(Value),
    Preset { name: String, path: Option<String> },
    AddRule(Value),
    ReplaceRule(u64, Value),
    EnableRule(u64, bool),
    RemoveRule(u64),
    StartExperiment(Value),
    RemoveExperiment(u64),
    Halt,
}

/// What is done with projects; names with or without the ending of their files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProjectChange {
    Activate(String),
    Create { name: String, target: Option<String> },
    Copy { name: String, to: String },
    Rename { name: String, to: String },
    Target { name: String, target: String },
    Remove(String),
}

/// What becomes of writes that wait. Without an id it is done to all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutboxChange {
    /// `force` sends one again that the API may have carried out.
    Replay {
        id: Option<u64>,
        force: bool,
    },
    Drop {
        id: Option<u64>,
    },
}

/// What the server provides as Leptos context.
pub type SharedBackend = Arc<dyn Backend>;

/// Rows that a page starts with; the feed brings the rest.
pub const FIRST_ROWS: usize = 100;
/// Rows that the traffic screen asks for; the list goes on from there.
#[cfg(feature = "ssr")]
const TRAFFIC_ROWS: usize = 500;
/// More rows than this nobody keeps in sight.
#[cfg(feature = "ssr")]
const MAX_PINS: usize = 50;
/// A reason is a few sentences.
#[cfg(feature = "ssr")]
const MAX_REASON_BYTES: usize = 4096;

/// The same alert is not sent again for so long.
#[cfg(feature = "ssr")]
const COOLDOWN_SECONDS: u64 = 600;

/// JSON within JSON. A type costs the browser code for each way in which it is read and waited for, so all are read and
/// waited for as one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Packed(String);

impl Packed {
    pub fn new<T: Serialize>(value: &T) -> Result<Self, ServerFnError> {
        serde_json::to_string(value).map(Self).map_err(|error| ServerFnError::new(error.to_string()))
    }

    pub fn open<T: DeserializeOwned>(&self) -> Result<T, ServerFnError> {
        serde_json::from_str(&self.0).map_err(|error| ServerFnError::new(error.to_string()))
    }
}

/// An answer under way.
pub type Fetched = Pin<Box<dyn Future<Output = Result<Packed, ServerFnError>> + Send>>;
pub type Asked = Resource<Result<Packed, ServerFnError>>;

/// What the page starts with; asked for again when `key` changes.
pub fn asked(key: Signal<String>, fetch: impl Fn(String) -> Fetched + Send + Sync + 'static) -> Asked {
    by(key, Arc::new(fetch))
}

fn by(key: Signal<String>, fetch: Arc<dyn Fn(String) -> Fetched + Send + Sync>) -> Asked {
    Resource::new(move || key.get(), move |key| fetch(key))
}

/// Everything a page shows before the live feed speaks, at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub pulse: Pulse,
    /// Newest first.
    pub rows: Vec<TrafficRow>,
    /// The server's clock: what times are relative to until the browser's clock takes over.
    pub now_ms: u64,
    /// What the app's base URL has to be.
    pub api_url: String,
}

#[server(prefix = "/admin/fn", endpoint = "snapshot", input = GetUrl)]
pub async fn load_snapshot() -> Result<Packed, ServerFnError> {
    let backend = backend()?;
    Packed::new(&Snapshot {
        pulse: pulse(&backend.status())?,
        rows: backend.recent(FIRST_ROWS),
        now_ms: now_ms(),
        api_url: backend.api_url().unwrap_or_else(own_url),
    })
}

/// The members that a page reads have the same names there.
#[cfg(feature = "ssr")]
fn pulse(status: &Status) -> Result<Pulse, ServerFnError> {
    let value = serde_json::to_value(status).and_then(serde_json::from_value);
    value.map_err(|error| ServerFnError::new(error.to_string()))
}

#[server(prefix = "/admin/fn", endpoint = "set-mode")]
pub async fn set_mode(mode: Mode) -> Result<(), ServerFnError> {
    backend()?.set_mode(mode).await.map(drop).map_err(|error| ServerFnError::new(error.message))
}

/// What the palette does on the spot: its name, and the form that does it.
#[cfg(feature = "ssr")]
const ACTS: [(&str, &str); 8] = [
    ("Mode: proxy, the API answers", "/admin/fn/set-mode?mode=proxy"),
    ("Mode: shadow, the API answers and the twin rehearses", "/admin/fn/set-mode?mode=shadow"),
    ("Mode: mock, the twin answers", "/admin/fn/set-mode?mode=mock"),
    ("Halt all faults", "/admin/fn/halt-chaos"),
    ("Freeze all baselines now", "/admin/fn/move-baselines?action=freeze"),
    ("Reset the twin's state", "/admin/fn/change-twin?action=reset"),
    ("Read the plugin folder again", "/admin/fn/reload-plugins"),
    ("Replay the outbox", "/admin/fn/change-outbox?action=replay"),
];

/// What can be done, and endpoints by name and where they are shown.
#[server(prefix = "/admin/fn", endpoint = "ways", input = GetUrl)]
pub async fn ways() -> Result<Packed, ServerFnError> {
    let way = |endpoint: EndpointSummary| {
        (format!("{} {}", endpoint.method, endpoint.template), format!("/admin/explorer/{}", endpoint.id))
    };
    let act = |(name, act): &(&str, &str)| ((*name).to_owned(), format!("{}{act}", crate::components::keys::ACT));
    let ways: Vec<_> = ACTS.iter().map(act).chain(backend()?.endpoints().into_iter().map(way)).collect();
    Packed::new(&ways)
}

/// What the traffic screen shows beside the feed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrafficView {
    /// Newest first.
    pub rows: Vec<TrafficRow>,
    pub pinned: Vec<TrafficRow>,
    /// Why the filter cannot be read; then it lets everything through.
    pub mistake: Option<String>,
}

#[server(prefix = "/admin/fn", endpoint = "traffic", input = GetUrl)]
pub async fn load_traffic(filter: String, pins: String) -> Result<Packed, ServerFnError> {
    let backend = backend()?;
    let (filter, mistake) = match Filter::parse(&filter) {
        Ok(filter) => (filter, None),
        Err(error) => (Filter::default(), Some(error.to_string())),
    };
    let pins: Vec<u64> = pins.split(',').take(MAX_PINS).filter_map(|id| id.parse().ok()).collect();
    Packed::new(&TrafficView {
        rows: backend.traffic(TRAFFIC_ROWS, &|row| filter.fits(row)),
        pinned: if pins.is_empty() { Vec::new() } else { backend.traffic(MAX_PINS, &|row| pins.contains(&row.id)) },
        mistake,
    })
}

/// Fields of a form: what is empty is left as it is. `action` is `save` or `clear`.
#[server(prefix = "/admin/fn", endpoint = "override")]
pub async fn override_endpoint(
    id: String,
    mode: String,
    status: String,
    body: String,
    latency_ms: String,
    action: String,
) -> Result<(), ServerFnError> {
    let wanted = if action == "clear" { None } else { Some(overriding(&mode, &status, &body, &latency_ms)?) };
    backend()?.set_override(id, wanted).await.map_err(|error| ServerFnError::new(error.message))
}

#[cfg(feature = "ssr")]
fn overriding(mode: &str, status: &str, body: &str, latency_ms: &str) -> Result<Override, ServerFnError> {
    let wrong = |what: &str| ServerFnError::new(format!("{what} is not a whole number"));
    let number = |text: &str| Some(text.trim()).filter(|text| !text.is_empty()).map(str::parse::<u64>).transpose();
    let mode = match mode {
        "proxy" => Some(Mode::Proxy),
        "mock" => Some(Mode::Mock),
        _ => None,
    };
    let status = number(status).map_err(|_| wrong("the status"))?;
    let answer = status.map(|status| PinnedAnswer {
        status: u16::try_from(status).unwrap_or(u16::MAX),
        headers: BTreeMap::new(),
        body: serde_json::from_str(body).unwrap_or_else(|_| if body.is_empty() { Value::Null } else { body.into() }),
    });
    let latency_ms = number(latency_ms).map_err(|_| wrong("the time in milliseconds"))?;
    Ok(Override { mode, answer, latency_ms, ..Override::default() })
}

/// `act` is `rename`, `split` or `merge`; `value` a name, values separated by commas, or another endpoint's id.
#[server(prefix = "/admin/fn", endpoint = "change-template")]
pub async fn change_template(id: String, act: String, parameter: String, value: String) -> Result<(), ServerFnError> {
    let patch = template_patch(&act, &parameter, &value)?;
    backend()?.change_template(id, patch, false).await.map_err(|error| ServerFnError::new(error.message))?;
    leptos_axum::redirect("/admin/explorer");
    Ok(())
}

#[cfg(feature = "ssr")]
pub(crate) fn template_patch(act: &str, parameter: &str, value: &str) -> Result<Value, ServerFnError> {
    let values = || value.split(',').map(str::trim).filter(|value| !value.is_empty()).collect::<Vec<_>>();
    match act {
        "rename" => Ok(json!({ "rename": { parameter: value.trim() } })),
        "split" => Ok(json!({ "split": { "parameter": parameter, "values": values() } })),
        "merge" => Ok(json!({ "merge": { "with": values() } })),
        _ => Err(ServerFnError::new("a template is renamed, split or merged")),
    }
}

#[server(prefix = "/admin/fn", endpoint = "take-back")]
pub async fn take_back(rule: u64) -> Result<(), ServerFnError> {
    backend()?.take_back(rule).await.map_err(|error| ServerFnError::new(error.message))
}

/// `fields` is a JSON object. `action` is `save` or `delete`.
#[server(prefix = "/admin/fn", endpoint = "edit-row")]
pub async fn edit_row(collection: String, key: String, fields: String, action: String) -> Result<(), ServerFnError> {
    let object = |text: &str| serde_json::from_str::<Map<String, Value>>(text);
    let fields = if action == "delete" { None } else { Some(object(&fields)) };
    let fields =
        fields.transpose().map_err(|error| ServerFnError::new(format!("the row is no JSON object: {error}")))?;
    backend()?.edit_twin(&collection, key.trim(), fields).map_err(|error| ServerFnError::new(error.message))
}

/// `action` is `replay`, `force` or `drop`; of all entries without an `id`.
#[server(prefix = "/admin/fn", endpoint = "change-outbox")]
pub async fn change_outbox(action: String, id: Option<u64>) -> Result<(), ServerFnError> {
    let change = match (action.as_str(), id) {
        ("replay", id) => OutboxChange::Replay { id, force: false },
        ("force", Some(_)) => OutboxChange::Replay { id, force: true },
        ("drop", id) => OutboxChange::Drop { id },
        _ => return Err(ServerFnError::new("writes are replayed or dropped")),
    };
    backend()?.change_outbox(change).await.map_err(|error| ServerFnError::new(error.message))
}

#[server(prefix = "/admin/fn", endpoint = "change-twin")]
pub async fn change_twin(action: String, name: Option<String>) -> Result<(), ServerFnError> {
    let changed = backend()?.change_twin(action, name.unwrap_or_default()).await;
    changed.map_err(|error| ServerFnError::new(error.message))
}

/// What can be set, and what is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SettingsView {
    pub twin: TwinSettings,
    pub redaction: Redaction,
    pub webhooks: Vec<Webhook>,
    /// Whether the dashboard asks for a token.
    pub has_token: bool,
    pub limits: Vec<Limit>,
}

/// An empty seed stands for the project's own.
#[server(prefix = "/admin/fn", endpoint = "set-twin")]
pub async fn set_twin(
    seed: String,
    min_confidence: f64,
    mode: LatencyMode,
    factor: f64,
    fixed_ms: u64,
) -> Result<(), ServerFnError> {
    let seed = Some(seed.trim()).filter(|seed| !seed.is_empty()).map(str::parse).transpose();
    let seed = seed.map_err(|_| ServerFnError::new("the seed is not a whole number from 0 to 18446744073709551615"))?;
    let settings = TwinSettings { seed, min_confidence, latency: Latency { mode, factor, fixed_ms } };
    backend()?.set_twin(settings).await.map_err(|error| ServerFnError::new(error.message))
}

/// Names are separated by commas.
#[server(prefix = "/admin/fn", endpoint = "set-redaction")]
pub async fn set_redaction(names: String) -> Result<(), ServerFnError> {
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    backend()?.set_redaction(Redaction { names }).await.map_err(|error| ServerFnError::new(error.message))
}

/// In the place of one of the same address.
#[server(prefix = "/admin/fn", endpoint = "add-webhook")]
pub async fn add_webhook(
    url: String,
    format: String,
    min_severity: String,
    secret: String,
) -> Result<(), ServerFnError> {
    let backend = backend()?;
    let mut webhooks = backend.settings().webhooks;
    webhooks.retain(|known| known.url != url);
    let secret = Some(secret).filter(|secret| !secret.is_empty());
    webhooks.push(Webhook { url, format, min_severity, secret, cooldown_seconds: COOLDOWN_SECONDS });
    backend.set_webhooks(webhooks).await.map_err(|error| ServerFnError::new(error.message))
}

#[server(prefix = "/admin/fn", endpoint = "remove-webhook")]
pub async fn remove_webhook(url: String) -> Result<(), ServerFnError> {
    let backend = backend()?;
    let mut webhooks = backend.settings().webhooks;
    webhooks.retain(|known| known.url != url);
    backend.set_webhooks(webhooks).await.map_err(|error| ServerFnError::new(error.message))
}

#[server(prefix = "/admin/fn", endpoint = "switch-plugin")]
pub async fn switch_plugin(id: String, enabled: bool) -> Result<(), ServerFnError> {
    backend()?.switch_plugin(id, enabled).await.map(drop).map_err(|error| ServerFnError::new(error.message))
}

#[server(prefix = "/admin/fn", endpoint = "reload-plugins")]
pub async fn reload_plugins() -> Result<(), ServerFnError> {
    backend()?.reload_plugins().await;
    Ok(())
}

#[server(prefix = "/admin/fn", endpoint = "decide")]
pub async fn decide(id: u64, action: String, reason: Option<String>) -> Result<(), ServerFnError> {
    let reason = reason.filter(|reason| !reason.trim().is_empty());
    if reason.as_ref().is_some_and(|reason| reason.len() > MAX_REASON_BYTES) {
        return Err(ServerFnError::new(format!("a reason has at most {MAX_REASON_BYTES} bytes")));
    }
    backend()?.decide(id, action, reason).await.map(drop).map_err(|error| ServerFnError::new(error.message))
}

/// Of all endpoints when `id` is empty.
#[server(prefix = "/admin/fn", endpoint = "move-baselines")]
pub async fn move_baselines(action: String, id: Option<String>) -> Result<(), ServerFnError> {
    let id = id.filter(|id| !id.is_empty());
    backend()?.move_baselines(action, id).await.map_err(|error| ServerFnError::new(error.message))
}

#[cfg(feature = "ssr")]
pub(crate) fn backend() -> Result<SharedBackend, ServerFnError> {
    use_context::<SharedBackend>().ok_or_else(|| ServerFnError::new("the server gave the dashboard no backend"))
}

#[cfg(feature = "ssr")]
pub(crate) fn now_ms() -> u64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since_epoch.map_or(0, |passed| u64::try_from(passed.as_millis()).unwrap_or(u64::MAX))
}

/// As this person's browser wrote it: `localhost` stays `localhost`. The server checked the name before.
#[cfg(feature = "ssr")]
pub(crate) fn own_url() -> String {
    let parts = use_context::<http::request::Parts>();
    let host = parts.as_ref().and_then(|parts| parts.headers.get(http::header::HOST)?.to_str().ok());
    format!("http://{}", host.unwrap_or("127.0.0.1:8000"))
}
