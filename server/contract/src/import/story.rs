//! The exchanges that an OpenAPI document speaks of, as a client and the API might have had them: a few things exist, are
//! listed, read, made, changed and removed, and what the document says of errors happens once each.
//!
//! Things are the same wherever they are told of, so that the twin finds collections as it does in real traffic.

use std::collections::BTreeMap;

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::DECLARED;
use super::openapi::{Content, Credential, Operation, Parameter};
use super::shape::make;
use crate::twin::Generator;
use crate::{Body, Exchange, Headers, Request, Response};

/// The journal keeps so many; a longer story would push out its own beginning.
pub(super) const MAX_EXCHANGES: usize = 4000;
/// Things of each kind that exist from the start. Documents with very many operations get one.
const THINGS: usize = 3;
const MANY_OPERATIONS: usize = 400;
/// Between two exchanges.
const STEP_MS: u64 = 1000;
/// RFC 3986 §2.3: these stand for themselves.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The things that a path with an id at its end names.
#[derive(Debug, Default)]
struct Pool {
    /// The member that is the id; `None` when none could be.
    key: Option<String>,
    things: Vec<Value>,
    ids: Vec<Value>,
}

pub(super) struct Story {
    generator: Generator<'static>,
    /// By the path in front of the id.
    pools: BTreeMap<String, Pool>,
    /// What every path parameter without a pool is, by the template up to it.
    others: BTreeMap<String, Value>,
    out: Vec<Exchange>,
}

/// One call before it is told.
#[derive(Default)]
struct Call<'c> {
    id: Option<&'c Value>,
    body: Option<&'c Value>,
    anonymous: bool,
}

impl Story {
    pub(super) fn tell(mut operations: Vec<Operation>, now_ms: u64) -> Vec<Exchange> {
        // Lists before items, reading before writing, as a first visitor would.
        let order = |method: &str| ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH"].iter().position(|m| *m == method);
        operations.sort_by_cached_key(|op| {
            (op.template.matches('/').count(), order(&op.method).unwrap_or(9), op.template.clone())
        });
        let generator = Generator::new(0, now_ms);
        let mut story = Self { generator, pools: BTreeMap::new(), others: BTreeMap::new(), out: Vec::new() };
        let things = if operations.len() > MANY_OPERATIONS { 1 } else { THINGS };
        for operation in &operations {
            story.gather(operation, things);
        }
        let (reading, writing): (Vec<_>, Vec<_>) = operations.iter().partition(|op| op.method != "DELETE");
        for operation in reading.into_iter().chain(writing) {
            if story.out.len() < MAX_EXCHANGES {
                story.play(operation);
            }
        }
        story.out.truncate(MAX_EXCHANGES);
        let began = now_ms.saturating_sub(STEP_MS * story.out.len() as u64);
        for (id, exchange) in (0..).zip(&mut story.out) {
            exchange.id = id;
            exchange.received_at_ms = began + id * STEP_MS;
        }
        story.out
    }

    /// The things that a read of an item shows.
    fn gather(&mut self, op: &Operation, things: usize) {
        let Some((parent, parameter)) = item(op) else { return };
        if op.method != "GET" || self.pools.contains_key(parent) {
            return;
        }
        let Some((_, Some(content))) = success(op) else { return };
        let schema = content.schema.clone();
        if schema.get("properties").is_none() && content.examples.iter().all(|example| !example.is_object()) {
            return;
        }
        let mut pool = Pool { key: key_of(&schema, &content.examples, &parameter.name, parent), ..Pool::default() };
        for n in 0..things {
            let told = content.examples.get(n).filter(|example| example.is_object()).cloned();
            let mut thing = told.unwrap_or_else(|| make(&mut self.generator, &schema, "", n == 0));
            let id = self.id(&parameter.schema, pool.key.as_ref().and_then(|key| thing.get(key)), n);
            set_id(&mut thing, pool.key.as_deref(), &id);
            pool.ids.push(id);
            pool.things.push(thing);
        }
        self.pools.insert(parent.to_owned(), pool);
    }

