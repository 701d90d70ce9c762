//! The plugins that are in force at one moment.

use std::collections::BTreeSet;
use std::hash::Hash;
use std::sync::Arc;

use crate::active::Active;
use crate::bindings::chaos_policy::{self, Fault};
use crate::bindings::drift_policy::{Finding, Verdict};
use crate::bindings::generator::Field;
use crate::bindings::redactor::Message;
use crate::bindings::responder::{Request, Response};
use crate::interest::{Asker, Interest, Interests, Question};
use crate::plugin::Plugin;
use crate::{Hook, PluginReport, template};

/// All plugins in their order, in the versions of one moment. Whoever keeps it for an exchange sees one version only.
pub struct PluginSet {
    pub(crate) plugins: Vec<Arc<Plugin>>,
    disabled: BTreeSet<String>,
    /// The enabled ones, by the place of a hook in [`Hook::ALL`].
    by_hook: Vec<Vec<Arc<Active>>>,
    asker: Asker,
    /// Messages in which no redactor found anything.
    clean: Interests,
}

/// A message that redactors may have been asked about before.
#[derive(Debug)]
pub struct Asked<'a> {
    clean: &'a Interests,
    question: Question,
}

impl Asked<'_> {
    /// Whether nothing was found in the same message: redactors are not asked twice.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.clean.get(self.question).is_some()
    }

    pub fn found_nothing(&self) {
        self.clean.put(self.question, Interest::default());
    }
}

/// What a plugin said, and which one.
#[derive(Debug, Clone, PartialEq)]
pub struct Said<T> {
    pub plugin: String,
    pub what: T,
}

/// A redactor could not be asked, so nobody knows what a message holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the redactor {0} failed")]
pub struct RedactorFailed(pub String);

impl std::fmt::Debug for PluginSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.plugins.iter().map(|plugin| &plugin.id)).finish()
    }
}

impl PluginSet {
    pub(crate) fn new(plugins: Vec<Arc<Plugin>>, disabled: BTreeSet<String>) -> Self {
        let enabled = || plugins.iter().filter(|plugin| !disabled.contains(&plugin.id));
        let having = |hook: &Hook| {
            enabled().filter_map(|plugin| plugin.active.clone()).filter(|active| active.has(*hook)).collect()
        };
        let by_hook = Hook::ALL.iter().map(having).collect();
        Self { plugins, disabled, by_hook, asker: Asker::default(), clean: Interests::new() }
    }

    pub(crate) fn disabled(&self) -> &BTreeSet<String> {
        &self.disabled
    }

    fn having(&self, hook: Hook) -> &[Arc<Active>] {
        &self.by_hook[hook as usize]
    }

    /// Whether some plugin has the hook, so that asking can make sense.
    #[must_use]
    pub fn has(&self, hook: Hook) -> bool {
        !self.having(hook).is_empty()
    }

    /// Whether some plugin may have a say while a request is under way.
    #[must_use]
    pub fn is_on_the_way(&self) -> bool {
        self.has(Hook::ChaosPolicy) || self.has(Hook::Responder)
    }

    /// How every file of the folder does.
    #[must_use]
    pub fn list(&self) -> Vec<PluginReport> {
        self.plugins.iter().map(|plugin| plugin.report(!self.disabled.contains(&plugin.id))).collect()
    }

    /// The template of a path, from the first plugin that has an opinion: parameters as `{name}`, every other segment as
    /// it came.
    #[must_use]
    pub fn normalize(&self, method: &str, segments: &[&str]) -> Option<Said<Vec<String>>> {
        let asked = self.having(Hook::Normalizer);
        // A client may send a segment that reads like a parameter; an answer would not tell the two apart.
        if asked.is_empty() || segments.iter().any(|segment| template::parameter(segment).is_some()) {
            return None;
        }
        let segments: Vec<String> = segments.iter().map(|&segment| segment.to_owned()).collect();
        first(asked, |plugin| plugin.normalize(method, &segments))
    }

    /// The value for a field, from the first plugin that has an opinion.
    #[must_use]
    pub fn generate(&self, field: &Field) -> Option<Said<serde_json::Value>> {
        first(self.having(Hook::Generator), |plugin| plugin.generate(field))
    }

    /// What the plugins together want to be asked about a request. Cheap when it was asked for before.
    #[must_use]
    pub fn interest(&self, method: &str, path: &str) -> Interest {
        if !self.is_on_the_way() {
            return Interest::default();
        }
        let question = self.asker.question(method, path);
        let chaos = self.having(Hook::ChaosPolicy).iter();
        // A plugin with both hooks is asked twice, the second time from memory.
        chaos
            .chain(self.having(Hook::Responder))
            .map(|plugin| plugin.interest(question, method, path))
            .fold(Interest::default(), Interest::or)
    }

    /// The fault for a request, from the first plugin that wants one.
    #[must_use]
    pub fn decide(&self, path: &str, request: &chaos_policy::Request) -> Option<Said<Fault>> {
        let question = self.asker.question(&request.method, path);
        first(self.having(Hook::ChaosPolicy), |plugin| {
            let concerned = plugin.interest(question, &request.method, path).chaos;
            concerned.then(|| plugin.decide(request)).flatten()
        })
    }

    /// The answer to a request, from the first plugin that has one.
    #[must_use]
    pub fn answer(&self, path: &str, request: &Request) -> Option<Said<Response>> {
        let question = self.asker.question(&request.method, path);
        first(self.having(Hook::Responder), |plugin| {
            let concerned = plugin.interest(question, &request.method, path).request;
            concerned.then(|| plugin.on_request(request)).flatten()
        })
    }

    /// What the plugins, one after the other, make of an answer; none when all leave it as it is.
    #[must_use]
    pub fn amend(&self, path: &str, request: &Request, response: &Response) -> Option<Said<Response>> {
        let question = self.asker.question(&request.method, path);
        let mut amended: Option<Said<Response>> = None;
        for plugin in self.having(Hook::Responder) {
            if !plugin.interest(question, &request.method, path).response {
                continue;
            }
            let current = amended.as_ref().map_or(response, |said| &said.what);
            if let Some(what) = plugin.on_response(request, current) {
                let before = amended.map(|said| format!("{}, ", said.plugin)).unwrap_or_default();
                amended = Some(Said { plugin: before + &plugin.about.name, what });
            }
        }
        amended
    }

    /// A message by whatever tells it from others: all that redactors see of it.
    #[must_use]
    pub fn message(&self, what: &impl Hash) -> Asked<'_> {
        Asked { clean: &self.clean, question: self.asker.ask(what) }
    }

    /// The indices of the texts that some redactor found, in order.
    pub fn redact(&self, message: &Message) -> Result<BTreeSet<usize>, RedactorFailed> {
        let mut found = BTreeSet::new();
        for plugin in self.having(Hook::Redactor) {
            let indices = plugin.redact(message).ok_or_else(|| RedactorFailed(plugin.about.name.clone()))?;
            found.extend(indices.into_iter().map(|index| index as usize));
        }
        Ok(found)
    }

    /// What becomes of a finding, from the first plugin that has an opinion.
    #[must_use]
    pub fn judge(&self, finding: &Finding) -> Option<Said<Verdict>> {
        first(self.having(Hook::DriftPolicy), |plugin| plugin.judge(finding))
    }
}

fn first<T>(plugins: &[Arc<Active>], ask: impl Fn(&Active) -> Option<T>) -> Option<Said<T>> {
    plugins.iter().find_map(|plugin| ask(plugin).map(|what| Said { plugin: plugin.about.name.clone(), what }))
}
