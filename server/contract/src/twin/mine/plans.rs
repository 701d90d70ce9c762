//! What writes do: which row they are about, and where each field's new value comes from.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Event, Facts, selector_holds};
use crate::twin::behaviour::{Effect, FieldPlan, IdRule, Otherwise, Plan, Selector};
use crate::twin::template::Slots;
use crate::twin::trace::{Call, Seen};
use crate::twin::value::{Pattern, at, common_prefix, key_text, leaf_paths, names, read_time, slugify, within};
use crate::twin::world::Row;

/// A time this close to the exchange is the API's "now"; clocks differ.
const NOW_WITHIN_MS: i64 = 90_000;
/// Share of the events that an explanation must hold for.
const HOLDS: f64 = 0.9;
/// An object with more members is data.
const MAX_MEMBERS: usize = 40;
/// Objects deeper than this are kept as they are.
const MAX_DEPTH: usize = 5;

/// Where in a request body the members of the row are: in the only member, when that is an object (`{"user": {…}}`) and no
/// member of the row itself.
pub(super) fn wrapper(body: &Value, shown: &dyn Fn(&str) -> bool) -> Vec<String> {
    match body.as_object() {
        Some(object) if object.len() == 1 => {
            let (name, inner) = object.iter().next().expect("has one member");
            if inner.is_object() && !shown(name) { vec![name.clone()] } else { vec![] }
        }
        _ => vec![],
    }
}

/// The members that a write sends for its row.
pub(super) fn payload<'c>(call: &'c Call, wrapper: &[String]) -> Option<&'c Map<String, Value>> {
    at(call.sent.value()?, wrapper)?.as_object()
}

/// Keeps with a row what was sent for it and is never shown.
pub(super) fn hide(row: &mut Row, seen: &Seen, created: bool) {
    let Some(body) = seen.call.sent.value().filter(|_| seen.call.method != "GET") else { return };
    let wrapper = wrapper(body, &|name| row.shows(name));
    // A sign-in names a password too, but changes nothing: only what the row does not show and did not have is kept.
    let changes = created || matches!(seen.call.method.as_str(), "PUT" | "PATCH");
    for (name, value) in at(body, &wrapper).and_then(Value::as_object).into_iter().flatten() {
        let otherwise = changes
            && value.is_string()
            && row.fields.get(name).is_some_and(|shown| shown.is_string() && shown != value);
        if otherwise || (!row.shows(name) && (changes || !row.hidden.contains_key(name))) {
            row.hidden.insert(name.clone(), value.clone());
        } else if changes {
            row.hidden.remove(name);
        }
    }
}

