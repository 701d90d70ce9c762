//! How people control the twin: settings, overrides of endpoints, states that are kept.
//!
//! What holds is a part of the [`Snapshot`]; it is stored first and takes effect at once, so that a restart undoes nothing.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use understudy_contract::twin::{Behaviour, Extent, State};
use understudy_types::{Override, TwinSettings};

use crate::handles::Handles;
use crate::snapshot::Snapshot;
use crate::store::StoreError;

/// Keys of the settings in the project file.
const SETTINGS: &str = "twin";
const OVERRIDES: &str = "overrides";

/// What people decided about the twin of a project.
#[derive(Debug, Clone, Default)]
pub struct TwinControl {
    pub settings: TwinSettings,
    /// By endpoint id.
    pub overrides: BTreeMap<String, Override>,
}

impl TwinControl {
    /// From the settings of a project. What cannot be read is told and left out: the twin can do without.
    #[must_use]
    pub fn read(settings: &BTreeMap<String, String>) -> Self {
        Self { settings: parse(settings, SETTINGS), overrides: parse(settings, OVERRIDES) }
    }
}

/// A setting of the project. What cannot be read is told, and its default holds.
pub(crate) fn parse<T: serde::de::DeserializeOwned + Default>(settings: &BTreeMap<String, String>, key: &str) -> T {
    let Some(json) = settings.get(key) else { return T::default() };
    serde_json::from_str(json).unwrap_or_else(|error| {
        tracing::warn!(%error, key, "read a setting of the project; its default holds");
        T::default()
    })
}

/// The state that was kept, else the one the journal left.
#[must_use]
pub fn first_state(behaviour: &Behaviour, kept: Option<&[u8]>) -> State {
    let restored = kept.map(|bytes| State::restore(behaviour, bytes));
    restored
        .and_then(|state| state.inspect_err(|error| tracing::warn!(%error, "start the twin afresh")).ok())
        .unwrap_or_else(|| State::initial(behaviour))
}

/// Why a state cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("no state of the twin was saved as {0:?}")]
    Unknown(String),
    #[error("failed to {0}")]
    Restore(#[from] understudy_contract::twin::RestoreError),
    #[error("failed to {0}")]
    Store(#[from] StoreError),
}

impl Handles {
    pub async fn set_twin_settings(&self, settings: TwinSettings) -> Result<(), StoreError> {
        let _turn = self.twin_edits.lock().await;
        let json = serde_json::to_string(&settings).expect("settings are JSON");
        self.store.set_setting(SETTINGS, json).await?;
        self.control_twin(|control| control.settings = settings.clone());
        Ok(())
    }

    /// `None` clears the override of the endpoint.
    pub async fn set_override(&self, endpoint: &str, wanted: Option<Override>) -> Result<(), StoreError> {
        let _turn = self.twin_edits.lock().await;
        let mut overrides = self.snapshot.load().twin.overrides.clone();
        match wanted.filter(|wanted| *wanted != Override::default()) {
            Some(wanted) => drop(overrides.insert(endpoint.to_owned(), wanted)),
            None => drop(overrides.remove(endpoint)),
        }
        let json = serde_json::to_string(&overrides).expect("overrides are JSON");
        self.store.set_setting(OVERRIDES, json).await?;
        self.control_twin(|control| control.overrides.clone_from(&overrides));
        Ok(())
    }

    fn control_twin(&self, change: impl Fn(&mut TwinControl)) {
        self.snapshot.rcu(|old| {
            let mut control = TwinControl::clone(&old.twin);
            change(&mut control);
            Snapshot { twin: Arc::new(control), ..Snapshot::clone(old) }
        });
    }

    /// Forgets what only the twin's own answers changed.
    pub fn reset_twin(&self) {
        let mut state = self.twin_state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State::initial(&self.snapshot.load().behaviour);
        self.twin_changed();
    }

    /// Writes a row by hand, or deletes it. False when there is no such collection.
    pub fn edit_twin(
        &self,
        collection: &str,
        key: &str,
        fields: Option<serde_json::Map<String, serde_json::Value>>,
    ) -> bool {
        let mut state = self.twin_state.lock().unwrap_or_else(PoisonError::into_inner);
        let behaviour = Arc::clone(&self.snapshot.load().behaviour);
        let is_done = state.edit(&behaviour, collection, key, fields).is_some();
        self.twin_changed();
        is_done
    }

    pub async fn save_twin(&self, name: &str) -> Result<(), StoreError> {
        let bytes = self.twin_bytes(Extent::Whole).await;
        self.store.save_twin(Some(name), now_ms(), bytes).await
    }

    pub async fn load_twin(&self, name: &str) -> Result<(), LoadError> {
        let bytes = self.store.load_twin(name).await?.ok_or_else(|| LoadError::Unknown(name.to_owned()))?;
        let mut state = self.twin_state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State::restore(&self.snapshot.load().behaviour, &bytes)?;
        self.twin_changed();
        Ok(())
    }

    /// To be told after each change of the state that a restart must not undo.
    pub fn twin_changed(&self) {
        self.twin_changes.fetch_add(1, Ordering::AcqRel);
    }

    /// Stores what the twin's answers changed, when they changed something since the last time.
    pub async fn keep_twin(&self) -> Result<(), StoreError> {
        let changes = self.twin_changes.load(Ordering::Acquire);
        if self.twin_kept.load(Ordering::Acquire) != changes {
            let bytes = self.twin_bytes(Extent::Changes).await;
            self.store.save_twin(None, now_ms(), bytes).await?;
            self.twin_kept.store(changes, Ordering::Release);
        }
        Ok(())
    }

    /// A copy of the state costs a few counters; writing it out happens beside the traffic.
    async fn twin_bytes(&self, extent: Extent) -> Vec<u8> {
        let (state, behaviour) = self.twin_state();
        let bytes = tokio::task::spawn_blocking(move || state.save(&behaviour, extent)).await;
        bytes.expect("writing a state out does not panic")
    }

    /// The state of the twin at this moment, with the behaviour that it belongs to.
    #[must_use]
    pub fn twin_state(&self) -> (State, Arc<Behaviour>) {
        let state = self.twin_state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.clone(), Arc::clone(&self.snapshot.load().behaviour))
    }
}

/// Unix milliseconds.
#[must_use]
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
