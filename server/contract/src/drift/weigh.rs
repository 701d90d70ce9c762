//! From what an exchange did differently to findings: evidence is added up, what is enough is raised, what stays away for
//! long is taken back.

use serde_json::{Value, json};

use super::evidence::{ENOUGH, Suspicion};
use super::finding::{Area, Direction, Finding, Kind, Sample, Severity};
use super::observe::{Shown, sample};
use super::pace::LASTS_MS;
use super::rows::Change;
use super::tree::{Event, NULL, TYPES};
use super::watch::{Happened, Key, Part, Place, Raised, Sign, Watch};
use crate::Exchange;

/// Fewer exchanges prove no change, whatever they weigh; and one that a field is gone and not just missing at times.
const LEAST: u32 = 3;
const LEAST_MISSING: u32 = 5;
/// A finding is taken back after so many exchanges without it, or so many times as many as usually lay between two with it.
const CLEAN: u32 = 20;
const CLEAN_TIMES: u32 = 8;

/// What became of one exchange.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Signal {
    Raised(String, Box<Finding>),
    /// A finding that stands was seen again.
    Again(String),
    /// It stayed away for long.
    Resolved(String),
}

impl Watch {
    pub(super) fn weigh(&mut self, shown: Shown, exchange: &Exchange) -> Vec<Signal> {
        let mut signals = Vec::new();
        let keys: Vec<Key> = shown.happened.iter().map(|happened| happened.key.clone()).collect();
        for happened in &shown.happened {
            let again = self.raised.iter_mut().find(|raised| raised.keys.contains(&happened.key));
            match again {
                Some(raised) => {
                    let id = raised.id.clone();
                    if !signals.contains(&Signal::Again(id.clone())) {
                        (raised.hits, raised.clean) = (raised.hits + 1, 0);
                        signals.push(Signal::Again(id));
                    }
                }
                None => self.suspect(happened, (shown.target, shown.known), exchange, &mut signals),
            }
        }
        self.pass(&keys, exchange.response.status, shown.known);
        self.raise_all(exchange, &shown.happened, &mut signals);
        self.release_clean(&keys, exchange, &mut signals);
        signals
    }

    /// Adds to what speaks for a change.
    fn suspect(
        &mut self,
        happened: &Happened,
        (target, known): (u32, bool),
        exchange: &Exchange,
        signals: &mut Vec<Signal>,
    ) {
        if let Some(raised) = self.same_finding(&happened.key) {
            let id = self.raised[raised].id.clone();
            self.raised[raised].keys.push(happened.key.clone());
            self.mark(&happened.key, 1);
            signals.push(Signal::Again(id));
            return;
        }
        // That a field stays away proves something only where it used to be.
        if matches!(happened.key, Key::At { event: Event::Gone, .. }) && !known {
            return;
        }
        // A thing that is gone is asked for again and again.
        let is_each_new =
            matches!(happened.key, Key::Sign(Sign::Absent | Sign::Mix(..)) | Key::At { event: Event::Fixed, .. });
        let is_known = known && (!is_each_new || self.has_few_targets());
        let at = self.suspicions.iter().position(|(key, _)| *key == happened.key).unwrap_or_else(|| {
            let begun = Suspicion::begin(exchange.id, exchange.received_at_ms);
            self.suspicions.push((happened.key.clone(), begun));
            self.suspicions.len() - 1
        });
        let suspicion = &mut self.suspicions[at].1;
        if suspicion.is_new(target) || is_known {
            suspicion.hit(happened.before, happened.of);
        }
    }

    /// A finding that a further event belongs to: a position that changed its type may take several new ones.
    fn same_finding(&self, key: &Key) -> Option<usize> {
        let Key::At { part, node, event: Event::Type(of) } = key else { return None };
        let is_null = usize::from(*of) == NULL;
        self.raised.iter().position(|raised| {
            raised.keys.iter().any(|other| {
                matches!(other, Key::At { part: p, node: n, event: Event::Type(t) }
                    if p == part && n == node && !is_null && usize::from(*t) != NULL)
            })
        })
    }

