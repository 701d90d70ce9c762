//! Recorded exchanges with header fields and bodies: in blocks, each compressed as a whole. A body that came several times lies in a
//! block once, and what repeats from exchange to exchange costs a few bytes.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use understudy_contract::Exchange;
use understudy_types::TrafficRow;

use super::{StoreError, rows};

/// A block is closed when it has so many exchanges, or so many bytes of bodies that are not the same.
const BLOCK_EXCHANGES: usize = 512;
const BLOCK_BYTES: usize = 1 << 20;
/// No block of ours is longer when it is unpacked: its last exchange may go past [`BLOCK_BYTES`], by far less than this.
const MAX_UNPACKED_BYTES: u64 = 64 << 20;
/// The fastest that still finds what repeats.
const LEVEL: i32 = 1;

/// Exchanges as they lie in a file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Block {
    /// Each once.
    bodies: Vec<Bytes>,
    exchanges: Vec<Kept>,
}

/// An exchange without its bodies, and where these are.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    exchange: Exchange,
    request: u32,
    response: u32,
}

/// The block that exchanges are put into. It is written again with each batch until it is full, so that few exchanges at a time
/// come together, too.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    block: Block,
    places: HashMap<Bytes, u32>,
    bytes: usize,
    /// What the row of the block takes in the file now.
    written: usize,
}

impl Recorder {
    /// By how many bytes the file's blocks grew.
    pub(super) fn write(&mut self, connection: &Connection, exchanges: &[Arc<Exchange>]) -> Result<i64, StoreError> {
        let mut grown = 0;
        for exchange in exchanges {
            self.push(exchange);
            if self.block.exchanges.len() >= BLOCK_EXCHANGES || self.bytes >= BLOCK_BYTES {
                grown += self.put(connection)?;
                *self = Self::default();
            }
        }
        if !exchanges.is_empty() && !self.block.exchanges.is_empty() {
            grown += self.put(connection)?;
        }
        Ok(grown)
    }

    /// The block is begun anew when it went with what is older.
    pub(super) fn forget(&mut self, gone: Option<i64>) {
        let high = self.block.exchanges.iter().map(|kept| kept.exchange.id as i64).max();
        if gone.is_some() && high <= gone {
            *self = Self::default();
        }
    }

    fn push(&mut self, exchange: &Exchange) {
        let mut kept = Exchange::clone(exchange);
        let request = self.place(std::mem::take(&mut kept.request.body.bytes));
        let response = self.place(std::mem::take(&mut kept.response.body.bytes));
        self.block.exchanges.push(Kept { exchange: kept, request, response });
    }

    fn place(&mut self, body: Bytes) -> u32 {
        let next = self.block.bodies.len() as u32;
        match self.places.entry(body) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                self.bytes += new.key().len();
                self.block.bodies.push(new.key().clone());
                *new.insert(next)
            }
        }
    }

    fn put(&mut self, connection: &Connection) -> Result<i64, StoreError> {
        let ids = || self.block.exchanges.iter().map(|kept| kept.exchange.id as i64);
        let (Some(first), Some(low), Some(high)) = (ids().next(), ids().min(), ids().max()) else { return Ok(0) };
        let bytes = pack(&rmp_serde::to_vec(&self.block)?).map_err(StoreError::Pack)?;
        connection
            .prepare_cached("INSERT OR REPLACE INTO recorded (id, low, high, bytes) VALUES (?, ?, ?, ?)")?
            .execute(params![first, low, high, bytes])?;
        let grown = bytes.len() as i64 - self.written as i64;
        self.written = bytes.len();
        Ok(grown)
    }
}

/// What all blocks take.
pub(super) fn size(connection: &Connection) -> rusqlite::Result<u64> {
    let sum =
        connection.query_row("SELECT coalesce(sum(length(bytes)), 0) FROM recorded", [], |row| row.get::<_, i64>(0))?;
    Ok(sum as u64)
}

/// Lets go of the blocks whose last exchange is this one or an older one; the bytes that are free then.
pub(super) fn forget(connection: &Connection, last: i64) -> rusqlite::Result<u64> {
    let freed: i64 = connection
        .prepare_cached("SELECT coalesce(sum(length(bytes)), 0) FROM recorded WHERE high <= ?")?
        .query_row([last], |row| row.get(0))?;
    connection.prepare_cached("DELETE FROM recorded WHERE high <= ?")?.execute([last])?;
    Ok(freed as u64)
}

/// Whether a block can be read.
pub(super) fn is_sound(bytes: &[u8]) -> bool {
    unpack(bytes).is_some_and(|block| block.exchanges.iter().all(|kept| block.whole(kept).is_some()))
}

/// With a checksum, so that what was damaged is not shown as what was said.
fn pack(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
    compressor.include_checksum(true)?;
    compressor.compress(bytes)
}

