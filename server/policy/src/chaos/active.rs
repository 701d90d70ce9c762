//! Rules at work: from a request to what goes wrong with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::draw::hash;
use super::pattern::{glob, has_parameter, path_matches, template_matches};
use super::{Abort, Clients, Draw, Fault, FaultId, FieldMatch, Flapping, Hit, Match, Period, Plan, Rule, Side};

/// A request, as far as rules ask for it. What takes work to find out is asked for only by rules that want it.
#[derive(Clone, Copy)]
pub struct Met<'r> {
    pub method: &'r str,
    /// Without the query.
    pub path: &'r str,
    pub header: &'r dyn Fn(&str) -> Option<&'r str>,
    pub query: &'r dyn Fn(&str) -> Option<String>,
    /// The client's.
    pub address: &'r str,
    /// Unix milliseconds.
    pub now_ms: u64,
    pub side: &'r dyn Fn() -> Side,
    /// The learned path template.
    pub template: &'r dyn Fn() -> Option<String>,
    /// How this endpoint fails by itself.
    pub failures: &'r dyn Fn() -> Option<Failures>,
}

/// How an endpoint fails by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Failures {
    /// Of all answers, 0 to 1.
    pub rate: f64,
    /// How many failures come in a row on average, at least 1.
    pub burst: u64,
    /// Which, and how often.
    pub statuses: Vec<(u16, u64)>,
}

/// Rules with a seed and a beginning. Built anew whenever a rule changes; counts go on.
#[derive(Debug, Default)]
pub struct Active {
    rules: Vec<Working>,
}

#[derive(Debug)]
struct Working {
    rule: Rule,
    seed: u64,
    started_ms: u64,
    has_parameter: bool,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    concerned: AtomicU64,
    struck: AtomicU64,
}

/// Purposes of draws at the level of a rule; those of faults lie above 255.
const STRIKES: u64 = 1;
const FAILS: u64 = 2;
const STATUS: u64 = 3;

impl Active {
    /// Each set of rules has its seed and the time at which it was switched on. What `before` counted for a rule that is still
    /// the same goes on.
    #[must_use]
    pub fn new(sets: &[(u64, u64, &[Rule])], before: &Self) -> Self {
        let working = |seed: u64, started_ms: u64, rule: &Rule| {
            let same = before.rules.iter().find(|old| {
                (old.rule.id, old.seed, old.started_ms) == (rule.id, seed, started_ms) && old.rule == *rule
            });
            Working {
                has_parameter: rule.matches.path.as_deref().is_some_and(has_parameter),
                counts: same.map(|old| Arc::clone(&old.counts)).unwrap_or_default(),
                rule: rule.clone(),
                seed,
                started_ms,
            }
        };
        let mut rules: Vec<Working> = sets
            .iter()
            .flat_map(|(seed, started, rules)| {
                rules.iter().filter(|rule| rule.enabled).map(|rule| working(*seed, *started, rule))
            })
            .collect();
        rules.sort_by_key(|working| (std::cmp::Reverse(working.rule.priority), working.rule.id));
        Self { rules }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether a rule wants answers to be kept for later.
    #[must_use]
    pub fn wants_answers_kept(&self) -> bool {
        self.rules.iter().any(|working| working.rule.faults.contains(&Fault::Stale))
    }

    /// How many requests a rule concerned, and how many it struck.
    #[must_use]
    pub fn counts(&self, rule: u64) -> (u64, u64) {
        let found = self.rules.iter().find(|working| working.rule.id == rule);
        found.map_or((0, 0), |found| {
            (found.counts.concerned.load(Ordering::Relaxed), found.counts.struck.load(Ordering::Relaxed))
        })
    }

    /// What goes wrong with this request. Counts it for every rule that concerns it.
    #[must_use]
    pub fn plan(&self, met: &Met<'_>) -> Plan {
        let mut plan = Plan::default();
        for working in &self.rules {
            let strength = working.rule.schedule.strength(met.now_ms, working.started_ms);
            if strength <= 0.0 || !working.concerns(met) {
                continue;
            }
            let ordinal = working.counts.concerned.fetch_add(1, Ordering::Relaxed);
            let id = FaultId { seed: working.seed, rule: working.rule.id, ordinal };
            let strikes =
                working.rule.schedule.counts(ordinal) && id.draw().unit(STRIKES) < working.rule.probability * strength;
            if strikes && working.strike(id, met, false, &mut plan) {
                working.counts.struck.fetch_add(1, Ordering::Relaxed);
            }
        }
        plan
    }

    /// The same fault once more, whatever the schedule says now. `None` when there is no such rule any more.
    #[must_use]
    pub fn replay(&self, id: FaultId, met: &Met<'_>) -> Option<Plan> {
        let working = self.rules.iter().find(|working| working.rule.id == id.rule)?;
        let mut plan = Plan::default();
        working.strike(id, met, true, &mut plan);
        Some(plan)
    }
}

impl Working {
    fn concerns(&self, met: &Met<'_>) -> bool {
        let Match { methods, path, headers, query, source, clients } = &self.rule.matches;
        (methods.is_empty() || methods.iter().any(|method| method == met.method))
            && path.as_deref().is_none_or(|path| self.is_at(path, met))
            && headers.iter().all(|wanted| fits(wanted, (met.header)(&wanted.name)))
            && query.iter().all(|wanted| fits(wanted, (met.query)(&wanted.name).as_deref()))
            && source.is_none_or(|source| (met.side)() == source)
            && clients.as_ref().is_none_or(|clients| is_among(clients, met))
    }

