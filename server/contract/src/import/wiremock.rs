//! WireMock stub mappings: a list under `mappings`, or one alone.

use serde_json::Value;

use super::cursor::Cursor;
use super::saved::{Omitted, Place, Saved, add_field, default_type, of_one_api, untold, whole, with_query};
use super::{Import, ImportError};
use crate::{Body, Headers, Request, Response};

const WHAT: &str = "stub mappings";
const JSON: &str = "application/json";

/// An exchange, or why a mapping cannot be one.
type Outcome<T> = Result<Result<T, &'static str>, ImportError>;

pub(super) fn is_one(document: &Value) -> bool {
    let is_stub = |value: &Value| value.get("request").is_some() && value.get("response").is_some();
    document.get("mappings").is_some_and(Value::is_array) || is_stub(document)
}

pub(super) fn read(document: &Value, now_ms: u64) -> Result<Import, ImportError> {
    let root = Cursor::root(document);
    let stubs = match root.get("mappings") {
        Some(list) => list.items()?,
        None => vec![root],
    };
    let (mut saved, mut omitted) = (Vec::new(), Omitted::default());
    for stub in &stubs {
        match read_stub(stub)? {
            Ok(exchange) => saved.push(exchange),
            Err(why) => omitted.add(why),
        }
    }
    Saved::spread(&mut saved, now_ms);
    let mut notes = omitted.notes(WHAT);
    let exchanges = of_one_api(saved, WHAT, &mut notes);
    Ok(Import { format: "WireMock", exchanges, notes })
}

fn read_stub(stub: &Cursor<'_>) -> Outcome<Saved> {
    let request = stub.need("request", "a request pattern")?;
    let said = stub.need("response", "a response definition")?;
    if let Some(why) = no_answer(&said)? {
        return Ok(Err(why));
    }
    let response = response(&said)?;
    let (target, template) = match target(&request, &response)? {
        Ok(target) => target,
        Err(why) => return Ok(Err(why)),
    };
    let method = request.text_of("method")?.filter(|method| *method != "ANY").unwrap_or("GET").to_owned();
    let mut headers = request_headers(&request)?;
    let body = request_body(&request, &mut headers)?;
    Place::mark(template, &mut headers);
    Ok(Ok(Saved::new(String::new(), Request { method, target, headers, body }, response)))
}

fn no_answer(said: &Cursor<'_>) -> Result<Option<&'static str>, ImportError> {
    if said.get("fault").is_some() {
        return Ok(Some("they break the connection"));
    }
    if said.get("proxyBaseUrl").is_some() {
        return Ok(Some("they forward to another server"));
    }
    let transformers = said.items_of("transformers")?;
    let is_template = transformers.iter().any(|name| name.value == "response-template");
    Ok(is_template.then_some("their answers are templates"))
}

/// Path and query; and the template, where a parameter has no value.
fn target(request: &Cursor<'_>, response: &Response) -> Outcome<(String, Option<String>)> {
    if let Some(url) = request.text_of("url")? {
        return Ok(Ok((url.to_owned(), None)));
    }
    let pairs = equal_to(request.members_of("queryParameters")?)?;
    let plain = |path: &str| (with_query(path, &pairs), None);
    if let Some(path) = request.text_of("urlPath")? {
        return Ok(Ok(plain(path)));
    }
    if let Some(template) = request.text_of("urlPathTemplate")? {
        let given = equal_to(request.members_of("pathParameters")?)?;
        let place = fill(template, &given, response);
        return Ok(Ok((with_query(&place.path, &pairs), place.template)));
    }
    for name in ["urlPathPattern", "urlPattern"] {
        if let Some(pattern) = request.text_of(name)? {
            return Ok(literal(pattern).map(|path| plain(&path)).ok_or("their URL is a pattern"));
        }
    }
    Ok(Err("they take any URL"))
}

/// The answer often repeats the parameter, which then is the best value for it.
fn fill(template: &str, given: &[(String, String)], response: &Response) -> Place {
    let said: Value = serde_json::from_slice(&response.body.bytes).unwrap_or(Value::Null);
    let value = |name: &str| {
        let own = given.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        own.or_else(|| match said.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
    };
    Place::fill(template, |segment| segment.strip_prefix('{')?.strip_suffix('}'), value)
}

/// What a regular expression matches if it matches one text alone.
fn literal(pattern: &str) -> Option<String> {
    let pattern = pattern.strip_prefix('^').unwrap_or(pattern);
    let pattern = pattern.strip_suffix('$').unwrap_or(pattern);
    let mut text = String::new();
    let mut chars = pattern.chars();
    while let Some(next) = chars.next() {
        match next {
            '\\' => text.push(chars.next().filter(|escaped| !escaped.is_alphanumeric())?),
            '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '^' | '$' => return None,
            other => text.push(other),
        }
    }
    Some(text)
}

/// The pairs that are matched as they are; of the others nothing certain is known.
fn equal_to(patterns: Vec<(&str, Cursor<'_>)>) -> Result<Vec<(String, String)>, ImportError> {
    let mut pairs = Vec::new();
    for (name, pattern) in patterns {
        if let Some(value) = pattern.get("equalTo") {
            pairs.push((name.to_owned(), value.plain()?));
        }
    }
    Ok(pairs)
}

fn request_headers(request: &Cursor<'_>) -> Result<Headers, ImportError> {
    let mut headers = Headers::default();
    for (name, value) in equal_to(request.members_of("headers")?)? {
        add_field(&mut headers, &name, value);
    }
    if let Some(basic) = request.get("basicAuthCredentials") {
        use base64::Engine;
        let name = basic.need("username", "a text")?.text()?;
        let password = basic.need("password", "a text")?.text()?;
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
        add_field(&mut headers, "authorization", format!("Basic {pair}"));
    }
    Ok(headers)
}

fn request_body(request: &Cursor<'_>, headers: &mut Headers) -> Result<Body, ImportError> {
    let patterns = request.items_of("bodyPatterns")?;
    for pattern in &patterns {
        if let Some(json) = pattern.get("equalToJson") {
            default_type(headers, JSON);
            return Ok(whole(json.value.as_str().map_or_else(|| json.value.to_string(), str::to_owned)));
        }
        if let Some(text) = pattern.text_of("equalTo")? {
            return Ok(whole(text.to_owned()));
        }
        if let Some(bytes) = pattern.get("binaryEqualTo") {
            return Ok(whole(bytes.base64()?));
        }
    }
    Ok(if patterns.is_empty() { Body::default() } else { untold() })
}

fn response(said: &Cursor<'_>) -> Result<Response, ImportError> {
    let status = said.get("status").map_or(Ok(200), |status| status.status())?;
    let mut headers = Headers::default();
    for (name, value) in said.members_of("headers")? {
        let values = if value.value.is_array() { value.items()? } else { vec![value] };
        for value in values {
            add_field(&mut headers, name, value.plain()?);
        }
    }
    let body = if let Some(json) = said.get("jsonBody") {
        default_type(&mut headers, JSON);
        whole(json.value.to_string())
    } else if let Some(text) = said.text_of("body")? {
        whole(text.to_owned())
    } else if let Some(bytes) = said.get("base64Body") {
        whole(bytes.base64()?)
    } else if said.get("bodyFileName").is_some() {
        untold()
    } else {
        Body::default()
    };
    Ok(Response { status, headers, body })
}
