//! HAR 1.2: what browsers and proxies record.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;

use super::Import;
use crate::{Body, Exchange, Headers, Request, Response};

/// Fields of a connection or of a coding that the HAR has undone already.
const DROPPED: [&str; 5] = ["content-encoding", "content-length", "transfer-encoding", "connection", "keep-alive"];

struct Entry {
    origin: String,
    exchange: Exchange,
}

pub(super) fn read(document: &Value, now_ms: u64) -> Import {
    let all = document.pointer("/log/entries").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let entries: Vec<Entry> = all.iter().filter_map(|entry| read_entry(entry, now_ms)).collect();
    let mut notes = Vec::new();
    if entries.len() < all.len() {
        notes.push(format!("{} entries without an answer were left out", all.len() - entries.len()));
    }
    let main = main_origin(&entries);
    let (own, others): (Vec<Entry>, Vec<Entry>) =
        entries.into_iter().partition(|entry| Some(&entry.origin) == main.as_ref());
    if let Some(main) = main.filter(|_| !others.is_empty()) {
        notes.push(format!("{} entries of other origins than {main} were left out", others.len()));
    }
    let mut exchanges: Vec<Exchange> = own.into_iter().map(|entry| entry.exchange).collect();
    exchanges.sort_by_key(|exchange| exchange.received_at_ms);
    for (id, exchange) in (0..).zip(&mut exchanges) {
        exchange.id = id;
    }
    Import { format: "HAR", exchanges, notes }
}

/// A page talks to many servers; the API is the one that answers in JSON, else the one that answers most.
fn main_origin(entries: &[Entry]) -> Option<String> {
    let mut counts = BTreeMap::<&str, (usize, usize)>::new();
    for entry in entries {
        let count = counts.entry(&entry.origin).or_default();
        let kind = entry.exchange.response.headers.media_type();
        count.0 += usize::from(kind.is_some_and(|kind| super::is_json(&kind)));
        count.1 += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(origin, _)| origin.to_owned())
}

fn read_entry(entry: &Value, now_ms: u64) -> Option<Entry> {
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
    Some(Entry { origin: format!("{scheme}://{}", &rest[..end]), exchange })
}

fn headers(message: &Value, kind: Option<&Value>) -> Headers {
    let all = message.get("headers").and_then(Value::as_array).into_iter().flatten();
    let pair = |header: &Value| {
        let name = header.get("name")?.as_str()?.to_ascii_lowercase();
        let value = header.get("value")?.as_str()?.to_owned();
        // Pseudo header fields (RFC 9113 §8.3) are the request line.
        let kept = !name.starts_with(':') && !DROPPED.contains(&name.as_str());
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
