//! What was found, as text, JSON, SARIF 2.1.0 or JUnit XML.

use anyhow::Context;
use clap::ValueEnum;
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};
use serde::Serialize;
use serde_sarif::sarif::{
    Location, LogicalLocation, Message, MultiformatMessageString, ReportingDescriptor, Result as Outcome, ResultLevel,
    Run, Sarif, Tool, ToolComponent,
};
use understudy_contract::drift::compare::Change;
use understudy_contract::drift::{Counts, Severity};
use understudy_types::{DriftAlert, DriftFinding};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Text,
    Json,
    Sarif,
    Junit,
}

/// From which severity on a run has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FailOn {
    Critical,
    Warning,
    Info,
    /// Never.
    None,
}

impl FailOn {
    fn counts(self, severity: Severity) -> bool {
        match self {
            Self::Critical => severity == Severity::Critical,
            Self::Warning => severity <= Severity::Warning,
            Self::Info => true,
            Self::None => false,
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Issue {
    severity: Severity,
    kind: String,
    direction: String,
    /// `GET /users/{id}`.
    endpoint: String,
    pointer: String,
    status: Option<u16>,
    message: String,
    /// Exchanges that showed it, when it was seen and not computed.
    count: Option<u64>,
}

/// Everything that was found, the worst first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Report {
    summary: String,
    counts: Counts,
    issues: Vec<Issue>,
}

impl Report {
    pub(super) fn new(mut issues: Vec<Issue>) -> Self {
        issues.sort_by(|a, b| (a.severity, &a.endpoint, &a.pointer).cmp(&(b.severity, &b.endpoint, &b.pointer)));
        let mut counts = Counts::default();
        issues.iter().for_each(|issue| counts.add(issue.severity));
        Self { summary: counts.summary(), counts, issues }
    }

    pub(super) fn fails(&self, on: FailOn) -> bool {
        self.issues.iter().any(|issue| on.counts(issue.severity))
    }

    pub(super) fn print(&self, format: Format, on: FailOn) -> anyhow::Result<String> {
        match format {
            Format::Text => Ok(self.text()),
            Format::Json => serde_json::to_string_pretty(self).context("write the report"),
            Format::Sarif => serde_json::to_string_pretty(&self.sarif()).context("write the report"),
            Format::Junit => self.junit(on).to_string().context("write the report"),
        }
    }

    fn text(&self) -> String {
        let lines = self.issues.iter().map(|issue| {
            let status = issue.status.map_or(String::new(), |status| format!(" {status}"));
            format!("{:8} {}{status}: {}", issue.severity.word(), issue.endpoint, issue.message)
        });
        std::iter::once(self.summary.clone()).chain(lines).collect::<Vec<_>>().join("\n")
    }

    fn sarif(&self) -> Sarif {
        let mut kinds: Vec<&str> = self.issues.iter().map(|issue| issue.kind.as_str()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let rule = |kind: &&str| {
            let text = MultiformatMessageString::builder().text(kind.replace('_', " ")).build();
            ReportingDescriptor::builder().id(*kind).short_description(text).build()
        };
        let driver = ToolComponent::builder()
            .name("Understudy")
            .version(env!("CARGO_PKG_VERSION"))
            .rules(kinds.iter().map(rule).collect::<Vec<_>>())
            .build();
        let results: Vec<Outcome> = self.issues.iter().map(outcome).collect();
        let run = Run::builder().tool(Tool::builder().driver(driver).build()).results(results).build();
        Sarif::builder()
            .version(serde_json::json!("2.1.0"))
            .schema("https://json.schemastore.org/sarif-2.1.0.json")
            .runs(vec![run])
            .build()
    }

    /// A test per issue; those below the bar pass. Without any issue one test says so.
    fn junit(&self, on: FailOn) -> quick_junit::Report {
        let mut suite = TestSuite::new("contract");
        for issue in &self.issues {
            let mut status = TestCaseStatus::success();
            if on.counts(issue.severity) {
                status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_type(issue.kind.as_str()).set_message(issue.message.as_str());
            }
            let mut case = TestCase::new(format!("{} {}", issue.kind, issue.pointer).trim().to_owned(), status);
            case.set_classname(issue.endpoint.as_str());
            suite.add_test_case(case);
        }
        if self.issues.is_empty() {
            suite.add_test_case(TestCase::new("the API keeps its contract", TestCaseStatus::success()));
        }
        let mut report = quick_junit::Report::new("understudy");
        report.add_test_suite(suite);
        report
    }
}

fn outcome(issue: &Issue) -> Outcome {
    let level = match issue.severity {
        Severity::Critical => ResultLevel::Error,
        Severity::Warning => ResultLevel::Warning,
        Severity::Info => ResultLevel::Note,
    };
    let place = LogicalLocation::builder()
        .fully_qualified_name(format!("{} {}", issue.endpoint, issue.pointer).trim().to_owned())
        .kind("resource")
        .build();
    Outcome::builder()
        .rule_id(issue.kind.as_str())
        .level(level)
        .message(Message::builder().text(format!("{}: {}", issue.endpoint, issue.message)).build())
        .locations(vec![Location::builder().logical_locations(vec![place]).build()])
        .build()
}

/// A finding of an alert, as a running server or the file has it.
pub(super) fn of_alert(alert: &DriftAlert) -> impl Iterator<Item = Issue> {
    alert.findings.iter().map(|finding: &DriftFinding| Issue {
        severity: severity(&finding.severity),
        kind: finding.kind.clone(),
        direction: finding.direction.clone(),
        endpoint: format!("{} {}", alert.method, alert.template),
        pointer: finding.pointer.clone(),
        status: finding.status,
        message: finding.message.clone(),
        count: Some(finding.count),
    })
}

/// A difference between two documents.
pub(super) fn of_change(change: &Change) -> Issue {
    let shown = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let (before, after) = (&change.before, &change.after);
    let values = match (before.is_null(), after.is_null()) {
        (true, true) => String::new(),
        (true, false) => format!(": {}", shown(after)),
        (false, true) => format!(": was {}", shown(before)),
        (false, false) => format!(": {} -> {}", shown(before), shown(after)),
    };
    let direction = serde_json::to_value(change.direction).ok();
    Issue {
        severity: change.severity,
        kind: change.kind.word().to_owned(),
        direction: direction.as_ref().and_then(|word| word.as_str()).unwrap_or_default().to_owned(),
        endpoint: change.endpoint.clone(),
        pointer: change.pointer.clone(),
        status: change.status,
        message: format!("{} {}{values}", change.kind.word().replace('_', " "), change.pointer).replace(" :", ":"),
        count: None,
    }
}

fn severity(word: &str) -> Severity {
    match word {
        "critical" => Severity::Critical,
        "warning" => Severity::Warning,
        _ => Severity::Info,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let issue = |severity, kind: &str| Issue {
            severity,
            kind: kind.into(),
            direction: "response".into(),
            endpoint: "GET /users/{id}".into(),
            pointer: "/user_id".into(),
            status: Some(200),
            message: "field /user_id is now userId".into(),
            count: Some(5),
        };
        Report::new(vec![issue(Severity::Info, "field_added"), issue(Severity::Critical, "field_renamed")])
    }

    #[test]
    fn the_bar_decides() {
        let report = report();
        let fails = [FailOn::Critical, FailOn::Warning, FailOn::Info, FailOn::None].map(|on| report.fails(on));
        assert_eq!(fails, [true, true, true, false]);
        assert!(!Report::new(Vec::new()).fails(FailOn::Info));
    }

    #[test]
    fn sarif_has_what_the_standard_wants() {
        let sarif: serde_json::Value =
            serde_json::from_str(&report().print(Format::Sarif, FailOn::Critical).unwrap()).unwrap();
        assert_eq!(sarif["version"], "2.1.0");
        let run = &sarif["runs"][0];
        assert_eq!(run["tool"]["driver"]["name"], "Understudy");
        assert_eq!((&run["results"][0]["level"], &run["results"][1]["level"]), (&"error".into(), &"note".into()));
        assert_eq!(run["results"][0]["ruleId"], "field_renamed");
        assert!(run["results"][0]["message"]["text"].as_str().unwrap().contains("userId"));
    }

    #[test]
    fn junit_fails_what_is_over_the_bar() {
        let xml = report().print(Format::Junit, FailOn::Critical).unwrap();
        assert!(xml.contains("tests=\"2\"") && xml.contains("failures=\"1\""), "{xml}");
        let quiet = Report::new(Vec::new()).print(Format::Junit, FailOn::Critical).unwrap();
        assert!(quiet.contains("tests=\"1\"") && quiet.contains("failures=\"0\""), "{quiet}");
    }
}
