//! Which rows an answer shows: scopes, filters, order and pages, over the world as it is.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

use super::behaviour::{Basic, Door, Filter, ListRule, Order, PageRole, Scope, Trust};
use super::trace::Call;
use super::value::{key_text, names, scalar_text};
use super::world::{Row, World};

/// The account (or, without one, the credential) a call is made with; `None` for an unknown credential or none.
pub(super) fn caller(world: &World, door: &Door, call: &Call) -> Option<String> {
    let credential = call.credential.as_ref()?;
    if let (Some((name, secret)), Some(basic)) = (&call.basic, &door.basic) {
        return by_password(world, basic, name, secret);
    }
    match world.sessions.get(credential) {
        Some(Some((_, key))) => Some(key.clone()),
        None if door.trust != Trust::Any => None,
        _ => Some(credential.clone()),
    }
}

/// The key of the row with this name and this password.
fn by_password(world: &World, basic: &Basic, name: &str, secret: &str) -> Option<String> {
    let own = |row: &Row, field: &str| row.fields.get(field).or_else(|| row.hidden.get(field)).and_then(key_text);
    let mut rows = world.tables.get(basic.class)?.rows.iter();
    let is = |row: &Row| {
        own(row, &basic.name).as_deref() == Some(name) && own(row, &basic.secret).as_deref() == Some(secret)
    };
    rows.find(|(_, row)| is(row)).map(|(key, _)| key.clone())
}

/// The value at a path of a row, embedded rows included; the path to an embedded row gives its key.
pub(super) fn row_value<'w>(world: &'w World, row: &'w Row, path: &[String]) -> Option<Cow<'w, Value>> {
    let (first, rest) = path.split_first()?;
    if let Some(reference) = row.refs.get(first) {
        let other = world.row(reference)?;
        return if rest.is_empty() { Some(Cow::Borrowed(&other.key)) } else { row_value(world, other, rest) };
    }
    let value = row.fields.get(first).or_else(|| row.hidden.get(first))?;
    super::value::at(value, rest).map(Cow::Borrowed)
}

pub(super) fn in_scope(world: &World, scope: &Scope, key: &str, row: &Row, call: &Call, who: Option<&str>) -> bool {
    let related = |class: usize, field: &str, key: &str| {
        let pairs = world.relations.get(&(class, field.to_owned()));
        who.is_some_and(|who| pairs.is_some_and(|pairs| pairs.contains(&(who.to_owned(), key.to_owned()))))
    };
    match scope {
        Scope::Field { path, slot } => {
            let value = row_value(world, row, path);
            value.zip(call.params.get(*slot)).is_some_and(|(value, param)| names(param, &value))
        }
        Scope::Parent { slot } => row.parents.get(*slot).is_some() && row.parents.get(*slot) == call.params.get(*slot),
        Scope::Own => row.owner.is_some() && row.owner.as_deref() == who,
        Scope::Related { class, field } => related(*class, field, key),
        Scope::RelatedVia { class, field, reference } => {
            row.refs.get(reference).is_some_and(|(_, other)| related(*class, field, other))
        }
    }
}

pub(super) fn passes(world: &World, filter: &Filter, class: usize, key: &str, row: &Row, wanted: &[&str]) -> bool {
    let any = |test: &dyn Fn(&Value, &str) -> bool, path: &[String]| {
        row_value(world, row, path).is_some_and(|value| wanted.iter().any(|text| test(&value, text)))
    };
    match filter {
        Filter::Equals(path) => any(&|value, text| names(text, value), path),
        Filter::NotEquals(path) => !any(&|value, text| names(text, value), path),
        Filter::Contains(path) => {
            any(&|value, text| value.as_array().is_some_and(|items| items.iter().any(|item| names(text, item))), path)
        }
        Filter::Like(path) => any(
            &|value, text| scalar_text(value).is_some_and(|own| own.to_lowercase().contains(&text.to_lowercase())),
            path,
        ),
        Filter::AtLeast(path) => any(&|value, text| compare_text(value, text).is_some_and(Ordering::is_ge), path),
        Filter::AtMost(path) => any(&|value, text| compare_text(value, text).is_some_and(Ordering::is_le), path),
        Filter::RelatedTo(field) => {
            let pairs = world.relations.get(&(class, field.clone()));
            wanted.iter().any(|who| pairs.is_some_and(|pairs| pairs.contains(&((*who).to_owned(), key.to_owned()))))
        }
        Filter::Search => wanted.iter().any(|text| {
            let text = text.to_lowercase();
            row.fields.values().filter_map(Value::as_str).any(|own| own.to_lowercase().contains(&text))
        }),
    }
}

fn compare_text(value: &Value, text: &str) -> Option<Ordering> {
    match value {
        Value::Number(number) => number.as_f64()?.partial_cmp(&text.parse().ok()?),
        Value::String(own) => Some(own.as_str().cmp(text)),
        _ => None,
    }
}

/// Numbers by value, texts by code point, nulls and absent values first.
pub(super) fn compare(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    match (a, b) {
        (Some(Value::Number(a)), Some(Value::Number(b))) => {
            a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal)
        }
        (Some(Value::String(a)), Some(Value::String(b))) => a.cmp(b),
        (Some(Value::Bool(a)), Some(Value::Bool(b))) => a.cmp(b),
        (None | Some(Value::Null), None | Some(Value::Null)) => Ordering::Equal,
        (None | Some(Value::Null), _) => Ordering::Less,
        (_, None | Some(Value::Null)) => Ordering::Greater,
        _ => Ordering::Equal,
    }
}

