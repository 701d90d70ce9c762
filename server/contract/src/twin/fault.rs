//! What can be wrong with one value of a request.

use std::fmt;

use serde_json::Value;

use super::value::{read_time, scalar_text};

/// Something that is wrong with a value. Whatever is not there is `Absent` and nothing else.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fault {
    Absent,
    Null,
    /// A text without anything but blanks.
    Blank,
    /// An array or object without members.
    Empty,
    /// Of none of these JSON types.
    Type(Vec<&'static str>),
    /// A text of another form.
    Form(Form),
    /// A number below (or at, when `open`) the bound.
    Below {
        bound: f64,
        open: bool,
    },
    /// A number above (or at, when `open`) the bound.
    Above {
        bound: f64,
        open: bool,
    },
    /// A text of fewer characters, an array of fewer items.
    Shorter(usize),
    /// A text of more characters, an array of more items.
    Longer(usize),
    /// None of these (of each item, in an array).
    NotOneOf(Vec<String>),
    /// One of the very values that were refused.
    Same(Vec<Value>),
}

/// What a text looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Integer,
    Number,
    Truth,
    Email,
    Uuid,
    Date,
    Time,
    Url,
    /// A JSON object or array.
    Json,
    /// Letters, digits, dashes and underscores.
    Slug,
    /// A slug without capitals.
    LowerSlug,
    Digits,
    Hex,
    NoBlanks,
    Printable,
}

impl Form {
    /// The narrower before the wider.
    pub(super) const ALL: [Self; 15] = [
        Self::Integer,
        Self::Number,
        Self::Truth,
        Self::Uuid,
        Self::Date,
        Self::Time,
        Self::Email,
        Self::Url,
        Self::Json,
        Self::Digits,
        Self::Hex,
        Self::LowerSlug,
        Self::Slug,
        Self::NoBlanks,
        Self::Printable,
    ];

    pub(super) fn fits(self, text: &str) -> bool {
        let every = |test: fn(char) -> bool| !text.is_empty() && text.chars().all(test);
        match self {
            Self::Integer => text.parse::<i64>().is_ok(),
            Self::Number => text.parse::<f64>().is_ok_and(f64::is_finite),
            Self::Truth => matches!(text, "true" | "false" | "True" | "False" | "0" | "1"),
            Self::Email => is_email(text),
            Self::Uuid => text.len() == 36 && crate::text::is_uuid(text.as_bytes()),
            Self::Date => text.len() == 10 && is_time(text),
            Self::Time => text.len() > 10 && is_time(text),
            Self::Url => is_url(text),
            Self::Json => serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object() || value.is_array()),
            Self::Digits => every(|c| c.is_ascii_digit()),
            Self::Hex => every(|c| c.is_ascii_hexdigit()),
            Self::LowerSlug => every(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_')),
            Self::Slug => every(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')),
            Self::NoBlanks => !text.contains(char::is_whitespace),
            Self::Printable => !text.contains(char::is_control),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Truth => "true or false",
            Self::Email => "a mail address",
            Self::Uuid => "a UUID",
            Self::Date => "a date",
            Self::Time => "a time",
            Self::Url => "a URL",
            Self::Json => "JSON",
            Self::Digits => "digits",
            Self::Hex => "hexadecimal",
            Self::LowerSlug | Self::Slug => "letters, digits and dashes",
            Self::NoBlanks => "without blanks",
            Self::Printable => "printable",
        }
    }
}

fn is_time(text: &str) -> bool {
    read_time(&Value::from(text)).is_some()
}

/// One `@` with something on both sides, and a host of several labels: what most servers ask for.
fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.split_once('@') else { return false };
    let blank = |c: char| c.is_whitespace() || c == '@';
    let labels = host.split('.').count() > 1 && host.split('.').all(|label| !label.is_empty());
    !local.is_empty() && labels && !local.contains(blank) && !host.contains(blank)
}

fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    scheme.chars().all(|c| c.is_ascii_alphanumeric()) && !scheme.is_empty() && rest.len() > 1 && !rest.contains(' ')
}

