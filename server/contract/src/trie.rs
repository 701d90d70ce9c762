//! The paths as they came, with what was seen at each.
//!
//! Nothing is decided here except what a segment's form alone decides: identifiers share one branch, so that a million of
//! them need no more room than one. Which other segments are parameters is computed from the whole (`templates`), again
//! and again, so that a decision applies to all that was seen before it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::operation::Operation;
use crate::sketch::{Absorb, Bounded, Values, absorb_map};
use crate::token::{self, Kind};

/// Literals under one node that are told apart. Real APIs stay far below; slugs and scanners do not.
const MAX_LITERALS: usize = 256;
/// More names than stand at any place of most APIs.
const CROWD: usize = 32;
/// Nodes of a whole trie; a large API with slugs for ids has some thousand.
const MAX_NODES: usize = 12_000;
/// Fields of all bodies and parameters of a whole trie; each takes some two hundred bytes.
const MAX_FIELDS: usize = 200_000;
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
    pub(crate) shapes: BTreeMap<Shape, Box<Group>>,
    /// Parameters by rule.
    pub(crate) named: Bounded<Group, MAX_NAMES>,
    /// Names that were values of one parameter when room ran out, together; and all that came since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) folded: Option<Box<Group>>,
    /// A plugin says that this is a literal.
    pub(crate) fixed: bool,
    /// Its form makes it a value; when it came a person's rule kept it apart.
    #[serde(default)]
    pub(crate) apart: bool,
}

/// What a trie holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) nodes: usize,
    pub(crate) fields: usize,
}

impl std::ops::Add for Size {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { nodes: self.nodes + other.nodes, fields: self.fields + other.fields }
    }
}

impl Size {
    pub(crate) fn fits(self) -> bool {
        self.nodes <= MAX_NODES && self.fields <= MAX_FIELDS
    }

    /// With so much room left that it is not asked again soon.
    pub(crate) fn fits_well(self) -> bool {
        self.nodes <= MAX_NODES / 2 && self.fields <= MAX_FIELDS / 2
    }

    pub(crate) fn is_half_of(self, all: Self) -> bool {
        2 * self.nodes >= all.nodes || 2 * self.fields >= all.fields
    }
}

/// How finely paths are told apart. A trie that grows past [`MAX_NODES`] or [`MAX_FIELDS`], and not for names that are known to be values,
/// takes the next level, of which each tells less than the one before. All that a level tells follows from what finer ones tell, so it does not matter when it was taken;
/// whether it is taken can depend on the order in which some ten thousand paths came, and on nothing else does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Level(u8);

/// By level: literals under one node, and how deep nodes lie.
const LEVELS: [(usize, usize); 10] = [
    (MAX_LITERALS, MAX_DEPTH),
    (128, MAX_DEPTH),
    (64, MAX_DEPTH),
    (32, MAX_DEPTH),
    (16, 12),
    (16, 8),
    (8, 6),
    (8, 5),
    (8, 4),
    (4, 3),
];

impl Level {
    pub(crate) fn next(self) -> Option<Self> {
        (usize::from(self.0) + 1 < LEVELS.len()).then_some(Self(self.0 + 1))
    }

    pub(crate) fn number(self) -> u8 {
        self.0
    }

    fn limits(self) -> (usize, usize) {
        LEVELS.get(usize::from(self.0)).copied().unwrap_or(LEVELS[LEVELS.len() - 1])
    }

    /// The shape of a segment as far as it is told: verbs behind identifiers are the client's to choose too.
    fn tells(self, mut shape: Shape) -> Shape {
        if self.0 > 2 && shape.suffix.starts_with(':') {
            shape.suffix.clear();
        }
        shape
    }
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
    pub(crate) fn at(&mut self, path: &str, apart: &[usize], level: Level) -> &mut Self {
        let (literals, depth) = level.limits();
        segments(path).take(depth).enumerate().fold(self, |node, (n, segment)| {
            let is_value = node.folds(segment) || Shape::of(segment).is_some();
            if !apart.contains(&n) || !is_value {
                return node.below(segment, level);
            }
            let literal = node.literals.entry_within(segment, literals);
            literal.apart = true;
            literal
        })
    }

    /// The node below this one for a raw segment.
    fn below(&mut self, segment: &str, level: Level) -> &mut Self {
        match Shape::of(segment) {
            Some((shape, value)) => {
                let group = self.shapes.entry(level.tells(shape)).or_default();
                group.values.add(&value);
                &mut group.node
            }
            None => match &mut self.folded {
                Some(group) if !self.literals.kept.contains_key(segment) => {
                    group.values.add(&token::decode(segment));
                    &mut group.node
                }
                _ => self.literals.entry_within(segment, level.limits().0),
            },
        }
    }

    /// Nothing was ever learned of it.
    pub(crate) fn is_empty(&self) -> bool {
        self.operations.kept.is_empty() && self.operations.rest.is_none() && self.graphql.kept.is_empty()
    }

    /// How many nodes lie below, this one counted, and how many fields they know.
    pub(crate) fn size(&self) -> Size {
        let fields = self.operations.all().chain(self.graphql.all()).map(Operation::fields).sum();
        self.children().fold(Size { nodes: 1, fields }, |all, child| all + child.size())
    }

    /// What lies below places that have many names. Only there it may help to know which of them are values, and to find that out
    /// takes time and room.
    pub(crate) fn crowded(&self) -> Size {
        if self.literals.kept.len() > CROWD {
            return self.size();
        }
        self.children().map(Self::crowded).fold(Size { nodes: 0, fields: 0 }, std::ops::Add::add)
    }

