//! One exchange against the baseline of its endpoint.

use std::borrow::Cow;

use serde_json::Value;

use crate::hash::{combine, hash, mix};
use crate::media::Content;
use crate::{Exchange, Headers, headers};

use super::rows::Change;
use super::tree::{Event, Tree};
use super::watch::{At, Happened, Key, Place, Sign, Watch};

/// A sample is for reading.
pub(super) const MAX_SAMPLE_BYTES: usize = 1024;
/// So much slower than the slowest before is no bad luck of the machine, in microseconds; and so many times.
const SLOWER_US: u64 = 100_000;
const SLOWER_TIMES: u64 = 3;
/// Requests without credentials that prove that none are needed.
const ANONYMOUS: u32 = 5;

/// What one exchange showed.
pub(super) struct Shown {
    pub(super) happened: Vec<Happened>,
    /// Hash of the path.
    pub(super) target: u32,
    /// Asked for before, and answered well.
    pub(super) known: bool,
    /// Nothing in it comes and goes.
    is_plain: bool,
    /// Of the names of header fields, and of query parameters.
    asked: u64,
    query: u64,
    answered: u64,
}

/// Answers that say more about the request or the moment than about the API.
pub(super) fn is_beside_the_point(status: u16) -> bool {
    matches!(status, 100..=199 | 304 | 408 | 412 | 416 | 429)
}

impl Watch {
    /// Reads one exchange; `None` when it is the same as one that was clean.
    pub(super) fn read(&mut self, exchange: &Exchange) -> Option<Shown> {
        self.exchanges += 1;
        let status = exchange.response.status;
        *self.statuses.entry(status).or_insert_with(|| 0) += 1;
        let target = hash(exchange.request.path().as_bytes()) as u32;
        let known = self.knows(target);
        let (asked, answered) = (names_hash(&exchange.request.headers), names_hash(&exchange.response.headers));
        let query = query_hash(exchange.request.query().unwrap_or_default());
        let mut shown = Shown { happened: Vec::new(), target, known, is_plain: true, asked, query, answered };
        if status < 400 {
            self.accepted += 1;
            if self.asked.0 != asked {
                self.asked = (asked, has_credentials(&exchange.request.headers));
            }
            self.anonymous += u32::from(!self.asked.1);
        }
        let is_slower = self.pace.look(exchange);
        let is_calm = self.is_frozen() && self.suspicions.is_empty() && self.raised.is_empty();
        self.count_manner(exchange, &shown);
        let about = combine(combine(asked, answered), u64::from(target) << 16 | u64::from(status));
        let is_calm = is_calm && self.parts.iter().all(|part| part.tree.wary == 0);
        let same = (is_calm && self.is_again(about)).then(|| fingerprint(exchange, about));
        if same.is_some_and(|same| self.is_same(same)) && !self.is_slow(exchange) && !is_slower {
            self.skip(exchange);
            return None;
        }
        self.read_signs(exchange, &mut shown);
        if is_slower && self.is_frozen() {
            self.push(Sign::Slower, 1, Some(milliseconds(exchange)), &mut shown);
        }
        // What an answer says that should not be one is no news beside that.
        let is_late =
            |happened: &Happened| matches!(happened.key, Key::Sign(Sign::Slow | Sign::Slower | Sign::Away(..)));
        let is_odd = !shown.happened.iter().all(is_late);
        if !is_odd {
            self.read_heads(exchange, &mut shown);
            self.read_bodies(exchange, &mut shown);
            self.read_rows(exchange, &mut shown);
        }
        // What lacks a field that is new was plain before, and counts from now on.
        if shown.happened.iter().any(|happened| matches!(happened.key, Key::At { event: Event::New, .. })) {
            self.same.clear();
        }
        if shown.happened.is_empty() {
            if status < 400 {
                self.remember(target);
            }
            if let Some(same) = same.filter(|_| shown.is_plain) {
                self.remember_same(same);
            }
        }
        Some(shown)
    }

    /// The same again: counts as what it was.
    fn skip(&mut self, exchange: &Exchange) {
        let status = exchange.response.status;
        for part in &mut self.parts {
            let of = match &part.place {
                Place::Body(of, _) | Place::Headers(of) => *of == status,
                Place::Query | Place::Asked | Place::Request(_) => status < 400,
            };
            part.tree.skipped += u32::from(of);
        }
        if !exchange.response.body.bytes.is_empty() && !exchange.response.body.truncated {
            self.count_media(status, &media_type(&exchange.response.headers));
        }
    }

