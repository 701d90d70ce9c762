//! How the twin's collections hang together: what is embedded, and which fields hold another one's keys.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use understudy_contract::twin::Entity;
use understudy_types::TwinLink;

use crate::handles::Handles;

/// Rows of a collection that are looked at.
const ROWS: usize = 500;

pub(super) fn links(handles: &Handles) -> Vec<TwinLink> {
    let (state, behaviour) = handles.twin_state();
    let rows = |name: &str| state.entities(&behaviour, name, None, ROWS).map(|(rows, _)| rows).unwrap_or_default();
    let all: BTreeMap<String, Vec<Entity>> =
        state.collections(&behaviour).into_iter().map(|known| (known.name.clone(), rows(&known.name))).collect();
    let mut found: Vec<TwinLink> = all.iter().flat_map(|(from, rows)| of(from, rows, &all)).collect();
    found.sort_by(|a, b| (&a.from, &a.field).cmp(&(&b.from, &b.field)));
    found
}

fn of(from: &str, rows: &[Entity], all: &BTreeMap<String, Vec<Entity>>) -> Vec<TwinLink> {
    let link = |(field, to): (String, String)| TwinLink { from: from.to_owned(), field, to };
    let embedded =
        rows.iter().flat_map(|row| row.refs.iter().filter_map(|(field, to)| Some((field.clone(), target(to)?))));
    let mut pairs: BTreeSet<(String, String)> = embedded.collect();
    let names: BTreeSet<&String> = rows.iter().flat_map(|row| row.fields.keys()).collect();
    for name in names {
        let keys = values(rows, name);
        let to = all.iter().find(|(to, others)| names_one(name, to) && !keys.is_empty() && knows(others, &keys));
        pairs.extend(to.map(|(to, _)| (name.clone(), to.clone())));
    }
    pairs.into_iter().map(link).collect()
}

/// The collection of `authors/7`, or of the first of several.
fn target(place: &Value) -> Option<String> {
    let first = place.as_array().map_or(Some(place), |places| places.first())?;
    first.as_str()?.rsplit_once('/').map(|(collection, _)| collection.to_owned())
}

fn values(rows: &[Entity], name: &str) -> BTreeSet<String> {
    let text = |fields: &Map<String, Value>| match fields.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    rows.iter().filter_map(|row| text(&row.fields)).collect()
}

/// Whether `authorId`, `author_id` or `author` may name one of `authors`.
fn names_one(field: &str, collection: &str) -> bool {
    let fold =
        |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let (field, collection) = (fold(field), fold(collection));
    let one = match collection.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => collection.strip_suffix('s').unwrap_or(&collection).to_owned(),
    };
    let rest = field.strip_prefix(&one);
    !one.is_empty() && rest.is_some_and(|rest| ["", "id", "key", "slug", "uuid", "ref"].contains(&rest))
}

/// Most of the keys are there; some rows may never have been seen.
fn knows(rows: &[Entity], keys: &BTreeSet<String>) -> bool {
    let known = rows.iter().filter(|row| keys.contains(&row.key)).count();
    known > 0 && known * 2 >= keys.len().min(rows.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entity(key: &str, fields: Value) -> Entity {
        let fields = fields.as_object().cloned().unwrap_or_default();
        Entity { key: key.into(), fields, refs: Map::new(), changed: false }
    }

    #[test]
    fn a_field_is_told_by_its_name_and_its_values() {
        for (field, collection, expected) in [
            ("authorId", "authors", true),
            ("author_id", "authors", true),
            ("category", "categories", true),
            ("authority", "authors", false),
            ("pages", "authors", false),
        ] {
            assert_eq!(names_one(field, collection), expected, "{field} of {collection}");
        }
        let books = vec![entity("1", json!({"authorId": 2, "bookId": 9})), entity("2", json!({"authorId": 3}))];
        let authors = vec![entity("2", json!({})), entity("3", json!({}))];
        let all = BTreeMap::from([("books".to_owned(), books), ("authors".to_owned(), authors)]);
        let found = of("books", &all["books"], &all);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].field.as_str(), found[0].to.as_str()), ("authorId", "authors"));
    }

    #[test]
    fn what_is_embedded_is_a_link() {
        assert_eq!(target(&json!("authors/7")).as_deref(), Some("authors"));
        assert_eq!(target(&json!(["tags/a", "tags/b"])).as_deref(), Some("tags"));
        assert_eq!(target(&json!(4)), None);
    }
}