    /// Requests whose path is not told apart from others any more.
    pub(crate) fn shared(&self) -> u64 {
        let rest = self.literals.rest.as_deref().map_or(0, Self::requests);
        let kept = self
            .children()
            .filter(|child| !self.literals.rest.as_deref().is_some_and(|rest| std::ptr::eq(rest, *child)));
        rest + kept.map(Self::shared).sum::<u64>()
    }

    fn requests(&self) -> u64 {
        let own = self.operations.all().chain(self.graphql.all()).map(|operation| operation.requests);
        own.sum::<u64>() + self.children().map(Self::requests).sum::<u64>()
    }

    fn children(&self) -> impl Iterator<Item = &Self> {
        let groups = self.shapes.values().chain(&self.folded).map(|group| &**group).chain(self.named.all());
        self.literals.all().chain(groups.map(|group| &group.node))
    }

    fn children_mut(&mut self) -> impl Iterator<Item = &mut Self> {
        let groups = self.shapes.values_mut().chain(&mut self.folded).map(|group| &mut **group);
        self.literals.all_mut().chain(groups.chain(self.named.all_mut()).map(|group| &mut group.node))
    }

    /// Whether a name is a value of what is folded here.
    fn folds(&self, name: &str) -> bool {
        self.folded.is_some() && !self.literals.kept.contains_key(name)
    }

    /// Folds names, here and below. `left` gives those that stay, for the nodes at which others are values.
    pub(crate) fn fold<'l>(&mut self, left: &impl Fn(&Self) -> Option<&'l BTreeSet<String>>) {
        let left_here = left(self);
        self.children_mut().for_each(|child| child.fold(left));
        if let Some(left_here) = left_here {
            let folded = self.folded.get_or_insert_default();
            take_names(folded, &mut self.literals, |name| left_here.contains(name));
        }
    }

    /// Forgets what a level does not tell.
    pub(crate) fn coarsen(&mut self, level: Level) {
        self.coarsen_at(level, 0);
    }

    fn coarsen_at(&mut self, level: Level, depth: usize) {
        let (literals, deepest) = level.limits();
        if depth == deepest {
            let below = Self {
                literals: std::mem::take(&mut self.literals),
                shapes: std::mem::take(&mut self.shapes),
                named: std::mem::take(&mut self.named),
                folded: self.folded.take(),
                ..Self::default()
            };
            below.children().for_each(|child| child.gather(self));
            return;
        }
        self.literals.limit(literals);
        for (shape, group) in std::mem::take(&mut self.shapes) {
            self.shapes.entry(level.tells(shape)).or_default().absorb(&group);
        }
        self.children_mut().for_each(|child| child.coarsen_at(level, depth + 1));
    }

    /// Adds all operations here and below to another node.
    fn gather(&self, into: &mut Self) {
        into.operations.absorb(&self.operations);
        into.graphql.absorb(&self.graphql);
        self.children().for_each(|child| child.gather(into));
    }

    /// The node of a template that a rule gave: `{name}` is a parameter, a segment that the rule left as it came is
    /// learned like any other, and what the rule wrote in its place is a literal.
    pub(crate) fn at_template(&mut self, template: &[String], path: &str, level: Level) -> &mut Self {
        let (literals, depth) = level.limits();
        let mut raw = segments(path);
        let mut node = self;
        for segment in template.iter().take(depth) {
            let value = raw.next().unwrap_or_default();
            node = match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(name) => {
                    let group = node.named.entry(name);
                    group.values.add(&token::decode(value));
                    &mut group.node
                }
                None if segment == value => node.below(segment, level),
                None => {
                    let literal = node.literals.entry_within(segment, literals);
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
        self.absorb_names(other);
        absorb_map(&mut self.shapes, &other.shapes);
        self.named.absorb(&other.named);
        self.fixed |= other.fixed;
        self.apart |= other.apart;
    }
}

impl Node {
    /// Where one side takes names for values, those stay names that it tells from them.
    fn absorb_names(&mut self, other: &Self) {
        if self.folded.is_none() && other.folded.is_none() {
            return self.literals.absorb(&other.literals);
        }
        let told = [&*self, other].into_iter().filter(|side| side.folded.is_some());
        let told: BTreeSet<String> = told.flat_map(|side| side.literals.kept.keys().cloned()).collect();
        self.literals.absorb(&other.literals);
        let folded = self.folded.get_or_insert_default();
        if let Some(theirs) = &other.folded {
            folded.absorb(theirs);
        }
        take_names(folded, &mut self.literals, |name| told.contains(name));
    }
}

/// Makes values of names, but for those that stay and those that a rule wants.
fn take_names(folded: &mut Group, literals: &mut Bounded<Node, MAX_LITERALS>, stays: impl Fn(&str) -> bool) {
    let names = std::mem::take(literals);
    for (name, node) in names.kept {
        if node.apart || node.fixed || stays(&name) {
            literals.kept.insert(name, node);
        } else {
            folded.values.add_times(&token::decode(&name), node.requests());
            folded.node.absorb(&node);
        }
    }
    if let Some(rest) = names.rest {
        folded.node.absorb(&rest);
    }
}

impl Absorb for Group {
    fn absorb(&mut self, other: &Self) {
        self.values.absorb(&other.values);
        self.node.absorb(&other.node);
    }
}