/// What good calls of an endpoint change.
pub(super) fn effect(facts: &Facts<'_>, id_rules: &[IdRule], endpoint: usize) -> Effect {
    let place = &facts.trace.endpoints[endpoint];
    if place.method == "GET" || place.method == "HEAD" || place.method == "OPTIONS" {
        return Effect::Nothing;
    }
    if let Some(effect) = super::bulk::effect(facts, id_rules, endpoint) {
        return effect;
    }
    let events: Vec<&Event> = facts.events(endpoint).filter(|event| !event.pattern.has_each()).collect();
    let Some(first) = events.first() else {
        let class = facts.classes.params[endpoint].last().copied().flatten();
        let slot = facts.classes.params[endpoint].len().saturating_sub(1);
        return match class {
            Some(class) if place.method == "DELETE" && place.ends_in_parameter() => {
                Effect::Delete { class, slot, plan: Plan::default() }
            }
            _ => Effect::Nothing,
        };
    };
    let (class, pattern) = (first.class, first.pattern.clone());
    let creations = events.iter().filter(|event| event.before.is_none()).count();
    if let Some(effect) = put(facts, id_rules, endpoint, &events, &pattern) {
        return effect;
    }
    // A row that the path names was there before, though nobody had seen it.
    let named = place.ends_in_parameter() && {
        let slot = facts.classes.params[endpoint].len() - 1;
        events.iter().all(|event| selector_holds(facts, event, &Selector::Param(slot)))
    };
    let makes = creations > 0 && place.method != "DELETE" && !named && !facts.classes.all[class].key.is_empty();
    if makes && creations * 2 > events.len() {
        let events: Vec<&Event> = events.into_iter().filter(|event| event.before.is_none()).collect();
        return Effect::Create { class, plan: plan(facts, id_rules, &events, &pattern, true) };
    }
    let Some(selector) = selector(facts, endpoint, &pattern) else {
        // Nothing in the request says which row was changed, and rows were made: an API that gives one key twice makes all of them.
        return match makes {
            true => Effect::Create { class, plan: plan(facts, id_rules, &events, &pattern, true) },
            false => Effect::Nothing,
        };
    };
    if place.method == "DELETE" && place.ends_in_parameter() {
        let slot = facts.classes.params[endpoint].len().saturating_sub(1);
        let events: Vec<&Event> = events.into_iter().filter(|event| event.before.is_some()).collect();
        return Effect::Delete { class, slot, plan: plan(facts, id_rules, &events, &pattern, false) };
    }
    let changes: Vec<&Event> = events.iter().copied().filter(|event| event.before.is_some()).collect();
    let plan = match changes.is_empty() {
        true => plan(facts, id_rules, &events, &pattern, true),
        false => plan(facts, id_rules, &changes, &pattern, false),
    };
    Effect::Update { class, selector, plan }
}

/// A write to an item's own path that was seen to make the item.
fn put(
    facts: &Facts<'_>,
    id_rules: &[IdRule],
    endpoint: usize,
    events: &[&Event],
    pattern: &Pattern,
) -> Option<Effect> {
    let place = &facts.trace.endpoints[endpoint];
    let slot = facts.classes.params[endpoint].len().checked_sub(1)?;
    let class = events.first()?.class;
    let own = |event: &&&Event| selector_holds(facts, event, &Selector::Param(slot));
    let writes = place.method == "PUT" && place.ends_in_parameter();
    if !writes || !events.iter().all(|event| own(&event)) || facts.classes.params[endpoint][slot] != Some(class) {
        return None;
    }
    let (new, old): (Vec<&Event>, Vec<&Event>) = events.iter().copied().partition(|event| event.before.is_none());
    let status = |events: &[&Event]| super::commonest(events.iter().map(|event| facts.trace.seen[event.step].status));
    let created_status = status(&new)?;
    let create = plan(facts, id_rules, &new, pattern, true);
    let update = if old.is_empty() { create.clone() } else { plan(facts, id_rules, &old, pattern, false) };
    let updated_status = status(&old).unwrap_or(if created_status == 201 { 200 } else { created_status });
    Some(Effect::Put { class, slot, create, created_status, update, updated_status })
}

/// Which row the answers of an endpoint are about.
pub(super) fn selector(facts: &Facts<'_>, endpoint: usize, pattern: &Pattern) -> Option<Selector> {
    let events: Vec<&Event> = facts
        .past
        .events
        .iter()
        .chain(&facts.past.beside)
        .filter(|event| facts.trace.seen[event.step].endpoint == endpoint && event.pattern == *pattern)
        .collect();
    let first = events.first()?;
    let slots = facts.classes.params[endpoint].len();
    let simple = std::iter::once(Selector::Only).chain((0..slots).rev().map(Selector::Param)).chain([Selector::Caller]);
    let holds = |selector: &Selector| {
        let hits = events.iter().filter(|event| selector_holds(facts, event, selector)).count();
        hits as f64 >= events.len() as f64 * HOLDS
    };
    if let Some(selector) = simple.into_iter().find(|selector| holds(selector)) {
        return Some(selector);
    }
    let known: Vec<&&Event> = events.iter().filter(|event| event.before.is_some()).collect();
    let body = facts.trace.seen[first.step].call.sent.value()?.as_object()?;
    let pairs: Vec<(Vec<String>, String)> = leaf_paths(body)
        .into_iter()
        .filter_map(|path| Some((path.clone(), path.last()?.clone())))
        .filter(|pair| {
            !known.is_empty()
                && known.iter().all(|event| selector_holds(facts, event, &Selector::Lookup(vec![pair.clone()])))
        })
        .collect();
    // One member that the row shows must be among them, or nothing would find the row.
    let shown = pairs.iter().any(|(_, field)| known.iter().all(|event| event.after.fields.contains_key(field)));
    shown.then_some(Selector::Lookup(pairs))
}

