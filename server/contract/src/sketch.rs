//! Small mergeable summaries. What each keeps depends on the set of things added, never on their order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::hash::{hash, rank};

/// What summaries of one kind have in common: an empty value, and a merge that is associative and commutative.
pub(crate) trait Absorb: Default {
    fn absorb(&mut self, other: &Self);
}

impl<T: Absorb> Absorb for Box<T> {
    fn absorb(&mut self, other: &Self) {
        T::absorb(self, other);
    }
}

/// Enough to tell an enum (few values) from data (many), and to estimate how many there are within a fifth.
const MAX_VALUES: usize = 32;
/// Longer texts are prose: they count, and are not kept.
const MAX_VALUE_BYTES: usize = 64;

/// Distinct texts with their counts: all of them while they are few, then those with the smallest hashes. The counts of
/// the kept ones are exact, because a text that is kept in the end was never dropped before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Values {
    kept: BTreeMap<u64, (String, u64)>,
    /// More were seen than are kept.
    full: bool,
}

impl Values {
    pub(crate) fn add(&mut self, text: &str) {
        self.add_times(text, 1);
    }

    pub(crate) fn add_times(&mut self, text: &str, count: u64) {
        self.insert(hash(text.as_bytes()), text, count);
    }

    fn insert(&mut self, key: u64, text: &str, count: u64) {
        if let Some(value) = self.kept.get_mut(&key) {
            value.1 += count;
            return;
        }
        if self.kept.len() == MAX_VALUES {
            self.full = true;
            if self.kept.last_key_value().is_some_and(|(last, _)| key > *last) {
                return;
            }
            self.kept.pop_last();
        }
        let text = if text.len() > MAX_VALUE_BYTES { "" } else { text };
        self.kept.insert(key, (text.to_owned(), count));
    }

    /// How many distinct texts there were: exact while they are few.
    pub(crate) fn distinct(&self) -> f64 {
        let kept = self.kept.len() as f64;
        match self.kept.last_key_value() {
            Some((last, _)) if self.full => (kept - 1.0) / (*last as f64 / u64::MAX as f64),
            _ => kept,
        }
    }

    pub(crate) fn contains(&self, text: &str) -> bool {
        self.kept.contains_key(&hash(text.as_bytes()))
    }

    /// Whether a text is there whose hash begins with this half; `None` where that is not known.
    pub(crate) fn has_short(&self, half: u32) -> Option<bool> {
        let (least, most) = (u64::from(half) << 32, u64::from(half) << 32 | u64::from(u32::MAX));
        let there = self.kept.range(least..=most).next().is_some();
        let beyond = self.full && self.kept.last_key_value().is_none_or(|(last, _)| least > *last);
        (there || !beyond).then_some(there)
    }

    /// Every distinct text is kept, and short enough to be shown.
    pub(crate) fn complete(&self) -> bool {
        !self.full && self.kept.values().all(|(text, _)| !text.is_empty())
    }

    /// The kept texts with their counts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.kept.values().map(|(text, count)| (text.as_str(), *count))
    }
}

impl Absorb for Values {
    fn absorb(&mut self, other: &Self) {
        self.full |= other.full;
        for (key, (text, count)) in &other.kept {
            self.insert(*key, text, *count);
        }
    }
}

/// A keyed collection that keeps at most so many keys, those of the lowest rank; all others share one summary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(serialize = "V: Serialize", deserialize = "V: Deserialize<'de>"))]
pub(crate) struct Bounded<V, const MAX: usize> {
    /// Boxed, because a map has room for eleven as soon as it has one.
    pub(crate) kept: BTreeMap<String, Box<V>>,
    /// Keys whose rank is at or above it share `rest`.
    edge: Option<u64>,
    pub(crate) rest: Option<Box<V>>,
}

impl<V, const MAX: usize> Default for Bounded<V, MAX> {
    fn default() -> Self {
        Self { kept: BTreeMap::new(), edge: None, rest: None }
    }
}

impl<V: Absorb, const MAX: usize> Bounded<V, MAX> {
    /// The summary of a key, the shared one for keys past the bound.
    pub(crate) fn entry(&mut self, key: &str) -> &mut V {
        if !self.kept.contains_key(key) {
            if self.edge.is_some_and(|edge| rank(key) >= edge) {
                return self.rest.get_or_insert_default();
            }
            self.kept.insert(key.to_owned(), Box::default());
            if self.shrink(key) {
                return self.rest.get_or_insert_default();
            }
        }
        self.kept.get_mut(key).expect("the key was found or put in above")
    }

    /// The same while at most `limit` keys are kept.
    pub(crate) fn entry_within(&mut self, key: &str, limit: usize) -> &mut V {
        let known = self.kept.contains_key(key) || self.edge.is_some_and(|edge| rank(key) >= edge);
        if !known && self.kept.len() >= limit {
            self.entry(key);
            self.limit(limit);
        }
        self.entry(key)
    }

