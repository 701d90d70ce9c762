//! What the export macros expand to. Not an interface: it changes with them.

use std::sync::Once;

pub use crate::bindings::normalizer::*;

/// Called before each hook. A panic ends the call as a bare trap, so its message has to be said before.
pub fn prepare() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| std::panic::set_hook(Box::new(|info| crate::log(crate::Level::Error, &info.to_string()))));
}

/// Exports a type that implements [`Normalizer`](crate::Normalizer) as this plugin's `normalizer` hook.
#[macro_export]
macro_rules! export_normalizer {
    ($plugin:ty) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            struct Hook;

            impl $crate::export::exports::understudy::plugin::normalizer::Guest for Hook {
                fn normalize(method: String, segments: Vec<String>) -> Option<Vec<String>> {
                    $crate::export::prepare();
                    <$plugin as $crate::Normalizer>::normalize(method, segments)
                }
            }

            $crate::export::export_normalizer_guest! { Hook with_types_in $crate::export }
            $crate::identify!();
        };

        // Without an export the type would seem unused.
        #[cfg(not(target_family = "wasm"))]
        const _: fn(String, Vec<String>) -> Option<Vec<String>> = <$plugin as $crate::Normalizer>::normalize;
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
