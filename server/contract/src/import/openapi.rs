//! OpenAPI 3.x and Swagger 2.0: what a document says of each operation.

use std::collections::BTreeMap;

use serde_json::Value;

use super::shape::{Document, Way};
use super::sound;
use super::story::{self, Story};
use super::{Import, ImportError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Two,
    Three,
}

pub(super) const METHODS: [&str; 7] = ["get", "post", "put", "patch", "delete", "options", "head"];

/// One operation, references resolved.
#[derive(Debug)]
pub(super) struct Operation {
    /// In upper case.
    pub(super) method: String,
    /// With the base path in front.
    pub(super) template: String,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<Content>,
    pub(super) responses: BTreeMap<u16, Option<Content>>,
    /// What `default` stands for.
    pub(super) otherwise: Option<Option<Content>>,
    pub(super) credential: Option<Credential>,
}

#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    /// `path`, `query`, `header`.
    pub(super) place: String,
    pub(super) required: bool,
    pub(super) schema: Value,
}

/// A body: its media type, plain schema and the document's whole examples.
#[derive(Debug, Clone)]
pub(super) struct Content {
    pub(super) media_type: String,
    pub(super) schema: Value,
    pub(super) examples: Vec<Value>,
}

/// Where a credential goes, and what stands in for one.
#[derive(Debug, Clone)]
pub(super) enum Credential {
    Header(String, String),
    Query(String, String),
}

pub(super) fn read(document: &Value, now_ms: u64, version: Version) -> Result<Import, ImportError> {
    sound::check(document)?;
    let reader = Reader { document: Document(document), version };
    let base = reader.base_path();
    let mut notes = Vec::new();
    let mut operations = Vec::new();
    for (path, item) in document.get("paths").and_then(Value::as_object).into_iter().flatten() {
        let item = reader.document.resolve(item);
        let template = format!("{base}/{}", path.split('?').next().unwrap_or(path).trim_start_matches('/'));
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                operations.push(reader.operation(method, &template, item, operation));
            }
        }
    }
    let exchanges = Story::tell(operations, now_ms);
    if exchanges.len() >= story::MAX_EXCHANGES {
        notes.push(format!("the document is long: only its first {} exchanges were made", story::MAX_EXCHANGES));
    }
    Ok(Import { format: "OpenAPI", exchanges, notes })
}

struct Reader<'d> {
    document: Document<'d>,
    version: Version,
}

