//! From recorded exchanges to rules: every candidate explanation is tried on all exchanges, what held is kept.
//!
//! Two passes over the trace in the order of time. The first finds out which fields depend on who looks. The second
//! replays the world and notes, at each exchange, what the candidates would have said.

mod aftermath;
mod aggregates;
mod auth;
mod bulk;
mod children;
mod complaints;
mod copies;
mod faults;
mod figures;
mod filters;
mod guesses;
mod headers;
mod leaves;
mod lists;
mod order;
mod pages;
mod plans;
mod refusals;
mod share;
mod strange;
mod views;

pub(super) use bulk::alone;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::Journal;
use super::aliases::Aliases;
use super::behaviour::{Behaviour, Effect, IdRule, Part, Rule, Sample, Selector};
use super::cases::Cases;
use super::causes::opaque;
use super::classes::{Classes, SiteId};
use super::manners::Manners;
use super::select::caller;
use super::trace::{Call, Place, Seen, Trace};
use super::value::{Pattern, Step};
use super::world::{FieldId, Relations, Row, RowId, Shown, TAG, World};
use crate::Contract;

/// Recorded answers kept for each endpoint, the newest ones.
const MAX_SAMPLES: usize = 12;
/// Requests of each endpoint whose answers are kept for other tools. Mocks are read by people, too.
const MAX_RECORDED: usize = 50;

impl Behaviour {
    /// Finds the rules behind the recorded exchanges.
    #[must_use]
    pub fn mine(journal: &Journal, contract: &Contract) -> Self {
        let mut trace = Trace::read(journal, contract);
        let cases = Cases::divide(&mut trace);
        let classes = Classes::discover(&trace);
        let aliases = Aliases::find(&trace, &classes);
        aliases.settle(&mut trace, &classes);
        let auth = auth::Auth::find(&trace, &classes);
        let viewer_fields = viewer_fields(&trace, &classes, &auth);
        let mut past = Past::replay(&trace, &classes, &auth, &viewer_fields);
        let facts = Facts {
            trace: &trace,
            classes: &classes,
            past: &past,
            viewer_fields: &viewer_fields,
            token_fields: &auth.token_fields,
            auth: &auth,
        };
        let id_rules = plans::id_rules(&facts);
        let mut rules: HashMap<String, Rule> = (0..trace.endpoints.len())
            .map(|endpoint| (trace.endpoints[endpoint].id.clone(), rule(&facts, &id_rules, endpoint)))
            .collect();
        share::share(&facts, &mut rules);
        let forms = auth.in_rows.iter().map(|(class, times)| (*class, leaves::token_form(&facts, times)));
        let token_forms = forms.collect();
        let strange = strange::find(journal, contract, &trace.carriers);
        let told = strange.unknown.iter().chain(strange.closed.iter().flat_map(|closed| &closed.refusals));
        let manners = Manners::learn(&trace, told.map(|rule| &rule.sample));
        let bonds = children::find(&facts);
        let missed = children::settle(&facts, &bonds);
        children::apply(&mut past.world, &bonds, missed);
        Self {
            unknown_path: strange.unknown,
            closed: strange.closed,
            door: auth.door,
            cases,
            world: past.world,
            rules,
            id_rules,
            manners,
            bonds,
            aliases,
            token_forms,
            token_fields: auth.token_fields,
            viewer_fields,
            endpoints: trace.endpoints.iter().enumerate().map(|(at, place)| (place.id.clone(), at)).collect(),
            carriers: trace.carriers,
            classes,
        }
    }

    /// How many rows of how many classes were found, for logs.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.classes.all.len(), self.world.tables.iter().map(|table| table.rows.len()).sum())
    }
}

/// What all miners look at.
struct Facts<'t> {
    trace: &'t Trace,
    classes: &'t Classes,
    past: &'t Past,
    viewer_fields: &'t BTreeSet<FieldId>,
    token_fields: &'t BTreeSet<FieldId>,
    auth: &'t auth::Auth,
}

impl Facts<'_> {
    /// What the calls of an endpoint were about.
    fn events(&self, endpoint: usize) -> impl Iterator<Item = &Event> {
        self.past.events.iter().filter(move |event| self.trace.seen[event.step].endpoint == endpoint)
    }
}

