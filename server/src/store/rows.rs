//! Rows, and the types they become.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use understudy_contract::rules::Rule;
use understudy_contract::{Exchange, Model, Rules};
use understudy_types::{Mode, Source, TrafficRow};

use crate::outbox;
use crate::shadow::Record;

use super::recorded::Recorder;
use super::{Batch, Learned, OpenError, Project, StoreError, TRAFFIC_ROWS};

pub(super) fn load(connection: &mut Connection) -> Result<Project, OpenError> {
    Ok(Project {
        mode: load_mode(connection)?,
        rules: load_rules(connection)?,
        model: load_model(connection)?,
        journal: load_journal(connection)?,
        traffic: load_traffic(connection)?,
        outbox: load_outbox(connection)?,
        fidelity: load_fidelity(connection)?,
        settings: super::twin::settings(connection)?,
        watchdog: load_watchdog(connection)?,
        twin_state: super::twin::current(connection)?,
    })
}

/// What was learned, and from what.
pub(super) fn recall(connection: &Connection) -> Result<Learned, OpenError> {
    Ok((load_model(connection)?, load_rules(connection)?, load_journal(connection)?))
}

pub(super) fn load_mode(connection: &Connection) -> Result<Mode, OpenError> {
    let word = connection
        .query_row("SELECT value FROM setting WHERE key = 'mode'", [], |row| row.get::<_, String>(0))
        .optional()?;
    let Some(word) = word else { return Ok(Mode::default()) };
    mode_of(&word).ok_or_else(|| OpenError::Damaged(format!("its mode is {word:?}")))
}

/// Whether a start would understand a setting.
pub(super) fn is_setting(key: &str, value: &str) -> bool {
    match key {
        "mode" => mode_of(value).is_some(),
        "rules" => serde_json::from_str::<StoredRules>(value)
            .is_ok_and(|stored| Rules::new(stored.next_id, stored.rules).is_ok()),
        _ => serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok(),
    }
}

/// People's rules as they are stored, in JSON.
#[derive(Debug, Serialize, Deserialize)]
struct StoredRules {
    next_id: u64,
    rules: Vec<Rule>,
}

pub(super) fn load_rules(connection: &Connection) -> Result<Rules, OpenError> {
    let stored = connection
        .query_row("SELECT value FROM setting WHERE key = 'rules'", [], |row| row.get::<_, String>(0))
        .optional()?;
    let Some(json) = stored else { return Ok(Rules::default()) };
    let damaged = |reason: String| OpenError::Damaged(format!("its rules: {reason}"));
    let StoredRules { next_id, rules } = serde_json::from_str(&json).map_err(|error| damaged(error.to_string()))?;
    Rules::new(next_id, rules).map_err(|error| damaged(error.to_string()))
}

/// A person's decision must outlast a power cut, unlike the last moments of traffic.
pub(super) fn set_rules(connection: &Connection, rules: &Rules) -> Result<(), StoreError> {
    let stored = StoredRules { next_id: rules.next_id(), rules: rules.iter().cloned().collect() };
    set_setting(connection, "rules", &serde_json::to_string(&stored)?)
}

/// As a setting.
pub(super) fn set_setting(connection: &Connection, key: &str, value: &str) -> Result<(), StoreError> {
    connection.pragma_update(None, "synchronous", "full")?;
    let written = connection.execute("INSERT OR REPLACE INTO setting (key, value) VALUES (?, ?)", [key, value]);
    connection.pragma_update(None, "synchronous", "normal")?;
    written?;
    Ok(())
}

fn load_model(connection: &Connection) -> Result<Model, OpenError> {
    let read = |row: &Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?));
    let Some((bytes, checksum)) = connection.query_row("SELECT bytes, checksum FROM model", [], read).optional()?
    else {
        return Ok(Model::default());
    };
    if blake3::hash(&bytes).as_bytes() != checksum.as_slice() {
        return Err(OpenError::Damaged("the checksum of what was learned does not match".into()));
    }
    Model::decode(&bytes).map_err(|error| OpenError::Damaged(error.to_string()))
}

pub(super) fn load_journal(connection: &Connection) -> Result<Vec<Exchange>, OpenError> {
    let mut statement = connection.prepare("SELECT exchange FROM journal ORDER BY id")?;
    let blobs = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
    blobs.map(|blob| exchange_of(&blob?)).collect()
}

/// Of an exchange's checksum, behind it.
const SUM_BYTES: usize = 8;

