//! What plugins say of paths.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use understudy_contract::Request;
use understudy_contract::twin::Journal;
use understudy_plugin_host::{Hook, PluginHost, PluginSet, Said};

use crate::handles::Handles;

/// Past this many paths it starts over; asking again is only slower.
const MAX: usize = 8192;

/// Asks about each path once: for one method and path the answer of one set of plugins never changes.
pub(super) struct Templates {
    plugins: Arc<PluginSet>,
    said: HashMap<(String, String), Option<Said<Vec<String>>>>,
    /// Plugins by the ids of the endpoints that they named.
    named: BTreeMap<String, String>,
    /// There are opinions that were not told yet.
    fresh: bool,
}

impl Templates {
    pub(super) fn new(plugins: Arc<PluginSet>) -> Self {
        Self { plugins, said: HashMap::new(), named: BTreeMap::new(), fresh: false }
    }

    /// What a plugin says about the path. It may take its time: only the learner waits.
    pub(super) fn of(&mut self, plugins: &PluginHost, request: &Request) -> Option<&[String]> {
        let current = plugins.current();
        if !Arc::ptr_eq(&current, &self.plugins) {
            *self = Self { fresh: true, ..Self::new(current) };
        }
        if !self.plugins.has(Hook::Normalizer) {
            return None;
        }
        if self.said.len() >= MAX {
            self.said.clear();
        }
        let known = self.said.entry((request.method.clone(), request.path().to_owned()));
        let said = known.or_insert_with(|| {
            let segments: Vec<&str> = request.path().split('/').filter(|segment| !segment.is_empty()).collect();
            let said = self.plugins.normalize(&request.method, &segments);
            self.fresh |= said.is_some();
            said
        });
        said.as_ref().map(|said| said.what.as_slice())
    }

    /// Asks again about the newest exchanges, for the names of who named what outlive no restart.
    pub(super) fn recall(&mut self, handles: &Handles, journal: &Journal) {
        for exchange in journal.exchanges() {
            self.of(&handles.plugins, &exchange.request);
        }
        self.tell(handles);
    }

    /// Tells the viewers which plugin named the templates of which endpoints.
    pub(super) fn tell(&mut self, handles: &Handles) {
        if !std::mem::take(&mut self.fresh) {
            return;
        }
        let contract = &handles.snapshot.load().contract;
        let opinions = self.said.iter().filter_map(|((method, path), said)| {
            let found = contract.find(method, path)?;
            Some((found.endpoint.id.to_string(), said.as_ref()?.plugin.clone()))
        });
        self.named.extend(opinions);
        handles.named_by.store(Arc::new(self.named.clone()));
    }
}
