//! The host against real files: guests that cargo builds, and hostile ones written by hand.

mod answers;
mod files;
mod hostile;
mod support;
