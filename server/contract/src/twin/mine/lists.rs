//! What decides the rows of a list: scopes, filters, order, pages, totals. Every candidate is tried against the world as
//! it was when each list was answered.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use serde_json::Value;

use super::{Facts, figures};
use crate::twin::behaviour::{ListRule, Order, PageRole, Part, Scope, Sizes, View};
use crate::twin::classes::Classes;
use crate::twin::paging::UrlRule;
use crate::twin::query::{Fields, Question};
use crate::twin::select::{compare, in_scope, page, role_of, row_value};
use crate::twin::trace::{Seen, Trace};
use crate::twin::value::{at, deep_paths, key_text, scalar_text};
use crate::twin::world::{Row, World};

/// Answers kept for each endpoint and each set of query names: the newest, when most rows are known.
const MAX_OBSERVED_ALIKE: usize = 10;
/// Sets of query names told apart for each endpoint.
const MAX_QUERY_SHAPES: usize = 24;
/// Rows looked at to learn which fields there are.
const MAX_ROWS_FOR_PATHS: usize = 40;
/// Members followed down from a row.
const MAX_FIELD_DEPTH: usize = 4;

/// One answer with the world right after it.
pub(super) struct Observed {
    pub(super) step: usize,
    pub(super) world: World,
    pub(super) who: Option<String>,
}

/// Answers of one endpoint, by the names in their queries.
type ByNames = BTreeMap<Vec<String>, VecDeque<Observed>>;

/// Lists as they were answered, by endpoint.
pub(super) struct Probes {
    observed: HashMap<usize, ByNames>,
    /// Reads of collections whose answers hold no list: how many there are, the first one.
    others: HashMap<usize, ByNames>,
    /// Endpoints that read something else than an item by its own path.
    reads: BTreeSet<usize>,
    pub(super) viewer_fields: BTreeSet<(usize, String)>,
}

impl Probes {
    pub(super) fn new(trace: &Trace, _: &Classes, viewer_fields: &BTreeSet<(usize, String)>) -> Self {
        let places = trace.endpoints.iter().enumerate();
        let reads = places.filter(|(_, place)| place.method == "GET" && !place.ends_in_parameter());
        Self {
            observed: HashMap::new(),
            others: HashMap::new(),
            reads: reads.map(|(endpoint, _)| endpoint).collect(),
            viewer_fields: viewer_fields.clone(),
        }
    }

    /// Keeps an answer that holds an array near its root, or that may tell of such an array.
    pub(super) fn look(&mut self, step: usize, seen: &Seen, world: &World, _: &Classes, who: Option<&str>) {
        let Some(reply) = seen.reply.as_ref().filter(|_| seen.ok()) else { return };
        let near = reply.is_array() || reply.as_object().is_some_and(|object| object.values().any(Value::is_array));
        if !near && !self.reads.contains(&seen.endpoint) {
            return;
        }
        let mut names: Vec<String> = Question::of(&seen.call).terms.into_iter().map(|term| term.name).collect();
        names.sort();
        let kept = if near { &mut self.observed } else { &mut self.others };
        let shapes = kept.entry(seen.endpoint).or_default();
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
        in_order(self.observed.get(&endpoint).into_iter())
    }

    /// Answers without a list, oldest first.
    pub(super) fn without_list(&self, endpoint: usize) -> Vec<&Observed> {
        in_order(self.others.get(&endpoint).into_iter())
    }

    /// Answers with or without a list, oldest first.
    pub(super) fn any(&self, endpoint: usize) -> Vec<&Observed> {
        in_order(self.others.get(&endpoint).into_iter().chain(self.observed.get(&endpoint)))
    }

