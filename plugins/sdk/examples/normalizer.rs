//! Names the segment after `shops`: `/shops/north/items` is an endpoint of every shop.

use understudy_plugin_sdk::{Normalizer, export_normalizer};

struct Plugin;

impl Normalizer for Plugin {
    fn normalize(_method: String, mut segments: Vec<String>) -> Option<Vec<String>> {
        let shops = segments.iter().position(|segment| segment == "shops")?;
        *segments.get_mut(shops + 1)? = "{shop}".to_owned();
        Some(segments)
    }
}

export_normalizer!(Plugin);
