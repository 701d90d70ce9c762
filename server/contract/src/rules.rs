//! What people decided about templates. Such a rule wins over all evidence, holds for what was seen before it, and leaves
//! no trace when it is taken back: templates are computed from the raw paths each time.

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::templates::Step;
use crate::view::{Contract, Endpoint, EndpointId, Segment};
use crate::{token, trie};

/// Each rule costs a little for every place of the trie.
const MAX_RULES: usize = 256;
const MAX_VALUES: usize = 256;
const MAX_NAME_BYTES: usize = 64;
/// For the compiled pattern: people's patterns are short.
const MAX_PATTERN_BYTES: usize = 1 << 18;

/// One decision. `at` is a template that ends in the parameter in question: `/users/{id}`. Names of parameters in it mean
/// nothing, they may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// These values are literals beside the parameter; without values all of them are.
    Split {
        at: String,
        #[serde(default)]
        values: Vec<String>,
    },
    /// These segments are values of one parameter; without values all segments at this place are.
    Merge {
        at: String,
        #[serde(default)]
        values: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// Segments at this place that match the pattern as a whole are values of one parameter.
    Regex {
        at: String,
        pattern: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// The parameter has this name.
    Rename { at: String, name: String },
    /// The endpoint is none: it is in no list, and the twin does not know it. Here `at` is any template.
    Hide { method: String, at: String },
}

/// A decision with the number under which it can be taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    pub id: u64,
    #[serde(flatten)]
    pub change: Change,
}

/// Why a rule cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    #[error("at is {0:?}: expected a template such as /users/{{id}}")]
    Template(String),
    #[error("at is {0:?}: expected a template that ends in the parameter, such as /users/{{id}}")]
    NoParameter(String),
    #[error("name is {0:?}: expected 1 to {MAX_NAME_BYTES} letters, digits, dots, dashes or underscores")]
    Name(String),
    #[error("pattern is {given:?}: expected a regular expression ({reason})")]
    Pattern { given: String, reason: String },
    #[error("values has {0} entries: expected at most {MAX_VALUES}, each a segment without a slash")]
    Values(usize),
    #[error("there are {MAX_RULES} rules already: expected one to be taken back first")]
    TooMany,
}

/// What became of the endpoints: one that was there before, and one that is there after in its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Move {
    pub method: String,
    /// A template; `None` when nothing was there.
    pub before: Option<String>,
    pub after: Option<String>,
}

/// All rules of a project in their order; of two that disagree the later one wins.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    next_id: u64,
    rules: Vec<Compiled>,
}

#[derive(Debug, Clone)]
struct Compiled {
    rule: Rule,
    place: Vec<Part>,
    pattern: Option<Regex>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Parameter { suffix: String },
}

/// What a rule makes of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Literal,
    Value,
}

/// The rules for the segments below one place.
#[derive(Debug, Default)]
pub(crate) struct Here<'r>(Vec<&'r Compiled>);

impl Rules {
    /// The stored rules, as [`Rules::iter`] gave them. `next_id` is one that was never given to a rule.
    pub fn new(next_id: u64, rules: Vec<Rule>) -> Result<Self, RuleError> {
        let next_id = rules.iter().map(|rule| rule.id.saturating_add(1)).max().unwrap_or(1).max(next_id);
        let rules = rules.into_iter().map(Compiled::new).collect::<Result<_, _>>()?;
        Ok(Self { next_id, rules })
    }

    /// In the order in which they were made.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|compiled| &compiled.rule)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The id that the next rule gets.
    #[must_use]
    pub fn next_id(&self) -> u64 {
        self.next_id.max(1)
    }

    /// These rules and one more at the end.
    pub fn with(&self, change: Change) -> Result<Self, RuleError> {
        if self.rules.len() >= MAX_RULES {
            return Err(RuleError::TooMany);
        }
        let id = self.next_id();
        let mut all = self.clone();
        all.rules.push(Compiled::new(Rule { id, change })?);
        all.next_id = id.saturating_add(1);
        Ok(all)
    }

    /// These rules without one of them; `None` when there is none of that id.
    #[must_use]
    pub fn without(&self, id: u64) -> Option<Self> {
        let mut rest = self.clone();
        rest.rules.retain(|compiled| compiled.rule.id != id);
        (rest.rules.len() < self.rules.len()).then_some(rest)
    }