    /// What could have happened again and did not speaks against it.
    fn pass(&mut self, happened: &[Key], status: u16, known: bool) {
        let mut suspicions = std::mem::take(&mut self.suspicions);
        suspicions.retain_mut(|(key, suspicion)| {
            if happened.contains(key) {
                return true;
            }
            if let Some((before, of)) = self.standing(key, status, known) {
                suspicion.pass(before, of);
            }
            if !suspicion.is_over() {
                return true;
            }
            if let Key::At { part, node, event: Event::New } = key {
                self.parts[*part].tree.absorb(*node);
            }
            false
        });
        self.suspicions = suspicions;
    }

    /// How often a thing came in how many exchanges, if this exchange could have shown it.
    fn standing(&self, key: &Key, status: u16, known: bool) -> Option<(u32, u32)> {
        match key {
            Key::At { part, node, event } => {
                let part = &self.parts[*part];
                let is_read = match &part.place {
                    Place::Body(of, _) | Place::Headers(of) => *of == status,
                    Place::Query | Place::Asked | Place::Request(_) => status < 400,
                };
                is_read.then(|| part.tree.standing(*node, *event)).flatten()
            }
            Key::Sign(Sign::Absent) if !known => None,
            Key::Sign(Sign::Slower) if !self.pace.is_look => None,
            Key::Sign(Sign::Media(of, _)) if *of != status => None,
            Key::Sign(Sign::Mix(names, _) | Sign::Away(names, _)) if self.manner != Some(*names) => None,
            Key::Sign(Sign::Order(query)) if self.lists.now.is_none_or(|(now, [is, _])| now != *query || !is) => None,
            Key::Sign(Sign::Paging(query)) if self.lists.now.is_none_or(|(now, [_, is])| now != *query || !is) => None,
            Key::Sign(sign) => Some(self.sign_rate(sign)),
        }
    }

    fn raise_all(&mut self, exchange: &Exchange, happened: &[Happened], signals: &mut Vec<Signal>) {
        for pair in self.renames() {
            let change = (json!(pair.before), json!(pair.after));
            self.raise(pair.kind, &[pair.old, pair.new], change, exchange, signals);
        }
        let now_ms = exchange.received_at_ms;
        let is_due = |(key, suspicion): &(Key, Suspicion), watch: &Self| {
            watch.is_enough(key, suspicion, now_ms) && watch.is_witnessed(key, suspicion)
        };
        while let Some(at) = self.suspicions.iter().position(|one| is_due(one, self)) {
            let (key, suspicion) = self.suspicions[at].clone();
            let value =
                happened.iter().find(|happened| happened.key == key).and_then(|happened| happened.value.clone());
            let (kind, before, after) = self.meaning(&key, &suspicion);
            self.raise(kind, &[key], (before, value.unwrap_or(after)), exchange, signals);
        }
    }

    /// One thing alone may just be different, unless there are hardly any others. What stays away was weighed over all of them.
    fn is_witnessed(&self, key: &Key, suspicion: &Suspicion) -> bool {
        let is_away = matches!(key, Key::At { event: Event::Gone | Event::Away, .. } | Key::Sign(Sign::Away(..)));
        is_away || suspicion.has_witnesses() || self.has_few_targets()
    }

    fn is_enough(&self, key: &Key, suspicion: &Suspicion, now_ms: u64) -> bool {
        let least = match key {
            Key::Sign(Sign::Slower) if now_ms < suspicion.since_ms + LASTS_MS => return false,
            // It was weighed when it was found.
            Key::At { event: Event::Gone | Event::Away, .. } | Key::Sign(Sign::Away(..)) => return true,
            // Whether a field is gone or missing at times shows late, unless it was there in between; of a header, both are one.
            Key::At { part, event: Event::Missing, .. }
                if suspicion.passes == 0 && !matches!(self.parts[*part].place, Place::Headers(_)) =>
            {
                LEAST_MISSING
            }
            _ => LEAST,
        };
        suspicion.hits >= least && suspicion.weight() >= ENOUGH
    }

