//! Who calls: which answers give out credentials, whose they are, and which calls end them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde_json::Value;

use crate::twin::behaviour::{Account, Basic, Door, Issue, IssuedAt, Trust};
use crate::twin::classes::Classes;
use crate::twin::trace::{MIN_CREDENTIAL, Seen, Trace, set_cookies};
use crate::twin::value::{Pattern, at, key_text, leaf_paths};
use crate::twin::world::{FieldId, Row, RowId, Sessions};

use super::{Facts, Past};

/// Share of the calls that an explanation must hold for.
const HOLDS: f64 = 0.9;

/// What the trace says about credentials before it is replayed.
#[derive(Debug, Default)]
pub(super) struct Auth {
    pub(super) sessions: Sessions,
    /// Fields of rows that hold a credential.
    pub(super) token_fields: BTreeSet<FieldId>,
    /// The credentials that rows of a class held, each with the exchange that first showed it.
    pub(super) in_rows: BTreeMap<usize, Vec<(usize, String)>>,
    /// By endpoint.
    pub(super) issued: BTreeMap<usize, Vec<Given>>,
    /// Endpoints after which the credential of the call is refused.
    pub(super) ends: BTreeSet<usize>,
    pub(super) door: Door,
}

/// One place of an endpoint's answers that gave out credentials: `(exchange, credential)`.
#[derive(Debug)]
pub(super) struct Given {
    at: IssuedAt,
    times: Vec<(usize, String)>,
}

impl Auth {
    pub(super) fn find(trace: &Trace, classes: &Classes) -> Self {
        let mut auth = Self::default();
        let mut used: HashMap<&str, usize> = HashMap::new();
        for (step, seen) in trace.seen.iter().enumerate() {
            if let Some(credential) = seen.call.credential.as_deref() {
                used.entry(credential).or_insert(step);
            }
        }
        let said = said(trace, &used);
        for (step, seen) in trace.seen.iter().enumerate().filter(|(_, seen)| seen.status < 400) {
            if let Some(reply) = &seen.reply {
                let mut walk =
                    Walk { used: &used, said: &said, classes, step, endpoint: seen.endpoint, auth: &mut auth };
                walk.value(reply, &Pattern::default(), None);
            }
            let given = |value: &str| used.contains_key(value) && said.get(value).is_none_or(|first| *first > step);
            for (name, value, _) in set_cookies(&seen.headers).filter(|(_, value, _)| given(value)) {
                auth.sessions.entry(value.to_owned()).or_insert(None);
                auth.note(seen.endpoint, IssuedAt::Cookie(name.to_owned()), step, value);
            }
        }
        auth.link(trace, classes);
        auth.door = Door { trust: auth.trust(trace), basic: basic(trace, classes) };
        auth.accept(trace);
        auth.ends = ends(trace);
        auth
    }

    fn note(&mut self, endpoint: usize, at: IssuedAt, step: usize, credential: &str) {
        let places = self.issued.entry(endpoint).or_default();
        let time = (step, credential.to_owned());
        match places.iter_mut().find(|given| given.at == at) {
            Some(given) => given.times.push(time),
            None => places.push(Given { at, times: vec![time] }),
        }
    }

    /// Credentials that stand alone in an answer belong to the row beside them, else to the one that the call named, else
    /// to the one that the API shows to their holder.
    fn link(&mut self, trace: &Trace, classes: &Classes) {
        let unlinked = |sessions: &Sessions| sessions.values().filter(|account| account.is_none()).count();
        if unlinked(&self.sessions) == 0 {
            return;
        }
        let beside = beside(trace, classes);
        let named = Named::read(trace, classes);
        let mut found: Vec<(String, RowId)> = Vec::new();
        for given in self.issued.values().flatten() {
            for (step, credential) in &given.times {
                let own = beside.get(step).cloned().or_else(|| named.of_call(&trace.seen[*step]));
                found.extend(own.map(|row| (credential.clone(), row)));
            }
        }
        for (credential, row) in found {
            if let Some(account @ None) = self.sessions.get_mut(&credential) {
                *account = Some(row);
            }
        }
        if unlinked(&self.sessions) > 0 {
            self.link_by_own_page(trace, &beside);
        }
    }

