//! Values for what was never recorded: from the learned schema, and by the meaning of a field's name.

use fake::Fake;
use fake::faker::{address, company, internet, job, lorem, name, phone_number};
use fake::locales::EN;
use fake::rand::rngs::ChaCha8Rng;
use fake::rand::{Rng, RngExt, SeedableRng};
use serde_json::{Map, Value};

use super::maker::Maker;
use super::value::{TimeForm, Zone, same_shape, write_time};

/// Deeper than this a schema gives nulls: schemas may refer to themselves.
const MAX_DEPTH: usize = 12;
/// Values in one; after so many, arrays are as short as may be. Arrays of arrays of arrays may promise more than there is memory.
const MAX_VALUES: usize = 10_000;

/// Makes values; the same seed makes the same ones.
pub(crate) struct Generator<'a> {
    rng: ChaCha8Rng,
    now_ms: i64,
    maker: Option<Maker<'a>>,
    /// Where the next value stands.
    pointer: String,
    /// How many values the present one has so far.
    made: usize,
}

impl<'a> Generator<'a> {
    pub(crate) fn new(seed: u64, now_ms: u64) -> Self {
        let now_ms = i64::try_from(now_ms).unwrap_or(i64::MAX);
        Self { rng: ChaCha8Rng::seed_from_u64(seed), now_ms, maker: None, pointer: String::new(), made: 0 }
    }

    /// Asks somebody else first.
    pub(super) fn asking(self, maker: Option<Maker<'a>>) -> Self {
        Self { maker, ..self }
    }

    /// A value that fits a JSON Schema 2020-12 as this crate writes them: `type`, `enum`, `const`, `properties`,
    /// `required`, `items`, `format`, bounds, `anyOf` and `oneOf`. `field` is the name it stands under.
    pub(crate) fn value(&mut self, schema: &Value, field: &str) -> Value {
        self.made = 0;
        self.at_depth(schema, field, 0)
    }

