//! What one request asks of us in its `Prefer` field (RFC 7240).

use std::fmt;

/// Who should answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    Upstream,
    Twin,
}

/// The preferences that are ours. All others are the API's, and pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preferences {
    /// `code`: the status of the answer, 200 to 599.
    pub status: Option<u16>,
    pub source: Option<Wanted>,
    /// `fault=none`: no fault on purpose.
    pub no_fault: bool,
    /// The id of a recorded answer.
    pub example: Option<String>,
}

/// A preference of ours whose value makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPreference {
    pub name: &'static str,
    pub given: String,
    pub expected: &'static str,
}

impl fmt::Display for BadPreference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, given, expected } = self;
        write!(f, "the preference {name} is {given:?}: expected {expected}")
    }
}

impl std::error::Error for BadPreference {}

impl Preferences {
    /// Reads the values of all `Prefer` fields in order. The first of equal names counts (RFC 7240 §2), unknown ones are
    /// skipped, and so is what follows none of the grammar.
    pub fn read<'v>(values: impl Iterator<Item = &'v str>) -> Result<Self, BadPreference> {
        let mut out = Self::default();
        for preference in values.flat_map(|value| split(value, ',')) {
            // Parameters of a preference are not ours.
            let own = split(preference, ';').next().unwrap_or("");
            let (name, value) = own.split_once('=').unwrap_or((own, ""));
            out.take(&name.trim().to_ascii_lowercase(), &unquoted(value.trim()))?;
        }
        Ok(out)
    }

    fn take(&mut self, name: &str, given: &str) -> Result<(), BadPreference> {
        let bad = |name, expected| BadPreference { name, given: given.to_owned(), expected };
        match name {
            "code" => {
                let status = given.parse::<u16>().ok().filter(|status| (200..600).contains(status));
                self.status.get_or_insert(status.ok_or_else(|| bad("code", "a status from 200 to 599"))?);
            }
            "source" => {
                let source = match given {
                    "upstream" => Wanted::Upstream,
                    "twin" => Wanted::Twin,
                    _ => return Err(bad("source", "upstream or twin")),
                };
                self.source.get_or_insert(source);
            }
            "fault" if given == "none" => self.no_fault = true,
            "fault" => return Err(bad("fault", "none")),
            "example" if given.is_empty() => return Err(bad("example", "the id of a recorded answer")),
            "example" => drop(self.example.get_or_insert_with(|| given.to_owned())),
            _ => {}
        }
        Ok(())
    }

    /// Who should answer. A wished status or example is the twin's to give.
    #[must_use]
    pub fn wanted(&self) -> Option<Wanted> {
        self.source.or((self.status.is_some() || self.example.is_some()).then_some(Wanted::Twin))
    }
}

/// The value of `Preference-Applied` (RFC 7240 §3) for those that were met.
impl fmt::Display for Preferences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = self.source.map(|source| match source {
            Wanted::Upstream => "source=upstream".to_owned(),
            Wanted::Twin => "source=twin".to_owned(),
        });
        let parts = [
            self.status.map(|status| format!("code={status}")),
            source,
            self.no_fault.then(|| "fault=none".to_owned()),
            self.example.as_ref().map(|id| format!("example={id}")),
        ];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

/// Parts between separators that stand outside quoted strings (RFC 9110 §5.6.4).
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c| {
        let escape = quoted && c == '\\' && !escaped;
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = escape;
        c == separator && !quoted
    })
}

fn unquoted(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else { return text.to_owned() };
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: Result<&str, &str>) {
        let read = Preferences::read(std::iter::once(value)).map(|read| read.to_string());
        let read = read.map_err(|error| error.to_string());
        assert_eq!(read.as_deref().map_err(String::as_str), expected, "{value}");
    }

    #[test]
    fn ours_are_read_and_others_pass() {
        check("code=404", Ok("code=404"));
        check("respond-async, Source = \"twin\" ; foo=1, code=\"503\"", Ok("code=503, source=twin"));
        check("return=minimal; x=\"a, code=1\", fault=none", Ok("fault=none"));
        check("handling=\"a\\\", code=9\", wait=10", Ok(""));
        check("example=0f3a9b21, example=second", Ok("example=0f3a9b21"));
        check("code=404, code=500", Ok("code=404"));
        check(", ,;=", Ok(""));
    }

    #[test]
    fn bad_values_are_named() {
        check("code=abc", Err("the preference code is \"abc\": expected a status from 200 to 599"));
        check("code", Err("the preference code is \"\": expected a status from 200 to 599"));
        check("code=101", Err("the preference code is \"101\": expected a status from 200 to 599"));
        check("source=moon", Err("the preference source is \"moon\": expected upstream or twin"));
        check("fault=delay", Err("the preference fault is \"delay\": expected none"));
    }

    #[test]
    fn a_wished_status_is_the_twins_to_give() {
        let wanted = |value| Preferences::read(std::iter::once(value)).expect("well-formed").wanted();
        assert_eq!(wanted("code=404"), Some(Wanted::Twin));
        assert_eq!(wanted("code=404, source=upstream"), Some(Wanted::Upstream));
        assert_eq!(wanted("fault=none"), None);
    }
}
