//! A bound for one wait after another.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// Runs while something is waited for and starts anew with the next wait. What never waits never makes a timer.
#[derive(Debug)]
pub struct Patience {
    limit: Option<Duration>,
    sleep: Option<Pin<Box<Sleep>>>,
    waits: bool,
}

impl Patience {
    /// `None` waits for ever.
    #[must_use]
    pub const fn new(limit: Option<Duration>) -> Self {
        Self { limit, sleep: None, waits: false }
    }

    /// To be called when there is nothing yet; ready when that has lasted too long.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(limit) = self.limit else { return Poll::Pending };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        if !std::mem::replace(&mut self.waits, true) {
            sleep.as_mut().reset(Instant::now() + limit);
        }
        sleep.as_mut().poll(cx)
    }

    /// What was waited for came.
    pub const fn calm(&mut self) {
        self.waits = false;
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_wait_has_the_whole_limit() {
        let mut patience = Patience::new(Some(Duration::from_secs(10)));
        for _ in 0..3 {
            assert!(poll_fn(|cx| Poll::Ready(patience.poll(cx))).await.is_pending());
            tokio::time::advance(Duration::from_secs(9)).await;
            assert!(poll_fn(|cx| Poll::Ready(patience.poll(cx))).await.is_pending());
            patience.calm();
        }
        let started = Instant::now();
        poll_fn(|cx| patience.poll(cx)).await;
        assert_eq!(started.elapsed().as_secs(), 10);
        assert!(poll_fn(|cx| Poll::Ready(Patience::new(None).poll(cx))).await.is_pending());
    }
}
