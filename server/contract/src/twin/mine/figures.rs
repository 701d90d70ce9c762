//! What answers say of a page beside its rows: every place is tried with every figure, on all answers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::lists::Answered;
use crate::twin::behaviour::{ListRule, PageRole};
use crate::twin::paging::{Figure, Form, Pair, Rel, Sheet, Telling, Told, UrlRule, link_figure, own_url, pairs};
use crate::twin::query::Question;
use crate::twin::select::{asked_by, page};
use crate::twin::value::{at, deep_paths, scalar_text};

/// Members followed down from the root of an answer.
const MAX_DEPTH: usize = 4;
/// Share of the answers that must agree: fully what the request says, less what depends on how many rows there are.
const HOLDS: f64 = 0.9;
const HOLDS_ALL: f64 = 0.7;

/// One answer with its page in figures.
struct Paged<'o> {
    asked: &'o Question<'o>,
    reply: &'o Value,
    sheet: Sheet,
}

/// The places of the answers of a list that say something of the page.
pub(super) fn mine(
    answers: &[Answered<'_>],
    replies: &[&Value],
    list: &[String],
    rule: &ListRule,
) -> Vec<(Vec<String>, Telling)> {
    let paged: Vec<Paged<'_>> = answers
        .iter()
        .zip(replies)
        .map(|(answer, reply)| {
            let page = page(answer.world, rule, &answer.asked, answer.who);
            let sheet = Sheet { shown: answer.keys.len(), ..Sheet::of(rule, &page) };
            Paged { asked: &answer.asked, reply, sheet }
        })
        .collect();
    let leaves = |reply: &Value| reply.as_object().map(|object| deep_paths(object, MAX_DEPTH)).unwrap_or_default();
    let paths: BTreeSet<Vec<String>> = paged.iter().flat_map(|paged| leaves(paged.reply)).collect();
    let free = paths.into_iter().filter(|path| !path.starts_with(list) && !list.starts_with(path));
    free.filter_map(|path| Some((path.clone(), explain(&path, &paged, rule)?))).collect()
}

fn explain(path: &[String], paged: &[Paged<'_>], rule: &ListRule) -> Option<Telling> {
    let values: Vec<(&Paged<'_>, Option<&Value>)> = paged.iter().map(|paged| (paged, at(paged.reply, path))).collect();
    if values.iter().any(|(_, value)| value.is_some_and(Value::is_array)) {
        return None;
    }
    let told = link(path, &values, rule).map(Told::Url).or_else(|| figure(path, &values).map(Told::Figure))?;
    let (missing, around) = missing(path, paged);
    let text = values.iter().any(|(_, value)| value.is_some_and(Value::is_string));
    Some(Telling { told, text, missing, around })
}

/// How far up the whole is missing where the leaf is, and what it was like when it was there.
fn missing(path: &[String], paged: &[Paged<'_>]) -> (Option<usize>, Value) {
    let without: Vec<&Value> =
        paged.iter().map(|paged| paged.reply).filter(|reply| at(reply, path).is_none()).collect();
    if without.is_empty() {
        return (None, Value::Null);
    }
    let up = (0..path.len()).take_while(|up| {
        let around = &path[..path.len() - up];
        !around.is_empty() && without.iter().all(|reply| at(reply, around).is_none())
    });
    let up = up.last().unwrap_or(0);
    let around = paged.iter().find_map(|paged| at(paged.reply, path).and(at(paged.reply, &path[..path.len() - up])));
    (Some(up), around.cloned().unwrap_or_default())
}

fn figure(path: &[String], values: &[(&Paged<'_>, Option<&Value>)]) -> Option<Figure> {
    let shown: BTreeSet<String> =
        values.iter().map(|(_, value)| value.map_or(String::new(), Value::to_string)).collect();
    let name = path.last().map_or("", String::as_str);
    let mut best: Option<((usize, bool), Figure)> = None;
    for figure in Figure::ALL {
        let sounds = figure.sounds_like(name);
        // What never changes is a constant, unless its name says otherwise.
        if shown.len() < 2 && !sounds {
            continue;
        }
        let (mut hits, mut telling) = (0_usize, false);
        for (paged, value) in values {
            let due = figure.value(&paged.sheet);
            let there = value.filter(|value| !value.is_null());
            let hit = if matches!(figure, Figure::Cursor(_)) {
                // How the API writes its cursors is its own matter.
                due.is_some() == there.is_some() && there.is_none_or(is_opaque)
            } else {
                same(due.as_ref(), there)
            };
            hits += usize::from(hit);
            telling |= hit && there.is_some();
        }
        let share = hits as f64 / values.len() as f64;
        let enough = if figure.counts_all() { HOLDS_ALL } else { HOLDS };
        if telling && share >= enough && best.as_ref().is_none_or(|(known, _)| (hits, sounds) > *known) {
            best = Some(((hits, sounds), figure));
        }
    }
    best.map(|(_, figure)| figure)
}

fn is_opaque(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() >= 4 && !text.contains(['/', ' ']))
}

/// A number may be written as text.
fn same(due: Option<&Value>, there: Option<&Value>) -> bool {
    match (due, there) {
        (Some(due), Some(there)) => due == there || scalar_text(due) == scalar_text(there),
        (None, None) => true,
        _ => false,
    }
}

fn link(path: &[String], values: &[(&Paged<'_>, Option<&Value>)], rule: &ListRule) -> Option<UrlRule> {
    let rel = path.iter().rev().find_map(|name| Rel::named(name))?;
    let texts: Vec<(&Question<'_>, &Sheet, Option<&str>)> =
        values.iter().map(|(paged, value)| (paged.asked, &paged.sheet, value.and_then(Value::as_str))).collect();
    url_rule(rel, &texts, rule)
}

/// The rule behind URLs of the list's own path; `None` where most of them are not explained.
pub(super) fn url_rule(rel: Rel, texts: &[(&Question<'_>, &Sheet, Option<&str>)], rule: &ListRule) -> Option<UrlRule> {
    let read: Vec<(&Question<'_>, Form, Vec<Pair>)> = texts
        .iter()
        .filter_map(|(asked, _, text)| own_url((*text)?, asked.call).map(|(form, pairs)| (*asked, form, pairs)))
        .collect();
    if read.is_empty() || read.len() < texts.iter().filter(|(.., text)| text.is_some()).count() {
        return None;
    }
    let (mut set, mut dropped) = (BTreeMap::new(), BTreeSet::new());
    let (mut in_order, mut moved) = (true, false);
    for (asked, _, shown) in &read {
        let sent = pairs(&asked.call.raw_query);
        for pair in
            shown.iter().filter(|pair| !sent.iter().any(|own| own.name == pair.name && own.value() == pair.value()))
        {
            set.insert(pair.raw_name.clone(), link_figure(rule, &pair.name, rel)?);
        }
        let absent = sent.iter().filter(|own| !shown.iter().any(|pair| pair.name == own.name));
        dropped.extend(absent.map(|own| own.name.clone()));
        let order: Vec<&str> = shown.iter().map(|pair| pair.name.as_str()).collect();
        in_order &= order.is_sorted();
        let kept: Vec<&str> = sent.iter().map(|own| own.name.as_str()).filter(|name| order.contains(name)).collect();
        moved |= !order.starts_with(&kept);
    }
    let candidate = UrlRule { rel, form: read[0].1, set, dropped, sorted: in_order && moved };
    let agrees = |(asked, sheet, text): &&(&Question<'_>, &Sheet, Option<&str>)| {
        let due = candidate.url(asked.call, sheet).and_then(|url| Some(own_url(&url, asked.call)?.1));
        let there = text.and_then(|text| Some(own_url(text, asked.call)?.1));
        match (due, there) {
            (Some(due), Some(there)) => alike(&candidate, due, there),
            (due, there) => due.is_none() && there.is_none(),
        }
    };
    let hits = texts.iter().filter(agrees).count();
    (hits as f64 >= texts.len() as f64 * HOLDS_ALL).then_some(candidate)
}

/// The same parameters, cursors by their presence.
fn alike(rule: &UrlRule, due: Vec<Pair>, there: Vec<Pair>) -> bool {
    let plain = |pairs: Vec<Pair>| {
        let value = |pair: &Pair| match rule.set.get(&pair.raw_name) {
            Some(Figure::Cursor(_)) => String::new(),
            _ => pair.value(),
        };
        pairs.iter().map(|pair| (pair.name.clone(), value(pair))).collect::<BTreeSet<_>>()
    };
    plain(due) == plain(there)
}

/// The largest page, where answers repeat the size that was asked for but not beyond some number.
pub(super) fn most(answers: &[Answered<'_>], replies: &[&Value], list: &[String], rule: &ListRule) -> Option<usize> {
    let sized = answers.iter().zip(replies).filter_map(|(answer, reply)| {
        Some((asked_by(rule, &answer.asked, PageRole::Limit)?.parse::<usize>().ok()?, *reply))
    });
    let sized: Vec<(usize, &Value)> = sized.collect();
    let leaves = sized.first()?.1.as_object().map(|object| deep_paths(object, MAX_DEPTH))?;
    let most = |path: &Vec<String>| {
        let echo = |reply: &Value| at(reply, path)?.as_u64().and_then(|n| usize::try_from(n).ok());
        let most = sized.iter().filter_map(|(_, reply)| echo(reply)).max()?;
        let repeated = sized.iter().all(|(asked, reply)| echo(reply) == Some(*asked.min(&most)));
        let (cut, met) = (sized.iter().any(|(asked, _)| *asked > most), sized.iter().any(|(asked, _)| *asked < most));
        (repeated && cut && met).then_some(most)
    };
    leaves.iter().filter(|path| !path.starts_with(list)).find_map(most)
}

/// The usual size of a page, where answers say it: one number where no size was asked for, what was asked for where it was.
pub(super) fn usual(answers: &[Answered<'_>], replies: &[&Value], list: &[String], rule: &ListRule) -> Option<usize> {
    let asked = |answer: &Answered<'_>| asked_by(rule, &answer.asked, PageRole::Limit)?.parse::<usize>().ok();
    let leaves = replies.first()?.as_object().map(|object| deep_paths(object, MAX_DEPTH))?;
    let says = |path: &Vec<String>| {
        if !Figure::Limit.sounds_like(path.last()?) {
            return None;
        }
        let told = |reply: &Value| at(reply, path)?.as_u64().and_then(|n| usize::try_from(n).ok());
        let all: Vec<(Option<usize>, usize, usize)> = answers
            .iter()
            .zip(replies)
            .map(|(answer, reply)| Some((asked(answer), told(reply)?, answer.keys.len())))
            .collect::<Option<_>>()?;
        let usual = all.iter().find_map(|(asked, told, _)| asked.is_none().then_some(*told))?;
        let proven = all.iter().any(|(asked, told, _)| asked.is_some_and(|asked| asked != usual && asked == *told));
        let holds = |(asked, told, shown): &(Option<usize>, usize, usize)| {
            shown <= told && asked.map_or(*told == usual, |asked| *told <= asked)
        };
        (proven && all.iter().all(holds)).then_some(usual)
    };
    leaves.iter().filter(|path| !path.starts_with(list)).find_map(says)
}

/// The rule behind the URL in a header field that is one.
pub(super) fn header(
    name: &str,
    answers: &[Answered<'_>],
    values: &[Option<&str>],
    rule: &ListRule,
) -> Option<UrlRule> {
    let rel = Rel::named(name)?;
    let sheets: Vec<Sheet> =
        answers.iter().map(|answer| Sheet::of(rule, &page(answer.world, rule, &answer.asked, answer.who))).collect();
    let texts: Vec<(&Question<'_>, &Sheet, Option<&str>)> =
        answers.iter().zip(&sheets).zip(values).map(|((answer, sheet), text)| (&answer.asked, sheet, *text)).collect();
    url_rule(rel, &texts, rule)
}
