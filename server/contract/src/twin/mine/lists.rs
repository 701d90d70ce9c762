//! What decides the rows of a list: scopes, filters, order, pages, totals. Every candidate is tried against the world as
//! it was when each list was answered.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use serde_json::Value;

use super::Facts;
use crate::twin::behaviour::{Filter, ListRule, Order, PageRole, Part, Scope, View};
use crate::twin::classes::Classes;
use crate::twin::select::{compare, matching, page, row_value, window};
use crate::twin::trace::{Call, Seen, Trace};
use crate::twin::value::{at, key_text, leaf_paths, scalar_text};
use crate::twin::world::{Row, World};

/// Answers kept for each endpoint and each set of query names: the newest, when most rows are known.
const MAX_OBSERVED_ALIKE: usize = 10;
/// Sets of query names told apart for each endpoint.
const MAX_QUERY_SHAPES: usize = 24;
/// Rows looked at to learn which fields there are.
const MAX_ROWS_FOR_PATHS: usize = 40;
/// Above this a candidate explains a filter.
const ENOUGH: f64 = 0.75;

/// One answered list with the world right after it.
struct Observed {
    step: usize,
    world: World,
    who: Option<String>,
}

/// Lists as they were answered, by endpoint.
pub(super) struct Probes {
    observed: HashMap<usize, BTreeMap<Vec<String>, VecDeque<Observed>>>,
    viewer_fields: BTreeSet<(usize, String)>,
}

impl Probes {
    pub(super) fn new(_: &Trace, _: &Classes, viewer_fields: &BTreeSet<(usize, String)>) -> Self {
        Self { observed: HashMap::new(), viewer_fields: viewer_fields.clone() }
    }

    /// Keeps an answer that holds an array near its root.
    pub(super) fn look(&mut self, step: usize, seen: &Seen, world: &World, _: &Classes, who: Option<&str>) {
        let Some(reply) = seen.reply.as_ref().filter(|_| seen.ok() && seen.call.method == "GET") else { return };
        let near = reply.is_array() || reply.as_object().is_some_and(|object| object.values().any(Value::is_array));
        if !near {
            return;
        }
        let mut names: Vec<String> = seen.call.query.iter().map(|(name, _)| name.clone()).collect();
        names.sort();
        let shapes = self.observed.entry(seen.endpoint).or_default();
        if shapes.len() >= MAX_QUERY_SHAPES && !shapes.contains_key(&names) {
            return;
        }
        let alike = shapes.entry(names).or_default();
        if alike.len() >= MAX_OBSERVED_ALIKE {
            alike.pop_front();
        }
        alike.push_back(Observed { step, world: world.clone(), who: who.map(str::to_owned) });
    }

    fn of(&self, endpoint: usize) -> Vec<&Observed> {
        let mut all: Vec<&Observed> =
            self.observed.get(&endpoint).into_iter().flat_map(|shapes| shapes.values().flatten()).collect();
        all.sort_by_key(|observed| observed.step);
        all
    }

    /// The rule behind the list at `path` of an endpoint's answers.
    pub(super) fn rule(
        &self,
        facts: &Facts<'_>,
        endpoint: usize,
        path: &[String],
        class: usize,
        view: View,
    ) -> Option<ListRule> {
        let key = &facts.classes.all[class].key;
        let mut answers = Vec::new();
        for observed in self.of(endpoint) {
            let seen = &facts.trace.seen[observed.step];
            let Some(items) = at(seen.reply.as_ref()?, path).and_then(Value::as_array) else { continue };
            let keys = items.iter().filter_map(|item| key_text(item.get(key)?)).collect();
            answers.push(Answered { world: &observed.world, call: &seen.call, who: observed.who.as_deref(), keys });
        }
        let search = Search { class, answers, viewer_fields: &self.viewer_fields, paths: field_paths(facts, class) };
        Some(search.run(facts, endpoint, view))
    }

