//! The entities of the twin: rows in tables, relations between callers and rows, sessions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Behaviour;
use super::behaviour::Bond;
use super::classes::{Classes, SiteId};
use super::told::Told;
use super::trace::Seen;
use super::value::{Pattern, hash, key_text, same_shape};

/// For a field of a class, the pairs of a caller and a row's key.
pub(super) type Relations = BTreeMap<(usize, String), BTreeSet<(String, String)>>;
/// A field of a class.
pub(super) type FieldId = (usize, String);
/// Valid credentials, with the account each stands for where that is known.
pub(super) type Sessions = BTreeMap<String, Option<RowId>>;
/// A row by class and key.
pub(super) type RowId = (usize, String);

/// The entities of the twin. Starts as the journal left them; the twin's own answers change it.
#[derive(Debug, Clone, Default)]
pub struct State {
    pub(super) world: World,
    /// Answers given, so that equal requests that create something do not get equal ids.
    pub(super) answers: u64,
    /// Rows that only the twin wrote, and keys that only the twin deleted.
    pub(super) written: BTreeSet<RowId>,
    pub(super) told: Told,
}

impl State {
    /// The state the API was left in at the end of the journal.
    #[must_use]
    pub fn initial(behaviour: &Behaviour) -> Self {
        Self { world: behaviour.world.clone(), ..Self::default() }
    }

    /// Takes over a newer behaviour: what the API showed meanwhile wins, what only the twin wrote stays.
    ///
    /// Classes are known by name and key here, since their numbers may differ between two minings.
    pub fn rebase(&mut self, behaviour: &Behaviour, previous: &Behaviour) {
        self.told.clear();
        let number = |class: usize| {
            let old = previous.classes.all.get(class)?;
            behaviour.classes.all.iter().position(|new| new.name == old.name && new.key == old.key)
        };
        let mut world = behaviour.world.clone();
        let mut written = BTreeSet::new();
        for (class, key) in &self.written {
            let Some(new) = number(*class) else { continue };
            match self.world.tables[*class].rows.get(key) {
                Some(row) => world.table_mut(new).put(key.clone(), Row::clone(row)),
                None => world.table_mut(new).remove(key),
            }
            written.insert((new, key.clone()));
        }
        Arc::make_mut(&mut world.sessions).extend(self.world.sessions.iter().filter_map(|(token, session)| {
            let owner = session.as_ref().and_then(|(class, key)| Some((number(*class)?, key.clone())));
            Some((token.clone(), owner)).filter(|(token, _)| !behaviour.world.sessions.contains_key(token))
        }));
        for ((class, field), pairs) in self.world.relations.iter() {
            if let Some(new) = number(*class) {
                Arc::make_mut(&mut world.relations)
                    .entry((new, field.clone()))
                    .or_default()
                    .extend(pairs.iter().cloned());
            }
        }
        self.world = world;
        self.written = written;
    }

    /// Notes that the twin wrote or deleted a row.
    pub(super) fn mark(&mut self, class: usize, key: &str) {
        self.written.insert((class, key.to_owned()));
    }
}

/// Shared and copied on write: a copy of the whole world costs a few counters, so mining can keep one per exchange.
#[derive(Debug, Clone, Default)]
pub(super) struct World {
    pub(super) tables: Vec<Arc<Table>>,
    /// For a viewer-dependent field of a class: the callers for whom it is true, with the row.
    pub(super) relations: Arc<Relations>,
    pub(super) sessions: Arc<Sessions>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub(super) rows: BTreeMap<String, Arc<Row>>,
    pub(super) next_seq: u64,
    /// The largest whole-number key that was ever seen.
    pub(super) top: i64,
    /// The largest whole number that each field ever held.
    pub(super) tops: BTreeMap<String, i64>,
    /// Keys that were deleted.
    pub(super) gone: BTreeSet<String>,
    /// What an entity tag of a row looks like, where clients name versions by it.
    pub(super) tag_like: Option<String>,
}

