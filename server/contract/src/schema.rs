//! What was seen at one position of JSON documents, and below it.

pub(crate) mod fields;
pub(crate) mod pattern;
pub(crate) mod read;
pub(crate) mod render;
pub(crate) mod room;
mod sound;
pub(crate) mod texts;
pub(crate) mod variants;
mod wide;

use serde::{Deserialize, Serialize};

use crate::sketch::Absorb;
use crate::text::Formats;
pub(crate) use fields::{Field, Fields};
pub(crate) use texts::Texts;

/// Tuples are short.
const MAX_PLACES: usize = 4;

/// The summary of one position: how often each type stood there, and what is known of its values.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Schema {
    #[serde(rename = "z", skip_serializing_if = "is_zero")]
    pub(crate) nulls: u64,
    #[serde(rename = "f", skip_serializing_if = "is_zero")]
    pub(crate) falses: u64,
    #[serde(rename = "t", skip_serializing_if = "is_zero")]
    pub(crate) trues: u64,
    #[serde(rename = "n", skip_serializing_if = "Option::is_none")]
    pub(crate) numbers: Option<Box<Numbers>>,
    #[serde(rename = "s", skip_serializing_if = "Option::is_none")]
    pub(crate) strings: Option<Box<Strings>>,
    #[serde(rename = "a", skip_serializing_if = "Option::is_none")]
    pub(crate) arrays: Option<Box<Arrays>>,
    #[serde(rename = "o", skip_serializing_if = "Option::is_none")]
    pub(crate) objects: Option<Box<Objects>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Numbers {
    #[serde(rename = "c")]
    pub(crate) count: u64,
    /// Those with a fraction.
    #[serde(rename = "f", skip_serializing_if = "is_zero")]
    pub(crate) fractions: u64,
    #[serde(rename = "l")]
    pub(crate) min: f64,
    #[serde(rename = "h")]
    pub(crate) max: f64,
    /// The greatest common divisor of all; 0 while all are 0, and of no meaning where there are fractions.
    #[serde(rename = "g", skip_serializing_if = "is_zero")]
    pub(crate) divisor: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Strings {
    #[serde(rename = "c")]
    pub(crate) count: u64,
    #[serde(rename = "t")]
    pub(crate) texts: Texts,
    #[serde(rename = "f")]
    pub(crate) formats: Formats,
    #[serde(rename = "p")]
    pub(crate) form: pattern::Form,
    #[serde(rename = "h")]
    pub(crate) longest: u32,
    /// Of no meaning while there is none.
    #[serde(rename = "l")]
    pub(crate) shortest: u32,
    /// Those that were files; nothing of them is kept.
    #[serde(rename = "b", skip_serializing_if = "is_zero")]
    pub(crate) files: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Arrays {
    #[serde(rename = "c")]
    pub(crate) count: u64,
    #[serde(rename = "h")]
    pub(crate) longest: u32,
    #[serde(rename = "l")]
    pub(crate) shortest: u32,
    /// 1 once an array held a scalar twice.
    #[serde(rename = "r", skip_serializing_if = "is_zero")]
    pub(crate) repeating: u64,
    /// Which types stood at the first places, as bits of [`Type`].
    #[serde(rename = "p")]
    pub(crate) places: [u8; MAX_PLACES],
    #[serde(rename = "i")]
    pub(crate) items: Schema,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Objects {
    #[serde(rename = "c")]
    pub(crate) count: u64,
    #[serde(rename = "k")]
    pub(crate) fields: Fields,
}

/// A field as it was seen in all records of one kind, wherever they stood.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Kin {
    pub(crate) present: u64,
    pub(crate) missing: u64,
    pub(crate) nulls: u64,
    /// How many strings, and which.
    pub(crate) strings: u64,
    pub(crate) texts: Texts,
}

/// JSON's types, `null` last, as schemas list them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Type {
    Array = 1,
    Boolean = 2,
    Integer = 4,
    Number = 8,
    Object = 16,
    String = 32,
    Null = 64,
}

impl Type {
    pub(crate) const ALL: [(Self, &'static str); 7] = [
        (Self::Array, "array"),
        (Self::Boolean, "boolean"),
        (Self::Integer, "integer"),
        (Self::Number, "number"),
        (Self::Object, "object"),
        (Self::String, "string"),
        (Self::Null, "null"),
    ];
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

    /// Objects stood here, or in an array here.
    pub(crate) fn branches(&self) -> bool {
        self.objects.is_some() || self.arrays.as_ref().is_some_and(|arrays| arrays.items.branches())
    }

    /// About how much memory lies below, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.numbers.as_ref().map_or(0, |_| size_of::<Numbers>())
            + self
                .strings
                .as_ref()
                .map_or(0, |strings| size_of::<Strings>() + strings.texts.heap_bytes() + strings.form.heap_bytes())
            + self.arrays.as_ref().map_or(0, |arrays| size_of::<Arrays>() + arrays.items.heap_bytes())
            + self.objects.as_ref().map_or(0, |objects| size_of::<Objects>() + objects.fields.heap_bytes())
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
        Self { count: 0, fractions: 0, min: f64::INFINITY, max: f64::NEG_INFINITY, divisor: 0 }
    }
}

impl Numbers {
    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1;
        // JSON has a negative zero, and which of two zeros is the smaller would depend on the order.
        let value = value + 0.0;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        if value.fract() == 0.0 {
            self.divide(value.abs() as u64);
        } else {
            self.fractions += 1;
            self.divisor = 1;
        }
    }

    fn divide(&mut self, value: u64) {
        if self.divisor != 1 {
            let (mut divisor, mut rest) = (self.divisor, value);
            while rest != 0 {
                (divisor, rest) = (rest, divisor % rest);
            }
            self.divisor = divisor;
        }
    }
}

impl Absorb for Numbers {
    fn absorb(&mut self, other: &Self) {
        self.count += other.count;
        self.fractions += other.fractions;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.divide(other.divisor);
    }
}

impl Strings {
    /// Whether the text is new here, as far as is known.
    pub(crate) fn add(&mut self, text: &str, key: u64) -> bool {
        self.measure(text.len());
        let new = self.texts.add(text, key);
        if new {
            self.formats.narrow(text);
            self.form.add(text);
        }
        new
    }

    pub(crate) fn add_file(&mut self, length: usize) {
        self.measure(length);
        self.files += 1;
    }

    /// Counts a text of which nothing may be kept.
    pub(crate) fn add_secret(&mut self) {
        self.measure(0);
        self.formats = Formats::none();
        self.form = pattern::Form::anything();
    }

    fn measure(&mut self, length: usize) {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        self.shortest = if self.count == 0 { length } else { self.shortest.min(length) };
        self.longest = self.longest.max(length);
        self.count += 1;
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
        self.files += other.files;
        self.texts.absorb(&other.texts);
        self.formats.keep(other.formats);
        self.form.absorb(&other.form);
    }
}

impl Absorb for Arrays {
    fn absorb(&mut self, other: &Self) {
        self.shortest = match (self.count, other.count) {
            (0, _) => other.shortest,
            (_, 0) => self.shortest,
            _ => self.shortest.min(other.shortest),
        };
        self.count += other.count;
        self.longest = self.longest.max(other.longest);
        self.repeating = self.repeating.max(other.repeating);
        self.places.iter_mut().zip(other.places).for_each(|(mine, theirs)| *mine |= theirs);
        self.items.absorb(&other.items);
    }
}

impl Absorb for Objects {
    fn absorb(&mut self, other: &Self) {
        self.count += other.count;
        self.fields.absorb(&other.fields, self.count);
    }
}
