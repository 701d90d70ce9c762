//! Keyed tokens in place of credentials.
//!
//! A long credential keeps its form, since clients look at it: its length, its alphabet, what stands between its letters and
//! digits, and of a JSON Web Token all that is not its signature. Whatever is too short for that becomes `rd_…`, the longer
//! the longer the value was (up to 12 characters), so that "at least 8 characters" can still be learned. The last characters
//! of every token are a check over the others that nobody can compute without the key.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

const PREFIX: &str = "rd_";
/// At least 77 bits: no two values of a project get the same token.
const DIGEST_CHARS: usize = 12;
/// Characters of a value that its token's length still shows.
const SHOWN_CHARS: usize = 12;
const CHECK_CHARS: usize = 4;
/// A check in the form of a credential has so many bits, its digest so many more.
const CHECK_BITS: f64 = 32.0;
const DIGEST_BITS: f64 = 72.0;
const MAX_CHARS: usize = 4096;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

#[derive(Clone, Copy)]
pub(super) struct Sealer<'k> {
    pub(super) key: &'k [u8; 32],
}

impl Sealer<'_> {
    /// The token of a value; of a token it is that token. Empty values hide nothing.
    /// `claims` takes the secrets out of the claims of a JSON Web Token.
    pub(super) fn token(self, value: &str, claims: &dyn Fn(&[u8]) -> Option<Vec<u8>>) -> String {
        if value.is_empty() || self.is_token(value) {
            return value.to_owned();
        }
        let said = with_claims(value, claims);
        if let Some(token) = self.formed(&said, "value", value) {
            return token;
        }
        self.plain("value", value, value.chars().count())
    }

    /// A new credential: a token from the start, in the form of one that the API gave.
    pub(super) fn mint(self, nonce: u64, like: &str) -> String {
        let text = nonce.to_string();
        let formed = if like.starts_with(PREFIX) { None } else { self.formed(like, "mint", &text) };
        formed.unwrap_or_else(|| self.plain("mint", &text, SHOWN_CHARS))
    }

    pub(super) fn is_token(self, value: &str) -> bool {
        match value.strip_prefix(PREFIX) {
            Some(rest)
                if value.is_ascii()
                    && (1..=SHOWN_CHARS).contains(&rest.len().wrapping_sub(DIGEST_CHARS + CHECK_CHARS)) =>
            {
                let (digest, check) = rest.split_at(rest.len() - CHECK_CHARS);
                self.check(digest) == check
            }
            _ => Form::of(value).is_some_and(|form| self.sealed(&form, value) == value),
        }
    }

    fn plain(self, purpose: &str, text: &str, chars: usize) -> String {
        let digest = self.draw(purpose, text, BASE62, DIGEST_CHARS + chars.clamp(1, SHOWN_CHARS));
        let check = self.check(&digest);
        format!("{PREFIX}{digest}{check}")
    }

    fn check(self, digest: &str) -> String {
        self.draw("check", digest, BASE62, CHECK_CHARS)
    }

    /// A token of the form of `like`, drawn from `text`.
    fn formed(self, like: &str, purpose: &str, text: &str) -> Option<String> {
        let form = Form::of(like)?;
        // By rare chance a draw has no digit or no letter, and would not be known again by its form.
        (0..8_u8).find_map(|nth| {
            let drawn = self.draw(purpose, &format!("{nth} {text}"), form.alphabet, form.free.len());
            let token = self.sealed(&form, &form.fill(like, &drawn));
            self.is_token(&token).then_some(token)
        })
    }

    /// The text with its check in the last free places.
    fn sealed(self, form: &Form, text: &str) -> String {
        let (_, places) = form.free.split_at(form.free.len() - form.check);
        let mut bytes = text.as_bytes().to_vec();
        places.iter().for_each(|at| bytes[*at] = b'0');
        let check = self.draw("form", &String::from_utf8_lossy(&bytes), form.alphabet, places.len());
        places.iter().zip(check.bytes()).for_each(|(at, byte)| bytes[*at] = byte);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// `purpose` keeps the uses of the key apart.
    fn draw(self, purpose: &str, text: &str, alphabet: &[u8], chars: usize) -> String {
        let mut hasher = blake3::Hasher::new_keyed(self.key);
        hasher.update(purpose.as_bytes()).update(&[0]).update(text.as_bytes());
        let mut bytes = vec![0; chars];
        hasher.finalize_xof().fill(&mut bytes);
        // The slight bias of the remainder takes a fraction of a bit.
        bytes.iter().map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])).collect()
    }
}

