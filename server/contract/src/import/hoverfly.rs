//! Hoverfly simulations, version 5: pairs of matchers and responses.

use serde_json::Value;

use super::cursor::Cursor;
use super::saved::{Omitted, Saved, add_field, default_type, of_one_api, untold, whole, with_query};
use super::{Import, ImportError};
use crate::{Body, Headers, Request, Response};

const WHAT: &str = "pairs";

pub(super) fn is_one(document: &Value) -> bool {
    document.pointer("/data/pairs").is_some()
}

pub(super) fn read(document: &Value, now_ms: u64) -> Result<Import, ImportError> {
    let root = Cursor::root(document);
    let version = root.get("meta").map(|meta| meta.text_of("schemaVersion")).transpose()?.flatten();
    if !version.is_some_and(|version| version == "v5" || version.starts_with("v5.")) {
        let given = version.unwrap_or("absent").to_owned();
        return Err(ImportError::Version { field: "meta.schemaVersion", given, expected: "v5" });
    }
    let (mut saved, mut omitted) = (Vec::new(), Omitted::default());
    for pair in root.need("data", "an object")?.need("pairs", "a list")?.items()? {
        match read_pair(&pair)? {
            Ok(exchange) => saved.push(exchange),
            Err(why) => omitted.add(why),
        }
    }
    Saved::spread(&mut saved, now_ms);
    let mut notes = omitted.notes(WHAT);
    let exchanges = of_one_api(saved, WHAT, &mut notes);
    Ok(Import { format: "Hoverfly", exchanges, notes })
}

/// An exchange, or why a pair cannot be one.
fn read_pair(pair: &Cursor<'_>) -> Result<Result<Saved, &'static str>, ImportError> {
    let request = pair.need("request", "matchers")?;
    let said = pair.need("response", "a response")?;
    if said.is("templated") && said.text_of("body")?.is_some_and(|body| body.contains("{{")) {
        return Ok(Err("their answers are templates"));
    }
    let Some(path) = exact(&request, "path")? else {
        let any = request.items_of("path")?.is_empty();
        return Ok(Err(if any { "they take any path" } else { "their path is a pattern" }));
    };
    let scheme = exact(&request, "scheme")?.unwrap_or_else(|| "http".into());
    let origin = exact(&request, "destination")?.map_or_else(String::new, |host| format!("{scheme}://{host}"));
    let mut headers = Headers::default();
    for (name, value) in exact_members(&request, "headers")? {
        add_field(&mut headers, &name, value);
    }
    let request = Request {
        method: exact(&request, "method")?.unwrap_or_else(|| "GET".into()),
        target: target(&request, &path)?,
        body: request_body(&request, &mut headers)?,
        headers,
    };
    Ok(Ok(Saved::new(origin, request, response(&said)?)))
}

/// The value of the matcher that takes one alone.
fn exact(matchers: &Cursor<'_>, name: &str) -> Result<Option<String>, ImportError> {
    exact_of(matchers.items_of(name)?)
}

fn exact_of(matchers: Vec<Cursor<'_>>) -> Result<Option<String>, ImportError> {
    for matcher in matchers {
        let kind = matcher.text_of("matcher")?.unwrap_or("exact");
        let value = matcher.need("value", "what to match")?;
        let is_glob = kind == "glob" && value.value.as_str().is_some_and(|glob| !glob.contains('*'));
        if kind.eq_ignore_ascii_case("exact") || is_glob {
            return value.plain().map(Some);
        }
    }
    Ok(None)
}

fn exact_members(request: &Cursor<'_>, name: &str) -> Result<Vec<(String, String)>, ImportError> {
    let mut pairs = Vec::new();
    for (name, matchers) in request.members_of(name)? {
        if let Some(value) = exact_of(matchers.items()?)? {
            pairs.push((name.to_owned(), value));
        }
    }
    Ok(pairs)
}

fn target(request: &Cursor<'_>, path: &str) -> Result<String, ImportError> {
    let pairs = exact_members(request, "query")?;
    let whole = if pairs.is_empty() { exact(request, "deprecatedQuery")? } else { None };
    Ok(match whole.filter(|query| !query.is_empty()) {
        Some(query) => format!("{path}?{query}"),
        None => with_query(path, &pairs),
    })
}

fn request_body(request: &Cursor<'_>, headers: &mut Headers) -> Result<Body, ImportError> {
    let matchers = request.items_of("body")?;
    for matcher in &matchers {
        let value = matcher.need("value", "what to match")?;
        match matcher.text_of("matcher")?.unwrap_or("exact") {
            "exact" => return Ok(whole(value.plain()?)),
            "json" => {
                default_type(headers, "application/json");
                return Ok(whole(value.plain()?));
            }
            _ => {}
        }
    }
    Ok(if matchers.is_empty() { Body::default() } else { untold() })
}

fn response(said: &Cursor<'_>) -> Result<Response, ImportError> {
    let status = said.need("status", "a status from 100 to 599")?.status()?;
    let mut headers = Headers::default();
    for (name, values) in said.members_of("headers")? {
        for value in values.items()? {
            add_field(&mut headers, name, value.plain()?);
        }
    }
    let body = match said.get("body") {
        Some(body) if said.is("encodedBody") => whole(body.base64()?),
        Some(body) => whole(body.text()?.to_owned()),
        None if said.get("bodyFile").is_some() => untold(),
        None => Body::default(),
    };
    Ok(Response { status, headers, body })
}
