//! What goes with 400, 401, 403, 404, 409, 412, 422: what each refusal complains of is put down to the cause that holds for
//! the refused calls, for no accepted one, and fits its words best.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use serde_json::{Value, json};

use super::complaints::{self, Complaint, Names};
use super::faults::Hints;
use super::{Facts, guesses, sample};
use crate::twin::behaviour::{Account, Part, RefusalRule, Selector, Source};
use crate::twin::causes::{Case, Cause, NamedBy, Subject};
use crate::twin::classes::Classes;
use crate::twin::fault::Fault;
use crate::twin::phrase::{Phrase, Words};
use crate::twin::trace::{Call, Place, Seen, Sent, Trace};
use crate::twin::value::at;
use crate::twin::world::World;

/// Calls kept for each endpoint, of the good and of the refused ones.
const MAX_KEPT: usize = 60;
/// Accepted calls looked at for what values they had.
const MAX_ACCEPTED: usize = 400;
/// A cause that costs more is none.
const MAX_COST: i32 = 38;
/// What it costs to put a refusal down to a name that it repeats and no accepted call uses.
const STRANGER: i32 = 6;
/// Accepted calls that make what they all have look needed.
pub(super) const MANY: usize = 10;
/// Causes for one kind of complaint.
const MAX_CAUSES: usize = 6;

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

pub(super) fn refused(seen: &Seen) -> bool {
    (400..600).contains(&seen.status)
}

/// Everything that speaks for or against a cause at one endpoint.
pub(super) struct Evidence<'f> {
    pub(super) facts: &'f Facts<'f>,
    pub(super) endpoint: usize,
    pub(super) subject: Subject<'f>,
    pub(super) good: Vec<Case<'f>>,
    pub(super) bad: Vec<(&'f Seen, Case<'f>)>,
    /// Accepted calls of this endpoint.
    pub(super) accepted: Vec<&'f Call>,
    /// Accepted calls of other endpoints that write the same class.
    pub(super) kin: Vec<&'f Call>,
    /// Refused calls with the places that their refusals name.
    pub(super) blamed: Vec<(&'f Call, Vec<Source>)>,
}

impl Evidence<'_> {
    /// Whether no accepted call speaks against a cause.
    pub(super) fn allows(&self, cause: &Cause) -> bool {
        if self.good.iter().any(|case| cause.holds(case)) {
            return false;
        }
        let Some(first) = self.good.first().copied().or_else(|| self.bad.first().map(|(_, case)| *case)) else {
            return true;
        };
        match cause {
            Cause::Value { .. } | Cause::Member { .. } | Cause::Parameter(_) => {
                !self.accepted.iter().any(|call| cause.holds(&Case { call, ..first }))
            }
            _ => true,
        }
    }
}

/// A complaint in one refused call.
#[derive(Clone)]
struct Heard<'f> {
    seen: &'f Seen,
    case: Case<'f>,
    /// All complaints of that refusal, and which of them this is.
    all: Rc<[Complaint]>,
    nth: usize,
}

impl Heard<'_> {
    fn complaint(&self) -> &Complaint {
        &self.all[self.nth]
    }
}

/// Complaints in the same words.
struct Group<'f> {
    status: u16,
    heard: Vec<Heard<'f>>,
}

impl Group<'_> {
    fn first(&self) -> &Complaint {
        self.heard[0].complaint()
    }

    /// The refusal is one complaint as a whole.
    fn is_whole(&self) -> bool {
        self.first().parts.is_empty()
    }
}