impl<'d> Reader<'d> {
    /// The path of the first server, variables at their defaults; no slash at the end.
    fn base_path(&self) -> String {
        let root = self.document.0;
        if self.version == Version::Two {
            let base = root.get("basePath").and_then(Value::as_str).unwrap_or("");
            return base.trim_end_matches('/').to_owned();
        }
        let Some(server) = root.pointer("/servers/0") else { return String::new() };
        let mut url = server.get("url").and_then(Value::as_str).unwrap_or("").to_owned();
        for (name, variable) in server.get("variables").and_then(Value::as_object).into_iter().flatten() {
            let default = variable.get("default").and_then(Value::as_str).unwrap_or("");
            url = url.replace(&format!("{{{name}}}"), default);
        }
        let path = match url.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("", |at| &rest[at..]),
            None => &url,
        };
        let path = path.trim_matches('/');
        if path.is_empty() { String::new() } else { format!("/{path}") }
    }

    fn operation(&self, method: &str, template: &str, item: &'d Value, operation: &'d Value) -> Operation {
        // Those of the operation come first and win over those of the path.
        let lists = [operation, item].map(|holder| holder.get("parameters").and_then(Value::as_array));
        let raw: Vec<&Value> =
            lists.into_iter().flatten().flatten().map(|parameter| self.document.resolve(parameter)).collect();
        let mut parameters: Vec<Parameter> = Vec::new();
        for parameter in raw.iter().filter_map(|parameter| self.parameter(parameter)) {
            if parameters.iter().all(|known| (&known.name, &known.place) != (&parameter.name, &parameter.place)) {
                parameters.push(parameter);
            }
        }
        let mut responses = BTreeMap::new();
        let mut otherwise = None;
        for (status, response) in operation.get("responses").and_then(Value::as_object).into_iter().flatten() {
            let content = self.response(self.document.resolve(response), operation);
            match status.as_str() {
                "default" => otherwise = Some(content),
                "4XX" | "4xx" => drop(responses.entry(400).or_insert(content)),
                "2XX" | "2xx" => drop(responses.entry(200).or_insert(content)),
                number => {
                    drop(number.parse().ok().filter(|n| (200..600).contains(n)).map(|n| responses.insert(n, content)))
                }
            }
        }
        Operation {
            method: method.to_ascii_uppercase(),
            template: template.to_owned(),
            parameters,
            body: self.request(operation, &raw),
            responses,
            otherwise,
            credential: self.credential(operation),
        }
    }

    fn parameter(&self, parameter: &'d Value) -> Option<Parameter> {
        let place = parameter.get("in")?.as_str().filter(|place| matches!(*place, "path" | "query" | "header"))?;
        // In 2.0 the parameter is the schema. An example may stand beside the schema.
        let schema = parameter.get("schema").unwrap_or(parameter);
        let mut schema = self.document.plain(schema, Way::Sent);
        let first = parameter.get("examples").and_then(Value::as_object).and_then(|all| all.values().next());
        let told = parameter.get("example").or_else(|| self.document.resolve(first?).get("value"));
        if let (Some(example), Some(keywords)) = (told, schema.as_object_mut()) {
            keywords.insert("example".into(), example.clone());
        }
        Some(Parameter {
            name: parameter.get("name")?.as_str()?.to_owned(),
            place: place.to_owned(),
            required: place == "path" || parameter.get("required") == Some(&Value::Bool(true)),
            schema,
        })
    }

    fn request(&self, operation: &'d Value, parameters: &[&'d Value]) -> Option<Content> {
        if self.version == Version::Three {
            let body = self.document.resolve(operation.get("requestBody")?);
            return self.content(body.get("content")?, Way::Sent);
        }
        let body = parameters.iter().find(|parameter| parameter.get("in").is_some_and(|place| place == "body"))?;
        let schema = self.document.plain(body.get("schema")?, Way::Sent);
        Some(Content { media_type: "application/json".into(), schema, examples: vec![] })
    }

    fn response(&self, response: &'d Value, operation: &'d Value) -> Option<Content> {
        if self.version == Version::Three {
            return self.content(response.get("content")?, Way::Shown);
        }
        let schema = self.document.plain(response.get("schema")?, Way::Shown);
        let produces = operation.get("produces").or_else(|| self.document.0.get("produces")).and_then(Value::as_array);
        let kinds: Vec<&str> = produces.into_iter().flatten().filter_map(Value::as_str).collect();
        if !kinds.is_empty() && !kinds.iter().any(|kind| kind.contains("json")) {
            return None;
        }
        let examples = response.get("examples").and_then(Value::as_object);
        let examples = examples.into_iter().flatten().filter(|(kind, _)| kind.contains("json"));
        let examples = examples.map(|(_, example)| example.clone()).collect();
        Some(Content { media_type: "application/json".into(), schema, examples })
    }

    /// JSON where it is offered, else a form; other media types have no content that could be made.
    fn content(&self, content: &'d Value, way: Way) -> Option<Content> {
        let all = content.as_object()?;
        let essence = |kind: &str| kind.split(';').next().unwrap_or(kind).trim().to_ascii_lowercase();
        let json = |kind: &str| super::is_json(&essence(kind)) || kind == "*/*";
        let (kind, media) = all
            .iter()
            .find(|(kind, _)| json(kind))
            .or_else(|| all.iter().find(|(kind, _)| essence(kind) == super::FORM))?;
        let named = media.get("examples").and_then(Value::as_object).into_iter().flatten();
        let named = named.filter_map(|(_, example)| self.document.resolve(example).get("value"));
        let examples = media.get("example").into_iter().chain(named).cloned().collect();
        let media_type = if kind == "*/*" { "application/json".to_owned() } else { essence(kind) };
        let schema = media.get("schema").map_or(Value::Null, |schema| self.document.plain(schema, way));
        Some(Content { media_type, schema, examples })
    }

    /// The first of the alternatives that the operation, or the whole document, asks for.
    fn credential(&self, operation: &Value) -> Option<Credential> {
        const DECLARED: &str = "declared-credential";
        let root = self.document.0;
        let wanted = operation.get("security").or_else(|| root.get("security"))?.as_array()?;
        if wanted.iter().any(|alternative| alternative.as_object().is_some_and(serde_json::Map::is_empty)) {
            return None;
        }
        let name = wanted.first()?.as_object()?.keys().next()?;
        let schemes = root.pointer("/components/securitySchemes").or_else(|| root.get("securityDefinitions"))?;
        let scheme = self.document.resolve(schemes.get(name)?);
        let text = |word: &str| scheme.get(word).and_then(Value::as_str).unwrap_or("");
        let bearer = || Credential::Header("authorization".into(), format!("Bearer {DECLARED}"));
        Some(match (text("type"), text("in")) {
            ("apiKey", "query") => Credential::Query(text("name").to_owned(), DECLARED.into()),
            ("apiKey", "cookie") => Credential::Header("cookie".into(), format!("{}={DECLARED}", text("name"))),
            ("apiKey", _) => Credential::Header(text("name").to_ascii_lowercase(), DECLARED.into()),
            ("basic", _) => Credential::Header("authorization".into(), "Basic ZGVjbGFyZWQ6ZGVjbGFyZWQ=".into()),
            ("http", _) if text("scheme").eq_ignore_ascii_case("basic") => {
                Credential::Header("authorization".into(), "Basic ZGVjbGFyZWQ6ZGVjbGFyZWQ=".into())
            }
            _ => bearer(),
        })
    }
}
