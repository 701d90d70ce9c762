//! Schemas as readers want them: JSON Schema 2020-12, and a flat list of fields.

use serde_json::{Map, Value, json};

use super::variants::{self, Variant};
use super::{Arrays, Field, Kin, Numbers, Objects, Schema, Strings, Texts, Type};
use crate::names;
use crate::sketch::{Absorb, Span};

/// A field that was there every time is required once it was there so often; fewer sightings prove too little.
pub(crate) const REQUIRED_AFTER: u64 = 5;
/// The same, counting all places where records of the kind stood.
pub(crate) const REQUIRED_AFTER_EVERYWHERE: u64 = 12;
/// The same for a field that records of the same kind lack elsewhere.
const REQUIRED_AGAINST_KIN: u64 = 40;
/// After so many values that were not null, a field is not null here, whatever it is elsewhere.
const NEVER_NULL_AFTER: u64 = 50;
/// A format that is only a guess wants so many different values.
const GUESSED_AFTER: f64 = 8.0;
/// Bounds that hold by chance are claimed after so many values, if at all.
const BOUNDED_AFTER: u64 = 100;
/// A length or a start that all texts have is claimed of so many different ones.
const VARIED_AFTER: f64 = 40.0;
/// The same for arrays: tuples, and items that never repeat.
const SETTLED_AFTER: u64 = 40;

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
    /// How often each of them stood there.
    pub value_counts: Vec<u64>,
    pub samples: Vec<String>,
    /// When it was there first and last, in milliseconds since 1970; for what is no member of an object, when the nearest
    /// member above was.
    pub seen_ms: Option<(u64, u64)>,
}

/// The JSON Schema of a whole body.
pub(crate) fn schema(position: &Schema) -> Value {
    Known { position, name: "", kin: None }.schema()
}

/// The JSON Schema of a field.
pub(crate) fn field_schema(field: &Field, name: &str) -> Value {
    Known { position: &field.schema, name, kin: field.kin.as_deref() }.schema()
}

/// A position with all that is known of it.
struct Known<'a> {
    position: &'a Schema,
    /// The name under which it stands: some facts are told by names.
    name: &'a str,
    kin: Option<&'a Kin>,
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
        if let Some(strings) = &self.position.strings {
            self.text_facts(strings, &mut out);
        }
        if let Some(numbers) = &self.position.numbers {
            number_facts(numbers, &mut out);
        }
        if let Some(arrays) = &self.position.arrays {
            array_facts(arrays, self.name, &mut out);
        }
        if let Some(objects) = &self.position.objects {
            object_facts(objects, self.name, &mut out);
            let others: Vec<&str> = self.types().into_iter().filter(|word| *word != "object").collect();
            for word in ["oneOf", "anyOf"] {
                if let Some(Value::Array(kinds)) = out.get_mut(word).filter(|_| !others.is_empty()) {
                    kinds.push(json!({ "type": others }));
                    // What is no object has no tag.
                    out.shift_remove("discriminator");
                }
            }
        }
        Value::Object(out)
    }

    fn nullable(&self) -> bool {
        let elsewhere = self.kin.is_some_and(|kin| kin.nulls > 0);
        self.position.nulls > 0 || (elsewhere && self.position.present() < NEVER_NULL_AFTER)
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
        if strings.files == strings.count {
            return Some("binary");
        }
        let format = strings.formats.first()?;
        let sure = format.certain || (strings.texts.distinct() >= GUESSED_AFTER && self.enumeration().is_none());
        sure.then_some(format.word)
    }

    /// What many different texts have in common, where neither a format nor an enum says it.
    fn text_facts(&self, strings: &Strings, out: &mut Map<String, Value>) {
        let told = out.contains_key("enum") || strings.formats.first().is_some_and(|format| format.word != "slug");
        if told || strings.files > 0 || strings.count < BOUNDED_AFTER || strings.texts.distinct() < VARIED_AFTER {
            return;
        }
        let length = (strings.shortest == strings.longest).then_some(strings.longest);
        if let Some(length) = length {
            out.insert("minLength".into(), json!(length));
            out.insert("maxLength".into(), json!(length));
        }
        if let Some(pattern) = strings.form.pattern(length) {
            out.insert("pattern".into(), json!(pattern));
        }
    }

    /// The values of an enum, sorted.
    fn enumeration(&self) -> Option<Vec<String>> {
        let strings = self.position.strings.as_ref()?;
        let certain = strings.formats.first().is_some_and(|format| format.certain);
        if self.position.present() != strings.count || certain || names::is_identifier(self.name) {
            return None;
        }
        match self.kin.filter(|kin| kin.strings > strings.count) {
            Some(kin) => enumeration(&kin.texts, kin.strings),
            None => enumeration(&strings.texts, strings.count),
        }
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
fn enumeration(texts: &Texts, count: u64) -> Option<Vec<String>> {
    let few = texts.few()?;
    let once = few.iter().filter(|(_, count)| *count == 1).count() as u64;
    let settled = count >= 8 && count >= 4 * few.len() as u64 && once * 12 <= count;
    (settled && !few.is_empty()).then(|| few.iter().map(|(text, _)| text.to_string()).collect())
}

fn number_facts(numbers: &Numbers, out: &mut Map<String, Value>) {
    if numbers.count < BOUNDED_AFTER || numbers.min >= numbers.max {
        return;
    }
    if numbers.min >= 0.0 {
        out.insert("minimum".into(), json!(0));
    }
    if numbers.fractions == 0 && numbers.divisor >= 5 {
        out.insert("multipleOf".into(), json!(numbers.divisor));
    }
}

fn array_facts(arrays: &Arrays, name: &str, out: &mut Map<String, Value>) {
    if let Some(places) = tuple(arrays) {
        out.insert("prefixItems".into(), places.into_iter().map(|word| json!({ "type": word })).collect());
        out.insert("minItems".into(), json!(arrays.shortest));
        out.insert("maxItems".into(), json!(arrays.longest));
    }
    let items = Known { position: &arrays.items, name, kin: None };
    out.insert("items".into(), items.schema());
    let scalars = arrays.items.arrays.is_none() && arrays.items.objects.is_none();
    let values = arrays.items.count();
    let distinct = arrays.items.strings.as_ref().map_or(0.0, |strings| strings.texts.distinct());
    // Were items drawn at random, some would have met by now.
    let tempting = (values.saturating_sub(arrays.count)) as f64 >= 8.0 * distinct && distinct > 1.0;
    if scalars && arrays.repeating == 0 && arrays.count >= SETTLED_AFTER && tempting {
        out.insert("uniqueItems".into(), json!(true));
    }
}

/// The type at each place, where it depends on the place: arrays of one short length with a type of its own at each.
fn tuple(arrays: &Arrays) -> Option<Vec<&'static str>> {
    let length = arrays.shortest as usize;
    if arrays.shortest != arrays.longest || !(2..=arrays.places.len()).contains(&length) || arrays.count < SETTLED_AFTER
    {
        return None;
    }
    let places = &arrays.places[..length];
    let word = |place: &u8| Type::ALL.iter().find(|(of, _)| *of as u8 == *place).map(|(_, word)| *word);
    let words: Vec<&str> = places.iter().map(word).collect::<Option<_>>()?;
    let number = |word: &&str| matches!(*word, "integer" | "number");
    let mixed = words.iter().any(|word| word != &words[0] && !(number(word) && number(&words[0])));
    mixed.then(|| words.iter().map(|word| if number(word) { "number" } else { word }).collect())
}

