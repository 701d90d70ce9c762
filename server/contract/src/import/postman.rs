//! Postman collections, version 2: the responses saved beside their requests.

use std::collections::BTreeMap;

use serde_json::Value;

use super::cursor::Cursor;
use super::saved::{Omitted, Place, Saved, add_field, default_type, of_one_api, untold, whole, with_query};
use super::{FORM, Import, ImportError};
use crate::{Body, Headers, Request, Response};

const WHAT: &str = "requests";

pub(super) fn is_one(document: &Value) -> bool {
    let schema = document.pointer("/info/schema").and_then(Value::as_str);
    schema.is_some_and(|schema| schema.contains("getpostman.com") || schema.contains("postman"))
}

/// Format 1 has its requests in one list, and no word that says so.
pub(super) fn is_old(document: &Value) -> bool {
    let has_list = |name: &str| document.get(name).is_some_and(Value::is_array);
    document.get("info").is_none() && has_list("requests") && (has_list("order") || has_list("folders"))
}

pub(super) fn read(document: &Value, now_ms: u64) -> Result<Import, ImportError> {
    let root = Cursor::root(document);
    let schema = document.pointer("/info/schema").and_then(Value::as_str).unwrap_or("");
    if !schema.contains("/v2.") {
        return Err(ImportError::Version { field: "info.schema", given: schema.to_owned(), expected: "v2.1.0" });
    }
    let mut reader = Reader { variables: variables(&root)?, saved: Vec::new(), omitted: Omitted::default() };
    reader.items(&root)?;
    let Reader { mut saved, omitted, .. } = reader;
    Saved::spread(&mut saved, now_ms);
    let mut notes = omitted.notes(WHAT);
    let exchanges = of_one_api(saved, WHAT, &mut notes);
    Ok(Import { format: "Postman", exchanges, notes })
}

fn variables(root: &Cursor<'_>) -> Result<BTreeMap<String, String>, ImportError> {
    let mut variables = BTreeMap::new();
    for variable in root.items_of("variable")? {
        let (key, value) = (variable.text_of("key")?, variable.get("value"));
        if let (Some(key), Some(value)) = (key, value) {
            variables.insert(key.to_owned(), value.plain()?);
        }
    }
    Ok(variables)
}

struct Reader {
    variables: BTreeMap<String, String>,
    saved: Vec<Saved>,
    omitted: Omitted,
}

impl Reader {
    /// Folders are items that have items; whoever parsed the document bounded how deep they lie.
    fn items(&mut self, folder: &Cursor<'_>) -> Result<(), ImportError> {
        for item in folder.need("item", "a list of requests and folders")?.items()? {
            if item.get("item").is_some() {
                self.items(&item)?;
                continue;
            }
            let request = item.need("request", "a request")?;
            let responses = item.items_of("response")?;
            if responses.is_empty() {
                self.omitted.add("no response is saved with them");
            }
            for response in responses {
                let asked = response.get("originalRequest").unwrap_or_else(|| request.clone());
                let saved = self.exchange(&asked, &response)?;
                self.saved.push(saved);
            }
        }
        Ok(())
    }

    fn exchange(&self, asked: &Cursor<'_>, said: &Cursor<'_>) -> Result<Saved, ImportError> {
        // A request may be no more than its URL.
        let url = if asked.value.is_string() { asked.clone() } else { asked.need("url", "a URL")? };
        let (origin, target, template) = self.url(&url)?;
        let mut headers = self.headers(asked)?;
        let body = self.body(asked, &mut headers)?;
        Place::mark(template, &mut headers);
        let method = asked.text_of("method")?.unwrap_or("GET").to_owned();
        let mut response = Response {
            status: said.need("code", "a status from 100 to 599")?.status()?,
            headers: self.headers(said)?,
            body: said.text_of("body")?.map(|body| whole(body.to_owned())).unwrap_or_default(),
        };
        if said.text_of("_postman_previewlanguage")? == Some("json") && !response.body.bytes.is_empty() {
            default_type(&mut response.headers, "application/json");
        }
        Ok(Saved::new(origin, Request { method, target, headers, body }, response))
    }

