//! Replaces string values in JSON text in place: everything else stays as it was, byte for byte. It needs no well-formed
//! document, so a body that was cut is redacted as far as it goes.

use std::borrow::Cow;

/// What the scanner is inside of. A secret value belongs to a name that is secret, secret digits to one whose number is.
#[derive(Clone, Copy)]
enum Level {
    Object { secret_value: bool, secret_digits: bool, expects_name: bool },
    Array { secret: bool },
}

/// What becomes of a string that stands under no secret name; `None` when it stays.
type Inside<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What is secret, and what becomes of it.
pub(super) struct Rules<'a> {
    /// Of a member's name: its strings are.
    pub(super) is_secret: &'a dyn Fn(&str) -> bool,
    /// Of a member's name: its numbers are.
    pub(super) is_digits: &'a dyn Fn(&str) -> bool,
    pub(super) token: &'a dyn Fn(&str) -> String,
    pub(super) digits: &'a dyn Fn(&str) -> String,
    /// `None` when no other string can hold anything.
    pub(super) inside: Option<Inside<'a>>,
}

/// The text with secrets replaced, or `None` when there was none.
pub(super) fn redact(text: &[u8], rules: &Rules<'_>) -> Option<Vec<u8>> {
    let mut levels: Vec<Level> = Vec::new();
    let mut out: Option<Vec<u8>> = None;
    let mut copied = 0;
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'"' => {
                let end = string_end(text, at);
                let (name, secret) = role(&levels);
                // A string that was cut has no closing quote.
                let inner = &text[at + 1..end.unwrap_or(text.len())];
                if name {
                    let name = unescape(inner);
                    let secret_value = name.as_ref().is_some_and(|name| (rules.is_secret)(name));
                    let secret_digits = secret_value && name.is_some_and(|name| (rules.is_digits)(&name));
                    levels.pop();
                    levels.push(Level::Object { secret_value, secret_digits, expects_name: false });
                } else if let Some(new) = replacement(inner, secret, rules) {
                    let out = out.get_or_insert_with(|| Vec::with_capacity(text.len() + 64));
                    out.extend_from_slice(&text[copied..=at]);
                    out.extend_from_slice(new.as_bytes());
                    copied = end.unwrap_or(text.len());
                }
                at = end.map_or(text.len(), |end| end + 1);
                continue;
            }
            b'0'..=b'9' if matches!(levels.last(), Some(Level::Object { secret_digits: true, .. })) => {
                let digits = text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                let new = (rules.digits)(&String::from_utf8_lossy(&text[at..at + digits]));
                let out = out.get_or_insert_with(|| Vec::with_capacity(text.len() + 64));
                out.extend_from_slice(&text[copied..at]);
                out.extend_from_slice(new.as_bytes());
                at += digits;
                copied = at;
                // A fraction and an exponent say little, and a large one would be no number any more.
                at += text[at..].iter().take_while(|byte| byte.is_ascii_digit() || b".eE+-".contains(byte)).count();
                continue;
            }
            b'{' => levels.push(Level::Object { secret_value: false, secret_digits: false, expects_name: true }),
            b'[' => {
                let secret = role(&levels).1;
                levels.push(Level::Array { secret });
            }
            b'}' | b']' => drop(levels.pop()),
            b',' => {
                if let Some(Level::Object { expects_name, secret_digits, .. }) = levels.last_mut() {
                    (*expects_name, *secret_digits) = (true, false);
                }
            }
            _ => {}
        }
        at += 1;
    }
    let mut out = out?;
    out.extend_from_slice(&text[copied..]);
    Some(out)
}

/// Is the next string a name, and is it a value that must not be kept?
fn role(levels: &[Level]) -> (bool, bool) {
    match levels.last() {
        Some(Level::Object { expects_name: true, .. }) => (true, false),
        Some(Level::Object { secret_value, .. }) => (false, *secret_value),
        Some(Level::Array { secret }) => (false, *secret),
        None => (false, false),
    }
}

