//! What a path segment is by its form alone.

use serde::{Deserialize, Serialize};

use crate::text;

/// A form that only identifiers and other data have: a segment of such a form is a parameter at first sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Kind {
    Integer,
    Uuid,
    Ulid,
    ObjectId,
    Hash,
    Prefixed,
    Date,
    DateTime,
    Email,
    Opaque,
}

impl Kind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Uuid => "uuid",
            Self::Ulid => "ulid",
            Self::ObjectId => "object-id",
            Self::Hash => "hash",
            Self::Prefixed => "prefixed",
            Self::Date => "date",
            Self::DateTime => "date-time",
            Self::Email => "email",
            Self::Opaque => "opaque",
        }
    }

    /// Nothing but an identifier or a date has this form, and all values of a parameter have it.
    pub(crate) fn is_strict(self) -> bool {
        !matches!(self, Self::Opaque | Self::Prefixed | Self::Hash)
    }

    /// `None` for words, slugs and all else that could be a literal.
    pub(crate) fn of(token: &str) -> Option<Self> {
        let bytes = token.as_bytes();
        let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
        if digits == bytes.len() && digits > 0 || digits > 0 && bytes[0] == b'-' && digits == bytes.len() - 1 {
            return Some(Self::Integer);
        }
        if bytes.contains(&b'@') {
            return text::is_email(token).then_some(Self::Email);
        }
        if is_code(bytes) {
            return Some(Self::Opaque);
        }
        if digits == 0 || bytes.len() < 10 {
            let random = bytes.len() >= 16 && is_opaque(bytes) && (has_capitals_inside(bytes) || is_restless(bytes));
            return if prefixed(token) { Some(Self::Prefixed) } else { random.then_some(Self::Opaque) };
        }
        let hex = bytes.iter().all(u8::is_ascii_hexdigit);
        match bytes.len() {
            36 if text::is_uuid(bytes) => Some(Self::Uuid),
            26 if is_ulid(bytes) => Some(Self::Ulid),
            24 if hex => Some(Self::ObjectId),
            20.. if hex => Some(Self::Hash),
            10 if text::is_date(bytes) => Some(Self::Date),
            20.. if text::is_date_time(bytes) => Some(Self::DateTime),
            _ if prefixed(token) => Some(Self::Prefixed),
            _ => is_opaque(bytes).then_some(Self::Opaque),
        }
    }
}

/// Crockford's base 32, 128 bits: the first character is at most 7.
fn is_ulid(bytes: &[u8]) -> bool {
    bytes[0] <= b'7' && bytes.iter().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase() && !b"ILOU".contains(b))
}

/// `cus_9s6XKzkNRiz8i3`: a short word, then what no word looks like.
fn prefixed(token: &str) -> bool {
    let Some((prefix, rest)) = token.rsplit_once('_') else { return false };
    (2..=16).contains(&prefix.len())
        && prefix.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        && rest.len() >= 8
        && rest.bytes().all(|b| b.is_ascii_alphanumeric())
        && (is_mixed(rest.as_bytes())
            || has_capitals_inside(rest.as_bytes())
            || rest.bytes().any(|b| b.is_ascii_digit()) && transitions(rest.as_bytes()) >= 2)
}

/// Capitals inside, as random text has them and words do not.
fn is_mixed(bytes: &[u8]) -> bool {
    let up = bytes.iter().filter(|b| b.is_ascii_uppercase()).count();
    let low = bytes.iter().filter(|b| b.is_ascii_lowercase()).count();
    up >= 2 && low >= 2 && transitions(bytes) >= 6
}

/// Three capitals in a row behind a small letter: neither a word nor words joined.
fn has_capitals_inside(bytes: &[u8]) -> bool {
    bytes.windows(4).any(|four| four[0].is_ascii_lowercase() && four[1..].iter().all(u8::is_ascii_uppercase))
}

/// The case changes at every second letter, and capitals stand side by side: joined words have neither.
fn is_restless(bytes: &[u8]) -> bool {
    transitions(bytes) * 20 >= bytes.len() * 9 && bytes.windows(2).any(|two| two.iter().all(u8::is_ascii_uppercase))
}

/// How often the class of character changes: words and numbers change rarely, random text all the time.
fn transitions(bytes: &[u8]) -> usize {
    let class = |b: &u8| match b {
        b'0'..=b'9' => 0,
        b'A'..=b'Z' => 1,
        b'a'..=b'z' => 2,
        _ => 3,
    };
    bytes.windows(2).filter(|pair| class(&pair[0]) != class(&pair[1])).count()
}

