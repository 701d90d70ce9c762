//! What the export macros expand to. Not an interface: it changes with them.

use std::sync::Once;

pub use crate::bindings::{chaos_policy, drift_policy, generator, normalizer, redactor, responder};

/// Called before each hook. A panic ends the call as a bare trap, so its message has to be said before.
pub fn prepare() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| std::panic::set_hook(Box::new(|info| crate::log(crate::Level::Error, &info.to_string()))));
}

/// Exports a type that implements [`Normalizer`](crate::Normalizer) as this plugin's `normalizer` hook.
#[macro_export]
macro_rules! export_normalizer {
    ($plugin:ty) => {
        $crate::export_hook! {
            $plugin, Normalizer, normalizer, export_normalizer_guest;
            fn normalize(method: String, segments: Vec<String>) -> Option<Vec<String>>;
        }
    };
}

/// Exports a type that implements [`Generator`](crate::Generator) as this plugin's `generator` hook.
#[macro_export]
macro_rules! export_generator {
    ($plugin:ty) => {
        $crate::export_hook! {
            $plugin, Generator, generator, export_generator_guest;
            fn generate(field: $crate::Field) -> Option<String>;
        }
    };
}

/// Exports a type that implements [`ChaosPolicy`](crate::ChaosPolicy) as this plugin's `chaos-policy` hook.
#[macro_export]
macro_rules! export_chaos_policy {
    ($plugin:ty) => {
        $crate::export_hook! {
            $plugin, ChaosPolicy, chaos_policy, export_chaos_policy_guest;
            fn concerns(method: String, path: String) -> bool;
            fn decide(request: $crate::ChaosRequest) -> Option<$crate::Fault>;
        }
    };
}

/// Exports a type that implements [`Redactor`](crate::Redactor) as this plugin's `redactor` hook.
#[macro_export]
macro_rules! export_redactor {
    ($plugin:ty) => {
        $crate::export_hook! {
            $plugin, Redactor, redactor, export_redactor_guest;
            fn redact(message: $crate::Message) -> Vec<u32>;
        }
    };
}

/// Exports a type that implements [`DriftPolicy`](crate::DriftPolicy) as this plugin's `drift-policy` hook.
#[macro_export]
macro_rules! export_drift_policy {
    ($plugin:ty) => {
        $crate::export_hook! {
            $plugin, DriftPolicy, drift_policy, export_drift_policy_guest;
            fn judge(finding: $crate::Finding) -> Option<$crate::Verdict>;
        }
    };
}

/// Exports a type that implements [`Responder`](crate::Responder) as this plugin's `responder` hook.
#[macro_export]
macro_rules! export_responder {
    ($plugin:ty) => {
        $crate::export_hook! {
            $plugin, Responder, responder, export_responder_guest;
            fn concerns(method: String, path: String) -> $crate::Interest;
            fn on_request(request: $crate::Request) -> Option<$crate::Response>;
            fn on_response(request: $crate::Request, response: $crate::Response) -> Option<$crate::Response>;
        }
    };
}

/// Exports `$plugin`, which implements the trait `$hook`, as the interface in the bindings `$module`.
#[doc(hidden)]
#[macro_export]
macro_rules! export_hook {
    (
        $plugin:ty, $hook:ident, $module:ident, $export:ident;
        $(fn $name:ident($($arg:ident: $ty:ty),*) -> $answer:ty;)+
    ) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Hook;

            impl $crate::export::$module::exports::understudy::plugin::$module::Guest for Hook {
                $(fn $name($($arg: $ty),*) -> $answer {
                    $crate::export::prepare();
                    <$plugin as $crate::$hook>::$name($($arg),*)
                })+
            }

            $crate::export::$module::$export! { Hook with_types_in $crate::export::$module }
            $crate::identify!();
        };

        // Without an export the type would seem unused.
        #[cfg(not(target_family = "wasm"))]
        const _: () = {
            $(const _: fn($($ty),*) -> $answer = <$plugin as $crate::$hook>::$name;)+
        };
    };
}

/// Puts the crate's name and version into the file, where the host reads them without running anything.
#[doc(hidden)]
#[macro_export]
macro_rules! identify {
    () => {
        const _: () = {
            const TEXT: &str = concat!(env!("CARGO_PKG_NAME"), "@", env!("CARGO_PKG_VERSION"), "\n");
            const fn bytes<const N: usize>() -> [u8; N] {
                let mut bytes = [0; N];
                bytes.copy_from_slice(TEXT.as_bytes());
                bytes
            }
            #[used]
            #[unsafe(link_section = "understudy-plugin")]
            static IDENTITY: [u8; TEXT.len()] = bytes();
        };
    };
}
