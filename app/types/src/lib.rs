//! What crosses between the browser and the server: the bodies of the admin API and the messages of the live feed.
//!
//! Only serde lives here, so that the same types build for `wasm32-unknown-unknown`. Times are Unix milliseconds,
//! durations say their unit in their name.

mod chaos;
mod drift;
mod filter;
mod twin;

use serde::{Deserialize, Serialize};

pub use chaos::{
    ChaosAfter, ChaosClient, ChaosExperiment, ChaosHabit, ChaosPreset, ChaosReport, ChaosRule, ChaosStatus, ChaosTouch,
    ChaosView,
};
pub use drift::{
    BaselineVersion, Baselines, Changelog, DriftAlert, DriftAlerts, DriftChange, DriftFinding, DriftPoint, DriftSample,
    DriftStats, DriftStep, DriftSummary, Webhook,
};
pub use filter::{Filter, FilterError};
pub use twin::{
    Latency, LatencyMode, Override, PinnedAnswer, TwinCollection, TwinEntity, TwinExample, TwinLink, TwinSave,
    TwinSettings, TwinState,
};

/// Who answers the app (a project's setting).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Upstream answers; when it cannot, the twin does (failover).
    #[default]
    Proxy,
    /// The twin answers.
    Mock,
    /// Upstream answers; the twin's answer is computed beside it and scored.
    Shadow,
}

/// Who gave one answer; the value of `x-understudy-source`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    Upstream,
    Twin,
    Fault,
    /// Nobody gave the API's answer: we refused, and said why.
    None,
}

/// `GET /admin/status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    /// File name of the open project, for example `default.db`.
    pub project: String,
    pub mode: Mode,
    /// Whether the twin answers when upstream cannot.
    pub failover: bool,
    pub upstream: Upstream,
    pub learner: Learner,
    /// Writes that the twin answered in the API's place and that wait to be replayed or dropped.
    pub outbox: u64,
    pub counters: Counters,
    pub endpoints: u64,
    /// What was left out, or is told less finely, for want of room; all 0 while there is enough.
    #[serde(default)]
    pub limits: Limits,
    /// What the watchdog says.
    #[serde(default)]
    pub drift: DriftSummary,
    /// Faults on purpose.
    #[serde(default)]
    pub chaos: ChaosStatus,
    /// How the parts beside the traffic are doing.
    #[serde(default)]
    pub parts: Vec<PartHealth>,
    pub uptime_seconds: u64,
    /// Resident memory of the process, when the platform tells it.
    pub memory_bytes: Option<u64>,
}

/// How a part of the server is doing that works beside the traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartHealth {
    pub name: String,
    pub state: PartState,
    /// How often it panicked and began anew.
    pub restarts: u64,
    /// Since when the state or what it says holds, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartState {
    Ok,
    /// At one piece of work for too long.
    Stalled,
    /// What it does fails; it goes on trying.
    Failing,
    /// Gone.
    Down,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Upstream {
    /// As configured, user information removed.
    pub url: String,
    /// The built-in sample API stands in because no `TARGET_URL` was given.
    pub sample: bool,
    /// Upstream's certificate is not checked, because the configuration says so.
    #[serde(default)]
    pub insecure: bool,
    pub health: Health,
    pub breaker: Breaker,
    /// Median of the last answers, when there were any.
    pub latency_ms: Option<f64>,
    /// What went wrong last, in words.
    pub last_error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Nothing was asked of it yet.
    Unknown,
    Up,
    Down,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Breaker {
    Closed,
    Open,
    HalfOpen,
}

/// `offered = learned + shed + pending` holds in every snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Learner {
    /// Exchanges handed over and not yet learned and stored.
    pub pending: u64,
    pub learned: u64,
    /// Exchanges dropped because the queue was full.
    pub shed: u64,
    pub offered: u64,
    /// Bodies let go for want of memory, of exchanges that were learned or shed.
    pub bodies_shed: u64,
}

/// What the bounds of learning have cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// How coarsely paths are told apart: 0 as finely as can be, 9 at most.
    pub path_level: u8,
    /// Requests whose path is told from others no more: it stood beside too many.
    pub shared_paths: u64,
    /// Requests for what is not there that share one entry.
    pub shared_missing: u64,
    /// Endpoints that are left out: those with the fewest requests.
    pub dropped_endpoints: u64,
    /// Endpoints that leave fields out.
    pub crowded_endpoints: u64,
}

