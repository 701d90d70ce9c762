//! What people change about chaos. A change is stored, then it holds; a halt holds at once, then it is stored.

use serde::Deserialize;
use serde_json::Value;
use understudy_policy::chaos::{Experiment, Outcome, Preset, Rule, State, Tally, Wrong};

use super::{Inner, MAX_EXPERIMENTS, SETTINGS, Session, Settings, USUAL_SECONDS};
use crate::handles::Handles;
use crate::store::StoreError;
use crate::twin::now_ms;

/// Rules of one project.
const MAX_RULES: usize = 200;
/// The largest whole number that every JSON reader keeps exact.
const MAX_SEED: u64 = (1 << 53) - 1;
const MAX_ON_SECONDS: u64 = 86_400;

/// Why chaos cannot be changed so.
#[derive(Debug, thiserror::Error)]
pub enum ChaosError {
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Wrong(Vec<Wrong>),
    #[error("no rule has the id {0}")]
    UnknownRule(String),
    #[error("no preset is called {0:?}")]
    UnknownPreset(String),
    #[error("no experiment has the id {0}")]
    UnknownExperiment(String),
    #[error("the experiment {0:?} is still running: halt it first")]
    Running(String),
    #[error("failed to {0}")]
    Store(#[from] StoreError),
}

impl ChaosError {
    /// The same mistakes, named from further out.
    fn within(self, place: &str) -> Self {
        match self {
            Self::Wrong(mistakes) => Self::Wrong(
                mistakes
                    .into_iter()
                    .map(|wrong| Wrong { field: format!("{place}.{}", wrong.field), ..wrong })
                    .collect(),
            ),
            other => other,
        }
    }
}

fn wrong(field: &str, given: impl ToString, expected: &'static str) -> ChaosError {
    ChaosError::Wrong(vec![Wrong { field: field.to_owned(), given: given.to_string(), expected }])
}

/// Body of `PUT /admin/chaos`. What is left out stays as it is.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsChange {
    pub on: Option<bool>,
    /// How long it stays on.
    pub for_seconds: Option<u64>,
    pub seed: Option<u64>,
    pub dial: Option<f64>,
    pub per_request: Option<bool>,
    pub client_header: Option<String>,
    /// In the place of all rules that there are.
    pub rules: Option<Vec<Rule>>,
}

/// What becomes of one rule.
#[derive(Debug)]
pub enum RuleChange {
    Add(Rule),
    Replace(u64, Rule),
    Enable(u64, bool),
    Remove(u64),
}

impl Handles {
    pub async fn change_chaos(&self, change: SettingsChange) -> Result<(), ChaosError> {
        check(&change)?;
        let SettingsChange { on, for_seconds, seed, dial, per_request, client_header, rules } = change;
        self.edit_chaos(|settings| {
            settings.seed = seed.or(settings.seed);
            settings.dial = dial.unwrap_or(settings.dial);
            settings.client_header =
                client_header.map_or_else(|| settings.client_header.clone(), |name| name.to_lowercase());
            if let Some(rules) = rules {
                settings.rules.clear();
                for (place, rule) in rules.into_iter().enumerate() {
                    settings.add(rule).map_err(|error| error.within(&format!("rules[{place}]")))?;
                }
            }
            Ok(())
        })
        .await?;
        let chaos = &self.chaos;
        let mut inner = chaos.lock();
        if let Some(per_request) = per_request {
            chaos.per_request.store(per_request, std::sync::atomic::Ordering::Relaxed);
        }
        match on {
            Some(true) => inner.switch_on(for_seconds.unwrap_or(USUAL_SECONDS)),
            Some(false) => inner.switch_off("switched off"),
            None => {}
        }
        chaos.rebuild(&mut inner);
        Ok(())
    }

    /// The rule's id.
    pub async fn change_chaos_rule(&self, change: RuleChange) -> Result<u64, ChaosError> {
        let unknown = |id: u64| ChaosError::UnknownRule(id.to_string());
        self.edit_chaos(|settings| match change {
            RuleChange::Add(rule) => settings.add(rule),
            RuleChange::Replace(id, rule) => {
                refuse(rule.check())?;
                *settings.rule(id).ok_or_else(|| unknown(id))? = Rule { id, ..rule };
                Ok(id)
            }
            RuleChange::Enable(id, enabled) => {
                settings.rule(id).ok_or_else(|| unknown(id))?.enabled = enabled;
                Ok(id)
            }
            RuleChange::Remove(id) => {
                let before = settings.rules.len();
                settings.rules.retain(|rule| rule.id != id);
                if settings.rules.len() < before { Ok(id) } else { Err(unknown(id)) }
            }
        })
        .await
    }

