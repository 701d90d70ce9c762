//! The server's side of plugins: where they come from, and what people decide about them.
//!
//! What they are asked lies where the question comes up: `learner` (templates), `redact` (what is not kept), `proxy::plugins`
//! (faults and answers), `proxy::twin` (values).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use understudy_contract::drift::{Finding, Opinion, Severity};
use understudy_contract::twin::Wanted;
use understudy_plugin_host::drift_policy::{self, Verdict};
use understudy_plugin_host::generator::Field;
use understudy_plugin_host::{Hook, Options, PluginHost, PluginReport, PluginSet};
use understudy_types::PluginInfo;

use crate::config::Config;
use crate::handles::Handles;
use crate::store::StoreError;

/// Key of the settings in the project file.
const SETTINGS: &str = "plugins";
/// Beside the projects: whoever can write there owns the server's data already.
const CACHE: &str = ".plugin-cache";

/// What people decided about the plugins of a project.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Settings {
    disabled: BTreeSet<String>,
}

/// Why a plugin cannot be switched.
#[derive(Debug, thiserror::Error)]
pub enum SwitchError {
    #[error("no plugin file has the name {0:?}")]
    Unknown(String),
    #[error("failed to {0}")]
    Store(#[from] StoreError),
}

/// Of a configuration and the settings of a project; nothing is loaded yet.
#[must_use]
pub fn host(config: &Config, settings: &BTreeMap<String, String>) -> PluginHost {
    let stored = settings.get(SETTINGS).map(|json| serde_json::from_str::<Settings>(json));
    let stored =
        stored.transpose().inspect_err(|error| tracing::warn!(%error, "read which plugins are disabled; none is"));
    let options = Options {
        config: config.plugins.config.clone(),
        order: config.plugins.order.clone(),
        disabled: stored.ok().flatten().unwrap_or_default().disabled,
        cache_dir: Some(config.data_dir.join(CACHE)),
        ..Options::default()
    };
    PluginHost::new(&config.plugin_dir, options)
}

/// As the admin API and the dashboard show it.
#[must_use]
pub fn present(report: PluginReport) -> PluginInfo {
    PluginInfo {
        id: report.id,
        name: report.name,
        file: report.file,
        version: report.version,
        hooks: report.hooks.iter().map(|hook| hook.as_str().to_owned()).collect(),
        state: report.state.word().to_owned(),
        reason: report.state.reason().map(str::to_owned),
        calls: report.calls,
        traps: report.traps,
        p50_us: report.p50_us,
        p99_us: report.p99_us,
        memory_bytes: report.memory_bytes,
        load_ms: report.load_us as f64 / 1000.0,
        from_cache: report.from_cache,
        last_error: report.last_error,
    }
}

impl Handles {
    #[must_use]
    pub fn plugin_list(&self) -> Vec<PluginInfo> {
        self.plugins.list().into_iter().map(present).collect()
    }

    /// Reads the folder now, on a thread that may wait.
    pub async fn reload_plugins(&self) {
        let plugins = Arc::clone(&self.plugins);
        if let Err(error) = tokio::task::spawn_blocking(move || plugins.reload()).await {
            tracing::error!(%error, "reload the plugins");
        }
    }

    /// Takes effect at once, and outlives a restart.
    pub async fn switch_plugin(&self, id: &str, enabled: bool) -> Result<(), SwitchError> {
        if !self.plugins.set_enabled(id, enabled) {
            return Err(SwitchError::Unknown(id.to_owned()));
        }
        let settings = Settings { disabled: self.plugins.disabled() };
        let json = serde_json::to_string(&settings).expect("settings are JSON");
        Ok(self.store.set_setting(SETTINGS, json).await?)
    }
}

/// The say that plugins have in what the watchdog tells. Takes microseconds, and a call's deadline at most.
#[must_use]
pub fn judge_of(plugins: &Arc<PluginHost>) -> Arc<Opinion> {
    let plugins = Arc::clone(plugins);
    Arc::new(move |method: &str, template: &str, finding: &Finding| {
        let plugins = plugins.current();
        if !plugins.has(Hook::DriftPolicy) {
            return None;
        }
        let said = plugins.judge(&question(method, template, finding))?;
        Some(match said.what {
            Verdict::Ignore => None,
            Verdict::Report(drift_policy::Severity::Critical) => Some(Severity::Critical),
            Verdict::Report(drift_policy::Severity::Warning) => Some(Severity::Warning),
            Verdict::Report(drift_policy::Severity::Info) => Some(Severity::Info),
        })
    })
}

fn question(method: &str, template: &str, finding: &Finding) -> drift_policy::Finding {
    let word =
        |value: serde_json::Result<Value>| value.ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
    let text = |value: &Value| (!value.is_null()).then(|| value.to_string());
    drift_policy::Finding {
        method: method.to_owned(),
        template: template.to_owned(),
        direction: word(serde_json::to_value(finding.direction)),
        area: word(serde_json::to_value(finding.area)),
        kind: finding.kind.word().to_owned(),
        action: word(serde_json::to_value(finding.action)),
        pointer: finding.pointer.clone(),
        before: text(&finding.before),
        after: text(&finding.after),
        severity: match finding.severity {
            Severity::Critical => drift_policy::Severity::Critical,
            Severity::Warning => drift_policy::Severity::Warning,
            Severity::Info => drift_policy::Severity::Info,
        },
    }
}

/// The value that a plugin makes for a position of the twin's answer.
#[must_use]
pub fn generate(plugins: &PluginSet, wanted: &Wanted<'_>) -> Option<Value> {
    let field = Field {
        method: wanted.method.to_owned(),
        template: wanted.template.to_owned(),
        pointer: wanted.pointer.to_owned(),
        name: wanted.name.to_owned(),
        schema: wanted.schema.to_string(),
        seed: wanted.seed,
        siblings: wanted.siblings.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect(),
    };
    plugins.generate(&field).map(|said| said.what)
}