    /// The id of the n-th thing: of the type that the path says, the document's own for the first where it gives one.
    fn id(&mut self, schema: &Value, own: Option<&Value>, n: usize) -> Value {
        let kind = schema.get("type").and_then(Value::as_str);
        if let Some(one) = schema.get("enum").and_then(Value::as_array).filter(|all| !all.is_empty()) {
            return one[n % one.len()].clone();
        }
        let numeric = matches!(kind, Some("integer" | "number")) || own.is_some_and(Value::is_number);
        if numeric {
            let first = schema.get("example").or(own).and_then(Value::as_i64).filter(|n| (1..1 << 40).contains(n));
            return Value::from(first.unwrap_or(1) + n as i64);
        }
        let told = schema.get("example").filter(|example| example.is_string()).or(own.filter(|own| own.is_string()));
        match told.and_then(Value::as_str).filter(|text| !text.is_empty()) {
            Some(text) if n == 0 => Value::from(text),
            Some(text) => Value::from(crate::twin::like(text, n as u64)),
            None => match self.generator.value(schema, "slug") {
                Value::String(text) => Value::from(format!("{}-{}", text.to_lowercase().replace(' ', "-"), n + 1)),
                other => other,
            },
        }
    }

    fn play(&mut self, op: &Operation) {
        match (op.method.as_str(), item(op).map(|(parent, _)| parent.to_owned())) {
            ("GET", Some(parent)) => self.read(op, &parent),
            ("PUT" | "PATCH", Some(parent)) => self.change(op, &parent),
            ("DELETE", Some(parent)) => self.remove(op, &parent),
            ("POST", None) if self.pools.contains_key(&op.template) => self.create(op),
            ("GET" | "HEAD", _) => self.list(op),
            _ => self.act(op),
        }
        self.refuse(op);
    }

    fn read(&mut self, op: &Operation, parent: &str) {
        let known: Vec<(Value, Value)> = self
            .pools
            .get(parent)
            .map_or_else(Vec::new, |pool| pool.ids.iter().cloned().zip(pool.things.iter().cloned()).collect());
        if known.is_empty() {
            return self.act(op);
        }
        let status = success(op).map_or(200, |(status, _)| status);
        for (id, thing) in &known {
            self.say(op, &Call { id: Some(id), ..Call::default() }, status, Some(thing));
        }
    }

    /// A list shows the things of its collection, wherever in the answer they stand.
    fn list(&mut self, op: &Operation) {
        let Some((status, content)) = success(op) else { return self.act(op) };
        let Some(content) = content.clone() else { return self.say(op, &Call::default(), status, None) };
        let told = content.examples.first().cloned();
        let mut answer = told.unwrap_or_else(|| make(&mut self.generator, &content.schema, "", true));
        let parent = op.template.rsplit_once('/').map_or("", |(parent, _)| parent);
        if let Some(pool) = self.pools.get(&op.template).or_else(|| self.pools.get(parent)) {
            let total = pool.things.len();
            if show(&mut answer, pool, 0) {
                count(&mut answer, total);
            }
        }
        self.say(op, &Call::default(), status, Some(&answer));
    }

    fn create(&mut self, op: &Operation) {
        let (status, content) = success(op).map_or((201, None), |(status, content)| (status, content.clone()));
        // Two of them, so that what is copied can be told from what is always so.
        for n in 0..2 {
            let sent = self.sent(op, n == 0);
            let Some(pool) = self.pools.get(&op.template) else { return };
            let (key, last) = (pool.key.clone(), pool.ids.last().cloned().unwrap_or(Value::Null));
            let sample = pool.things.first().cloned().unwrap_or(Value::Null);
            let id = match &last {
                Value::Number(number) => Value::from(number.as_i64().unwrap_or(0) + 1),
                Value::String(text) => Value::from(crate::twin::like(text, 100 + n)),
                other => other.clone(),
            };
            let id =
                key.as_ref().and_then(|key| sent.as_ref()?.get(key)).filter(|id| !id.is_null()).cloned().unwrap_or(id);
            let mut thing = match &content {
                Some(content) if alike(&content.schema, &sample) => {
                    make(&mut self.generator, &content.schema, "", false)
                }
                // The document does not say what is answered: what was sent, as the reads show it.
                None if sent.as_ref().is_some_and(|sent| covers(sent, &sample)) => sample.clone(),
                _ => {
                    let answer = content.as_ref().map(|content| answer_of(&mut self.generator, content, n == 0));
                    self.say(op, &Call { body: sent.as_ref(), ..Call::default() }, status, answer.as_ref());
                    continue;
                }
            };
            copy(sent.as_ref(), &mut thing);
            set_id(&mut thing, key.as_deref(), &id);
            self.say(op, &Call { body: sent.as_ref(), ..Call::default() }, status, Some(&thing));
            if let Some(pool) = self.pools.get_mut(&op.template) {
                pool.ids.push(id);
                pool.things.push(thing);
            }
        }
    }

