//! What one endpoint showed holds for others of its kind, where nothing speaks against it.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::Facts;
use super::refusals::{MANY, class, kin, refused, renamed, sends_object};
use crate::twin::behaviour::{RefusalRule, Rule, Source};
use crate::twin::causes::{Case, Cause, Subject};
use crate::twin::fault::Fault;
use crate::twin::trace::{Call, Seen};
use crate::twin::world::World;

/// Accepted calls that make the only member they have look needed.
const SOME: usize = 5;

/// Credentials are needed where they always were sent, unknown rows of a class are refused everywhere, no endpoint reads
/// what is not JSON; and a field has the same rules in all endpoints that write it.
pub(super) fn share(facts: &Facts<'_>, rules: &mut HashMap<String, Rule>) {
    let general = general(facts, rules);
    let fields = fields(facts, rules);
    for (endpoint, place) in facts.trace.endpoints.iter().enumerate() {
        let good: Vec<(usize, &Seen)> = facts.trace.of(endpoint).filter(|(_, seen)| !refused(seen)).collect();
        let Some(rule) = rules.get_mut(&place.id) else { continue };
        for (cause, class, refusal) in &general {
            let Some(cause) = fitting(facts, endpoint, rule, &good, cause, *class, refusal) else { continue };
            if !rule.refusals.iter().any(|own| own.cause == cause) {
                insert(rule, RefusalRule { cause, support: 1, ..refusal.clone() });
            }
        }
        for refusal in fields.get(&endpoint).into_iter().flatten() {
            let known = |own: &RefusalRule| own.cause == refusal.cause || same_field(&own.cause, &refusal.cause);
            if !rule.refusals.iter().any(known) && undisputed(facts, endpoint, refusal, &good) {
                let refusal = in_own_frame(rule, refusal.clone());
                insert(rule, refusal);
            }
        }
    }
    needed(facts, rules);
    allow(facts, rules);
}

/// What a new row cannot be without: members that no accepted call leaves out, though calls differ in others. It is refused as
/// the API was seen to miss a member, here or elsewhere.
fn needed(facts: &Facts<'_>, rules: &mut HashMap<String, Rule>) {
    let places = || facts.trace.endpoints.iter();
    let all = places().filter_map(|place| rules.get(&place.id)).flat_map(|rule| &rule.refusals);
    let usual = all.filter(|rule| missed(rule).is_some()).max_by_key(|rule| rule.support).cloned();
    for (endpoint, place) in places().enumerate().filter(|(_, place)| matches!(place.method.as_str(), "POST" | "PUT")) {
        let Some(rule) = rules.get_mut(&place.id) else { continue };
        let own = rule.refusals.iter().find(|own| missed(own).is_some());
        let Some(like) = own.or(usual.as_ref()).cloned() else {
            rule.needed = always(facts, endpoint);
            continue;
        };
        for path in always(facts, endpoint) {
            if !rule.refusals.iter().any(|own| missed(own) == Some(&path)) {
                insert(rule, of_another(&like, path));
            }
        }
    }
}

/// The member of the body whose absence is refused.
fn missed(rule: &RefusalRule) -> Option<&Vec<String>> {
    match &rule.cause {
        Cause::Value { of: Source::Body(path), fault: Fault::Absent } => Some(path),
        _ => None,
    }
}

