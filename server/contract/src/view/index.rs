//! The endpoints of a contract, compiled for matching.
//!
//! A tree of branches, one per segment, laid out flat: branches are numbers, words are numbers, and a step from a branch by
//! a word is one probe of one table. Large contracts are then looked up at about the cost of small ones: what is touched
//! per request stays a few cache lines in tables small enough to stay in the cache.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::{Endpoint, Segment};
use crate::{token, trie};

/// The branch at which every path begins. Nothing leads back to it, so its number also says "none".
const ROOT: u32 = 0;

#[derive(Debug)]
pub(super) struct Index {
    /// Literal segments, methods and parameter names. Keyed by the machine's random seed, since they come from outside.
    words: HashMap<String, u32>,
    texts: Vec<String>,
    /// From a branch, by a literal segment.
    steps: HashMap<u64, u32, BuildHasherDefault<Mixer>>,
    /// From each branch, by a parameter with nothing behind it.
    parameters: Vec<u32>,
    /// From a branch, by a parameter with a suffix, the longest suffix first.
    suffixed: HashMap<u32, Vec<(String, u32)>>,
    /// At a branch, by method.
    ends: HashMap<u64, End, BuildHasherDefault<Mixer>>,
    names: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct End {
    endpoint: u32,
    /// The names of its parameters begin here in [`Index::names`].
    names: u32,
}

/// What a path leads to.
pub(super) struct Found<'a> {
    pub(super) endpoint: usize,
    pub(super) parameters: Vec<(&'a str, Cow<'a, str>)>,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            words: HashMap::new(),
            texts: Vec::new(),
            steps: HashMap::default(),
            parameters: vec![ROOT],
            suffixed: HashMap::new(),
            ends: HashMap::default(),
            names: Vec::new(),
        }
    }
}

impl Index {
    pub(super) fn put(&mut self, endpoint: &Endpoint, number: usize) {
        let names = self.names.len() as u32;
        let mut branch = ROOT;
        let mut suffixes = endpoint.suffixes.iter();
        for segment in &endpoint.segments {
            branch = match segment {
                Segment::Literal(text) => self.literal(branch, text),
                Segment::Parameter { name, .. } => {
                    let name = self.word(name);
                    self.names.push(name);
                    self.parameter(branch, suffixes.next().map_or("", String::as_str))
                }
            };
        }
        let method = self.word(&endpoint.method);
        self.ends.insert(key(branch, method), End { endpoint: number as u32, names });
    }

    fn word(&mut self, text: &str) -> u32 {
        if let Some(word) = self.words.get(text) {
            return *word;
        }
        let word = self.texts.len() as u32;
        self.words.insert(text.to_owned(), word);
        self.texts.push(text.to_owned());
        word
    }

    fn literal(&mut self, branch: u32, text: &str) -> u32 {
        let at = key(branch, self.word(text));
        match self.steps.get(&at) {
            Some(next) => *next,
            None => {
                let next = self.branch();
                self.steps.insert(at, next);
                next
            }
        }
    }

    fn parameter(&mut self, branch: u32, suffix: &str) -> u32 {
        if suffix.is_empty() {
            if self.parameters[branch as usize] == ROOT {
                self.parameters[branch as usize] = self.branch();
            }
            return self.parameters[branch as usize];
        }
        let known = self.suffixed.get(&branch).and_then(|all| all.iter().find(|(s, _)| s == suffix));
        if let Some((_, next)) = known {
            return *next;
        }
        let next = self.branch();
        let all = self.suffixed.entry(branch).or_default();
        let at = all.partition_point(|(s, _)| (s.len(), s.as_str()) > (suffix.len(), suffix));
        all.insert(at, (suffix.to_owned(), next));
        next
    }

    fn branch(&mut self) -> u32 {
        self.parameters.push(ROOT);
        (self.parameters.len() - 1) as u32
    }

