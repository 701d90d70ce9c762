//! Two answers side by side, with what is equal folded away.

use leptos::prelude::*;
use serde_json::Value;

use crate::components::StatusMark;
use crate::parts::{Drawn, Heard};

/// More differences than this nobody reads through.
const SHOWN: usize = 200;

/// One place of a body, and what stands there in both answers.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    pointer: String,
    left: Option<String>,
    right: Option<String>,
}

pub(crate) fn draw(twin: &Heard, api: &Heard) -> Drawn {
    let (lines, equal) = lines(&body(&twin.text), &body(&api.text));
    let same_status = twin.status == api.status;
    let words = verdict(lines.len(), equal, same_status);
    let rows = rows(&lines);
    let view = view! {
        <p class="verdict">{words}</p>
        <div class="table-scroll">
            <table class="rows field-table difference-table">
                <thead><tr><th scope="col">"Where"</th><th scope="col" class="twin">"Twin"</th><th scope="col" class="live">"API"</th></tr></thead>
                <tbody>
                    <tr><th scope="row">"Status"</th><td><StatusMark status=twin.status/></td><td><StatusMark status=api.status/></td></tr>
                    {rows}
                </tbody>
            </table>
        </div>
    };
    Drawn::new("", view.into_any())
}

/// An answer of before and one of now, when both are JSON: where one has what the other has not, or another kind of value.
/// They are of different requests, so that a value alone says nothing.
pub(crate) fn between(before: &str, now: &str) -> Option<AnyView> {
    let (lines, alike) = kinds(before, now)?;
    let words = match lines.len() {
        0 => format!("All {alike} values are alike."),
        1 => format!("1 place differs, {alike} are alike."),
        n => format!("{n} places differ, {alike} are alike."),
    };
    let rows = rows(&lines);
    let is_any = !rows.is_empty();
    let table = || {
        view! {
            <div class="table-scroll">
                <table class="rows field-table difference-table">
                    <thead><tr><th scope="col">"Where"</th><th scope="col">"Before"</th><th scope="col">"Now"</th></tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        }
        .into_any()
    };
    Some(view! { <p class="verdict">{words}</p> {is_any.then(table)} }.into_any())
}

fn kinds(before: &str, now: &str) -> Option<(Vec<Line>, usize)> {
    let json = |text: &str| serde_json::from_str::<Value>(text).ok().map(outline);
    let (lines, equal) = lines(&json(before)?, &json(now)?);
    let kind = |side: &Option<String>| side.as_deref().and_then(kind_of);
    let (alike, differ): (Vec<Line>, Vec<Line>) =
        lines.into_iter().partition(|line| line.left.is_some() && kind(&line.left) == kind(&line.right));
    Some((differ, equal + alike.len()))
}

/// Of a list only the first item: how many there are is no matter.
fn outline(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().take(1).map(outline).collect()),
        Value::Object(members) => members.into_iter().map(|(name, member)| (name, outline(member))).collect(),
        other => other,
    }
}

/// What JSON it is, by how it begins.
fn kind_of(json: &str) -> Option<char> {
    json.chars().next().map(|first| match first {
        '0'..='9' | '-' => '0',
        't' | 'f' => 't',
        other => other,
    })
}

fn rows(lines: &[Line]) -> Vec<AnyView> {
    let row = |line: &Line| {
        let shown = |side: &Option<String>| side.clone().unwrap_or_else(|| "–".into());
        view! { <tr><th scope="row"><code>{line.pointer.clone()}</code></th><td>{shown(&line.left)}</td><td>{shown(&line.right)}</td></tr> }
            .into_any()
    };
    lines.iter().take(SHOWN).map(row).collect()
}

fn verdict(different: usize, equal: usize, same_status: bool) -> String {
    let status = if same_status { "" } else { "The statuses differ. " };
    match different {
        0 => format!("{status}All {equal} values are equal."),
        1 => format!("{status}1 value differs, {equal} are equal."),
        n => format!("{status}{n} values differ, {equal} are equal."),
    }
}

fn body(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// What differs, and how many values are equal.
fn lines(left: &Value, right: &Value) -> (Vec<Line>, usize) {
    let (mut lines, mut equal) = (Vec::new(), 0);
    compare(String::new(), Some(left), Some(right), &mut lines, &mut equal);
    (lines, equal)
}

fn compare(pointer: String, left: Option<&Value>, right: Option<&Value>, lines: &mut Vec<Line>, equal: &mut usize) {
    match (left, right) {
        (Some(Value::Object(own)), Some(Value::Object(real))) => {
            let added = real.keys().filter(|name| !own.contains_key(*name));
            for name in own.keys().chain(added) {
                compare(format!("{pointer}/{name}"), own.get(name), real.get(name), lines, equal);
            }
        }
        (Some(Value::Array(own)), Some(Value::Array(real))) => {
            for at in 0..own.len().max(real.len()) {
                compare(format!("{pointer}/{at}"), own.get(at), real.get(at), lines, equal);
            }
        }
        (left, right) if left == right => *equal += 1,
        (left, right) => {
            lines.push(Line { pointer, left: left.map(Value::to_string), right: right.map(Value::to_string) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_listed() {
        let (twin, api) = (body(r#"{"a":1,"b":[1,2],"c":"x"}"#), body(r#"{"a":1,"b":[1],"c":"y","d":null}"#));
        let (lines, equal) = lines(&twin, &api);
        let told: Vec<_> = lines.iter().map(|l| (l.pointer.as_str(), l.left.as_deref(), l.right.as_deref())).collect();
        assert_eq!(told, [("/b/1", Some("2"), None), ("/c", Some("\"x\""), Some("\"y\"")), ("/d", None, Some("null"))]);
        assert_eq!(equal, 2);
        assert_eq!(verdict(3, 2, true), "3 values differ, 2 are equal.");
    }

    #[test]
    fn of_other_requests_only_kinds_are_compared() {
        let (before, now) = (r#"{"id":1,"name":"a","tags":[]}"#, r#"{"id":"2","name":"b","tags":[],"more":null}"#);
        let (lines, alike) = kinds(before, now).unwrap();
        let places: Vec<_> = lines.iter().map(|line| line.pointer.as_str()).collect();
        assert_eq!((places, alike), (vec!["/id", "/more"], 1));
        assert!(kinds("{}", "no JSON").is_none());
    }
}
