//! What happens to header fields on their way through: hop-by-hop fields go, forwarding fields come.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Version, uri::Authority};

use crate::config::TargetUrl;

/// How we name ourselves in `Via` (RFC 9110 §7.6.3).
const VIA: HeaderValue = HeaderValue::from_static("1.1 understudy");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Fields that we may add to a request; reserving for them avoids growing the map once it is full.
const ADDED_FIELDS: usize = 6;

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

/// The fields that go upstream for a request that came from `peer`.
#[must_use]
pub fn for_upstream(
    source: &HeaderMap,
    target: &TargetUrl,
    peer: &HeaderValue,
    version: Version,
    authority: Option<&Authority>,
) -> HeaderMap {
    let mut headers = end_to_end(source);
    if version == Version::HTTP_2 {
        join_cookies(&mut headers);
    }
    // With HTTP/2 the host stands in the request's target.
    let asked = source.get(header::HOST).cloned();
    let asked = asked.or_else(|| HeaderValue::from_str(authority?.as_str()).ok());
    match &asked {
        Some(host) if target.keeps_host() => drop(headers.insert(header::HOST, host.clone())),
        _ => drop(headers.insert(header::HOST, target.host().clone())),
    }
    match headers.get(&FORWARDED_FOR) {
        None => drop(headers.insert(FORWARDED_FOR, peer.clone())),
        Some(_) => drop(headers.append(FORWARDED_FOR, peer.clone())),
    }
    if !headers.contains_key(&FORWARDED_PROTO) {
        headers.insert(FORWARDED_PROTO, HeaderValue::from_static("http"));
    }
    if let Some(host) = asked
        && !headers.contains_key(&FORWARDED_HOST)
    {
        headers.insert(FORWARDED_HOST, host);
    }
    headers.append(header::VIA, VIA);
    headers
}

/// The fields that go downstream for an answer of upstream's.
#[must_use]
pub fn for_downstream(source: &HeaderMap) -> HeaderMap {
    let mut headers = end_to_end(source);
    headers.append(header::VIA, VIA);
    headers
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

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn host_is_kept_nearby_and_rewritten_far_away() {
        let check = |target: &str, host: &str| {
            let target = TargetUrl::parse(target).ok().unwrap();
            let peer = HeaderValue::from_static("10.0.0.9");
            let headers = for_upstream(
                &map(&[("host", "app:8000"), ("x-forwarded-for", "1.2.3.4")]),
                &target,
                &peer,
                Version::HTTP_11,
                None,
            );
            assert_eq!(headers[header::HOST], host);
            assert_eq!(headers["x-forwarded-host"], "app:8000");
            let chain: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
            assert_eq!(chain, ["1.2.3.4", "10.0.0.9"]);
        };
        check("http://127.0.0.1:9", "app:8000");
        check("https://api.example.org", "api.example.org");
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
