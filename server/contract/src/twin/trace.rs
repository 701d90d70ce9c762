//! Exchanges read for mining: matched to endpoints, bodies parsed, credentials found.

use std::collections::{BTreeSet, HashMap};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};

use super::{Journal, json_patch};
use crate::{Body, Contract, Exchange, Headers, Request};

/// A request as the twin reads it, recorded or live.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: String,
    pub(super) path: String,
    /// Path parameters in order, percent-decoded.
    pub(super) params: Vec<String>,
    /// Query parameters in order, decoded.
    pub(super) query: Vec<(String, String)>,
    /// The query as it was sent.
    pub(super) raw_query: String,
    pub(super) credential: Option<String>,
    /// The user name and the (redacted) password of `Authorization: Basic` (RFC 7617 §2).
    pub(super) basic: Option<(String, String)>,
    pub(super) sent: Sent,
    /// The body as it came; empty where not all of it did.
    pub(super) raw: bytes::Bytes,
    pub(super) headers: Headers,
    pub(super) at_ms: u64,
}

/// What a request body turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Sent {
    Nothing,
    Value(Value),
    /// Declared as JSON, and is not.
    Malformed,
    /// Neither JSON nor a form.
    Opaque,
}

impl Sent {
    pub(super) fn value(&self) -> Option<&Value> {
        match self {
            Self::Value(value) => Some(value),
            _ => None,
        }
    }
}

impl Call {
    pub(super) fn read(request: &Request, params: Vec<String>, at_ms: u64, carriers: &Carriers) -> Self {
        let query = request.query().map(query_pairs).unwrap_or_default();
        let credential = carriers.credential(&request.headers, &query);
        Self {
            method: request.method.clone(),
            path: request.path().to_owned(),
            params,
            query,
            raw_query: request.query().unwrap_or_default().to_owned(),
            basic: basic(&request.headers),
            credential,
            sent: read_sent(&request.headers, &request.body),
            raw: if request.body.truncated { bytes::Bytes::new() } else { request.body.bytes.clone() },
            headers: request.headers.clone(),
            at_ms,
        }
    }

    /// A read at the same path and query: the body of a change says what to write, not which rows.
    pub(super) fn as_read(&self) -> Self {
        Self { method: "GET".to_owned(), sent: Sent::Nothing, ..self.clone() }
    }