    /// Moves the keys of the highest ranks to the rest until at most so many are left.
    pub(crate) fn limit(&mut self, limit: usize) {
        while self.kept.len() > limit && self.drop_last().is_some() {}
    }

    /// Every summary, the shared one too.
    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.kept.values_mut().map(|value| &mut **value).chain(self.rest.as_deref_mut())
    }

    /// The same to read.
    pub(crate) fn all(&self) -> impl Iterator<Item = &V> {
        self.kept.values().map(|value| &**value).chain(self.rest.as_deref())
    }

    /// Moves the key of the highest rank to the rest when there are too many; whether that was `key`.
    fn shrink(&mut self, key: &str) -> bool {
        self.kept.len() > MAX && self.drop_last().is_some_and(|last| last == key)
    }

    /// Moves the key of the highest rank to the rest; which that was.
    fn drop_last(&mut self) -> Option<String> {
        let (edge, last) = self.kept.keys().map(|key| (rank(key), key)).max()?;
        let last = last.clone();
        let gone = self.kept.remove(&last).unwrap_or_default();
        self.rest.get_or_insert_default().absorb(&gone);
        self.edge = Some(edge);
        Some(last)
    }
}

impl<V: Absorb, const MAX: usize> Absorb for Bounded<V, MAX> {
    fn absorb(&mut self, other: &Self) {
        if let Some(edge) = other.edge.filter(|edge| self.edge.is_none_or(|mine| *edge < mine)) {
            self.edge = Some(edge);
            let above: Vec<String> = self.kept.keys().filter(|key| rank(key) >= edge).cloned().collect();
            for key in above {
                let gone = self.kept.remove(&key).unwrap_or_default();
                self.rest.get_or_insert_default().absorb(&gone);
            }
        }
        for (key, value) in &other.kept {
            self.entry(key).absorb(value);
        }
        if let Some(rest) = &other.rest {
            self.rest.get_or_insert_default().absorb(rest);
        }
    }
}

/// Durations in buckets that grow by a hundredth, with the least and the greatest: quantiles within 0.5 %, whatever the scale.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "StoredDurations")]
pub(crate) struct Durations {
    fine: BTreeMap<u16, u64>,
    /// Microseconds.
    least: u64,
    most: u64,
}

/// Fine enough that a replay cannot be told from what was measured, coarse enough that a few hundred buckets hold
/// everything between a microsecond and an hour.
const GROWTH: f64 = 1.01;

/// Earlier versions kept buckets that grew by an eighth.
#[derive(Deserialize)]
struct StoredDurations {
    #[serde(default)]
    buckets: BTreeMap<u16, u64>,
    #[serde(default)]
    fine: BTreeMap<u16, u64>,
    #[serde(default)]
    least: u64,
    #[serde(default)]
    most: u64,
}

impl From<StoredDurations> for Durations {
    fn from(stored: StoredDurations) -> Self {
        let mut durations = Self { fine: stored.fine, least: stored.least, most: stored.most };
        for (bucket, count) in stored.buckets {
            durations.insert(1.125_f64.powf(f64::from(bucket) + 0.5) as u64, count);
        }
        durations
    }
}

impl Durations {
    /// About how much memory the buckets take, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.fine.len() * 16
    }

    pub(crate) fn add(&mut self, micros: u64) {
        self.insert(micros, 1);
    }

    fn insert(&mut self, micros: u64, count: u64) {
        let micros = micros.max(1);
        self.least = if self.fine.is_empty() { micros } else { self.least.min(micros) };
        self.most = self.most.max(micros);
        let bucket = (micros as f64).ln() / GROWTH.ln();
        *self.fine.entry(bucket as u16).or_default() += count;
    }

    /// The duration in microseconds below which the share `q` of all lies, spread evenly within a bucket.
    pub(crate) fn quantile(&self, q: f64) -> Option<f64> {
        let total: u64 = self.fine.values().sum();
        let wanted = q.clamp(0.0, 1.0) * total as f64;
        let mut below = 0.0;
        let (bucket, within) = self.fine.iter().find_map(|(bucket, count)| {
            let count = *count as f64;
            below += count;
            (below >= wanted).then(|| (f64::from(*bucket), (wanted - (below - count)) / count))
        })?;
        // The buckets at the ends are as wide as what is in them.
        let low = GROWTH.powf(bucket).max(self.least as f64);
        let high = GROWTH.powf(bucket + 1.0).min(self.most as f64).max(low);
        Some(low + (high - low) * within)
    }
}

impl Absorb for Durations {
    fn absorb(&mut self, other: &Self) {
        if other.fine.is_empty() {
            return;
        }
        self.least = if self.fine.is_empty() { other.least } else { self.least.min(other.least) };
        self.most = self.most.max(other.most);
        for (bucket, count) in &other.fine {
            *self.fine.entry(*bucket).or_default() += count;
        }
    }
}

