//! What an answer says about a page of a list beside its rows: totals, page numbers, cursors, links to other pages.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;

use super::behaviour::{ListRule, PageRole};
use super::query::Question;
use super::select::{Page, cursor, role_of};
use super::trace::Call;

/// Unreserved characters stay as they are (RFC 3986 §2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A page of a list in figures.
#[derive(Debug, Clone)]
pub(super) struct Sheet {
    pub(super) total: usize,
    /// Without the conditions of the query.
    pub(super) whole: usize,
    pub(super) shown: usize,
    pub(super) first: usize,
    pub(super) limit: Option<usize>,
    pub(super) from_zero: bool,
    pub(super) first_key: Option<String>,
    pub(super) last_key: Option<String>,
}

impl Sheet {
    pub(super) fn of(rule: &ListRule, page: &Page<'_>) -> Self {
        let rows = page.rows();
        Self {
            total: page.total(),
            whole: page.whole,
            shown: rows.len(),
            first: page.first,
            limit: page.limit,
            from_zero: rule.sizes.from_zero,
            first_key: rows.first().map(|(key, _)| (*key).to_owned()),
            last_key: rows.last().map(|(key, _)| (*key).to_owned()),
        }
    }

    /// Rows per page; all of them, where there are no pages.
    fn size(&self) -> usize {
        self.limit.unwrap_or(self.total).max(1)
    }

    fn through(&self) -> usize {
        self.first + self.shown
    }

    fn has_next(&self) -> bool {
        self.through() < self.total && self.shown > 0
    }

    fn number(&self, first: usize) -> usize {
        first / self.size() + usize::from(!self.from_zero)
    }

    fn pages(&self) -> usize {
        self.total.div_ceil(self.size())
    }

    fn last_first(&self) -> usize {
        self.total.saturating_sub(1) / self.size() * self.size()
    }

    /// The number of the first row of another page; `None` where there is no such page.
    fn start(&self, rel: Rel) -> Option<usize> {
        match rel {
            Rel::Own => Some(self.first),
            Rel::First => Some(0),
            Rel::Last => Some(self.last_first()),
            Rel::Next => self.has_next().then(|| self.through()),
            Rel::Previous => (self.first > 0).then(|| self.first.saturating_sub(self.size())),
        }
    }
}

/// Another page as seen from this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rel {
    Own,
    First,
    Previous,
    Next,
    Last,
}

impl Rel {
    /// What a member or a link relation (RFC 8288 §3.3) is called.
    pub(super) fn named(name: &str) -> Option<Self> {
        let name = super::query::plain(name);
        let has = |word: &str| name.contains(word);
        match () {
            () if has("next") => Some(Self::Next),
            () if has("prev") => Some(Self::Previous),
            () if has("first") => Some(Self::First),
            () if has("last") => Some(Self::Last),
            () if has("self") || has("current") => Some(Self::Own),
            () => None,
        }
    }
}

/// A figure that an answer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Figure {
    Total,
    /// How many rows there are without the conditions of the query.
    Whole,
    Shown,
    Limit,
    /// The number of the first row, from 0.
    Offset,
    /// The number of a page.
    Page(Rel),
    /// The number of the first row of a page, from 0.
    Start(Rel),
    Pages,
    /// The number of the first and the last row, from 1.
    From,
    Through,
    Left,
    HasNext,
    HasPrevious,
    /// A text that asks for the page after or before.
    Cursor(Rel),
    FirstKey,
    LastKey,
}

impl Figure {
    pub(super) const ALL: [Self; 23] = [
        Self::Total,
        Self::Whole,
        Self::Shown,
        Self::Limit,
        Self::Page(Rel::Own),
        Self::Pages,
        Self::Page(Rel::Next),
        Self::Page(Rel::Previous),
        Self::Page(Rel::First),
        Self::Page(Rel::Last),
        Self::Offset,
        Self::Start(Rel::Next),
        Self::Start(Rel::Previous),
        Self::Start(Rel::Last),
        Self::From,
        Self::Through,
        Self::Left,
        Self::HasNext,
        Self::HasPrevious,
        Self::LastKey,
        Self::FirstKey,
        Self::Cursor(Rel::Next),
        Self::Cursor(Rel::Previous),
    ];

