//! `understudy plugin new|check|test`: writes a plugin, looks at one, asks one. No server is needed.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};
use understudy_plugin_host::chaos_policy::{self, Fault};
use understudy_plugin_host::drift_policy::{Finding, Severity, Verdict};
use understudy_plugin_host::generator::Field;
use understudy_plugin_host::redactor::{Message, Side, Text};
use understudy_plugin_host::responder::{Request, Response};
use understudy_plugin_host::{Hook, Options, PluginHost, PluginReport, PluginSet};

use crate::config::Config;

/// A question is asked so often, to see what calls take.
const CALLS: u32 = 1000;

#[derive(Debug, Subcommand)]
pub(super) enum PluginCommand {
    /// Write a new plugin: a crate that builds as it is
    New {
        name: String,
        /// What the plugin is asked for
        #[arg(long, value_enum)]
        hook: HookWord,
        /// The folder plugins/sdk of Understudy's source [default: looked for from here upwards]
        #[arg(long, value_name = "DIR")]
        sdk: Option<PathBuf>,
    },
    /// Say what a file exports and whether it would load
    Check { file: PathBuf },
    /// Ask a plugin, with its configuration, and print answer, time and memory
    Test {
        file: PathBuf,
        /// A question: "GET /t/acme/users" (normalizer, chaos-policy, responder), a member's name (generator), a value
        /// (redactor), a JSON Pointer (drift-policy), or a JSON object with the members of the WIT record
        #[arg(long, required = true, value_name = "SAMPLE")]
        sample: Vec<String>,
        /// Which hook to ask [default: the first one that the plugin has]
        #[arg(long, value_enum)]
        hook: Option<HookWord>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum HookWord {
    Normalizer,
    Generator,
    ChaosPolicy,
    Redactor,
    DriftPolicy,
    Responder,
}

impl HookWord {
    const fn hook(self) -> Hook {
        match self {
            Self::Normalizer => Hook::Normalizer,
            Self::Generator => Hook::Generator,
            Self::ChaosPolicy => Hook::ChaosPolicy,
            Self::Redactor => Hook::Redactor,
            Self::DriftPolicy => Hook::DriftPolicy,
            Self::Responder => Hook::Responder,
        }
    }

    /// The examples of the SDK are what a new plugin begins as.
    const fn template(self) -> &'static str {
        match self {
            Self::Normalizer => include_str!("../../../plugins/sdk/examples/normalizer.rs"),
            Self::Generator => include_str!("../../../plugins/sdk/examples/generator.rs"),
            Self::ChaosPolicy => include_str!("../../../plugins/sdk/examples/chaos-policy.rs"),
            Self::Redactor => include_str!("../../../plugins/sdk/examples/redactor.rs"),
            Self::DriftPolicy => include_str!("../../../plugins/sdk/examples/drift-policy.rs"),
            Self::Responder => include_str!("../../../plugins/sdk/examples/responder.rs"),
        }
    }
}

pub(super) fn run(config: &Config, command: PluginCommand) -> anyhow::Result<String> {
    match command {
        PluginCommand::New { name, hook, sdk } => new(&name, hook, sdk),
        PluginCommand::Check { file } => {
            let report = only(&load(config, &file))?;
            match report.state.reason() {
                None => Ok(described(&report)),
                Some(reason) => bail!("load {}: {reason}", file.display()),
            }
        }
        PluginCommand::Test { file, sample, hook } => test(config, &file, &sample, hook.map(HookWord::hook)),
    }
}

fn new(name: &str, hook: HookWord, sdk: Option<PathBuf>) -> anyhow::Result<String> {
    let is_name = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !is_name {
        bail!("write the plugin: its name is {name:?}, expected small letters, digits and dashes, a letter first");
    }
    let sdk = sdk
        .or_else(find_sdk)
        .context("find the SDK: there is no plugins/sdk here or in a folder above; --sdk says where it is")?;
    let sdk = sdk.canonicalize().with_context(|| format!("find the SDK at {}", sdk.display()))?;
    let dir = Path::new(name);
    if dir.exists() {
        bail!("write the plugin: {name} is there already");
    }
    std::fs::create_dir_all(dir.join("src")).context("write the plugin")?;
    std::fs::write(dir.join("Cargo.toml"), manifest(name, &sdk)).context("write the plugin")?;
    std::fs::write(dir.join("src/lib.rs"), hook.template()).context("write the plugin")?;
    let file = name.replace('-', "_");
    Ok(format!(
        "{name}/ holds a plugin. Next:\n  cd {name} && cargo build --release --target wasm32-unknown-unknown\n  \
         understudy plugin check target/wasm32-unknown-unknown/release/{file}.wasm\nand copy that file into the plugin folder."
    ))
}

fn find_sdk() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    here.ancestors().map(|dir| dir.join("plugins/sdk")).find(|dir| dir.join("Cargo.toml").is_file())
}

