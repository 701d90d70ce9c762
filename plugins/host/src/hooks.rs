//! Which hooks a component has, and where.

use std::fmt;

use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use crate::bindings::chaos_policy::{ChaosPolicyPlugin, ChaosPolicyPluginIndices};
use crate::bindings::drift_policy::{DriftPolicyPlugin, DriftPolicyPluginIndices};
use crate::bindings::generator::{GeneratorPlugin, GeneratorPluginIndices};
use crate::bindings::normalizer::{NormalizerPlugin, NormalizerPluginIndices};
use crate::bindings::redactor::{RedactorPlugin, RedactorPluginIndices};
use crate::bindings::responder::{ResponderPlugin, ResponderPluginIndices};
use crate::guest::Guest;
use crate::refusal::Refusal;

/// The package that the hooks are of; a version after the last dot does not matter.
const PACKAGE: &str = "understudy:plugin/";
const VERSION: &str = "@0.1.";

/// Each hook with its name and what is generated for its world.
macro_rules! hooks {
    ($($(#[$doc:meta])* $hook:ident $field:ident $name:literal $plugin:ident $indices:ident;)+) => {
        /// What a plugin can be asked for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Hook {
            $($(#[$doc])* $hook,)+
        }

        impl Hook {
            /// Every hook there is.
            pub const ALL: &[Self] = &[$(Self::$hook),+];

            /// The name of its interface.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$hook => $name,)+
                }
            }
        }

        /// Where the hooks of one component are. A hook that it does not have is `None`.
        pub(crate) struct HookIndices {
            $($field: Option<$indices>,)+
        }

        /// The hooks of one instance.
        pub(crate) struct Hooks {
            $(pub(crate) $field: Option<$plugin>,)+
        }

        impl HookIndices {
            pub(crate) fn find(component: &InstancePre<Guest>) -> Result<Self, Refusal> {
                let exports = exports(component);
                let has = |hook: Hook| exports.iter().any(|export| hook.is(export));
                let indices = Self {
                    $($field: has(Hook::$hook)
                        .then(|| $indices::new(component))
                        .transpose()
                        .map_err(|error| Refusal::IncompleteHook(format!("{error:#}")))?,)+
                };
                if Hook::ALL.iter().any(|&hook| indices.has(hook)) { Ok(indices) } else { Err(Refusal::NoHook(exports)) }
            }

            pub(crate) fn has(&self, hook: Hook) -> bool {
                match hook {
                    $(Hook::$hook => self.$field.is_some(),)+
                }
            }

            pub(crate) fn load(&self, store: &mut Store<Guest>, instance: &Instance) -> wasmtime::Result<Hooks> {
                Ok(Hooks {
                    $($field: self.$field.as_ref().map(|indices| indices.load(&mut *store, instance)).transpose().map_err(
                        |error| error.context(concat!("its ", $name, " does not have the right type")),
                    )?,)+
                })
            }
        }
    };
}

hooks! {
    /// Names the parameters of paths.
    Normalizer normalizer "normalizer" NormalizerPlugin NormalizerPluginIndices;
    /// Makes values for the twin.
    Generator generator "generator" GeneratorPlugin GeneratorPluginIndices;
    /// Makes requests fail on purpose.
    ChaosPolicy chaos_policy "chaos-policy" ChaosPolicyPlugin ChaosPolicyPluginIndices;
    /// Finds what must not be kept.
    Redactor redactor "redactor" RedactorPlugin RedactorPluginIndices;
    /// Has a say in what the watchdog reports.
    DriftPolicy drift_policy "drift-policy" DriftPolicyPlugin DriftPolicyPluginIndices;
    /// Answers requests itself, or changes what is answered.
    Responder responder "responder" ResponderPlugin ResponderPluginIndices;
}

impl Hook {
    /// Whether requests wait for it.
    pub(crate) const fn is_on_the_way(self) -> bool {
        matches!(self, Self::ChaosPolicy | Self::Responder | Self::Generator)
    }

    /// Whether a component's export is this hook, in a version that ours stands in for.
    fn is(self, export: &str) -> bool {
        export
            .strip_prefix(PACKAGE)
            .and_then(|export| export.strip_prefix(self.as_str()))
            .is_some_and(|version| version.starts_with(VERSION))
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn exports(component: &InstancePre<Guest>) -> Vec<String> {
    let ty = component.component().component_type();
    ty.exports(component.engine()).map(|(name, _)| name.to_owned()).collect()
}
