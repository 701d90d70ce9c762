//! The clock behind deadlines: a thread that moves the engine's epoch on while plugins run.
//!
//! Nothing ticks while nobody calls, so that an idle server stays idle.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wasmtime::Engine;

pub(crate) const TICK: Duration = Duration::from_millis(1);
/// Ticks without a call before the thread parks. Waking it costs a caller some microseconds.
const QUIET_TICKS: u32 = 100;

#[derive(Debug)]
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    /// Taken when the ticker is dropped.
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    running: AtomicUsize,
    parked: AtomicBool,
    stop: AtomicBool,
}

/// While one of these lives, the epoch moves.
pub(crate) struct Running<'a>(&'a Shared);

/// So many ticks after now, the time is over for sure: the tick under way may be nearly done.
pub(crate) fn ticks(deadline: Duration) -> u64 {
    u64::try_from(deadline.as_millis() / TICK.as_millis()).unwrap_or(u64::MAX).min(u64::MAX / 2) + 1
}

impl Ticker {
    pub(crate) fn start(engine: Engine) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let thread = thread::Builder::new().name("plugin-ticker".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.run(&engine)
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Counting before looking is what makes this safe: the thread looks at the count after it said that it parks.
    pub(crate) fn running(&self) -> Running<'_> {
        self.shared.running.fetch_add(1, SeqCst);
        if self.shared.parked.load(SeqCst) {
            self.wake();
        }
        Running(&self.shared)
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, SeqCst);
        self.wake();
        if let Some(thread) = self.thread.take() {
            // A panic of that thread has been reported by its own panic hook.
            let _ = thread.join();
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, SeqCst);
    }
}

impl Shared {
    fn run(&self, engine: &Engine) {
        let mut quiet = 0;
        while !self.stop.load(SeqCst) {
            quiet = if self.running.load(SeqCst) == 0 { quiet + 1 } else { 0 };
            if quiet > QUIET_TICKS {
                self.park();
                quiet = 0;
            }
            thread::sleep(TICK);
            engine.increment_epoch();
        }
    }

    fn park(&self) {
        self.parked.store(true, SeqCst);
        while self.running.load(SeqCst) == 0 && !self.stop.load(SeqCst) {
            thread::park();
        }
        self.parked.store(false, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait_for(parked: bool, ticker: &Ticker) {
        let patience = std::time::Instant::now() + Duration::from_secs(20);
        while ticker.shared.parked.load(SeqCst) != parked {
            assert!(std::time::Instant::now() < patience, "the thread never came to parked = {parked}");
            thread::yield_now();
        }
    }

    #[test]
    fn the_thread_parks_when_nobody_calls_and_wakes_for_a_call() {
        let ticker = Ticker::start(Engine::default()).unwrap();
        for _ in 0..2 {
            wait_for(true, &ticker);
            let running = ticker.running();
            wait_for(false, &ticker);
            drop(running);
        }
    }

    #[test]
    fn a_deadline_is_never_shorter_than_said() {
        assert_eq!(ticks(Duration::from_millis(50)), 51);
        assert_eq!(ticks(Duration::ZERO), 1);
        assert!(ticks(Duration::MAX) < u64::MAX);
    }
}
