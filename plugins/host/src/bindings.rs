//! Generated from `plugins/wit`: a module for what plugins import and one for each hook.
//!
//! A world for each hook lets a plugin have any of them: whether a component has a hook is asked with the indices that
//! are generated for the hook's world.

pub(crate) mod imports {
    wasmtime::component::bindgen!({ path: "../wit", world: "imports" });
}

pub(crate) mod normalizer {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "normalizer-plugin",
        with: { "understudy:plugin/host": crate::bindings::imports::understudy::plugin::host },
    });
}