fn manifest(name: &str, sdk: &Path) -> String {
    // An empty workspace: the folder may lie in another one.
    format!(
        "[workspace]\n\n[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[lib]\ncrate-type = \
         [\"cdylib\"]\n\n[dependencies]\nunderstudy-plugin-sdk = {{ path = {:?} }}\n\n[profile.release]\nopt-level = \
         \"s\"\nlto = true\npanic = \"abort\"\nstrip = true\n",
        sdk.display().to_string()
    )
}

fn load(config: &Config, file: &Path) -> PluginHost {
    let options = Options { config: config.plugins.config.clone(), ..Options::default() };
    PluginHost::load(file, options)
}

fn only(host: &PluginHost) -> anyhow::Result<PluginReport> {
    host.list().pop().context("find the file: nothing is there")
}

fn described(report: &PluginReport) -> String {
    let hooks: Vec<&str> = report.hooks.iter().map(|hook| hook.as_str()).collect();
    let version = report.version.as_deref().unwrap_or("without a version");
    format!(
        "{} {version} loads\nhooks   {} (understudy:plugin@0.1)\nready   after {:.1} ms\nmemory  {} KiB",
        report.name,
        hooks.join(", "),
        report.load_us as f64 / 1000.0,
        report.memory_bytes >> 10
    )
}

fn test(config: &Config, file: &Path, samples: &[String], hook: Option<Hook>) -> anyhow::Result<String> {
    let host = load(config, file);
    let report = only(&host)?;
    if let Some(reason) = report.state.reason() {
        bail!("load {}: {reason}", file.display());
    }
    let hook = hook.or(report.hooks.first().copied()).context("find a hook: the plugin has none")?;
    if !report.hooks.contains(&hook) {
        bail!("ask {file:?}: it has no {hook}");
    }
    let mut text = String::new();
    for sample in samples {
        let question = Question::read(hook, sample)?;
        let plugins = host.current();
        let before = only(&host)?.traps;
        let answer = question.ask(&plugins);
        let after = only(&host)?;
        if after.traps > before {
            bail!("ask it about {sample:?}: {}", after.last_error.unwrap_or_default());
        }
        let began = Instant::now();
        (0..CALLS).for_each(|_| drop(question.ask(&plugins)));
        let micros = (began.elapsed() / CALLS).as_nanos() as f64 / 1000.0;
        let _ = writeln!(text, "{sample}\n  {answer}\n  {micros:.2} µs a call");
    }
    let memory = only(&host)?.memory_bytes >> 10;
    let _ = write!(text, "memory {memory} KiB");
    Ok(text)
}

/// What a sample asks.
enum Question {
    Normalize(String, Vec<String>),
    Generate(Box<Field>),
    Decide(chaos_policy::Request),
    Redact(Message),
    Judge(Box<Finding>),
    Respond(Request),
}

