//! What people decide about the twin, and its states: the current one and those that were given a name.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::oneshot;
use understudy_types::TwinSave;

use super::{Command, OpenError, Store, StoreError};

/// The name of the current state; nobody can save under it.
const CURRENT: &str = "";

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// Work for the thread that has the connection. Whoever asked may have stopped waiting; it is done all the same.
#[derive(Debug)]
pub(super) enum Request {
    SetSetting(&'static str, String, Reply<()>),
    Save { name: String, at_ms: u64, bytes: Vec<u8>, done: Reply<()> },
    Load(String, Reply<Option<Vec<u8>>>),
    Remove(String, Reply<bool>),
    List(Reply<Vec<TwinSave>>),
}

impl Request {
    pub(super) fn serve(self, connection: &Connection) {
        match self {
            Self::SetSetting(key, value, done) => drop(done.send(super::rows::set_setting(connection, key, &value))),
            Self::Save { name, at_ms, bytes, done } => drop(done.send(save(connection, &name, at_ms, &bytes))),
            Self::Load(name, done) => drop(done.send(load(connection, &name).map_err(StoreError::from))),
            Self::Remove(name, done) => drop(done.send(remove(connection, &name))),
            Self::List(done) => drop(done.send(list(connection))),
        }
    }
}

impl Store {
    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, StoreError> {
        let (done, answered) = oneshot::channel();
        self.commands.send(Command::Twin(request(done))).map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// Stores a setting as JSON, in the place of an earlier one.
    pub async fn set_setting(&self, key: &'static str, json: String) -> Result<(), StoreError> {
        self.ask(|done| Request::SetSetting(key, json, done)).await
    }

    /// Keeps a state under a name, in the place of an earlier one. `None` is the state of right now.
    pub async fn save_twin(&self, name: Option<&str>, at_ms: u64, bytes: Vec<u8>) -> Result<(), StoreError> {
        let name = name.unwrap_or(CURRENT).to_owned();
        self.ask(|done| Request::Save { name, at_ms, bytes, done }).await
    }

    pub async fn load_twin(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        if name == CURRENT {
            return Ok(None);
        }
        self.ask(|done| Request::Load(name.to_owned(), done)).await
    }

    /// Whether there was one.
    pub async fn remove_twin(&self, name: &str) -> Result<bool, StoreError> {
        if name == CURRENT {
            return Ok(false);
        }
        self.ask(|done| Request::Remove(name.to_owned(), done)).await
    }

    /// By name.
    pub async fn twin_saves(&self) -> Result<Vec<TwinSave>, StoreError> {
        self.ask(Request::List).await
    }
}

pub(super) fn settings(connection: &Connection) -> Result<BTreeMap<String, String>, OpenError> {
    let mut statement = connection.prepare("SELECT key, value FROM setting")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn current(connection: &Connection) -> Result<Option<Vec<u8>>, OpenError> {
    Ok(load(connection, CURRENT)?)
}

fn save(connection: &Connection, name: &str, at_ms: u64, bytes: &[u8]) -> Result<(), StoreError> {
    let mut insert =
        connection.prepare_cached("INSERT OR REPLACE INTO twin_state (name, at_ms, bytes) VALUES (?, ?, ?)")?;
    insert.execute(params![name, at_ms as i64, bytes])?;
    Ok(())
}

fn load(connection: &Connection, name: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    connection.query_row("SELECT bytes FROM twin_state WHERE name = ?", [name], |row| row.get(0)).optional()
}

fn remove(connection: &Connection, name: &str) -> Result<bool, StoreError> {
    Ok(connection.execute("DELETE FROM twin_state WHERE name = ?", [name])? > 0)
}

fn list(connection: &Connection) -> Result<Vec<TwinSave>, StoreError> {
    let mut statement =
        connection.prepare("SELECT name, at_ms, length(bytes) FROM twin_state WHERE name <> '' ORDER BY name")?;
    let rows = statement.query_map([], |row| {
        let (name, at_ms, bytes): (String, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(TwinSave { name, at_ms: at_ms as u64, bytes: bytes as u64 })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
