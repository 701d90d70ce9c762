//! Lets the watchdog ignore what lies below members named `meta`, which many APIs fill with whatever they like.
//!
//! `names` says which members (default `meta`, several with commas); with `severity = "info"` they are reported as that.

use understudy_plugin_sdk::{DriftPolicy, Finding, Severity, Verdict, config, export_drift_policy};

struct QuietMeta;

impl DriftPolicy for QuietMeta {
    fn judge(finding: Finding) -> Option<Verdict> {
        let names = config("names").unwrap_or_else(|| "meta".to_owned());
        let is_quiet = |part: &str| names.split(',').any(|name| name.trim() == part);
        if !finding.pointer.split(['/', '.']).any(is_quiet) {
            return None;
        }
        match config("severity").as_deref() {
            Some("info") => Some(Verdict::Report(Severity::Info)),
            _ => Some(Verdict::Ignore),
        }
    }
}

export_drift_policy!(QuietMeta);

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(pointer: &str) -> Option<Verdict> {
        QuietMeta::judge(Finding {
            method: "GET".to_owned(),
            template: "/users/{id}".to_owned(),
            direction: "response".to_owned(),
            area: "body".to_owned(),
            kind: "type_changed".to_owned(),
            action: "change".to_owned(),
            pointer: pointer.to_owned(),
            before: Some("string".to_owned()),
            after: Some("integer".to_owned()),
            severity: Severity::Critical,
        })
    }

    #[test]
    fn meta_and_what_is_below_it_is_ignored() {
        for pointer in ["/meta", "/meta/trace", "/items/*/meta/x"] {
            assert!(matches!(judge(pointer), Some(Verdict::Ignore)), "{pointer}");
        }
        for pointer in ["", "/metadata", "/users/*/name"] {
            assert!(judge(pointer).is_none(), "{pointer}");
        }
    }
}