    /// Answers that tell something of the API are counted with those to whoever asks in the same way.
    fn count_manner(&mut self, exchange: &Exchange, shown: &Shown) {
        let status = exchange.response.status;
        self.manner = None;
        self.is_another = false;
        let is_told_otherwise = matches!(status, 400 | 401 | 403 | 404 | 410 | 422 | 500..);
        if is_told_otherwise {
            return;
        }
        let method = &*exchange.request.method;
        // What changes something is asked anew each time.
        let is_each = !matches!(method, "GET" | "HEAD");
        let query = exchange.request.query().unwrap_or_default();
        let what = if query.is_empty() { shown.target } else { mix(u64::from(shown.target), query.as_bytes()) as u32 };
        self.is_another = self.manners.is_another(what, is_each);
        let names = (shown.asked.rotate_left(32) ^ shown.query) as u32;
        // What never became part of the baseline cannot go missing.
        let is_part = !self.is_frozen() || self.known.contains(&status);
        self.manners.count(names, status, exchange.received_at_ms, self.is_another && is_part);
        self.manner = self.manners.now().filter(|_| self.is_another);
    }

    fn read_signs(&mut self, exchange: &Exchange, shown: &mut Shown) {
        let status = exchange.response.status;
        if let Some(sign) = self.sign_of(exchange, shown.known) {
            self.note_sign(sign, shown);
        }
        if let (Some(names), true) = (self.manner, self.is_frozen()) {
            self.read_away(names, exchange, shown);
        }
        if status >= 500 {
            return;
        }
        if !self.is_frozen() {
            self.slowest_us = self.slowest_us.max(exchange.latency_us);
        } else if self.is_slow(exchange) && exchange.received_at_ms >= self.slow_until_ms {
            self.slow_until_ms = exchange.received_at_ms + exchange.latency_us / 1000;
            self.push(Sign::Slow, 0, Some(milliseconds(exchange)), shown);
        }
    }

    fn note_sign(&mut self, sign: Sign, shown: &mut Shown) {
        let (count, of) = self.sign_rate(&sign);
        let is_counted = matches!(sign, Sign::Status(_) | Sign::Mix(..));
        let before = count - u32::from(is_counted).min(count);
        let is_rare = if matches!(sign, Sign::Mix(..)) { before * 2 < of } else { before * 5 < of };
        if before == 0 && !self.is_frozen() {
            self.news = self.exchanges;
        }
        if self.is_frozen() && (is_rare || self.is_raised(&sign)) {
            self.push(sign, 1, None, shown);
        } else if !is_counted {
            *self.signs.entry(sign).or_default() += 1;
        }
    }

    /// A sign that may mean something. It counts as what is normal unless it is a finding already; `with` of those that it is held
    /// against are the exchange itself.
    fn push(&mut self, sign: Sign, with: u32, value: Option<Value>, shown: &mut Shown) {
        let (count, of) = self.sign_rate(&sign);
        let is_counted = matches!(sign, Sign::Status(_) | Sign::Mix(..));
        let before = count - u32::from(is_counted).min(count);
        if self.is_raised(&sign) {
            self.uncount(&sign, u32::from(is_counted));
        } else if !is_counted {
            *self.signs.entry(sign.clone()).or_default() += 1;
        }
        shown.happened.push(Happened { key: Key::Sign(sign), before, of: of.saturating_sub(with), value });
    }

    /// A status that used to come to who asks like that.
    fn read_away(&mut self, names: u32, exchange: &Exchange, shown: &mut Shown) {
        if let Some(status) = self.manners.away(exchange.received_at_ms) {
            self.push(Sign::Away(names, status), 1, None, shown);
        }
    }

    /// What the status of an answer says about the API, if anything.
    fn sign_of(&self, exchange: &Exchange, known: bool) -> Option<Sign> {
        let status = exchange.response.status;
        match status {
            // Of what never was there it proves nothing.
            404 | 410 => known.then_some(Sign::Absent),
            // A token may have expired.
            401 | 403 => {
                let anonymous = !has_credentials(&exchange.request.headers);
                (anonymous && self.anonymous >= ANONYMOUS).then_some(Sign::Auth)
            }
            400 | 422 => self.is_like_those_taken(exchange).then_some(Sign::Refused),
            500.. => Some(Sign::Failing),
            // How often a known one comes is up to what is asked for.
            _ if self.is_frozen() && self.known.contains(&status) => self.manner.map(|names| Sign::Mix(names, status)),
            _ => Some(Sign::Status(status)),
        }
    }

