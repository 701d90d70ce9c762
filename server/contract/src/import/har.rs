//! HAR 1.2: what browsers and proxies record.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;

use super::Import;
use super::saved::{Origins, Saved, is_dropped, of_one_api};
use crate::{Body, Exchange, Headers, Request, Response};

pub(super) fn read(document: &Value, now_ms: u64) -> Import {
    let all = document.pointer("/log/entries").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let entries: Vec<Saved> = all.iter().filter_map(|entry| read_entry(entry, now_ms)).collect();
    let mut notes = Vec::new();
    notes.extend(unanswered(all.len() - entries.len()));
    let exchanges = of_one_api(entries, "entries", &mut notes);
    Import { format: "HAR", exchanges, notes }
}

fn unanswered(count: usize) -> Option<String> {
    (count > 0).then(|| format!("{count} entries without an answer were left out"))
}

/// A look at all entries of a recording, one after the other: which API it is about has to be known before the first of them is
/// imported, and a long recording is not held in memory for that.
#[derive(Debug, Default)]
pub struct Survey {
    origins: Origins,
    entries: usize,
    answered: usize,
}

impl Survey {
    pub fn add(&mut self, entry: &Value) {
        self.entries += 1;
        if let Some(saved) = read_entry(entry, 0) {
            self.answered += 1;
            self.origins.add(&saved);
        }
    }

    /// How many entries were looked at.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// Whether an entry is one of the API's, with an answer.
    #[must_use]
    pub fn keeps(&self, entry: &Value) -> bool {
        read_entry(entry, 0).is_some_and(|saved| Some(saved.origin.as_str()) == self.origins.main())
    }

    /// What is left out, and why.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        unanswered(self.entries - self.answered).into_iter().chain(self.origins.note("entries")).collect()
    }
}

fn read_entry(entry: &Value, now_ms: u64) -> Option<Saved> {
    let (request, response) = (entry.get("request")?, entry.get("response")?);
    let status = response.get("status")?.as_u64().and_then(|status| u16::try_from(status).ok());
    let status = status.filter(|status| (100..600).contains(status))?;
    let url = request.get("url")?.as_str()?;
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let target = rest[end..].split('#').next().unwrap_or("");
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    let at = entry.get("startedDateTime").and_then(crate::twin::time_ms).unwrap_or(now_ms);
    let wait = entry.pointer("/timings/wait").and_then(Value::as_f64).filter(|wait| *wait >= 0.0);
    let wait = wait.or_else(|| entry.get("time").and_then(Value::as_f64)).unwrap_or(0.0);
    let exchange = Exchange {
        id: 0,
        received_at_ms: at,
        latency_us: (wait * 1000.0) as u64,
        request: Request {
            method: request.get("method")?.as_str()?.to_owned(),
            target,
            headers: headers(request, request.pointer("/postData/mimeType")),
            body: posted(request.get("postData")),
        },
        response: Response {
            status,
            headers: headers(response, response.pointer("/content/mimeType")),
            body: content(response.get("content")),
        },
    };
    Some(Saved { origin: format!("{scheme}://{}", &rest[..end]), exchange })
}

fn headers(message: &Value, kind: Option<&Value>) -> Headers {
    let all = message.get("headers").and_then(Value::as_array).into_iter().flatten();
    let pair = |header: &Value| {
        let name = header.get("name")?.as_str()?.to_ascii_lowercase();
        let value = header.get("value")?.as_str()?.to_owned();
        // Pseudo header fields (RFC 9113 §8.3) are the request line.
        let kept = !name.starts_with(':') && !is_dropped(&name);
        kept.then_some((name, value))
    };
    let mut headers: Vec<(String, String)> = all.filter_map(pair).collect();
    let kind = kind.and_then(Value::as_str).filter(|kind| !kind.is_empty() && *kind != "x-unknown");
    if let Some(kind) = kind.filter(|_| headers.iter().all(|(name, _)| name != "content-type")) {
        headers.push(("content-type".into(), kind.into()));
    }
    Headers(headers)
}

fn posted(data: Option<&Value>) -> Body {
    let text = data.and_then(|data| data.get("text")).and_then(Value::as_str).filter(|text| !text.is_empty());
    let params = data.and_then(|data| data.get("params")).and_then(Value::as_array);
    let bytes = match (text, params) {
        (Some(text), _) => Bytes::copy_from_slice(text.as_bytes()),
        (None, Some(params)) => {
            let text = |param: &Value, name: &str| param.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
            let pairs = params.iter().map(|param| (text(param, "name"), text(param, "value")));
            form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().into()
        }
        (None, None) => Bytes::new(),
    };
    Body { bytes, truncated: false }
}

/// Some recorders leave large or binary contents away although they tell their size.
fn content(content: Option<&Value>) -> Body {
    let text = content.and_then(|content| content.get("text")).and_then(Value::as_str);
    let coded = content.and_then(|content| content.get("encoding")).and_then(Value::as_str) == Some("base64");
    let size = content.and_then(|content| content.get("size")).and_then(Value::as_i64).unwrap_or(0);
    match text {
        Some(text) if coded => match STANDARD.decode(text) {
            Ok(bytes) => Body { bytes: bytes.into(), truncated: false },
            Err(_) => Body { bytes: Bytes::new(), truncated: true },
        },
        Some(text) => Body { bytes: Bytes::copy_from_slice(text.as_bytes()), truncated: false },
        None => Body { bytes: Bytes::new(), truncated: size > 0 },
    }
}