    /// The lists at `path` that an endpoint answered, with the bodies they were in.
    fn answered<'o>(
        &'o self,
        facts: &'o Facts<'_>,
        endpoint: usize,
        path: &[String],
        class: usize,
    ) -> (Vec<Answered<'o>>, Vec<&'o Value>) {
        let key = &facts.classes.all[class].key;
        let (mut answers, mut replies) = (Vec::new(), Vec::new());
        for observed in self.of(endpoint) {
            let seen = &facts.trace.seen[observed.step];
            let Some(reply) = seen.reply.as_ref() else { continue };
            let Some(items) = at(reply, path).and_then(Value::as_array) else { continue };
            let keys = items.iter().filter_map(|item| key_text(item.get(key)?)).collect();
            let (asked, who) = (Question::of(&seen.call), observed.who.as_deref());
            let (step, world) = (observed.step, &observed.world);
            answers.push(Answered { own: true, step, world, asked, who, keys, count: None });
            replies.push(reply);
        }
        (answers, replies)
    }

    /// The rule behind the list at `path` of an endpoint's answers.
    pub(super) fn rule(
        &self,
        facts: &Facts<'_>,
        endpoint: usize,
        path: &[String],
        class: usize,
        view: View,
    ) -> ListRule {
        let (mut answers, _) = self.answered(facts, endpoint, path, class);
        for (other, path) in siblings(facts, endpoint, class) {
            let (others, _) = self.answered(facts, other, &path, class);
            answers.extend(others.into_iter().map(|answer| Answered { own: false, ..answer }));
        }
        let fields = Arc::new(Fields::new(field_paths(facts, class)));
        let mut rule = Search { class, answers, viewer_fields: &self.viewer_fields, fields }.run(facts, endpoint, view);
        let (answers, replies) = self.answered(facts, endpoint, path, class);
        rule.sizes.default = rule.sizes.default.or_else(|| figures::usual(&answers, &replies, path, &rule));
        rule.sizes.most = rule.sizes.most.or_else(|| figures::most(&answers, &replies, path, &rule));
        rule
    }

    /// Header fields that hold the URL of another page.
    pub(super) fn links(
        &self,
        facts: &Facts<'_>,
        endpoint: usize,
        parts: &[(Vec<String>, Part)],
    ) -> Vec<(String, UrlRule)> {
        let Some((path, rule)) = list_of(parts) else { return vec![] };
        let (answers, _) = self.answered(facts, endpoint, path, rule.class);
        let headers = |answer: &Answered<'_>| &facts.trace.seen[answer.step].headers;
        let names: BTreeSet<&str> =
            answers.iter().flat_map(|answer| headers(answer).0.iter().map(|(name, _)| name.as_str())).collect();
        let rule_of = |name: &str| {
            let values: Vec<Option<&str>> = answers.iter().map(|answer| headers(answer).get(name)).collect();
            figures::header(name, &answers, &values, rule)
        };
        names.into_iter().filter_map(|name| Some((name.to_owned(), rule_of(name)?))).collect()
    }

    /// Positions that say something of the page, and lists of plain values that are values of rows.
    pub(super) fn tellings(
        &self,
        facts: &Facts<'_>,
        endpoint: usize,
        parts: &[(Vec<String>, Part)],
    ) -> Vec<(Vec<String>, Part)> {
        let Some((path, rule)) = list_of(parts) else {
            return value_lists(facts, &self.of(endpoint), parts);
        };
        let (answers, replies) = self.answered(facts, endpoint, path, rule.class);
        let tellings = figures::mine(&answers, &replies, path, rule).into_iter();
        tellings.map(|(path, telling)| (path, Part::Telling(Box::new(telling)))).collect()
    }
}

fn in_order<'o>(shapes: impl Iterator<Item = &'o ByNames>) -> Vec<&'o Observed> {
    let mut all: Vec<&Observed> = shapes.flat_map(|shapes| shapes.values().flatten()).collect();
    all.sort_by_key(|observed| observed.step);
    all
}

/// The other cases of an endpoint that list the same class, with the paths to the lists.
fn siblings(facts: &Facts<'_>, endpoint: usize, class: usize) -> Vec<(usize, Vec<String>)> {
    let place = &facts.trace.endpoints[endpoint];
    let same = |other: usize| {
        let other_place = &facts.trace.endpoints[other];
        other != endpoint && other_place.method == place.method && other_place.segments == place.segments
    };
    let sites = facts.classes.sites.iter().filter(|(id, own)| **own == class && same(id.endpoint));
    let lists = sites.filter(|(id, _)| id.pattern.has_each() && facts.classes.is_outer(id));
    lists.map(|(id, _)| (id.endpoint, super::list_path(&id.pattern).0)).collect()
}

fn list_of(parts: &[(Vec<String>, Part)]) -> Option<(&[String], &ListRule)> {
    parts.iter().find_map(|(path, part)| match part {
        Part::List(rule) => Some((path.as_slice(), rule.as_ref())),
        _ => None,
    })
}

