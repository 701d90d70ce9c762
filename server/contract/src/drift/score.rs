//! How bad it all is, in one number.

use serde::{Deserialize, Serialize};

use super::finding::{Finding, Severity};

/// How many findings there are of each severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub critical: u64,
    pub warning: u64,
    pub info: u64,
}

impl Counts {
    pub fn add(&mut self, severity: Severity) {
        match severity {
            Severity::Critical => self.critical += 1,
            Severity::Warning => self.warning += 1,
            Severity::Info => self.info += 1,
        }
    }

    /// `2 critical issues, 1 warning`.
    #[must_use]
    pub fn summary(&self) -> String {
        let of = |n: u64, one: &str, many: &str| match n {
            0 => None,
            1 => Some(format!("1 {one}")),
            n => Some(format!("{n} {many}")),
        };
        let parts = [
            of(self.critical, "critical issue", "critical issues"),
            of(self.warning, "warning", "warnings"),
            of(self.info, "note", "notes"),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        if parts.is_empty() { "no issues".to_owned() } else { parts.join(", ") }
    }
}

/// 0 (as it was) to 100: `100 (1 - Π (1 - w c n / (n + 1)))` over all findings, where `w` is 0.5 for a critical one, 0.15 for a warning
/// and 0.02 for a note, `c` the confidence and `n` how often it was seen. Worse, more often, more certain, or one more finding:
/// the score rises.
#[must_use]
pub fn score<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> f64 {
    let left = findings.into_iter().fold(1.0, |left, finding| {
        let weight = match finding.severity {
            Severity::Critical => 0.5,
            Severity::Warning => 0.15,
            Severity::Info => 0.02,
        };
        let seen = finding.count as f64;
        left * (1.0 - weight * finding.confidence.clamp(0.0, 1.0) * seen / (seen + 1.0))
    });
    ((1.0 - left) * 1000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::{Area, Direction, Kind};

    fn finding(severity: Severity, confidence: f64, count: u64) -> Finding {
        Finding {
            direction: Direction::Response,
            area: Area::Body,
            kind: Kind::FieldRemoved,
            action: Kind::FieldRemoved.action(),
            severity,
            confidence,
            status: Some(200),
            pointer: "/a".into(),
            before: serde_json::Value::Null,
            after: serde_json::Value::Null,
            count,
            first_seen_ms: 0,
            last_seen_ms: 0,
            first_exchange: 0,
            samples: Vec::new(),
        }
    }

    #[test]
    fn rises_with_severity_count_and_confidence() {
        let of = |severity, confidence, count| score([&finding(severity, confidence, count)]);
        assert!(of(Severity::Critical, 0.9, 5) > of(Severity::Warning, 0.9, 5));
        assert!(of(Severity::Warning, 0.9, 5) > of(Severity::Info, 0.9, 5));
        assert!(of(Severity::Warning, 0.9, 6) > of(Severity::Warning, 0.9, 5));
        assert!(of(Severity::Warning, 0.95, 5) > of(Severity::Warning, 0.9, 5));
        let one = finding(Severity::Critical, 1.0, 5);
        assert!(score([&one, &one]) > score([&one]) && score([&one, &one]) < 100.0 && score([]) == 0.0);
    }

    #[test]
    fn the_summary_counts() {
        assert_eq!(Counts { critical: 2, warning: 1, info: 0 }.summary(), "2 critical issues, 1 warning");
        assert_eq!(Counts::default().summary(), "no issues");
    }
}
