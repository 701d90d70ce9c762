//! The terms that cut a list into pages, and how long these are.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Facts;
use super::lists::{Answered, Search};
use crate::twin::behaviour::{ListRule, PageRole, Sizes};
use crate::twin::paging::Rel;
use crate::twin::query::readings;
use crate::twin::select::{asked_by, page, role_of};

/// Earlier answers searched for a cursor.
const MAX_EARLIER: usize = 60;
/// A cursor is longer than what could be anything.
const MIN_CURSOR: usize = 4;

/// What a term had for values, and what came back.
type Values<'s> = Vec<(&'s str, &'s Answered<'s>)>;

impl Search<'_> {
    /// The terms that page, sort and choose fields: known by name, and not contradicted by what came back.
    pub(super) fn roles(&self, facts: &Facts<'_>) -> BTreeMap<String, PageRole> {
        let mut values: BTreeMap<String, (PageRole, Values<'_>)> = BTreeMap::new();
        for answer in &self.answers {
            for term in &answer.asked.terms {
                let Some(role) = role_of(&term.steps) else { continue };
                let known = values.entry(role.name).or_insert((role.role, vec![]));
                known.1.push((&term.value, answer));
            }
        }
        let mut roles = BTreeMap::new();
        for (name, (role, values)) in values {
            if let Some(role) = self.verified(role, &values) {
                roles.insert(name, role);
            }
        }
        let terms = self.answers.iter().flat_map(|answer| &answer.asked.terms);
        let mut names: Vec<&str> = terms.map(|term| term.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            if !roles.contains_key(name) && !self.names_field(name) && self.is_cursor(facts, name) {
                roles.insert(name.to_owned(), PageRole::Cursor);
            }
        }
        roles
    }

    /// Where the cursors of the recorded calls stand.
    pub(super) fn cursors(&self, facts: &Facts<'_>, rule: &ListRule) -> BTreeMap<String, (String, bool)> {
        let mut out = BTreeMap::new();
        for answer in &self.answers {
            let Some(text) = asked_by(rule, &answer.asked, PageRole::Cursor) else { continue };
            let Some((step, backwards)) = given(facts, answer.step, text) else { continue };
            let giver = self.answers.iter().find(|other| other.step == step);
            let key = giver.and_then(|giver| if backwards { giver.keys.first() } else { giver.keys.last() });
            out.extend(key.map(|key| (text.to_owned(), (key.clone(), backwards))));
        }
        out
    }

    /// The role that the values allow.
    fn verified(&self, role: PageRole, values: &Values<'_>) -> Option<PageRole> {
        let is_direction = |text: &str| {
            matches!(text.to_ascii_lowercase().as_str(), "asc" | "desc" | "1" | "-1")
                || text.split(',').all(|word| {
                    matches!(word.to_ascii_lowercase().as_str(), "asc" | "desc" | "ascending" | "descending")
                })
        };
        let sorts = |text: &str| {
            text.split(',').all(|part| {
                let name = part.trim().trim_start_matches(['-', '+']);
                let name = name.split([':', ' ']).next().unwrap_or(name);
                !self.fields.named(&[name.to_owned()]).is_empty()
            })
        };
        let is_key = |(text, answer): &(&str, &Answered<'_>)| {
            let known = answer.world.tables.get(self.class).is_some_and(|table| table.rows.contains_key(*text));
            known && !answer.keys.iter().any(|key| key == text)
        };
        let holds = match role {
            // A name that sounds like a page size but does not limit is none.
            PageRole::Limit => {
                values.iter().all(|(text, answer)| text.parse::<usize>().is_ok_and(|limit| answer.keys.len() <= limit))
            }
            PageRole::Offset | PageRole::Page | PageRole::End => {
                values.iter().all(|(text, _)| text.parse::<usize>().is_ok())
            }
            PageRole::Direction if !values.iter().all(|(text, _)| is_direction(text)) => {
                return values.iter().any(|(text, _)| sorts(text)).then_some(PageRole::SortBy);
            }
            PageRole::After | PageRole::Before => values.iter().all(is_key),
            PageRole::SortBy => values.iter().any(|(text, _)| sorts(text) || is_direction(text)),
            PageRole::Direction | PageRole::Cursor | PageRole::Select => true,
        };
        holds.then_some(role)
    }

    fn names_field(&self, name: &str) -> bool {
        let terms = self.answers.iter().flat_map(|answer| &answer.asked.terms);
        let steps = terms.filter(|term| term.name == name).map(|term| &term.steps).next();
        steps.is_some_and(|steps| !readings(steps, &self.fields).is_empty())
    }

    /// Whether the values of a term were given by earlier answers: in the body, or in a header field.
    fn is_cursor(&self, facts: &Facts<'_>, name: &str) -> bool {
        let mut values =
            self.answers.iter().filter_map(|answer| Some((answer.step, answer.asked.value(name)?))).peekable();
        values.peek().is_some()
            && values.all(|(step, text)| text.len() >= MIN_CURSOR && given(facts, step, text).is_some())
    }

    /// How long pages are. Answers that have one of the `open` names are not counted: what these restrict is unknown.
    pub(super) fn sizes(&self, rule: &ListRule, open: &[String]) -> Sizes {
        let by = |answer: &Answered<'_>, role: PageRole| asked_by(rule, &answer.asked, role).is_some();
        let sized = |answer: &Answered<'_>| by(answer, PageRole::Limit) || by(answer, PageRole::End);
        let counted = || self.answers.iter().filter(|answer| answer.own && !open.iter().any(|name| answer.has(name)));
        let longest = |paged: bool| {
            let own = counted().filter(|answer| !sized(answer) && by(answer, PageRole::Page) == paged);
            self.longest_cut(rule, own.collect())
        };
        let number = |answer: &Answered<'_>, role| asked_by(rule, &answer.asked, role)?.parse::<usize>().ok();
        let mut sizes = Sizes { default: longest(false), of_page: longest(true), ..Sizes::default() };
        let over = counted().filter(|answer| number(answer, PageRole::Limit).is_some_and(|n| n > answer.keys.len()));
        sizes.most = self.longest_cut(rule, over.collect());
        let pages = || counted().filter_map(|answer| Some((answer, number(answer, PageRole::Page)?)));
        sizes.from_zero = pages().any(|(answer, page)| page == 0 && !answer.keys.is_empty());
        let beyond = |(answer, asked): &(&Answered<'_>, usize)| {
            let with = ListRule { sizes: sizes.clone(), ..rule.clone() };
            let page = page(answer.world, &with, &answer.asked, answer.who);
            *asked > 1 && page.first >= page.total().max(1)
        };
        let mut beyond = pages().filter(beyond).peekable();
        sizes.clamped = beyond.peek().is_some() && beyond.all(|(answer, _)| !answer.keys.is_empty());
        sizes
    }

    /// The length of the longest of these lists, where rows were left over.
    fn longest_cut(&self, rule: &ListRule, answers: Vec<&Answered<'_>>) -> Option<usize> {
        let longest = answers.iter().map(|answer| answer.keys.len()).max().filter(|longest| *longest > 0)?;
        let whole = ListRule { sizes: Sizes::default(), ..rule.clone() };
        let cut = answers.iter().any(|answer| {
            let page = page(answer.world, &whole, &answer.asked, answer.who);
            answer.keys.len() == longest && page.total().saturating_sub(page.first) > longest
        });
        cut.then_some(longest)
    }
}

