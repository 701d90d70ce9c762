//! Header fields of good answers: constant, or made with each answer.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use super::{Event, Facts, Seen};
use crate::twin::behaviour::{Effect, HeaderRule, Part, Source};
use crate::twin::causes::value_of;
use crate::twin::paging::UrlRule;
use crate::twin::template::Slots;
use crate::twin::value::{read_time, scalar_text};
use crate::twin::world::Row;

/// Fields that belong to one connection or one moment, or that the server in front writes itself (RFC 9110 §6.6, §7.6.1,
/// §8.6; RFC 9112 §6, §9).
const NEVER: &[&str] = &[
    "connection",
    "content-encoding",
    "content-length",
    "date",
    "keep-alive",
    "proxy-connection",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "age",
];

/// What was found out about the answers before.
pub(super) struct Known<'k> {
    pub(super) parts: &'k [(Vec<String>, Part)],
    pub(super) effect: &'k Effect,
    pub(super) links: Vec<(String, UrlRule)>,
}

pub(super) fn mine(
    facts: &Facts<'_>,
    endpoint: usize,
    good: &[(usize, &Seen)],
    known: Known<'_>,
) -> Vec<(String, HeaderRule)> {
    if good.is_empty() {
        return vec![];
    }
    let list = known.parts.iter().any(|(_, part)| matches!(part, Part::List(_)));
    let creates = matches!(known.effect, Effect::Create { .. });
    let mut out: Vec<(String, HeaderRule)> =
        known.links.into_iter().map(|(name, url)| (name, HeaderRule::Page(Box::new(url)))).collect();
    if list {
        out.extend(list_headers(good));
    }
    let events: HashMap<usize, &Event> =
        facts.events(endpoint).filter(|event| !event.pattern.has_each()).map(|event| (event.step, event)).collect();
    let told = |name: &str| Told {
        values: good.iter().filter_map(|(step, seen)| Some((*step, *seen, seen.headers.get(name)?))).collect(),
        events: &events,
        facts,
    };
    let names: BTreeSet<&String> =
        good.iter().flat_map(|(_, seen)| seen.headers.0.iter().map(|(name, _)| name)).collect();
    for name in names {
        if out.iter().any(|(known, _)| known == name)
            || NEVER.contains(&name.as_str())
            || name.starts_with("x-understudy-")
        {
            continue;
        }
        let told = told(name);
        // A field that came only sometimes is left to the sample whose call is most alike.
        if told.values.len() < good.len() && name != "etag" {
            continue;
        }
        let first = told.values[0].2;
        let rule = match name.as_str() {
            "etag" => Some(told.entity_tag()),
            "last-modified" => told.moment(),
            "x-request-id" | "x-response-time" | "x-runtime" | "x-process-time" => None,
            "location" if creates => {
                told.template().or_else(|| Some(HeaderRule::Location { absolute: first.contains("://") }))
            }
            _ if told.values.iter().all(|(.., other)| *other == first) => Some(HeaderRule::Const(first.to_owned())),
            _ => told.copy().or_else(|| told.template()).or_else(|| told.field(None)),
        };
        out.extend(rule.map(|rule| (name.clone(), rule)));
    }
    out
}

/// One header field of all good answers of an endpoint.
struct Told<'f> {
    values: Vec<(usize, &'f Seen, &'f str)>,
    events: &'f HashMap<usize, &'f Event>,
    facts: &'f Facts<'f>,
}

