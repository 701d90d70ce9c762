//! What is built in: no version with a known fault, and no unsafe code of ours. `cargo deny` looks at the rest (`make deny`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &Path) -> Table {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Major, minor, patch.
fn numbers(version: &str) -> Vec<u64> {
    let plain = version.split(['-', '+']).next().unwrap();
    let mut numbers: Vec<u64> = plain.split('.').map(|number| number.parse().unwrap()).collect();
    numbers.resize(3, 0);
    numbers
}

/// Without a range every version is.
fn is_denied(range: Option<&str>, version: &str) -> bool {
    match range.map(|range| range.split_at(1)) {
        None => true,
        Some(("<", floor)) => numbers(version) < numbers(floor),
        Some(("=", exact)) => numbers(version) == numbers(exact),
        Some(_) => panic!("a floor (<) or one version (=) is what this test can read, not {range:?}"),
    }
}

#[test]
fn no_version_lies_below_its_floor() {
    let mut locked: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in read(&root().join("Cargo.lock"))["package"].as_array().unwrap() {
        let text = |key: &str| package[key].as_str().unwrap().to_owned();
        locked.entry(text("name")).or_default().push(text("version"));
    }
    assert!(locked.len() > 200 && locked.contains_key("hyper"), "{} packages", locked.len());
    let rules = read(&root().join("deny.toml"));
    let mut floors = 0;
    for rule in rules["bans"]["deny"].as_array().unwrap() {
        let (spec, reason) = (rule["crate"].as_str().unwrap(), rule["reason"].as_str().unwrap());
        let (name, range) = spec.split_once('@').map_or((spec, None), |(name, range)| (name, Some(range)));
        floors += usize::from(range.is_some_and(|range| range.starts_with('<')));
        for version in locked.get(name).into_iter().flatten() {
            assert!(!is_denied(range, version), "{name} {version} is locked: {spec} is denied ({reason})");
        }
    }
    assert!(floors >= 8, "{floors}");
}

#[test]
fn unsafe_code_is_forbidden_everywhere() {
    let manifest = read(&root().join("Cargo.toml"));
    assert_eq!(manifest["workspace"]["lints"]["rust"]["unsafe_code"], Value::from("forbid"));
    let members = manifest["workspace"]["members"].as_array().unwrap();
    for member in members.iter().map(|member| member.as_str().unwrap()) {
        let lints = read(&root().join(member).join("Cargo.toml")).get("lints").cloned();
        let follows = lints.is_some_and(|lints| lints.get("workspace") == Some(&Value::Boolean(true)));
        assert!(follows, "{member} goes its own way with lints");
    }
}