/// Where a row keeps the entity tag that the API gave it, among what is never shown.
pub(super) const TAG: &str = "\u{e020}tag";

impl Table {
    /// The entity tag of a row, without its marks: the API's own as long as the row is as the API showed it, after that one
    /// that follows from the fields.
    pub(super) fn tag(&self, row: &Row) -> Option<String> {
        let like = self.tag_like.as_ref()?;
        let own = row.hidden.get(TAG).and_then(Value::as_str).map(str::to_owned);
        own.or_else(|| {
            let fields = serde_json::to_string(&row.fields).unwrap_or_default();
            Some(same_shape(like, hash(&[&row.key.to_string(), &fields])))
        })
    }

    pub(super) fn put(&mut self, key: String, mut row: Row) {
        if let Some(n) = row.key.as_i64() {
            self.top = self.top.max(n);
        }
        for (field, value) in &row.fields {
            if let Some(n) = value.as_i64() {
                match self.tops.get_mut(field) {
                    Some(top) => *top = n.max(*top),
                    None => drop(self.tops.insert(field.clone(), n)),
                }
            }
        }
        if !self.rows.contains_key(&key) {
            row.seq = self.next_seq;
            self.next_seq += 1;
        }
        self.gone.remove(&key);
        self.rows.insert(key, Arc::new(row));
    }

    /// Moves a row to another key; it keeps its place in the order of creation.
    pub(super) fn rename(&mut self, old: &str, new: &str) {
        if let Some(row) = self.rows.remove(old) {
            self.gone.insert(old.to_owned());
            self.rows.insert(new.to_owned(), row);
        }
    }

    pub(super) fn remove(&mut self, key: &str) {
        self.rows.remove(key);
        self.gone.insert(key.to_owned());
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) key: Value,
    /// What the API shows of it, embedded rows and viewer-dependent fields left out.
    pub(super) fields: Map<String, Value>,
    /// Embedded rows of other classes, by field.
    pub(super) refs: BTreeMap<String, RowId>,
    /// Lists of embedded rows, by field.
    pub(super) lists: BTreeMap<String, (usize, Vec<String>)>,
    /// What was sent to create or change it and is never shown (passwords), or shown otherwise (their hashes), by member name.
    pub(super) hidden: BTreeMap<String, Value>,
    /// The path parameters of the request that created or listed it.
    pub(super) parents: Vec<String>,
    /// Who created it.
    pub(super) owner: Option<String>,
    /// Its creation was seen.
    pub(super) created: bool,
    /// Order of creation within its table.
    pub(super) seq: u64,
}

impl Row {
    /// Whether a field has this value, as it is shown or as it was sent.
    pub(super) fn is(&self, field: &str, value: &Value) -> bool {
        self.fields.get(field) == Some(value) || self.hidden.get(field) == Some(value)
    }

    /// Whether answers show a member of this name.
    pub(super) fn shows(&self, name: &str) -> bool {
        self.fields.contains_key(name) || self.refs.contains_key(name) || self.lists.contains_key(name)
    }

    /// Moves a whole number that is there.
    pub(super) fn add(&mut self, field: &str, by: i64) {
        if let Some(value) = self.fields.get_mut(field)
            && let Some(number) = value.as_i64()
        {
            *value = Value::from(number.saturating_add(by));
        }
    }

    /// The key that a field has, of an embedded row or as a value.
    pub(super) fn names(&self, field: &str) -> Option<String> {
        let embedded = self.refs.get(field).map(|(_, key)| key.clone());
        embedded.or_else(|| self.fields.get(field).or_else(|| self.hidden.get(field)).and_then(key_text))
    }
}

/// One row shown by an answer.
#[derive(Debug)]
pub(super) struct Shown<'s> {
    pub(super) pattern: Pattern,
    pub(super) class: usize,
    pub(super) key: String,
    /// The row as it was before; `None` when it was not known.
    pub(super) before: Option<Arc<Row>>,
    /// As the answer shows it.
    pub(super) object: &'s Map<String, Value>,
}

