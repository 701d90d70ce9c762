//! Candidate causes for a refusal, with what each costs.

use std::collections::BTreeSet;

use serde_json::Value;

use super::complaints::Complaint;
use super::faults::{self, Hints, Topic, Values};
use super::refusals::{Evidence, member_paths, refused};
use crate::twin::behaviour::Source;
use crate::twin::causes::{Case, Cause, opaque, value_of, version};
use crate::twin::fault::Fault;
use crate::twin::trace::{Call, Sent};
use crate::twin::value::{at, key_text, scalar_text};

/// What a guess about a value costs more when the refusal does not name the value.
const UNNAMED: i32 = 26;
/// What a cause costs more under a status that is not its own.
const STRANGE_STATUS: i32 = 12;
/// Accepted references that make a class the one that a value names.
const REFERENCES: usize = 3;

/// Candidates for calls that were refused in the same words.
pub(super) fn causes(
    evidence: &Evidence<'_>,
    complaint: &Complaint,
    hints: &Hints,
    status: u16,
    cases: &[Case<'_>],
) -> Vec<(Cause, i32)> {
    let named = &complaint.named;
    let mut out = of_the_call(evidence, hints, cases);
    let all = places(evidence, cases);
    for place in named {
        out.extend(of_a_place(evidence, place, hints, status, cases));
    }
    // An entry of a list of faults is about what it names and nothing else.
    let sure = !complaint.parts.is_empty() && !named.is_empty();
    for place in all.iter().filter(|place| !sure && !named.contains(place)) {
        let dear = of_a_place(evidence, place, hints, status, cases).into_iter();
        out.extend(dear.map(|(cause, cost)| (cause, cost + UNNAMED)));
    }
    let costs = |(cause, cost): (Cause, i32)| {
        // What names a value would be content with another one.
        let fault = cause == Cause::Always && matches!(status, 400 | 409 | 422) && !named.is_empty();
        let strange = if suits(&cause, status) && !fault { 0 } else { STRANGE_STATUS };
        (cause, cost + strange)
    };
    // Overload and outages have causes that no call shows.
    let shown = |(cause, _): &(Cause, i32)| match cause {
        Cause::Malformed | Cause::Taken { .. } | Cause::Known(_) => status != 429 && status <= 501,
        Cause::Always => status != 429 && (status < 500 || status == 501),
        _ => status != 429 && status < 500,
    };
    out.into_iter().filter(shown).map(costs).collect()
}

/// Whether a status (RFC 9110 §15.5) is the usual one for a cause.
fn suits(cause: &Cause, status: u16) -> bool {
    match cause {
        Cause::Always | Cause::NoSuch => true,
        Cause::NoCredential | Cause::BadCredential => matches!(status, 401 | 403),
        Cause::Malformed => matches!(status, 400 | 422 | 500),
        Cause::MediaType(_) => matches!(status, 400 | 415),
        Cause::NotAcceptable(_) => status == 406,
        Cause::Unknown(_) => matches!(status, 404 | 410),
        Cause::Known(_) => matches!(status, 409 | 412 | 422),
        Cause::NotOwner => matches!(status, 401 | 403 | 404),
        Cause::Unconditional(_) => matches!(status, 403 | 428),
        Cause::Stale { .. } => matches!(status, 409 | 412),
        Cause::Exists => status == 412,
        Cause::State { .. } | Cause::Referenced { .. } => matches!(status, 400 | 403 | 409 | 422),
        Cause::PastEnd => matches!(status, 400 | 404 | 416 | 422),
        Cause::Taken { .. } => matches!(status, 400 | 409 | 422),
        Cause::NoRow { .. } => matches!(status, 400 | 404 | 409 | 422),
        Cause::Value { .. } | Cause::Member { .. } | Cause::Parameter(_) => matches!(status, 400 | 403 | 404 | 422),
    }
}

fn of_the_call(evidence: &Evidence<'_>, hints: &Hints, cases: &[Case<'_>]) -> Vec<(Cause, i32)> {
    let mut out = vec![
        (Cause::NoCredential, 5),
        (Cause::BadCredential, 8),
        (Cause::Malformed, 2),
        (Cause::NotOwner, 12),
        (Cause::NoSuch, 20),
        (Cause::PastEnd, 12),
        (Cause::Exists, 4),
        (Cause::Unconditional("if-match"), 6),
        (Cause::Unconditional("if-unmodified-since"), 7),
    ];
    if evidence.accepted.is_empty() {
        out.push((Cause::Always, 40));
    }
    let media: BTreeSet<String> =
        evidence.accepted.iter().chain(&evidence.kin).filter_map(|call| call.headers.media_type()).collect();
    if !media.is_empty() {
        out.push((Cause::MediaType(media), 4));
    }
    // What the answers were of, `Accept` did take.
    let shown = evidence.facts.trace.of(evidence.endpoint).filter(|(_, seen)| !refused(seen));
    let shown: BTreeSet<String> = shown.filter_map(|(_, seen)| seen.headers.media_type()).collect();
    if !shown.is_empty() {
        out.push((Cause::NotAcceptable(shown), 6));
    }
    let classes = evidence.subject.params.iter().enumerate();
    for (slot, _) in classes.filter(|(_, class)| class.is_some()) {
        out.push((Cause::Unknown(slot), 6));
        out.push((Cause::Known(slot), if hints.speak_of(Topic::Taken) { 6 } else { 16 }));
    }
    out.extend(referenced(evidence));
    out.extend(stale(evidence, cases));
    out.extend(states(evidence, hints, cases));
    out
}

