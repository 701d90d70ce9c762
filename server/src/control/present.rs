//! From the contract's types to those the browser knows.

use understudy_contract::twin;
use understudy_contract::view::{self, BodyView, FieldView, ParameterView, ResponseView};
use understudy_types::{
    AuthCarrier, BodySchema, EndpointBehaviour, EndpointDetail, EndpointSummary, Field, LatencyBucket, Paging,
    Parameter, Rate, RateBucket, Refusal, ResponseSchema, Segment, Sizes, StatusBehaviour, StatusCount, TwinCollection,
    TwinEntity, ValueCount,
};

use crate::shadow::Record;

pub(super) fn summary(endpoint: &view::Endpoint) -> EndpointSummary {
    EndpointSummary {
        id: endpoint.id.to_string(),
        method: endpoint.method.clone(),
        graphql: endpoint.graphql.clone(),
        template: endpoint.template.clone(),
        segments: endpoint.segments.iter().map(segment).collect(),
        requests: endpoint.requests,
        statuses: endpoint.statuses().map(|(status, count)| StatusCount { status, count }).collect(),
        latency_p50_ms: endpoint.latency_ms(0.5),
        latency_p95_ms: endpoint.latency_ms(0.95),
        confidence: endpoint.confidence(),
        first_seen_ms: endpoint.first_seen_ms,
        last_seen_ms: endpoint.last_seen_ms,
        recent: recent(endpoint),
        mode: None,
        drift: None,
    }
}

/// Stretches of time that a small picture has room for.
const STRETCHES: u64 = 24;

fn recent(endpoint: &view::Endpoint) -> Vec<u64> {
    let view::Frequency { bucket_minutes, buckets } = endpoint.frequency();
    let Some((last, _)) = buckets.last().copied() else { return Vec::new() };
    let step = bucket_minutes.max(1) * 60_000;
    let at =
        |back: u64| buckets.iter().find(|(at, _)| last.checked_sub(back * step) == Some(*at)).map_or(0, |(_, n)| *n);
    (0..STRETCHES).rev().map(at).collect()
}

/// Read off the quantiles, in steps of 1, 2 and 5.
fn latency(endpoint: &view::Endpoint) -> Vec<LatencyBucket> {
    const POINTS: u32 = 200;
    let quantile = |point: u32| endpoint.latency_ms((f64::from(point) + 0.5) / f64::from(POINTS));
    let points: Vec<f64> = (0..POINTS).filter_map(quantile).collect();
    let mut buckets: Vec<LatencyBucket> = Vec::new();
    for point in &points {
        let to_ms = bound(*point);
        while buckets.last().is_some_and(|last| last.to_ms < to_ms) {
            let next = bound(buckets.last().map_or(0.0, |last| last.to_ms) * 1.01);
            buckets.push(LatencyBucket { to_ms: next, share: 0.0 });
        }
        if buckets.is_empty() {
            buckets.push(LatencyBucket { to_ms, share: 0.0 });
        }
        if let Some(last) = buckets.last_mut() {
            last.share += 1.0 / points.len() as f64;
        }
    }
    buckets
}

/// The next of …, 0.1, 0.2, 0.5, 1, 2, 5, … at or above a time.
fn bound(ms: f64) -> f64 {
    const SHORTEST_MS: f64 = 0.1;
    let mut decade = SHORTEST_MS;
    loop {
        if let Some(step) = [1.0, 2.0, 5.0].into_iter().find(|step| ms <= decade * step) {
            return decade * step;
        }
        decade *= 10.0;
    }
}

pub(super) fn detail(endpoint: &view::Endpoint, record: Option<&Record>) -> EndpointDetail {
    EndpointDetail {
        summary: summary(endpoint),
        parameters: endpoint.parameters().into_iter().map(parameter).collect(),
        request: endpoint.request_bodies().max_by_key(BodyView::count).map(|b| body(&b)),
        responses: endpoint.responses().map(|r| response(&r)).collect(),
        behaviour: behaviour(endpoint),
        fidelity: record.map(|record| record.present()),
        overridden: None,
        named_by: None,
        refusals: Vec::new(),
    }
}

pub(super) fn refusal(refusal: twin::Refused) -> Refusal {
    Refusal { status: refusal.status, cause: refusal.cause, count: u64::from(refusal.support) }
}

pub(super) fn collection(collection: twin::Collection) -> TwinCollection {
    let twin::Collection { name, key, rows, changed } = collection;
    TwinCollection { name, key, rows, changed }
}

pub(super) fn entity(entity: twin::Entity) -> TwinEntity {
    let twin::Entity { key, fields, refs, changed } = entity;
    TwinEntity { key, fields, refs, changed }
}

fn segment(segment: &view::Segment) -> Segment {
    match segment {
        view::Segment::Literal(text) => Segment::Literal(text.clone()),
        view::Segment::Parameter { name, kind } => Segment::Parameter { name: name.clone(), kind: (*kind).into() },
    }
}

fn parameter(view: ParameterView) -> Parameter {
    let ParameterView {
        name, location, presence, schema, samples, count, seen_ms: (first_seen_ms, last_seen_ms), ..
    } = view;
    Parameter { name, location: location.into(), presence, schema, samples, count, first_seen_ms, last_seen_ms }
}

fn behaviour(endpoint: &view::Endpoint) -> EndpointBehaviour {
    let view::Frequency { bucket_minutes, buckets } = endpoint.frequency();
    let buckets = buckets.into_iter().map(|(at_ms, requests)| RateBucket { at_ms, requests }).collect();
    let carrier = |view::Carrier { place, name, share }| AuthCarrier { place, name, share };
    let paging =
        |view::Paging { parameters, items, members, link_header }| Paging { parameters, items, members, link_header };
    EndpointBehaviour {
        statuses: endpoint.status_habits().map(status).collect(),
        request_bytes: endpoint.request_size().filter(|size| size.most > 0).map(sizes),
        rate: Rate { bucket_minutes, buckets },
        latency: latency(endpoint),
        auth: endpoint.carriers().into_iter().map(carrier).collect(),
        paging: endpoint.paging().map(paging),
    }
}

fn status(habit: view::StatusHabit) -> StatusBehaviour {
    let latency = |at: usize| habit.latency_ms.map(|all| all[at]);
    StatusBehaviour {
        status: habit.status,
        count: habit.count,
        share: habit.share,
        latency_p50_ms: latency(0),
        latency_p90_ms: latency(1),
        latency_p99_ms: latency(2),
        response_bytes: habit.size.map(sizes),
        etag_share: habit.etag,
        last_modified_share: habit.last_modified,
        cache_control: habit.cache_control.into_iter().map(|(value, count)| ValueCount { value, count }).collect(),
    }
}

fn sizes(view::Size { median, p95, most }: view::Size) -> Sizes {
    Sizes { median, p95, most }
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
        value_counts: view.value_counts,
        samples: view.samples,
        first_seen_ms: view.seen_ms.map(|(first, _)| first),
        last_seen_ms: view.seen_ms.map(|(_, last)| last),
    }
}

#[cfg(test)]
mod tests {
    use super::bound;

    #[test]
    fn times_fall_into_steps() {
        for (ms, expected) in [(0.0, 0.1), (0.1, 0.1), (0.3, 0.5), (3.0, 5.0), (5.1, 10.0), (180.0, 200.0)] {
            assert!((bound(ms) - expected).abs() < 1e-9, "{ms}: {}", bound(ms));
        }
    }
}
