//! How the parts beside the traffic are doing: each says when it works, what went wrong, and whether it had to begin anew.
//!
//! A part that panics is begun anew where it stands and that is counted; one that hangs cannot be ended from outside, so it is
//! told of. Requests pass either way: they only ever hand something over.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use understudy_types::{PartHealth, PartState};

use crate::twin::now_ms;

/// Work that takes longer is told of. The learner rests longer than it works, and writing is a matter of milliseconds.
pub const STALLED_AFTER: Duration = Duration::from_millis(1000);
/// Before a task that panicked goes on, so that one that always does costs next to nothing.
const PAUSE: Duration = Duration::from_millis(250);

/// What works beside the requests of one project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Intake,
    Learner,
    Store,
    Shadow,
    Plugins,
    Dashboard,
    /// Asks upstream whether it is back.
    Probe,
    /// Ends experiments.
    Chaos,
    /// Stores the twin's state.
    Keeper,
    Webhooks,
    /// Takes connections in.
    Listener,
}

impl Part {
    const ALL: [Self; 11] = [
        Self::Intake,
        Self::Learner,
        Self::Store,
        Self::Shadow,
        Self::Plugins,
        Self::Dashboard,
        Self::Probe,
        Self::Chaos,
        Self::Keeper,
        Self::Webhooks,
        Self::Listener,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Learner => "learner",
            Self::Store => "store",
            Self::Shadow => "shadow",
            Self::Plugins => "plugins",
            Self::Dashboard => "dashboard",
            Self::Probe => "probe",
            Self::Chaos => "chaos",
            Self::Keeper => "keeper",
            Self::Webhooks => "webhooks",
            Self::Listener => "listener",
        }
    }
}

/// What a test does to a part, to see what becomes of it. Nothing in the product does, and nothing outside of it can.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    Panic,
    /// Until [`Vitals::release`].
    Hang,
}

#[derive(Debug, Default)]
struct Pulse {
    /// Milliseconds since the start, and one more; 0 while it has nothing to do.
    busy_since: AtomicU64,
    restarts: AtomicU64,
    is_down: AtomicBool,
    word: Mutex<Word>,
    is_sabotaged: AtomicBool,
}

/// The last that is to be said of a part.
#[derive(Debug, Default)]
struct Word {
    is_failing: bool,
    since_ms: Option<u64>,
    says: Option<String>,
}

/// Of one project.
#[derive(Debug)]
pub struct Vitals {
    began: Instant,
    pulses: [Pulse; Part::ALL.len()],
    sabotage: Mutex<Vec<(Part, Sabotage)>>,
    released: Condvar,
}

impl Default for Vitals {
    fn default() -> Self {
        Self { began: Instant::now(), pulses: Default::default(), sabotage: Mutex::default(), released: Condvar::new() }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The part works while this lives.
struct Busy<'v>(&'v Pulse);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy_since.store(0, Ordering::Relaxed);
    }
}

/// The part is gone when this is dropped, unless it ended as it should.
#[derive(Debug)]
pub struct Alive<'v> {
    vitals: &'v Vitals,
    part: Part,
    ended: bool,
}

impl Alive<'_> {
    /// The part has nothing more to do.
    pub fn end(mut self) {
        self.ended = true;
    }
}

impl Drop for Alive<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.vitals.pulse(self.part).is_down.store(true, Ordering::Relaxed);
            tracing::error!(part = self.part.name(), "a part of the server is gone; requests pass without it");
        }
    }
}

impl Vitals {
    fn pulse(&self, part: Part) -> &Pulse {
        &self.pulses[part as usize]
    }

