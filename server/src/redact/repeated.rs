//! A credential that an exchange names in one place is looked for in all of its places.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use understudy_contract::{Exchange, Headers, Request};

use super::forms::is_telling;
use super::{Redactor, names, withhold};

/// Of one exchange; each of them costs a look through the bodies.
const MAX_REPEATED: usize = 32;

impl Redactor {
    /// Credentials that a request names as such, as they came.
    pub(super) fn known(&self, request: &Request, in_body: &[String]) -> Vec<String> {
        let mut known = self.known_of(&request.headers);
        let query = request.target.split_once('?').map_or("", |(_, query)| query);
        known.extend(
            form_urlencoded::parse(query.as_bytes())
                .filter(|(name, _)| self.is_secret(name))
                .map(|(_, value)| value.into_owned()),
        );
        known.extend_from_slice(in_body);
        known
    }

    pub(super) fn known_of(&self, headers: &Headers) -> Vec<String> {
        let mut known = Vec::new();
        for (name, value) in &headers.0 {
            let pair = |pair: &str| {
                let (name, value) = pair.split_once('=')?;
                names::is_session(name).then(|| value.trim().trim_matches('"').to_owned())
            };
            match name.as_str() {
                "authorization" | "proxy-authorization" => {
                    let credential = value.trim().rsplit(' ').next().unwrap_or_default();
                    let basic = BASE64_STANDARD.decode(credential).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                    let password = basic.as_deref().and_then(|pair| Some(pair.split_once(':')?.1));
                    // What holds a token was redacted already.
                    if password.is_none_or(|password| !self.is_token(password)) {
                        known.push(credential.to_owned());
                        known.extend(password.map(str::to_owned));
                    }
                }
                "cookie" => known.extend(value.split(';').filter_map(pair)),
                "set-cookie" => known.extend(value.split(';').next().and_then(pair)),
                _ if names::is_secret_header(name) || self.is_own(name) => known.push(value.trim().to_owned()),
                _ => {}
            }
        }
        known
    }

    /// What an exchange names as a credential in one place is one in all of its places: pages about errors repeat what they were sent.
    pub(super) fn repeated(&self, mut known: Vec<String>, exchange: &mut Exchange) {
        known.retain(|value| is_telling(value) && !self.is_token(value));
        known.sort_by_key(|value| std::cmp::Reverse(value.len()));
        known.dedup();
        known.truncate(MAX_REPEATED);
        for value in known {
            let token = self.token(&value);
            let hide = |text: &mut String| {
                if text.contains(&value) {
                    *text = text.replace(&value, &token);
                }
            };
            let Exchange { request, response, .. } = exchange;
            hide(&mut request.target);
            request.headers.0.iter_mut().chain(&mut response.headers.0).for_each(|(_, field)| hide(field));
            for body in [&mut request.body, &mut response.body] {
                if memchr::memmem::find(&body.bytes, value.as_bytes()).is_none() {
                    continue;
                }
                match std::str::from_utf8(&body.bytes) {
                    Ok(text) => body.bytes = Bytes::from(text.replace(&value, &token)),
                    Err(_) => withhold(body),
                }
            }
        }
    }
}
