//! What goes with 400, 401, 403, 404, 409, 422: candidate causes are tried on good and refused calls alike.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::{Facts, sample};
use crate::twin::behaviour::{Account, Cause, RefusalRule, Rule, Selector};
use crate::twin::causes::{self, Subject};
use crate::twin::classes::Classes;
use crate::twin::trace::{Seen, Sent, Trace};
use crate::twin::value::at;
use crate::twin::world::World;

/// Calls kept for each endpoint, of the good and of the refused ones.
const MAX_KEPT: usize = 60;
/// A cause that holds for more of the calls that went through than this is none.
const GOOD_AT_MOST: f64 = 0.15;

/// Calls with the world right before them, by endpoint.
pub(super) struct Probes {
    kept: HashMap<usize, Vec<(usize, World, Option<String>)>>,
    /// Endpoints that refused something.
    refusing: BTreeSet<usize>,
}

impl Probes {
    pub(super) fn new(trace: &Trace, _: &Classes) -> Self {
        let refusing = trace.seen.iter().filter(|seen| refused(seen)).map(|seen| seen.endpoint).collect();
        Self { kept: HashMap::new(), refusing }
    }

    pub(super) fn look(&mut self, step: usize, seen: &Seen, world: &World, _: &Classes, who: Option<&str>) {
        if !self.refusing.contains(&seen.endpoint) {
            return;
        }
        let kept = self.kept.entry(seen.endpoint).or_default();
        if kept.len() < MAX_KEPT || refused(seen) && kept.len() < 2 * MAX_KEPT {
            kept.push((step, world.clone(), who.map(str::to_owned)));
        }
    }
}

fn refused(seen: &Seen) -> bool {
    (400..600).contains(&seen.status)
}

/// The refusals of one endpoint, in the order in which they are checked.
pub(super) fn mine(facts: &Facts<'_>, endpoint: usize) -> Vec<RefusalRule> {
    let Some(kept) = facts.past.causes.kept.get(&endpoint) else { return vec![] };
    let candidates = candidates(facts, endpoint);
    let lookup = facts
        .past
        .events
        .iter()
        .find(|event| facts.trace.seen[event.step].endpoint == endpoint)
        .and_then(|event| super::plans::selector(facts, endpoint, &event.pattern))
        .and_then(|selector| match selector {
            Selector::Lookup(pairs) => Some(pairs),
            _ => None,
        });
    let class = super::outer_sites(facts.classes, endpoint).first().map(|(_, class)| *class);
    let issues = facts.auth.issues(facts.trace, facts.past, endpoint, class.is_some());
    let named = issues.iter().find_map(|issue| match &issue.account {
        Account::Named { class, pairs } => Some((*class, pairs.as_slice())),
        _ => None,
    });
    let lookup = class.zip(lookup.as_deref()).or(named);
    let subject = Subject { params: &facts.classes.params[endpoint], class, lookup };
    let mut tally: BTreeMap<Cause, (u32, u32)> = BTreeMap::new();
    let mut steps = Vec::new();
    for (step, world, who) in kept {
        let seen = &facts.trace.seen[*step];
        let true_ones: Vec<&Cause> = candidates
            .iter()
            .filter(|cause| causes::holds(cause, world, &subject, &seen.call, who.as_deref()))
            .collect();
        for cause in &true_ones {
            let counts = tally.entry((*cause).clone()).or_insert((0, 0));
            if refused(seen) { counts.1 += 1 } else { counts.0 += 1 }
        }
        if refused(seen) {
            steps.push((seen, true_ones));
        }
    }
    let valid = |cause: &Cause| {
        tally.get(cause).is_some_and(|(good, bad)| f64::from(*good) <= f64::from(good + bad) * GOOD_AT_MOST)
    };
    let mut rules: BTreeMap<Cause, RefusalRule> = BTreeMap::new();
    for (seen, true_ones) in steps {
        if let Some(cause) = true_ones.into_iter().filter(|cause| valid(cause)).min() {
            let rule = rules.entry(cause.clone());
            rule.and_modify(|rule| rule.support += 1).or_insert_with(|| RefusalRule {
                cause: cause.clone(),
                sample: sample(seen),
                support: 1,
            });
        }
    }
    rules.into_values().collect()
}

