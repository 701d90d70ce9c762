//! cargo-leptos reads `Cargo.toml`, the server started on its own reads `Leptos.toml`: what both hold must be the same.

use std::fs;
use std::path::Path;

fn options(file: &str) -> toml::Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    let document: toml::Table = fs::read_to_string(path).unwrap().parse().unwrap();
    document["workspace"]["metadata"]["leptos"][0].as_table().unwrap().clone()
}

#[test]
fn both_files_say_the_same() {
    let (cargo, leptos) = (options("Cargo.toml"), options("Leptos.toml"));
    for (key, value) in &leptos {
        assert_eq!(cargo.get(key), Some(value), "{key}");
    }
    for key in ["output-name", "site-root", "site-pkg-dir", "site-addr", "reload-port"] {
        assert!(leptos.contains_key(key), "the server needs {key}");
    }
}