/// First and last time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Span {
    pub(crate) first_ms: u64,
    pub(crate) last_ms: u64,
}

impl Default for Span {
    fn default() -> Self {
        Self { first_ms: u64::MAX, last_ms: 0 }
    }
}

impl Span {
    pub(crate) fn add(&mut self, at_ms: u64) {
        self.absorb(&Self { first_ms: at_ms, last_ms: at_ms });
    }
}

impl Absorb for Span {
    fn absorb(&mut self, other: &Self) {
        self.first_ms = self.first_ms.min(other.first_ms);
        self.last_ms = self.last_ms.max(other.last_ms);
    }
}

/// Merges maps of summaries key by key.
pub(crate) fn absorb_map<K: Ord + Clone, V: Absorb>(into: &mut BTreeMap<K, V>, other: &BTreeMap<K, V>) {
    for (key, value) in other {
        match into.get_mut(key) {
            Some(mine) => mine.absorb(value),
            None => into.entry(key.clone()).or_default().absorb(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_close() {
        let mut durations = Durations::default();
        (1..=1000).for_each(|ms| durations.add(ms * 1000));
        let p95 = durations.quantile(0.95).unwrap();
        assert!((940_000.0..960_000.0).contains(&p95), "{p95}");
        assert_eq!(Durations::default().quantile(0.5), None);
    }

    #[test]
    fn many_values_are_estimated() {
        let mut values = Values::default();
        (0..1000).for_each(|n| values.add(&format!("value-{n}")));
        assert!((600.0..1600.0).contains(&values.distinct()), "{}", values.distinct());
    }

    #[test]
    fn durations_of_an_earlier_version_are_read() {
        #[derive(Serialize)]
        struct Old {
            buckets: BTreeMap<u16, u64>,
        }
        let bytes = rmp_serde::to_vec_named(&Old { buckets: [(80, 3)].into() }).unwrap();
        let read: Durations = rmp_serde::from_slice(&bytes).unwrap();
        let expected = 1.125_f64.powf(80.5);
        assert!((read.quantile(0.5).unwrap() / expected - 1.0).abs() < 0.02);
    }

    /// Draws between 0 and 1, spread as a seeded generator would.
    fn draws(seed: u64, n: u64) -> impl Iterator<Item = f64> {
        (0..n).map(move |i| crate::hash::combine(seed, i) as f64 / u64::MAX as f64)
    }

    /// The largest distance between two distributions (Kolmogorov and Smirnov).
    fn distance(a: &mut [f64], b: &mut [f64]) -> f64 {
        a.sort_by(f64::total_cmp);
        b.sort_by(f64::total_cmp);
        let share = |of: &[f64], x: f64| of.partition_point(|y| *y <= x) as f64 / of.len() as f64;
        a.iter().chain(b.iter()).map(|x| (share(a, *x) - share(b, *x)).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn replayed_durations_are_spread_as_the_measured_ones() {
        fn normal(u: f64, v: f64) -> f64 {
            (-2.0 * u.max(1e-12).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
        }
        type Shape = dyn Fn(f64, f64) -> f64;
        let shapes: [(&str, &Shape); 6] = [
            ("constant", &|_, _| 20_000.0),
            ("narrow", &|u, _| 50_000.0 + 1500.0 * u),
            ("uniform", &|u, _| 1000.0 + 90_000.0 * u),
            ("exponential", &|u, _| -30_000.0 * (1.0 - u).max(1e-9).ln()),
            ("log-normal", &|u, v| 8000.0 * (0.8 * normal(u, v)).exp()),
            ("two humps", &|u, v| if u < 0.7 { 3000.0 + 500.0 * v } else { 400_000.0 + 90_000.0 * v }),
        ];
        for (name, shape) in shapes {
            for (seed, n) in [(1, 100), (2, 1000), (3, 10_000)] {
                let mut measured: Vec<f64> =
                    draws(seed, n).zip(draws(seed + 100, n)).map(|(u, v)| shape(u, v).floor().max(1.0)).collect();
                let mut sketch = Durations::default();
                measured.iter().for_each(|micros| sketch.add(*micros as u64));
                let mut replayed: Vec<f64> =
                    draws(seed + 200, 4000).map(|u| sketch.quantile(u).unwrap().floor()).collect();
                let ks = distance(&mut measured, &mut replayed);
                let p99 = |of: &[f64]| of[of.len() * 99 / 100];
                let off = p99(&replayed) / p99(&measured) - 1.0;
                println!("latency {name} n={n}: KS {ks:.3}, p99 off by {:.1} %", off * 100.0);
                assert!(ks <= 0.1, "{name}, {n}: KS {ks}");
                // Of a hundred measured values only one lies beyond the 99th percentile: it says little.
                assert!(off.abs() <= 0.15 || n == 100, "{name}, {n}: p99 is off by {off}");
            }
        }
    }
}
