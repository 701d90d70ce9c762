//! Lets the watchdog report what changes below `/debug` as information only.

use understudy_plugin_sdk::{DriftPolicy, Finding, Severity, Verdict, export_drift_policy};

struct Plugin;

impl DriftPolicy for Plugin {
    fn judge(finding: Finding) -> Option<Verdict> {
        finding.pointer.starts_with("/debug").then_some(Verdict::Report(Severity::Info))
    }
}

export_drift_policy!(Plugin);