/// The row that an exchange was about (the outermost one it showed outside of lists), before and after.
struct Event {
    step: usize,
    pattern: Pattern,
    class: usize,
    key: String,
    before: Option<Arc<Row>>,
    after: Arc<Row>,
    /// Relations as they were before.
    related: BTreeMap<(usize, String), bool>,
    /// What the row showed afterwards, where its own answer did not show all of it.
    shown: Option<Map<String, Value>>,
    /// The call for this row alone, where one call wrote several.
    call: Option<Box<Call>>,
}

/// The replayed trace: what was known before each exchange, and what each one changed.
struct Past {
    world: World,
    events: Vec<Event>,
    /// Further rows that answers showed outside of lists, beside the one they were about.
    beside: Vec<Event>,
    /// Per exchange: for each path parameter with a class, whether that row was known.
    known: Vec<Vec<Option<bool>>>,
    callers: Vec<Option<String>>,
    lists: lists::Probes,
    causes: refusals::Probes,
}

impl Past {
    fn replay(trace: &Trace, classes: &Classes, auth: &auth::Auth, viewer_fields: &BTreeSet<FieldId>) -> Self {
        let token_fields = &auth.token_fields;
        let mut world = World::new(classes);
        world.sessions = Arc::new(auth.sessions.clone());
        let mut past = Self {
            lists: lists::Probes::new(trace, classes, viewer_fields),
            causes: refusals::Probes::new(trace, classes),
            events: vec![],
            beside: vec![],
            known: vec![],
            callers: vec![],
            world: World::default(),
        };
        for (class, like) in tags(trace, classes) {
            world.table_mut(class).tag_like = Some(like);
        }
        let mut aftermath = aftermath::Aftermath::default();
        let last_shown = last_shown(trace, classes);
        for (step, seen) in trace.seen.iter().enumerate() {
            forget_missing(&mut world, step, seen, classes, &last_shown);
            let who = caller(&world, &auth.door, &seen.call);
            let known = classes.params[seen.endpoint].iter().zip(&seen.call.params);
            past.known.push(
                known.map(|(class, key)| class.map(|class| world.tables[class].rows.contains_key(key))).collect(),
            );
            past.causes.look(step, seen, &world, classes, who.as_deref());
            let relations = (seen.call.method != "GET").then(|| world.relations.clone());
            let is_outer = |shown: &&Shown<'_>| {
                !shown.pattern.has_each()
                    && classes.is_outer(&SiteId { endpoint: seen.endpoint, pattern: shown.pattern.clone() })
            };
            aftermath.write(step, seen, &world, classes, who.as_deref());
            let shown = world.observe(seen, classes, viewer_fields, who.as_deref());
            for beside in shown.iter().filter(is_outer).skip(1) {
                let after = world.tables[beside.class].rows.get(&beside.key).cloned().unwrap_or_default();
                past.beside.push(Event {
                    step,
                    pattern: beside.pattern.clone(),
                    class: beside.class,
                    key: beside.key.clone(),
                    before: beside.before.clone(),
                    after,
                    related: BTreeMap::new(),
                    shown: None,
                    call: None,
                });
            }
            if let Some(outer) = shown.iter().find(is_outer) {
                let created = outer.before.is_none() && seen.call.method != "GET";
                settle(&mut world, outer, seen, created, who.as_deref(), token_fields);
                let after = world.tables[outer.class].rows.get(&outer.key).cloned().unwrap_or_default();
                let related = relations.map(|all| membership(&all, who.as_deref(), outer)).unwrap_or_default();
                past.events.push(Event {
                    step,
                    pattern: outer.pattern.clone(),
                    class: outer.class,
                    key: outer.key.clone(),
                    before: outer.before.clone(),
                    after,
                    related,
                    shown: None,
                    call: None,
                });
                if seen.call.method != "GET" {
                    aftermath.explained(step, &(outer.class, outer.key.clone()), past.events.len() - 1);
                }
            }
            past.events.extend(bulk::events(step, seen, &shown, classes, &mut world, who.as_deref()));
            aftermath.look(step, &shown, trace, &mut world, &mut past.events);
            bulk::forget(seen, &shown, &trace.endpoints, classes, &mut world);
            past.lists.look(step, seen, &world, classes, who.as_deref());
            forget_deleted(&mut world, seen, &trace.endpoints[seen.endpoint], classes);
            if auth.ends.contains(&seen.endpoint)
                && let Some(credential) = seen.call.credential.as_ref().filter(|_| seen.status < 400)
            {
                Arc::make_mut(&mut world.sessions).remove(credential);
            }
            past.callers.push(who);
        }
        past.events.sort_by_key(|event| event.step);
        past.world = world;
        past
    }

    /// A row as it was right before an exchange; as it was first seen, if that came later.
    fn before(&self, id: &RowId, step: usize) -> Option<&Row> {
        let mut own = self.events.iter().filter(|event| event.class == id.0 && event.key == id.1).peekable();
        let first = own.peek().copied();
        let last = own.take_while(|event| event.step < step).last().or(first);
        last.map(|event| event.after.as_ref()).or_else(|| self.world.row(id))
    }

    /// The rows of a class, those that writes made and others removed included.
    fn ever(&self, class: usize) -> impl Iterator<Item = &Row> {
        let events = self.events.iter().filter(move |event| event.class == class).map(|event| event.after.as_ref());
        self.world.tables[class].rows.values().map(AsRef::as_ref).chain(events)
    }

    /// The fields of a class that may name other rows: those that embed one, and plain values.
    fn references_of(&self, class: usize) -> BTreeSet<String> {
        let embedded = self.ever(class).flat_map(|row| row.refs.keys());
        let plain = |(_, value): &(&String, &Value)| super::value::key_text(value).is_some();
        let fields = self.ever(class).flat_map(|row| row.fields.iter().filter(plain).map(|(name, _)| name));
        embedded.chain(fields).cloned().collect()
    }

    /// The fields, shown and hidden, that rows of a class have.
    fn fields_of(&self, class: usize) -> BTreeSet<String> {
        self.ever(class).flat_map(|row| row.fields.keys().chain(row.hidden.keys()).cloned()).collect()
    }
}