    /// The preset's rule, alone at work. Rules of people stay, switched off.
    pub async fn start_preset(&self, name: &str, path: Option<String>) -> Result<u64, ChaosError> {
        let preset = Preset::find(name).ok_or_else(|| ChaosError::UnknownPreset(name.to_owned()))?;
        let mut rule = preset.rule();
        rule.matches.path = path;
        let id = self
            .edit_chaos(|settings| {
                // The same preset again is the same rule.
                settings.rules.retain(|known| known.note != rule.note || known.with_id(0).matches != rule.matches);
                settings.rules.iter_mut().for_each(|known| known.enabled = false);
                settings.add(rule)
            })
            .await?;
        let mut inner = self.chaos.lock();
        inner.switch_on(USUAL_SECONDS);
        self.chaos.rebuild(&mut inner);
        Ok(id)
    }

    pub async fn start_experiment(&self, wanted: Experiment) -> Result<u64, ChaosError> {
        refuse(wanted.check())?;
        if wanted.seed > MAX_SEED {
            return Err(wrong("seed", wanted.seed, "a whole number from 0 to 9007199254740991"));
        }
        let now = now_ms();
        let seed = if wanted.seed == 0 { self.chaos.seed() } else { wanted.seed };
        let id = self
            .edit_chaos(|settings| {
                if let Some(running) = settings.experiments.iter().find(|experiment| experiment.is_running()) {
                    return Err(ChaosError::Running(running.name.clone()));
                }
                let id = settings.take_id();
                let rules = wanted.rules.iter().map(|rule| rule.with_id(settings.take_id())).collect();
                let outcome = Outcome::default();
                settings.experiments.push(Experiment {
                    id,
                    rules,
                    seed,
                    started_ms: now,
                    ended_ms: None,
                    outcome,
                    report: None,
                    ..wanted
                });
                if settings.experiments.len() > MAX_EXPERIMENTS {
                    settings.experiments.remove(0);
                }
                Ok(id)
            })
            .await?;
        let mut inner = self.chaos.lock();
        inner.tally = Tally::default();
        inner.news.push("an experiment began".into());
        self.chaos.rebuild(&mut inner);
        Ok(id)
    }

    pub async fn remove_experiment(&self, id: u64) -> Result<(), ChaosError> {
        self.edit_chaos(|settings| {
            let found = settings.experiments.iter().position(|experiment| experiment.id == id);
            let place = found.ok_or_else(|| ChaosError::UnknownExperiment(id.to_string()))?;
            if settings.experiments[place].is_running() {
                return Err(ChaosError::Running(settings.experiments[place].name.clone()));
            }
            settings.experiments.remove(place);
            Ok(())
        })
        .await
    }

    /// Ends everything at once.
    pub async fn halt_chaos(&self, why: &str) -> Result<(), ChaosError> {
        {
            let mut inner = self.chaos.lock();
            self.chaos.per_request.store(false, std::sync::atomic::Ordering::Relaxed);
            inner.switch_off(why);
            inner.end_experiment(State::Halted, why);
            self.chaos.rebuild(&mut inner);
        }
        self.keep_chaos().await
    }

    /// Ends what is over at this time, and what has passed a bound.
    pub(super) async fn end_chaos_in_time(&self, now_ms: u64) -> Result<(), ChaosError> {
        let ended = {
            let mut inner = self.chaos.lock();
            inner.tally.expire(now_ms);
            let ended = inner.end_in_time(now_ms);
            if ended {
                self.chaos.rebuild(&mut inner);
            }
            ended
        };
        if ended { self.keep_chaos().await } else { Ok(()) }
    }

