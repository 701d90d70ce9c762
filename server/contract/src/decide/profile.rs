//! What lies below a place: its routes, with what they answer.

use std::collections::BTreeMap;

use super::outline::{Outline, Outlines};
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
        if tail.len() == MAX_DEPTH {
            return;
        }
        let name = |token: &'n str| if super::is_data(model, &token::decode(token)) { "{}" } else { token };
        let literals = node.literals.kept.iter().map(|(token, child)| (name(token), child));
        let shapes = node.shapes.values().map(|group| ("{}", &group.node));
        let named = node.named.kept.values().map(|group| ("{}", &group.node));
        let rest = node.literals.rest.iter().map(|rest| ("{}", &**rest));
        for (token, child) in literals.chain(shapes).chain(named).chain(rest) {
            tail.push(token);
            self.walk(child, model, outlines, tail);
            tail.pop();
        }
    }

    fn add(&mut self, method: &str, requests: f64, outline: &Outline, tail: &[&str]) {
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

    /// The routes further down that end in a name.
    pub(crate) fn named_routes(&self) -> impl Iterator<Item = &str> {
        self.routes.keys().map(String::as_str).filter(|key| is_named(key))
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
                None => all += route.requests,
            }
        }
        (all > 0.0).then(|| found / all)
    }
}

/// Whether a route ends in a name.
fn is_named(key: &str) -> bool {
    key.ends_with(|c: char| c != ' ' && c != '}')
}

impl Route {
    fn put(&mut self, requests: f64, outline: &Outline) {
        self.requests += requests;
        if !outline.is_empty() {
            self.outline.absorb(outline);
        }
    }
}
