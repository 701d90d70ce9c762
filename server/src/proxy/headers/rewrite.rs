//! Answers name addresses of upstream's in places that a client follows; there our own address has to stand.

use http::header::{self, HeaderMap, HeaderValue};
use http::uri::{Authority, Scheme, Uri};

use crate::config::{Fields, TargetUrl};

/// The address under which the client called us.
#[derive(Debug, Clone)]
pub struct Called {
    pub is_https: bool,
    /// `None`: an HTTP/1.0 client that did not say.
    pub host: Option<HeaderValue>,
}

/// Changes `Location` and `Set-Cookie` so that the client stays with us. Others are left as they are, and so is everything
/// that points elsewhere.
pub fn rewrite(headers: &mut HeaderMap, fields: &Fields, target: &TargetUrl, called: &Called) {
    if fields.rewrite_location
        && let Some(location) = headers.get_mut(header::LOCATION)
        && let Some(ours) = our_location(location, target, called)
    {
        *location = ours;
    }
    if fields.rewrite_cookies && headers.contains_key(header::SET_COOKIE) {
        for cookie in headers.iter_mut().filter(|(name, _)| *name == header::SET_COOKIE).map(|(_, value)| value) {
            if let Some(ours) = our_cookie(cookie, target, called) {
                *cookie = ours;
            }
        }
    }
}

/// `None`: stays as it is.
fn our_location(location: &HeaderValue, target: &TargetUrl, called: &Called) -> Option<HeaderValue> {
    let text = location.to_str().ok()?;
    let (authority, path) = split(text, target)?;
    let ours = match authority {
        None => String::new(),
        Some(authority) if is_upstream(&authority, target) => {
            let host = called.host.as_ref()?.to_str().ok()?;
            format!("{}://{host}", if called.is_https { "https" } else { "http" })
        }
        // An upstream that was given the client's `Host` builds its links from it.
        Some(authority)
            if called.host.as_ref().is_some_and(|host| host.as_bytes() == authority.1.as_str().as_bytes()) =>
        {
            format!("{}://{}", authority.0, authority.1)
        }
        Some(_) => return None,
    };
    let path = target.strip_base(path).unwrap_or(path);
    let slash = if path.starts_with('/') { "" } else { "/" };
    let ours = format!("{ours}{slash}{path}");
    (ours != text).then(|| HeaderValue::try_from(ours).ok()).flatten()
}

type Origin = (Scheme, Authority);

/// Scheme and authority, when there are any, and the rest. `None` for what is relative to the request's own path.
fn split<'a>(text: &'a str, target: &TargetUrl) -> Option<(Option<Origin>, &'a str)> {
    if text.starts_with('/') && !text.starts_with("//") {
        return Some((None, text));
    }
    let (scheme, rest) = text.split_once("//")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority: Authority = rest[..end].parse().ok()?;
    let scheme = match scheme.strip_suffix(':') {
        Some(scheme) => Uri::try_from(format!("{scheme}://a")).ok()?.scheme()?.clone(),
        None if scheme.is_empty() => target.scheme().clone(),
        None => return None,
    };
    Some((Some((scheme, authority)), &rest[end..]))
}

fn is_upstream((scheme, authority): &Origin, target: &TargetUrl) -> bool {
    let default_port = if *scheme == Scheme::HTTPS { 443 } else { 80 };
    let (host, port) = target.address();
    let named = authority.host().trim_start_matches('[').trim_end_matches(']');
    // Who gives a user name means to log in somewhere, and we must not invent where.
    !authority.as_str().contains('@')
        && named.eq_ignore_ascii_case(&host)
        && authority.port_u16().unwrap_or(default_port) == port
}

/// Leaves out a `Domain` that only upstream's own name satisfies, which makes the cookie ours alone, and takes the base path
/// off `Path`.
fn our_cookie(cookie: &HeaderValue, target: &TargetUrl, called: &Called) -> Option<HeaderValue> {
    let text = std::str::from_utf8(cookie.as_bytes()).ok()?;
    let mut changed = false;
    let mut kept: Vec<String> = Vec::new();
    for (i, part) in text.split(';').enumerate() {
        let (name, value) = part.split_once('=').map_or((part.trim(), ""), |(name, value)| (name.trim(), value.trim()));
        if i > 0 && name.eq_ignore_ascii_case("domain") && is_upstreams_domain(value, target, called) {
            changed = true;
        } else if i > 0
            && name.eq_ignore_ascii_case("path")
            && let Some(path) = target.strip_base(value)
        {
            changed = true;
            kept.push(format!(" {name}=/{}", path.trim_start_matches('/')));
        } else {
            kept.push(part.to_owned());
        }
    }
    changed.then(|| HeaderValue::try_from(kept.join(";")).ok()).flatten()
}