pub(super) fn plan(
    facts: &Facts<'_>,
    id_rules: &[IdRule],
    events: &[&Event],
    pattern: &Pattern,
    creates: bool,
) -> Plan {
    let Some(first) = events.first() else { return Plan::default() };
    let class = first.class;
    let wrapper = events.iter().find_map(|event| wrapper_of(facts, event)).unwrap_or_default();
    let changes: Vec<Change<'_>> =
        events.iter().filter_map(|event| Change::of(facts, event, pattern, &wrapper)).collect();
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for change in &changes {
        names.extend(change.shown.keys().map(String::as_str));
        names.extend(change.event.before.iter().flat_map(|row| row.fields.keys().map(String::as_str)));
    }
    let lists = |name: &str| changes.iter().any(|change| change.event.after.lists.contains_key(name));
    let token = |name: &str| facts.token_fields.contains(&(class, name.to_owned()));
    let refs = |name: &str| changes.iter().any(|change| change.event.after.refs.contains_key(name));
    let mut paths = Vec::new();
    for name in names.into_iter().filter(|name| !token(name)) {
        let path = vec![name.to_owned()];
        if lists(name) {
            // The rows of a list that is sent are kept as they were sent.
            if sent_path(&path, &changes).is_some() {
                paths.push(path);
            }
        } else if refs(name) {
            paths.push(path);
        } else {
            expand(path, &changes, &mut paths);
        }
    }
    let of = |path: Vec<String>| (path.clone(), field(facts, id_rules, class, &path, &changes, creates));
    let fields = paths.into_iter().map(of).collect();
    let (gone, kept) = changes.iter().fold((0, 0), |(gone, kept), change| change.unsent(facts, gone, kept));
    let all_stored = |change: &Change<'_>| {
        change.payload.is_some_and(|payload| payload.keys().all(|name| change.shown.contains_key(name)))
    };
    Plan {
        open: changes.iter().any(|change| change.payload.is_some())
            && changes.iter().filter(|change| change.payload.is_some()).all(all_stored),
        replaces: !creates && gone > kept,
        wrapper,
        fields,
    }
}

fn wrapper_of(facts: &Facts<'_>, event: &Event) -> Option<Vec<String>> {
    let call = event.call.as_deref().unwrap_or(&facts.trace.seen[event.step].call);
    Some(wrapper(call.sent.value()?, &|name| event.after.shows(name)))
}

/// The row of the caller's account.
fn account<'f>(facts: &Facts<'f>, step: usize, who: Option<&str>) -> Option<&'f Row> {
    let seen = &facts.trace.seen[step];
    let session = seen.call.credential.as_ref().and_then(|credential| facts.auth.sessions.get(credential));
    if let Some(Some(id)) = session {
        return facts.past.before(id, step);
    }
    let basic = facts.auth.door.basic.as_ref().filter(|_| seen.call.basic.is_some())?;
    facts.past.before(&(basic.class, who?.to_owned()), step)
}

/// One event with what was sent and shown.
struct Change<'f> {
    event: &'f Event,
    call: &'f Call,
    payload: Option<&'f Map<String, Value>>,
    shown: &'f Map<String, Value>,
    who: Option<&'f str>,
    account: Option<&'f Row>,
    /// Leaves were sent as texts.
    form: bool,
}

