//! Where an open file lies, what keeps others away from it, and what is done when it is taken away.
//!
//! A file that was deleted goes on taking writes, and nobody would ever read them. What is open still has all of it, so it is
//! written to its place anew.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::files;
use super::open::{self, OpenError, beside, create};
use crate::vitals::{Part, Vitals};

/// Tells one file from another of the same name.
type Id = (u64, u64);

pub(super) struct Home {
    path: PathBuf,
    lock: File,
    id: Id,
    /// Of the log beside it, once there was one.
    log: Option<Id>,
    /// What is written cannot be found.
    pub(super) is_astray: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whereabouts {
    InPlace,
    Gone,
    /// The log is, and the file is in its place.
    WithoutLog,
    /// Another file lies where it was.
    Replaced,
}

impl Home {
    pub(super) fn of(path: &Path, lock: File) -> io::Result<Self> {
        let id = id(path)?.ok_or(io::ErrorKind::NotFound)?;
        Ok(Self { path: path.to_owned(), lock, id, log: None, is_astray: false })
    }

    /// Notes what the file was like when it was closed in good order.
    fn seal(mut self) {
        if let Err(error) = open::seal(&mut self.lock, &self.path) {
            tracing::debug!(%error, "note how the project file was left");
        }
    }

    /// Closes the file for good.
    pub(super) fn leave(self, connection: Connection) {
        match connection.close() {
            Ok(()) => self.seal(),
            Err((_, error)) => tracing::warn!(%error, "close the project file"),
        }
    }

    /// Closes the file, moves it, and opens it again. What cannot be moved stays where it is.
    pub(super) fn move_to(
        self,
        connection: Connection,
        to: &Path,
    ) -> (Result<(), OpenError>, Result<(Connection, Self), OpenError>) {
        let closed = connection.close().map_err(|(_, error)| error.into());
        let moved = closed.and_then(|()| files::carry(&self.path, to));
        let path = if moved.is_ok() { to.to_owned() } else { self.path.clone() };
        drop(self);
        let opened = open::open(&path).and_then(|(connection, lock)| Ok((connection, Self::of(&path, lock)?)));
        (moved, opened)
    }

    /// Sees to it that what is written can be found again. An error says that the file cannot be opened any more.
    pub(super) fn look_after(
        mut self,
        connection: Connection,
        vitals: &Vitals,
    ) -> Result<(Connection, Self), OpenError> {
        let found = self.whereabouts();
        self.is_astray = !matches!(found, Ok(Whereabouts::InPlace));
        let found = match found {
            Ok(Whereabouts::InPlace) => return Ok((connection, self)),
            Ok(found) => found,
            Err(error) => {
                vitals.fail(Part::Store, format!("look for the project file {}: {error}", self.path.display()));
                return Ok((connection, self));
            }
        };
        if found == Whereabouts::Replaced {
            let path = self.path.display();
            vitals
                .fail(Part::Store, format!("another file lies in the place of the project file {path}: move it away"));
            return Ok((connection, self));
        }
        if found == Whereabouts::Gone
            && let Err(error) = self.write_anew(&connection)
        {
            vitals.fail(
                Part::Store,
                format!("the project file {} is gone, and cannot be written anew: {error}", self.path.display()),
            );
            return Ok((connection, self));
        }
        // It is closed before the other one is opened: closing removes what has the name of a log.
        if let Err((connection, error)) = connection.close() {
            vitals.fail(Part::Store, format!("close the project file: {error}"));
            return Ok((connection, self));
        }
        let (connection, home) = self.reopen()?;
        let what = if found == Whereabouts::Gone {
            "the project file was gone"
        } else {
            "the log of the project file was gone"
        };
        tracing::warn!(path = %home.path.display(), "{what} and was written anew");
        vitals.note(Part::Store, format!("{what} and was written anew"));
        Ok((connection, home))
    }

