//! Which header fields say something about an API, and of which only that they are there.

/// Hop by hop (RFC 9110 section 7.6.1), about the connection, the browser or the message as such, or added on the way. In
/// the order of the alphabet.
const NOISE: &[&str] = &[
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "age",
    "alt-svc",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-security-policy",
    "content-type",
    "cookie",
    "cross-origin-embedder-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "date",
    "dnt",
    "etag",
    "expect",
    "expires",
    "forwarded",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "keep-alive",
    "last-modified",
    "max-forwards",
    "nel",
    "origin",
    "permissions-policy",
    "pragma",
    "priority",
    "proxy-authenticate",
    "proxy-authorization",
    "range",
    "referer",
    "referrer-policy",
    "report-to",
    "server",
    "server-timing",
    "set-cookie",
    "strict-transport-security",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "upgrade-insecure-requests",
    "user-agent",
    "vary",
    "via",
    "x-content-type-options",
    "x-frame-options",
    "x-powered-by",
    "x-real-ip",
    "x-request-id",
    "x-xss-protection",
];
const NOISE_PREFIXES: &[&str] =
    &["sec-", "x-forwarded-", "access-control-", "x-understudy-", "cf-", "x-amz-cf-", "x-b3-"];
/// A value under such a name is a credential, or stands for one.
const SECRET: &[&str] =
    &["key", "token", "secret", "auth", "session", "csrf", "xsrf", "signature", "password", "credential"];

/// Whether a field is part of what an API asks for or answers. `name` in lower case.
pub(crate) fn is_telling(name: &str) -> bool {
    NOISE.binary_search(&name).is_err() && !NOISE_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether only the presence of a field may be kept.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.iter().any(|word| name.contains(word))
}

/// The names of the cookies in a `Cookie` field (RFC 6265 section 4.2.1).
pub(crate) fn cookies(field: &str) -> impl Iterator<Item = &str> {
    field
        .split(';')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, _)| name.trim())
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_matters() {
        let check = |name: &str, telling: bool, secret: bool| {
            assert_eq!((is_telling(name), is_secret(name)), (telling, secret), "{name}");
        };
        check("x-ratelimit-limit", true, false);
        check("idempotency-key", true, true);
        check("sec-fetch-mode", false, false);
        check("x-api-key", true, true);
        check("location", true, false);
        assert!(NOISE.is_sorted());
        assert_eq!(cookies("a=1; sid=xyz;bad").collect::<Vec<_>>(), ["a", "sid"]);
    }
}