impl World {
    pub(super) fn new(classes: &Classes) -> Self {
        Self { tables: vec![Arc::default(); classes.all.len()], ..Self::default() }
    }

    pub(super) fn row(&self, id: &RowId) -> Option<&Row> {
        self.tables.get(id.0)?.rows.get(&id.1).map(Arc::as_ref)
    }

    /// The keys of children whose parent is gone.
    pub(super) fn orphans(&self, bond: &Bond) -> Vec<String> {
        let (parents, children) = (&self.tables[bond.parent], &self.tables[bond.child]);
        if parents.gone.is_empty() {
            return vec![];
        }
        let lost = |row: &Row| row.names(&bond.field).is_some_and(|key| parents.gone.contains(&key));
        children.rows.iter().filter(|(_, row)| lost(row)).map(|(key, _)| key.clone()).collect()
    }

    pub(super) fn table_mut(&mut self, class: usize) -> &mut Table {
        Arc::make_mut(&mut self.tables[class])
    }

    pub(super) fn row_mut(&mut self, id: &RowId) -> Option<&mut Row> {
        self.table_mut(id.0).rows.get_mut(&id.1).map(Arc::make_mut)
    }

    /// Lets everything that pointed at one row point at another.
    pub(super) fn repoint(&mut self, old: &RowId, new: &RowId) {
        for class in 0..self.tables.len() {
            let pointing = |row: &Row| row.refs.values().any(|reference| reference == old);
            if !self.tables[class].rows.values().any(|row| pointing(row)) {
                continue;
            }
            for row in self.table_mut(class).rows.values_mut().filter(|row| pointing(row)) {
                Arc::make_mut(row)
                    .refs
                    .values_mut()
                    .filter(|reference| *reference == old)
                    .for_each(|reference| reference.clone_from(new));
            }
        }
        for ((class, _), pairs) in Arc::make_mut(&mut self.relations) {
            let renamed = |name: &String, is: bool| if is && *name == old.1 { new.1.clone() } else { name.clone() };
            let account = self.sessions.values().flatten().next().is_some_and(|account| account.0 == old.0);
            *pairs = pairs.iter().map(|(who, key)| (renamed(who, account), renamed(key, *class == old.0))).collect();
        }
        for session in Arc::make_mut(&mut self.sessions).values_mut().flatten().filter(|session| *session == old) {
            session.clone_from(new);
        }
    }

    pub(super) fn relate(&mut self, class: usize, field: &str, caller: &str, key: &str, truth: bool) {
        let pairs = Arc::make_mut(&mut self.relations).entry((class, field.to_owned())).or_default();
        let pair = (caller.to_owned(), key.to_owned());
        if truth {
            pairs.insert(pair);
        } else {
            pairs.remove(&pair);
        }
    }

    /// Takes over what an answer of the API shows. Returns the rows it showed, outermost first.
    pub(super) fn observe<'s>(
        &mut self,
        seen: &'s Seen,
        classes: &Classes,
        viewer_fields: &BTreeSet<(usize, String)>,
        caller: Option<&str>,
    ) -> Vec<Shown<'s>> {
        let Some(reply) = seen.reply.as_ref().filter(|_| seen.ok()) else { return vec![] };
        let mut shown = Vec::new();
        let mut reading = Reading { world: self, classes, viewer_fields, caller, seen, shown: &mut shown };
        reading.value(reply, &Pattern::default());
        shown
    }
}

struct Reading<'a, 's> {
    world: &'a mut World,
    classes: &'a Classes,
    viewer_fields: &'a BTreeSet<(usize, String)>,
    caller: Option<&'a str>,
    seen: &'s Seen,
    shown: &'a mut Vec<Shown<'s>>,
}

