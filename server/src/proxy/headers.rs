//! What happens to header fields on their way through: hop-by-hop fields go, forwarding fields come.

mod rewrite;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::Authority;
use http::{Method, Version};

pub use self::rewrite::{Called, rewrite};
use crate::config::{Fields, HostPolicy, TargetUrl};
use crate::control::TOKEN_COOKIE;

/// How we name ourselves in `Via` (RFC 9110 §7.6.3).
const VIA: HeaderValue = HeaderValue::from_static("1.1 understudy");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// Fields that we may add to a request; reserving for them avoids growing the map once it is full.
const ADDED_FIELDS: usize = 8;

/// What a connection tells about every request that comes over it.
#[derive(Debug)]
pub struct Peer {
    /// The client's address, as `X-Forwarded-For` has it.
    address: HeaderValue,
    pub is_https: bool,
    /// The element for `Forwarded`, for the first `Host` that came: seldom does a connection carry two.
    forwarded: OnceLock<(Option<HeaderValue>, HeaderValue)>,
    /// Set when the connection has to end with a reset, for a fault on purpose.
    reset: AtomicBool,
}

impl Peer {
    #[must_use]
    pub fn new(address: std::net::IpAddr, is_https: bool) -> Self {
        let address = address.to_canonical().to_string().parse().expect("an IP address is visible ASCII");
        Self { address, is_https, forwarded: OnceLock::new(), reset: AtomicBool::new(false) }
    }

    /// The client's address in words.
    #[must_use]
    pub fn address(&self) -> &str {
        self.address.to_str().unwrap_or_default()
    }

    /// From now on the end of the connection is a reset.
    pub fn end_with_reset(&self) {
        self.reset.store(true, Ordering::Relaxed);
    }

    #[must_use]
    pub fn ends_with_reset(&self) -> bool {
        self.reset.load(Ordering::Relaxed)
    }

    fn scheme(&self) -> &'static str {
        if self.is_https { "https" } else { "http" }
    }

    /// RFC 7239 §4.
    fn forwarded(&self, host: Option<&HeaderValue>) -> HeaderValue {
        let (known, element) = self.forwarded.get_or_init(|| (host.cloned(), self.forwarded_element(host)));
        if known.as_ref() == host { element.clone() } else { self.forwarded_element(host) }
    }

    fn forwarded_element(&self, host: Option<&HeaderValue>) -> HeaderValue {
        let address = self.address.to_str().unwrap_or("unknown");
        let client = if address.contains(':') { format!("\"[{address}]\"") } else { address.to_owned() };
        let host = host.and_then(|host| host.to_str().ok()).filter(|host| !host.contains(['"', '\\']));
        let host = host.map_or(String::new(), |host| format!(";host=\"{host}\""));
        let element = format!("for={client}{host};proto={}", self.scheme());
        element.try_into().unwrap_or(HeaderValue::from_static("for=unknown"))
    }
}

/// The end-to-end fields of a message, in their order and as often as they came (RFC 9110 §7.6.1). Used in both
/// directions. A new map is made because removing from a `HeaderMap` changes its order, and because the learner gets the
/// original.
#[must_use]
pub fn end_to_end(source: &HeaderMap) -> HeaderMap {
    let named = connection_tokens(source);
    let mut kept = HeaderMap::with_capacity(source.len() + ADDED_FIELDS);
    for (name, value) in source {
        if !is_hop_by_hop(name) && !named.iter().any(|token| token == name) {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}

fn is_hop_by_hop(name: &HeaderName) -> bool {
    *name == header::CONNECTION
        || *name == header::TRANSFER_ENCODING
        || *name == header::TE
        || *name == header::UPGRADE
        || *name == KEEP_ALIVE
        || *name == PROXY_CONNECTION
        || *name == HTTP2_SETTINGS
}

/// Fields that `Connection` declares to be for this hop. The usual `keep-alive` and `close` name no field and cost nothing.
fn connection_tokens(source: &HeaderMap) -> Vec<HeaderName> {
    let values = source.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let tokens = values.flat_map(|value| value.split(',')).map(str::trim);
    let fields =
        tokens.filter(|token| !token.eq_ignore_ascii_case("keep-alive") && !token.eq_ignore_ascii_case("close"));
    // Nobody may have the fields removed that say where a message ends or whom it is for.
    fields
        .filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok())
        .filter(|name| *name != header::CONTENT_LENGTH && *name != header::HOST)
        .collect()
}

/// The protocol that a request wants to switch to, when it is one that we pass on. Not `h2c`: switched behind our back it
/// would carry further requests past everything here.
#[must_use]
pub fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let protocol = headers.get(header::UPGRADE)?;
    let asked = connection_tokens(headers).contains(&header::UPGRADE);
    (asked && !protocol.as_bytes().to_ascii_lowercase().starts_with(b"h2c")).then(|| protocol.clone())
}

