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
    /// Upstream answered with this status, which says that it is not well.
    Unwell(u16),
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

/// What to do with an answer by which upstream, or what stands in front of it, says that it is not well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unwell {
    /// The client gets it as it came. It counts for the breaker all the same.
    #[default]
    PassOn,
    /// The twin answers in its place where it knows the endpoint.
    Twin,
}

/// RFC 9110 §15.6.3 to §15.6.5: bad gateway, service unavailable, gateway timeout. A 500 is an answer of the API's like any
/// other.
#[must_use]
pub const fn is_unwell(status: u16) -> bool {
    matches!(status, 502..=504)
}

/// Why the twin should answer although upstream did. `twin_knows` is asked only when it matters.
pub fn after_answer(status: u16, unwell: Unwell, failover: bool, twin_knows: impl FnOnce() -> bool) -> Option<Why> {
    let instead = failover && unwell == Unwell::Twin && is_unwell(status) && twin_knows();
    instead.then_some(Why::Unwell(status))
}

/// What of the request had left when the failure came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Nothing of a body has left our hands, so all of the request can be sent again.
    NoBody,
    /// A part of the body may be gone.
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

/// What a request was sent over, when that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// A new connection, or one that had begun to answer.
    Live,
    /// A connection that was kept from an earlier exchange, and ended before a single byte came.
    Stale,
}

/// One more try is fair when a kept connection died under an idempotent request before any byte of the answer: upstream
/// closed it just then, as it may at any time (RFC 9112 §9.3.1). A new connection that is closed over a request is an upstream
/// that may have taken it in. Where nothing can have been sent, a second try at once would only meet the same failure.
#[must_use]
pub fn may_resend(method: &str, failure: Failure, sent: Sent, line: Line) -> bool {
    failure == Failure::Closed && line == Line::Stale && sent == Sent::NoBody && is_idempotent(method)
}

/// RFC 9110 §9.2.1: asks for nothing to be changed.
#[must_use]
pub fn is_safe(method: &str) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE")
}

/// Whether upstream may have carried out a request whose answer the twin gave for this reason.
#[must_use]
pub const fn may_be_processed(why: Why) -> bool {
    match why {
        Why::MockMode | Why::BreakerOpen => false,
        Why::Failover(failure) => !failure.is_before_sending(),
        Why::Unwell(_) => true,
    }
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
        check(Mode::Shadow, true, Permit::Yes, true, Decision::Forward);
        check(Mode::Shadow, true, Permit::No, true, Decision::Twin(Why::BreakerOpen));
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
    fn an_unwell_upstream_is_replaced_only_where_that_is_wanted() {
        let check = |status, unwell, failover, knows, expected| {
            assert_eq!(after_answer(status, unwell, failover, || knows), expected, "{status} {unwell:?}");
        };
        check(503, Unwell::PassOn, true, true, None);
        check(503, Unwell::Twin, true, true, Some(Why::Unwell(503)));
        check(503, Unwell::Twin, true, false, None);
        check(503, Unwell::Twin, false, true, None);
        check(500, Unwell::Twin, true, true, None);
        check(200, Unwell::Twin, true, true, None);
    }

    #[test]
    fn only_what_never_left_is_certainly_not_processed() {
        assert!(!may_be_processed(Why::BreakerOpen));
        assert!(!may_be_processed(Why::Failover(Failure::Refused)));
        assert!(may_be_processed(Why::Failover(Failure::Closed)));
        assert!(may_be_processed(Why::Failover(Failure::HeadTimeout)));
        assert!(may_be_processed(Why::Unwell(504)));
    }

    #[test]
    fn what_may_have_been_processed_is_never_sent_twice() {
        for failure in FAILURES {
            for line in [Line::Live, Line::Stale] {
                assert!(!may_resend("POST", failure, Sent::NoBody, line), "{failure:?}");
                assert!(!may_resend("PATCH", failure, Sent::NoBody, line), "{failure:?}");
                assert!(!may_resend("PUT", failure, Sent::Body, line), "{failure:?}");
            }
            assert!(!may_resend("GET", failure, Sent::NoBody, Line::Live), "{failure:?}");
        }
    }

    #[test]
    fn a_dead_kept_alive_connection_costs_an_idempotent_request_nothing() {
        for failure in FAILURES {
            let fair = may_resend("GET", failure, Sent::NoBody, Line::Stale);
            assert_eq!(fair, failure == Failure::Closed, "{failure:?}");
        }
        assert!(may_resend("DELETE", Failure::Closed, Sent::NoBody, Line::Stale));
    }
}
