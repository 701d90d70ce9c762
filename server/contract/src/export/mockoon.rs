//! A Mockoon environment. Of the responses of a route the first whose rules hold is given, else the default one.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::play::{Content, Fits, Play, Rule, content, fields, plays};
use super::{Source, uuid};

/// The version of the data's form: that of Mockoon 9. Newer versions bring it up to date when they load it.
const MIGRATION: u32 = 33;
/// Mockoon's own default.
const PORT: u16 = 3000;
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

pub(super) fn environment(source: &Source<'_>) -> Value {
    let plays: Vec<Play<'_>> =
        plays(source).into_iter().filter(|play| METHODS.contains(&play.endpoint.method.as_str())).collect();
    // GraphQL operations share a route; routes are tried in the order in which they stand.
    let mut order: Vec<(&str, &str)> = Vec::new();
    let mut routes = BTreeMap::<(&str, &str), Vec<&Play<'_>>>::new();
    for play in &plays {
        let key = (play.endpoint.method.as_str(), play.endpoint.template.as_str());
        if !routes.contains_key(&key) {
            order.push(key);
        }
        routes.entry(key).or_default().push(play);
    }
    let routes: Vec<Value> = order.iter().filter_map(|key| Some(route(*key, routes.get(key)?))).collect();
    let children: Vec<Value> = routes.iter().map(|route| json!({ "type": "route", "uuid": route["uuid"] })).collect();
    json!({
        "uuid": uuid(&["mockoon", source.title]),
        "lastMigration": MIGRATION,
        "name": source.title,
        "endpointPrefix": "",
        "latency": 0,
        "port": PORT,
        "hostname": "127.0.0.1",
        "folders": [],
        "routes": routes,
        "rootChildren": children,
        "proxyMode": false,
        "proxyHost": "",
        "proxyRemovePrefix": false,
        "tlsOptions": {
            "enabled": false, "type": "CERT", "pfxPath": "", "certPath": "", "keyPath": "", "caPath": "", "passphrase": "",
        },
        "cors": true,
        "headers": [],
        "proxyReqHeaders": [],
        "proxyResHeaders": [],
        "data": [],
        "callbacks": [],
    })
}

fn route((method, template): (&str, &str), plays: &[&Play<'_>]) -> Value {
    let rules = plays.iter().flat_map(|play| play.rules.iter());
    let responses: Vec<Value> = rules.filter_map(|rule| response(template, rule)).collect();
    let has_default = responses.iter().any(|response| response["default"] == true);
    json!({
        "uuid": uuid(&["mockoon", method, template]),
        "type": "http",
        "documentation": "",
        "method": method.to_ascii_lowercase(),
        "endpoint": path(template),
        "responses": responses,
        // Without an answer for any request, one that fits none is unknown.
        "responseMode": if has_default { Value::Null } else { json!("FALLBACK") },
        "streamingMode": null,
        "streamingInterval": 0,
    })
}

/// `None` for an answer that is no text.
fn response(template: &str, rule: &Rule) -> Option<Value> {
    let request = &rule.recorded.request;
    let rules = rules(rule)?;
    let headers: Vec<Value> = fields(&rule.recorded)
        .into_iter()
        .flat_map(|(name, values)| values.into_iter().map(move |value| json!({ "key": name, "value": escaped(value) })))
        .collect();
    let body = std::str::from_utf8(&rule.recorded.response.body.bytes).ok()?;
    let place = [request.method.as_str(), template, rule.fits.word(), &request.target];
    Some(json!({
        "uuid": uuid(&[&place[..], &[&String::from_utf8_lossy(&request.body.bytes)]].concat()),
        "body": body,
        "latency": 0,
        "statusCode": rule.recorded.response.status,
        "label": rule.fits.word(),
        "headers": headers,
        "bodyType": "INLINE",
        "filePath": "",
        "databucketID": "",
        "sendFileAsBody": false,
        "rules": rules,
        "rulesOperator": "AND",
        "disableTemplating": true,
        "fallbackTo404": false,
        "default": rule.fits == Fits::Any,
        "crudKey": "id",
        "callbacks": [],
    }))
}

fn rules(rule: &Rule) -> Option<Vec<Value>> {
    let holds = |target: &str, modifier: &str, operator: &str, value: &str| json!({ "target": target, "modifier": modifier, "value": value, "invert": false, "operator": operator });
    let request = &rule.recorded.request;
    Some(match rule.fits {
        Fits::NoCredentials => vec![holds("header", "authorization", "null", "")],
        Fits::Same => {
            let mut rules = vec![holds("path", "", "equals", &escaped(&request.target))];
            match content(&request.body.bytes) {
                Content::Empty => {}
                Content::Base64(_) => return None,
                _ => rules.push(holds("body", "", "equals", &escaped(std::str::from_utf8(&request.body.bytes).ok()?))),
            }
            rules
        }
        Fits::Path => {
            let pattern = format!("^{}(\\?|$)", regex::escape(request.path()));
            vec![holds("path", "", "regex", &escaped(&pattern))]
        }
        Fits::Any => Vec::new(),
    })
}

/// Values are templates of Handlebars, in which a backslash takes the meaning from two braces.
fn escaped(text: &str) -> String {
    text.replace("{{", "\\{{")
}

/// A template as a path of Express, without the slash in front. Only the place of a parameter matters.
fn path(template: &str) -> String {
    let mut path = String::new();
    let mut rest = template.trim_start_matches('/');
    let mut number = 0;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((_, after)) = after.split_once('}') else { break };
        number += 1;
        plain(&mut path, before);
        path.push_str(&format!(":p{number}"));
        rest = after;
    }
    plain(&mut path, rest);
    path
}

fn plain(path: &mut String, text: &str) {
    for c in text.chars() {
        if matches!(c, '(' | ')' | '*' | '+' | '?' | ':' | '[' | ']' | '!' | '\\') {
            path.push('\\');
        }
        path.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_paths_of_express() {
        assert_eq!(path("/users/{id}/posts/{postId}.json"), "users/:p1/posts/:p2.json");
        assert_eq!(path("/a(b)/c:d"), "a\\(b\\)/c\\:d");
    }

    #[test]
    fn braces_are_no_template() {
        assert_eq!(escaped("{{now}}"), "\\{{now}}");
    }
}
