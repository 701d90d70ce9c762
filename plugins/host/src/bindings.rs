//! Generated from `plugins/wit`: a module for what plugins import and one for each hook.
//!
//! A world for each hook lets a plugin have any of them: whether a component has a hook is asked with the indices that
//! are generated for the hook's world.

pub(crate) mod imports {
    wasmtime::component::bindgen!({ path: "../wit", world: "imports" });
}

macro_rules! hook {
    ($module:ident, $world:literal, $($ty:ident),*) => {
        pub(crate) mod $module {
            wasmtime::component::bindgen!({
                path: "../wit",
                world: $world,
                with: { "understudy:plugin/host": crate::bindings::imports::understudy::plugin::host },
                additional_derives: [PartialEq],
            });
            $(pub use self::exports::understudy::plugin::$module::$ty;)*
        }
    };
}

hook!(normalizer, "normalizer-plugin",);
hook!(generator, "generator-plugin", Field);
hook!(chaos_policy, "chaos-policy-plugin", Abort, Fault, Request);
hook!(redactor, "redactor-plugin", Message, Side, Text);
hook!(drift_policy, "drift-policy-plugin", Finding, Severity, Verdict);
hook!(responder, "responder-plugin", Request, Response);
