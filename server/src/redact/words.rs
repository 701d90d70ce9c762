//! Credentials in text that is neither JSON nor a form: pages, XML, addresses, queries in a language, text within text.
//!
//! What a name tells to be secret goes (`password=…`, `"token": "…"`, `<apiKey>…</apiKey>`), what stands behind `Bearer`, the
//! user's part of an address, and what can be told by its form alone.

use std::borrow::Cow;
use std::sync::LazyLock;

use percent_encoding::percent_decode_str;
use regex::{Captures, Regex};

use super::names;

/// A name, what is between, and a value in quotes of some kind or as one word.
static PAIR: LazyLock<Regex> = LazyLock::new(|| {
    let name = r#"(?P<name>[\p{L}_][\w.\-\[\]]{1,63})"#;
    let between = r#"(?P<mid>\\*["']?\s*[:=]\s*)"#;
    let quoted = r#"(?P<open>\\*["'])(?P<quoted>[^"'\\]*)"#;
    let word = r##"(?P<word>[^\s"'<>&,;{}()\\#]+)"##;
    regex(&format!("{name}{between}(?:{quoted}|{word})"))
});
/// An element with nothing but text in it, or with marked text.
static ELEMENT: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"<(?P<name>[\p{L}_][\w.:\-]{0,63})(?P<mid>(?:\s[^<>]*)?>\s*(?:<!\[CDATA\[)?)(?P<value>[^<\]]+)")
});
/// `<meta name="csrf-token" content="…">`, `<input name="token" value="…">`.
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    regex(r#"(?P<mid>name=["'](?P<name>[^"'<>]{1,64})["'][^<>]*?\s(?:content|value)=["'])(?P<value>[^"'<>]+)"#)
});
/// RFC 6750 §2.1, RFC 7617 §2.
static SCHEME: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?P<mid>\b(?i:bearer|basic)\s+)(?P<value>[A-Za-z0-9._~+/\-]{12,}=*)"));
/// RFC 3986 §3.2.1.
static USER: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?P<mid>://[^\s/?\#@:"'<>]*:)(?P<value>[^\s/?\#@"'<>]+)(?P<end>@)"#));
/// Lines of a key (RFC 7468 §2).
static KEY: LazyLock<Regex> = LazyLock::new(|| regex(r"(?P<mid>-----BEGIN [A-Z ]*PRIVATE KEY-----)(?P<value>[^-]+)"));
/// What may be told by its form.
static WORD: LazyLock<Regex> = LazyLock::new(|| regex(r"(?P<value>[A-Za-z0-9][\w.\-]{18,})"));

/// What one of the patterns needs, or a name that a person added would.
static HINT: LazyLock<regex::bytes::Regex> = LazyLock::new(|| {
    let pattern = "(?i)pass|pwd|secret|token|key|auth|bearer|basic|jwt|otp|cvv|cvc|sig|cred|://[^/\\s\"]*@|eyJ|eyAi|ewo|W3si|WyJ|\
                   sk_|rk_|sk-|gh[pousr]_|glpat|xox|AKIA|ASIA|AIza|SG[.]|ya29|npm_|shpat|whsec";
    regex::bytes::Regex::new(pattern).expect("a pattern that a test has compiled")
});

/// Whether it is worth looking closer. Most texts hold none of it, and one look at the bytes says so.
pub(super) fn may_hold(text: &[u8]) -> bool {
    HINT.is_match(text)
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern that a test has compiled")
}