/// Marks a message as one that switches protocols.
pub fn set_upgrade(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, protocol);
}

/// How a request came in, as far as its fields do not say.
#[derive(Debug)]
pub struct Came<'a> {
    pub peer: &'a Peer,
    pub version: Version,
    pub method: &'a Method,
    /// The address that the client called.
    pub host: Option<&'a HeaderValue>,
    /// Upstream must not see the client's `Host`, whatever the policy.
    pub needs_own_name: bool,
}

/// The address that the client called. One in the target itself overrules the field (RFC 9112 §3.2.2, RFC 9113 §8.3.1).
#[must_use]
pub fn called_host(source: &HeaderMap, authority: Option<&Authority>) -> Option<HeaderValue> {
    match authority {
        // Nobody needs to know the user name that some put in front.
        Some(authority) => HeaderValue::from_str(authority.as_str().rsplit('@').next()?).ok(),
        None => source.get(header::HOST).cloned(),
    }
}

/// The fields that go upstream.
#[must_use]
pub fn for_upstream(source: &HeaderMap, target: &TargetUrl, fields: &Fields, came: &Came<'_>) -> HeaderMap {
    let mut headers = end_to_end(source);
    if came.version == Version::HTTP_2 {
        join_cookies(&mut headers);
    }
    keep_own_cookie(&mut headers);
    let keeps_host = keeps_host(fields, target) && !came.needs_own_name;
    let host = came.host.filter(|_| keeps_host).unwrap_or_else(|| target.host());
    headers.insert(header::HOST, host.clone());
    if wants_trailers(source) {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
    }
    // For these methods hyper would take a body of unknown length for none at all.
    let is_chunked = source.contains_key(header::TRANSFER_ENCODING);
    if is_chunked && matches!(*came.method, Method::GET | Method::HEAD) {
        headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    if fields.forwarded {
        add_forwarded(&mut headers, came);
    }
    if fields.via {
        headers.append(header::VIA, VIA);
    }
    headers
}

/// Whether upstream gets to see the client's `Host`.
#[must_use]
pub fn keeps_host(fields: &Fields, target: &TargetUrl) -> bool {
    match fields.host {
        HostPolicy::Auto => target.keeps_host(),
        HostPolicy::Keep => true,
        HostPolicy::Rewrite => false,
    }
}

/// What is there already tells of the hops before us and stays.
fn add_forwarded(headers: &mut HeaderMap, came: &Came<'_>) {
    headers.append(FORWARDED_FOR, came.peer.address.clone());
    if !headers.contains_key(&FORWARDED_PROTO) {
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static(came.peer.scheme()));
    }
    if let Some(host) = came.host
        && !headers.contains_key(&FORWARDED_HOST)
    {
        headers.insert(FORWARDED_HOST, host.clone());
    }
    headers.append(header::FORWARDED, came.peer.forwarded(came.host));
}

