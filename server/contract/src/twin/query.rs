//! What a query asks for: parameters, brackets, JSON inside a parameter and a body that queries, read as one list of
//! terms; and how the name of a term is read as a field and an operator.

use std::collections::BTreeSet;

use serde_json::Value;

use super::behaviour::PageRole;
use super::select::role_of;
use super::trace::Call;
use super::value::scalar_text;

/// Terms read from one call; more are not looked at.
const MAX_TERMS: usize = 64;
/// Nesting followed inside JSON and brackets.
const MAX_STEPS: usize = 8;

/// One thing a call asks for: `filter[where][price][gt]=5` and `filter={"where":{"price":{"gt":5}}}` are the same term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    /// The steps in brackets, alternatives left out: `filter[where][price][gt]`.
    pub(super) name: String,
    pub(super) steps: Vec<String>,
    pub(super) value: String,
    pub(super) branch: Option<Branch>,
}

/// The alternative that a term belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Branch {
    pub(super) joint: Joint,
    /// Names the group of alternatives.
    pub(super) group: String,
    pub(super) nth: usize,
}

/// How alternatives are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joint {
    Any,
    All,
    None,
}

fn joint(word: &str) -> Option<Joint> {
    match plain(word).as_str() {
        "or" | "any" | "anyof" => Some(Joint::Any),
        "and" | "all" | "allof" => Some(Joint::All),
        "nor" | "none" => Some(Joint::None),
        _ => None,
    }
}

/// A call with the terms of its query and, where it is no plain read, of its body.
#[derive(Debug, Clone)]
pub(super) struct Question<'c> {
    pub(super) call: &'c Call,
    pub(super) terms: Vec<Term>,
}

impl<'c> Question<'c> {
    pub(super) fn of(call: &'c Call) -> Self {
        let mut terms = Vec::new();
        for (name, text) in &call.query {
            let steps = split_brackets(name);
            match tree(text) {
                Some(value) => walk(&value, &mut steps.clone(), &mut terms),
                None => push(&steps, text.clone(), &mut terms),
            }
        }
        if !matches!(call.method.as_str(), "GET" | "HEAD" | "DELETE")
            && let Some(body @ Value::Object(_)) = call.sent.value()
        {
            walk(body, &mut Vec::new(), &mut terms);
        }
        Self { call, terms }
    }

    /// The first value of a term.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.terms.iter().find(|term| term.name == name).map(|term| term.value.as_str())
    }
}

/// The fields that a query wants, or does not want.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selection {
    pub(super) names: BTreeSet<String>,
    pub(super) without: bool,
}

impl Selection {
    /// `fields=a,b`, `$select[]=a`, `fields[articles]=title`, `projection={"a":1}`, `projection={"b":0}`.
    pub(super) fn of(asked: &Question<'_>) -> Option<Self> {
        let mut names = BTreeSet::new();
        let mut without = false;
        for term in &asked.terms {
            let Some(role) = role_of(&term.steps).filter(|role| role.role == PageRole::Select) else { continue };
            match (role.rest.first(), term.value.as_str()) {
                (Some(_), "1" | "true") => drop(names.insert(role.rest.join("."))),
                (Some(_), "0" | "false") => {
                    names.insert(role.rest.join("."));
                    without = true;
                }
                (_, list) => names.extend(list.split(',').map(|name| name.trim().to_owned())),
            }
        }
        names.remove("");
        (!names.is_empty()).then_some(Self { names, without })
    }

    pub(super) fn wants(&self, name: &str) -> bool {
        self.names.contains(name) != self.without
    }
}

/// An object or array in the text of a parameter.
fn tree(text: &str) -> Option<Value> {
    let text = text.trim();
    let closed = (text.starts_with('{') && text.ends_with('}')) || (text.starts_with('[') && text.ends_with(']'));
    closed.then(|| serde_json::from_str(text).ok()).flatten()
}

/// `a[b][]` is `a`, `b`.
fn split_brackets(name: &str) -> Vec<String> {
    let mut steps: Vec<String> = name.split('[').map(|step| step.trim_end_matches(']').to_owned()).collect();
    while steps.len() > 1 && steps.last().is_some_and(String::is_empty) {
        steps.pop();
    }
    steps
}

