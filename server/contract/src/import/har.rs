//! HAR 1.2: what browsers and proxies record.

use bytes::Bytes;
use serde_json::Value;

use super::cursor::Cursor;
use super::saved::{Origins, Saved, is_dropped, of_one_api};
use super::{Import, ImportError};
use crate::{Body, Exchange, Headers, Request, Response};

pub(super) fn read(document: &Value, now_ms: u64) -> Result<Import, ImportError> {
    let log = Cursor::root(document).need("log", "an object")?;
    check_version(&log)?;
    let mut saved = Vec::new();
    let mut unanswered = 0;
    for entry in log.need("entries", "a list")?.items()? {
        match read_entry(&entry, now_ms)? {
            Some(entry) => saved.push(entry),
            None => unanswered += 1,
        }
    }
    let mut notes = Vec::new();
    notes.extend(told(unanswered));
    let exchanges = of_one_api(saved, "entries", &mut notes);
    Ok(Import { format: "HAR", exchanges, notes })
}

/// Some recorders leave it out.
fn check_version(log: &Cursor<'_>) -> Result<(), ImportError> {
    let Some(given) = log.text_of("version")?.filter(|version| !version.starts_with("1.")) else { return Ok(()) };
    Err(ImportError::Version { field: "log.version", given: given.to_owned(), expected: "1.2" })
}

fn told(unanswered: usize) -> Option<String> {
    (unanswered > 0).then(|| format!("{unanswered} entries without an answer were left out"))
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
    /// An entry that is damaged is none that comes to nothing: all of the recording is refused.
    pub fn add(&mut self, entry: &Value) -> Result<(), ImportError> {
        let place = format!("/log/entries/{}", self.entries);
        self.entries += 1;
        if let Some(saved) = read_entry(&Cursor::at(entry, place), 0)? {
            self.answered += 1;
            self.origins.add(&saved);
        }
        Ok(())
    }

    /// How many entries were looked at.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// Whether an entry is one of the API's, with an answer.
    #[must_use]
    pub fn keeps(&self, entry: &Value) -> bool {
        let saved = read_entry(&Cursor::root(entry), 0).ok().flatten();
        saved.is_some_and(|saved| Some(saved.origin.as_str()) == self.origins.main())
    }

    /// What is left out, and why.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        told(self.entries - self.answered).into_iter().chain(self.origins.note("entries")).collect()
    }
}

/// `None` for what had no answer, and for what never went over the network (`data:` and the like).
fn read_entry(entry: &Cursor<'_>, now_ms: u64) -> Result<Option<Saved>, ImportError> {
    let request = entry.need("request", "an object")?;
    let (method, url) = (request.need("method", "a text")?.text()?, request.need("url", "a text")?.text()?);
    let Some(response) = entry.get("response") else { return Ok(None) };
    let Some(status) = status(&response)? else { return Ok(None) };
    let Some((scheme, rest)) = url.split_once("://") else { return Ok(None) };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let target = rest[end..].split('#').next().unwrap_or("");
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    let (data, content) = (request.get("postData"), response.get("content"));
    let exchange = Exchange {
        id: 0,
        received_at_ms: entry.value.get("startedDateTime").and_then(crate::twin::time_ms).unwrap_or(now_ms),
        latency_us: (wait_ms(entry.value) * 1000.0) as u64,
        request: Request {
            method: method.to_owned(),
            target,
            headers: headers(&request, data.as_ref())?,
            body: data.as_ref().map_or_else(|| Ok(Body::default()), posted)?,
        },
        response: Response {
            status,
            headers: headers(&response, content.as_ref())?,
            body: content.as_ref().map_or_else(|| Ok(Body::default()), shown)?,
        },
    };
    Ok(Some(Saved { origin: format!("{scheme}://{}", &rest[..end]), exchange }))
}

/// Recorders write 0 or -1 where there was no answer.
fn status(response: &Cursor<'_>) -> Result<Option<u16>, ImportError> {
    let Some(status) = response.get("status") else { return Ok(None) };
    let is_none = status.value.as_f64().is_some_and(|status| status <= 0.0);
    if is_none { Ok(None) } else { status.status().map(Some) }
}

fn wait_ms(entry: &Value) -> f64 {
    let wait = entry.pointer("/timings/wait").and_then(Value::as_f64).filter(|wait| *wait >= 0.0);
    wait.or_else(|| entry.get("time").and_then(Value::as_f64)).unwrap_or(0.0)
}

/// The media type also stands beside the body, where recorders write it.
fn headers(message: &Cursor<'_>, body: Option<&Cursor<'_>>) -> Result<Headers, ImportError> {
    let mut headers = Vec::new();
    for header in message.items_of("headers")? {
        let name = header.need("name", "a text")?.text()?.to_ascii_lowercase();
        let value = header.get("value").map(|value| value.plain()).transpose()?.unwrap_or_default();
        // Pseudo header fields (RFC 9113 §8.3) are the request line.
        if !name.starts_with(':') && !is_dropped(&name) {
            headers.push((name, value));
        }
    }
    let kind = body.map(|body| body.text_of("mimeType")).transpose()?.flatten();
    let kind = kind.filter(|kind| !kind.is_empty() && *kind != "x-unknown");
    if let Some(kind) = kind.filter(|_| headers.iter().all(|(name, _)| name != "content-type")) {
        headers.push(("content-type".into(), kind.into()));
    }
    Ok(Headers(headers))
}

fn posted(data: &Cursor<'_>) -> Result<Body, ImportError> {
    let text = data.text_of("text")?.filter(|text| !text.is_empty());
    let bytes = match (text, data.is_base64(), data.get("params")) {
        (Some(_), true, _) => data.need("text", "a text")?.base64()?.into(),
        (Some(text), false, _) => Bytes::copy_from_slice(text.as_bytes()),
        (None, _, Some(params)) => {
            let mut form = form_urlencoded::Serializer::new(String::new());
            for param in params.items()? {
                let value = param.get("value").map(|value| value.plain()).transpose()?;
                form.append_pair(param.need("name", "a text")?.text()?, value.as_deref().unwrap_or_default());
            }
            form.finish().into()
        }
        (None, _, None) => Bytes::new(),
    };
    Ok(Body { bytes, truncated: false })
}

/// Some recorders leave large or binary contents away although they tell their size.
fn shown(content: &Cursor<'_>) -> Result<Body, ImportError> {
    let size = content.value.get("size").and_then(Value::as_i64).unwrap_or(0);
    let (bytes, truncated) = match content.get("text") {
        Some(text) if content.is_base64() => (text.base64()?.into(), false),
        Some(text) => (Bytes::copy_from_slice(text.text()?.as_bytes()), false),
        None => (Bytes::new(), size > 0),
    };
    Ok(Body { bytes, truncated })
}