/// `TE` is for one hop, but who passes trailers on may ask for them (RFC 9110 §10.1.4).
fn wants_trailers(source: &HeaderMap) -> bool {
    let values = source.get_all(header::TE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
}

/// The fields that go downstream for an answer of upstream's.
#[must_use]
pub fn for_downstream(source: &HeaderMap, target: &TargetUrl, fields: &Fields, called: &Called) -> HeaderMap {
    let mut headers = end_to_end(source);
    if source.contains_key(header::TRANSFER_ENCODING) {
        // RFC 9112 §6.3: the length is not the body's, and must not be passed on.
        headers.remove(header::CONTENT_LENGTH);
    }
    rewrite(&mut headers, fields, target, called);
    if fields.via {
        headers.append(header::VIA, VIA);
    }
    headers
}

/// True when the body of an answer is what its fields say, for us who only know `chunked` (RFC 9112 §6.1) and pass on
/// one length.
#[must_use]
pub fn has_plain_framing(source: &HeaderMap) -> bool {
    let mut codings = source.get_all(header::TRANSFER_ENCODING).iter();
    let coding_is_fine = match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => false,
    };
    let mut lengths = source.get_all(header::CONTENT_LENGTH).iter();
    let length_is_fine = lengths.next().is_none_or(|length| length.as_bytes().iter().all(u8::is_ascii_digit));
    coding_is_fine && length_is_fine && lengths.next().is_none()
}

/// HTTP/2 may split `Cookie`; HTTP/1.1 wants one field (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(header::COOKIE).iter().nth(1).is_none() {
        return;
    }
    let parts: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&parts.join(&b"; "[..])) {
        headers.insert(header::COOKIE, joined);
    }
}