/// Members that all accepted bodies have: the only one there is, and those of bodies that differ in others.
fn always(facts: &Facts<'_>, endpoint: usize) -> Vec<Vec<String>> {
    let good = facts.trace.of(endpoint).filter(|(_, seen)| !refused(seen)).map(|(_, seen)| &seen.call.sent);
    let bodies: Option<Vec<&Map<String, Value>>> = good.map(|sent| sent.value()?.as_object()).collect();
    let Some(mut bodies) = bodies.filter(|bodies| bodies.len() >= SOME) else { return vec![] };
    let (mut under, mut out) = (vec![], vec![]);
    let sole =
        bodies[0].keys().next().filter(|sole| bodies.iter().all(|body| body.len() == 1 && body.contains_key(*sole)));
    if let Some(sole) = sole {
        under.push(sole.clone());
        out.push(under.clone());
        // The row may be in this member.
        bodies = bodies.iter().filter_map(|body| body[sole].as_object()).collect();
    }
    let names = |body: &&Map<String, Value>| body.keys().cloned().collect::<BTreeSet<String>>();
    let each: BTreeSet<BTreeSet<String>> = bodies.iter().map(names).collect();
    // One form filled in over and over says nothing of what may be left out.
    if bodies.len() >= MANY && each.len() > 1 {
        let common = each.into_iter().reduce(|common, own| &common & &own).unwrap_or_default();
        out.extend(common.into_iter().map(|name| [under.as_slice(), &[name]].concat()));
    }
    out
}

/// The same refusal for another member.
fn of_another(like: &RefusalRule, path: Vec<String>) -> RefusalRule {
    let name = |path: &[String]| path.last().cloned().unwrap_or_default();
    let mut out = RefusalRule { support: 0, ..like.clone() };
    let old = missed(like).map_or_else(String::new, |path| name(path));
    for part in [0, 1] {
        out.words.value[part] = renamed(&out.words.value[part], &old, &name(&path));
    }
    out.cause = Cause::Value { of: Source::Body(path), fault: Fault::Absent };
    out
}

/// `Allow` (RFC 9110 §10.2.1) is the path's own, whichever path a refusal was seen on.
fn allow(facts: &Facts<'_>, rules: &mut HashMap<String, Rule>) {
    let mut known: HashMap<&str, &str> = HashMap::new();
    for seen in &facts.trace.seen {
        if let Some(value) = seen.headers.get("allow") {
            known.insert(&facts.trace.endpoints[seen.endpoint].template, value);
        }
    }
    for rule in rules.values_mut() {
        let own = known.get(rule.place.template.as_str());
        for refusal in &mut rule.refusals {
            if let Some(value) = refusal.words.value.pointer_mut("/2/allow")
                && let Some(own) = own
            {
                *value = serde_json::Value::from(*own);
            }
        }
    }
}

/// A new rule is checked after those of its stage that the endpoint has itself.
fn insert(rule: &mut Rule, refusal: RefusalRule) {
    let stage = super::order::stage(&refusal.cause);
    let at = rule.refusals.iter().position(|own| super::order::stage(&own.cause) > stage);
    rule.refusals.insert(at.unwrap_or(rule.refusals.len()), refusal);
}

/// The best seen refusals for causes that are the same everywhere.
fn general(facts: &Facts<'_>, rules: &HashMap<String, Rule>) -> Vec<(Cause, Option<usize>, RefusalRule)> {
    let mut general: Vec<(Cause, Option<usize>, RefusalRule)> = Vec::new();
    for (endpoint, place) in facts.trace.endpoints.iter().enumerate() {
        for refusal in &rules[&place.id].refusals {
            let (cause, class) = match &refusal.cause {
                Cause::NoCredential | Cause::BadCredential | Cause::Malformed | Cause::MediaType(_) => {
                    (refusal.cause.clone(), None)
                }
                Cause::Unknown(slot) => (Cause::Unknown(0), facts.classes.params[endpoint][*slot]),
                _ => continue,
            };
            match general.iter_mut().find(|(own, of, _)| *own == cause && *of == class) {
                Some((.., best)) if best.support >= refusal.support => {}
                Some((.., best)) => *best = refusal.clone(),
                None => general.push((cause, class, refusal.clone())),
            }
        }
    }
    general
}

