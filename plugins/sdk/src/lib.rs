//! What a plugin author depends on.
//!
//! Implement the trait of a hook, export the type with the hook's macro, build the crate as a `cdylib` for
//! `wasm32-unknown-unknown`, and put the file into Understudy's plugin folder:
//!
//! ```
//! use understudy_plugin_sdk::{Normalizer, export_normalizer};
//!
//! struct Shops;
//!
//! impl Normalizer for Shops {
//!     fn normalize(_method: String, mut segments: Vec<String>) -> Option<Vec<String>> {
//!         if segments.first()? != "shops" {
//!             return None;
//!         }
//!         *segments.get_mut(1)? = "{shop}".to_owned();
//!         Some(segments)
//!     }
//! }
//!
//! export_normalizer!(Shops);
//! # fn main() {}
//! ```
//!
//! Outside WebAssembly the macros export nothing, so that a plugin's own logic can be tested with plain `cargo test`.

mod bindings;
mod host;

#[doc(hidden)]
pub mod export;

pub use host::{Level, config, log};

/// Says which segments of a path are parameters.
pub trait Normalizer {
    /// `segments` are the parts of the path between the slashes. The answer has as many: `{name}` where a parameter is,
    /// and the segment unchanged where Understudy shall find out by itself. `None` is "no opinion".
    fn normalize(method: String, segments: Vec<String>) -> Option<Vec<String>>;
}