/// By class, an entity tag of its rows, where some call named one as a condition for a write (RFC 9110 §13.1.1).
fn tags(trace: &Trace, classes: &Classes) -> BTreeMap<usize, String> {
    let class = |seen: &Seen| classes.params[seen.endpoint].iter().rev().find_map(|class| *class);
    let named = trace.seen.iter().filter(|seen| seen.call.headers.get("if-match").is_some_and(|tag| tag != "*"));
    let named: BTreeSet<usize> = named.filter_map(class).collect();
    let tagged = trace.seen.iter().filter(|seen| seen.ok()).filter_map(|seen| {
        let tag = seen.headers.get("etag")?;
        Some((class(seen).filter(|class| named.contains(class))?, opaque(tag).to_owned()))
    });
    tagged.collect()
}

fn membership(all: &Relations, who: Option<&str>, outer: &Shown<'_>) -> BTreeMap<(usize, String), bool> {
    let Some(who) = who else { return BTreeMap::new() };
    let pair = (who.to_owned(), outer.key.clone());
    all.iter()
        .filter(|((class, _), _)| *class == outer.class)
        .map(|(id, pairs)| (id.clone(), pairs.contains(&pair)))
        .collect()
}

/// After a write: who made the row, and what was sent but is never shown.
pub(super) fn settle(
    world: &mut World,
    outer: &Shown<'_>,
    seen: &Seen,
    created: bool,
    who: Option<&str>,
    token_fields: &BTreeSet<FieldId>,
) {
    let Some(row) = world.row_mut(&(outer.class, outer.key.clone())) else { return };
    if created {
        row.created = true;
        row.owner = who.map(str::to_owned);
    }
    row.fields.retain(|field, _| !token_fields.contains(&(outer.class, field.clone())));
    plans::hide(row, seen, created);
    match seen.headers.get("etag") {
        Some(tag) => drop(row.hidden.insert(TAG.to_owned(), Value::from(opaque(tag)))),
        None if seen.call.method != "GET" => drop(row.hidden.remove(TAG)),
        None => {}
    }
}

/// A DELETE that went through on an item's own path takes the item away.
pub(super) fn forget_deleted(world: &mut World, seen: &Seen, place: &Place, classes: &Classes) {
    if place.method != "DELETE" || !seen.ok() || !place.ends_in_parameter() {
        return;
    }
    if let (Some(Some(class)), Some(key)) = (classes.params[seen.endpoint].last(), seen.call.params.last()) {
        world.table_mut(*class).remove(key);
    }
}

