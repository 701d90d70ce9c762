//! Which of the segments at one place are values of a parameter.
//!
//! Segments of unknown form ("candidates") are grouped by what lies below them: the same methods, sub-routes and response
//! shapes. For each group the evidence that it is one parameter is summed as log-odds:
//!
//! - provenance: the value stood in an answer as an id, a slug or a name;
//! - growth: many values, many of them seen once;
//! - purity: nothing else stands at the place, and all answer alike;
//! - likeness: distinct endpoints seldom answer with the same rich shape, and bodies without content prove nothing;
//! - form: capitals, digits and hyphens speak for data, plain plurals and the verbs of APIs for literals.
//!
//! To take two endpoints for one is worse than to list one twice, so doubt leaves literals.

mod outline;
mod profile;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Model, always_literal};
use crate::provenance::{AS_IDENTIFIER, AS_LOCATION, AS_VALUE};
use crate::templates::{Children, Parameter};
use crate::token;
use crate::trie::Node;
use profile::Profile;

pub(crate) use outline::Outlines;

/// Log-odds from which a group is a parameter: about 20 to 1.
const ENOUGH: f64 = 3.0;
/// More is asked of the first segment of a path: hardly an API has a bare parameter there, and small utility endpoints
/// (`/headers`, `/gzip`) often answer alike.
const AT_THE_ROOT: f64 = 2.5;
/// Two groups are one when so much of the smaller is found in the larger.
const ALIKE: f64 = 0.5;
/// A group with so many requests has shown all its routes, so that the larger must be found in it too.
const WELL_KNOWN: f64 = 20.0;

/// What a value may lack of the routes of its parameter by chance alone.
const SPARSE: f64 = 0.2;
/// What a route that all members of a group have adds to the evidence.
const SHARED_ROUTE: f64 = 0.5;
/// A form that words hardly ever have.
const LOOKS_LIKE_DATA: f64 = 0.3;

struct Candidate<'m> {
    /// The raw segment.
    token: &'m str,
    /// Percent-decoded, what stands behind the identifier removed.
    text: String,
    nodes: Vec<&'m Node>,
    requests: f64,
    roles: u8,
    /// It is a value of another parameter at the same place.
    known: bool,
    profile: Profile,
}

struct Cluster<'m> {
    members: Vec<Candidate<'m>>,
    profile: Profile,
    /// It holds what is a parameter already.
    settled: bool,
    /// There is nothing else at its place, but verbs.
    alone: bool,
}

/// Moves the literals that are values into the parameters.
pub(crate) fn decide<'m>(model: &Model, outlines: &Outlines, root: bool, children: &mut Children<'m>) {
    let enough = if root { ENOUGH + AT_THE_ROOT } else { ENOUGH };
    let suffixes = suffixes(children);
    let mut by_suffix: BTreeMap<&'m str, Vec<Candidate<'m>>> = BTreeMap::new();
    for (token, nodes) in &children.literals {
        if !always_literal(token) && !nodes.iter().any(|node| node.fixed) {
            let suffix = token::extension(token).filter(|suffix| suffixes.contains(suffix)).unwrap_or("");
            by_suffix.entry(suffix).or_default().push(Candidate::new(model, outlines, token, suffix, nodes));
        }
    }
    let words = by_suffix.values().flatten().filter(|candidate| !is_verb(&candidate.text)).count();
    // Those with an extension first: their identifiers are known when the bare ones are looked at.
    for (suffix, mut candidates) in by_suffix.into_iter().rev() {
        for candidate in &mut candidates {
            candidate.known = children.parameters.values().any(|parameter| parameter.values.contains(&candidate.text));
        }
        let known = children.parameters.get(suffix).map(|parameter| Profile::of(&parameter.nodes, model, outlines));
        let typed = children.parameters.get(suffix).is_some_and(Parameter::is_typed);
        let mut left = Vec::new();
        let beside = children.parameters.len() - usize::from(children.parameters.contains_key(suffix));
        for mut cluster in group(candidates, known) {
            let own = cluster.members.iter().filter(|member| !is_verb(&member.text)).count();
            let others = cluster.settled || !children.parameters.contains_key(suffix);
            cluster.alone = own == words && beside == 0 && others;
            let threshold = if cluster.settled && !typed { 0.0 } else { enough };
            if cluster.evidence() >= threshold {
                cluster.accept(suffix, children);
            } else {
                left.extend(cluster.members);
            }
        }
        adopt(model, suffix, left, outlines, children);
    }
}