    /// Whether a member of this name usually holds the figure.
    pub(super) fn sounds_like(self, name: &str) -> bool {
        let name = super::query::plain(name);
        let words: &[&str] = match self {
            Self::Total | Self::Whole => {
                &["total", "count", "items", "matches", "hits", "results", "found", "size", "length"]
            }
            Self::Shown => &["count", "shown", "returned", "results", "size", "length", "items"],
            Self::Limit => &["limit", "per", "size", "max", "take"],
            Self::Offset => &["offset", "skip", "start"],
            Self::Page(Rel::Own) => &["page", "current", "number"],
            Self::Pages => &["pages", "last", "total", "pagecount"],
            Self::Page(rel) | Self::Start(rel) | Self::Cursor(rel) => {
                return Rel::named(&name) == Some(rel);
            }
            Self::From => &["from", "start", "first"],
            Self::Through => &["to", "through", "until", "end", "last"],
            Self::Left => &["left", "remaining"],
            Self::HasNext => &["more", "next", "truncated"],
            Self::HasPrevious => &["prev"],
            Self::FirstKey => &["first", "before", "prev"],
            Self::LastKey => &["last", "next", "after", "cursor", "marker"],
        };
        words.iter().any(|word| name.contains(word))
    }

    /// Whether it depends on how many rows there are in all, which the twin may not know exactly.
    pub(super) fn counts_all(self) -> bool {
        !matches!(
            self,
            Self::Shown
                | Self::Limit
                | Self::Offset
                | Self::From
                | Self::Through
                | Self::HasPrevious
                | Self::FirstKey
                | Self::LastKey
                | Self::Page(Rel::Own | Rel::First | Rel::Previous)
                | Self::Start(Rel::Previous)
        )
    }

    /// The figure; `None` where there is none (no next page).
    pub(super) fn value(self, sheet: &Sheet) -> Option<Value> {
        let number = |n: usize| Some(Value::from(n));
        match self {
            Self::Total => number(sheet.total),
            Self::Whole => number(sheet.whole),
            Self::Shown => number(sheet.shown),
            Self::Limit => number(sheet.limit?),
            Self::Offset => number(sheet.first),
            Self::Pages => number(sheet.pages()),
            Self::Page(rel) => number(sheet.number(sheet.start(rel)?)),
            Self::Start(rel) => number(sheet.start(rel)?),
            Self::From => number(if sheet.shown == 0 { 0 } else { sheet.first + 1 }),
            Self::Through => number(sheet.through()),
            Self::Left => number(sheet.total.saturating_sub(sheet.through())),
            Self::HasNext => Some(Value::Bool(sheet.has_next())),
            Self::HasPrevious => Some(Value::Bool(sheet.first > 0)),
            Self::Cursor(Rel::Previous) => {
                let key = sheet.first_key.as_deref().filter(|_| sheet.first > 0)?;
                Some(Value::from(cursor::write(key, true)))
            }
            Self::Cursor(_) => {
                let key = sheet.last_key.as_deref().filter(|_| sheet.has_next())?;
                Some(Value::from(cursor::write(key, false)))
            }
            Self::FirstKey => sheet.first_key.as_deref().filter(|_| sheet.first > 0).map(Value::from),
            Self::LastKey => sheet.last_key.as_deref().filter(|_| sheet.has_next()).map(Value::from),
        }
    }
}

/// How much of a URL is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Absolute,
    /// From the root.
    Rooted,
    /// The path without its first slash.
    Relative,
    QueryOnly,
}

/// The URL of a page: that of the request with some parameters changed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct UrlRule {
    pub(super) rel: Rel,
    pub(super) form: Form,
    /// Parameters that say where the page is, as written.
    pub(super) set: BTreeMap<String, Figure>,
    /// Parameters that are left out on the way to the first page.
    pub(super) dropped: BTreeSet<String>,
    /// Parameters come in the order of their names.
    pub(super) sorted: bool,
}

/// A query parameter as it is written in a URL: the decoded name, and both parts as they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pair {
    pub(super) name: String,
    pub(super) raw_name: String,
    pub(super) raw_value: String,
}

impl Pair {
    pub(super) fn value(&self) -> String {
        decoded(&self.raw_value)
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

pub(super) fn pairs(query: &str) -> Vec<Pair> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Pair { name: decoded(name), raw_name: name.to_owned(), raw_value: value.to_owned() }
        })
        .collect()
}

