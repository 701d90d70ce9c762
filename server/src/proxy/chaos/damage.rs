//! Damages the head and the body of an answer.

use http::Response;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use understudy_contract::twin::shifted_time;
use understudy_policy::chaos::Plan;
use understudy_policy::chaos::edit::replace_strings;

use super::{Mark, damages};
use crate::proxy::body::Body;
use crate::proxy::plugins::gather;
use crate::proxy::respond;
use crate::twin::now_ms;

/// Of a body that is read as a whole; a longer one passes as it is.
const BODY_BYTES: usize = 8 << 20;

/// Fields whose values are dates (RFC 9110).
const DATES: [HeaderName; 4] = [header::DATE, header::LAST_MODIFIED, header::EXPIRES, header::RETRY_AFTER];

/// What the plan wants to be wrong with an answer, as far as it can be.
pub(super) async fn apply(response: Response<Body>, plan: &Plan, mark: &Mark) -> Response<Body> {
    let (mut parts, mut body) = response.into_parts();
    if plan.skew_seconds != 0 {
        skew(&mut parts.headers, plan.skew_seconds);
    }
    let is_stream = field(&parts.headers, header::CONTENT_TYPE).starts_with("text/event-stream");
    let can_be_read =
        !parts.status.is_informational() && !is_stream && !parts.headers.contains_key(header::CONTENT_ENCODING);
    if plan.needs_body() && can_be_read {
        body = match gather(body, BODY_BYTES).await {
            Ok(whole) => {
                let changed = damaged(&whole, plan);
                if changed.is_some() {
                    parts.headers.remove(header::CONTENT_LENGTH);
                }
                Body::from(changed.unwrap_or(whole))
            }
            Err(passing) => passing,
        };
    } else if plan.needs_body() {
        respond::note(&mut parts.headers, "the body could not be read");
        tracing::debug!(fault = mark.ids, "leave a body as it is: it is compressed, or a stream of events");
    }
    if let Some(value) = plan.content_type.as_ref().and_then(|value| HeaderValue::try_from(value).ok()) {
        parts.headers.insert(header::CONTENT_TYPE, value);
    }
    Response::from_parts(parts, body)
}

fn field(headers: &HeaderMap, name: HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// `None` when nothing was changed.
fn damaged(body: &[u8], plan: &Plan) -> Option<bytes::Bytes> {
    let mut now: Option<Vec<u8>> = None;
    for edit in &plan.edits {
        now = damages(&edit.fault, now.as_deref().unwrap_or(body), edit).or(now);
    }
    if plan.skew_seconds != 0 {
        let later = |text: &[u8]| {
            let text: String = serde_json::from_slice(text).ok()?;
            serde_json::to_vec(&shifted_time(&text, plan.skew_seconds)?).ok()
        };
        now = replace_strings(now.as_deref().unwrap_or(body), later).or(now);
    }
    now.map(Into::into)
}

fn skew(headers: &mut HeaderMap, seconds: i64) {
    /// When Unix time began.
    const EPOCH: &str = "Thu, 01 Jan 1970 00:00:00 GMT";
    let now = i64::try_from(now_ms() / 1000).ok().and_then(|seconds| shifted_time(EPOCH, seconds));
    if let Some(now) = now.and_then(|text| HeaderValue::try_from(text).ok()) {
        // What is missing would be added later, and be right.
        headers.entry(header::DATE).or_insert(now);
    }
    for name in DATES {
        let later = headers.get(&name).and_then(|value| shifted_time(value.to_str().ok()?, seconds));
        if let Some(value) = later.and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(name, value);
        }
    }
}
