//! Which values the API itself has shown: a path segment that stood in an answer as an id, a slug or a name is data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::hash::hash;
use crate::schema::read::Listener;
use crate::sketch::Absorb;
use crate::token::Kind;

/// Some two megabytes. Past it the values with the smallest hashes stay: a sample that is fair whatever the order.
const MAX_SHOWN: usize = 1 << 16;
/// Texts that need not be looked at again; a power of two.
const RECENT: usize = 1 << 13;
/// Longer texts do not come back as one segment of a path.
const MAX_BYTES: usize = 64;

/// Stood under a name that tells one thing from another.
pub(crate) const AS_IDENTIFIER: u8 = 1;
/// Stood under some other name.
pub(crate) const AS_VALUE: u8 = 2;
/// Was the last segment of a `Location`.
pub(crate) const AS_LOCATION: u8 = 4;

/// Hashes of texts that responses held, with how they stood there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Shown {
    kept: BTreeMap<u64, u8>,
    #[serde(skip)]
    recent: Recent,
}

/// Texts that were heard not long ago, by hash and role: hearing one again changes nothing. Says nothing about what was
/// seen.
#[derive(Debug, Clone, Default)]
struct Recent(Vec<u64>);

impl PartialEq for Recent {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Recent {
    /// Whether the text was heard not long ago; from now on it was.
    fn has(&mut self, key: u64, role: u8) -> bool {
        if self.0.is_empty() {
            self.0 = vec![0; RECENT];
        }
        let key = key ^ u64::from(role);
        let place = &mut self.0[key as usize % RECENT];
        std::mem::replace(place, key) == key
    }
}

impl Shown {
    pub(crate) fn add(&mut self, text: &str, role: u8) {
        self.insert(hash(text.as_bytes()), role);
    }

    fn insert(&mut self, key: u64, role: u8) {
        if let Some(roles) = self.kept.get_mut(&key) {
            *roles |= role;
            return;
        }
        if self.kept.len() >= MAX_SHOWN {
            if self.kept.last_key_value().is_some_and(|(last, _)| key > *last) {
                return;
            }
            self.kept.pop_last();
        }
        self.kept.insert(key, role);
    }

    /// How a text stood in answers; 0 when it was not seen.
    pub(crate) fn roles(&self, text: &str) -> u8 {
        self.kept.get(&hash(text.as_bytes())).copied().unwrap_or(0)
    }
}

impl Absorb for Shown {
    fn absorb(&mut self, other: &Self) {
        for (key, roles) in &other.kept {
            self.insert(*key, *roles);
        }
    }
}

impl Listener for Shown {
    fn string(&mut self, identifies: bool, text: &str, key: u64) {
        let role = if identifies { AS_IDENTIFIER } else { AS_VALUE };
        if self.recent.has(key, role) {
            return;
        }
        let fits = (1..=MAX_BYTES).contains(&text.len()) && !text.bytes().any(|b| b <= b' ' || b"/?#\\".contains(&b));
        // Forms that are parameters at first sight need no proof.
        if fits && Kind::of(text).is_none() {
            self.insert(key, role);
        }
    }
}