/// Moves to a parameter what did not fit a group but fits the parameter as a whole; and what proves nothing by its answers
/// (none, or errors), if it looks like data and came rarely.
fn adopt<'m>(
    model: &Model,
    suffix: &'m str,
    left: Vec<Candidate<'m>>,
    outlines: &Outlines,
    children: &mut Children<'m>,
) {
    let Some(parameter) = children.parameters.get(suffix) else { return };
    let profile = Profile::of(&parameter.nodes, model, outlines);
    let typed = parameter.is_typed();
    let telling = if typed { 3.0 * LOOKS_LIKE_DATA } else { LOOKS_LIKE_DATA };
    let usual = parameter.values.iter().map(|(_, count)| count).max().unwrap_or(0) as f64;
    for candidate in left {
        let form = form(&candidate.text);
        let fits = match candidate.profile.found_in(&profile) {
            Some(found) => {
                let proven = if candidate.proven() { 1.5 } else { 0.0 };
                // Routes in common are worth a telling form: many, or one that only things of this kind have.
                let named = candidate.profile.shares_a_name(&profile) && candidate.requests <= usual;
                let many = found >= 0.7 && (candidate.profile.route_count() >= 3 || named) && !is_verb(&candidate.text);
                (candidate.proven() || many && !typed || form >= telling)
                    && proven + 0.6 * form + 3.0 * (found - ALIKE) >= 0.6
            }
            None => {
                let rare = if candidate.requests <= 2.0 { 0.5 } else { 0.0 };
                let fits = candidate.profile.has_routes_of(&profile) || form >= 3.0 * LOOKS_LIKE_DATA;
                let telling = if typed { 0.5 } else { 0.2 };
                fits && candidate.provenance() + rare + 0.6 * form >= telling
            }
        };
        if fits {
            children.move_to(suffix, &candidate);
        }
    }
}

/// What stands behind identifiers and is the API's, not the data's: of several extensions at one place each belongs to a
/// file's name.
fn suffixes<'m>(children: &Children<'m>) -> BTreeSet<&'m str> {
    let literal = children.literals.keys().filter_map(|token| token::extension(token));
    let all: BTreeSet<&str> =
        literal.chain(children.parameters.keys().copied().filter(|suffix| !suffix.is_empty())).collect();
    let files = all.iter().filter(|suffix| suffix.starts_with('.')).count() > 1;
    if files { all.into_iter().filter(|suffix| !suffix.starts_with('.')).collect() } else { all }
}

impl<'m> Candidate<'m> {
    fn new(model: &Model, outlines: &Outlines, token: &'m str, suffix: &str, nodes: &[&'m Node]) -> Self {
        let decoded = token::decode(token);
        let text = decoded.strip_suffix(suffix).unwrap_or(&decoded).to_owned();
        let profile = Profile::of(nodes, model, outlines);
        let roles = model.shown.roles(&text);
        Self { token, nodes: nodes.to_vec(), requests: profile.requests, roles, known: false, profile, text }
    }

    fn proven(&self) -> bool {
        self.known || self.roles & (AS_IDENTIFIER | AS_LOCATION) != 0
    }

    fn provenance(&self) -> f64 {
        if self.proven() {
            3.5
        } else if self.roles & AS_VALUE != 0 {
            1.0
        } else {
            0.0
        }
    }
}

/// Whether a segment is data, judged alone.
fn is_data(model: &Model, text: &str) -> bool {
    model.shown.roles(text) & AS_IDENTIFIER != 0 || form(text) >= 2.0 * LOOKS_LIKE_DATA
}