    /// The rules for what stands directly below a path.
    pub(crate) fn below<'r>(&'r self, path: &[Step<'_>]) -> Here<'r> {
        let fits = |compiled: &&Compiled| compiled.parent().is_some_and(|parent| leads(parent, path));
        Here(self.rules.iter().filter(fits).collect())
    }

    /// Which segments of a raw path a rule keeps apart, although their form alone makes them values.
    pub(crate) fn apart(&self, path: &str) -> Vec<usize> {
        let splits = self.rules.iter().filter(|compiled| matches!(compiled.rule.change, Change::Split { .. }));
        let mut apart: Vec<usize> = splits.filter_map(|compiled| compiled.keeps_apart(path)).collect();
        apart.sort_unstable();
        apart
    }

    pub(crate) fn hides(&self, endpoint: &EndpointId) -> bool {
        self.rules.iter().any(|compiled| compiled.hidden().is_some_and(|id| id == *endpoint))
    }
}

impl Compiled {
    fn new(rule: Rule) -> Result<Self, RuleError> {
        let place = parse(rule.change.at())?;
        let at_parameter = matches!(place.last(), Some(Part::Parameter { .. }));
        if !at_parameter && !matches!(rule.change, Change::Hide { .. }) {
            return Err(RuleError::NoParameter(rule.change.at().to_owned()));
        }
        if let Some(name) = rule.change.name().filter(|name| !is_name(name)) {
            return Err(RuleError::Name(name.to_owned()));
        }
        let values = rule.change.values();
        if values.len() > MAX_VALUES || values.iter().any(|value| value.is_empty() || value.contains('/')) {
            return Err(RuleError::Values(values.len()));
        }
        let pattern = match &rule.change {
            Change::Regex { pattern, .. } => Some(compile(pattern)?),
            _ => None,
        };
        Ok(Self { rule, place, pattern })
    }

    /// What stands above the parameter in question.
    fn parent(&self) -> Option<&[Part]> {
        match (&self.rule.change, self.place.split_last()) {
            (Change::Hide { .. }, _) | (_, None) => None,
            (_, Some((_, parent))) => Some(parent),
        }
    }

    fn suffix(&self) -> &str {
        match self.place.last() {
            Some(Part::Parameter { suffix }) => suffix,
            _ => "",
        }
    }

    /// What the rule makes of a raw segment, if it speaks of it at all.
    fn fate(&self, segment: &str) -> Option<Fate> {
        let named = |values: &[String]| values.is_empty() || values.iter().any(|value| value == segment);
        match &self.rule.change {
            Change::Split { values, .. } => named(values).then_some(Fate::Literal),
            Change::Merge { values, .. } => (named(values) && segment.ends_with(self.suffix())).then_some(Fate::Value),
            Change::Regex { .. } => {
                let text = token::decode(segment);
                let stem = text.strip_suffix(self.suffix())?;
                self.pattern.as_ref()?.is_match(stem).then_some(Fate::Value)
            }
            Change::Rename { .. } | Change::Hide { .. } => None,
        }
    }

    fn keeps_apart(&self, path: &str) -> Option<usize> {
        let parent = self.parent()?;
        let mut segments = trie::segments(path);
        let fits = parent.iter().all(|part| match (part, segments.next()) {
            (Part::Literal(text), Some(segment)) => text == segment,
            (Part::Parameter { suffix }, Some(segment)) => segment.ends_with(suffix.as_str()),
            (_, None) => false,
        });
        let fate = self.fate(segments.next().filter(|_| fits)?);
        (fate == Some(Fate::Literal)).then_some(parent.len())
    }

    fn hidden(&self) -> Option<EndpointId> {
        let Change::Hide { method, .. } = &self.rule.change else { return None };
        let mut anonymous = String::new();
        for part in &self.place {
            match part {
                Part::Literal(text) => anonymous.extend(["/", text]),
                Part::Parameter { suffix } => anonymous.extend(["/{}", suffix]),
            }
        }
        Some(EndpointId::of(method, &anonymous))
    }
}

impl Change {
    fn at(&self) -> &str {
        match self {
            Self::Split { at, .. }
            | Self::Merge { at, .. }
            | Self::Regex { at, .. }
            | Self::Rename { at, .. }
            | Self::Hide { at, .. } => at,
        }
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Merge { name, .. } | Self::Regex { name, .. } => name.as_deref(),
            Self::Rename { name, .. } => Some(name),
            Self::Split { .. } | Self::Hide { .. } => None,
        }
    }

    fn values(&self) -> &[String] {
        match self {
            Self::Split { values, .. } | Self::Merge { values, .. } => values,
            _ => &[],
        }
    }
}

impl<'r> Here<'r> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What becomes of a raw segment, and behind which extension when it is a value.
    pub(crate) fn fate(&self, segment: &str) -> Option<(Fate, &'r str)> {
        self.0.iter().rev().find_map(|compiled| Some((compiled.fate(segment)?, compiled.suffix())))
    }

    /// The name that people gave to the parameter here.
    pub(crate) fn name(&self, suffix: &str) -> Option<&'r str> {
        self.0
            .iter()
            .rev()
            .filter(|compiled| compiled.suffix() == suffix)
            .find_map(|compiled| compiled.rule.change.name())
    }

    /// The values that rules speak of by name.
    pub(crate) fn values(&self) -> impl Iterator<Item = &'r str> {
        self.0.iter().flat_map(|compiled| compiled.rule.change.values()).map(String::as_str)
    }
}

