//! Says what to do with one request. Pure: time and random draws arrive as arguments, nothing is read or written.
//!
//! [`decide`] answers before anything was sent, [`after_failure`] when upstream let us down, [`may_resend`] whether the
//! same bytes may go out a second time. [`Breaker`] remembers how upstream did lately.

mod breaker;
mod decision;

pub use breaker::{Breaker, BreakerState, Limits, Permit};
pub use decision::{After, Decision, Failure, Sent, Why, after_failure, decide, is_idempotent, may_resend};

/// Who answers the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Upstream answers; when it cannot, the twin does, if failover is on.
    #[default]
    Proxy,
    /// The twin answers.
    Mock,
}
