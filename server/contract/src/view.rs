//! The contract as requests and readers see it: immutable, compiled for matching.

mod habits;
mod index;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde_json::Value;

use crate::model::{Limits, Model};
use crate::operation::{Bodies, Operation};
use crate::schema::{Schema, render};
use crate::sketch::{Absorb, Values};
use crate::{Request, Rules, hash, templates};

use index::Index;

pub use crate::schema::render::FieldView;
pub use habits::{Carrier, Frequency, Paging, Size, StatusHabit};

/// Names an endpoint for good: 16 hex digits of a hash over the method and the template without parameter names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointId(pub String);

impl EndpointId {
    /// `anonymous` is the template with `{}` for every parameter.
    pub(crate) fn of(method: &str, anonymous: &str) -> Self {
        Self(format!("{:016x}", hash::hash(format!("{method} {anonymous}").as_bytes())))
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Every endpoint of a model at one moment.
#[derive(Debug, Default)]
pub struct Contract {
    endpoints: Vec<Endpoint>,
    by_id: HashMap<String, usize>,
    index: Index,
    /// GraphQL operations by method and template, then by name.
    siblings: HashMap<(String, String), HashMap<String, usize>>,
    limits: Limits,
}

/// A method and a path template, with what was learned about them.
#[derive(Debug)]
pub struct Endpoint {
    pub id: EndpointId,
    pub method: String,
    /// The name of its GraphQL operation, when it is one of those that share a path.
    pub graphql: Option<String>,
    /// For example `/users/{id}`; parameter names are unique within a template.
    pub template: String,
    pub segments: Vec<Segment>,
    pub requests: u64,
    pub first_seen_ms: u64,
    pub last_seen_ms: u64,
    /// What stands behind each parameter in its segment, in the order of the parameters.
    pub(crate) suffixes: Vec<String>,
    pub(crate) values: Vec<Values>,
    pub(crate) operation: Operation,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    Literal(String),
    /// `kind` is a word such as `integer`, `uuid`, `slug`, `string`.
    Parameter {
        name: String,
        kind: &'static str,
    },
}

/// The endpoint a request belongs to.
#[derive(Debug)]
pub struct Match<'a> {
    pub endpoint: &'a Endpoint,
    /// Path parameters in order, percent-decoded.
    pub parameters: Vec<(&'a str, Cow<'a, str>)>,
}

/// A parameter, or a header field of an answer, as it was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterView {
    pub name: String,
    /// `path`, `query`, `header` or `cookie`.
    pub location: &'static str,
    /// Share of accepted requests, or of answers, that carried it, 0 to 1.
    pub presence: f64,
    pub required: bool,
    /// JSON Schema 2020-12.
    pub schema: Value,
    pub samples: Vec<String>,
    /// In how many messages it was, and when first and last, in milliseconds since 1970.
    pub count: u64,
    pub seen_ms: (u64, u64),
}

/// Bodies of one media type as they were seen.
#[derive(Debug, Clone, Copy)]
pub struct BodyView<'a> {
    pub media_type: &'a str,
    bodies: &'a Bodies,
}

/// Answers of one status.
#[derive(Debug)]
pub struct ResponseView<'a> {
    pub status: u16,
    pub count: u64,
    /// Header fields that say something, by name in lower case.
    pub headers: Vec<ParameterView>,
    /// By media type.
    pub bodies: Vec<BodyView<'a>>,
}

impl<'a> BodyView<'a> {
    #[must_use]
    pub fn count(&self) -> u64 {
        self.bodies.count
    }

    /// Whether the content was read, so that there is a schema.
    #[must_use]
    pub fn has_schema(&self) -> bool {
        self.bodies.count > self.bodies.unread
    }

    /// JSON Schema 2020-12.
    #[must_use]
    pub fn schema(&self) -> Value {
        render::schema(&self.bodies.schema)
    }

    /// The same as a flat list, depth first.
    #[must_use]
    pub fn fields(&self) -> Vec<FieldView> {
        if self.has_schema() { render::fields(&self.bodies.schema) } else { Vec::new() }
    }

    /// One small body as it was seen.
    #[must_use]
    pub fn sample(&self) -> Option<&'a str> {
        self.bodies.sample()
    }
}

impl Endpoint {
    /// Exchanges by response status, ascending.
    pub fn statuses(&self) -> impl Iterator<Item = (u16, u64)> {
        self.operation.responses.iter().map(|(status, response)| (*status, response.count))
    }

    /// The latency in milliseconds below which the share `q` of all answers lies.
    #[must_use]
    pub fn latency_ms(&self, q: f64) -> Option<f64> {
        let mut all = crate::sketch::Durations::default();
        self.operation.responses.values().for_each(|response| all.absorb(&response.latency));
        all.quantile(q).map(|micros| micros / 1000.0)
    }

    /// A latency in microseconds as this status had it: the one below which the share `draw` (0 to 1) of them lay. Of a
    /// status without any, as all answers had it.
    #[must_use]
    pub fn latency_us(&self, status: u16, draw: f64) -> Option<f64> {
        match self.operation.responses.get(&status) {
            Some(response) => response.latency.quantile(draw),
            None => self.latency_ms(draw).map(|millis| millis * 1000.0),
        }
    }

