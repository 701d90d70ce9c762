//! Who is to answer one request, and how: the project's mode, what people decided about the endpoint, and what the client
//! itself prefers. The later ones win.

use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Response};
use understudy_policy::{Mode, Preferences, Wanted};
use understudy_types::Override;

use super::body::Body;
use super::exchange::ExchangeContext;
use super::respond::Refusal;
use crate::snapshot::{Snapshot, policy_mode};

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

#[derive(Debug, Default)]
pub(super) struct Choice {
    pub(super) mode: Mode,
    pub(super) failover: bool,
    /// In words, why the twin although the project's mode does not say so.
    pub(super) because: Option<&'static str>,
    pub(super) preferences: Preferences,
    pub(super) overridden: Option<Override>,
}

impl Choice {
    pub(super) fn make(snapshot: &Snapshot, exchange: &ExchangeContext) -> Result<Self, Refusal> {
        let preferences = read(&exchange.headers)?;
        let overridden = overridden(snapshot, exchange);
        let own = overridden.as_ref().and_then(|own| own.mode).map(policy_mode);
        let (mode, because) = match (preferences.wanted(), own) {
            (Some(Wanted::Twin), _) => (Mode::Mock, Some("the client prefers it")),
            (Some(Wanted::Upstream), _) => (Mode::Proxy, None),
            (None, Some(mode)) => (mode, Some("the endpoint's override")),
            (None, None) => (snapshot.mode, None),
        };
        Ok(Self { mode, failover: snapshot.failover, because, preferences, overridden })
    }

    /// Tells the client which of its preferences were met (RFC 7240 §3).
    pub(super) fn applied(headers: &mut HeaderMap, met: &Preferences) {
        let text = met.to_string();
        if let Some(value) = HeaderValue::try_from(text).ok().filter(|value| !value.is_empty()) {
            headers.append(PREFERENCE_APPLIED, value);
        }
    }

    /// The same for an answer of upstream: a status or an example cannot be had from it.
    pub(super) fn applied_upstream(&self, mut response: Response<Body>) -> Response<Body> {
        let source = self.preferences.source.filter(|source| *source == Wanted::Upstream);
        let met = Preferences { status: None, example: None, source, ..self.preferences.clone() };
        Self::applied(response.headers_mut(), &met);
        response
    }
}

pub(super) fn read(headers: &HeaderMap) -> Result<Preferences, Refusal> {
    let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    Ok(Preferences::read(values)?)
}

/// Overrides are few or none; without any the path is not matched.
fn overridden(snapshot: &Snapshot, exchange: &ExchangeContext) -> Option<Override> {
    let overrides = &snapshot.twin.overrides;
    if overrides.is_empty() {
        return None;
    }
    let found = snapshot.contract.find(exchange.method.as_str(), exchange.target.path())?;
    overrides.get(&found.endpoint.id.0).cloned()
}
