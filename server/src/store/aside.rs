//! What a start does with a damaged project file: it is set aside, whole and with its key, and a new one is begun.
//!
//! A file of a newer version, of another program, or that somebody has open is none of this, and is left where it is.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::migrations::{VERSION, schema_at, schema_of};
use super::open::{OpenError, beside, connect_untouched, lock};

/// No released version is so far ahead; such a number is a damaged one.
const FAR_AHEAD: u32 = 1000;
/// Of SQLite's; a file of ours has whole pages.
const SMALLEST_PAGE_BYTES: u64 = 512;

/// Why the file at a path is a project of ours that is damaged, if that is why it cannot be opened.
#[must_use]
pub fn damage(path: &Path, error: &OpenError) -> Option<String> {
    match error {
        OpenError::Damaged(reason) => Some(reason.clone()),
        OpenError::Newer { found } if *found > VERSION + FAR_AHEAD => Some(format!("it says to be of version {found}")),
        // Whose head is overwritten is known by its key, its lock and its pages.
        OpenError::NotSqlite if was_ours(path) => Some("its head is not that of a database".into()),
        OpenError::Foreign if was_ours(path) && has_our_tables(path) => {
            Some("its head does not say whose it is".into())
        }
        _ => None,
    }
}

/// Whether a project was here of which nothing is left but an empty file.
#[must_use]
pub fn is_emptied(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.len() == 0) && has_been_a_project(path)
}

fn was_ours(path: &Path) -> bool {
    let has_whole_pages = path.metadata().is_ok_and(|found| found.len() % SMALLEST_PAGE_BYTES == 0);
    has_whole_pages && has_been_a_project(path)
}

/// The lock file holds a seal since the project was first closed.
fn has_been_a_project(path: &Path) -> bool {
    const KEY_BYTES: u64 = 32;
    beside(path, ".key").metadata().is_ok_and(|key| key.len() == KEY_BYTES) && beside(path, ".lock").exists()
}

fn has_our_tables(path: &Path) -> bool {
    let found = connect_untouched(path).ok().and_then(|connection| schema_of(&connection).ok());
    found.is_some() && found == schema_at(VERSION).ok()
}

/// Gives a project file and its log another name, so that the doctor finds it there: `shop.db` becomes `shop.damaged-1.db`. The
/// key goes with it as a copy: the new file's tokens stay those of the old one.
pub fn set_aside(path: &Path) -> Result<PathBuf, OpenError> {
    let _lock = lock(path)?;
    let to = free_name(path);
    fs::rename(path, &to)?;
    for end in ["-wal", "-journal"] {
        match fs::rename(beside(path, end), beside(&to, end)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    // SQLite makes it anew.
    drop(fs::remove_file(beside(path, "-shm")));
    if let Err(error) = fs::copy(beside(path, ".key"), beside(&to, ".key")) {
        tracing::debug!(%error, "keep the key beside what was set aside");
    }
    Ok(to)
}

fn free_name(path: &Path) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default();
    let name = |number: u32| {
        let mut name = OsString::from(stem);
        name.push(format!(".damaged-{number}"));
        if let Some(ending) = path.extension() {
            name.push(".");
            name.push(ending);
        }
        path.with_file_name(name)
    };
    (1..).map(name).find(|path| !path.exists()).unwrap_or_else(|| beside(path, ".damaged"))
}
