//! A Hoverfly simulation, v5. Of several pairs that fit Hoverfly takes the one that matches most closely.

use serde_json::{Map, Value, json};

use super::Source;
use super::play::{Content, Fits, Play, Rule, content, fields, plays, query};

pub(super) fn simulation(source: &Source<'_>) -> Value {
    let plays = plays(source);
    let pairs: Vec<Value> = plays.iter().flat_map(|play| play.rules.iter().map(|rule| pair(play, rule))).collect();
    json!({
        "data": { "pairs": pairs, "globalActions": { "delays": [], "delaysLogNormal": [] } },
        "meta": { "schemaVersion": "v5", "hoverflyVersion": "v1.10.5" },
    })
}

fn pair(play: &Play<'_>, rule: &Rule) -> Value {
    let guarded = play.rules.iter().any(|rule| rule.fits == Fits::NoCredentials);
    json!({ "request": request(play, rule, guarded), "response": response(rule) })
}

fn exactly(value: impl Into<Value>) -> Value {
    json!([{ "matcher": "exact", "value": value.into() }])
}

/// The absence of a field cannot be asked for: the other answers of a guarded endpoint ask for its presence instead.
fn request(play: &Play<'_>, rule: &Rule, guarded: bool) -> Value {
    let recorded = &rule.recorded.request;
    let mut out = json!({ "method": exactly(recorded.method.as_str()) });
    let template = &play.endpoint.template;
    out["path"] = match rule.fits {
        Fits::Same | Fits::Path => exactly(recorded.path()),
        Fits::Any | Fits::NoCredentials if template.contains('{') => {
            json!([{ "matcher": "regex", "value": pattern(template) }])
        }
        Fits::Any | Fits::NoCredentials => exactly(template.as_str()),
    };
    if rule.fits == Fits::Same {
        let mut pairs = Map::new();
        for (name, value) in query(&rule.recorded) {
            // Values of one name are matched as one text, with semicolons between.
            let whole =
                pairs.get(&name).and_then(|known| known[0]["value"].as_str()).map(|known| format!("{known};{value}"));
            pairs.insert(name, exactly(whole.unwrap_or(value)));
        }
        if !pairs.is_empty() {
            out["query"] = Value::Object(pairs);
        }
        match content(&recorded.body.bytes) {
            Content::Json(value) => out["body"] = json!([{ "matcher": "json", "value": value.to_string() }]),
            Content::Text(text) => out["body"] = exactly(text),
            Content::Empty | Content::Base64(_) => {}
        }
    }
    if guarded && rule.fits != Fits::NoCredentials {
        out["headers"] = json!({ "Authorization": [{ "matcher": "glob", "value": "*" }] });
    }
    out
}

/// A regular expression for the paths of a template.
fn pattern(template: &str) -> String {
    let segment = |segment: &str| match (segment.find('{'), segment.rfind('}')) {
        (Some(start), Some(end)) if start < end => {
            format!("{}[^/]+{}", regex::escape(&segment[..start]), regex::escape(&segment[end + 1..]))
        }
        _ => regex::escape(segment),
    };
    format!("^{}$", template.split('/').map(segment).collect::<Vec<_>>().join("/"))
}

fn response(rule: &Rule) -> Value {
    let headers: Map<String, Value> =
        fields(&rule.recorded).into_iter().map(|(name, values)| (name.to_owned(), json!(values))).collect();
    let bytes = &rule.recorded.response.body.bytes;
    // The body as it was written: Hoverfly keeps texts, not documents.
    let (body, coded) = match content(bytes) {
        Content::Base64(text) => (text, true),
        _ => (String::from_utf8_lossy(bytes).into_owned(), false),
    };
    json!({ "status": rule.recorded.response.status, "body": body, "encodedBody": coded, "templated": false, "headers": headers })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_template_matches_its_paths_alone() {
        let pattern = super::pattern("/v1.0/users/{id}.json");
        assert_eq!(pattern, r"^/v1\.0/users/[^/]+\.json$");
    }
}