impl<'f> Change<'f> {
    fn of(facts: &Facts<'f>, event: &'f Event, pattern: &Pattern, wrapper: &[String]) -> Option<Self> {
        let seen = &facts.trace.seen[event.step];
        let mut shown = event.shown.as_ref();
        if let Some(reply) = seen.reply.as_ref().filter(|_| shown.is_none()) {
            super::views::descend(reply, &pattern.0, &mut |object| shown = shown.or(Some(object)));
        }
        let call = event.call.as_deref().unwrap_or(&seen.call);
        Some(Self {
            event,
            call,
            payload: payload(call, wrapper),
            shown: shown?,
            who: facts.past.callers[event.step].as_deref(),
            account: account(facts, event.step, facts.past.callers[event.step].as_deref()),
            form: seen.call.headers.media_type().as_deref() == Some("application/x-www-form-urlencoded"),
        })
    }

    fn before(&self, path: &[String]) -> Option<&Value> {
        within(&self.event.before.as_ref()?.fields, path)
    }

    fn shown_at(&self, path: &[String]) -> Option<&'f Value> {
        within(self.shown, path)
    }

    fn equal(&self, sent: &Value, shown: &Value) -> bool {
        equal(sent, shown, self.form)
    }

    /// Counts the fields that were there, were not sent, and are gone or kept.
    fn unsent(&self, facts: &Facts<'_>, mut gone: usize, mut kept: usize) -> (usize, usize) {
        let key = &facts.classes.all[self.event.class].key;
        let Some(payload) = self.payload else { return (gone, kept) };
        for name in self
            .event
            .before
            .iter()
            .flat_map(|row| row.fields.keys())
            .filter(|name| *name != key && !payload.contains_key(*name))
        {
            if self.shown.contains_key(name) { kept += 1 } else { gone += 1 }
        }
        (gone, kept)
    }
}