/// The last exchange that showed each row.
fn last_shown(trace: &Trace, classes: &Classes) -> HashMap<RowId, usize> {
    let mut out = HashMap::new();
    for (step, seen) in trace.seen.iter().enumerate().filter(|(_, seen)| seen.ok()) {
        if let Some(reply) = &seen.reply {
            each_row(reply, &Pattern::default(), seen.endpoint, classes, &mut |class, key, _| {
                out.insert((class, key), step);
            });
        }
    }
    out
}

/// A row that is not found by its own path, and is never shown again, went without a call that says so.
fn forget_missing(world: &mut World, step: usize, seen: &Seen, classes: &Classes, last_shown: &HashMap<RowId, usize>) {
    let params = &classes.params[seen.endpoint];
    let item = seen.call.params.last().is_some_and(|key| seen.call.path.ends_with(key.as_str()));
    if !matches!(seen.status, 404 | 410) || !item {
        return;
    }
    let Some((Some(class), key)) = params.iter().zip(&seen.call.params).next_back() else { return };
    let again = last_shown.get(&(*class, key.clone())).is_some_and(|last| *last > step);
    if !again && world.tables[*class].rows.contains_key(key) {
        world.table_mut(*class).remove(key);
    }
}

/// A boolean field as one answer showed it: exchange, row, who looked, value.
type Sighting = (usize, String, Option<String>, bool);
/// Takes the class, the key and the object of a row.
pub(super) type NoteRow<'a> = dyn FnMut(usize, String, &Map<String, Value>) + 'a;

/// Boolean fields that some call switches and whose value is better told by who looks than by the row alone.
fn viewer_fields(trace: &Trace, classes: &Classes, auth: &auth::Auth) -> BTreeSet<FieldId> {
    let token_fields = &auth.token_fields;
    let mut sightings: BTreeMap<FieldId, Vec<Sighting>> = BTreeMap::new();
    let mut world = World::new(classes);
    world.sessions = Arc::new(auth.sessions.clone());
    for (step, seen) in trace.seen.iter().enumerate() {
        let who = caller(&world, &auth.door, &seen.call);
        let Some(reply) = seen.reply.as_ref().filter(|_| seen.ok()) else { continue };
        let mut note = |class: usize, key: String, object: &Map<String, Value>| {
            for (field, value) in object {
                if let Some(truth) = value.as_bool().filter(|_| !token_fields.contains(&(class, field.clone()))) {
                    sightings.entry((class, field.clone())).or_default().push((step, key.clone(), who.clone(), truth));
                }
            }
        };
        each_row(reply, &Pattern::default(), seen.endpoint, classes, &mut note);
    }
    let depends = |sightings: &Vec<Sighting>| {
        let (mut by_row, mut by_viewer) = (HashMap::new(), HashMap::new());
        let (mut row_errors, mut viewer_errors, mut authors) = (0, 0, HashSet::new());
        for (step, key, who, truth) in sightings {
            authors.insert(who);
            let write = trace.seen[*step].call.method != "GET";
            let pair = (who.clone(), key.clone());
            if !write {
                row_errors += usize::from(by_row.get(key).copied().unwrap_or(*truth) != *truth);
                let told = if who.is_none() { Some(false) } else { by_viewer.get(&pair).copied() };
                viewer_errors += usize::from(told.unwrap_or(*truth) != *truth);
            }
            by_row.insert(key.clone(), *truth);
            by_viewer.insert(pair, *truth);
        }
        authors.len() > 1 && viewer_errors < row_errors
    };
    sightings.iter().filter(|(_, sightings)| depends(sightings)).map(|(field, _)| field.clone()).collect()
}

