//! `understudy twin …`: the twin's state from the command line.

use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::TwinCommand;
use super::remote::{Remote, print};

pub(super) async fn run(remote: &Remote, command: TwinCommand, as_json: bool) -> anyhow::Result<String> {
    let call = |method, path: &'static str, body| async move { remote.call(method, path, Some(&body)).await };
    let answer = match &command {
        TwinCommand::State { collection: None } => remote.call(Method::GET, "/admin/twin/state", None).await?,
        TwinCommand::State { collection: Some(name) } => rows(remote, name).await?,
        TwinCommand::Reset => call(Method::POST, "/admin/twin/reset", json!({})).await?,
        TwinCommand::Save { name } => call(Method::POST, "/admin/twin/save", json!({ "name": name })).await?,
        TwinCommand::Load { name } => call(Method::POST, "/admin/twin/load", json!({ "name": name })).await?,
        TwinCommand::Saves => remote.call(Method::GET, "/admin/twin/saves", None).await?,
    };
    if as_json { print(&answer) } else { Ok(text(&command, &answer)) }
}

/// All rows of a collection, page by page.
async fn rows(remote: &Remote, collection: &str) -> anyhow::Result<Value> {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let base = format!("/admin/twin/state?limit=1000&collection={}", encoded(collection));
    let (mut path, mut items) = (base.clone(), Vec::new());
    loop {
        let mut page = remote.call(Method::GET, &path, None).await?;
        if let Value::Array(rows) = page["items"].take() {
            items.extend(rows);
        }
        match page["next"].as_str() {
            Some(next) => path = format!("{base}&cursor={}", encoded(next)),
            None => return Ok(json!({ "collection": collection, "items": items })),
        }
    }
}

/// One line per thing.
fn text(command: &TwinCommand, answer: &Value) -> String {
    let lines = |list: &Value, line: &dyn Fn(&Value) -> String| {
        let lines: Vec<String> = list.as_array().into_iter().flatten().map(line).collect();
        if lines.is_empty() { "nothing".to_owned() } else { lines.join("\n") }
    };
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match command {
        TwinCommand::State { collection: None } => lines(&answer["collections"], &|row| {
            format!("{:<24} {:>7} rows, {} changed", word(&row["name"]), row["rows"], row["changed"])
        }),
        TwinCommand::State { collection: Some(_) } => lines(&answer["items"], &|row| {
            let mark = if row["changed"] == true { " *" } else { "" };
            format!("{}{mark}\t{}", word(&row["key"]), row["fields"])
        }),
        TwinCommand::Saves => lines(answer, &|row| format!("{:<24} {:>9} bytes", word(&row["name"]), row["bytes"])),
        TwinCommand::Reset => "the twin is as the API was left".to_owned(),
        TwinCommand::Save { name } => format!("saved as {name}"),
        TwinCommand::Load { name } => format!("loaded {name}"),
    }
}