/// Rows that would lose what they name.
fn referenced(evidence: &Evidence<'_>) -> Vec<(Cause, i32)> {
    let facts = evidence.facts;
    if facts.trace.endpoints[evidence.endpoint].method != "DELETE" {
        return vec![];
    }
    let Some(parent) = evidence.subject.params.last().copied().flatten() else { return vec![] };
    let pairs = (0..facts.classes.all.len()).flat_map(|child| {
        let fields = facts.past.references_of(child).into_iter();
        fields.filter(move |field| super::children::names_parent(facts, child, parent, field)).map(move |f| (child, f))
    });
    pairs.filter(|(child, _)| *child != parent).map(|(child, field)| (Cause::Referenced { child, field }, 8)).collect()
}

/// Members, parameters and path parameters that some call has.
fn places(evidence: &Evidence<'_>, cases: &[Case<'_>]) -> Vec<Source> {
    let mut out = Vec::new();
    let mut add = |source: Source| {
        if !out.contains(&source) {
            out.push(source);
        }
    };
    let own = evidence.accepted.iter().copied().chain(cases.iter().map(|case| case.call));
    for call in own.take(200) {
        if let Some(body) = call.sent.value() {
            member_paths(body, &mut vec![], &mut |path| add(Source::Body(path.to_vec())));
        }
        call.query.iter().for_each(|(name, _)| add(Source::Query(name.clone())));
    }
    (0..evidence.subject.params.len()).for_each(|slot| add(Source::Param(slot)));
    // A client-given key may collide although good calls never send one.
    if let Some(class) = evidence.subject.class {
        add(Source::Body(vec![evidence.facts.classes.all[class].key.clone()]));
    }
    out
}

fn of_a_place(
    evidence: &Evidence<'_>,
    place: &Source,
    hints: &Hints,
    status: u16,
    cases: &[Case<'_>],
) -> Vec<(Cause, i32)> {
    let mut out = of_its_value(evidence, place, hints, cases);
    let told = |topic: Topic, base: i32| if hints.speak_of(topic) { base - 10 } else { base };
    if let (Source::Body(path), Some(_)) = (place, evidence.subject.class)
        && let Some(field) = path.last()
    {
        let base = if status == 409 { 12 } else { 26 };
        let cost = if hints.speak_of(Topic::Taken) { 2 } else { base };
        out.push((Cause::Taken { of: place.clone(), field: field.clone() }, cost));
    }
    if !matches!(place, Source::Param(_)) {
        for class in 0..evidence.facts.classes.all.len() {
            let cause = Cause::NoRow { of: place.clone(), class };
            if references(evidence, place, class) >= if hints.speak_of(Topic::Missing) { 1 } else { REFERENCES } {
                out.push((cause, told(Topic::Missing, 16)));
            }
        }
    }
    out
}

/// How many accepted calls have the key of a row there.
fn references(evidence: &Evidence<'_>, place: &Source, class: usize) -> usize {
    let names = |case: &&Case<'_>| {
        let key = value_of(place, case.call).as_ref().and_then(key_text);
        key.is_some_and(|key| case.world.tables[class].rows.contains_key(&key))
    };
    evidence.good.iter().filter(names).count()
}

fn of_its_value(evidence: &Evidence<'_>, place: &Source, hints: &Hints, cases: &[Case<'_>]) -> Vec<(Cause, i32)> {
    // What a sibling lets out, this endpoint may need.
    let kin = evidence.kin.iter().filter(|call| value_of(place, call).is_some()).copied();
    // An array of rows, or no body at all, leaves no member out.
    let has_parent = |call: &&Call| match place {
        Source::Body(path) => {
            let parent = path.split_last().and_then(|(_, outer)| at(call.sent.value()?, outer));
            parent.is_some_and(Value::is_object) || (call.sent == Sent::Nothing && path.len() == 1)
        }
        _ => true,
    };
    let accepted: Vec<&Call> = evidence.accepted.iter().copied().filter(has_parent).chain(kin).collect();
    let accepted: Vec<Option<Value>> = accepted.into_iter().map(|call| value_of(place, call)).collect();
    let refused: Vec<Option<Value>> = cases.iter().map(|case| value_of(place, case.call)).collect();
    let form = |call: &Call| call.headers.media_type().is_some_and(|media| media.contains("form"));
    let texts = !matches!(place, Source::Body(_)) || cases.iter().any(|case| form(case.call));
    let values = Values {
        refused: refused.iter().map(Option::as_ref).collect(),
        accepted: accepted.iter().map(Option::as_ref).collect(),
        texts,
        elsewhere: elsewhere(evidence, place),
    };
    let mut guesses = faults::guesses(&values, hints);
    if matches!(place, Source::Param(_)) {
        // A row is named by anything of the form that keys have.
        guesses.retain(|(fault, _)| matches!(fault, Fault::Form(_)));
    }
    guesses.into_iter().map(|(fault, cost)| (Cause::Value { of: place.clone(), fault }, cost)).collect()
}

