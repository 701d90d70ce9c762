//! Damages a body. What is not touched stays as it is to the byte.

use std::ops::Range;

use super::spans::{Spans, scan};
use super::{Draw, Fault, Field, Huge};

/// A body does not grow beyond this.
const HUGE_MAX_BYTES: usize = 32 << 20;

/// One damage, with its draws.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    pub fault: Fault,
    pub draw: Draw,
}

impl Edit {
    /// The damaged body. `None` when there is nothing to damage: a body that is no JSON, or has no such member.
    #[must_use]
    pub fn apply(&self, body: &[u8]) -> Option<Vec<u8>> {
        match &self.fault {
            Fault::Truncate { share } => truncated(body, *share),
            Fault::Corrupt => self.corrupted(body),
            Fault::DropField(field) => self.members(body, field, |_, _| Vec::new(), Part::Outer),
            Fault::NullField(field) => self.members(body, field, |_, _| b"null".to_vec(), Part::Value),
            Fault::DuplicateField(field) => {
                let twice = |body: &[u8], at: &Range<usize>| [&body[at.clone()], b",", &body[at.clone()]].concat();
                self.members(body, field, twice, Part::Inner)
            }
            Fault::EmptyList(field) => self.lists(body, field.name.as_deref(), |_, _| b"[]".to_vec()),
            Fault::HugeList(Huge { name, items }) => self.lists(body, name.as_deref(), |body, list| {
                let items: Vec<&[u8]> = std::iter::repeat_n(list, usize::try_from(*items).unwrap_or(usize::MAX))
                    .enumerate()
                    .map(|(at, list)| &body[list[at % list.len()].clone()])
                    .scan(0, |bytes, item| {
                        *bytes += item.len() + 1;
                        (*bytes <= HUGE_MAX_BYTES).then_some(item)
                    })
                    .collect();
                [b"[".as_slice(), &items.join(&b','), b"]"].concat()
            }),
            _ => None,
        }
    }

    /// A stray character at a place where JSON wants none.
    fn corrupted(&self, body: &[u8]) -> Option<Vec<u8>> {
        let spans = scan(body)?;
        let places: Vec<usize> = spans.members.iter().map(|member| member.value.start).collect();
        let at = places.get(self.draw.pick(1, places.len())).copied().unwrap_or(0);
        Some([&body[..at], b"#", &body[at..]].concat())
    }

    fn members(
        &self,
        body: &[u8],
        field: &Field,
        instead: impl Fn(&[u8], &Range<usize>) -> Vec<u8>,
        part: Part,
    ) -> Option<Vec<u8>> {
        let spans = scan(body)?;
        let chosen = self.chosen(field.name.as_deref(), spans.members.iter().map(|member| member.path.as_str()))?;
        let ranges: Vec<&Range<usize>> = spans
            .members
            .iter()
            .filter(|member| is_named(&member.path, &chosen))
            .map(|member| match part {
                Part::Outer => &member.outer,
                Part::Inner => &member.inner,
                Part::Value => &member.value,
            })
            .collect();
        replace(body, &ranges, |range| instead(body, range))
    }

    fn lists(
        &self,
        body: &[u8],
        name: Option<&str>,
        instead: impl Fn(&[u8], &[Range<usize>]) -> Vec<u8>,
    ) -> Option<Vec<u8>> {
        let Spans { lists, .. } = scan(body)?;
        let filled: Vec<_> = lists.into_iter().filter(|list| !list.items.is_empty()).collect();
        let chosen = self.chosen(name, filled.iter().map(|list| list.path.as_str()))?;
        let fitting: Vec<_> = filled.iter().filter(|list| is_named(&list.path, &chosen)).collect();
        let ranges: Vec<&Range<usize>> = fitting.iter().map(|list| &list.range).collect();
        replace(body, &ranges, |range| {
            let list = fitting.iter().find(|list| list.range == *range);
            list.map_or_else(Vec::new, |list| instead(body, &list.items))
        })
    }

    /// The wanted path, or one that is drawn: of a list of objects the member goes from all of them.
    fn chosen<'p>(&self, wanted: Option<&str>, paths: impl Iterator<Item = &'p str>) -> Option<String> {
        let mut known: Vec<&str> = paths.collect();
        known.sort_unstable();
        known.dedup();
        match wanted {
            Some(wanted) => known.iter().any(|path| is_named(path, wanted)).then(|| wanted.to_owned()),
            None => known.get(self.draw.pick(1, known.len())).map(|path| (*path).to_owned()),
        }
    }
}

#[derive(Clone, Copy)]
enum Part {
    Outer,
    Inner,
    Value,
}

/// The whole path, or its end.
fn is_named(path: &str, wanted: &str) -> bool {
    path == wanted || path.strip_suffix(wanted).is_some_and(|rest| !wanted.is_empty() && rest.ends_with('.'))
}