    fn raise(
        &mut self,
        kind: Kind,
        keys: &[Key],
        change: (Value, Value),
        exchange: &Exchange,
        signals: &mut Vec<Signal>,
    ) {
        let all = self.suspicions.iter();
        let led: Vec<(Key, Suspicion)> = all.filter(|(key, _)| keys.contains(key)).cloned().collect();
        let of = |key: &Key| led.iter().find(|(other, _)| other == key).map(|(_, suspicion)| suspicion.clone());
        let suspicion = of(&keys[0]).unwrap_or_default();
        let finding = self.finding(kind, &keys[0], &suspicion, change, exchange);
        let id = format!(
            "{}:{}:{}:{}",
            finding.kind.word(),
            finding.status.map_or(String::new(), |status| status.to_string()),
            finding.pointer,
            if finding.pointer.is_empty() { finding.after.to_string() } else { String::new() },
        );
        for key in keys {
            let hits = of(key).map_or(0, |suspicion| suspicion.hits);
            self.mark(key, hits);
        }
        self.suspicions.retain(|(key, _)| !keys.contains(key));
        self.raised.push(Raised {
            id: id.clone(),
            keys: keys.to_vec(),
            hits: suspicion.hits,
            passes: suspicion.passes,
            clean: 0,
        });
        signals.push(Signal::Raised(id, Box::new(finding)));
    }

    /// It is a finding from now on, and what led to it is no part of what was normal.
    fn mark(&mut self, key: &Key, hits: u32) {
        match key {
            Key::At { part, node, event } => self.parts[*part].tree.raise(*node, *event, hits),
            Key::Sign(sign) => self.uncount(sign, hits),
        }
    }

    pub(super) fn uncount(&mut self, sign: &Sign, hits: u32) {
        match sign {
            Sign::Status(status) => {
                let count = self.statuses.entry(*status).or_default();
                *count = count.saturating_sub(hits);
            }
            Sign::Mix(names, status) => self.manners.take_back(*names, *status, hits),
            sign => {
                if let Some(count) = self.signs.get_mut(sign) {
                    *count = count.saturating_sub(hits);
                }
            }
        }
    }

    fn release_clean(&mut self, happened: &[Key], exchange: &Exchange, signals: &mut Vec<Signal>) {
        if self.raised.is_empty() {
            return;
        }
        let (status, known) =
            (exchange.response.status, self.knows(crate::hash::hash(exchange.request.path().as_bytes()) as u32));
        let mut over = Vec::new();
        for at in 0..self.raised.len() {
            let keys = &self.raised[at].keys;
            let is_silent = !keys.iter().any(|key| happened.contains(key));
            if !is_silent || !keys.iter().any(|key| self.standing(key, status, known).is_some()) {
                continue;
            }
            let raised = &mut self.raised[at];
            raised.passes += 1;
            raised.clean += 1;
            if raised.clean >= CLEAN.max(CLEAN_TIMES * (raised.passes - raised.clean) / raised.hits.max(1)) {
                over.push(raised.id.clone());
            }
        }
        for id in over {
            self.release(&id, false, exchange.received_at_ms);
            signals.push(Signal::Resolved(id));
        }
    }

    /// What a change of this thing is called, and from what to what it was.
    fn meaning(&self, key: &Key, suspicion: &Suspicion) -> (Kind, Value, Value) {
        match key {
            // What comes now and then, beside what came before, is another share of it.
            Key::Sign(sign @ (Sign::Absent | Sign::Refused)) if suspicion.passes > suspicion.hits => {
                let (_, before, after) = self.meaning_of_sign(sign);
                (Kind::StatusMix, before, after)
            }
            Key::Sign(sign) => self.meaning_of_sign(sign),
            Key::At { part, node, event } => {
                let part = &self.parts[*part];
                meaning_of_event(part, *node, *event, suspicion)
            }
        }
    }

