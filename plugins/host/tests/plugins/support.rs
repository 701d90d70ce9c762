//! Folders of plugins, and where their files come from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;
use understudy_plugin_host::{Options, PluginHost, PluginReport};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A plugin folder that lives as long as its host.
pub(crate) struct Folder {
    pub(crate) host: PluginHost,
    _dir: TempDir,
}

impl Folder {
    pub(crate) fn new(files: &[(&str, &[u8])]) -> Self {
        Self::with(files, &Options::default())
    }

    pub(crate) fn with(files: &[(&str, &[u8])], options: &Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(dir.path().join(name), bytes).unwrap();
        }
        Self { host: PluginHost::load_with(dir.path(), options), _dir: dir }
    }

    /// Asks for the template of `path`, joined again.
    pub(crate) fn ask(&self, method: &str, path: &str) -> Option<String> {
        let segments: Vec<&str> = path.split('/').collect();
        self.host.normalize(method, &segments).map(|template| template.join("/"))
    }

    /// The report of the only plugin.
    pub(crate) fn report(&self) -> PluginReport {
        let [report] = <[_; 1]>::try_from(self.host.list()).unwrap();
        report
    }
}

/// The options with some configuration for the plugin in `<plugin>.wasm`.
pub(crate) fn config(plugin: &str, pairs: &[(&str, &str)]) -> Options {
    let pairs = pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    Options { config: BTreeMap::from([(plugin.to_owned(), pairs)]), ..Options::default() }
}

/// `tenant-prefix` for a target, as its author would build it.
pub(crate) fn tenant_prefix(target: &str) -> Vec<u8> {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        build(&["-p", "tenant-prefix", "--target", "wasm32-unknown-unknown", "--target", "wasm32-wasip2"]);
    });
    read(&format!("{target}/plugin/tenant_prefix.wasm"))
}

/// The example of the SDK that panics when the method is `DELETE`.
pub(crate) fn panics() -> Vec<u8> {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        build(&["-p", "understudy-plugin-sdk", "--example", "panics", "--target", "wasm32-unknown-unknown"]);
    });
    read("wasm32-unknown-unknown/plugin/examples/panics.wasm")
}

/// A core module around the body of `normalize`, described as a plugin like wit-bindgen does it.
///
/// The body finds the question in `$method`, `$method_len`, `$segments`, `$count`, may use `$i`, and leaves the address of the
/// answer on the stack: 16 holds "no opinion". `items` stands outside of the function.
pub(crate) fn guest(items: &str, body: &str) -> Vec<u8> {
    described(&format!(
        r#"(module
            (import "understudy:plugin/host@0.1.0" "log" (func $log (param i32 i32 i32)))
            (memory (export "memory") 4)
            (global $free (mut i32) (i32.const 4096))
            (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
                (local $at i32)
                (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
                (global.set $free (i32.add (local.get $at) (local.get $size)))
                (local.get $at))
            {items}
            (func (export "understudy:plugin/normalizer@0.1.0#normalize")
                (param $method i32) (param $method_len i32) (param $segments i32) (param $count i32) (result i32)
                (local $i i32)
                (global.set $free (i32.const 4096))
                {body}))"#
    ))
}

pub(crate) fn described(wat: &str) -> Vec<u8> {
    let mut module = wat::parse_str(wat).unwrap();
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(workspace().join("plugins/wit")).unwrap();
    let world = resolve.select_world(&[package], Some("normalizer-plugin")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    module
}

/// In a target folder of its own, for the cargo that runs this test may hold the lock of the usual one.
fn build(args: &[&str]) {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--profile", "plugin", "--target-dir"])
        .arg(target_dir())
        .args(args)
        .current_dir(workspace())
        .status()
        .unwrap();
    assert!(status.success(), "cargo build {args:?}: {status}");
}

fn read(file: &str) -> Vec<u8> {
    std::fs::read(target_dir().join(file)).unwrap()
}

fn target_dir() -> PathBuf {
    workspace().join("target/plugins")
}

fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