/// One page of a list.
pub(super) struct Page<'w> {
    pub(super) rows: Vec<(&'w str, &'w Row)>,
    /// Rows before paging.
    pub(super) total: usize,
    /// Of the page: `(number of the first row, rows per page)`.
    pub(super) window: (usize, Option<usize>),
}

pub(super) fn page<'w>(world: &'w World, rule: &ListRule, call: &Call, who: Option<&str>) -> Page<'w> {
    let mut rows: Vec<(&str, &Row)> = matching(world, rule, call, who);
    sort(world, rule, call, &mut rows);
    let total = rows.len();
    let (first, limit) = window(rule, call);
    let rows = rows.into_iter().skip(first).take(limit.unwrap_or(usize::MAX)).collect();
    Page { rows, total, window: (first, limit) }
}

/// The rows of a list before order and pages.
pub(super) fn matching<'w>(
    world: &'w World,
    rule: &ListRule,
    call: &Call,
    who: Option<&str>,
) -> Vec<(&'w str, &'w Row)> {
    let Some(table) = world.tables.get(rule.class) else { return vec![] };
    // A parameter given twice asks for either value.
    let filters: Vec<(&Filter, Vec<&str>)> = rule
        .filters
        .iter()
        .filter_map(|(name, filter)| {
            let wanted: Vec<&str> = call.query.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect();
            (!wanted.is_empty()).then_some((filter, wanted))
        })
        .collect();
    let rows = table.rows.iter().map(|(key, row)| (key.as_str(), row.as_ref()));
    rows.filter(|(key, row)| {
        rule.scopes.iter().all(|scope| in_scope(world, scope, key, row, call, who))
            && filters.iter().all(|(filter, wanted)| passes(world, filter, rule.class, key, row, wanted))
    })
    .collect()
}

fn sort(world: &World, rule: &ListRule, call: &Call, rows: &mut [(&str, &Row)]) {
    order_by(world, &rule.order, rows);
    let role =
        |wanted: PageRole| rule.paging.iter().find(|(_, role)| **role == wanted).and_then(|(name, _)| call.query(name));
    let Some(by) = role(PageRole::SortBy) else { return };
    let direction = role(PageRole::Direction).unwrap_or("").to_lowercase();
    for (i, part) in by.split(',').enumerate().collect::<Vec<_>>().into_iter().rev() {
        let (name, sign) = part.strip_prefix('-').map_or((part.trim_start_matches('+'), false), |name| (name, true));
        let (name, word) = name.split_once([':', ' ']).unwrap_or((name, ""));
        let own = direction.split(',').nth(i).unwrap_or(&direction);
        let descending =
            sign || word.eq_ignore_ascii_case("desc") || own == "desc" || own == "descending" || own == "-1";
        let path: Vec<String> = name.split('.').map(str::to_owned).collect();
        rows.sort_by(|a, b| {
            let order = compare(row_value(world, a.1, &path).as_deref(), row_value(world, b.1, &path).as_deref());
            if descending { order.reverse() } else { order }
        });
    }
}

pub(super) fn order_by(world: &World, order: &Order, rows: &mut [(&str, &Row)]) {
    let by = |a: &Row, b: &Row| match order {
        Order::Created { descending: false } => a.seq.cmp(&b.seq),
        Order::Created { descending: true } => b.seq.cmp(&a.seq),
        Order::Field { path, descending } => {
            let order = compare(row_value(world, a, path).as_deref(), row_value(world, b, path).as_deref());
            // Equal times fall back on the order of creation, in the same direction.
            let order = order.then(a.seq.cmp(&b.seq));
            if *descending { order.reverse() } else { order }
        }
    };
    rows.sort_by(|a, b| by(a.1, b.1));
}

/// The number of the first row and how many at most.
pub(super) fn window(rule: &ListRule, call: &Call) -> (usize, Option<usize>) {
    let role = |wanted: PageRole| {
        let name = rule.paging.iter().find(|(_, role)| **role == wanted).map(|(name, _)| name)?;
        call.query(name)?.parse::<usize>().ok()
    };
    let limit = role(PageRole::Limit);
    let offset = role(PageRole::Offset);
    if let Some(end) = role(PageRole::End) {
        let first = offset.unwrap_or(0);
        return (first, Some(end.saturating_sub(first)));
    }
    let page = role(PageRole::Page);
    // A default page size holds where paging is in play at all.
    let limit = limit.or(rule.default_limit).or(page.map(|_| 10));
    let first = offset.or_else(|| Some(page?.saturating_sub(1) * limit.unwrap_or(0))).unwrap_or(0);
    (first, limit)
}

/// The row whose fields equal what the body names.
pub(super) fn looked_up(world: &World, class: usize, pairs: &[(Vec<String>, String)], call: &Call) -> Option<String> {
    let body = call.sent.value()?;
    let wanted: Vec<(&Value, &String)> =
        pairs.iter().map(|(path, field)| Some((super::value::at(body, path)?, field))).collect::<Option<_>>()?;
    let table = world.tables.get(class)?;
    let mut hits = table.rows.iter().filter(|(_, row)| {
        wanted.iter().all(|(value, field)| row.fields.get(*field).or_else(|| row.hidden.get(*field)) == Some(*value))
    });
    hits.next().map(|(key, _)| key.clone())
}

/// Whether a body value is the key or a field of another row.
pub(super) fn taken(world: &World, class: usize, field: &str, value: &Value, except: Option<&str>) -> bool {
    let Some(table) = world.tables.get(class) else { return false };
    let equal = |row: &Row| {
        row.fields.get(field) == Some(value) || (key_text(value).is_some() && field.is_empty() && row.key == *value)
    };
    table.rows.iter().any(|(key, row)| Some(key.as_str()) != except && equal(row))
}
