//! Looks a project file over, row by row, and repairs what can be repaired.
//!
//! A repair never takes away what can be read, and the file as it was stays beside the repaired one (`.before`). For threads
//! that may wait.

use std::path::{Path, PathBuf};
use std::{fs, io};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params, params_from_iter};
use understudy_contract::Model;
use understudy_contract::drift::Watchdog;

use super::migrations::{VERSION, migrate, schema_at, schema_of};
use super::open::{self, Found, OpenError, beside, create, lock};
use super::{recorded, rows};
use crate::outbox;
use crate::shadow::Record;

/// Tables and the columns that name a row.
const TABLES: [&str; 9] =
    ["setting", "model", "journal", "traffic", "recorded", "outbox", "fidelity", "twin_state", "watchdog"];
/// Beside a repaired file: the file as it was.
pub const BEFORE: &str = ".before";

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Ailment {
    /// What was found.
    pub what: String,
    /// What a repair does about it; without it nothing can be done, and `what` says what a person can do.
    pub cure: Option<&'static str>,
}

impl Ailment {
    fn curable(what: impl Into<String>, cure: &'static str) -> Self {
        Self { what: what.into(), cure: Some(cure) }
    }

    fn lasting(what: impl Into<String>) -> Self {
        Self { what: what.into(), cure: None }
    }
}

/// What is wrong with a project file. Nothing is written.
pub fn examine(path: &Path) -> Vec<Ailment> {
    let _lock = match lock(path) {
        Ok(lock) => lock,
        Err(OpenError::InUse) => {
            return vec![Ailment::lasting("another Understudy has it open: end that first, or leave the file alone")];
        }
        Err(error) => return vec![Ailment::lasting(format!("it cannot be locked: {error}"))],
    };
    let mut found = Vec::new();
    match open::inspect(path) {
        Ok(Found::Nothing) => return vec![Ailment::lasting("there is no such file, or it is empty")],
        Ok(Found::Project) => {}
        Err(OpenError::Damaged(reason)) => {
            found.push(Ailment::curable(
                format!("the file is damaged: {reason}"),
                "what can be read of it is saved into a new file",
            ));
        }
        Err(error) => return vec![Ailment::lasting(format!("expected a project file {error}"))],
    }
    if !beside(path, ".key").exists() {
        found.push(Ailment::lasting(
            "its key file is missing: a new one is made, and tokens of secrets that were recorded do not fit the secrets any more. \
             If there is a copy of it, put it back",
        ));
    }
    match read_only(path) {
        Ok(connection) => found.extend(look(&connection)),
        Err(error) => found.push(damage(&error.to_string())),
    }
    found
}

/// With a log beside it the log counts, too.
fn read_only(path: &Path) -> Result<Connection, OpenError> {
    if beside(path, "-wal").exists() {
        return Ok(Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?);
    }
    open::connect_untouched(path)
}

fn damage(reason: &str) -> Ailment {
    Ailment::curable(format!("the file is damaged: {reason}"), "what can be read of it is saved into a new file")
}

fn look(connection: &Connection) -> Vec<Ailment> {
    let mut found = Vec::new();
    let verdict = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0));
    match verdict {
        Ok(verdict) if verdict == "ok" => {}
        Ok(verdict) => return vec![damage(&verdict)],
        Err(error) => return vec![damage(&error.to_string())],
    }
    let version = connection.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0)).unwrap_or_default();
    let expected = schema_at(version).ok();
    if schema_of(connection).ok() != expected {
        return vec![damage("its tables are not those of a project")];
    }
    if version < VERSION {
        found.push(Ailment::curable(
            format!("it is of version {version}, the current one is {VERSION}"),
            "it is brought up to date, as a start does",
        ));
    }
    for (table, key, what) in CHECKED {
        match bad_rows(connection, table, key) {
            Ok(bad) if bad.is_empty() => {}
            Ok(bad) => found.push(Ailment::curable(format!("{} of {what} cannot be read", bad.len()), cure(table))),
            // A table that a later version brings.
            Err(_) if version < VERSION => {}
            Err(error) => found.push(damage(&error.to_string())),
        }
    }
    found
}

/// Tables whose rows are read one by one: the table, the column that names a row, and what a row is.
const CHECKED: [(&str, &str, &str); 8] = [
    ("setting", "key", "the settings"),
    ("model", "id", "the summaries"),
    ("journal", "id", "the exchanges that the twin is computed from"),
    ("recorded", "id", "the blocks of recorded exchanges"),
    ("outbox", "id", "the entries of the outbox"),
    ("fidelity", "endpoint", "the scores of the twin"),
    ("twin_state", "name", "the states of the twin"),
    ("watchdog", "id", "the baselines"),
];

fn cure(table: &str) -> &'static str {
    match table {
        "model" => "what was learned is learned anew from the exchanges that are kept",
        "setting" => "the default takes its place",
        "watchdog" => "baselines are learned anew",
        _ => "they are removed, the others stay",
    }
}