fn sum(bytes: &[u8]) -> [u8; SUM_BYTES] {
    let hash = blake3::hash(bytes);
    std::array::from_fn(|at| hash.as_bytes()[at])
}

/// With a checksum behind it: the twin would believe what a damaged one says.
fn exchange_bytes(exchange: &Exchange) -> Result<Vec<u8>, StoreError> {
    let mut bytes = rmp_serde::to_vec(exchange)?;
    let sum = sum(&bytes);
    bytes.extend(sum);
    Ok(bytes)
}

/// An exchange as it was stored; those that were stored without a checksum are taken as they are.
pub(super) fn exchange_of(bytes: &[u8]) -> Result<Exchange, OpenError> {
    let damaged = |reason: String| OpenError::Damaged(format!("an exchange: {reason}"));
    let mut rest = std::io::Cursor::new(bytes);
    let exchange = rmp_serde::from_read(&mut rest).map_err(|error| damaged(error.to_string()))?;
    let end = usize::try_from(rest.position()).unwrap_or(bytes.len());
    match bytes.split_at_checked(end) {
        Some((own, found)) if found.is_empty() || *found == sum(own) => Ok(exchange),
        _ => Err(damaged("its checksum does not match".into())),
    }
}

fn load_traffic(connection: &Connection) -> Result<Vec<TrafficRow>, OpenError> {
    let mut statement = connection.prepare("SELECT * FROM traffic ORDER BY id DESC LIMIT ?")?;
    let rows = statement.query_map([TRAFFIC_ROWS as i64], traffic_row)?;
    let mut rows: Vec<_> = rows.collect::<rusqlite::Result<_>>()?;
    rows.reverse();
    Ok(rows)
}

pub(super) fn traffic_row(row: &Row<'_>) -> rusqlite::Result<TrafficRow> {
    Ok(TrafficRow {
        id: row.get::<_, i64>("id")? as u64,
        at_ms: row.get::<_, i64>("at_ms")? as u64,
        method: row.get("method")?,
        target: row.get("target")?,
        template: row.get("template")?,
        status: row.get("status")?,
        duration_us: row.get::<_, i64>("duration_us")? as u64,
        bytes: row.get::<_, i64>("bytes")? as u64,
        source: source_of(&row.get::<_, String>("source")?),
        reason: row.get("reason")?,
    })
}

fn load_outbox(connection: &Connection) -> Result<Vec<outbox::Entry>, OpenError> {
    let mut statement = connection.prepare("SELECT entry FROM outbox ORDER BY id")?;
    let entries = statement.query_map([], |row| row.get::<_, String>(0))?;
    let decode = |entry: rusqlite::Result<String>| {
        serde_json::from_str(&entry?).map_err(|error| OpenError::Damaged(format!("an entry of the outbox: {error}")))
    };
    entries.map(decode).collect()
}

pub(super) fn save_outbox(connection: &Connection, entry: &outbox::Entry) -> Result<(), StoreError> {
    let mut insert = connection.prepare_cached("INSERT OR REPLACE INTO outbox (id, entry) VALUES (?, ?)")?;
    insert.execute(params![entry.id as i64, serde_json::to_string(entry)?])?;
    Ok(())
}

pub(super) fn drop_outbox(connection: &Connection, id: u64) -> Result<(), StoreError> {
    connection.execute("DELETE FROM outbox WHERE id = ?", [id as i64])?;
    Ok(())
}

fn load_fidelity(connection: &Connection) -> Result<BTreeMap<String, Record>, OpenError> {
    let mut statement = connection.prepare("SELECT endpoint, record FROM fidelity")?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let decode = |row: rusqlite::Result<(String, String)>| {
        let (endpoint, record) = row?;
        let damaged = |error| OpenError::Damaged(format!("a score of the twin: {error}"));
        Ok((endpoint, serde_json::from_str(&record).map_err(damaged)?))
    };
    rows.map(decode).collect()
}

pub(super) fn save_fidelity(connection: &mut Connection, records: &BTreeMap<String, Record>) -> Result<(), StoreError> {
    let transaction = connection.transaction()?;
    for (endpoint, record) in records {
        let mut insert =
            transaction.prepare_cached("INSERT OR REPLACE INTO fidelity (endpoint, record) VALUES (?, ?)")?;
        insert.execute(params![endpoint, serde_json::to_string(record)?])?;
    }
    Ok(transaction.commit()?)
}