/// Calls `note` with the class, key and object of every row in an answer.
pub(super) fn each_row(value: &Value, pattern: &Pattern, endpoint: usize, classes: &Classes, note: &mut NoteRow<'_>) {
    match value {
        Value::Object(object) => {
            if let Some(class) = classes.site(endpoint, pattern)
                && let Some(key) = object.get(&classes.all[class].key).and_then(super::value::key_text)
            {
                note(class, key, object);
            }
            for (name, inner) in object.iter().filter(|(_, inner)| inner.is_object() || inner.is_array()) {
                each_row(inner, &pattern.key(name), endpoint, classes, note);
            }
        }
        Value::Array(items) => {
            let each = pattern.each();
            items
                .iter()
                .filter(|item| item.is_object())
                .for_each(|item| each_row(item, &each, endpoint, classes, note));
        }
        _ => {}
    }
}

fn rule(facts: &Facts<'_>, id_rules: &[IdRule], endpoint: usize) -> Rule {
    let place = facts.trace.endpoints[endpoint].clone();
    let status_slot = status_slot(facts, endpoint);
    let good: Vec<(usize, &Seen)> = facts.trace.of(endpoint).filter(|(_, seen)| seen.status < 400).collect();
    let status = commonest(good.iter().map(|(_, seen)| seen.status)).unwrap_or(0);
    let good: Vec<(usize, &Seen)> = good.into_iter().filter(|(_, seen)| seen.status == status).collect();
    let effect = plans::effect(facts, id_rules, endpoint);
    let mut parts = Vec::new();
    for (pattern, class) in outer_sites(facts.classes, endpoint) {
        let view = views::view(facts, endpoint, &pattern, class);
        let (path, list) = list_path(&pattern);
        if list && matches!(effect, Effect::Each { .. } | Effect::Listed { .. }) {
            parts.push((path, Part::Written(view)));
        } else if list {
            let rule = facts.past.lists.rule(facts, endpoint, &path, class, view);
            parts.push((path, Part::List(Box::new(rule))));
        } else {
            let selector = plans::selector(facts, endpoint, &pattern);
            let selector = selector.or_else(|| aggregates::selector(facts, endpoint, &pattern, class));
            let made = matches!(effect, Effect::Create { class: made, .. } if made == class);
            if selector.is_some() || made {
                parts.push((path, Part::Row { class, selector, view }));
            }
        }
    }
    parts.extend(facts.past.lists.tellings(facts, endpoint, &parts));
    let covered: Vec<Vec<String>> = parts.iter().map(|(path, _)| path.clone()).collect();
    parts.extend(aggregates::figures(facts, endpoint, &covered));
    let covered: Vec<Vec<String>> = parts.iter().map(|(path, _)| path.clone()).collect();
    let events: Vec<&Event> = facts.events(endpoint).filter(|event| !event.pattern.has_each()).collect();
    parts.extend(aftermath::fields(&events, facts.trace, facts.classes, &covered));
    let covered: Vec<Vec<String>> = parts.iter().map(|(path, _)| path.clone()).collect();
    parts.extend(copies::mine(&good, &covered));
    let covered: Vec<Vec<String>> = parts.iter().map(|(path, _)| path.clone()).collect();
    let covered = [covered, facts.auth.places(endpoint)].concat();
    parts.extend(leaves::mine(facts, endpoint, &good, &covered));
    let target = target(facts, endpoint);
    let open_world = target.map_or(0, |(_, slot)| {
        good.iter().filter(|(step, _)| facts.past.known[*step].get(slot) == Some(&Some(false))).count()
    });
    let shows_row = parts.iter().any(|(_, part)| matches!(part, Part::Row { .. }));
    Rule {
        issues: facts.auth.issues(facts, endpoint, shows_row),
        ends_session: facts.auth.ends.contains(&endpoint),
        status,
        headers: headers::mine(
            facts,
            endpoint,
            &good,
            headers::Known { parts: &parts, effect: &effect, links: facts.past.lists.links(facts, endpoint, &parts) },
        ),
        samples: match status_slot {
            Some(_) => one_of_each_status(facts, endpoint),
            None => good.iter().rev().take(MAX_SAMPLES).map(|(_, seen)| sample(seen)).collect(),
        },
        recorded: recorded(facts, endpoint),
        status_slot,
        about: refusals::class(facts, endpoint),
        refusals: refusals::mine(facts, endpoint, &parts),
        support: u32::try_from(good.len()).unwrap_or(u32::MAX),
        open_world: u32::try_from(open_world).unwrap_or(u32::MAX),
        needed: vec![],
        params: facts.classes.params[endpoint].clone(),
        effect,
        parts,
        place,
    }
}

