//! Everything that was learned, as one mergeable summary.

use serde::{Deserialize, Serialize};

use crate::operation::Operation;
use crate::provenance::{AS_LOCATION, Shown};
use crate::sketch::{Absorb, Bounded};
use crate::trie::{self, Level, Node, Shape, Size};
use crate::{Contract, Exchange, Request, Rules, graphql, templates, token};

/// Paths that were only ever not found; scanners make many of them.
const MAX_MISSING: usize = 1024;
/// What a stored model starts with, before its format.
const MAGIC: &[u8; 4] = b"USTM";
/// The format that [`Model::encode`] writes.
const FORMAT: u32 = 2;

/// The learned summaries of one project. A commutative monoid: [`Model::default`] is its identity, [`Model::merge`] its
/// operation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Model {
    exchanges: u64,
    pub(crate) root: Node,
    #[serde(default)]
    level: Level,
    #[serde(skip)]
    size: Counted,
    /// Answers that say that there is nothing here. They prove no endpoint, and belong to one only if another answer does.
    pub(crate) missing: Bounded<Missing, MAX_MISSING>,
    pub(crate) shown: Shown,
}

/// What the trie holds at most, once it was counted; says nothing about what was seen.
#[derive(Debug, Clone, Copy, Default)]
struct Counted(Option<Size>);

impl PartialEq for Counted {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What bounds have cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// How coarsely paths are told apart, 0 for as finely as can be.
    pub level: u8,
    /// Requests whose path is told from others no more: it stood beside too many.
    pub shared: u64,
    /// Requests for what is not there that share one entry.
    pub missing: u64,
    /// Endpoints that a contract leaves out: those with the fewest requests. Of a model itself always 0.
    pub dropped: u64,
    /// Endpoints of a contract that leave fields out. Of a model itself always 0.
    pub crowded: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Missing {
    pub(crate) method: String,
    /// The smallest of the paths that share this entry.
    pub(crate) path: String,
    pub(crate) operation: Operation,
}

/// Why stored bytes are not a model.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("read the learned model: {0}")]
    Malformed(String),
    #[error("read the learned model: it is of format {found}, this version reads up to {supported}")]
    Newer { found: u32, supported: u32 },
    #[error("read the learned model: it is of format {found}, and this version reads {supported} only")]
    Older { found: u32, supported: u32 },
}

impl Model {
    /// Learns one exchange. Never fails: odd input is counted as what it is.
    pub fn learn(&mut self, exchange: &Exchange) {
        self.learn_under(exchange, None, &Rules::default());
    }

    /// Learns one exchange whose path template is known from elsewhere: segments, parameters as `{name}`. It wins over
    /// all evidence.
    pub fn learn_as(&mut self, exchange: &Exchange, template: Option<&[String]>) {
        self.learn_under(exchange, template, &Rules::default());
    }

    /// The same while people's rules hold. What they split off is summarised apart from now on; all else that they say
    /// is a matter of [`Model::contract_under`].
    pub fn learn_under(&mut self, exchange: &Exchange, template: Option<&[String]>, rules: &Rules) {
        let Exchange { request, response, .. } = exchange;
        self.exchanges += 1;
        if let Some(location) = response.headers.get("location")
            && let Some(last) =
                location.split(['?', '#']).next().and_then(|path| path.trim_end_matches('/').rsplit('/').next())
        {
            self.shown.add(last, AS_LOCATION);
        }
        if matches!(response.status, 404 | 405) {
            self.missing(request).operation.learn(exchange, &mut ());
            return;
        }
        let segments = trie::segments(request.path()).count();
        let node = match template {
            Some(template) => self.root.at_template(template, request.path(), self.level),
            None => self.root.at(request.path(), &rules.apart(request.path()), self.level),
        };
        // Only what was never asked for can have made nodes.
        let nodes = if node.is_empty() { segments } else { 0 };
        let operation = match graphql::operation(request) {
            Some(name) => node.graphql.entry(&name),
            None => node.operations.entry(&request.method),
        };
        let before = operation.fields();
        if response.status < 400 {
            operation.learn(exchange, &mut self.shown);
        } else {
            operation.learn(exchange, &mut ());
        }
        let fields = operation.fields().saturating_sub(before);
        self.fit(Size { nodes, fields }, rules);
    }

