//! What upstream's failures mean.

use std::error::Error as StdError;
use std::io;

use understudy_policy::{Failure, Line};

use crate::proxy::body::BoxError;

/// Upstream gave no answer.
#[derive(Debug, thiserror::Error)]
#[error("upstream {}", .failure.words())]
pub struct UpstreamError {
    pub failure: Failure,
    #[source]
    pub source: Option<BoxError>,
    /// Our own side broke the request off; nothing is known about upstream.
    pub downstream: bool,
    /// What the request was sent over.
    pub line: Line,
}

impl UpstreamError {
    #[must_use]
    pub const fn of(failure: Failure) -> Self {
        Self { failure, downstream: false, source: None, line: Line::Live }
    }

    /// No connection could be made.
    pub(super) fn connecting(error: BoxError) -> Self {
        let failure = classify_connecting(&*error);
        Self { source: Some(error), ..Self::of(failure) }
    }

    /// The connection failed under the request.
    pub(super) fn exchanging(error: hyper::Error, line: Line) -> Self {
        let malformed =
            chain(&error).filter_map(|cause| cause.downcast_ref::<hyper::Error>()).any(hyper::Error::is_parse);
        let failure = if malformed { Failure::Malformed } else { Failure::Closed };
        Self { failure, downstream: is_ours(&error), source: Some(error.into()), line }
    }

    /// The whole chain of causes, for the log and the status.
    #[must_use]
    pub fn causes(&self) -> String {
        let mut text = self.to_string();
        let mut next = self.source();
        while let Some(error) = next {
            text = format!("{text}: {error}");
            next = error.source();
        }
        text
    }
}

/// Every error in the chain of causes.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (**error).source())
}

fn io_kind(error: &(dyn StdError + 'static)) -> Option<io::ErrorKind> {
    chain(error).filter_map(|error| error.downcast_ref::<io::Error>()).last().map(io::Error::kind)
}

/// The body that we were sending failed on our side: the client went away, or the twin took it back.
fn is_ours(error: &hyper::Error) -> bool {
    chain(error).filter_map(|error| error.downcast_ref::<hyper::Error>()).any(hyper::Error::is_user)
}

/// An `io::Error` that wraps another error passes over it when it is asked for its source.
fn is_tls(error: &(dyn StdError + 'static)) -> bool {
    let wrapped = || error.downcast_ref::<io::Error>()?.get_ref();
    error.is::<rustls::Error>() || wrapped().is_some_and(|inner| is_tls(inner))
}

fn classify_connecting(error: &(dyn StdError + 'static)) -> Failure {
    // The connector tells a failed look-up by its words alone.
    let is_name = chain(error).any(|cause| cause.to_string().contains("dns error"));
    let is_tls = chain(error).any(is_tls);
    match io_kind(error) {
        _ if is_name => Failure::Name,
        _ if is_tls => Failure::Tls,
        Some(io::ErrorKind::ConnectionRefused) => Failure::Refused,
        Some(io::ErrorKind::TimedOut) => Failure::ConnectTimeout,
        _ => Failure::Unreachable,
    }
}
