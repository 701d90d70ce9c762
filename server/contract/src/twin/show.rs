//! Rows as an answer shows them.

use serde_json::{Map, Value};

use super::behaviour::{Behaviour, Show, View};
use super::query::Selection;
use super::trace::Call;
use super::value::key_text;
use super::world::{Row, World};

/// What the rendering of rows depends on.
pub(super) struct Showing<'a> {
    pub(super) world: &'a World,
    pub(super) behaviour: &'a Behaviour,
    pub(super) call: &'a Call,
    pub(super) who: Option<&'a str>,
    /// What a token field shows.
    pub(super) token: Option<&'a str>,
}

/// Leaves of a shown row what the query chose.
pub(super) fn project(view: &View, selection: Option<&Selection>, shown: &mut Value) {
    let (Some(projection), Some(selection)) = (&view.projection, selection) else { return };
    let inside = projection.inside.iter().try_fold(shown, |value, name| value.get_mut(name));
    if let Some(Value::Object(object)) = inside {
        object.retain(|name, _| selection.wants(name) || projection.kept.contains(name));
    }
}

/// Share from which a field counts as always there.
const ALWAYS: f64 = 1.0;

impl Showing<'_> {
    pub(super) fn row(&self, view: &View, key: &str, row: &Row) -> Value {
        let mut out = Map::new();
        for field in &view.fields {
            if !field.when.as_ref().is_none_or(|wanted| wanted.by(self.call)) {
                continue;
            }
            let value = match &field.how {
                Show::Stored => {
                    // What was sent and is shown here only, where the answer to the write did not repeat it.
                    let own = row.fields.get(&field.name).or_else(|| row.hidden.get(&field.name));
                    own.cloned().or_else(|| self.missing(view.class, &field.name, field.share))
                }
                Show::Key => {
                    let other = || self.world.row(row.refs.get(&field.name)?).map(|other| other.key.clone());
                    row.fields.get(&field.name).cloned().or_else(other)
                }
                Show::Token => self.token.map(Value::from),
                Show::Viewer => Some(Value::Bool(self.related(view.class, &field.name, key))),
                Show::Ref(inner) => {
                    let other = row.refs.get(&field.name).and_then(|id| Some((id, self.world.row(id)?)));
                    other
                        .map(|(id, other)| self.row(inner, &id.1, other))
                        .or_else(|| row.fields.get(&field.name).cloned())
                }
                Show::Refs(inner) => {
                    let rows = row.lists.get(&field.name).map(|(class, keys)| {
                        let rows = keys.iter().filter_map(|key| Some((key, self.world.tables[*class].rows.get(key)?)));
                        Value::Array(rows.map(|(key, other)| self.row(inner, key, other)).collect())
                    });
                    rows.or_else(|| row.fields.get(&field.name).cloned())
                }
                Show::Join { view: inner, field: names } => Some(self.joined(inner, names, key)),
                Show::Via { view: inner, field: names } => {
                    let other =
                        row.names(names).and_then(|key| Some((self.world.tables[inner.class].rows.get(&key)?, key)));
                    other.map(|(other, key)| self.row(inner, &key, other))
                }
            };
            if let Some(value) = value {
                out.insert(field.name.clone(), value);
            }
        }
        if view.open {
            let known = |name: &String| view.fields.iter().any(|field| field.name == *name);
            out.extend(
                row.fields.iter().filter(|(name, _)| !known(name)).map(|(name, value)| (name.clone(), value.clone())),
            );
        }
        Value::Object(out)
    }

    fn related(&self, class: usize, field: &str, key: &str) -> bool {
        let pairs = self.world.relations.get(&(class, field.to_owned()));
        self.who.is_some_and(|who| pairs.is_some_and(|pairs| pairs.contains(&(who.to_owned(), key.to_owned()))))
    }

    fn joined(&self, view: &View, field: &str, key: &str) -> Value {
        let table = &self.world.tables[view.class];
        let own = table.rows.iter().filter(|(_, row)| row.fields.get(field).and_then(key_text).as_deref() == Some(key));
        let mut rows: Vec<_> = own.collect();
        rows.sort_by_key(|(_, row)| row.seq);
        Value::Array(rows.into_iter().map(|(key, row)| self.row(view, key, row)).collect())
    }

    /// A field that every view showed and this row does not have: as another row has it.
    fn missing(&self, class: usize, name: &str, share: f64) -> Option<Value> {
        if share < ALWAYS || self.behaviour.classes.all[class].key.is_empty() {
            return None;
        }
        let others = self.world.tables[class].rows.values().rev().take(50);
        others.filter_map(|row| row.fields.get(name)).min_by_key(|value| !value.is_null()).cloned()
    }
}