fn object_facts(objects: &Objects, name: &str, out: &mut Map<String, Value>) {
    if is_map(objects) {
        out.insert("additionalProperties".into(), Known { position: &map_values(objects), name, kin: None }.schema());
        return;
    }
    let fields: Vec<(&str, &Field)> = objects.fields.iter().collect();
    let variants = variants::find(objects);
    if variants.is_empty() {
        let all = fields.iter().map(|(key, field)| (*key, *field, required(field, objects)));
        record(all, out);
    } else {
        let tag = variants::tag(objects, &variants);
        let exclusive = tag.is_some() || variants.iter().all(|variant| variant.key.is_some());
        let word = if exclusive { "oneOf" } else { "anyOf" };
        let mut values = tag.iter().flat_map(|tag| &tag.values);
        let mut of = |variant: &Variant| {
            let mut out = Map::from_iter([("type".to_owned(), json!("object"))]);
            let own = variant.fields.iter().map(|(at, always)| {
                let (key, field) = fields[*at];
                let elsewhere = field.kin.as_ref().map_or(field.present, |kin| kin.present.max(field.present));
                let sure = *always && variant.count.min(elsewhere) >= REQUIRED_AFTER_EVERYWHERE;
                (key, field, sure || variant.key == Some(*at))
            });
            record(own, &mut out);
            if let Some((tag, value)) = tag.as_ref().zip(values.next()) {
                out["properties"][fields[tag.field].0] = json!({ "type": "string", "enum": [value] });
            }
            Value::Object(out)
        };
        out.insert(word.into(), variants.iter().map(&mut of).collect());
        if let Some(tag) = &tag {
            out.insert("discriminator".into(), json!({ "propertyName": fields[tag.field].0 }));
        }
    }
    if let Some(rest) = &objects.fields.rest {
        out.insert("additionalProperties".into(), Known { position: &rest.schema, name, kin: None }.schema());
    }
}

fn record<'f>(fields: impl Iterator<Item = (&'f str, &'f Field, bool)>, out: &mut Map<String, Value>) {
    let (mut properties, mut always) = (Map::new(), Vec::new());
    for (key, field, required) in fields {
        properties.insert(key.to_owned(), field_schema(field, key));
        always.extend(required.then_some(key));
    }
    out.insert("properties".into(), Value::Object(properties));
    if !always.is_empty() {
        out.insert("required".into(), json!(always));
    }
}