fn unpack(bytes: &[u8]) -> Option<Block> {
    let mut unpacked = Vec::new();
    zstd::stream::read::Decoder::new(bytes).ok()?.take(MAX_UNPACKED_BYTES).read_to_end(&mut unpacked).ok()?;
    rmp_serde::from_slice(&unpacked).ok()
}

impl Block {
    fn find(&self, id: u64) -> Option<Exchange> {
        self.whole(self.exchanges.iter().find(|kept| kept.exchange.id == id)?)
    }

    fn whole(&self, kept: &Kept) -> Option<Exchange> {
        let mut exchange = kept.exchange.clone();
        exchange.request.body.bytes = self.bodies.get(kept.request as usize)?.clone();
        exchange.response.body.bytes = self.bodies.get(kept.response as usize)?.clone();
        Some(exchange)
    }
}

/// Reads what was recorded, by a connection of its own beside the one that writes. For threads that may wait.
#[derive(Debug)]
pub struct Records {
    connection: Connection,
    /// The last that was read: exchanges that are asked for often lie side by side.
    block: Block,
}

impl Records {
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Ok(Self { connection: Connection::open_with_flags(path, flags)?, block: Block::default() })
    }

    pub fn row(&self, id: u64) -> Result<Option<TrafficRow>, StoreError> {
        let Ok(id) = i64::try_from(id) else { return Ok(None) };
        let row = self.connection.query_row("SELECT * FROM traffic WHERE id = ?", [id], rows::traffic_row);
        Ok(row.optional()?)
    }

    /// With header fields and bodies, if these were kept.
    pub fn exchange(&mut self, id: u64) -> Result<Option<Exchange>, StoreError> {
        let known = self.block.find(id);
        let Ok(key) = i64::try_from(id) else { return Ok(None) };
        if known.is_some() {
            return Ok(known);
        }
        let mut blocks = self
            .connection
            .prepare_cached("SELECT bytes FROM recorded WHERE high >= ?1 AND low <= ?1 ORDER BY high")?;
        let mut blocks = blocks.query([key])?;
        while let Some(row) = blocks.next()? {
            let Some(block) = unpack(row.get_ref(0)?.as_blob().unwrap_or_default()) else { continue };
            let found = block.find(id);
            if found.is_some() {
                self.block = block;
                return Ok(found);
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use understudy_contract::{Body, Request, Response};

    use super::*;

    fn exchange(id: u64, body: &str) -> Arc<Exchange> {
        let body = Body { bytes: Bytes::copy_from_slice(body.as_bytes()), truncated: false };
        let response = Response { status: 200, body, ..Response::default() };
        Arc::new(Exchange { id, received_at_ms: 7, latency_us: 0, request: Request::default(), response })
    }

    #[test]
    fn what_repeats_lies_in_a_block_once() {
        let mut recorder = Recorder::default();
        let long: String = (0..20_000).map(|n| char::from(b'a' + (n * n % 23) as u8)).collect();
        for id in 1..=9 {
            recorder.push(&exchange(id, &long));
        }
        recorder.push(&exchange(10, "short"));
        assert_eq!(recorder.block.bodies.len(), 3, "none, the long one, the short one");
        assert_eq!(recorder.bytes, long.len() + 5);
        let bytes = pack(&rmp_serde::to_vec(&recorder.block).unwrap()).unwrap();
        let block = unpack(&bytes).unwrap();
        assert_eq!(block.whole(&block.exchanges[4]).unwrap(), *exchange(5, &long));
        assert_eq!(block.whole(&block.exchanges[9]).unwrap(), *exchange(10, "short"));
    }

    #[test]
    fn what_is_no_block_is_told() {
        let packed = |bytes: &[u8]| pack(bytes).unwrap();
        assert!(is_sound(&packed(&rmp_serde::to_vec(&Block::default()).unwrap())));
        let lost = Kept { exchange: Exchange::clone(&exchange(1, "")), request: 9, response: 0 };
        let lost = Block { bodies: vec![Bytes::new()], exchanges: vec![lost] };
        assert!(!is_sound(&packed(&rmp_serde::to_vec(&lost).unwrap())));
        // A gigabyte of nothing, in some kilobytes.
        let bomb = packed(&vec![0; 1 << 28]);
        assert!(bomb.len() < 1 << 20 && !is_sound(&bomb));
        let mut flipped = packed(&rmp_serde::to_vec(&vec!["a name"; 9]).unwrap());
        let last = flipped.len() - 1;
        flipped[last] ^= 1;
        assert!(unpack(&flipped).is_none());
        for bytes in [&b""[..], b"a letter", &bomb[..9]] {
            assert!(!is_sound(bytes));
        }
    }
}
