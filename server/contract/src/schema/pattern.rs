//! The form that all texts of one position have: what they begin with, and which characters follow.

use serde::{Deserialize, Serialize};

use crate::sketch::Absorb;

/// A longer start is prose.
const MAX_START: usize = 24;

/// Classes of ASCII characters as a regular expression writes them, in this order.
const CLASSES: [&str; 8] = ["0-9", "A-Z", "a-z", "_", ".", ":", "/", "-"];
const ANYTHING: u16 = 1 << CLASSES.len();

/// The class of a byte, as a bit.
const fn class(byte: u8) -> u16 {
    match byte {
        b'0'..=b'9' => 1,
        b'A'..=b'Z' => 1 << 1,
        b'a'..=b'z' => 1 << 2,
        b'_' => 1 << 3,
        b'.' => 1 << 4,
        b':' => 1 << 5,
        b'/' => 1 << 6,
        // Last, so that it stands for itself within brackets.
        b'-' => 1 << 7,
        _ => ANYTHING,
    }
}

/// The same for all bytes: every text that is learned is looked up here, byte by byte.
const CLASS_OF: [u16; 256] = {
    let mut all = [0; 256];
    let mut byte = 0;
    while byte < all.len() {
        all[byte] = class(byte as u8);
        byte += 1;
    }
    all
};

/// Depends on the set of texts alone: a common start, and the union of the classes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Form {
    /// `None` before the first text.
    #[serde(rename = "s")]
    start: Option<Box<str>>,
    #[serde(rename = "c")]
    classes: u16,
}

impl Form {
    pub(crate) fn anything() -> Self {
        Self { start: Some("".into()), classes: ANYTHING }
    }

    pub(crate) fn add(&mut self, text: &str) {
        if self.classes & ANYTHING != 0 {
            return;
        }
        match &self.start {
            Some(start) if text.as_bytes().starts_with(start.as_bytes()) => {}
            Some(start) => {
                let both = start.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count();
                self.start = Some(start[..both].into());
            }
            None => self.start = Some(text.get(..text.len().min(MAX_START)).unwrap_or_default().into()),
        }
        self.classes |= text.bytes().fold(0, |classes, byte| classes | CLASS_OF[usize::from(byte)]);
        self.settle();
    }

    /// What is anything has no start either: the order in which that was found must not show.
    fn settle(&mut self) {
        if self.classes & ANYTHING != 0 {
            *self = Self::anything();
        }
    }

    /// As a regular expression (ECMA-262), of texts of one length when `length` is given. `None` when it says little: no
    /// start that ends in a sign, and no common length either.
    pub(crate) fn pattern(&self, length: Option<u32>) -> Option<String> {
        let start = self.start.as_deref().filter(|_| self.classes & ANYTHING == 0)?;
        let sign = start.rfind(['_', '-', '.', ':', '/']).map_or(0, |at| at + 1);
        let start = &start[..sign];
        if start.is_empty() && length.is_none() {
            return None;
        }
        let known = CLASSES.iter().enumerate().filter(|(at, _)| self.classes >> at & 1 == 1);
        let class: String = known.map(|(_, class)| *class).collect();
        let times = match length {
            Some(length) if length as usize > start.len() => format!("{{{}}}", length as usize - start.len()),
            Some(_) => return None,
            None => "+".to_owned(),
        };
        let start: String =
            start.chars().flat_map(|c| (c == '.' || c == '/').then_some('\\').into_iter().chain([c])).collect();
        let class = class.replace('/', "\\/");
        Some(format!("^{start}[{class}]{times}$"))
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.start.as_ref().map_or(0, |start| start.len())
    }
}

impl Absorb for Form {
    fn absorb(&mut self, other: &Self) {
        let Some(theirs) = &other.start else { return };
        self.start = match self.start.take() {
            None => Some(theirs.clone()),
            Some(mine) => {
                let both = mine.bytes().zip(theirs.bytes()).take_while(|(a, b)| a == b).count();
                Some(mine.get(..both).unwrap_or_default().into())
            }
        };
        self.classes |= other.classes;
        self.settle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str]) -> Form {
        let mut form = Form::default();
        texts.iter().for_each(|text| form.add(text));
        form
    }

    #[test]
    fn patterns() {
        let check = |texts: &[&str], length: Option<u32>, expected: Option<&str>| {
            assert_eq!(of(texts).pattern(length).as_deref(), expected, "{texts:?}");
        };
        check(&["ord_1a", "ord_77", "ord_x"], None, Some("^ord_[0-9a-z_]+$"));
        check(&["AB12", "AB77", "XY00"], Some(4), Some("^[0-9A-Z]{4}$"));
        check(&["INV-0001", "INV-2000"], Some(8), Some("^INV-[0-9A-Z-]{4}$"));
        check(&["a/b.c-1", "a/x.y-2"], None, Some(r"^a\/[0-9a-z.\/-]+$"));
        check(&["river", "ridge"], None, None);
        check(&["What a day!", "ab"], Some(2), None);
        check(&["été", "éta"], None, None);
        check(&[], None, None);
    }

    #[test]
    fn merging_is_learning() {
        let texts = ["ord_1", "ord_2", "or", "ord_é", "x-1", ""];
        for split in 0..=texts.len() {
            for count in 0..=texts.len() {
                let all = of(&texts[..count]);
                let (mut left, right) = (of(&texts[..split.min(count)]), of(&texts[split.min(count)..count]));
                left.absorb(&right);
                assert_eq!(left, all, "{split} {count}");
            }
        }
    }
}