/// The names of the rows that a start would not understand.
fn bad_rows(connection: &Connection, table: &str, key: &str) -> rusqlite::Result<Vec<Value>> {
    let mut statement = connection.prepare(&format!("SELECT * FROM {table}"))?;
    let place = statement.column_index(key)?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let mut bad = Vec::new();
    while let Some(row) = rows.next()? {
        let cells: Vec<Value> = (0..columns).map(|at| row.get(at)).collect::<rusqlite::Result<_>>()?;
        if !is_sound(table, &cells) {
            bad.push(cells[place].clone());
        }
    }
    Ok(bad)
}

fn is_sound(table: &str, cells: &[Value]) -> bool {
    let blob = |at: usize| if let Some(Value::Blob(bytes)) = cells.get(at) { bytes.as_slice() } else { &[] };
    let text = |at: usize| if let Some(Value::Text(text)) = cells.get(at) { text.as_str() } else { "" };
    match table {
        "setting" => rows::is_setting(text(0), text(1)),
        "model" => blake3::hash(blob(1)).as_bytes() == blob(2) && Model::decode(blob(1)).is_ok(),
        "journal" => rows::exchange_of(blob(1)).is_ok(),
        "recorded" => recorded::is_sound(blob(3)),
        "outbox" => serde_json::from_str::<outbox::Entry>(text(1)).is_ok(),
        "fidelity" => serde_json::from_str::<Record>(text(1)).is_ok(),
        "twin_state" => !blob(2).is_empty(),
        "watchdog" => Watchdog::decode(blob(1)).is_ok(),
        _ => true,
    }
}

/// Does what can be done; what was wrong and is not any more. The file as it was lies beside it under the name that is given back.
pub fn repair(path: &Path) -> Result<PathBuf, OpenError> {
    let _lock = lock(path)?;
    let kept = beside(path, BEFORE);
    fs::copy(path, &kept)?;
    let log = beside(path, "-wal");
    if log.exists() {
        fs::copy(&log, beside(&kept, "-wal"))?;
    }
    let whole = read_only(path).is_ok_and(|connection| {
        !look(&connection).iter().any(|ailment| ailment.what.starts_with("the file is damaged"))
    });
    if !whole || open::inspect(path).is_err() {
        salvage(path)?;
    }
    let mut connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    migrate(&mut connection)?;
    let transaction = connection.transaction()?;
    for (table, key, _) in CHECKED {
        for row in bad_rows(&transaction, table, key)? {
            transaction.execute(&format!("DELETE FROM {table} WHERE {key} = ?"), [row])?;
        }
    }
    relearn(&transaction)?;
    transaction.commit()?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(kept)
}

/// Where there are exchanges and nothing that was learned, it is learned from them.
fn relearn(connection: &Connection) -> Result<(), OpenError> {
    if connection.query_row("SELECT 1 FROM model", [], |_| Ok(())).optional()?.is_some() {
        return Ok(());
    }
    let journal = rows::load_journal(connection)?;
    if journal.is_empty() {
        return Ok(());
    }
    let mut model = Model::default();
    let people = rows::load_rules(connection)?;
    for exchange in &journal {
        model.learn_under(exchange, None, &people);
    }
    let bytes = model.encode();
    let checksum = blake3::hash(&bytes);
    connection.execute(
        "INSERT INTO model (id, bytes, checksum) VALUES (1, ?, ?)",
        params![bytes, checksum.as_bytes().as_slice()],
    )?;
    Ok(())
}

/// Writes every row that can be read into a new file, which takes the place of the old one.
fn salvage(path: &Path) -> Result<(), OpenError> {
    let fresh = beside(path, ".saved");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => create(&fresh)?,
    }
    let mut to = Connection::open(&fresh)?;
    migrate(&mut to)?;
    // What does not even open has no rows.
    if let Ok(from) = read_only(path) {
        for table in TABLES {
            save_rows(&from, &to, table);
        }
    }
    to.close().map_err(|(_, error)| error)?;
    for end in ["-wal", "-shm", "-journal"] {
        drop(fs::remove_file(beside(path, end)));
    }
    Ok(fs::rename(&fresh, path)?)
}

/// From the front and, past what cannot be read, from the back.
fn save_rows(from: &Connection, to: &Connection, table: &str) {
    for order in ["ASC", "DESC"] {
        let Ok(mut statement) = from.prepare(&format!("SELECT * FROM {table} ORDER BY 1 {order}")) else { return };
        let (columns, places) = (statement.column_count(), vec!["?"; statement.column_count()].join(", "));
        let insert = format!("INSERT OR IGNORE INTO {table} VALUES ({places})");
        let Ok(mut rows) = statement.query([]) else { continue };
        loop {
            match rows.next() {
                Ok(Some(row)) => {
                    let cells: rusqlite::Result<Vec<Value>> = (0..columns).map(|at| row.get(at)).collect();
                    // A row that does not fit the table is none of ours.
                    let _ = cells.and_then(|cells| to.execute(&insert, params_from_iter(cells)));
                }
                Ok(None) => return,
                Err(_) => break,
            }
        }
    }
}
