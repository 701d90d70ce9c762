//! A bounded number of things that are made when needed and used again.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
pub(crate) struct Pool<T> {
    slots: Mutex<Slots<T>>,
    freed: Condvar,
    most: usize,
}

/// `idle.len() + out` never exceeds the pool's bound.
#[derive(Debug)]
struct Slots<T> {
    idle: Vec<T>,
    out: usize,
    /// Waking is a system call even when nobody sleeps.
    waiting: usize,
}

/// The right to have one of the things. What is in it when it is dropped goes back to the pool.
pub(crate) struct Place<'a, T> {
    pool: &'a Pool<T>,
    pub(crate) item: Option<T>,
}

impl<T> Pool<T> {
    pub(crate) fn new(most: usize, first: T) -> Self {
        Self { slots: Mutex::new(Slots { idle: vec![first], out: 0, waiting: 0 }), freed: Condvar::new(), most }
    }

    /// Waits while all are in use. A place may come empty: then the caller makes one.
    pub(crate) fn take(&self) -> Place<'_, T> {
        let mut slots = self.lock();
        while slots.idle.is_empty() && slots.out == self.most {
            slots.waiting += 1;
            slots = self.freed.wait(slots).unwrap_or_else(PoisonError::into_inner);
            slots.waiting -= 1;
        }
        slots.out += 1;
        Place { pool: self, item: slots.idle.pop() }
    }

    fn lock(&self) -> MutexGuard<'_, Slots<T>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for Place<'_, T> {
    fn drop(&mut self) {
        let mut slots = self.pool.lock();
        slots.out -= 1;
        slots.idle.extend(self.item.take());
        if slots.waiting > 0 {
            self.pool.freed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_back_is_used_again_and_what_is_not_leaves_room() {
        let pool = Pool::new(1, 'a');
        let first = pool.take();
        assert_eq!(first.item, Some('a'));
        drop(first);
        assert_eq!(pool.take().item.take(), Some('a'));
        assert_eq!(pool.take().item, None);
    }

    #[test]
    fn no_more_than_the_bound_are_out_at_once() {
        let pool = Pool::new(2, 0);
        let (out, highest) = (Mutex::new(0), Mutex::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let mut place = pool.take();
                        let now = {
                            let mut out = out.lock().unwrap();
                            *out += 1;
                            *out
                        };
                        let mut highest = highest.lock().unwrap();
                        *highest = now.max(*highest);
                        drop(highest);
                        place.item.get_or_insert(0);
                        *out.lock().unwrap() -= 1;
                    }
                });
            }
        });
        assert!((1..=2).contains(&*highest.lock().unwrap()));
    }
}
