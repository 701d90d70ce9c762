//! The positions of JSON documents, each with how many *documents* showed what. A list of fifty items is one document: its
//! items come from one hand and are no fifty witnesses.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::returns::Returns;
use crate::text::Formats;

/// Positions of one kind of document; what comes past that is not watched.
const MAX_NODES: usize = 2048;
/// And so many more that were not there when the baseline was frozen.
const MAX_NEW: usize = 256;
/// Texts that an enum can have.
const MAX_TEXTS: usize = 16;
/// Longer ones are prose.
const MAX_TEXT_BYTES: usize = 48;
/// Scalars remembered to recognise a field under another name.
const MAX_RECENT: usize = 16;
/// After so many documents so many without anything new are enough.
const MANY: u32 = 300;
const QUIET: u32 = 16;
/// So many sightings make a fact.
const SETTLED: u32 = 5;
/// So far beyond all earlier values a number, or the length of a text, leaves its bounds.
const FAR: f64 = 100.0;
const LONG: u32 = 64;

/// JSON's types by their bit; the order is that of the words.
pub(super) const TYPES: [&str; 7] = ["array", "boolean", "integer", "number", "object", "string", "null"];
pub(super) const ARRAY: usize = 0;
pub(super) const BOOLEAN: usize = 1;
pub(super) const INTEGER: usize = 2;
pub(super) const NUMBER: usize = 3;
pub(super) const OBJECT: usize = 4;
pub(super) const STRING: usize = 5;
pub(super) const NULL: usize = 6;

/// What can happen at a position while a document is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Event {
    /// A value of this type stood there.
    Type(u8),
    /// An object lacked it.
    Missing,
    /// It is there, and was not when the baseline was frozen.
    New,
    /// A text that is none of the enum's.
    Novel,
    /// A text without the format of all earlier ones.
    Unformatted,
    /// A number, or a length, far off.
    Outside,
    /// It did not come for longer than it ever should.
    Gone,
    /// The same of a value of an enum.
    Away,
    /// An object with none of the fields that it should have, and with others.
    Alien,
    /// An object whose keys are data had the keys of the one before.
    Fixed,
}

const EVENTS: usize = 16;

impl Event {
    const fn at(self) -> usize {
        match self {
            Self::Type(of) => of as usize,
            Self::Missing => 7,
            Self::New => 8,
            Self::Novel => 9,
            Self::Unformatted => 10,
            Self::Outside => 11,
            Self::Gone => 12,
            Self::Away => 13,
            Self::Alien => 14,
            Self::Fixed => 15,
        }
    }

    /// Whether it is about being there at all, and so counts the objects that could have had it.
    pub(super) const fn is_presence(self) -> bool {
        matches!(self, Self::Missing | Self::New | Self::Gone)
    }
}

/// In how many documents something happened, and in which one last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Tally {
    pub(super) count: u32,
    pub(super) at: u32,
}

/// What was stored before there were so many events has fewer tallies.
fn tallies<'de, D: Deserializer<'de>>(from: D) -> Result<[Tally; EVENTS], D::Error> {
    let stored = Vec::<Tally>::deserialize(from)?;
    let mut all = [Tally::default(); EVENTS];
    all.iter_mut().zip(stored).for_each(|(tally, stored)| *tally = stored);
    Ok(all)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Role {
    Root,
    Field,
    Items,
    /// What stands under keys that are data.
    Values,
}

/// What held when the baseline was frozen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Base {
    /// Bits of the types.
    pub(super) types: u8,
    pub(super) required: bool,
    pub(super) values: Option<Vec<Box<str>>>,
    pub(super) formats: Formats,
    pub(super) format: Option<Box<str>>,
}

impl Base {
    pub(super) fn has(&self, of: usize) -> bool {
        self.types >> of & 1 == 1
    }

