//! The field whose values a path parameter has: what the API itself calls them.

use std::collections::BTreeMap;

use crate::names;
use crate::schema::{Fields, Schema, Texts};
use crate::sketch::{Absorb, Values};
use crate::trie::Node;
use crate::view;

/// Fewer values can coincide by chance.
const ENOUGH: usize = 3;
/// So much of what a field holds must stand in paths: a parent's id is the same for many children.
const MOST: f64 = 0.75;

/// The identifying field of the answers at a parameter that has the parameter's values; `None` when there is none. Only
/// texts are compared: numbers are called `id` nearly everywhere.
pub(crate) fn field<'m>(nodes: &[&'m Node], values: &Values) -> Option<&'m str> {
    let mut found: BTreeMap<&'m str, Texts> = BTreeMap::new();
    let operations = nodes.iter().flat_map(|node| node.operations.kept.get("GET"));
    for schema in operations.flat_map(|operation| view::success_schemas(operation)) {
        let Some(objects) = &schema.objects else { continue };
        collect(&objects.fields, &mut found);
        // `{"article": {…}}`
        let inner = objects.fields.values().filter_map(|field| field.schema.objects.as_ref());
        inner.for_each(|objects| collect(&objects.fields, &mut found));
    }
    let shares = found.into_iter().filter_map(|(name, texts)| {
        let (there, all) = texts.found_in(values);
        let share = there as f64 / all.max(1) as f64;
        (there >= ENOUGH && share >= MOST).then_some((name, share))
    });
    let better = |a: &(&str, f64), b: &(&str, f64)| (a.0 == "id").cmp(&(b.0 == "id")).then(a.1.total_cmp(&b.1));
    shares.max_by(|a, b| better(a, b).then(b.0.cmp(a.0))).map(|(name, _)| name)
}

fn collect<'m>(fields: &'m Fields, found: &mut BTreeMap<&'m str, Texts>) {
    let texts = |schema: &'m Schema| schema.strings.as_ref().map(|strings| &strings.texts);
    for (name, field) in fields.iter().filter(|(name, _)| names::is_identifier(name)) {
        if let Some(texts) = texts(&field.schema) {
            found.entry(name).or_default().absorb(texts);
        }
    }
}