fn is_upstreams_domain(domain: &str, target: &TargetUrl, called: &Called) -> bool {
    let domain = domain.trim_start_matches('.');
    let host = called.host.as_ref().and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let client_is_inside = host.is_some_and(|host| is_inside(host.host(), domain));
    !domain.is_empty() && is_inside(&target.address().0, domain) && !client_is_inside
}

/// RFC 6265 §5.1.3.
fn is_inside(host: &str, domain: &str) -> bool {
    let (host, domain) = (host.to_ascii_lowercase(), domain.to_ascii_lowercase());
    host.strip_suffix(&domain).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(target: &str, name: &'static str, value: &str) -> String {
        let target = TargetUrl::parse(target).ok().unwrap();
        let called = Called { is_https: false, host: Some(HeaderValue::from_static("localhost:8000")) };
        let mut headers = HeaderMap::new();
        headers.append("x-first", HeaderValue::from_static("1"));
        headers.append(name, HeaderValue::from_str(value).unwrap());
        rewrite(&mut headers, &Fields::default(), &target, &called);
        headers[name].to_str().unwrap().to_owned()
    }

    #[test]
    fn a_location_at_upstream_becomes_ours() {
        let check = |target: &str, location: &str, expected: &str| {
            assert_eq!(rewritten(target, "location", location), expected, "{target} {location}");
        };
        let plain = "https://api.example.org";
        check(plain, "https://api.example.org/a?b#c", "http://localhost:8000/a?b#c");
        check(plain, "https://API.example.org:443/a", "http://localhost:8000/a");
        check(plain, "//api.example.org/a", "http://localhost:8000/a");
        check(plain, "https://api.example.org", "http://localhost:8000/");
        check(plain, "https://api.example.org?x=1", "http://localhost:8000/?x=1");
        for elsewhere in [
            "https://example.org/a",
            "https://api.example.org:8443/a",
            "http://api.example.org/a",
            "https://api.example.org.evil.test/a",
            "https://me@api.example.org/a",
            "/a",
            "a/b",
            "?x",
            "mailto:a@api.example.org",
            "",
        ] {
            check(plain, elsewhere, elsewhere);
        }
        check("http://[::1]:9/", "http://[::1]:9/a", "http://localhost:8000/a");
    }

    #[test]
    fn the_base_path_goes() {
        let check = |location: &str, expected: &str| {
            assert_eq!(rewritten("http://127.0.0.1:9/api/v1", "location", location), expected, "{location}");
        };
        check("/api/v1/users/1", "/users/1");
        check("/api/v1", "/");
        check("/api/v12/x", "/api/v12/x");
        check("http://127.0.0.1:9/api/v1/users?x=1", "http://localhost:8000/users?x=1");
        check("http://localhost:8000/api/v1/users", "http://localhost:8000/users");
        check("http://127.0.0.1:9/other", "http://localhost:8000/other");
    }

    #[test]
    fn a_cookie_for_upstreams_domain_becomes_ours() {
        let check = |target: &str, cookie: &str, expected: &str| {
            assert_eq!(rewritten(target, "set-cookie", cookie), expected);
        };
        let api = "https://api.example.org";
        check(api, "a=1; Domain=example.org; Path=/; HttpOnly", "a=1; Path=/; HttpOnly");
        check(api, "a=domain=x;domain=.API.example.org", "a=domain=x");
        check(api, "a=1; Domain=other.org", "a=1; Domain=other.org");
        check(api, "a=1; Domain=ple.org", "a=1; Domain=ple.org");
        check(api, "Domain=example.org", "Domain=example.org");
        check("http://localhost:9", "a=1; Domain=localhost", "a=1; Domain=localhost");
        check("http://localhost:9/api", "a=1; Path=/api/x; Secure", "a=1; Path=/x; Secure");
    }

    #[test]
    fn both_can_be_switched_off() {
        let target = TargetUrl::parse("http://127.0.0.1:9").ok().unwrap();
        let called = Called { is_https: true, host: Some(HeaderValue::from_static("a")) };
        let fields = Fields { rewrite_location: false, ..Fields::default() };
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, HeaderValue::from_static("http://127.0.0.1:9/x"));
        rewrite(&mut headers, &fields, &target, &called);
        assert_eq!(headers[header::LOCATION], "http://127.0.0.1:9/x");
        rewrite(&mut headers, &Fields::default(), &target, &called);
        assert_eq!(headers[header::LOCATION], "https://a/x");
    }
}