/// Answers since the start, by who gave them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    pub requests: u64,
    pub upstream: u64,
    pub twin: u64,
    pub fault: u64,
    /// Answers of 500 and above, and refusals of our own.
    pub errors: u64,
    /// How long upstream's and the twin's answers took.
    #[serde(default)]
    pub durations: Durations,
}

/// Upper bounds of what durations are counted by, in microseconds: five to a decade, from 100 µs to 10 s.
pub const DURATION_BOUNDS_US: [u64; 26] = [
    100, 160, 250, 400, 630, 1_000, 1_600, 2_500, 4_000, 6_300, 10_000, 16_000, 25_000, 40_000, 63_000, 100_000,
    160_000, 250_000, 400_000, 630_000, 1_000_000, 1_600_000, 2_500_000, 4_000_000, 6_300_000, 10_000_000,
];

/// Counts by [`DURATION_BOUNDS_US`]: the first bound that a duration does not pass, and one more place for all above the last.
pub type Durations = [u64; DURATION_BOUNDS_US.len() + 1];

/// Where in [`Durations`] so many microseconds are counted.
#[must_use]
pub fn duration_place(micros: u64) -> usize {
    DURATION_BOUNDS_US.partition_point(|bound| *bound < micros)
}

/// One exchange as the lists show it: no body, no header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrafficRow {
    /// Grows by one with each exchange of a running server.
    pub id: u64,
    pub at_ms: u64,
    pub method: String,
    /// Path and query as the client sent them, after redaction.
    pub target: String,
    /// The path template of the endpoint, when one was known at the time.
    pub template: Option<String>,
    pub status: u16,
    pub duration_us: u64,
    /// Size of the response body.
    pub bytes: u64,
    pub source: Source,
    pub reason: String,
}

/// `GET /admin/traffic/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExchangeDetail {
    /// `None` while the exchange goes on: it gets its row when it ends.
    pub row: Option<TrafficRow>,
    /// The id of the endpoint that the contract has for it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// From request head to response head, in microseconds; the row has the time to the last byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_us: Option<u64>,
    /// What was sent and what came back, after redaction, while the exchange is remembered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<MessageDetail>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<MessageDetail>,
    /// Why the twin gave each value of its answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub explained: Vec<Explained>,
    /// What was said in it, oldest first, when it is a WebSocket or a stream of events.
    pub messages: Vec<StreamMessage>,
    /// Older messages that are no longer shown, and those that there was no room for.
    pub skipped_messages: u64,
}

/// Where a value of a body came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// JSON Pointer (RFC 6901) without its escapes.
    pub pointer: String,
    /// `copied` from the request, `remembered` of an entity, `constant`, read from the `clock`, or `made`.
    pub kind: String,
    pub words: String,
}

/// Header fields and body of a request or a response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MessageDetail {
    /// Names in lower case, in the order in which they came; fields of one name side by side.
    pub headers: Vec<(String, String)>,
    /// Bytes of the body as it was kept, its content coding undone.
    pub bytes: u64,
    /// There was more than is kept, or than is shown.
    pub truncated: bool,
    /// The body, when it is text.
    pub text: Option<String>,
}

impl MessageDetail {
    /// The first value of a field; `name` in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// One message of a WebSocket, or one server-sent event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamMessage {
    pub at_ms: u64,
    pub from: Side,
    pub kind: MessageKind,
    /// Of an event that has one.
    pub name: Option<String>,
    /// As it passed: of compressed messages their compressed size.
    pub bytes: u64,
    /// After redaction. Absent for what is no text, is compressed, or is too long to be shown.
    pub text: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Client,
    Upstream,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    Text,
    Binary,
    Ping,
    Pong,
    Close,
    Event,
}

