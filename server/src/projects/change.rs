//! What people do with projects: list, make, copy, rename, remove them, name another API, carry them elsewhere and back.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use futures_util::{Stream, StreamExt};
use tokio::io::AsyncWriteExt;
use understudy_app::backend::ProjectChange;
use understudy_types as types;

use super::open::seed_of;
use super::{Projects, blocking, json, retire};
use crate::config::{Config, TargetUrl, project_file};
use crate::handles::Handles;
use crate::learner::edit::{Edit, EditError};
use crate::proxy::upstream::Upstream;
use crate::snapshot::types_mode;
use crate::store::{OpenError, StoreError, beside, files};

/// The largest file that is taken in.
const MAX_IMPORT_BYTES: u64 = 8 << 30;

/// Why something cannot be done with a project.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    #[error("no project is called {0:?}")]
    Unknown(String),
    #[error("a project is called {0:?} already")]
    Taken(String),
    #[error("{field} is {given:?}: expected {expected}")]
    Unfit { field: &'static str, given: String, expected: String },
    #[error("the project {name:?} cannot be opened: expected {expected}")]
    Unusable { name: String, expected: String },
    #[error("{0:?} is the active project: activate another one first")]
    Active(String),
    #[error("what was sent is no project: expected a project file {0}")]
    NotAProject(OpenError),
    #[error("what was sent is too large: expected a project file of at most {MAX_IMPORT_BYTES} bytes")]
    TooLarge,
    #[error("what was sent broke off: {0}")]
    Cut(String),
    #[error("failed to read or write {0:?}: {1}")]
    File(String, OpenError),
    #[error("failed to {0}")]
    Store(#[from] StoreError),
    #[error("failed to store what was learned first: {0}")]
    Learner(#[from] EditError),
}

/// What a new project shall be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    pub name: String,
    /// Its API; that of the active project if nothing is said.
    pub target: Option<String>,
}

impl Projects {
    /// All projects of the data folder, by name.
    pub async fn list(&self) -> Result<Vec<types::Project>, ProjectError> {
        let open = self.open.lock().await;
        let open: Vec<Arc<Handles>> = open.values().map(|project| Arc::clone(&project.handles)).collect();
        let (dir, active) = (self.config().data_dir.clone(), self.current().project());
        let listed = blocking(move || list(&dir, &open, &active)).await;
        listed.map_err(|error| ProjectError::File(self.config().data_dir.display().to_string(), error.into()))
    }

    /// Their names, as they are found in the folder. Cheap enough for every look at the page.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let names = files::names(&self.config().data_dir);
        names.inspect_err(|error| tracing::warn!(%error, "read the folder of the projects")).unwrap_or_default()
    }

    /// Makes an empty one. Its name is given back as the list shows it.
    pub async fn create(&self, wish: Wish) -> Result<String, ProjectError> {
        let name = file_name(&wish.name)?;
        let target = match wish.target.as_deref().map(str::trim).filter(|target| !target.is_empty()) {
            Some(given) => Some(target_of(self.config(), given)?.to_string()),
            None => {
                let upstream = self.current().upstream.load_full();
                (!upstream.is_sample).then(|| upstream.target.to_string())
            }
        };
        let turn = self.settled(&name).await;
        let path = self.free(&name)?;
        let settings: Vec<_> = target.iter().map(|target| (files::TARGET, json(target))).collect();
        let made = blocking(move || files::make(&path, &settings)).await;
        drop(turn);
        made.map_err(|error| ProjectError::File(name.clone(), error))?;
        Ok(name)
    }

    /// Everything that `from` knows, under another name.
    pub async fn copy(&self, from: &str, to: &str) -> Result<String, ProjectError> {
        let (from, to) = (file_name(from)?, file_name(to)?);
        let turn = self.settled(&from).await;
        let handles = turn.get(&from).map(|project| Arc::clone(&project.handles));
        let (source, target) = (self.path(&from), self.free(&to)?);
        must_exist(&source, &from)?;
        let settings = self.carried(&from, handles.as_deref()).await?;
        let is_open = handles.is_some();
        let copied = blocking(move || files::copy(&source, &target, is_open, &settings)).await;
        drop(turn);
        copied.map_err(|error| ProjectError::File(from, error))?;
        Ok(to)
    }

    /// Gives a project another name, the active one too.
    pub async fn rename(self: &Arc<Self>, from: &str, to: &str) -> Result<String, ProjectError> {
        let (from, to) = (file_name(from)?, file_name(to)?);
        let mut open = self.settled(&from).await;
        let (source, target) = (self.path(&from), self.free(&to)?);
        must_exist(&source, &from)?;
        let failed = |error| ProjectError::File(from.clone(), error);
        let Some(project) = open.get(&from) else {
            let seed = json_seed(&from, None);
            let renamed = blocking(move || files::rename(&source, &target, &seed)).await;
            return renamed.map(|()| to).map_err(failed);
        };
        let handles = Arc::clone(&project.handles);
        handles.store.set_setting(files::SEED, handles.seed.to_string()).await?;
        handles.store.rename(target).await.map_err(failed)?;
        handles.name.store(Arc::new(to.clone()));
        if let Some(project) = open.remove(&from) {
            open.insert(to.clone(), project);
        }
        if !Arc::ptr_eq(&handles, &self.current()) {
            self.spawn(retire(Arc::clone(self), to.clone()));
        }
        Ok(to)
    }

    /// Names another API. Requests whose head arrives from now on go there.
    pub async fn set_target(&self, name: &str, target: &str) -> Result<(), ProjectError> {
        let name = file_name(name)?;
        let target = target_of(self.config(), target)?;
        let open = self.settled(&name).await;
        let text = json(&target.to_string());
        let Some(project) = open.get(&name) else {
            let path = self.path(&name);
            must_exist(&path, &name)?;
            let kept = blocking(move || files::make(&path, &[(files::TARGET, text)])).await;
            return kept.map_err(|error| ProjectError::File(name.clone(), error));
        };
        project.handles.store.set_setting(files::TARGET, text).await?;
        let upstream = Upstream::new(self.config(), &self.shared.careful, target, false);
        project.handles.upstream.store(Arc::new(upstream));
        Ok(())
    }

    /// Removes a project for good, with all that lies beside it.
    pub async fn remove(&self, name: &str) -> Result<(), ProjectError> {
        let name = file_name(name)?;
        must_exist(&self.path(&name), &name)?;
        // What else lies in the folder is not a project, and nobody's to delete by its name.
        if !files::is_ours(&self.path(&name)) {
            return Err(ProjectError::Unknown(name));
        }
        let mut open = self.settled(&name).await;
        if self.current().project() == name {
            return Err(ProjectError::Active(name));
        }
        if open.contains_key(&name) {
            // Exchanges of it that are still under way are not learned any more.
            self.close(open, &name).await;
            open = self.settled(&name).await;
        }
        let path = self.path(&name);
        let removed = blocking(move || files::remove(&path)).await;
        drop(open);
        removed.map_err(|error| ProjectError::File(name, error))
    }

    /// What the dashboard asks for.
    pub async fn apply(self: &Arc<Self>, change: ProjectChange) -> Result<(), ProjectError> {
        match change {
            ProjectChange::Activate(name) => self.activate(&name).await,
            ProjectChange::Create { name, target } => self.create(Wish { name, target }).await.map(drop),
            ProjectChange::Copy { name, to } => self.copy(&name, &to).await.map(drop),
            ProjectChange::Rename { name, to } => self.rename(&name, &to).await.map(drop),
            ProjectChange::Target { name, target } => self.set_target(&name, &target).await,
            ProjectChange::Remove(name) => self.remove(&name).await,
        }
    }

    /// One file that holds all of a project. Whoever gets it removes it.
    pub async fn export(&self, name: &str) -> Result<PathBuf, ProjectError> {
        let name = file_name(name)?;
        let turn = self.settled(&name).await;
        let handles = turn.get(&name).map(|project| Arc::clone(&project.handles));
        let (source, to) = (self.path(&name), self.scratch());
        must_exist(&source, &name)?;
        let settings = self.carried(&name, handles.as_deref()).await?;
        let (is_open, out) = (handles.is_some(), to.clone());
        let packed = blocking(move || files::pack(&source, &out, is_open, &settings)).await;
        drop(turn);
        packed.map_err(|error| ProjectError::File(name, error))?;
        Ok(to)
    }

    /// Makes a project of an exported file. Nothing is left of one that is not whole.
    pub async fn import<E: std::fmt::Display>(
        &self,
        name: &str,
        bytes: impl Stream<Item = Result<bytes::Bytes, E>>,
    ) -> Result<String, ProjectError> {
        let name = file_name(name)?;
        self.free(&name)?;
        let scratch = self.scratch();
        let received = receive(&scratch, bytes).await;
        if received.is_err() {
            drop(std::fs::remove_file(&scratch));
        }
        received?;
        let turn = self.settled(&name).await;
        let path = self.path(&name);
        let unpacked = blocking(move || files::unpack(&scratch, &path)).await;
        drop(turn);
        match unpacked {
            Ok(()) => Ok(name),
            Err(OpenError::Io(error)) if error.kind() == io::ErrorKind::AlreadyExists => Err(ProjectError::Taken(name)),
            Err(error) => Err(ProjectError::NotAProject(error)),
        }
    }

    /// What goes with a project that leaves its name: the seed, so that the twin tells the same story. What an open one knows is
    /// written to its file first.
    async fn carried(
        &self,
        name: &str,
        handles: Option<&Handles>,
    ) -> Result<Vec<(&'static str, String)>, ProjectError> {
        let Some(handles) = handles else { return Ok(json_seed(name, Some(&self.path(name)))) };
        handles.intake.edit(Edit::Add(Vec::new()), false).await?;
        handles.keep_twin().await?;
        if let Some(bytes) = handles.watchdog.due(true) {
            handles.store.keep_watchdog(bytes).await?;
        }
        Ok(vec![(files::SEED, handles.seed.to_string())])
    }

    /// The path of a project that there is none of yet.
    fn free(&self, name: &str) -> Result<PathBuf, ProjectError> {
        let path = self.path(name);
        if path.exists() { Err(ProjectError::Taken(name.to_owned())) } else { Ok(path) }
    }

    /// A file in the data folder that nobody else uses.
    fn scratch(&self) -> PathBuf {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        self.path(&format!(".understudy-{}-{number}", std::process::id()))
    }
}

