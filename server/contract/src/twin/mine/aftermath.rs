//! What writes did, where their answers do not say: a create that answers only an id, or nothing, is known by the row that
//! turns up later.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Event, plans};
use crate::twin::behaviour::Part;
use crate::twin::classes::Classes;
use crate::twin::trace::{Seen, Trace};
use crate::twin::value::{Pattern, at, key_text, names};
use crate::twin::world::{Row, RowId, Shown, World};

/// Writes that wait for their row to turn up.
const MAX_WAITING: usize = 64;
/// A text of this length is hardly equal by chance.
const TELLING: usize = 4;

/// A good write whose answer showed no row.
struct Silent {
    step: usize,
    who: Option<String>,
    before: Option<Arc<Row>>,
}

/// What is still to be found out about the writes so far.
#[derive(Default)]
pub(super) struct Aftermath {
    /// Writes on a known path: by the row that the path names.
    items: HashMap<RowId, Silent>,
    /// Writes that may have made a row, oldest first.
    creates: Vec<Silent>,
    /// Events whose answer may have shown a part only, by their row.
    open: HashMap<RowId, usize>,
}

impl Aftermath {
    /// Before the answer is taken over: a write may be about the row that its path names.
    pub(super) fn write(&mut self, step: usize, seen: &Seen, world: &World, classes: &Classes, who: Option<&str>) {
        let method = seen.call.method.as_str();
        if !seen.ok() || matches!(method, "GET" | "HEAD" | "OPTIONS" | "DELETE") {
            return;
        }
        let named = classes.params[seen.endpoint].iter().zip(&seen.call.params).next_back();
        let who = who.map(str::to_owned);
        if let Some((Some(class), key)) = named {
            let id = (*class, key.clone());
            let before = world.tables[*class].rows.get(key).cloned();
            self.open.remove(&id);
            self.items.insert(id, Silent { step, who: who.clone(), before });
        }
        if method == "POST" {
            if self.creates.len() == MAX_WAITING {
                self.creates.remove(0);
            }
            self.creates.push(Silent { step, who, before: None });
        }
    }

    /// The write was explained by what it answered.
    pub(super) fn explained(&mut self, step: usize, id: &RowId, event: usize) {
        self.items.retain(|_, silent| silent.step != step);
        self.creates.retain(|silent| silent.step != step);
        self.open.insert(id.clone(), event);
    }