/// Every cause worth trying at an endpoint.
fn candidates(facts: &Facts<'_>, endpoint: usize) -> Vec<Cause> {
    let mut out = vec![Cause::NoCredential, Cause::BadCredential, Cause::Malformed, Cause::NotOwner, Cause::NoSuch];
    let params = facts.classes.params[endpoint].iter().enumerate();
    out.extend(params.filter(|(_, class)| class.is_some()).map(|(slot, _)| Cause::Unknown(slot)));
    let good: Vec<&Seen> = facts.trace.of(endpoint).map(|(_, seen)| seen).filter(|seen| seen.ok()).collect();
    let numeric = |name: &str| {
        let mut values = good.iter().filter_map(|seen| seen.call.query(name)).peekable();
        values.peek().is_some() && values.all(|text| text.parse::<u64>().is_ok())
    };
    let names: BTreeSet<&str> =
        good.iter().flat_map(|seen| seen.call.query.iter().map(|(name, _)| name.as_str())).collect();
    out.extend(names.into_iter().filter(|name| numeric(name)).map(|name| Cause::BadQuery(name.to_owned())));
    let mut members: BTreeMap<Vec<String>, BTreeSet<&'static str>> = BTreeMap::new();
    for seen in &good {
        if let Sent::Value(body) = &seen.call.sent {
            member_paths(body, &mut vec![], &mut members);
        }
    }
    for (path, types) in members {
        out.extend([Cause::Absent(path.clone()), Cause::Empty(path.clone())]);
        out.push(Cause::WrongType { path: path.clone(), types: types.into_iter().collect() });
        if let Some(field) = path.last() {
            out.push(Cause::Taken { field: field.clone(), path });
        }
    }
    // A client-given key may collide although good calls never send one.
    for (_, class) in super::outer_sites(facts.classes, endpoint) {
        let key = facts.classes.all[class].key.clone();
        out.push(Cause::Taken { path: vec![key.clone()], field: key });
    }
    out
}

fn member_paths(value: &Value, path: &mut Vec<String>, out: &mut BTreeMap<Vec<String>, BTreeSet<&'static str>>) {
    let Value::Object(object) = value else { return };
    for (name, inner) in object {
        path.push(name.clone());
        out.entry(path.clone()).or_default().insert(causes::type_name(inner));
        if path.len() < 4 {
            member_paths(inner, path, out);
        }
        path.pop();
    }
}

/// What one endpoint showed holds for others of its kind where nothing speaks against it: credentials are needed where
/// they always were sent, unknown rows of a class are refused everywhere.
pub(super) fn share(facts: &Facts<'_>, rules: &mut HashMap<String, Rule>) {
    let mut general: BTreeMap<(Cause, Option<usize>), RefusalRule> = BTreeMap::new();
    for (endpoint, place) in facts.trace.endpoints.iter().enumerate() {
        for refusal in &rules[&place.id].refusals {
            let key = match &refusal.cause {
                Cause::NoCredential | Cause::BadCredential | Cause::Malformed => (refusal.cause.clone(), None),
                Cause::Unknown(slot) => (Cause::Unknown(0), facts.classes.params[endpoint][*slot]),
                _ => continue,
            };
            let best = general.entry(key).or_insert_with(|| refusal.clone());
            if refusal.support > best.support {
                *best = refusal.clone();
            }
        }
    }
    for (endpoint, place) in facts.trace.endpoints.iter().enumerate() {
        let good: Vec<(usize, &Seen)> = facts.trace.of(endpoint).filter(|(_, seen)| seen.ok()).collect();
        let Some(rule) = rules.get_mut(&place.id) else { continue };
        for ((cause, class), refusal) in &general {
            let cause = match cause {
                Cause::NoCredential | Cause::BadCredential => {
                    let always = good.iter().all(|(step, _)| facts.past.callers[*step].is_some());
                    if !always || good.len() < 2 {
                        continue;
                    }
                    cause.clone()
                }
                Cause::Malformed => {
                    let bodies = good.iter().any(|(_, seen)| at_object(&seen.call.sent));
                    if !bodies {
                        continue;
                    }
                    cause.clone()
                }
                _ => {
                    let slots = facts.classes.params[endpoint].iter().enumerate();
                    let Some((slot, _)) = slots.rev().find(|(_, own)| **own == *class && class.is_some()) else {
                        continue;
                    };
                    if rule.open_world > 0 || place.method == "PUT" && refusal.sample.call.method != "PUT" {
                        continue;
                    }
                    Cause::Unknown(slot)
                }
            };
            if !rule.refusals.iter().any(|own| own.cause == cause) {
                rule.refusals.push(RefusalRule { cause, support: 1, ..refusal.clone() });
            }
        }
        rule.refusals.sort_by(|a, b| a.cause.cmp(&b.cause));
    }
}

fn at_object(sent: &Sent) -> bool {
    sent.value().is_some_and(|body| at(body, &[]).is_some_and(Value::is_object))
}