/// The text with tokens, or `None` when there was nothing to take out.
pub(super) fn redact(text: &str, is_secret: &dyn Fn(&str) -> bool, token: &dyn Fn(&str) -> String) -> Option<String> {
    let of_name = |name: &str| is_secret(name) || names::is_secret_in_address(name);
    let local = |name: &str| of_name(name.rsplit(':').next().unwrap_or(name));
    let mut now = Cow::Borrowed(text);
    let mut pass = |pattern: &Regex, becomes: &dyn Fn(&Captures<'_>) -> Option<String>| {
        let replaced =
            pattern.replace_all(&now, |found: &Captures<'_>| becomes(found).unwrap_or_else(|| found[0].to_owned()));
        if let Cow::Owned(new) = replaced {
            now = Cow::Owned(new);
        }
    };
    let plain = |found: &Captures<'_>| {
        let end = found.name("end").map_or("", |end| end.as_str());
        Some(format!("{}{}{end}", &found["mid"], token(&found["value"])))
    };
    pass(&KEY, &plain);
    pass(&USER, &plain);
    pass(&SCHEME, &plain);
    pass(&NAMED, &|found| of_name(&found["name"]).then(|| plain(found)).flatten());
    pass(&ELEMENT, &|found| {
        let value = found["value"].trim_end();
        let rest = &found["value"][value.len()..];
        local(&found["name"]).then(|| format!("<{}{}{}{rest}", &found["name"], &found["mid"], token(value)))
    });
    pass(&PAIR, &|found| {
        if !local(&found["name"]) {
            return None;
        }
        let (name, mid) = (&found["name"], &found["mid"]);
        if let Some(quoted) = found.name("quoted") {
            return Some(format!("{name}{mid}{}{}", &found["open"], token(quoted.as_str())));
        }
        let word = found.name("word")?.as_str();
        // `password: wrong` is a sentence; `password=wrong` is none. An address may come behind its scheme.
        let is_said =
            mid.contains(':') && word.bytes().all(|byte| byte.is_ascii_lowercase() || b"_.!?-".contains(&byte));
        let is_scheme = ["basic", "bearer", "digest", "token"].iter().any(|scheme| word.eq_ignore_ascii_case(scheme));
        // A list is no word; what is in it was looked at as JSON.
        let is_list = mid.contains(':') && word.starts_with('[');
        if is_said || is_scheme || is_list || word.starts_with("//") || token(word) == word {
            return None;
        }
        Some(format!("{name}{mid}{}", token(&percent_decode_str(word).decode_utf8_lossy())))
    });
    pass(&WORD, &|found| super::forms::looks_like_credential(&found["value"]).then(|| token(&found["value"])));
    match now {
        Cow::Owned(new) if new != text => Some(new),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::is_secret_name;
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(redact(text, &is_secret_name, &|value| format!("<{value}>")).as_deref(), expected, "{text}");
    }

    #[test]
    fn names_tell_in_every_kind_of_text() {
        check("<a><password>x1</password><b>c</b></a>", Some("<a><password><x1></password><b>c</b></a>"));
        check(
            "<s:apiKey type=\"t\"><![CDATA[x1]]></s:apiKey>",
            Some("<s:apiKey type=\"t\"><![CDATA[<x1>]]></s:apiKey>"),
        );
        check("<user token=\"x1\" id=\"2\"/>", Some("<user token=\"<x1>\" id=\"2\"/>"));
        check(
            "<input type=\"hidden\" name=\"csrf_token\" value=\"x1\">",
            Some("<input type=\"hidden\" name=\"csrf_token\" value=\"<x1>\">"),
        );
        check(
            "mutation { login(user: \"a\", password: \"x1\") { id } }",
            Some("mutation { login(user: \"a\", password: \"<x1>\") { id } }"),
        );
        check("{\\\"password\\\":\\\"x1\\\",\\\"a\\\":1}", Some("{\\\"password\\\":\\\"<x1>\\\",\\\"a\\\":1}"));
        check("Server=db;Password=x1;Port=1", Some("Server=db;Password=<x1>;Port=1"));
        check("see /x?page=2&access_token=a%20b#z", Some("see /x?page=2&access_token=<a b>#z"));
        check("postgres://u:p1@h/x", Some("postgres://u:<p1>@h/x"));
        check("Authorization: Bearer abcdefgh12345678", Some("Authorization: Bearer <abcdefgh12345678>"));
        check("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END", Some("-----BEGIN PRIVATE KEY-----<\nMIIE\n>-----END"));
    }

    #[test]
    fn words_stay() {
        for text in [
            "the password is wrong",
            "password: wrong",
            "a token: expired",
            "<input type=\"password\" name=\"a\">",
            "x = 1; y: 2",
            "<password/>",
            "page_token=7",
            "https://a.example/b?c=d",
            "Basic training",
            "{\"apiKey\":[\"a\"]}",
        ] {
            check(text, None);
        }
    }
}
