//! What is kept of the strings at one position: all of them while they could be an enum, a small sample past that.

use serde::{Deserialize, Serialize};

use crate::hash::hash;
use crate::sketch::{Absorb, Values};

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
    #[serde(rename = "m", skip_serializing_if = "Option::is_none")]
    many: Option<Box<Sample>>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Sample {
    /// Ascending.
    #[serde(rename = "l")]
    least: Vec<u32>,
    /// Those of the first hashes, cut.
    #[serde(rename = "s")]
    texts: Vec<Box<str>>,
}

impl Texts {
    /// Whether the text was not among those kept.
    pub(crate) fn add(&mut self, text: &str, key: u64) -> bool {
        if let Some(sample) = &mut self.many {
            return sample.add(short(key), text);
        }
        match self.few.binary_search_by(|(kept, _)| (**kept).cmp(text)) {
            Ok(at) => {
                self.few[at].1 += 1;
                return false;
            }
            Err(at) if self.few.len() < MAX_FEW && is_word(text) => self.few.insert(at, (text.into(), 1)),
            Err(_) => drop(self.spill().add(short(key), text)),
        }
        true
    }

    /// From now on only a sample is kept.
    fn spill(&mut self) -> &mut Sample {
        let sample = self.many.get_or_insert_default();
        for (text, _) in std::mem::take(&mut self.few) {
            sample.add(short(hash(text.as_bytes())), &text);
        }
        sample
    }

    /// All texts with their counts, when they are few and words.
    pub(crate) fn few(&self) -> Option<&[(Box<str>, u64)]> {
        self.many.is_none().then_some(&self.few)
    }

    /// How many distinct texts there were: exact while they are few.
    pub(crate) fn distinct(&self) -> f64 {
        let Some(Sample { least, .. }) = self.many.as_deref() else { return self.few.len() as f64 };
        match least.last() {
            Some(last) if least.len() == MAX_LEAST => {
                (MAX_LEAST as f64 - 1.0) * f64::from(u32::MAX) / f64::from((*last).max(1))
            }
            _ => least.len() as f64,
        }
    }

    /// How many of the texts are among the values, and of how many that is known.
    pub(crate) fn found_in(&self, values: &Values) -> (usize, usize) {
        let few = self.few.iter().map(|(text, _)| short(hash(text.as_bytes())));
        let keys = few.chain(self.many.iter().flat_map(|sample| sample.least.iter().copied()));
        let known: Vec<bool> = keys.filter_map(|key| values.has_short(key)).collect();
        (known.iter().filter(|there| **there).count(), known.len())
    }

    /// A few of the texts, cut.
    pub(crate) fn examples(&self) -> impl Iterator<Item = &str> {
        let sampled = self.many.iter().flat_map(|sample| &sample.texts);
        self.few.iter().map(|(text, _)| &**text).chain(sampled.map(|text| &**text))
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let few = self.few.iter().map(|(text, _)| text.len()).sum::<usize>() + self.few.capacity() * 24;
        let many = self.many.iter().map(|sample| {
            let texts = sample.texts.iter().map(|text| text.len() + 16).sum::<usize>();
            size_of::<Sample>() + sample.least.capacity() * 4 + texts
        });
        few + many.sum::<usize>()
    }
}

impl Sample {
    /// Whether the hash was not among those kept.
    fn add(&mut self, key: u32, text: &str) -> bool {
        if self.least.len() == MAX_LEAST && self.least.last().is_some_and(|last| key > *last) {
            return true;
        }
        match self.least.binary_search(&key) {
            Ok(at) => {
                // Two texts can share a hash; the smaller one is the example, whichever came first.
                if let Some(kept) = self.texts.get_mut(at).filter(|kept| *cut(text) < ***kept) {
                    *kept = cut(text).into();
                }
                false
            }
            Err(at) => {
                if self.least.len() == MAX_LEAST {
                    self.least.pop();
                }
                self.least.insert(at, key);
                if at < MAX_SAMPLES {
                    self.texts.truncate(MAX_SAMPLES - 1);
                    self.texts.insert(at, cut(text).into());
                }
                true
            }
        }
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
            self.add(text, hash(text.as_bytes()));
            if let Ok(at) = self.few.binary_search_by(|(kept, _)| kept.cmp(text)) {
                self.few[at].1 += count - 1;
            }
        }
        if let Some(theirs) = &other.many {
            let sample = self.spill();
            // What is no example there is none here either: it has as many smaller ones.
            for (at, key) in theirs.least.iter().enumerate() {
                sample.add(*key, theirs.texts.get(at).map_or("\u{10ffff}", |text| text));
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
