//! The contract as an OpenAPI 3.1 document.

mod graphql;
mod shared;

pub(crate) use shared::pascal;

use serde_json::{Map, Value, json};

use crate::view::{BodyView, ParameterView, ResponseView};
use crate::{Contract, Endpoint};

/// What goes into the document beside the contract.
#[derive(Debug, Clone)]
pub struct Options {
    pub title: String,
    /// Base URLs for `servers`.
    pub servers: Vec<String>,
    /// Write `x-understudy` with counts and confidence.
    pub evidence: bool,
}

/// Methods that a path item can describe (OpenAPI 3.1, section 4.8.9).
const METHODS: [&str; 8] = ["GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"];

/// The document; the same contract and options give the same bytes.
#[must_use]
pub fn document(contract: &Contract, options: &Options) -> Value {
    let mut paths = Map::new();
    for endpoint in contract.endpoints().iter().filter(|endpoint| METHODS.contains(&endpoint.method.as_str())) {
        let item = paths.entry(endpoint.template.clone()).or_insert_with(|| json!({}));
        let place = &mut item[endpoint.method.to_ascii_lowercase()];
        match &endpoint.graphql {
            Some(name) => graphql::join(place, name, operation(endpoint, options)),
            None => *place = operation(endpoint, options),
        }
    }
    let servers: Vec<Value> = options.servers.iter().map(|url| json!({ "url": url })).collect();
    let mut document = json!({ "openapi": "3.1.0", "info": { "title": options.title, "version": "1" } });
    if !servers.is_empty() {
        document["servers"] = json!(servers);
    }
    let components = shared::share(&mut paths);
    document["paths"] = Value::Object(paths);
    if !components.is_empty() {
        document["components"] = json!({ "schemas": components });
    }
    document
}

fn operation(endpoint: &Endpoint, options: &Options) -> Value {
    let mut out = Map::new();
    out.insert("operationId".into(), json!(format!("{}-{}", endpoint.method.to_ascii_lowercase(), endpoint.id)));
    let parameters: Vec<Value> = endpoint.parameters().into_iter().map(parameter).collect();
    if !parameters.is_empty() {
        out.insert("parameters".into(), json!(parameters));
    }
    let request: Vec<BodyView<'_>> = endpoint.request_bodies().collect();
    if !request.is_empty() {
        let required = endpoint.request_body_presence() >= 1.0;
        out.insert("requestBody".into(), json!({ "required": required, "content": content(&request) }));
    }
    let responses: Map<String, Value> = endpoint.responses().map(|r| (r.status.to_string(), response(&r))).collect();
    out.insert("responses".into(), Value::Object(responses));
    if options.evidence {
        out.insert("x-understudy".into(), evidence(endpoint));
    }
    Value::Object(out)
}

fn parameter(view: ParameterView) -> Value {
    json!({ "name": view.name, "in": view.location, "required": view.required, "schema": view.schema })
}

fn response(view: &ResponseView<'_>) -> Value {
    let mut out = json!({ "description": reason(view.status) });
    let headers: Map<String, Value> = view
        .headers
        .iter()
        .map(|field| (field.name.clone(), json!({ "required": field.required, "schema": field.schema })))
        .collect();
    if !headers.is_empty() {
        out["headers"] = Value::Object(headers);
    }
    if !view.bodies.is_empty() {
        out["content"] = content(&view.bodies);
    }
    out
}

fn content(bodies: &[BodyView<'_>]) -> Value {
    let media = |body: &BodyView<'_>| if body.has_schema() { json!({ "schema": body.schema() }) } else { json!({}) };
    Value::Object(bodies.iter().map(|body| (body.media_type.to_owned(), media(body))).collect())
}

fn evidence(endpoint: &Endpoint) -> Value {
    let statuses: Map<String, Value> =
        endpoint.statuses().map(|(status, count)| (status.to_string(), json!(count))).collect();
    json!({
        "requests": endpoint.requests,
        "statuses": statuses,
        "confidence": (endpoint.confidence() * 1000.0).round() / 1000.0,
        "firstSeenMs": endpoint.first_seen_ms,
        "lastSeenMs": endpoint.last_seen_ms,
    })
}

/// The reason phrase of a status (RFC 9110 section 15): a description is required, and this is all that is certain.
pub(crate) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        410 => "Gone",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => match status / 100 {
            1 => "Informational",
            2 => "Success",
            3 => "Redirection",
            4 => "Client error",
            _ => "Server error",
        },
    }
}