/// What the look of a segment says, for (positive) or against its being data.
fn form(text: &str) -> f64 {
    let count = |what: fn(char) -> bool| text.chars().filter(|c| what(*c)).count();
    let (digits, upper, lower) =
        (count(|c| c.is_ascii_digit()), count(|c| c.is_uppercase()), count(char::is_lowercase));
    let hyphens = count(|c| c == '-');
    if is_verb(text) {
        return -3.0;
    }
    if is_call(text) {
        return -1.5;
    }
    if token::is_locale(text) {
        return 0.8;
    }
    let mut score = 0.0;
    score += match digits {
        0 => 0.0,
        _ if is_numeronym(text) => 0.2,
        _ => 1.0,
    };
    score += if text.contains(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c)) { 1.0 } else { 0.0 };
    score += 0.35 * hyphens.min(3) as f64;
    score += if upper >= 2 && lower == 0 { 0.8 } else { 0.0 };
    score -= if lower > 0 && upper > 0 && digits == 0 && text.starts_with(char::is_lowercase) { 0.8 } else { 0.0 };
    // `BalanceSheet`
    let inner = text.chars().skip(1).any(char::is_uppercase);
    score -=
        if lower > 0 && inner && digits + hyphens == 0 && text.starts_with(char::is_uppercase) { 0.6 } else { 0.0 };
    if text.chars().all(|c| c.is_lowercase() || c == '.') {
        score -= if text.ends_with('s') && !text.ends_with("ss") { 0.9 } else { 0.4 };
    }
    score
}

/// Words that APIs put beside identifiers to mean something else than one of them.
fn is_verb(text: &str) -> bool {
    let words = "me self current mine latest search count batch bulk export import stats validate login logout lookup query \
                 autocomplete suggest first last next previous recent random popular trending featured summary health ping";
    words.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case(text))
}

/// `k8s`, `i18n`, `b2b`: digits in the middle of a word stand for letters.
fn is_numeronym(text: &str) -> bool {
    let bytes = text.as_bytes();
    let within = |at: usize| {
        let before = bytes[..at].iter().rposition(|b| !b.is_ascii_digit());
        let after = bytes[at..].iter().position(|b| !b.is_ascii_digit()).map(|n| at + n);
        let (Some(before), Some(after)) = (before, after) else { return false };
        after - before <= 3 && bytes[before].is_ascii_alphabetic() && bytes[after].is_ascii_alphabetic()
    };
    (0..bytes.len()).filter(|at| bytes[*at].is_ascii_digit()).all(within)
}

/// What is done to something, in the manner of remote procedure calls: `getUser`, `users.list`, `delete-all`.
fn is_call(text: &str) -> bool {
    let verbs = "get set list add create update delete remove find fetch read write insert upsert patch put post search \
                 query cancel start stop enable disable revoke approve deny archive unarchive rename invite join leave \
                 open close info check verify validate send resend reset sync upload download import export";
    let words = crate::names::words(text);
    let is_verb =
        |word: Option<&String>| word.is_some_and(|word| verbs.split_ascii_whitespace().any(|verb| verb == word));
    let plain = text.chars().all(|c| c.is_ascii_alphabetic() || "._-".contains(c));
    plain && words.len() >= 2 && (is_verb(words.first()) || text.contains('.') && is_verb(words.last()))
}

/// Groups candidates by what lies below them, the best known first.
fn group<'m>(mut candidates: Vec<Candidate<'m>>, known: Option<Profile>) -> Vec<Cluster<'m>> {
    candidates.sort_by(|a, b| b.requests.total_cmp(&a.requests).then_with(|| a.token.cmp(b.token)));
    let mut clusters: Vec<Cluster<'m>> = Vec::new();
    clusters.extend(known.map(|profile| Cluster { members: Vec::new(), profile, settled: true, alone: false }));
    for candidate in candidates {
        match nearest(&clusters, &candidate.profile, None) {
            Some(at) => clusters[at].add(candidate),
            None => {
                let mut cluster =
                    Cluster { members: Vec::new(), profile: Profile::default(), settled: false, alone: false };
                cluster.add(candidate);
                clusters.push(cluster);
            }
        }
    }
    // What came early found little to be compared with.
    let mut at = clusters.len();
    while at > 0 {
        at -= 1;
        if !clusters[at].settled
            && let Some(into) = nearest(&clusters, &clusters[at].profile, Some(at))
        {
            let cluster = clusters.remove(at);
            let into = if into > at { into - 1 } else { into };
            cluster.members.into_iter().for_each(|member| clusters[into].add(member));
        }
    }
    clusters
}

