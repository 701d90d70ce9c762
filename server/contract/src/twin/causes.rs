//! Why a call is refused, and whether that holds for a call. Mining and answering ask the same questions here.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::behaviour::{ListRule, Source};
use super::fault::Fault;
use super::query::Question;
use super::select::{looked_up, page, taken};
use super::trace::{Call, Sent};
use super::value::{at, key_text, scalar_text};
use super::world::{Row, World};

/// Why a call is refused.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cause {
    /// Nothing was ever accepted here.
    Always,
    NoCredential,
    BadCredential,
    /// Declared as JSON, and is not.
    Malformed,
    /// The body is of none of these media types.
    MediaType(BTreeSet<String>),
    /// `Accept` names none of what is there.
    NotAcceptable(BTreeSet<String>),
    Value {
        of: Source,
        fault: Fault,
    },
    /// The value names no row of the class.
    NoRow {
        of: Source,
        class: usize,
    },
    /// Another row has this value already.
    Taken {
        of: Source,
        field: String,
    },
    /// A member of the body, at this path, that has none of these names.
    Member {
        under: Vec<String>,
        known: BTreeSet<String>,
    },
    /// A query parameter with a part (`price`, `$gte` in `price[$gte]`) that is none of these.
    Parameter(BTreeSet<String>),
    /// No row for this path parameter.
    Unknown(usize),
    /// There is a row for this path parameter already.
    Known(usize),
    NotOwner,
    /// None of these header fields was sent.
    Unconditional(&'static str),
    /// The version that the call names is not the row's; with `needed`, one must be named.
    Stale {
        of: Source,
        field: String,
        needed: bool,
    },
    /// `If-None-Match: *` for something that is there.
    Exists,
    /// The row that the path names has this value there.
    State {
        field: String,
        value: Value,
    },
    /// Rows of this class name the one that the path does.
    Referenced {
        child: usize,
        field: String,
    },
    /// A page after the last one.
    PastEnd,
    /// No row equals what the body names.
    NoSuch,
}

/// A member of a body, and the field of a row that it names.
pub(super) type NamedBy = (Vec<String>, String);

/// What a call is about, as far as its endpoint decides it.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    /// The class whose keys each path parameter takes.
    pub(super) params: &'a [Option<usize>],
    /// The class whose rows the answers show.
    pub(super) class: Option<usize>,
    /// What the body names a row by, and the class of that row.
    pub(super) lookup: Option<(usize, &'a [NamedBy])>,
    pub(super) list: Option<&'a ListRule>,
    /// The list whose first row the answers show.
    pub(super) first: Option<&'a ListRule>,
}

/// One call, the world before it, and what its endpoint is about.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) world: &'a World,
    pub(super) subject: Subject<'a>,
    pub(super) call: &'a Call,
    pub(super) who: Option<&'a str>,
}

impl Cause {
    pub(super) fn holds(&self, case: &Case<'_>) -> bool {
        let Case { world, subject, call, who } = *case;
        match self {
            Self::Always => true,
            Self::NoCredential => call.credential.is_none(),
            Self::BadCredential => call.credential.is_some() && who.is_none(),
            Self::Malformed => call.sent == Sent::Malformed,
            Self::MediaType(known) => {
                call.sent != Sent::Nothing && !known.contains(&call.headers.media_type().unwrap_or_default())
            }
            Self::NotAcceptable(known) => !accepts(call.headers.get("accept"), known),
            Self::Value { of, fault } => fault_holds(fault, of, call),
            Self::NoRow { of, class } => {
                let key = value_of(of, call).as_ref().and_then(key_text);
                key.is_some_and(|key| !world.tables[*class].rows.contains_key(&key))
            }
            Self::Taken { of, field } => is_taken(case, of, field),
            Self::Member { .. } | Self::Parameter(_) => self.offender(call).is_some(),
            Self::Unknown(slot) => case.row_known(*slot) == Some(false),
            Self::Known(slot) => case.row_known(*slot) == Some(true),
            Self::NotOwner => not_owner(case),
            Self::Unconditional(name) => call.headers.get(name).is_none() && case.target().is_some(),
            Self::Stale { of, field, needed } => is_stale(case, of, field, *needed),
            Self::Exists => call.headers.get("if-none-match") == Some("*") && case.target().is_some(),
            Self::State { field, value } => case.target().is_some_and(|row| row.is(field, value)),
            Self::Referenced { child, field } => case.target_key().is_some_and(|key| {
                let mut rows = world.tables[*child].rows.values();
                rows.any(|row| row.names(field).as_deref() == Some(key))
            }),
            Self::PastEnd => subject.list.is_some_and(|list| {
                let page = page(world, list, &Question::of(call), who);
                page.first > 0 && page.first >= page.total()
            }),
            Self::NoSuch => {
                let none = |list| page(world, list, &Question::of(call), who).rows().is_empty();
                subject.lookup.is_some_and(|(class, pairs)| looked_up(world, class, pairs, call).is_none())
                    || subject.first.is_some_and(none)
            }
        }
    }