/// The newest earlier answer of the same path that gave this text outside of the rows it showed, and whether it gave it
/// as the way back.
fn given(facts: &Facts<'_>, step: usize, text: &str) -> Option<(usize, bool)> {
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let has = |hay: &str| hay.contains(text) || hay.contains(&encoded);
    let path = &facts.trace.seen[step].call.path;
    let earlier = facts.trace.seen[..step].iter().enumerate().rev().filter(|(_, seen)| seen.call.path == *path);
    earlier.take(MAX_EARLIER).find_map(|(at, seen)| {
        let header = seen.headers.0.iter().find(|(_, value)| has(value)).map(|(name, _)| name.clone());
        let place = header.or_else(|| outside_lists(seen.reply.as_ref()?, "", &has))?;
        Some((at, Rel::named(&place) == Some(Rel::Previous)))
    })
}

/// The names down to a text of a body that is in no array and is as wanted.
fn outside_lists(value: &Value, place: &str, wanted: &dyn Fn(&str) -> bool) -> Option<String> {
    match value {
        Value::String(text) => wanted(text).then(|| place.to_owned()),
        Value::Object(object) => {
            object.iter().find_map(|(name, inner)| outside_lists(inner, &format!("{place} {name}"), wanted))
        }
        _ => None,
    }
}