    /// Origin, path with query, and the template where a parameter has no value.
    fn url(&self, url: &Cursor<'_>) -> Result<(String, String, Option<String>), ImportError> {
        let raw = if url.value.is_string() { Some(url.text()?) } else { url.text_of("raw")? };
        let raw = match raw {
            Some(raw) => self.resolve(raw),
            None => self.assemble(url)?,
        };
        let raw = raw.split('#').next().unwrap_or("");
        let (start, query) = raw.split_once('?').map_or((raw, None), |(start, query)| (start, Some(query)));
        let host = start.find("://").map_or(0, |at| at + 3);
        let slash = start[host..].find('/').map_or(start.len(), |at| host + at);
        let (origin, path) = start.split_at(slash);
        let mut given = BTreeMap::new();
        if !url.value.is_string() {
            for variable in url.items_of("variable")? {
                if let (Some(key), Some(value)) = (variable.text_of("key")?, variable.get("value")) {
                    given.insert(key.to_owned(), self.resolve(&value.plain()?));
                }
            }
        }
        let value = |name: &str| given.get(name).filter(|value| !value.contains("{{")).cloned();
        let place = Place::fill(path, parameter, value);
        let path = if place.path.is_empty() { "/" } else { &place.path };
        let target = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
        Ok((origin.to_owned(), target, place.template))
    }

    /// What `raw` would say; it may be left away.
    fn assemble(&self, url: &Cursor<'_>) -> Result<String, ImportError> {
        let joined = |name: &str, between: &str| -> Result<String, ImportError> {
            match url.get(name) {
                Some(one) if one.value.is_string() => Ok(one.text()?.to_owned()),
                Some(list) => {
                    let parts: Result<Vec<_>, _> = list.items()?.iter().map(Cursor::plain).collect();
                    Ok(parts?.join(between))
                }
                None => Ok(String::new()),
            }
        };
        let (host, path) = (joined("host", ".")?, joined("path", "/")?);
        let scheme = url.text_of("protocol")?.map_or_else(String::new, |scheme| format!("{scheme}://"));
        let start = self.resolve(&format!("{scheme}{host}/{}", path.trim_start_matches('/')));
        Ok(with_query(&start, &self.pairs(&url.items_of("query")?)?))
    }

    /// Pairs of `key` and `value` that are switched on.
    fn pairs(&self, list: &[Cursor<'_>]) -> Result<Vec<(String, String)>, ImportError> {
        let mut pairs = Vec::new();
        for pair in list.iter().filter(|pair| !pair.is("disabled")) {
            let value = pair.get("value").map_or(Ok(String::new()), |value| value.plain())?;
            if let Some(key) = pair.text_of("key")? {
                pairs.push((self.resolve(key), self.resolve(&value)));
            }
        }
        Ok(pairs)
    }

    fn headers(&self, message: &Cursor<'_>) -> Result<Headers, ImportError> {
        let mut headers = Headers::default();
        // Old exports hold all of them in one text, which nobody needs to be kept.
        let Some(list) = message.get("header").filter(|list| !list.value.is_string()) else { return Ok(headers) };
        for (name, value) in self.pairs(&list.items()?)? {
            add_field(&mut headers, &name, value);
        }
        Ok(headers)
    }

    fn body(&self, asked: &Cursor<'_>, headers: &mut Headers) -> Result<Body, ImportError> {
        let Some(body) = asked.get("body").filter(|body| !body.is("disabled")) else { return Ok(Body::default()) };
        match body.text_of("mode")? {
            Some("raw") => {
                let text = self.resolve(body.text_of("raw")?.unwrap_or(""));
                if body.value.pointer("/options/raw/language").and_then(Value::as_str) == Some("json") {
                    default_type(headers, "application/json");
                }
                Ok(whole(text))
            }
            Some("urlencoded") => {
                default_type(headers, FORM);
                let pairs = self.pairs(&body.items_of("urlencoded")?)?;
                Ok(whole(form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()))
            }
            Some("graphql") => {
                default_type(headers, "application/json");
                Ok(whole(body.get("graphql").map_or_else(String::new, |graphql| graphql_text(&graphql))))
            }
            Some(_) => Ok(untold()),
            None => Ok(Body::default()),
        }
    }

    /// Puts in the collection's variables. An environment's are not in the file, and stay.
    fn resolve(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, after)) = after.split_once("}}") else { break };
            out.push_str(before);
            match self.variables.get(name.trim()) {
                Some(value) => out.push_str(value),
                None => out.extend(["{{", name, "}}"]),
            }
            rest = after;
        }
        out + rest
    }
}

/// The variables of a GraphQL request are kept as a text that holds JSON.
fn graphql_text(graphql: &Cursor<'_>) -> String {
    let mut out = graphql.value.clone();
    let variables = out.get("variables").and_then(Value::as_str).map(serde_json::from_str::<Value>);
    if let Some(Ok(variables)) = variables {
        out["variables"] = variables;
    }
    out.to_string()
}

/// The name in `:name` or `{{name}}`.
fn parameter(segment: &str) -> Option<&str> {
    segment.strip_prefix(':').filter(|name| !name.is_empty()).or_else(|| unresolved(segment))
}

fn unresolved(segment: &str) -> Option<&str> {
    segment.strip_prefix("{{")?.strip_suffix("}}")
}
