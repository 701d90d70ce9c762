//! Which rows an answer shows: scopes, filters, order and pages, over the world as it is.

use std::borrow::Cow;
use std::cmp::Ordering;

use regex::RegexBuilder;
use serde_json::Value;

use super::behaviour::{Basic, Door, Filter, ListRule, Order, PageRole, Scope, Trust};
use super::query::{Branch, Joint, Op, Question, Reading, Style, Term, bracketed, plain, readings, said};
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
        // The name alone says who it is (RFC 7617 §2).
        _ => Some(call.basic.as_ref().map_or(credential, |(user, _)| user).clone()),
    }
}

/// The key of the row with this name and this password.
fn by_password(world: &World, basic: &Basic, name: &str, secret: &str) -> Option<String> {
    let mut rows = world.tables.get(basic.class)?.rows.iter();
    let has = |row: &Row, field: &str, text: &str| {
        let own = [row.fields.get(field), row.hidden.get(field)];
        own.into_iter().flatten().any(|value| key_text(value).as_deref() == Some(text))
    };
    let is = |row: &Row| has(row, &basic.name, name) && has(row, &basic.secret, secret);
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
    match filter {
        Filter::Field { path, op } => compares(row_value(world, row, path).as_deref(), *op, wanted),
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

/// Whether a value is as asked for; of several texts one is enough, but none may speak against a negation.
fn compares(value: Option<&Value>, op: Op, wanted: &[&str]) -> bool {
    let listed = || wanted.iter().flat_map(|text| text.split(','));
    match op {
        Op::In => listed().any(|text| value.is_some_and(|value| equals(value, text.trim()))),
        Op::NotIn => !listed().any(|text| value.is_some_and(|value| equals(value, text.trim()))),
        Op::NotEquals => !wanted.iter().any(|text| equals(value.unwrap_or(&Value::Null), text)),
        Op::Exists | Op::Lacks => {
            let there = value.is_some_and(|value| !value.is_null());
            let yes = !wanted.iter().any(|text| matches!(*text, "false" | "0" | "no"));
            there == (yes == (op == Op::Exists))
        }
        Op::Between => {
            let ends: Vec<&str> = listed().collect();
            ends.len() == 2 && compares(value, Op::AtLeast, &ends[..1]) && compares(value, Op::AtMost, &ends[1..])
        }
        Op::Said => wanted.iter().any(|text| match said(text) {
            Some((Op::Said, _)) | None => compares(value, Op::Equals, &[text]),
            Some((op, rest)) => compares(value, op, &[rest]),
        }),
        _ => wanted.iter().any(|text| compare_one(value.unwrap_or(&Value::Null), op, text)),
    }
}

fn compare_one(value: &Value, op: Op, text: &str) -> bool {
    let order = |test: fn(Ordering) -> bool| compare_text(value, text).is_some_and(test);
    let lower = || scalar_text(value).map(|own| own.to_lowercase());
    let bare = text.trim_matches(['%', '*']).to_lowercase();
    match op {
        Op::Above => order(Ordering::is_gt),
        Op::AtLeast => order(Ordering::is_ge),
        Op::Below => order(Ordering::is_lt),
        Op::AtMost => order(Ordering::is_le),
        Op::Holds => value.as_array().is_some_and(|items| items.iter().any(|item| names(text, item))),
        Op::Like => lower().is_some_and(|own| own.contains(&bare)),
        Op::StartsWith => lower().is_some_and(|own| own.starts_with(&bare)),
        Op::EndsWith => lower().is_some_and(|own| own.ends_with(&bare)),
        Op::Matches => {
            let pattern = text.trim_matches('/');
            let regex = RegexBuilder::new(pattern).case_insensitive(true).size_limit(MAX_PATTERN).build();
            scalar_text(value).is_some_and(|own| regex.is_ok_and(|regex| regex.is_match(&own)))
        }
        _ => equals(value, text),
    }
}

/// As [`names`], and `null` names null.
fn equals(value: &Value, text: &str) -> bool {
    names(text, value) || (value.is_null() && text == "null")
}

/// The most memory that a pattern a client sends may take, in bytes.
const MAX_PATTERN: usize = 64 << 10;

fn compare_text(value: &Value, text: &str) -> Option<Ordering> {
    match value {
        Value::Number(number) => number.as_f64()?.partial_cmp(&text.parse().ok()?),
        Value::String(own) => Some(own.as_str().cmp(text)),
        _ => None,
    }
}

/// A total order: nulls and absent values first, then truths, numbers by value, texts by code point, anything else.
pub(super) fn compare(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    let rank = |value: Option<&Value>| match value {
        None | Some(Value::Null) => 0,
        Some(Value::Bool(_)) => 1,
        Some(Value::Number(_)) => 2,
        Some(Value::String(_)) => 3,
        Some(Value::Array(_) | Value::Object(_)) => 4,
    };
    match (a, b) {
        (Some(Value::Number(a)), Some(Value::Number(b))) => {
            a.as_f64().unwrap_or(0.0).total_cmp(&b.as_f64().unwrap_or(0.0))
        }
        (Some(Value::String(a)), Some(Value::String(b))) => a.cmp(b),
        (Some(Value::Bool(a)), Some(Value::Bool(b))) => a.cmp(b),
        _ => rank(a).cmp(&rank(b)),
    }
}

/// One page of a list.
pub(super) struct Page<'w> {
    /// All rows before paging, in order.
    pub(super) all: Vec<(&'w str, &'w Row)>,
    /// How many rows there would be without the conditions of the query.
    pub(super) whole: usize,
    /// The number of the first row shown.
    pub(super) first: usize,
    /// Rows per page.
    pub(super) limit: Option<usize>,
}

impl<'w> Page<'w> {
    pub(super) fn total(&self) -> usize {
        self.all.len()
    }

    pub(super) fn rows(&self) -> &[(&'w str, &'w Row)] {
        let first = self.first.min(self.all.len());
        let end = self.limit.map_or(self.all.len(), |limit| first.saturating_add(limit).min(self.all.len()));
        &self.all[first..end]
    }
}

pub(super) fn page<'w>(world: &'w World, rule: &ListRule, asked: &Question<'_>, who: Option<&str>) -> Page<'w> {
    let (mut all, whole) = matching(world, rule, asked, who);
    sort(world, rule, asked, &mut all);
    let (first, limit) = window(rule, asked, &all);
    Page { all, whole, first, limit }
}

/// A condition that a call makes.
struct Condition<'q> {
    filter: Cow<'q, Filter>,
    wanted: Vec<&'q str>,
    branch: Option<&'q Branch>,
}

