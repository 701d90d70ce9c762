//! Classes of entities, found in the recorded answers without being told.
//!
//! A *site* is a position in an endpoint's answers that holds objects: the body itself, `/article`, each of
//! `/articles`, `/articles/*/author`. A site whose objects carry an identifying field shows *rows* of a *class*. Sites
//! belong to one class when they share the key field and, for the same key, mostly show the same values.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::{Map, Value};

use super::query::{Question, Selection};
use super::trace::{MIN_CREDENTIAL, Place, Seen, Trace};
use super::value::{Pattern, Step, key_text};

/// Objects looked at for each site: enough to judge by, few enough to stay quick.
const MAX_OBJECTS_PER_SITE: usize = 400;
/// Objects deeper than this belong to the row above them.
const MAX_SITE_DEPTH: usize = 4;
/// Share of a site's objects that must have a key field.
const KEY_PRESENCE: f64 = 0.95;
/// Share of fields that two views of one class have in common, of the smaller one.
const FIELDS_IN_COMMON: f64 = 0.5;
/// Share of the calls of an item's path that name it by some field, and by its key.
const NAMED: f64 = 0.9;
const NAMED_BY_KEY: f64 = 0.5;
/// Share of a parameter's values that are keys of the class it takes; less where the answers show that very row.
const SHARE: f64 = 0.5;
const SHARE_OF_OWN: f64 = 0.2;

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct SiteId {
    pub(super) endpoint: usize,
    pub(super) pattern: Pattern,
}

#[derive(Debug, Clone)]
pub(super) struct Class {
    /// For people: the last literal of the path it was found under.
    pub(super) name: String,
    /// The field that identifies a row; empty for what there is one of (known by its path parameters).
    pub(super) key: String,
}

#[derive(Debug, Default)]
pub(super) struct Classes {
    pub(super) all: Vec<Class>,
    pub(super) sites: BTreeMap<SiteId, usize>,
    /// Every field a site ever showed.
    pub(super) fields: BTreeMap<SiteId, BTreeSet<String>>,
    /// For each endpoint, for each path parameter: the class whose keys it takes.
    pub(super) params: Vec<Vec<Option<usize>>>,
}

impl Classes {
    pub(super) fn site(&self, endpoint: usize, pattern: &Pattern) -> Option<usize> {
        // The map is keyed by an owned pair; sites are few, and this is not the request path.
        self.sites.get(&SiteId { endpoint, pattern: pattern.clone() }).copied()
    }

    /// Whether no other site is around this one.
    pub(super) fn is_outer(&self, id: &SiteId) -> bool {
        (0..id.pattern.0.len()).all(|end| self.site(id.endpoint, &Pattern(id.pattern.0[..end].to_vec())).is_none())
    }

    fn add(&mut self, name: String, key: String, sites: Vec<SiteId>) {
        let index = self.all.len();
        self.all.push(Class { name, key });
        self.sites.extend(sites.into_iter().map(|site| (site, index)));
    }

    pub(super) fn discover(trace: &Trace) -> Self {
        let mut sites = collect(trace);
        tell_kinds(trace, &mut sites);
        let links = Links::of(trace);
        let mut groups = anchors(trace, &sites);
        join_by_values(trace, &sites, &mut groups);
        // By now each shows more of its rows.
        let mut groups = merge_equal(groups);
        found_by_links(trace, &sites, &links, &mut groups);
        let mut classes = Self::default();
        for group in groups {
            classes.add(group.name, group.key, group.sites);
        }
        for (name, found) in one_of_a_kind(trace, &sites, &classes) {
            classes.add(name, String::new(), found);
        }
        for (id, site) in &sites {
            if classes.sites.contains_key(id) {
                classes.fields.insert(id.clone(), site.fields.iter().map(|field| (*field).to_owned()).collect());
            }
        }
        classes.params = parameters(trace, &classes, &sites);
        classes
    }
}

/// The objects seen at one site.
struct Site<'t> {
    objects: Vec<&'t Map<String, Value>>,
    /// The path parameters of the exchange each object came from.
    params: Vec<&'t [String]>,
    fields: BTreeSet<&'t str>,
    /// Fields that hold credentials: they name nobody, and who they were given to is told elsewhere.
    secret: BTreeSet<&'t str>,
    kind: Kind<'t>,
}