/// `{"tags": ["a", "b"]}` where the texts are what some field of the rows of a class holds.
fn value_lists(facts: &Facts<'_>, observed: &[&Observed], parts: &[(Vec<String>, Part)]) -> Vec<(Vec<String>, Part)> {
    let mut best: BTreeMap<Vec<String>, (f64, usize, Vec<String>)> = BTreeMap::new();
    let recent: Vec<&&Observed> = observed.iter().rev().take(6).collect();
    let Some(reply) = recent.first().and_then(|first| facts.trace.seen[first.step].reply.as_ref()) else {
        return vec![];
    };
    let mut arrays: Vec<Vec<String>> = if reply.is_array() { vec![vec![]] } else { vec![] };
    arrays.extend(
        reply.as_object().into_iter().flatten().filter(|(_, v)| v.is_array()).map(|(name, _)| vec![name.clone()]),
    );
    // What belongs to a row is the row's own.
    arrays.retain(|array| !parts.iter().any(|(part, _)| array.starts_with(part)));
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
pub(super) fn field_paths(facts: &Facts<'_>, class: usize) -> BTreeSet<Vec<String>> {
    let world = &facts.past.world;
    let mut out = BTreeSet::new();
    // The rows that were deleted by the end had the same fields; events keep some of them.
    let deleted = facts.past.events.iter().filter(|event| event.class == class).map(|event| &event.after);
    for row in world.tables[class].rows.values().take(MAX_ROWS_FOR_PATHS).chain(deleted.take(MAX_ROWS_FOR_PATHS)) {
        out.extend(deep_paths(&row.fields, MAX_FIELD_DEPTH));
        for (name, reference) in &row.refs {
            out.insert(vec![name.clone()]);
            let inner =
                world.row(reference).map(|other| deep_paths(&other.fields, MAX_FIELD_DEPTH)).unwrap_or_default();
            out.extend(inner.into_iter().map(|path| [vec![name.clone()], path].concat()));
        }
    }
    out
}

/// One answered list.
pub(super) struct Answered<'o> {
    /// Not one of another case of the same endpoint, whose pages may be different.
    pub(super) own: bool,
    pub(super) step: usize,
    pub(super) world: &'o World,
    pub(super) asked: Question<'o>,
    pub(super) who: Option<&'o str>,
    pub(super) keys: Vec<String>,
    /// How many rows there are, where the answer only counts them.
    pub(super) count: Option<usize>,
}

impl Answered<'_> {
    pub(super) fn has(&self, name: &str) -> bool {
        self.asked.terms.iter().any(|term| term.name == name)
    }
}

pub(super) struct Search<'o> {
    pub(super) class: usize,
    pub(super) answers: Vec<Answered<'o>>,
    pub(super) viewer_fields: &'o BTreeSet<(usize, String)>,
    pub(super) fields: Arc<Fields>,
}