/// A parameter given twice asks for either value.
fn conditions<'q>(rule: &'q ListRule, asked: &'q Question<'_>) -> Vec<Condition<'q>> {
    let mut out: Vec<(&str, Condition<'q>)> = Vec::new();
    for term in &asked.terms {
        let same = |(name, condition): &&mut (&str, Condition<'q>)| {
            *name == term.name && condition.branch == term.branch.as_ref()
        };
        if let Some((_, known)) = out.iter_mut().find(same) {
            known.wanted.push(&term.value);
            continue;
        }
        let filter = match rule.filters.get(&term.name) {
            Some(filter) => Some(Cow::Borrowed(filter)),
            None if rule.conventions.is_empty() || rule.ignored.contains(&term.name) => None,
            None if role_of(&term.steps).is_some_and(|role| rule.paging.contains_key(&role.name)) => None,
            None => guessed(rule, term).map(Cow::Owned),
        };
        let branch = term.branch.as_ref();
        out.extend(filter.map(|filter| (&*term.name, Condition { filter, wanted: vec![&*term.value], branch })));
    }
    out.into_iter().map(|(_, condition)| condition).collect()
}

/// A condition that was never seen, in a spelling that was.
fn guessed(rule: &ListRule, term: &Term) -> Option<Filter> {
    let known = readings(&term.steps, &rule.fields)
        .into_iter()
        .filter(|reading| rule.conventions.contains(&reading.convention) && reading.quality >= 1.0);
    let says = rule.filters.values().any(|filter| matches!(filter, Filter::Field { op: Op::Said, .. }));
    // The operators of one spelling come likeliest first.
    let mut best: Option<Reading> = None;
    for reading in known {
        if best.as_ref().is_none_or(|best| reading.quality > best.quality) {
            best = Some(reading);
        }
    }
    let best = best?;
    let op = if best.convention.style == Style::Bare && says { Op::Said } else { best.op };
    Some(Filter::Field { path: best.path, op })
}

/// Whether all that a call says of a list is known to say something. A parameter that no read was seen with may mean
/// anything.
pub(super) fn understood(rule: &ListRule, asked: &Question<'_>) -> bool {
    asked.terms.iter().all(|term| rule.filters.contains_key(&term.name) || guessed(rule, term).is_some())
}