/// What objects say they are.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Kind<'t> {
    /// Nothing.
    #[default]
    Unsaid,
    One(&'t str),
    /// Things of several kinds.
    Mixed,
    /// The field has other words here, which are no kinds.
    Other,
}

/// Fields that say what kind of thing an object is: JSON:API (`type`), GraphQL (`__typename`), JSON-LD (`@type`), and the
/// habits of others.
const KIND_FIELDS: [&str; 10] =
    ["type", "object", "kind", "__typename", "_type", "@type", "resourceType", "resource_type", "objectType", "entity"];

/// Finds the field that says of the objects of every endpoint what they are, and what it says.
fn tell_kinds(trace: &Trace, sites: &mut Sites<'_>) {
    let Some((field, kinds, strict)) = KIND_FIELDS.iter().find_map(|field| kinds(trace, sites, field)) else { return };
    for site in sites.values_mut() {
        let words: Option<BTreeSet<&str>> =
            site.objects.iter().map(|object| object.get(field).and_then(Value::as_str)).collect();
        let words = words.unwrap_or_default();
        let known = words.iter().all(|word| kinds.contains(*word));
        site.kind = match words.first() {
            Some(word) if words.len() == 1 && (known || strict) => Kind::One(word),
            Some(_) if known || strict => Kind::Mixed,
            Some(_) => Kind::Other,
            None => Kind::Unsaid,
        };
    }
}

/// The words that a field has for kinds: items are read one at a time, several of them, and always the same is said. Whether
/// that is so wherever items are read: else the field may say something else where its words are not among these.
fn kinds(trace: &Trace, sites: &Sites<'_>, field: &'static str) -> Option<(&'static str, BTreeSet<String>, bool)> {
    let (mut kinds, mut other) = (BTreeSet::new(), BTreeSet::new());
    let items = sites.iter().filter(|(id, site)| {
        let place = &trace.endpoints[id.endpoint];
        !id.pattern.has_each() && id.pattern.0.len() <= 1 && place.ends_in_parameter() && site.objects.len() >= 2
    });
    for (_, site) in items {
        let said = site.objects.iter().map(|object| object.get(field).and_then(Value::as_str));
        let words: BTreeSet<&str> = said.clone().flatten().collect();
        // What is around the thing says nothing.
        if words.is_empty() && !site.fields.contains(field) {
            continue;
        }
        let one = words.len() == 1 && said.clone().all(|word| word.is_some());
        if one { &mut kinds } else { &mut other }.extend(words.into_iter().map(str::to_owned));
    }
    let clear = other.is_empty();
    kinds.retain(|word| !other.contains(word));
    (kinds.len() >= 2).then_some((field, kinds, clear))
}

type Sites<'t> = BTreeMap<SiteId, Site<'t>>;

fn collect(trace: &Trace) -> Sites<'_> {
    let mut sites = Sites::new();
    let good = || trace.seen.iter().filter(|seen| seen.ok());
    // Rows whose fields were chosen by the query may lack the one that names them.
    let whole = |seen: &&Seen| Selection::of(&Question::of(&seen.call)).is_none();
    let endpoints: BTreeSet<usize> = good().filter(whole).map(|seen| seen.endpoint).collect();
    for seen in good().filter(|seen| !endpoints.contains(&seen.endpoint) || whole(seen)) {
        if let Some(reply) = &seen.reply {
            walk(seen.endpoint, reply, &Pattern::default(), &seen.call.params, &mut sites);
        }
    }
    let used: HashSet<&str> = trace.seen.iter().filter_map(|seen| seen.call.credential.as_deref()).collect();
    for site in sites.values_mut() {
        let holds = |field: &&str| {
            let own = site.objects.iter().filter_map(|object| object.get(*field)?.as_str());
            own.filter(|text| text.len() >= MIN_CREDENTIAL && used.contains(text)).count() * 2 > site.objects.len()
        };
        site.secret = site.fields.iter().copied().filter(holds).collect();
    }
    sites
}