    /// The name that the API does not know.
    pub(super) fn offender(&self, call: &Call) -> Option<String> {
        match self {
            Self::Member { under, known } => {
                let object = at(call.sent.value()?, under)?.as_object()?;
                object.keys().find(|name| !known.contains(*name)).cloned()
            }
            Self::Parameter(known) => {
                let mut parts = call.query.iter().flat_map(|(name, _)| name_parts(name));
                parts.find(|part| !known.contains(*part)).map(str::to_owned)
            }
            _ => None,
        }
    }

    /// Where in the request the refused value is.
    pub(super) fn place(&self) -> Option<&Source> {
        match self {
            Self::Value { of, .. } | Self::NoRow { of, .. } | Self::Taken { of, .. } | Self::Stale { of, .. } => {
                Some(of)
            }
            _ => None,
        }
    }
}

impl<'a> Case<'a> {
    fn row_known(&self, slot: usize) -> Option<bool> {
        let class = self.subject.params.get(slot).copied().flatten()?;
        Some(self.world.tables[class].rows.contains_key(self.call.params.get(slot)?))
    }

    /// The key that the last path parameter with a class holds.
    fn target_key(&self) -> Option<&'a str> {
        let mut named = self.subject.params.iter().zip(&self.call.params).rev();
        named.find_map(|(class, key)| class.map(|_| key.as_str()))
    }

    /// The row that the last path parameter with a class names.
    pub(super) fn target(&self) -> Option<&'a Row> {
        let named = self.subject.params.iter().zip(&self.call.params).rev();
        let (class, key) = named.filter_map(|(class, key)| Some(((*class)?, key))).next()?;
        self.world.tables[class].rows.get(key).map(AsRef::as_ref)
    }
}

/// The parts of a parameter's name: `price[$gte]` is `price` and `$gte`. Positions in a list are none.
pub(super) fn name_parts(name: &str) -> impl Iterator<Item = &str> {
    let parts = name.split('[').map(|part| part.trim_end_matches(']'));
    parts.filter(|part| !part.is_empty() && part.parse::<u32>().is_err())
}

/// The value at a place of the request; the texts of paths and queries as texts.
pub(super) fn value_of(of: &Source, call: &Call) -> Option<Value> {
    match of {
        Source::Param(slot) => call.params.get(*slot).map(|text| Value::from(text.as_str())),
        Source::Query(name) => call.query(name).map(Value::from),
        Source::WholeQuery => Some(whole_query(call)),
        Source::Body(path) => at(call.sent.value()?, path).cloned(),
        Source::Header(name) => call.headers.get(name).map(Value::from),
        Source::Path => Some(Value::from(call.path.clone())),
        Source::Url => call.url().map(Value::from),
        Source::Text => std::str::from_utf8(&call.raw).ok().map(Value::from),
        Source::Credential => call.credential.as_deref().map(Value::from),
        Source::User => call.basic.as_ref().map(|(user, _)| Value::from(user.as_str())),
    }
}

/// All query parameters as one object; what is given more than once is an array.
pub(super) fn whole_query(call: &Call) -> Value {
    let mut out = serde_json::Map::new();
    for (name, value) in &call.query {
        match out.get_mut(name) {
            Some(Value::Array(items)) => items.push(Value::from(value.as_str())),
            Some(one) => *one = Value::from(vec![one.take(), Value::from(value.as_str())]),
            None => drop(out.insert(name.clone(), Value::from(value.as_str()))),
        }
    }
    Value::Object(out)
}

fn fault_holds(fault: &Fault, of: &Source, call: &Call) -> bool {
    let Source::Body(path) = of else { return fault.holds(value_of(of, call).as_ref()) };
    let Some(body) = call.sent.value() else {
        return *fault == Fault::Absent && call.sent == Sent::Nothing && path.len() == 1;
    };
    // What is missing is missing from its parent; without the parent, only that one is.
    let parent = path.split_last().and_then(|(_, outer)| at(body, outer));
    if *fault == Fault::Absent && !parent.is_some_and(Value::is_object) {
        return false;
    }
    fault.holds(at(body, path))
}

