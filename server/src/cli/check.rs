//! `understudy check` and `understudy diff`, for pipelines: the exit code is 0 when all is well, 1 when something was found
//! that counts, and 2 when it could not be looked at.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use http::Method;
use serde_json::Value;
use understudy_contract::drift::compare::{self, Change};
use understudy_types::{DriftAlert, DriftAlerts, Status};

use super::remote::Remote;
use super::report::{FailOn, Format, Report, of_alert, of_change};
use crate::config::Config;
use crate::store::Store;
use crate::watchdog::{Watch, present};

/// Alerts that one answer of a server holds at most.
const MOST_ALERTS: u64 = 1000;

/// How to say it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    pub(super) fail_on: FailOn,
    pub(super) format: Format,
}

/// Unresolved alerts and, with a version, what changed since it. A running server is asked about its active project; where none
/// runs, or another project was named, the file is read.
pub(super) async fn check(config: &Config, project: Option<&str>, baseline: Option<&str>, manner: Manner) -> ExitCode {
    end(find(config, project, baseline).await, manner)
}

/// Two OpenAPI documents, JSON or YAML.
pub(super) fn diff(old: &Path, new: &Path, manner: Manner) -> ExitCode {
    end(read(old).and_then(|old| Ok(report(&[], &compare::documents(&old, &read(new)?).changes))), manner)
}

fn end(report: anyhow::Result<Report>, manner: Manner) -> ExitCode {
    let printed =
        report.and_then(|report| Ok((report.print(manner.format, manner.fail_on)?, report.fails(manner.fail_on))));
    match printed {
        Ok((text, fails)) => {
            println!("{text}");
            ExitCode::from(u8::from(fails))
        }
        Err(error) => {
            eprintln!("failed to {error:#}");
            ExitCode::from(2)
        }
    }
}

fn report(alerts: &[DriftAlert], changes: &[Change]) -> Report {
    Report::new(alerts.iter().flat_map(of_alert).chain(changes.iter().map(of_change)).collect())
}

async fn find(config: &Config, project: Option<&str>, baseline: Option<&str>) -> anyhow::Result<Report> {
    let remote = Remote::new(config)?;
    if remote.is_there().await {
        let status = remote.call(Method::GET, "/admin/status", None).await?;
        let status: Status = serde_json::from_value(status).context("read the server's status")?;
        if project.is_none_or(|project| status.project == project) {
            return ask(&remote, baseline).await;
        }
    }
    open(config, baseline)
}

async fn ask(remote: &Remote, baseline: Option<&str>) -> anyhow::Result<Report> {
    let path = format!("/admin/drift-alerts?unresolved_only=true&limit={MOST_ALERTS}");
    let alerts: DriftAlerts =
        serde_json::from_value(remote.call(Method::GET, &path, None).await?).context("read the server's alerts")?;
    let mut changes = Vec::new();
    if let Some(version) = baseline {
        let number = number(version)?;
        let log = remote.call(Method::GET, &format!("/admin/baselines/changelog?from=v{number}"), None).await?;
        changes = serde_json::from_value(log["changes"].clone()).context("read the server's changelog")?;
    }
    Ok(report(&alerts.items, &changes))
}

fn open(config: &Config, baseline: Option<&str>) -> anyhow::Result<Report> {
    let path = config.data_dir.join(&config.project);
    // Opening would make it.
    if !path.exists() {
        bail!("open the project {}: there is no such file", path.display());
    }
    let (_store, writer, project) = Store::open(&path)
        .map_err(|error| anyhow::anyhow!("open {}: expected a project file {error}", path.display()))?;
    writer.close();
    let dog = Watch::restore(project.watchdog.as_deref());
    let alerts: Vec<DriftAlert> =
        dog.alerts().iter().filter(|alert| alert.is_unresolved()).map(present::alert).collect();
    let mut changes = Vec::new();
    if let Some(version) = baseline {
        let last = dog.versions().last().map_or(0, |version| version.number);
        let log = dog.changelog(number(version)?, last);
        changes = log.with_context(|| format!("compare with {version}: the baselines have no such version"))?.changes;
    }
    Ok(report(&alerts, &changes))
}

fn number(version: &str) -> anyhow::Result<u32> {
    let digits = version.strip_prefix('v').unwrap_or(version);
    digits.parse().with_context(|| format!("read --baseline {version:?}: expected a version such as v3"))
}

fn read(path: &Path) -> anyhow::Result<Value> {
    let bytes = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
    let document: Value = match serde_json::from_slice(&bytes) {
        Ok(document) => document,
        Err(error) => {
            let text = String::from_utf8_lossy(&bytes);
            serde_saphyr::from_str(&text)
                .map_err(|_| error)
                .with_context(|| format!("read {} as JSON or YAML", path.display()))?
        }
    };
    if document.get("openapi").is_none() || !document["paths"].is_object() {
        bail!("compare {}: expected an OpenAPI 3 document with paths", path.display());
    }
    Ok(document)
}
