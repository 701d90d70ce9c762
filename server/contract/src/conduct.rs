//! How an operation behaves, beside what it asks for and answers: how large its messages are, how often it is called, by
//! whom, and what it says of caching.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::sketch::{Absorb, Bounded, Values, absorb_map};
use crate::{Headers, Request, headers};

/// Ways of naming oneself that are told apart.
const MAX_CARRIERS: usize = 12;
/// Buckets of time; past them a bucket spans twice as long.
const MAX_BUCKETS: usize = 96;
/// Sizes within one bucket differ by a fifth at most.
const GROWTH: f64 = 1.2;

/// Of all requests of one operation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Conduct {
    pub(crate) sent: Sizes,
    pub(crate) rate: Rate,
    /// Requests by what they carried to say who asks.
    pub(crate) carriers: Bounded<Count, MAX_CARRIERS>,
}

/// Of all answers of one status.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Answers {
    pub(crate) sizes: Sizes,
    pub(crate) etag: u64,
    pub(crate) last_modified: u64,
    pub(crate) cache_control: Values,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Count(pub(crate) u64);

impl Absorb for Count {
    fn absorb(&mut self, other: &Self) {
        self.0 += other.0;
    }
}

impl Conduct {
    pub(crate) fn learn(&mut self, request: &Request, at_ms: u64) {
        if !request.body.truncated {
            self.sent.add(request.body.bytes.len() as u64);
        }
        self.rate.add(at_ms);
        each_carrier(request, |carrier| self.carriers.entry(carrier).0 += 1);
    }
}

impl Absorb for Conduct {
    fn absorb(&mut self, other: &Self) {
        self.sent.absorb(&other.sent);
        self.rate.absorb(&other.rate);
        self.carriers.absorb(&other.carriers);
    }
}

impl Answers {
    /// `bytes` is the size of the body; `None` when it was cut.
    pub(crate) fn learn(&mut self, headers: &Headers, bytes: Option<usize>) {
        if let Some(bytes) = bytes {
            self.sizes.add(bytes as u64);
        }
        self.etag += u64::from(headers.get("etag").is_some());
        self.last_modified += u64::from(headers.get("last-modified").is_some());
        if let Some(value) = headers.get("cache-control") {
            self.cache_control.add(value);
        }
    }
}

impl Absorb for Answers {
    fn absorb(&mut self, other: &Self) {
        self.sizes.absorb(&other.sizes);
        self.etag += other.etag;
        self.last_modified += other.last_modified;
        self.cache_control.absorb(&other.cache_control);
    }
}

/// Every field of a request that stands for whoever asks, as `authorization bearer`, `header x-api-key`, `cookie sid` or
/// `query api_key`.
fn each_carrier(request: &Request, mut f: impl FnMut(&str)) {
    for (name, value) in &request.headers.0 {
        match name.as_str() {
            "authorization" => f(&format!("authorization {}", scheme(value))),
            "cookie" => headers::cookies(value)
                .filter(|name| headers::is_secret(name) || is_session(name))
                .for_each(|name| f(&format!("cookie {name}"))),
            name if headers::is_telling(name) && names_a_caller(name) => f(&format!("header {name}")),
            _ => {}
        }
    }
    let query = request.query().unwrap_or_default();
    for (name, _) in form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| names_a_caller(name)) {
        f(&format!("query {name}"));
    }
}

/// RFC 9110 section 11.1, in lower case; what has no scheme in front is a bare token.
fn scheme(value: &str) -> String {
    let (word, rest) = value.split_once(' ').unwrap_or((value, ""));
    let known = !rest.is_empty() && word.len() <= 20 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if known { word.to_ascii_lowercase() } else { "token".to_owned() }
}

fn is_session(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains("sid") || name.contains("sess")
}

/// A credential by its name; keys of idempotency and signs against forgery tell no caller.
fn names_a_caller(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    headers::is_secret(&name)
        && !["idempotency", "csrf", "xsrf", "page", "next", "cursor"].iter().any(|w| name.contains(w))
}

/// Sizes in bytes, in buckets that grow by a fifth, with the least, the greatest and the sum.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sizes {
    buckets: BTreeMap<u8, u64>,
    least: u64,
    pub(crate) most: u64,
    pub(crate) sum: u64,
}

impl Sizes {
    pub(crate) fn add(&mut self, bytes: u64) {
        self.least = if self.buckets.is_empty() { bytes } else { self.least.min(bytes) };
        self.most = self.most.max(bytes);
        self.sum += bytes;
        let bucket = (bytes.max(1) as f64).ln() / GROWTH.ln();
        *self.buckets.entry(bucket as u8).or_default() += 1;
    }

    pub(crate) fn count(&self) -> u64 {
        self.buckets.values().sum()
    }

