//! What was learned, as it lies in a file: a snapshot of all summaries and, behind it, those of what was learned since.
//!
//! Summaries merge, so a batch adds what it brought and leaves the snapshot alone; a new snapshot takes the place of both once what
//! lies behind it is as large. Each part has a checksum of its own, which is looked at when the file is opened; what is in it is
//! read when it is needed, and a server that starts forwards requests meanwhile.

use std::io::{BufReader, Read};

use rusqlite::{Connection, params};
use understudy_contract::{Exchange, Model};

use super::{OpenError, StoreError};

/// What a stored part starts with when it is compressed (RFC 8878 §3.1.1). Releases before version 6 of the schema did not compress.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The fastest that still finds what repeats.
const LEVEL: i32 = 1;
/// So much may lie behind a snapshot that is smaller than this.
const MIN_TAIL_BYTES: usize = 1 << 20;
/// Parts behind a snapshot: merging them takes less time than reading it.
const MAX_PARTS: usize = 1024;

/// What a batch changes of what was learned.
#[derive(Debug)]
pub enum Summary {
    /// Takes the place of all there is.
    Snapshot(Vec<u8>),
    /// Goes behind it.
    Since(Vec<Vec<u8>>),
}

/// How much of what was learned lies in a file, as it is stored. Without a snapshot nothing does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    snapshot_bytes: Option<usize>,
    tail_bytes: usize,
    parts: usize,
}

impl Kept {
    /// What to write after these models, encoded, were merged into `whole`. It is in the file once the batch is.
    pub fn next(&mut self, whole: &Model, since: &[Vec<u8>]) -> Result<Summary, StoreError> {
        if let Some(bytes) = self.snapshot_bytes {
            let packed: Vec<Vec<u8>> = since.iter().map(|bytes| pack(bytes)).collect::<Result<_, _>>()?;
            let tail_bytes = self.tail_bytes + packed.iter().map(Vec::len).sum::<usize>();
            let parts = self.parts + packed.len();
            if tail_bytes <= bytes.max(MIN_TAIL_BYTES) && parts <= MAX_PARTS {
                *self = Self { tail_bytes, parts, ..*self };
                return Ok(Summary::Since(packed));
            }
        }
        let packed = pack(&whole.encode())?;
        *self = Self { snapshot_bytes: Some(packed.len()), ..Self::default() };
        Ok(Summary::Snapshot(packed))
    }

    /// Whether it is known what the file holds.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.snapshot_bytes.is_some()
    }

    /// What is in the file is not known any more: the next time all of it is written.
    pub fn lost(&mut self) {
        *self = Self::default();
    }
}

/// All that a start can do without. Exchanges have to be read to know whether they are whole; summaries have checksums beside them,
/// and are not looked into.
#[derive(Debug, Default)]
pub struct Learned {
    snapshot: Option<Vec<u8>>,
    /// In the order in which they were written.
    tail: Vec<Vec<u8>>,
    /// Oldest first.
    journal: Vec<Exchange>,
    /// Baselines and alerts, as the watchdog wrote them.
    pub watchdog: Option<Vec<u8>>,
    /// What the twin's own answers had changed, as [`State::save`](understudy_contract::twin::State::save) wrote it.
    pub twin_state: Option<Vec<u8>>,
}

impl Learned {
    /// All summaries as one.
    pub fn model(&self) -> Result<Model, OpenError> {
        let mut model = self.snapshot.as_deref().map_or_else(|| Ok(Model::default()), unpack)?;
        let tail = self.tail.iter().map(|bytes| unpack(bytes)).collect::<Result<Vec<_>, _>>()?;
        if let Some(tail) = merged(tail) {
            model.merge(tail);
        }
        Ok(model)
    }

    /// The exchanges that the twin is computed from, oldest first.
    #[must_use]
    pub fn journal(&self) -> Vec<Exchange> {
        self.journal.clone()
    }

    #[must_use]
    pub fn kept(&self) -> Kept {
        Kept {
            snapshot_bytes: self.snapshot.as_ref().map(Vec::len),
            tail_bytes: self.tail.iter().map(Vec::len).sum(),
            parts: self.tail.len(),
        }
    }
}

/// Neighbours first, so that small ones are merged with small ones.
fn merged(mut models: Vec<Model>) -> Option<Model> {
    while models.len() > 1 {
        let mut pairs = models.into_iter();
        models = Vec::new();
        while let Some(mut first) = pairs.next() {
            if let Some(second) = pairs.next() {
                first.merge(second);
            }
            models.push(first);
        }
    }
    models.pop()
}

