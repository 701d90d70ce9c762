//! From the paths as they came to templates: which segments are parameters.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use serde_json::{Value, json};

use crate::decide::{Outlines, decide};
use crate::model::Model;
use crate::names;
use crate::operation::Operation;
use crate::proof;
use crate::rules::{Fate, Here, Rules};
use crate::sketch::{Absorb, Values};
use crate::token::{self, Kind};
use crate::trie::{Group, Node, Shape};
use crate::view::{Endpoint, Segment};

/// Endpoints of one contract. Real APIs have some hundred; what asks for more is a flood.
const MAX_ENDPOINTS: usize = 5_000;

/// The endpoints of a model by template and method, and how many had to be left out.
pub(crate) fn endpoints(model: &Model, rules: &Rules) -> (Vec<Endpoint>, u64) {
    let mut resolver = Resolver::new(model, rules);
    resolver.resolve(&[&model.root]);
    resolver.out.retain(|endpoint| !rules.hides(&endpoint.id));
    let dropped = resolver.out.len().saturating_sub(MAX_ENDPOINTS);
    if dropped > 0 {
        resolver.out.sort_by(|a, b| b.requests.cmp(&a.requests).then_with(|| a.id.cmp(&b.id)));
        resolver.out.truncate(MAX_ENDPOINTS);
    }
    resolver.out.sort_by(|a, b| (&a.template, &a.method, &a.graphql).cmp(&(&b.template, &b.method, &b.graphql)));
    (resolver.out, dropped as u64)
}

/// For each node of the trie at which names are values of one parameter, by its address, those names that are not.
pub(crate) fn names_beside_values(model: &Model, rules: &Rules) -> HashMap<usize, Rc<BTreeSet<String>>> {
    let mut resolver = Resolver::new(model, rules);
    resolver.resolve(&[&model.root]);
    resolver.beside
}

/// JSON Schema of a path parameter.
pub(crate) fn parameter_schema(kind: &str) -> Value {
    match kind {
        "integer" => json!({ "type": "integer" }),
        "uuid" | "date" | "date-time" | "email" => json!({ "type": "string", "format": kind }),
        _ => json!({ "type": "string" }),
    }
}

/// What stands in front of a version that is a bare number.
const VERSIONED: [&str; 8] = ["api", "rest", "version", "versions", "services", "ws", "data", "public"];

struct Resolver<'m> {
    model: &'m Model,
    rules: &'m Rules,
    outlines: Outlines,
    path: Vec<Step<'m>>,
    out: Vec<Endpoint>,
    /// See [`names_beside_values`].
    beside: HashMap<usize, Rc<BTreeSet<String>>>,
}

/// One segment on the way down.
pub(crate) enum Step<'m> {
    Literal(&'m str),
    /// `field` is what the API calls the values, when it shows them.
    Parameter {
        kind: &'static str,
        name: Option<String>,
        field: Option<&'m str>,
        suffix: String,
        values: Values,
    },
}

/// What stands below one node of the view, which may be many nodes of the trie.
#[derive(Default)]
pub(crate) struct Children<'m> {
    pub(crate) literals: BTreeMap<&'m str, Vec<&'m Node>>,
    /// Values by their form that a rule kept apart once.
    apart: BTreeMap<&'m str, Vec<&'m Node>>,
    pub(crate) parameters: BTreeMap<&'m str, Parameter<'m>>,
}

/// A parameter, by what stands behind it in its segment.
#[derive(Default)]
pub(crate) struct Parameter<'m> {
    pub(crate) kinds: BTreeSet<Option<Kind>>,
    pub(crate) name: Option<&'m str>,
    pub(crate) values: Values,
    /// The same, by the groups of the trie that they come from.
    seen: Vec<&'m Values>,
    pub(crate) nodes: Vec<&'m Node>,
}

