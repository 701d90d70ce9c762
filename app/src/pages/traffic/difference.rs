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
    twin: Option<String>,
    api: Option<String>,
}

pub(crate) fn draw(twin: &Heard, api: &Heard) -> Drawn {
    let (lines, equal) = lines(&body(&twin.text), &body(&api.text));
    let same_status = twin.status == api.status;
    let words = verdict(lines.len(), equal, same_status);
    let row = |line: &Line| {
        let shown = |side: &Option<String>| side.clone().unwrap_or_else(|| "–".into());
        view! { <tr><th scope="row"><code>{line.pointer.clone()}</code></th><td>{shown(&line.twin)}</td><td>{shown(&line.api)}</td></tr> }
    };
    let rows: Vec<_> = lines.iter().take(SHOWN).map(row).collect();
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
fn lines(twin: &Value, api: &Value) -> (Vec<Line>, usize) {
    let (mut lines, mut equal) = (Vec::new(), 0);
    compare(String::new(), Some(twin), Some(api), &mut lines, &mut equal);
    (lines, equal)
}

fn compare(pointer: String, twin: Option<&Value>, api: Option<&Value>, lines: &mut Vec<Line>, equal: &mut usize) {
    match (twin, api) {
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
        (twin, api) if twin == api => *equal += 1,
        (twin, api) => lines.push(Line { pointer, twin: twin.map(Value::to_string), api: api.map(Value::to_string) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_listed() {
        let (twin, api) = (body(r#"{"a":1,"b":[1,2],"c":"x"}"#), body(r#"{"a":1,"b":[1],"c":"y","d":null}"#));
        let (lines, equal) = lines(&twin, &api);
        let told: Vec<_> = lines.iter().map(|l| (l.pointer.as_str(), l.twin.as_deref(), l.api.as_deref())).collect();
        assert_eq!(told, [("/b/1", Some("2"), None), ("/c", Some("\"x\""), Some("\"y\"")), ("/d", None, Some("null"))]);
        assert_eq!(equal, 2);
        assert_eq!(verdict(3, 2, true), "3 values differ, 2 are equal.");
    }
}