/// The path parameter that always was the status (`/status/{code}`).
fn status_slot(facts: &Facts<'_>, endpoint: usize) -> Option<usize> {
    let slots = facts.trace.endpoints[endpoint].segments.iter().filter(|segment| segment.is_none()).count();
    let statuses: BTreeSet<u16> = facts.trace.of(endpoint).map(|(_, seen)| seen.status).collect();
    let is_status = |slot: &usize| {
        facts
            .trace
            .of(endpoint)
            .all(|(_, seen)| seen.call.params.get(*slot).is_some_and(|text| *text == seen.status.to_string()))
    };
    (0..slots).find(is_status).filter(|_| statuses.len() >= 2)
}

fn one_of_each_status(facts: &Facts<'_>, endpoint: usize) -> Vec<Sample> {
    let newest: BTreeMap<u16, &Seen> = facts.trace.of(endpoint).map(|(_, seen)| (seen.status, seen)).collect();
    newest.into_values().map(sample).collect()
}

/// The newest answer to each request, newest first. Credentials are told apart by whether there are any: no more of them is
/// known outside.
fn recorded(facts: &Facts<'_>, endpoint: usize) -> Vec<Sample> {
    let mut seen: Vec<&Seen> = facts.trace.of(endpoint).map(|(_, seen)| seen).collect();
    seen.reverse();
    let mut known = HashSet::new();
    seen.retain(|seen| {
        let call = &seen.call;
        known.insert((&call.path, &call.raw_query, &call.raw, call.headers.get("authorization").is_some()))
    });
    seen.into_iter().take(MAX_RECORDED).map(sample).collect()
}

/// The class and slot of the last path parameter that names rows.
fn target(facts: &Facts<'_>, endpoint: usize) -> Option<(usize, usize)> {
    let slots = facts.classes.params[endpoint].iter().enumerate();
    slots.rev().find_map(|(slot, class)| Some(((*class)?, slot)))
}

/// The sites of an endpoint that are not inside other sites, with their classes.
fn outer_sites(classes: &Classes, endpoint: usize) -> Vec<(Pattern, usize)> {
    let sites = classes.sites.iter().filter(|(id, _)| id.endpoint == endpoint);
    let outer = sites.filter(|(id, _)| classes.is_outer(id));
    outer.map(|(id, class)| (id.pattern.clone(), *class)).collect()
}

/// The member names up to a site; for a list, up to the array.
fn list_path(pattern: &Pattern) -> (Vec<String>, bool) {
    let names = pattern.0.iter().map_while(|step| match step {
        Step::Key(name) => Some(name.clone()),
        Step::Each => None,
    });
    (names.collect(), pattern.has_each())
}

pub(super) fn sample(seen: &Seen) -> Sample {
    Sample {
        call: seen.call.clone(),
        status: seen.status,
        headers: seen.headers.clone(),
        body: seen.reply.clone(),
        raw: seen.raw.clone(),
        whole: seen.whole,
    }
}

fn commonest<T: Ord + Copy>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut counts = BTreeMap::new();
    values.for_each(|value| *counts.entry(value).or_insert(0_usize) += 1);
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(value, _)| value)
}

/// Rows are told apart by who made them only where calls carry credentials.
fn selector_holds(facts: &Facts<'_>, event: &Event, selector: &Selector) -> bool {
    let call = &facts.trace.seen[event.step].call;
    match selector {
        Selector::Param(slot) => call.params.get(*slot) == Some(&event.key),
        Selector::Caller => facts.past.callers[event.step].as_ref() == Some(&event.key),
        Selector::Only => facts.classes.all[event.class].key.is_empty(),
        Selector::First(_) => false,
        Selector::Via { slot, class, field } => {
            let key = call.params.get(*slot).map(|param| (*class, param.clone()));
            let row = key.as_ref().and_then(|id| facts.past.before(id, event.step));
            row.and_then(|row| row.names(field)).is_some_and(|named| named == event.key)
        }
        Selector::Lookup(pairs) => {
            let (Some(body), Some(before)) = (call.sent.value(), &event.before) else { return false };
            pairs.iter().all(|(path, field)| {
                let value = super::value::at(body, path);
                value.is_some_and(|value| before.is(field, value))
            })
        }
    }
}