/// Whether a path is the one that a place names.
fn leads(parts: &[Part], path: &[Step<'_>]) -> bool {
    parts.len() == path.len()
        && parts.iter().zip(path).all(|(part, step)| match (part, step) {
            (Part::Literal(text), Step::Literal(token)) => text == token,
            (Part::Parameter { suffix }, Step::Parameter { suffix: there, .. }) => suffix == there,
            _ => false,
        })
}

fn parse(template: &str) -> Result<Vec<Part>, RuleError> {
    let wrong = || RuleError::Template(template.to_owned());
    let part = |segment: &str| match segment.strip_prefix('{') {
        None if segment.contains(['{', '}', '?', '#']) => Err(wrong()),
        None => Ok(Part::Literal(segment.to_owned())),
        Some(rest) => {
            let (_, suffix) = rest.split_once('}').ok_or_else(wrong)?;
            Ok(Part::Parameter { suffix: suffix.to_owned() })
        }
    };
    if !template.starts_with('/') {
        return Err(wrong());
    }
    trie::segments(template).map(part).collect()
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.chars().all(|c| c.is_alphanumeric() || "._-".contains(c))
}

fn compile(pattern: &str) -> Result<Regex, RuleError> {
    let whole = format!("^(?:{pattern})$");
    regex::RegexBuilder::new(&whole).size_limit(MAX_PATTERN_BYTES).build().map_err(|error| {
        let reason = error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        RuleError::Pattern { given: pattern.to_owned(), reason }
    })
}

/// What became of each endpoint that is not in both contracts, by method and template.
#[must_use]
pub fn moves(before: &Contract, after: &Contract) -> Vec<Move> {
    let mut moves: Vec<Move> = Vec::new();
    let template = |contract: &Contract, endpoint: &Endpoint| {
        let path = example(endpoint);
        contract.find(&endpoint.method, &path).map(|found| found.endpoint.template.clone())
    };
    let known = |contract: &Contract, endpoint: &Endpoint| {
        contract.endpoint(&endpoint.id.0).is_some_and(|there| there.template == endpoint.template)
    };
    for endpoint in before.endpoints().iter().filter(|endpoint| !known(after, endpoint)) {
        let after = template(after, endpoint);
        moves.push(Move { method: endpoint.method.clone(), before: Some(endpoint.template.clone()), after });
    }
    for endpoint in after.endpoints().iter().filter(|endpoint| !known(before, endpoint)) {
        let before = template(before, endpoint);
        moves.push(Move { method: endpoint.method.clone(), before, after: Some(endpoint.template.clone()) });
    }
    moves.sort();
    moves.dedup();
    moves
}

/// A path that belongs to an endpoint.
fn example(endpoint: &Endpoint) -> String {
    let mut path = String::new();
    let mut parameters = endpoint.values.iter().zip(&endpoint.suffixes);
    for segment in &endpoint.segments {
        path.push('/');
        match segment {
            Segment::Literal(text) => path.push_str(text),
            Segment::Parameter { .. } => {
                let (values, suffix) = parameters.next().unzip();
                let value = values.and_then(|values| values.iter().map(|(text, _)| text).find(|text| !text.is_empty()));
                path.extend([value.unwrap_or("-"), suffix.map_or("", String::as_str)]);
            }
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> String {
        let change: Change = serde_json::from_str(json).unwrap();
        Rules::default().with(change).unwrap_err().to_string()
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        assert!(refused(r#"{"kind":"split","at":"users"}"#).contains("expected a template"));
        assert!(refused(r#"{"kind":"split","at":"/users"}"#).contains("ends in the parameter"));
        assert!(refused(r#"{"kind":"rename","at":"/users/{id}","name":"a/b"}"#).contains("a/b"));
        assert!(refused(r#"{"kind":"rename","at":"/users/{id}","name":""}"#).contains("1 to 64"));
        assert!(refused(r#"{"kind":"regex","at":"/users/{id}","pattern":"("}"#).contains("unclosed group"));
        assert!(refused(r#"{"kind":"merge","at":"/users/{id}","values":["a/b"]}"#).contains("without a slash"));
        assert!(serde_json::from_str::<Change>(r#"{"kind":"split","at":"/a/{}","value":["b"]}"#).is_err());
    }

    #[test]
    fn ids_are_not_given_twice() {
        let rename = |name: &str| Change::Rename { at: "/users/{id}".into(), name: name.into() };
        let two = Rules::default().with(rename("a")).unwrap().with(rename("b")).unwrap();
        let one = two.without(2).unwrap();
        let again = one.with(rename("c")).unwrap();
        assert_eq!(again.iter().map(|rule| rule.id).collect::<Vec<_>>(), [1, 3]);
        assert!(again.without(2).is_none());
        let stored = Rules::new(again.next_id(), again.iter().cloned().collect()).unwrap();
        assert_eq!(stored.next_id(), 4);
    }
}