/// The cause as it would be at another endpoint, if it may hold there.
fn fitting(
    facts: &Facts<'_>,
    endpoint: usize,
    rule: &Rule,
    good: &[(usize, &Seen)],
    cause: &Cause,
    class: Option<usize>,
    refusal: &RefusalRule,
) -> Option<Cause> {
    let fits = match cause {
        Cause::NoCredential | Cause::BadCredential => {
            good.len() >= 2 && good.iter().all(|(step, _)| facts.past.callers[*step].is_some())
        }
        Cause::Malformed => good.iter().any(|(_, seen)| sends_object(&seen.call.sent)),
        Cause::MediaType(known) => {
            let media = |seen: &Seen| seen.call.headers.media_type().is_some_and(|media| known.contains(&media));
            good.len() >= 2 && good.iter().all(|(_, seen)| media(seen))
        }
        _ => {
            let slots = facts.classes.params[endpoint].iter().enumerate();
            let (slot, _) = slots.rev().find(|(_, own)| **own == class && class.is_some())?;
            let creates = rule.place.method == "PUT" && refusal.sample.call.method != "PUT";
            return (rule.open_world == 0 && !creates).then_some(Cause::Unknown(slot));
        }
    };
    fits.then(|| cause.clone())
}

/// Rules about fields, for every endpoint that may have them from its kin.
fn fields(facts: &Facts<'_>, rules: &HashMap<String, Rule>) -> HashMap<usize, Vec<RefusalRule>> {
    let mut out: HashMap<usize, Vec<RefusalRule>> = HashMap::new();
    for (endpoint, place) in facts.trace.endpoints.iter().enumerate() {
        let about_a_field = |rule: &&RefusalRule| match &rule.cause {
            Cause::Member { .. } => true,
            cause => matches!(cause.place(), Some(Source::Body(_))) && !matches!(cause, Cause::Stale { .. }),
        };
        let own: Vec<&RefusalRule> = rules[&place.id].refusals.iter().filter(about_a_field).collect();
        for other in kin(facts, endpoint) {
            let shared = own.iter().map(|rule| RefusalRule { support: 1, ..(*rule).clone() });
            out.entry(other).or_default().extend(shared);
        }
    }
    out
}

fn same_field(one: &Cause, other: &Cause) -> bool {
    match (one, other) {
        (Cause::Value { of: a, fault: f }, Cause::Value { of: b, fault: g }) => {
            a == b && std::mem::discriminant(f) == std::mem::discriminant(g)
        }
        (Cause::Member { under: a, .. }, Cause::Member { under: b, .. }) => a == b,
        _ => false,
    }
}

/// Whether accepted calls of this endpoint send the field, and none the fault. What may be left out of a change is told
/// from its own calls only.
fn undisputed(facts: &Facts<'_>, endpoint: usize, refusal: &RefusalRule, good: &[(usize, &Seen)]) -> bool {
    let empty = World::new(facts.classes);
    let subject = Subject {
        params: &facts.classes.params[endpoint],
        class: class(facts, endpoint),
        lookup: None,
        list: None,
        first: None,
    };
    let case = |call: &'_ Call| {
        let case = Case { world: &empty, subject, call, who: None };
        match &refusal.cause {
            // The world is not looked at: it is not what it was then.
            Cause::Taken { .. } | Cause::NoRow { .. } => false,
            cause => cause.holds(&case),
        }
    };
    let absent = matches!(refusal.cause, Cause::Value { fault: Fault::Absent, .. });
    let sends = |call: &Call| match refusal.cause.place() {
        Some(place) => crate::twin::causes::value_of(place, call).is_some(),
        None => sends_object(&call.sent),
    };
    let method = facts.trace.endpoints[endpoint].method.as_str();
    let enough =
        if absent { method != "PATCH" && good.len() >= 2 } else { good.iter().any(|(_, seen)| sends(&seen.call)) };
    enough && !good.iter().any(|(_, seen)| case(&seen.call))
}

/// The same complaint as this endpoint lists it, where it was seen to list others.
fn in_own_frame(rule: &Rule, mut refusal: RefusalRule) -> RefusalRule {
    let like = |own: &&RefusalRule| {
        let alike = own.lists == refusal.lists && own.sample.status == refusal.sample.status;
        alike && !own.lists.is_empty() && own.cause.place().is_some() && own.words.slots.is_empty()
    };
    if let Some(own) = rule.refusals.iter().find(like) {
        refusal.words.value[0] = own.words.value[0].clone();
        refusal.sample = own.sample.clone();
    }
    refusal
}