    /// Stores what `edit` makes of the settings, and then puts it in their place.
    async fn edit_chaos<T>(&self, edit: impl FnOnce(&mut Settings) -> Result<T, ChaosError>) -> Result<T, ChaosError> {
        let _turn = self.chaos.edits.lock().await;
        let mut settings = self.chaos.lock().settings.clone();
        let out = edit(&mut settings)?;
        self.store.set_setting(SETTINGS, json(&settings)).await?;
        let mut inner = self.chaos.lock();
        // A halt that came meanwhile stays one.
        for ended in inner.settings.experiments.iter().filter(|experiment| !experiment.is_running()) {
            if let Some(known) = settings.experiments.iter_mut().find(|known| known.id == ended.id) {
                known.clone_from(ended);
            }
        }
        inner.settings = settings;
        self.chaos.rebuild(&mut inner);
        Ok(out)
    }

    /// Stores what holds already.
    async fn keep_chaos(&self) -> Result<(), ChaosError> {
        let _turn = self.chaos.edits.lock().await;
        let settings = json(&self.chaos.lock().settings);
        Ok(self.store.set_setting(SETTINGS, settings).await?)
    }
}

fn json(settings: &Settings) -> String {
    serde_json::to_string(settings).expect("rules have string keys only")
}

fn refuse(mistakes: Vec<Wrong>) -> Result<(), ChaosError> {
    if mistakes.is_empty() { Ok(()) } else { Err(ChaosError::Wrong(mistakes)) }
}

fn check(change: &SettingsChange) -> Result<(), ChaosError> {
    let SettingsChange { for_seconds, seed, dial, client_header, .. } = change;
    if let Some(given) = for_seconds.filter(|given| !(1..=MAX_ON_SECONDS).contains(given)) {
        return Err(wrong("for_seconds", given, "seconds from 1 to 86400"));
    }
    if let Some(given) = seed.filter(|given| *given > MAX_SEED) {
        return Err(wrong("seed", given, "a whole number from 0 to 9007199254740991"));
    }
    if let Some(given) = dial.filter(|given| !(0.0..=20.0).contains(given)) {
        return Err(wrong("dial", given, "a number from 0 to 20"));
    }
    match client_header.as_ref().filter(|given| http::HeaderName::try_from(given.as_str()).is_err()) {
        Some(given) => Err(wrong("client_header", Value::from(given.as_str()), "the name of a header field")),
        None => Ok(()),
    }
}

impl Settings {
    fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    fn add(&mut self, rule: Rule) -> Result<u64, ChaosError> {
        refuse(rule.check())?;
        if self.rules.len() >= MAX_RULES {
            return Err(wrong("rules", self.rules.len() + 1, "at most 200 rules"));
        }
        let id = self.take_id();
        self.rules.push(Rule { id, ..rule });
        Ok(id)
    }

    fn rule(&mut self, id: u64) -> Option<&mut Rule> {
        self.rules.iter_mut().find(|rule| rule.id == id)
    }
}

impl Inner {
    fn switch_on(&mut self, seconds: u64) {
        let now = now_ms();
        let since_ms = self.session.map_or(now, |session| session.since_ms);
        if self.is_idle() {
            self.tally = Tally::default();
        }
        self.session = Some(Session { since_ms, until_ms: now + seconds * 1000 });
        self.news.push("chaos is on".into());
    }

    fn switch_off(&mut self, why: &str) {
        if self.session.take().is_some() {
            self.news.push(format!("chaos is off: {why}"));
        }
    }

    fn end_in_time(&mut self, now_ms: u64) -> bool {
        let mut ended = false;
        if self.session.is_some_and(|session| now_ms >= session.until_ms) {
            self.switch_off("its time was over");
            ended = true;
        }
        let Some(running) = self.running() else { return ended };
        if let Some(why) = self.tally.passed(&running.halt) {
            self.end_experiment(State::Halted, &why);
            return true;
        }
        if now_ms >= running.ends_ms() {
            self.end_experiment(State::Finished, "");
            return true;
        }
        ended
    }

    fn end_experiment(&mut self, state: State, why: &str) {
        let report = {
            self.tally.finish();
            self.tally.report()
        };
        let Some(running) = self.settings.experiments.iter_mut().find(|experiment| experiment.is_running()) else {
            return;
        };
        running.outcome = Outcome { state, why: why.to_owned() };
        running.ended_ms = Some(now_ms());
        running.report = Some(report);
        let word = if state == State::Halted { "was halted" } else { "is finished" };
        self.news.push(format!("the experiment {:?} {word} {why}", running.name).trim_end().to_owned());
    }
}
