//! What each term of a query does to a list: a hypothesis is kept when all answered lists agree with it.

use std::collections::BTreeSet;

use super::lists::{Answered, Search};
use crate::twin::behaviour::{Filter, ListRule};
use crate::twin::query::{Convention, Op, Term, ops, plain, readings};
use crate::twin::select::{page, passes};

/// Above this a candidate explains a filter that its name does not speak of.
const ENOUGH: f64 = 0.75;
/// Share of the shown rows that must be as asked for: the world may be a step behind.
const HOLDS: f64 = 0.9;
/// How well a name must fit a field for the name to count as evidence.
const NAMED: f64 = 1.0;
/// Hypotheses tried for each name.
const MAX_TRIED: usize = 40;

/// A hypothesis on one name.
struct Candidate {
    filter: Filter,
    convention: Option<Convention>,
    /// How much the name speaks for it.
    quality: f64,
}

impl Search<'_> {
    pub(super) fn find_filters(&self, rule: &mut ListRule, names: &[String]) {
        let mut conventions = BTreeSet::new();
        for name in names {
            conventions.extend(self.find_named(rule, name));
        }
        rule.sizes = self.sizes(rule, &self.open(rule, names));
        // Twice, so that a filter that only came along with another one is found after that one.
        for _ in 0..2 {
            for name in names {
                self.find_unnamed(rule, name, names);
            }
        }
        let open = self.open(rule, names);
        rule.sizes = self.sizes(rule, &open);
        rule.ignored = open.into_iter().collect();
        rule.conventions = conventions;
    }

    /// The names that nothing explains.
    fn open(&self, rule: &ListRule, names: &[String]) -> Vec<String> {
        names.iter().filter(|name| !rule.filters.contains_key(*name)).cloned().collect()
    }

    /// A filter whose name says its field. It needs no proof but that no shown row speaks against it; where no rows were
    /// shown, that it leaves none. How long the pages are may not be known yet, so the lengths of the lists prove nothing.
    fn find_named(&self, rule: &mut ListRule, name: &str) -> Option<Convention> {
        let steps = &self.term(name)?.steps;
        let asked = |answer: &Answered<'_>| answer.has(name);
        let named = readings(steps, &self.fields).into_iter().filter(|reading| reading.quality >= NAMED);
        let named = named.map(|reading| Candidate {
            filter: Filter::Field { path: reading.path, op: reading.op },
            convention: Some(reading.convention),
            quality: reading.quality,
        });
        let (best, _) = self.best(rule, name, named.collect(), asked)?;
        let mut with = rule.clone();
        with.filters.insert(name.to_owned(), best.filter.clone());
        let left = |answer: &Answered<'_>| page(answer.world, &with, &answer.asked, answer.who).total();
        let own = || self.answers.iter().filter(|answer| asked(answer));
        let telling = own().any(|answer| !answer.keys.is_empty() || answer.count.is_some());
        if !telling && own().any(|answer| left(answer) > 0) {
            return None;
        }
        rule.filters.insert(name.to_owned(), best.filter);
        best.convention
    }

    /// A filter whose field only the rows tell.
    fn find_unnamed(&self, rule: &mut ListRule, name: &str, names: &[String]) {
        if rule.filters.contains_key(name) {
            return;
        }
        // What always is the same beside it may say how it is meant (`searchFields=title`), and tells no rows apart.
        let settled = |other: &str| {
            let own = self.answers.iter().filter(|answer| answer.has(name));
            let mut values = own.map(|answer| answer.asked.value(other));
            values.next().flatten().is_some_and(|first| values.all(|value| value == Some(first)))
        };
        let open = names.iter().filter(|n| *n != name && !rule.filters.contains_key(*n) && !settled(n));
        let open: Vec<&String> = open.collect();
        let usable = |answer: &Answered<'_>| answer.has(name) && !open.iter().any(|other| answer.has(other));
        let (without, count) = self.mean(rule, usable);
        if count == 0 {
            return;
        }
        if let Some((best, score)) = self.best(rule, name, self.unnamed(name), usable)
            && score >= ENOUGH
            && score > without + 0.05
        {
            rule.filters.insert(name.to_owned(), best.filter);
        }
    }

    /// The candidate that explains the lists best, the first of equals, with how well it does.
    fn best(
        &self,
        rule: &ListRule,
        name: &str,
        candidates: Vec<Candidate>,
        wanted: impl Fn(&Answered<'_>) -> bool + Copy,
    ) -> Option<(Candidate, f64)> {
        let mut best: Option<(Candidate, f64)> = None;
        let consistent = candidates.into_iter().filter(|candidate| self.consistent(name, &candidate.filter));
        for candidate in consistent.take(MAX_TRIED) {
            let mut with = rule.clone();
            with.filters.insert(name.to_owned(), candidate.filter.clone());
            let score = self.mean(&with, wanted).0;
            let better =
                |(known, of): &(Candidate, f64)| score + candidate.quality * 0.01 > of + known.quality * 0.01 + 1e-9;
            if best.as_ref().is_none_or(better) {
                best = Some((candidate, score));
            }
        }
        best
    }

    fn term(&self, name: &str) -> Option<&Term> {
        self.answers.iter().flat_map(|answer| &answer.asked.terms).find(|term| term.name == name)
    }

    /// Whether the rows that were shown are as the term asked for.
    fn consistent(&self, name: &str, filter: &Filter) -> bool {
        let (mut right, mut all) = (0_usize, 0_usize);
        for answer in &self.answers {
            let own = || answer.asked.terms.iter().filter(|term| term.name == name);
            // Of alternatives another one may have let the row in.
            if own().next().is_none() || own().any(|term| term.branch.is_some()) {
                continue;
            }
            let wanted: Vec<&str> = own().map(|term| term.value.as_str()).collect();
            let Some(table) = answer.world.tables.get(self.class) else { continue };
            for (key, row) in answer.keys.iter().filter_map(|key| Some((key, table.rows.get(key)?))) {
                all += 1;
                right += usize::from(passes(answer.world, filter, self.class, key, row, &wanted));
            }
        }
        right as f64 >= all as f64 * HOLDS
    }

    fn unnamed(&self, name: &str) -> Vec<Candidate> {
        let words: Vec<String> = self.term(name).into_iter().flat_map(|term| &term.steps).map(|s| plain(s)).collect();
        let last = words.last().map_or("", String::as_str);
        let searches = matches!(last, "q" | "search" | "query" | "term" | "keyword" | "text");
        let candidate = |filter: Filter, quality: f64| Candidate { filter, convention: None, quality };
        let mut out = Vec::new();
        let search = candidate(Filter::Search, if searches { 1.0 } else { -1.0 });
        let relations = self.viewer_fields.iter().filter(|(class, _)| *class == self.class).map(|(_, field)| field);
        let alike = |field: &str| if plain(field) == last { 1.0 } else { 0.0 };
        out.extend(relations.map(|field| candidate(Filter::RelatedTo(field.clone()), alike(field))));
        // What the name has in common with the field decides between fields with equal values.
        for path in &self.fields.paths {
            let own = path.iter().map(|part| plain(part));
            let common = own.filter(|part| words.iter().any(|word| word.contains(part.as_str()))).count();
            let quality = if common > 0 { 0.5 } else { 0.0 } - path.len() as f64 * 0.1;
            let mut add = |op: Op, quality: f64| {
                out.push(candidate(Filter::Field { path: path.clone(), op }, quality));
            };
            [Op::Equals, Op::In, Op::Holds].into_iter().for_each(|op| add(op, quality));
            ops(last).iter().for_each(|op| add(*op, quality));
            if searches {
                add(Op::Like, quality - 0.5);
            }
        }
        out.push(search);
        out
    }
}
