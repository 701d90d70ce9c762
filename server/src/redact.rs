//! Takes credentials out of what is stored, shown or handed to the twin.
//!
//! A value is replaced by a keyed token, the same value always by the same one, so that "the token that the login gave"
//! can still be recognised in a later header although nobody can tell what it was. A token is left alone when it comes by
//! again: redacting twice changes nothing.

mod forms;
mod json;
mod names;
mod plugins;
mod repeated;
mod token;
mod words;

use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use arc_swap::ArcSwap;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use understudy_contract::{Body, Exchange, Headers, Request};
use understudy_plugin_host::redactor::Side;
use understudy_plugin_host::{Hook, PluginHost, PluginSet};

pub use names::is_secret_name;

use forms::{is_json, is_opaque, looks_like_credential};
use plugins::Look;
use token::Sealer;

/// Shorter texts hold nothing but themselves.
const SHORTEST_INSIDE: usize = 8;

/// What a value in a query is written with when it was changed: tokens look as they do elsewhere.
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Key of the names that people added, in the project file.
pub const SETTING: &str = "redaction";

/// Knows a project's key. Without the key tokens tell nothing, not even to someone who guesses at short passwords.
#[derive(Clone)]
pub struct Redactor {
    key: [u8; 32],
    /// What they find is not kept, either.
    plugins: Option<Arc<PluginHost>>,
    /// What stands under the names that people added is not kept, either.
    own: Arc<ArcSwap<OwnNames>>,
}

/// Names as people wrote them, and folded.
#[derive(Debug, Default)]
struct OwnNames {
    written: Vec<String>,
    folded: Vec<String>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor")
    }
}

