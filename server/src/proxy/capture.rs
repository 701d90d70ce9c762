//! How much of the bodies that pass may be kept: so much of one, and so much of all that are under way or wait to be learned.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What all bodies of a process share.
#[derive(Debug)]
pub struct Budget {
    body_limit: usize,
    limit: usize,
    used: AtomicUsize,
    /// Bodies that were let go because there was no room.
    shed: AtomicU64,
}

impl Budget {
    /// Both in bytes: of one body, and of all together.
    #[must_use]
    pub fn new(body_limit: usize, limit: usize) -> Arc<Self> {
        Arc::new(Self { body_limit, limit, used: AtomicUsize::new(0), shed: AtomicU64::new(0) })
    }

    /// Bytes kept now.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Bodies let go so far for want of room; those over the limit of one body are not among them.
    #[must_use]
    pub fn shed(&self) -> u64 {
        self.shed.load(Ordering::Relaxed)
    }

    pub(crate) fn count_shed(&self) {
        self.shed.fetch_add(1, Ordering::Relaxed);
    }
}

/// One body's share of a [`Budget`], given back when it is dropped.
#[derive(Debug)]
pub struct Held {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Held {
    #[must_use]
    pub fn new(budget: &Arc<Budget>) -> Self {
        Self { budget: Arc::clone(budget), bytes: 0 }
    }

    /// False when that would be too much for one body, or for all.
    pub fn grow(&mut self, bytes: usize) -> bool {
        if self.bytes + bytes > self.budget.body_limit {
            return false;
        }
        if self.budget.used.fetch_add(bytes, Ordering::Relaxed) + bytes > self.budget.limit {
            self.budget.used.fetch_sub(bytes, Ordering::Relaxed);
            self.budget.count_shed();
            return false;
        }
        self.bytes += bytes;
        true
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_body_has_a_limit_and_all_have_one_together() {
        let budget = Budget::new(10, 15);
        let (mut one, mut two) = (Held::new(&budget), Held::new(&budget));
        assert!(one.grow(10) && !one.grow(1));
        assert_eq!((budget.used(), budget.shed()), (10, 0));
        assert!(two.grow(5) && !two.grow(1));
        assert_eq!((budget.used(), budget.shed()), (15, 1));
        drop(one);
        assert!(two.grow(5));
        drop(two);
        assert_eq!(budget.used(), 0);
    }
}