/// Objects that are records are explained member by member; what is sent as a whole, and maps, as they are.
fn expand(path: Vec<String>, changes: &[Change<'_>], out: &mut Vec<Vec<String>>) {
    let objects: Vec<&Map<String, Value>> =
        changes.iter().filter_map(|change| within(change.shown, &path)?.as_object()).collect();
    let others = changes.iter().filter(|change| within(change.shown, &path).is_some_and(|value| !value.is_object()));
    let members: BTreeSet<&String> = objects.iter().flat_map(|object| object.keys()).collect();
    let stable =
        |name: &&String| objects.iter().filter(|object| object.contains_key(*name)).count() * 5 >= objects.len() * 3;
    let record = !objects.is_empty()
        && !members.is_empty()
        && others.count() == 0
        && members.len() <= MAX_MEMBERS
        && members.iter().all(stable);
    if !record || path.len() >= MAX_DEPTH || whole(&path, changes) {
        out.push(path);
        return;
    }
    for member in members {
        expand([path.as_slice(), std::slice::from_ref(member)].concat(), changes, out);
    }
}

/// Whether an object is stored as it is sent, or merged into what is there.
fn whole(path: &[String], changes: &[Change<'_>]) -> bool {
    let sent: Vec<&Change<'_>> =
        changes.iter().filter(|change| change.payload.is_some_and(|payload| within(payload, path).is_some())).collect();
    let same = |change: &&&Change<'_>| {
        let sent = change.payload.and_then(|payload| within(payload, path)).and_then(Value::as_object);
        let shown = within(change.shown, path).and_then(Value::as_object);
        sent.zip(shown).is_some_and(|(sent, shown)| {
            let before = change.before(path).and_then(Value::as_object);
            shown.keys().all(|name| sent.contains_key(name) || before.is_some_and(|before| before.contains_key(name)))
                && sent.iter().all(|(name, value)| shown.get(name).is_some_and(|own| change.equal(value, own)))
        })
    };
    !sent.is_empty() && sent.iter().filter(same).count() as f64 >= sent.len() as f64 * HOLDS
}

/// Whether members that were there and were not sent stayed.
fn merges(path: &[String], changes: &[Change<'_>]) -> bool {
    let kept = |change: &Change<'_>| {
        let sent = within(change.payload?, path)?.as_object()?;
        let shown = within(change.shown, path)?.as_object()?;
        let before = change.before(path)?.as_object()?;
        let mut unsent = before.keys().filter(|name| !sent.contains_key(*name)).peekable();
        unsent.peek()?;
        Some(unsent.all(|name| shown.contains_key(name)))
    };
    let votes: Vec<bool> = changes.iter().filter_map(kept).collect();
    !votes.is_empty() && votes.iter().all(|kept| *kept)
}

fn field(
    facts: &Facts<'_>,
    id_rules: &[IdRule],
    class: usize,
    path: &[String],
    changes: &[Change<'_>],
    creates: bool,
) -> FieldPlan {
    let like = changes.iter().find_map(|change| within(change.shown, path).filter(|value| !value.is_null()).cloned());
    let sent = sent_path(path, changes);
    if let [name] = path
        && *name == facts.classes.all[class].key
    {
        let otherwise = match id_rules.get(class) {
            _ if creates => Otherwise::Key,
            Some(IdRule::Slug(path)) => Otherwise::Slug(path.clone()),
            _ => Otherwise::Keep,
        };
        return FieldPlan { sent: sent.filter(|_| creates), like, merges: false, otherwise };
    }
    let rest: Vec<&Change<'_>> = changes
        .iter()
        .filter(|change| {
            sent.as_ref().is_none_or(|path| change.payload.is_none_or(|payload| within(payload, path).is_none()))
        })
        .collect();
    let otherwise = otherwise(facts, class, path, &rest, creates, sent.is_some());
    FieldPlan { otherwise, merges: !creates && merges(path, changes), like, sent }
}

/// The payload member that a field is copied from.
fn sent_path(field: &[String], changes: &[Change<'_>]) -> Option<Vec<String>> {
    let holds = |path: &[String]| {
        let sent: Vec<bool> = changes
            .iter()
            .filter_map(|change| {
                let sent = within(change.payload?, path)?;
                Some(within(change.shown, field).is_some_and(|shown| change.equal(sent, shown)))
            })
            .collect();
        let hits = sent.iter().filter(|equal| **equal).count();
        !sent.is_empty() && hits as f64 >= sent.len() as f64 * HOLDS
    };
    if holds(field) {
        return Some(field.to_vec());
    }
    // Under another name only what can hardly be a coincidence: a text of some length, several times.
    let telling = |path: &Vec<String>| {
        let values = changes.iter().filter_map(|change| within(change.payload?, path)?.as_str());
        values.filter(|text| text.len() >= 3).collect::<BTreeSet<_>>().len() >= 2
    };
    let paths = changes.iter().filter_map(|change| change.payload).flat_map(leaf_paths).collect::<BTreeSet<_>>();
    let same_end = paths.iter().find(|path| *path != field && path.last() == field.last() && holds(path));
    same_end.or_else(|| paths.iter().find(|path| *path != field && telling(path) && holds(path))).cloned()
}

/// Equal, or the same set of scalars in another order (tags that come back sorted). A form sends texts.
fn equal(sent: &Value, shown: &Value, form: bool) -> bool {
    match (sent, shown) {
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().all(|item| b.iter().any(|own| equal(item, own, form)))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.iter().all(|(name, value)| b.get(name).is_some_and(|own| equal(value, own, form)))
        }
        (Value::String(text), Value::Number(_) | Value::Bool(_)) if form => names(text, shown),
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        _ => sent == shown,
    }
}

/// Where a field's value comes from when it was not sent.
fn otherwise(
    facts: &Facts<'_>,
    class: usize,
    path: &[String],
    rest: &[&Change<'_>],
    creates: bool,
    sent_otherwise: bool,
) -> Otherwise {
    let Some(first) = rest.first() else { return Otherwise::Keep };
    let name = path.last().map_or("", String::as_str);
    let top = path.len() == 1;
    let all = |test: &dyn Fn(&Change<'_>) -> bool| {
        rest.iter().filter(|change| test(change)).count() as f64 >= rest.len() as f64 * HOLDS
    };
    let shown = |change: &Change<'_>| within(change.shown, path).cloned();
    if top && facts.viewer_fields.contains(&(class, name.to_owned())) {
        let wanted = shown(first).as_ref().and_then(Value::as_bool);
        let switches = !creates
            && all(&|change| shown(change).as_ref().and_then(Value::as_bool) == wanted)
            && rest.iter().any(|change| change.event.related.get(&(class, name.to_owned())) != wanted.as_ref());
        return wanted.filter(|_| switches).map_or(Otherwise::Keep, Otherwise::Relate);
    }
    if top && rest.iter().any(|change| change.event.after.refs.contains_key(name)) {
        return if creates { reference(name, rest) } else { Otherwise::Keep };
    }
    if !creates {
        if let Some(count) = count(facts, class, name, rest).filter(|_| top) {
            return count;
        }
        if all(&|change| {
            change.before(path).cloned() == shown(change) || (sent_otherwise && change.before(path).is_none())
        }) {
            return Otherwise::Keep;
        }
    }
    if let Some(form) = first.shown_at(path).and_then(read_time).map(|(form, _)| form)
        && all(&|change| is_now(change.shown_at(path), change.call.at_ms, name))
    {
        return Otherwise::Now { form, offset_ms: 0 };
    }
    if let Some(later) = later(path, rest) {
        return later;
    }
    if all(&|change| shown(change).is_none()) {
        return Otherwise::Keep;
    }
    for slot in 0..first.call.params.len() {
        if all(&|change| {
            shown(change).is_some_and(|value| {
                change.call.params.get(slot).is_some_and(|text| names(text, &value)) && !value.is_boolean()
            })
        }) {
            return Otherwise::Param { slot, number: first.shown_at(path).is_some_and(Value::is_number) };
        }
    }
    if let Some(path) = slug_source(path, rest) {
        return Otherwise::Slug(path);
    }
    if let Some(field) = caller_field(path, rest) {
        return Otherwise::CallerField(field);
    }
    let values: Vec<Value> = rest.iter().filter_map(|change| shown(change)).collect();
    let same = values.windows(2).all(|pair| pair[0] == pair[1]);
    if let Some(template) = template(path, rest).filter(|_| !same || values.len() == 1) {
        return Otherwise::Template(template);
    }
    match values.first() {
        Some(value) if same && values.len() == rest.len() => Otherwise::Const(value.clone()),
        _ if creates && top && rises(&values) => Otherwise::Counter,
        _ if !creates && fresh(path, rest) => Otherwise::Fresh,
        _ if !creates => Otherwise::Keep,
        _ => Otherwise::Drawn(values.into_iter().take(8).collect()),
    }
}

/// Whole numbers that went up with each new row.
fn rises(values: &[Value]) -> bool {
    let numbers: Vec<i64> = values.iter().filter_map(Value::as_i64).collect();
    numbers.len() >= 2 && numbers.len() == values.len() && numbers.windows(2).all(|pair| pair[0] < pair[1])
}

/// A text that every write replaced by one that was never there.
fn fresh(path: &[String], rest: &[&Change<'_>]) -> bool {
    let mut seen = BTreeSet::new();
    rest.iter().all(|change| {
        let text = change.shown_at(path).and_then(Value::as_str);
        text.is_some_and(|text| {
            change.before(path).and_then(Value::as_str) != Some(text) && text.len() >= 4 && seen.insert(text.to_owned())
        })
    })
}

/// The field of the caller's account that a field repeats.
fn caller_field(path: &[String], rest: &[&Change<'_>]) -> Option<String> {
    let first = rest.first()?.account?;
    let holds = |field: &str| {
        rest.iter().all(|change| {
            let own =
                change.account.and_then(|row| if field.is_empty() { Some(&row.key) } else { row.fields.get(field) });
            own.is_some() && own == change.shown_at(path)
        })
    };
    let values: BTreeSet<String> = rest.iter().filter_map(|change| Some(change.shown_at(path)?.to_string())).collect();
    if values.len() < 2 {
        return None;
    }
    if holds("") {
        return Some(String::new());
    }
    first.fields.keys().find(|field| holds(field)).cloned()
}

/// A value whose texts repeat the row's key, the path or the caller, and are the same otherwise.
fn template(path: &[String], rest: &[&Change<'_>]) -> Option<Value> {
    let mut opened = rest.iter().filter_map(|change| {
        let slots = Slots { call: change.call, key: &change.event.key, who: change.who };
        Some(slots.open(change.shown_at(path)?))
    });
    let first = opened.next()??;
    opened.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

/// Which row a new row embeds: the caller's account, or the one that the path names.
fn reference(name: &str, rest: &[&Change<'_>]) -> Otherwise {
    let key = |change: &Change<'_>| change.event.after.refs.get(name).map(|(_, key)| key.clone());
    let mostly = |test: &dyn Fn(&Change<'_>) -> bool| {
        rest.iter().filter(|change| test(change)).count() as f64 >= rest.len() as f64 * HOLDS
    };
    if mostly(&|change| key(change).is_some() && key(change).as_deref() == change.who) {
        return Otherwise::Caller;
    }
    let slots = rest.iter().map(|change| change.call.params.len()).min().unwrap_or(0);
    let slot = (0..slots).find(|slot| mostly(&|change| key(change).as_ref() == change.call.params.get(*slot)));
    slot.map_or(Otherwise::Keep, Otherwise::Target)
}

/// A time that is always as long after the write.
fn later(path: &[String], rest: &[&Change<'_>]) -> Option<Otherwise> {
    let (form, _) = read_time(rest.first()?.shown_at(path)?)?;
    let offsets: Option<Vec<i64>> = rest
        .iter()
        .map(|change| {
            let (own, millis) = read_time(change.shown_at(path)?)?;
            (own == form).then_some(millis - i64::try_from(change.call.at_ms).ok()?)
        })
        .collect();
    let offsets = offsets?;
    let (least, most) = (*offsets.iter().min()?, *offsets.iter().max()?);
    let (spread, far) = match form {
        crate::twin::value::TimeForm::Date => return None,
        _ => (5_000, 400 * 86_400_000_i64),
    };
    let moved = rest.windows(2).any(|pair| pair[0].shown_at(path) != pair[1].shown_at(path));
    (moved && most - least <= spread && least.abs() <= far)
        .then(|| Otherwise::Now { form, offset_ms: super::leaves::rounded(i64::midpoint(least, most)) })
}

fn is_now(value: Option<&Value>, at_ms: u64, name: &str) -> bool {
    let Some((form, millis)) = value.and_then(read_time) else { return false };
    let near = (millis - i64::try_from(at_ms).unwrap_or(i64::MAX)).abs();
    match form {
        crate::twin::value::TimeForm::Date => near <= 86_400_000 + NOW_WITHIN_MS,
        crate::twin::value::TimeForm::Seconds | crate::twin::value::TimeForm::Millis => {
            near <= NOW_WITHIN_MS && !name.is_empty()
        }
        crate::twin::value::TimeForm::Rfc3339 { .. } | crate::twin::value::TimeForm::Http => near <= NOW_WITHIN_MS,
    }
}

/// A whole number that goes up or down by one with each call, or with each call that changes a relation.
fn count(facts: &Facts<'_>, class: usize, name: &str, rest: &[&Change<'_>]) -> Option<Otherwise> {
    let steps: Vec<(i64, &Change<'_>)> = rest
        .iter()
        .filter_map(|change| {
            let before = change.event.before.as_ref()?.fields.get(name)?.as_i64()?;
            Some((change.shown.get(name)?.as_i64()? - before, *change))
        })
        .collect();
    let by = steps.iter().map(|(step, _)| *step).find(|step| *step != 0).filter(|step| step.abs() == 1)?;
    if steps.iter().any(|(step, _)| *step != 0 && *step != by) {
        return None;
    }
    let switched = |field: &str, change: &Change<'_>| {
        let after = change.shown.get(field).and_then(Value::as_bool);
        let before = change.event.related.get(&(class, field.to_owned())).copied().unwrap_or(false);
        after.is_some_and(|after| after != before)
    };
    let relations = facts.viewer_fields.iter().filter(|(of, _)| *of == class).map(|(_, field)| field);
    for relation in relations {
        if steps.iter().all(|(step, change)| (*step != 0) == switched(relation, change)) {
            return Some(Otherwise::Count { relation: relation.clone(), by });
        }
    }
    steps.iter().all(|(step, _)| *step == by).then_some(Otherwise::Add(by))
}

/// The payload text whose slug (with or without a suffix) the field is.
fn slug_source(field: &[String], rest: &[&Change<'_>]) -> Option<Vec<String>> {
    let paths: BTreeSet<Vec<String>> = rest.iter().filter_map(|change| change.payload).flat_map(leaf_paths).collect();
    paths.into_iter().find(|path| {
        rest.iter().all(|change| {
            let text = change.payload.and_then(|payload| within(payload, path)).and_then(Value::as_str);
            let shown = change.shown_at(field).and_then(Value::as_str);
            text.zip(shown).is_some_and(|(text, shown)| is_slug_of(shown, text))
        })
    })
}

pub(super) fn is_slug_of(slug: &str, text: &str) -> bool {
    let plain = slugify(text);
    plain.len() >= 3 && slug.strip_prefix(&plain).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// How new keys come about, for each class.
pub(super) fn id_rules(facts: &Facts<'_>) -> Vec<IdRule> {
    (0..facts.classes.all.len()).map(|class| id_rule(facts, class)).collect()
}

fn id_rule(facts: &Facts<'_>, class: usize) -> IdRule {
    let made: Vec<&Event> = facts
        .past
        .events
        .iter()
        .filter(|event| event.class == class && event.before.is_none() && event.after.created)
        .collect();
    let changes: Vec<Change<'_>> = made
        .iter()
        .filter_map(|event| Change::of(facts, event, &event.pattern, &wrapper_of(facts, event).unwrap_or_default()))
        .collect();
    let key = &facts.classes.all[class].key;
    let all: Vec<&Change<'_>> = changes.iter().collect();
    let key = vec![key.clone()];
    if let Some(path) = sent_path(&key, &changes)
        .filter(|path| changes.iter().all(|c| c.payload.is_some_and(|p| within(p, path).is_some())))
    {
        return IdRule::Sent(path);
    }
    if let Some(path) = slug_source(&key, &all).filter(|_| !all.is_empty()) {
        return IdRule::Slug(path);
    }
    let rows = facts.past.world.tables[class].rows.values().map(|row| &row.key);
    let keys: Vec<&Value> = made.iter().map(|event| &event.after.key).chain(rows).collect();
    let sample = keys.first().copied();
    match sample {
        Some(Value::Number(_)) | None => IdRule::Counter { text: false },
        Some(Value::String(text)) if text.len() < 18 && text.bytes().all(|b| b.is_ascii_digit()) => {
            IdRule::Counter { text: true }
        }
        Some(other) => {
            let texts = || keys.iter().filter_map(|key| key.as_str());
            let several = texts().collect::<BTreeSet<_>>().len() > 1;
            let prefix = if several { common_prefix(texts()) } else { "" }.to_owned();
            IdRule::Shape { like: key_text(other).unwrap_or_default(), prefix }
        }
    }
}