    /// `GET /me`: the same row for the same holder, whenever it is asked for.
    fn link_by_own_page(&mut self, trace: &Trace, beside: &HashMap<usize, RowId>) {
        let mut pages: BTreeMap<usize, BTreeMap<&str, BTreeSet<RowId>>> = BTreeMap::new();
        for (step, row) in beside {
            let seen = &trace.seen[*step];
            if let Some(credential) = seen
                .call
                .credential
                .as_deref()
                .filter(|_| seen.call.method == "GET" && seen.call.params.is_empty() && seen.call.query.is_empty())
            {
                pages.entry(seen.endpoint).or_default().entry(credential).or_default().insert(row.clone());
            }
        }
        let telling = pages.into_values().filter(|page| page.len() >= 2 && page.values().all(|rows| rows.len() == 1));
        let Some(page) = telling.max_by_key(BTreeMap::len) else { return };
        for (credential, rows) in page {
            if let Some(account @ None) = self.sessions.get_mut(credential) {
                *account = rows.into_iter().next();
            }
        }
    }

    /// Whether a credential that was never seen is to be refused. Where the API gives credentials out, it knows them;
    /// where clients bring their own, new ones may be as good as those seen, unless no new one ever came.
    fn trust(&self, trace: &Trace) -> Trust {
        let mut first: BTreeMap<&str, usize> = BTreeMap::new();
        for (step, seen) in trace.seen.iter().enumerate().filter(|(_, seen)| seen.ok()) {
            if let Some(credential) = seen.call.credential.as_deref() {
                first.entry(credential).or_insert(step);
            }
        }
        let given = |credential: &str| self.issued_values().any(|value| value == credential);
        let (issued, brought): (Vec<_>, Vec<_>) = first.into_iter().partition(|(credential, _)| {
            self.sessions.get(*credential).is_some_and(Option::is_some) || given(credential)
        });
        if issued.len() >= brought.len() && !issued.is_empty() {
            return Trust::Issued;
        }
        let late = trace.seen.len() / 3;
        if brought.iter().all(|(_, step)| *step < late) { Trust::Fixed } else { Trust::Any }
    }

    fn issued_values(&self) -> impl Iterator<Item = &str> {
        self.issued.values().flatten().flat_map(|given| given.times.iter().map(|(_, value)| value.as_str()))
    }

    /// Credentials that were never given out, but were accepted and never refused.
    fn accept(&mut self, trace: &Trace) {
        let refused: HashSet<&str> =
            trace.seen.iter().filter(|seen| seen.status == 401).filter_map(|s| s.call.credential.as_deref()).collect();
        for seen in trace.seen.iter().filter(|seen| seen.ok()) {
            if let Some(credential) = seen.call.credential.as_ref().filter(|own| !refused.contains(own.as_str())) {
                self.sessions.entry(credential.clone()).or_insert(None);
            }
        }
    }

    /// The members of an endpoint's answers that are credentials.
    pub(super) fn places(&self, endpoint: usize) -> Vec<Vec<String>> {
        let given = self.issued.get(&endpoint).into_iter().flatten();
        let of = |given: &Given| match &given.at {
            IssuedAt::Body(path) => Some(path.clone()),
            IssuedAt::Cookie(_) => None,
        };
        given.filter_map(of).collect()
    }