impl<'s> Reading<'_, 's> {
    fn value(&mut self, value: &'s Value, pattern: &Pattern) {
        match value {
            Value::Object(object) => {
                if let Some(class) = self.classes.site(self.seen.endpoint, pattern) {
                    self.row(class, object, pattern);
                } else {
                    for (name, inner) in object.iter().filter(|(_, inner)| inner.is_object() || inner.is_array()) {
                        self.value(inner, &pattern.key(name));
                    }
                }
            }
            Value::Array(items) => {
                let each = pattern.each();
                // A list of the newest first shows them in the reverse order of creation; which it is, is found out
                // later from the order of keys. Rows met here for the first time get their place as listed.
                for item in items.iter().filter(|item| item.is_object() || item.is_array()) {
                    self.value(item, &each);
                }
            }
            _ => {}
        }
    }

    fn row(&mut self, class: usize, object: &'s Map<String, Value>, pattern: &Pattern) -> Option<String> {
        let (key_value, key) = self.key_of(class, object)?;
        let before = self.world.tables[class].rows.get(&key).cloned();
        let at = self.shown.len();
        self.shown.push(Shown { pattern: pattern.clone(), class, key: key.clone(), before: None, object });
        let mut row = before.as_deref().cloned().unwrap_or_default();
        row.key = key_value;
        // A whole answer of the item itself may have lost fields (PUT replaces); a part of a list shows only some.
        for (name, value) in object {
            let inner = pattern.key(name);
            match value {
                Value::Object(part) => match self.classes.site(self.seen.endpoint, &inner) {
                    Some(other) => {
                        if let Some(other_key) = self.row(other, part, &inner) {
                            // Shown in place of its key only because the query asks for it.
                            let own = row.fields.get(name).and_then(key_text);
                            if self.seen.call.query.is_empty() || own.is_none_or(|own| own != other_key) {
                                row.refs.insert(name.clone(), (other, other_key));
                                row.fields.shift_remove(name);
                            }
                        }
                    }
                    None => {
                        row.fields.insert(name.clone(), value.clone());
                    }
                },
                Value::Array(items) => match self.classes.site(self.seen.endpoint, &inner.each()) {
                    Some(other) => {
                        let keys = items.iter().filter_map(Value::as_object);
                        let keys = keys.filter_map(|part| self.row(other, part, &inner.each())).collect();
                        row.lists.insert(name.clone(), (other, keys));
                        row.fields.shift_remove(name);
                    }
                    None => {
                        row.fields.insert(name.clone(), value.clone());
                    }
                },
                _ if self.viewer_fields.contains(&(class, name.clone())) => self.viewer(class, name, &key, value),
                _ => {
                    row.refs.remove(name);
                    row.fields.insert(name.clone(), value.clone());
                }
            }
        }
        // What this view shows at other times and not now is gone (PUT replaces); a query may have chosen fields.
        if self.seen.call.query.is_empty()
            && let Some(fields) =
                self.classes.fields.get(&SiteId { endpoint: self.seen.endpoint, pattern: pattern.clone() })
        {
            row.fields.retain(|name, _| object.contains_key(name) || !fields.contains(name));
        }
        if row.parents.is_empty() && !self.seen.call.params.is_empty() && before.is_none() {
            row.parents.clone_from(&self.seen.call.params);
        }
        self.world.table_mut(class).put(key.clone(), row);
        self.shown[at].before = before;
        Some(key)
    }

    fn key_of(&self, class: usize, object: &Map<String, Value>) -> Option<(Value, String)> {
        match self.classes.all[class].key.as_str() {
            // One of a kind: known by the path it stands at.
            "" => {
                let key = self.seen.call.params.join("/");
                Some((Value::from(key.clone()), key))
            }
            field => {
                let value = object.get(field)?;
                Some((value.clone(), key_text(value)?))
            }
        }
    }

    fn viewer(&mut self, class: usize, field: &str, key: &str, value: &Value) {
        if let (Some(caller), Some(truth)) = (self.caller, value.as_bool()) {
            self.world.relate(class, field, caller, key, truth);
        }
    }
}