impl<'m> Children<'m> {
    /// `top` says that only literals came before.
    fn of(nodes: &[&'m Node], top: bool) -> Self {
        let mut children = Self::default();
        for node in nodes {
            for (token, child) in &node.literals.kept {
                let into = if child.apart { &mut children.apart } else { &mut children.literals };
                into.entry(token).or_default().push(child);
            }
            for (shape, group) in &node.shapes {
                if let Some(version) = version(shape, group).filter(|_| top) {
                    children.literals.entry(version).or_default().push(&group.node);
                    continue;
                }
                let parameter = children.parameters.entry(&shape.suffix).or_default();
                parameter.kinds.insert(Some(shape.kind));
                parameter.values.absorb(&group.values);
                parameter.seen.push(&group.values);
                parameter.nodes.push(&group.node);
            }
            if let Some(group) = &node.folded {
                let parameter = children.parameters.entry("").or_default();
                parameter.kinds.insert(None);
                parameter.values.absorb(&group.values);
                parameter.seen.push(&group.values);
                parameter.nodes.push(&group.node);
            }
            for (name, group) in &node.named.kept {
                let parameter = children.parameters.entry("").or_default();
                parameter.name = Some(name);
                parameter.values.absorb(&group.values);
                parameter.nodes.push(&group.node);
            }
            if let Some(rest) = &node.literals.rest {
                let parameter = children.parameters.entry("").or_default();
                parameter.kinds.insert(None);
                parameter.nodes.push(rest);
            }
        }
        children
    }
}

impl<'m> Children<'m> {
    /// Does what rules say of the segments here. What is a literal by a rule is taken out, so that no evidence is asked.
    fn obey(&mut self, rules: &Here<'m>) -> BTreeMap<&'m str, Vec<&'m Node>> {
        let mut literals = BTreeMap::new();
        if !rules.is_empty() {
            self.split_values(rules, &mut literals);
            let tokens: Vec<&'m str> = self.literals.keys().copied().collect();
            for token in tokens {
                match rules.fate(token) {
                    Some((Fate::Literal, _)) => {
                        literals.insert(token, self.literals.remove(token).unwrap_or_default());
                    }
                    Some((Fate::Value, suffix)) => {
                        let nodes = self.literals.remove(token).unwrap_or_default();
                        self.parameters.entry(suffix).or_default().take_in(token, suffix, &nodes);
                    }
                    None => {}
                }
            }
        }
        for (token, nodes) in std::mem::take(&mut self.apart) {
            if literals.contains_key(token) {
                continue;
            }
            if let Some((shape, value)) = Shape::of(token) {
                let suffix = token::extension(token).filter(|suffix| *suffix == shape.suffix).unwrap_or("");
                let parameter = self.parameters.entry(suffix).or_default();
                parameter.kinds.insert(Some(shape.kind));
                parameter.values.add(&value);
                parameter.nodes.extend(nodes);
            } else {
                self.parameters.entry("").or_default().take_in(token, "", &nodes);
            }
        }
        literals
    }

    /// Makes literals of values whose form alone made them values. One that did not come again since the rule is
    /// described by the parameter that it was a value of: nothing more is known of it.
    fn split_values(&mut self, rules: &Here<'m>, literals: &mut BTreeMap<&'m str, Vec<&'m Node>>) {
        let is_literal = |token: &str| matches!(rules.fate(token), Some((Fate::Literal, _)));
        let apart: Vec<&'m str> = self.apart.keys().copied().filter(|token| is_literal(token)).collect();
        for token in apart {
            literals.insert(token, self.apart.remove(token).unwrap_or_default());
        }
        for (suffix, parameter) in &self.parameters {
            let known =
                |token: &str| token::decode(token).strip_suffix(suffix).is_some_and(|v| parameter.values.contains(v));
            let shown = parameter.seen.iter().flat_map(|values| values.iter()).map(|(text, _)| text);
            let all = rules.values().filter(|token| known(token)).chain(shown.filter(|_| suffix.is_empty()));
            for token in all.filter(|token| !token.is_empty() && is_literal(token)) {
                literals.entry(token).or_insert_with(|| parameter.nodes.clone());
            }
        }
        // A parameter all of whose values are literals is none.
        let kept = |suffix: &str, parameter: &Parameter<'m>| {
            !parameter.values.complete()
                || parameter.seen.is_empty()
                || parameter.values.iter().any(|(text, _)| !is_literal(&format!("{text}{suffix}")))
        };
        self.parameters.retain(|suffix, parameter| kept(suffix, parameter));
    }
}

impl<'m> Parameter<'m> {
    /// Adds a literal as one of the values.
    pub(crate) fn take_in(&mut self, token: &str, suffix: &str, nodes: &[&'m Node]) {
        let decoded = token::decode(token);
        self.kinds.insert(None);
        self.values.add(decoded.strip_suffix(suffix).unwrap_or(&decoded));
        self.nodes.extend(nodes);
    }
}

/// A number or a date at the top that never changes, with resources below it, is a version: `/3/movies`,
/// `/2010-04-01/Calls`, `/rest/api/3/issue`. Behind the name of a resource it is an id that the traffic did not vary.
fn version<'m>(shape: &Shape, group: &'m Group) -> Option<&'m str> {
    let numeric = matches!(shape.kind, Kind::Integer | Kind::Date) && shape.suffix.is_empty();
    let resources = group.node.literals.kept.len() >= 2 && group.node.operations.kept.is_empty();
    if !numeric || !resources || group.values.distinct() > 1.0 {
        return None;
    }
    group.values.iter().next().filter(|(_, count)| *count >= 5).map(|(text, _)| text)
}

