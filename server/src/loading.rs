//! Whether a project that was opened knows again what it had learned. Requests are forwarded meanwhile; who needs the contract or
//! the twin waits here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;

/// Some seconds where much was learned.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Default)]
enum Phase {
    #[default]
    UnderWay,
    Over,
    /// In words, why nothing is known.
    Failed(Arc<str>),
}

/// Ends once, and is not begun again.
#[derive(Debug, Default)]
pub struct Loading {
    phase: watch::Sender<Phase>,
    /// The same for requests, which ask each time.
    is_over: AtomicBool,
}

impl Loading {
    /// One load; for requests.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// Waits until everything that can be known is known.
    pub async fn over(&self) {
        if !self.is_over() {
            // The sender is ours, so there is always something to wait for.
            let _ = self.phase.subscribe().wait_for(|phase| !matches!(phase, Phase::UnderWay)).await;
        }
    }

    /// The same as long as a request may wait. False when it is still under way then.
    pub async fn over_soon(&self) -> bool {
        self.is_over() || tokio::time::timeout(PATIENCE, self.over()).await.is_ok()
    }

    /// Why what was learned cannot be read, when it cannot.
    #[must_use]
    pub fn failure(&self) -> Option<Arc<str>> {
        match &*self.phase.borrow() {
            Phase::Failed(reason) => Some(Arc::clone(reason)),
            Phase::UnderWay | Phase::Over => None,
        }
    }

    pub(crate) fn succeeded(&self) {
        self.end(Phase::Over);
    }

    pub(crate) fn failed(&self, reason: &str) {
        self.end(Phase::Failed(reason.into()));
    }

    fn end(&self, phase: Phase) {
        // Before those who wait are told.
        self.phase.send_modify(|current| {
            *current = phase;
            self.is_over.store(true, Ordering::Release);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_waits_is_told_when_it_is_over() {
        let loading = Arc::new(Loading::default());
        assert!(!loading.is_over() && loading.failure().is_none());
        let waits = tokio::spawn({
            let loading = Arc::clone(&loading);
            async move { loading.over().await }
        });
        tokio::task::yield_now().await;
        assert!(!waits.is_finished());
        loading.failed("it is damaged");
        waits.await.unwrap();
        loading.over().await;
        assert!(loading.is_over());
        assert_eq!(loading.failure().as_deref(), Some("it is damaged"));
    }
}
