//! Panics when the method is `DELETE`, and has no opinion otherwise.

use understudy_plugin_sdk::{Normalizer, export_normalizer};

struct Panics;

impl Normalizer for Panics {
    fn normalize(method: String, segments: Vec<String>) -> Option<Vec<String>> {
        assert_ne!(method, "DELETE", "no way with {segments:?}");
        None
    }
}

export_normalizer!(Panics);