    /// The types as words; one alone when there is but one.
    pub(super) fn types(&self) -> Vec<&'static str> {
        (0..TYPES.len())
            .filter(|of| self.has(*of) && !(*of == INTEGER && self.has(NUMBER)))
            .map(|of| TYPES[of])
            .collect()
    }

    /// For a person to read.
    pub(super) fn brief(&self) -> Value {
        match self.types().as_slice() {
            [one] => json!(one),
            many => json!(many.join(" or ")),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Node {
    pub(super) name: Box<str>,
    pub(super) parent: u32,
    pub(super) role: Role,
    seen: Tally,
    /// How many objects the parent had been when this was seen last.
    parents: u32,
    #[serde(deserialize_with = "tallies")]
    tallies: [Tally; EVENTS],
    /// Fields in the order in which they came first.
    pub(super) children: Vec<u32>,
    pub(super) items: Option<u32>,
    pub(super) values: Option<u32>,
    /// Keys are data: what stands under them is one position.
    map: bool,
    texts: Vec<(Box<str>, u32)>,
    /// There are more, or longer ones, than an enum has.
    many: bool,
    /// Somewhere below the items of a list.
    #[serde(default)]
    pub(super) listed: bool,
    /// How the values of the enum come and go, in its order, and the documents that tell something about that.
    #[serde(default)]
    pub(super) returns: Vec<Returns>,
    #[serde(default)]
    pub(super) witnesses: Tally,
    /// Documents that had not been read again when the wait for what is away began.
    #[serde(default)]
    pub(super) skipped: u32,
    /// Of an object whose keys are data: how often they were looked at, and what they were last.
    #[serde(default)]
    pub(super) keyed: Tally,
    #[serde(default)]
    pub(super) keys: u64,
    formats: Formats,
    longest: u32,
    min: f64,
    max: f64,
    /// Hashes of scalars that stood here.
    recent: Vec<u32>,
    pub(super) base: Option<Base>,
    /// Bits of the events that are a finding already: they count there and not here.
    raised: u16,
}

/// Something that happened in the document that was read last.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    pub(super) node: u32,
    pub(super) event: Event,
    /// How often it had happened before, in how many documents.
    pub(super) before: u32,
    pub(super) of: u32,
    /// The offending value in short, where there is one.
    pub(super) value: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    /// Documents that were read; the number of the current one while it is read.
    pub(super) reads: u32,
    /// Documents that were the same as one read before, and were not read again.
    pub(super) skipped: u32,
    /// The document that showed something new last, while the baseline grows.
    pub(super) news: u32,
    frozen: bool,
    /// The document that was read last had nothing that does not come in most of them. Only such ones are not read again:
    /// whatever comes and goes has to be counted each time.
    #[serde(skip)]
    pub(super) is_plain: bool,
    /// When the current document came, and whether it is about something else than those just before.
    #[serde(skip)]
    pub(super) at_ms: u64,
    #[serde(skip)]
    pub(super) is_witness: bool,
    /// So many documents are read even if they are the same as others.
    #[serde(default)]
    pub(super) wary: u32,
    /// One document as it was.
    pub(super) sample: Option<String>,
}

impl Default for Tree {
    fn default() -> Self {
        let root = Node::new("", 0, Role::Root);
        Self {
            nodes: vec![root],
            reads: 0,
            skipped: 0,
            news: 0,
            frozen: false,
            is_plain: true,
            at_ms: 0,
            is_witness: false,
            wary: 0,
            sample: None,
        }
    }
}

impl Node {
    fn new(name: &str, parent: u32, role: Role) -> Self {
        Self {
            name: name.into(),
            parent,
            role,
            seen: Tally::default(),
            parents: 0,
            tallies: [Tally::default(); EVENTS],
            children: Vec::new(),
            items: None,
            values: None,
            map: false,
            texts: Vec::new(),
            many: false,
            listed: role == Role::Items,
            returns: Vec::new(),
            witnesses: Tally::default(),
            skipped: 0,
            keyed: Tally::default(),
            keys: 0,
            formats: Formats::default(),
            longest: 0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            recent: Vec::new(),
            base: None,
            raised: 0,
        }
    }

    pub(super) fn count(&self, event: Event) -> u32 {
        self.tallies[event.at()].count
    }

    pub(super) fn is_map(&self) -> bool {
        self.map
    }

    pub(super) fn sightings(&self) -> u32 {
        self.seen.count
    }

    pub(super) fn is_shown(&self, event: Event, reads: u32) -> bool {
        self.tallies[event.at()].at == reads
    }

    pub(super) fn is_raised(&self, event: Event) -> bool {
        self.raised >> event.at() & 1 == 1
    }

    /// A type that belongs here and comes at least every other time: there is nothing to weigh.
    fn is_usual(&self, event: Event) -> bool {
        let Event::Type(of) = event else { return false };
        let before = self.tallies[usize::from(of)].count;
        self.raised == 0 && before * 2 >= self.seen.count && self.base.as_ref().is_some_and(|base| base.has(of.into()))
    }

    /// The document of this number showed a type of the baseline's.
    pub(super) fn is_mixed(&self, reads: u32) -> bool {
        let Some(base) = &self.base else { return false };
        (0..TYPES.len()).any(|of| of != NULL && base.has(of) && self.tallies[of].at == reads)
    }

    /// The bits of the types that were seen.
    pub(super) fn types_seen(&self) -> u8 {
        (0..TYPES.len()).filter(|of| self.tallies[*of].count > 0).fold(0, |bits, of| bits | 1 << of)
    }

    /// Whether a scalar that stood at the one stood at the other.
    pub(super) fn shares_values(&self, other: &Self) -> bool {
        self.recent.iter().any(|hash| other.recent.contains(hash))
    }

    fn remember(&mut self, hash: u32) {
        if !self.recent.contains(&hash) {
            if self.recent.len() == MAX_RECENT {
                self.recent.remove(0);
            }
            self.recent.push(hash);
        }
    }

    /// Whether a number is far beyond all that stood here.
    fn is_far(&self, value: f64) -> bool {
        let most = self.max.abs().max(self.min.abs()).max(1.0);
        value > most * FAR || value < 0.0 && self.min >= 0.0 && self.max > self.min
    }

    /// The texts of an enum: few words that came again and again.
    fn enumeration(&self) -> Option<Vec<Box<str>>> {
        let count: u32 = self.texts.iter().map(|(_, count)| count).sum();
        let once = self.texts.iter().filter(|(_, count)| *count == 1).count() as u32;
        let settled = count >= 8 && count >= 4 * self.texts.len() as u32 && once * 12 <= count;
        let is_enum = settled && !self.many && !self.texts.is_empty() && !crate::names::is_identifier(&self.name);
        let certain = self.formats.first().is_some_and(|format| format.certain);
        (is_enum && !certain).then(|| self.texts.iter().map(|(text, _)| text.clone()).collect())
    }

    fn learn_text(&mut self, text: &str, length: u32) {
        self.longest = self.longest.max(length);
        self.formats.narrow(text);
        if self.recent.len() < MAX_RECENT || self.base.is_none() {
            self.remember(crate::hash::hash(text.as_bytes()) as u32);
        }
        if self.many {
            return;
        }
        match self.texts.iter().position(|(kept, _)| **kept == *text) {
            Some(kept) => self.texts[kept].1 += 1,
            None if self.texts.len() < MAX_TEXTS && text.len() <= MAX_TEXT_BYTES => self.texts.push((text.into(), 1)),
            None => {
                self.many = true;
                self.texts = Vec::new();
            }
        }
    }

    fn facts(&self) -> Base {
        let strings = self.count(Event::Type(STRING as u8));
        // A format that is only a guess needs many texts, and none that is an enum's.
        let values = self.enumeration();
        let settled = if values.is_some() { u32::MAX } else { 12 };
        let format = self.formats.first().filter(|format| strings >= if format.certain { SETTLED } else { settled });
        Base {
            types: self.types_seen(),
            required: self.count(Event::Missing) == 0,
            values,
            formats: if format.is_some() { self.formats } else { Formats::none() },
            format: format.map(|format| format.word.into()),
        }
    }
}

impl Tree {
    /// Begins a document.
    pub(super) fn begin(&mut self) {
        self.reads += 1;
        // A baseline that still grows counts nothing of what comes and goes if it does not read it.
        self.is_plain = self.frozen;
        self.wary = self.wary.saturating_sub(1);
        self.see(0);
    }

    /// How many documents could have shown the event: those with the position or, for what is about being there, those with
    /// an object around it. Documents that were the same as others count as those did.
    pub(super) fn of(&self, node: u32, event: Event) -> u32 {
        let of = self.read_of(node, event);
        of + (u64::from(of) * u64::from(self.skipped) / u64::from(self.reads.max(1))) as u32
    }

    /// The same among the documents that were read.
    fn read_of(&self, node: u32, event: Event) -> u32 {
        let node = &self.nodes[node as usize];
        match event {
            Event::Fixed => node.keyed.count,
            event if event.is_presence() => self.objects(node.parent),
            _ => node.seen.count,
        }
    }

    pub(super) fn objects(&self, node: u32) -> u32 {
        self.nodes[node as usize].tallies[OBJECT].count
    }

    /// Whether the document that was read last could have shown the event.
    pub(super) fn is_observed(&self, node: u32, event: Event) -> bool {
        let node = &self.nodes[node as usize];
        let at = match event {
            Event::Fixed => node.keyed.at,
            event if event.is_presence() => self.nodes[node.parent as usize].tallies[OBJECT].at,
            _ => node.seen.at,
        };
        at == self.reads
    }

    pub(super) fn see(&mut self, node: u32) {
        let parents = self.objects(self.nodes[node as usize].parent);
        let seen = &mut self.nodes[node as usize];
        seen.parents = parents;
        if seen.seen.at != self.reads {
            seen.seen = Tally { count: seen.seen.count + 1, at: self.reads };
        }
    }

    /// Notes an event of the current document; passes it on when it may mean something.
    pub(super) fn note(
        &mut self,
        node: u32,
        event: Event,
        value: impl FnOnce() -> Option<Value>,
        found: &mut Vec<Found>,
    ) {
        let reads = self.reads;
        let at = &mut self.nodes[node as usize];
        let (is_raised, is_usual) = (at.is_raised(event), at.is_usual(event));
        let tally = &mut at.tallies[event.at()];
        if tally.at == reads {
            return;
        }
        let before = tally.count;
        if is_usual && self.frozen {
            *tally = Tally { count: before + 1, at: reads };
            return;
        }
        *tally = Tally { count: before + u32::from(!is_raised), at: reads };
        if !self.frozen {
            if before == 0 && event != Event::Fixed {
                self.news = reads;
            }
            return;
        }
        let of = self.of(node, event);
        self.is_plain &= matches!(event, Event::Type(_) | Event::Fixed) && before * 2 >= self.read_of(node, event);
        if is_raised || self.is_telling(node, event, before, of) {
            found.push(Found { node, event, before, of, value: value() });
        }
    }

    /// Whether an event is rare enough to be worth a look.
    fn is_telling(&self, node: u32, event: Event, before: u32, of: u32) -> bool {
        let read = self.read_of(node, event);
        let node = &self.nodes[node as usize];
        let Some(base) = &node.base else {
            return event == Event::New && before * 5 < of;
        };
        match event {
            // Nothing ever stood there, such as in a list that was always empty.
            Event::Type(_) if base.types == 0 => false,
            // An integer is a number, and a number without a fraction looks like an integer.
            Event::Type(of) if usize::from(of) == INTEGER && base.has(NUMBER) => false,
            // Documents that were not read again had it too.
            Event::Type(of) if base.has(of.into()) => before * 5 < read,
            _ => before * 5 < of,
        }
    }

    /// An object lacked the field.
    pub(super) fn miss(&mut self, node: u32, found: &mut Vec<Found>) {
        self.note(node, Event::Missing, || None, found);
        let at = &self.nodes[node as usize];
        if !self.frozen || at.base.as_ref().is_none_or(|base| base.required) {
            return;
        }
        let away = self.objects(at.parent).saturating_sub(at.parents);
        let first = at.tallies[Event::Gone.at()].at != self.reads;
        let due = away.is_power_of_two() && away > 2 && at.count(Event::Missing) * 5 >= self.objects(at.parent);
        let is_raised = at.is_raised(Event::Gone);
        if !first || !is_raised && !due || !self.is_gone(node, away) {
            return;
        }
        if is_raised || at.skipped == self.skipped {
            return self.note(node, Event::Gone, || None, found);
        }
        // It may have come in documents that were not read again: the wait begins anew, and all of them are read.
        let (skipped, objects) = (self.skipped, self.objects(at.parent));
        let at = &mut self.nodes[node as usize];
        (at.skipped, at.parents) = (skipped, objects);
        self.wary = self.wary.max(away.saturating_mul(4));
    }

    fn is_gone(&self, node: u32, away: u32) -> bool {
        let at = &self.nodes[node as usize];
        super::evidence::is_gone(at.seen.count, self.objects(at.parent).saturating_sub(away), away)
    }

    /// The child of this name and its place, looked for from where it is expected.
    pub(super) fn known(&self, parent: u32, name: &str, hint: usize) -> Option<(usize, u32)> {
        let children = &self.nodes[parent as usize].children;
        let is = |at: &usize| crate::hash::is_same(&self.nodes[children[*at] as usize].name, name);
        let hint = hint.min(children.len());
        (hint..children.len()).chain(0..hint).find(is).map(|at| (at, children[at]))
    }

    /// The same, put in when it is new and there is room.
    pub(super) fn child(&mut self, parent: u32, name: &str, hint: usize) -> Option<(usize, u32)> {
        if let Some(known) = self.known(parent, name, hint) {
            return Some(known);
        }
        let child = self.add(parent, name, Role::Field)?;
        // The objects before this one lacked it, unseen.
        let before = self.objects(parent).saturating_sub(1);
        self.nodes[child as usize].tallies[Event::Missing.at()].count = before;
        self.nodes[parent as usize].children.push(child);
        Some((self.nodes[parent as usize].children.len() - 1, child))
    }

    pub(super) fn items(&mut self, parent: u32) -> Option<u32> {
        if self.nodes[parent as usize].items.is_none() {
            self.nodes[parent as usize].items = self.add(parent, "*", Role::Items);
        }
        self.nodes[parent as usize].items
    }

    pub(super) fn values(&mut self, parent: u32) -> Option<u32> {
        if self.nodes[parent as usize].values.is_none() {
            self.nodes[parent as usize].values = self.add(parent, "*", Role::Values);
        }
        self.nodes[parent as usize].values
    }

    fn add(&mut self, parent: u32, name: &str, role: Role) -> Option<u32> {
        // What is new has a place when what was is all taken.
        if self.nodes.len() >= if self.frozen { MAX_NODES + MAX_NEW } else { MAX_NODES } {
            return None;
        }
        if !self.frozen {
            self.news = self.reads;
        }
        let at = u32::try_from(self.nodes.len()).ok()?;
        let mut node = Node::new(name, parent, role);
        node.listed |= self.nodes[parent as usize].listed;
        self.nodes.push(node);
        Some(at)
    }

    /// `of` is the type: a number without a fraction is an integer.
    pub(super) fn number(&mut self, node: u32, of: usize, value: f64, found: &mut Vec<Found>) {
        self.note(node, Event::Type(of as u8), || None, found);
        let frozen = self.frozen;
        let at = &mut self.nodes[node as usize];
        if frozen && at.base.is_some() && at.is_far(value) {
            return self.note(node, Event::Outside, || Some(json!(value)), found);
        }
        // What counts up goes on doing so: bounds follow what is near them.
        at.min = at.min.min(value);
        at.max = at.max.max(value);
        if at.recent.len() < MAX_RECENT || at.base.is_none() {
            at.remember(crate::hash::hash(&value.to_bits().to_le_bytes()) as u32);
        }
    }

    pub(super) fn text(&mut self, node: u32, text: &str, found: &mut Vec<Found>) {
        self.note(node, Event::Type(STRING as u8), || None, found);
        let at = &self.nodes[node as usize];
        let is_settled = at.base.as_ref().is_some_and(|base| base.values.is_some() || base.format.is_some());
        if is_settled {
            return self.check_text(node, text, found);
        }
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        if self.frozen && at.base.is_some() && length > at.longest.max(LONG).saturating_mul(16) {
            return self.note(node, Event::Outside, || Some(json!(format!("{length} bytes"))), found);
        }
        let at = &mut self.nodes[node as usize];
        at.learn_text(text, length);
        let count = at.count(Event::Type(STRING as u8));
        // What the values have in common shows later than that they are there.
        if at.base.is_some() && count.is_power_of_two() {
            let facts = at.facts();
            if let Some(base) = &mut at.base {
                (base.values, base.format, base.formats) = (facts.values, facts.format, facts.formats);
            }
        }
    }

    fn check_text(&mut self, node: u32, text: &str, found: &mut Vec<Found>) {
        let at = &mut self.nodes[node as usize];
        let Some(base) = &at.base else { return };
        let shown = || Some(json!(super::watch::shorten(text, MAX_TEXT_BYTES)));
        if let Some(values) = &base.values {
            match values.iter().position(|value| **value == *text) {
                Some(word) => self.come(node, word, found),
                None => self.note(node, Event::Novel, shown, found),
            }
        } else if !base.formats.fits(text) {
            self.note(node, Event::Unformatted, shown, found);
        } else if at.recent.len() < MAX_RECENT {
            at.remember(crate::hash::hash(text.as_bytes()) as u32);
        }
    }

    pub(super) fn range(&self, node: u32) -> Value {
        let at = &self.nodes[node as usize];
        if at.min <= at.max {
            json!(format!("{} to {}", at.min, at.max))
        } else {
            json!(format!("up to {} bytes", at.longest))
        }
    }

    /// From now on what is known is what was promised.
    pub(super) fn freeze(&mut self) {
        for at in 0..self.nodes.len() {
            self.settle_map(at);
        }
        for at in 0..self.nodes.len() {
            let facts = self.nodes[at].facts();
            self.nodes[at].base = Some(facts);
        }
        self.frozen = true;
    }

    /// Objects whose keys are data have no core that is always there, and many keys.
    fn settle_map(&mut self, at: usize) {
        let node = &self.nodes[at];
        let objects = node.tallies[OBJECT].count;
        if node.children.len() < 6 || objects == 0 {
            return;
        }
        let seen: Vec<u32> = node.children.iter().map(|child| self.nodes[*child as usize].seen.count).collect();
        let most = seen.iter().copied().max().unwrap_or(0);
        let total: u32 = seen.iter().sum();
        let types = |child: &u32| self.nodes[*child as usize].types_seen() & !(1 << NULL);
        let alike = node.children.iter().all(|child| types(child) == types(&node.children[0]));
        let come_and_go = f64::from(most) < 0.67 * f64::from(objects);
        if alike && come_and_go && seen.len() as f64 > 0.3 * f64::from(total) {
            self.nodes[at].map = true;
            self.nodes[at].children = Vec::new();
        }
    }

    /// What came since and never counted as a change is part of the baseline too.
    pub(super) fn absorb(&mut self, node: u32) {
        let facts = self.nodes[node as usize].facts();
        let at = &mut self.nodes[node as usize];
        if at.base.is_none() {
            at.base = Some(facts);
        }
        // What lies below came with it.
        let below: Vec<u32> = at.children.iter().copied().chain(at.items).chain(at.values).collect();
        below.into_iter().for_each(|node| self.absorb(node));
    }

    /// The event is a finding from here on; what led to it is taken back.
    pub(super) fn raise(&mut self, node: u32, event: Event, hits: u32) {
        let at = &mut self.nodes[node as usize];
        at.raised |= 1 << event.at();
        let tally = &mut at.tallies[event.at()];
        tally.count = tally.count.saturating_sub(hits);
    }

    pub(super) fn settle(&mut self, node: u32, event: Event) {
        self.nodes[node as usize].raised &= !(1 << event.at());
    }

    /// The baseline moves: the event is what the API does now. `always` when it does nothing else.
    pub(super) fn accept(&mut self, node: u32, event: Event, always: bool) {
        self.settle(node, event);
        let of = self.of(node, event).max(2);
        let (parent, found) = (self.nodes[node as usize].parent, &mut self.nodes[node as usize]);
        let tally = &mut found.tallies[event.at()];
        tally.count = tally.count.max(of / 2);
        let Some(base) = &mut found.base else { return self.absorb(node) };
        match event {
            Event::Missing | Event::Gone if always => {
                self.nodes[parent as usize].children.retain(|child| *child != node);
            }
            Event::Missing | Event::Gone => base.required = false,
            Event::Type(of) => {
                base.types = if always { 1 << of } else { base.types | 1 << of };
                self.absorb_below(node);
            }
            Event::Novel => base.values = None,
            Event::Away => self.forget_words(node),
            Event::Alien => self.let_in(node, always),
            Event::Unformatted => base.format = None,
            Event::Outside => (found.min, found.max, found.longest) = (f64::NEG_INFINITY, f64::INFINITY, u32::MAX),
            Event::New | Event::Fixed => {}
        }
    }

    fn absorb_below(&mut self, node: u32) {
        let at = &self.nodes[node as usize];
        let below: Vec<u32> = at.children.iter().copied().chain(at.items).chain(at.values).collect();
        below.into_iter().for_each(|node| self.absorb(node));
    }

    /// JSON Pointer (RFC 6901), `*` for any item or key.
    pub(super) fn pointer(&self, node: u32) -> String {
        let at = &self.nodes[node as usize];
        if at.role == Role::Root {
            return String::new();
        }
        let name = if at.role == Role::Field { at.name.replace('~', "~0").replace('/', "~1") } else { "*".to_owned() };
        format!("{}/{name}", self.pointer(at.parent))
    }

    /// Whether a field that is new here is news: what lies below something new came with it.
    pub(super) fn parent_is_known(&self, node: u32) -> bool {
        let parent = &self.nodes[self.nodes[node as usize].parent as usize];
        parent.base.as_ref().is_some_and(|base| base.has(OBJECT))
    }

    /// Whether the document that was read last had it somewhere.
    pub(super) fn is_present(&self, node: u32) -> bool {
        self.nodes[node as usize].seen.at == self.reads
    }

    pub(super) fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Nothing new came in the latter half of what was read, and that was not nothing. Documents with very many places
    /// show one of them for the first time now and then, for ever: after hundreds that is what is normal.
    pub(super) fn is_confident(&self) -> bool {
        let quiet = self.reads.saturating_sub(self.news);
        self.reads >= super::FREEZE_AFTER
            && quiet >= (self.reads / 2).min(if self.reads < MANY { u32::MAX } else { QUIET })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_with_fewer_events_is_read() {
        let mut node = Node { min: 0.0, max: 1.0, ..Node::new("a", 0, Role::Field) };
        node.tallies[3] = Tally { count: 7, at: 9 };
        let mut stored = serde_json::to_value(&node).unwrap();
        stored["tallies"].as_array_mut().unwrap().truncate(13);
        for new in ["listed", "returns", "witnesses", "skipped", "keyed", "keys"] {
            stored.as_object_mut().unwrap().remove(new).unwrap();
        }
        assert_eq!(serde_json::from_value::<Node>(stored).unwrap(), node);
    }
}