fn walk<'t>(endpoint: usize, value: &'t Value, pattern: &Pattern, params: &'t [String], sites: &mut Sites<'t>) {
    if pattern.0.len() > MAX_SITE_DEPTH {
        return;
    }
    match value {
        Value::Object(object) => {
            let id = SiteId { endpoint, pattern: pattern.clone() };
            let site = sites.entry(id).or_insert_with(|| Site {
                objects: vec![],
                params: vec![],
                fields: BTreeSet::new(),
                secret: BTreeSet::new(),
                kind: Kind::Unsaid,
            });
            if site.objects.len() < MAX_OBJECTS_PER_SITE {
                site.objects.push(object);
                site.params.push(params);
            }
            site.fields.extend(object.keys().map(String::as_str));
            for (name, inner) in object.iter().filter(|(_, inner)| inner.is_object() || inner.is_array()) {
                walk(endpoint, inner, &pattern.key(name), params, sites);
            }
        }
        Value::Array(items) if !pattern.0.ends_with(&[Step::Each]) => {
            let each = pattern.each();
            for item in items.iter().filter(|item| item.is_object()) {
                walk(endpoint, item, &each, params, sites);
            }
        }
        _ => {}
    }
}

impl Site<'_> {
    /// Fields that nearly every object has and that could name it.
    fn key_candidates(&self) -> Vec<&str> {
        let needed = self.objects.len() as f64 * KEY_PRESENCE;
        let could_be = |field: &&str| {
            let texts = self.objects.iter().filter(|object| object.get(*field).is_some_and(|v| key_text(v).is_some()));
            texts.count() as f64 >= needed
        };
        self.fields.iter().copied().filter(|field| !self.secret.contains(field)).filter(could_be).collect()
    }

    fn keys(&self, field: &str) -> impl Iterator<Item = (String, &Map<String, Value>)> {
        self.objects.iter().filter_map(move |object| Some((key_text(object.get(field)?)?, *object)))
    }
}

struct Group {
    name: String,
    key: String,
    sites: Vec<SiteId>,
    /// What each key showed: field -> texts of the values seen.
    values: HashMap<String, HashMap<String, HashSet<String>>>,
    fields: BTreeSet<String>,
    kind: Option<String>,
}

impl Group {
    fn new(name: String, key: &str) -> Self {
        Self { name, key: key.to_owned(), sites: vec![], values: HashMap::new(), fields: BTreeSet::new(), kind: None }
    }

    fn add(&mut self, id: &SiteId, site: &Site<'_>) {
        self.sites.push(id.clone());
        if let Kind::One(kind) = site.kind {
            self.kind.get_or_insert_with(|| kind.to_owned());
        }
        self.fields.extend(site.fields.iter().filter(|field| **field != self.key).map(|field| (*field).to_owned()));
        for (key, object) in site.keys(&self.key) {
            let row = self.values.entry(key).or_default();
            for (field, value) in object.iter().filter(|(field, value)| **field != self.key && !value.is_object()) {
                row.entry(field.clone()).or_default().insert(value.to_string());
            }
        }
    }

    /// How well a site shows rows of this class: 0 to 1, and `None` where nothing speaks for or against it.
    fn agreement(&self, site: &Site<'_>) -> Option<f64> {
        let (mut same, mut all) = (0_u32, 0_u32);
        for (key, object) in site.keys(&self.key) {
            let Some(row) = self.values.get(&key) else { continue };
            for (field, value) in object.iter().filter(|(field, value)| **field != self.key && !value.is_object()) {
                if let Some(known) = row.get(field) {
                    // Values nearly everything shares (null, true, an empty list) prove nothing when they agree.
                    let text = value.to_string();
                    let plain = text.len() <= 5 && !value.is_number();
                    match (known.contains(&text), plain) {
                        (true, true) => {}
                        (true, false) => (same, all) = (same + 1, all + 1),
                        (false, _) => all += 1,
                    }
                }
            }
        }
        (all > 0).then(|| f64::from(same) / f64::from(all))
    }

