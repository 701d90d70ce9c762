//! Which hooks a component has, and where.

use std::fmt;

use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use crate::bindings::normalizer::{NormalizerPlugin, NormalizerPluginIndices};
use crate::guest::Guest;
use crate::refusal::Refusal;

/// What a plugin can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hook {
    Normalizer,
}

impl Hook {
    /// Every hook there is.
    pub const ALL: [Self; 1] = [Self::Normalizer];

    /// The name of its interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normalizer => "normalizer",
        }
    }

    /// Whether a component's export is this hook, in a version that ours stands in for.
    fn is(self, export: &str) -> bool {
        export
            .strip_prefix("understudy:plugin/")
            .and_then(|export| export.strip_prefix(self.as_str()))
            .is_some_and(|version| version.starts_with("@0.1."))
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where the hooks of one component are. A hook that it does not have is `None`.
pub(crate) struct HookIndices {
    normalizer: Option<NormalizerPluginIndices>,
}

/// The hooks of one instance.
pub(crate) struct Hooks {
    pub(crate) normalizer: Option<NormalizerPlugin>,
}

impl HookIndices {
    pub(crate) fn find(component: &InstancePre<Guest>) -> Result<Self, Refusal> {
        let ty = component.component().component_type();
        let exports: Vec<&str> = ty.exports(component.engine()).map(|(name, _)| name).collect();
        let has = |hook: Hook| exports.iter().any(|export| hook.is(export));

        let normalizer = has(Hook::Normalizer).then(|| NormalizerPluginIndices::new(component)).transpose();
        let indices = Self { normalizer: normalizer.map_err(|error| Refusal::IncompleteHook(format!("{error:#}")))? };
        if !Hook::ALL.iter().any(|&hook| indices.has(hook)) {
            return Err(Refusal::NoHook(exports.into_iter().map(str::to_owned).collect()));
        }
        Ok(indices)
    }

    pub(crate) fn has(&self, hook: Hook) -> bool {
        match hook {
            Hook::Normalizer => self.normalizer.is_some(),
        }
    }

    pub(crate) fn load(&self, store: &mut Store<Guest>, instance: &Instance) -> wasmtime::Result<Hooks> {
        let normalizer = self.normalizer.as_ref().map(|indices| indices.load(&mut *store, instance)).transpose();
        Ok(Hooks {
            normalizer: normalizer.map_err(|error| error.context("its normalizer does not have the right type"))?,
        })
    }
}
