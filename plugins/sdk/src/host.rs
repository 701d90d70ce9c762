//! What the host does for a plugin, and what stands in for it outside WebAssembly.

use crate::bindings::imports::understudy::plugin::host as imported;

pub use imported::Level;

/// Writes one line to Understudy's log, under this plugin's name and version.
pub fn log(level: Level, message: &str) {
    if cfg!(target_family = "wasm") {
        imported::log(level, message);
    } else {
        eprintln!("{level:?}: {message}");
    }
}

/// The value that the operator set for this plugin. Outside WebAssembly there is no operator, and no value.
pub fn config(key: &str) -> Option<String> {
    if cfg!(target_family = "wasm") { imported::config(key) } else { None }
}
