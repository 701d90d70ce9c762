//! Small facts about JSON values: pointers, keys, times, slugs, shapes.

use serde_json::{Map, Value};

/// A position in a JSON value where every array index reads "each".
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(super) struct Pattern(pub(super) Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Step {
    Key(String),
    Each,
}

impl Pattern {
    pub(super) fn key(&self, name: &str) -> Self {
        self.with(Step::Key(name.to_owned()))
    }

    pub(super) fn each(&self) -> Self {
        self.with(Step::Each)
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// The member names, where no array is on the way.
    pub(super) fn names(&self) -> Option<Vec<String>> {
        let name = |step: &Step| match step {
            Step::Key(name) => Some(name.clone()),
            Step::Each => None,
        };
        self.0.iter().map(name).collect()
    }

    pub(super) fn has_each(&self) -> bool {
        self.0.contains(&Step::Each)
    }

    /// The values at this position.
    pub(super) fn all<'v>(&self, root: &'v Value) -> Vec<&'v Value> {
        self.0.iter().fold(vec![root], |values, step| match step {
            Step::Key(name) => values.into_iter().filter_map(|value| value.get(name)).collect(),
            Step::Each => values.into_iter().filter_map(Value::as_array).flatten().collect(),
        })
    }
}

/// The text a scalar has in a path or query; `None` for what cannot be an id.
pub(super) fn key_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() && text.len() <= 200 => Some(text.clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

/// A scalar as text, booleans and floats too.
pub(super) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// Whether a text (from a path or query) names this value: `7` names 7 and "7".
pub(super) fn names(text: &str, value: &Value) -> bool {
    match value {
        Value::String(own) => own == text,
        Value::Bool(truth) => text == if *truth { "true" } else { "false" },
        Value::Number(number) => {
            number.to_string() == text || text.parse::<f64>().is_ok_and(|n| number.as_f64() == Some(n))
        }
        _ => false,
    }
}

/// The value at a path of member names.
pub(super) fn at<'v>(value: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, name| value.get(name))
}

/// The value at a path below an object.
pub(super) fn within<'m>(object: &'m Map<String, Value>, path: &[String]) -> Option<&'m Value> {
    let (first, rest) = path.split_first()?;
    at(object.get(first)?, rest)
}

/// Puts a value at a path below an object; what is missing on the way is made.
pub(super) fn plant(object: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => drop(object.insert(name.clone(), value)),
        [name, rest @ ..] => {
            let inner = object.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            if let Value::Object(inner) = inner {
                plant(inner, rest, value);
            }
        }
    }
}

/// A value that came as text, in the types of another one: `"7"` like 3 is 7.
pub(super) fn retyped(value: &Value, like: &Value) -> Value {
    match (value, like) {
        (Value::String(text), Value::Number(_)) => {
            serde_json::from_str::<serde_json::Number>(text).map_or_else(|_| value.clone(), Value::Number)
        }
        (Value::String(text), Value::Bool(_)) => match text.as_str() {
            "true" | "1" | "on" => Value::Bool(true),
            "false" | "0" | "off" => Value::Bool(false),
            _ => value.clone(),
        },
        (Value::Object(object), Value::Object(own)) => {
            let inner = |(name, value): (&String, &Value)| {
                (name.clone(), own.get(name).map_or_else(|| value.clone(), |like| retyped(value, like)))
            };
            object.iter().map(inner).collect()
        }
        (Value::Array(items), Value::Array(own)) => match own.first() {
            Some(like) => items.iter().map(|item| retyped(item, like)).collect(),
            None => value.clone(),
        },
        _ => value.clone(),
    }
}

/// Every scalar or array below an object, by member names, at most three levels deep.
pub(super) fn leaf_paths(object: &Map<String, Value>) -> Vec<Vec<String>> {
    deep_paths(object, 3)
}

/// The same, so many levels deep.
pub(super) fn deep_paths(object: &Map<String, Value>, depth: usize) -> Vec<Vec<String>> {
    fn walk(object: &Map<String, Value>, depth: usize, path: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
        for (name, value) in object {
            path.push(name.clone());
            match value {
                Value::Object(inner) if path.len() < depth => walk(inner, depth, path, out),
                Value::Object(_) => {}
                _ => out.push(path.clone()),
            }
            path.pop();
        }
    }
    let mut out = Vec::new();
    walk(object, depth, &mut Vec::new(), &mut out);
    out
}

/// Lower case letters and digits with single dashes, as most slug functions do it.
pub(super) fn slugify(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    out.truncate(out.trim_end_matches('-').len());
    out
}

