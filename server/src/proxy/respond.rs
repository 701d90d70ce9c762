//! The one place where what happened becomes a response.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde_json::{Value, json};
use understudy_policy::BadPreference;
use understudy_policy::chaos::AskedError;
use understudy_types::{ErrorBody, ErrorDetail, Source};

use super::body::{Body, CollectError};
use super::upstream::UpstreamError;

/// Who answered: `upstream`, `twin`, `fault`, or `none` for a refusal of our own.
pub const SOURCE: HeaderName = HeaderName::from_static("x-understudy-source");
/// Why that one, in a few words.
pub const REASON: HeaderName = HeaderName::from_static("x-understudy-reason");
/// How far a twin's answer can be relied on, 0 to 1.
pub const CONFIDENCE: HeaderName = HeaderName::from_static("x-understudy-confidence");
/// The ids of the faults that struck, by which they can be had again, and of the rules that they came from.
pub const FAULT: HeaderName = HeaderName::from_static("x-understudy-fault");
pub const FAULT_RULE: HeaderName = HeaderName::from_static("x-understudy-fault-rule");

/// Says who answered and why. An upstream that is itself an Understudy does not speak for us.
pub fn label(headers: &mut HeaderMap, source: Source, reason: &str) {
    headers.insert(SOURCE, HeaderValue::from_static(source_word(source)));
    headers.insert(REASON, reason_value(reason));
}

/// The same with a reason that is known beforehand, which nearly every answer has; nothing is made for it.
pub fn label_static(headers: &mut HeaderMap, source: Source, reason: &'static str) {
    headers.insert(SOURCE, HeaderValue::from_static(source_word(source)));
    headers.insert(REASON, HeaderValue::from_static(reason));
}

/// Goes on with the reason.
pub fn note(headers: &mut HeaderMap, note: &str) {
    let said = headers.get(REASON).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let reason = reason_value(&format!("{said}; {note}"));
    headers.insert(REASON, reason);
}

#[must_use]
pub const fn source_word(source: Source) -> &'static str {
    match source {
        Source::Upstream => "upstream",
        Source::Twin => "twin",
        Source::Fault => "fault",
        Source::None => "none",
    }
}

/// A field value cannot hold everything a path can.
fn reason_value(reason: &str) -> HeaderValue {
    let visible: String = reason.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect();
    HeaderValue::try_from(visible).unwrap_or_else(|_| HeaderValue::from_static("unspeakable"))
}

/// Why we give no answer of the API's.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("{0}, and failover is off")]
    Upstream(UpstreamError),
    #[error("{0}, and the twin cannot stand in: {1}")]
    NoStandIn(Cow<'static, str>, understudy_contract::twin::Refusal),
    #[error("{0}")]
    Twin(understudy_contract::twin::Refusal),
    #[error("{0}")]
    Preference(#[from] BadPreference),
    #[error("{0}")]
    Fault(#[from] AskedError),
    #[error("{0}")]
    Body(#[from] CollectError),
    #[error("CONNECT asks for a tunnel, and this is a reverse proxy")]
    Connect,
    #[error("the request target {0:?} names no path")]
    Target(String),
}

impl Refusal {
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Upstream(_) | Self::NoStandIn(..) => StatusCode::BAD_GATEWAY,
            Self::Twin(_) => StatusCode::NOT_IMPLEMENTED,
            Self::Body(CollectError::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(CollectError::Broken(_)) | Self::Target(_) | Self::Preference(_) | Self::Fault(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::Body(CollectError::Silent) => StatusCode::REQUEST_TIMEOUT,
            Self::Connect => StatusCode::METHOD_NOT_ALLOWED,
        }
    }

    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        use understudy_contract::twin::Refusal as Twin;
        match self {
            Self::Upstream(_) => "upstream_failed",
            Self::NoStandIn(..) => "upstream_failed_and_no_twin",
            Self::Twin(Twin::UnknownEndpoint { .. }) => "unknown_endpoint",
            Self::Twin(Twin::ThinEvidence { .. }) => "thin_evidence",
            Self::Body(CollectError::TooLarge) => "body_too_large",
            Self::Body(CollectError::Broken(_)) => "body_broken",
            Self::Body(CollectError::Silent) => "body_timeout",
            Self::Preference(_) => "bad_preference",
            Self::Fault(_) => "bad_fault",
            Self::Connect => "connect_refused",
            Self::Target(_) => "bad_target",
        }
    }

    /// What helps to find the mistake.
    fn details(&self) -> Value {
        use understudy_contract::twin::Refusal as Twin;
        match self {
            Self::Twin(refusal) | Self::NoStandIn(_, refusal) => match refusal {
                Twin::UnknownEndpoint { method, path, closest, .. } => {
                    let closest = closest.as_ref();
                    let closest = closest.map(|near| json!({ "endpoint": near.endpoint, "because": near.because }));
                    json!({ "method": method, "path": path, "closest": closest })
                }
                Twin::ThinEvidence { endpoint, confidence, needed, lacks } => {
                    json!({ "endpoint": endpoint, "confidence": confidence, "min_confidence": needed, "lacks": lacks })
                }
            },
            Self::Preference(bad) => json!({ "preference": bad.name, "given": bad.given, "expected": bad.expected }),
            Self::Fault(bad) => json!({ "given": bad.given, "expected": bad.expected }),
            _ => Value::Null,
        }
    }

    /// The answer that says so. `headers` are for the traffic list.
    #[must_use]
    pub fn response(&self) -> Response<Body> {
        let mut response = error_response(self.status(), self.code(), &self.to_string(), self.details());
        label(response.headers_mut(), Source::None, &self.to_string());
        if matches!(self, Self::Connect | Self::Target(_)) {
            // What follows a target that we do not understand may be no request: after CONNECT it is meant for a tunnel.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// The error envelope as a whole response.
#[must_use]
pub fn error_response(status: StatusCode, code: &str, message: &str, details: Value) -> Response<Body> {
    let body = ErrorBody { error: ErrorDetail { code: code.into(), message: message.into(), details } };
    let bytes = serde_json::to_vec(&body).expect("the envelope has string keys only");
    let mut response = Response::new(Body::from(Bytes::from(bytes)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_always_a_field_value() {
        let check = |reason: &str, expected: &str| assert_eq!(reason_value(reason), expected);
        check("read posts/7", "read posts/7");
        check("read caf\u{e9}/\n", "read caf?/?");
    }

    #[test]
    fn an_upstream_that_labels_itself_is_relabelled() {
        let mut headers = HeaderMap::new();
        headers.append(SOURCE, HeaderValue::from_static("twin"));
        headers.append(SOURCE, HeaderValue::from_static("fault"));
        label(&mut headers, Source::Upstream, "proxy mode");
        assert_eq!(headers.get_all(SOURCE).iter().collect::<Vec<_>>(), ["upstream"]);
    }
}
