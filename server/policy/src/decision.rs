//! Forward, or let the twin answer.

use crate::{Mode, Permit};

/// What to do with a request of which nothing was sent yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    Forward,
    Twin(Why),
}

/// Why the twin answers in the API's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    MockMode,
    BreakerOpen,
    Failover(Failure),
}

/// How upstream let us down before the first byte of its response head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    Refused,
    /// The name does not resolve.
    Name,
    Tls,
    ConnectTimeout,
    /// Any other failure to connect: no route, network down.
    Unreachable,
    /// The connection ended while we waited for the response head.
    Closed,
    /// No response head in time.
    HeadTimeout,
    /// What came back is not HTTP.
    Malformed,
}

impl Failure {
    /// In words, after "upstream".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Refused => "refused the connection",
            Self::Name => "has a name that does not resolve",
            Self::Tls => "failed the TLS handshake",
            Self::ConnectTimeout => "did not accept a connection in time",
            Self::Unreachable => "cannot be reached",
            Self::Closed => "closed the connection before it answered",
            Self::HeadTimeout => "did not answer in time",
            Self::Malformed => "sent something that is not HTTP",
        }
    }

    /// No byte of the request can have been processed.
    #[must_use]
    pub const fn is_before_sending(self) -> bool {
        matches!(self, Self::Refused | Self::Name | Self::Tls | Self::ConnectTimeout | Self::Unreachable)
    }
}

/// What to do once upstream has failed and nothing has gone downstream yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    Twin(Why),
    Refuse(Failure),
}

/// What of the request had left when the failure came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// The request has no body, so all of it can be sent again.
    NoBody,
    /// A part of the body may be gone from our hands.
    Body,
}

/// `twin_knows` is asked only when the breaker stands in the way: a request that the twin cannot answer is forwarded even
/// then, for a refusal would help nobody.
pub fn decide(mode: Mode, failover: bool, permit: Permit, twin_knows: impl FnOnce() -> bool) -> Decision {
    match (mode, permit) {
        (Mode::Mock, _) => Decision::Twin(Why::MockMode),
        (_, Permit::No) if failover && twin_knows() => Decision::Twin(Why::BreakerOpen),
        _ => Decision::Forward,
    }
}

#[must_use]
pub const fn after_failure(failure: Failure, failover: bool) -> After {
    if failover { After::Twin(Why::Failover(failure)) } else { After::Refuse(failure) }
}

/// One more try is fair when a connection died under an idempotent request before any byte of the answer: the usual
/// cause is a kept-alive connection that the server closed just then (RFC 9112 §9.3.1). Where nothing can have been sent,
/// a second try at once would only meet the same failure.
#[must_use]
pub fn may_resend(method: &str, failure: Failure, sent: Sent) -> bool {
    failure == Failure::Closed && sent == Sent::NoBody && is_idempotent(method)
}

/// RFC 9110 §9.2.2.
#[must_use]
pub fn is_idempotent(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILURES: [Failure; 8] = [
        Failure::Refused,
        Failure::Name,
        Failure::Tls,
        Failure::ConnectTimeout,
        Failure::Unreachable,
        Failure::Closed,
        Failure::HeadTimeout,
        Failure::Malformed,
    ];

    #[test]
    fn modes_decide() {
        let check = |mode, failover, permit, knows, expected| {
            assert_eq!(decide(mode, failover, permit, || knows), expected, "{mode:?} {failover} {permit:?} {knows}");
        };
        check(Mode::Proxy, true, Permit::Yes, true, Decision::Forward);
        check(Mode::Mock, true, Permit::Yes, false, Decision::Twin(Why::MockMode));
        check(Mode::Proxy, true, Permit::Probe, true, Decision::Forward);
        check(Mode::Proxy, true, Permit::No, true, Decision::Twin(Why::BreakerOpen));
        check(Mode::Proxy, true, Permit::No, false, Decision::Forward);
        check(Mode::Proxy, false, Permit::No, true, Decision::Forward);
    }

    #[test]
    fn the_twin_is_not_asked_while_the_breaker_is_closed() {
        let decision = decide(Mode::Proxy, true, Permit::Yes, || unreachable!("the hot path must not match"));
        assert_eq!(decision, Decision::Forward);
    }

    #[test]
    fn failover_takes_every_failure_when_it_is_on() {
        for failure in FAILURES {
            assert_eq!(after_failure(failure, true), After::Twin(Why::Failover(failure)));
            assert_eq!(after_failure(failure, false), After::Refuse(failure));
        }
    }

    #[test]
    fn what_may_have_been_processed_is_never_sent_twice() {
        for failure in FAILURES {
            assert!(!may_resend("POST", failure, Sent::NoBody), "{failure:?}");
            assert!(!may_resend("PATCH", failure, Sent::NoBody), "{failure:?}");
            assert!(!may_resend("PUT", failure, Sent::Body), "{failure:?}");
        }
    }

    #[test]
    fn a_dead_kept_alive_connection_costs_an_idempotent_request_nothing() {
        for failure in FAILURES {
            assert_eq!(may_resend("GET", failure, Sent::NoBody), failure == Failure::Closed, "{failure:?}");
        }
        assert!(may_resend("DELETE", Failure::Closed, Sent::NoBody));
    }
}