    /// The accounts that an endpoint's answers let in: exchange, class, and the row as it was then.
    pub(super) fn holders<'p>(&self, past: &'p Past, endpoint: usize) -> Vec<(usize, usize, &'p Row)> {
        let times = self.issued.get(&endpoint).into_iter().flatten().flat_map(|given| &given.times);
        times.filter_map(|time| self.holder_at(past, time)).collect()
    }

    /// The account that a credential let in, as it was then.
    pub(super) fn holder_at<'p>(
        &self,
        past: &'p Past,
        (step, credential): &(usize, String),
    ) -> Option<(usize, usize, &'p Row)> {
        let account = self.sessions.get(credential)?.as_ref()?;
        Some((*step, account.0, past.before(account, *step)?))
    }

    /// How an endpoint gives out credentials, with the account found as the replayed world shows it.
    pub(super) fn issues(&self, facts: &Facts<'_>, endpoint: usize, shows_row: bool) -> Vec<Issue> {
        let given = self.issued.get(&endpoint).into_iter().flatten();
        let of = |given: &Given| {
            let account = if shows_row { Account::Shown } else { self.account(facts.trace, facts.past, given) };
            let form = super::leaves::token_form(facts, &given.times);
            Issue { at: given.at.clone(), account, repeats: self.repeats(given), form }
        };
        given.map(of).collect()
    }

    /// Whether an account that asks again gets the credential it has.
    fn repeats(&self, given: &Given) -> bool {
        let mut of_account: BTreeMap<&RowId, BTreeMap<&str, u32>> = BTreeMap::new();
        for (_, credential) in &given.times {
            if let Some(Some(account)) = self.sessions.get(credential) {
                *of_account.entry(account).or_default().entry(credential).or_insert(0) += 1;
            }
        }
        let again = of_account.values().any(|values| values.values().any(|count| *count > 1));
        again && of_account.values().all(|values| values.len() == 1)
    }

    /// Which members of the call name the account and prove that the caller may have it.
    fn account(&self, trace: &Trace, past: &Past, given: &Given) -> Account {
        let calls: Vec<(usize, &RowId)> = given
            .times
            .iter()
            .filter_map(|(step, credential)| Some((*step, self.sessions.get(credential)?.as_ref()?)))
            .collect();
        // A mail address may have changed since.
        let rows: Vec<Option<&Row>> = calls.iter().map(|(step, account)| past.before(account, *step)).collect();
        let calls: Vec<(&Seen, &RowId)> = calls.into_iter().map(|(step, id)| (&trace.seen[step], id)).collect();
        let Some((first, (class, _))) = calls.first() else { return Account::Unknown };
        let Some(body) = first.call.sent.value().and_then(Value::as_object) else {
            let own = calls.iter().all(|(seen, account)| {
                let credential = seen.call.credential.as_ref().and_then(|own| self.sessions.get(own));
                credential.is_some_and(|holder| holder.as_ref() == Some(account))
            });
            return if own { Account::Caller } else { Account::Unknown };
        };
        let mut pairs = Vec::new();
        for path in leaf_paths(body) {
            let fields = past.fields_of(*class);
            let holds = |field: &String| {
                let known = calls.iter().zip(&rows).filter_map(|((seen, _), row)| {
                    let value = at(seen.call.sent.value()?, &path)?;
                    Some((value, (*row)?))
                });
                let (mut all, mut hits) = (0_u32, 0_u32);
                for (value, row) in known {
                    all += 1;
                    hits += u32::from(if field.is_empty() { row.key == *value } else { row.is(field, value) });
                }
                all > 0 && f64::from(hits) >= f64::from(all) * HOLDS
            };
            // The same name first: a user name may equal the displayed name by chance.
            let mut by_name = fields.iter().filter(|field| path.last() == Some(*field));
            let field = by_name.find(|field| holds(field)).or_else(|| fields.iter().find(|field| holds(field)));
            pairs.extend(field.map(|field| (path.clone(), field.clone())));
        }
        if pairs.is_empty() {
            return self.holder(&calls);
        }
        Account::Named { class: *class, pairs }
    }

    /// The account whose other credential the call sends in its body (a refresh token).
    fn holder(&self, calls: &[(&Seen, &RowId)]) -> Account {
        let Some(body) = calls[0].0.call.sent.value().and_then(Value::as_object) else { return Account::Unknown };
        let holds = |path: &Vec<String>| {
            calls.iter().all(|(seen, account)| {
                let sent = seen.call.sent.value().and_then(|body| at(body, path)).and_then(Value::as_str);
                sent.and_then(|text| self.sessions.get(text)).is_some_and(|own| own.as_ref() == Some(account))
            })
        };
        leaf_paths(body).into_iter().find(holds).map_or(Account::Unknown, Account::Holder)
    }
}