/// A row of `GET /admin/projects`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    /// Its file under the data folder, for example `default.db`.
    pub name: String,
    /// Requests that come now are its.
    pub active: bool,
    /// The active one, or one that finishes what it has begun.
    pub open: bool,
    pub mode: Mode,
    /// The API behind it; without one it is the server's `TARGET_URL`, or the sample API.
    pub target: Option<String>,
    pub bytes: u64,
    /// When its file was written last. Unix milliseconds.
    pub changed_ms: u64,
    /// Why it cannot be opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Body of `PUT /admin/mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModeChange {
    pub mode: Mode,
}

/// One message of `/admin/ws`, sent by the server as a JSON text frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum LiveMessage {
    /// First after connecting, and about 8 times a second while something changes.
    Tick {
        status: Box<Status>,
        /// The newest exchanges since the last tick, oldest first; at most [`MAX_ROWS_PER_TICK`].
        rows: Vec<TrafficRow>,
        /// Exchanges since the last tick that `rows` leaves out.
        skipped: u64,
    },
    /// An alert of the watchdog was raised, or resolved itself.
    Drift { alert: Box<DriftAlert> },
    /// Faults on purpose were switched on or off, or an experiment began or ended.
    Chaos { says: String },
    /// This viewer was too slow: so many messages were not sent to it.
    Missed { messages: u64 },
}

/// More rows a tick than a person can follow; the rest is counted.
pub const MAX_ROWS_PER_TICK: usize = 50;

/// A path template, segment by segment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Segment {
    Literal(String),
    /// `kind` is a word such as `integer`, `uuid`, `slug`, `string`.
    Parameter {
        name: String,
        kind: String,
    },
}

/// One row of `GET /admin/endpoints`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointSummary {
    /// Stable for a method and the shape of its template.
    pub id: String,
    pub method: String,
    /// Which of the GraphQL operations that share the path it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graphql: Option<String>,
    /// For example `/users/{id}`.
    pub template: String,
    pub segments: Vec<Segment>,
    pub requests: u64,
    /// Exchanges by response status, ascending.
    pub statuses: Vec<StatusCount>,
    pub latency_p50_ms: Option<f64>,
    pub latency_p95_ms: Option<f64>,
    /// 0 to 1: how far the learned contract of this endpoint can be relied on.
    pub confidence: f64,
    pub first_seen_ms: u64,
    pub last_seen_ms: u64,
    /// Requests in its newest stretches of time, oldest first.
    #[serde(default)]
    pub recent: Vec<u64>,
    /// Who answers here, where a person said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// The worst severity of its unresolved alerts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusCount {
    pub status: u16,
    pub count: u64,
}

/// `GET /admin/endpoints/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointDetail {
    #[serde(flatten)]
    pub summary: EndpointSummary,
    pub parameters: Vec<Parameter>,
    pub request: Option<BodySchema>,
    pub responses: Vec<ResponseSchema>,
    /// How it behaves, beside what it asks for and answers.
    #[serde(default)]
    pub behaviour: EndpointBehaviour,
    /// What shadow mode found out, once it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fidelity: Option<EndpointFidelity>,
    /// What a person decided about its answers.
    #[serde(default, rename = "override", skip_serializing_if = "Option::is_none")]
    pub overridden: Option<Override>,
    /// The plugin that named parameters of the template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named_by: Option<String>,
    /// Why its calls are refused, by status.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<Refusal>,
}

/// A write that the twin answered while the API was away, as the dashboard lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxEntry {
    pub id: u64,
    pub at_ms: u64,
    pub method: String,
    pub target: String,
    /// The status that the app was told.
    pub told: u16,
    /// `waiting`, `replayed` or `refused`.
    pub state: String,
    /// The API may have carried it out although it never answered.
    pub may_be_processed: bool,
    /// What a replay has to be given, because secrets are not stored.
    pub to_give: Vec<String>,
    /// The status of the API's answer to a replay.
    pub result: Option<u16>,
}

/// A reason for which calls of an endpoint are refused, as the twin refuses them too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub status: u16,
    /// In a few words.
    pub cause: String,
    /// Calls that were refused so, of those that the twin learned from.
    pub count: u64,
}