/// Which characters of a credential say nothing but who it is.
struct Form {
    alphabet: &'static [u8],
    /// Byte positions, all of them letters or digits in ASCII.
    free: Vec<usize>,
    /// How many of the last of them are the check.
    check: usize,
}

impl Form {
    fn of(value: &str) -> Option<Self> {
        if value.len() > MAX_CHARS || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let jwt = jwt_signature(value);
        let start = jwt.unwrap_or_else(|| prefix(value));
        let free = free(value, start);
        let alphabet =
            if jwt.is_some() { Some(&BASE62[..]) } else { alphabet(free.iter().map(|at| value.as_bytes()[*at])) };
        let alphabet = alphabet?;
        let bits = (alphabet.len() as f64).log2();
        let check = (CHECK_BITS / bits).ceil() as usize;
        let long = free.len().saturating_sub(check) as f64 * bits >= DIGEST_BITS;
        long.then_some(Self { alphabet, free, check })
    }

    fn fill(&self, like: &str, drawn: &str) -> String {
        let mut bytes = like.as_bytes().to_vec();
        self.free.iter().zip(drawn.bytes()).for_each(|(at, byte)| bytes[*at] = byte);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Where the signature of a JSON Web Token begins (RFC 7515 §7.1).
fn jwt_signature(value: &str) -> Option<usize> {
    let (said, _) = value.rsplit_once('.')?;
    let (header, claims) = said.split_once('.')?;
    let object = |part: &str| {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).ok()?;
        serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&bytes).ok()
    };
    (object(header)?.contains_key("alg") && object(claims).is_some()).then_some(said.len() + 1)
}

fn with_claims<'v>(value: &'v str, redact: &dyn Fn(&[u8]) -> Option<Vec<u8>>) -> Cow<'v, str> {
    let of_jwt = || {
        let signature = &value[jwt_signature(value)?..];
        let (header, claims) = value[..value.len() - signature.len()].trim_end_matches('.').split_once('.')?;
        let redacted = redact(&BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?)?;
        Some(format!("{header}.{}.{signature}", BASE64_URL_SAFE_NO_PAD.encode(redacted)))
    };
    of_jwt().map_or(Cow::Borrowed(value), Cow::Owned)
}

