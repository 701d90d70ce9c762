//! What kind of text a string is, by its form alone.

use serde::{Deserialize, Serialize};

/// What a text can be told to be by its form. The first eight are formats of JSON Schema (2020-12 validation, section
/// 7.3) and certain at one sight; the others are guesses that need company.
#[derive(Debug)]
pub(crate) struct Format {
    pub(crate) word: &'static str,
    /// One text proves it.
    pub(crate) certain: bool,
    has: fn(&str) -> bool,
}

/// In the order in which they win.
const FORMATS: [Format; 20] = [
    certain("date-time", |text| is_date_time(text.as_bytes())),
    certain("date", |text| is_date(text.as_bytes())),
    certain("time", |text| is_time(text.as_bytes())),
    certain("uuid", |text| is_uuid(text.as_bytes())),
    certain("email", is_email),
    certain("uri", is_uri),
    certain("ipv4", is_ipv4),
    certain("ipv6", is_ipv6),
    guess("jwt", is_jwt),
    guess("ulid", |text| is_ulid(text.as_bytes())),
    guess("object-id", |text| text.len() == 24 && is_hex(text)),
    guess("semver", is_semver),
    guess("currency", |text| is_code(text, 3, CURRENCIES)),
    guess("country", |text| is_code(text, 2, COUNTRIES)),
    guess("phone", is_phone),
    guess("hostname", is_hostname),
    guess("hex", |text| text.len() >= 8 && is_hex(text)),
    guess("base64", is_base64),
    guess("slug", is_slug),
    guess("numeric", |text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())),
];

const fn certain(word: &'static str, has: fn(&str) -> bool) -> Format {
    Format { word, certain: true, has }
}

const fn guess(word: &'static str, has: fn(&str) -> bool) -> Format {
    Format { word, certain: false, has }
}

/// The formats that every text of a position had. Merging keeps what both have, so a position without a format costs
/// nothing more to learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Formats(u32);

impl Default for Formats {
    fn default() -> Self {
        Self((1 << FORMATS.len()) - 1)
    }
}

impl Formats {
    pub(crate) fn narrow(&mut self, text: &str) {
        let mut left = self.0;
        while left != 0 {
            let at = left.trailing_zeros();
            left &= left - 1;
            if !(FORMATS[at as usize].has)(text) {
                self.0 &= !(1 << at);
            }
        }
    }

    /// Whether a text has the most telling of them.
    pub(crate) fn fits(self, text: &str) -> bool {
        self.first().is_none_or(|format| (format.has)(text))
    }

    pub(crate) fn none() -> Self {
        Self(0)
    }

    pub(crate) fn keep(&mut self, other: Self) {
        self.0 &= other.0;
    }

    /// The most telling of them.
    pub(crate) fn first(self) -> Option<&'static Format> {
        FORMATS.get(self.0.trailing_zeros() as usize)
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

/// Crockford's base 32, 128 bits: the first character is at most 7.
fn is_ulid(bytes: &[u8]) -> bool {
    bytes.len() == 26
        && bytes[0] <= b'7'
        && bytes.iter().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase() && !b"ILOU".contains(b))
}

fn is_hex(text: &str) -> bool {
    let lower = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    lower || text.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b))
}

