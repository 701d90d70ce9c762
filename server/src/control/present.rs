//! From the contract's types to those the browser knows.

use serde_json::{Value, json};
use understudy_contract::twin;
use understudy_contract::view::{self, BodyView, FieldView, ParameterView, ResponseView};
use understudy_types::{
    BodySchema, EndpointDetail, EndpointSummary, Field, Parameter, ResponseSchema, Segment, StatusCount,
};

use crate::shadow::Record;

pub(super) fn summary(endpoint: &view::Endpoint) -> EndpointSummary {
    EndpointSummary {
        id: endpoint.id.to_string(),
        method: endpoint.method.clone(),
        template: endpoint.template.clone(),
        segments: endpoint.segments.iter().map(segment).collect(),
        requests: endpoint.requests,
        statuses: endpoint.statuses().map(|(status, count)| StatusCount { status, count }).collect(),
        latency_p50_ms: endpoint.latency_ms(0.5),
        latency_p95_ms: endpoint.latency_ms(0.95),
        confidence: endpoint.confidence(),
        first_seen_ms: endpoint.first_seen_ms,
        last_seen_ms: endpoint.last_seen_ms,
    }
}

pub(super) fn detail(endpoint: &view::Endpoint, record: Option<&Record>) -> EndpointDetail {
    EndpointDetail {
        summary: summary(endpoint),
        parameters: endpoint.parameters().into_iter().map(parameter).collect(),
        request: endpoint.request_bodies().max_by_key(BodyView::count).map(|b| body(&b)),
        responses: endpoint.responses().map(|r| response(&r)).collect(),
        fidelity: record.map(|record| record.present()),
        overridden: None,
        named_by: None,
    }
}

pub(super) fn collection(collection: twin::Collection) -> Value {
    let twin::Collection { name, key, rows, changed } = collection;
    json!({ "name": name, "key": key, "rows": rows, "changed": changed })
}

pub(super) fn entity(entity: twin::Entity) -> Value {
    let twin::Entity { key, fields, refs, changed } = entity;
    json!({ "key": key, "fields": fields, "refs": refs, "changed": changed })
}

fn segment(segment: &view::Segment) -> Segment {
    match segment {
        view::Segment::Literal(text) => Segment::Literal(text.clone()),
        view::Segment::Parameter { name, kind } => Segment::Parameter { name: name.clone(), kind: (*kind).into() },
    }
}

fn parameter(view: ParameterView) -> Parameter {
    let ParameterView { name, location, presence, schema, samples, .. } = view;
    Parameter { name, location: location.into(), presence, schema, samples }
}

/// An endpoint may answer one status in several media types; the most frequent one stands for them.
fn response(view: &ResponseView<'_>) -> ResponseSchema {
    let main = view.bodies.iter().max_by_key(|body| body.count());
    ResponseSchema { status: view.status, count: view.count, body: main.map(body) }
}

fn body(view: &BodyView<'_>) -> BodySchema {
    BodySchema {
        media_type: view.media_type.into(),
        fields: view.fields().into_iter().map(field).collect(),
        schema: view.schema(),
        sample: view.sample().and_then(|text| serde_json::from_str(text).ok()),
    }
}

fn field(view: FieldView) -> Field {
    Field {
        pointer: view.pointer,
        name: view.name,
        depth: view.depth,
        types: view.types.into_iter().map(str::to_owned).collect(),
        format: view.format.map(str::to_owned),
        required: view.required,
        presence: view.presence,
        null_share: view.null_share,
        count: view.count,
        values: view.values,
        samples: view.samples,
    }
}
