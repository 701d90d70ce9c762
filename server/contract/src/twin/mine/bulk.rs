//! Writes of several rows at once: a list of them in the body, or all that a query selects.

use std::sync::Arc;

use serde_json::Value;

use super::{Event, Facts, list_path, outer_sites, plans, views};
use crate::twin::behaviour::{Effect, IdRule, Plan};
use crate::twin::classes::{Classes, SiteId};
use crate::twin::query::Question;
use crate::twin::select::understood;
use crate::twin::trace::{Call, Place, Seen, Sent};
use crate::twin::world::{Row, Shown, World};

/// The list of objects in a request body, and where it is: the body itself, or its only list.
pub(in crate::twin) fn items(call: &Call) -> Option<(Vec<String>, &[Value])> {
    let is_list =
        |value: &&Value| value.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(Value::is_object));
    match call.sent.value()? {
        body @ Value::Array(items) => Some((vec![], items.as_slice())).filter(|_| is_list(&body)),
        Value::Object(object) => {
            let mut lists = object.iter().filter(|(_, value)| is_list(value));
            let (name, list) = lists.next()?;
            let items = list.as_array()?.as_slice();
            (lists.next().is_none() && object.len() <= 2).then(|| (vec![name.clone()], items))
        }
        _ => None,
    }
}

/// The call for one item alone.
pub(in crate::twin) fn alone(call: &Call, item: &Value) -> Call {
    Call { sent: Sent::Value(item.clone()), ..call.clone() }
}

/// What a write did to each row that its answer lists: the rows of the items sent, in their order, or those that the query
/// selected.
pub(super) fn events(
    step: usize,
    seen: &Seen,
    shown: &[Shown<'_>],
    classes: &Classes,
    world: &mut World,
    who: Option<&str>,
) -> Vec<Event> {
    let method = seen.call.method.as_str();
    if matches!(method, "GET" | "HEAD" | "OPTIONS") || shown.iter().any(|row| !row.pattern.has_each()) {
        return vec![];
    }
    let is_outer =
        |row: &&Shown<'_>| classes.is_outer(&SiteId { endpoint: seen.endpoint, pattern: row.pattern.clone() });
    let rows: Vec<&Shown<'_>> = shown.iter().filter(is_outer).collect();
    let Some(first) = rows.first().filter(|first| rows.iter().all(|row| row.pattern == first.pattern)) else {
        return vec![];
    };
    let sent = items(&seen.call).filter(|(_, items)| items.len() == rows.len());
    // Without items a call can only be about rows that are there already; a search by POST changes nothing.
    if sent.is_none() && (method == "POST" || rows.iter().any(|row| row.before.is_none())) {
        return vec![];
    }
    let class = first.class;
    let of = |(at, row): (usize, &&Shown<'_>)| {
        let call = sent.as_ref().map(|(_, items)| Box::new(alone(&seen.call, &items[at])));
        let created = row.before.is_none() && method != "DELETE";
        if let Some(own) = world.row_mut(&(class, row.key.clone())).filter(|_| created) {
            own.created = true;
            own.owner = who.map(str::to_owned);
        }
        Event {
            step,
            pattern: row.pattern.clone(),
            class,
            key: row.key.clone(),
            before: row.before.clone(),
            after: world.tables[class].rows.get(&row.key).cloned().unwrap_or_default(),
            related: Default::default(),
            shown: Some(row.object.clone()),
            call,
        }
    };
    rows.iter().enumerate().map(of).collect()
}

/// A DELETE of a collection takes away what it lists; one that says nothing, what the path holds.
pub(super) fn forget(seen: &Seen, shown: &[Shown<'_>], places: &[Place], classes: &Classes, world: &mut World) {
    let place = &places[seen.endpoint];
    if place.method != "DELETE" || !seen.ok() || place.ends_in_parameter() {
        return;
    }
    for row in shown.iter().filter(|row| row.pattern.has_each()) {
        world.table_mut(row.class).remove(&row.key);
    }
    if !shown.is_empty() || !seen.call.query.is_empty() || seen.call.params.is_empty() {
        return;
    }
    let Some((_, class)) = listed(places, classes, seen.endpoint) else { return };
    let inside = |row: &Arc<Row>| row.parents.starts_with(&seen.call.params);
    let gone: Vec<String> =
        world.tables[class].rows.iter().filter(|(_, row)| inside(row)).map(|(key, _)| key.clone()).collect();
    for key in gone {
        world.table_mut(class).remove(&key);
    }
}

/// The read at the same path that lists rows, and their class.
fn listed(places: &[Place], classes: &Classes, endpoint: usize) -> Option<(usize, usize)> {
    let own = &places[endpoint];
    let reads = places.iter().enumerate().filter(|(_, place)| place.method == "GET" && place.segments == own.segments);
    let lists = |at: usize| outer_sites(classes, at).into_iter().find(|(pattern, _)| pattern.has_each());
    reads.filter_map(|(at, _)| Some((at, lists(at)?.1))).next()
}

/// What an endpoint does to several rows.
pub(super) fn effect(facts: &Facts<'_>, id_rules: &[IdRule], endpoint: usize) -> Option<Effect> {
    let place = &facts.trace.endpoints[endpoint];
    let events: Vec<&Event> = facts.events(endpoint).collect();
    if let Some(first) = events.first().filter(|first| first.pattern.has_each() && first.call.is_some()) {
        let (from, _) = items(&facts.trace.seen[first.step].call)?;
        let (new, old): (Vec<&Event>, Vec<&Event>) = events.iter().copied().partition(|event| event.before.is_none());
        let creates = new.len() * 2 > events.len();
        let plan = plans::plan(facts, id_rules, if creates { &new } else { &old }, &first.pattern, creates);
        return Some(Effect::Each { class: first.class, from, plan, creates });
    }
    if !matches!(place.method.as_str(), "PUT" | "PATCH" | "DELETE") || place.ends_in_parameter() {
        return None;
    }
    if events.iter().any(|event| !event.pattern.has_each()) {
        return None;
    }
    let (sibling, class) = listed(&facts.trace.endpoints, facts.classes, endpoint)?;
    let (pattern, _) = outer_sites(facts.classes, sibling).into_iter().find(|(pattern, _)| pattern.has_each())?;
    let view = views::view(facts, sibling, &pattern, class);
    let list = facts.past.lists.rule(facts, sibling, &list_path(&pattern).0, class, view);
    let known = |seen: &Seen| understood(&list, &Question::of(&seen.call.as_read()));
    let mut good = facts.trace.of(endpoint).filter(|(_, seen)| seen.ok()).peekable();
    good.peek()?;
    if !good.all(|(_, seen)| known(seen)) {
        return None;
    }
    let plan = match events.first() {
        Some(first) => plans::plan(facts, id_rules, &events, &first.pattern, false),
        None if place.method == "DELETE" => Plan::default(),
        None => return None,
    };
    Some(Effect::Listed { list: Box::new(list), plan, deletes: place.method == "DELETE" })
}
