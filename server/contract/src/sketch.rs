//! Small mergeable summaries. What each keeps depends on the set of things added, never on their order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::hash::{hash, rank};

/// What summaries of one kind have in common: an empty value, and a merge that is associative and commutative.
pub(crate) trait Absorb: Default {
    fn absorb(&mut self, other: &Self);
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
        self.insert(hash(text.as_bytes()), text, 1);
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
    pub(crate) kept: BTreeMap<String, V>,
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
            self.kept.insert(key.to_owned(), V::default());
            if self.shrink(key) {
                return self.rest.get_or_insert_default();
            }
        }
        self.kept.get_mut(key).expect("the key was found or put in above")
    }

    /// Moves the key of the highest rank to the rest when there are too many; whether that was `key`.
    fn shrink(&mut self, key: &str) -> bool {
        if self.kept.len() <= MAX {
            return false;
        }
        let Some((edge, last)) = self.kept.keys().map(|key| (rank(key), key)).max() else {
            return false;
        };
        let last = last.clone();
        let gone = self.kept.remove(&last).unwrap_or_default();
        self.rest.get_or_insert_default().absorb(&gone);
        self.edge = Some(edge);
        last == key
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

/// Durations in buckets that grow by an eighth: quantiles within about 6 %, whatever the scale.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Durations {
    buckets: BTreeMap<u16, u64>,
}

const GROWTH: f64 = 1.125;

impl Durations {
    pub(crate) fn add(&mut self, micros: u64) {
        let bucket = (micros.max(1) as f64).ln() / GROWTH.ln();
        *self.buckets.entry(bucket as u16).or_default() += 1;
    }

    /// The duration in microseconds below which the share `q` of all lies.
    pub(crate) fn quantile(&self, q: f64) -> Option<f64> {
        let total: u64 = self.buckets.values().sum();
        let wanted = (q * total as f64).ceil().max(1.0) as u64;
        let mut below = 0;
        self.buckets.iter().find_map(|(bucket, count)| {
            below += count;
            (below >= wanted).then(|| GROWTH.powf(f64::from(*bucket) + 0.5))
        })
    }
}

impl Absorb for Durations {
    fn absorb(&mut self, other: &Self) {
        for (bucket, count) in &other.buckets {
            *self.buckets.entry(*bucket).or_default() += count;
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
        assert!((900_000.0..1_020_000.0).contains(&p95), "{p95}");
        assert_eq!(Durations::default().quantile(0.5), None);
    }

    #[test]
    fn many_values_are_estimated() {
        let mut values = Values::default();
        (0..1000).for_each(|n| values.add(&format!("value-{n}")));
        assert!((600.0..1600.0).contains(&values.distinct()), "{}", values.distinct());
    }
}
