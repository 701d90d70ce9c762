//! The paths as they came, with what was seen at each.
//!
//! Nothing is decided here except what a segment's form alone decides: identifiers share one branch, so that a million of
//! them need no more room than one. Which other segments are parameters is computed from the whole (`templates`), again
//! and again, so that a decision applies to all that was seen before it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::operation::Operation;
use crate::sketch::{Absorb, Bounded, Values, absorb_map};
use crate::token::{self, Kind};

/// Literals under one node that are told apart. Real APIs stay far below; slugs and scanners do not.
const MAX_LITERALS: usize = 256;
/// Methods are the client's to choose.
const MAX_METHODS: usize = 16;
/// GraphQL operations of one path, by their names; those past it share what is learned of `POST`.
const MAX_GRAPHQL: usize = 256;
/// Names that rules may give to one position.
const MAX_NAMES: usize = 8;
/// Deeper paths share what is at this depth.
pub(crate) const MAX_DEPTH: usize = 24;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Node {
    pub(crate) operations: Bounded<Operation, MAX_METHODS>,
    /// What GraphQL requests asked for, by the names of their operations.
    #[serde(default)]
    pub(crate) graphql: Bounded<Operation, MAX_GRAPHQL>,
    pub(crate) literals: Bounded<Node, MAX_LITERALS>,
    pub(crate) shapes: BTreeMap<Shape, Group>,
    /// Parameters by rule.
    pub(crate) named: Bounded<Group, MAX_NAMES>,
    /// A plugin says that this is a literal.
    pub(crate) fixed: bool,
    /// Its form makes it a value; when it came a person's rule kept it apart.
    #[serde(default)]
    pub(crate) apart: bool,
}

/// Segments of one form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Shape {
    pub(crate) kind: Kind,
    /// What stands behind the identifier in the same segment: `.json`, or nothing.
    pub(crate) suffix: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) values: Values,
    pub(crate) node: Node,
}

/// The segments of a path; empty ones say nothing.
pub(crate) fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty()).take(MAX_DEPTH)
}

impl Shape {
    /// The shape of a raw segment, with the identifier in it.
    pub(crate) fn of(segment: &str) -> Option<(Self, String)> {
        let text = token::decode(segment);
        if let Some(kind) = Kind::of(&text) {
            return Some((Self { kind, suffix: String::new() }, text.into_owned()));
        }
        let suffix = token::extension(&text)?;
        let stem = &text[..text.len() - suffix.len()];
        Kind::of(stem).map(|kind| (Self { kind, suffix: suffix.to_owned() }, stem.to_owned()))
    }
}

impl Node {
    /// The node of a raw path, made when it is new. The segments at the positions `apart` are not told by their form.
    pub(crate) fn at(&mut self, path: &str, apart: &[usize]) -> &mut Self {
        segments(path).enumerate().fold(self, |node, (n, segment)| {
            if !apart.contains(&n) || Shape::of(segment).is_none() {
                return node.below(segment);
            }
            let literal = node.literals.entry(segment);
            literal.apart = true;
            literal
        })
    }

    /// The node below this one for a raw segment.
    fn below(&mut self, segment: &str) -> &mut Self {
        match Shape::of(segment) {
            Some((shape, value)) => {
                let group = self.shapes.entry(shape).or_default();
                group.values.add(&value);
                &mut group.node
            }
            None => self.literals.entry(segment),
        }
    }

    /// The node of a template that a rule gave: `{name}` is a parameter, a segment that the rule left as it came is
    /// learned like any other, and what the rule wrote in its place is a literal.
    pub(crate) fn at_template(&mut self, template: &[String], path: &str) -> &mut Self {
        let mut raw = segments(path);
        let mut node = self;
        for segment in template.iter().take(MAX_DEPTH) {
            let value = raw.next().unwrap_or_default();
            node = match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(name) => {
                    let group = node.named.entry(name);
                    group.values.add(&token::decode(value));
                    &mut group.node
                }
                None if segment == value => node.below(segment),
                None => {
                    let literal = node.literals.entry(segment);
                    literal.fixed = true;
                    literal
                }
            };
        }
        node
    }
}

impl Absorb for Node {
    fn absorb(&mut self, other: &Self) {
        self.operations.absorb(&other.operations);
        self.graphql.absorb(&other.graphql);
        self.literals.absorb(&other.literals);
        absorb_map(&mut self.shapes, &other.shapes);
        self.named.absorb(&other.named);
        self.fixed |= other.fixed;
        self.apart |= other.apart;
    }
}

impl Absorb for Group {
    fn absorb(&mut self, other: &Self) {
        self.values.absorb(&other.values);
        self.node.absorb(&other.node);
    }
}