    /// Whether a site shows rows of this class by what they say they are; `None` where nothing is said.
    fn is_kind(&self, site: &Site<'_>) -> Option<bool> {
        match site.kind {
            Kind::Mixed => Some(false),
            Kind::One(kind) => self.kind.as_ref().map(|own| own == kind),
            Kind::Other => self.kind.as_ref().map(|_| false),
            Kind::Unsaid => None,
        }
    }

    /// Whether most of what a site has in a field are keys of this group.
    fn has_most(&self, site: &Site<'_>, field: &str) -> bool {
        let keys: HashSet<String> = site.keys(field).map(|(key, _)| key).collect();
        let known = keys.iter().filter(|key| self.values.contains_key(*key)).count();
        // Small numbers are keys of everything.
        let telling = keys.iter().all(|key| key.len() >= 4 && !key.bytes().all(|byte| byte.is_ascii_digit()));
        telling && known >= 2 && known * 10 >= keys.len() * 6
    }

    fn fields_in_common(&self, site: &Site<'_>) -> f64 {
        let theirs = site.fields.iter().filter(|field| **field != self.key);
        let count = theirs.clone().count();
        let common = theirs.filter(|field| self.fields.contains(**field)).count();
        let smaller = count.min(self.fields.len());
        if smaller == 0 { 0.0 } else { common as f64 / smaller as f64 }
    }
}

/// Item endpoints name the key themselves: the last path segment is the value of a field of the object they answer with.
fn anchors(trace: &Trace, sites: &Sites<'_>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let reads = |id: &SiteId| trace.endpoints[id.endpoint].method == "GET";
    // Reads first: they show the row, where a write may say by other names what became of it.
    for (id, site) in sites.iter().filter(|(id, _)| reads(id)).chain(sites.iter().filter(|(id, _)| !reads(id))) {
        let place = &trace.endpoints[id.endpoint];
        if !place.ends_in_parameter() || id.pattern.has_each() || id.pattern.0.len() > 2 {
            continue;
        }
        let candidates = site.key_candidates();
        let named_by = |fields: &[&str]| {
            let hits = site.objects.iter().zip(&site.params).filter(|(object, params)| {
                let is = |field: &&str| object.get(*field).and_then(key_text).as_ref() == params.last();
                fields.iter().any(is)
            });
            hits.count() as f64 / site.objects.len() as f64
        };
        let best = candidates.iter().map(|field| (named_by(&[field]), *field)).max_by(|a, b| a.0.total_cmp(&b.0));
        // Half of the calls may use another name of the row, its slug or nickname.
        let by_any = || named_by(&candidates);
        let enough = |named: f64| named >= NAMED || (named >= NAMED_BY_KEY && by_any() >= NAMED);
        let Some((_, key)) = best.filter(|(share, _)| enough(*share)) else { continue };
        let prefix = |other: &Place| other.segments.len() == place.segments.len() && other.segments == place.segments;
        let here = |group: &Group| group.sites.iter().any(|site| prefix(&trace.endpoints[site.endpoint]));
        if !reads(id) && groups.iter().any(|group| group.key != key && here(group)) {
            continue;
        }
        let known = groups.iter_mut().find(|group| group.key == key && here(group));
        match known {
            Some(group) => group.add(id, site),
            None => {
                let mut group = Group::new(class_name(place), key);
                group.add(id, site);
                groups.push(group);
            }
        }
    }
    merge_equal(groups)
}

/// Two item endpoints may show one class (`/me/posts/{id}` and `/posts/{id}`).
fn merge_equal(groups: Vec<Group>) -> Vec<Group> {
    let mut out: Vec<Group> = Vec::new();
    for group in groups {
        let differ = |known: &Group| known.kind.is_some() && group.kind.is_some() && known.kind != group.kind;
        let same = |known: &Group| known.key == group.key && !differ(known) && shared_share(known, &group) >= 0.6;
        let twin = out.iter_mut().find(|known| same(known));
        match twin {
            Some(known) => {
                known.sites.extend(group.sites);
                known.fields.extend(group.fields);
                for (key, row) in group.values {
                    let mine = known.values.entry(key).or_default();
                    for (field, values) in row {
                        mine.entry(field).or_default().extend(values);
                    }
                }
            }
            None => out.push(group),
        }
    }
    out
}

