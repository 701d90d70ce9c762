//! Access logs in JSON, a line for each request: paths and statuses, without bodies. The names are those that nginx, Envoy, Traefik
//! and Caddy use, or that people give to the same variables.

use serde_json::Value;

use super::cursor::Cursor;
use super::saved::{Omitted, Saved, of_one_api, untold};
use super::{Import, ImportError};
use crate::{Body, Headers, Request, Response};

const WHAT: &str = "lines";
/// By what each goes; the first that is there counts. A slash leads into an object.
const METHOD: &[&str] = &["request_method", "method", "RequestMethod", "request/method", "http_method", "verb"];
const TARGET: &[&str] = &["request_uri", "path", "RequestPath", "request/uri", "uri", "url", "x_envoy_original_path"];
/// `GET /a HTTP/1.1` in one.
const LINE: &[&str] = &["request", "RequestLine"];
const QUERY: &[&str] = &["args", "query_string", "query"];
const STATUS: &[&str] = &["status", "response_code", "DownstreamStatus", "status_code", "OriginStatus", "code"];
const TIME: &[&str] =
    &["time_iso8601", "start_time", "StartUTC", "@timestamp", "timestamp", "time", "msec", "ts", "time_local"];
const HOST: &[&str] = &["host", "http_host", "authority", "RequestHost", "request/host", "server_name"];
const MEDIA_TYPE: &[&str] = &["sent_http_content_type", "content_type", "response_content_type"];
const BYTES: &[&str] = &["body_bytes_sent", "bytes_sent", "DownstreamContentSize", "size"];
/// How long it took, and how many microseconds one is.
const LATENCY: &[(&str, f64)] = &[
    ("upstream_response_time", 1e6),
    ("request_time", 1e6),
    ("Duration", 1e-3),
    ("duration_ms", 1e3),
    ("response_time_ms", 1e3),
];
/// Envoy means milliseconds, Caddy seconds; Caddy's requests are objects.
const DURATION: &str = "duration";

/// A line alone, or a list of them.
pub(super) fn is_one(document: &Value) -> bool {
    let one = match document {
        Value::Array(lines) => lines.first(),
        line => Some(line),
    };
    one.is_some_and(|line| {
        let has = |names: &[&str]| names.iter().any(|name| at(line, name).is_some());
        line.is_object()
            && has(STATUS)
            && (has(METHOD) && has(TARGET) || at(line, "request").is_some_and(Value::is_string))
    })
}

/// Each line in its own text, as the log has it. Empty lines are none.
pub(super) fn read_lines(text: &str, now_ms: u64) -> Result<Import, ImportError> {
    let mut log = Log::new(now_ms);
    let lines = (1..).zip(text.lines()).filter(|(_, line): &(usize, &str)| !line.trim().is_empty());
    for (number, line) in lines {
        let place = format!("line {number}");
        let value: Value = serde_json::from_str(line).map_err(|_| {
            Cursor::at(&Value::from(line), place.clone()).wrong("an object of JSON, as on the other lines")
        })?;
        log.add(&Cursor::at(&value, place))?;
    }
    Ok(log.end())
}

pub(super) fn read(document: &Value, now_ms: u64) -> Result<Import, ImportError> {
    let mut log = Log::new(now_ms);
    let root = Cursor::root(document);
    for line in if document.is_array() { root.items()? } else { vec![root] } {
        log.add(&line)?;
    }
    Ok(log.end())
}

struct Log {
    now_ms: u64,
    saved: Vec<Saved>,
    omitted: Omitted,
}

impl Log {
    fn new(now_ms: u64) -> Self {
        Self { now_ms, saved: Vec::new(), omitted: Omitted::default() }
    }

    fn add(&mut self, line: &Cursor<'_>) -> Result<(), ImportError> {
        if !line.value.is_object() {
            return Err(line.wrong("an object of JSON, as on the other lines"));
        }
        match exchange(line, self.now_ms)? {
            Ok(saved) => self.saved.push(saved),
            Err(why) => self.omitted.add(why),
        }
        Ok(())
    }

    fn end(self) -> Import {
        let mut notes = self.omitted.notes(WHAT);
        let exchanges = of_one_api(self.saved, WHAT, &mut notes);
        Import { format: "access log", exchanges, notes }
    }
}