    fn whereabouts(&mut self) -> io::Result<Whereabouts> {
        match id(&self.path)? {
            None => return Ok(Whereabouts::Gone),
            Some(id) if id != self.id => return Ok(Whereabouts::Replaced),
            Some(_) => {}
        }
        let log = id(&beside(&self.path, "-wal"))?;
        match (self.log, log) {
            (Some(old), new) if new != Some(old) => Ok(Whereabouts::WithoutLog),
            _ => {
                self.log = log;
                Ok(Whereabouts::InPlace)
            }
        }
    }

    fn write_anew(&self, connection: &Connection) -> Result<(), OpenError> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        create(&self.path)?;
        let written = connection.execute("VACUUM INTO ?", [self.path.to_string_lossy()]);
        if written.is_err() {
            // Half a file would be taken for the project by the next start.
            drop(fs::remove_file(&self.path));
        }
        written?;
        Ok(())
    }

    fn reopen(self) -> Result<(Connection, Self), OpenError> {
        let Self { path, lock, .. } = self;
        // The lock file may be gone, too.
        let name = beside(&path, ".lock");
        let lock = if id(&name)? == Some(id_of(&lock.metadata()?)) { lock } else { open::lock(&path)? };
        let (connection, lock) = open::open_under(lock, &path)?;
        Ok((connection, Self::of(&path, lock)?))
    }
}

fn id(path: &Path) -> io::Result<Option<Id>> {
    match path.metadata() {
        Ok(found) => Ok(Some(id_of(&found))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn id_of(found: &fs::Metadata) -> Id {
    use std::os::unix::fs::MetadataExt;
    (found.dev(), found.ino())
}

/// Elsewhere an open file cannot be deleted.
#[cfg(not(unix))]
fn id_of(_: &fs::Metadata) -> Id {
    (0, 0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use understudy_types::{Mode, PartState};

    use super::super::{Batch, Store};
    use super::*;

    fn rename_all(dir: &Path, to: &Path) {
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            if entry.path().is_file() {
                fs::rename(entry.path(), to.join(entry.file_name())).unwrap();
            }
        }
    }

    #[tokio::test]
    async fn a_file_that_is_deleted_is_written_anew_with_all_that_was_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (dir.path().join("a.db"), dir.path().join("elsewhere"));
        fs::create_dir(&elsewhere).unwrap();
        let (store, writer, _) = Store::open(&path).unwrap();
        store.set_mode(Mode::Mock).await.unwrap();
        for take in
            [&|| fs::remove_file(&path).unwrap() as (), &|| rename_all(dir.path(), &elsewhere) as ()] as [&dyn Fn(); 2]
        {
            take();
            store.save(Batch::default()).unwrap();
            assert!(path.exists());
        }
        // A log of its own, and then none.
        store.set_setting("redaction", "[]".into()).await.unwrap();
        fs::remove_file(dir.path().join("a.db-wal")).unwrap();
        store.save(Batch::default()).unwrap();
        writer.close();
        let (_store, writer, project) = Store::open(&path).unwrap();
        assert_eq!((project.mode, project.settings.get("redaction").map(String::as_str)), (Mode::Mock, Some("[]")));
        writer.close();
    }

    #[tokio::test]
    async fn a_file_in_its_place_is_left_alone_and_told_of() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        let (store, writer, _) = Store::open(&path).unwrap();
        let vitals = Arc::clone(store.vitals());
        let state = || vitals.report().into_iter().find(|part| part.name == "store").unwrap().state;
        fs::remove_file(&path).unwrap();
        fs::write(&path, "a letter").unwrap();
        store.set_mode(Mode::Shadow).await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"a letter");
        assert_eq!(state(), PartState::Failing);
        fs::remove_file(&path).unwrap();
        store.save(Batch::default()).unwrap();
        assert_eq!(state(), PartState::Ok);
        writer.close();
        let (_store, writer, project) = Store::open(&path).unwrap();
        assert_eq!(project.mode, Mode::Shadow);
        writer.close();
    }
}