/// The refusals of one endpoint, in the order in which they are checked.
pub(super) fn mine(facts: &Facts<'_>, endpoint: usize, parts: &[(Vec<String>, Part)]) -> Vec<RefusalRule> {
    let Some(kept) = facts.past.causes.kept.get(&endpoint) else { return vec![] };
    let lookup = lookup(facts, endpoint);
    let class = class(facts, endpoint);
    let list = parts.iter().find_map(|(_, part)| match part {
        Part::List(list) => Some(list.as_ref()),
        _ => None,
    });
    let lookup = lookup.as_ref().map(|(class, pairs)| (*class, pairs.as_slice()));
    let first = parts.iter().find_map(|(_, part)| match part {
        Part::Row { selector: Some(Selector::First(list)), .. } => Some(list.as_ref()),
        _ => None,
    });
    let subject = Subject { params: &facts.classes.params[endpoint], class, lookup, list, first };
    let mut evidence = evidence(facts, endpoint, subject, kept);
    let names = names(&evidence);
    evidence.blamed = blamed(&evidence, &names);
    let strangers = strangers(&evidence);
    let mut groups = groups(&evidence, &names, &strangers);
    // What was heard most often has the first choice of causes.
    groups.sort_by_key(|group| std::cmp::Reverse(group.heard.len()));
    let mut rules: Vec<RefusalRule> = Vec::new();
    for group in &groups {
        // What puts a call down to one cause says so in one way: a cause that other words took is not free.
        let taken = |cause: &Cause| group.is_whole() && rules.iter().any(|rule| rule.cause == *cause);
        let mut own = explain(&evidence, group, &groups, &strangers, &taken);
        if own.is_empty() {
            own = explain(&evidence, group, &groups, &strangers, &|_| false);
        }
        for rule in own {
            match rules.iter_mut().find(|own| own.cause == rule.cause) {
                Some(own) if own.sample.status == rule.sample.status || own.support >= rule.support => {
                    own.support += rule.support;
                }
                Some(own) => *own = rule,
                None => rules.push(rule),
            }
        }
    }
    rules.extend(needed(&evidence, &rules));
    super::order::sort(&evidence, &mut rules);
    rules
}

fn evidence<'f>(
    facts: &'f Facts<'f>,
    endpoint: usize,
    subject: Subject<'f>,
    kept: &'f [(usize, World, Option<String>)],
) -> Evidence<'f> {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (step, world, who) in kept {
        let seen = &facts.trace.seen[*step];
        let case = Case { world, subject, call: &seen.call, who: who.as_deref() };
        if refused(seen) {
            bad.push((seen, case));
        } else {
            good.push(case);
        }
    }
    let accepted = facts.trace.of(endpoint).map(|(_, seen)| seen).filter(|seen| !refused(seen));
    let kin = kin(facts, endpoint).into_iter().flat_map(|other| facts.trace.of(other));
    let kin = kin.map(|(_, seen)| seen).filter(|seen| !refused(seen));
    Evidence {
        facts,
        endpoint,
        subject,
        good,
        bad,
        accepted: accepted.map(|seen| &seen.call).take(MAX_ACCEPTED).collect(),
        kin: kin.map(|seen| &seen.call).take(MAX_ACCEPTED).collect(),
        blamed: vec![],
    }
}

fn blamed<'f>(evidence: &Evidence<'f>, names: &Names) -> Vec<(&'f Call, Vec<Source>)> {
    let of = |(seen, case): &(&'f Seen, Case<'f>)| {
        let raw = String::from_utf8_lossy(&seen.raw);
        let all = complaints::read(seen.reply.as_ref(), &raw, names);
        (case.call, all.into_iter().flat_map(|complaint| complaint.named).collect())
    };
    evidence.bad.iter().map(of).collect()
}

/// The class that an endpoint's answers show, or those of another method at its path, or else the one its path names a row
/// of.
pub(super) fn class(facts: &Facts<'_>, endpoint: usize) -> Option<usize> {
    let shown = |endpoint| super::outer_sites(facts.classes, endpoint).first().map(|(_, class)| *class);
    let places = &facts.trace.endpoints;
    let beside = || {
        let same = (0..places.len()).filter(|other| places[*other].segments == places[endpoint].segments);
        same.filter_map(shown).next()
    };
    shown(endpoint).or_else(beside).or_else(|| super::target(facts, endpoint).map(|(class, _)| class))
}

