//! Who may talk to the admin API: programs on this machine, and pages that come from it; with a token, whoever has it.
//!
//! Listening on loopback alone keeps nobody out, because any web page can send requests there. So the `Host` must be one of
//! ours (a name that was rebound to this machine is not), and whatever changes state must not come from another site.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use crate::config::Config;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const TOKEN_COOKIE: &str = "understudy_token";

#[derive(Debug)]
pub(super) struct Guard {
    hosts: Vec<String>,
    token: Option<Token>,
}

/// Kept as a hash, so that comparing takes the same time wherever two tokens differ.
#[derive(Debug)]
struct Token(blake3::Hash);

impl Token {
    fn is(&self, given: &str) -> bool {
        // Comparing `Hash`es takes constant time.
        self.0 == blake3::hash(given.as_bytes())
    }
}

impl Guard {
    pub(super) fn new(config: &Config, address: SocketAddr) -> Self {
        let own = [address.ip().to_string(), "localhost".into()];
        let hosts = own.into_iter().chain(config.admin_hosts.iter().cloned()).collect();
        Self { hosts, token: config.admin_token.as_ref().map(|token| Token(blake3::hash(token.as_bytes()))) }
    }

    fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
        let host = host(uri, headers).unwrap_or_default();
        if !self.knows(&host) {
            return Err(ApiError::ForeignHost(host));
        }
        let is_upgrade = headers.contains_key(header::UPGRADE);
        if (!method.is_safe() || is_upgrade) && comes_from_elsewhere(&host, headers) {
            return Err(ApiError::ForeignOrigin);
        }
        let is_open = matches!(uri.path(), "/admin/healthz" | "/admin/readyz");
        match &self.token {
            Some(token) if !is_open && !credentials(headers).any(|given| token.is(given)) => Err(ApiError::NoToken),
            _ => Ok(()),
        }
    }

    /// An address cannot be rebound, so every one will do.
    fn knows(&self, host: &str) -> bool {
        let name = name_of(host).to_ascii_lowercase();
        name.parse::<IpAddr>().is_ok() || name.ends_with(".localhost") || self.hosts.contains(&name)
    }

    /// `?token=` in an address that a person opens: the token moves to a cookie and out of the address.
    fn exchange_token(&self, method: &Method, uri: &Uri) -> Option<Response> {
        let given = uri.query()?.split('&').find_map(|pair| pair.strip_prefix("token="))?;
        let known = self.token.as_ref().is_some_and(|token| token.is(given));
        if method != Method::GET || !known {
            return None;
        }
        let cookie = format!("{TOKEN_COOKIE}={given}; Path=/; HttpOnly; SameSite=Strict");
        let location = HeaderValue::try_from(uri.path()).ok()?;
        let mut response = StatusCode::SEE_OTHER.into_response();
        response.headers_mut().insert(header::SET_COOKIE, HeaderValue::try_from(cookie).ok()?);
        response.headers_mut().insert(header::LOCATION, location);
        Some(response)
    }
}

pub(super) async fn check(State(guard): State<Arc<Guard>>, req: Request, next: Next) -> Response {
    match guard.check(req.method(), req.uri(), req.headers()) {
        Ok(()) => next.run(req).await,
        Err(ApiError::NoToken) => {
            guard.exchange_token(req.method(), req.uri()).unwrap_or_else(|| ApiError::NoToken.into_response())
        }
        Err(error) => error.into_response(),
    }
}

/// With HTTP/2 the host stands in the target.
fn host(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let field = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    field.or_else(|| uri.authority().map(|authority| authority.as_str())).map(str::to_owned)
}

/// Without port and brackets.
fn name_of(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    host.split(':').next().unwrap_or(host)
}

/// Browsers say where a request comes from; other programs say nothing and are no danger of this kind.
fn comes_from_elsewhere(host: &str, headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get(FETCH_SITE)
        && site != "same-origin"
        && site != "none"
    {
        return true;
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let own = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    own.is_none_or(|authority| !authority.eq_ignore_ascii_case(host))
}

fn credentials(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let text = |name| headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION).filter_map(|value| value.strip_prefix("Bearer "));
    let cookies = text(header::COOKIE).flat_map(|value| value.split(';'));
    bearer.chain(cookies.filter_map(|pair| pair.trim().strip_prefix(TOKEN_COOKIE)?.strip_prefix('=')))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn check(token: Option<&str>, method: Method, path: &str, fields: &[(&str, &str)]) -> Result<(), &'static str> {
        let guard = Guard {
            hosts: vec!["localhost".into(), "deck.example".into()],
            token: token.map(|token| Token(blake3::hash(token.as_bytes()))),
        };
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
        }
        guard.check(&method, &path.parse().unwrap(), &headers).map_err(|error| match error {
            ApiError::ForeignHost(_) => "host",
            ApiError::ForeignOrigin => "origin",
            _ => "token",
        })
    }

    #[test]
    fn only_our_names_are_answered() {
        let host = |host: &str| check(None, Method::GET, "/admin/status", &[("host", host)]);
        for known in ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "deck.example", "a.localhost"] {
            assert_eq!(host(known), Ok(()), "{known}");
        }
        for foreign in ["evil.example", "localhost.evil.example:8000", ""] {
            assert_eq!(host(foreign), Err("host"), "{foreign}");
        }
    }

    #[test]
    fn other_sites_cannot_change_anything() {
        let put = |fields: &[(&str, &str)]| {
            let all = [&[("host", "localhost:8000")], fields].concat();
            check(None, Method::PUT, "/admin/mode", &all)
        };
        assert_eq!(put(&[]), Ok(()));
        assert_eq!(put(&[("origin", "http://localhost:8000"), ("sec-fetch-site", "same-origin")]), Ok(()));
        assert_eq!(put(&[("origin", "http://localhost:3000")]), Err("origin"));
        assert_eq!(put(&[("origin", "null")]), Err("origin"));
        assert_eq!(put(&[("sec-fetch-site", "same-site")]), Err("origin"));
        let ws = [("host", "localhost:8000"), ("upgrade", "websocket"), ("origin", "http://evil.example")];
        assert_eq!(check(None, Method::GET, "/admin/ws", &ws), Err("origin"));
    }

    #[test]
    fn a_token_is_asked_for_when_there_is_one() {
        let get = |path: &str, fields: &[(&str, &str)]| {
            let all = [&[("host", "localhost:8000")], fields].concat();
            check(Some(TOKEN), Method::GET, path, &all)
        };
        assert_eq!(get("/admin/status", &[]), Err("token"));
        assert_eq!(get("/admin/status", &[("authorization", "Bearer nearly")]), Err("token"));
        assert_eq!(get("/admin/status", &[("authorization", "Bearer 0123456789abcdef")]), Ok(()));
        assert_eq!(get("/admin/status", &[("cookie", "a=b; understudy_token=0123456789abcdef")]), Ok(()));
        assert_eq!(get("/admin/healthz", &[]), Ok(()));
    }
}