    /// Positions that hold the number of all rows, and lists of plain values that are values of rows.
    pub(super) fn totals(
        &self,
        facts: &Facts<'_>,
        endpoint: usize,
        parts: &[(Vec<String>, Part)],
    ) -> Vec<(Vec<String>, Part)> {
        let observed = self.of(endpoint);
        let list = parts.iter().find_map(|(path, part)| match part {
            Part::List(rule) => Some((path, rule)),
            _ => None,
        });
        match list {
            Some((path, rule)) => total_paths(facts, &observed, path, rule),
            // An array inside of a row is the row's own.
            None => {
                let own = |array: &[String]| parts.iter().any(|(path, _)| array.starts_with(path));
                value_lists(facts, &observed).into_iter().filter(|(array, _)| !own(array)).collect()
            }
        }
    }
}

fn total_paths(
    facts: &Facts<'_>,
    observed: &[&Observed],
    list: &[String],
    rule: &ListRule,
) -> Vec<(Vec<String>, Part)> {
    let mut hits: BTreeMap<Vec<String>, (u32, u32)> = BTreeMap::new();
    for observed in observed {
        let seen = &facts.trace.seen[observed.step];
        let Some(Value::Object(reply)) = &seen.reply else { continue };
        let total = page(&observed.world, rule, &seen.call, observed.who.as_deref()).total;
        for path in leaf_paths(reply).into_iter().filter(|path| !path.starts_with(list)) {
            let Some(n) = at(seen.reply.as_ref().unwrap_or(&Value::Null), &path).and_then(Value::as_u64) else {
                continue;
            };
            let tally = hits.entry(path).or_insert((0, 0));
            tally.1 += 1;
            tally.0 += u32::from(n == total as u64);
        }
    }
    let holds = hits.into_iter().filter(|(_, (hits, all))| f64::from(*hits) >= f64::from(*all) * 0.7);
    holds.map(|(path, _)| (path, Part::Total)).collect()
}

/// `{"tags": ["a", "b"]}` where the texts are what some field of the rows of a class holds.
fn value_lists(facts: &Facts<'_>, observed: &[&Observed]) -> Vec<(Vec<String>, Part)> {
    let mut best: BTreeMap<Vec<String>, (f64, usize, Vec<String>)> = BTreeMap::new();
    let recent: Vec<&&Observed> = observed.iter().rev().take(6).collect();
    let Some(reply) = recent.first().and_then(|first| facts.trace.seen[first.step].reply.as_ref()) else {
        return vec![];
    };
    let mut arrays: Vec<Vec<String>> = if reply.is_array() { vec![vec![]] } else { vec![] };
    arrays.extend(
        reply.as_object().into_iter().flatten().filter(|(_, v)| v.is_array()).map(|(name, _)| vec![name.clone()]),
    );
    for array in arrays {
        for class in 0..facts.classes.all.len() {
            for path in field_paths(facts, class) {
                let scores = recent.iter().filter_map(|observed| {
                    let items = at(facts.trace.seen[observed.step].reply.as_ref()?, &array)?.as_array()?;
                    let shown: BTreeSet<String> = items.iter().filter_map(scalar_text).collect();
                    (shown.len() >= 2).then(|| similarity(&shown, &values(&observed.world, class, &path)))
                });
                let scores: Vec<f64> = scores.collect();
                let mean = scores.iter().sum::<f64>() / scores.len().max(1) as f64;
                if mean >= 0.7 && best.get(&array).is_none_or(|(score, ..)| mean > *score) {
                    best.insert(array.clone(), (mean, class, path));
                }
            }
        }
    }
    best.into_iter().map(|(array, (_, class, path))| (array, Part::Values { class, path })).collect()
}

fn similarity(a: &BTreeSet<String>, b: &BTreeSet<String>) -> f64 {
    let both = a.intersection(b).count() as f64;
    both / (a.len() + b.len()).max(1) as f64 * 2.0
}