impl Parameter<'_> {
    /// All its values have one strict form, so that a word beside them is hardly one.
    pub(crate) fn is_typed(&self) -> bool {
        let strict = |kind: &Option<Kind>| kind.is_some_and(Kind::is_strict);
        self.kinds.len() == 1 && self.kinds.iter().all(strict) && self.values.distinct() >= 3.0
    }

    /// A word for all its values.
    fn kind(&self) -> &'static str {
        match self.kinds.iter().collect::<Vec<_>>().as_slice() {
            [Some(kind)] => kind.word(),
            [None] => "slug",
            _ => "string",
        }
    }
}

impl<'m> Resolver<'m> {
    fn new(model: &'m Model, rules: &'m Rules) -> Self {
        let (path, out, beside) = (Vec::new(), Vec::new(), HashMap::new());
        Self { model, rules, outlines: Outlines::default(), path, out, beside }
    }

    fn resolve(&mut self, nodes: &[&'m Node]) {
        self.emit(nodes);
        let top = self.path.len() < 3 && self.path.iter().all(|step| matches!(step, Step::Literal(_)));
        let top = top && self.literal_before(self.path.len()).is_none_or(|before| VERSIONED.contains(&before));
        let mut children = Children::of(nodes, top);
        let here = self.rules.below(&self.path);
        let settled = children.obey(&here);
        decide(self.model, &self.outlines, self.path.is_empty(), &mut children);
        children.literals.extend(settled);
        if children.parameters.keys().eq([&""]) {
            let left: Rc<BTreeSet<String>> = Rc::new(children.literals.keys().map(|name| (*name).to_owned()).collect());
            self.beside.extend(nodes.iter().map(|node| (std::ptr::from_ref(*node) as usize, Rc::clone(&left))));
        }
        for (token, nodes) in children.literals {
            self.path.push(Step::Literal(token));
            self.resolve(&nodes);
            self.path.pop();
        }
        for (suffix, parameter) in children.parameters {
            let kind = parameter.kind();
            let name = here.name(suffix).or(parameter.name).map(str::to_owned);
            let (suffix, values) = (suffix.to_owned(), parameter.values);
            let field = proof::field(&parameter.nodes, &values);
            self.path.push(Step::Parameter { kind, name, field, suffix, values });
            self.resolve(&parameter.nodes);
            self.path.pop();
        }
    }

    /// Makes endpoints of the operations at a node.
    fn emit(&mut self, nodes: &[&'m Node]) {
        let mut operations: BTreeMap<(&str, Option<&str>), Operation> = BTreeMap::new();
        for node in nodes {
            let plain = node.operations.kept.iter().map(|(method, operation)| ((method.as_str(), None), &**operation));
            let named = node.graphql.kept.iter().map(|(name, operation)| (("POST", Some(name.as_str())), &**operation));
            let others = node.graphql.rest.iter().map(|rest| (("POST", None), &**rest));
            for (key, operation) in plain.chain(named).chain(others) {
                operations.entry(key).or_default().absorb(operation);
            }
        }
        for ((method, graphql), operation) in operations {
            let endpoint = self.endpoint(method, graphql, operation);
            self.out.push(endpoint);
        }
    }

    fn endpoint(&self, method: &str, graphql: Option<&str>, operation: Operation) -> Endpoint {
        let (mut segments, mut suffixes, mut all_values, mut taken) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (n, step) in self.path.iter().enumerate() {
            match step {
                Step::Literal(text) => segments.push(Segment::Literal((*text).to_owned())),
                Step::Parameter { kind, name, field, suffix, values } => {
                    let name = match name {
                        Some(name) if !taken.contains(name) => name.clone(),
                        _ => {
                            let last = n + 1 == self.path.len();
                            names::parameter(self.literal_before(n), field.unwrap_or("id"), last, &taken)
                        }
                    };
                    taken.push(name.clone());
                    segments.push(Segment::Parameter { name, kind });
                    suffixes.push(suffix.clone());
                    all_values.push(values.clone());
                }
            }
        }
        Endpoint::new((method, graphql), segments, suffixes, all_values, operation)
    }

    fn literal_before(&self, n: usize) -> Option<&'m str> {
        match self.path.get(n.checked_sub(1)?)? {
            Step::Literal(text) if !token::is_version(text) => Some(text),
            _ => None,
        }
    }
}
