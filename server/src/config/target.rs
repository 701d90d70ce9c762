//! The upstream's base URL, taken apart once.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Uri};

use super::Wrong;

/// An `http` or `https` URL with a host and perhaps a base path.
#[derive(Debug, Clone)]
pub struct TargetUrl {
    scheme: Scheme,
    authority: Authority,
    /// Empty, or with a slash in front and none at the end.
    base_path: String,
    host: HeaderValue,
    keeps_host: bool,
}

impl TargetUrl {
    /// As the configuration reads it; what is wrong is told as what was expected.
    pub fn read(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|wrong| wrong.expected)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Wrong> {
        const EXPECTED: &str = "an http or https URL such as http://localhost:8001";
        if let Some((before, host)) = text.split_once('@')
            && !before.contains('?')
        {
            let shown = format!("{}…@{host}", before.split_once("//").map_or("", |(scheme, _)| scheme));
            return Err(Wrong { shown: Some(shown), expected: format!("{EXPECTED}, without user name and password") });
        }
        let uri: Uri = text.parse().map_err(|_| Wrong::from(EXPECTED))?;
        let parts = uri.into_parts();
        let scheme = parts.scheme.filter(|s| *s == Scheme::HTTP || *s == Scheme::HTTPS).ok_or(EXPECTED)?;
        let authority = parts.authority.filter(has_host).ok_or(EXPECTED)?;
        let path = parts.path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/"));
        if path.query().is_some() || text.contains('#') {
            return Err(Wrong::from("a base URL without query and fragment, such as http://localhost:8001/api"));
        }
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| Wrong::from(EXPECTED))?;
        let keeps_host = is_near(authority.host());
        Ok(Self { scheme, base_path: path.path().trim_end_matches('/').to_owned(), host, keeps_host, authority })
    }

    /// An upstream in this process.
    #[must_use]
    pub fn local(address: SocketAddr) -> Self {
        let text = address.to_string();
        let authority = text.parse().expect("a socket address is an authority");
        let host = HeaderValue::from_str(&text).expect("a socket address is visible ASCII");
        Self { scheme: Scheme::HTTP, authority, base_path: String::new(), host, keeps_host: true }
    }

    /// Where a request for `path` goes. Without a base path nothing is copied.
    #[must_use]
    pub fn uri(&self, path: &PathAndQuery) -> Option<Uri> {
        let is_whole_server = path.as_str() == "*";
        let path = if self.base_path.is_empty() || is_whole_server {
            path.clone()
        } else {
            format!("{}{path}", self.base_path).parse().ok()?
        };
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).ok()
    }

    /// The upstream's own `Host`.
    #[must_use]
    pub fn host(&self) -> &HeaderValue {
        &self.host
    }

    /// The client's `Host` is passed on to an upstream on this machine or network, which builds links from it; a public one
    /// would not know the name.
    #[must_use]
    pub fn keeps_host(&self) -> bool {
        self.keeps_host
    }

    #[must_use]
    pub fn is_https(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    #[must_use]
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// What is left of a path of upstream's without the base path; `None` when it does not lie below it, or there is none.
    #[must_use]
    pub fn strip_base<'a>(&self, path: &'a str) -> Option<&'a str> {
        let rest = path.strip_prefix(&self.base_path).filter(|_| !self.base_path.is_empty())?;
        (rest.is_empty() || rest.starts_with(['/', '?', '#'])).then_some(rest)
    }

    /// Host and port to connect to.
    #[must_use]
    pub fn address(&self) -> (String, u16) {
        let host = self.authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        (host, self.authority.port_u16().unwrap_or(if self.is_https() { 443 } else { 80 }))
    }

    pub(crate) fn is_at(&self, address: SocketAddr) -> bool {
        let (host, port) = self.address();
        let ip = host.parse::<IpAddr>().ok();
        let loopback = host.eq_ignore_ascii_case("localhost") || ip.is_some_and(|ip| ip.is_loopback());
        let covered = address.ip().is_loopback() || address.ip().is_unspecified();
        port == address.port() && (ip == Some(address.ip()) || (loopback && covered))
    }
}

impl fmt::Display for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.base_path)
    }
}

fn has_host(authority: &Authority) -> bool {
    let host = authority.host();
    let port_is_fine = authority.as_str().len() == host.len() || authority.port_u16().is_some_and(|port| port != 0);
    !host.is_empty() && port_is_fine
}

/// On this machine or network, as far as the name tells: addresses by their range, names by having no dot or by a suffix
/// that is reserved for local use (RFC 6761, RFC 6762, RFC 8375).
fn is_near(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        Err(_) => {
            !host.contains('.')
                || [".localhost", ".local", ".internal", ".test", ".home.arpa"].iter().any(|s| host.ends_with(s))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> TargetUrl {
        TargetUrl::parse(text).map_err(|wrong| wrong.expected).expect(text)
    }

    #[test]
    fn malformed_ones_are_refused() {
        for text in [
            "",
            "localhost:8001",
            "ftp://x",
            "http://",
            "http://:80",
            "http:///x",
            "http://a b",
            "/x",
            "http://x:99999",
            "http://x/?a=1",
            "http://x#y",
        ] {
            assert!(TargetUrl::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_is_neither_taken_nor_shown() {
        let wrong = TargetUrl::parse("http://me:pass@host/").map(|_| ()).err();
        let shown = wrong.and_then(|wrong| wrong.shown).unwrap_or_default();
        assert!(shown.ends_with("…@host/") && !shown.contains("pass"), "{shown}");
    }

    #[test]
    fn a_base_path_goes_in_front() {
        let check = |base: &str, path: &'static str, expected: &str| {
            let uri = target(base).uri(&PathAndQuery::from_static(path));
            assert_eq!(uri.map(|uri| uri.to_string()).as_deref(), Some(expected));
        };
        check("http://h:1", "/a?b=%20", "http://h:1/a?b=%20");
        check("http://h:1/", "/a", "http://h:1/a");
        check("https://h/api/v1/", "/a?x", "https://h/api/v1/a?x");
    }

    #[test]
    fn the_host_is_kept_nearby() {
        let check = |text: &str, keeps: bool| assert_eq!(target(text).keeps_host(), keeps, "{text}");
        check("http://localhost:1", true);
        check("http://127.0.0.1:1", true);
        check("http://[::1]:1", true);
        check("http://10.1.2.3", true);
        check("http://backend:80", true);
        check("http://host.docker.internal:80", true);
        check("https://api.example.org", false);
        check("http://8.8.8.8", false);
    }
}