    /// What was asked for in the absolute form (RFC 9112 §3.2.2).
    pub(super) fn url(&self) -> Option<String> {
        let mark = if self.raw_query.is_empty() { "" } else { "?" };
        Some(format!("http://{}{}{mark}{}", self.headers.get("host")?, self.path, self.raw_query))
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// One recorded exchange.
#[derive(Debug)]
pub(super) struct Seen {
    /// Index into [`Trace::endpoints`].
    pub(super) endpoint: usize,
    pub(super) call: Call,
    pub(super) status: u16,
    pub(super) reply: Option<Value>,
    pub(super) headers: Headers,
    pub(super) raw: bytes::Bytes,
    /// Neither body was cut.
    pub(super) whole: bool,
}

impl Seen {
    pub(super) fn ok(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// An endpoint as the twin knows it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) id: String,
    pub(super) method: String,
    pub(super) template: String,
    /// Literal segments; `None` is a parameter.
    pub(super) segments: Vec<Option<String>>,
}

impl Place {
    pub(super) fn ends_in_parameter(&self) -> bool {
        self.segments.last().is_some_and(Option::is_none)
    }

    /// Whether `self` is the collection that `item` is in: `/posts` and `/posts/{id}`.
    pub(super) fn is_parent_of(&self, item: &Self) -> bool {
        item.segments.len() == self.segments.len() + 1 && item.segments.starts_with(&self.segments)
    }
}

/// All recorded exchanges that belong to a known endpoint, oldest first.
#[derive(Debug, Default)]
pub(super) struct Trace {
    pub(super) endpoints: Vec<Place>,
    pub(super) seen: Vec<Seen>,
    pub(super) carriers: Carriers,
}

impl Trace {
    pub(super) fn read(journal: &Journal, contract: &Contract) -> Self {
        let mut trace = Self { carriers: Carriers::find(journal), ..Self::default() };
        let mut index = HashMap::new();
        for exchange in journal.exchanges() {
            let Some(hit) = contract.find_request(&exchange.request) else { continue };
            let endpoint = *index.entry(hit.endpoint.id.0.clone()).or_insert_with(|| {
                trace.endpoints.push(place(hit.endpoint));
                trace.endpoints.len() - 1
            });
            let params = hit.parameters.iter().map(|(_, value)| value.clone().into_owned()).collect();
            let seen = seen(exchange, endpoint, params, &trace.carriers);
            trace.seen.push(seen);
        }
        trace
    }

    pub(super) fn of(&self, endpoint: usize) -> impl Iterator<Item = (usize, &Seen)> {
        self.seen.iter().enumerate().filter(move |(_, seen)| seen.endpoint == endpoint)
    }
}

fn place(endpoint: &crate::Endpoint) -> Place {
    let segments = endpoint
        .template
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| (!segment.contains('{')).then(|| segment.to_owned()))
        .collect();
    Place { id: endpoint.id.0.clone(), method: endpoint.method.clone(), template: endpoint.template.clone(), segments }
}

pub(super) fn seen(exchange: &Exchange, endpoint: usize, params: Vec<String>, carriers: &Carriers) -> Seen {
    let body = &exchange.response.body;
    Seen {
        endpoint,
        call: Call::read(&exchange.request, params, exchange.received_at_ms, carriers),
        status: exchange.response.status,
        reply: (!body.truncated).then(|| serde_json::from_slice(&body.bytes).ok()).flatten(),
        headers: exchange.response.headers.clone(),
        raw: body.bytes.clone(),
        whole: !body.truncated && !exchange.request.body.truncated,
    }
}

/// Where calls carry their credential when it is not in `Authorization`.
#[derive(Debug, Clone, Default)]
pub(super) struct Carriers {
    /// Cookies that the API gave and clients sent back.
    cookies: BTreeSet<String>,
}

impl Carriers {
    fn find(journal: &Journal) -> Self {
        let mut given: HashMap<String, BTreeSet<String>> = HashMap::new();
        let mut cookies = BTreeSet::new();
        for exchange in journal.exchanges() {
            for (name, value) in sent_cookies(&exchange.request.headers) {
                if given.get(&name).is_some_and(|values| values.contains(&value)) {
                    cookies.insert(name);
                }
            }
            for (name, value, _) in set_cookies(&exchange.response.headers) {
                // A preference is short; whatever tells callers apart cannot be.
                if value.len() >= MIN_CREDENTIAL {
                    given.entry(name.to_owned()).or_default().insert(value.to_owned());
                }
            }
        }
        Self { cookies }
    }

    /// The credential of a request (RFC 9110 §11.4): what follows the scheme in `Authorization`, else a header or query
    /// parameter that is an API key by its name, else a cookie that the API gave.
    fn credential(&self, headers: &Headers, query: &[(String, String)]) -> Option<String> {
        if let Some(value) = headers.get("authorization") {
            return Some(value.split_once(' ').map_or(value, |(_, rest)| rest.trim()).to_owned());
        }
        let is_key = |name: &str| {
            let plain = name.to_lowercase().replace(['-', '_'], "");
            plain.contains("apikey") || plain.ends_with("accesstoken") || plain.ends_with("authtoken")
        };
        let header = headers.0.iter().find(|(name, _)| is_key(name) || name.ends_with("-token"));
        let key = header.or_else(|| query.iter().find(|(name, _)| is_key(name))).map(|(_, value)| value.clone());
        key.or_else(|| {
            let mut cookies = sent_cookies(headers);
            let own = cookies.find(|(name, _)| match self.cookies.is_empty() {
                true => ["sess", "sid", "auth", "token", "jwt"].iter().any(|part| name.to_lowercase().contains(part)),
                false => self.cookies.contains(name),
            });
            own.map(|(_, value)| value)
        })
    }
}

/// Shorter values tell nobody apart.
pub(super) const MIN_CREDENTIAL: usize = 8;

fn sent_cookies(headers: &Headers) -> impl Iterator<Item = (String, String)> {
    let fields = headers.0.iter().filter(|(name, _)| name == "cookie");
    let pairs = fields.flat_map(|(_, value)| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect::<Vec<_>>().into_iter()
}

/// Name, value and attributes of every `Set-Cookie` (RFC 6265 §4.1).
pub(super) fn set_cookies(headers: &Headers) -> impl Iterator<Item = (&str, &str, &str)> {
    let fields = headers.0.iter().filter(|(name, _)| name == "set-cookie");
    fields.filter_map(|(_, value)| {
        let (pair, attributes) = value.split_once(';').unwrap_or((value, ""));
        let (name, value) = pair.split_once('=')?;
        Some((name.trim(), value.trim().trim_matches('"'), attributes))
    })
}

fn basic(headers: &Headers) -> Option<(String, String)> {
    let (scheme, rest) = headers.get("authorization")?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(BASE64_STANDARD.decode(rest.trim()).ok()?).ok()?;
    text.split_once(':').map(|(user, secret)| (user.to_owned(), secret.to_owned()))
}

fn read_sent(headers: &Headers, body: &Body) -> Sent {
    if body.bytes.is_empty() {
        return Sent::Nothing;
    }
    if body.truncated {
        return Sent::Opaque;
    }
    let media_type = headers.media_type().unwrap_or_default();
    if media_type == "application/x-www-form-urlencoded" {
        return std::str::from_utf8(&body.bytes).map_or(Sent::Opaque, |text| Sent::Value(form(&query_pairs(text))));
    }
    match serde_json::from_slice(&body.bytes) {
        Ok(value) if json_patch::is_patch(&media_type) => Sent::Value(json_patch::as_members(value)),
        Ok(value) => Sent::Value(value),
        Err(_) if media_type.contains("json") => Sent::Malformed,
        Err(_) => Sent::Opaque,
    }
}

/// A form as a tree: `a[b]=1` is a member of a member, `a[]=1` and `a[0]=1` are items, a name given twice is an array, as
/// most servers read them. All leaves are texts.
pub(super) fn form(pairs: &[(String, String)]) -> Value {
    let mut root = Value::Object(Map::new());
    for (name, text) in pairs {
        let mut steps = name.split('[').map(|step| step.trim_end_matches(']'));
        let first = steps.next().unwrap_or_default();
        let path: Vec<&str> = std::iter::once(first).chain(steps).collect();
        plant(&mut root, &path, text);
    }
    lists(root)
}

fn plant(node: &mut Value, path: &[&str], text: &str) {
    let Value::Object(object) = node else { return };
    let Some((first, rest)) = path.split_first() else { return };
    let name = if first.is_empty() { object.len().to_string() } else { (*first).to_owned() };
    if rest.is_empty() {
        match object.get_mut(&name) {
            Some(Value::Array(items)) => items.push(Value::from(text)),
            Some(own) => *own = Value::from(vec![own.take(), Value::from(text)]),
            None => drop(object.insert(name, Value::from(text))),
        }
        return;
    }
    let inner = object.entry(name).or_insert_with(|| Value::Object(Map::new()));
    plant(inner, rest, text);
}

/// Objects whose names are 0, 1, 2 … were arrays.
fn lists(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let numbered = !object.is_empty() && object.keys().enumerate().all(|(i, name)| *name == i.to_string());
            if numbered {
                return Value::Array(object.into_iter().map(|(_, inner)| lists(inner)).collect());
            }
            Value::Object(object.into_iter().map(|(name, inner)| (name, lists(inner))).collect())
        }
        other => other,
    }
}

pub(super) fn query_pairs(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}