impl Question {
    fn read(hook: Hook, sample: &str) -> anyhow::Result<Self> {
        let given: Value = if sample.trim_start().starts_with('{') {
            serde_json::from_str(sample).with_context(|| format!("read the sample {sample:?}"))?
        } else {
            Value::Null
        };
        let plain = if given.is_null() { sample } else { "" };
        let text = |name: &str, default: &str| {
            given
                .get(name)
                .map_or_else(|| default.to_owned(), |v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
        };
        let number = |name: &str| given.get(name).and_then(Value::as_u64).unwrap_or(0);
        let (method, rest) = plain.split_once(' ').unwrap_or(("GET", plain));
        let (target, body) = rest.split_once(' ').unwrap_or((rest, ""));
        let target = text("target", target);
        Ok(match hook {
            Hook::Normalizer => {
                let path = text("path", &target);
                let segments = path.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned);
                Self::Normalize(text("method", method), segments.collect())
            }
            Hook::Generator => {
                let name = text("name", plain);
                Self::Generate(Box::new(Field {
                    method: text("method", "GET"),
                    template: text("template", "/things/{id}"),
                    pointer: text("pointer", &format!("/{name}")),
                    schema: text("schema", r#"{"type":"string"}"#),
                    seed: number("seed"),
                    siblings: pairs(&given["siblings"]),
                    name,
                }))
            }
            Hook::ChaosPolicy => Self::Decide(chaos_policy::Request {
                method: text("method", method),
                template: given.get("template").and_then(Value::as_str).map(str::to_owned),
                at_ms: given.get("at_ms").and_then(Value::as_u64).unwrap_or_else(crate::twin::now_ms),
                random: number("random"),
                target,
            }),
            Hook::Redactor => {
                let one =
                    Text { place: text("place", "/value"), name: text("name", "value"), value: text("value", plain) };
                let (method, path) = (text("method", "GET"), text("path", "/"));
                Self::Redact(Message { method, path, side: Side::Response, texts: vec![one] })
            }
            Hook::DriftPolicy => Self::Judge(Box::new(Finding {
                method: text("method", "GET"),
                template: text("template", "/things/{id}"),
                direction: text("direction", "response"),
                area: text("area", "body"),
                kind: text("kind", "type_changed"),
                action: text("action", "change"),
                pointer: text("pointer", plain),
                before: given.get("before").map(|_| text("before", "")),
                after: given.get("after").map(|_| text("after", "")),
                severity: severity(&text("severity", "warning"))?,
            })),
            Hook::Responder => Self::Respond(Request {
                method: text("method", method),
                headers: pairs(&given["headers"]),
                body: text("body", body).into_bytes(),
                target,
            }),
        })
    }

    fn ask(&self, plugins: &PluginSet) -> Value {
        let nothing = || json!("no opinion");
        match self {
            Self::Normalize(method, segments) => {
                let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
                let said = plugins.normalize(method, &segments);
                said.map_or_else(nothing, |said| json!(format!("/{}", said.what.join("/"))))
            }
            Self::Generate(field) => plugins.generate(field).map_or_else(nothing, |said| said.what),
            Self::Decide(request) => {
                let path = path(&request.target);
                let said = plugins.decide(path, request);
                said.map_or_else(
                    || json!("no fault"),
                    |said| match said.what {
                        Fault::Delay(millis) => json!({ "delay_ms": millis }),
                        Fault::Abort(abort) => {
                            json!({ "abort": abort.status, "body": String::from_utf8_lossy(&abort.body) })
                        }
                    },
                )
            }
            Self::Redact(message) => {
                let found = plugins.redact(message).is_ok_and(|found| !found.is_empty());
                json!(if found { "is not kept" } else { "is kept" })
            }
            Self::Judge(finding) => plugins.judge(finding).map_or_else(nothing, |said| match said.what {
                Verdict::Ignore => json!("ignored"),
                Verdict::Report(severity) => json!(format!("reported as {severity:?}").to_lowercase()),
            }),
            Self::Respond(request) => {
                let path = path(&request.target);
                let interest = plugins.interest(&request.method, path);
                let answered = interest.request.then(|| plugins.answer(path, request)).flatten();
                answered.map_or_else(nothing, |said| shown(&said.what))
            }
        }
    }
}

fn path(target: &str) -> &str {
    target.split_once('?').map_or(target, |(path, _)| path)
}

fn shown(response: &Response) -> Value {
    let headers: Vec<String> = response.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    json!({ "status": response.status, "headers": headers, "body": String::from_utf8_lossy(&response.body) })
}

/// Of an object, or of nothing.
fn pairs(value: &Value) -> Vec<(String, String)> {
    let members = value.as_object().into_iter().flatten();
    members
        .map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect()
}

fn severity(word: &str) -> anyhow::Result<Severity> {
    Ok(match word {
        "info" => Severity::Info,
        "warning" => Severity::Warning,
        "critical" => Severity::Critical,
        other => bail!("read the sample: severity is {other:?}, expected info, warning or critical"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_a_line_or_an_object() {
        let Ok(Question::Respond(request)) = Question::read(Hook::Responder, "POST /graphql {\"query\":\"{ a }\"}")
        else {
            panic!("no question for a responder");
        };
        assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/graphql"));
        assert_eq!(request.body, br#"{"query":"{ a }"}"#);
        let Ok(Question::Generate(field)) =
            Question::read(Hook::Generator, r#"{"name":"iban","seed":7,"siblings":{"a":1}}"#)
        else {
            panic!("no question for a generator");
        };
        assert_eq!((field.name.as_str(), field.pointer.as_str(), field.seed), ("iban", "/iban", 7));
        assert_eq!(field.siblings, [("a".to_owned(), "1".to_owned())]);
        assert!(Question::read(Hook::Generator, "{").is_err());
    }

    #[test]
    fn a_name_is_checked_before_anything_is_written() {
        for name in ["", "../x", "Shop", "1a", "a b"] {
            assert!(new(name, HookWord::Normalizer, None).is_err(), "{name}");
        }
    }
}
