//! The project file: the only SQL there is. One connection on one thread; nearly everything that is read is read at the
//! start.
//!
//! What callers see has no word of SQLite's, so that another database can stand here.

pub mod aside;
pub mod doctor;
pub mod files;
mod home;
mod migrations;
mod open;
mod recorded;
mod ring;
mod rows;
mod twin;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;
use understudy_contract::{Exchange, Model, Rules};
use understudy_types::{Mode, TrafficRow};

use crate::outbox;
use crate::shadow::Record;
use crate::vitals::{Part, Vitals};
use home::Home;
use recorded::Recorder;
use ring::Ring;

pub use open::OpenError;
pub(crate) use open::beside;
pub use recorded::Records;
pub use ring::{Keep, older};

/// The newest rows of recorded traffic that are kept in memory; older ones are read from the file.
pub const TRAFFIC_ROWS: usize = 10_000;

/// Everything a project knew when it was closed.
#[derive(Debug, Default)]
pub struct Project {
    pub mode: Mode,
    pub rules: Rules,
    pub model: Model,
    /// Oldest first.
    pub journal: Vec<Exchange>,
    /// Oldest first.
    pub traffic: Vec<TrafficRow>,
    /// In the order of their ids.
    pub outbox: Vec<outbox::Entry>,
    /// How well the twin did in shadow mode, by endpoint id.
    pub fidelity: BTreeMap<String, Record>,
    /// JSON by key.
    pub settings: BTreeMap<String, String>,
    /// Baselines and alerts, as the watchdog wrote them.
    pub watchdog: Option<Vec<u8>>,
    /// What the twin's own answers had changed, as [`State::save`](understudy_contract::twin::State::save) wrote it.
    pub twin_state: Option<Vec<u8>>,
}

impl Project {
    /// The id the next exchange gets.
    #[must_use]
    pub fn next_id(&self) -> u64 {
        let journal = self.journal.last().map_or(0, |exchange| exchange.id);
        let traffic = self.traffic.last().map_or(0, |row| row.id);
        let outbox = self.outbox.last().map_or(0, |entry| entry.id);
        journal.max(traffic).max(outbox) + 1
    }
}