/// The share of equal values among fields that both groups show for a key of both; 0 when there is none.
fn shared_share(a: &Group, b: &Group) -> f64 {
    let (mut same, mut all) = (0_u32, 0_u32);
    for (key, row) in &b.values {
        let Some(known) = a.values.get(key) else { continue };
        for (field, values) in row {
            if let Some(mine) = known.get(field) {
                all += 1;
                same += u32::from(!mine.is_disjoint(values));
            }
        }
    }
    if all < 2 { 0.0 } else { f64::from(same) / f64::from(all) }
}

/// Other sites join the class that they agree with best, kinship of the paths counting too.
fn join_by_values(trace: &Trace, sites: &Sites<'_>, groups: &mut [Group]) {
    // Twice: a view that shares nothing with the first sites of a class may share much with one that joined.
    for _ in 0..2 {
        for (id, site) in sites {
            if groups.iter().any(|group| group.sites.contains(id)) {
                continue;
            }
            let candidates = groups.iter().enumerate().filter_map(|(i, group)| Some((fit(trace, id, site, group)?, i)));
            if let Some((_, i)) = candidates.max_by(|a, b| a.0.total_cmp(&b.0)) {
                groups[i].add(id, site);
            }
        }
    }
}

/// How well a site fits a class; `None` when it does not.
fn fit(trace: &Trace, id: &SiteId, site: &Site<'_>, group: &Group) -> Option<f64> {
    let said = group.is_kind(site);
    if !site.key_candidates().contains(&group.key.as_str()) || said == Some(false) {
        return None;
    }
    let place = &trace.endpoints[id.endpoint];
    let shallow = id.pattern.0.iter().filter(|step| **step != Step::Each).count() <= 1;
    let kin = shallow
        && group.sites.iter().filter(|other| other.endpoint != id.endpoint).any(|other| {
            // Two things side by side in one answer are no kin for that.
            let item = &trace.endpoints[other.endpoint];
            place.is_parent_of(item) || place.segments == item.segments || place.segments.starts_with(&item.segments)
        });
    let common = group.fields_in_common(site);
    let agreement = group.agreement(site);
    let enough = match agreement {
        Some(share) => share >= 0.5 && (common >= FIELDS_IN_COMMON || (kin && common > 0.0)),
        None => (kin && common >= 0.3) || common >= 0.8,
    };
    (enough || said == Some(true)).then(|| common + agreement.unwrap_or(0.4) + if kin { 0.5 } else { 0.0 })
}

/// Where each text was used as a path parameter: (endpoint, slot).
struct Links {
    params: HashMap<String, HashSet<(usize, usize)>>,
}

impl Links {
    fn of(trace: &Trace) -> Self {
        let mut params: HashMap<String, HashSet<(usize, usize)>> = HashMap::new();
        for seen in &trace.seen {
            for (slot, value) in seen.call.params.iter().enumerate() {
                params.entry(value.clone()).or_default().insert((seen.endpoint, slot));
            }
        }
        Self { params }
    }
}

