//! JSON Web Tokens as credentials that say something: their claims are read, and written anew for a new token.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// The claims of a token in the compact form `header.claims.signature` (RFC 7519 §3, RFC 7515 §7.1).
pub(super) fn claims(token: &str) -> Option<Map<String, Value>> {
    let mut parts = token.split('.');
    let (header, claims) = (part(parts.next()?)?, part(parts.next()?)?);
    let signed = parts.next().is_some_and(|signature| !signature.is_empty()) && parts.next().is_none();
    match (header, claims) {
        (Value::Object(header), Value::Object(claims)) if signed && header.contains_key("alg") => Some(claims),
        _ => None,
    }
}

fn part(text: &str) -> Option<Value> {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// The token with these claims instead of its own. What signed it no longer does.
pub(super) fn with_claims(token: &str, claims: &Value) -> String {
    let mut parts = token.splitn(3, '.');
    let (header, _, signature) = (parts.next(), parts.next(), parts.next());
    let claims = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("{}.{claims}.{}", header.unwrap_or_default(), signature.unwrap_or_default())
}

/// Another token of the same form: of a JSON Web Token only the signature is new, of any other text each letter and digit.
pub(super) fn renewed(like: &str, seed: u64) -> String {
    if claims(like).is_none() {
        return super::value::same_shape(like, seed);
    }
    let (said, signature) = like.rsplit_once('.').unwrap_or(("", like));
    format!("{said}.{}", super::value::same_shape(signature, seed))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3IiwiaWF0IjoxNzAwMDAwMDAwfQ.c2lnbmF0dXJl";

    #[test]
    fn claims_are_read_and_replaced() {
        assert_eq!(claims(TOKEN).map(Value::Object), Some(json!({"sub": "7", "iat": 1_700_000_000})));
        let other = with_claims(TOKEN, &json!({"sub": "8"}));
        assert_eq!(claims(&other).map(Value::Object), Some(json!({"sub": "8"})));
        assert!(other.ends_with(".c2lnbmF0dXJl"), "{other}");
        for text in ["", "a.b.c", "eyJhbGciOiJIUzI1NiJ9.W10.eA", "eyJhbGciOiJIUzI1NiJ9.e30.", "e30.e30.eA"] {
            assert_eq!(claims(text), None, "{text}");
        }
    }

    #[test]
    fn a_renewed_token_says_the_same() {
        let other = renewed(TOKEN, 5);
        assert_ne!(other, TOKEN);
        assert_eq!((claims(&other), other.len()), (claims(TOKEN), TOKEN.len()));
        let plain = renewed("9f86d081884c7d659a2feaa0c55ad015", 5);
        assert!(plain.len() == 32 && plain.bytes().all(|byte| byte.is_ascii_hexdigit()), "{plain}");
    }
}