fn walk(value: &Value, steps: &mut Vec<String>, out: &mut Vec<Term>) {
    if steps.len() > MAX_STEPS || out.len() >= MAX_TERMS {
        return;
    }
    match value {
        Value::Object(object) => {
            for (name, inner) in object {
                steps.push(name.clone());
                walk(inner, steps, out);
                steps.pop();
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                match item {
                    Value::Object(_) => {
                        steps.push(at.to_string());
                        walk(item, steps, out);
                        steps.pop();
                    }
                    // `[["name", "desc"]]`
                    Value::Array(words) => {
                        push(steps, words.iter().filter_map(scalar_text).collect::<Vec<_>>().join(" "), out);
                    }
                    _ => walk(item, steps, out),
                }
            }
        }
        Value::Null => push(steps, "null".to_owned(), out),
        scalar => push(steps, scalar_text(scalar).unwrap_or_default(), out),
    }
}

fn push(steps: &[String], value: String, out: &mut Vec<Term>) {
    if out.len() >= MAX_TERMS {
        return;
    }
    let is_index = |step: &String| !step.is_empty() && step.bytes().all(|b| b.is_ascii_digit());
    let mut own: Vec<String> = Vec::with_capacity(steps.len());
    let mut branch = None;
    for (at, step) in steps.iter().enumerate() {
        let word = at.checked_sub(1).and_then(|before| joint(&steps[before]));
        match word.filter(|_| at > 0 && is_index(step) && branch.is_none()) {
            Some(joint) => {
                own.pop();
                let nth = step.parse().unwrap_or(0);
                branch = Some(Branch { joint, group: steps[..at].join("."), nth });
            }
            // An index only says which item of a list it is.
            None if at > 0 && is_index(step) => {}
            None => own.push(step.clone()),
        }
    }
    out.push(Term { name: bracketed(&own), steps: own, value, branch });
}

pub(super) fn bracketed(steps: &[String]) -> String {
    let mut name = steps.first().cloned().unwrap_or_default();
    for step in steps.iter().skip(1) {
        name.push('[');
        name.push_str(step);
        name.push(']');
    }
    name
}

/// A comparison of a field with what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Op {
    Equals,
    NotEquals,
    Above,
    AtLeast,
    Below,
    AtMost,
    /// One of several, given by commas or by repetition.
    In,
    NotIn,
    /// An array has it.
    Holds,
    /// Contains the text, whatever the case.
    Like,
    StartsWith,
    EndsWith,
    Matches,
    /// `true`: is there and not null.
    Exists,
    /// `true`: is null or not there.
    Lacks,
    Between,
    /// The value itself says it: `>5`, `!x`, `gte:5`.
    Said,
}

/// The operators that a word may stand for, the likeliest first.
pub(super) fn ops(word: &str) -> &'static [Op] {
    match plain(word).as_str() {
        "eq" | "is" | "equals" | "equal" | "exact" | "iexact" => &[Op::Equals, Op::In],
        "ne" | "neq" | "not" | "isnot" | "noteq" | "notequals" | "nequal" => &[Op::NotEquals, Op::NotIn],
        "gt" | "greater" | "greaterthan" | "above" | "morethan" => &[Op::Above, Op::AtLeast],
        "gte" | "ge" | "min" | "atleast" | "minimum" | "greaterorequal" => &[Op::AtLeast, Op::Above],
        "lt" | "less" | "lessthan" | "below" => &[Op::Below, Op::AtMost],
        "lte" | "le" | "max" | "atmost" | "maximum" | "lessorequal" => &[Op::AtMost, Op::Below],
        "from" | "since" | "start" => &[Op::AtLeast, Op::Above],
        "after" => &[Op::Above, Op::AtLeast],
        "to" | "until" | "till" | "end" => &[Op::AtMost, Op::Below],
        "before" => &[Op::Below, Op::AtMost],
        "in" | "inq" | "oneof" => &[Op::In],
        "nin" | "notin" | "exclude" | "excluding" => &[Op::NotIn],
        "like" | "contains" | "icontains" | "ilike" | "search" | "cont" | "substring" => &[Op::Like, Op::Holds],
        "has" => &[Op::Exists, Op::Holds, Op::Like],
        "all" | "includes" => &[Op::Holds],
        "startswith" | "istartswith" | "starts" | "beginswith" | "prefix" => &[Op::StartsWith],
        "endswith" | "iendswith" | "ends" | "suffix" => &[Op::EndsWith],
        "regex" | "regexp" | "iregex" | "match" | "matches" => &[Op::Matches, Op::Like],
        "exists" | "isset" | "present" | "notnull" => &[Op::Exists],
        "isnull" | "null" | "missing" => &[Op::Lacks],
        "between" | "range" => &[Op::Between],
        _ => &[],
    }
}

