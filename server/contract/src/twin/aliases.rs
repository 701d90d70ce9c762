//! Rows that a path may name by another field than their key: an article by its slug, a person by a nickname.
//!
//! Such a name is replaced by the key as soon as a call is read, recorded or live, so that nothing else has to know of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::classes::{Classes, SiteId};
use super::trace::{Call, Seen, Trace};
use super::value::{Pattern, key_text};
use super::world::{Row, World};

/// Different names that make a field a name.
const MIN_NAMES: usize = 2;
/// Share of the names that one field has to explain.
const HOLDS: f64 = 0.9;

/// By class: the fields whose values name a row as its key does.
#[derive(Debug, Default)]
pub(super) struct Aliases(BTreeMap<usize, Vec<String>>);

impl Aliases {
    pub(super) fn find(trace: &Trace, classes: &Classes) -> Self {
        let mut names: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        let mut hits: BTreeMap<(usize, &str), BTreeMap<&str, BTreeSet<String>>> = BTreeMap::new();
        let named = trace.seen.iter().filter(|seen| seen.ok()).flat_map(|seen| shown(seen, classes, true));
        for (class, object) in named {
            let Some(name) = object.name else { continue };
            names.entry(class).or_default().insert(name.to_owned());
            for (field, value) in object.fields {
                if key_text(value).as_deref() == Some(name) {
                    hits.entry((class, field)).or_default().entry(name).or_default().insert(object.key.clone());
                }
            }
        }
        let mut out = BTreeMap::new();
        for ((class, field), own) in hits {
            let all = names[&class].len();
            // What several rows have in common names something else, such as their parent.
            let unique = own.values().all(|keys| keys.len() == 1);
            if unique && own.len() >= MIN_NAMES && own.len() as f64 >= all as f64 * HOLDS {
                out.entry(class).or_insert_with(Vec::new).push(field.to_owned());
            }
        }
        Self(out)
    }

    /// Puts the keys where recorded calls have other names.
    pub(super) fn settle(&self, trace: &mut Trace, classes: &Classes) {
        let mut keys: HashMap<(usize, String), String> = HashMap::new();
        for seen in trace.seen.iter_mut().filter(|_| !self.0.is_empty()) {
            for (class, object) in shown(seen, classes, false) {
                let fields = self.0.get(&class).into_iter().flatten();
                for name in fields.filter_map(|field| key_text(object.fields.get(field)?)) {
                    keys.insert((class, name), object.key.clone());
                }
            }
            let slots = classes.params[seen.endpoint].iter().zip(&mut seen.call.params);
            for (class, param) in slots.filter_map(|(class, param)| Some(((*class)?, param))) {
                if let Some(key) = keys.get(&(class, param.clone())) {
                    param.clone_from(key);
                }
            }
        }
    }

    /// The same for a live call.
    pub(super) fn apply(&self, params: &[Option<usize>], world: &World, call: &mut Call) {
        let slots = params.iter().zip(&mut call.params).filter_map(|(class, param)| Some(((*class)?, param)));
        for (class, param) in slots {
            let (Some(fields), Some(table)) = (self.0.get(&class), world.tables.get(class)) else { continue };
            if table.rows.contains_key(param) {
                continue;
            }
            let is = |row: &Row| {
                let mut own = fields.iter().flat_map(|field| [row.fields.get(field), row.hidden.get(field)]).flatten();
                own.any(|value| key_text(value).as_deref() == Some(param.as_str()))
            };
            if let Some((key, _)) = table.rows.iter().find(|(_, row)| is(row)) {
                param.clone_from(key);
            }
        }
    }
}

/// A row that an answer shows.
struct Object<'s> {
    key: String,
    /// What the path calls it, where that is not its key.
    name: Option<&'s str>,
    fields: &'s serde_json::Map<String, serde_json::Value>,
}

/// The rows of an answer with their classes; `named` leaves out those that no parameter of the path can name.
fn shown<'s>(seen: &'s Seen, classes: &Classes, named: bool) -> Vec<(usize, Object<'s>)> {
    let mut out = Vec::new();
    let first = SiteId { endpoint: seen.endpoint, pattern: Pattern::default() };
    let own = classes.sites.range(first..).take_while(|(id, _)| id.endpoint == seen.endpoint);
    for (id, class) in own.filter(|(id, _)| !named || (!id.pattern.has_each() && classes.is_outer(id))) {
        let field = &classes.all[*class].key;
        let params = classes.params[seen.endpoint].iter().zip(&seen.call.params);
        let name = params.filter(|(of, _)| **of == Some(*class)).map(|(_, param)| param.as_str()).next_back();
        for object in seen.reply.iter().flat_map(|reply| id.pattern.all(reply)).filter_map(|value| value.as_object()) {
            if let Some(key) = object.get(field).and_then(key_text) {
                let name = name.filter(|name| *name != key);
                out.push((*class, Object { key, name, fields: object }));
            }
        }
    }
    out
}
