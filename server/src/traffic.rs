//! The newest exchanges as rows, for the traffic list and the live feed.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use understudy_types::{MAX_ROWS_PER_TICK, TrafficRow};

use crate::store::TRAFFIC_ROWS;

/// Written by the learner's intake, never by a request.
#[derive(Debug)]
pub struct Traffic(Mutex<Rows>);

#[derive(Debug)]
struct Rows {
    all: VecDeque<TrafficRow>,
    /// Not yet shown to viewers, oldest first.
    fresh: VecDeque<TrafficRow>,
    skipped: u64,
}

impl Traffic {
    /// `rows` oldest first.
    #[must_use]
    pub fn new(rows: Vec<TrafficRow>) -> Self {
        Self(Mutex::new(Rows { all: rows.into(), fresh: VecDeque::new(), skipped: 0 }))
    }

    pub fn push(&self, row: TrafficRow) {
        let mut guard = self.lock();
        if guard.fresh.len() >= MAX_ROWS_PER_TICK {
            guard.fresh.pop_front();
            guard.skipped += 1;
        }
        guard.fresh.push_back(row.clone());
        let rows = &mut guard.all;
        if rows.len() >= TRAFFIC_ROWS {
            rows.pop_front();
        }
        // Exchanges end in another order than they began in; a little from the end is where most belong.
        let place = rows.iter().rposition(|other| other.id < row.id).map_or(0, |before| before + 1);
        rows.insert(place, row);
    }

    /// An exchange of which there is no row, because the queue was full.
    pub fn skip(&self) {
        self.lock().skipped += 1;
    }

    /// What came since the last call, oldest first, and how much of it is left out.
    pub fn take_fresh(&self) -> (Vec<TrafficRow>, u64) {
        let mut rows = self.lock();
        (std::mem::take(&mut rows.fresh).into(), std::mem::take(&mut rows.skipped))
    }

    /// Newest first, older than `before`, of those that are wanted.
    #[must_use]
    pub fn page(&self, before: Option<u64>, limit: usize, wanted: impl Fn(&TrafficRow) -> bool) -> Vec<TrafficRow> {
        let rows = self.lock();
        let older = rows.all.iter().rev().filter(|row| before.is_none_or(|before| row.id < before) && wanted(row));
        older.take(limit).cloned().collect()
    }

    /// Rows before this one lie in the file alone, if there are any. `None` while there is none at all.
    #[must_use]
    pub fn oldest(&self) -> Option<u64> {
        self.lock().all.front().map(|row| row.id)
    }

    #[must_use]
    pub fn find(&self, id: u64) -> Option<TrafficRow> {
        self.lock().all.iter().rev().find(|row| row.id == id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use understudy_types::Source;

    use super::*;

    fn row(id: u64) -> TrafficRow {
        TrafficRow {
            id,
            at_ms: 0,
            method: "GET".into(),
            target: "/".into(),
            template: None,
            status: 200,
            duration_us: 1,
            bytes: 0,
            source: Source::Upstream,
            reason: String::new(),
        }
    }

    #[test]
    fn pages_run_backwards_in_the_order_of_arrival() {
        let traffic = Traffic::new(vec![row(1)]);
        for id in [3, 2, 5, 4] {
            traffic.push(row(id));
        }
        let ids = |before, limit| traffic.page(before, limit, |_| true).iter().map(|row| row.id).collect::<Vec<_>>();
        assert_eq!(ids(None, 2), [5, 4]);
        assert_eq!(ids(Some(4), 10), [3, 2, 1]);
    }

    #[test]
    fn viewers_get_the_newest_and_the_number_of_the_rest() {
        let traffic = Traffic::new(Vec::new());
        for id in 1..=(MAX_ROWS_PER_TICK as u64 + 7) {
            traffic.push(row(id));
        }
        traffic.skip();
        let (rows, skipped) = traffic.take_fresh();
        assert_eq!((rows.len(), rows[0].id, skipped), (MAX_ROWS_PER_TICK, 8, 8));
        assert_eq!(traffic.take_fresh(), (Vec::new(), 0));
    }
}