/// What is left makes classes of its own: lists of objects with a unique key, above all one that paths use.
fn found_by_links(trace: &Trace, sites: &Sites<'_>, links: &Links, groups: &mut Vec<Group>) {
    let first_own = groups.len();
    // Lists first, they show many rows and so the key that tells them apart.
    let order = sites
        .iter()
        .filter(|(id, _)| id.pattern.has_each())
        .chain(sites.iter().filter(|(id, _)| !id.pattern.has_each()));
    for (id, site) in order {
        if groups.iter().any(|group| group.sites.contains(id)) || below_unkeyed_list(id) || site.kind == Kind::Mixed {
            continue;
        }
        let own = groups[first_own..].iter().enumerate();
        let joined = own.filter_map(|(at, group)| {
            let equal = (same_path(trace, id, site, group) && group.is_kind(site) != Some(false)).then_some(0.0);
            Some((fit(trace, id, site, group).or(equal)?, at + first_own))
        });
        if let Some((_, at)) = joined.max_by(|a, b| a.0.total_cmp(&b.0)) {
            groups[at].add(id, site);
            continue;
        }
        let list = id.pattern.has_each();
        let place = &trace.endpoints[id.endpoint];
        let creates = !list && id.pattern.0.len() <= 1 && place.method == "POST";
        if !(list && id.pattern.0.len() <= 2 || creates) || site.fields.len() < 2 {
            continue;
        }
        let inside = (0..id.pattern.0.len()).any(|end| {
            let around = SiteId { endpoint: id.endpoint, pattern: Pattern(id.pattern.0[..end].to_vec()) };
            // What is around may not be a class yet, but has a name of its own.
            let named = |site: &Site<'_>| site.key_candidates().iter().any(|key| is_id(key));
            groups.iter().any(|group| group.sites.contains(&around)) || sites.get(&around).is_some_and(named)
        });
        // Inside a row, objects are a part of it (order lines, a record's data) unless they have a name of their own.
        let own = |key: &String| !inside || is_id(key) || matches!(key.as_str(), "slug" | "key" | "code");
        // What gives out a credential shows no row of its own, only whose it is.
        let refers = |key: &String| !site.secret.is_empty() && is_reference(key);
        // An answer that says little of a row of a known class, by another name of its key, is told by the row itself. What
        // has a name of its own beside that of a known row (a refund, and what for) is a row of its own.
        let known = |key: &str| groups.iter().any(|group| group.has_most(site, key));
        let keys = site.key_candidates();
        let names_known = creates && keys.iter().any(|key| is_id(key) && known(key));
        let free = keys.into_iter().filter(|key| !names_known && (is_id(key) || !known(key))).collect();
        if let Some(key) = best_key(site, free, links).filter(own).filter(|key| !refers(key)) {
            let mut group = Group::new(class_name(place), &key);
            group.add(id, site);
            groups.push(group);
        }
    }
}

/// What is read at a path and written at the same one, without a key of its own: a profile, settings.
fn one_of_a_kind(trace: &Trace, sites: &Sites<'_>, classes: &Classes) -> Vec<(String, Vec<SiteId>)> {
    let mut out: Vec<(String, Vec<SiteId>)> = Vec::new();
    let free = |endpoint: usize| {
        let id = SiteId { endpoint, pattern: Pattern::default() };
        let nothing_inside = !classes.sites.keys().any(|site| site.endpoint == endpoint);
        (sites.contains_key(&id) && nothing_inside).then_some(id)
    };
    for (endpoint, place) in trace.endpoints.iter().enumerate().filter(|(_, place)| place.method == "GET") {
        let writers = trace.endpoints.iter().enumerate().filter(|(_, other)| {
            other.segments == place.segments && matches!(other.method.as_str(), "PUT" | "PATCH" | "POST")
        });
        let writers: Vec<SiteId> = writers.filter_map(|(other, _)| free(other)).collect();
        if let (Some(id), false) = (free(endpoint), writers.is_empty()) {
            out.push((class_name(place), writers.into_iter().chain([id]).collect()));
        }
    }
    out
}

/// A list and the POST on the same path (or the other way round) show the same class.
fn same_path(trace: &Trace, id: &SiteId, site: &Site<'_>, group: &Group) -> bool {
    let place = &trace.endpoints[id.endpoint];
    id.pattern.0.len() <= 2
        && site.key_candidates().contains(&group.key.as_str())
        && group.fields_in_common(site) >= 0.8
        && group.sites.iter().any(|other| trace.endpoints[other.endpoint].segments == place.segments)
}

fn below_unkeyed_list(id: &SiteId) -> bool {
    id.pattern.0.iter().filter(|step| **step == Step::Each).count() > 1
}