/// Credentials that clients also sent in a path, a query or a body, with the first exchange that did: an answer that shows
/// such a text repeats it.
fn said<'t>(trace: &'t Trace, used: &HashMap<&'t str, usize>) -> HashMap<&'t str, usize> {
    fn texts<'v>(value: &'v Value, note: &mut dyn FnMut(&'v str)) {
        match value {
            Value::String(text) => note(text),
            Value::Array(items) => items.iter().for_each(|item| texts(item, note)),
            Value::Object(object) => object.values().for_each(|inner| texts(inner, note)),
            _ => {}
        }
    }
    let mut out = HashMap::new();
    for (step, seen) in trace.seen.iter().enumerate() {
        let mut note = |text: &'t str| {
            if let Some((own, _)) = used.get_key_value(text) {
                out.entry(*own).or_insert(step);
            }
        };
        let own = seen.call.credential.as_deref();
        seen.call.params.iter().for_each(|text| note(text));
        seen.call.query.iter().filter(|(_, text)| own != Some(text)).for_each(|(_, text)| note(text));
        if let Some(body) = seen.call.sent.value() {
            texts(body, &mut note);
        }
    }
    out
}

struct Walk<'a> {
    /// Credentials with the exchange that used each first.
    used: &'a HashMap<&'a str, usize>,
    /// Those of them that clients sent otherwise, with the first exchange that did.
    said: &'a HashMap<&'a str, usize>,
    classes: &'a Classes,
    step: usize,
    endpoint: usize,
    auth: &'a mut Auth,
}

impl Walk<'_> {
    fn value(&mut self, value: &Value, pattern: &Pattern, row: Option<&RowId>) {
        match value {
            Value::Object(object) => {
                let class = self.classes.site(self.endpoint, pattern);
                let own = class.and_then(|class| {
                    let key = key_text(object.get(&self.classes.all[class].key)?)?;
                    Some((class, key))
                });
                for (name, inner) in object {
                    if let (Some(text), Some((class, _))) = (inner.as_str(), &own)
                        && *name != self.classes.all[*class].key
                        && self.is_credential(text)
                        && self.is_given(text)
                    {
                        self.auth.token_fields.insert((*class, name.clone()));
                        if self.auth.sessions.insert(text.to_owned(), own.clone()).is_none() {
                            self.auth.in_rows.entry(*class).or_default().push((self.step, text.to_owned()));
                        }
                        continue;
                    }
                    self.value(inner, &pattern.key(name), own.as_ref().or(row));
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.value(item, &pattern.each(), row)),
            // What the call sent, or others had used before, is repeated and not given out.
            Value::String(text) if self.is_credential(text) && self.is_new(text) => {
                if let Some(path) = pattern.names() {
                    self.auth.note(self.endpoint, IssuedAt::Body(path), self.step, text);
                }
                let known = self.auth.sessions.entry(text.clone()).or_insert(None);
                if known.is_none() {
                    *known = row.cloned();
                }
            }
            _ => {}
        }
    }

    fn is_credential(&self, text: &str) -> bool {
        text.len() >= MIN_CREDENTIAL && self.used.contains_key(text)
    }

    /// An answer said it before any client did.
    fn is_given(&self, text: &str) -> bool {
        self.said.get(text).is_none_or(|first| *first > self.step) || self.auth.sessions.contains_key(text)
    }

    fn is_new(&self, text: &str) -> bool {
        self.is_given(text) && (self.used[text] > self.step || self.auth.sessions.contains_key(text))
    }
}

/// The one row that each good answer shows outside of lists.
fn beside(trace: &Trace, classes: &Classes) -> HashMap<usize, RowId> {
    let mut out = HashMap::new();
    for (step, seen) in trace.seen.iter().enumerate().filter(|(_, seen)| seen.ok()) {
        let Some(reply) = &seen.reply else { continue };
        let mut rows = BTreeSet::new();
        super::each_row(reply, &Pattern::default(), seen.endpoint, classes, &mut |class, key, _| {
            rows.insert((class, key));
        });
        if rows.len() == 1 {
            out.extend(rows.into_iter().map(|row| (step, row)));
        }
    }
    out
}

/// Which rows hold a text in some field, at any time.
struct Named {
    rows: HashMap<String, BTreeSet<(RowId, String)>>,
}