/// Other endpoints that write the same rows: the collection's and the item's own. A sign-in writes nothing that it names.
pub(super) fn kin(facts: &Facts<'_>, endpoint: usize) -> Vec<usize> {
    let writes = |endpoint: usize| matches!(facts.trace.endpoints[endpoint].method.as_str(), "POST" | "PUT" | "PATCH");
    let Some(own) = class(facts, endpoint).filter(|_| writes(endpoint)) else { return vec![] };
    let place = &facts.trace.endpoints[endpoint];
    // The same collection may be reached by several paths (`/products`, `/stores/{id}/products`).
    let nested = |place: &Place| matches!(place.segments.as_slice(), [.., None, Some(_)]);
    let same_end = |other: &Place| {
        let alike = place.method == other.method && place.segments.last() == other.segments.last();
        alike && !place.ends_in_parameter() && (nested(place) || nested(other))
    };
    let near = |other: &Place| {
        place.segments == other.segments || place.is_parent_of(other) || other.is_parent_of(place) || same_end(other)
    };
    let all = facts.trace.endpoints.iter().enumerate().filter(|(other, place)| *other != endpoint && near(place));
    all.map(|(other, _)| other).filter(|other| writes(*other) && class(facts, *other) == Some(own)).collect()
}

fn lookup(facts: &Facts<'_>, endpoint: usize) -> Option<(usize, Vec<NamedBy>)> {
    let class = super::outer_sites(facts.classes, endpoint).first().map(|(_, class)| *class);
    let event = facts.past.events.iter().find(|event| facts.trace.seen[event.step].endpoint == endpoint);
    let selector = event.and_then(|event| super::plans::selector(facts, endpoint, &event.pattern));
    if let (Some(class), Some(Selector::Lookup(pairs))) = (class, selector) {
        return Some((class, pairs));
    }
    let issues = facts.auth.issues(facts, endpoint, class.is_some());
    issues.into_iter().find_map(|issue| match issue.account {
        Account::Named { class, pairs } => Some((class, pairs)),
        _ => None,
    })
}

/// Every name that calls of the endpoint use.
fn names(evidence: &Evidence<'_>) -> Names {
    let mut names = Names::default();
    let calls = evidence.accepted.iter().chain(&evidence.kin).copied();
    for call in calls.chain(evidence.bad.iter().map(|(_, case)| case.call)) {
        if let Some(body) = call.sent.value() {
            member_paths(body, &mut vec![], &mut |path| {
                names.add(path.last().map_or("", String::as_str), Source::Body(path.to_vec()));
            });
        }
        call.query.iter().for_each(|(name, _)| names.add(name, Source::Query(name.clone())));
    }
    let place = &evidence.facts.trace.endpoints[evidence.endpoint];
    let slots = place.template.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    let slots: Vec<&str> = slots.collect();
    for (slot, name) in slots.iter().enumerate() {
        names.add(name, Source::Param(slot));
    }
    if let Some(last) = slots.len().checked_sub(1) {
        names.add("id", Source::Param(last));
    }
    names
}

pub(super) fn member_paths(value: &Value, path: &mut Vec<String>, note: &mut dyn FnMut(&[String])) {
    let Value::Object(object) = value else { return };
    for (name, inner) in object {
        path.push(name.clone());
        note(path);
        if path.len() < 4 {
            member_paths(inner, path, note);
        }
        path.pop();
    }
}

fn groups<'f>(evidence: &Evidence<'f>, names: &Names, strangers: &[Cause]) -> Vec<Group<'f>> {
    let mut groups: BTreeMap<String, Group<'f>> = BTreeMap::new();
    for (seen, case) in &evidence.bad {
        let raw = String::from_utf8_lossy(&seen.raw);
        let all: Rc<[Complaint]> = complaints::read(seen.reply.as_ref(), &raw, names).into();
        let offender = strangers.iter().find_map(|cause| cause.offender(case.call));
        for (nth, complaint) in all.iter().enumerate() {
            let heard = Heard { seen, case: *case, all: all.clone(), nth };
            let words = words(&heard, offender.as_deref(), complaint.named.first(), false);
            let frame = complaint.parts.is_empty().then(|| &words.value[0]);
            let key = format!("{} {} {frame:?}", seen.status, words.value[1]);
            groups.entry(key).or_insert_with(|| Group { status: seen.status, heard: vec![] }).heard.push(heard);
        }
    }
    groups.into_values().collect()
}

/// The words of one complaint with slots.
fn words(heard: &Heard<'_>, offender: Option<&str>, place: Option<&Source>, is_key: bool) -> Phrase {
    let case = &heard.case;
    let opened = Words { call: case.call, place, is_key, offender, row: case.target().map(|row| &row.fields) };
    opened.open(&told(heard.seen, heard.complaint(), &heard.all))
}

