//! Which fields of a row each position of each endpoint's answers shows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::Facts;
use crate::twin::behaviour::{Projection, Show, View, ViewField, Wanted};
use crate::twin::query::{Question, Selection};
use crate::twin::trace::Call;
use crate::twin::value::{Pattern, Step, key_text};

/// Objects looked at for one view.
const MAX_OBJECTS: usize = 500;

type Objects<'t> = Vec<(&'t Map<String, Value>, &'t Call)>;

/// The view that a site gives of its class.
pub(super) fn view(facts: &Facts<'_>, endpoint: usize, pattern: &Pattern, class: usize) -> View {
    let mut objects = Objects::new();
    for (_, seen) in facts.trace.of(endpoint).filter(|(_, seen)| seen.ok()) {
        if let Some(reply) = &seen.reply {
            descend(reply, &pattern.0, &mut |object| objects.push((object, &seen.call)));
        }
        if objects.len() >= MAX_OBJECTS {
            break;
        }
    }
    of_objects(facts, endpoint, pattern, class, &objects)
}

fn of_objects(facts: &Facts<'_>, endpoint: usize, pattern: &Pattern, class: usize, objects: &Objects<'_>) -> View {
    let selected = |call: &Call| Selection::of(&Question::of(call));
    let (chosen, whole): (Vec<_>, Vec<_>) =
        objects.iter().copied().map(|(object, call)| (object, call, selected(call))).partition(|(.., s)| s.is_some());
    let whole: Objects<'_> = whole.into_iter().map(|(object, call, _)| (object, call)).collect();
    let chosen: Vec<_> = chosen.into_iter().filter_map(|(object, _, selection)| Some((object, selection?))).collect();
    let projection = projection(&chosen, &whole);
    // Objects that the query thinned out say nothing about those it did not.
    let objects = if projection.is_some() { &whole } else { objects };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut order: Vec<&str> = Vec::new();
    for (object, _) in objects {
        for name in object.keys() {
            let count = counts.entry(name).or_insert(0);
            if *count == 0 {
                order.push(name);
            }
            *count += 1;
        }
    }
    let all = objects.len().max(1);
    let fields = order.into_iter().flat_map(|name| {
        let share = counts[name] as f64 / all as f64;
        let field = |when, how| ViewField { name: name.to_owned(), share, when, how };
        let how = show(facts, endpoint, pattern, class, name, objects);
        let asked = |is: fn(&Value) -> bool| asked_for(objects, name, is);
        match how {
            // A key that gives way to the row it names.
            Show::Ref(view) | Show::Via { view, .. }
                if objects.iter().any(|(o, _)| o.get(name).is_some_and(is_key)) =>
            {
                let row =
                    asked(Value::is_object).map(|when| field(Some(when), Show::Via { view, field: name.to_owned() }));
                std::iter::once(field(None, Show::Key)).chain(row).collect::<Vec<_>>()
            }
            how => vec![field(if share < 1.0 { asked(|_| true) } else { None }, how)],
        }
    });
    let fields: Vec<ViewField> = fields.collect();
    let open = fields.iter().any(|field| field.share < 0.95 && field.when.is_none());
    View { class, fields, open, projection }
}

/// What naming the fields to show does: of the row, or of an object in it, only these are left and some that always are.
fn projection(chosen: &[(&Map<String, Value>, Selection)], whole: &Objects<'_>) -> Option<Projection> {
    let (first, _) = chosen.first()?;
    let (full, _) = whole.first()?;
    let nested = first.iter().filter(|(_, value)| value.is_object()).map(|(name, _)| vec![name.clone()]);
    let insides = std::iter::once(vec![]).chain(nested);
    insides.into_iter().find_map(|inside| {
        let within = |object| at_path(object, &inside);
        let mut kept: Option<BTreeSet<String>> = None;
        for (object, selection) in chosen {
            let unasked = within(object)?.keys().filter(|name| !selection.wants(name)).cloned().collect();
            kept = Some(kept.map_or_else(|| BTreeSet::clone(&unasked), |kept| &kept & &unasked));
        }
        let kept = kept?;
        let holds = chosen.iter().all(|(object, selection)| {
            within(object).is_some_and(|own| own.keys().all(|name| selection.wants(name) || kept.contains(name)))
        });
        let thins = within(full)?.keys().any(|name| !within(first).is_some_and(|own| own.contains_key(name)));
        (holds && thins).then_some(Projection { inside, kept })
    })
}