    fn change(&mut self, op: &Operation, parent: &str) {
        let (status, content) = success(op).map_or((200, None), |(status, content)| (status, content.clone()));
        let count = self.pools.get(parent).map_or(0, |pool| pool.ids.len().min(2));
        if count == 0 {
            return self.act(op);
        }
        for n in 0..count {
            let sent = self.sent(op, false);
            let Some(pool) = self.pools.get_mut(parent) else { return };
            let (id, key) = (pool.ids[n].clone(), pool.key.clone());
            let thing = &mut pool.things[n];
            copy(sent.as_ref(), thing);
            set_id(thing, key.as_deref(), &id);
            let thing = thing.clone();
            let answer = match &content {
                Some(content) if alike(&content.schema, &thing) => Some(thing),
                Some(content) => Some(answer_of(&mut self.generator, content, n == 0)),
                None => None,
            };
            self.say(op, &Call { id: Some(&id), body: sent.as_ref(), ..Call::default() }, status, answer.as_ref());
        }
    }

    /// Removes what was made last, so that the things of the start stay.
    fn remove(&mut self, op: &Operation, parent: &str) {
        let (status, content) = success(op).map_or((204, None), |(status, content)| (status, content.clone()));
        let Some(id) = self.pools.get_mut(parent).and_then(|pool| {
            pool.things.pop();
            pool.ids.pop()
        }) else {
            return self.act(op);
        };
        let answer = content.map(|content| answer_of(&mut self.generator, &content, true));
        self.say(op, &Call { id: Some(&id), ..Call::default() }, status, answer.as_ref());
    }

    /// Everything else happens once as the document shows it.
    fn act(&mut self, op: &Operation) {
        let Some((status, content)) = success(op) else { return };
        let content = content.clone();
        let sent = self.sent(op, true);
        let answer = content.map(|content| answer_of(&mut self.generator, &content, true));
        self.say(op, &Call { body: sent.as_ref(), ..Call::default() }, status, answer.as_ref());
    }

    /// The errors that the document speaks of and that it is clear how to make.
    fn refuse(&mut self, op: &Operation) {
        let has = |status: u16| op.responses.contains_key(&status);
        let fallback = |status: u16| if has(status) { Some(status) } else { None };
        if op.credential.is_some() && has(401) {
            let sent = self.sent(op, true);
            let answer = self.error(op, 401);
            self.say(op, &Call { body: sent.as_ref(), anonymous: true, ..Call::default() }, 401, answer.as_ref());
        }
        if item(op).is_some() && (has(404) || op.otherwise.is_some() && success_is_declared(op)) {
            let unknown = match item(op).map(|(_, parameter)| &parameter.schema) {
                Some(schema) if matches!(schema.get("type").and_then(Value::as_str), Some("integer" | "number")) => {
                    json!(987_654)
                }
                Some(schema) if schema.get("format").is_some_and(|format| format == "uuid") => {
                    json!("00000000-0000-4000-8000-000000000000")
                }
                _ => json!("no-such-thing"),
            };
            let sent = self.sent(op, true);
            let answer = self.error(op, 404);
            self.say(op, &Call { id: Some(&unknown), body: sent.as_ref(), anonymous: false }, 404, answer.as_ref());
        }
        let invalid = fallback(422).or_else(|| fallback(400));
        let required = op.body.as_ref().and_then(|body| body.schema.get("required")?.as_array()?.first()?.as_str());
        if let (Some(status), Some(name), Some(mut sent)) = (invalid, required, self.sent(op, true)) {
            if let Value::Object(members) = &mut sent {
                members.shift_remove(name);
            }
            let id = item(op).and_then(|(parent, _)| self.pools.get(parent)?.ids.first().cloned());
            let answer = self.error(op, status);
            let call = Call { id: id.as_ref(), body: Some(&sent), anonymous: false };
            self.say(op, &call, status, answer.as_ref());
        }
    }

    fn error(&mut self, op: &Operation, status: u16) -> Option<Value> {
        let content = op.responses.get(&status).or(op.otherwise.as_ref())?.clone()?;
        let mut answer = answer_of(&mut self.generator, &content, true);
        for name in ["status", "code", "statusCode"] {
            if let Some(own) = answer.get_mut(name).filter(|own| own.is_number()) {
                *own = status.into();
            }
        }
        Some(answer)
    }

    fn sent(&mut self, op: &Operation, told: bool) -> Option<Value> {
        let body = op.body.as_ref()?;
        let example = body.examples.first().filter(|_| told).cloned();
        Some(example.unwrap_or_else(|| make(&mut self.generator, &body.schema, "", told)))
    }