/// Where the string that begins at `start` has its closing quote.
fn string_end(text: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    while at < text.len() {
        match text[at] {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    None
}

/// What stands between the quotes from now on.
fn replacement(inner: &[u8], secret: bool, rules: &Rules<'_>) -> Option<String> {
    if inner.is_empty() || !(secret || rules.inside.is_some()) {
        return None;
    }
    // What cannot be decoded is hidden all the same.
    let value = unescape(inner).unwrap_or_else(|| String::from_utf8_lossy(inner));
    let new = if secret { Some((rules.token)(&value)) } else { rules.inside.and_then(|inside| inside(&value)) };
    new.filter(|new| *new != value).map(|new| escape(&new))
}

/// A token keeps what its form has, quotation marks and backslashes too.
fn escape(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn unescape(inner: &[u8]) -> Option<Cow<'_, str>> {
    if !inner.contains(&b'\\') {
        return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
    }
    let quoted = [b"\"", inner, b"\""].concat();
    serde_json::from_slice::<String>(&quoted).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::super::is_secret_name;
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let rules = Rules {
            is_secret: &is_secret_name,
            is_digits: &|name| name == "password",
            token: &|value| format!("<{value}>"),
            digits: &|value| "9".repeat(value.len()),
            inside: Some(&|value| (value.len() > 3).then(|| format!("<{value}>"))),
        };
        let got = redact(text.as_bytes(), &rules);
        assert_eq!(got.map(|bytes| String::from_utf8(bytes).unwrap()).as_deref(), expected, "{text}");
    }

    #[test]
    fn a_token_with_a_backslash_leaves_json_whole() {
        let text = br#"{"password":"x","next":1}"#;
        let rules = Rules {
            is_secret: &is_secret_name,
            is_digits: &|_| false,
            token: &|_| r#"a\b"c"#.to_owned(),
            digits: &|value| value.to_owned(),
            inside: None,
        };
        let redacted = redact(text, &rules).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&redacted).unwrap();
        assert_eq!((value["password"].as_str(), &value["next"]), (Some(r#"a\b"c"#), &serde_json::json!(1)));
    }

    #[test]
    fn only_secret_strings_change() {
        check(r#"{"a": "pas", "b": ["tok"]}"#, None);
        check(r#"{"password" : "p" , "n": 1.50}"#, Some(r#"{"password" : "<p>" , "n": 1.50}"#));
        check(
            r#"[{"token":"a"},{"token":null},{"token":""}]"#,
            Some(r#"[{"token":"<a>"},{"token":null},{"token":""}]"#),
        );
        check(r#"{"tokens":["a","b"],"c":["d"]}"#, Some(r#"{"tokens":["<a>","<b>"],"c":["d"]}"#));
        check(r#"{"token":{"id":"x","secret":"y"}}"#, Some(r#"{"token":{"id":"x","secret":"<y>"}}"#));
        check(r#"{"x":"eyJab"}"#, Some(r#"{"x":"<eyJab>"}"#));
        check(r#"{"x":"a\"bc"}"#, Some(r#"{"x":"<a\"bc>"}"#));
        check(r#"{"password": 1234, "n": [5], "token": 12}"#, Some(r#"{"password": 9999, "n": [5], "token": 12}"#));
    }

    #[test]
    fn escapes_are_understood() {
        check(
            r#"{"pass\u0077ord":"a\u0062"}"#,
            Some(r#"{"password":"<ab>"}"#.replace("password", r"pass\u0077ord").as_str()),
        );
        check(r#"{"a\"password":"x","b":"\\"}"#, None.or(Some(r#"{"a\"password":"<x>","b":"\\"}"#)));
    }

    #[test]
    fn broken_text_is_redacted_as_far_as_it_goes() {
        check(r#"{"token":"abc"#, Some(r#"{"token":"<abc>"#));
        check(r#"{"token":"abc\"#, Some(r#"{"token":"<abc\\>"#));
        check("not json at all, \"tok\": ,", None);
        check("]]}}\"", None);
    }
}