fn is_taken(case: &Case<'_>, of: &Source, field: &str) -> bool {
    let (Some(class), Some(value)) = (case.subject.class, value_of(of, case.call)) else { return false };
    if key_text(&value).is_none() {
        return false;
    }
    // The row that is being changed may keep its own value: it is the one the path names, or the caller's.
    let own = case.subject.params.iter().zip(&case.call.params).rev();
    let own = own.filter(|(of, _)| **of == Some(class)).map(|(_, key)| key.as_str()).next();
    taken(case.world, class, field, &value, own.or(case.who.filter(|_| case.call.method != "POST")))
}

fn is_stale(case: &Case<'_>, of: &Source, field: &str, needed: bool) -> bool {
    let Some(row) = case.target() else { return false };
    let Some(current) = version(case, row, field) else { return false };
    match value_of(of, case.call).as_ref().and_then(scalar_text) {
        Some(given) => given != "*" && !given.split(',').any(|tag| opaque(tag) == opaque(&current)),
        None => needed,
    }
}

/// What tells the versions of a row apart: a field, or where that has no name the row's entity tag.
pub(super) fn version(case: &Case<'_>, row: &Row, field: &str) -> Option<String> {
    match field {
        "" => case.world.tables[case.subject.class?].tag(row),
        field => row.fields.get(field).and_then(scalar_text),
    }
}

/// What an entity tag says (RFC 9110 §8.8.3), or the text itself.
pub(super) fn opaque(tag: &str) -> &str {
    tag.trim().trim_start_matches("W/").trim_matches('"')
}

/// Whether one of the media types meets the ranges of an `Accept` field (RFC 9110 §12.5.1).
fn accepts(field: Option<&str>, known: &BTreeSet<String>) -> bool {
    let Some(field) = field else { return true };
    field.split(',').any(|range| {
        let range = range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let family = range.strip_suffix("/*");
        range == "*/*" || known.iter().any(|own| *own == range || family == own.split('/').next())
    })
}

/// Whether the row that the path names is another account's.
fn not_owner(case: &Case<'_>) -> bool {
    let Case { world, subject, call, who } = *case;
    let named =
        subject.params.iter().zip(&call.params).rev().find_map(|(class, key)| world.tables[(*class)?].rows.get(key));
    let Some((who, owner)) = who.zip(named.and_then(|row| owner(world, row))) else { return false };
    who != owner
}

/// Who a row belongs to: who was seen to create it, else the account it embeds.
fn owner<'w>(world: &'w World, row: &'w Row) -> Option<&'w str> {
    row.owner.as_deref().or_else(|| {
        let account = world.sessions.values().flatten().next()?.0;
        let mut references = row.refs.values().filter(|(class, _)| *class == account);
        references.next().map(|(_, key)| key.as_str())
    })
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("nothing was ever accepted here"),
            Self::NoCredential => f.write_str("no credential"),
            Self::BadCredential => f.write_str("unknown credential"),
            Self::Malformed => f.write_str("body is not JSON"),
            Self::MediaType(_) => f.write_str("media type of the body"),
            Self::NotAcceptable(_) => f.write_str("nothing acceptable"),
            Self::Value { of, fault } => write!(f, "{} {fault}", place_name(of)),
            Self::NoRow { of, .. } => write!(f, "{} names nothing", place_name(of)),
            Self::Taken { field, .. } => write!(f, "{field} is taken"),
            Self::Member { .. } => f.write_str("unknown member"),
            Self::Parameter(_) => f.write_str("unknown parameter"),
            Self::Unknown(_) => f.write_str("unknown id"),
            Self::Known(_) => f.write_str("is there already"),
            Self::NotOwner => f.write_str("belongs to another account"),
            Self::Unconditional(name) => write!(f, "{name} is missing"),
            Self::Stale { .. } => f.write_str("another version"),
            Self::Exists => f.write_str("exists"),
            Self::State { field, value } => write!(f, "{field} is {value}"),
            Self::Referenced { .. } => f.write_str("others name it"),
            Self::PastEnd => f.write_str("past the last page"),
            Self::NoSuch => f.write_str("nothing matches the body"),
        }
    }
}

fn place_name(of: &Source) -> String {
    match of {
        Source::Body(path) => path.join("."),
        Source::Query(name) => format!("query parameter {name}"),
        Source::Header(name) => format!("field {name}"),
        Source::Param(slot) => format!("path parameter {}", slot + 1),
        Source::WholeQuery => "query".to_owned(),
        Source::Path => "path".to_owned(),
        Source::Url => "URL".to_owned(),
        Source::Text => "body".to_owned(),
        Source::Credential => "credential".to_owned(),
        Source::User => "user".to_owned(),
    }
}
