//! Says what to do with one request. Pure: time and random draws arrive as arguments, nothing is read or written.
//!
//! [`decide`] answers before anything was sent, [`after_failure`] when upstream let us down, [`after_answer`] when it gave an
//! answer that says so, [`may_resend`] whether the same bytes may go out a second time. [`Breaker`] remembers how upstream
//! did lately, [`Deadlines`] say when its silence counts as a failure. [`chaos`] makes requests fail on purpose.

mod breaker;
pub mod chaos;
mod deadline;
mod decision;
mod prefer;

pub use breaker::{Breaker, BreakerState, Limits, Permit};
pub use deadline::Deadlines;
pub use decision::{
    After, Decision, Failure, Line, Sent, Unwell, Why, after_answer, after_failure, decide, is_idempotent, is_safe,
    is_unwell, may_be_processed, may_resend,
};
pub use prefer::{BadPreference, Preferences, Wanted};

/// Who answers the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Upstream answers; when it cannot, the twin does, if failover is on.
    #[default]
    Proxy,
    /// The twin answers.
    Mock,
    /// As `Proxy`; what the twin would have answered is computed beside it and scored.
    Shadow,
}