    fn meaning_of_sign(&self, sign: &Sign) -> (Kind, Value, Value) {
        let usual: Vec<String> = self.known.iter().map(u16::to_string).collect();
        let usual = json!(usual.join(", "));
        match sign {
            Sign::Status(status) => (Kind::StatusAdded, usual, json!(status)),
            Sign::Mix(names, status) => {
                let (before, of) = self.manners.rate(*names, *status);
                (
                    Kind::StatusMix,
                    json!(format!("{status} in {before} of {of} answers")),
                    json!(format!("{status} far more often")),
                )
            }
            Sign::Away(_, status) => (Kind::StatusRemoved, json!(status), Value::Null),
            Sign::Order(query) => (Kind::OrderChanged, json!(self.lists.before(*query, Change::Order).1), Value::Null),
            Sign::Paging(query) => {
                (Kind::PagingChanged, json!(self.lists.before(*query, Change::Paging).1), Value::Null)
            }
            Sign::Failing => (Kind::ErrorRate, usual, json!("5xx")),
            Sign::Absent => (Kind::EndpointGone, usual, json!("404")),
            Sign::Auth => (Kind::AuthRequired, usual, json!("401")),
            Sign::Refused => (Kind::RequestRefused, usual, json!("a refusal")),
            Sign::Slow => (Kind::Latency, json!(format!("{} ms", self.slowest_us.div_ceil(1000))), Value::Null),
            Sign::Slower => {
                let usual = self.pace.usual_us.div_ceil(1000);
                (Kind::Latency, json!(format!("{usual} ms in 95 of 100 answers")), Value::Null)
            }
            Sign::Media(status, media_type) => {
                let others = self.signs.iter().filter_map(|(sign, count)| match sign {
                    Sign::Media(of, other) if of == status && other != media_type => Some((count, other)),
                    _ => None,
                });
                let usual = others.max().map_or(Value::Null, |(_, other)| json!(other));
                (Kind::MediaTypeChanged, usual, json!(media_type))
            }
        }
    }

    fn finding(
        &self,
        kind: Kind,
        key: &Key,
        suspicion: &Suspicion,
        (before, mut after): (Value, Value),
        exchange: &Exchange,
    ) -> Finding {
        let status = exchange.response.status;
        let (direction, area, of, pointer, old) = match key {
            Key::Sign(sign) => {
                let (direction, area) = place_of_sign(sign);
                let pointer = match sign {
                    Sign::Order(query) => self.lists.before(*query, Change::Order).0,
                    Sign::Paging(query) => self.lists.before(*query, Change::Paging).0,
                    _ => String::new(),
                };
                (direction, area, Some(status), pointer, None)
            }
            Key::At { part, node, .. } => {
                let part = &self.parts[*part];
                let (direction, area, status) = place_of(&part.place);
                (direction, area, status, part.tree.pointer(*node), part.tree.sample.clone())
            }
        };
        match key {
            Key::Sign(Sign::Slow | Sign::Slower) => after = json!(format!("{} ms", exchange.latency_us / 1000)),
            Key::Sign(Sign::Failing | Sign::Absent | Sign::Auth | Sign::Refused) => after = json!(status),
            _ => {}
        }
        let body = if direction == Direction::Request { &exchange.request.body } else { &exchange.response.body };
        let old = old.map(|text| Sample { of: "before".into(), text });
        let new = sample(&body.bytes).filter(|text| !text.is_empty()).map(|text| Sample { of: "after".into(), text });
        let doubt = 0.5_f64.powf(f64::from(suspicion.weight()) / 4.0);
        Finding {
            direction,
            area,
            kind,
            action: kind.action(),
            severity: severity(kind, direction, status),
            confidence: ((1.0 - doubt) * self.confidence().max(0.5) * 100.0).round() / 100.0,
            status: of,
            pointer,
            before,
            after,
            count: u64::from(suspicion.hits),
            first_seen_ms: suspicion.since_ms,
            last_seen_ms: exchange.received_at_ms,
            first_exchange: suspicion.first,
            samples: old.into_iter().chain(new).collect(),
        }
    }
}