    /// Keeps the trie within its bounds; at most so much is new.
    fn fit(&mut self, new: Size, rules: &Rules) {
        self.size.0 = self.size.0.map(|size| size + new);
        while !self.size.0.is_some_and(Size::fits) {
            let size = self.root.size();
            self.size.0 = Some(size);
            if size.fits() || self.root.crowded().is_half_of(size) && self.fold(rules) {
                return;
            }
            let Some(level) = self.level.next() else { return };
            self.level = level;
            self.root.coarsen(level);
            self.size.0 = None;
        }
    }

    /// Puts names together that are values of one parameter; whether that made room.
    fn fold(&mut self, rules: &Rules) -> bool {
        let left = templates::names_beside_values(self, rules);
        self.root.fold(&|node| left.get(&(std::ptr::from_ref(node) as usize)).map(|names| &**names));
        let size = self.root.size();
        self.size.0 = Some(size);
        size.fits_well()
    }

    /// What was left out, or is told less finely, for want of room.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let missing = self.missing.rest.as_ref().map_or(0, |rest| rest.operation.requests);
        Limits { level: self.level.number(), shared: self.root.shared(), missing, ..Limits::default() }
    }

    fn missing(&mut self, request: &Request) -> &mut Missing {
        let mut key = request.method.clone();
        for segment in trie::segments(request.path()) {
            key.push('/');
            match Shape::of(segment) {
                Some((shape, _)) => key.extend(["{", shape.kind.word(), "}", &shape.suffix]),
                None => key.push_str(segment),
            }
        }
        let missing = self.missing.entry(&key);
        if missing.operation.requests == 0 || *request.path() < *missing.path {
            missing.method.clone_from(&request.method);
            request.path().clone_into(&mut missing.path);
        }
        missing
    }

    /// Adds what another model learned. Associative and commutative.
    #[expect(clippy::needless_pass_by_value, reason = "what was merged must not be learned from twice")]
    pub fn merge(&mut self, other: Self) {
        self.exchanges += other.exchanges;
        self.root.absorb(&other.root);
        // Both may have grown past what either level tells.
        self.level = self.level.max(other.level);
        self.root.coarsen(self.level);
        self.size.0 = None;
        self.fit(Size { nodes: 0, fields: 0 }, &Rules::default());
        self.missing.absorb(&other.missing);
        self.shown.absorb(&other.shown);
    }

    /// How many exchanges were learned.
    #[must_use]
    pub fn exchanges(&self) -> u64 {
        self.exchanges
    }

    /// Computes the view that requests are matched against.
    #[must_use]
    pub fn contract(&self) -> Contract {
        self.contract_under(&Rules::default())
    }

    /// The same with people's rules, which win over all evidence.
    #[must_use]
    pub fn contract_under(&self, rules: &Rules) -> Contract {
        Contract::of(self, rules)
    }

    /// Bytes that [`Model::decode`] reads back; equal models give equal bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = [&MAGIC[..], &FORMAT.to_le_bytes()].concat();
        rmp_serde::encode::write_named(&mut bytes, self).expect("a model holds nothing that MessagePack lacks");
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let Some((format, rest)) = bytes.strip_prefix(MAGIC).and_then(<[u8]>::split_first_chunk::<4>) else {
            return Err(DecodeError::Malformed("it does not start as one".into()));
        };
        let found = u32::from_le_bytes(*format);
        if found > FORMAT {
            return Err(DecodeError::Newer { found, supported: FORMAT });
        }
        if found < FORMAT {
            return Err(DecodeError::Older { found, supported: FORMAT });
        }
        rmp_serde::from_slice(rest).map_err(|error| DecodeError::Malformed(error.to_string()))
    }
}

impl Absorb for Missing {
    fn absorb(&mut self, other: &Self) {
        let mine = (self.operation.requests == 0, &self.path, &self.method);
        if other.operation.requests > 0 && (mine.0 || (&other.path, &other.method) < (mine.1, mine.2)) {
            self.path.clone_from(&other.path);
            self.method.clone_from(&other.method);
        }
        self.operation.absorb(&other.operation);
    }
}

/// Whether a raw segment can be a literal only.
pub(crate) fn always_literal(segment: &str) -> bool {
    token::is_version(segment)
}