/// Three parts in base64url (RFC 7519 section 3); the first is JSON, so it begins with `{"`.
fn is_jwt(text: &str) -> bool {
    text.starts_with("eyJ")
        && text.bytes().filter(|b| *b == b'.').count() == 2
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// Semantic Versioning 2.0.0, section 2, with an optional `v`.
fn is_semver(text: &str) -> bool {
    let text = text.strip_prefix('v').unwrap_or(text);
    let core = text.split(['-', '+']).next().unwrap_or(text);
    let mut parts = core.split('.');
    let number = |part: &str| !part.is_empty() && part.len() <= 9 && part.bytes().all(|b| b.is_ascii_digit());
    (0..3).all(|_| parts.next().is_some_and(number))
        && parts.next().is_none()
        && text[core.len()..].bytes().all(|b| b.is_ascii_alphanumeric() || b"-+.".contains(&b))
}

fn is_code(text: &str, length: usize, codes: &str) -> bool {
    text.len() == length
        && text.bytes().all(|b| b.is_ascii_uppercase())
        && codes.as_bytes().chunks(length).any(|code| code == text.as_bytes())
}

/// In international form (ITU-T E.123), with or without separators.
fn is_phone(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('+') else { return false };
    let digits = rest.bytes().filter(u8::is_ascii_digit).count();
    (7..=15).contains(&digits) && rest.bytes().all(|b| b.is_ascii_digit() || b" -().".contains(&b))
}

/// A name with a top-level domain (RFC 1123 section 2.1); file names look alike and are left out.
fn is_hostname(text: &str) -> bool {
    let Some((name, top)) = text.rsplit_once('.') else { return false };
    let files = "html json jpeg png jpg gif svg pdf txt csv xml zip css js ts md yml yaml rs py go java gz tar mp3 mp4";
    text.len() <= 253
        && top.len() >= 2
        && top.bytes().all(|b| b.is_ascii_lowercase())
        && !files.split(' ').any(|file| file == top)
        && name.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
}

/// RFC 4648 section 4, long enough to be no word.
fn is_base64(text: &str) -> bool {
    let padding = text.bytes().rev().take_while(|b| *b == b'=').count();
    text.len() >= 16
        && text.len().is_multiple_of(4)
        && padding <= 2
        && text[..text.len() - padding].bytes().all(|b| b.is_ascii_alphanumeric() || b"+/".contains(&b))
        && text.bytes().any(|b| b.is_ascii_uppercase())
        && text.bytes().any(|b| b.is_ascii_lowercase())
}

/// Small words joined by hyphens.
fn is_slug(text: &str) -> bool {
    text.contains('-')
        && text
            .split('-')
            .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
        && text.bytes().any(|b| b.is_ascii_lowercase())
}

/// ISO 4217, active codes.
const CURRENCIES: &str = "AEDAFNALLAMDANGAOAARSAUDAWGAZNBAMBBDBDTBGNBHDBIFBMDBNDBOBBRLBSDBTNBWPBYNBZDCADCDFCHFCLPCNYCOPCRC\
CUPCVECZKDJFDKKDOPDZDEGPERNETBEURFJDFKPGBPGELGHSGIPGMDGNFGTQGYDHKDHNLHTGHUFIDRILSINRIQDIRRISKJMDJODJPYKESKGSKHRKMFKPW\
KRWKWDKYDKZTLAKLBPLKRLRDLSLLYDMADMDLMGAMKDMMKMNTMOPMRUMURMVRMWKMXNMYRMZNNADNGNNIONOKNPRNZDOMRPABPENPGKPHPPKRPLNPYGQAR\
RONRSDRUBRWFSARSBDSCRSDGSEKSGDSHPSLESOSSRDSSPSTNSVCSYPSZLTHBTJSTMTTNDTOPTRYTTDTWDTZSUAHUGXUSDUYUUZSVESVNDVUVWSTXAFXCD\
XOFXPFYERZARZMWZWL";

/// ISO 3166-1 alpha-2.
const COUNTRIES: &str = "ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICKCLCMCN\
COCRCUCVCWCXCYCZDEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIO\
IQIRISITJEJMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNG\
NINLNONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTM\
TNTOTRTTTVTWTZUAUGUMUSUYUZVAVCVEVGVIVNVUWFWSYEYTZAZMZW";

fn is_ipv4(text: &str) -> bool {
    text.len() <= 15 && text.parse::<std::net::Ipv4Addr>().is_ok()
}

fn is_ipv6(text: &str) -> bool {
    text.len() <= 45 && text.bytes().filter(|b| *b == b':').count() >= 2 && text.parse::<std::net::Ipv6Addr>().is_ok()
}

/// An absolute URI with an authority (RFC 3986): what people call a URL.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let Some(rest) = rest.strip_prefix("//") else { return false };
    text.len() <= 2048
        && (2..=12).contains(&scheme.len())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
        && scheme.as_bytes()[0].is_ascii_alphabetic()
        && !rest.is_empty()
        && !text.bytes().any(|b| matches!(b, 0..=b' ' | b'<' | b'>' | b'"' | b'{' | b'}' | b'|' | b'\\' | b'^' | b'`'))
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
        let check = |text: &str, expected: Option<&str>| {
            let mut formats = Formats::default();
            formats.narrow(text);
            assert_eq!(formats.first().map(|format| format.word), expected, "{text}");
        };
        check("2024-02-30T10:00:00Z", Some("date-time"));
        check("2024-02-30T10:00:00.123+02:00", Some("date-time"));
        check("2024-02-30 10:00:00", None);
        check("2024-13-01", None);
        check("2024-12-01", Some("date"));
        check("10:00:00", None);
        check("10:00:00Z", Some("time"));
        check("6ba7b810-9dad-11d1-80b4-00c04fd430c8", Some("uuid"));
        check("ada@example.org", Some("email"));
        check("ada@localhost", None);
        check("https://example.org/a?b=c", Some("uri"));
        check("see https://example.org", None);
        check("10.0.0.256", None);
        check("10.0.0.255", Some("ipv4"));
        check("fe80::1", Some("ipv6"));
        check("::", Some("ipv6"));
        check("12:30", None);
        check("01ARZ3NDEKTSV4RRFFQ69G5FAV", Some("ulid"));
        check("507f1f77bcf86cd799439011", Some("object-id"));
        check("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", Some("jwt"));
        check("1.20.3-rc.1", Some("semver"));
        check("1.2", None);
        check("CHF", Some("currency"));
        check("XYZ", None);
        check("NZ", Some("country"));
        check("+41 44 668 18 00", Some("phone"));
        check("api.example.org", Some("hostname"));
        check("read-me.md", None);
        check("da39a3ee5e6b4b0d3255bfef95601890afd80709", Some("hex"));
        check("aGVsbG8gd29ybGQhIQ==", Some("base64"));
        check("a-day-in-may", Some("slug"));
        check("", None);
    }

    #[test]
    fn merging_keeps_what_both_have() {
        let of = |texts: &[&str]| {
            let mut formats = Formats::default();
            texts.iter().for_each(|text| formats.narrow(text));
            formats
        };
        let mut both = of(&["2024-12-01"]);
        both.keep(of(&["2024-12-02", "soon"]));
        assert_eq!(both, of(&["soon", "2024-12-01", "2024-12-02"]));
        both.keep(Formats::default());
        assert_eq!(both, of(&["soon", "2024-12-01"]));
    }
}
