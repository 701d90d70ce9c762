//! The watchdog of the open project: fed by the learner beside learning, asked by the admin API, heard by webhooks.
//!
//! Its state lies behind a lock of its own that is held for one computation and never across an `.await`. Nothing on the
//! request path touches it.

pub mod present;
pub mod webhooks;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use understudy_contract::drift::{Alert, Watchdog};
use understudy_contract::{Contract, Exchange};
use understudy_types::{DriftAlert, DriftSummary, Webhook};

use webhooks::Webhooks;

/// What only counts is stored this seldom: a crash loses that much.
const SAVE_EVERY: Duration = Duration::from_secs(15);
/// What people can see is stored this often.
const SAVE_NEWS_EVERY: Duration = Duration::from_secs(2);
/// Alerts that wait for the next tick of the feed; more would be too many to read.
const MAX_NEWS: usize = 64;

/// Where alerts go, as the project says.
#[must_use]
pub fn webhooks_of(settings: &BTreeMap<String, String>) -> Vec<Webhook> {
    crate::twin::parse(settings, webhooks::SETTING)
}

/// Shared by the learner, the admin API and the feed.
#[derive(Debug)]
pub struct Watch {
    dog: Mutex<Watchdog>,
    /// Alerts that viewers were not told of yet.
    news: Mutex<Vec<DriftAlert>>,
    saved: Mutex<Saved>,
    pub webhooks: Arc<Webhooks>,
}

#[derive(Debug)]
struct Saved {
    at: Instant,
    revision: u64,
}

impl Watch {
    #[must_use]
    pub fn new(dog: Watchdog, webhooks: Arc<Webhooks>) -> Self {
        let saved = Saved { at: Instant::now(), revision: dog.revision() };
        Self { dog: Mutex::new(dog), news: Mutex::default(), saved: Mutex::new(saved), webhooks }
    }

    /// What the store kept; what cannot be read is told, and the watchdog begins anew.
    #[must_use]
    pub fn restore(bytes: Option<&[u8]>) -> Watchdog {
        let restored = bytes.map(Watchdog::decode).transpose();
        restored
            .unwrap_or_else(|error| {
                tracing::warn!(%error, "read the baselines of the project; they are learned anew");
                None
            })
            .unwrap_or_default()
    }

    pub fn lock(&self) -> MutexGuard<'_, Watchdog> {
        self.dog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The learner's: one exchange of the API's.
    pub fn observe(&self, contract: &Contract, exchange: &Exchange) {
        let mut dog = self.lock();
        let changed = dog.observe(contract, exchange);
        self.tell(&dog, &changed);
    }

    /// The learner's: a newer contract.
    pub fn adopt(&self, contract: &Contract) {
        let mut dog = self.lock();
        let changed = dog.adopt(contract);
        self.tell(&dog, &changed);
    }

    fn tell(&self, dog: &Watchdog, changed: &[u64]) {
        for alert in changed.iter().filter_map(|id| dog.alert(*id)) {
            self.tell_of(alert);
        }
    }

    fn tell_of(&self, alert: &Alert) {
        let shown = present::alert(alert);
        self.webhooks.offer(&shown);
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        // The newest word about an alert is enough.
        news.retain(|other| other.id != shown.id);
        if news.len() < MAX_NEWS {
            news.push(shown);
        }
    }

    /// What viewers were not told of yet.
    #[must_use]
    pub fn take_news(&self) -> Vec<DriftAlert> {
        std::mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }

    #[must_use]
    pub fn summary(&self) -> DriftSummary {
        present::summary(&self.lock())
    }

    /// The state as bytes when it is due to be stored.
    #[must_use]
    pub fn due(&self, at_once: bool) -> Option<Vec<u8>> {
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        let dog = self.lock();
        let (revision, age) = (dog.revision(), saved.at.elapsed());
        let is_news = revision != saved.revision && age >= SAVE_NEWS_EVERY;
        if !(at_once || is_news || age >= SAVE_EVERY) {
            return None;
        }
        *saved = Saved { at: Instant::now(), revision };
        Some(dog.encode())
    }
}
