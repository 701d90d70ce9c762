//! The host against real files: guests that cargo builds, and hostile ones written by hand.

mod answers;
mod examples;
mod files;
mod hooks;
mod hostile;
mod reload;
mod support;