fn exchange(line: &Cursor<'_>, now_ms: u64) -> Result<Result<Saved, &'static str>, ImportError> {
    let Some((method, target)) = asked(line)? else { return Ok(Err("they name no method and path")) };
    let Some(status) = find(line, STATUS) else { return Ok(Err("they name no status")) };
    let status = match status.value.as_str().map(str::parse::<u16>) {
        Some(Ok(number)) => Cursor::at(&number.into(), status.place()).status()?,
        // Connections that ended before an answer.
        None if status.value == 0 => return Ok(Err("they got no answer")),
        _ => status.status()?,
    };
    if status < 200 {
        return Ok(Err("they got no answer"));
    }
    let mut headers = Headers::default();
    let media_type = find(line, MEDIA_TYPE).and_then(|kind| kind.value.as_str().map(str::to_owned));
    headers.0.extend(media_type.filter(|kind| !is_blank(kind)).map(|kind| ("content-type".to_owned(), kind)));
    let is_empty = find(line, BYTES).and_then(|bytes| number(bytes.value)) == Some(0.0) || matches!(status, 204 | 304);
    let host = find(line, HOST).and_then(|host| host.value.as_str().map(str::to_owned)).unwrap_or_default();
    let has_body = matches!(method.as_str(), "POST" | "PUT" | "PATCH");
    let request = Request {
        method,
        target,
        headers: Headers::default(),
        body: if has_body { untold() } else { Body::default() },
    };
    let response = Response { status, headers, body: if is_empty { Body::default() } else { untold() } };
    let mut saved = Saved::new(host, request, response);
    saved.exchange.received_at_ms = find(line, TIME).and_then(|time| moment(time.value)).unwrap_or(now_ms);
    saved.exchange.latency_us = latency_us(line.value).unwrap_or(0);
    Ok(Ok(saved))
}

fn asked(line: &Cursor<'_>) -> Result<Option<(String, String)>, ImportError> {
    let (method, target) = match (find(line, METHOD), find(line, TARGET)) {
        (Some(method), Some(target)) => (method.text()?.to_owned(), target.text()?.to_owned()),
        _ => {
            let Some(request) = find(line, LINE).filter(|request| request.value.is_string()) else { return Ok(None) };
            let mut words = request.text()?.split(' ');
            match (words.next(), words.next()) {
                (Some(method), Some(target)) => (method.to_owned(), target.to_owned()),
                // What clients send that speak no HTTP.
                _ => return Ok(None),
            }
        }
    };
    if is_blank(&method) || is_blank(&target) {
        return Ok(None);
    }
    // Some write the whole URL.
    let path =
        target.split_once("://").map_or(target.as_str(), |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
    let query = find(line, QUERY).and_then(|query| query.value.as_str()).filter(|query| !is_blank(query));
    let target = match query.filter(|_| !path.contains('?')) {
        Some(query) => format!("{path}?{}", query.trim_start_matches('?')),
        None => path.to_owned(),
    };
    Ok(target.starts_with('/').then_some((method, target)))
}

/// What logs write where there is nothing.
fn is_blank(text: &str) -> bool {
    matches!(text, "" | "-")
}

fn at<'v>(line: &'v Value, name: &str) -> Option<&'v Value> {
    name.split('/').try_fold(line, |value, part| value.get(part)).filter(|value| !value.is_null())
}

fn find<'v>(line: &Cursor<'v>, names: &[&str]) -> Option<Cursor<'v>> {
    names.iter().find_map(|name| name.split('/').try_fold(line.clone(), |cursor, part| cursor.get(part)))
}

/// Numbers are often written as texts.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn moment(value: &Value) -> Option<u64> {
    let seconds = || number(value).filter(|n| (1e9..1e10).contains(n)).map(|seconds| (seconds * 1000.0) as u64);
    crate::twin::time_ms(value).or_else(seconds)
}

fn latency_us(line: &Value) -> Option<u64> {
    let told = LATENCY.iter().find_map(|(name, unit)| Some(number(at(line, name)?)? * unit));
    let unit = if line.get("request").is_some_and(Value::is_object) { 1e6 } else { 1e3 };
    let told = told.or_else(|| Some(number(line.get(DURATION)?)? * unit))?;
    (0.0..1e12).contains(&told).then_some(told as u64)
}