pub(super) fn load(connection: &Connection) -> Result<Learned, OpenError> {
    let snapshot = parts(connection, "SELECT bytes, checksum FROM model")?.pop();
    let tail = parts(connection, "SELECT bytes, checksum FROM model_tail ORDER BY id")?;
    if snapshot.is_none() && !tail.is_empty() {
        return Err(OpenError::Damaged("the snapshot of what was learned is missing".into()));
    }
    Ok(Learned {
        snapshot,
        tail,
        journal: journal(connection)?,
        watchdog: super::rows::load_watchdog(connection)?,
        twin_state: super::twin::current(connection)?,
    })
}

pub(super) fn journal(connection: &Connection) -> Result<Vec<Exchange>, OpenError> {
    let mut statement = connection.prepare("SELECT exchange FROM journal ORDER BY id")?;
    let blobs = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
    blobs.map(|blob| super::rows::exchange_of(&blob?)).collect()
}

/// Parts that are as they were written, and of a format that this build reads.
fn parts(connection: &Connection, sql: &str) -> Result<Vec<Vec<u8>>, OpenError> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let mut parts = Vec::new();
    while let Some(row) = rows.next()? {
        let (bytes, checksum): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
        if blake3::hash(&bytes).as_bytes() != checksum.as_slice() {
            return Err(OpenError::Damaged("the checksum of what was learned does not match".into()));
        }
        let head = head(&bytes).map_err(|error| damaged(&error))?;
        Model::check_format(&head).map_err(|error| damaged(&error))?;
        parts.push(bytes);
    }
    Ok(parts)
}

pub(super) fn save(connection: &Connection, summary: &Summary) -> Result<(), StoreError> {
    match summary {
        Summary::Snapshot(bytes) => replace(connection, bytes)?,
        Summary::Since(parts) => {
            // Another file may have taken the place of the one that was open.
            if connection.prepare_cached("SELECT 1 FROM model")?.query([])?.next()?.is_none() {
                return Err(StoreError::NoSnapshot);
            }
            let mut insert = connection.prepare_cached("INSERT INTO model_tail (bytes, checksum) VALUES (?, ?)")?;
            for bytes in parts {
                insert.execute(params![bytes, blake3::hash(bytes).as_bytes().as_slice()])?;
            }
        }
    }
    Ok(())
}

/// Writes a snapshot, and lets go of what lay behind the one before it.
fn replace(connection: &Connection, bytes: &[u8]) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO model (id, bytes, checksum) VALUES (1, ?, ?)")?
        .execute(params![bytes, blake3::hash(bytes).as_bytes().as_slice()])?;
    connection.prepare_cached("DELETE FROM model_tail")?.execute([])?;
    Ok(())
}

/// The same of a model that was put together anew.
pub(super) fn rewrite(connection: &Connection, model: &Model) -> Result<(), OpenError> {
    let bytes = pack(&model.encode()).map_err(|error| OpenError::Io(std::io::Error::other(error)))?;
    Ok(replace(connection, &bytes)?)
}

/// Whether a row of either table can be read.
pub(super) fn is_sound(bytes: &[u8], checksum: &[u8]) -> bool {
    blake3::hash(bytes).as_bytes() == checksum && unpack(bytes).is_ok()
}

fn pack(encoded: &[u8]) -> Result<Vec<u8>, StoreError> {
    zstd::bulk::compress(encoded, LEVEL).map_err(StoreError::Pack)
}

/// Piece by piece, so that what grows without end when it is unpacked is never there as a whole.
fn unpack(bytes: &[u8]) -> Result<Model, OpenError> {
    let model = if bytes.starts_with(&ZSTD) {
        let reader = zstd::stream::read::Decoder::new(bytes).map_err(|error| damaged(&error))?;
        Model::read(BufReader::with_capacity(1 << 16, reader))
    } else {
        Model::read(bytes)
    };
    model.map_err(|error| damaged(&error))
}

/// The first bytes of an encoded model.
fn head(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    if bytes.starts_with(&ZSTD) {
        zstd::stream::read::Decoder::new(bytes)?.take(Model::HEAD_BYTES).read_to_end(&mut head)?;
    } else {
        bytes.take(Model::HEAD_BYTES).read_to_end(&mut head)?;
    }
    Ok(head)
}

fn damaged(error: &dyn std::fmt::Display) -> OpenError {
    OpenError::Damaged(error.to_string())
}

#[cfg(test)]
mod tests {
    use understudy_contract::{Body, Headers, Request, Response};

    use super::super::open::open;
    use super::*;

