//! `understudy export FORMAT`.

use std::path::Path;

use anyhow::{Context, anyhow, bail};

use super::remote::Remote;
use crate::config::Config;
use crate::export;
use crate::store::{Store, files};
use crate::twin::parse;

/// A running server is asked, since it holds the project file; without one the file is opened here. What went into a file is
/// told in a line.
pub(super) async fn run(remote: &Remote, config: &Config, name: &str, out: Option<&Path>) -> anyhow::Result<String> {
    let text = if remote.is_there().await {
        remote.text(&format!("/admin/export/{name}")).await?
    } else {
        open(config, name)?
    };
    let Some(path) = out else { return Ok(text.trim_end().to_owned()) };
    std::fs::write(path, &text).with_context(|| format!("write {}", path.display()))?;
    Ok(format!("{} bytes of {name} are in {}", text.len(), path.display()))
}

fn open(config: &Config, name: &str) -> anyhow::Result<String> {
    if name == "har" {
        bail!("export har: recent traffic is known to a running Understudy only, and none runs there");
    }
    let path = config.data_dir.join(&config.project);
    // Opening would make it.
    if !path.exists() {
        bail!("open the project: there is no file {}", path.display());
    }
    let (_store, writer, project) =
        Store::open(&path).map_err(|error| anyhow!("open {}: expected a project file {error}", path.display()))?;
    writer.close();
    // Without a target there is only ourselves.
    let kept = || parse::<Option<String>>(&project.settings, files::TARGET);
    let target = config.target.as_ref().map(ToString::to_string).or_else(kept);
    let target = target.unwrap_or_else(|| format!("http://{}", config.listen));
    let made = export::stored(project, &config.project, &target, name);
    let made = made.ok_or_else(|| anyhow!("export {name}: no format has this name"))?;
    Ok(made.map_err(|error| anyhow!("export {name}: {error}"))?.text)
}
