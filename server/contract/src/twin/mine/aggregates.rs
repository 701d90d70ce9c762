//! Answers that tell of a list without showing it: how many rows there are, whether there is one, the first one; and those
//! that show the row which another one names.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::Facts;
use super::lists::{Answered, Observed, Search, field_paths};
use crate::twin::behaviour::{ListRule, Part, Selector, View};
use crate::twin::query::{Fields, Question, plain};
use crate::twin::value::{Pattern, Step, at, deep_paths};

/// Share of the answers that must be as told.
const HOLDS: f64 = 0.9;
/// Members followed down from the root of an answer.
const MAX_DEPTH: usize = 3;
/// An answer with more members is about something else.
const MAX_LEAVES: usize = 24;

/// How the row is chosen that a read without its key shows.
pub(super) fn selector(facts: &Facts<'_>, endpoint: usize, pattern: &Pattern, class: usize) -> Option<Selector> {
    if facts.trace.endpoints[endpoint].method != "GET" {
        return None;
    }
    via(facts, endpoint, pattern).or_else(|| first(facts, endpoint, pattern, class))
}

/// A field of the row that the path names is the key of the row that is shown.
fn via(facts: &Facts<'_>, endpoint: usize, pattern: &Pattern) -> Option<Selector> {
    let events: Vec<_> = facts.events(endpoint).filter(|event| event.pattern == *pattern).collect();
    let distinct: BTreeSet<&str> = events.iter().map(|event| event.key.as_str()).collect();
    if distinct.len() < 2 {
        return None;
    }
    let slots = facts.classes.params[endpoint].iter().enumerate().rev();
    for (slot, class) in slots.filter_map(|(slot, class)| Some((slot, (*class)?))) {
        for field in facts.past.references_of(class) {
            let selector = Selector::Via { slot, class, field };
            let hits = events.iter().filter(|event| super::selector_holds(facts, event, &selector)).count();
            if hits as f64 >= events.len() as f64 * HOLDS {
                return Some(selector);
            }
        }
    }
    None
}

/// The path and the query select rows, and the first of them is shown.
fn first(facts: &Facts<'_>, endpoint: usize, pattern: &Pattern, class: usize) -> Option<Selector> {
    let names = pattern.0.iter().map(|step| match step {
        Step::Key(name) => Some(name.clone()),
        Step::Each => None,
    });
    let path: Vec<String> = names.collect::<Option<_>>()?;
    let key = &facts.classes.all[class].key;
    let shown = |observed: &'_ Observed| {
        let row = at(facts.trace.seen[observed.step].reply.as_ref()?, &path)?;
        crate::twin::value::key_text(row.get(key)?)
    };
    let all = facts.past.lists.any(endpoint);
    let answers = all.iter().filter_map(|observed| {
        let keys = vec![shown(observed)?];
        Some(Answered { keys, ..answered(facts, observed) })
    });
    let answers: Vec<Answered<'_>> = answers.collect();
    let distinct: BTreeSet<&String> = answers.iter().flat_map(|answer| &answer.keys).collect();
    if distinct.len() < 2 {
        return None;
    }
    let (mut rule, search) = search(facts, endpoint, class, answers);
    rule.sizes.default = Some(1);
    (search.mean(&rule, |_| true).0 >= HOLDS).then(|| Selector::First(Box::new(rule)))
}

/// Numbers that count rows, and truths that tell whether there is a row.
pub(super) fn figures(facts: &Facts<'_>, endpoint: usize, covered: &[Vec<String>]) -> Vec<(Vec<String>, Part)> {
    let all = facts.past.lists.without_list(endpoint);
    let replies: Vec<&Value> = all.iter().filter_map(|one| facts.trace.seen[one.step].reply.as_ref()).collect();
    let Some(reply) = replies.last().filter(|_| replies.len() == all.len() && all.len() >= 2) else { return vec![] };
    let leaves = match reply {
        Value::Object(object) => deep_paths(object, MAX_DEPTH),
        _ => vec![vec![]],
    };
    if leaves.len() > MAX_LEAVES {
        return vec![];
    }
    let free = leaves.into_iter().filter(|path| !covered.iter().any(|part| path.starts_with(part)));
    let explained = free.filter_map(|path| {
        let values: Vec<&Value> = replies.iter().filter_map(|reply| at(reply, &path)).collect();
        if values.len() < replies.len() {
            return None;
        }
        let part = match reply_kind(&values)? {
            Kind::Number => count(facts, endpoint, &all, &values, &path),
            Kind::Truth => exists(facts, endpoint, &all, &values),
        };
        Some((path, part?))
    });
    explained.collect()
}

