//! The newest exchanges, as they were.

use std::collections::BTreeMap;

use crate::Exchange;

/// Mining looks at all of them each time. More would add little and take seconds.
const MAX_EXCHANGES: usize = 5_000;
/// Bounds memory whatever the bodies are.
const MAX_BYTES: usize = 32 << 20;

/// The newest exchanges in the order of their ids, bounded by count and by bytes. What is kept depends on the set of
/// exchanges alone, not on the order in which they came, so journals merge.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    exchanges: BTreeMap<u64, Exchange>,
    bytes: usize,
}

impl Journal {
    /// Adds one exchange; one with the same id is replaced. The oldest leave when a bound is passed.
    pub fn push(&mut self, exchange: Exchange) {
        self.bytes += size(&exchange);
        if let Some(old) = self.exchanges.insert(exchange.id, exchange) {
            self.bytes -= size(&old);
        }
        while self.exchanges.len() > MAX_EXCHANGES || self.bytes > MAX_BYTES {
            let Some((_, old)) = self.exchanges.pop_first() else { break };
            self.bytes -= size(&old);
        }
    }

    pub fn merge(&mut self, other: Self) {
        for exchange in other.exchanges.into_values() {
            self.push(exchange);
        }
    }

    /// Oldest first.
    pub fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        self.exchanges.values()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.exchanges.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exchanges.is_empty()
    }

    /// The id of the oldest exchange kept.
    #[must_use]
    pub fn oldest(&self) -> Option<u64> {
        self.exchanges.keys().next().copied()
    }

    /// The id of the newest exchange kept.
    #[must_use]
    pub fn newest(&self) -> Option<u64> {
        self.exchanges.keys().next_back().copied()
    }
}

/// An estimate of what one exchange occupies.
fn size(exchange: &Exchange) -> usize {
    let headers = |headers: &crate::Headers| headers.0.iter().map(|(n, v)| n.len() + v.len() + 48).sum::<usize>();
    256 + exchange.request.target.len()
        + exchange.request.body.bytes.len()
        + exchange.response.body.bytes.len()
        + headers(&exchange.request.headers)
        + headers(&exchange.response.headers)
}