/// The distinct texts of a field, or of the items of an array field.
fn values(world: &World, class: usize, path: &[String]) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for row in world.tables.get(class).into_iter().flat_map(|table| table.rows.values()) {
        match row_value(world, row, path).as_deref() {
            Some(Value::Array(items)) => out.extend(items.iter().filter_map(scalar_text)),
            Some(value) => out.extend(scalar_text(value)),
            None => {}
        }
    }
    out
}

/// Every path that rows of a class have, those of embedded rows included.
fn field_paths(facts: &Facts<'_>, class: usize) -> BTreeSet<Vec<String>> {
    let world = &facts.past.world;
    let mut out = BTreeSet::new();
    // The rows that were deleted by the end had the same fields; events keep some of them.
    let deleted = facts.past.events.iter().filter(|event| event.class == class).map(|event| &event.after);
    for row in world.tables[class].rows.values().take(MAX_ROWS_FOR_PATHS).chain(deleted.take(MAX_ROWS_FOR_PATHS)) {
        out.extend(leaf_paths(&row.fields));
        for (name, reference) in &row.refs {
            out.insert(vec![name.clone()]);
            let inner = world.row(reference).map(|other| leaf_paths(&other.fields)).unwrap_or_default();
            out.extend(inner.into_iter().map(|path| [vec![name.clone()], path].concat()));
        }
    }
    out
}

/// One answered list.
struct Answered<'o> {
    world: &'o World,
    call: &'o Call,
    who: Option<&'o str>,
    keys: Vec<String>,
}

struct Search<'o> {
    class: usize,
    answers: Vec<Answered<'o>>,
    viewer_fields: &'o BTreeSet<(usize, String)>,
    paths: BTreeSet<Vec<String>>,
}