    fn say(&mut self, op: &Operation, call: &Call<'_>, status: u16, answer: Option<&Value>) {
        let mut headers = vec![(DECLARED.to_owned(), op.template.clone())];
        let mut query: Vec<(String, String)> = Vec::new();
        for parameter in op.parameters.iter().filter(|parameter| parameter.required && parameter.place != "path") {
            let value = make(&mut self.generator, &parameter.schema, &parameter.name, true);
            match (parameter.place.as_str(), text(&value)) {
                ("query", Some(text)) => query.push((parameter.name.clone(), text)),
                ("header", Some(text)) => headers.push((parameter.name.to_ascii_lowercase(), text)),
                _ => {}
            }
        }
        match op.credential.as_ref().filter(|_| !call.anonymous) {
            Some(Credential::Header(name, value)) => headers.push((name.clone(), value.clone())),
            Some(Credential::Query(name, value)) => query.push((name.clone(), value.clone())),
            None => {}
        }
        let mut target = self.path(op, call.id);
        if !query.is_empty() {
            target.push('?');
            target.push_str(&form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish());
        }
        let mut bytes = Bytes::new();
        if let (Some(value), Some(content)) = (call.body, &op.body) {
            bytes = written(value, &content.media_type);
            headers.push(("content-type".into(), content.media_type.clone()));
        }
        let request = Request {
            method: op.method.clone(),
            target,
            headers: Headers(headers),
            body: Body { bytes, truncated: false },
        };
        let kind = op.responses.get(&status).or(op.otherwise.as_ref()).and_then(Option::as_ref);
        let kind = kind.map_or("application/json", |content| content.media_type.as_str());
        let answer = answer.filter(|_| op.method != "HEAD" && !matches!(status, 204 | 205 | 304));
        let response = Response {
            status,
            headers: Headers(answer.map(|_| ("content-type".to_owned(), kind.to_owned())).into_iter().collect()),
            body: Body { bytes: answer.map(|value| written(value, kind)).unwrap_or_default(), truncated: false },
        };
        self.out.push(Exchange { id: 0, received_at_ms: 0, latency_us: 0, request, response });
    }

    /// The template with ids in it: the given one at the end, the first thing's for each parent.
    fn path(&mut self, op: &Operation, last: Option<&Value>) -> String {
        let (mut path, mut so_far) = (String::new(), String::new());
        let count = op.template.matches('/').count();
        for (n, segment) in op.template.split('/').skip(1).enumerate() {
            path.push('/');
            let Some((before, name, after)) = braced(segment) else {
                path.push_str(segment);
                so_far.extend(["/", segment]);
                continue;
            };
            let value = match last.filter(|_| n + 1 == count && before.is_empty() && after.is_empty()) {
                Some(value) => value.clone(),
                None => self.known(op, &so_far, name),
            };
            let text = text(&value).unwrap_or_else(|| "1".to_owned());
            path.extend([before, &utf8_percent_encode(&text, ENCODED).to_string(), after]);
            so_far.extend(["/", segment]);
        }
        path
    }

    fn known(&mut self, op: &Operation, parent: &str, name: &str) -> Value {
        if let Some(id) = self.pools.get(parent).and_then(|pool| pool.ids.first()) {
            return id.clone();
        }
        let place = format!("{parent}/{{{name}}}");
        if let Some(value) = self.others.get(&place) {
            return value.clone();
        }
        let schema = op.parameters.iter().find(|own| own.place == "path" && own.name == name);
        let schema = schema.map_or_else(|| json!({ "type": "string" }), |own| own.schema.clone());
        let value = self.id(&schema, None, 0);
        self.others.insert(place, value.clone());
        value
    }
}

/// The path in front of the parameter that ends a template, and the parameter.
/// Schemas with properties may yet be of another type than `object`; what came of them has no member for an id.
fn set_id(thing: &mut Value, key: Option<&str>, id: &Value) {
    if let (Some(members), Some(key)) = (thing.as_object_mut(), key) {
        members.insert(key.to_owned(), id.clone());
    }
}

fn item(op: &Operation) -> Option<(&str, &Parameter)> {
    let (parent, last) = op.template.rsplit_once('/')?;
    let ("", name, "") = braced(last)? else { return None };
    Some((parent, op.parameters.iter().find(|own| own.place == "path" && own.name == name)?))
}