    /// Literals win over parameters, segment by segment from the left; longer suffixes over shorter ones.
    pub(super) fn find<'a>(&'a self, method: &str, path: &'a str) -> Option<Found<'a>> {
        let method = *self.words.get(method)?;
        let mut parameters = Vec::new();
        let end = self.below(ROOT, method, path, 0, &mut parameters)?;
        for ((name, _), word) in parameters.iter_mut().zip(&self.names[end.names as usize..]) {
            *name = self.texts[*word as usize].as_str();
        }
        Some(Found { endpoint: end.endpoint as usize, parameters })
    }

    fn below<'a>(
        &'a self,
        branch: u32,
        method: u32,
        path: &'a str,
        depth: usize,
        values: &mut Vec<(&'a str, Cow<'a, str>)>,
    ) -> Option<End> {
        let path = path.trim_start_matches('/');
        if path.is_empty() || depth == trie::MAX_DEPTH {
            return self.ends.get(&key(branch, method)).copied();
        }
        let (first, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
        let literal = self.words.get(first).and_then(|word| self.steps.get(&key(branch, *word)));
        if let Some(found) = literal.and_then(|next| self.below(*next, method, rest, depth + 1, values)) {
            return Some(found);
        }
        let mut by_value = |value: &'a str, next: u32| {
            values.push(("", token::decode(value)));
            let found = self.below(next, method, rest, depth + 1, values);
            if found.is_none() {
                values.pop();
            }
            found
        };
        if !self.suffixed.is_empty() {
            for (suffix, next) in self.suffixed.get(&branch).into_iter().flatten() {
                let value = first.strip_suffix(suffix.as_str()).filter(|value| !value.is_empty());
                if let Some(found) = value.and_then(|value| by_value(value, *next)) {
                    return Some(found);
                }
            }
        }
        match self.parameters[branch as usize] {
            ROOT => None,
            next => by_value(first, next),
        }
    }
}

fn key(branch: u32, word: u32) -> u64 {
    u64::from(branch) << 32 | u64::from(word)
}

/// Numbers of our own making need spreading, and no defence.
#[derive(Debug, Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = crate::hash::hash(bytes);
    }

    fn write_u64(&mut self, number: u64) {
        let product = u128::from(number ^ 0x2545_f491_4f6c_dd1d) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Operation;

    fn endpoint(method: &str, template: &str) -> Endpoint {
        let mut suffixes = Vec::new();
        let segment = |text: &str| match text.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
            Some((name, suffix)) => {
                suffixes.push(suffix.to_owned());
                Segment::Parameter { name: name.to_owned(), kind: "string" }
            }
            None => Segment::Literal(text.to_owned()),
        };
        let segments = template.split('/').skip(1).map(segment).collect();
        Endpoint {
            id: super::super::EndpointId::of(method, template),
            method: method.to_owned(),
            graphql: None,
            template: template.to_owned(),
            segments,
            requests: 0,
            first_seen_ms: 0,
            last_seen_ms: 0,
            suffixes,
            values: Vec::new(),
            operation: Operation::default(),
        }
    }

    #[test]
    fn literals_win_then_long_suffixes_and_a_dead_end_is_left_again() {
        let templates = ["/users/me", "/users/{id}", "/users/{id}/posts", "/files/{name}.tar.gz", "/files/{file}.gz"];
        let mut index = Index::default();
        for (number, template) in templates.iter().enumerate() {
            index.put(&endpoint("GET", template), number);
        }
        let check = |path: &str, expected: Option<(usize, &[(&str, &str)])>| {
            let found = index.find("GET", path).map(|found| (found.endpoint, found.parameters));
            let found = found.as_ref().map(|(number, all)| {
                (*number, all.iter().map(|(name, value)| (*name, value.as_ref())).collect::<Vec<_>>())
            });
            assert_eq!(found, expected.map(|(number, all)| (number, all.to_vec())), "{path}");
        };
        check("/users/me", Some((0, &[])));
        check("//users/7/", Some((1, &[("id", "7")])));
        check("/users/me/posts", Some((2, &[("id", "me")])));
        check("/files/a%20b.tar.gz", Some((3, &[("name", "a b")])));
        check("/files/a.gz", Some((4, &[("file", "a")])));
        check("/files/.gz", None);
        check("/users", None);
        assert!(index.find("PUT", "/users/me").is_none());
    }
}