impl Search<'_> {
    fn run(&self, facts: &Facts<'_>, endpoint: usize, view: View) -> ListRule {
        let names: BTreeSet<&str> =
            self.answers.iter().flat_map(|answer| answer.call.query.iter().map(|(name, _)| name.as_str())).collect();
        let paging: BTreeMap<String, PageRole> =
            names.iter().filter_map(|name| Some(((*name).to_owned(), page_role(name)?))).collect();
        let paging = self.verified(paging);
        let filter_names: Vec<&str> = names.into_iter().filter(|name| !paging.contains_key(*name)).collect();
        let mut rule = ListRule {
            class: self.class,
            view,
            scopes: vec![],
            filters: BTreeMap::new(),
            order: Order::Created { descending: false },
            paging,
            default_limit: None,
        };
        rule.order = self.order(&rule);
        self.find_scopes(facts, endpoint, &mut rule, &filter_names);
        rule.default_limit = self.default_limit(&rule, &filter_names);
        // Twice, so that a filter that only came along with another one is found after that one.
        for _ in 0..2 {
            for name in &filter_names {
                self.find_filter(&mut rule, name, &filter_names);
            }
        }
        for name in &filter_names {
            self.find_joint_filter(&mut rule, name);
        }
        rule
    }

    /// A name that sounds like a page size but does not limit is none.
    fn verified(&self, mut paging: BTreeMap<String, PageRole>) -> BTreeMap<String, PageRole> {
        paging.retain(|name, role| {
            let mut values =
                self.answers.iter().filter_map(|answer| Some((answer.call.query(name)?, answer.keys.len())));
            match role {
                PageRole::Limit => values.all(|(text, shown)| text.parse::<usize>().is_ok_and(|limit| shown <= limit)),
                PageRole::Offset | PageRole::Page | PageRole::End => {
                    values.all(|(text, _)| text.parse::<usize>().is_ok())
                }
                PageRole::SortBy | PageRole::Direction => true,
            }
        });
        paging
    }

    /// How well a rule predicts one answer, 0 to 1: all shown rows predicted, and as many as there should be.
    fn score(&self, rule: &ListRule, answer: &Answered<'_>) -> f64 {
        let predicted = matching(answer.world, rule, answer.call, answer.who);
        let keys: BTreeSet<&str> = predicted.iter().map(|(key, _)| *key).collect();
        let shown = answer.keys.iter().filter(|key| keys.contains(key.as_str())).count();
        let (first, limit) = window(rule, answer.call);
        let due = keys.len().saturating_sub(first).min(limit.unwrap_or(usize::MAX));
        if due == 0 && answer.keys.is_empty() {
            return 1.0;
        }
        let precision = if answer.keys.is_empty() { 0.0 } else { shown as f64 / answer.keys.len() as f64 };
        let amount = due.min(answer.keys.len()) as f64 / due.max(answer.keys.len()) as f64;
        // On a page of a longer list any filter that keeps the shown rows would do; the order tells which rows are due.
        let page = page(answer.world, rule, answer.call, answer.who);
        let same = page.rows.iter().filter(|(key, _)| answer.keys.iter().any(|shown| shown == key)).count();
        let overlap = same as f64 / page.rows.len().max(answer.keys.len()).max(1) as f64;
        precision * amount * (0.4 + 0.6 * overlap)
    }

    fn mean(&self, rule: &ListRule, wanted: impl Fn(&Answered<'_>) -> bool) -> (f64, usize) {
        let scores: Vec<f64> =
            self.answers.iter().filter(|answer| wanted(answer)).map(|answer| self.score(rule, answer)).collect();
        (scores.iter().sum::<f64>() / scores.len().max(1) as f64, scores.len())
    }

    fn find_scopes(&self, facts: &Facts<'_>, endpoint: usize, rule: &mut ListRule, filters: &[&str]) {
        let slots = facts.trace.endpoints[endpoint].segments.iter().filter(|segment| segment.is_none()).count();
        let mut candidates: Vec<Scope> = Vec::new();
        for slot in 0..slots {
            candidates.extend(self.paths.iter().map(|path| Scope::Field { path: path.clone(), slot }));
            candidates.push(Scope::Parent { slot });
        }
        if self.answers.iter().any(|answer| answer.who.is_some()) {
            candidates.push(Scope::Own);
            for (class, field) in self.viewer_fields {
                if *class == self.class {
                    candidates.push(Scope::Related { class: *class, field: field.clone() });
                }
                let via = self.paths.iter().filter(|path| path.len() == 1);
                candidates.extend(via.map(|path| Scope::RelatedVia {
                    class: *class,
                    field: field.clone(),
                    reference: path[0].clone(),
                }));
            }
        }
        let plain = |answer: &Answered<'_>| !answer.call.query.iter().any(|(name, _)| filters.contains(&name.as_str()));
        for _ in 0..3 {
            let (now, _) = self.mean(rule, plain);
            let tried = candidates.iter().map(|scope| {
                let mut with = rule.clone();
                with.scopes.push(scope.clone());
                (self.mean(&with, plain).0, scope)
            });
            match tried.max_by(|a, b| a.0.total_cmp(&b.0)) {
                Some((score, scope)) if score > now + 0.02 => {
                    let scope = scope.clone();
                    rule.scopes.push(scope);
                }
                _ => return,
            }
        }
    }

    /// The page size where none is asked for: lists never are longer, and rows are left over.
    fn default_limit(&self, rule: &ListRule, filters: &[&str]) -> Option<usize> {
        let asks = |answer: &&Answered<'_>| {
            let role =
                |name: &str| rule.paging.get(name).is_some_and(|role| matches!(role, PageRole::Limit | PageRole::End));
            !answer.call.query.iter().any(|(name, _)| role(name) || filters.contains(&name.as_str()))
        };
        let free: Vec<&Answered<'_>> = self.answers.iter().filter(asks).collect();
        let longest = free.iter().map(|answer| answer.keys.len()).max().filter(|longest| *longest > 0)?;
        let cut = free.iter().any(|answer| {
            answer.keys.len() == longest && matching(answer.world, rule, answer.call, answer.who).len() > longest
        });
        cut.then_some(longest)
    }

    fn find_filter(&self, rule: &mut ListRule, name: &str, filters: &[&str]) {
        if rule.filters.contains_key(name) {
            return;
        }
        let solved: BTreeSet<String> = rule.filters.keys().cloned().collect();
        let usable = |answer: &Answered<'_>| {
            let mut others =
                answer.call.query.iter().map(|(n, _)| n.as_str()).filter(|n| *n != name && filters.contains(n));
            answer.call.query(name).is_some() && others.all(|other| solved.contains(other))
        };
        let (without, usable_count) = self.mean(rule, usable);
        if usable_count == 0 {
            return;
        }
        let tried = self.filter_candidates(name).into_iter().map(|filter| {
            let mut with = rule.clone();
            with.filters.insert(name.to_owned(), filter.clone());
            // The more the name says so, the better: it decides between candidates that fit equally.
            (self.mean(&with, usable).0 + named_alike(name, &filter) * 0.01, filter)
        });
        if let Some((score, filter)) = tried.max_by(|a, b| a.0.total_cmp(&b.0))
            && score >= ENOUGH
            && score > without + 0.05
        {
            rule.filters.insert(name.to_owned(), filter);
        }
    }

    /// Two filters that always come together (a lower and an upper bound) each explain only a part; what the name says
    /// decides, if no shown row speaks against it.
    fn find_joint_filter(&self, rule: &mut ListRule, name: &str) {
        if rule.filters.contains_key(name) {
            return;
        }
        let usable = |answer: &Answered<'_>| answer.call.query(name).is_some();
        let (without, _) = self.mean(rule, usable);
        let tried =
            self.filter_candidates(name).into_iter().filter(|filter| named_alike(name, filter) >= 0.8).map(|filter| {
                let mut with = rule.clone();
                with.filters.insert(name.to_owned(), filter.clone());
                let contradicted = self.answers.iter().filter(|answer| usable(answer)).any(|answer| {
                    let left: BTreeSet<&str> = matching(answer.world, &with, answer.call, answer.who)
                        .into_iter()
                        .map(|(key, _)| key)
                        .collect();
                    answer.keys.iter().any(|key| !left.contains(key.as_str()))
                });
                (if contradicted { 0.0 } else { self.mean(&with, usable).0 }, filter)
            });
        if let Some((score, filter)) = tried.max_by(|a, b| a.0.total_cmp(&b.0))
            && score > without + 0.05
        {
            rule.filters.insert(name.to_owned(), filter);
        }
    }

    fn filter_candidates(&self, name: &str) -> Vec<Filter> {
        let mut out = vec![Filter::Search];
        let lower = name.to_lowercase();
        for path in &self.paths {
            out.push(Filter::Equals(path.clone()));
            out.push(Filter::Contains(path.clone()));
            let last = path.last().map(|last| last.to_lowercase()).unwrap_or_default();
            if lower != last && lower.contains(&last) {
                out.extend([Filter::NotEquals(path.clone()), Filter::Like(path.clone())]);
                out.extend([Filter::AtLeast(path.clone()), Filter::AtMost(path.clone())]);
            }
        }
        let relations = self.viewer_fields.iter().filter(|(class, _)| *class == self.class);
        out.extend(relations.map(|(_, field)| Filter::RelatedTo(field.clone())));
        out
    }

    fn order(&self, rule: &ListRule) -> Order {
        let sorted_by_query = |answer: &&Answered<'_>| {
            answer.call.query.iter().any(|(name, _)| matches!(rule.paging.get(name), Some(PageRole::SortBy)))
        };
        let lists: Vec<&Answered<'_>> =
            self.answers.iter().filter(|answer| !sorted_by_query(answer) && answer.keys.len() > 1).collect();
        let mut best = (0.9, Order::Created { descending: false });
        let created = |descending: bool| {
            self.share(&lists, &|_, a, b| {
                let both = a.created && b.created;
                both.then(|| if descending { b.seq.cmp(&a.seq) } else { a.seq.cmp(&b.seq) })
            })
        };
        for descending in [false, true] {
            if let Some(share) = created(descending).filter(|share| *share > best.0) {
                best = (share, Order::Created { descending });
            }
        }
        // Times and keys go with creation; they also order the rows whose creation was not seen.
        for path in self.paths.iter() {
            for descending in [false, true] {
                let share = self.share(&lists, &|world, a, b| {
                    let order = compare(row_value(world, a, path).as_deref(), row_value(world, b, path).as_deref());
                    (order.is_ne()).then(|| if descending { order.reverse() } else { order })
                });
                let time = self.is_time(path);
                let margin = if time { -0.001 } else { 0.001 };
                if let Some(share) = share.filter(|share| *share > best.0 + margin) {
                    best = (share, Order::Field { path: path.clone(), descending });
                }
            }
        }
        best.1
    }

    fn is_time(&self, path: &[String]) -> bool {
        let first = self.answers.iter().find_map(|answer| {
            let row = answer.world.tables[self.class].rows.values().next()?;
            row_value(answer.world, row, path).map(|value| crate::twin::value::read_time(&value).is_some())
        });
        first.unwrap_or(false)
    }

    /// Share of neighbouring rows in ascending order; `None` when no pair can be compared.
    fn share(
        &self,
        lists: &[&Answered<'_>],
        order: &dyn Fn(&World, &Row, &Row) -> Option<std::cmp::Ordering>,
    ) -> Option<f64> {
        let (mut right, mut all) = (0_u32, 0_u32);
        for answer in lists {
            let rows: Vec<&Row> = answer
                .keys
                .iter()
                .filter_map(|key| answer.world.tables[self.class].rows.get(key))
                .map(AsRef::as_ref)
                .collect();
            for pair in rows.windows(2) {
                if let Some(order) = order(answer.world, pair[0], pair[1]) {
                    all += 1;
                    right += u32::from(order.is_lt());
                }
            }
        }
        (all > 0).then(|| f64::from(right) / f64::from(all))
    }
}