fn braced(segment: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = segment.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

/// The good answer: the first of 2xx, or what `default` says where no such is there.
fn success(op: &Operation) -> Option<(u16, &Option<Content>)> {
    let declared = op.responses.iter().find(|(status, _)| (200..300).contains(*status));
    let usual = match op.method.as_str() {
        "POST" if op.otherwise.as_ref().is_none_or(Option::is_none) => 201,
        "DELETE" => 204,
        _ => 200,
    };
    declared
        .map(|(status, content)| (*status, content))
        .or_else(|| Some((usual, op.otherwise.as_ref().unwrap_or(&None))))
}

fn success_is_declared(op: &Operation) -> bool {
    op.responses.keys().any(|status| (200..300).contains(status))
}

/// The member that a path parameter names: of the same name, `id` for `petId` and `pet_id`, else one that names things.
fn key_of(schema: &Value, examples: &[Value], parameter: &str, parent: &str) -> Option<String> {
    let declared = schema.get("properties").and_then(Value::as_object);
    let shown = examples.iter().find_map(Value::as_object);
    let names: Vec<&String> = declared.or(shown)?.keys().collect();
    let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let wanted = plain(parameter);
    let collection = plain(parent.rsplit('/').next().unwrap_or(""));
    let scored = names.into_iter().filter_map(|name| {
        let own = plain(name);
        let score = match () {
            () if own == wanted => 5,
            // `petId` names the `id` of a pet, `userName` the `name` of a user.
            () if wanted.ends_with(&own) && collection.starts_with(&wanted[..wanted.len() - own.len()]) => 4,
            () if wanted.ends_with(&own) && own.len() >= 2 => 3,
            () if own == "id" => 2,
            () if matches!(own.as_str(), "uuid" | "slug" | "key" | "code") => 1,
            () => return None,
        };
        Some((score, name))
    });
    scored.rev().max_by_key(|(score, _)| *score).map(|(_, name)| name.clone())
}

fn answer_of(generator: &mut Generator<'_>, content: &Content, told: bool) -> Value {
    let example = content.examples.first().filter(|_| told).cloned();
    example.unwrap_or_else(|| make(generator, &content.schema, "", told))
}

/// Puts the things of a pool in the place of the first list whose members look like them.
fn show(answer: &mut Value, pool: &Pool, depth: u32) -> bool {
    match answer {
        Value::Array(items) if items.first().is_some_and(|item| covers(item, &pool.things[0])) => {
            // A list may show less of each than a read does.
            let shown: Vec<String> = items[0].as_object().map_or_else(Vec::new, |item| item.keys().cloned().collect());
            let part = |thing: &Value| {
                let members = shown.iter().filter_map(|name| Some((name.clone(), thing.get(name)?.clone())));
                Value::Object(members.collect::<Map<_, _>>())
            };
            *items = pool.things.iter().map(part).collect();
            true
        }
        Value::Object(members) if depth < 3 => members.values_mut().any(|member| show(member, pool, depth + 1)),
        _ => false,
    }
}

/// Totals beside a list tell how long it is.
fn count(answer: &mut Value, total: usize) {
    let Value::Object(members) = answer else { return };
    for (name, member) in members.iter_mut().filter(|(_, member)| member.is_i64() || member.is_u64()) {
        if matches!(name.to_lowercase().as_str(), "total" | "count" | "totalcount" | "total_count" | "totalitems") {
            *member = total.into();
        }
    }
}

/// Whether an object looks like a thing: more than half of its members are members of it, and all but few ids.
fn covers(object: &Value, thing: &Value) -> bool {
    let (Some(object), Some(thing)) = (object.as_object(), thing.as_object()) else { return false };
    let common = object.keys().filter(|name| thing.contains_key(*name)).count();
    common > 0 && common * 2 > object.len()
}

fn alike(schema: &Value, thing: &Value) -> bool {
    let members = schema.get("properties").cloned().unwrap_or(Value::Null);
    covers(&members, thing)
}

/// What was sent stands in what is answered, under the same names.
fn copy(sent: Option<&Value>, thing: &mut Value) {
    let Value::Object(thing) = thing else { return };
    for (name, value) in sent.and_then(Value::as_object).into_iter().flatten() {
        if let Some(own) = thing.get_mut(name) {
            own.clone_from(value);
        }
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Array(items) => text(items.first()?),
        _ => None,
    }
}

fn written(value: &Value, media_type: &str) -> Bytes {
    if media_type == super::FORM {
        let members = value.as_object().into_iter().flatten();
        let pairs = members.filter_map(|(name, value)| Some((name.clone(), text(value)?)));
        return form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().into();
    }
    serde_json::to_vec(value).unwrap_or_default().into()
}