impl UrlRule {
    pub(super) fn url(&self, call: &Call, sheet: &Sheet) -> Option<String> {
        let start = sheet.start(self.rel)?;
        let mut all = pairs(&call.raw_query);
        if start == 0 {
            all.retain(|pair| !self.dropped.contains(&pair.name));
        }
        for (raw_name, figure) in &self.set {
            let name = decoded(raw_name);
            if start == 0 && self.dropped.contains(&name) {
                continue;
            }
            let value = figure.value(sheet)?;
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let raw_value = utf8_percent_encode(&text, ESCAPED).to_string();
            match all.iter_mut().find(|pair| pair.name == name) {
                Some(pair) => pair.raw_value = raw_value,
                None => all.push(Pair { name, raw_name: raw_name.clone(), raw_value }),
            }
        }
        if self.sorted {
            all.sort();
        }
        let query =
            all.iter().map(|pair| format!("{}={}", pair.raw_name, pair.raw_value)).collect::<Vec<_>>().join("&");
        let mark = if query.is_empty() { "" } else { "?" };
        Some(match self.form {
            Form::Absolute => format!("{}{}{mark}{query}", origin(call), call.path),
            Form::Rooted => format!("{}{mark}{query}", call.path),
            Form::Relative => format!("{}{mark}{query}", call.path.trim_start_matches('/')),
            Form::QueryOnly => format!("{mark}{query}"),
        })
    }
}

/// Scheme and authority under which the client reaches the API.
pub(super) fn origin(call: &Call) -> String {
    format!("http://{}", call.headers.get("host").unwrap_or("localhost"))
}

/// A recorded URL, if it is one of the call's own path: its form and its parameters.
pub(super) fn own_url(text: &str, call: &Call) -> Option<(Form, Vec<Pair>)> {
    let (place, query) = text.split_once('?').unwrap_or((text, ""));
    let form = if place.is_empty() && !query.is_empty() {
        Form::QueryOnly
    } else if let Some((_, rest)) = place.split_once("://") {
        let path = rest.find('/').map_or("", |at| &rest[at..]);
        (path == call.path).then_some(Form::Absolute)?
    } else if place == call.path {
        Form::Rooted
    } else {
        (!place.is_empty() && place == call.path.trim_start_matches('/')).then_some(Form::Relative)?
    };
    Some((form, pairs(query)))
}

/// The figure that a parameter of a link to another page holds, by what the parameter is for.
pub(super) fn link_figure(rule: &ListRule, name: &str, rel: Rel) -> Option<Figure> {
    let steps: Vec<String> = name.split('[').map(|step| step.trim_end_matches(']').to_owned()).collect();
    let known = rule.paging.get(name).copied();
    Some(match known.or_else(|| role_of(&steps).map(|role| role.role))? {
        PageRole::Page => Figure::Page(rel),
        PageRole::Offset => Figure::Start(rel),
        PageRole::Limit => Figure::Limit,
        PageRole::Cursor => Figure::Cursor(rel),
        PageRole::After => Figure::LastKey,
        PageRole::Before => Figure::FirstKey,
        PageRole::End | PageRole::SortBy | PageRole::Direction | PageRole::Select => return None,
    })
}

/// What a place beside the rows shows.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Told {
    Figure(Figure),
    Url(UrlRule),
}

/// A place in an answer that tells something of the page.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Telling {
    pub(super) told: Told,
    /// Numbers are written as text.
    pub(super) text: bool,
    /// How many members up the whole is missing where there is nothing to tell; `None`: null is shown.
    pub(super) missing: Option<usize>,
    /// The member that is missing then, as it was when it was there.
    pub(super) around: Value,
}

impl Telling {
    pub(super) fn value(&self, asked: &Question<'_>, sheet: &Sheet) -> Option<Value> {
        let value = match &self.told {
            Told::Figure(figure) => figure.value(sheet)?,
            Told::Url(url) => Value::from(url.url(asked.call, sheet)?),
        };
        Some(if self.text && !value.is_string() { Value::from(value.to_string()) } else { value })
    }

    /// Writes it into a body.
    pub(super) fn put(&self, body: &mut Value, path: &[String], value: Option<Value>) {
        let Some(up) = self.missing else {
            return super::answer::put(body, path, value.unwrap_or(Value::Null));
        };
        let (outer, inner) = path.split_at(path.len() - up.min(path.len()));
        let Some(value) = value else {
            if let Some((name, before)) = outer.split_last() {
                let around = before.iter().try_fold(body, |value, name| value.get_mut(name));
                if let Some(Value::Object(object)) = around {
                    object.shift_remove(name);
                }
            }
            return;
        };
        if !inner.is_empty() && super::value::at(body, outer).is_none() {
            super::answer::put(body, outer, self.around.clone());
        }
        super::answer::put(body, path, value);
    }
}