impl Told<'_> {
    fn entity_tag(&self) -> HeaderRule {
        let weak = self.values[0].2.starts_with("W/");
        if let Some(rule) = self.field(Some(if weak { "W/\"" } else { "\"" })) {
            return rule;
        }
        let named = |(step, ..): &(usize, &Seen, &str)| {
            self.events.get(step).is_some_and(|event| self.facts.past.world.tables[event.class].tag_like.is_some())
        };
        if self.values.iter().all(named) { HeaderRule::RowTag { weak } } else { HeaderRule::ETag { weak } }
    }

    /// A field of the row that all answers repeat.
    fn field(&self, quoted: Option<&str>) -> Option<HeaderRule> {
        let field = self.row_field(&|value, told| {
            let bare = match quoted {
                Some(mark) => told.strip_prefix(mark)?.strip_suffix('"')?,
                None => told,
            };
            Some(bare.len() >= 2 && scalar_text(value)? == bare)
        })?;
        Some(HeaderRule::Field { field, quoted: quoted.map(str::to_owned) })
    }

    fn moment(&self) -> Option<HeaderRule> {
        let field = self.row_field(&|value, told| {
            let ((_, own), (_, told)) = (read_time(value)?, read_time(&Value::from(told))?);
            Some(own.div_euclid(1000) == told.div_euclid(1000))
        })?;
        Some(HeaderRule::Moment { field })
    }

    /// The field (or the key) of the row that fits each answer's value; two different ones must have been told.
    fn row_field(&self, fits: &dyn Fn(&Value, &str) -> Option<bool>) -> Option<String> {
        let pairs: Option<Vec<(&Event, &str)>> =
            self.values.iter().map(|(step, _, told)| Some((*self.events.get(step)?, *told))).collect();
        let pairs = pairs?;
        let (first, told) = pairs.first()?;
        if pairs.iter().all(|(_, other)| other == told) {
            return None;
        }
        let key = self.facts.classes.all[first.class].key.as_str();
        let names = first.after.fields.keys().map(String::as_str);
        let value =
            |row: &Row, name: &str| if name == key { Some(row.key.clone()) } else { row.fields.get(name).cloned() };
        let holds = |name: &&str| {
            pairs
                .iter()
                .all(|(event, told)| value(&event.after, name).is_some_and(|value| fits(&value, told).unwrap_or(false)))
        };
        names.chain([key]).find(holds).map(str::to_owned)
    }

    fn copy(&self) -> Option<HeaderRule> {
        let (_, seen, first) = self.values.first()?;
        let holds = |source: &Source| {
            let own = |seen: &Seen| value_of(source, &seen.call).as_ref().and_then(scalar_text);
            self.values.iter().all(|(_, seen, told)| own(seen).as_deref() == Some(*told))
        };
        super::copies::sources(&seen.call, &Value::from(*first)).into_iter().find(holds).map(HeaderRule::Copy)
    }

    fn template(&self) -> Option<HeaderRule> {
        let mut common: Option<Value> = None;
        for (step, seen, told) in &self.values {
            let key = self.events.get(step).map_or("", |event| event.key.as_str());
            let who = self.facts.past.callers[*step].as_deref();
            let opened = Slots { call: &seen.call, key, who }.open(&Value::from(*told))?;
            if common.get_or_insert_with(|| opened.clone()) != &opened {
                return None;
            }
        }
        common.map(HeaderRule::Template)
    }
}

/// The fields of a refusal that its next one has too: not the server's, and no validators, which change with the body.
pub(super) fn of_refusal(headers: &crate::Headers) -> serde_json::Map<String, serde_json::Value> {
    let own = headers.0.iter().filter(|(name, _)| {
        !NEVER.contains(&name.as_str())
            && !name.starts_with("x-understudy-")
            && !matches!(name.as_str(), "etag" | "last-modified" | "server" | "expires" | "location")
    });
    own.map(|(name, value)| (name.clone(), serde_json::Value::from(value.as_str()))).collect()
}

/// The number of all rows and the neighbouring pages, whichever answers had them.
fn list_headers(good: &[(usize, &Seen)]) -> Vec<(String, HeaderRule)> {
    let mut out: Vec<(String, HeaderRule)> = Vec::new();
    for (_, seen) in good {
        for (name, value) in &seen.headers.0 {
            let total = name.contains("total") && value.parse::<u64>().is_ok();
            if !(total || name == "link") || out.iter().any(|(known, _)| known == name) {
                continue;
            }
            let paged = !good.iter().any(|(_, seen)| seen.call.query.is_empty() && seen.headers.get(name).is_some());
            out.push((name.clone(), if total { HeaderRule::Total { paged } } else { HeaderRule::Links }));
        }
    }
    out
}