/// What was learned of an endpoint beside its schemas.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EndpointBehaviour {
    /// By status, ascending.
    pub statuses: Vec<StatusBehaviour>,
    /// Bodies of requests; absent while there were none.
    pub request_bytes: Option<Sizes>,
    pub rate: Rate,
    /// How its answers spread over time; empty where none was timed.
    #[serde(default)]
    pub latency: Vec<LatencyBucket>,
    /// What requests carry to say who asks, the most frequent first.
    pub auth: Vec<AuthCarrier>,
    /// Present when its answers hold a list that can be read page by page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paging: Option<Paging>,
}

/// Answers of one status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusBehaviour {
    pub status: u16,
    pub count: u64,
    /// Of all answers, 0 to 1.
    pub share: f64,
    /// Milliseconds below which so many of the answers came; absent where none was timed.
    pub latency_p50_ms: Option<f64>,
    pub latency_p90_ms: Option<f64>,
    pub latency_p99_ms: Option<f64>,
    pub response_bytes: Option<Sizes>,
    /// Share of the answers with an `ETag`, and with a `Last-Modified`, 0 to 1.
    pub etag_share: f64,
    pub last_modified_share: f64,
    pub cache_control: Vec<ValueCount>,
}

/// How the numbers at one position spread, or the lengths of its texts and lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Of a text or a list the length counts, of a number its value.
    pub of_length: bool,
    pub count: u64,
    pub least: f64,
    pub median: f64,
    pub most: f64,
    /// How many fell into each of as many equal steps from the least to the most.
    pub bars: Vec<u64>,
}

/// The share of the answers that took longer than the bucket before and no longer than this.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LatencyBucket {
    pub to_ms: f64,
    pub share: f64,
}

/// What a change of templates does, or would do: one template that was there and one that is there in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateMove {
    pub method: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// A decision about templates, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateRule {
    pub id: u64,
    pub words: String,
}

/// Bytes, within a fifth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    pub median: u64,
    pub p95: u64,
    pub most: u64,
}

/// Requests over time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rate {
    pub bucket_minutes: u64,
    /// Oldest first; those without requests are left out.
    pub buckets: Vec<RateBucket>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateBucket {
    pub at_ms: u64,
    pub requests: u64,
}

/// A field that stands for whoever asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuthCarrier {
    /// `authorization`, `header`, `cookie` or `query`.
    #[serde(rename = "in")]
    pub place: String,
    /// The scheme of `Authorization` in lower case, or the name of the field.
    pub name: String,
    /// Share of all requests, 0 to 1.
    pub share: f64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueCount {
    pub value: String,
    pub count: u64,
}

/// How a list may be read page by page: candidates, told by their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paging {
    /// Query parameters that choose the page or its size.
    pub parameters: Vec<String>,
    /// JSON Pointer to the items; empty when the body is the list.
    pub items: String,
    /// JSON Pointers to what leads on or counts.
    pub members: Vec<String>,
    /// Answers carry a `Link` (RFC 8288).
    pub link_header: bool,
}

/// How well the twin did at one endpoint in shadow mode. Scores run from 0 to 100.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EndpointFidelity {
    /// Exchanges that were scored.
    pub exchanges: u64,
    pub score: f64,
    /// How often the twin's status was the API's.
    pub status: f64,
    /// How alike the bodies were in their positions and types, when there were JSON bodies.
    pub schema: Option<f64>,
    /// How many of the values that the twin claims to know were right, when it claimed any.
    pub values: Option<f64>,
    /// Minute by minute, oldest first; minutes without traffic are left out.
    pub series: Vec<FidelityPoint>,
    /// What was wrong, newest first, one of each kind and place.
    pub examples: Vec<FidelityExample>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FidelityPoint {
    pub at_ms: u64,
    pub exchanges: u64,
    pub score: f64,
}

/// One difference between the twin and the API, redacted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FidelityExample {
    /// `status`, `schema` or `value`.
    pub kind: String,
    /// JSON Pointer (RFC 6901) into the response body; empty for the whole of it, and for the status.
    pub pointer: String,
    /// What the API answered; absent where it had nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<serde_json::Value>,
    /// What the twin would have answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub got: Option<serde_json::Value>,
    /// Path and query of the request.
    pub target: String,
    /// The id of its row in the traffic list.
    pub exchange: u64,
    pub at_ms: u64,
}

/// One row of `GET /admin/fidelity`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FidelityRow {
    /// The endpoint's.
    pub id: String,
    pub method: String,
    pub template: String,
    #[serde(flatten)]
    pub fidelity: EndpointFidelity,
}