/// The length of what says of which kind a credential is: `sk_live_`, `ghp_`, the `s:` of a signed cookie.
fn prefix(value: &str) -> usize {
    let mut end = 0;
    for _ in 0..2 {
        let letters = value[end..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let rest = &value[end + letters..];
        let mark = if rest.starts_with("%3A") { 3 } else { usize::from(rest.starts_with(['_', ':'])) };
        if mark == 0 || !(1..=10).contains(&letters) {
            break;
        }
        end += letters + mark;
    }
    end
}

/// Letters and digits from `start` on, but for those of `%3D` and the version and variant of a UUID (RFC 9562 §4).
fn free(value: &str, start: usize) -> Vec<usize> {
    let bytes = value.as_bytes();
    let uuid = bytes.len() == 36 && [8, 13, 18, 23].iter().all(|at| bytes[*at] == b'-');
    let escaped = |at: usize| (1..=2).any(|back| at >= back && bytes[at - back] == b'%');
    let is_free = |at: &usize| bytes[*at].is_ascii_alphanumeric() && !escaped(*at) && !(uuid && matches!(*at, 14 | 19));
    (start..bytes.len()).filter(is_free).collect()
}

/// The smallest usual alphabet with all of these; `None` where they may be words.
fn alphabet(bytes: impl Iterator<Item = u8> + Clone) -> Option<&'static [u8]> {
    let any = |test: fn(&u8) -> bool| bytes.clone().any(|byte| test(&byte));
    let (digits, upper, lower) = (any(u8::is_ascii_digit), any(u8::is_ascii_uppercase), any(u8::is_ascii_lowercase));
    let hex = bytes.clone().all(|byte| byte.is_ascii_hexdigit());
    match (digits, upper, lower) {
        (true, false, true) if hex => Some(b"0123456789abcdef"),
        (true, true, false) if hex => Some(b"0123456789ABCDEF"),
        (true, false, true) => Some(b"0123456789abcdefghijklmnopqrstuvwxyz"),
        (true, true, false) => Some(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        (true, true, true) => Some(BASE62),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn token(value: &str) -> String {
        let sealer = Sealer { key: &KEY };
        let token = sealer.token(value, &|_| None);
        assert!(sealer.is_token(&token), "{value} -> {token}");
        assert_eq!(sealer.token(&token, &|_| None), token);
        assert!(!Sealer { key: &[8; 32] }.is_token(&token), "{token} is nobody else's");
        token
    }

    #[test]
    fn a_long_credential_keeps_its_form() {
        let pattern = |text: &str| -> String {
            let class = |c: char| match c {
                '0'..='9' | 'a'..='f' => 'x',
                other => other,
            };
            text.chars().map(class).collect()
        };
        for value in [
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
            "0f8fad5b-d9cb-469f-a165-70867728950e",
            "5d41402abc4b2a76b9719d911017c592",
        ] {
            let token = token(value);
            assert_eq!(pattern(&token), pattern(value), "{token}");
            assert_ne!(token, value);
        }
        let uuid = token("0f8fad5b-d9cb-469f-a165-70867728950e");
        assert_eq!((&uuid[14..15], &uuid[19..20]), ("4", "a"));
        assert!(token("sk_live_4eC39HqLyjWDarjtT1zdp7dc").starts_with("sk_live_"));
        let cookie = token("s%3AqLyjWDarjtT1zdp7dc.4eC39HqLyjWDarjtT1zdp7dcAA0%3D");
        assert!(cookie.starts_with("s%3A") && cookie.ends_with("%3D") && cookie.as_bytes()[22] == b'.', "{cookie}");
    }

    #[test]
    fn of_a_json_web_token_the_signature_goes() {
        let said = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3IiwiaWF0IjoxNzAwMDAwMDAwfQ";
        let token = token(&format!("{said}.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"));
        assert!(token.starts_with(&format!("{said}.")) && !token.contains("SflKxwRJSM"), "{token}");
        let sealer = Sealer { key: &KEY };
        let redacted = sealer.token(&format!("{said}.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"), &|claims| {
            Some(String::from_utf8_lossy(claims).replace("\"7\"", "\"8\"").into_bytes())
        });
        assert_eq!(redacted.split('.').nth(1), Some("eyJzdWIiOiI4IiwiaWF0IjoxNzAwMDAwMDAwfQ"));
    }

    #[test]
    fn a_short_secret_shows_its_length_and_no_more() {
        let lengths: Vec<usize> = ["a", "short", "seven77", "twelve chars", "correct-horse-battery-staple"]
            .iter()
            .map(|value| token(value).len())
            .collect();
        assert_eq!(lengths, [20, 24, 26, 31, 31]);
        assert!(token("correct-horse-battery-staple").starts_with(PREFIX), "words are no form to keep");
    }

    #[test]
    fn what_is_minted_is_a_token_in_the_form_asked_for() {
        let sealer = Sealer { key: &KEY };
        for like in ["", "short", "rd_0123456789012345678901234", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"] {
            let (one, two) = (sealer.mint(1, like), sealer.mint(2, like));
            assert!(one != two && sealer.is_token(&one) && sealer.is_token(&two), "{one} {two}");
            assert_eq!(sealer.mint(1, like), one);
        }
        let said = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3IiwiaWF0IjoxNzAwMDAwMDAwfQ";
        let jwt = sealer.mint(1, &format!("{said}.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"));
        assert!(jwt.starts_with(said) && jwt.len() == said.len() + 44, "{jwt}");
    }
}