/// What the learner has to keep; written in one transaction.
#[derive(Debug, Default)]
pub struct Batch {
    pub model: Option<Vec<u8>>,
    pub exchanges: Vec<Exchange>,
    /// Exchanges before this one are forgotten.
    pub oldest_exchange: Option<u64>,
    pub traffic: Vec<TrafficRow>,
    /// The same with header fields and bodies, as far as these are kept.
    pub recorded: Vec<Arc<Exchange>>,
    /// Baselines and alerts, when they are due.
    pub watchdog: Option<Vec<u8>>,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("write the project file: {0}")]
    Sql(#[from] rusqlite::Error),
    #[error("write the project file: encode an exchange: {0}")]
    Encode(#[from] rmp_serde::encode::Error),
    #[error("write the project file: compress exchanges: {0}")]
    Pack(std::io::Error),
    #[error("write the project file: encode a record: {0}")]
    Json(#[from] serde_json::Error),
    #[error("write the project file: it is closed")]
    Closed,
}

/// What was not written, and why. It can be written later.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Unsaved {
    pub error: StoreError,
    pub batch: Batch,
}

/// What was learned, people's rules, and the exchanges that the twin is computed from.
pub type Learned = (Model, Rules, Vec<Exchange>);

/// After so long without a command the file is tidied up, and looked after.
const IDLE: Duration = Duration::from_secs(1);

type Done = oneshot::Sender<Result<(), StoreError>>;

#[derive(Debug)]
enum Command {
    Save(Box<Batch>, mpsc::SyncSender<Result<(), Box<Unsaved>>>),
    SetMode(Mode, Done),
    SetRules(Box<Rules>, mpsc::SyncSender<Result<(), StoreError>>),
    /// Without anyone who waits for the end, when there is no `Done`.
    SaveOutbox(Box<outbox::Entry>, Option<Done>),
    DropOutbox(u64, Done),
    SaveFidelity(BTreeMap<String, Record>),
    ClearFidelity(Done),
    SaveWatchdog(Vec<u8>, Done),
    Move(PathBuf, oneshot::Sender<Result<(), OpenError>>),
    Twin(twin::Request),
    Recall(mpsc::SyncSender<Result<Learned, OpenError>>),
    Close,
}

/// A handle of an open project file.
#[derive(Debug, Clone)]
pub struct Store {
    commands: mpsc::Sender<Command>,
    vitals: Arc<Vitals>,
}

/// The owner of the file and of the thread that writes it.
#[derive(Debug)]
pub struct Writer {
    commands: mpsc::Sender<Command>,
    thread: JoinHandle<()>,
}

impl Writer {
    /// Waits until everything is written and the file is closed. Later writes fail.
    pub fn close(self) {
        let _ = self.commands.send(Command::Close);
        // A panic of the writer was reported when it happened; there is nothing left to save.
        let _ = self.thread.join();
    }
}

impl Store {
    /// Opens or creates a project file. What is not ours, newer or damaged is refused and left as it is.
    pub fn open(path: &Path) -> Result<(Self, Writer, Project), OpenError> {
        Self::open_keeping(path, Keep::default())
    }

    /// The same with other bounds of recorded traffic.
    pub fn open_keeping(path: &Path, keep: Keep) -> Result<(Self, Writer, Project), OpenError> {
        let (mut connection, lock) = open::open(path)?;
        // What is read are bytes that may be anything.
        let loaded = catch_unwind(AssertUnwindSafe(|| rows::load(&mut connection)));
        let project = loaded.unwrap_or_else(|_| Err(OpenError::Damaged("it cannot be read".into())))?;
        let home = Home::of(path, lock)?;
        let (commands, inbox) = mpsc::channel();
        let vitals = Arc::<Vitals>::default();
        let own = Arc::clone(&vitals);
        let thread = std::thread::Builder::new()
            .name("understudy-store".into())
            .spawn(move || write(connection, home, Ring::new(keep), &inbox, &own))
            .map_err(OpenError::Io)?;
        Ok((Self { commands: commands.clone(), vitals }, Writer { commands, thread }, project))
    }

    /// How the parts of the project are doing, the one that writes among them.
    #[must_use]
    pub fn vitals(&self) -> &Arc<Vitals> {
        &self.vitals
    }

    /// Waits until the batch is on disk. For threads that may wait.
    pub fn save(&self, batch: Batch) -> Result<(), Box<Unsaved>> {
        let closed = |batch| Box::new(Unsaved { error: StoreError::Closed, batch });
        let (done, saved) = mpsc::sync_channel(1);
        self.commands.send(Command::Save(Box::new(batch), done)).map_err(|unsent| match unsent.0 {
            Command::Save(batch, _) => closed(*batch),
            _ => closed(Batch::default()),
        })?;
        // What the writer panicked over is not tried again.
        saved.recv().map_err(|_| closed(Batch::default()))?
    }

    /// What the file holds of what was learned. For threads that may wait.
    pub fn recall(&self) -> Result<Learned, OpenError> {
        let closed = || OpenError::Io(std::io::Error::other("the project is closed"));
        let (done, recalled) = mpsc::sync_channel(1);
        self.commands.send(Command::Recall(done)).map_err(|_| closed())?;
        recalled.recv().map_err(|_| closed())?
    }

    /// Waits until people's rules are on disk, in the place of those that were there. For threads that may wait.
    pub fn set_rules(&self, rules: &Rules) -> Result<(), StoreError> {
        let (done, saved) = mpsc::sync_channel(1);
        self.commands.send(Command::SetRules(Box::new(rules.clone()), done)).map_err(|_| StoreError::Closed)?;
        saved.recv().map_err(|_| StoreError::Closed)?
    }

    pub async fn set_mode(&self, mode: Mode) -> Result<(), StoreError> {
        self.done(|done| Command::SetMode(mode, done)).await
    }

    /// Does not wait; for requests.
    pub fn keep_outbox(&self, entry: outbox::Entry) {
        // A closed file keeps nothing, and the process is about to end.
        let _ = self.commands.send(Command::SaveOutbox(Box::new(entry), None));
    }

    pub async fn save_outbox(&self, entry: outbox::Entry) -> Result<(), StoreError> {
        self.done(|done| Command::SaveOutbox(Box::new(entry), Some(done))).await
    }

    /// Forgets one entry of the outbox.
    pub async fn drop_outbox(&self, id: u64) -> Result<(), StoreError> {
        self.done(|done| Command::DropOutbox(id, done)).await
    }

    /// Puts records in the place of older ones. Does not wait.
    pub fn keep_fidelity(&self, records: BTreeMap<String, Record>) {
        // As with the outbox.
        let _ = self.commands.send(Command::SaveFidelity(records));
    }

    pub async fn clear_fidelity(&self) -> Result<(), StoreError> {
        self.done(Command::ClearFidelity).await
    }

    /// Puts the watchdog's state in the place of the older one.
    pub async fn keep_watchdog(&self, bytes: Vec<u8>) -> Result<(), StoreError> {
        self.done(|done| Command::SaveWatchdog(bytes, done)).await
    }

    /// Gives the file another name, in the same folder. Writes that come meanwhile wait for it.
    pub async fn rename(&self, to: PathBuf) -> Result<(), OpenError> {
        let closed = || OpenError::Io(std::io::Error::other("the project is closed"));
        let (done, ended) = oneshot::channel();
        self.commands.send(Command::Move(to, done)).map_err(|_| closed())?;
        ended.await.map_err(|_| closed())?
    }

    /// Waits until a command was carried out.
    async fn done(&self, command: impl FnOnce(Done) -> Command) -> Result<(), StoreError> {
        let (done, ended) = oneshot::channel();
        self.commands.send(command(done)).map_err(|_| StoreError::Closed)?;
        ended.await.map_err(|_| StoreError::Closed)?
    }
}

fn write(connection: Connection, home: Home, ring: Ring, inbox: &mpsc::Receiver<Command>, vitals: &Vitals) {
    let alive = vitals.watch(Part::Store);
    let mut desk = Desk { connection, ring, recorder: Recorder::default(), is_astray: false };
    let (mut home, mut is_untidy, mut wait) = (home, true, IDLE);
    loop {
        let command = match inbox.recv_timeout(wait) {
            Ok(command) => Some(command),
            Err(mpsc::RecvTimeoutError::Timeout) => None,
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        };
        // A file that is not where it was would take everything and keep nothing.
        match home.look_after(desk.connection, vitals) {
            Ok((connection, found)) => (desk.connection, home) = (connection, found),
            Err(error) => {
                return tracing::error!(%error, "open the project file again: expected one");
            }
        }
        desk.is_astray = home.is_astray;
        match command {
            Some(Command::Close) => break,
            Some(Command::Move(to, done)) => {
                let (moved, opened) = home.move_to(desk.connection, &to);
                drop(done.send(moved));
                match opened {
                    Ok((reopened, at)) => (desk.connection, home) = (reopened, at),
                    // Whoever waits for a write is told that the file is closed.
                    Err(error) => {
                        return tracing::error!(%error, path = %to.display(), "open a project file that was moved: expected one");
                    }
                }
            }
            // Whoever asked may have stopped waiting; what was asked for is done all the same.
            Some(command) => {
                (is_untidy, wait) = (true, IDLE);
                if vitals.guard(Part::Store, || desk.serve(command, vitals)).is_none() {
                    // What of it is in the file is not known.
                    desk.recorder = Recorder::default();
                }
            }
            None if is_untidy => {
                is_untidy = desk.tidy();
                wait = if is_untidy { Duration::ZERO } else { IDLE };
            }
            None => {}
        }
    }
    alive.end();
    home.leave(desk.connection);
}

/// An open file, and what is known of it.
struct Desk {
    connection: Connection,
    ring: Ring,
    recorder: Recorder,
    /// The file is not where it should be, which was told.
    is_astray: bool,
}

impl Desk {
    fn serve(&mut self, command: Command, vitals: &Vitals) {
        let connection = &mut self.connection;
        match command {
            Command::Save(batch, done) => self.save(*batch, &done, vitals),
            Command::SetMode(mode, done) => drop(done.send(rows::set_mode(connection, mode))),
            Command::SetRules(rules, done) => drop(done.send(rows::set_rules(connection, &rules))),
            Command::SaveOutbox(entry, done) => {
                let saved = rows::save_outbox(connection, &entry);
                match (done, saved) {
                    (Some(done), saved) => drop(done.send(saved)),
                    (None, Err(error)) => tracing::error!(%error, "store a write that the twin answered"),
                    (None, Ok(())) => {}
                }
            }
            Command::SaveFidelity(records) => {
                if let Err(error) = rows::save_fidelity(connection, &records) {
                    tracing::error!(%error, "store how well the twin did");
                }
            }
            Command::ClearFidelity(done) => drop(done.send(rows::clear_fidelity(connection))),
            Command::SaveWatchdog(bytes, done) => drop(done.send(rows::save_watchdog(connection, &bytes))),
            Command::DropOutbox(id, done) => drop(done.send(rows::drop_outbox(connection, id))),
            Command::Twin(request) => request.serve(connection),
            Command::Recall(done) => drop(done.send(rows::recall(connection))),
            // They are the writer's own.
            Command::Move(..) | Command::Close => {}
        }
    }

    fn save(&mut self, batch: Batch, done: &mpsc::SyncSender<Result<(), Box<Unsaved>>>, vitals: &Vitals) {
        let grown = match rows::save(&mut self.connection, &batch, &mut self.recorder) {
            Ok(grown) => grown,
            Err(error) => {
                vitals.fail(Part::Store, error.to_string());
                return drop(done.send(Err(Box::new(Unsaved { error, batch }))));
            }
        };
        if !self.is_astray {
            vitals.recover(Part::Store);
        }
        drop(done.send(Ok(())));
        // Nobody waits for what is let go.
        match self.ring.trim(&mut self.connection, &batch.traffic, grown) {
            Ok(gone) => self.recorder.forget(gone),
            Err(error) => tracing::error!(%error, "let go of old traffic"),
        }
    }

    /// Gives some room back to the file system. True when there is more.
    fn tidy(&self) -> bool {
        ring::vacuum(&self.connection).unwrap_or_else(|error| {
            tracing::warn!(%error, "give back room of the project file");
            false
        })
    }
}
