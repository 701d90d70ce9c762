//! Header fields of good answers: constant, or made with each answer.

use super::Seen;
use crate::twin::behaviour::{Effect, HeaderRule, Part};
use crate::twin::paging::UrlRule;

/// Fields that belong to one connection or one moment, or that the server in front writes itself (RFC 9110 §6.6, §7.6.1,
/// §8.6; RFC 9112 §6, §9).
const NEVER: &[&str] = &[
    "connection",
    "content-encoding",
    "content-length",
    "date",
    "keep-alive",
    "proxy-connection",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "age",
];

pub(super) fn mine(
    good: &[(usize, &Seen)],
    parts: &[(Vec<String>, Part)],
    effect: &Effect,
    links: Vec<(String, UrlRule)>,
) -> Vec<(String, HeaderRule)> {
    let Some((_, last)) = good.last() else { return vec![] };
    let list = parts.iter().any(|(_, part)| matches!(part, Part::List(_)));
    let creates = matches!(effect, Effect::Create { .. });
    let mut out: Vec<(String, HeaderRule)> =
        links.into_iter().map(|(name, url)| (name, HeaderRule::Page(Box::new(url)))).collect();
    if list {
        out.extend(list_headers(good));
    }
    for (name, value) in &last.headers.0 {
        if out.iter().any(|(known, _)| known == name)
            || NEVER.contains(&name.as_str())
            || name.starts_with("x-understudy-")
        {
            continue;
        }
        // A field that came only sometimes is left to the sample whose call is most alike.
        let values: Vec<&str> = good.iter().filter_map(|(_, seen)| seen.headers.get(name)).collect();
        let constant = values.iter().all(|other| other == value) && values.len() == good.len();
        let rule = match name.as_str() {
            "etag" => HeaderRule::ETag { weak: value.starts_with("W/") },
            "last-modified" | "x-request-id" | "x-response-time" | "x-runtime" | "x-process-time" => continue,
            "location" if creates => HeaderRule::Location { absolute: value.contains("://") },
            _ if constant => HeaderRule::Const(value.clone()),
            _ => continue,
        };
        out.push((name.clone(), rule));
    }
    out
}

/// The fields of a refusal that its next one has too: not the server's, and no validators, which change with the body.
pub(super) fn of_refusal(headers: &crate::Headers) -> serde_json::Map<String, serde_json::Value> {
    let own = headers.0.iter().filter(|(name, _)| {
        !NEVER.contains(&name.as_str())
            && !name.starts_with("x-understudy-")
            && !matches!(name.as_str(), "etag" | "last-modified" | "server" | "expires" | "location")
    });
    own.map(|(name, value)| (name.clone(), serde_json::Value::from(value.as_str()))).collect()
}

/// The number of all rows and the neighbouring pages, whichever answers had them.
fn list_headers(good: &[(usize, &Seen)]) -> Vec<(String, HeaderRule)> {
    let mut out: Vec<(String, HeaderRule)> = Vec::new();
    for (_, seen) in good {
        for (name, value) in &seen.headers.0 {
            let total = name.contains("total") && value.parse::<u64>().is_ok();
            if !(total || name == "link") || out.iter().any(|(known, _)| known == name) {
                continue;
            }
            let paged = !good.iter().any(|(_, seen)| seen.call.query.is_empty() && seen.headers.get(name).is_some());
            out.push((name.clone(), if total { HeaderRule::Total { paged } } else { HeaderRule::Links }));
        }
    }
    out
}
