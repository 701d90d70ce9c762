//! From the contract crate's words to those of the admin API.

use serde::Serialize;
use understudy_contract::drift::{self, Alert, Counts, EndpointStats, FREEZE_AFTER, Finding, Phase, Watchdog};
use understudy_types::{
    BaselineVersion, Changelog, DriftAlert, DriftChange, DriftFinding, DriftPoint, DriftSample, DriftStats, DriftStep,
    DriftSummary,
};

#[must_use]
pub fn summary(dog: &Watchdog) -> DriftSummary {
    let counts = dog.counts();
    let Counts { critical, warning, info } = counts;
    let (watched, endpoints) = dog.watched();
    DriftSummary {
        summary: counts.summary(),
        score: dog.score(),
        critical,
        warning,
        info,
        watched: watched as u64,
        endpoints: endpoints as u64,
        revision: dog.revision(),
    }
}

/// The word that serde has for a variant.
fn word(of: impl Serialize) -> String {
    serde_json::to_value(of).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

#[must_use]
pub fn alert(alert: &Alert) -> DriftAlert {
    DriftAlert {
        id: alert.id,
        endpoint_id: alert.endpoint.clone(),
        method: alert.method.clone(),
        template: alert.template.clone(),
        direction: word(alert.direction),
        kind: word(alert.kind),
        severity: word(alert.severity),
        state: word(alert.state),
        unresolved: alert.is_unresolved(),
        message: alert.sentence(),
        count: alert.count,
        first_seen_ms: alert.first_seen_ms,
        last_seen_ms: alert.last_seen_ms,
        snoozed_until_ms: alert.snoozed_until_ms,
        findings: alert.findings.iter().map(finding).collect(),
        history: alert
            .history
            .iter()
            .map(|step| DriftStep { at_ms: step.at_ms, what: step.what.clone(), note: step.note.clone() })
            .collect(),
    }
}

fn finding(finding: &Finding) -> DriftFinding {
    let sample =
        |sample: &understudy_contract::drift::Sample| DriftSample { of: sample.of.clone(), text: sample.text.clone() };
    DriftFinding {
        direction: word(finding.direction),
        area: word(finding.area),
        kind: word(finding.kind),
        action: word(finding.action),
        severity: word(finding.severity),
        confidence: finding.confidence,
        status: finding.status,
        pointer: finding.pointer.clone(),
        message: finding.sentence(),
        before: finding.before.clone(),
        after: finding.after.clone(),
        count: finding.count,
        first_seen_ms: finding.first_seen_ms,
        last_seen_ms: finding.last_seen_ms,
        first_exchange: finding.first_exchange,
        samples: finding.samples.iter().map(sample).collect(),
    }
}

/// `place` is the endpoint's id, method and template.
#[must_use]
pub fn stats((id, method, template): (&str, &str, &str), stats: EndpointStats) -> DriftStats {
    let EndpointStats { phase, exchanges, frozen_at_ms, changed_at_ms, score, counts, alerts, series } = stats;
    let rule = match phase {
        Phase::Watching => "frozen: later answers are compared with it".to_owned(),
        Phase::Learning => format!(
            "grows: frozen after {FREEZE_AFTER} good answers or more, once nothing new came in the latter half of them, \
             or after 300 in the last 16"
        ),
    };
    DriftStats {
        endpoint_id: id.to_owned(),
        method: method.to_owned(),
        template: template.to_owned(),
        phase: word(phase),
        rule,
        exchanges,
        frozen_at_ms,
        last_change_ms: changed_at_ms,
        score,
        critical: counts.critical,
        warning: counts.warning,
        info: counts.info,
        alerts,
        series: series.into_iter().map(|(at_ms, score)| DriftPoint { at_ms, score }).collect(),
    }
}

/// Between two versions, by their numbers.
#[must_use]
pub fn changelog(log: &drift::Changelog, (from, to): (u32, u32)) -> Changelog {
    let change = |change: &drift::Change| DriftChange {
        endpoint: change.endpoint.clone(),
        direction: word(change.direction),
        kind: word(change.kind),
        severity: word(change.severity),
        status: change.status,
        pointer: change.pointer.clone(),
        before: change.before.clone(),
        after: change.after.clone(),
    };
    Changelog {
        from: format!("v{from}"),
        to: format!("v{to}"),
        summary: log.counts.summary(),
        bump: word(log.bump),
        changes: log.changes.iter().map(change).collect(),
        text: log.text(),
    }
}

#[must_use]
pub fn versions(dog: &Watchdog) -> Vec<BaselineVersion> {
    let last = dog.versions().last().map(|version| version.number);
    let of = |version: &understudy_contract::drift::Version| BaselineVersion {
        version: format!("v{}", version.number),
        at_ms: version.at_ms,
        reason: version.reason.clone(),
        current: Some(version.number) == last,
    };
    dog.versions().iter().map(of).collect()
}