impl Fault {
    pub(super) fn holds(&self, value: Option<&Value>) -> bool {
        let Some(value) = value else { return *self == Self::Absent };
        match self {
            Self::Absent => false,
            Self::Null => value.is_null(),
            Self::Blank => value.as_str().is_some_and(|text| text.trim().is_empty()),
            Self::Empty => match value {
                Value::Array(items) => items.is_empty(),
                Value::Object(object) => object.is_empty(),
                _ => false,
            },
            Self::Type(types) => !types.contains(&type_name(value)),
            Self::Form(form) => any(value, &|one| one.as_str().is_some_and(|text| !form.fits(text))),
            Self::Below { bound, open } => number(value).is_some_and(|n| n < *bound || (*open && n <= *bound)),
            Self::Above { bound, open } => number(value).is_some_and(|n| n > *bound || (*open && n >= *bound)),
            Self::Shorter(least) => length(value).is_some_and(|length| length < *least),
            Self::Longer(most) => length(value).is_some_and(|length| length > *most),
            Self::NotOneOf(known) => any(value, &|one| scalar_text(one).is_some_and(|text| !known.contains(&text))),
            Self::Same(values) => values.contains(value),
        }
    }
}

/// The value itself, or an item of it.
fn any(value: &Value, test: &dyn Fn(&Value) -> bool) -> bool {
    match value {
        Value::Array(items) => items.iter().any(test),
        one => test(one),
    }
}

/// A number, or a text that is one, as forms and queries have them.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok().filter(|n: &f64| n.is_finite()),
        _ => None,
    }
}

pub(super) fn length(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.chars().count()),
        Value::Array(items) => Some(items.len()),
        _ => None,
    }
}

/// The JSON type, whole numbers apart (a number without a fraction is one, however it is written).
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.as_f64().is_some_and(|n| n.fract() == 0.0) => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("is missing"),
            Self::Null => f.write_str("is null"),
            Self::Blank => f.write_str("is blank"),
            Self::Empty => f.write_str("is empty"),
            Self::Type(types) => write!(f, "is not of type {}", types.join(" or ")),
            Self::Form(form) => write!(f, "is not {}", form.name()),
            Self::Below { bound, open } => write!(f, "is {} {bound}", if *open { "not above" } else { "below" }),
            Self::Above { bound, open } => write!(f, "is {} {bound}", if *open { "not below" } else { "above" }),
            Self::Shorter(least) => write!(f, "is shorter than {least}"),
            Self::Longer(most) => write!(f, "is longer than {most}"),
            Self::NotOneOf(known) => write!(f, "is none of {}", known.join(", ")),
            Self::Same(_) => f.write_str("has a refused value"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn forms_know_their_texts() {
        let fit = |form: Form, good: &str, bad: &str| {
            assert!(form.fits(good) && !form.fits(bad), "{form:?}: {good} and not {bad}");
        };
        fit(Form::Integer, "-7", "7.5");
        fit(Form::Email, "ada@mail.test", "ada@mail");
        fit(Form::Uuid, "0b9f6c1e-5a57-4c39-9f6a-0b8a2f9f6d11", "0b9f6c1e-5a57-4c39-9f6a-0b8a2f9f6d1z");
        fit(Form::Date, "2026-02-28", "2026-02-31x");
        fit(Form::Url, "https://a.test/x", "a.test/x");
        fit(Form::Slug, "Two-words_3", "two words");
    }

    #[test]
    fn faults_hold_for_what_they_name() {
        let holds = |fault: &Fault, value: Value| fault.holds(Some(&value));
        let range = Fault::Below { bound: 0.0, open: true };
        assert!(holds(&range, json!(0)) && holds(&range, json!("-3")) && !holds(&range, json!(0.5)));
        let kinds = Fault::NotOneOf(vec!["a".into(), "b".into()]);
        assert!(holds(&kinds, json!("c")) && holds(&kinds, json!(["a", "d"])) && !holds(&kinds, json!(["a"])));
        assert!(holds(&Fault::Type(vec!["integer"]), json!("7")) && !holds(&Fault::Type(vec!["integer"]), json!(7.0)));
        assert!(Fault::Absent.holds(None) && !Fault::Absent.holds(Some(&Value::Null)));
        assert!(holds(&Fault::Longer(2), json!("äöü")) && !holds(&Fault::Longer(3), json!("äöü")));
    }
}