async fn receive<E: std::fmt::Display>(
    to: &Path,
    bytes: impl Stream<Item = Result<bytes::Bytes, E>>,
) -> Result<(), ProjectError> {
    let failed = |error: io::Error| ProjectError::File(to.display().to_string(), error.into());
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    let mut file = options.open(to).await.map_err(failed)?;
    let mut bytes = std::pin::pin!(bytes);
    let mut room = MAX_IMPORT_BYTES;
    while let Some(piece) = bytes.next().await {
        let piece = piece.map_err(|error| ProjectError::Cut(error.to_string()))?;
        room = room.checked_sub(piece.len() as u64).ok_or(ProjectError::TooLarge)?;
        file.write_all(&piece).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)
}

/// The file of a project that a person calls so.
pub(super) fn file_name(name: &str) -> Result<String, ProjectError> {
    let unfit = |expected| ProjectError::Unfit { field: "name", given: name.to_owned(), expected };
    project_file(name.trim()).map_err(|wrong| unfit(wrong.expected))
}

pub(super) fn must_exist(path: &Path, name: &str) -> Result<(), ProjectError> {
    if path.is_file() { Ok(()) } else { Err(ProjectError::Unknown(name.to_owned())) }
}

/// Reads the URL of an API, which must not be our own.
pub(super) fn target(config: &Config, text: &str) -> Result<TargetUrl, String> {
    let target = TargetUrl::read(text.trim())?;
    let own = [Some(config.listen), config.admin];
    if own.into_iter().flatten().any(|address| target.is_at(address)) {
        return Err("the real API, this is the address Understudy itself listens on".into());
    }
    Ok(target)
}

