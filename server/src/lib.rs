//! The shell around the pure crates: sockets, files, threads, time. `ARCHITECTURE.md` beside this crate is the map.

mod admin_token;
pub mod app;
pub mod chaos;
pub mod cli;
pub mod config;
pub mod control;
pub mod exchanges;
pub mod export;
pub mod handles;
pub mod learner;
pub mod listen;
pub mod messages;
pub mod outbox;
pub mod plugins;
pub mod projects;
pub mod proxy;
pub mod redact;
pub mod sample;
pub mod shadow;
pub mod snapshot;
pub mod stats;
pub mod store;
pub mod traces;
pub mod traffic;
pub mod twin;
pub mod watchdog;