fn at_path<'m>(object: &'m Map<String, Value>, path: &[String]) -> Option<&'m Map<String, Value>> {
    path.iter().try_fold(object, |object, name| object.get(name)?.as_object())
}

fn is_key(value: &Value) -> bool {
    key_text(value).is_some()
}

/// What in the query brings a field into the answer: it is there, and as wanted, exactly when it is asked for.
fn asked_for(objects: &Objects<'_>, name: &str, is: fn(&Value) -> bool) -> Option<Wanted> {
    let there = |object: &Map<String, Value>| object.get(name).is_some_and(is);
    let (_, first) = objects.iter().find(|(object, _)| there(object))?;
    let exact = |wanted: &Wanted| objects.iter().all(|(object, call)| there(object) == wanted.by(call));
    let of = |(param, value): &(String, String), word: bool| Wanted {
        name: param.clone(),
        value: if word { name.to_owned() } else { value.clone() },
        word,
    };
    // Other words beside it may ask for other things.
    first.query.iter().map(|pair| of(pair, true)).chain(first.query.iter().map(|pair| of(pair, false))).find(exact)
}

fn show(
    facts: &Facts<'_>,
    endpoint: usize,
    pattern: &Pattern,
    class: usize,
    name: &str,
    objects: &Objects<'_>,
) -> Show {
    let id = (class, name.to_owned());
    if facts.token_fields.contains(&id) {
        return Show::Token;
    }
    if facts.viewer_fields.contains(&id) {
        return Show::Viewer;
    }
    let inner = pattern.key(name);
    if let Some(other) = facts.classes.site(endpoint, &inner) {
        let parts: Objects<'_> =
            objects.iter().filter_map(|(o, call)| Some((o.get(name)?.as_object()?, *call))).collect();
        let view = of_objects(facts, endpoint, &inner, other, &parts);
        let key = &facts.classes.all[other].key;
        // A field of the row that names the embedded row says it for rows that were never seen with it, too.
        return field_naming(objects, name, key).map_or(Show::Ref(view.clone()), |field| Show::Via { view, field });
    }
    let each = inner.each();
    if let Some(other) = facts.classes.site(endpoint, &each) {
        let items = objects
            .iter()
            .flat_map(|(o, call)| o.get(name).and_then(Value::as_array).into_iter().flatten().map(move |i| (i, *call)));
        let parts: Objects<'_> = items.filter_map(|(item, call)| Some((item.as_object()?, call))).collect();
        let view = of_objects(facts, endpoint, &each, other, &parts);
        let field = field_naming_owner(objects, name, &facts.classes.all[class].key);
        return field.map_or(Show::Refs(view.clone()), |field| Show::Join { view, field });
    }
    Show::Stored
}

/// The scalar field of the row that equals the key of the row embedded under `name`.
fn field_naming(objects: &Objects<'_>, name: &str, key: &str) -> Option<String> {
    let with: Vec<_> =
        objects.iter().filter_map(|(object, _)| Some((*object, key_text(object.get(name)?.get(key)?)?))).collect();
    let (first, _) = with.first()?;
    let names_it =
        |field: &&String| with.iter().all(|(object, key)| object.get(*field).and_then(key_text).as_ref() == Some(key));
    first.keys().find(names_it).cloned()
}

/// The field of the rows listed under `name` that equals the key of the row they stand in.
fn field_naming_owner(objects: &Objects<'_>, name: &str, key: &str) -> Option<String> {
    let mut candidates: Option<Vec<String>> = None;
    for (object, _) in objects {
        let owner = object.get(key).and_then(key_text)?;
        for item in object.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object) {
            let fits = |field: &String| item.get(field).and_then(key_text).as_ref() == Some(&owner);
            candidates = Some(match candidates {
                None => item.keys().filter(|field| fits(field)).cloned().collect(),
                Some(left) => left.into_iter().filter(fits).collect(),
            });
        }
    }
    candidates?.into_iter().next()
}

/// Calls `found` with every object at a pattern.
pub(super) fn descend<'v>(value: &'v Value, steps: &[Step], found: &mut dyn FnMut(&'v Map<String, Value>)) {
    match (steps.split_first(), value) {
        (None, Value::Object(object)) => found(object),
        (Some((Step::Key(name), rest)), Value::Object(object)) => {
            if let Some(inner) = object.get(name) {
                descend(inner, rest, found);
            }
        }
        (Some((Step::Each, rest)), Value::Array(items)) => items.iter().for_each(|item| descend(item, rest, found)),
        _ => {}
    }
}