fn best_key(site: &Site<'_>, candidates: Vec<&str>, links: &Links) -> Option<String> {
    let score = |field: &str| {
        let keys: Vec<String> = site.keys(field).map(|(key, _)| key).collect();
        let distinct: HashSet<&String> = keys.iter().collect();
        let linked = distinct.iter().filter(|key| links.params.contains_key(**key)).count() as f64;
        let by_name = match field {
            "id" | "_id" | "uuid" | "guid" => 0.6,
            "slug" | "key" | "code" | "sku" => 0.3,
            _ if is_reference(field) => -0.2,
            _ => 0.0,
        };
        let distinct_share = distinct.len() as f64 / keys.len().max(1) as f64;
        (linked / distinct.len().max(1) as f64 + by_name)
            + if distinct_share > 0.9 && distinct.len() > 1 { 0.1 } else { 0.0 }
    };
    let candidates = candidates.into_iter().map(|field| (score(field), field));
    candidates.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(score, _)| *score >= 0.5).map(|(_, field)| field.to_owned())
}

/// Whether a field is there to name its row, by its name.
fn is_id(field: &str) -> bool {
    matches!(field, "id" | "_id" | "uuid" | "guid")
}

/// Whether a field names a row of another class, by its name.
fn is_reference(field: &str) -> bool {
    field.len() > 3 && (field.ends_with("_id") || field.ends_with("Id"))
}

fn class_name(place: &Place) -> String {
    place.segments.iter().flatten().next_back().cloned().unwrap_or_else(|| "items".to_owned())
}

/// Which class's keys each path parameter takes.
fn parameters(trace: &Trace, classes: &Classes, sites: &Sites<'_>) -> Vec<Vec<Option<usize>>> {
    let mut keys: Vec<HashSet<String>> = vec![HashSet::new(); classes.all.len()];
    for (id, class) in &classes.sites {
        if let Some(site) = sites.get(id) {
            keys[*class].extend(site.keys(&classes.all[*class].key).map(|(key, _)| key));
        }
    }
    let mut out = Vec::new();
    for (endpoint, place) in trace.endpoints.iter().enumerate() {
        let slots = place.segments.iter().filter(|segment| segment.is_none()).count();
        let of_slot = |slot: usize| {
            let values: HashSet<&String> = trace
                .of(endpoint)
                .filter(|(_, seen)| seen.status < 400)
                .filter_map(|(_, seen)| seen.call.params.get(slot))
                .collect();
            let share = |class: usize| {
                values.iter().filter(|value| keys[class].contains(**value)).count() as f64 / values.len().max(1) as f64
            };
            let prefix = prefix_to_slot(&place.segments, slot);
            // An answer about the very path names its class best, a list one segment above it next best. Rows embedded
            // in an answer say nothing about its path.
            let kin = |class: usize| {
                let outer = classes.sites.iter().filter(|(id, c)| **c == class && classes.is_outer(id));
                let ranks = outer.map(|(id, _)| {
                    let own = &trace.endpoints[id.endpoint].segments;
                    match id.pattern.has_each() {
                        false if *own == *prefix => 2.0,
                        true if own.len() + 1 == prefix.len() && prefix.starts_with(own) => 1.5,
                        // What is listed below this parameter belongs to what it names, whatever small numbers they share.
                        true if own.starts_with(prefix) => -1.0,
                        _ if own.starts_with(prefix) => 0.5,
                        _ => 0.0,
                    }
                });
                let ranks: Vec<f64> = ranks.collect();
                let best = ranks.iter().copied().fold(0.0, f64::max);
                if best < 1.0 && ranks.iter().any(|rank| *rank < 0.0) { -1.0 } else { best }
            };
            // Where the very path shows a row, other parameters may be other names of it.
            let fits = (0..classes.all.len()).filter_map(|class| {
                let (share, kin) = (share(class), kin(class));
                let enough = if kin >= 2.0 { SHARE_OF_OWN } else { SHARE };
                let score = share + kin * 0.3;
                ((share >= enough && kin >= 0.0) || (values.is_empty() && score >= 0.6)).then_some((score, class))
            });
            fits.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, class)| class)
        };
        out.push((0..slots).map(of_slot).collect());
    }
    out
}

/// The segments up to and including the parameter number `slot`.
fn prefix_to_slot(segments: &[Option<String>], slot: usize) -> &[Option<String>] {
    let end = segments.iter().enumerate().filter(|(_, segment)| segment.is_none()).nth(slot).map_or(0, |(i, _)| i + 1);
    &segments[..end]
}
