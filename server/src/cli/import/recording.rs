//! Recordings (HAR) of any size: read twice, an entry at a time. The first reading finds damage and the API it is about, the second
//! hands on parts that a server takes.

use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context, bail};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use understudy_contract::import::Survey;

/// Of a part. A server takes four times as much; one entry may be long.
pub(super) const PART_BYTES: usize = 16 << 20;
const HEAD: &str = "{\"log\":{\"entries\":[";
const TAIL: &str = "]}}";

/// `None` for what is no recording.
pub(super) fn survey(path: &Path) -> anyhow::Result<Option<Survey>> {
    let (mut survey, mut damage) = (Survey::default(), None);
    let read = each_entry(path, &mut |entry| {
        damage = survey.add(&entry).err();
        damage.is_none()
    });
    if let Some(damage) = damage {
        bail!("import {}: {damage}", path.display());
    }
    match read {
        Ok(()) => Ok(Some(survey).filter(|survey| survey.entries() > 0)),
        // Whatever it is, its reader says it better.
        Err(_) if survey.entries() == 0 => Ok(None),
        Err(error) => Err(error),
    }
}

/// Documents with the API's entries, each as soon as it has so many bytes, until `take` wants no more.
pub(super) fn parts(
    path: &Path,
    survey: &Survey,
    part_bytes: usize,
    take: &mut dyn FnMut(Vec<u8>) -> bool,
) -> anyhow::Result<()> {
    let mut part = String::from(HEAD);
    let mut goes_on = true;
    each_entry(path, &mut |entry| {
        if survey.keeps(&entry) {
            if part.len() > HEAD.len() {
                part.push(',');
            }
            part.push_str(&entry.to_string());
        }
        if part.len() >= part_bytes {
            let full = std::mem::replace(&mut part, String::from(HEAD));
            goes_on = take((full + TAIL).into_bytes());
        }
        goes_on
    })?;
    if goes_on && part.len() > HEAD.len() {
        take((part + TAIL).into_bytes());
    }
    Ok(())
}

/// Calls `f` with each of `log.entries` until it is false.
fn each_entry(path: &Path, f: &mut dyn FnMut(Value) -> bool) -> anyhow::Result<()> {
    let file = File::open(path).with_context(|| format!("read {}", path.display()))?;
    let mut reader = serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 18, file));
    let mut stopped = false;
    let read = Member { path: &["log", "entries"], f, stopped: &mut stopped }.deserialize(&mut reader);
    match read.and_then(|()| reader.end()) {
        Err(error) if !stopped => bail!("import {}: it is damaged: {error}", path.display()),
        _ => Ok(()),
    }
}

/// Goes down these members and visits the list at their end; everything beside them is passed over.
struct Member<'f> {
    path: &'static [&'static str],
    f: &'f mut dyn FnMut(Value) -> bool,
    stopped: &'f mut bool,
}

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.path.is_empty() { deserializer.deserialize_seq(self) } else { deserializer.deserialize_map(self) }
    }
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.path.is_empty() { "a list of entries" } else { "an object" })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            if self.path.first().is_some_and(|wanted| *wanted == name) {
                members.next_value_seed(Member { path: &self.path[1..], f: self.f, stopped: self.stopped })?;
            } else {
                members.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(entry) = items.next_element::<Value>()? {
            if !(self.f)(entry) {
                *self.stopped = true;
                return Err(serde::de::Error::custom("no more is wanted"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(origin: &str, size: usize) -> Value {
        json!({
            "startedDateTime": "2024-01-01T00:00:00Z", "time": 1,
            "request": { "method": "GET", "url": format!("{origin}/a"), "headers": [] },
            "response": { "status": 200, "headers": [], "content": { "mimeType": "application/json", "text": "x".repeat(size) } },
        })
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn a_long_recording_comes_in_parts() {
        let mut entries = vec![entry("https://api.example", 6000); 5];
        entries.insert(1, entry("https://other.example", 10));
        let file =
            file(&json!({ "log": { "version": "1.2", "pages": [{}], "entries": entries, "comment": "" } }).to_string());
        let survey = survey(file.path()).unwrap().expect("a recording");
        assert_eq!(survey.notes(), ["1 entries of other origins than https://api.example were left out"]);
        let mut counts = Vec::new();
        let mut take = |part: Vec<u8>| {
            let part: Value = serde_json::from_slice(&part).unwrap();
            counts.push(part["log"]["entries"].as_array().unwrap().len());
            true
        };
        parts(file.path(), &survey, 16_000, &mut take).unwrap();
        assert_eq!(counts, [3, 2]);
        // Whoever wants no more ends it.
        let mut asked = 0;
        parts(file.path(), &survey, 16_000, &mut |_| {
            asked += 1;
            false
        })
        .unwrap();
        assert_eq!(asked, 1);
    }

    #[test]
    fn damage_is_told_with_its_place_and_other_documents_are_left_alone() {
        let whole = json!({ "log": { "entries": [entry("https://api.example", 1), entry("https://api.example", 1)] } });
        let whole = whole.to_string();
        let error = survey(file(&whole[..whole.len() - 9]).path()).expect_err("damage").to_string();
        assert!(error.contains("it is damaged: EOF while parsing") && error.contains("line 1 column"), "{error}");
        for other in [r#"{"openapi":"3.1.0"}"#, "openapi: 3.1.0", r#"{"log":{"entries":[]}}"#, r#"{"log":7}"#] {
            assert!(survey(file(other).path()).unwrap().is_none(), "{other}");
        }
    }
}