enum Kind {
    Number,
    Truth,
}

fn reply_kind(values: &[&Value]) -> Option<Kind> {
    match () {
        () if values.iter().all(|value| value.is_u64()) => Some(Kind::Number),
        () if values.iter().all(|value| value.is_boolean()) => Some(Kind::Truth),
        () => None,
    }
}

fn count(facts: &Facts<'_>, endpoint: usize, all: &[&Observed], values: &[&Value], path: &[String]) -> Option<Part> {
    let counts: Vec<usize> = values.iter().map(|value| value.as_u64()?.try_into().ok()).collect::<Option<_>>()?;
    let distinct: BTreeSet<usize> = counts.iter().copied().collect();
    let place = &facts.trace.endpoints[endpoint];
    let words = path.last().cloned().into_iter().chain(place.segments.last().cloned().flatten());
    let named = words.map(|word| plain(&word)).any(|word| ["count", "total", "size"].iter().any(|w| word.contains(w)));
    if distinct.len() < 2 && !named {
        return None;
    }
    let of_class = |class: usize| {
        let answers = all.iter().zip(&counts);
        let answers = answers.map(|(one, count)| Answered { count: Some(*count), ..answered(facts, one) }).collect();
        let (rule, search) = search(facts, endpoint, class, answers);
        (search.mean(&rule, |_| true).0 >= HOLDS).then(|| Part::Count(Box::new(rule)))
    };
    nearest_classes(facts, endpoint).into_iter().find_map(of_class)
}

/// Classes by how much their lists' paths have in common with that of an endpoint; those with nothing in common are none.
fn nearest_classes(facts: &Facts<'_>, endpoint: usize) -> Vec<usize> {
    let own = &facts.trace.endpoints[endpoint].segments;
    let common = |class: usize| {
        let sites = facts.classes.sites.iter().filter(|(id, of)| **of == class && facts.classes.is_outer(id));
        let shared = sites.map(|(id, _)| {
            let other = &facts.trace.endpoints[id.endpoint];
            let same = own.iter().zip(&other.segments).take_while(|(a, b)| a == b).count();
            let list = id.pattern.has_each() && other.segments.len() == same;
            same * 2 + usize::from(list)
        });
        let word = plain(&facts.classes.all[class].name);
        let said = own.iter().flatten().any(|segment| plain(segment).contains(&word));
        shared.max().unwrap_or(0) + if said { 3 } else { 0 }
    };
    let classes = (0..facts.classes.all.len()).filter(|class| !facts.classes.all[*class].key.is_empty());
    let mut classes: Vec<(usize, usize)> = classes.map(|class| (common(class), class)).collect();
    classes.retain(|(common, _)| *common > 0);
    classes.sort_by_key(|(common, _)| std::cmp::Reverse(*common));
    classes.into_iter().map(|(_, class)| class).collect()
}

fn exists(facts: &Facts<'_>, endpoint: usize, all: &[&Observed], values: &[&Value]) -> Option<Part> {
    let distinct: BTreeSet<bool> = values.iter().filter_map(|value| value.as_bool()).collect();
    if distinct.len() < 2 {
        return None;
    }
    let holds = |class: usize, slot: usize| {
        all.iter().zip(values).all(|(one, value)| {
            let key = facts.trace.seen[one.step].call.params.get(slot);
            key.map(|key| one.world.tables[class].rows.contains_key(key)) == value.as_bool()
        })
    };
    let slots = (0..facts.classes.params[endpoint].len()).rev();
    slots
        .flat_map(|slot| (0..facts.classes.all.len()).map(move |class| (class, slot)))
        .find_map(|(class, slot)| holds(class, slot).then_some(Part::Exists { class, slot }))
}

fn answered<'o>(facts: &'o Facts<'_>, observed: &'o Observed) -> Answered<'o> {
    Answered {
        own: true,
        step: observed.step,
        world: &observed.world,
        asked: Question::of(&facts.trace.seen[observed.step].call),
        who: observed.who.as_deref(),
        keys: vec![],
        count: None,
    }
}

fn search<'o>(
    facts: &'o Facts<'_>,
    endpoint: usize,
    class: usize,
    answers: Vec<Answered<'o>>,
) -> (ListRule, Search<'o>) {
    let fields = Arc::new(Fields::new(field_paths(facts, class)));
    let search = Search { class, answers, viewer_fields: &facts.past.lists.viewer_fields, fields };
    let rule = search.run(facts, endpoint, View { class, ..View::default() });
    (rule, search)
}
