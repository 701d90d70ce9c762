//! Generated from `plugins/wit`: a module for what the host offers and one for each hook.

pub(crate) mod imports {
    wit_bindgen::generate!({ path: "../wit", world: "imports" });
}

pub(crate) mod normalizer {
    wit_bindgen::generate!({
        path: "../wit",
        world: "normalizer-plugin",
        with: { "understudy:plugin/host@0.1.0": crate::bindings::imports::understudy::plugin::host },
        pub_export_macro: true,
        export_macro_name: "export_normalizer_guest",
    });
}
