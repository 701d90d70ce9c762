//! The projects of a server: one file each under the data folder, and one of them active.
//!
//! A request takes the active project once, when its head has arrived, and keeps it to its end: switching neither loses nor
//! misfiles an exchange. A project that is active no more stays open until the last of its exchanges has ended, and then learns
//! and stores what is left; whoever switches back meanwhile finds it as it was.

mod change;
mod open;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, OnceCell, watch};
use tokio::task::JoinSet;

pub use self::change::{ProjectError, Wish};
use self::open::Open;
pub use self::open::{Opened, Shared};
use crate::config::{Config, Mistake, TargetUrl};
use crate::handles::Handles;
use crate::proxy::upstream::Upstream;
use crate::sample;
use crate::store::files;

/// A project that is left is looked at this often until nothing uses it any more.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// One per running server.
#[derive(Debug)]
pub struct Projects {
    shared: Shared,
    active: ArcSwap<Handles>,
    /// By file name. Held while something is opened, so that one change comes after the other.
    open: Mutex<BTreeMap<String, Open>>,
    /// Projects that learn and store what is left; nobody else may open their files yet.
    closing: watch::Sender<BTreeSet<String>>,
    sample: OnceCell<TargetUrl>,
    stopped: watch::Receiver<bool>,
    tasks: std::sync::Mutex<JoinSet<()>>,
}

impl Projects {
    /// Puts the first project to work.
    pub async fn start(shared: Shared, first: Opened, stopped: watch::Receiver<bool>) -> Result<Arc<Self>, Mistake> {
        let (sample, tasks) = (OnceCell::new(), std::sync::Mutex::default());
        let (is_sample, target) = match shared.config.target.clone().or_else(|| named(&shared, &first)) {
            Some(target) => (false, target),
            None => (true, start_sample(&sample, &tasks, &stopped).await?),
        };
        let was_named = first.target();
        let upstream = Upstream::new(&shared.config, &shared.careful, target, is_sample);
        let project = Open::start(&shared, first, upstream)?;
        // What TARGET_URL says belongs to the project from now on.
        if let Some(target) = shared.config.target.as_ref().map(TargetUrl::to_string)
            && was_named.as_ref() != Some(&target)
            && let Err(error) = project.handles.store.set_setting(files::TARGET, json(&target)).await
        {
            tracing::error!(%error, "keep which API is behind the project");
        }
        let active = ArcSwap::new(Arc::clone(&project.handles));
        let open = Mutex::new(BTreeMap::from([(project.handles.project(), project)]));
        let closing = watch::Sender::default();
        Ok(Arc::new(Self { shared, active, open, closing, sample, stopped, tasks }))
    }

    /// The active project. Take it once for whatever has to be done in one piece.
    #[must_use]
    pub fn current(&self) -> Arc<Handles> {
        self.active.load_full()
    }

    #[must_use]
    pub fn config(&self) -> &Config {
        &self.shared.config
    }

    /// Makes another project the active one. Requests whose head arrives from now on are its own.
    pub async fn activate(self: &Arc<Self>, name: &str) -> Result<(), ProjectError> {
        let name = change::file_name(name)?;
        let mut open = self.settled(&name).await;
        if self.current().project() == name {
            return Ok(());
        }
        if !open.contains_key(&name) {
            change::must_exist(&self.path(&name), &name)?;
            open.insert(name.clone(), self.open_file(&name).await?);
        }
        let next = Arc::clone(&open[&name].handles);
        let previous = self.active.swap(next);
        self.spawn(retire(Arc::clone(self), previous.project()));
        drop(open);
        tracing::info!(project = name, previous = previous.project(), "another project is active");
        // As a restart does: nobody looks after faults on purpose in a project that was left.
        if let Err(error) = previous.halt_chaos("another project was activated").await {
            tracing::error!(%error, "store how an experiment ended");
        }
        Ok(())
    }