/// The cluster that is most like a profile, if one is like it at all.
fn nearest(clusters: &[Cluster<'_>], profile: &Profile, except: Option<usize>) -> Option<usize> {
    clusters
        .iter()
        .enumerate()
        .filter(|(at, _)| Some(*at) != except)
        .filter_map(|(at, cluster)| Some((likeness(profile, &cluster.profile)?, at)))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))
        .map(|(_, at)| at)
}

fn likeness(a: &Profile, b: &Profile) -> Option<f64> {
    let (small, large) = if a.requests <= b.requests { (a, b) } else { (b, a) };
    let Some(there) = small.found_in(large) else {
        // Nothing to compare: what says nothing may stand together, and has to prove itself by growth and form.
        return (small.is_blank() && large.is_blank() && small.has_routes_of(large)).then_some(ALIKE);
    };
    if small.requests < WELL_KNOWN { Some(there) } else { Some(there.min(large.found_in(small)? + SPARSE)) }
}

impl<'m> Cluster<'m> {
    fn add(&mut self, candidate: Candidate<'m>) {
        self.profile.absorb(&candidate.profile);
        self.members.push(candidate);
    }

    /// The log-odds of being one parameter.
    fn evidence(&self) -> f64 {
        let count = self.members.len() as f64;
        if self.members.is_empty() {
            return f64::NEG_INFINITY;
        }
        let look = self.members.iter().map(|member| form(&member.text)).sum::<f64>() / count.max(1.0);
        let once = self.members.iter().filter(|member| member.requests <= 1.0).count() as f64;
        // Shapes with few fields are alike by chance.
        let richness = (self.profile.richness() / 5.0).min(1.0);
        // Values that came often and never just once are all there are: a vocabulary, or endpoints. Endpoints seldom
        // stand at a place where all answer alike.
        let vocabulary = once == 0.0 && (self.alone || self.profile.requests >= 5.0 * count);
        let closed = vocabulary && !self.alone;
        // One word of a vocabulary stands in an answer for many reasons, most of them for one.
        let all_shown = self.members.iter().filter(|member| member.roles != 0).count() as f64 / count;
        let shown =
            |member: &Candidate<'_>| member.provenance() * if vocabulary && !member.proven() { all_shown } else { 1.0 };
        let provenance: f64 = self.members.iter().map(shown).sum();
        let alike = (count - 1.0) * (0.1 + 0.9 * richness);
        let alike = if closed { (0.3 * alike).min(2.0) } else { alike };
        let alike = if self.alone { alike * (self.profile.richness() / 15.0).clamp(1.0, 1.2) } else { alike };
        let growth = 0.9 * (once - 1.0).max(0.0) * (0.3 + 0.7 * richness);
        // However many there are: answers with little in them are alike in every API that wraps what it says.
        // Nor does it tell much that things answer alike which are called like calls and collections.
        let plain = if self.alone { 1.4 } else { 1.0 };
        let alike = (alike + growth).min(2.0 + 8.0 * richness) * (plain + look).clamp(0.0, 1.0) + self.shared_routes();
        // Many segments that look alike look no more like data than a few do, unless they look very much like it.
        let telling = look >= 2.0 * LOOKS_LIKE_DATA;
        let form = 0.6 * look * count.min(if telling { 8.0 } else { 5.0 });
        let form = if closed && look > 0.0 && !telling { 0.5 * form } else { form };
        let form = if self.alone && look > -0.7 { form.max(-0.2) } else { form };
        // One value that comes again and again is a literal, whatever it is called.
        let constant =
            if count < 2.0 && look < LOOKS_LIKE_DATA { (0.06 * self.profile.requests).min(2.0) } else { 0.0 };
        let languages = count >= 2.0 && self.members.iter().all(|member| token::is_locale(&member.text));
        let form = form + if languages { 2.0 } else { 0.0 };
        let settled = if self.settled { 0.5 * once - 1.5 } else { 0.0 };
        provenance + form + alike - constant + settled
    }

