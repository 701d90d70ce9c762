//! An exchange on its way to the learner, in as little memory as it needs.
//!
//! What a request sees of an exchange are slices of the buffers that its connections read into, and header maps with room
//! to spare; thousands of them in a queue would keep many times their own size alive.

use std::borrow::Cow;
use std::sync::Arc;

use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode};
use understudy_contract::Headers;
use understudy_types::Source;

use crate::proxy::body::Captured;
use crate::proxy::chaos::Mark;
use crate::proxy::exchange::Observed;

/// An [`Observed`] exchange. It is not redacted either.
pub struct Parcel {
    pub id: u64,
    pub received_at_ms: u64,
    pub latency_us: u64,
    pub duration_us: u64,
    pub method: Method,
    pub target: Box<str>,
    pub request: Message,
    pub status: StatusCode,
    pub response: Message,
    pub response_bytes: u64,
    pub source: Source,
    pub reason: Cow<'static, str>,
    pub fault: Option<Arc<Mark>>,
}

/// Header fields and what was kept of the body.
pub struct Message {
    /// Names and values one after the other.
    text: Box<[u8]>,
    /// Where each name and its value end.
    ends: Box<[(u32, u32)]>,
    pub body: Captured,
}

impl Parcel {
    #[must_use]
    pub fn pack(observed: Observed) -> Self {
        Self {
            id: observed.id,
            received_at_ms: observed.received_at_ms,
            latency_us: observed.latency_us,
            duration_us: observed.duration_us,
            method: observed.method,
            target: target(&observed.target),
            request: Message::pack(&observed.request_headers, observed.request_body),
            status: observed.status,
            response: Message::pack(&observed.response_headers, observed.response_body),
            response_bytes: observed.response_bytes,
            source: observed.source,
            reason: observed.reason,
            fault: observed.fault,
        }
    }

    /// About what it occupies, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.target.len() + self.request.size() + self.response.size()
    }

    /// Lets go of both bodies; false when there was none to let go of.
    pub fn shed_bodies(&mut self) -> bool {
        let had_any = !self.request.body.is_empty() || !self.response.body.is_empty();
        for body in [&mut self.request.body, &mut self.response.body] {
            if !body.is_empty() {
                body.shed();
            }
        }
        had_any
    }
}

impl std::fmt::Debug for Parcel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parcel").field("id", &self.id).field("status", &self.status).finish_non_exhaustive()
    }
}

impl Message {
    #[must_use]
    pub fn pack(fields: &HeaderMap, mut body: Captured) -> Self {
        let length = fields.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        let mut text = Vec::with_capacity(length);
        let mut ends = Vec::with_capacity(fields.len());
        for (name, value) in fields {
            text.extend_from_slice(name.as_str().as_bytes());
            let name_end = text.len() as u32;
            text.extend_from_slice(value.as_bytes());
            ends.push((name_end, text.len() as u32));
        }
        body.compact();
        Self { text: text.into(), ends: ends.into(), body }
    }

    fn size(&self) -> usize {
        self.text.len() + size_of_val(&*self.ends) + self.body.len()
    }

    /// Values beyond ASCII are read as Latin-1, as RFC 9110 §5.5 leaves them to be.
    #[must_use]
    pub fn headers(&self) -> Headers {
        let text = |bytes: &[u8]| match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().copied().map(char::from).collect(),
        };
        let mut start = 0;
        let field = |(name_end, end): &(u32, u32)| {
            let (name, value) = (&self.text[start..*name_end as usize], &self.text[*name_end as usize..*end as usize]);
            start = *end as usize;
            (text(name), text(value))
        };
        Headers(self.ends.iter().map(field).collect())
    }
}

fn target(target: &PathAndQuery) -> Box<str> {
    target.as_str().into()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn fields_come_out_as_they_went_in() {
        let mut fields = HeaderMap::new();
        fields.append("b", HeaderValue::from_static("1"));
        fields.append("a", HeaderValue::from_static(""));
        fields.append("b", HeaderValue::from_bytes(b"caf\xe9").unwrap());
        let packed = Message::pack(&fields, Captured::default());
        let expected = [("b", "1"), ("b", "caf\u{e9}"), ("a", "")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        assert_eq!(packed.headers().0, expected);
    }
}
