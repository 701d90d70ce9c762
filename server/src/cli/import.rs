//! `understudy import FILE`.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use serde_json::Value;

use super::remote::Remote;
use crate::app::App;
use crate::config::Config;
use crate::learner::import::import_document;

/// A running server holds the project file, so it does the work; without one the file is opened here.
pub(super) async fn run(remote: &Remote, config: &Config, file: &Path) -> anyhow::Result<String> {
    let document = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
    let imported = if remote.is_there().await {
        remote.post("/admin/import", document).await?
    } else {
        straight(config, document).await?
    };
    let mut lines =
        vec![format!("{} exchanges from {} go to the learner", imported["exchanges"], word(&imported["format"]))];
    lines.extend(imported["notes"].as_array().into_iter().flatten().map(word));
    Ok(lines.join("\n"))
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Starts everything but on no known port; closing it waits until all is learned and stored.
async fn straight(config: &Config, document: Vec<u8>) -> anyhow::Result<Value> {
    let mut config = config.clone();
    config.listen.set_port(0);
    config.admin = None;
    let app = match App::start(config, Vec::new()).await {
        Ok(app) => app,
        Err(mistakes) => bail!("open the project:\n{mistakes}"),
    };
    let handles = Arc::clone(app.handles());
    let imported = tokio::task::spawn_blocking(move || import_document(&handles, &document)).await;
    app.shutdown().await;
    let imported = imported.context("import the document")?;
    let imported = imported.map_err(anyhow::Error::from)?;
    serde_json::to_value(imported).context("print what was imported")
}