fn required(field: &Field, objects: &Objects) -> bool {
    let (everywhere, missing) = field.kin.as_ref().map_or((0, 0), |kin| (kin.present, kin.missing));
    field.present >= objects.count
        && objects.count >= REQUIRED_AFTER
        && everywhere.max(field.present) >= REQUIRED_AFTER_EVERYWHERE
        && (missing == 0 || objects.count >= REQUIRED_AGAINST_KIN)
}

/// Whether keys are data. Records have a core that is always there and keys that repeat; maps have neither, and values of
/// one kind.
pub(crate) fn is_map(objects: &Objects) -> bool {
    let fields = &objects.fields;
    if fields.len() == 0 || objects.count == 0 {
        return fields.rest.is_some();
    }
    let kinds: std::collections::BTreeSet<Vec<&str>> =
        fields.values().chain(fields.rest.as_deref()).map(|field| value_types(&field.schema)).collect();
    if kinds.iter().filter(|kind| !kind.is_empty()).count() > 1 {
        return false;
    }
    let total: u64 = fields.values().map(|field| field.present).sum();
    let most = fields.values().map(|field| field.present).max().unwrap_or(0) as f64;
    let come_and_go = most < 0.67 * objects.count as f64;
    let data = fields.rest.as_ref().map_or(0, |rest| rest.present);
    if data > 0 && fields.len() > 1 {
        return come_and_go || data >= 9 * total;
    }
    fields.len() >= 6 && come_and_go && (fields.cut || fields.len() as f64 > 0.3 * total as f64)
}

/// What stands at any key of a map.
pub(crate) fn map_values(objects: &Objects) -> Schema {
    let mut values = Schema::default();
    for field in objects.fields.values().chain(objects.fields.rest.as_deref()) {
        values.absorb(&field.schema);
    }
    values
}

/// The flat list of a schema.
pub(crate) fn fields(position: &Schema) -> Vec<FieldView> {
    let mut out = Vec::new();
    let root = Place { pointer: String::new(), name: "", depth: 0, presence: 1.0, required: true, span: None };
    flatten(position, None, &root, &mut out);
    out
}

struct Place<'n> {
    pointer: String,
    name: &'n str,
    depth: u32,
    presence: f64,
    required: bool,
    span: Option<Span>,
}

impl Place<'_> {
    fn below<'n>(&self, name: &'n str, presence: f64, required: bool) -> Place<'n> {
        let escaped = name.replace('~', "~0").replace('/', "~1");
        let (pointer, span) = (format!("{}/{escaped}", self.pointer), self.span);
        Place { pointer, name, depth: self.depth + 1, presence, required, span }
    }
}

fn flatten(position: &Schema, kin: Option<&Kin>, place: &Place<'_>, out: &mut Vec<FieldView>) {
    let known = Known { position, name: place.name, kin };
    let count = position.count();
    out.push(FieldView {
        types: known.types(),
        format: known.format(),
        required: place.required,
        presence: place.presence,
        null_share: if count == 0 { 0.0 } else { position.nulls as f64 / count as f64 },
        count,
        value_counts: value_counts(position, &known.enumeration().unwrap_or_default()),
        values: known.enumeration().unwrap_or_default(),
        seen_ms: place.span.map(|span| (span.first_ms, span.last_ms)),
        samples: samples(position),
        name: place.name.to_owned(),
        pointer: place.pointer.clone(),
        depth: place.depth,
    });
    if let Some(arrays) = &position.arrays {
        flatten(&arrays.items, None, &place.below("*", 1.0, false), out);
    }
    let Some(objects) = &position.objects else { return };
    if is_map(objects) {
        flatten(&map_values(objects), None, &place.below("*", 1.0, false), out);
        return;
    }
    for (key, field) in objects.fields.iter() {
        let presence = (field.present as f64 / objects.count.max(1) as f64).min(1.0);
        let below = place.below(key, presence, required(field, objects));
        flatten(&field.schema, field.kin.as_deref(), &Place { span: Some(field.span), ..below }, out);
    }
}

/// How often each value stood here; one that only other places of the kind have shown, never.
fn value_counts(position: &Schema, values: &[String]) -> Vec<u64> {
    let few = position.strings.as_ref().and_then(|strings| strings.texts.few()).unwrap_or_default();
    let count = |value: &String| few.iter().find(|(text, _)| **text == **value).map_or(0, |(_, count)| *count);
    values.iter().map(count).collect()
}

/// A few values as text.
pub(crate) fn samples(position: &Schema) -> Vec<String> {
    let texts = position.strings.iter().flat_map(|strings| strings.texts.examples());
    let mut out: Vec<String> = texts.filter(|text| !text.is_empty()).take(3).map(str::to_owned).collect();
    if let Some(numbers) = &position.numbers {
        out.push(numbers.min.to_string());
        if numbers.max > numbers.min {
            out.push(numbers.max.to_string());
        }
    }
    out
}
