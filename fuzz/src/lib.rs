//! What must hold whatever bytes come, one module for each target. Nothing here panics on purpose but an `assert!`.
//!
//! Files of the server that depend on nothing of it are built in from where they lie; the rest of the server would bring the
//! whole dashboard into each build.

#![forbid(unsafe_code)]

pub mod admin;
pub mod codings;
pub mod decode;
pub mod filter;
pub mod framing;
pub mod import;
pub mod merge;
pub mod paths;
pub mod plugin;
mod recording;
pub mod redact;
pub mod schema;
pub mod twin;