    /// 0 to 1: how far this can be relied on. A few well-answered requests settle most of it.
    #[must_use]
    pub fn confidence(&self) -> f64 {
        let good: u64 = self.statuses().filter(|(status, _)| *status < 400).map(|(_, count)| count).sum();
        let n = good as f64 + 0.25 * (self.requests - good.min(self.requests)) as f64;
        n / (n + 1.5)
    }

    /// About how much memory its summaries take, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.operation.memory_bytes()
    }

    /// Path parameters in order, then query parameters, header fields and cookies by name. Of what may be a credential
    /// only its presence is known.
    #[must_use]
    pub fn parameters(&self) -> Vec<ParameterView> {
        let mut out = Vec::new();
        let names = self.segments.iter().filter_map(|segment| match segment {
            Segment::Parameter { name, kind } => Some((name, *kind)),
            Segment::Literal(_) => None,
        });
        for ((name, kind), values) in names.zip(&self.values) {
            let samples =
                values.iter().map(|(text, _)| text.to_owned()).filter(|text| !text.is_empty()).take(5).collect();
            let schema = templates::parameter_schema(kind);
            out.push(ParameterView {
                name: name.clone(),
                location: "path",
                presence: 1.0,
                required: true,
                schema,
                samples,
                count: self.requests,
                seen_ms: (self.first_seen_ms, self.last_seen_ms),
            });
        }
        out.extend(self.query());
        out.extend(self.named("header", &self.operation.headers));
        out.extend(self.named("cookie", &self.operation.cookies));
        out
    }

    /// Header fields and cookies of accepted requests.
    fn named(&self, location: &'static str, seen: &Schema) -> impl Iterator<Item = ParameterView> {
        head_fields(location, seen, self.operation.accepted)
    }

    fn query(&self) -> impl Iterator<Item = ParameterView> {
        let accepted = self.operation.accepted;
        self.operation.query.objects.iter().flat_map(|objects| objects.fields.iter()).map(move |(name, field)| {
            let repeated = field.schema.count() > field.present;
            let one = render::field_schema(field, name);
            ParameterView {
                name: name.to_owned(),
                location: "query",
                presence: (field.present as f64 / accepted.max(1) as f64).min(1.0),
                required: field.present >= accepted && accepted >= render::REQUIRED_AFTER,
                count: field.present,
                seen_ms: (field.span.first_ms, field.span.last_ms),
                schema: if repeated { serde_json::json!({ "type": "array", "items": one }) } else { one },
                samples: render::samples(&field.schema),
            }
        })
    }

    /// Request bodies by media type, learned from requests that the API accepted.
    pub fn request_bodies(&self) -> impl Iterator<Item = BodyView<'_>> {
        bodies(&self.operation.request.kept)
    }

    /// Share of accepted requests that had a body, 0 to 1.
    #[must_use]
    pub fn request_body_presence(&self) -> f64 {
        let with_body: u64 = self.request_bodies().map(|body| body.count()).sum();
        (with_body as f64 / self.operation.accepted.max(1) as f64).min(1.0)
    }

    /// Share of requests that carried an `Authorization` header, 0 to 1.
    #[must_use]
    pub fn authorized_share(&self) -> f64 {
        self.operation.authorized as f64 / self.requests.max(1) as f64
    }

    /// Answers by status, ascending.
    pub fn responses(&self) -> impl Iterator<Item = ResponseView<'_>> {
        self.operation.responses.iter().map(|(status, response)| ResponseView {
            status: *status,
            count: response.count,
            headers: head_fields("header", &response.headers, response.count).collect(),
            bodies: bodies(&response.bodies.kept).collect(),
        })
    }
}

/// The fields of the heads of so many messages.
fn head_fields(location: &'static str, seen: &Schema, messages: u64) -> impl Iterator<Item = ParameterView> {
    seen.objects.iter().flat_map(|objects| objects.fields.iter()).map(move |(name, field)| ParameterView {
        name: name.to_owned(),
        location,
        presence: (field.present as f64 / messages.max(1) as f64).min(1.0),
        required: location == "header" && field.present >= messages && messages >= render::REQUIRED_AFTER_EVERYWHERE,
        schema: render::field_schema(field, name),
        count: field.present,
        seen_ms: (field.span.first_ms, field.span.last_ms),
        samples: render::samples(&field.schema),
    })
}

fn bodies(all: &std::collections::BTreeMap<String, Box<Bodies>>) -> impl Iterator<Item = BodyView<'_>> {
    all.iter().map(|(media_type, bodies)| BodyView { media_type, bodies })
}

