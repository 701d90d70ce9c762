//! What was seen of one method on one path.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::conduct::{Answers, Conduct};
use crate::hash::hash;
use crate::media::Content;
use crate::schema::Schema;
use crate::schema::read::{self, Listener, Reader};
use crate::schema::room::Room;
use crate::sketch::{Absorb, Bounded, Durations, Span, absorb_map};
use crate::{Body, Exchange, Headers, headers, media};

/// Media types that are told apart in one place; the client chooses them, so there must be a bound.
const MAX_MEDIA_TYPES: usize = 8;
/// Fields of one operation's parameters, request bodies and answers; each takes some hundred bytes.
const MAX_PARAMETERS: usize = 96;
const MAX_REQUEST: usize = 512;
const MAX_RESPONSE: usize = 2048;
/// A sample is for reading; larger ones help nobody.
const MAX_SAMPLE_BYTES: usize = 2048;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Operation {
    pub(crate) requests: u64,
    pub(crate) span: Span,
    /// Requests whose path ended in a slash.
    pub(crate) slashes: u64,
    /// Requests that carried credentials.
    pub(crate) authorized: u64,
    /// Requests that were answered below 400: what the next four were learned from.
    pub(crate) accepted: u64,
    pub(crate) query: Schema,
    pub(crate) headers: Schema,
    pub(crate) cookies: Schema,
    pub(crate) request: Bounded<Bodies, MAX_MEDIA_TYPES>,
    pub(crate) responses: BTreeMap<u16, Box<Response>>,
    #[serde(default)]
    pub(crate) conduct: Conduct,
    asked: Room<MAX_PARAMETERS>,
    sent: Room<MAX_REQUEST>,
    answered: Room<MAX_RESPONSE>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Response {
    pub(crate) count: u64,
    pub(crate) latency: Durations,
    #[serde(default)]
    pub(crate) conduct: Answers,
    pub(crate) headers: Schema,
    pub(crate) bodies: Bounded<Bodies, MAX_MEDIA_TYPES>,
}

/// Bodies of one media type.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bodies {
    pub(crate) count: u64,
    pub(crate) bytes: u64,
    /// Bodies whose content taught nothing: cut, malformed, or of a media type without a schema.
    pub(crate) unread: u64,
    pub(crate) schema: Schema,
    /// The small body with the smallest hash.
    sample: Option<(u64, String)>,
}

impl Operation {
    pub(crate) fn learn(&mut self, exchange: &Exchange, listener: &mut dyn Listener) {
        let Exchange { request, response, received_at_ms: at_ms, .. } = exchange;
        let at_ms = *at_ms;
        self.requests += 1;
        self.span.add(at_ms);
        self.slashes += u64::from(request.path().len() > 1 && request.path().ends_with('/'));
        self.authorized += u64::from(request.headers.get("authorization").is_some());
        self.conduct.learn(request, at_ms);
        // What the API refused is no example of what it wants.
        if response.status < 400 {
            self.accepted += 1;
            let query = request.query().unwrap_or_default();
            let mut asked = Reader { room: &mut self.asked, listener: &mut (), at_ms };
            read::pairs(&mut self.query, form_urlencoded::parse(query.as_bytes()), &mut asked);
            learn_headers(&mut self.headers, &request.headers, &mut asked);
            let cookies = request.headers.get("cookie").into_iter().flat_map(headers::cookies);
            read::names(&mut self.cookies, cookies.map(|name| (name, None)), &mut asked);
            let mut sent = Reader { room: &mut self.sent, listener: &mut (), at_ms };
            learn_body(&mut self.request, &request.headers, &request.body, &mut sent);
        }
        let seen = self.responses.entry(response.status).or_default();
        seen.count += 1;
        // Of what comes from a document nobody knows how long it took.
        if exchange.latency_us > 0 {
            seen.latency.add(exchange.latency_us);
        }
        let size = (!response.body.truncated).then_some(response.body.bytes.len());
        seen.conduct.learn(&response.headers, size);
        let mut answered = Reader { room: &mut self.answered, listener, at_ms };
        learn_headers(&mut seen.headers, &response.headers, &mut answered);
        learn_body(&mut seen.bodies, &response.headers, &response.body, &mut answered);
        self.tidy();
    }

    /// Keeps the schemas within their bounds.
    fn tidy(&mut self) {
        if self.asked.is_crowded() {
            self.asked.tidy(&mut [&mut self.query, &mut self.headers, &mut self.cookies]);
        }
        if self.sent.is_crowded() {
            self.sent.tidy(&mut schemas(&mut self.request).collect::<Vec<_>>());
        }
        if self.answered.is_crowded() {
            let all = self
                .responses
                .values_mut()
                .flat_map(|response| std::iter::once(&mut response.headers).chain(schemas(&mut response.bodies)));
            self.answered.tidy(&mut all.collect::<Vec<_>>());
        }
    }

