//! Who may talk to the admin API: programs on this machine, and pages that come from it; with a token, whoever has it.
//!
//! Listening on loopback alone keeps nobody out, because any web page can send requests there. So the `Host` must be one of
//! ours (a name that was rebound to this machine is not), and whatever changes state must not come from another site.

mod guesses;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use self::guesses::Guesses;
use super::error::ApiError;
use crate::config::Config;
use crate::listen::From;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// Where a browser keeps the token. On one port it comes with calls of the API too, and is taken out of them.
pub const TOKEN_COOKIE: &str = "understudy_token";

/// What is posted and changes nothing.
const READS: [&str; 3] = ["/admin/fn/part", "/admin/chaos/preview", "/admin/redaction/try"];

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    /// No token is asked for: everything.
    Anyone,
    /// Look, and change nothing; nor take a whole project away, for its key lies within.
    Viewer,
    Operator,
}

/// Who sent a request that was let in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visitor {
    pub(super) role: Role,
    pub(super) from: Option<IpAddr>,
}

#[derive(Debug)]
pub(super) struct Guard {
    hosts: Vec<String>,
    operator: Option<Token>,
    viewer: Option<Token>,
    guesses: Guesses,
    is_https: bool,
}

/// Kept as a hash, so that comparing takes the same time wherever two tokens differ.
#[derive(Debug)]
struct Token(blake3::Hash);

impl Token {
    fn new(text: &str) -> Self {
        Self(blake3::hash(text.as_bytes()))
    }

    fn is(&self, given: blake3::Hash) -> bool {
        // Comparing `Hash`es takes constant time.
        self.0 == given
    }
}

impl Guard {
    pub(super) fn new(config: &Config, address: SocketAddr) -> Self {
        let own = [address.ip().to_string(), "localhost".into()];
        let hosts = own.into_iter().chain(config.admin_hosts.iter().cloned()).collect();
        let token = |text: &Option<String>| text.as_deref().map(Token::new);
        Self {
            hosts,
            operator: token(&config.admin_token),
            viewer: token(&config.admin_viewer_token),
            guesses: Guesses::default(),
            is_https: config.tls.is_some(),
        }
    }

    fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap, from: Option<IpAddr>) -> Result<Role, ApiError> {
        let host = host(uri, headers).unwrap_or_default();
        if !self.knows(&host) {
            return Err(ApiError::ForeignHost(host));
        }
        let is_upgrade = headers.contains_key(header::UPGRADE);
        // A link from another page may be followed; what that page fetches or embeds by itself it has no business with.
        let is_followed =
            method.is_safe() && !is_upgrade && headers.get(FETCH_DEST).is_none_or(|dest| dest == "document");
        if has_foreign_origin(&host, headers) || (!is_followed && is_foreign_site(headers)) {
            return Err(ApiError::ForeignOrigin);
        }
        if matches!(uri.path(), "/admin/healthz" | "/admin/readyz") && method.is_safe() {
            return Ok(Role::Viewer);
        }
        match self.role(credentials(headers), from)? {
            Role::Viewer if is_change(method, uri.path()) || takes_all(uri.path()) => Err(ApiError::ViewerOnly),
            role => Ok(role),
        }
    }

    /// Whose token is among the given ones. Whoever tries many has to wait before another one is looked at.
    fn role<'h>(&self, given: impl Iterator<Item = &'h str>, from: Option<IpAddr>) -> Result<Role, ApiError> {
        if self.operator.is_none() {
            return Ok(Role::Anyone);
        }
        let now = Instant::now();
        let mut any = false;
        for hash in given.map(|given| blake3::hash(given.as_bytes())) {
            if let Some(wait) = self.guesses.wait(from, now) {
                return Err(ApiError::TooManyGuesses(wait.max(Duration::from_secs(1))));
            }
            let is = |token: &Option<Token>| token.as_ref().is_some_and(|token| token.is(hash));
            if is(&self.operator) {
                return Ok(Role::Operator);
            }
            if is(&self.viewer) {
                return Ok(Role::Viewer);
            }
            any = true;
            self.guesses.note(from, hash, now);
        }
        Err(if any { ApiError::WrongToken } else { ApiError::NoToken })
    }

    /// An address cannot be rebound, so every one will do.
    fn knows(&self, host: &str) -> bool {
        let name = name_of(host).to_ascii_lowercase();
        name.parse::<IpAddr>().is_ok() || name.ends_with(".localhost") || self.hosts.contains(&name)
    }

    /// `?token=` in an address that a person opens: the token moves to a cookie and out of the address. A frame or an image of
    /// another page is nobody who opens it: what it tries is not even looked at.
    fn exchange_token(&self, req: &Request, from: Option<IpAddr>) -> Option<Result<Response, ApiError>> {
        let given = req.uri().query()?.split('&').find_map(|pair| pair.strip_prefix("token="))?;
        let is_opened = req.headers().get(FETCH_DEST).is_none_or(|dest| dest == "document");
        if req.method() != Method::GET || !is_opened {
            return None;
        }
        if let Err(error) = self.role(std::iter::once(given), from) {
            return Some(Err(error));
        }
        let secure = if self.is_https { "; Secure" } else { "" };
        let cookie = format!("{TOKEN_COOKIE}={given}; Path=/; HttpOnly; SameSite=Strict{secure}");
        // A path that began with two slashes would be another host.
        let location = HeaderValue::try_from(format!("/{}", req.uri().path().trim_start_matches('/'))).ok()?;
        let mut response = StatusCode::SEE_OTHER.into_response();
        response.headers_mut().insert(header::SET_COOKIE, HeaderValue::try_from(cookie).ok()?);
        response.headers_mut().insert(header::LOCATION, location);
        Some(Ok(response))
    }
}