fn target_of(config: &Config, text: &str) -> Result<TargetUrl, ProjectError> {
    let unfit = |expected| ProjectError::Unfit { field: "target", given: without_password(text), expected };
    target(config, text).map_err(unfit)
}

/// What is refused for its password is not repeated with it.
fn without_password(text: &str) -> String {
    text.rsplit_once('@').map_or_else(|| text.to_owned(), |(_, rest)| format!("…@{rest}"))
}

/// The seed that follows from a name, unless the file has one.
fn json_seed(name: &str, path: Option<&Path>) -> Vec<(&'static str, String)> {
    let known = path.and_then(files::outline).and_then(Result::ok).is_some_and(|outline| outline.has_seed);
    if known { Vec::new() } else { vec![(files::SEED, seed_of(name).to_string())] }
}

fn list(dir: &Path, open: &[Arc<Handles>], active: &str) -> io::Result<Vec<types::Project>> {
    let mut projects = Vec::new();
    for name in files::names(dir)? {
        let handles = open.iter().find(|handles| **handles.name.load() == name);
        projects.extend(describe(&dir.join(&name), name, handles, active));
    }
    Ok(projects)
}

/// `None` when the file is none of ours.
fn describe(path: &Path, name: String, handles: Option<&Arc<Handles>>, active: &str) -> Option<types::Project> {
    let (mode, target, problem) = match handles {
        Some(handles) => {
            let upstream = handles.upstream.load();
            let target = (!upstream.is_sample).then(|| upstream.target.to_string());
            (types_mode(handles.mode()), target, None)
        }
        None => match files::outline(path)? {
            Ok(outline) => (outline.mode, outline.target, None),
            Err(error) => (types::Mode::default(), None, Some(format!("expected a project file {error}"))),
        },
    };
    let log = beside(path, "-wal");
    let (bytes, changed) = [path, &log]
        .into_iter()
        .filter_map(|path| path.metadata().ok())
        .fold((0, UNIX_EPOCH), |(bytes, changed), file| {
            (bytes + file.len(), file.modified().map_or(changed, |at| at.max(changed)))
        });
    let changed_ms = changed.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    Some(types::Project {
        active: name == active,
        open: handles.is_some(),
        name,
        mode,
        target,
        bytes,
        changed_ms,
        problem,
    })
}
