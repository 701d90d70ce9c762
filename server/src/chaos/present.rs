//! Chaos as the dashboard and the admin API have it.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use understudy_contract::Contract;
use understudy_policy::chaos::{
    After, ClientCard, Experiment, Habit, Match, PRESETS, Report, Rule, State, path_matches, template_matches,
};
use understudy_types::{
    ChaosAfter, ChaosClient, ChaosExperiment, ChaosHabit, ChaosPreset, ChaosReport, ChaosRule, ChaosStatus, ChaosTouch,
    ChaosView,
};

use super::{Chaos, Inner};

impl Chaos {
    #[must_use]
    pub fn status(&self) -> ChaosStatus {
        self.status_of(&self.lock())
    }

    fn status_of(&self, inner: &Inner) -> ChaosStatus {
        let running = inner.running();
        let until_ms = running.map(Experiment::ends_ms).max(inner.session.map(|session| session.until_ms));
        let mut says: Vec<String> = running.map(|running| format!("experiment {}", running.name)).into_iter().collect();
        if inner.session.is_some() {
            says.extend(inner.settings.rules.iter().filter(|rule| rule.enabled).map(name));
            if inner.settings.dial > 0.0 {
                says.push(format!("the API's own failures {} times", inner.settings.dial));
            }
        }
        if self.heeds_requests() {
            says.push("requests may ask for faults".into());
        }
        ChaosStatus {
            on: self.is_on() || !inner.is_idle(),
            says: says.join(", "),
            until_ms,
            experiment: running.map(|running| running.id),
            touched: inner.tally.report_touched(),
            revision: self.revision.load(Ordering::Relaxed),
        }
    }

    #[must_use]
    pub fn view(&self) -> ChaosView {
        let inner = self.lock();
        let settings = &inner.settings;
        ChaosView {
            status: self.status_of(&inner),
            seed: settings.seed.unwrap_or(self.usual_seed),
            dial: settings.dial,
            per_request: self.heeds_requests(),
            client_header: settings.client_header.clone(),
            rules: settings.rules.iter().map(|rule| self.rule(rule)).collect(),
            presets: PRESETS.iter().map(preset).collect(),
            experiments: settings.experiments.iter().rev().map(|experiment| present(&inner, experiment)).collect(),
            report: report(inner.tally.report()),
        }
    }

    #[must_use]
    pub fn report(&self) -> ChaosReport {
        report(self.lock().tally.report())
    }

    #[must_use]
    pub fn rule_with(&self, id: u64) -> Option<ChaosRule> {
        let inner = self.lock();
        inner.settings.rules.iter().find(|rule| rule.id == id).map(|rule| self.rule(rule))
    }

    #[must_use]
    pub fn experiment(&self, id: u64) -> Option<ChaosExperiment> {
        let inner = self.lock();
        let found = inner.settings.experiments.iter().find(|experiment| experiment.id == id);
        found.map(|experiment| present(&inner, experiment))
    }

    fn rule(&self, rule: &Rule) -> ChaosRule {
        let (concerned, struck) = self.active.load().counts(rule.id);
        ChaosRule { id: rule.id, enabled: rule.enabled, says: says(rule), concerned, struck, rule: json!(rule) }
    }
}

/// The endpoints that a rule touches, as far as its method and path tell.
#[must_use]
pub fn touches(rule: &Rule, contract: &Contract) -> Vec<ChaosTouch> {
    let Match { methods, path, .. } = &rule.matches;
    let fits = |method: &str, template: &str| {
        (methods.is_empty() || methods.iter().any(|known| known == method))
            && path.as_deref().is_none_or(|path| template_matches(path, template) || path_matches(path, template))
    };
    let touched = contract.endpoints().iter().filter(|endpoint| fits(&endpoint.method, &endpoint.template));
    touched
        .map(|endpoint| ChaosTouch {
            id: endpoint.id.to_string(),
            method: endpoint.method.clone(),
            template: endpoint.template.clone(),
            requests: endpoint.requests,
        })
        .collect()
}

fn name(rule: &Rule) -> String {
    if rule.note.is_empty() { says(rule) } else { rule.note.clone() }
}

/// What a rule does to whom, in words.
fn says(rule: &Rule) -> String {
    let Match { methods, path, headers, query, source, clients } = &rule.matches;
    let faults: Vec<String> = rule.faults.iter().map(understudy_policy::chaos::Fault::says).collect();
    let mut whom = vec![if methods.is_empty() { "all requests".to_owned() } else { methods.join(" or ") }];
    whom.extend(path.as_ref().map(|path| format!("at {path}")));
    whom.extend(headers.iter().chain(query).map(|field| format!("with {}", field.name)));
    whom.extend(source.map(|source| format!("{source:?} only").to_lowercase()));
    whom.extend(clients.as_ref().map(|clients| format!("of {:.0} % of the clients", clients.share * 100.0)));
    let often = if rule.probability < 1.0 { format!("{} % of ", rule.probability * 100.0) } else { String::new() };
    format!("{} for {often}{}", faults.join(", "), whom.join(" "))
}

fn preset(preset: &understudy_policy::chaos::Preset) -> ChaosPreset {
    ChaosPreset {
        id: preset.id.into(),
        name: preset.name.into(),
        meaning: preset.meaning.into(),
        rule: json!(preset.rule()),
    }
}

fn present(inner: &Inner, experiment: &Experiment) -> ChaosExperiment {
    let state = match experiment.outcome.state {
        State::Running => "running",
        State::Finished => "finished",
        State::Halted => "halted",
    };
    let so_far = experiment.is_running().then(|| inner.tally.report());
    ChaosExperiment {
        id: experiment.id,
        name: experiment.name.clone(),
        hypothesis: experiment.hypothesis.clone(),
        seed: experiment.seed,
        seconds: experiment.seconds,
        survives_restart: experiment.survives_restart,
        started_ms: experiment.started_ms,
        ended_ms: experiment.ended_ms,
        state: state.into(),
        why: experiment.outcome.why.clone(),
        says: experiment.rules.iter().map(says).collect(),
        rules: experiment.rules.iter().map(|rule| json!(rule)).collect(),
        halt: serde_json::to_value(experiment.halt).unwrap_or(Value::Null),
        report: so_far.or_else(|| experiment.report.clone()).map(report),
    }
}

fn report(report: Report) -> ChaosReport {
    ChaosReport {
        requests: report.requests,
        touched: report.touched,
        faults: report.faults,
        errors: report.errors,
        latency_p50_ms: report.latency_p50_ms,
        latency_p95_ms: report.latency_p95_ms,
        after: after(&report.after),
        clients: report.clients.into_iter().map(client).collect(),
    }
}

fn client(card: ClientCard) -> ChaosClient {
    let habit = |Habit { name, good, says }| ChaosHabit { name, good, says };
    ChaosClient {
        client: card.client,
        grade: card.grade.map(|grade| format!("{grade:?}")),
        after: after(&card.after),
        habits: card.habits.into_iter().map(habit).collect(),
    }
}

const fn after(after: &After) -> ChaosAfter {
    ChaosAfter {
        failed: after.failed,
        retried: after.retried,
        recovered: after.recovered,
        backed_off: after.backed_off,
        hurried: after.hurried,
        obeyed_retry_after: after.obeyed_retry_after,
        ignored_retry_after: after.ignored_retry_after,
        gave_up: after.gave_up,
        unsafe_retries: after.unsafe_retries,
        storms: after.storms,
        timed_out: after.timed_out,
        waited_too_long: after.waited_too_long,
    }
}