/// A value that says its operator: `>=5`, `!x`, `gte:5`, `in.(a,b)`; and what is left of it.
pub(super) fn said(text: &str) -> Option<(Op, &str)> {
    const SIGNS: [(&str, Op); 11] = [
        (">=", Op::AtLeast),
        ("<=", Op::AtMost),
        ("!=", Op::NotEquals),
        ("<>", Op::NotEquals),
        ("=~", Op::Matches),
        ("==", Op::Equals),
        (">", Op::Above),
        ("<", Op::Below),
        ("!", Op::NotEquals),
        ("~", Op::Like),
        ("=", Op::Equals),
    ];
    if let Some((sign, op)) = SIGNS.iter().find(|(sign, _)| text.starts_with(sign)) {
        return Some((*op, &text[sign.len()..]));
    }
    let end = text.find([':', '.'])?;
    let op = ops(text[..end].trim_start_matches('$')).first()?;
    let rest = &text[end + 1..];
    Some((*op, rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(rest)))
}

/// Where in the name of a term the operator stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Style {
    /// There is none.
    Bare,
    /// Behind the field, after this separator.
    Suffix(&'static str),
    /// In front of the field, before this separator.
    Prefix(&'static str),
    /// A step of its own, with or without a dollar sign.
    Step { dollar: bool },
}

/// One way to read the name of a term.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reading {
    pub(super) path: Vec<String>,
    pub(super) op: Op,
    pub(super) convention: Convention,
    /// How well the name fits the field, 0 to 3; more is better.
    pub(super) quality: f64,
}

/// How an API spells conditions: what stands before the field, and where the operator is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Convention {
    pub(super) lead: Vec<String>,
    pub(super) style: Style,
}

/// Every way to read a name as a field of these and an operator.
pub(super) fn readings(steps: &[String], fields: &Fields) -> Vec<Reading> {
    let mut out = Vec::new();
    for start in 0..steps.len().min(4) {
        let (lead, rest) = (&steps[..start], &steps[start..]);
        let mut add = |path: Vec<String>, quality: f64, op: Op, style: Style| {
            let convention = Convention { lead: lead.to_vec(), style };
            out.push(Reading { path, op, convention, quality });
        };
        let bare = fields.named(rest);
        for (path, quality) in &bare {
            for op in [Op::Equals, Op::In, Op::Holds, Op::Said, Op::Like] {
                add(path.clone(), *quality, op, Style::Bare);
            }
        }
        if let Some((word, field)) = rest.split_last().filter(|(_, field)| !field.is_empty()) {
            let dollar = word.starts_with(['$', '_']);
            for (path, quality) in fields.named(field) {
                for op in ops(word) {
                    add(path.clone(), quality, *op, Style::Step { dollar });
                }
            }
        }
        if let [only] = rest {
            for (word, field, style) in affixes(only) {
                for (path, quality) in fields.named(&[field.to_owned()]) {
                    for op in ops(word) {
                        add(path.clone(), quality * 0.9, *op, style.clone());
                    }
                }
            }
        }
    }
    out
}

/// The splits of a name into an operator and a field.
fn affixes(name: &str) -> Vec<(&str, &str, Style)> {
    let mut out = Vec::new();
    for separator in ["__", "_", ".", ":", "-"] {
        if let Some((field, word)) = name.rsplit_once(separator).filter(|(field, _)| !field.is_empty()) {
            out.push((word, field, Style::Suffix(separator)));
        }
        if let Some((word, field)) = name.trim_start_matches('_').split_once(separator) {
            out.push((word, field, Style::Prefix(separator)));
        }
    }
    for (at, c) in name.char_indices().skip(1).filter(|(_, c)| c.is_ascii_uppercase()) {
        debug_assert!(c.is_ascii_uppercase());
        out.push((&name[..at], &name[at..], Style::Prefix("")));
        out.push((&name[at..], &name[..at], Style::Suffix("")));
    }
    out.retain(|(word, field, _)| !ops(word).is_empty() && !field.is_empty());
    out
}

/// The fields that rows of a class have, embedded rows included.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields {
    pub(super) paths: BTreeSet<Vec<String>>,
    /// The same in plain words.
    words: Vec<Vec<String>>,
}

impl Fields {
    pub(super) fn new(paths: BTreeSet<Vec<String>>) -> Self {
        let words = paths.iter().map(|path| path.iter().map(|name| plain(name)).collect()).collect();
        Self { paths, words }
    }