fn meaning_of_event(part: &Part, node: u32, event: Event, suspicion: &Suspicion) -> (Kind, Value, Value) {
    let tree = &part.tree;
    let at = &tree.nodes[node as usize];
    let before = at.base.as_ref().map_or(Value::Null, super::tree::Base::brief);
    let is_name = matches!(part.place, Place::Headers(_));
    match event {
        Event::Missing | Event::Gone if is_name => (Kind::HeaderRemoved, json!(at.name), Value::Null),
        Event::New if is_name => (Kind::HeaderAdded, Value::Null, json!(at.name)),
        Event::Missing if suspicion.passes > 0 || tree.is_present(node) => {
            (Kind::Optionality, json!("required"), json!("optional"))
        }
        Event::Missing | Event::Gone => (Kind::FieldRemoved, before, Value::Null),
        Event::New => (Kind::FieldAdded, Value::Null, json!(words(at.types_seen()))),
        Event::Type(of) if usize::from(of) == NULL => {
            (Kind::Nullability, before.clone(), json!(format!("{} or null", before.as_str().unwrap_or(""))))
        }
        // One more beside those that go on coming.
        Event::Type(of) if suspicion.passes > 0 || at.is_mixed(tree.reads) => (
            Kind::UnionChanged,
            before.clone(),
            json!(format!("{} or {}", before.as_str().unwrap_or(""), TYPES[usize::from(of)])),
        ),
        Event::Type(of) => (Kind::TypeChanged, before, json!(TYPES[usize::from(of)])),
        Event::Away => (Kind::EnumValueRemoved, tree.words_before(node), Value::Null),
        Event::Alien if tree.is_map_now(node, suspicion.hits) => {
            (Kind::MapChanged, json!(format!("a record of {}", tree.field_names(node, true))), json!("a map"))
        }
        Event::Alien => (
            Kind::UnionChanged,
            json!(format!("a record of {}", tree.field_names(node, true))),
            json!(format!("or one of {}", tree.field_names(node, false))),
        ),
        Event::Fixed => (Kind::MapChanged, json!("a map"), json!("a record")),
        Event::Novel => {
            let values = at.base.as_ref().and_then(|base| base.values.as_ref()).map(|values| json!(values.join(", ")));
            (Kind::EnumValueAdded, values.unwrap_or_default(), Value::Null)
        }
        Event::Unformatted => {
            let format = at.base.as_ref().and_then(|base| base.format.as_ref()).map(|format| json!(format));
            (Kind::FormatChanged, format.unwrap_or_default(), Value::Null)
        }
        Event::Outside => (Kind::BoundsChanged, tree.range(node), Value::Null),
    }
}

fn words(types: u8) -> String {
    let words: Vec<&str> = (0..TYPES.len()).filter(|of| types >> of & 1 == 1).map(|of| TYPES[of]).collect();
    words.join(" or ")
}

fn severity(kind: Kind, direction: Direction, status: u16) -> Severity {
    let severity = match direction {
        Direction::Response => kind.in_response(),
        Direction::Request => kind.in_request(),
    };
    // What an error says is read by people more than by programs.
    if status >= 400 && matches!(direction, Direction::Response) && kind.is_of_body() {
        return severity.max(Severity::Warning);
    }
    severity
}

fn place_of(place: &Place) -> (Direction, Area, Option<u16>) {
    match place {
        Place::Query => (Direction::Request, Area::Parameters, None),
        Place::Asked => (Direction::Request, Area::Headers, None),
        Place::Request(_) => (Direction::Request, Area::Body, None),
        Place::Headers(status) => (Direction::Response, Area::Headers, Some(*status)),
        Place::Body(status, _) => (Direction::Response, Area::Body, Some(*status)),
    }
}

fn place_of_sign(sign: &Sign) -> (Direction, Area) {
    match sign {
        Sign::Status(_) | Sign::Failing | Sign::Mix(..) | Sign::Away(..) => (Direction::Response, Area::Status),
        Sign::Order(_) | Sign::Paging(_) => (Direction::Response, Area::Body),
        Sign::Absent => (Direction::Response, Area::Endpoint),
        Sign::Auth => (Direction::Request, Area::Security),
        Sign::Refused => (Direction::Request, Area::Body),
        Sign::Slow | Sign::Slower => (Direction::Response, Area::Performance),
        Sign::Media(..) => (Direction::Response, Area::MediaType),
    }
}