/// A refusal as `[frame, [[key, value], …], {header fields}]`.
fn told(seen: &Seen, complaint: &Complaint, all: &[Complaint]) -> Value {
    let frame = match &seen.reply {
        Some(body) => complaints::frame(body, all),
        None => Value::from(String::from_utf8_lossy(&seen.raw).into_owned()),
    };
    let parts: Vec<Value> = complaint.parts.iter().map(|part| json!([part.key, part.value])).collect();
    json!([frame, parts, super::headers::of_refusal(&seen.headers)])
}

/// Names that no accepted call uses.
fn strangers(evidence: &Evidence<'_>) -> Vec<Cause> {
    let mut members: BTreeMap<Vec<String>, BTreeSet<String>> = BTreeMap::new();
    let mut parts: BTreeSet<String> = BTreeSet::new();
    for call in evidence.accepted.iter().chain(&evidence.kin) {
        if let Some(Value::Object(object)) = call.sent.value() {
            let wrapper = super::plans::wrapper(call.sent.value().unwrap_or(&Value::Null), &|_| false);
            members.entry(vec![]).or_default().extend(object.keys().cloned());
            if let Some(Value::Object(inner)) = call.sent.value().and_then(|body| at(body, &wrapper)) {
                members.entry(wrapper).or_default().extend(inner.keys().cloned());
            }
        }
        parts.extend(call.query.iter().flat_map(|(name, _)| crate::twin::causes::name_parts(name)).map(str::to_owned));
    }
    if let Some(class) = evidence.subject.class {
        let fields = evidence.facts.past.fields_of(class);
        members.values_mut().for_each(|known| known.extend(fields.iter().cloned()));
        parts.extend(fields);
    }
    let members = members.into_iter().map(|(under, known)| Cause::Member { under, known });
    members.chain(std::iter::once(Cause::Parameter(parts))).collect()
}