    fn is_at(&self, path: &str, met: &Met<'_>) -> bool {
        path_matches(path, met.path)
            && (!self.has_parameter || (met.template)().is_none_or(|template| template_matches(path, &template)))
    }

    /// Whether anything goes wrong: some faults have a mind of their own.
    fn strike(&self, id: FaultId, met: &Met<'_>, again: bool, plan: &mut Plan) -> bool {
        let mut kinds = Vec::new();
        for (place, fault) in self.rule.faults.iter().enumerate() {
            if let Some(fault_now) = self.now(fault, id, met, again) {
                plan.add(&fault_now, id.draw(), place);
                kinds.push(fault.kind());
            }
        }
        let strikes = !kinds.is_empty();
        if strikes {
            plan.hits.push(Hit { id, kinds });
        }
        strikes
    }

    /// What a fault is at this moment.
    fn now(&self, fault: &Fault, id: FaultId, met: &Met<'_>, again: bool) -> Option<Fault> {
        let abort = |status| Fault::Abort(Abort { status, ..Abort::default() });
        match fault {
            Fault::Learned { dial } => failing((met.failures)()?, *dial, id).map(abort),
            Fault::Flapping(Flapping { up_seconds, down_seconds, status }) => {
                let up = Period { on_seconds: *up_seconds, off_seconds: *down_seconds };
                (again || !up.is_on(met.now_ms.saturating_sub(self.started_ms))).then(|| abort(*status))
            }
            other => Some(other.clone()),
        }
    }
}

/// The status that the API itself would fail with. Requests are drawn in blocks as long as its failures come in a row.
fn failing(failures: Failures, dial: f64, id: FaultId) -> Option<u16> {
    let block = Draw::new(id.seed, id.rule, id.ordinal / failures.burst.max(1));
    if block.unit(FAILS) >= failures.rate * dial {
        return None;
    }
    let all: u64 = failures.statuses.iter().map(|(_, count)| count).sum();
    let mut left = block.unit(STATUS) * all as f64;
    failures.statuses.iter().find_map(|(status, count)| {
        left -= *count as f64;
        (left < 0.0).then_some(*status)
    })
}

fn fits(wanted: &FieldMatch, found: Option<&str>) -> bool {
    found.is_some_and(|found| wanted.value.as_deref().is_none_or(|pattern| glob(pattern, found)))
}

/// The same clients under every seed.
fn is_among(clients: &Clients, met: &Met<'_>) -> bool {
    let named = clients.by.as_deref().and_then(|name| (met.header)(name));
    let place = hash(0, named.unwrap_or(met.address));
    ((place >> 11) as f64 / (1_u64 << 53) as f64) < clients.share
}
