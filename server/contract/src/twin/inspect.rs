//! What people see of the twin's state and of what it was made from.

use std::ops::Bound;

use serde_json::{Map, Value};

use super::behaviour::Sample;
use super::value::hash;
use super::world::{Row, RowId, State};
use super::{Behaviour, Headers};
use crate::{Body, Exchange, Request, Response};

/// Rows of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// The last literal of the path it was found under; unique, with a number behind it where that is needed.
    pub name: String,
    /// The field that identifies a row; empty for what there is one of.
    pub key: String,
    pub rows: usize,
    /// Rows that the twin itself wrote or deleted.
    pub changed: usize,
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    pub key: String,
    pub fields: Map<String, Value>,
    /// Embedded rows by field, as `collection/key`; lists of them as arrays.
    pub refs: Map<String, Value>,
    /// Written by the twin.
    pub changed: bool,
}

/// One recorded good answer of an endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Names it as long as it is remembered: 8 hex digits over status and content.
    pub id: String,
    pub status: u16,
    /// The path and query it answered.
    pub target: String,
    pub media_type: Option<String>,
    /// JSON as a value, anything else as text.
    pub body: Value,
}

/// Why calls of an endpoint are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub status: u16,
    /// A few words: `no credential`, `customerId is missing`.
    pub cause: String,
    /// Calls that were refused so.
    pub support: u32,
}

impl State {
    /// In the order in which they were found.
    #[must_use]
    pub fn collections(&self, behaviour: &Behaviour) -> Vec<Collection> {
        let all = names(behaviour).into_iter().zip(&behaviour.classes.all).zip(&self.world.tables).enumerate();
        all.map(|(number, ((name, class), table))| Collection {
            name,
            key: class.key.clone(),
            rows: table.rows.len(),
            changed: self.written.iter().filter(|id| id.0 == number).count(),
        })
        .collect()
    }

    /// Rows of a collection in the order of their keys, those after `after`, and whether there are more. `None`: there
    /// is no such collection.
    #[must_use]
    pub fn entities(
        &self,
        behaviour: &Behaviour,
        collection: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Option<(Vec<Entity>, bool)> {
        let names = names(behaviour);
        let class = names.iter().position(|name| name == collection)?;
        let rows = &self.world.tables.get(class)?.rows;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = rows.range::<str, _>((from, Bound::Unbounded));
        let entities = rest.by_ref().take(limit).map(|(key, row)| {
            let changed = self.written.contains(&(class, key.clone()));
            entity(key, row, &names, changed)
        });
        let entities = entities.collect();
        Some((entities, rest.next().is_some()))
    }
}

impl State {
    /// Writes a row by hand, as if a client had; without fields it is deleted. `None`: there is no such collection.
    pub fn edit(
        &mut self,
        behaviour: &Behaviour,
        collection: &str,
        key: &str,
        fields: Option<Map<String, Value>>,
    ) -> Option<()> {
        let class = names(behaviour).iter().position(|name| name == collection)?;
        let table = self.world.tables.get(class)?;
        match fields {
            Some(fields) => {
                let known = table.rows.get(key).map(|row| Row::clone(row));
                let own = behaviour.classes.all.get(class).and_then(|own| fields.get(&own.key).cloned());
                let row = known.unwrap_or_else(|| Row { key: own.unwrap_or_else(|| key.into()), ..Row::default() });
                self.world.table_mut(class).put(key.to_owned(), Row { fields, ..row });
            }
            None => self.world.table_mut(class).remove(key),
        }
        self.mark(class, key);
        self.told.clear();
        Some(())
    }
}

fn entity(key: &str, row: &Row, names: &[String], changed: bool) -> Entity {
    let place = |id: &RowId| Value::from(format!("{}/{}", names.get(id.0).map_or("", String::as_str), id.1));
    let single = row.refs.iter().map(|(field, id)| (field.clone(), place(id)));
    let lists = row.lists.iter().map(|(field, (class, keys))| {
        (field.clone(), keys.iter().map(|key| place(&(*class, key.clone()))).collect::<Value>())
    });
    Entity { key: key.to_owned(), fields: row.fields.clone(), refs: single.chain(lists).collect(), changed }
}

/// Two collections may be found under paths that end alike.
fn names(behaviour: &Behaviour) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for class in &behaviour.classes.all {
        let taken = |name: &String| names.contains(name);
        let numbered = (2..).map(|n| format!("{}-{n}", class.name));
        let name = std::iter::once(class.name.clone()).chain(numbered).find(|name| !taken(name));
        names.push(name.unwrap_or_default());
    }
    names
}

