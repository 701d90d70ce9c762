//! Schemas as readers want them: JSON Schema 2020-12, and a flat list of fields.

use serde_json::{Map, Value, json};

use super::{Field, Kin, Objects, Schema};
use crate::names;
use crate::sketch::{Absorb, Values};

/// A field that was there every time is required once it was there so often; fewer sightings prove too little.
pub(crate) const REQUIRED_AFTER: u64 = 5;
/// The same, counting all places where records of the kind stood.
const REQUIRED_AFTER_EVERYWHERE: u64 = 12;
/// The same for a field that records of the same kind lack elsewhere.
const REQUIRED_AGAINST_KIN: u64 = 40;
/// After so many values that were not null, a field is not null here, whatever it is elsewhere.
const NEVER_NULL_AFTER: u64 = 50;
/// Enums of real APIs are short; longer lists are data.
const MAX_ENUM: u64 = 16;

/// One position of a learned schema, depth first.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldView {
    /// JSON Pointer-like: `/items/*/id`, `*` stands for any item or key; the empty string is the body itself.
    pub pointer: String,
    pub name: String,
    pub depth: u32,
    pub types: Vec<&'static str>,
    pub format: Option<&'static str>,
    pub required: bool,
    /// Share of the parents that had it, 0 to 1.
    pub presence: f64,
    /// Share of its values that were null, 0 to 1.
    pub null_share: f64,
    pub count: u64,
    /// The values of an enum, when it is one.
    pub values: Vec<String>,
    pub samples: Vec<String>,
}

/// The JSON Schema of a whole body.
pub(crate) fn schema(position: &Schema) -> Value {
    Known { position, name: "", kin: &Kin::default() }.schema()
}

/// The JSON Schema of a field.
pub(crate) fn field_schema(field: &Field, name: &str) -> Value {
    Known { position: &field.schema, name, kin: &field.kin }.schema()
}

/// A position with all that is known of it.
struct Known<'a> {
    position: &'a Schema,
    /// The name under which it stands: some facts are told by names.
    name: &'a str,
    kin: &'a Kin,
}

impl Known<'_> {
    fn schema(&self) -> Value {
        let mut out = Map::new();
        match self.types().as_slice() {
            [] => {}
            [one] => drop(out.insert("type".into(), json!(one))),
            many => drop(out.insert("type".into(), json!(many))),
        }
        if let Some(format) = self.format() {
            out.insert("format".into(), json!(format));
        }
        if let Some(values) = self.enumeration() {
            let null = self.nullable().then_some(Value::Null);
            out.insert("enum".into(), values.into_iter().map(Value::from).chain(null).collect());
        }
        if let Some(arrays) = &self.position.arrays {
            out.insert(
                "items".into(),
                Known { position: &arrays.items, name: self.name, kin: &Kin::default() }.schema(),
            );
        }
        if let Some(objects) = &self.position.objects {
            object_facts(objects, self.name, &mut out);
        }
        Value::Object(out)
    }

    fn nullable(&self) -> bool {
        self.position.nulls > 0 || (self.kin.nulls > 0 && self.position.present() < NEVER_NULL_AFTER)
    }

    fn types(&self) -> Vec<&'static str> {
        let mut types = value_types(self.position);
        // Nothing but null was seen: anything may come.
        if self.nullable() && (self.position.nulls == 0 || !types.is_empty()) {
            types.push("null");
        }
        types
    }

    /// The format that every value had.
    fn format(&self) -> Option<&'static str> {
        let strings = self.position.strings.as_ref()?;
        let (format, count) = strings.formats.first_key_value()?;
        (*count == strings.count).then(|| format.word())
    }

    /// The values of an enum, sorted.
    fn enumeration(&self) -> Option<Vec<String>> {
        let strings = self.position.strings.as_ref()?;
        if self.position.present() != strings.count || self.format().is_some() || names::is_identifier(self.name) {
            return None;
        }
        if self.kin.strings > strings.count {
            return enumeration(&self.kin.values, self.kin.strings);
        }
        enumeration(&strings.values, strings.count)
    }
}

/// The types of what was not null.
fn value_types(position: &Schema) -> Vec<&'static str> {
    let mut types = Vec::new();
    if position.arrays.is_some() {
        types.push("array");
    }
    if position.falses + position.trues > 0 {
        types.push("boolean");
    }
    if let Some(numbers) = &position.numbers {
        types.push(if numbers.fractions > 0 { "number" } else { "integer" });
    }
    if position.objects.is_some() {
        types.push("object");
    }
    if position.strings.is_some() {
        types.push("string");
    }
    types
}

/// The values of an enum, sorted. An enum has few values that look like words of a program and come again and again, so
/// that a new one is not to be expected: the share of values seen once bounds the share still unseen (Good and Turing).
fn enumeration(values: &Values, count: u64) -> Option<Vec<String>> {
    let distinct = values.iter().count() as u64;
    let once = values.iter().filter(|(_, count)| *count == 1).count() as u64;
    let settled = count >= 8 && count >= 4 * distinct && once * 12 <= count;
    if !settled || distinct > MAX_ENUM || !values.complete() || !values.iter().all(|(text, _)| is_word(text)) {
        return None;
    }
    let mut values: Vec<String> = values.iter().map(|(text, _)| text.to_owned()).collect();
    values.sort_unstable();
    Some(values)
}

