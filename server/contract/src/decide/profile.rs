//! What lies below a place: its routes, with what they answer.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::outline::{Outline, Outlines};
use crate::hash::{combine, hash};
use crate::model::Model;
use crate::token;
use crate::trie::Node;

/// Deeper routes are rare, and what lies above them tells enough.
const MAX_DEPTH: usize = 5;

/// Routes are kept as they are, and with one segment left open that may be a parameter too: the first one below
/// (`/{owner}/{repo}`) and the last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Profile {
    pub(crate) requests: f64,
    routes: BTreeMap<String, Route>,
    open: BTreeMap<String, Route>,
    /// Routes of two segments and more with the last one left open, for the same reason (`/posts/{slug}`).
    ends: BTreeMap<String, Route>,
    /// Longer routes by one of their segments and its place, all others left open: the richest answer of each.
    anchors: HashMap<u64, Rc<Outline>>,
}

#[derive(Debug, Clone, Default)]
struct Route {
    requests: f64,
    outline: Outline,
    /// The same route with its first segment left open; empty where that changes nothing.
    open: String,
    /// The same route with its last segment left open; empty where that says nothing.
    end: String,
}

impl Profile {
    pub(crate) fn of(nodes: &[&Node], model: &Model, outlines: &Outlines) -> Self {
        let mut profile = Self::default();
        for node in nodes {
            profile.walk(node, model, outlines, &mut Vec::new());
        }
        profile
    }

    fn walk<'n>(&mut self, node: &'n Node, model: &Model, outlines: &Outlines, tail: &mut Vec<&'n str>) {
        for (method, operation) in &node.operations.kept {
            self.add(method, operation.requests as f64, &outlines.of(operation), tail);
        }
        for operation in node.graphql.kept.values() {
            self.add("POST", operation.requests as f64, &outlines.of(operation), tail);
        }
        if tail.len() == MAX_DEPTH {
            return;
        }
        let name = |token: &'n str| if super::is_data(model, &token::decode(token)) { "{}" } else { token };
        let literals = node.literals.kept.iter().map(|(token, child)| (name(token), &**child));
        let shapes = node.shapes.values().chain(&node.folded).map(|group| ("{}", &group.node));
        let named = node.named.kept.values().map(|group| ("{}", &group.node));
        let rest = node.literals.rest.iter().map(|rest| ("{}", &**rest));
        for (token, child) in literals.chain(shapes).chain(named).chain(rest) {
            tail.push(token);
            self.walk(child, model, outlines, tail);
            tail.pop();
        }
    }

    fn add(&mut self, method: &str, requests: f64, outline: &Rc<Outline>, tail: &[&str]) {
        for anchor in anchors(method, tail) {
            keep_richer(&mut self.anchors, anchor, outline);
        }
        let key = format!("{method} {}", tail.join("/"));
        let open = match tail {
            [] | ["{}", ..] => String::new(),
            [_, rest @ ..] => format!("{method} {{}}/{}", rest.join("/")),
        };
        let end = match tail {
            [first, .., _] if *first != "{}" => format!("{method} {}/{{}}", tail[..tail.len() - 1].join("/")),
            _ => String::new(),
        };
        self.requests += requests;
        if !end.is_empty() {
            self.ends.entry(end.clone()).or_default().put(requests, outline);
        }
        if !open.is_empty() {
            self.open.entry(open.clone()).or_default().put(requests, outline);
        } else if let ["{}", ..] = tail {
            self.open.entry(key.clone()).or_default().put(requests, outline);
        }
        let route = self.routes.entry(key).or_default();
        route.put(requests, outline);
        route.open = open;
        route.end = end;
    }

    pub(crate) fn absorb(&mut self, other: &Self) {
        self.requests += other.requests;
        for (anchor, outline) in &other.anchors {
            keep_richer(&mut self.anchors, *anchor, outline);
        }
        let both = [(&mut self.routes, &other.routes), (&mut self.open, &other.open), (&mut self.ends, &other.ends)];
        for (mine, theirs) in both {
            for (key, route) in theirs {
                let into = mine.entry(key.clone()).or_default();
                into.put(route.requests, &route.outline);
                into.open.clone_from(&route.open);
                into.end.clone_from(&route.end);
            }
        }
    }

    /// Whether no answer below had content.
    pub(crate) fn is_blank(&self) -> bool {
        self.routes.values().all(|route| route.outline.is_empty())
    }

    /// The routes that end in parameters only, with how many.
    pub(crate) fn open_routes(&self) -> impl Iterator<Item = (&str, usize)> {
        let depth =
            |key: &str| key.split_once(' ').map_or(0, |(_, tail)| tail.split('/').filter(|s| *s == "{}").count());
        let open = self.routes.keys().filter(|key| key.ends_with('}'));
        open.map(move |key| (key.as_str(), depth(key)))
    }

    /// The routes further down that end in a name.
    pub(crate) fn named_routes(&self) -> impl Iterator<Item = &str> {
        self.routes.keys().map(String::as_str).filter(|key| is_named(key))
    }

    /// Whether the other has a route of this one that ends in a name, whatever stands before it.
    pub(crate) fn shares_a_name(&self, other: &Self) -> bool {
        let shared = |key: &String, route: &Route| {
            other.routes.contains_key(key) || key.contains('/') && other.open.contains_key(&route.open)
        };
        self.routes
            .iter()
            .any(|(key, route)| is_named(key) && (shared(key, route) || Route::is_anchored_in(key, other)))
    }

    pub(crate) fn has_route(&self, key: &str) -> bool {
        self.routes.contains_key(key)
    }

    pub(crate) fn route_count(&self) -> usize {
        self.routes.len()
    }

    /// Whether the other has every route of this one.
    pub(crate) fn has_routes_of(&self, other: &Self) -> bool {
        let has = |key: &String, route: &Route| other.routes.contains_key(key) || other.open.contains_key(&route.open);
        self.routes.iter().all(|(key, route)| has(key, route))
    }

    /// By how much two of the kind can be compared: the fields of the richest answer, and the named routes.
    pub(crate) fn richness(&self) -> f64 {
        let fields = self.routes.values().map(|route| route.outline.richness()).fold(0.0, f64::max);
        fields + self.routes.keys().filter(|key| is_named(key)).count() as f64
    }

    /// Which share of its requests went to routes that the other has too, and that answer alike there. `None` when
    /// nothing can be compared.
    pub(crate) fn found_in(&self, other: &Self) -> Option<f64> {
        let (mut found, mut all) = (0.0, 0.0);
        for (key, route) in &self.routes {
            let here = other.routes.get(key);
            let there = if route.open.is_empty() { None } else { other.open.get(&route.open) };
            let end = if route.end.is_empty() { None } else { other.ends.get(&route.end) };
            let share = [here, there, end]
                .into_iter()
                .flatten()
                .filter_map(|theirs| route.outline.likeness(&theirs.outline))
                .map(|l| l.share);
            match share.reduce(f64::max) {
                Some(share) => {
                    found += route.requests * share;
                    all += route.requests;
                }
                // A route of the same name, whose answers say nothing.
                None if here.is_some() && is_named(key) => {
                    found += 0.8 * route.requests;
                    all += route.requests;
                }
                None if end.is_some() => {
                    found += 0.7 * route.requests;
                    all += route.requests;
                }
                None if here.is_some() || there.is_some() => {}
                None => {
                    found += 0.9 * route.anchored_in(key, other) * route.requests;
                    all += route.requests;
                }
            }
        }
        (all > 0.0).then(|| found / all)
    }
}