/// What rows show in the field that a place is named for; nothing where the place names rows.
fn elsewhere(evidence: &Evidence<'_>, place: &Source) -> Option<Vec<String>> {
    let classes = 0..evidence.facts.classes.all.len();
    if classes.into_iter().any(|class| references(evidence, place, class) > 0) {
        return None;
    }
    let name = match place {
        Source::Body(path) => path.last()?.as_str(),
        Source::Query(name) => name.as_str(),
        _ => return None,
    };
    let rows = evidence.subject.class.into_iter().flat_map(|class| evidence.facts.past.ever(class));
    let values = rows.filter_map(|row| row.fields.get(name)).filter(|value| value.is_string() || value.is_boolean());
    // What a refusal finds nothing wrong with, while it speaks of something else, is as good as accepted.
    let unblamed = evidence.blamed.iter().filter(|(_, named)| !named.is_empty() && !named.contains(place));
    let unblamed = unblamed.filter_map(|(call, _)| value_of(place, call)).filter(|value| value.is_string());
    Some(values.filter_map(scalar_text).chain(unblamed.filter_map(|value| scalar_text(&value))).collect())
}

/// A version that accepted calls named rightly: the field of the row whose value they repeat.
fn stale(evidence: &Evidence<'_>, cases: &[Case<'_>]) -> Vec<(Cause, i32)> {
    let mut places = vec![Source::Header("if-match".to_owned())];
    places.extend(self::places(evidence, &[]).into_iter().filter(|place| !matches!(place, Source::Param(_))));
    let mut out = Vec::new();
    for of in places {
        let header = matches!(of, Source::Header(_));
        let mut fields: Option<BTreeSet<String>> = None;
        let mut uses = 0;
        for case in &evidence.good {
            let (Some(row), Some(given)) = (case.target(), value_of(&of, case.call).as_ref().and_then(scalar_text))
            else {
                continue;
            };
            uses += 1;
            let equal = |value: &Value| scalar_text(value).is_some_and(|text| opaque(&text) == opaque(&given));
            let fields_equal = row.fields.iter().filter(|(_, value)| equal(value)).map(|(name, _)| name.clone());
            let mut own = fields_equal.collect::<BTreeSet<String>>();
            if header && version(case, row, "").is_some_and(|tag| equal(&Value::from(tag))) {
                own.insert(String::new());
            }
            fields = Some(match fields {
                Some(known) => &known & &own,
                None => own,
            });
        }
        // Two that agree by chance are no version.
        let least = if header { 1 } else { 2 };
        let mut fields = fields.unwrap_or_default();
        if fields.len() > 1 {
            // The tag itself is the version only where no field says it.
            fields.remove("");
        }
        for field in fields.into_iter().filter(|_| uses >= least) {
            let needed = cases.iter().any(|case| value_of(&of, case.call).is_none());
            out.push((Cause::Stale { of: of.clone(), field, needed }, if header { 8 } else { 14 }));
        }
    }
    out
}

/// A value of the row that all refused calls met and no accepted one.
fn states(evidence: &Evidence<'_>, hints: &Hints, cases: &[Case<'_>]) -> Vec<(Cause, i32)> {
    let Some(first) = cases.first().filter(|case| case.call.method != "GET") else { return vec![] };
    let Some(row) = first.target() else { return vec![] };
    let known = evidence.good.iter().filter(|case| case.target().is_some()).count();
    let telling = |(name, value): &(&String, &Value)| {
        matches!(value, Value::Bool(_)) || value.as_str().is_some_and(|text| text.len() <= 24) && !name.is_empty()
    };
    let cost = |name: &str, value: &Value| {
        let said = hints.mentions(name) || value.as_str().is_some_and(|text| hints.mentions(text));
        let often = cases.len() >= 2 && known >= 3;
        (said || often).then_some(if said { 16 } else { 34 })
    };
    let fields = row.fields.iter().filter(telling);
    fields
        .filter_map(|(name, value)| {
            Some((Cause::State { field: name.clone(), value: value.clone() }, cost(name, value)?))
        })
        .collect()
}