impl Contract {
    pub(crate) fn of(model: &Model, rules: &Rules) -> Self {
        let (endpoints, dropped) = templates::endpoints(model, rules);
        let mut contract = Self { limits: Limits { dropped, ..model.limits() }, ..Self::default() };
        for endpoint in endpoints {
            // The plain endpoint of a path comes first, and is what a path alone leads to.
            match &endpoint.graphql {
                Some(name) => {
                    let key = (endpoint.method.clone(), endpoint.template.clone());
                    let last = contract.endpoints.last();
                    if last.is_none_or(|last| (&last.method, &last.template) != (&key.0, &key.1)) {
                        contract.index.put(&endpoint, contract.endpoints.len());
                    }
                    contract.siblings.entry(key).or_default().insert(name.clone(), contract.endpoints.len());
                }
                None => contract.index.put(&endpoint, contract.endpoints.len()),
            }
            contract.by_id.insert(endpoint.id.0.clone(), contract.endpoints.len());
            contract.endpoints.push(endpoint);
        }
        contract.add_missing(model);
        let crowded = contract.endpoints.iter().filter(|endpoint| endpoint.operation.is_cut()).count();
        contract.limits.crowded = crowded as u64;
        crate::kin::acquaint(&mut contract.endpoints);
        contract
    }

    /// Gives the answers that said "not found" to the endpoints that their paths belong to.
    fn add_missing(&mut self, model: &Model) {
        for missing in model.missing.kept.values() {
            if let Some(found) = self.index.find(&missing.method, &missing.path) {
                self.endpoints[found.endpoint].absorb(&missing.operation);
            }
        }
    }

    #[must_use]
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    #[must_use]
    pub fn endpoint(&self, id: &str) -> Option<&Endpoint> {
        self.by_id.get(id).map(|index| &self.endpoints[*index])
    }

    /// The endpoint for a method and a raw path (percent-encoding untouched, no query). Literals win over parameters,
    /// segment by segment from the left.
    #[must_use]
    pub fn find<'a>(&'a self, method: &str, path: &'a str) -> Option<Match<'a>> {
        let found = self.index.find(method, path)?;
        Some(Match { endpoint: &self.endpoints[found.endpoint], parameters: found.parameters })
    }

    /// The same for a whole request: where GraphQL operations share the path, the one that it asks for, and none when it
    /// asks for another.
    #[must_use]
    pub fn find_request<'a>(&'a self, request: &'a Request) -> Option<Match<'a>> {
        let mut found = self.find(&request.method, request.path())?;
        if self.siblings.is_empty() {
            return Some(found);
        }
        let key = (found.endpoint.method.clone(), found.endpoint.template.clone());
        let Some(siblings) = self.siblings.get(&key) else { return Some(found) };
        match crate::graphql::operation(request).and_then(|name| siblings.get(&name)) {
            Some(at) => found.endpoint = &self.endpoints[*at],
            None if found.endpoint.graphql.is_some() => return None,
            None => {}
        }
        Some(found)
    }

    /// What was left out, or is told less finely, for want of room.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }
}

impl Endpoint {
    /// `kind` is the method, and the GraphQL operation when it is one.
    pub(crate) fn new(
        (method, graphql): (&str, Option<&str>),
        segments: Vec<Segment>,
        suffixes: Vec<String>,
        values: Vec<Values>,
        operation: Operation,
    ) -> Self {
        let mut template = String::new();
        let mut anonymous = String::new();
        let mut rest = suffixes.iter();
        for segment in &segments {
            match segment {
                Segment::Literal(text) => {
                    [&mut template, &mut anonymous].into_iter().for_each(|s| s.extend(["/", text]))
                }
                Segment::Parameter { name, .. } => {
                    let suffix = rest.next().map_or("", String::as_str);
                    template.extend(["/{", name, "}", suffix]);
                    anonymous.extend(["/{}", suffix]);
                }
            }
        }
        if segments.is_empty() || operation.slashes * 2 > operation.requests {
            template.push('/');
        }
        if let Some(name) = graphql {
            anonymous.extend([" ", name]);
        }
        let mut endpoint = Self {
            id: EndpointId::of(method, &anonymous),
            method: method.to_owned(),
            graphql: graphql.map(str::to_owned),
            template,
            segments,
            requests: 0,
            first_seen_ms: u64::MAX,
            last_seen_ms: 0,
            suffixes,
            values,
            operation: Operation::default(),
        };
        endpoint.absorb(&operation);
        endpoint
    }

    fn absorb(&mut self, operation: &Operation) {
        self.operation.absorb(operation);
        self.requests = self.operation.requests;
        self.first_seen_ms = self.operation.span.first_ms;
        self.last_seen_ms = self.operation.span.last_ms;
    }
}

/// The same, to be told more.
pub(crate) fn success_schemas_mut(operation: &mut Operation) -> impl Iterator<Item = &mut Schema> {
    let good = operation.responses.iter_mut().filter(|(status, _)| (200..300).contains(*status));
    good.flat_map(|(_, response)| response.bodies.kept.values_mut())
        .filter(|b| b.count > b.unread)
        .map(|b| &mut b.schema)
}

/// The summary of a schema, for what reads it deeper than its rendering.
pub(crate) fn success_schemas(operation: &Operation) -> impl Iterator<Item = &Schema> {
    operation
        .successes()
        .flat_map(|response| response.bodies.kept.values())
        .filter(|b| b.count > b.unread)
        .map(|b| &b.schema)
}
