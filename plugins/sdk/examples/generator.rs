//! Makes article numbers such as `"ART-00042"` for members named `article`.

use understudy_plugin_sdk::{Field, Generator, export_generator};

struct Plugin;

impl Generator for Plugin {
    fn generate(field: Field) -> Option<String> {
        if field.name != "article" {
            return None;
        }
        Some(format!("\"ART-{:05}\"", field.seed % 100_000))
    }
}

export_generator!(Plugin);
