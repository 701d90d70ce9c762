//! Generated from `plugins/wit`: a module for what the host offers and one for each hook.

pub(crate) mod imports {
    wit_bindgen::generate!({ path: "../wit", world: "imports" });
}

macro_rules! hook {
    ($module:ident, $world:literal, $export:literal) => {
        pub mod $module {
            wit_bindgen::generate!({
                path: "../wit",
                world: $world,
                with: { "understudy:plugin/host@0.1.0": crate::bindings::imports::understudy::plugin::host },
                pub_export_macro: true,
                export_macro_name: $export,
            });
        }
    };
}

hook!(normalizer, "normalizer-plugin", "export_normalizer_guest");
hook!(generator, "generator-plugin", "export_generator_guest");
hook!(chaos_policy, "chaos-policy-plugin", "export_chaos_policy_guest");
hook!(redactor, "redactor-plugin", "export_redactor_guest");
hook!(drift_policy, "drift-policy-plugin", "export_drift_policy_guest");
hook!(responder, "responder-plugin", "export_responder_guest");
