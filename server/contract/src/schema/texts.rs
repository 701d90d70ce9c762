//! What is kept of the strings at one position: all of them while they could be an enum, a small sample past that.

use serde::{Deserialize, Serialize};

use crate::hash::hash;
use crate::sketch::Absorb;

/// Enums of real APIs are short; longer lists are data.
const MAX_FEW: usize = 16;
/// Hashes kept to estimate how many distinct texts there are, within a third.
const MAX_LEAST: usize = 8;
/// Texts kept as examples once there are many.
const MAX_SAMPLES: usize = 2;
/// Longer examples are cut: they are for reading.
const MAX_SAMPLE_CHARS: usize = 40;
/// Longer texts are prose, and no words of a program.
const MAX_WORD_BYTES: usize = 48;

/// Distinct texts. While all are words and few, each is kept with its count. Once there are many, or one that is no word,
/// only the smallest hashes stay, with the texts of the very smallest. Both depend on the set of texts alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Texts {
    /// Sorted by text.
    #[serde(rename = "f", skip_serializing_if = "Vec::is_empty")]
    few: Vec<(Box<str>, u64)>,
    /// Ascending.
    #[serde(rename = "l", skip_serializing_if = "Vec::is_empty")]
    least: Vec<u32>,
    /// By hash; cut texts.
    #[serde(rename = "s", skip_serializing_if = "Vec::is_empty")]
    samples: Vec<(u32, Box<str>)>,
}

impl Texts {
    /// Whether the text was not among those kept.
    pub(crate) fn add(&mut self, text: &str, key: u64) -> bool {
        if self.is_many() {
            return self.sample(short(key), text);
        }
        match self.few.binary_search_by(|(kept, _)| (**kept).cmp(text)) {
            Ok(at) => {
                self.few[at].1 += 1;
                return false;
            }
            Err(at) if self.few.len() < MAX_FEW && is_word(text) => self.few.insert(at, (text.into(), 1)),
            Err(_) => {
                self.sample(short(key), text);
                self.spill();
            }
        }
        true
    }

    /// From now on only a sample is kept.
    fn spill(&mut self) {
        for (text, _) in std::mem::take(&mut self.few) {
            self.sample(short(hash(text.as_bytes())), &text);
        }
    }

    fn sample(&mut self, key: u32, text: &str) -> bool {
        if self.least.len() == MAX_LEAST && self.least.last().is_some_and(|last| key > *last) {
            return true;
        }
        match self.least.binary_search(&key) {
            Ok(at) => {
                // Two texts can share a hash; the smaller one is the sample, whichever came first.
                if let Some((_, kept)) = self.samples.get_mut(at).filter(|(_, kept)| *cut(text) < **kept) {
                    *kept = cut(text).into();
                }
                false
            }
            Err(at) => {
                self.least.insert(at, key);
                self.least.truncate(MAX_LEAST);
                if at < MAX_SAMPLES {
                    self.samples.insert(at, (key, cut(text).into()));
                    self.samples.truncate(MAX_SAMPLES);
                }
                true
            }
        }
    }

    fn is_many(&self) -> bool {
        !self.least.is_empty()
    }

    /// All texts with their counts, when they are few and words.
    pub(crate) fn few(&self) -> Option<&[(Box<str>, u64)]> {
        (!self.is_many()).then_some(&self.few)
    }

    /// How many distinct texts there were: exact while they are few.
    pub(crate) fn distinct(&self) -> f64 {
        match self.least.last() {
            None => self.few.len() as f64,
            Some(last) if self.least.len() == MAX_LEAST => {
                (MAX_LEAST as f64 - 1.0) * f64::from(u32::MAX) / f64::from((*last).max(1))
            }
            Some(_) => self.least.len() as f64,
        }
    }

    /// A few of the texts, cut.
    pub(crate) fn examples(&self) -> impl Iterator<Item = &str> {
        self.few.iter().map(|(text, _)| &**text).chain(self.samples.iter().map(|(_, text)| &**text))
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let texts = self.few.iter().map(|(text, _)| text.len()).chain(self.samples.iter().map(|(_, text)| text.len()));
        self.few.capacity() * 24 + self.least.capacity() * 4 + self.samples.capacity() * 24 + texts.sum::<usize>()
    }
}

fn cut(text: &str) -> &str {
    let end = text.char_indices().nth(MAX_SAMPLE_CHARS).map_or(text.len(), |(end, _)| end);
    &text[..end]
}

/// The half of a hash that is kept.
fn short(key: u64) -> u32 {
    (key >> 32) as u32
}

impl Absorb for Texts {
    fn absorb(&mut self, other: &Self) {
        for (text, count) in &other.few {
            let key = hash(text.as_bytes());
            self.add(text, key);
            if let Ok(at) = self.few.binary_search_by(|(kept, _)| kept.cmp(text)) {
                self.few[at].1 += count - 1;
            }
        }
        if other.is_many() {
            self.spill();
            // What is no sample there is none here either: it has as many smaller ones.
            for (at, key) in other.least.iter().enumerate() {
                self.sample(*key, other.samples.get(at).map_or("\u{10ffff}", |(_, text)| text));
            }
        }
    }
}

/// Whether a text looks like a word of a program rather than like data or prose.
pub(crate) fn is_word(text: &str) -> bool {
    let bytes = text.as_bytes();
    !bytes.is_empty()
        && bytes.len() <= MAX_WORD_BYTES
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"_-.:/+ ".contains(b))
        && bytes.iter().filter(|b| **b == b' ').count() <= 3
        && bytes.iter().any(u8::is_ascii_alphabetic)
        && crate::token::Kind::of(text).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str]) -> Texts {
        let mut all = Texts::default();
        for text in texts {
            all.add(text, hash(text.as_bytes()));
        }
        all
    }

    #[test]
    fn few_words_are_counted() {
        let texts = of(&["open", "closed", "open"]);
        assert_eq!(texts.few().unwrap(), &[("closed".into(), 1), ("open".into(), 2)]);
    }

    #[test]
    fn prose_and_many_words_leave_a_sample() {
        let texts = of(&["open", "What a day!", "closed"]);
        assert!(texts.few().is_none());
        assert_eq!(texts.examples().count(), 2);
        let names: Vec<String> = (0..500).map(|n| format!("name-{}", "x".repeat(n % 20) + &n.to_string())).collect();
        let many = of(&names.iter().map(String::as_str).collect::<Vec<_>>());
        assert!((200.0..1500.0).contains(&many.distinct()), "{}", many.distinct());
    }

    #[test]
    fn merging_is_learning() {
        for (left, right) in
            [(&["a", "b"][..], &["b", "c"][..]), (&["a", "b!"], &["b", "c"]), (&["a"], &["", "x y z?"])]
        {
            let (mut ab, mut ba) = (of(left), of(right));
            ab.absorb(&of(right));
            ba.absorb(&of(left));
            assert_eq!(ab, ba);
            assert_eq!(ab, of(&[left, right].concat()));
        }
    }
}