    /// The open projects, once `name` is not being closed any more.
    async fn settled(&self, name: &str) -> tokio::sync::MutexGuard<'_, BTreeMap<String, Open>> {
        loop {
            // The sender is ours, so there is always something to wait for.
            let _ = self.closing.subscribe().wait_for(|closing| !closing.contains(name)).await;
            let open = self.open.lock().await;
            if !self.closing.borrow().contains(name) {
                return open;
            }
        }
    }

    /// Opens the file beside the traffic.
    async fn open_file(&self, name: &str) -> Result<Open, ProjectError> {
        let wrong = |mistake: Mistake| ProjectError::Unusable { name: name.to_owned(), expected: mistake.expected };
        let (config, file) = (Arc::clone(&self.shared.config), name.to_owned());
        let opened = blocking(move || Opened::open(&config, &file)).await.map_err(wrong)?;
        let target = named(&self.shared, &opened);
        let (is_sample, target) = match target.or_else(|| self.shared.config.target.clone()) {
            Some(target) => (false, target),
            None => match self.sample().await {
                Ok(target) => (true, target),
                Err(mistake) => {
                    opened.close();
                    return Err(wrong(mistake));
                }
            },
        };
        let upstream = Upstream::new(&self.shared.config, &self.shared.careful, target, is_sample);
        let shared = self.shared.clone();
        blocking(move || Open::start(&shared, opened, upstream)).await.map_err(wrong)
    }

    async fn sample(&self) -> Result<TargetUrl, Mistake> {
        start_sample(&self.sample, &self.tasks, &self.stopped).await
    }

    fn path(&self, name: &str) -> PathBuf {
        self.config().data_dir.join(name)
    }

    /// Takes a project out of the open ones and closes it. Its file is free when this is over.
    async fn close(&self, mut open: tokio::sync::MutexGuard<'_, BTreeMap<String, Open>>, name: &str) {
        let Some(project) = open.remove(name) else { return };
        self.closing.send_modify(|closing| {
            closing.insert(name.to_owned());
        });
        drop(open);
        project.close().await;
        self.closing.send_modify(|closing| {
            closing.remove(name);
        });
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that have ended are of no interest.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Closes all that is open, after the last request.
    pub async fn close_all(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        while tasks.join_next().await.is_some() {}
        let open = std::mem::take(&mut *self.open.lock().await);
        for project in open.into_values() {
            project.close().await;
        }
    }
}

/// Closes a project that was left, once nothing uses it any more.
async fn retire(projects: Arc<Projects>, name: String) {
    let mut stopped = projects.stopped.clone();
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            // Whoever ends the server closes what is open.
            _ = stopped.wait_for(|stop| *stop) => return,
        }
        let open = projects.open.lock().await;
        let Some(project) = open.get(&name) else { return };
        if Arc::ptr_eq(&project.handles, &projects.current()) {
            return;
        }
        if project.is_idle() {
            return projects.close(open, &name).await;
        }
    }
}

/// The API that a project names, if it makes sense.
fn named(shared: &Shared, opened: &Opened) -> Option<TargetUrl> {
    let target = opened.target()?;
    let read = change::target(&shared.config, &target);
    read.inspect_err(|error| tracing::warn!(%error, project = opened.name, "read which API is behind the project")).ok()
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("opening a project does not panic")
}

/// Started by the first project that has no API of its own.
async fn start_sample(
    sample: &OnceCell<TargetUrl>,
    tasks: &std::sync::Mutex<JoinSet<()>>,
    stopped: &watch::Receiver<bool>,
) -> Result<TargetUrl, Mistake> {
    let start = async || {
        let wrong = |error: std::io::Error| {
            let expected = format!("the URL of a real API, the sample API does not start ({error})");
            Mistake::new("TARGET_URL", "", expected)
        };
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await.map_err(wrong)?;
        let address = listener.local_addr().map_err(wrong)?;
        let mut tasks = tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.spawn(sample::run(listener, stopped.clone()));
        Ok(TargetUrl::local(address))
    };
    sample.get_or_try_init(start).await.cloned()
}
