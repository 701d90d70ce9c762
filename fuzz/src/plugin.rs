//! What a guest hands back: a plugin whose every answer lies in the bytes of the question, pointers and lengths included.
//!
//! The host must not believe any of it, and must go on with the next call.

use std::sync::LazyLock;

use tempfile::TempDir;
use understudy_plugin_host::generator::Field;
use understudy_plugin_host::responder::{Request, Response};
use understudy_plugin_host::{Limits, Options, PluginHost};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// Answers with what its question begins with: the body of a message, the schema of a field, the first segment of a path.
const GUESTS: [(&str, &str); 3] = [
    (
        "responder",
        r#"(func (export "$name#concerns") (param i32 i32 i32 i32) (result i32) (i32.const 3))
           (func (export "$name#on-request")
               (param i32 i32 i32 i32 i32 i32) (param $body i32) (param i32) (result i32)
               (local.get $body))
           (func (export "$name#on-response")
               (param i32 i32 i32 i32 i32 i32 i32 i32) (param i32 i32 i32) (param $body i32) (param i32) (result i32)
               (local.get $body))"#,
    ),
    (
        "generator",
        r#"(func (export "$name#generate")
               (param i32 i32 i32 i32 i32 i32 i32 i32) (param $schema i32) (param i32 i64 i32 i32) (result i32)
               (local.get $schema))"#,
    ),
    (
        "normalizer",
        r#"(func (export "$name#normalize") (param i32 i32) (param $segments i32) (param i32) (result i32)
               (i32.load (local.get $segments)))"#,
    ),
];

struct Loaded {
    host: PluginHost,
    _dir: TempDir,
}

static LOADED: LazyLock<Loaded> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a folder for plugins");
    for (hook, functions) in GUESTS {
        std::fs::write(dir.path().join(format!("{hook}.wasm")), guest(hook, functions)).expect("a plugin is written");
    }
    let limits = Limits { failures_in_a_row: u32::MAX, ..Limits::default() };
    let host = PluginHost::load(dir.path(), Options { limits, ..Options::default() });
    for plugin in host.list() {
        assert!(!plugin.hooks.is_empty(), "{} was not loaded: {:?}", plugin.file, plugin.state);
    }
    Loaded { host, _dir: dir }
});

pub fn run(data: &[u8]) {
    let set = LOADED.host.current();
    let request = Request { method: "GET".into(), target: "/a".into(), headers: Vec::new(), body: data.to_vec() };
    let sound = |response: &Response| assert!((200..600).contains(&response.status), "status {}", response.status);
    set.answer("/a", &request).iter().for_each(|said| sound(&said.what));
    let response = Response { status: 200, headers: Vec::new(), body: data.to_vec() };
    set.amend("/a", &request, &response).iter().for_each(|said| sound(&said.what));

    let Ok(text) = std::str::from_utf8(data) else { return };
    let field = Field {
        method: "GET".into(),
        template: "/a/{id}".into(),
        pointer: "/id".into(),
        name: "id".into(),
        schema: text.into(),
        seed: 7,
        siblings: Vec::new(),
    };
    let _ = set.generate(&field);
    let segments = [text, "b"];
    if let Some(said) = set.normalize("GET", &segments) {
        assert_eq!(said.what.len(), segments.len());
        for (segment, template) in segments.iter().zip(&said.what) {
            assert!(template == segment || (template.starts_with('{') && template.ends_with('}')), "{template:?}");
        }
    }
}

fn guest(hook: &str, functions: &str) -> Vec<u8> {
    let functions = functions.replace("$name", &format!("understudy:plugin/{hook}@0.1.0"));
    // Questions are put to the same places again and again.
    let module = format!(
        r#"(module
            (memory (export "memory") 8)
            (global $free (mut i32) (i32.const 4096))
            (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
                (local $at i32)
                (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
                (global.set $free (i32.and (i32.add (local.get $at) (local.get $size)) (i32.const 0x3ffff)))
                (local.get $at))
            {functions})"#
    );
    let mut module = wat::parse_str(module).expect("the guest is a module");
    let mut resolve = Resolve::default();
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins/wit");
    let (package, _) = resolve.push_dir(wit).expect("the contract of plugins is read");
    let world = resolve.select_world(&[package], Some(&format!("{hook}-plugin"))).expect("the hook has a world");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("the guest is described");
    module
}
