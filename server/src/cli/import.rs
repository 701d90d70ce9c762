//! `understudy import FILE`.

mod recording;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use understudy_contract::import::Survey;

use self::recording::Part;
use super::progress;
use super::remote::{Remote, print};
use crate::app::App;
use crate::config::Config;
use crate::learner::import::import_document;

/// Longer files are read part by part when they are recordings; of other documents there are none that long.
const LARGE_BYTES: u64 = 32 << 20;

/// As shells say it of a program that SIGINT ended.
const EXIT_INTERRUPTED: i32 = 130;

/// Who takes documents: a running server, since it holds the project file; without one the file is opened here.
enum Taker<'r> {
    Server(&'r Remote),
    Own(Box<App>),
}

pub(super) async fn run(
    remote: &Remote,
    config: &Config,
    file: &Path,
    skip: usize,
    as_json: bool,
) -> anyhow::Result<String> {
    let length = file.metadata().with_context(|| format!("read {}", file.display()))?.len();
    // Before anything is opened: a damaged file changes nothing.
    let survey = if length > LARGE_BYTES { recording::survey(file)? } else { None };
    if survey.is_none() && skip > 0 {
        bail!("pass over entries with --skip {skip}: only a recording (HAR) of more than 32 MiB is taken part by part");
    }
    let taker = if remote.is_there().await { Taker::Server(remote) } else { Taker::Own(Box::new(open(config).await?)) };
    let bar = progress::waiting("learning the document");
    let imported = match survey {
        Some(survey) => taker.take_parts(file.to_owned(), survey, skip).await,
        None => taker.take_whole(file).await,
    };
    bar.finish_and_clear();
    taker.end().await;
    let imported = imported?;
    if as_json {
        return print(&imported);
    }
    let mut lines =
        vec![format!("{} exchanges from {} go to the learner", imported["exchanges"], word(&imported["format"]))];
    lines.extend(imported["notes"].as_array().into_iter().flatten().map(word));
    Ok(lines.join("\n"))
}

/// Somebody who wants to stop is heard between two parts, so that what was taken can be told to the entry. Who cannot wait asks
/// twice.
#[derive(Debug, Clone, Default)]
struct Stop(Arc<AtomicBool>);

impl Stop {
    fn listen() -> Self {
        let stop = Self::default();
        let asked = Arc::clone(&stop.0);
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                if asked.swap(true, Ordering::Relaxed) {
                    std::process::exit(EXIT_INTERRUPTED);
                }
            }
        });
        stop
    }

    fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Starts everything but on no known port; closing it waits until all is learned and stored.
async fn open(config: &Config) -> anyhow::Result<App> {
    let mut config = config.clone();
    config.listen.set_port(0);
    config.admin = None;
    match App::start(config, Vec::new()).await {
        Ok(app) => Ok(app),
        Err(mistakes) => bail!("open the project:\n{mistakes}"),
    }
}

impl Taker<'_> {
    /// All of it or nothing: it is read to its end before any of it is learned.
    async fn take_whole(&self, file: &Path) -> anyhow::Result<Value> {
        let document = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
        let _stop = Stop::listen();
        self.take(document).await
    }

    async fn take(&self, document: Vec<u8>) -> anyhow::Result<Value> {
        let app = match self {
            Self::Server(remote) => return remote.post("/admin/import", document).await,
            Self::Own(app) => app,
        };
        let handles = app.handles();
        let imported = tokio::task::spawn_blocking(move || import_document(&handles, &document)).await;
        let imported = imported.context("import the document")?.map_err(anyhow::Error::from)?;
        serde_json::to_value(imported).context("print what was imported")
    }

    /// One part is read while the one before it is taken.
    async fn take_parts(&self, file: PathBuf, survey: Survey, skip: usize) -> anyhow::Result<Value> {
        let (sender, mut parts) = mpsc::channel(1);
        let mut notes: Vec<Value> = survey.notes().into_iter().map(Value::from).collect();
        let path = file.clone();
        let reader = tokio::task::spawn_blocking(move || {
            let mut send = |part| sender.blocking_send(part).is_ok();
            recording::parts(&path, &survey, skip, recording::PART_BYTES, &mut send)
        });
        let (stop, mut exchanges, mut taken) = (Stop::listen(), 0, skip);
        let resume = |taken: usize| {
            let file = file.display();
            format!(
                "import all of {file}: it ended after {taken} entries of the API, `understudy import --skip {taken} {file}` goes on there"
            )
        };
        while let Some(Part { document, entries }) = parts.recv().await {
            if stop.is_asked() {
                bail!("{}: interrupted", resume(taken));
            }
            let imported = self.take(document).await.with_context(|| resume(taken))?;
            taken += entries;
            exchanges += imported["exchanges"].as_u64().unwrap_or(0);
            notes.extend(imported["notes"].as_array().into_iter().flatten().cloned());
        }
        reader.await.context("read the recording")??;
        Ok(json!({ "format": "HAR", "exchanges": exchanges, "notes": notes }))
    }

    async fn end(self) {
        if let Self::Own(app) = self {
            app.shutdown().await;
        }
    }
}