fn is_word(text: &str) -> bool {
    let bytes = text.as_bytes();
    !bytes.is_empty()
        && bytes.len() <= 48
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"_-.:/+ ".contains(b))
        && bytes.iter().filter(|b| **b == b' ').count() <= 3
        && bytes.iter().any(u8::is_ascii_alphabetic)
        && crate::token::Kind::of(text).is_none()
}

fn object_facts(objects: &Objects, name: &str, out: &mut Map<String, Value>) {
    if is_map(objects) {
        let values = map_values(objects);
        let values = Known { position: &values, name, kin: &Kin::default() }.schema();
        out.insert("additionalProperties".into(), values);
        return;
    }
    let fields = &objects.fields.kept;
    let properties = fields.iter().map(|(key, field)| (key.clone(), field_schema(field, key))).collect();
    out.insert("properties".into(), Value::Object(properties));
    let required: Vec<&str> =
        fields.iter().filter(|(_, field)| required(field, objects)).map(|(key, _)| key.as_str()).collect();
    if !required.is_empty() {
        out.insert("required".into(), json!(required));
    }
}

fn required(field: &Field, objects: &Objects) -> bool {
    let everywhere = field.kin.present.max(field.present);
    field.present >= objects.count
        && objects.count >= REQUIRED_AFTER
        && everywhere >= REQUIRED_AFTER_EVERYWHERE
        && (field.kin.missing == 0 || objects.count >= REQUIRED_AGAINST_KIN)
}

/// Whether keys are data. Records have a core that is always there and keys that repeat; maps have neither, and values of
/// one kind.
pub(crate) fn is_map(objects: &Objects) -> bool {
    if objects.fields.overflowed() {
        return true;
    }
    let fields = &objects.fields.kept;
    let total: u64 = fields.values().map(|field| field.present).sum();
    if fields.len() < 3 || objects.count == 0 {
        return false;
    }
    let kinds: std::collections::BTreeSet<Vec<&str>> =
        fields.values().map(|field| value_types(&field.schema)).collect();
    let alike = kinds.iter().filter(|kind| !kind.is_empty()).count() <= 1;
    let data = fields.keys().filter(|key| crate::token::Kind::of(key).is_some()).count();
    if alike && data * 10 >= fields.len() * 9 {
        return true;
    }
    let most = fields.values().map(|field| field.present).max().unwrap_or(0);
    let distinct = fields.len() as f64;
    alike && fields.len() >= 6 && (most as f64) < 0.67 * objects.count as f64 && distinct > 0.3 * total as f64
}

/// What stands at any key of a map.
pub(crate) fn map_values(objects: &Objects) -> Schema {
    let mut values = Schema::default();
    for field in objects.fields.kept.values().chain(objects.fields.rest.as_deref()) {
        values.absorb(&field.schema);
    }
    values
}

/// The flat list of a schema.
pub(crate) fn fields(position: &Schema) -> Vec<FieldView> {
    let mut out = Vec::new();
    let root = Place { pointer: String::new(), name: "", depth: 0, presence: 1.0, required: true };
    flatten(position, &Kin::default(), &root, &mut out);
    out
}

struct Place<'n> {
    pointer: String,
    name: &'n str,
    depth: u32,
    presence: f64,
    required: bool,
}

impl Place<'_> {
    fn below<'n>(&self, name: &'n str, presence: f64, required: bool) -> Place<'n> {
        let escaped = name.replace('~', "~0").replace('/', "~1");
        Place { pointer: format!("{}/{escaped}", self.pointer), name, depth: self.depth + 1, presence, required }
    }
}

fn flatten(position: &Schema, kin: &Kin, place: &Place<'_>, out: &mut Vec<FieldView>) {
    let known = Known { position, name: place.name, kin };
    let count = position.count();
    out.push(FieldView {
        types: known.types(),
        format: known.format(),
        required: place.required,
        presence: place.presence,
        null_share: if count == 0 { 0.0 } else { position.nulls as f64 / count as f64 },
        count,
        values: known.enumeration().unwrap_or_default(),
        samples: samples(position),
        name: place.name.to_owned(),
        pointer: place.pointer.clone(),
        depth: place.depth,
    });
    if let Some(arrays) = &position.arrays {
        flatten(&arrays.items, &Kin::default(), &place.below("*", 1.0, false), out);
    }
    let Some(objects) = &position.objects else { return };
    if is_map(objects) {
        flatten(&map_values(objects), &Kin::default(), &place.below("*", 1.0, false), out);
        return;
    }
    for (key, field) in &objects.fields.kept {
        let presence = (field.present as f64 / objects.count.max(1) as f64).min(1.0);
        flatten(&field.schema, &field.kin, &place.below(key, presence, required(field, objects)), out);
    }
}

/// A few values as text.
pub(crate) fn samples(position: &Schema) -> Vec<String> {
    let mut out: Vec<String> = position
        .strings
        .iter()
        .flat_map(|s| s.values.iter())
        .map(|(text, _)| text.to_owned())
        .filter(|t| !t.is_empty())
        .take(3)
        .collect();
    if let Some(numbers) = &position.numbers {
        out.push(numbers.min.to_string());
        if numbers.max > numbers.min {
            out.push(numbers.max.to_string());
        }
    }
    out
}
