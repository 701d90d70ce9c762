//! Faults on purpose: which request gets which, and what becomes of its answer.
//!
//! A [`Rule`] says whom it concerns, what goes wrong, how often and when. [`Active`] is a set of rules at work: it turns a
//! request into a [`Plan`]. Every draw is a hash of the seed, the rule and how many requests the rule has met, so the same
//! seed and order of requests give the same faults, and a [`FaultId`] brings one back.
//!
//! [`check`](Rule::check) refuses what makes no sense, [`edit`] damages bodies, [`Profile`] is the API's own habit of failing,
//! [`Follower`] watches what clients do after a fault, [`Experiment`] bounds all of it in time and damage.

mod active;
mod card;
mod check;
mod draw;
pub mod edit;
mod experiment;
mod fault;
mod learned;
mod pattern;
mod plan;
mod preset;
mod request;
mod rule;
mod schedule;
mod spans;

pub use active::{Active, Failures, Met};
pub use card::{After, ClientCard, Follower, Grade, Habit, Seen, Touched};
pub use check::Wrong;
pub use draw::Draw;
pub use edit::Edit;
pub use experiment::{Bounds, Experiment, Outcome, Report, State, Tally};
pub use fault::{Abort, Cut, Delay, Fault, Field, Flapping, Huge, LogNormal, Normal, Pace};
pub use learned::{Past, Profile};
pub use pattern::{glob, path_matches, template_matches};
pub use plan::{End, FaultId, Hit, Plan};
pub use preset::{PRESETS, Preset};
pub use request::{Asked, AskedError};
pub use rule::{Clients, FieldMatch, Match, Rule, Side};
pub use schedule::{Period, Schedule};