/// On one port a browser sends the dashboard's cookie to the API too, which must not learn the admin token.
fn keep_own_cookie(headers: &mut HeaderMap) {
    let is_own = |pair: &[u8]| {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
        name.trim_ascii() == TOKEN_COOKIE.as_bytes()
    };
    if !headers.get_all(header::COOKIE).iter().any(|cookie| cookie.as_bytes().split(|byte| *byte == b';').any(is_own)) {
        return;
    }
    let of_others = |cookie: &HeaderValue| {
        let pairs = cookie.as_bytes().split(|byte| *byte == b';').filter(|pair| !is_own(pair));
        let left = pairs.map(<[u8]>::trim_ascii).collect::<Vec<_>>().join(&b"; "[..]);
        HeaderValue::from_bytes(&left).ok().filter(|left| !left.is_empty())
    };
    let left: Vec<HeaderValue> = headers.get_all(header::COOKIE).iter().filter_map(of_others).collect();
    headers.remove(header::COOKIE);
    for cookie in left {
        headers.append(header::COOKIE, cookie);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_admin_token_stays_here() {
        let mut headers = map(&[("cookie", "a=1; understudy_token=s3cret;b=2"), ("cookie", "understudy_token=s3cret")]);
        keep_own_cookie(&mut headers);
        assert_eq!(list(&headers), [("cookie".into(), "a=1; b=2".into())]);
        let mut others = map(&[("cookie", "my_understudy_token=1;b=2")]);
        keep_own_cookie(&mut others);
        assert_eq!(list(&others), [("cookie".into(), "my_understudy_token=1;b=2".into())]);
    }

    fn map(fields: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn list(headers: &HeaderMap) -> Vec<(String, String)> {
        headers.iter().map(|(n, v)| (n.to_string(), v.to_str().unwrap().to_owned())).collect()
    }

    fn check(given: &[(&str, &str)], expected: &[(&str, &str)]) {
        assert_eq!(list(&end_to_end(&map(given))), list(&map(expected)));
    }

    #[test]
    fn hop_by_hop_fields_are_removed() {
        check(
            &[
                ("connection", "close, X-Mine"),
                ("keep-alive", "5"),
                ("te", "trailers"),
                ("transfer-encoding", "chunked"),
                ("upgrade", "x"),
                ("proxy-connection", "keep-alive"),
                ("x-mine", "1"),
                ("accept", "*/*"),
            ],
            &[("accept", "*/*")],
        );
    }

    #[test]
    fn order_and_multiplicity_stay() {
        let fields =
            [("x-b", "1"), ("accept", "a"), ("x-a", "2"), ("set-cookie", "a=1"), ("set-cookie", "b=2"), ("x-c", "")];
        check(&fields, &fields);
    }

    #[test]
    fn connection_cannot_take_the_framing_or_the_host_away() {
        let kept = [("content-length", "3"), ("host", "a")];
        check(&[("connection", "content-length, host"), kept[0], kept[1]], &kept);
    }

    fn forwarded(target: &str, fields: &Fields, given: &[(&str, &str)]) -> HeaderMap {
        let target = TargetUrl::parse(target).ok().unwrap();
        let peer = Peer::new("10.0.0.9".parse().unwrap(), false);
        let source = map(given);
        let host = called_host(&source, None);
        let came = Came {
            peer: &peer,
            version: Version::HTTP_11,
            method: &Method::GET,
            host: host.as_ref(),
            needs_own_name: false,
        };
        for_upstream(&source, &target, fields, &came)
    }

    #[test]
    fn host_is_kept_nearby_and_rewritten_far_away() {
        let check = |target: &str, policy: HostPolicy, host: &str| {
            let fields = Fields { host: policy, ..Fields::default() };
            let headers = forwarded(target, &fields, &[("host", "app:8000"), ("x-forwarded-for", "1.2.3.4")]);
            assert_eq!(headers[header::HOST], host);
            assert_eq!(headers["x-forwarded-host"], "app:8000");
            assert_eq!(headers["forwarded"], "for=10.0.0.9;host=\"app:8000\";proto=http");
            let chain: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
            assert_eq!(chain, ["1.2.3.4", "10.0.0.9"]);
        };
        check("http://127.0.0.1:9", HostPolicy::Auto, "app:8000");
        check("https://api.example.org", HostPolicy::Auto, "api.example.org");
        check("http://127.0.0.1:9", HostPolicy::Rewrite, "127.0.0.1:9");
        check("https://api.example.org", HostPolicy::Keep, "app:8000");
    }

    #[test]
    fn marks_can_be_left_out() {
        let fields = Fields { forwarded: false, via: false, ..Fields::default() };
        let given = [("host", "app"), ("accept", "*/*")];
        assert_eq!(list(&forwarded("http://127.0.0.1:9", &fields, &given)), list(&map(&given)));
    }

    #[test]
    fn the_address_in_the_target_overrules_the_field() {
        let source = map(&[("host", "a")]);
        assert_eq!(called_host(&source, Some(&Authority::from_static("me@b:1"))).unwrap(), "b:1");
        assert_eq!(called_host(&source, None).unwrap(), "a");
    }

    #[test]
    fn an_element_is_made_for_each_host() {
        let peer = Peer::new("::1".parse().unwrap(), true);
        let (a, b) = (HeaderValue::from_static("a"), HeaderValue::from_static("b"));
        assert_eq!(peer.forwarded(Some(&a)), "for=\"[::1]\";host=\"a\";proto=https");
        assert_eq!(peer.forwarded(Some(&b)), "for=\"[::1]\";host=\"b\";proto=https");
        assert_eq!(peer.forwarded(None), "for=\"[::1]\";proto=https");
    }

    #[test]
    fn trailers_are_asked_for_again() {
        let headers = forwarded("http://127.0.0.1:9", &Fields::default(), &[("te", "gzip, Trailers"), ("host", "a")]);
        assert_eq!(
            (&headers["te"], &headers["connection"]),
            (&HeaderValue::from_static("trailers"), &HeaderValue::from_static("te"))
        );
    }

    #[test]
    fn an_answer_has_one_framing() {
        let check =
            |given: &[(&str, &str)], plain: bool| assert_eq!(has_plain_framing(&map(given)), plain, "{given:?}");
        check(&[], true);
        check(&[("transfer-encoding", "Chunked"), ("content-length", "5")], true);
        check(&[("content-length", "5")], true);
        check(&[("content-length", "5"), ("content-length", "5")], false);
        check(&[("content-length", "5, 5")], false);
        check(&[("transfer-encoding", "gzip, chunked")], false);
        check(&[("transfer-encoding", "gzip"), ("transfer-encoding", "chunked")], false);
    }

    #[test]
    fn only_an_upgrade_that_is_asked_for_counts() {
        assert_eq!(upgrade(&map(&[("connection", "Upgrade"), ("upgrade", "websocket")])).unwrap(), "websocket");
        assert!(upgrade(&map(&[("upgrade", "websocket")])).is_none());
        assert!(upgrade(&map(&[("connection", "upgrade, http2-settings"), ("upgrade", "h2c")])).is_none());
    }

    #[test]
    fn split_cookies_are_joined() {
        let mut headers = map(&[("cookie", "a=1"), ("cookie", "b=2")]);
        join_cookies(&mut headers);
        assert_eq!(list(&headers), [("cookie".into(), "a=1; b=2".into())]);
    }
}
