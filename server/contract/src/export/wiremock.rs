//! WireMock stub mappings. The lower its priority's number, the sooner a stub is asked.

use serde_json::{Map, Value, json};

use super::play::{Content, Fits, Play, Rule, content, fields, plays};
use super::{Source, uuid};

pub(super) fn mappings(source: &Source<'_>) -> Value {
    let plays = plays(source);
    let stubs: Vec<Value> = plays.iter().flat_map(|play| play.rules.iter().map(|rule| stub(play, rule))).collect();
    let total = stubs.len();
    json!({ "mappings": stubs, "meta": { "total": total } })
}

fn stub(play: &Play<'_>, rule: &Rule) -> Value {
    let request = request(play, rule);
    let response = &rule.recorded.response;
    let name = format!("{} → {}, {}", play.name(), response.status, rule.fits.word());
    json!({
        "id": uuid(&["wiremock", &request.to_string()]),
        "name": name,
        "priority": priority(play, rule),
        "request": request,
        "response": answer(rule),
    })
}

/// Of stubs of one priority WireMock asks the newest first, whatever it says. So the number tells all: an endpoint with fewer
/// parameters comes first, and of one endpoint the rules in their order.
fn priority(play: &Play<'_>, rule: &Rule) -> usize {
    let rank = match rule.fits {
        Fits::NoCredentials => 1,
        Fits::Same if !rule.recorded.request.body.bytes.is_empty() => 2,
        Fits::Same => 3,
        Fits::Path => 4,
        Fits::Any => 5,
    };
    10 * play.endpoint.template.matches('{').count() + rank
}

fn request(play: &Play<'_>, rule: &Rule) -> Value {
    let recorded = &rule.recorded.request;
    let mut out = json!({ "method": recorded.method });
    let template = &play.endpoint.template;
    match rule.fits {
        Fits::Same => out["url"] = json!(recorded.target),
        Fits::Path => out["urlPath"] = json!(recorded.path()),
        Fits::Any | Fits::NoCredentials if template.contains('{') => out["urlPathTemplate"] = json!(template),
        Fits::Any | Fits::NoCredentials => out["urlPath"] = json!(template),
    }
    if rule.fits == Fits::NoCredentials {
        out["headers"] = json!({ "Authorization": { "absent": true } });
    }
    if rule.fits == Fits::Same {
        match content(&recorded.body.bytes) {
            Content::Empty => {}
            Content::Json(value) => out["bodyPatterns"] = json!([{ "equalToJson": value }]),
            Content::Text(text) => out["bodyPatterns"] = json!([{ "equalTo": text }]),
            Content::Base64(text) => out["bodyPatterns"] = json!([{ "binaryEqualTo": text }]),
        }
    }
    out
}

fn answer(rule: &Rule) -> Value {
    let mut out = json!({ "status": rule.recorded.response.status });
    let one_or_all = |values: Vec<&str>| if let [one] = values[..] { json!(one) } else { json!(values) };
    let headers: Map<String, Value> =
        fields(&rule.recorded).into_iter().map(|(name, values)| (name.to_owned(), one_or_all(values))).collect();
    if !headers.is_empty() {
        out["headers"] = Value::Object(headers);
    }
    match content(&rule.recorded.response.body.bytes) {
        Content::Empty => {}
        Content::Json(value) => out["jsonBody"] = value,
        Content::Text(text) => out["body"] = json!(text),
        Content::Base64(text) => out["base64Body"] = json!(text),
    }
    out
}