/// How a point in time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeForm {
    /// RFC 3339 in UTC with so many digits of a second.
    Rfc3339 {
        digits: u8,
        zone: Zone,
        space: bool,
    },
    /// As in HTTP header fields (RFC 9110 §5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
    Http,
    /// The date alone, RFC 3339 full-date.
    Date,
    Seconds,
    Millis,
}

/// How UTC is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone {
    Zulu,
    Offset,
    /// Not at all, as many servers write it.
    Unsaid,
}

/// The form and Unix milliseconds of a value that reads as a time.
pub(super) fn read_time(value: &Value) -> Option<(TimeForm, i64)> {
    match value {
        Value::Number(number) => {
            let n = number.as_i64()?;
            match n {
                1_000_000_000..=9_999_999_999 => Some((TimeForm::Seconds, n * 1000)),
                1_000_000_000_000..=9_999_999_999_999 => Some((TimeForm::Millis, n)),
                _ => None,
            }
        }
        Value::String(text) => read_rfc3339(text).or_else(|| read_http(text)),
        _ => None,
    }
}

/// The same point in time so many seconds later, written as it was. `None` for what is no time in words: RFC 3339 in UTC, or as
/// in HTTP header fields.
#[must_use]
pub fn shifted_time(text: &str, seconds: i64) -> Option<String> {
    let (form, millis) = read_rfc3339(text).or_else(|| read_http(text))?;
    match write_time(form, millis.checked_add(seconds.checked_mul(1000)?)?) {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn read_rfc3339(text: &str) -> Option<(TimeForm, i64)> {
    let bytes = text.as_bytes();
    if bytes.len() < 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let days = days_from_civil(year, month, day);
    if bytes.len() == 10 {
        return Some((TimeForm::Date, days * 86_400_000));
    }
    if bytes.len() < 19 || !matches!(bytes[10], b'T' | b' ') || bytes[13] != b':' || bytes[16] != b':' {
        return None;
    }
    let seconds = number(11, 13)? * 3600 + number(14, 16)? * 60 + number(17, 19)?;
    let mut rest = &text[19..];
    let mut digits = 0_u8;
    let mut millis = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let end = fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len());
        digits = u8::try_from(end).ok().filter(|d| *d <= 9)?;
        millis = format!("{:0<3}", &fraction[..end]).get(..3)?.parse().ok()?;
        rest = &fraction[end..];
    }
    let zone = match rest {
        "Z" | "z" => Zone::Zulu,
        "+00:00" => Zone::Offset,
        "" => Zone::Unsaid,
        _ => return None,
    };
    Some((TimeForm::Rfc3339 { digits, zone, space: bytes[10] == b' ' }, days * 86_400_000 + seconds * 1000 + millis))
}

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn read_http(text: &str) -> Option<(TimeForm, i64)> {
    let (day_name, rest) = text.strip_suffix(" GMT")?.split_once(", ")?;
    let mut words = rest.split(' ');
    let day = words.next()?.parse::<i64>().ok()?;
    let month = words.next().and_then(|name| MONTHS.iter().position(|own| *own == name))?;
    let year = words.next()?.parse::<i64>().ok()?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<i64>().ok());
    let (hours, minutes, seconds) = (clock.next()??, clock.next()??, clock.next()??);
    let days = days_from_civil(year, i64::try_from(month).ok()? + 1, day);
    let millis = days * 86_400_000 + (hours * 3600 + minutes * 60 + seconds) * 1000;
    DAYS.contains(&day_name).then_some((TimeForm::Http, millis))
}