/// Whether what is asked for changes something, by method and path alone.
pub(super) fn is_change(method: &Method, path: &str) -> bool {
    !method.is_safe() && !READS.contains(&path)
}

/// A project as a file holds the key of its tokens.
fn takes_all(path: &str) -> bool {
    path.strip_prefix("/admin/projects/").is_some_and(|rest| rest.ends_with("/export"))
}

pub(super) async fn check(State(guard): State<Arc<Guard>>, mut req: Request, next: Next) -> Response {
    let from = req.extensions().get::<From>().map(|From(address)| *address);
    let checked = guard.check(req.method(), req.uri(), req.headers(), from);
    let mut response = match checked {
        Ok(role) => {
            req.extensions_mut().insert(Visitor { role, from });
            next.run(req).await
        }
        Err(error @ (ApiError::NoToken | ApiError::WrongToken)) => {
            let exchanged = guard.exchange_token(&req, from).unwrap_or(Err(error));
            exchanged.unwrap_or_else(IntoResponse::into_response)
        }
        Err(error) => error.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    // An address with a token in it is told to nobody.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
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
fn is_foreign_site(headers: &HeaderMap) -> bool {
    headers.get(FETCH_SITE).is_some_and(|site| site != "same-origin" && site != "none")
}

fn has_foreign_origin(host: &str, headers: &HeaderMap) -> bool {
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
    const VIEWER: &str = "viewer-0123456789";

    fn guard(token: Option<&str>) -> Guard {
        Guard {
            hosts: vec!["localhost".into(), "deck.example".into()],
            operator: token.map(Token::new),
            viewer: token.map(|_| Token::new(VIEWER)),
            guesses: Guesses::default(),
            is_https: false,
        }
    }

    fn check(token: Option<&str>, method: Method, path: &str, fields: &[(&str, &str)]) -> Result<(), &'static str> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
        }
        let checked = guard(token).check(&method, &path.parse().unwrap(), &headers, None);
        checked.map(drop).map_err(|error| match error {
            ApiError::ForeignHost(_) => "host",
            ApiError::ForeignOrigin => "origin",
            ApiError::ViewerOnly => "role",
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
        let get = |fields: &[(&str, &str)]| {
            check(None, Method::GET, "/admin/status", &[&[("host", "localhost:8000")], fields].concat())
        };
        assert_eq!(get(&[("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "document")]), Ok(()), "a link");
        assert_eq!(get(&[("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "image")]), Err("origin"));
        assert_eq!(get(&[("origin", "http://evil.example")]), Err("origin"));
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

    #[test]
    fn a_viewer_looks_and_changes_nothing() {
        let ask = |method: Method, path: &str| {
            let bearer = format!("Bearer {VIEWER}");
            check(Some(TOKEN), method, path, &[("host", "localhost:8000"), ("authorization", &bearer)])
        };
        for path in ["/admin/status", "/admin/ws", "/", "/admin/traffic.har"] {
            assert_eq!(ask(Method::GET, path), Ok(()), "{path}");
        }
        assert_eq!(ask(Method::POST, "/admin/fn/part"), Ok(()), "a page is drawn");
        for (method, path) in [
            (Method::PUT, "/admin/mode"),
            (Method::POST, "/admin/fn/set-mode"),
            (Method::GET, "/admin/projects/shop/export"),
        ] {
            assert_eq!(ask(method, path), Err("role"), "{path}");
        }
    }

    #[test]
    fn who_guesses_has_to_wait_and_others_do_not() {
        let guard = guard(Some(TOKEN));
        let from = |last| Some(IpAddr::from([192, 0, 2, last]));
        for n in 0..20 {
            let guess = format!("guess-{n}");
            assert!(guard.role(std::iter::once(&*guess), from(1)).is_err());
        }
        let waits = |from| matches!(guard.role(std::iter::once(TOKEN), from), Err(ApiError::TooManyGuesses(_)));
        assert!(waits(from(1)), "even the right one is not looked at now");
        assert!(!waits(from(2)));
    }
}