    /// After an answer was taken over: rows that it shows tell what earlier writes did.
    pub(super) fn look(
        &mut self,
        step: usize,
        shown: &[Shown<'_>],
        trace: &Trace,
        world: &mut World,
        events: &mut Vec<Event>,
    ) {
        for row in shown {
            let id = (row.class, row.key.clone());
            if let Some(event) = self.open.get(&id).and_then(|at| events.get_mut(*at)) {
                if event.step < step {
                    complete(event, row, trace, world);
                    self.open.remove(&id);
                }
                continue;
            }
            let silent = match self.items.get(&id) {
                Some(silent) if silent.step < step => self.items.remove(&id),
                _ if row.before.is_none() => self.creator(step, row, trace),
                _ => None,
            };
            if let Some(silent) = silent {
                self.creates.retain(|other| other.step != silent.step);
                events.push(told_later(silent, row, trace, world));
            }
        }
    }

    /// The write that made a row which nobody had seen before.
    fn creator(&mut self, step: usize, row: &Shown<'_>, trace: &Trace) -> Option<Silent> {
        let made = |silent: &Silent| silent.step < step && makes(&trace.seen[silent.step], row);
        let at = self.creates.iter().position(made)?;
        Some(self.creates.remove(at))
    }
}

/// Whether a create can have made this row: its answer has the key, or what was sent is what is shown.
fn makes(seen: &Seen, row: &Shown<'_>) -> bool {
    let wrapper = seen.call.sent.value().map(|body| plans::wrapper(body, &|name| row.object.contains_key(name)));
    let sent = wrapper.and_then(|wrapper| plans::payload(&seen.call, &wrapper));
    let (mut same, mut other, mut telling) = (0, 0, false);
    for (name, value) in sent.into_iter().flatten() {
        match row.object.get(name) {
            Some(own) if own == value || value.as_str().is_some_and(|text| names(text, own)) => {
                same += 1;
                telling |= value.as_str().is_some_and(|text| text.len() >= TELLING);
            }
            Some(own) if !own.is_object() && !own.is_array() => other += 1,
            _ => {}
        }
    }
    let answered = seen.reply.as_ref().is_some_and(|reply| mentions(reply, &row.key, 3));
    answered && same >= other && (same > 0 || sent.is_none()) || other == 0 && (telling || same >= 3)
}

fn mentions(value: &Value, key: &str, depth: usize) -> bool {
    match value {
        Value::Object(object) if depth > 0 => object.values().any(|inner| mentions(inner, key, depth - 1)),
        Value::Object(_) | Value::Array(_) => false,
        scalar => key_text(scalar).as_deref() == Some(key),
    }
}

fn told_later(silent: Silent, row: &Shown<'_>, trace: &Trace, world: &mut World) -> Event {
    let seen = &trace.seen[silent.step];
    let created = silent.before.is_none();
    if let Some(own) = world.row_mut(&(row.class, row.key.clone())) {
        if created {
            own.created = true;
            own.owner.clone_from(&silent.who);
            own.parents.clone_from(&seen.call.params);
        }
        plans::hide(own, seen, created);
    }
    Event {
        step: silent.step,
        pattern: Pattern::default(),
        class: row.class,
        key: row.key.clone(),
        before: silent.before,
        after: world.tables[row.class].rows.get(&row.key).cloned().unwrap_or_default(),
        related: Default::default(),
        shown: Some(row.object.clone()),
        call: None,
    }
}

/// Adds what the answer to the write left out.
fn complete(event: &mut Event, row: &Shown<'_>, trace: &Trace, world: &World) {
    let mut own = None;
    if let Some(reply) = &trace.seen[event.step].reply {
        super::views::descend(reply, &event.pattern.0, &mut |object| own = own.or(Some(object)));
    }
    let Some(own) = own else { return };
    let missing = |(name, _): &(&String, &Value)| !own.contains_key(*name);
    let more: Map<String, Value> =
        row.object.iter().filter(missing).map(|(name, value)| (name.clone(), value.clone())).collect();
    let Some(now) = world.tables[row.class].rows.get(&row.key).filter(|_| !more.is_empty()) else { return };
    let mut after = Row::clone(&event.after);
    for name in more.keys() {
        if let Some(value) = now.fields.get(name) {
            after.fields.insert(name.clone(), value.clone());
        }
        after.refs.extend(now.refs.get_key_value(name).map(|(name, id)| (name.clone(), id.clone())));
        after.lists.extend(now.lists.get_key_value(name).map(|(name, list)| (name.clone(), list.clone())));
        after.hidden.remove(name);
    }
    event.after = Arc::new(after);
    event.shown = Some(own.iter().map(|(name, value)| (name.clone(), value.clone())).chain(more).collect());
}

/// Members of an endpoint's answers that repeat a field of the row it writes, under whatever name.
pub(super) fn fields(
    events: &[&Event],
    trace: &Trace,
    classes: &Classes,
    covered: &[Vec<String>],
) -> Vec<(Vec<String>, Part)> {
    let replies: Vec<(&Value, &Event)> =
        events.iter().filter_map(|event| Some((trace.seen[event.step].reply.as_ref()?, *event))).collect();
    let Some((Value::Object(first), event)) = replies.first() else { return vec![] };
    let class = event.class;
    let key = &classes.all[class].key;
    let mut out = Vec::new();
    for path in crate::twin::value::leaf_paths(first) {
        if covered.iter().any(|part| path.starts_with(part)) {
            continue;
        }
        let all = |field: &String| {
            replies.iter().all(|(reply, event)| {
                let shown = at(reply, &path).and_then(key_text);
                let own = if field == key {
                    Some(event.key.clone())
                } else {
                    event.after.fields.get(field).and_then(key_text)
                };
                shown.is_some() && shown == own
            })
        };
        let distinct: std::collections::BTreeSet<String> =
            replies.iter().filter_map(|(reply, _)| at(reply, &path).map(Value::to_string)).collect();
        if distinct.len() < 2 {
            continue;
        }
        let by_name = event.after.fields.keys().filter(|field| path.last() == Some(*field));
        let field = std::iter::once(key).chain(by_name).chain(event.after.fields.keys()).find(|field| all(field));
        out.extend(field.map(|field| (path.clone(), Part::Field { class, field: field.clone() })));
    }
    out
}