/// 1 when the last name of the filter's path is the query parameter's.
fn named_alike(name: &str, filter: &Filter) -> f64 {
    let lower = name.to_lowercase();
    let path = match filter {
        Filter::Equals(path) | Filter::Contains(path) | Filter::NotEquals(path) | Filter::Like(path) => path,
        Filter::AtLeast(path) | Filter::AtMost(path) => path,
        Filter::RelatedTo(field) => return if lower == field.to_lowercase() { 1.0 } else { 0.0 },
        Filter::Search => return if matches!(lower.as_str(), "q" | "search" | "query") { 1.0 } else { -1.0 },
    };
    let joined = path.join(".").to_lowercase();
    let own = path.iter().any(|part| part.to_lowercase() == lower) || joined == lower;
    let hint = match filter {
        Filter::Like(_) => ["like", "contains", "search"].iter().any(|word| lower.contains(word)),
        Filter::AtLeast(_) => ["gte", "min", "from", "after", "since", "start"].iter().any(|word| lower.contains(word)),
        Filter::AtMost(_) => ["lte", "max", "to", "before", "until", "end"].iter().any(|word| lower.contains(word)),
        Filter::NotEquals(_) => ["_ne", "not"].iter().any(|word| lower.contains(word)),
        _ => own,
    };
    f64::from(u8::from(own)) + f64::from(u8::from(hint)) - path.len() as f64 * 0.1
}

/// The part that a query parameter plays by its name, as APIs commonly name it.
fn page_role(name: &str) -> Option<PageRole> {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    match plain.as_str() {
        "limit" | "perpage" | "pagesize" | "size" | "take" | "first" | "top" | "maxresults" | "pagelimit" | "count" => {
            Some(PageRole::Limit)
        }
        "offset" | "skip" | "start" | "startindex" => Some(PageRole::Offset),
        "page" | "pagenumber" | "p" | "pageno" => Some(PageRole::Page),
        "end" => Some(PageRole::End),
        "sort" | "sortby" | "orderby" | "ordering" | "sortfield" => Some(PageRole::SortBy),
        "order" | "direction" | "dir" | "sortorder" | "sortdir" | "orderdirection" => Some(PageRole::Direction),
        _ => None,
    }
}