    /// Whether the API took requests like this one.
    fn is_like_those_taken(&self, exchange: &Exchange) -> bool {
        let request = &exchange.request;
        let tree = |place: &Place| self.parts.iter().find(|part| part.place == *place).map(|part| &part.tree);
        let names = query_names(request.query().unwrap_or_default());
        let query = tree(&Place::Query)
            .is_some_and(|tree| tree.clone().read_names(names.iter().map(|name| &**name)).is_empty());
        let media_type = request.headers.media_type().unwrap_or_default();
        let body = request.body.bytes.is_empty()
            || tree(&Place::Request(media_type)).is_some_and(|tree| {
                tree.is_frozen() && tree.clone().read(&request.body.bytes).is_some_and(|found| found.is_empty())
            });
        self.is_frozen() && query && body
    }

    fn is_slow(&self, exchange: &Exchange) -> bool {
        let limit = (self.slowest_us * SLOWER_TIMES).max(self.slowest_us + SLOWER_US);
        self.is_frozen() && self.slowest_us > 0 && exchange.latency_us > limit
    }

    fn read_heads(&mut self, exchange: &Exchange, shown: &mut Shown) {
        let (request, response) = (&exchange.request, &exchange.response);
        self.read_names(&At::Headers(response.status), shown.answered, || telling(&response.headers), shown);
        if response.status < 400 {
            let query = request.query().unwrap_or_default();
            self.read_names(&At::Asked, shown.asked, || telling(&request.headers), shown);
            self.read_names(&At::Query, shown.query, || query_names(query), shown);
        }
    }

    /// Names that are the same as those read last are not read again. Nothing in them was worth a word, and what could have
    /// happened to them and did not is still what the tree says of its last document.
    fn read_names<'n>(&mut self, at: &At<'_>, hash: u64, names: impl FnOnce() -> Vec<Cow<'n, str>>, shown: &mut Shown) {
        let at = self.part(at);
        let part = &mut self.parts[at];
        if part.tree.is_frozen() && part.last == hash {
            part.tree.skipped += 1;
            return;
        }
        let found = part.tree.read_names(names().iter().map(|name| &**name));
        part.last = if found.is_empty() && part.tree.is_frozen() && part.tree.is_plain { hash } else { 0 };
        shown.is_plain &= part.tree.is_plain;
        shown.extend(at, found);
    }

    fn read_bodies(&mut self, exchange: &Exchange, shown: &mut Shown) {
        let (request, response) = (&exchange.request, &exchange.response);
        let moment = (exchange.received_at_ms, self.is_another);
        if response.status < 400 && !request.body.truncated && !request.body.bytes.is_empty() {
            let media_type = media_type(&request.headers);
            if Content::of(&media_type) == Content::Json {
                self.read_body(&At::Request(&media_type), &request.body.bytes, moment, shown);
            }
        }
        if response.body.bytes.is_empty() || response.body.truncated {
            return;
        }
        let media_type = media_type(&response.headers);
        self.read_media(response.status, &media_type, shown);
        if Content::of(&media_type) == Content::Json {
            self.read_body(&At::Body(response.status, &media_type), &response.body.bytes, moment, shown);
        }
    }

    /// Of lists that were there before. What ends with a parameter is one thing and no list.
    fn read_rows(&mut self, exchange: &Exchange, shown: &mut Shown) {
        self.lists.now = None;
        let is_list = shown.known
            && exchange.response.status == 200
            && exchange.request.method == "GET"
            && !self.template.ends_with('}')
            && !exchange.response.body.truncated
            && Content::of(&media_type(&exchange.response.headers)) == Content::Json;
        if !is_list {
            return;
        }
        let is_of_rows = |key: &Key| matches!(key, Key::Sign(Sign::Order(_) | Sign::Paging(_)));
        let is_wary = self.suspicions.iter().any(|(key, _)| is_of_rows(key))
            || self.raised.iter().any(|raised| raised.keys.iter().any(is_of_rows));
        for (change, query, now) in self.lists.look(exchange, is_wary) {
            let sign = if change == Change::Order { Sign::Order(query) } else { Sign::Paging(query) };
            if self.is_frozen() {
                self.push(sign, 0, Some(Value::from(now)), shown);
            }
        }
    }

    fn read_media(&mut self, status: u16, media_type: &str, shown: &mut Shown) {
        let of = self.statuses.get(&status).copied().unwrap_or(1) - 1;
        let before = self.count_media(status, media_type);
        if before == 0 && !self.is_frozen() {
            self.news = self.exchanges;
        }
        if self.is_frozen() && self.known.contains(&status) && before * 5 < of {
            let sign = Sign::Media(status, media_type.to_owned());
            shown.happened.push(Happened { key: Key::Sign(sign), before, of, value: None });
        }
    }

    /// How often this status came with this media type before.
    fn count_media(&mut self, status: u16, media_type: &str) -> u32 {
        let is = |sign: &Sign| matches!(sign, Sign::Media(s, m) if *s == status && m == media_type);
        let Some((_, count)) = self.signs.iter_mut().find(|(sign, _)| is(sign)) else {
            self.signs.insert(Sign::Media(status, media_type.to_owned()), 1);
            return 0;
        };
        *count += 1;
        *count - 1
    }

    fn read_body(&mut self, at: &At<'_>, bytes: &[u8], moment: (u64, bool), shown: &mut Shown) {
        let at = self.part(at);
        let tree = &mut self.parts[at].tree;
        (tree.at_ms, tree.is_witness) = moment;
        if tree.sample.is_none() {
            tree.sample = sample(bytes);
        }
        if let Some(found) = tree.read(bytes) {
            shown.is_plain &= self.parts[at].tree.is_plain;
            shown.extend(at, found);
        }
    }
}

