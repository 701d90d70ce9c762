//! What kind of text a string is, by its form alone.

use serde::{Deserialize, Serialize};

/// Formats of JSON Schema (2020-12 validation, section 7.3) that a text can be told to have with certainty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Format {
    DateTime,
    Date,
    Time,
    Uuid,
    Email,
    Uri,
    Ipv4,
    Ipv6,
}

impl Format {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::DateTime => "date-time",
            Self::Date => "date",
            Self::Time => "time",
            Self::Uuid => "uuid",
            Self::Email => "email",
            Self::Uri => "uri",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }

    pub(crate) fn of(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if !(2..=2048).contains(&bytes.len()) {
            return None;
        }
        if is_uuid(bytes) {
            return Some(Self::Uuid);
        }
        if bytes[0].is_ascii_digit() {
            if is_date(bytes) {
                return Some(Self::Date);
            }
            if is_date_time(bytes) {
                return Some(Self::DateTime);
            }
            if is_time(bytes) {
                return Some(Self::Time);
            }
            if is_ipv4(text) {
                return Some(Self::Ipv4);
            }
        }
        if is_ipv6(text) {
            return Some(Self::Ipv6);
        }
        if is_uri(text) {
            return Some(Self::Uri);
        }
        is_email(text).then_some(Self::Email)
    }
}

fn matches(bytes: &[u8], pattern: &[u8]) -> bool {
    bytes.len() == pattern.len()
        && bytes.iter().zip(pattern).all(|(b, p)| match p {
            b'9' => b.is_ascii_digit(),
            b'x' => b.is_ascii_hexdigit(),
            _ => b == p,
        })
}

fn two(bytes: &[u8]) -> u8 {
    (bytes[0] - b'0') * 10 + (bytes[1] - b'0')
}

pub(crate) fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 36 && matches(bytes, b"xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")
}

pub(crate) fn is_date(bytes: &[u8]) -> bool {
    matches(bytes, b"9999-99-99") && (1..=12).contains(&two(&bytes[5..])) && (1..=31).contains(&two(&bytes[8..]))
}

/// RFC 3339 section 5.6.
pub(crate) fn is_date_time(bytes: &[u8]) -> bool {
    bytes.len() >= 20 && is_date(&bytes[..10]) && matches!(bytes[10], b'T' | b't') && is_time(&bytes[11..])
}

/// `full-time` of RFC 3339: an offset is part of it.
fn is_time(bytes: &[u8]) -> bool {
    if bytes.len() < 9
        || !matches(&bytes[..8], b"99:99:99")
        || two(bytes) > 23
        || two(&bytes[3..]) > 59
        || two(&bytes[6..]) > 60
    {
        return false;
    }
    let mut rest = &bytes[8..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return false;
        }
        rest = &fraction[digits..];
    }
    matches!(rest, b"Z" | b"z") || matches(rest, b"+99:99") || matches(rest, b"-99:99")
}

fn is_ipv4(text: &str) -> bool {
    text.len() <= 15 && text.parse::<std::net::Ipv4Addr>().is_ok()
}

fn is_ipv6(text: &str) -> bool {
    text.len() <= 45 && text.bytes().filter(|b| *b == b':').count() >= 2 && text.parse::<std::net::Ipv6Addr>().is_ok()
}

/// An absolute URI with an authority (RFC 3986): what people call a URL.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    (2..=12).contains(&scheme.len())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        && scheme.as_bytes()[0].is_ascii_alphabetic()
        && !rest.is_empty()
        && !text.bytes().any(|b| b <= b' ' || b"<>\"{}|\\^`".contains(&b))
}

pub(crate) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    !local.is_empty()
        && local.len() <= 64
        && !local.contains('@')
        && local.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~.-".contains(&b))
        && domain.contains('.')
        && domain
            .split('.')
            .all(|label| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        let check = |text: &str, expected: Option<Format>| assert_eq!(Format::of(text), expected, "{text}");
        check("2024-02-30T10:00:00Z", Some(Format::DateTime));
        check("2024-02-30T10:00:00.123+02:00", Some(Format::DateTime));
        check("2024-02-30 10:00:00", None);
        check("2024-13-01", None);
        check("2024-12-01", Some(Format::Date));
        check("10:00:00", None);
        check("10:00:00Z", Some(Format::Time));
        check("6ba7b810-9dad-11d1-80b4-00c04fd430c8", Some(Format::Uuid));
        check("ada@example.org", Some(Format::Email));
        check("ada@localhost", None);
        check("https://example.org/a?b=c", Some(Format::Uri));
        check("see https://example.org", None);
        check("10.0.0.256", None);
        check("10.0.0.255", Some(Format::Ipv4));
        check("fe80::1", Some(Format::Ipv6));
        check("::", Some(Format::Ipv6));
        check("12:30", None);
    }
}