/// Writes a time in the form it was seen in.
pub(super) fn write_time(form: TimeForm, millis: i64) -> Value {
    let (days, rest) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    let (year, month, day) = civil_from_days(days);
    match form {
        TimeForm::Seconds => Value::from(millis / 1000),
        TimeForm::Millis => Value::from(millis),
        TimeForm::Date => Value::from(format!("{year:04}-{month:02}-{day:02}")),
        TimeForm::Http => {
            let seconds = rest / 1000;
            let day_name = DAYS[usize::try_from(days.rem_euclid(7)).unwrap_or(0)];
            let month_name = MONTHS[usize::try_from(month - 1).unwrap_or(0)];
            let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
            Value::from(format!("{day_name}, {day:02} {month_name} {year:04} {hours:02}:{minutes:02}:{seconds:02} GMT"))
        }
        TimeForm::Rfc3339 { digits, zone, space } => {
            let seconds = rest / 1000;
            let mut text = format!(
                "{year:04}-{month:02}-{day:02}{}{:02}:{:02}:{:02}",
                if space { ' ' } else { 'T' },
                seconds / 3600,
                seconds / 60 % 60,
                seconds % 60
            );
            if digits > 0 {
                let fraction = format!("{:03}000000", rest % 1000);
                text.push('.');
                text.push_str(&fraction[..usize::from(digits)]);
            }
            text.push_str(match zone {
                Zone::Zulu => "Z",
                Zone::Offset => "+00:00",
                Zone::Unsaid => "",
            });
            Value::from(text)
        }
    }
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar (H. Hinnant, "chrono-compatible low-level date
/// algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// A hash that is the same on every machine and in every version.
pub(super) fn hash(parts: &[&str]) -> u64 {
    parts.iter().fold(0, |state, part| crate::hash::combine(state, crate::hash::hash(part.as_bytes())))
}

/// A text of the same shape: digits for digits, letters for letters of the same case, the rest as it is. Hexadecimal
/// texts stay hexadecimal, the version and variant of a UUID (RFC 9562 §4) stay.
pub(super) fn same_shape(sample: &str, mut seed: u64) -> String {
    let hex = sample.chars().all(|c| c.is_ascii_hexdigit() || c == '-') && sample.len() >= 8;
    let upper = sample.chars().any(|c| c.is_ascii_uppercase());
    let uuid = hex && sample.len() == 36 && sample.matches('-').count() == 4;
    let mut next = |n: u32| {
        seed = crate::hash::combine(seed, 1);
        u32::try_from(seed % u64::from(n)).unwrap_or(0)
    };
    let prefix = sample.rfind('_').filter(|end| *end > 0 && *end <= 8 && !hex).map_or(0, |end| end + 1);
    sample
        .char_indices()
        .map(|(i, c)| match c {
            _ if i < prefix || (uuid && (i == 14 || i == 19)) => c,
            _ if hex && c.is_ascii_hexdigit() => {
                let digit = char::from_digit(next(16), 16).unwrap_or('0');
                if upper { digit.to_ascii_uppercase() } else { digit }
            }
            '0'..='9' => char::from(b'0' + u8::try_from(next(10)).unwrap_or(0)),
            'a'..='z' => char::from(b'a' + u8::try_from(next(26)).unwrap_or(0)),
            'A'..='Z' => char::from(b'A' + u8::try_from(next(26)).unwrap_or(0)),
            _ => c,
        })
        .collect()
}

/// What all texts begin with.
pub(super) fn common_prefix<'t>(mut texts: impl Iterator<Item = &'t str>) -> &'t str {
    let Some(first) = texts.next() else { return "" };
    texts.fold(first, |prefix, text| {
        let end = prefix.char_indices().zip(text.chars()).find(|((_, own), other)| own != other);
        let end = end.map_or(prefix.len().min(text.len()), |((at, _), _)| at);
        &prefix[..end]
    })
}

/// Another text of the same shape that begins like all of them.
pub(super) fn shaped(like: &str, prefix: &str, seed: u64) -> String {
    let text = same_shape(like, seed);
    match text.get(prefix.len()..).filter(|_| like.starts_with(prefix) && prefix.len() < like.len()) {
        Some(rest) => format!("{prefix}{rest}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_they_were_read() {
        for text in [
            "2026-02-28T23:59:59.120Z",
            "1999-12-31 00:00:00Z",
            "2024-02-29T12:00:00+00:00",
            "2024-02-29T12:00:00.120000",
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "2024-03-01",
        ] {
            let value = Value::from(text);
            let (form, millis) = read_time(&value).expect(text);
            assert_eq!(write_time(form, millis), value);
        }
        assert_eq!(read_time(&Value::from("1970-01-02")), Some((TimeForm::Date, 86_400_000)));
        assert_eq!(read_time(&Value::from("2024-13-01")), None);
    }

    #[test]
    fn slugs_have_single_dashes() {
        assert_eq!(slugify("  Hello, World -- again! "), "hello-world-again");
    }

    #[test]
    fn shapes_stay() {
        let made = same_shape("cus_9A1b", 7);
        assert!(made.starts_with("cus_") && made.len() == 8, "{made}");
        let uuid = same_shape("0b9f6c1e-5a57-4c39-9f6a-0b8a2f9f6d11", 3);
        assert_eq!((uuid.len(), &uuid[14..15], &uuid[19..20]), (36, "4", "9"));
    }
}
