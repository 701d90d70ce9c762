//! A Postman collection, format 2.1: a request for each endpoint, and the recorded exchanges as its saved responses.

use serde_json::{Value, json};

use super::play::{Content, Play, content, plays, query};
use super::{Source, uuid};
use crate::{Exchange, Headers, openapi};

const SCHEMA: &str = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json";
/// Variables of the collection.
const BASE_URL: &str = "{{baseUrl}}";
const AUTHORIZATION: &str = "{{authorization}}";

pub(super) fn collection(source: &Source<'_>) -> Value {
    let mut folders: Vec<(String, Vec<Value>)> = Vec::new();
    for play in plays(source) {
        let Some(item) = item(&play) else { continue };
        let folder = folder(&play.endpoint.template);
        match folders.iter_mut().find(|(name, _)| *name == folder) {
            Some((_, items)) => items.push(item),
            None => folders.push((folder, vec![item])),
        }
    }
    let folders: Vec<Value> = folders.into_iter().map(|(name, items)| json!({ "name": name, "item": items })).collect();
    json!({
        "info": { "_postman_id": uuid(&["postman", source.title]), "name": source.title, "schema": SCHEMA },
        "item": folders,
        "variable": [
            { "key": "baseUrl", "value": source.base_url },
            { "key": "authorization", "value": "" },
        ],
    })
}

/// The first literal segment.
fn folder(template: &str) -> String {
    let first = template.split('/').find(|segment| !segment.is_empty() && !segment.contains('{'));
    first.unwrap_or("/").to_owned()
}

fn item(play: &Play<'_>) -> Option<Value> {
    let best = play.best()?;
    let mut recorded: Vec<&Exchange> = Vec::new();
    for rule in &play.rules {
        if recorded
            .iter()
            .all(|known| (&known.request, &known.response) != (&rule.recorded.request, &rule.recorded.response))
        {
            recorded.push(&rule.recorded);
        }
    }
    let responses: Vec<Value> = recorded.into_iter().map(saved).collect();
    Some(json!({ "name": play.name(), "request": request(best, Some(&play.endpoint.template)), "response": responses }))
}

fn saved(exchange: &Exchange) -> Value {
    let response = &exchange.response;
    let reason = openapi::reason(response.status);
    let language = match content(&response.body.bytes) {
        Content::Json(_) => "json",
        _ => "text",
    };
    json!({
        "name": format!("{} {reason}", response.status),
        "originalRequest": request(exchange, None),
        "status": reason,
        "code": response.status,
        "_postman_previewlanguage": language,
        "header": pairs(&response.headers),
        "cookie": [],
        "body": String::from_utf8_lossy(&response.body.bytes),
    })
}

/// With a template its parameters are variables, with the values of this exchange.
fn request(exchange: &Exchange, template: Option<&str>) -> Value {
    let request = &exchange.request;
    let mut headers = Vec::new();
    if let Some(kind) = request.headers.get("content-type") {
        headers.push(json!({ "key": "content-type", "value": kind }));
    }
    if request.headers.get("authorization").is_some() {
        headers.push(json!({ "key": "authorization", "value": AUTHORIZATION }));
    }
    let mut out = json!({ "method": request.method, "header": headers, "url": url(exchange, template) });
    let is_json = request.headers.media_type().is_some_and(|kind| crate::import::is_json(&kind));
    if let (false, Ok(text)) = (request.body.bytes.is_empty(), std::str::from_utf8(&request.body.bytes)) {
        let language = if is_json { "json" } else { "text" };
        out["body"] = json!({ "mode": "raw", "raw": text, "options": { "raw": { "language": language } } });
    }
    out
}

fn url(exchange: &Exchange, template: Option<&str>) -> Value {
    let raw: Vec<&str> = exchange.request.path().split('/').skip(1).collect();
    let own: Vec<&str> = template.map_or_else(Vec::new, |template| template.split('/').skip(1).collect());
    let (mut path, mut variables) = (Vec::new(), Vec::new());
    for (at, segment) in raw.iter().enumerate() {
        let name =
            own.get(at).filter(|_| own.len() == raw.len()).and_then(|own| own.strip_prefix('{')?.strip_suffix('}'));
        match name {
            Some(name) => {
                path.push(format!(":{name}"));
                let value = percent_encoding::percent_decode_str(segment).decode_utf8_lossy();
                variables.push(json!({ "key": name, "value": value }));
            }
            None => path.push((*segment).to_owned()),
        }
    }
    let mark = exchange.request.query().map_or_else(String::new, |query| format!("?{query}"));
    let mut out = json!({ "raw": format!("{BASE_URL}/{}{mark}", path.join("/")), "host": [BASE_URL], "path": path });
    let pairs: Vec<Value> =
        query(exchange).into_iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    if !pairs.is_empty() {
        out["query"] = json!(pairs);
    }
    if !variables.is_empty() {
        out["variable"] = json!(variables);
    }
    out
}

fn pairs(headers: &Headers) -> Vec<Value> {
    headers.0.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
}