    fn model(ids: std::ops::Range<u64>) -> Model {
        let mut model = Model::default();
        for id in ids {
            let json = Headers(vec![("content-type".into(), "application/json".into())]);
            let body = |text: String| Body { bytes: text.into(), truncated: false };
            model.learn(&Exchange {
                id,
                received_at_ms: 1000 + id,
                latency_us: 10,
                request: Request { method: "GET".into(), target: format!("/items/{id}"), ..Request::default() },
                response: Response {
                    status: 200,
                    headers: json,
                    body: body(format!(r#"{{"id":{id},"name":"n{id}"}}"#)),
                },
            });
        }
        model
    }

    /// What is in the file after each of these was learned.
    fn written(connection: &Connection, kept: &mut Kept, batches: &[std::ops::Range<u64>]) -> Model {
        let mut whole = load(connection).unwrap().model().unwrap();
        for batch in batches {
            let since = model(batch.clone());
            let encoded = since.encode();
            whole.merge(since);
            save(connection, &kept.next(&whole, &[encoded]).unwrap()).unwrap();
        }
        whole
    }

    fn count(connection: &Connection, table: &str) -> i64 {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_snapshot_and_what_came_since_are_the_whole() {
        let dir = tempfile::tempdir().unwrap();
        let (connection, _lock) = open(&dir.path().join("p.db")).unwrap();
        let mut kept = Kept::default();
        let batches: Vec<_> = (0..9).map(|n| n * 10..n * 10 + 10).collect();
        let whole = written(&connection, &mut kept, &batches);
        assert_eq!((count(&connection, "model"), count(&connection, "model_tail")), (1, 8));
        let learned = load(&connection).unwrap();
        assert_eq!(learned.kept(), kept);
        assert_eq!(learned.model().unwrap().encode(), whole.encode());
        assert_eq!(whole.encode(), model(0..90).encode());
        // What is not known to be in the file is written again.
        kept.lost();
        let whole = written(&connection, &mut kept, &[90..91, 91..92]);
        assert_eq!((count(&connection, "model"), count(&connection, "model_tail")), (1, 1));
        assert_eq!(load(&connection).unwrap().model().unwrap().encode(), whole.encode());
    }

    #[test]
    fn a_long_tail_becomes_a_snapshot() {
        let mut kept = Kept { snapshot_bytes: Some(10), tail_bytes: MIN_TAIL_BYTES - 10, parts: 3 };
        let whole = model(0..20);
        assert!(matches!(kept.next(&whole, &[model(0..20).encode()]).unwrap(), Summary::Snapshot(_)));
        assert_eq!((kept.tail_bytes, kept.parts), (0, 0));
        for _ in 0..MAX_PARTS {
            assert!(matches!(kept.next(&whole, &[Vec::new()]).unwrap(), Summary::Since(_)));
        }
        assert!(matches!(kept.next(&whole, &[Vec::new()]).unwrap(), Summary::Snapshot(_)));
    }

    #[test]
    fn what_is_damaged_is_never_a_model() {
        let dir = tempfile::tempdir().unwrap();
        let (connection, _lock) = open(&dir.path().join("p.db")).unwrap();
        written(&connection, &mut Kept::default(), &[0..10, 10..20, 20..30]);
        let spoilt = |sql: &str| {
            connection.execute_batch(&format!("SAVEPOINT s; {sql}")).unwrap();
            let said = load(&connection).err().map(|error| error.to_string());
            connection.execute_batch("ROLLBACK TO s; RELEASE s").unwrap();
            said.unwrap_or_else(|| panic!("{sql}: it was read"))
        };
        assert!(spoilt("UPDATE model SET checksum = x'00'").contains("checksum"));
        assert!(spoilt("UPDATE model_tail SET bytes = x'00' WHERE id = 2").contains("checksum"));
        assert!(spoilt("DELETE FROM model").contains("snapshot of what was learned is missing"));
        let newer = zstd::bulk::compress(b"USTM\xff\0\0\0", LEVEL).unwrap();
        let sum = blake3::hash(&newer);
        connection
            .execute("UPDATE model SET bytes = ?, checksum = ?", params![newer, sum.as_bytes().as_slice()])
            .unwrap();
        assert!(load(&connection).unwrap_err().to_string().contains("format 255"));
        // A gigabyte of nothing, in some kilobytes.
        let bomb = zstd::bulk::compress(&[b"USTM\x02\0\0\0".to_vec(), vec![0; 1 << 28]].concat(), LEVEL).unwrap();
        assert!(unpack(&bomb).is_err());
    }

    #[test]
    fn a_snapshot_of_an_older_release_is_read() {
        let whole = model(0..5);
        assert_eq!(unpack(&whole.encode()).unwrap().encode(), whole.encode());
    }
}
