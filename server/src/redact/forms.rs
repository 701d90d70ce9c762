//! What can be told of a value by its form alone.

/// A secret is looked for elsewhere in its exchange only when it is none of the words that stand anywhere.
const SHORTEST_REPEATED: usize = 8;

/// By its first sign.
pub(super) fn is_json(text: &[u8]) -> bool {
    text.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| matches!(byte, b'{' | b'[' | b'"'))
}

/// Long, and of letters and digits together: nobody has typed it.
pub(super) fn is_opaque(value: &str) -> bool {
    const MIN_CHARS: usize = 16;
    let any = |test: fn(&u8) -> bool| value.bytes().any(|byte| test(&byte));
    value.len() >= MIN_CHARS
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~+/=%".contains(&byte))
        && any(u8::is_ascii_alphabetic)
        && any(u8::is_ascii_digit)
}

/// Whether a secret can be looked for without hitting what only looks like it.
pub(super) fn is_telling(value: &str) -> bool {
    let any = |test: fn(&u8) -> bool| value.bytes().any(|byte| test(&byte));
    value.len() >= SHORTEST_REPEATED && any(u8::is_ascii_alphabetic) && any(u8::is_ascii_digit)
}

/// What some issuers put in front of their credentials.
const KNOWN: [&str; 24] = [
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "rk_test_",
    "sk-",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxa-",
    "xoxb-",
    "xoxp-",
    "xoxs-",
    "AKIA",
    "ASIA",
    "AIza",
    "SG.",
    "ya29.",
    "npm_",
    "shpat_",
    "whsec_",
];

/// What can be told by its form, wherever it stands: a JSON Web Token, or what begins as some issuer's credentials do.
pub(super) fn looks_like_credential(value: &str) -> bool {
    const MIN_CHARS: usize = 40;
    let is_plain = || value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    let known = KNOWN.iter().find_map(|known| value.strip_prefix(known));
    known.is_some_and(|rest| rest.len() >= 16 && rest.bytes().any(|b| b.is_ascii_digit()) && is_plain())
        || value.starts_with("eyJ")
            && value.len() >= MIN_CHARS
            && value.bytes().filter(|b| *b == b'.').count() == 2
            && is_plain()
}
