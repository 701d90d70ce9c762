//! What the request path reads: one immutable value, replaced as a whole.

use std::sync::Arc;

use understudy_contract::twin::Behaviour;
use understudy_contract::{Contract, Rules};
use understudy_policy::Mode;

use crate::twin::TwinControl;

/// Cheap to clone, so that a part can be replaced.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub contract: Arc<Contract>,
    pub behaviour: Arc<Behaviour>,
    /// The id of the newest exchange that the behaviour knows; 0 when it knows none.
    pub learned_to: u64,
    /// What people decided about the templates; the contract follows it.
    pub rules: Arc<Rules>,
    pub mode: Mode,
    pub failover: bool,
    /// What people decided about the twin.
    pub twin: Arc<TwinControl>,
}

#[must_use]
pub const fn policy_mode(mode: understudy_types::Mode) -> Mode {
    match mode {
        understudy_types::Mode::Proxy => Mode::Proxy,
        understudy_types::Mode::Mock => Mode::Mock,
        understudy_types::Mode::Shadow => Mode::Shadow,
    }
}

#[must_use]
pub const fn types_mode(mode: Mode) -> understudy_types::Mode {
    match mode {
        Mode::Proxy => understudy_types::Mode::Proxy,
        Mode::Mock => understudy_types::Mode::Mock,
        Mode::Shadow => understudy_types::Mode::Shadow,
    }
}