/// Random text of at least 60 bits or so.
fn is_opaque(bytes: &[u8]) -> bool {
    bytes.len() >= 12
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_=".contains(b))
        && bytes.iter().filter(|b| b"-_".contains(b)).count() <= bytes.len() / 10
        && transitions(bytes) * 4 >= bytes.len()
}

/// `V2OWK2`: capitals and digits by turns, as booking numbers and short keys have them.
fn is_code(bytes: &[u8]) -> bool {
    (6..12).contains(&bytes.len())
        && bytes.iter().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
        && transitions(bytes) >= 3
}

/// What APIs put behind an id in one segment: an extension with its dot (`.json`), a verb with its colon (`:cancel`).
pub(crate) fn extension(token: &str) -> Option<&str> {
    let is_verb = |text: &str| text.len() > 1 && text.starts_with(|c: char| c.is_ascii_lowercase());
    if let Some((stem, verb)) = token.rsplit_once(':')
        && !stem.is_empty()
        && is_verb(verb)
        && verb.bytes().all(|b| b.is_ascii_alphabetic())
    {
        return Some(&token[stem.len()..]);
    }
    let at = token.rfind('.').filter(|at| *at > 0)?;
    matches!(&token[at..], ".json" | ".xml" | ".csv" | ".html" | ".atom" | ".rss" | ".yaml" | ".jsonp")
        .then(|| &token[at..])
}

/// ISO 639-1.
const LANGUAGES: &str = "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de \
    dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is \
    it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb \
    nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss \
    st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu";

/// `de`, `pt-BR`, `zh_TW`: a language, perhaps as one country speaks it (RFC 5646).
pub(crate) fn is_locale(token: &str) -> bool {
    let (language, country) = match token.split_once(['-', '_']) {
        Some((language, country)) => (language, Some(country)),
        None => (token, None),
    };
    let is_country = |country: &str| country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase());
    country.is_none_or(is_country) && LANGUAGES.split_ascii_whitespace().any(|known| known == language)
}

/// `v1`, `v2.1`, `v1beta1`: never data.
pub(crate) fn is_version(token: &str) -> bool {
    let Some(rest) = token.strip_prefix(['v', 'V']) else { return false };
    rest.starts_with(|c: char| c.is_ascii_digit()) && rest.len() <= 10 && !rest.contains(['-', '_'])
}

/// Percent-decoded; what is not UTF-8 stays as it came.
pub(crate) fn decode(segment: &str) -> std::borrow::Cow<'_, str> {
    percent_encoding::percent_decode_str(segment).decode_utf8().unwrap_or(std::borrow::Cow::Borrowed(segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        let check = |token: &str, expected: Option<Kind>| assert_eq!(Kind::of(token), expected, "{token}");
        check("42", Some(Kind::Integer));
        check("-1", Some(Kind::Integer));
        check("-", None);
        check("", None);
        check("users", None);
        check("v1", None);
        check("oauth2", None);
        check("6ba7b810-9dad-11d1-80b4-00c04fd430c8", Some(Kind::Uuid));
        check("01ARZ3NDEKTSV4RRFFQ69G5FAV", Some(Kind::Ulid));
        check("507f1f77bcf86cd799439011", Some(Kind::ObjectId));
        check("da39a3ee5e6b4b0d3255bfef95601890afd80709", Some(Kind::Hash));
        check("cus_9s6XKzkNRiz8i3", Some(Kind::Prefixed));
        check("tea_wecxCJSLaoijcx", Some(Kind::Prefixed));
        check("get_subscriptions", None);
        check("get_userByName", None);
        check("list_of_2020", None);
        check("2024-01-31", Some(Kind::Date));
        check("2024-01-31T10:00:00Z", Some(Kind::DateTime));
        check("ada@example.org", Some(Kind::Email));
        check("4uLU6hMCjMI75M1A2tKUQC", Some(Kind::Opaque));
        check("how-to-train-your-dragon-2", None);
        check("recommendations", None);
        check("getUserByIdentifier", None);
        check("available-genre-seeds", None);
    }

    #[test]
    fn extensions_and_versions() {
        assert_eq!(extension("42.json"), Some(".json"));
        assert_eq!(extension(".json"), None);
        assert_eq!(extension("a.txt"), None);
        assert_eq!(extension("42:cancel"), Some(":cancel"));
        assert_eq!(extension("10:00:00Z"), None);
        assert!(is_locale("de") && is_locale("pt-BR") && is_locale("zh_TW"));
        assert!(!is_locale("me") && !is_locale("up") && !is_locale("de-DEU") && !is_locale(""));
        assert!(is_version("v1") && is_version("v2.1") && is_version("v1beta1"));
        assert!(!is_version("value") && !is_version("v1-old-name"));
    }
}