/// `GET /admin/fidelity`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fidelity {
    pub mode: Mode,
    /// Of all exchanges that were scored; absent while there are none.
    pub score: Option<f64>,
    pub exchanges: u64,
    /// Not scored for want of time, for their size, or because the twin had learned from them already.
    pub skipped: u64,
    /// Of endpoints that were not known yet.
    pub unknown: u64,
    /// Offered and not looked at yet.
    pub pending: u64,
    /// The worst first.
    pub endpoints: Vec<FidelityRow>,
}

/// A path, query or header parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    pub name: String,
    /// `path`, `query` or `header`.
    #[serde(rename = "in")]
    pub location: String,
    /// Share of requests that carried it, 0 to 1.
    pub presence: f64,
    /// JSON Schema 2020-12.
    pub schema: serde_json::Value,
    /// A few values seen, after redaction.
    pub samples: Vec<String>,
    /// In how many requests it was, and when first and last.
    #[serde(default)]
    pub count: u64,
    #[serde(default)]
    pub first_seen_ms: u64,
    #[serde(default)]
    pub last_seen_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResponseSchema {
    pub status: u16,
    pub count: u64,
    pub body: Option<BodySchema>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BodySchema {
    pub media_type: String,
    pub fields: Vec<Field>,
    /// The same as one JSON Schema 2020-12.
    pub schema: serde_json::Value,
    /// One body as it was seen, after redaction, when it is small.
    pub sample: Option<serde_json::Value>,
}

/// One position of a learned schema, depth first; what the schema tree shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// JSON Pointer-like: `/items/*/id`, `*` stands for any item or key; the empty string is the body itself.
    pub pointer: String,
    pub name: String,
    pub depth: u32,
    /// JSON Schema types seen, for example `["integer", "null"]`.
    pub types: Vec<String>,
    pub format: Option<String>,
    pub required: bool,
    /// Share of the parents that had it, 0 to 1.
    pub presence: f64,
    /// Share of its values that were null, 0 to 1.
    pub null_share: f64,
    pub count: u64,
    /// The values of an enum, when it is one.
    pub values: Vec<String>,
    /// How often each of them stood there.
    #[serde(default)]
    pub value_counts: Vec<u64>,
    /// A few values seen, after redaction.
    pub samples: Vec<String>,
    /// When it was there first and last; of an item, when the list was. Absent for a whole body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_ms: Option<u64>,
}

/// One row of `GET /admin/plugins`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PluginInfo {
    /// The file's name without its ending: what it is configured and switched by.
    pub id: String,
    /// As the plugin calls itself, or the id.
    pub name: String,
    pub file: String,
    /// As the plugin says, when it does.
    pub version: Option<String>,
    pub hooks: Vec<String>,
    /// `active`, `disabled` by a person, `switched-off` after failures, `refused`, or `outdated`: it runs, but its file was
    /// replaced by one that cannot be used.
    pub state: String,
    /// Why it is not simply active.
    pub reason: Option<String>,
    pub calls: u64,
    /// Calls without a usable answer.
    pub traps: u64,
    /// Half of the calls took no longer.
    pub p50_us: Option<f64>,
    pub p99_us: Option<f64>,
    /// The most that one instance had.
    pub memory_bytes: u64,
    /// What it took to get it ready.
    pub load_ms: f64,
    /// It was compiled before.
    pub from_cache: bool,
    pub last_error: Option<String>,
}

/// Body of `PATCH /admin/plugins/{id}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginChange {
    pub enabled: bool,
}

/// `GET` and `PUT /admin/redaction`: names of members, parameters and header fields whose values are never kept, beside
/// those that are known to be secrets. `apiKey` and `API-Key` are one name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redaction {
    pub names: Vec<String>,
}

/// A limit that holds, by the key of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    pub key: String,
    pub value: String,
    pub meaning: String,
}

/// The one error envelope of the admin API: `{"error":{"code","message","details"}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorBody {
    pub error: ErrorDetail,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// A stable word, for example `unknown_endpoint`.
    pub code: String,
    pub message: String,
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub details: serde_json::Value,
}
