//! The learned contract of an API, and the twin that plays it.
//!
//! [`Model`] takes finished exchanges and keeps mergeable summaries; [`Contract`] is the immutable view of a model that
//! requests are matched against; [`openapi`] writes it down, [`export`] does for other tools; [`twin`] answers in the API's
//! place.
//!
//! This crate has no IO, no clock and no randomness of its own: times and seeds arrive as arguments. That makes it
//! exact to test and lets it run anywhere. Redaction happened before an exchange gets here.

mod conduct;
mod decide;
pub mod drift;
pub mod exchange;
pub mod export;
mod graphql;
mod hash;
mod headers;
pub mod import;
mod kin;
mod media;
pub mod model;
mod names;
pub mod openapi;
mod operation;
mod proof;
mod provenance;
pub mod rules;
mod schema;
mod sketch;
mod templates;
mod text;
mod token;
mod trie;
pub mod twin;
pub mod view;

pub use exchange::{Body, Exchange, Headers, Request, Response};
pub use model::Model;
pub use rules::Rules;
pub use view::{Contract, Endpoint, EndpointId, Segment};
