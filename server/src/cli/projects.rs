//! `understudy projects …`: the projects of a running server.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Subcommand;
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::remote::{Remote, print};

#[derive(Debug, Subcommand)]
pub(super) enum ProjectsCommand {
    /// List them, with the active one marked
    List,
    /// Make an empty one
    Create {
        name: String,
        /// The API behind it [default: that of the active project]
        #[arg(long, value_name = "URL")]
        target: Option<String>,
    },
    /// Make it the active one, without a restart
    Activate { name: String },
    /// Make another one that knows the same
    Copy { from: String, to: String },
    /// Give it another name
    Rename { from: String, to: String },
    /// Name another API behind it
    Target { name: String, url: String },
    /// Remove it for good
    Delete {
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Write it to one file
    Export {
        name: String,
        /// [default: the project's own name, here]
        file: Option<PathBuf>,
    },
    /// Make a project of an exported file
    Import {
        file: PathBuf,
        /// [default: the file's name]
        #[arg(long)]
        name: Option<String>,
    },
}

pub(super) async fn run(remote: &Remote, command: ProjectsCommand, as_json: bool) -> anyhow::Result<String> {
    let answer = match &command {
        ProjectsCommand::List => remote.call(Method::GET, "/admin/projects", None).await?,
        ProjectsCommand::Create { name, target } => {
            let wish = json!({ "name": name, "target": target });
            remote.call(Method::POST, "/admin/projects", Some(&wish)).await?
        }
        ProjectsCommand::Activate { name } => {
            remote.call(Method::POST, &format!("{}/activate", path(name)), None).await?
        }
        ProjectsCommand::Copy { from, to } => {
            remote.call(Method::POST, &format!("{}/copy", path(from)), Some(&json!({ "name": to }))).await?
        }
        ProjectsCommand::Rename { from, to } => {
            remote.call(Method::PATCH, &path(from), Some(&json!({ "name": to }))).await?
        }
        ProjectsCommand::Target { name, url } => {
            remote.call(Method::PATCH, &path(name), Some(&json!({ "target": url }))).await?
        }
        ProjectsCommand::Delete { name, yes } => {
            confirm(name, *yes)?;
            remote.call(Method::DELETE, &path(name), None).await?
        }
        ProjectsCommand::Export { name, file } => export(remote, name, file.as_deref()).await?,
        ProjectsCommand::Import { file, name } => import(remote, file, name.as_deref()).await?,
    };
    if as_json { print(&answer) } else { Ok(text(&command, &answer)) }
}

fn path(name: &str) -> String {
    format!("/admin/projects/{}", utf8_percent_encode(name, NON_ALPHANUMERIC))
}

/// What cannot be undone takes more than a word.
fn confirm(name: &str, yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        bail!("delete the project {name:?}: nobody can be asked here, and --yes was not given");
    }
    eprint!("Type {name:?} to delete it for good: ");
    std::io::stderr().flush().context("ask")?;
    let mut typed = String::new();
    std::io::stdin().read_line(&mut typed).context("read what was typed")?;
    if typed.trim() == name { Ok(()) } else { bail!("delete the project {name:?}: {:?} was typed", typed.trim()) }
}

async fn export(remote: &Remote, name: &str, file: Option<&Path>) -> anyhow::Result<Value> {
    let usual = || PathBuf::from(if name.contains('.') { name.to_owned() } else { format!("{name}.db") });
    let file = file.map_or_else(usual, Path::to_owned);
    let bytes = remote.download(&format!("{}/export", path(name)), &file).await?;
    Ok(json!({ "file": file, "bytes": bytes }))
}

async fn import(remote: &Remote, file: &Path, name: Option<&str>) -> anyhow::Result<Value> {
    let usual = || file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = name.map_or_else(usual, str::to_owned);
    let query = utf8_percent_encode(&name, NON_ALPHANUMERIC);
    remote.upload(&format!("/admin/projects/import?name={query}"), file).await
}

fn text(command: &ProjectsCommand, answer: &Value) -> String {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let line = |project: &Value| {
        let mark = if project["active"] == true { "*" } else { " " };
        let target = project["target"].as_str().unwrap_or("-");
        let problem = project["problem"].as_str().map(|problem| format!("  {problem}")).unwrap_or_default();
        format!(
            "{mark} {:<24} {:<7} {:>12} {target}{problem}",
            word(&project["name"]),
            word(&project["mode"]),
            project["bytes"]
        )
    };
    match command {
        ProjectsCommand::List => answer.as_array().into_iter().flatten().map(line).collect::<Vec<_>>().join("\n"),
        ProjectsCommand::Activate { .. } => {
            format!("{} is active, in front of {}", word(&answer["project"]), word(&answer["upstream"]["url"]))
        }
        ProjectsCommand::Delete { .. } => format!("{} is gone", word(&answer["removed"])),
        ProjectsCommand::Export { .. } => format!("{} has {} bytes", word(&answer["file"]), answer["bytes"]),
        _ => line(answer).trim_start().to_owned(),
    }
}
