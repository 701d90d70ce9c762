//! `understudy doctor`: looks project files over, repairs what can be repaired, and explains the rest.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};

use super::progress;
use super::remote::print;
use crate::config::Config;
use crate::store::doctor::{Ailment, examine, repair};
use crate::store::files;

#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// A project file under the data folder [default: all of them]
    project: Option<String>,
    /// Repair what can be repaired; the file as it was stays beside it, with .before behind its name
    #[arg(long)]
    repair: bool,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

/// Exit code 0: all is well; 1: something is not; 2: it could not be looked at.
pub(super) fn run(config: &Config, doctor: &Doctor) -> ExitCode {
    let looked = look_over(config, doctor);
    let printed = looked.and_then(|(patients, well)| {
        let text = if doctor.json { print(&Value::from(patients.clone()))? } else { text(&patients) };
        println!("{text}");
        Ok(well)
    });
    match printed {
        Ok(well) => ExitCode::from(u8::from(!well)),
        Err(error) => {
            eprintln!("failed to {error:#}");
            ExitCode::from(2)
        }
    }
}

fn look_over(config: &Config, doctor: &Doctor) -> anyhow::Result<(Vec<Value>, bool)> {
    let names = match &doctor.project {
        Some(name) => vec![
            crate::config::project_file(name)
                .map_err(|wrong| anyhow::anyhow!("find the project {name:?}: expected {}", wrong.expected))?,
        ],
        None => {
            files::names(&config.data_dir).with_context(|| format!("read the folder {}", config.data_dir.display()))?
        }
    };
    let bar = progress::waiting("looking at every row");
    let (mut patients, mut all_well) = (Vec::new(), true);
    for name in names {
        let (patient, well) = one(&config.data_dir.join(&name), &name, doctor.repair)?;
        all_well &= well;
        patients.push(patient);
    }
    bar.finish_and_clear();
    Ok((patients, all_well))
}

fn one(path: &Path, name: &str, wants_repair: bool) -> anyhow::Result<(Value, bool)> {
    let found = examine(path);
    let curable = found.iter().any(|ailment| ailment.cure.is_some());
    if !(wants_repair && curable) {
        let well = found.is_empty();
        return Ok((json!({ "project": name, "found": found, "repaired": false }), well));
    }
    let kept =
        repair(path).map_err(|error| anyhow::anyhow!("repair {}: expected a project file {error}", path.display()))?;
    let left: Vec<Ailment> = examine(path);
    let well = left.is_empty();
    Ok((json!({ "project": name, "found": found, "repaired": true, "before": kept, "left": left }), well))
}

fn text(patients: &[Value]) -> String {
    let lines = |ailments: &Value| -> Vec<String> {
        let line = |ailment: &Value| {
            let what = ailment["what"].as_str().unwrap_or_default();
            ailment["cure"].as_str().map_or_else(|| format!("  {what}"), |cure| format!("  {what}: {cure} (--repair)"))
        };
        ailments.as_array().into_iter().flatten().map(line).collect()
    };
    let mut text = Vec::new();
    for patient in patients {
        let name = patient["project"].as_str().unwrap_or_default();
        let found = lines(&patient["found"]);
        if found.is_empty() {
            text.push(format!("{name}: all is well"));
            continue;
        }
        let is_repaired = patient["repaired"] == true;
        let what = if is_repaired { "repaired; this was found" } else { "not all is well" };
        text.push(format!("{name}: {what}"));
        text.extend(found.into_iter().map(|line| if is_repaired { line.replace(" (--repair)", "") } else { line }));
        if is_repaired {
            let left = lines(&patient["left"]);
            text.extend((!left.is_empty()).then(|| "  left:".to_owned()).into_iter().chain(left));
            text.push(format!("  the file as it was: {}", patient["before"].as_str().unwrap_or_default()));
        }
    }
    if text.is_empty() { "there are no projects".into() } else { text.join("\n") }
}