/// The rows of a list before order and pages, and how many there would be without the conditions of the query.
fn matching<'w>(
    world: &'w World,
    rule: &ListRule,
    asked: &Question<'_>,
    who: Option<&str>,
) -> (Vec<(&'w str, &'w Row)>, usize) {
    let Some(table) = world.tables.get(rule.class) else { return (vec![], 0) };
    let conditions = conditions(rule, asked);
    let rows = table.rows.iter().map(|(key, row)| (key.as_str(), row.as_ref()));
    let in_scope =
        |key: &str, row: &Row| rule.scopes.iter().all(|scope| in_scope(world, scope, key, row, asked.call, who));
    let mut whole = 0;
    let all = rows.filter(|(key, row)| in_scope(key, row)).inspect(|_| whole += 1);
    let all = all.filter(|(key, row)| all_pass(world, rule.class, &conditions, key, row)).collect();
    (all, whole)
}

fn all_pass(world: &World, class: usize, conditions: &[Condition<'_>], key: &str, row: &Row) -> bool {
    let passes = |condition: &Condition<'_>| passes(world, &condition.filter, class, key, row, &condition.wanted);
    let plain = conditions.iter().filter(|condition| condition.branch.is_none()).all(passes);
    plain
        && conditions.iter().filter_map(|condition| condition.branch).all(|branch| {
            let of = |nth: usize| {
                conditions.iter().filter(move |condition| {
                    condition.branch.is_some_and(|own| own.group == branch.group && own.nth == nth)
                })
            };
            let numbers = conditions.iter().filter_map(|condition| condition.branch);
            let mut numbers = numbers.filter(|own| own.group == branch.group).map(|own| own.nth);
            match branch.joint {
                Joint::Any => numbers.any(|nth| of(nth).all(passes)),
                Joint::All => numbers.all(|nth| of(nth).all(passes)),
                Joint::None => !numbers.any(|nth| of(nth).all(passes)),
            }
        })
}

/// What a term is for besides restricting rows, by its name.
pub(super) struct Role {
    /// The name up to the word that says it.
    pub(super) name: String,
    pub(super) role: PageRole,
    /// What follows that word: the field of `sort[price]=-1`.
    pub(super) rest: Vec<String>,
}

/// The part that a term plays by its name, as APIs commonly name it. What is below `where` and the like is a condition.
pub(super) fn role_of(steps: &[String]) -> Option<Role> {
    let conditional = |step: &String| matches!(plain(step).as_str(), "where" | "selector" | "query" | "conditions");
    let (last, before) = steps.split_last()?;
    if before.iter().any(conditional) {
        return None;
    }
    let name = |end: usize| bracketed(&steps[..end]);
    for (at, step) in before.iter().enumerate() {
        if let Some(role @ (PageRole::SortBy | PageRole::Select)) = page_role(step) {
            return Some(Role { name: name(at + 1), role, rest: steps[at + 1..].to_vec() });
        }
    }
    let paged = before.last().is_some_and(|step| plain(step) == "page");
    let role = match plain(last).as_str() {
        "number" if paged => PageRole::Page,
        _ => page_role(last)?,
    };
    Some(Role { name: name(steps.len()), role, rest: vec![] })
}

fn page_role(name: &str) -> Option<PageRole> {
    match plain(name).as_str() {
        "limit" | "perpage" | "pagesize" | "size" | "take" | "first" | "top" | "maxresults" | "pagelimit" | "count"
        | "itemsperpage" | "rowsperpage" | "rows" | "maxitems" | "pagelength" | "resultsperpage" | "per" => {
            Some(PageRole::Limit)
        }
        "offset" | "skip" | "start" | "startindex" | "startat" => Some(PageRole::Offset),
        "page" | "pagenumber" | "p" | "pageno" | "pageindex" | "currentpage" => Some(PageRole::Page),
        "end" => Some(PageRole::End),
        "sort" | "sortby" | "orderby" | "ordering" | "sortfield" => Some(PageRole::SortBy),
        "order" | "direction" | "dir" | "sortorder" | "sortdir" | "orderdirection" => Some(PageRole::Direction),
        "after" | "startingafter" | "startafter" | "sinceid" => Some(PageRole::After),
        "before" | "endingbefore" | "endbefore" | "maxid" => Some(PageRole::Before),
        "fields" | "select" | "projection" | "only" | "columns" | "pick" | "attributes" => Some(PageRole::Select),
        _ => None,
    }
}

/// Fields to sort by, with `true` for falling.
fn sort_keys(rule: &ListRule, asked: &Question<'_>) -> Vec<(Vec<String>, bool)> {
    let falls = |word: &str| matches!(word.to_ascii_lowercase().as_str(), "desc" | "descending" | "-1" | "down");
    let of_role = |wanted: PageRole| {
        let known = asked.terms.iter().filter_map(|term| Some((term, role_of(&term.steps)?)));
        known.filter(move |(_, role)| rule.paging.get(&role.name) == Some(&wanted))
    };
    let direction = of_role(PageRole::Direction).next().map_or("", |(term, _)| term.value.as_str());
    let mut out = Vec::new();
    for (term, role) in of_role(PageRole::SortBy) {
        if !role.rest.is_empty() {
            out.push((rule.fields.resolve(&role.rest.join(".")), falls(&term.value)));
            continue;
        }
        for (i, part) in term.value.split(',').map(str::trim).filter(|part| !part.is_empty()).enumerate() {
            let (name, sign) =
                part.strip_prefix('-').map_or((part.trim_start_matches('+'), false), |name| (name, true));
            let (name, word) = name.split_once([':', ' ']).unwrap_or((name, ""));
            let own = direction.split(',').nth(i).unwrap_or(direction);
            out.push((rule.fields.resolve(name), sign || falls(word) || falls(own)));
        }
    }
    out
}

fn sort(world: &World, rule: &ListRule, asked: &Question<'_>, rows: &mut [(&str, &Row)]) {
    order_by(world, &rule.order, rows);
    for (path, descending) in sort_keys(rule, asked).into_iter().rev() {
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

/// The first value of the term with a role.
pub(super) fn asked_by<'q>(rule: &ListRule, asked: &'q Question<'_>, wanted: PageRole) -> Option<&'q str> {
    let mut names = rule.paging.iter().filter(|(_, role)| **role == wanted);
    names.find_map(|(name, _)| asked.value(name))
}

/// The number of the first row and how many at most.
fn window(rule: &ListRule, asked: &Question<'_>, rows: &[(&str, &Row)]) -> (usize, Option<usize>) {
    let number = |wanted: PageRole| asked_by(rule, asked, wanted)?.parse::<usize>().ok();
    let (limit, offset, page) = (number(PageRole::Limit), number(PageRole::Offset), number(PageRole::Page));
    if let Some(end) = number(PageRole::End) {
        let first = offset.unwrap_or(0);
        return (first, Some(end.saturating_sub(first)));
    }
    let sizes = &rule.sizes;
    let usual = if page.is_some() { sizes.of_page.or(sizes.default).or(Some(10)) } else { sizes.default };
    let limit = limit.or(usual).map(|limit| limit.min(sizes.most.unwrap_or(usize::MAX)));
    let at = |key: &str| rows.iter().position(|(own, _)| *own == key);
    let after = asked_by(rule, asked, PageRole::After).map(|key| (key.to_owned(), false));
    let before = asked_by(rule, asked, PageRole::Before).map(|key| (key.to_owned(), true));
    let cursor = asked_by(rule, asked, PageRole::Cursor);
    let cursor = cursor.and_then(|text| rule.cursors.get(text).cloned().or_else(|| cursor::read(text)));
    if let Some((key, backwards)) = after.or(before).or(cursor) {
        return match (at(&key), backwards) {
            (Some(at), false) => (at + 1, limit),
            (Some(at), true) => {
                let first = at.saturating_sub(limit.unwrap_or(usize::MAX));
                (first, Some(at - first))
            }
            (None, _) => (rows.len(), limit),
        };
    }
    let size = limit.unwrap_or(0);
    let page = page.map(|page| page.saturating_sub(usize::from(!sizes.from_zero)));
    let page = page.map(|page| match (sizes.clamped, size) {
        (true, 1..) => page.min(rows.len().saturating_sub(1) / size),
        _ => page,
    });
    (offset.or_else(|| Some(page?.saturating_mul(size))).unwrap_or(0), limit)
}

/// Cursors that the twin gives out: the key of the row they stand at, and on which side of it they go on.
pub(super) mod cursor {
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;

    pub(in crate::twin) fn write(key: &str, backwards: bool) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(format!("{}{key}", if backwards { "<" } else { ">" }))
    }

    /// The key, and `true` where the page ends before it.
    pub(in crate::twin) fn read(text: &str) -> Option<(String, bool)> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let key = |sign: char| text.strip_prefix(sign).map(str::to_owned);
        key('>').map(|key| (key, false)).or_else(|| Some((key('<')?, true)))
    }
}

/// The row whose fields equal what the body names.
pub(super) fn looked_up(world: &World, class: usize, pairs: &[(Vec<String>, String)], call: &Call) -> Option<String> {
    let body = call.sent.value()?;
    let wanted: Vec<(&Value, &String)> =
        pairs.iter().map(|(path, field)| Some((super::value::at(body, path)?, field))).collect::<Option<_>>()?;
    let table = world.tables.get(class)?;
    let mut hits = table.rows.iter().filter(|(_, row)| wanted.iter().all(|(value, field)| row.is(field, value)));
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