impl Named {
    fn read(trace: &Trace, classes: &Classes) -> Self {
        let mut rows: HashMap<String, BTreeSet<(RowId, String)>> = HashMap::new();
        for seen in trace.seen.iter().filter(|seen| seen.ok()) {
            let Some(reply) = &seen.reply else { continue };
            super::each_row(reply, &Pattern::default(), seen.endpoint, classes, &mut |class, key, object| {
                for (field, value) in object {
                    if let Some(text) = value.as_str().filter(|text| (3..=200).contains(&text.len())) {
                        rows.entry(text.to_owned()).or_default().insert(((class, key.clone()), field.clone()));
                    }
                }
            });
        }
        Self { rows }
    }

    /// The only row that a text of the call names; a text under its own name counts before others.
    fn of_call(&self, seen: &Seen) -> Option<RowId> {
        let body = seen.call.sent.value()?;
        let named = |by_name: bool| {
            let mut found: BTreeSet<&RowId> = BTreeSet::new();
            for path in leaf_paths(body.as_object()?) {
                let hits = at(body, &path).and_then(Value::as_str).and_then(|text| self.rows.get(text));
                let hits = hits.into_iter().flatten();
                found.extend(hits.filter(|(_, field)| !by_name || path.last() == Some(field)).map(|(row, _)| row));
            }
            (found.len() == 1).then(|| found.into_iter().next().cloned()).flatten()
        };
        named(true).or_else(|| named(false))
    }
}

/// Calls after which their own credential was refused, and never accepted again.
fn ends(trace: &Trace) -> BTreeSet<usize> {
    let mut last_good: HashMap<&str, usize> = HashMap::new();
    let mut refused: HashMap<&str, usize> = HashMap::new();
    for (step, seen) in trace.seen.iter().enumerate() {
        let Some(credential) = seen.call.credential.as_deref() else { continue };
        if seen.status == 401 {
            refused.insert(credential, step);
        } else if seen.status < 400 {
            last_good.insert(credential, step);
        }
    }
    let mut counts: BTreeMap<usize, (u32, u32)> = BTreeMap::new();
    for (step, seen) in trace.seen.iter().enumerate().filter(|(_, seen)| seen.status < 400 && seen.call.method != "GET")
    {
        let Some(credential) = seen.call.credential.as_deref() else { continue };
        let (ended, went_on) = counts.entry(seen.endpoint).or_insert((0, 0));
        let last = last_good.get(credential) == Some(&step);
        if last && refused.get(credential).is_some_and(|refused| *refused > step) {
            *ended += 1;
        } else if !last {
            *went_on += 1;
        }
    }
    counts
        .into_iter()
        .filter(|(_, (ended, went_on))| *ended > 0 && *went_on == 0)
        .map(|(endpoint, _)| endpoint)
        .collect()
}

/// Where `Basic` credentials are looked up: callers sent the name (in the path or the body) and the password when they made
/// their accounts.
fn basic(trace: &Trace, classes: &Classes) -> Option<Basic> {
    let callers: BTreeSet<&(String, String)> =
        trace.seen.iter().filter(|seen| seen.ok()).filter_map(|seen| seen.call.basic.as_ref()).collect();
    if callers.is_empty() {
        return None;
    }
    let beside = beside(trace, classes);
    let mut votes: BTreeMap<Basic, BTreeSet<&str>> = BTreeMap::new();
    for (step, (class, key)) in &beside {
        let seen = &trace.seen[*step];
        let Some(body) = seen.call.sent.value().filter(|_| seen.call.method != "GET").and_then(Value::as_object) else {
            continue;
        };
        let leaves = leaf_paths(body);
        let is = |path: &Vec<String>, text: &str| {
            seen.call.sent.value().and_then(|body| at(body, path)).and_then(Value::as_str) == Some(text)
        };
        for (name, secret) in &callers {
            let Some(secret) = leaves.iter().find(|path| is(path, secret)).and_then(|path| path.last()) else {
                continue;
            };
            let field = match leaves.iter().find(|path| is(path, name)).and_then(|path| path.last()) {
                Some(field) => field.clone(),
                None if key == name => classes.all[*class].key.clone(),
                None => continue,
            };
            let basic = Basic { class: *class, name: field, secret: secret.clone() };
            votes.entry(basic).or_default().insert(name);
        }
    }
    let best = votes.into_iter().max_by_key(|(_, users)| users.len())?;
    (best.1.len() * 2 >= callers.len()).then_some(best.0)
}