impl Search<'_> {
    pub(super) fn run(&self, facts: &Facts<'_>, endpoint: usize, view: View) -> ListRule {
        let mut rule = ListRule { class: self.class, fields: self.fields.clone(), ..ListRule::default() };
        rule.paging = self.roles(facts);
        rule.cursors = Arc::new(self.cursors(facts, &rule));
        rule.order = self.order(&rule);
        let names = self.filter_names(&rule);
        self.find_scopes(facts, endpoint, &mut rule, &names);
        rule.sizes = self.sizes(&rule, &names);
        self.find_filters(&mut rule, &names);
        rule.view = view;
        rule
    }

    /// The names of terms that may be conditions.
    fn filter_names(&self, rule: &ListRule) -> Vec<String> {
        let terms = self.answers.iter().flat_map(|answer| &answer.asked.terms);
        let free = terms.filter(|term| role_of(&term.steps).is_none_or(|role| !rule.paging.contains_key(&role.name)));
        let free = free.filter(|term| !rule.paging.contains_key(&term.name));
        free.map(|term| term.name.clone()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// How well a rule predicts one answer, 0 to 1: all shown rows predicted, and as many as there should be.
    pub(super) fn score(&self, rule: &ListRule, answer: &Answered<'_>) -> f64 {
        let free;
        let rule = if answer.own {
            rule
        } else {
            free = ListRule { sizes: Sizes::default(), ..rule.clone() };
            &free
        };
        let page = page(answer.world, rule, &answer.asked, answer.who);
        let keys: BTreeSet<&str> = page.all.iter().map(|(key, _)| *key).collect();
        let shown = answer.keys.iter().filter(|key| keys.contains(key.as_str())).count();
        let due = page.rows();
        if let Some(count) = answer.count {
            let nearly = due.len().min(count) as f64 / due.len().max(count).max(1) as f64;
            return if due.len() == count { 1.0 } else { nearly * 0.5 };
        }
        if due.is_empty() && answer.keys.is_empty() {
            return 1.0;
        }
        let precision = if answer.keys.is_empty() { 0.0 } else { shown as f64 / answer.keys.len() as f64 };
        let amount = due.len().min(answer.keys.len()) as f64 / due.len().max(answer.keys.len()) as f64;
        // On a page of a longer list any filter that keeps the shown rows would do; the order tells which rows are due.
        let same = due.iter().filter(|(key, _)| answer.keys.iter().any(|shown| shown == key)).count();
        let overlap = same as f64 / due.len().max(answer.keys.len()).max(1) as f64;
        precision * amount * (0.4 + 0.6 * overlap)
    }

    pub(super) fn mean(&self, rule: &ListRule, wanted: impl Fn(&Answered<'_>) -> bool) -> (f64, usize) {
        let scores: Vec<f64> =
            self.answers.iter().filter(|answer| wanted(answer)).map(|answer| self.score(rule, answer)).collect();
        (scores.iter().sum::<f64>() / scores.len().max(1) as f64, scores.len())
    }

    /// Whether all rows that were listed under different paths are within a scope.
    fn repeats(&self, scope: &Scope) -> bool {
        let Scope::Field { slot, .. } = scope else { return false };
        let mut paths = BTreeSet::new();
        let all = self.answers.iter().filter(|answer| !answer.keys.is_empty()).all(|answer| {
            paths.insert(answer.asked.call.params.get(*slot));
            answer.keys.iter().all(|key| {
                let row = answer.world.row(&(self.class, key.clone()));
                row.is_some_and(|row| in_scope(answer.world, scope, key, row, answer.asked.call, answer.who))
            })
        });
        all && paths.len() >= 2
    }

    fn find_scopes(&self, facts: &Facts<'_>, endpoint: usize, rule: &mut ListRule, filters: &[String]) {
        let slots = facts.trace.endpoints[endpoint].segments.iter().filter(|segment| segment.is_none()).count();
        let mut candidates: Vec<Scope> = Vec::new();
        for slot in 0..slots {
            candidates.extend(self.fields.paths.iter().map(|path| Scope::Field { path: path.clone(), slot }));
            candidates.push(Scope::Parent { slot });
        }
        if self.answers.iter().any(|answer| answer.who.is_some()) {
            candidates.push(Scope::Own);
            for (class, field) in self.viewer_fields {
                if *class == self.class {
                    candidates.push(Scope::Related { class: *class, field: field.clone() });
                }
                let via = self.fields.paths.iter().filter(|path| path.len() == 1);
                candidates.extend(via.map(|path| Scope::RelatedVia {
                    class: *class,
                    field: field.clone(),
                    reference: path[0].clone(),
                }));
            }
        }
        let plain = |answer: &Answered<'_>| !filters.iter().any(|name| answer.has(name));
        // Where every row always repeated the path, other rows need not have been there to prove that it selects them.
        let proven = candidates.iter().find(|scope| self.repeats(scope)).cloned();
        rule.scopes.extend(proven.filter(|scope| {
            let mut with = rule.clone();
            with.scopes.push(scope.clone());
            self.mean(&with, plain).0 >= self.mean(rule, plain).0
        }));
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

    fn order(&self, rule: &ListRule) -> Order {
        let is_sort = |steps: &[String]| {
            role_of(steps).is_some_and(|role| rule.paging.get(&role.name) == Some(&PageRole::SortBy))
        };
        let sorted_by_query = |answer: &&Answered<'_>| answer.asked.terms.iter().any(|term| is_sort(&term.steps));
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
        for path in &self.fields.paths {
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