impl Behaviour {
    /// The good answers of an endpoint that are remembered, newest first.
    #[must_use]
    pub fn examples(&self, endpoint: &str) -> Vec<Example> {
        let samples = self.rules_of(endpoint).flat_map(|rule| &rule.samples);
        let mut examples: Vec<Example> = Vec::new();
        for sample in samples {
            let example = example(sample);
            if examples.iter().all(|known| known.id != example.id) {
                examples.push(example);
            }
        }
        examples
    }

    /// By status, the commonest first.
    #[must_use]
    pub fn refusals(&self, endpoint: &str) -> Vec<Refused> {
        let mut told: Vec<Refused> = Vec::new();
        for rule in self.rules_of(endpoint).flat_map(|rule| &rule.refusals) {
            let (status, cause) = (rule.sample.status, rule.cause.to_string());
            match told.iter_mut().find(|known| known.status == status && known.cause == cause) {
                Some(known) => known.support += rule.support,
                None => told.push(Refused { status, cause, support: rule.support }),
            }
        }
        told.sort_by_key(|refusal| (refusal.status, std::cmp::Reverse(refusal.support)));
        told
    }

    /// The exchanges of an endpoint that are remembered whole, in no certain order, and refusals of other endpoints that the twin
    /// gives here. Of an exchange only its messages and when it came are told.
    pub(crate) fn remembered(&self, endpoint: &str) -> impl Iterator<Item = Exchange> {
        let samples = self.rules_of(endpoint).flat_map(|rule| {
            let refusals = rule.refusals.iter().map(|refusal| &refusal.sample);
            rule.recorded.iter().chain(refusals)
        });
        samples.filter(|sample| sample.whole).map(exchange)
    }

    pub(super) fn sample(&self, endpoint: &str, id: &str) -> Option<&Sample> {
        self.rules_of(endpoint).flat_map(|rule| &rule.samples).find(|sample| example_id(sample) == id)
    }
}

fn example_id(sample: &Sample) -> String {
    let all = hash(&[&sample.status.to_string(), &String::from_utf8_lossy(&sample.raw)]);
    format!("{:08x}", all >> 32)
}

fn exchange(sample: &Sample) -> Exchange {
    let call = &sample.call;
    let mark = if call.raw_query.is_empty() { "" } else { "?" };
    Exchange {
        id: 0,
        received_at_ms: call.at_ms,
        latency_us: 0,
        request: Request {
            method: call.method.clone(),
            target: [&call.path, mark, &call.raw_query].concat(),
            headers: call.headers.clone(),
            body: Body { bytes: call.raw.clone(), truncated: false },
        },
        response: Response {
            status: sample.status,
            headers: sample.headers.clone(),
            body: Body { bytes: sample.raw.clone(), truncated: false },
        },
    }
}

fn example(sample: &Sample) -> Example {
    let query: Vec<String> = sample.call.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let target = [sample.call.path.as_str(), if query.is_empty() { "" } else { "?" }, &query.join("&")].concat();
    let text = || Value::from(String::from_utf8_lossy(&sample.raw).into_owned());
    Example {
        id: example_id(sample),
        status: sample.status,
        target,
        media_type: Headers::media_type(&sample.headers),
        body: sample.body.clone().unwrap_or_else(text),
    }
}
