//! The bounds of recorded traffic: how old its rows may get, and how much room they may take.

use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};
use understudy_types::TrafficRow;

use super::{StoreError, recorded, rows};
use crate::twin::now_ms;

/// Recorded traffic that a project keeps, the newest of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    pub age: Duration,
    /// Of the rows, as they are counted here, and of the exchanges with their bodies, compressed.
    pub bytes: u64,
}

impl Default for Keep {
    fn default() -> Self {
        Self { age: Duration::from_secs(7 * 24 * 3600), bytes: 1 << 30 }
    }
}

/// What a row takes beside its texts.
const ROW_BYTES: u64 = 64;
/// The same sum in SQL.
const SIZE: &str = "64 + length(method) + length(target) + coalesce(length(template), 0) + length(reason)";
/// Rows that are let go at once; a batch that brings more takes several turns.
const STEP: usize = 1024;
/// Pages that are given back to the file system at once, while nothing else is to be done.
const VACUUM_PAGES: u32 = 256;
/// Rows that one look for older ones goes through: a second's work at most.
const MAX_SCAN: usize = 200_000;

/// Knows how much room the rows take, from the first time that it matters.
#[derive(Debug)]
pub(super) struct Ring {
    keep: Keep,
    bytes: Option<u64>,
}

impl Ring {
    pub(super) fn new(keep: Keep) -> Self {
        Self { keep, bytes: None }
    }

    /// After these rows came, and blocks of exchanges grew by so much: what is too old or too much goes, the oldest first. The last
    /// exchange that went, if any did.
    pub(super) fn trim(
        &mut self,
        connection: &mut Connection,
        added: &[TrafficRow],
        grown: i64,
    ) -> Result<Option<i64>, StoreError> {
        let bytes = match self.bytes {
            Some(bytes) => (bytes + added.iter().map(size).sum::<u64>()).saturating_add_signed(grown),
            None => total(connection)?,
        };
        self.bytes = Some(bytes);
        let horizon = now_ms().saturating_sub(u64::try_from(self.keep.age.as_millis()).unwrap_or(u64::MAX));
        let mut gone = None;
        loop {
            let (count, last) = self.step(connection, horizon)?;
            gone = last.or(gone);
            if count < STEP {
                return Ok(gone);
            }
        }
    }

    /// How many rows went, and the last of them.
    fn step(&mut self, connection: &mut Connection, horizon_ms: u64) -> Result<(usize, Option<i64>), StoreError> {
        let (mut bytes, mut gone, mut last) = (self.bytes.unwrap_or_default(), 0, None);
        {
            let sql = format!("SELECT id, at_ms, {SIZE} FROM traffic ORDER BY id LIMIT {STEP}");
            let mut oldest = connection.prepare_cached(&sql)?;
            let mut rows = oldest.query([])?;
            while let Some(row) = rows.next()? {
                if bytes <= self.keep.bytes && row.get::<_, i64>(1)? as u64 >= horizon_ms {
                    break;
                }
                (gone, last) = (gone + 1, Some(row.get::<_, i64>(0)?));
                bytes = bytes.saturating_sub(row.get::<_, i64>(2)? as u64);
            }
        }
        if let Some(last) = last {
            let transaction = connection.transaction()?;
            transaction.prepare_cached("DELETE FROM traffic WHERE id <= ?")?.execute([last])?;
            bytes = bytes.saturating_sub(recorded::forget(&transaction, last)?);
            transaction.commit()?;
        }
        self.bytes = Some(bytes);
        Ok((gone, last))
    }
}

fn total(connection: &Connection) -> rusqlite::Result<u64> {
    let sum = format!("SELECT coalesce(sum({SIZE}), 0) FROM traffic");
    let rows: i64 = connection.query_row(&sum, [], |row| row.get(0))?;
    Ok(rows as u64 + recorded::size(connection)?)
}

fn size(row: &TrafficRow) -> u64 {
    let texts = row.method.len() + row.target.len() + row.template.as_ref().map_or(0, String::len) + row.reason.len();
    ROW_BYTES + texts as u64
}

/// Gives room back that rows have left. False when there is none, or when the file is of a time before it could.
pub(super) fn vacuum(connection: &Connection) -> rusqlite::Result<bool> {
    const INCREMENTAL: u32 = 2;
    let mode: u32 = connection.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?;
    let free: u32 = connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    if mode != INCREMENTAL || free < VACUUM_PAGES {
        return Ok(false);
    }
    connection.execute_batch(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))?;
    Ok(true)
}

/// Rows before this one, newest first, of those that are wanted; and where to go on, when there may be more. By a connection of its
/// own, beside the one that writes. For threads that may wait.
pub fn older(
    path: &std::path::Path,
    before: u64,
    limit: usize,
    wanted: impl Fn(&TrafficRow) -> bool,
) -> Result<(Vec<TrafficRow>, Option<u64>), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    let mut statement = connection.prepare("SELECT * FROM traffic WHERE id < ? ORDER BY id DESC LIMIT ?")?;
    let mut found = statement.query(params![i64::try_from(before).unwrap_or(i64::MAX), MAX_SCAN as i64])?;
    let (mut rows, mut scanned, mut last) = (Vec::new(), 0, None);
    while rows.len() < limit
        && let Some(row) = found.next()?
    {
        let row = rows::traffic_row(row)?;
        (scanned, last) = (scanned + 1, Some(row.id));
        if wanted(&row) {
            rows.push(row);
        }
    }
    let may_be_more = rows.len() == limit || scanned == MAX_SCAN;
    Ok((rows, last.filter(|_| may_be_more)))
}
