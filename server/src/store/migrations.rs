//! The steps from an empty file to the current schema. A step that was released is never changed.

use rusqlite::{Connection, TransactionBehavior};

/// Marks a file as one of Understudy's: "UNDS".
pub(super) const APPLICATION_ID: u32 = 0x554e_4453;

const STEPS: [&str; 5] = [
    // Blobs are MessagePack, the model its own format. Ids are exchange ids, so the order of rows is the order of arrival.
    "CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
     CREATE TABLE model (id INTEGER PRIMARY KEY CHECK (id = 1), bytes BLOB NOT NULL, checksum BLOB NOT NULL) STRICT;
     CREATE TABLE journal (id INTEGER PRIMARY KEY, exchange BLOB NOT NULL) STRICT;
     CREATE TABLE traffic (
         id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, method TEXT NOT NULL, target TEXT NOT NULL, template TEXT,
         status INTEGER NOT NULL, duration_us INTEGER NOT NULL, bytes INTEGER NOT NULL, source TEXT NOT NULL,
         reason TEXT NOT NULL) STRICT;",
    // Writes that the twin answered while the API was away, and how well the twin did in shadow mode; both as JSON.
    "CREATE TABLE outbox (id INTEGER PRIMARY KEY, entry TEXT NOT NULL) STRICT;
     CREATE TABLE fidelity (endpoint TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT;",
    // States of the twin by name. The empty name is the current one.
    "CREATE TABLE twin_state (name TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;",
    // Baselines, their versions, and alerts: MessagePack.
    "CREATE TABLE watchdog (id INTEGER PRIMARY KEY CHECK (id = 1), bytes BLOB NOT NULL) STRICT;",
    // Recorded exchanges in compressed blocks (MessagePack, zstd), from the lowest to the highest id in each.
    "CREATE TABLE recorded (
         id INTEGER PRIMARY KEY, low INTEGER NOT NULL, high INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;
     CREATE INDEX recorded_high ON recorded (high);",
];

/// The `user_version` that this build reads and writes.
pub(super) const VERSION: u32 = STEPS.len() as u32;

/// All that a file has beside rows, in words. What SQLite itself keeps (`sqlite_…`) is left out.
pub(super) fn schema_of(connection: &Connection) -> rusqlite::Result<Vec<(String, String, String)>> {
    let mut statement = connection.prepare(
        "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    )?;
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<String>>(2)?.unwrap_or_default())))?;
    rows.collect()
}

/// What a file of this version has.
pub(super) fn schema_at(version: u32) -> rusqlite::Result<Vec<(String, String, String)>> {
    let connection = Connection::open_in_memory()?;
    for step in STEPS.iter().take(version as usize) {
        connection.execute_batch(step)?;
    }
    schema_of(&connection)
}

/// Takes the file from the version it has to [`VERSION`], all steps in one transaction.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let found: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found == VERSION {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in STEPS.iter().skip(found as usize) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}