    fn at_depth(&mut self, schema: &Value, field: &str, depth: usize) -> Value {
        self.made += 1;
        if depth > MAX_DEPTH {
            return Value::Null;
        }
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        if let Some(value) = schema.get("enum").and_then(|values| self.one_of(values)) {
            return value;
        }
        if let Some(variants) = schema.get("anyOf").or_else(|| schema.get("oneOf"))
            && let Some(variant) = self.one_of(variants)
        {
            return self.at_depth(&variant, field, depth + 1);
        }
        match type_of(schema) {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, field, depth),
            "string" => Value::from(self.text(schema, field)),
            "integer" => Value::from(self.integer(schema)),
            "number" => {
                let (low, high) = bounds(schema);
                Value::from((self.rng.random_range(low..=high) * 100.0).round() / 100.0)
            }
            "boolean" => Value::from(self.rng.random_bool(0.5)),
            _ => Value::Null,
        }
    }

    fn one_of(&mut self, values: &Value) -> Option<Value> {
        let values = values.as_array().filter(|values| !values.is_empty())?;
        Some(values[self.rng.random_range(0..values.len())].clone())
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let required = schema.get("required").and_then(Value::as_array);
        let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|own| own == name));
        let mut out = Map::new();
        for (name, inner) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if is_required(name) || self.rng.random_bool(0.5) {
                let value = self.member(inner, name, &out, depth);
                out.insert(name.clone(), value);
            }
        }
        if let Some(inner) = schema.get("additionalProperties").filter(|inner| inner.is_object()) {
            let key: String = lorem::raw::Word(EN).fake_with_rng(&mut self.rng);
            out.insert(key.clone(), self.at_depth(inner, &key, depth + 1));
        }
        Value::Object(out)
    }

    /// Asks the maker, if there is one, about members that hold a text or a number.
    fn member(&mut self, schema: &Value, name: &str, siblings: &Map<String, Value>, depth: usize) -> Value {
        let len = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(name);
        let is_leaf = matches!(type_of(schema), "string" | "integer" | "number") && schema.get("const").is_none();
        let made = self.maker.filter(|_| is_leaf).and_then(|maker| maker.value(&self.pointer, name, schema, siblings));
        let value = made.unwrap_or_else(|| self.at_depth(schema, name, depth + 1));
        self.pointer.truncate(len);
        value
    }

    fn array(&mut self, schema: &Value, field: &str, depth: usize) -> Value {
        let Some(items) = schema.get("items").filter(|items| items.is_object()) else { return Value::Array(vec![]) };
        let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
        let longest = if self.made < MAX_VALUES { 20 } else { 1 };
        let least = bound("minItems").unwrap_or(1).min(longest);
        let most = bound("maxItems").unwrap_or(3).clamp(least, least + longest / 4);
        let length = self.rng.random_range(least..=most);
        let len = self.pointer.len();
        let value = |i| {
            self.pointer.push_str(&format!("/{i}"));
            let value = self.at_depth(items, field, depth + 1);
            self.pointer.truncate(len);
            value
        };
        Value::Array((0..length).map(value).collect())
    }

    fn integer(&mut self, schema: &Value) -> i64 {
        let (low, high) = bounds(schema);
        self.rng.random_range(low.ceil() as i64..=(high.floor() as i64).max(low.ceil() as i64))
    }

    fn text(&mut self, schema: &Value, field: &str) -> String {
        let format = schema.get("format").and_then(Value::as_str).unwrap_or("");
        let past = self.now_ms - self.rng.random_range(0..31_536_000_000_i64);
        let time = |form| write_time(form, past).as_str().unwrap_or_default().to_owned();
        match format {
            "uuid" => same_shape("a0b1c2d3-e4f5-4a6b-8c7d-9e8f7a6b5c4d", self.rng.next_u64()),
            "date-time" => time(TimeForm::Rfc3339 { digits: 3, zone: Zone::Zulu, space: false }),
            "date" => time(TimeForm::Date),
            "time" => time(TimeForm::Rfc3339 { digits: 0, zone: Zone::Zulu, space: false })[11..].to_owned(),
            "email" => internet::raw::SafeEmail(EN).fake_with_rng(&mut self.rng),
            "uri" => format!("https://example.com/{}", self.word()),
            "ipv4" => internet::raw::IPv4(EN).fake_with_rng(&mut self.rng),
            "ipv6" => internet::raw::IPv6(EN).fake_with_rng(&mut self.rng),
            _ => self.by_meaning(schema, field),
        }
    }

    fn word(&mut self) -> String {
        lorem::raw::Word(EN).fake_with_rng(&mut self.rng)
    }

    /// A text as the field's name suggests it, within the learned lengths.
    fn by_meaning(&mut self, schema: &Value, field: &str) -> String {
        let plain: String = field.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| plain.contains(word));
        let rng = &mut self.rng;
        let text: String = match () {
            () if has(&["email", "mail"]) => internet::raw::SafeEmail(EN).fake_with_rng(rng),
            () if has(&["firstname", "givenname"]) => name::raw::FirstName(EN).fake_with_rng(rng),
            () if has(&["lastname", "surname", "familyname"]) => name::raw::LastName(EN).fake_with_rng(rng),
            () if has(&["username", "login", "handle", "nick"]) => internet::raw::Username(EN).fake_with_rng(rng),
            () if has(&["company", "organization"]) => company::raw::CompanyName(EN).fake_with_rng(rng),
            () if has(&["phone", "mobile"]) => phone_number::raw::PhoneNumber(EN).fake_with_rng(rng),
            () if has(&["city", "town"]) => address::raw::CityName(EN).fake_with_rng(rng),
            () if has(&["countrycode"]) => address::raw::CountryCode(EN).fake_with_rng(rng),
            () if has(&["country"]) => address::raw::CountryName(EN).fake_with_rng(rng),
            () if has(&["street", "address"]) => address::raw::StreetName(EN).fake_with_rng(rng),
            () if has(&["zip", "postcode", "postalcode"]) => address::raw::ZipCode(EN).fake_with_rng(rng),
            () if has(&["profession", "jobtitle"]) => job::raw::Title(EN).fake_with_rng(rng),
            () if has(&["description", "body", "content", "comment", "message", "bio", "summary"]) => {
                lorem::raw::Sentence(EN, 5..12).fake_with_rng(rng)
            }
            () if has(&["title", "subject", "headline"]) => {
                lorem::raw::Words(EN, 3..5).fake_with_rng::<Vec<String>, _>(rng).join(" ")
            }
            () if plain.ends_with("name") => name::raw::Name(EN).fake_with_rng(rng),
            () if has(&["url", "link", "href"]) => {
                format!("https://example.com/{}", lorem::raw::Word(EN).fake_with_rng::<String, _>(rng))
            }
            () => lorem::raw::Word(EN).fake_with_rng(rng),
        };
        let bound = |name: &str| schema.get(name).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let most = bound("maxLength").unwrap_or(usize::MAX);
        let mut text: String = text.chars().take(most).collect();
        while text.chars().count() < bound("minLength").unwrap_or(0).min(4096) {
            text.push('x');
        }
        text
    }
}

/// The first type that is not `null`.
fn type_of(schema: &Value) -> &str {
    let first = match schema.get("type") {
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        Some(Value::String(name)) => Some(name.as_str()),
        _ => None,
    };
    first.unwrap_or(if schema.get("properties").is_some() { "object" } else { "null" })
}

fn bounds(schema: &Value) -> (f64, f64) {
    let low = schema.get("minimum").and_then(Value::as_f64).unwrap_or(0.0).clamp(-9e15, 9e15);
    (low, schema.get("maximum").and_then(Value::as_f64).unwrap_or(low + 1000.0).clamp(low, 9e15))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_fit_the_schema_and_repeat_with_the_seed() {
        let schema = json!({"type": "object", "required": ["id", "email", "state", "tags"], "properties": {
            "id": {"type": "integer", "minimum": 7, "maximum": 9},
            "email": {"type": "string", "format": "email"},
            "state": {"enum": ["open", "closed"]},
            "tags": {"type": "array", "items": {"type": "string", "maxLength": 3}},
        }});
        let made = Generator::new(4, 1_750_000_000_000).value(&schema, "");
        assert_eq!(made, Generator::new(4, 1_750_000_000_000).value(&schema, ""));
        assert!((7..=9).contains(&made["id"].as_i64().expect("an integer")), "{made}");
        assert!(made["email"].as_str().expect("a text").contains('@'), "{made}");
        assert!(["open", "closed"].contains(&made["state"].as_str().expect("a text")), "{made}");
        assert!(
            made["tags"].as_array().expect("an array").iter().all(|tag| tag.as_str().expect("a text").len() <= 3),
            "{made}"
        );
    }
}
