//! Folders of plugins, and where their files come from.

use std::collections::BTreeMap;
use std::fmt::Write;
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
    pub(crate) dir: TempDir,
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
        Self { host: PluginHost::load(dir.path(), options.clone()), dir }
    }

    /// Asks for the template of `path`, joined again.
    pub(crate) fn ask(&self, method: &str, path: &str) -> Option<String> {
        let segments: Vec<&str> = path.split('/').collect();
        self.host.current().normalize(method, &segments).map(|said| said.what.join("/"))
    }

    /// Puts a file into the folder, all at once, and has the folder read again.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.dir.path().join(name), bytes).unwrap();
        self.host.reload();
    }

    pub(crate) fn remove(&self, name: &str) {
        std::fs::remove_file(self.dir.path().join(name)).unwrap();
        self.host.reload();
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

/// Another of the examples, as its author would build it.
pub(crate) fn example(name: &str) -> Vec<u8> {
    const EXAMPLES: [&str; 5] = ["friday-checkout", "graphql-stand-in", "national-id", "payment-data", "quiet-meta"];
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let packages = EXAMPLES.iter().flat_map(|name| ["-p", name]);
        build(&packages.chain(["--target", "wasm32-unknown-unknown"]).collect::<Vec<_>>());
    });
    read(&format!("wasm32-unknown-unknown/plugin/{}.wasm", name.replace('-', "_")))
}

/// The example of the SDK that panics when the method is `DELETE`.
pub(crate) fn panics() -> Vec<u8> {
    sdk_example("panics")
}

/// One of the examples of the SDK, which are also what `understudy plugin new` writes.
pub(crate) fn sdk_example(name: &str) -> Vec<u8> {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        build(&["-p", "understudy-plugin-sdk", "--examples", "--target", "wasm32-unknown-unknown"]);
    });
    read(&format!("wasm32-unknown-unknown/plugin/examples/{}.wasm", name.replace('-', "_")))
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

/// Names the second segment `{a}` (or whatever letter is given), when there are two.
pub(crate) fn names_the_second(letter: char) -> Vec<u8> {
    let name = letter as u32;
    guest(
        r#"(data (i32.const 32) "{_}")"#,
        &format!(
            "(i32.store8 (i32.const 33) (i32.const {name}))
             (if (i32.ne (local.get $count) (i32.const 2)) (then (return (i32.const 16))))
             (i32.store (i32.const 64) (i32.const 1))
             (i32.store (i32.const 68) (local.get $segments))
             (i32.store (i32.const 72) (i32.const 2))
             (i32.store (i32.add (local.get $segments) (i32.const 8)) (i32.const 32))
             (i32.store (i32.add (local.get $segments) (i32.const 12)) (i32.const 3))
             (i32.const 64)"
        ),
    )
}

pub(crate) fn described(wat: &str) -> Vec<u8> {
    described_as("normalizer-plugin", wat)
}

fn described_as(world: &str, wat: &str) -> Vec<u8> {
    let mut module = wat::parse_str(wat).unwrap();
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(workspace().join("plugins/wit")).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    module
}

/// The same for another hook: `functions` are its exports, with `$name` for what their names begin with.
pub(crate) fn guest_with(hook: &str, items: &str, functions: &str) -> Vec<u8> {
    let functions = functions.replace("$name", &format!("understudy:plugin/{hook}@0.1.0"));
    described_as(
        &format!("{hook}-plugin"),
        &format!(
            r#"(module
                (memory (export "memory") 4)
                (global $free (mut i32) (i32.const 4096))
                (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
                    (local $at i32)
                    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
                    (global.set $free (i32.and (i32.add (local.get $at) (local.get $size)) (i32.const 0x1ffff)))
                    (local.get $at))
                {items}
                {functions})"#
        ),
    )
}

/// A chaos policy that is concerned with everything and decides so. 16 holds "no fault".
pub(crate) fn chaos(items: &str, decide: &str) -> Vec<u8> {
    let functions = format!(
        r#"(func (export "$name#concerns") (param i32 i32 i32 i32) (result i32) (i32.const 1))
           (func (export "$name#decide") (param i32 i32 i32 i32 i32 i32 i32 i64 i64) (result i32) {decide})"#
    );
    guest_with("chaos-policy", items, &functions)
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

/// A plugin without an opinion, with so many functions of 200 bytes each for the compiler to work on.
pub(crate) fn big(functions: u32) -> Vec<u8> {
    let mut items = String::new();
    for n in 0..functions {
        let _ = write!(items, "(func $f{n} (param i64) (result i64) (local.get 0)");
        for step in 0..22 {
            let constant = (u64::from(n) << 20 | step) * 0x9e37_79b9;
            let _ = write!(items, "(i64.const {}) i64.xor (i64.const {step}) i64.rotl", constant >> 2);
        }
        items.push(')');
    }
    guest(&items, "(i32.const 16)")
}