    /// Endpoints of an API have names of their own below them. When siblings have many of the same, they are things of
    /// one kind.
    fn shared_routes(&self) -> f64 {
        // Beside a parameter each of them has something to share with.
        let first = usize::from(!self.settled);
        let others = self.members.len().saturating_sub(first) as f64;
        let share = |key: &str| {
            let having = self.members.iter().filter(|member| member.profile.has_route(key)).count();
            having.saturating_sub(first) as f64 / others
        };
        if others == 0.0 {
            return 0.0;
        }
        // Where there is nothing else, each of them that has the same below it says so again.
        let again = if self.alone { 1.4 * others } else { 1.0 };
        let named = (SHARED_ROUTE * again.max(1.0) * self.profile.named_routes().map(share).sum::<f64>()).min(5.0);
        let open = if self.alone { 1.1 * self.shared_parameters(others) } else { 0.0 };
        named + open
    }

    /// How many parameters in a row stand below every one of them.
    fn shared_parameters(&self, others: f64) -> f64 {
        let all =
            |key: &&str| self.members.iter().filter(|member| member.profile.has_route(key)).count() as f64 > others;
        let depths = self.profile.open_routes().filter(|(key, _)| all(key)).map(|(_, depth)| depth);
        depths.max().unwrap_or(0).min(3) as f64
    }

    /// Moves the members to the parameter, except those that stand out as literals.
    fn accept(self, suffix: &'m str, children: &mut Children<'m>) {
        let mut counts: Vec<f64> = self.members.iter().map(|member| member.requests).collect();
        counts.sort_by(f64::total_cmp);
        let median = counts.get(counts.len() / 2).copied().unwrap_or(0.0);
        // Traffic has favourites. One that stands out among them is more frequent than they are.
        let looks_like_data = |member: &&Candidate<'_>| member.proven() || form(&member.text) >= LOOKS_LIKE_DATA;
        let favourite = self.members.iter().filter(looks_like_data).map(|member| member.requests).fold(0.0, f64::max);
        let usual = |requests: f64| requests < 0.5 * favourite;
        let data = self.members.iter().filter(looks_like_data).count() as f64;
        let mostly_data = self.members.len() >= 5 && data >= 0.6 * self.members.len() as f64;
        let proven = self.members.iter().filter(|member| member.proven()).count() as f64;
        let mostly_proven = self.members.len() >= 5 && proven >= 0.7 * self.members.len() as f64;
        for member in self.members {
            let word = form(&member.text) < LOOKS_LIKE_DATA;
            // The API shows its values, and never this one that comes so often.
            if mostly_proven
                && !member.proven()
                && word
                && member.requests >= 4.0
                && member.requests > 1.5 * median
                && !usual(member.requests)
            {
                continue;
            }
            let plain = form(&member.text) < 0.0 && member.profile.route_count() <= 3;
            let stands_out = mostly_data
                && plain
                && member.requests >= 6.0
                && member.requests > 2.0 * median
                && !usual(member.requests);
            if !member.proven() && (is_verb(&member.text) || stands_out) {
                continue;
            }
            children.move_to(suffix, &member);
        }
    }
}

impl<'m> Children<'m> {
    fn move_to(&mut self, suffix: &'m str, value: &Candidate<'m>) {
        self.literals.remove(value.token);
        let parameter = self.parameters.entry(suffix).or_default();
        parameter.kinds.insert(None);
        parameter.values.add(&value.text);
        parameter.nodes.extend(&value.nodes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        assert!(form("amber-river-42") > form("river"));
        assert!(form("river") > form("rivers"));
        assert!(form("me") < -2.0);
        assert!(form("LHR") > 0.0);
        assert!(form("getUser") < 0.0);
        assert!(form("k8s.io") < form("zoe62"));
        assert!(is_call("users.list") && is_call("get-user") && !is_call("list") && !is_call("user-list"));
    }
}
