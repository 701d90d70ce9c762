//! The language that narrows the traffic list: `method:POST status:>=400 path:/users/* source:twin slow`.
//!
//! Words stand side by side and all have to hold. The server and the page read it with this one parser, so an address
//! means the same to both.

use std::fmt;

use crate::{Source, TrafficRow};

/// Longer than any filter a person types.
const MAX_BYTES: usize = 1024;

/// What rows have to be. The empty filter takes all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter(Vec<Term>);

#[derive(Debug, Clone, PartialEq)]
struct Term {
    is_negated: bool,
    test: Test,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Method(Vec<String>),
    /// One of these ranges, both ends included.
    Status(Vec<(u64, u64)>),
    /// Microseconds, both ends included.
    Time((u64, u64)),
    Path(String),
    Source(Vec<Source>),
    /// In lower case, anywhere in what a row shows.
    Text(String),
}

/// A word that cannot be read, and what it should have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    pub word: String,
    pub expected: &'static str,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in the filter: expected {}", self.word, self.expected)
    }
}

impl std::error::Error for FilterError {}

impl Filter {
    /// Words are separated by white space; quotation marks keep it: `text:"not found"`. A `-` in front turns a word around.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        if text.len() > MAX_BYTES {
            return Err(FilterError { word: "what stands".into(), expected: "at most 1024 bytes" });
        }
        words(text).into_iter().map(|word| term(&word)).collect::<Result<_, _>>().map(Self)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn fits(&self, row: &TrafficRow) -> bool {
        self.0.iter().all(|term| term.test.fits(row) != term.is_negated)
    }
}

/// Splits at white space outside of quotation marks, which are left out.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut is_quoted) = (Vec::new(), String::new(), false);
    for letter in text.chars() {
        match letter {
            '"' => is_quoted = !is_quoted,
            letter if letter.is_whitespace() && !is_quoted => words.push(std::mem::take(&mut word)),
            letter => word.push(letter),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

fn term(word: &str) -> Result<Term, FilterError> {
    let error = |expected| FilterError { word: word.to_owned(), expected };
    let (is_negated, rest) = match word.strip_prefix('-') {
        Some(rest) if !rest.is_empty() => (true, rest),
        _ => (false, word),
    };
    let test = match rest.split_once(':') {
        Some(("method", value)) => Test::Method(value.split(',').map(str::to_ascii_uppercase).collect()),
        Some(("status", value)) => {
            let ranges: Option<Vec<_>> = value.split(',').map(statuses).collect();
            Test::Status(ranges.ok_or_else(|| error("a status such as 404, 4xx, >=400 or 400-499"))?)
        }
        Some(("time", value)) => Test::Time(time(value).ok_or_else(|| error("a time such as >100ms or <2s"))?),
        Some(("path", value)) => Test::Path(value.to_owned()),
        Some(("source", value)) => {
            let sources: Option<Vec<_>> = value.split(',').map(source).collect();
            Test::Source(sources.ok_or_else(|| error("live, twin, fault or refused"))?)
        }
        Some(("text", value)) => Test::Text(value.to_lowercase()),
        // A path or an address has colons too.
        Some((key, _)) if key.chars().all(|letter| letter.is_ascii_lowercase()) && !key.is_empty() => {
            return Err(error("method:, status:, path:, source:, time: or text:"));
        }
        _ => Test::Text(rest.to_lowercase()),
    };
    Ok(Term { is_negated, test })
}

fn statuses(value: &str) -> Option<(u64, u64)> {
    if let Some(class) = value.strip_suffix("xx") {
        let class: u64 = class.parse().ok().filter(|class| (1..=5).contains(class))?;
        return Some((class * 100, class * 100 + 99));
    }
    if let Some((from, to)) = value.split_once('-') {
        return Some((from.parse().ok()?, to.parse().ok()?));
    }
    compared(value, |number| number.parse().ok())
}

fn time(value: &str) -> Option<(u64, u64)> {
    compared(value, |text| {
        let (number, factor) = match text {
            text if text.ends_with("µs") => (text.strip_suffix("µs")?, 1.0),
            text if text.ends_with("us") => (text.strip_suffix("us")?, 1.0),
            text if text.ends_with("ms") => (text.strip_suffix("ms")?, 1e3),
            text => (text.strip_suffix('s')?, 1e6),
        };
        let number: f64 = number.parse().ok()?;
        (number.is_finite() && number >= 0.0).then_some((number * factor) as u64)
    })
}

/// `>=400`, `>400`, `<=400`, `<400`, `=400` or `400`.
fn compared(value: &str, read: impl Fn(&str) -> Option<u64>) -> Option<(u64, u64)> {
    if let Some(rest) = value.strip_prefix(">=") {
        return Some((read(rest)?, u64::MAX));
    }
    if let Some(rest) = value.strip_prefix("<=") {
        return Some((0, read(rest)?));
    }
    if let Some(rest) = value.strip_prefix('>') {
        return Some((read(rest)?.saturating_add(1), u64::MAX));
    }
    if let Some(rest) = value.strip_prefix('<') {
        return Some((0, read(rest)?.checked_sub(1)?));
    }
    let exact = read(value.strip_prefix('=').unwrap_or(value))?;
    Some((exact, exact))
}

fn source(word: &str) -> Option<Source> {
    match word {
        "live" | "upstream" => Some(Source::Upstream),
        "twin" => Some(Source::Twin),
        "fault" => Some(Source::Fault),
        "refused" | "none" => Some(Source::None),
        _ => None,
    }
}

const fn source_word(source: Source) -> &'static str {
    match source {
        Source::Upstream => "live",
        Source::Twin => "twin",
        Source::Fault => "fault",
        Source::None => "refused",
    }
}

impl Test {
    fn fits(&self, row: &TrafficRow) -> bool {
        match self {
            Self::Method(methods) => methods.iter().any(|method| row.method.eq_ignore_ascii_case(method)),
            Self::Status(ranges) => {
                let status = u64::from(row.status);
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&status))
            }
            Self::Time((from, to)) => (*from..=*to).contains(&row.duration_us),
            Self::Path(pattern) => fits_path(pattern, row),
            Self::Source(sources) => sources.contains(&row.source),
            Self::Text(text) => shown(row).iter().any(|shown| shown.to_lowercase().contains(text.as_str())),
        }
    }
}