    /// The fields that a name (in steps, or with dots or double underscores) may mean, with how well it fits.
    pub(super) fn named(&self, steps: &[String]) -> Vec<(Vec<String>, f64)> {
        let parts = steps.iter().flat_map(|step| step.split('.')).flat_map(|step| step.split("__"));
        let words: Vec<String> = parts.map(plain).filter(|word| !word.is_empty()).collect();
        if words.is_empty() {
            return vec![];
        }
        let all = self.paths.iter().zip(&self.words).filter_map(|(path, own)| Some((path, fit(own, &words)?)));
        let all: Vec<(&Vec<String>, f64)> = all.collect();
        // The best ones only: a field of that very name leaves the others no room.
        let best = all.iter().map(|(_, quality)| *quality).fold(0.0, f64::max);
        all.into_iter().filter(|(_, q)| *q >= best - 0.05).map(|(path, q)| (path.clone(), q)).collect()
    }

    /// The field that a name means best; the name itself where there is none.
    pub(super) fn resolve(&self, name: &str) -> Vec<String> {
        let named = self.named(&[name.to_owned()]);
        let best = named.into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
        best.map_or_else(|| name.split('.').map(str::to_owned).collect(), |(path, _)| path)
    }
}

/// Members that only hold others.
fn holds_others(word: &str) -> bool {
    matches!(word, "data" | "attributes" | "relationships" | "fields" | "properties" | "values")
}

/// How well words name a field: 3 for the very path, 2 for its end, less for what means the same.
fn fit(own: &[String], words: &[String]) -> Option<f64> {
    if own == words {
        return Some(3.0 - 0.001 * own.len() as f64);
    }
    let telling: Vec<&String> = own.iter().filter(|word| !holds_others(word)).collect();
    let ends = |own: &[&String]| {
        let skip = own.len().checked_sub(words.len())?;
        own[skip..].iter().zip(words).all(|(a, b)| *a == b).then_some(skip)
    };
    if let Some(skip) = ends(&telling) {
        return Some(2.0 - 0.1 * skip as f64);
    }
    // `author` means `author.id` and `authorId`; `authorId` means `author`.
    let without_id = |word: &str| word.strip_suffix("id").filter(|rest| !rest.is_empty()).map(str::to_owned);
    let (last, before) = telling.split_last()?;
    if matches!(last.as_str(), "id" | "uuid" | "key") && ends(before).is_some() && !before.is_empty() {
        return Some(1.5);
    }
    let cut: Vec<String> = telling.iter().map(|word| (*word).clone()).collect();
    let cut_last = |words: &[String]| {
        let (last, before) = words.split_last()?;
        Some([before, &[without_id(last)?]].concat())
    };
    let same_end = |a: &[String], b: &[String]| a.ends_with(b);
    if cut_last(&cut).is_some_and(|cut| same_end(&cut, words))
        || cut_last(words).is_some_and(|words| same_end(&cut, &words))
    {
        return Some(1.2);
    }
    None
}

/// Lower case letters and digits only.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(call_query: &str) -> Vec<(String, String)> {
        let query = crate::twin::trace::query_pairs(call_query);
        let mut terms = Vec::new();
        for (name, text) in &query {
            let mut steps = split_brackets(name);
            match tree(text) {
                Some(value) => walk(&value, &mut steps, &mut terms),
                None => push(&steps, text.clone(), &mut terms),
            }
        }
        terms.into_iter().map(|term| (term.name, term.value)).collect()
    }

    #[test]
    fn brackets_and_json_are_the_same_terms() {
        let json = names(r#"filter={"where":{"price":{"gt":5},"kind":"toy"},"limit":3}"#);
        assert_eq!(json, names("filter[where][price][gt]=5&filter[where][kind]=toy&filter[limit]=3"));
        assert_eq!(names(r#"q={"id":{"$in":[7,9]}}"#), names("q[id][$in][]=7&q[id][$in][]=9"));
    }

    #[test]
    fn names_are_read_as_fields_and_operators() {
        let path = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
        let fields = Fields::new(
            ["price", "attributes.title", "relationships.author.data.id", "created_at", "meta.lang", "stars"]
                .map(path)
                .into(),
        );
        for (name, field, op) in [
            ("price__gte", "price", Op::AtLeast),
            ("price_lt", "price", Op::Below),
            ("max_price", "price", Op::AtMost),
            ("stars[$gt]", "stars", Op::Above),
            ("filter[title]", "attributes.title", Op::Equals),
            ("filter[author]", "relationships.author.data.id", Op::Equals),
            ("createdAtBefore", "created_at", Op::Below),
            ("where[meta][lang]", "meta.lang", Op::Equals),
            ("meta.lang", "meta.lang", Op::Equals),
        ] {
            let found = readings(&split_brackets(name), &fields);
            let best = found.iter().find(|reading| reading.path == path(field) && reading.op == op);
            assert!(best.is_some(), "{name}: {found:?}");
        }
    }
}
