//! Where things stand in a JSON text, so that it can be changed in one place and stays as it is to the byte elsewhere.

use std::ops::Range;

use serde::de::IgnoredAny;

/// Paths are the names of members from the root, joined with dots; a list adds nothing.
#[derive(Debug, Default)]
pub(super) struct Spans {
    pub(super) members: Vec<Member>,
    pub(super) lists: Vec<List>,
    pub(super) strings: Vec<Range<usize>>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) path: String,
    /// With the comma that goes when it goes.
    pub(super) outer: Range<usize>,
    /// From its name to the end of its value.
    pub(super) inner: Range<usize>,
    pub(super) value: Range<usize>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct List {
    pub(super) path: String,
    pub(super) range: Range<usize>,
    pub(super) items: Vec<Range<usize>>,
}

/// `None` when the text is no JSON.
pub(super) fn scan(text: &[u8]) -> Option<Spans> {
    // What this refuses is too deep for us as well.
    serde_json::from_slice::<IgnoredAny>(text).ok()?;
    let mut scanner = Scanner { text, at: 0, spans: Spans::default() };
    scanner.skip_space();
    scanner.value("")?;
    Some(scanner.spans)
}

/// Reads text that is known to be JSON.
struct Scanner<'t> {
    text: &'t [u8],
    at: usize,
    spans: Spans,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn value(&mut self, path: &str) -> Option<Range<usize>> {
        let start = self.at;
        match self.peek()? {
            b'{' => self.object(path)?,
            b'[' => self.list(path)?,
            b'"' => {
                self.string()?;
                self.spans.strings.push(start..self.at);
            }
            _ => {
                while self.peek().is_some_and(|byte| !matches!(byte, b',' | b'}' | b']') && !byte.is_ascii_whitespace())
                {
                    self.at += 1;
                }
            }
        }
        Some(start..self.at)
    }

    fn string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(())
    }

    fn object(&mut self, path: &str) -> Option<()> {
        self.at += 1;
        let mut own: Vec<usize> = Vec::new();
        let mut before = self.at;
        loop {
            self.skip_space();
            if self.peek()? == b'}' {
                break;
            }
            let start = self.at;
            self.string()?;
            let name = serde_json::from_slice::<String>(&self.text[start..self.at]).ok()?;
            self.skip_space();
            self.at += 1;
            self.skip_space();
            let path = if path.is_empty() { name } else { format!("{path}.{name}") };
            // In its place before what lies in it.
            let place = self.spans.members.len();
            self.spans.members.push(Member { path: path.clone(), outer: before..0, inner: start..0, value: 0..0 });
            own.push(place);
            let value = self.value(&path)?;
            let member = &mut self.spans.members[place];
            (member.outer.end, member.inner.end, member.value) = (value.end, value.end, value);
            self.skip_space();
            if self.peek()? == b',' {
                before = self.at;
                self.at += 1;
            }
        }
        self.at += 1;
        // The first one takes the comma behind it along.
        if let [first, second, ..] = own[..] {
            let next = self.spans.members[second].outer.start + 1;
            self.spans.members[first].outer.end = next;
        }
        Some(())
    }

    fn list(&mut self, path: &str) -> Option<()> {
        let start = self.at;
        self.at += 1;
        let place = self.spans.lists.len();
        self.spans.lists.push(List { path: path.to_owned(), range: start..0, items: Vec::new() });
        loop {
            self.skip_space();
            match self.peek()? {
                b']' => break,
                b',' => self.at += 1,
                _ => {
                    let item = self.value(path)?;
                    self.spans.lists[place].items.push(item);
                }
            }
        }
        self.at += 1;
        self.spans.lists[place].range.end = self.at;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_lists_are_found_where_they_stand() {
        let text = br#" {"a" : 1 , "b":{"c":[ {"d":"x\"}"}, [] ]}, "e":null}"#;
        let spans = scan(text).unwrap();
        let shown: Vec<(&str, &str)> = spans
            .members
            .iter()
            .map(|member| (member.path.as_str(), std::str::from_utf8(&text[member.value.clone()]).unwrap()))
            .collect();
        let expected = [
            ("a", "1"),
            ("b", r#"{"c":[ {"d":"x\"}"}, [] ]}"#),
            ("b.c", r#"[ {"d":"x\"}"}, [] ]"#),
            ("b.c.d", r#""x\"}""#),
            ("e", "null"),
        ];
        assert_eq!(shown, expected);
        let lists: Vec<(&str, usize)> = spans.lists.iter().map(|list| (list.path.as_str(), list.items.len())).collect();
        assert_eq!(lists, [("b.c", 2), ("b.c", 0)]);
        assert_eq!(spans.strings.len(), 1);
        assert!(scan(b"{").is_none() && scan(b"").is_none());
    }
}