fn shown(row: &TrafficRow) -> [&str; 5] {
    [&row.target, &row.method, row.template.as_deref().unwrap_or_default(), &row.reason, source_word(row.source)]
}

/// A pattern with a `?` speaks of the query too, one with a brace of the template.
fn fits_path(pattern: &str, row: &TrafficRow) -> bool {
    if pattern.contains('{') {
        return row.template.as_deref().is_some_and(|template| matches(pattern, template));
    }
    let path = row.target.split_once('?').map_or(row.target.as_str(), |(path, _)| path);
    matches(pattern, if pattern.contains('?') { &row.target } else { path })
}

/// `*` stands for anything, also for nothing. Takes the first place where each piece fits, and the last for the last one.
fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> TrafficRow {
        TrafficRow {
            id: 7,
            at_ms: 0,
            method: "POST".into(),
            target: "/users/12/posts?draft=1".into(),
            template: Some("/users/{userId}/posts".into()),
            status: 404,
            duration_us: 150_000,
            bytes: 10,
            source: Source::Twin,
            reason: "failover: upstream refused the connection".into(),
        }
    }

    fn check(filter: &str, expected: bool) {
        assert_eq!(Filter::parse(filter).unwrap().fits(&row()), expected, "{filter}");
    }

    #[test]
    fn every_word_has_to_hold() {
        check("", true);
        check("method:post status:404", true);
        check("method:POST status:200", false);
        check("method:GET,POST source:live,twin", true);
        check("-method:POST", false);
        check("-source:live -status:5xx", true);
    }

    #[test]
    fn statuses_are_numbers_classes_and_ranges() {
        for (filter, expected) in [
            ("status:404", true),
            ("status:=404", true),
            ("status:4xx", true),
            ("status:5xx", false),
            ("status:>=400", true),
            ("status:>404", false),
            ("status:<404", false),
            ("status:<=404", true),
            ("status:400-403", false),
            ("status:200,400-499", true),
        ] {
            check(filter, expected);
        }
    }

    #[test]
    fn times_have_units() {
        for (filter, expected) in
            [("time:>100ms", true), ("time:>1s", false), ("time:<0.2s", true), ("time:>=150000us", true)]
        {
            check(filter, expected);
        }
    }

    #[test]
    fn paths_have_stars() {
        for (filter, expected) in [
            ("path:/users/*", true),
            ("path:/users", false),
            ("path:*/posts", true),
            ("path:/users/*/posts", true),
            ("path:/*/1*posts", true),
            ("path:/users/12/posts", true),
            ("path:/users/*?draft=1", true),
            ("path:/users/*?draft=2", false),
            ("path:/users/{userId}/posts", true),
            ("path:/users/{id}/*", false),
            ("path:posts", false),
        ] {
            check(filter, expected);
        }
    }

    #[test]
    fn a_piece_is_not_used_twice() {
        assert!(!matches("ab*ba", "aba"));
        assert!(matches("ab*ba", "abba"));
        assert!(matches("*", ""));
    }

    #[test]
    fn bare_words_and_quoted_ones_are_text() {
        for (filter, expected) in [
            ("failover", true),
            ("text:REFUSED", true),
            ("\"refused the\"", true),
            ("\"the refused\"", false),
            ("text:\"refused the\" 12", true),
            ("-failover", false),
        ] {
            check(filter, expected);
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (filter, word) in [
            ("status:abc", "status:abc"),
            ("path:/a colour:red", "colour:red"),
            ("source:me", "source:me"),
            ("time:>5", "time:>5"),
            ("status:9xx", "status:9xx"),
        ] {
            assert_eq!(Filter::parse(filter).unwrap_err().word, word);
        }
        assert!(Filter::parse(&"a".repeat(1025)).is_err());
        assert!(Filter::parse("http://example/x:y").is_err(), "a scheme looks like a key");
        assert!(Filter::parse("/a:b").is_ok());
    }
}
