//! The rows of the live traffic table, and those that wait while someone reads.

use std::collections::VecDeque;
use std::sync::Arc;

use understudy_types::TrafficRow;

/// More than this nobody scrolls back through; the server keeps the rest.
pub const KEPT_ROWS: usize = 2000;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Feed {
    /// Newest first.
    rows: VecDeque<Arc<TrafficRow>>,
    /// What came since the pause began, oldest first.
    held: VecDeque<Arc<TrafficRow>>,
    paused: bool,
    /// Exchanges since the pause began: `held` has the newest of them.
    waiting: u64,
    /// Exchanges that passed too fast to be listed, since the page was opened.
    unlisted: u64,
}

impl Feed {
    #[must_use]
    pub fn new(newest_first: Vec<TrafficRow>) -> Self {
        let rows = newest_first.into_iter().take(KEPT_ROWS).map(Arc::new).collect();
        Self { rows, ..Self::default() }
    }

    #[must_use]
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &Arc<TrafficRow>> + Clone {
        self.rows.iter()
    }

    /// Exchanges that are not shown because the feed is paused.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.waiting
    }

    #[must_use]
    pub fn unlisted(&self) -> u64 {
        self.unlisted
    }

    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    pub fn pause(&mut self) {
        self.paused = true;
    }

    pub fn resume(&mut self) {
        self.paused = false;
        self.waiting = 0;
        for row in std::mem::take(&mut self.held) {
            self.show(row);
        }
    }

    /// `rows` may repeat what is known: a new connection starts with the newest rows.
    pub fn push(&mut self, rows: Vec<TrafficRow>, skipped: u64) {
        self.unlisted += skipped;
        let fresh: Vec<_> = rows.into_iter().filter(|row| !self.knows(row.id)).map(Arc::new).collect();
        if !self.paused {
            fresh.into_iter().for_each(|row| self.show(row));
            return;
        }
        self.waiting += fresh.len() as u64 + skipped;
        self.held.extend(fresh);
        let surplus = self.held.len().saturating_sub(KEPT_ROWS);
        self.held.drain(..surplus);
    }

    /// Exchanges end in another order than they began in: each finds its place from the newest end.
    fn show(&mut self, row: Arc<TrafficRow>) {
        let place = self.rows.iter().position(|other| other.id < row.id).unwrap_or(self.rows.len());
        self.rows.insert(place, row);
        self.rows.truncate(KEPT_ROWS);
    }

    fn knows(&self, id: u64) -> bool {
        self.rows.iter().chain(&self.held).any(|row| row.id == id)
    }
}

/// Rows of the feed and older ones that the server had, newest first, each once.
#[must_use]
pub fn merged<'a>(
    live: impl Iterator<Item = &'a Arc<TrafficRow>>,
    older: &[Arc<TrafficRow>],
    fits: impl Fn(&TrafficRow) -> bool,
) -> Vec<Arc<TrafficRow>> {
    let mut older = older.iter().peekable();
    let mut rows = Vec::new();
    for row in live.filter(|row| fits(row)) {
        while let Some(before) = older.next_if(|before| before.id > row.id) {
            rows.push(Arc::clone(before));
        }
        older.next_if(|same| same.id == row.id);
        rows.push(Arc::clone(row));
    }
    rows.extend(older.cloned());
    rows
}

#[cfg(test)]
mod tests {
    use understudy_types::Source;

    use super::*;

    fn row(id: u64) -> TrafficRow {
        let (method, target) = ("GET".into(), format!("/{id}"));
        TrafficRow {
            id,
            at_ms: id,
            method,
            target,
            template: None,
            status: 200,
            duration_us: 1,
            bytes: 0,
            source: Source::Upstream,
            reason: String::new(),
        }
    }

    fn rows(ids: impl IntoIterator<Item = u64>) -> Vec<TrafficRow> {
        ids.into_iter().map(row).collect()
    }

    fn ids(feed: &Feed) -> Vec<u64> {
        feed.rows().map(|row| row.id).collect()
    }

    #[test]
    fn new_rows_come_first_and_known_ones_once() {
        let mut feed = Feed::new(rows([3, 2, 1]));
        feed.push(rows([2, 3, 4, 5]), 0);
        assert_eq!(ids(&feed), [5, 4, 3, 2, 1]);
    }

    #[test]
    fn a_row_that_ends_late_takes_its_place() {
        let mut feed = Feed::new(rows([5, 3]));
        feed.push(rows([4, 6]), 0);
        assert_eq!(ids(&feed), [6, 5, 4, 3]);
    }

    #[test]
    fn a_pause_holds_rows_and_counts_all() {
        let mut feed = Feed::new(rows([1]));
        feed.pause();
        feed.push(rows([2, 3]), 7);
        assert_eq!((ids(&feed), feed.waiting()), (vec![1], 9));
        feed.resume();
        assert_eq!((ids(&feed), feed.waiting(), feed.unlisted()), (vec![3, 2, 1], 0, 7));
    }

    #[test]
    fn it_never_grows_past_its_bound() {
        let mut feed = Feed::new(rows((0..3000).rev()));
        feed.pause();
        feed.push(rows(3000..6000), 0);
        assert_eq!((feed.rows().len(), feed.held.len(), feed.waiting()), (KEPT_ROWS, KEPT_ROWS, 3000));
        feed.resume();
        assert_eq!((feed.rows().len(), feed.rows[0].id), (KEPT_ROWS, 5999));
    }

    #[test]
    fn older_rows_take_their_places_between_live_ones() {
        let feed = Feed::new(rows([9, 7, 5]));
        let older: Vec<_> = rows([8, 7, 4, 3]).into_iter().map(Arc::new).collect();
        let ids = |fits: fn(&TrafficRow) -> bool| -> Vec<u64> {
            merged(feed.rows(), &older, fits).iter().map(|row| row.id).collect()
        };
        assert_eq!(ids(|_| true), [9, 8, 7, 5, 4, 3]);
        assert_eq!(ids(|row| row.id != 9), [8, 7, 5, 4, 3]);
    }
}
