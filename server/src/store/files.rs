//! Project files as files: looked at from outside, copied, renamed, removed, and packed into one that can travel. For threads
//! that may wait.
//!
//! Beside a project lie its key (`.key`), a lock (`.lock`) and, while it is open, SQLite's log. Whatever becomes of the file
//! becomes of them, too.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use understudy_types::Mode;

use super::migrations::schema_of;
use super::open::{self, Found, OpenError, beside, create, lock};
use super::rows;
use crate::config::project_file;

/// Keys of settings: the API behind a project, and the seed of a project that does not have its first name any more.
pub const TARGET: &str = "target";
pub const SEED: &str = "seed";
/// The key that tokens were made with, in files that travel and in no other.
const KEY: &str = "key";
/// Beside the file itself.
const BESIDE: [&str; 5] = ["-wal", "-shm", "-journal", ".key", ".lock"];
/// What a repair leaves beside a file.
const LEFT: [&str; 2] = [".before", ".saved"];

/// What a project file tells without being opened for work.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Outline {
    pub mode: Mode,
    /// The API behind it, as it was written down.
    pub target: Option<String>,
    /// It does not have its first name any more.
    pub has_seed: bool,
}

/// The projects of a folder, by their heads, in the order of their names.
pub fn names(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name =
            entry.file_name().into_string().ok().filter(|name| project_file(name).is_ok_and(|file| file == *name));
        names.extend(name.filter(|_| is_ours(&entry.path())));
    }
    names.sort();
    Ok(names)
}

/// By its head.
#[must_use]
pub fn is_ours(path: &Path) -> bool {
    !matches!(open::inspect(path), Ok(Found::Nothing) | Err(OpenError::NotSqlite | OpenError::Foreign))
}

/// `None` when the file is none of ours.
pub fn outline(path: &Path) -> Option<Result<Outline, OpenError>> {
    if !is_ours(path) {
        return None;
    }
    if let Err(error) = open::inspect(path) {
        return Some(Err(error));
    }
    Some(open::connect_untouched(path).and_then(|connection| {
        let target = setting(&connection, TARGET)?.and_then(|json| serde_json::from_str(&json).ok());
        let has_seed = setting(&connection, SEED)?.is_some();
        Ok(Outline { mode: rows::load_mode(&connection)?, target, has_seed })
    }))
}

/// Whether a file name is one that lies beside a project and is none.
#[must_use]
pub fn is_beside(name: &str) -> bool {
    BESIDE.iter().chain(&LEFT).any(|end| name.ends_with(end))
}

/// Gives a project that nobody has open these settings; where there is none, an empty one is made.
pub fn make(path: &Path, settings: &[(&str, String)]) -> Result<(), OpenError> {
    let (connection, lock) = open::open(path)?;
    let made = settings.iter().try_for_each(|(key, json)| set(&connection, key, json));
    connection.close().map_err(|(_, error)| error)?;
    drop(lock);
    made
}

/// Writes what is in the file now to a new one, and its key beside that. `is_open`: this process has it open.
pub fn copy(from: &Path, to: &Path, is_open: bool, settings: &[(&str, String)]) -> Result<(), OpenError> {
    let copied = snapshot(from, to, is_open).and_then(|()| {
        copy_key(from, to)?;
        let connection = Connection::open(to)?;
        settings.iter().try_for_each(|(key, json)| set(&connection, key, json))
    });
    // Half a copy is none.
    copied.inspect_err(|_| drop(remove_all(to)))
}

/// The same as one file that can travel: the key lies within.
pub fn pack(from: &Path, to: &Path, is_open: bool, settings: &[(&str, String)]) -> Result<(), OpenError> {
    let packed = snapshot(from, to, is_open).and_then(|()| {
        let connection = Connection::open(to)?;
        if let Some(key) = read_key(from)? {
            set(&connection, KEY, &BASE64_STANDARD.encode(key))?;
        }
        settings.iter().try_for_each(|(key, json)| set(&connection, key, json))
    });
    packed.inspect_err(|_| drop(remove_all(to)))
}