    /// The size below which the share `q` of all lies, within a fifth.
    pub(crate) fn quantile(&self, q: f64) -> Option<u64> {
        let wanted = (q.clamp(0.0, 1.0) * self.count() as f64).ceil().max(1.0) as u64;
        let mut below = 0;
        let (bucket, _) = self.buckets.iter().find(|(_, count)| {
            below += **count;
            below >= wanted
        })?;
        Some((GROWTH.powi(i32::from(*bucket) + 1) as u64).clamp(self.least, self.most))
    }
}

impl Absorb for Sizes {
    fn absorb(&mut self, other: &Self) {
        if other.buckets.is_empty() {
            return;
        }
        self.least = if self.buckets.is_empty() { other.least } else { self.least.min(other.least) };
        self.most = self.most.max(other.most);
        self.sum += other.sum;
        for (bucket, count) in &other.buckets {
            *self.buckets.entry(*bucket).or_default() += count;
        }
    }
}

/// Requests by minute. Once there are too many minutes with traffic each bucket spans twice as many: how wide they are in
/// the end follows from the times alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rate {
    /// A bucket spans two to the power of it in minutes.
    doubled: u8,
    buckets: BTreeMap<u64, Count>,
}

impl Rate {
    pub(crate) fn add(&mut self, at_ms: u64) {
        self.buckets.entry((at_ms / 60_000) >> self.doubled).or_default().0 += 1;
        self.tidy();
    }

    pub(crate) fn minutes(&self) -> u64 {
        1 << self.doubled
    }

    /// When each bucket begins, in milliseconds, with the requests in it, oldest first.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        self.buckets.iter().map(|(at, count)| ((at << self.doubled) * 60_000, count.0))
    }

    fn tidy(&mut self) {
        while self.buckets.len() > MAX_BUCKETS {
            self.widen(self.doubled + 1);
        }
    }

    fn widen(&mut self, doubled: u8) {
        let by = doubled - self.doubled;
        self.doubled = doubled;
        for (at, count) in std::mem::take(&mut self.buckets) {
            self.buckets.entry(at >> by).or_default().0 += count.0;
        }
    }
}

impl Absorb for Rate {
    fn absorb(&mut self, other: &Self) {
        if other.doubled > self.doubled {
            self.widen(other.doubled);
        }
        let mut theirs = other.clone();
        theirs.widen(self.doubled);
        absorb_map(&mut self.buckets, &theirs.buckets);
        self.tidy();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str, all: &[(&str, &str)]) -> Request {
        let headers = Headers(all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect());
        Request { method: "GET".into(), target: target.into(), headers, ..Request::default() }
    }

    #[test]
    fn who_asks() {
        let check = |target: &str, all: &[(&str, &str)], expected: &[&str]| {
            let mut found = Vec::new();
            each_carrier(&request(target, all), |carrier| found.push(carrier.to_owned()));
            assert_eq!(found, expected);
        };
        check("/", &[("authorization", "Bearer abc")], &["authorization bearer"]);
        check("/", &[("authorization", "abcdef")], &["authorization token"]);
        check("/?api_key=1&page_token=2", &[("x-api-key", "k")], &["header x-api-key", "query api_key"]);
        check("/", &[("cookie", "theme=dark; PHPSESSID=1"), ("idempotency-key", "1")], &["cookie PHPSESSID"]);
        check("/?q=1", &[("accept", "*/*")], &[]);
    }

    #[test]
    fn sizes_within_a_fifth() {
        let mut sizes = Sizes::default();
        (1..=1000).for_each(|bytes| sizes.add(bytes * 10));
        let median = sizes.quantile(0.5).unwrap();
        assert!((5000..=6000).contains(&median), "{median}");
        assert_eq!((sizes.quantile(1.0), sizes.count(), Sizes::default().quantile(0.5)), (Some(10_000), 1000, None));
        let mut empty = Sizes::default();
        empty.add(0);
        assert_eq!(empty.quantile(0.5), Some(0));
    }

    #[test]
    fn the_width_of_a_bucket_follows_from_the_times() {
        let times: Vec<u64> = (0..500).map(|n| (n * n % 997) * 90_000).collect();
        let of = |times: &[u64]| {
            let mut rate = Rate::default();
            times.iter().for_each(|at| rate.add(*at));
            rate
        };
        let all = of(&times);
        assert!(all.buckets.len() <= MAX_BUCKETS && all.minutes() > 1);
        assert_eq!(all.buckets().map(|(_, count)| count).sum::<u64>(), 500);
        let mut reversed = times.clone();
        reversed.reverse();
        assert_eq!(of(&reversed), all);
        for split in [1, 40, 100, 499] {
            let (mut left, right) = (of(&times[..split]), of(&times[split..]));
            left.absorb(&right);
            assert_eq!(left, all, "{split}");
            let mut right = right;
            right.absorb(&of(&times[..split]));
            assert_eq!(right, all, "{split}");
        }
    }
}
