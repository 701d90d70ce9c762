//! The watchdog: what an API was when it was trusted, and what it does differently now.
//!
//! A [`Watchdog`] keeps a baseline per endpoint. It grows with the traffic until nothing new comes, is frozen
//! then, and moves only when a person accepts a change. Every later exchange is compared with it. A contradiction alone is
//! no finding: a sequential test (`evidence`) weighs it against how often the same was seen before. What passes becomes
//! a [`Finding`], findings of one kind at one endpoint become an [`Alert`] that counts up, and what people decide
//! about alerts moves the baseline or keeps it silent.
//!
//! Nothing here reads a clock: time comes with the exchanges and as an argument.

mod alerts;
pub mod compare;
mod document;
mod evidence;
mod finding;
mod manner;
mod observe;
mod pace;
mod rename;
mod retemplate;
mod returns;
mod rows;
mod score;
mod shape;
mod tree;
mod walk;
mod watch;
mod watchdog;
mod weigh;
mod words;

pub use alerts::{Action as Decision, Alert, AlertError, State, Step};
pub use compare::{Bump, Change, Changelog};
pub use finding::{Action, Area, Direction, Finding, Kind, Sample, Severity};
pub use score::{Counts, score};
pub use watchdog::{Consumers, EndpointStats, FREEZE_AFTER, Opinion, Phase, Version, Watchdog};