    /// How many fields it knows at most.
    pub(crate) fn fields(&self) -> usize {
        self.asked.taken() + self.sent.taken() + self.answered.taken()
    }

    /// Some fields were left out for want of room.
    pub(crate) fn is_cut(&self) -> bool {
        self.asked.is_cut() || self.sent.is_cut() || self.answered.is_cut()
    }

    pub(crate) fn successes(&self) -> impl Iterator<Item = &Response> {
        self.responses.iter().filter(|(status, _)| (200..300).contains(*status)).map(|(_, response)| &**response)
    }

    /// About how much memory this takes, in bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        let bodies = |all: &Bounded<Bodies, MAX_MEDIA_TYPES>| -> usize {
            let each = |body: &Bodies| {
                size_of::<Bodies>() + body.schema.heap_bytes() + body.sample.as_ref().map_or(0, |(_, text)| text.len())
            };
            all.all().map(each).sum()
        };
        let responses = self
            .responses
            .values()
            .map(|r| size_of::<Response>() + r.latency.heap_bytes() + r.headers.heap_bytes() + bodies(&r.bodies));
        let asked = [&self.query, &self.headers, &self.cookies].map(Schema::heap_bytes);
        size_of::<Self>() + asked.iter().sum::<usize>() + bodies(&self.request) + responses.sum::<usize>()
    }
}

fn schemas(bodies: &mut Bounded<Bodies, MAX_MEDIA_TYPES>) -> impl Iterator<Item = &mut Schema> {
    bodies.all_mut().map(|body| &mut body.schema)
}

/// Learns the fields that say something; of credentials only that they were there.
fn learn_headers(into: &mut Schema, all: &Headers, reader: &mut Reader<'_>) {
    let telling = all.0.iter().filter(|(name, _)| headers::is_telling(name));
    let kept = telling.map(|(name, value)| (name.as_str(), (!headers::is_secret(name)).then_some(value.as_str())));
    read::names(into, kept, reader);
}

fn learn_body(into: &mut Bounded<Bodies, MAX_MEDIA_TYPES>, headers: &Headers, body: &Body, reader: &mut Reader<'_>) {
    if !body.bytes.is_empty() {
        let media_type = headers.media_type().unwrap_or_else(|| "application/octet-stream".to_owned());
        let content_type = headers.get("content-type").unwrap_or_default();
        into.entry(&media_type).learn(&media_type, content_type, body, reader);
    }
}

impl Bodies {
    fn learn(&mut self, media_type: &str, content_type: &str, body: &Body, reader: &mut Reader<'_>) {
        self.count += 1;
        self.bytes += body.bytes.len() as u64;
        let content = Content::of(media_type);
        let read = !body.truncated && media::read(&mut self.schema, content_type, content, &body.bytes, reader);
        if read && content != Content::Multipart && body.bytes.len() <= MAX_SAMPLE_BYTES {
            self.keep_sample(&body.bytes);
        }
        self.unread += u64::from(!read);
    }

    fn keep_sample(&mut self, bytes: &[u8]) {
        let key = hash(bytes);
        if self.sample.as_ref().is_none_or(|(kept, _)| key < *kept)
            && let Ok(text) = std::str::from_utf8(bytes)
        {
            self.sample = Some((key, text.to_owned()));
        }
    }

    pub(crate) fn sample(&self) -> Option<&str> {
        self.sample.as_ref().map(|(_, text)| text.as_str())
    }
}

impl Absorb for Operation {
    fn absorb(&mut self, other: &Self) {
        self.requests += other.requests;
        self.span.absorb(&other.span);
        self.slashes += other.slashes;
        self.authorized += other.authorized;
        self.accepted += other.accepted;
        self.query.absorb(&other.query);
        self.headers.absorb(&other.headers);
        self.cookies.absorb(&other.cookies);
        self.request.absorb(&other.request);
        absorb_map(&mut self.responses, &other.responses);
        self.conduct.absorb(&other.conduct);
        self.asked.absorb(&other.asked);
        self.sent.absorb(&other.sent);
        self.answered.absorb(&other.answered);
        self.tidy();
    }
}

impl Absorb for Response {
    fn absorb(&mut self, other: &Self) {
        self.count += other.count;
        self.latency.absorb(&other.latency);
        self.conduct.absorb(&other.conduct);
        self.headers.absorb(&other.headers);
        self.bodies.absorb(&other.bodies);
    }
}

impl Absorb for Bodies {
    fn absorb(&mut self, other: &Self) {
        self.count += other.count;
        self.bytes += other.bytes;
        self.unread += other.unread;
        self.schema.absorb(&other.schema);
        if let Some((key, text)) = &other.sample
            && self.sample.as_ref().is_none_or(|(kept, _)| key < kept)
        {
            self.sample = Some((*key, text.clone()));
        }
    }
}
