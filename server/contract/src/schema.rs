//! What was seen at one position of JSON documents, and below it.

pub(crate) mod read;
pub(crate) mod render;

use serde::{Deserialize, Serialize};

use crate::sketch::{Absorb, Bounded, Values};
use crate::text::Format;

/// Records have fewer fields than this; what has more is data with keys, whose values share one summary past the bound.
const MAX_FIELDS: usize = 256;

/// The summary of one position: how often each type stood there, and what is known of its values.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Schema {
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) nulls: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) falses: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) trues: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) numbers: Option<Box<Numbers>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) strings: Option<Box<Strings>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) arrays: Option<Box<Arrays>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) objects: Option<Box<Objects>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Numbers {
    pub(crate) count: u64,
    /// Those with a fraction.
    pub(crate) fractions: u64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Strings {
    pub(crate) count: u64,
    pub(crate) values: Values,
    pub(crate) formats: std::collections::BTreeMap<Format, u64>,
    pub(crate) longest: u64,
    /// `u64::MAX` while there is none.
    pub(crate) shortest: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Arrays {
    pub(crate) count: u64,
    pub(crate) longest: u64,
    pub(crate) items: Schema,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Objects {
    pub(crate) count: u64,
    pub(crate) fields: Bounded<Field, MAX_FIELDS>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Field {
    /// In how many objects it was.
    pub(crate) present: u64,
    pub(crate) schema: Schema,
    /// What the view knows from other places; no part of the summary.
    #[serde(skip)]
    pub(crate) kin: Kin,
}

/// A field as it was seen in all records of one kind, wherever they stood.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Kin {
    pub(crate) present: u64,
    pub(crate) missing: u64,
    pub(crate) nulls: u64,
    /// How many strings, and which.
    pub(crate) strings: u64,
    pub(crate) values: Values,
}

impl Schema {
    /// How many values stood here.
    pub(crate) fn count(&self) -> u64 {
        self.nulls + self.present()
    }

    /// How many values that were not null stood here.
    pub(crate) fn present(&self) -> u64 {
        self.falses
            + self.trues
            + self.numbers.as_ref().map_or(0, |numbers| numbers.count)
            + self.strings.as_ref().map_or(0, |strings| strings.count)
            + self.arrays.as_ref().map_or(0, |arrays| arrays.count)
            + self.objects.as_ref().map_or(0, |objects| objects.count)
    }
}

impl Absorb for Schema {
    fn absorb(&mut self, other: &Self) {
        self.nulls += other.nulls;
        self.falses += other.falses;
        self.trues += other.trues;
        absorb_part(&mut self.numbers, &other.numbers);
        absorb_part(&mut self.strings, &other.strings);
        absorb_part(&mut self.arrays, &other.arrays);
        absorb_part(&mut self.objects, &other.objects);
    }
}

#[expect(clippy::ref_option, reason = "the parts are fields")]
fn absorb_part<T: Absorb + Clone>(into: &mut Option<Box<T>>, other: &Option<Box<T>>) {
    match (into.as_mut(), other) {
        (Some(mine), Some(theirs)) => mine.absorb(theirs),
        (None, Some(theirs)) => *into = Some(theirs.clone()),
        (_, None) => {}
    }
}

impl Default for Numbers {
    fn default() -> Self {
        Self { count: 0, fractions: 0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }
}

impl Numbers {
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1;
        self.fractions += u64::from(value.fract() != 0.0);
        // JSON has a negative zero, and which of two zeros is the smaller would depend on the order.
        let value = value + 0.0;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }
}

impl Absorb for Numbers {
    fn absorb(&mut self, other: &Self) {
        self.count += other.count;
        self.fractions += other.fractions;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

impl Strings {
    pub(crate) fn add(&mut self, text: &str) {
        let length = text.len() as u64;
        self.shortest = if self.count == 0 { length } else { self.shortest.min(length) };
        self.longest = self.longest.max(length);
        self.count += 1;
        self.values.add(text);
        if let Some(format) = Format::of(text) {
            *self.formats.entry(format).or_default() += 1;
        }
    }
}

impl Absorb for Strings {
    fn absorb(&mut self, other: &Self) {
        self.shortest = match (self.count, other.count) {
            (0, _) => other.shortest,
            (_, 0) => self.shortest,
            _ => self.shortest.min(other.shortest),
        };
        self.count += other.count;
        self.longest = self.longest.max(other.longest);
        self.values.absorb(&other.values);
        for (format, count) in &other.formats {
            *self.formats.entry(*format).or_default() += count;
        }
    }
}

impl Absorb for Arrays {
    fn absorb(&mut self, other: &Self) {
        self.count += other.count;
        self.longest = self.longest.max(other.longest);
        self.items.absorb(&other.items);
    }
}

impl Absorb for Objects {
    fn absorb(&mut self, other: &Self) {
        self.count += other.count;
        self.fields.absorb(&other.fields);
    }
}

impl Absorb for Field {
    fn absorb(&mut self, other: &Self) {
        self.present += other.present;
        self.schema.absorb(&other.schema);
    }
}