/// Whether a route ends in a name.
fn is_named(key: &str) -> bool {
    key.ends_with(|c: char| c != ' ' && c != '}')
}

/// A route of three segments and more by each of its names in turn.
fn anchors<'t>(method: &str, tail: &'t [&'t str]) -> impl Iterator<Item = u64> {
    let whole = combine(hash(method.as_bytes()), tail.len() as u64);
    let named = tail.iter().enumerate().filter(|(_, segment)| **segment != "{}");
    named.filter(|_| tail.len() >= 3).map(move |(at, name)| combine(combine(whole, at as u64), hash(name.as_bytes())))
}

/// The same of a route as it is written in a profile.
fn anchors_of(key: &str) -> Vec<u64> {
    let (method, tail) = key.split_once(' ').unwrap_or((key, ""));
    anchors(method, &tail.split('/').collect::<Vec<_>>()).collect()
}

fn keep_richer(into: &mut HashMap<u64, Rc<Outline>>, anchor: u64, outline: &Rc<Outline>) {
    let kept = into.entry(anchor).or_insert_with(|| Rc::clone(outline));
    if outline.richness() > kept.richness() {
        *kept = Rc::clone(outline);
    }
}

impl Route {
    /// How much this route is like one of another profile that shares a single name with it.
    fn anchored_in(&self, key: &str, other: &Profile) -> f64 {
        let share = |theirs: &Rc<Outline>| match self.outline.likeness(theirs) {
            Some(likeness) => likeness.share,
            None if self.outline.is_empty() && theirs.is_empty() => 0.8,
            None => 0.0,
        };
        anchors_of(key).into_iter().filter_map(|anchor| other.anchors.get(&anchor)).map(share).fold(0.0, f64::max)
    }

    /// Whether a route of another profile shares the last name of this one.
    fn is_anchored_in(key: &str, other: &Profile) -> bool {
        anchors_of(key).last().is_some_and(|anchor| other.anchors.contains_key(anchor))
    }

    fn put(&mut self, requests: f64, outline: &Outline) {
        self.requests += requests;
        if !outline.is_empty() {
            self.outline.absorb(outline);
        }
    }
}