/// Strings of a JSON text, each replaced where `instead` says so; it gets and gives the JSON of the string.
#[must_use]
pub fn replace_strings(body: &[u8], instead: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let spans = scan(body)?;
    let found: Vec<(&Range<usize>, Vec<u8>)> =
        spans.strings.iter().filter_map(|range| Some((range, instead(&body[range.clone()])?))).collect();
    let ranges: Vec<&Range<usize>> = found.iter().map(|(range, _)| *range).collect();
    replace(body, &ranges, |range| {
        found.iter().find(|(known, _)| *known == range).map(|(_, text)| text.clone()).unwrap_or_default()
    })
}

/// Ranges in order; one that lies in an earlier one goes with it.
fn replace(body: &[u8], ranges: &[&Range<usize>], instead: impl Fn(&Range<usize>) -> Vec<u8>) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(body.len());
    let mut done = 0;
    for range in ranges {
        if range.start < done {
            continue;
        }
        out.extend_from_slice(&body[done..range.start]);
        out.extend(instead(range));
        done = range.end;
    }
    out.extend_from_slice(&body[done..]);
    (!ranges.is_empty()).then_some(out)
}

fn truncated(body: &[u8], share: f64) -> Option<Vec<u8>> {
    let kept = ((body.len() as f64 * share) as usize).min(body.len().checked_sub(1)?);
    Some(body[..kept].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"{"items":[{"id":1,"name":"a"},{"id":2, "name":"b"}],"next":null}"#;

    fn edit(fault: Fault, body: &str) -> Option<String> {
        let edit = Edit { fault, draw: Draw::new(1, 2, 3) };
        edit.apply(body.as_bytes()).map(|out| String::from_utf8(out).unwrap())
    }

    fn named(name: &str) -> Field {
        Field { name: Some(name.into()) }
    }

    fn check(fault: Fault, expected: &str) {
        assert_eq!(edit(fault, LIST).as_deref(), Some(expected));
    }

    #[test]
    fn members_go_come_twice_or_turn_null() {
        check(Fault::DropField(named("id")), r#"{"items":[{"name":"a"},{ "name":"b"}],"next":null}"#);
        check(Fault::DropField(named("items.name")), r#"{"items":[{"id":1},{"id":2}],"next":null}"#);
        check(Fault::DropField(named("items")), r#"{"next":null}"#);
        check(Fault::NullField(named("name")), r#"{"items":[{"id":1,"name":null},{"id":2, "name":null}],"next":null}"#);
        check(
            Fault::DuplicateField(named("next")),
            r#"{"items":[{"id":1,"name":"a"},{"id":2, "name":"b"}],"next":null,"next":null}"#,
        );
        assert_eq!(edit(Fault::DropField(named("a")), r#"{"a":1}"#).as_deref(), Some("{}"));
        assert_eq!(edit(Fault::DropField(named("other")), LIST), None);
        assert_eq!(edit(Fault::DropField(Field::default()), "no json"), None);
        assert!(edit(Fault::NullField(Field::default()), LIST).is_some_and(|out| out != LIST));
    }

    #[test]
    fn lists_become_empty_or_huge() {
        check(Fault::EmptyList(Field::default()), r#"{"items":[],"next":null}"#);
        let huge = edit(Fault::HugeList(Huge { name: None, items: 1000 }), LIST).unwrap();
        let value: serde_json::Value = serde_json::from_str(&huge).unwrap();
        assert_eq!(value["items"].as_array().unwrap().len(), 1000);
        assert_eq!(value["items"][3]["name"], "b");
        assert_eq!(edit(Fault::EmptyList(Field::default()), r#"{"a":[]}"#), None);
        assert_eq!(edit(Fault::EmptyList(Field::default()), "[1,2]").as_deref(), Some("[]"));
    }

    #[test]
    fn broken_json_is_broken_and_half_a_body_is_half() {
        let corrupt = edit(Fault::Corrupt, LIST).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(&corrupt).is_err());
        assert_eq!(edit(Fault::Corrupt, "17").as_deref(), Some("#17"));
        assert_eq!(edit(Fault::Truncate { share: 0.5 }, "0123456789").as_deref(), Some("01234"));
        assert_eq!(edit(Fault::Truncate { share: 1.0 }, "01").as_deref(), Some("0"));
        assert_eq!(edit(Fault::Truncate { share: 0.5 }, ""), None);
    }

    #[test]
    fn strings_are_replaced_in_place() {
        let out = replace_strings(br#"["a", {"k":"b"}]"#, |text| (text == b"\"b\"").then(|| b"\"c\"".to_vec()));
        assert_eq!(out.unwrap(), br#"["a", {"k":"c"}]"#);
    }
}
