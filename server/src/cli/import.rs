//! `understudy import FILE`.

mod recording;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::progress;
use super::remote::{Remote, print};
use crate::app::App;
use crate::config::Config;
use crate::learner::import::import_document;

/// Longer files are read part by part when they are recordings; of other documents there are none that long.
const LARGE_BYTES: u64 = 32 << 20;

/// Who takes documents: a running server, since it holds the project file; without one the file is opened here.
enum Taker<'r> {
    Server(&'r Remote),
    Own(Box<App>),
}

pub(super) async fn run(remote: &Remote, config: &Config, file: &Path, as_json: bool) -> anyhow::Result<String> {
    let length = file.metadata().with_context(|| format!("read {}", file.display()))?.len();
    // Before anything is opened: a damaged file changes nothing.
    let survey = if length > LARGE_BYTES { recording::survey(file)? } else { None };
    let taker = if remote.is_there().await { Taker::Server(remote) } else { Taker::Own(Box::new(open(config).await?)) };
    let bar = progress::waiting("learning the document");
    let taken = taker.take_file(file, survey);
    let imported = tokio::select! {
        imported = taken => imported,
        // What was taken until then is learned; the rest is not.
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("import all of {}: interrupted", file.display())),
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
    async fn take_file(
        &self,
        file: &Path,
        survey: Option<understudy_contract::import::Survey>,
    ) -> anyhow::Result<Value> {
        match survey {
            Some(survey) => self.take_parts(file.to_owned(), survey).await,
            None => self.take(std::fs::read(file).with_context(|| format!("read {}", file.display()))?).await,
        }
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
    async fn take_parts(&self, file: PathBuf, survey: understudy_contract::import::Survey) -> anyhow::Result<Value> {
        let (sender, mut parts) = mpsc::channel(1);
        let mut notes: Vec<Value> = survey.notes().into_iter().map(Value::from).collect();
        let reader = tokio::task::spawn_blocking(move || {
            recording::parts(&file, &survey, recording::PART_BYTES, &mut |part| sender.blocking_send(part).is_ok())
        });
        let mut exchanges = 0;
        while let Some(part) = parts.recv().await {
            let imported = self.take(part).await?;
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