/// The causes behind one kind of complaint, until all its calls have one.
fn explain(
    evidence: &Evidence<'_>,
    group: &Group<'_>,
    all: &[Group<'_>],
    strangers: &[Cause],
    taken: &dyn Fn(&Cause) -> bool,
) -> Vec<RefusalRule> {
    let complaint = group.first();
    let hints = Hints::new(&complaint.text, &complaint.numbers);
    let mut left = group.heard.clone();
    let mut rules = Vec::new();
    while !left.is_empty() && rules.len() < MAX_CAUSES {
        let cases: Vec<Case<'_>> = left.iter().map(|heard| heard.case).collect();
        let mut found = guesses::causes(evidence, complaint, &hints, group.status, &cases);
        let named = strangers.iter().filter(|cause| names_stranger(cause, &left));
        found.extend(named.map(|cause| (cause.clone(), STRANGER)));
        let weighed = found.into_iter().filter_map(|(cause, cost)| {
            let covered = cases.iter().filter(|case| cause.holds(case)).count();
            let cost = cost - i32::try_from(covered.min(3)).unwrap_or(3) * 2 + unspecific(&cause, group, all);
            (covered > 0 && cost <= MAX_COST && !taken(&cause) && evidence.allows(&cause)).then_some((cost, cause))
        });
        let Some((_, cause)) = weighed.min_by_key(|(cost, _)| *cost) else { break };
        let (covered, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(|heard| cause.holds(&heard.case));
        rules.push(rule(cause, &covered));
        left = rest;
    }
    rules
}

/// Members that no accepted call leaves out, where the API was seen to miss others in words that only differ in the name.
fn needed(evidence: &Evidence<'_>, rules: &[RefusalRule]) -> Vec<RefusalRule> {
    let missing = |rule: &&RefusalRule| match &rule.cause {
        Cause::Value { of: Source::Body(path), fault: Fault::Absent } if !rule.lists.is_empty() => Some(path.clone()),
        _ => None,
    };
    let known: Vec<(Vec<String>, &RefusalRule)> =
        rules.iter().filter_map(|rule| Some((missing(&rule)?, rule))).collect();
    let [(path, like), others @ ..] = known.as_slice() else { return vec![] };
    let name = |path: &[String]| path.last().cloned().unwrap_or_default();
    let alike = |(other, rule): &(Vec<String>, &RefusalRule)| {
        renamed(&like.words.value[1], &name(path), &name(other)) == rule.words.value[1]
    };
    if others.is_empty() || !others.iter().all(alike) || evidence.accepted.len() < MANY {
        return vec![];
    }
    let (_, outer) = path.split_last().expect("names a member");
    let mut always: Option<BTreeSet<String>> = None;
    for call in &evidence.accepted {
        let own = call.sent.value().and_then(|body| at(body, outer)).and_then(Value::as_object);
        let own: BTreeSet<String> = own.into_iter().flat_map(|object| object.keys().cloned()).collect();
        always = Some(always.map_or(own.clone(), |known| &known & &own));
    }
    let mut out = Vec::new();
    for member in always.unwrap_or_default() {
        let own = [outer, std::slice::from_ref(&member)].concat();
        if known.iter().any(|(path, _)| *path == own) {
            continue;
        }
        let mut words = like.words.clone();
        words.value[1] = renamed(&words.value[1], &name(path), &member);
        let cause = Cause::Value { of: Source::Body(own), fault: Fault::Absent };
        out.push(RefusalRule { cause, words, support: 0, ..(*like).clone() });
    }
    out
}

/// A value with another name in place of one: as a word of its texts.
pub(super) fn renamed(value: &Value, old: &str, new: &str) -> Value {
    let change = |text: &str| -> String {
        let parts: Vec<&str> = text.split_inclusive(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
        let word = |part: &str| {
            let bare = part.trim_end_matches(|c: char| !(c.is_alphanumeric() || c == '_'));
            if bare == old { format!("{new}{}", &part[bare.len()..]) } else { part.to_owned() }
        };
        parts.into_iter().map(word).collect()
    };
    match value {
        Value::String(text) => Value::from(change(text)),
        Value::Array(items) => Value::Array(items.iter().map(|item| renamed(item, old, new)).collect()),
        Value::Object(object) => object.iter().map(|(name, inner)| (name.clone(), renamed(inner, old, new))).collect(),
        other => other.clone(),
    }
}

/// A name is strange only where the refusal repeats it.
fn names_stranger(cause: &Cause, heard: &[Heard<'_>]) -> bool {
    heard.iter().any(|heard| {
        let Some(name) = cause.offender(heard.case.call) else { return false };
        let key = |part: &complaints::ToldPart| part.key.as_ref() == Some(&name);
        heard.complaint().text.contains(&name) || heard.complaint().parts.iter().any(key)
    })
}

/// A cause that also holds for calls that were refused in other words explains little.
fn unspecific(cause: &Cause, group: &Group<'_>, all: &[Group<'_>]) -> i32 {
    if !group.is_whole() {
        return 0;
    }
    let others = all.iter().filter(|other| other.is_whole() && !std::ptr::eq(*other, group));
    let (mut holds, mut count) = (0, 0);
    for heard in others.flat_map(|other| &other.heard) {
        count += 1;
        holds += usize::from(cause.holds(&heard.case));
    }
    if holds * 2 > count { 10 } else { i32::from(holds > 0) * 3 }
}

fn rule(cause: Cause, covered: &[Heard<'_>]) -> RefusalRule {
    let last = covered.last().expect("a cause holds for some call");
    let complaint = last.complaint();
    let place = cause.place().or(complaint.named.first());
    let is_key = matches!(cause, Cause::NoRow { .. } | Cause::Taken { .. });
    RefusalRule {
        words: words(last, cause.offender(last.case.call).as_deref(), place, is_key),
        lists: complaint.parts.iter().map(|part| part.at.clone()).collect(),
        sample: sample(last.seen),
        support: u32::try_from(covered.len()).unwrap_or(u32::MAX),
        cause,
    }
}

/// A refusal in whole, with slots for what it repeats of the call.
pub(super) fn plain(seen: &Seen, cause: Cause) -> RefusalRule {
    let complaint = Complaint { named: vec![], parts: vec![], text: String::new(), numbers: vec![] };
    let words = Words { call: &seen.call, place: None, is_key: false, offender: None, row: None };
    RefusalRule {
        words: words.open(&told(seen, &complaint, &[])),
        lists: vec![],
        sample: sample(seen),
        support: 1,
        cause,
    }
}

pub(super) fn sends_object(sent: &Sent) -> bool {
    sent.value().is_some_and(Value::is_object)
}