impl Shown {
    fn extend(&mut self, part: usize, found: Vec<super::tree::Found>) {
        self.happened.extend(found.into_iter().map(|found| Happened {
            key: Key::At { part, node: found.node, event: found.event },
            before: found.before,
            of: found.of,
            value: found.value,
        }));
    }
}

impl Tree {
    /// Whether the document that was read last could have shown this, and how often what it is about came so far.
    pub(super) fn standing(&self, node: u32, event: super::tree::Event) -> Option<(u32, u32)> {
        // It did show it, and that was nothing worth a word.
        let is_shown = self.nodes[node as usize].is_shown(event, self.reads);
        (self.is_observed(node, event) && !is_shown)
            .then(|| (self.nodes[node as usize].count(event), self.of(node, event)))
    }
}

pub(super) fn sample(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(|text| super::watch::shorten(text, MAX_SAMPLE_BYTES))
}

/// All that is compared, in one hash; `about` is that of the path, the status and the names of header fields.
fn fingerprint(exchange: &Exchange, about: u64) -> u64 {
    let (request, response) = (&exchange.request, &exchange.response);
    let texts = [request.target.as_bytes(), &request.body.bytes, &response.body.bytes];
    texts.into_iter().fold(about, mix)
}

/// Without parameters, in lower case, as nearly all are sent.
fn media_type(headers: &Headers) -> Cow<'_, str> {
    let value = headers.get("content-type").unwrap_or_default();
    let essence = value.split(';').next().unwrap_or(value).trim();
    match essence.bytes().any(|b| b.is_ascii_uppercase()) {
        true => Cow::Owned(essence.to_ascii_lowercase()),
        false => Cow::Borrowed(essence),
    }
}

/// Of the names in their order, and of the media type.
fn names_hash(headers: &Headers) -> u64 {
    headers.0.iter().fold(1, |of, (name, value)| {
        let of = mix(of, name.as_bytes());
        if name == "content-type" { mix(of, value.as_bytes()) } else { of }
    })
}

fn telling(headers: &Headers) -> Vec<Cow<'_, str>> {
    headers.0.iter().map(|(name, _)| &**name).filter(|name| headers::is_telling(name)).map(Cow::Borrowed).collect()
}

fn query_names(query: &str) -> Vec<Cow<'_, str>> {
    form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name).collect()
}

fn milliseconds(exchange: &Exchange) -> Value {
    Value::from(format!("{} ms", exchange.latency_us / 1000))
}

fn query_hash(query: &str) -> u64 {
    query.split('&').fold(1, |of, pair| mix(of, pair.split('=').next().unwrap_or(pair).as_bytes()))
}

pub(super) fn has_credentials(headers: &Headers) -> bool {
    headers.0.iter().any(|(name, _)| name == "authorization" || name == "cookie" || headers::is_secret(name))
}
