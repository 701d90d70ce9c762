//! What all files of requests with their answers have in common.

use std::collections::BTreeMap;

use bytes::Bytes;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::DECLARED;
use crate::{Body, Exchange, Headers, Request, Response};

/// What a segment of a path cannot hold as it is (RFC 3986 section 3.3).
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}');
/// Stands in for a path parameter whose value the file does not tell.
const UNTOLD: &str = "1";

/// An exchange and the server that gave the answer; the origin is empty in files that are about one server.
#[derive(Debug)]
pub(super) struct Saved {
    pub(super) origin: String,
    pub(super) exchange: Exchange,
}

impl Saved {
    /// The time is given to all of them at once, by [`Saved::spread`].
    pub(super) fn new(origin: String, request: Request, response: Response) -> Self {
        Self { origin, exchange: Exchange { id: 0, received_at_ms: 0, latency_us: 0, request, response } }
    }

    /// For files that tell no times: one after the other, the last at `now_ms`.
    pub(super) fn spread(all: &mut [Self], now_ms: u64) {
        for (back, saved) in (0..).zip(all.iter_mut().rev()) {
            saved.exchange.received_at_ms = now_ms.saturating_sub(back);
        }
    }
}

/// Servers by their origin: how many of their answers are JSON, and how many there are.
#[derive(Debug, Default)]
pub(super) struct Origins(BTreeMap<String, (usize, usize)>);

impl Origins {
    pub(super) fn add(&mut self, saved: &Saved) {
        let kind = saved.exchange.response.headers.media_type();
        let count = match self.0.get_mut(&saved.origin) {
            Some(count) => count,
            None => self.0.entry(saved.origin.clone()).or_default(),
        };
        count.0 += usize::from(kind.is_some_and(|kind| super::is_json(&kind)));
        count.1 += 1;
    }

    /// An app talks to many servers; its API is the one that answers in JSON, else the one that answers most.
    pub(super) fn main(&self) -> Option<&str> {
        self.0.iter().max_by_key(|(_, count)| *count).map(|(origin, _)| origin.as_str())
    }

    /// How many answers other servers than the main one gave.
    pub(super) fn others(&self) -> usize {
        let main = self.main();
        self.0.iter().filter(|(origin, _)| Some(origin.as_str()) != main).map(|(_, count)| count.1).sum()
    }

    /// What is left out for it.
    pub(super) fn note(&self, what: &str) -> Option<String> {
        let main = self.main().filter(|_| self.others() > 0)?;
        Some(format!("{} {what} of other origins than {main} were left out", self.others()))
    }
}

/// The exchanges of one API, in order and numbered; `what` is the file's own word for them.
pub(super) fn of_one_api(all: Vec<Saved>, what: &str, notes: &mut Vec<String>) -> Vec<Exchange> {
    let mut origins = Origins::default();
    all.iter().for_each(|saved| origins.add(saved));
    notes.extend(origins.note(what));
    let main = origins.main();
    let own = all.into_iter().filter(|saved| Some(saved.origin.as_str()) == main);
    let mut exchanges: Vec<Exchange> = own.map(|saved| saved.exchange).collect();
    exchanges.sort_by_key(|exchange| exchange.received_at_ms);
    for (id, exchange) in (0..).zip(&mut exchanges) {
        exchange.id = id;
    }
    exchanges
}

/// What had to be left out, counted by the reason.
#[derive(Debug, Default)]
pub(super) struct Omitted(BTreeMap<&'static str, usize>);

impl Omitted {
    pub(super) fn add(&mut self, why: &'static str) {
        *self.0.entry(why).or_default() += 1;
    }

    pub(super) fn notes(self, what: &str) -> Vec<String> {
        self.0.into_iter().map(|(why, count)| format!("{count} {what} were left out: {why}")).collect()
    }
}

/// Where a request goes. A parameter without a value got a stand-in, and the template says so.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: String,
    pub(super) template: Option<String>,
}

impl Place {
    /// Fills the parameters of a template; `name` finds one in a segment, `value` what it stands for.
    pub(super) fn fill<'s>(
        template: &'s str,
        name: impl Fn(&'s str) -> Option<&'s str>,
        value: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let mut told = true;
        let (mut path, mut general) = (Vec::new(), Vec::new());
        for segment in template.split('/') {
            let Some(name) = name(segment) else {
                path.push(segment.to_owned());
                general.push(segment.to_owned());
                continue;
            };
            let value = value(name).filter(|value| !value.is_empty());
            told &= value.is_some();
            let value = value.unwrap_or_else(|| UNTOLD.to_owned());
            path.push(utf8_percent_encode(&value, SEGMENT).to_string());
            general.push(format!("{{{name}}}"));
        }
        Self { path: path.join("/"), template: (!told).then(|| general.join("/")) }
    }

    /// The mark of exchanges that no API gave.
    pub(super) fn mark(template: Option<String>, headers: &mut Headers) {
        headers.0.extend(template.map(|template| (DECLARED.to_owned(), template)));
    }
}

/// Path and query, each pair encoded.
pub(super) fn with_query(path: &str, pairs: &[(String, String)]) -> String {
    if pairs.is_empty() {
        return path.to_owned();
    }
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("{path}{}{query}", if path.contains('?') { '&' } else { '?' })
}

/// Fields that belong to a connection or to a coding, which these files have undone.
pub(super) fn is_dropped(name: &str) -> bool {
    matches!(name, "content-encoding" | "content-length" | "transfer-encoding" | "connection" | "keep-alive")
}

/// Adds a field as it is kept: with its name in lower case.
pub(super) fn add_field(headers: &mut Headers, name: &str, value: String) {
    let name = name.to_ascii_lowercase();
    if !is_dropped(&name) && !name.starts_with(':') {
        headers.0.push((name, value));
    }
}

/// Says the media type where nothing says it yet.
pub(super) fn default_type(headers: &mut Headers, media_type: &str) {
    if headers.get("content-type").is_none() {
        headers.0.push(("content-type".into(), media_type.into()));
    }
}

pub(super) fn whole(bytes: impl Into<Bytes>) -> Body {
    Body { bytes: bytes.into(), truncated: false }
}

/// There was a body, and the file does not hold it.
pub(super) fn untold() -> Body {
    Body { bytes: Bytes::new(), truncated: true }
}