impl Redactor {
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self { key, plugins: None, own: Arc::default() }
    }

    #[must_use]
    pub fn with_plugins(self, plugins: &Arc<PluginHost>) -> Self {
        Self { plugins: Some(Arc::clone(plugins)), ..self }
    }

    /// From now on what stands under these names of members, parameters and header fields goes, too.
    pub fn set_names(&self, written: Vec<String>) {
        let folded = written.iter().map(|name| names::fold(name)).collect();
        self.own.store(Arc::new(OwnNames { written, folded }));
    }

    /// Those that people added.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.own.load().written.clone()
    }

    fn is_own(&self, name: &str) -> bool {
        let own = self.own.load();
        !own.folded.is_empty() && own.folded.contains(&names::fold(name))
    }

    /// A JSON member, a query parameter or a form field whose value is not kept.
    #[must_use]
    pub fn is_secret(&self, name: &str) -> bool {
        is_secret_name(name) || self.is_own(name)
    }

    /// JSON text, however whole it is; `None` when there is nothing to take out.
    fn json(&self, text: &[u8], token: &dyn Fn(&str) -> String) -> Option<Vec<u8>> {
        let inside = |value: &str| self.inside(value);
        let rules = json::Rules {
            is_secret: &|name| self.is_secret(name),
            is_digits: &|name| names::is_secret_number(name) || self.is_own(name),
            token,
            // So few digits have no room for a check; what is the same for all tells nothing, and stays the same.
            digits: &|digits| "1".repeat(digits.len()),
            inside: self.may_hold(text).then_some(&inside),
        };
        json::redact(text, &rules)
    }

    /// Whether a text may hold a credential in it.
    fn may_hold(&self, text: &[u8]) -> bool {
        !self.own.load().folded.is_empty() || words::may_hold(text)
    }

    /// A string that stands under no secret name: a credential by its form, JSON in base64, or text with something in it.
    fn inside(&self, value: &str) -> Option<String> {
        if value.len() < SHORTEST_INSIDE {
            return None;
        }
        if looks_like_credential(value) {
            return Some(self.token(value));
        }
        self.base64(value).or_else(|| self.words(value))
    }

    fn words(&self, text: &str) -> Option<String> {
        if !self.may_hold(text.as_bytes()) {
            return None;
        }
        words::redact(text, &|name| self.is_secret(name), &|value| self.token(value))
    }

    /// JSON in base64, with or without padding, in either alphabet (RFC 4648 §4, §5).
    fn base64(&self, value: &str) -> Option<String> {
        const BEGINNINGS: [&str; 6] = ["eyJ", "eyAi", "ewo", "W3si", "WyJ", "Wwo"];
        if !BEGINNINGS.iter().any(|beginning| value.starts_with(beginning)) {
            return None;
        }
        [&BASE64_STANDARD, &BASE64_STANDARD_NO_PAD, &BASE64_URL_SAFE, &BASE64_URL_SAFE_NO_PAD].into_iter().find_map(
            |engine| {
                let redacted = self.json(&engine.decode(value).ok()?, &|own| self.token(own))?;
                Some(engine.encode(redacted))
            },
        )
    }

    /// Reads the key file beside a project, or makes one that only its owner can read.
    pub fn open(path: &Path) -> io::Result<Self> {
        match fs::read(path) {
            Ok(bytes) => {
                let key = bytes.try_into().map_err(|_| io::Error::other("the key file does not hold 32 bytes"))?;
                Ok(Self::new(key))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(path),
            Err(error) => Err(error),
        }
    }

    fn create(path: &Path) -> io::Result<Self> {
        use std::io::Write;
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        file.write_all(&key)?;
        file.sync_all()?;
        Ok(Self::new(key))
    }

    /// The token of a value; of a token it is that token. Empty values hide nothing.
    #[must_use]
    pub fn token(&self, value: &str) -> String {
        self.sealer().token(value, &|claims| self.json(claims, &|own| self.token(own)))
    }

    /// A new credential for the twin to give out, in the form of one that the API gave: a token from the start.
    #[must_use]
    pub fn mint(&self, nonce: u64, like: &str) -> String {
        self.sealer().mint(nonce, like)
    }

    fn is_token(&self, value: &str) -> bool {
        self.sealer().is_token(value)
    }

    fn sealer(&self) -> Sealer<'_> {
        Sealer { key: &self.key }
    }

    /// Whether a token stands somewhere in a text, such as behind `Bearer`.
    #[must_use]
    pub fn holds_token(&self, text: &str) -> bool {
        let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ';' | '&' | '<' | '>');
        text.split(ends).any(|word| {
            // A token may hold a slash or an equals sign itself.
            self.is_token(word) || word.split(['/', '=', '?']).any(|part| self.is_token(part))
        })
    }

    /// Letters for letters, digits for digits: another one for each `draw`.
    fn same_shape(&self, value: &str, draw: u32) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(b"shape").update(&draw.to_le_bytes()).update(value.as_bytes());
        let mut stream = hasher.finalize_xof();
        let mut next = |first: u8, size: u8| {
            let mut byte = [0];
            stream.fill(&mut byte);
            char::from(first + byte[0] % size)
        };
        let mut shaped = value.chars().map(|c| match c {
            '0'..='9' => next(b'0', 10),
            'a'..='z' => next(b'a', 26),
            'A'..='Z' => next(b'A', 26),
            other => other,
        });
        // A number that began with another digit than 0 must not begin with it now.
        let first = match (value.chars().next(), shaped.next()) {
            (Some('1'..='9'), Some('0')) => Some('1'),
            (_, first) => first,
        };
        first.into_iter().chain(shaped.collect::<Vec<_>>()).collect()
    }

    pub fn exchange(&self, exchange: &mut Exchange) {
        // `"password": ["can't be blank"]` in a refusal is what a person is told, and no secret unless it repeats one.
        let refused = exchange.response.status >= 400;
        let sent = if refused { self.secrets_of(&exchange.request.body) } else { Vec::new() };
        let mut known = self.known(&exchange.request, &sent);
        known.extend(self.known_of(&exchange.response.headers));
        self.own_request(&mut exchange.request);
        self.headers(&mut exchange.response.headers);
        self.body(&exchange.response.headers, &mut exchange.response.body, &|value| {
            refused && is_prose(value) && !sent.iter().any(|secret| value.contains(secret.as_str()))
        });
        self.repeated(known, exchange);
        if let Some(plugins) = self.asked_plugins() {
            let Exchange { request, response, .. } = exchange;
            let (method, path) = (request.method.clone(), request.path().to_owned());
            let look = Look { redactor: self, plugins: &plugins, method: &method, path: &path, side: Side::Response };
            if look.body(&mut response.body).is_err() {
                withhold(&mut response.body);
            }
            self.ask_about_request(&plugins, request);
        }
    }

    /// A message that has no media type: JSON, also behind a prefix such as that of Socket.IO, or words.
    #[must_use]
    pub fn text(&self, text: String) -> String {
        let start = text.find(['{', '[']).unwrap_or(text.len());
        let (before, json) = text.split_at(start);
        match self.json(json.as_bytes(), &|value| self.token(value)) {
            Some(redacted) => format!("{before}{}", String::from_utf8_lossy(&redacted)),
            // Nothing in it had to go, and its quotes and brackets are no text.
            None if serde_json::from_str::<serde::de::IgnoredAny>(json).is_ok() => match self.words(before) {
                Some(before) => format!("{before}{json}"),
                None => text,
            },
            None => self.words(&text).unwrap_or_else(|| self.if_credential(&text)),
        }
    }

    pub fn request(&self, request: &mut Request) {
        self.own_request(request);
        if let Some(plugins) = self.asked_plugins() {
            self.ask_about_request(&plugins, request);
        }
    }

    /// A path without query, for whoever writes down where somebody was.
    #[must_use]
    pub fn path(&self, path: &str) -> String {
        self.target(path).unwrap_or_else(|| path.to_owned())
    }

    fn own_request(&self, request: &mut Request) {
        if let Some(target) = self.target(&request.target) {
            request.target = target;
        }
        self.headers(&mut request.headers);
        self.body(&request.headers, &mut request.body, &|_| false);
    }

    fn asked_plugins(&self) -> Option<Arc<PluginSet>> {
        self.plugins.as_ref().map(|plugins| plugins.current()).filter(|plugins| plugins.has(Hook::Redactor))
    }

    /// When a plugin cannot be asked nobody knows what is in the body, so it is not kept.
    fn ask_about_request(&self, plugins: &PluginSet, request: &mut Request) {
        let path = request.path().to_owned();
        let method = request.method.clone();
        let look = Look { redactor: self, plugins, method: &method, path: &path, side: Side::Request };
        if let Ok(Some(target)) = look.target(&request.target) {
            request.target = target;
        }
        if look.body(&mut request.body).is_err() {
            withhold(&mut request.body);
        }
    }

    /// `None` when there is nothing to take out.
    fn target(&self, target: &str) -> Option<String> {
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let path = self.segments(path);
        let redacted = match query {
            Some(query) => format!("{path}?{}", self.pairs(query)),
            None => path,
        };
        (redacted != target).then_some(redacted)
    }

    fn segments(&self, path: &str) -> String {
        let mut before = "";
        let segments = path.split('/').map(|segment| {
            let announced = names::announces_credential(std::mem::replace(&mut before, segment)) && is_opaque(segment);
            if announced { self.token(segment) } else { self.if_credential(segment) }
        });
        segments.collect::<Vec<_>>().join("/")
    }

    /// `name=value` pairs of a query or a form. The pairs that stay keep their spelling.
    fn pairs(&self, text: &str) -> String {
        // RFC 6749 §4.1: a code in a conversation about access is a credential; elsewhere it is a country or an error.
        let is_grant = text.split('&').any(|pair| pair.starts_with("grant_type=") || pair.starts_with("state="));
        let redact = |pair: &str| {
            let Some((name, value)) = pair.split_once('=') else { return pair.to_owned() };
            let decoded_name = decode(name);
            let decoded = decode(value);
            let is_code = is_grant && matches!(&*decoded_name, "code" | "assertion");
            if is_code || self.is_secret(&decoded_name) || names::is_secret_in_address(&decoded_name) {
                return format!("{name}={}", self.token(&decoded));
            }
            match self.inside(&decoded) {
                Some(redacted) => format!("{name}={}", utf8_percent_encode(&redacted, IN_QUERY)),
                None => pair.to_owned(),
            }
        };
        text.split('&').map(redact).collect::<Vec<_>>().join("&")
    }

    fn headers(&self, headers: &mut Headers) {
        for (name, value) in &mut headers.0 {
            *value = match name.as_str() {
                "authorization" | "proxy-authorization" => self.authorization(value),
                "cookie" => value.split(';').map(|pair| self.cookie(pair)).collect::<Vec<_>>().join(";"),
                "set-cookie" => match value.split_once(';') {
                    Some((pair, attributes)) => format!("{};{attributes}", self.cookie(pair)),
                    None => self.cookie(value),
                },
                "location" | "content-location" | "referer" => match self.url(value) {
                    Some(redacted) => redacted,
                    None => continue,
                },
                _ if names::is_secret_header(name) || self.is_own(name) => self.token(value.trim()),
                "sec-websocket-protocol" => self.protocols(value),
                _ => match self.inside(value.trim()) {
                    Some(redacted) => redacted,
                    None => continue,
                },
            };
        }
    }

    /// The scheme word stays, so that the twin knows the dialect.
    /// Of `Basic` (RFC 7617 §2) the user's name stays, too: the password is the secret, and its token is the one that the
    /// same password has in a body.
    fn authorization(&self, value: &str) -> String {
        match value.trim().split_once(' ') {
            Some((scheme, credential)) if scheme.eq_ignore_ascii_case("basic") => {
                format!("{scheme} {}", self.basic(credential.trim()))
            }
            Some((scheme, credential)) => format!("{scheme} {}", self.token(credential.trim())),
            None => self.token(value.trim()),
        }
    }

    fn basic(&self, credential: &str) -> String {
        let pair = BASE64_STANDARD.decode(credential).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        match pair.as_deref().and_then(|pair| pair.split_once(':')) {
            // Without a password the name is an API key.
            Some((user, password)) if !password.is_empty() => {
                BASE64_STANDARD.encode(format!("{user}:{}", self.token(password)))
            }
            _ => self.token(credential),
        }
    }

    fn cookie(&self, pair: &str) -> String {
        match pair.split_once('=') {
            Some((name, value)) => format!("{name}={}", self.token(value.trim().trim_matches('"'))),
            None => pair.to_owned(),
        }
    }

    /// Browsers have no other field for a token where they open a WebSocket.
    fn protocols(&self, value: &str) -> String {
        let protocol = |own: &str| if is_opaque(own.trim()) { self.token(own.trim()) } else { own.trim().to_owned() };
        value.split(',').map(protocol).collect::<Vec<_>>().join(", ")
    }

    /// An address: its user, its path, its query, and its fragment, which may hold what a login gave (RFC 6749 §4.2.2).
    fn url(&self, value: &str) -> Option<String> {
        let (rest, fragment) = value.split_once('#').map_or((value, None), |(rest, fragment)| (rest, Some(fragment)));
        let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
        let mut redacted = self.segments(path);
        if let Some((scheme, after)) = redacted.split_once("://")
            && let Some((user, host)) = after.split_once('/').map_or(after, |(authority, _)| authority).rsplit_once('@')
        {
            let hidden = match user.split_once(':') {
                Some((name, password)) if self.is_token(password) => format!("{name}:{password}"),
                Some((name, password)) => format!("{name}:{}", self.token(&decode(password))),
                None => self.token(user),
            };
            redacted = format!("{scheme}://{hidden}@{host}{}", &after[user.len() + 1 + host.len()..]);
        }
        for (mark, pairs) in [('?', query), ('#', fragment)] {
            if let Some(pairs) = pairs {
                redacted.push(mark);
                redacted.push_str(&self.pairs(pairs));
            }
        }
        (redacted != value).then_some(redacted)
    }

    fn if_credential(&self, text: &str) -> String {
        if looks_like_credential(text) { self.token(text) } else { text.to_owned() }
    }

    /// Bodies of a kind that cannot be looked into are not kept when a person may have typed a secret into them.
    /// `harmless` values stay although their name is a secret's.
    fn body(&self, headers: &Headers, body: &mut Body, harmless: &dyn Fn(&str) -> bool) {
        if body.bytes.is_empty() {
            return;
        }
        let media_type = headers.get("content-type").map(|_| headers.media_type().unwrap_or_default());
        let redacted = match media_type.as_deref() {
            Some("application/x-www-form-urlencoded") => {
                std::str::from_utf8(&body.bytes).ok().map(|form| self.pairs(form).into_bytes())
            }
            Some(form) if form.starts_with("multipart/") => {
                *body = Body { bytes: Bytes::new(), truncated: true };
                return;
            }
            // Many clients send JSON without saying so.
            _ if is_json(&body.bytes) => {
                let token = |value: &str| if harmless(value) { value.to_owned() } else { self.token(value) };
                self.json(&body.bytes, &token)
            }
            // What is no text nobody looks into.
            _ => std::str::from_utf8(&body.bytes).ok().and_then(|text| self.words(text)).map(String::into_bytes),
        };
        if let Some(redacted) = redacted {
            body.bytes = Bytes::from(redacted);
        }
    }

    /// The secrets that a request body names, as they came.
    fn secrets_of(&self, body: &Body) -> Vec<String> {
        let found = std::cell::RefCell::new(Vec::new());
        let note = |value: &str| {
            found.borrow_mut().push(value.to_owned());
            value.to_owned()
        };
        self.json(&body.bytes, &note);
        let pairs =
            form_urlencoded::parse(&body.bytes).filter(|(name, value)| self.is_secret(name) && !value.is_empty());
        found.borrow_mut().extend(pairs.map(|(_, value)| value.into_owned()));
        found.into_inner()
    }
}

