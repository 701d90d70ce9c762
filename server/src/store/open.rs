//! Opens a project file, or says why not without having touched it.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rusqlite::{Connection, OpenFlags};

use super::migrations::{APPLICATION_ID, VERSION, migrate, schema_at, schema_of};

/// Why a project cannot be opened. Each fits after "expected a project file".
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("that no other Understudy has open")]
    InUse,
    #[error("made by Understudy, this one is not SQLite")]
    NotSqlite,
    #[error("made by Understudy, this SQLite file belongs to another program")]
    Foreign,
    #[error("of version {VERSION} or older, this one is of version {found}: use a newer Understudy")]
    Newer { found: u32 },
    #[error("in good order, this one is damaged ({0}): restore a copy or choose another DB_NAME")]
    Damaged(String),
    #[error("that can be read and written ({0})")]
    Io(#[from] io::Error),
    #[error("that can be opened ({0})")]
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match error.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => Self::Damaged(error.to_string()),
            // A row that is not what its table says.
            None => Self::Damaged(error.to_string()),
            _ => Self::Sql(error),
        }
    }
}

/// The connection, and the lock that keeps other processes away while it is open.
pub(super) fn open(path: &Path) -> Result<(Connection, File), OpenError> {
    open_under(lock(path)?, path)
}

/// The same for whoever has the lock.
pub(super) fn open_under(mut lock: File, path: &Path) -> Result<(Connection, File), OpenError> {
    let has_log = beside(path, "-wal").exists();
    let is_new = match inspect(path)? {
        Found::Nothing => {
            create(path)?;
            true
        }
        Found::Project => {
            if !has_log && !is_sealed(&mut lock, path)? {
                check(&connect_untouched(path)?)?;
            }
            false
        }
    };
    let mut connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    if has_log {
        check(&connection)?;
    }
    if is_new {
        // Room that traffic leaves can be given back piece by piece; it has to be said before the first table.
        connection.pragma_update(None, "auto_vacuum", "incremental")?;
    }
    // Before the switch to a log, so that a file's head always tells what it is.
    migrate(&mut connection)?;
    if schema_of(&connection)? != schema_at(VERSION)? {
        return Err(OpenError::Damaged("its tables are not those of a project".into()));
    }
    connection.pragma_update(None, "journal_mode", "wal")?;
    // With a log this loses at most the last moments in a power cut, and never damages the file.
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "journal_size_limit", MAX_LOG_BYTES)?;
    Ok((connection, lock))
}

/// A file beside the project file.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// The lock file stays when we end: removing it would let two processes hold two different ones.
pub(super) fn lock(path: &Path) -> Result<File, OpenError> {
    let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(beside(path, ".lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// What the log keeps of the room it took once.
const MAX_LOG_BYTES: u32 = 64 << 20;
/// A smaller file is read through at every start, which takes no time that anybody notices.
const READ_THROUGH_BELOW: u64 = 64 << 20;

/// What a file is like from outside: its length and when it was written.
fn state_of(path: &Path) -> io::Result<(u64, String)> {
    let file = path.metadata()?;
    let written = file.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Ok((file.len(), format!("{} {}", file.len(), written.as_nanos())))
}

/// Writes into the lock file what the project file was like when it was closed in good order.
pub(super) fn seal(lock: &mut File, path: &Path) -> io::Result<()> {
    let (_, state) = state_of(path)?;
    lock.set_len(0)?;
    lock.rewind()?;
    lock.write_all(state.as_bytes())
}

/// Whether a large file is as we closed it. Reading all of it again would take seconds; the doctor does.
fn is_sealed(lock: &mut File, path: &Path) -> io::Result<bool> {
    let (len, state) = state_of(path)?;
    if len < READ_THROUGH_BELOW {
        return Ok(false);
    }
    let mut sealed = String::new();
    lock.rewind()?;
    // What is not text is no seal.
    Ok(lock.read_to_string(&mut sealed).is_ok() && sealed == state)
}

pub(super) enum Found {
    Nothing,
    Project,
}

/// Reads the head of the file itself, because opening it with SQLite could leave files beside it. Offsets are those of
/// SQLite's file format, section 1.3.
pub(super) fn inspect(path: &Path) -> Result<Found, OpenError> {
    const HEAD_BYTES: usize = 100;
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error.into()),
    };
    let len = file.metadata()?.len();
    if len == 0 {
        return Ok(Found::Nothing);
    }
    let mut head = Vec::with_capacity(HEAD_BYTES);
    Read::by_ref(&mut file).take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    if !head.starts_with(b"SQLite format 3\0") {
        return Err(OpenError::NotSqlite);
    }
    let field = |at: usize| head.get(at..at + 4).map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]));
    let (Some(version), Some(application), Some(pages)) = (field(60), field(68), field(28)) else {
        return Err(OpenError::Damaged("it ends within its head".into()));
    };
    if application != APPLICATION_ID {
        return Err(OpenError::Foreign);
    }
    if version > VERSION {
        return Err(OpenError::Newer { found: version });
    }
    let page_bytes = match u64::from(u16::from_be_bytes([head[16], head[17]])) {
        1 => 65_536,
        bytes => bytes,
    };
    if u64::from(pages) * page_bytes > len {
        return Err(OpenError::Damaged("its end is missing".into()));
    }
    Ok(Found::Project)
}

/// The file holds what apps said to each other: it is for its owner only.
pub(super) fn create(path: &Path) -> Result<(), OpenError> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?;
    Ok(())
}

/// A connection that promises SQLite an unchanging file, so that it creates nothing beside it.
pub(super) fn connect_untouched(path: &Path) -> Result<Connection, OpenError> {
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');
    let uri = format!("file:{}?immutable=1", utf8_percent_encode(&path.to_string_lossy(), KEPT));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_with_flags(uri, flags)?)
}

pub(super) fn check(connection: &Connection) -> Result<(), OpenError> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(OpenError::Damaged(verdict)) }
}