    /// Watches over a part for as long as its thread runs.
    pub fn watch(&self, part: Part) -> Alive<'_> {
        Alive { vitals: self, part, ended: false }
    }

    fn busy(&self, part: Part) -> Busy<'_> {
        let pulse = self.pulse(part);
        let since = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1;
        pulse.busy_since.store(since, Ordering::Relaxed);
        Busy(pulse)
    }

    /// Does a piece of work. `None` when it panicked, which is counted and told.
    pub fn guard<T>(&self, part: Part, work: impl FnOnce() -> T) -> Option<T> {
        let _busy = self.busy(part);
        // Whoever asks for this replaces what the work may have left half done.
        let done = catch_unwind(AssertUnwindSafe(|| {
            self.suffer(part);
            work()
        }));
        done.map_err(|panic| self.restarted(part, &*panic)).ok()
    }

    /// Does the work of a task, and again when it panicked, for as long as there is somebody to do it for.
    pub async fn keep<F: Future<Output = ()>>(&self, part: Part, first: F, again: impl Fn() -> Option<F>) {
        let mut next = Some(first);
        while let Some(work) = next.take() {
            match AssertUnwindSafe(work).catch_unwind().await {
                Ok(()) => return,
                Err(panic) => self.restarted(part, &*panic),
            }
            tokio::time::sleep(PAUSE).await;
            next = again();
        }
        drop(self.watch(part));
    }

    /// A part that panicked goes on.
    fn restarted(&self, part: Part, panic: &(dyn Any + Send)) {
        let message = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let message = message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        // Texts of panics may quote what they stumbled over: the log has them, and no more than their beginning is shown.
        let first: String = message.lines().next().unwrap_or_default().chars().take(120).collect();
        tracing::error!(part = part.name(), "a part of the server panicked and begins anew");
        let pulse = self.pulse(part);
        pulse.restarts.fetch_add(1, Ordering::Relaxed);
        let mut word = lock(&pulse.word);
        word.since_ms = Some(now_ms());
        word.says = Some(format!("it panicked and began anew ({first})"));
    }

    /// What a part does fails, and it goes on trying.
    pub fn fail(&self, part: Part, says: impl Into<String>) {
        let says = says.into();
        let mut word = lock(&self.pulse(part).word);
        if !word.is_failing || word.says.as_ref() != Some(&says) {
            tracing::error!(part = part.name(), "{says}");
        }
        if !word.is_failing {
            word.since_ms = Some(now_ms());
        }
        word.is_failing = true;
        word.says = Some(says);
    }

    /// What failed works again.
    pub fn recover(&self, part: Part) {
        let mut word = lock(&self.pulse(part).word);
        if word.is_failing {
            *word = Word::default();
            tracing::info!(part = part.name(), "a part of the server works again");
        }
    }

    /// Something to be known of a part that does its work.
    pub fn note(&self, part: Part, says: impl Into<String>) {
        *lock(&self.pulse(part).word) = Word { is_failing: false, since_ms: Some(now_ms()), says: Some(says.into()) };
    }

    /// All parts, as they are now.
    #[must_use]
    pub fn report(&self) -> Vec<PartHealth> {
        Part::ALL.iter().map(|part| self.health(*part)).collect()
    }

    fn health(&self, part: Part) -> PartHealth {
        let pulse = self.pulse(part);
        let word = lock(&pulse.word);
        let stalled = self.stalled(pulse);
        let state = match (pulse.is_down.load(Ordering::Relaxed), word.is_failing, stalled) {
            (true, ..) => PartState::Down,
            (_, true, _) => PartState::Failing,
            (_, _, Some(_)) => PartState::Stalled,
            _ => PartState::Ok,
        };
        let (mut since_ms, mut says) = (word.since_ms, word.says.clone());
        if let (PartState::Stalled, Some(busy)) = (state, stalled) {
            since_ms = Some(now_ms().saturating_sub(u64::try_from(busy.as_millis()).unwrap_or(u64::MAX)));
            says = Some("it has been at one piece of work since then".into());
        }
        let restarts = pulse.restarts.load(Ordering::Relaxed);
        PartHealth { name: part.name().into(), state, restarts, since_ms, says }
    }

    /// For how long it has been at one piece of work, when that is too long.
    fn stalled(&self, pulse: &Pulse) -> Option<Duration> {
        let since = pulse.busy_since.load(Ordering::Relaxed).checked_sub(1)?;
        let busy = self.began.elapsed().saturating_sub(Duration::from_millis(since));
        (busy > STALLED_AFTER).then_some(busy)
    }

    /// For tests: happens to the part at its next piece of work.
    #[doc(hidden)]
    pub fn sabotage(&self, part: Part, what: Sabotage) {
        lock(&self.sabotage).push((part, what));
        self.pulse(part).is_sabotaged.store(true, Ordering::Relaxed);
    }

    /// For tests: ends all that [`Sabotage::Hang`] holds.
    #[doc(hidden)]
    pub fn release(&self) {
        lock(&self.sabotage).clear();
        self.released.notify_all();
    }

    /// Where a test may strike.
    #[doc(hidden)]
    pub fn suffer(&self, part: Part) {
        // One load of a flag that is never set in the product.
        if !self.pulse(part).is_sabotaged.load(Ordering::Relaxed) {
            return;
        }
        let mut wanted = lock(&self.sabotage);
        let Some(at) = wanted.iter().position(|(other, _)| *other == part) else { return };
        if wanted[at].1 == Sabotage::Panic {
            wanted.remove(at);
            drop(wanted);
            panic!("sabotage");
        }
        while wanted.iter().any(|(other, what)| *other == part && *what == Sabotage::Hang) {
            wanted = self.released.wait(wanted).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(vitals: &Vitals, part: Part) -> PartHealth {
        vitals.health(part)
    }

    #[test]
    fn a_panic_is_counted_and_the_part_goes_on() {
        let vitals = Vitals::default();
        assert_eq!(vitals.guard(Part::Learner, || 7), Some(7));
        assert_eq!(vitals.guard(Part::Learner, || -> u8 { panic!("odd {}", 1) }), None);
        assert_eq!(vitals.guard(Part::Learner, || 8), Some(8));
        let told = health(&vitals, Part::Learner);
        assert_eq!((told.state, told.restarts), (PartState::Ok, 1));
        assert_eq!(told.says.as_deref(), Some("it panicked and began anew (odd 1)"));
        assert_eq!(health(&vitals, Part::Store).says, None);
    }

    #[test]
    fn what_fails_is_told_until_it_works_again() {
        let vitals = Vitals::default();
        vitals.recover(Part::Store);
        assert_eq!(health(&vitals, Part::Store).says, None, "nothing had failed");
        vitals.fail(Part::Store, "disk full");
        let since = health(&vitals, Part::Store).since_ms;
        vitals.fail(Part::Store, "read-only");
        let told = health(&vitals, Part::Store);
        assert_eq!((told.state, told.says.as_deref(), told.since_ms), (PartState::Failing, Some("read-only"), since));
        vitals.recover(Part::Store);
        assert_eq!(health(&vitals, Part::Store).state, PartState::Ok);
    }

    #[test]
    fn a_thread_that_is_gone_is_down() {
        let vitals = Vitals::default();
        vitals.watch(Part::Shadow).end();
        assert_eq!(health(&vitals, Part::Shadow).state, PartState::Ok);
        drop(vitals.watch(Part::Shadow));
        assert_eq!(health(&vitals, Part::Shadow).state, PartState::Down);
    }

    #[test]
    fn work_without_end_is_a_stall() {
        let vitals = Vitals { began: Instant::now().checked_sub(Duration::from_secs(9)).unwrap(), ..Vitals::default() };
        let pulse = vitals.pulse(Part::Store);
        for (since_ms, expected) in [(0, PartState::Ok), (8_900, PartState::Ok), (5_000, PartState::Stalled)] {
            pulse.busy_since.store(since_ms, Ordering::Relaxed);
            assert_eq!(health(&vitals, Part::Store).state, expected, "{since_ms}");
        }
    }

    #[tokio::test]
    async fn a_task_that_panics_is_begun_anew() {
        let (vitals, turns) = (Vitals::default(), AtomicU64::new(0));
        let turn = || async { assert!(turns.fetch_add(1, Ordering::Relaxed) > 0, "first") };
        vitals.keep(Part::Probe, turn(), || Some(turn())).await;
        assert_eq!((turns.load(Ordering::Relaxed), health(&vitals, Part::Probe).restarts), (2, 1));
    }
}