fn withhold(body: &mut Body) {
    *body = Body { bytes: Bytes::new(), truncated: true };
}

/// A sentence, or a code such as `too_short`.
fn is_prose(value: &str) -> bool {
    value.contains(' ') || value.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor() -> Redactor {
        Redactor::new([7; 32])
    }

    fn request(target: &str, headers: &[(&str, &str)], body: &str) -> Request {
        let headers = Headers(headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect());
        let body = Body { bytes: Bytes::copy_from_slice(body.as_bytes()), truncated: false };
        Request { method: "POST".into(), target: target.into(), headers, body }
    }

    fn text(body: &Body) -> &str {
        std::str::from_utf8(&body.bytes).unwrap()
    }

    #[test]
    fn a_message_is_redacted_where_it_is_json() {
        let redactor = redactor();
        let secret = redactor.token("pw");
        let check = |text: &str, expected: &str| assert_eq!(redactor.text(text.to_owned()), expected);
        check("{\"password\":\"pw\",\"a\":1}", &format!("{{\"password\":\"{secret}\",\"a\":1}}"));
        check("42[\"in\",{\"password\":\"pw\"}]", &format!("42[\"in\",{{\"password\":\"{secret}\"}}]"));
        check("hello {you}", "hello {you}");
        let again = redactor.text("{\"token\":[\"pw\"],\"pin\":1234}".into());
        check(&again, &again);
    }

    #[test]
    fn people_name_what_else_goes() {
        let r = redactor();
        r.set_names(vec!["Tax-ID".into()]);
        let mut sent = request("/?tax_id=9&page=2", &[("tax-id", "9"), ("accept", "*/*")], r#"{"taxId":"9","id":"9"}"#);
        r.request(&mut sent);
        let token = r.token("9");
        assert_eq!(sent.target, format!("/?tax_id={token}&page=2"));
        assert_eq!((sent.headers.get("tax-id"), sent.headers.get("accept")), (Some(token.as_str()), Some("*/*")));
        assert_eq!(text(&sent.body), format!(r#"{{"taxId":"{token}","id":"9"}}"#));
        r.set_names(Vec::new());
        assert!(!r.is_secret("taxId"));
    }

    #[test]
    fn a_token_is_left_alone() {
        let r = redactor();
        let token = r.token("hunter2");
        assert_eq!(r.token(&token), token);
        assert_eq!(r.token("hunter2"), token);
        assert_ne!(r.token("hunter3"), token);
        assert_eq!(r.token(&r.mint(1, "")), r.mint(1, ""));
        assert_ne!(r.mint(1, ""), r.mint(2, ""));
    }

    #[test]
    fn nobody_makes_a_token_without_the_key() {
        let r = redactor();
        let other = Redactor::new([8; 32]).token("hunter2");
        assert_ne!(r.token(&other), other, "a token of another project is a value like any other");
        let forged = format!("rd_{}", "a".repeat(24));
        assert_ne!(r.token(&forged), forged);
    }

    #[test]
    fn what_the_login_gave_is_recognised_in_the_header() {
        let r = redactor();
        let mut body = request("/login", &[], r#"{"user": {"token" : "abc.def", "password":"x\"y", "name":"token"}}"#);
        let mut header = request("/me", &[("authorization", "Token abc.def")], "");
        r.request(&mut body);
        r.request(&mut header);
        let token = r.token("abc.def");
        assert_eq!(header.headers.0[0].1, format!("Token {token}"));
        assert_eq!(
            text(&body.body),
            format!(r#"{{"user": {{"token" : "{token}", "password":"{}", "name":"token"}}}}"#, r.token("x\"y"))
        );
    }

    #[test]
    fn of_basic_only_the_password_goes() {
        let redactor = redactor();
        let basic = |pair: &str| format!("Basic {}", BASE64_STANDARD.encode(pair));
        let header = basic("amber:tulip-9");
        let mut sent = request("/", &[("authorization", &header)], r#"{"password":"tulip-9"}"#);
        redactor.request(&mut sent);
        let token = redactor.token("tulip-9");
        assert_eq!(sent.headers.get("authorization"), Some(basic(&format!("amber:{token}")).as_str()));
        assert_eq!(text(&sent.body), format!(r#"{{"password":"{token}"}}"#));
    }

    #[test]
    fn redacting_twice_changes_nothing() {
        let r = redactor();
        let jwt = format!("eyJ{}.{}.{}", "a".repeat(20), "b".repeat(20), "c".repeat(20));
        let mut once = request(
            &format!("/reset/{jwt}?api_key=k%20y&page=2&x=1"),
            &[
                ("cookie", "a=1; sid=\"s3cret\""),
                ("x-api-key", "k y"),
                ("authorization", "Basic dTpw"),
                ("accept", "*/*"),
            ],
            r#"{"password":"p","tokens":["a","b"],"n":{"refreshToken":"r"}}"#,
        );
        r.request(&mut once);
        let mut twice = once.clone();
        r.request(&mut twice);
        assert_eq!(once, twice);
        assert_eq!(once.target, format!("/reset/{}?api_key={}&page=2&x=1", r.token(&jwt), r.token("k y")));
        assert_eq!(once.headers.get("x-api-key"), Some(r.token("k y").as_str()));
        assert_eq!(once.headers.get("accept"), Some("*/*"));
        for secret in ["s3cret", "k%20y", "dTpw", "\"p\"", "\"r\"", "eyJ"] {
            assert!(!format!("{once:?} {}", text(&once.body)).contains(secret), "{secret} is still there");
        }
    }

    #[test]
    fn cookies_keep_their_names_and_attributes() {
        let r = redactor();
        let mut headers = Headers(vec![
            ("set-cookie".into(), "sid=abc; Path=/; HttpOnly".into()),
            ("cookie".into(), "sid=abc; b=2".into()),
        ]);
        r.headers(&mut headers);
        assert_eq!(headers.0[0].1, format!("sid={}; Path=/; HttpOnly", r.token("abc")));
        assert_eq!(headers.0[1].1, format!("sid={}; b={}", r.token("abc"), r.token("2")));
    }

    #[test]
    fn forms_are_redacted_and_uploads_are_not_kept() {
        let r = redactor();
        let mut form = request("/", &[("content-type", "application/x-www-form-urlencoded")], "user=a&password=p+q");
        r.request(&mut form);
        assert_eq!(text(&form.body), format!("user=a&password={}", r.token("p q")));
        let mut upload = request("/", &[("content-type", "multipart/form-data; boundary=x")], "--x\r\n\r\nsecret");
        r.request(&mut upload);
        assert_eq!(upload.body, Body { bytes: Bytes::new(), truncated: true });
    }

    #[test]
    fn the_key_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p.key");
        let first = Redactor::open(&path).unwrap();
        assert_eq!(Redactor::open(&path).unwrap().token("a"), first.token("a"));
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&fs::metadata(&path).unwrap()) & 0o777, 0o600);
        fs::write(&path, "short").unwrap();
        assert!(Redactor::open(&path).is_err());
    }

    #[test]
    fn what_a_refusal_says_of_a_secret_stays_unless_it_repeats_it() {
        let check = |sent: &str, said: &str, stays: bool| {
            let mut exchange = Exchange {
                id: 1,
                received_at_ms: 0,
                latency_us: 0,
                request: Request {
                    method: "POST".into(),
                    target: "/users".into(),
                    headers: Headers::default(),
                    body: Body { bytes: Bytes::from(sent.to_owned()), truncated: false },
                },
                response: understudy_contract::Response {
                    status: 422,
                    headers: Headers::default(),
                    body: Body { bytes: Bytes::from(said.to_owned()), truncated: false },
                },
            };
            redactor().exchange(&mut exchange);
            assert_eq!(exchange.response.body.bytes == said.as_bytes(), stays, "{sent} -> {said}");
        };
        check(r#"{"name":"a"}"#, r#"{"errors":{"password":["can't be blank"]}}"#, true);
        check(r#"{"password":"x"}"#, r#"{"errors":{"password":"too_short"}}"#, true);
        check(r#"{"password":"correct horse"}"#, r#"{"errors":{"password":"correct horse is too weak"}}"#, false);
        check(r#"{"password":"hunter"}"#, r#"{"password":"hunter"}"#, false);
        check(r#"{}"#, r#"{"token":"Qm9vIQ"}"#, false);
    }
}