/// Makes a project of a file that came from elsewhere and lies in the same folder. What is not whole and ours to the last row is
/// refused, and nothing is left of it.
pub fn unpack(file: &Path, to: &Path) -> Result<(), OpenError> {
    let unpacked = admit(file).and_then(|key| {
        let lock = lock(to)?;
        if to.exists() {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists).into());
        }
        if let Some(key) = key {
            write_key(&beside(to, ".key"), &key)?;
        }
        fs::rename(file, to)?;
        drop(lock);
        Ok(())
    });
    drop(remove_all(file));
    unpacked
}

/// Reads everything that was sent, as if it meant harm: its schema has to be ours to the letter, so that nothing in it runs. The key
/// that was within comes out of it.
fn admit(file: &Path) -> Result<Option<Vec<u8>>, OpenError> {
    match open::inspect(file)? {
        Found::Nothing => return Err(OpenError::NotSqlite),
        Found::Project => {}
    }
    let mut connection = open::connect_untouched(file)?;
    guard(&connection)?;
    open::check(&connection)?;
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if schema_of(&connection)? != super::migrations::schema_at(version)? {
        return Err(OpenError::Damaged("its tables are not those of a project".into()));
    }
    rows::load(&mut connection)?;
    drop(connection);
    let connection = Connection::open(file)?;
    guard(&connection)?;
    let key = setting(&connection, KEY)?.map(|text| BASE64_STANDARD.decode(text));
    let key = key.transpose().ok().filter(|key| key.as_ref().is_none_or(|key| key.len() == 32));
    let key = key.ok_or_else(|| OpenError::Damaged("its key is none".into()))?;
    connection.execute("DELETE FROM setting WHERE key = ?", [KEY])?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(key)
}

/// Nothing in a file of others is to be run.
fn guard(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.pragma_update(None, "cell_size_check", true)
}

/// Gives a project that nobody has open another name. Settings that it has already stay.
pub fn rename(from: &Path, to: &Path, settings: &[(&str, String)]) -> Result<(), OpenError> {
    let (connection, _lock) = open::open(from)?;
    for (key, json) in settings {
        if setting(&connection, key)?.is_none() {
            set(&connection, key, json)?;
        }
    }
    // Whatever lies in a log comes into the file.
    connection.close().map_err(|(_, error)| error)?;
    carry(from, to)
}

/// Moves a file that is closed, with its key. The caller holds its lock.
pub(super) fn carry(from: &Path, to: &Path) -> Result<(), OpenError> {
    let _lock = lock(to)?;
    if to.exists() {
        return Err(io::Error::from(io::ErrorKind::AlreadyExists).into());
    }
    let key = beside(from, ".key");
    if key.exists() {
        fs::rename(&key, beside(to, ".key"))?;
    }
    fs::rename(from, to)?;
    remove_if_there(&beside(from, ".lock"))?;
    Ok(())
}

/// Removes a project that nobody has open, and all that lies beside it.
pub fn remove(path: &Path) -> Result<(), OpenError> {
    let _lock = lock(path)?;
    Ok(remove_all(path)?)
}

fn remove_all(path: &Path) -> io::Result<()> {
    remove_if_there(path)?;
    BESIDE.iter().try_for_each(|end| remove_if_there(&beside(path, end)))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// `VACUUM INTO` writes one state of the file, whatever is written meanwhile, without what was deleted.
fn snapshot(from: &Path, to: &Path, is_open: bool) -> Result<(), OpenError> {
    create(to)?;
    let write = |connection: &Connection| connection.execute("VACUUM INTO ?", [to.to_string_lossy()]).map(drop);
    if is_open {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        return Ok(write(&Connection::open_with_flags(from, flags)?)?);
    }
    let (connection, _lock) = open::open(from)?;
    write(&connection)?;
    Ok(connection.close().map_err(|(_, error)| error)?)
}

fn read_key(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(beside(path, ".key")) {
        Ok(key) => Ok(Some(key)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn copy_key(from: &Path, to: &Path) -> io::Result<()> {
    read_key(from)?.map_or(Ok(()), |key| write_key(&beside(to, ".key"), &key))
}

fn write_key(path: &PathBuf, key: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(key)?;
    file.sync_all()
}

fn setting(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    connection.query_row("SELECT value FROM setting WHERE key = ?", [key], |row| row.get(0)).optional()
}

fn set(connection: &Connection, key: &str, json: &str) -> Result<(), OpenError> {
    connection.execute("INSERT OR REPLACE INTO setting (key, value) VALUES (?, ?)", [key, json])?;
    Ok(())
}