pub(super) fn clear_fidelity(connection: &Connection) -> Result<(), StoreError> {
    connection.execute("DELETE FROM fidelity", [])?;
    Ok(())
}

fn load_watchdog(connection: &Connection) -> Result<Option<Vec<u8>>, OpenError> {
    Ok(connection.query_row("SELECT bytes FROM watchdog", [], |row| row.get(0)).optional()?)
}

pub(super) fn save_watchdog(connection: &Connection, bytes: &[u8]) -> Result<(), StoreError> {
    let mut insert = connection.prepare_cached("INSERT OR REPLACE INTO watchdog (id, bytes) VALUES (1, ?)")?;
    insert.execute([bytes])?;
    Ok(())
}

/// By how many bytes the blocks of recorded exchanges grew.
pub(super) fn save(connection: &mut Connection, batch: &Batch, recorder: &mut Recorder) -> Result<i64, StoreError> {
    let transaction = connection.transaction()?;
    if let Some(bytes) = &batch.model {
        let mut insert =
            transaction.prepare_cached("INSERT OR REPLACE INTO model (id, bytes, checksum) VALUES (1, ?, ?)")?;
        insert.execute(params![bytes, blake3::hash(bytes).as_bytes().as_slice()])?;
    }
    if let Some(bytes) = &batch.watchdog {
        save_watchdog(&transaction, bytes)?;
    }
    save_journal(&transaction, batch)?;
    save_traffic(&transaction, &batch.traffic)?;
    let grown = recorder.write(&transaction, &batch.recorded);
    if grown.is_err() {
        // What of it is in the file is not known.
        *recorder = Recorder::default();
    }
    let grown = grown?;
    transaction.commit()?;
    Ok(grown)
}

fn save_journal(connection: &Connection, batch: &Batch) -> Result<(), StoreError> {
    let mut insert = connection.prepare_cached("INSERT OR REPLACE INTO journal (id, exchange) VALUES (?, ?)")?;
    for exchange in &batch.exchanges {
        insert.execute(params![exchange.id as i64, exchange_bytes(exchange)?])?;
    }
    if let Some(oldest) = batch.oldest_exchange {
        connection.prepare_cached("DELETE FROM journal WHERE id < ?")?.execute([oldest as i64])?;
    }
    Ok(())
}

fn save_traffic(connection: &Connection, rows: &[TrafficRow]) -> Result<(), StoreError> {
    let mut insert =
        connection.prepare_cached("INSERT OR REPLACE INTO traffic VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?;
    for row in rows {
        insert.execute(params![
            row.id as i64,
            row.at_ms as i64,
            row.method,
            row.target,
            row.template,
            row.status,
            row.duration_us as i64,
            row.bytes as i64,
            source_word(row.source),
            row.reason,
        ])?;
    }
    Ok(())
}

pub(super) fn set_mode(connection: &Connection, mode: Mode) -> Result<(), StoreError> {
    set_setting(connection, "mode", mode_word(mode))
}

const fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Proxy => "proxy",
        Mode::Mock => "mock",
        Mode::Shadow => "shadow",
    }
}

fn mode_of(word: &str) -> Option<Mode> {
    [Mode::Proxy, Mode::Mock, Mode::Shadow].into_iter().find(|mode| mode_word(*mode) == word)
}

const fn source_word(source: Source) -> &'static str {
    match source {
        Source::Upstream => "upstream",
        Source::Twin => "twin",
        Source::Fault => "fault",
        Source::None => "none",
    }
}

fn source_of(word: &str) -> Source {
    let known = [Source::Upstream, Source::Twin, Source::Fault];
    known.into_iter().find(|source| source_word(*source) == word).unwrap_or(Source::None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_that_was_damaged_is_not_believed() {
        let exchange = Exchange {
            id: 7,
            received_at_ms: 1,
            latency_us: 2,
            request: understudy_contract::Request { target: "/items/7".into(), ..Default::default() },
            response: understudy_contract::Response { status: 200, ..Default::default() },
        };
        let bytes = exchange_bytes(&exchange).unwrap();
        assert_eq!(exchange_of(&bytes).unwrap(), exchange);
        assert_eq!(exchange_of(&bytes[..bytes.len() - SUM_BYTES]).unwrap(), exchange, "as older versions stored it");
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(exchange_of(&damaged).is_err(), "bit {bit}");
        }
    }
}
