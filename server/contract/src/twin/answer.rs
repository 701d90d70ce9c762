//! One request answered: found, checked, carried out, rendered.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::Value;

use super::behaviour::{
    Account, Behaviour, Effect, HeaderRule, IssuedAt, ListRule, Part, Plan, Rule, Sample, Selector, Source, TokenForm,
};
use super::causes::{Case, Subject, value_of};
use super::complete::Completion;
use super::generate::Generator;
use super::jwt;
use super::kinship;
use super::manners;
use super::mine::alone;
use super::nearest;
use super::paging::Sheet;
use super::query::{Question, Selection};
use super::refuse;
use super::select::{caller, looked_up, page, row_value, understood};
use super::show::{Showing, project};
use super::template::Slots;
use super::trace::{Call, MIN_CREDENTIAL, set_cookies};
use super::value::{TimeForm, at, hash, key_text, read_time, same_shape, scalar_text, write_time};
use super::world::{Row, RowId, State, World};
use super::write::{Writing, imagined, renamed};
use super::{Answer, Context, Refusal};
use crate::{Contract, Endpoint, Headers, Request};

/// The most confidence in an answer to which something was added that nothing explains.
const COMPLETED: f64 = 0.85;

/// Composes one answer.
pub(super) fn answer(
    contract: &Contract,
    behaviour: &Behaviour,
    state: &mut State,
    request: &Request,
    context: &Context<'_>,
) -> Result<Answer, Refusal> {
    let Some(hit) = contract.find_request(request) else {
        return without_endpoint(contract, behaviour, state, request, context);
    };
    let params = hit.parameters.iter().map(|(_, value)| value.clone().into_owned()).collect();
    let mut call = Call::read(request, params, context.now_ms, &behaviour.carriers);
    let endpoint = format!("{} {}", hit.endpoint.method, hit.endpoint.template);
    // What is refused in the end has changed nothing. A copy costs a few counters.
    let before = (context.min_confidence > 0.0).then(|| state.clone());
    state.answers += 1;
    let answer = match behaviour.rule(&hit.endpoint.id.0, &call) {
        Some(rule) => {
            behaviour.aliases.apply(&rule.params, &state.world, &mut call);
            Play { behaviour, rule, endpoint: hit.endpoint, call: &call, context, state }.run()
        }
        None => from_schema(hit.endpoint, &call, context),
    };
    if answer.confidence < context.min_confidence {
        if let Some(before) = before {
            *state = before;
        }
        let lacks = nearest::lacks(hit.endpoint, request);
        let (confidence, needed) = (answer.confidence, context.min_confidence);
        return Err(Refusal::ThinEvidence { endpoint, confidence, needed, lacks });
    }
    Ok(answer)
}

/// An answer made from the learned schema alone, for an endpoint none of whose exchanges is in the journal any more.
fn from_schema(endpoint: &Endpoint, call: &Call, context: &Context<'_>) -> Answer {
    let good = endpoint.responses().filter(|response| (200..400).contains(&response.status));
    let Some(response) = good.max_by_key(|response| response.count) else {
        return Answer {
            status: 501,
            headers: Headers::default(),
            body: Bytes::new(),
            confidence: 0.0,
            reason: "no good answer was seen".to_owned(),
        };
    };
    let (mut headers, mut body) = (Headers::default(), Bytes::new());
    if let Some(json) = response.bodies.iter().find(|body| body.has_schema()) {
        let seed = hash(&[&call.path, &context.seed.to_string()]);
        let maker = context.maker(endpoint, &[&call.path]);
        let mut value = Generator::new(seed, context.now_ms).asking(maker).value(&json.schema(), "");
        if let (Some(id), Some(own)) = (call.params.last(), value.get_mut("id")) {
            *own =
                id.parse::<i64>().ok().filter(|_| own.is_number()).map_or_else(|| Value::from(id.clone()), Value::from);
        }
        headers.0.push(("content-type".to_owned(), json.media_type.to_owned()));
        body = serde_json::to_vec(&value).unwrap_or_default().into();
    }
    let confidence = endpoint.confidence() * 0.5;
    Answer { status: response.status, headers, body, confidence, reason: "made from the learned schema".to_owned() }
}

/// HEAD as GET without the content (RFC 9110 §9.3.2), OPTIONS from what is known of the path, else the API's own words for
/// a path it does not know.
fn without_endpoint(
    contract: &Contract,
    behaviour: &Behaviour,
    state: &mut State,
    request: &Request,
    context: &Context<'_>,
) -> Result<Answer, Refusal> {
    if request.method == "HEAD" {
        let get = Request { method: "GET".to_owned(), ..request.clone() };
        let mut answer = answer(contract, behaviour, state, &get, context)?;
        answer.body = Bytes::new();
        return Ok(answer);
    }
    let others = allowed(contract, request.path());
    if request.method == "OPTIONS" && !others.is_empty() {
        let call = Call::read(request, vec![], context.now_ms, &behaviour.carriers);
        return Ok(behaviour.manners.options(&call, &others));
    }
    let closest = nearest::nearest(contract, &request.method, request.path()).map(Box::new);
    let other = others.iter().find_map(|method| contract.find(method, request.path()));
    let params = other.iter().flat_map(|hit| &hit.parameters).map(|(_, value)| value.clone().into_owned()).collect();
    let call = Call::read(request, params, context.now_ms, &behaviour.carriers);
    let allowed: Vec<&str> = others.iter().copied().collect();
    let as_api = match &other {
        Some(hit) => refuse::closed(behaviour, &hit.endpoint.template, &call, &allowed),
        None => {
            let unknown = behaviour.unknown_path.as_ref();
            unknown.map(|rule| refuse::replayed(rule, &call, "as the API answers unknown paths"))
        }
    };
    let as_api = as_api.map(Box::new);
    Err(Refusal::UnknownEndpoint { method: request.method.clone(), path: request.path().to_owned(), closest, as_api })
}

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

fn allowed(contract: &Contract, path: &str) -> BTreeSet<&'static str> {
    METHODS.into_iter().filter(|method| contract.find(method, path).is_some()).collect()
}

/// A recorded answer with the ids of this call in place of the recorded ones.
pub(super) fn replay(sample: &Sample, call: &Call) -> Answer {
    let headers = Headers(
        sample
            .headers
            .get("content-type")
            .map(|value| ("content-type".to_owned(), value.to_owned()))
            .into_iter()
            .collect(),
    );
    let mut body = sample.body.clone();
    for (old, new) in sample.call.params.iter().zip(&call.params).filter(|(old, new)| old != new) {
        body = body.map(|value| renamed(value, old, new));
    }
    if sample.call.path != call.path {
        body = body.map(|value| renamed(value, &sample.call.path, &call.path));
    }
    let bytes = body.map_or_else(|| sample.raw.clone(), |value| write_json(&value, &sample.raw));
    Answer { status: sample.status, headers, body: bytes, confidence: 0.0, reason: String::new() }
}

/// JSON as the API writes it: on one line or indented.
pub(super) fn write_json(value: &Value, like: &[u8]) -> Bytes {
    let indented = like.starts_with(b"{\n") || like.starts_with(b"[\n");
    let bytes = if indented { serde_json::to_vec_pretty(value) } else { serde_json::to_vec(value) };
    bytes.unwrap_or_default().into()
}

struct Play<'a> {
    behaviour: &'a Behaviour,
    rule: &'a Rule,
    endpoint: &'a Endpoint,
    call: &'a Call,
    context: &'a Context<'a>,
    state: &'a mut State,
}

/// Where a credential goes, the credential, and whose it is.
type Issued<'a> = (&'a IssuedAt, String, Option<RowId>);

/// What a good call did: the row it is about, and whether that row had to be imagined.
#[derive(Default)]
struct Done {
    row: Option<RowId>,
    imagined: bool,
    /// A row that was only read and is told the same way each time; it is in no table.
    passing: Option<Row>,
    /// The path named no row before this call.
    created: bool,
    /// The rows of a write of several, as they were shown last.
    rows: Vec<(String, Row)>,
}

impl<'a> Play<'a> {
    fn run(&mut self) -> Answer {
        if let Some(answer) = self.asked_status() {
            return answer;
        }
        let who = caller(&self.state.world, &self.behaviour.door, self.call);
        if let Some(refusal) = self.refusal(who.as_deref()) {
            return refusal;
        }
        if let Some(refusal) = manners::refusal(self.behaviour, self.rule, self.state, self.call) {
            return refusal;
        }
        if self.rule.samples.is_empty() {
            return self.never_accepted();
        }
        let bonds = if matches!(self.rule.effect, Effect::Nothing) { &[][..] } else { &self.behaviour.bonds };
        let before = (!bonds.is_empty()).then(|| self.state.world.clone());
        let done = self.act(who.as_deref());
        if let Some(before) = before {
            kinship::follow(self.state, &before, bonds);
        }
        if done.row.is_none() && self.selector().is_some_and(manners::must_find) {
            return self.behaviour.manners.refusal(404, "nothing is selected");
        }
        let who = caller(&self.state.world, &self.behaviour.door, self.call);
        let answer = self.render(&done, who.as_deref());
        if let Some(credential) = self.call.credential.as_ref().filter(|_| self.rule.ends_session) {
            std::sync::Arc::make_mut(&mut self.state.world.sessions).remove(credential);
        }
        answer
    }

    /// The answer of an endpoint that only ever refused, to a call that nothing is wrong with.
    fn never_accepted(&self) -> Answer {
        let usual = self.rule.refusals.iter().max_by_key(|rule| rule.support);
        match usual {
            Some(rule) => refuse::replayed(rule, self.call, "nothing was ever accepted here"),
            None => self.behaviour.manners.refusal(404, "no answer was recorded"),
        }
    }

    /// The answer of an endpoint whose path says the status.
    fn asked_status(&self) -> Option<Answer> {
        let status: u16 = self.call.params.get(self.rule.status_slot?)?.parse().ok()?;
        let status = Some(status).filter(|status| (200..600).contains(status))?;
        let known = self.rule.samples.iter().find(|sample| sample.status == status);
        let mut answer = replay(known.or(self.rule.samples.first())?, self.call);
        answer.status = status;
        answer.confidence = if known.is_some() { 0.95 } else { 0.6 };
        answer.reason = "the path says the status".to_owned();
        Some(answer)
    }

    fn subject(&self) -> Subject<'_> {
        let class = self.rule.about;
        let named = self.rule.issues.iter().find_map(|issue| match &issue.account {
            Account::Named { class, pairs } => Some((*class, pairs.as_slice())),
            _ => None,
        });
        let lookup = match (self.selector(), class) {
            (Some(Selector::Lookup(pairs)), Some(class)) => Some((class, pairs.as_slice())),
            _ => named,
        };
        let list = self.rule.parts.iter().find_map(|(_, part)| match part {
            Part::List(list) => Some(list.as_ref()),
            _ => None,
        });
        let first = match self.selector() {
            Some(Selector::First(list)) => Some(list.as_ref()),
            _ => None,
        };
        Subject { params: &self.rule.params, class, lookup, list, first }
    }

    fn selector(&self) -> Option<&Selector> {
        self.rule.parts.iter().find_map(|(_, part)| match part {
            Part::Row { selector, .. } => selector.as_ref(),
            _ => None,
        })
    }

    fn refusal(&self, who: Option<&str>) -> Option<Answer> {
        let case = Case { world: &self.state.world, subject: self.subject(), call: self.call, who };
        refuse::refusal(&self.rule.refusals, &case)
    }

    /// Carries out what a good call does.
    fn act(&mut self, who: Option<&str>) -> Done {
        let writing = Writing {
            behaviour: self.behaviour,
            call: self.call,
            who,
            params: &self.rule.params,
            now_ms: i64::try_from(self.context.now_ms).unwrap_or(i64::MAX),
            seed: self.context.seed,
            maker: self.context.maker(self.endpoint, &[&self.state.answers.to_string()]),
        };
        match &self.rule.effect {
            Effect::Create { class, plan } => {
                let key = writing.create(self.state, *class, plan);
                Done { row: Some((*class, key)), ..Done::default() }
            }
            Effect::Update { class, selector, plan } => {
                let Some(id) = find(&self.state.world, *class, selector, self.call, who) else {
                    return Done::default();
                };
                let row = self.imagine(&id);
                let imagined = row.is_some();
                // A change makes it real.
                if let Some(row) = row {
                    self.state.world.table_mut(*class).put(id.1.clone(), row);
                }
                let key = writing.update(self.state, *class, &id.1, plan);
                Done { row: Some((*class, key)), imagined, ..Done::default() }
            }
            Effect::Each { class, from, plan, creates } => self.each(&writing, *class, from, plan, *creates),
            Effect::Listed { list, plan, deletes } => self.listed(&writing, list, plan, *deletes),
            Effect::Put { class, slot, create, update, .. } => {
                let Some(key) = self.call.params.get(*slot) else { return Done::default() };
                let id = (*class, key.clone());
                if self.state.world.row(&id).is_some() {
                    let key = writing.update(self.state, *class, key, update);
                    return Done { row: Some((*class, key)), ..Done::default() };
                }
                let number = self.state.world.tables[*class].rows.values().any(|row| row.key.is_number());
                let value =
                    key.parse::<i64>().ok().filter(|_| number).map_or_else(|| Value::from(key.clone()), Value::from);
                let key = writing.create_as(self.state, *class, create, value);
                Done { row: Some((*class, key)), created: true, ..Done::default() }
            }
            Effect::Delete { class, slot, plan } => {
                let Some(key) = self.call.params.get(*slot) else { return Done::default() };
                let id = (*class, key.clone());
                let mut passing = self.state.world.row(&id).cloned().or_else(|| self.imagine(&id));
                if let Some(row) = &mut passing {
                    writing.parting(self.state, *class, plan, row);
                }
                self.state.world.table_mut(*class).remove(key);
                self.state.mark(*class, key);
                Done { row: Some(id), passing, ..Done::default() }
            }
            Effect::Nothing => {
                let row = self.rule.parts.iter().find_map(|(_, part)| match part {
                    Part::Row { class, selector: Some(selector), .. } => {
                        find(&self.state.world, *class, selector, self.call, who)
                    }
                    _ => None,
                });
                let passing = row.as_ref().and_then(|id| self.imagine(id));
                Done { row, imagined: passing.is_some(), passing, ..Done::default() }
            }
        }
    }

    /// Writes each item of the list that was sent.
    fn each(&mut self, writing: &Writing<'_>, class: usize, from: &[String], plan: &Plan, creates: bool) -> Done {
        let sent = self.call.sent.value().and_then(|body| at(body, from)).and_then(Value::as_array);
        let key_field = &self.behaviour.classes.all[class].key;
        let mut rows = Vec::new();
        for item in sent.into_iter().flatten() {
            let call = alone(self.call, item);
            let writing = Writing { call: &call, ..*writing };
            // Equal items in one call are still several rows.
            self.state.answers += 1;
            let key = match item.get(key_field).and_then(key_text).filter(|_| !creates) {
                Some(key) => writing.update(self.state, class, &key, plan),
                None if creates => writing.create(self.state, class, plan),
                None => continue,
            };
            rows.extend(self.state.world.row(&(class, key.clone())).cloned().map(|row| (key, row)));
        }
        Done { rows, ..Done::default() }
    }

    /// Changes or removes all rows that a read would list.
    fn listed(&mut self, writing: &Writing<'_>, list: &ListRule, plan: &Plan, deletes: bool) -> Done {
        let reading = self.call.as_read();
        let asked = Question::of(&reading);
        if !understood(list, &asked) {
            return Done::default();
        }
        let all = page(&self.state.world, list, &asked, writing.who).all;
        let keys: Vec<String> = all.iter().map(|(key, _)| (*key).to_owned()).collect();
        let mut rows = Vec::new();
        for key in keys {
            let id = (list.class, key.clone());
            if deletes {
                let Some(mut row) = self.state.world.row(&id).cloned() else { continue };
                writing.parting(self.state, list.class, plan, &mut row);
                self.state.world.table_mut(list.class).remove(&key);
                self.state.mark(list.class, &key);
                rows.push((key, row));
            } else {
                let key = writing.update(self.state, list.class, &key, plan);
                rows.extend(self.state.world.row(&(list.class, key.clone())).cloned().map(|row| (key, row)));
            }
        }
        Done { rows, ..Done::default() }
    }

    /// A row in place of one that was never seen.
    fn imagine(&self, id: &RowId) -> Option<Row> {
        if self.state.world.row(id).is_some() || id.1.is_empty() {
            return None;
        }
        let mut row = imagined(self.state, id)?;
        let class = &self.behaviour.classes.all[id.0].name;
        if let Some(maker) = self.context.maker(self.endpoint, &[class, &id.1]) {
            maker.remake(&mut row.fields, &id.1);
        }
        Some(row)
    }

    fn render(&mut self, done: &Done, who: Option<&str>) -> Answer {
        let rule = self.rule;
        let token = self.token(done);
        let issued = self.issue(done, who);
        let Some(sample) = closest(&rule.samples, self.call) else {
            return Answer {
                status: rule.status,
                headers: Headers::default(),
                body: Bytes::new(),
                confidence: 0.2,
                reason: "no answer was recorded".to_owned(),
            };
        };
        let mut answer = replay(sample, self.call);
        let seed = hash(&[&self.call.path, &self.context.seed.to_string()]);
        let mut completion = Completion::of(
            self.endpoint,
            sample,
            Generator::new(seed, self.context.now_ms).asking(self.context.maker(self.endpoint, &[&self.call.path])),
        );
        // What is added to a new row belongs to it from now on; one that the twin wrote earlier is as it should be.
        let is_new = done.created || matches!(rule.effect, Effect::Create { .. });
        let as_written = |id: &RowId| self.state.written.contains(id);
        let mut added = Vec::new();
        let mut sheet = None;
        let asked = Question::of(self.call);
        let selection = Selection::of(&asked);
        let showing = Showing {
            world: &self.state.world,
            behaviour: self.behaviour,
            call: self.call,
            who,
            token: token.as_deref(),
        };
        if let Some(mut body) = sample.body.clone() {
            for (old, new) in sample.call.params.iter().zip(&self.call.params).filter(|(old, new)| old != new) {
                body = renamed(body, old, new);
            }
            for (place, part) in &rule.parts {
                let value = match part {
                    Part::Row { class, selector, view } => {
                        self.shown(done, *class, selector.as_ref(), who).and_then(|id| {
                            let id = &id;
                            let passing = done.passing.as_ref().filter(|_| done.row.as_ref() == Some(id));
                            let row = passing.or_else(|| self.state.world.row(id))?;
                            let mut shown = showing.row(view, &id.1, row);
                            if is_new {
                                let before = shown.clone();
                                completion.row(place, false, &mut shown, &|name| self.is_sent(name));
                                added.extend(additions(&before, &shown).map(|(name, value)| (id.clone(), name, value)));
                            } else if !as_written(id) {
                                completion.row(place, false, &mut shown, &|_| false);
                            }
                            project(view, selection.as_ref(), &mut shown);
                            Some(shown)
                        })
                    }
                    Part::List(list) => {
                        let page = page(&self.state.world, list, &asked, who);
                        sheet = Some(Sheet::of(list, &page));
                        let shown = page.rows().iter().map(|(key, row)| {
                            let mut shown = showing.row(&list.view, key, row);
                            if !as_written(&(list.class, (*key).to_owned())) {
                                completion.row(place, true, &mut shown, &|_| false);
                            }
                            project(&list.view, selection.as_ref(), &mut shown);
                            shown
                        });
                        Some(shown.collect())
                    }
                    Part::Telling(_) => None,
                    Part::Count(list) => Some(Value::from(page(&self.state.world, list, &asked, who).total())),
                    Part::Exists { class, slot } => {
                        let key = self.call.params.get(*slot);
                        key.map(|key| Value::Bool(self.state.world.tables[*class].rows.contains_key(key)))
                    }
                    Part::Written(view) => {
                        Some(done.rows.iter().map(|(key, row)| showing.row(view, key, row)).collect())
                    }
                    Part::Values { class, path } => {
                        Some(distinct(&self.state.world, *class, path).into_values().collect())
                    }
                    Part::Holder { class, field, text } => {
                        let account = issued.iter().find_map(|(_, _, account)| account.as_ref());
                        self.holder(account, *class, field.as_deref(), *text)
                    }
                    Part::Template(template) => {
                        let key = done.row.as_ref().map_or("", |(_, key)| key.as_str());
                        Some(Slots { call: self.call, key, who }.fill(template))
                    }
                    part @ (Part::Now { .. } | Part::Anew { .. }) => self.made(part, place, ""),
                    Part::Field { class, field } => {
                        let row = done.row.as_ref().filter(|id| id.0 == *class).and_then(|id| self.state.world.row(id));
                        row.and_then(|row| self.field(*class, row, field).cloned())
                    }
                    Part::Copy { of: Some(kind), .. } if self.call.headers.media_type().as_ref() != Some(kind) => None,
                    Part::Copy { source, .. } => copy(source, self.call, at(&body, place)),
                };
                if let Some(value) = value {
                    put(&mut body, place, value);
                }
            }
            for (place, part) in &rule.parts {
                if let (Part::Telling(telling), Some(sheet)) = (part, &sheet) {
                    telling.put(&mut body, place, telling.value(&asked, sheet));
                }
            }
            for (place, token, _) in &issued {
                if let IssuedAt::Body(path) = place {
                    put(&mut body, path, Value::from(token.clone()));
                }
            }
            answer.body = write_json(&body, &sample.raw);
        }
        let completed = completion.count > 0;
        for (id, name, value) in added {
            let row = self.state.world.row_mut(&id);
            if let Some(row) = row.filter(|row| row.fields.contains_key(&name) || !row.shows(&name)) {
                row.fields.insert(name, value);
            }
        }
        answer.status = match &rule.effect {
            Effect::Put { created_status, .. } if done.created => *created_status,
            Effect::Put { updated_status, .. } => *updated_status,
            _ => rule.status,
        };
        answer.headers = self.headers(sample, &answer.body, done, sheet.as_ref(), who);
        answer.headers.0.extend(self.cookies(sample, &issued));
        if let Some(not_modified) = self.not_modified(&answer) {
            return not_modified;
        }
        answer.confidence = self.confidence(done);
        if completed {
            // Not all of it could be explained.
            answer.confidence = answer.confidence.min(COMPLETED);
        }
        answer.reason = self.reason(done, sheet.map(|sheet| sheet.total));
        answer
    }

    /// Whether a write takes this member from the body: without it there, its absence is explained.
    fn is_sent(&self, name: &str) -> bool {
        let (Effect::Create { plan, .. } | Effect::Put { create: plan, .. }) = &self.rule.effect else { return false };
        plan.fields.iter().any(|(own, field)| *own == [name] && field.sent.is_some())
    }

    /// The credential that a token field of the answer shows: the caller's own, or a new one for the account.
    fn token(&mut self, done: &Done) -> Option<String> {
        let id = done.row.as_ref()?;
        if !self.behaviour.token_fields.iter().any(|(class, _)| *class == id.0) {
            return None;
        }
        let own = self
            .call
            .credential
            .as_ref()
            .filter(|credential| self.state.world.sessions.get(*credential) == Some(&Some(id.clone())));
        if let Some(own) = own {
            return Some(own.clone());
        }
        let unknown = TokenForm::default();
        let form = self.behaviour.token_forms.get(&id.0).unwrap_or(&unknown);
        Some(self.admit(0, Some(id.clone()), form))
    }

    /// A new credential that the twin accepts from now on.
    fn admit(&mut self, nth: usize, account: Option<RowId>, form: &TokenForm) -> String {
        let who = account.as_ref().map_or("", |(_, key)| key.as_str());
        let parts = [who, &self.context.seed.to_string(), &self.state.answers.to_string(), &nth.to_string()];
        let like = match jwt::claims(&form.like) {
            Some(claims) => jwt::with_claims(&form.like, &self.claims(Value::Object(claims), account.as_ref(), form)),
            None => form.like.clone(),
        };
        let token = (self.context.mint)(hash(&parts), &like);
        std::sync::Arc::make_mut(&mut self.state.world.sessions).insert(token.clone(), account);
        token
    }

    /// What a new JSON Web Token says.
    fn claims(&self, mut claims: Value, account: Option<&RowId>, form: &TokenForm) -> Value {
        for (place, part) in &form.claims {
            let value = match part {
                Part::Holder { class, field, text } => self.holder(account, *class, field.as_deref(), *text),
                other => self.made(other, place, account.map_or("", |(_, key)| key)),
            };
            if let Some(value) = value {
                put(&mut claims, place, value);
            }
        }
        claims
    }

    /// A field of an account, or its key.
    fn holder(&self, account: Option<&RowId>, class: usize, field: Option<&str>, text: bool) -> Option<Value> {
        let row = self.state.world.row(account.filter(|id| id.0 == class)?)?;
        match field {
            None if text => key_text(&row.key).map(Value::from),
            None => Some(row.key.clone()),
            Some(field) => row.fields.get(field).cloned(),
        }
    }

    /// A value that is made with each answer, from the time, chance, the key of the row and the call.
    fn made(&self, part: &Part, place: &[String], key: &str) -> Option<Value> {
        match part {
            Part::Template(template) => Some(Slots { call: self.call, key, who: None }.fill(template)),
            Part::Now { form, offset_ms } => {
                let now = i64::try_from(self.context.now_ms).unwrap_or(i64::MAX);
                Some(write_time(*form, now.saturating_add(*offset_ms)))
            }
            Part::Anew { like } => {
                // The last name alone: an answer and the token in it call the same thing by the same name.
                let name = place.last().map_or("", String::as_str);
                let seed = hash(&[&self.context.seed.to_string(), &self.state.answers.to_string(), name]);
                Some(Value::from(same_shape(like, seed)))
            }
            _ => None,
        }
    }

    /// Credentials that the answer gives out beside rows, with their places.
    fn issue(&mut self, done: &Done, who: Option<&str>) -> Vec<Issued<'a>> {
        let rule = self.rule;
        let mut out = Vec::new();
        for (nth, issue) in rule.issues.iter().enumerate() {
            let account = self.account(&issue.account, done, who);
            let sessions = &self.state.world.sessions;
            let known = sessions.iter().find(|(_, of)| issue.repeats && account.is_some() && **of == account);
            let token = match known {
                Some((token, _)) => token.clone(),
                None => self.admit(nth, account.clone(), &issue.form),
            };
            out.push((&issue.at, token, account));
        }
        out
    }

    fn account(&self, account: &Account, done: &Done, who: Option<&str>) -> Option<RowId> {
        let world = &self.state.world;
        let of = |credential: &str| world.sessions.get(credential).cloned().flatten();
        match account {
            Account::Shown => done.row.clone(),
            Account::Named { class, pairs } => Some((*class, looked_up(world, *class, pairs, self.call)?)),
            Account::Holder(path) => of(at(self.call.sent.value()?, path)?.as_str()?),
            Account::Caller => who.and(self.call.credential.as_deref()).and_then(of),
            Account::Unknown => None,
        }
    }

    /// `Set-Cookie` as recorded: credentials made anew, and cookies that are taken away (RFC 6265 §3.1).
    fn cookies(&self, sample: &Sample, issued: &[Issued<'_>]) -> Vec<(String, String)> {
        let field = |value: String| ("set-cookie".to_owned(), value);
        let mut out = Vec::new();
        for (name, value, attributes) in set_cookies(&sample.headers) {
            let own = issued.iter().find(|(at, ..)| matches!(at, IssuedAt::Cookie(cookie) if cookie == name));
            match own {
                Some((_, token, _)) => out.push(field(format!("{name}={token};{attributes}"))),
                None if value.len() < MIN_CREDENTIAL => out.push(field(format!("{name}={value};{attributes}"))),
                None => {}
            }
        }
        out
    }

    /// The row that the answer shows at a place: the one that the call was about, or another one beside it.
    fn shown(&self, done: &Done, class: usize, selector: Option<&Selector>, who: Option<&str>) -> Option<RowId> {
        let about = done.row.as_ref().filter(|id| id.0 == class).cloned();
        let own = || find(&self.state.world, class, selector?, self.call, who);
        if matches!(self.rule.effect, Effect::Nothing) { own().or(about) } else { about.or_else(own) }
    }

    /// The row that a call was about, as it is now.
    fn row_of<'d>(&'d self, done: &'d Done) -> Option<(usize, &'d Row)> {
        let id = done.row.as_ref()?;
        Some((id.0, done.passing.as_ref().or_else(|| self.state.world.row(id))?))
    }

    fn field<'r>(&self, class: usize, row: &'r Row, field: &str) -> Option<&'r Value> {
        if field == self.behaviour.classes.all[class].key { Some(&row.key) } else { row.fields.get(field) }
    }

    fn headers(&self, sample: &Sample, body: &Bytes, done: &Done, sheet: Option<&Sheet>, who: Option<&str>) -> Headers {
        let mut out = Vec::new();
        let has_type = self.rule.headers.iter().any(|(name, _)| name == "content-type");
        if let Some(value) = sample.headers.get("content-type").filter(|_| !has_type) {
            out.push(("content-type".to_owned(), value.to_owned()));
        }
        for (name, rule) in &self.rule.headers {
            let value = match rule {
                HeaderRule::Const(value) => Some(value.clone()),
                HeaderRule::Total { paged } => {
                    sheet.filter(|sheet| !*paged || sheet.limit.is_some()).map(|sheet| sheet.total.to_string())
                }
                HeaderRule::Links => sheet.and_then(|sheet| self.links(sheet.total, (sheet.first, sheet.limit))),
                HeaderRule::Page(url) => sheet.and_then(|sheet| url.url(self.call, sheet)),
                HeaderRule::Location { absolute } => done.row.as_ref().map(|(_, key)| {
                    let host = self.call.headers.get("host").filter(|_| *absolute);
                    let origin = host.map(|host| format!("http://{host}")).unwrap_or_default();
                    format!("{origin}{}/{key}", self.call.path.trim_end_matches('/'))
                }),
                HeaderRule::ETag { weak } => Some(entity_tag(body, *weak)),
                HeaderRule::RowTag { weak } => {
                    let known = self.row_of(done).and_then(|(class, row)| self.state.world.tables[class].tag(row));
                    let mark = if *weak { "W/" } else { "" };
                    Some(known.map_or_else(|| entity_tag(body, *weak), |tag| format!("{mark}\"{tag}\"")))
                }
                HeaderRule::Field { field, quoted } => self.row_of(done).and_then(|(class, row)| {
                    let text = scalar_text(self.field(class, row, field)?)?;
                    let end = quoted.as_ref().map_or("", |_| "\"");
                    Some(format!("{}{text}{end}", quoted.as_deref().unwrap_or_default()))
                }),
                HeaderRule::Moment { field } => self.row_of(done).and_then(|(class, row)| {
                    let (_, millis) = read_time(self.field(class, row, field)?)?;
                    scalar_text(&write_time(TimeForm::Http, millis))
                }),
                HeaderRule::Copy(source) => value_of(source, self.call).as_ref().and_then(scalar_text),
                HeaderRule::Template(template) => {
                    let key = done.row.as_ref().map_or("", |(_, key)| key.as_str());
                    scalar_text(&Slots { call: self.call, key, who }.fill(template))
                }
            };
            out.extend(value.map(|value| (name.clone(), value)));
        }
        Headers(out)
    }

    /// `Link` with first, previous, next and last page, as far as there are such pages.
    fn links(&self, total: usize, (first, limit): (usize, Option<usize>)) -> Option<String> {
        let limit = limit.filter(|limit| *limit > 0)?;
        let list = self.rule.parts.iter().find_map(|(_, part)| match part {
            Part::List(list) => Some(list),
            _ => None,
        })?;
        let named = |role| list.paging.iter().find(|(_, own)| **own == role).map(|(name, _)| name.as_str());
        use super::behaviour::PageRole;
        let by_page = named(PageRole::Page).filter(|name| self.call.query(name).is_some());
        let name = by_page.or_else(|| named(PageRole::Offset).filter(|name| self.call.query(name).is_some()))?;
        let (page, last) = (first / limit, total.saturating_sub(1) / limit);
        let host = self.call.headers.get("host").unwrap_or("localhost");
        let link = |rel: &str, to: usize| {
            let value = if by_page.is_some() { to + 1 } else { to * limit };
            let pairs = self
                .call
                .query
                .iter()
                .map(|(n, v)| if n == name { (n.as_str(), value.to_string()) } else { (n.as_str(), v.clone()) });
            let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            format!("<http://{host}{}?{query}>; rel=\"{rel}\"", self.call.path)
        };
        let mut out = vec![link("first", 0)];
        out.extend((page > 0).then(|| link("prev", page - 1)));
        out.extend((page < last).then(|| link("next", page + 1)));
        out.push(link("last", last));
        Some(out.join(", "))
    }

    /// 304 where the client already has what would be sent (RFC 9110 §13.1.2).
    fn not_modified(&self, answer: &Answer) -> Option<Answer> {
        let tag = answer.headers.get("etag")?;
        let theirs = self.call.headers.get("if-none-match").filter(|_| self.call.method == "GET")?;
        let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        let equal = theirs == "*" || theirs.split(',').any(|their| opaque(their) == opaque(tag));
        equal.then(|| Answer {
            status: 304,
            headers: Headers(vec![("etag".to_owned(), tag.to_owned())]),
            body: Bytes::new(),
            confidence: 0.8,
            reason: "not modified".to_owned(),
        })
    }

    fn confidence(&self, done: &Done) -> f64 {
        let seen = f64::from(self.rule.support);
        let base = 0.97 * seen / (seen + 0.6);
        if done.imagined { base * 0.7 } else { base }
    }

    fn reason(&self, done: &Done, total: Option<usize>) -> String {
        let name = |class: usize| self.behaviour.classes.all[class].name.as_str();
        match (&self.rule.effect, &done.row, total) {
            (Effect::Create { .. }, Some((class, key)), _) => format!("created {}/{key}", name(*class)),
            (Effect::Put { .. }, Some((class, key)), _) if done.created => format!("created {}/{key}", name(*class)),
            (Effect::Put { .. } | Effect::Update { .. }, Some((class, key)), _) => {
                format!("changed {}/{key}", name(*class))
            }
            (Effect::Each { class, .. }, ..) => format!("wrote {} of {}", done.rows.len(), name(*class)),
            (Effect::Listed { list, deletes, .. }, ..) => {
                format!("{} {} of {}", if *deletes { "deleted" } else { "changed" }, done.rows.len(), name(list.class))
            }
            (Effect::Delete { class, slot, .. }, ..) => {
                format!("deleted {}/{}", name(*class), self.call.params.get(*slot).map_or("", String::as_str))
            }
            (_, Some((class, key)), _) if done.imagined => format!("imagined {}/{key}", name(*class)),
            (_, Some((class, key)), _) => format!("read {}/{key}", name(*class)),
            (.., Some(total)) => format!("list of {total}"),
            _ => format!("like {} {}", self.rule.place.method, self.rule.place.template),
        }
    }
}

fn find(world: &World, class: usize, selector: &Selector, call: &Call, who: Option<&str>) -> Option<RowId> {
    let key = match selector {
        Selector::Param(slot) => call.params.get(*slot)?.clone(),
        Selector::Caller => who?.to_owned(),
        Selector::Lookup(pairs) => looked_up(world, class, pairs, call)?,
        Selector::Only => call.params.join("/"),
        Selector::First(list) => {
            let page = page(world, list, &Question::of(call), who);
            page.rows().first().map(|(key, _)| (*key).to_owned())?
        }
        Selector::Via { slot, class, field } => world.row(&(*class, call.params.get(*slot)?.clone()))?.names(field)?,
    };
    Some((class, key))
}

/// The recorded answer whose call is most alike: the same content, the same kind of content, the same parameters, then the
/// same query, then the newest.
fn closest<'s>(samples: &'s [Sample], call: &Call) -> Option<&'s Sample> {
    let likeness = |sample: &Sample| {
        let params = sample.call.params.iter().zip(&call.params).filter(|(a, b)| a == b).count();
        let query = call.query.iter().filter(|pair| sample.call.query.contains(pair)).count();
        let names = call.query.iter().filter(|(name, _)| sample.call.query(name).is_some()).count();
        let extra = sample.call.query.iter().filter(|(name, _)| call.query(name).is_none()).count();
        let kind = sample.call.headers.media_type() == call.headers.media_type();
        (
            usize::from(sample.call.sent == call.sent),
            usize::from(kind),
            params * 4 + query * 2 + names + 1,
            usize::MAX - extra,
        )
    };
    // `max_by_key` keeps the last of equals; samples are newest first.
    samples.iter().rev().max_by_key(|sample| likeness(sample))
}

fn copy(source: &Source, call: &Call, like: Option<&Value>) -> Option<Value> {
    let text = |text: &str| match like {
        Some(Value::Number(_)) => text.parse::<i64>().ok().map(Value::from).or_else(|| Some(Value::from(text))),
        _ => Some(Value::from(text)),
    };
    match source {
        Source::Param(slot) => text(call.params.get(*slot)?),
        Source::Query(name) => text(call.query(name)?),
        other => value_of(other, call),
    }
}

/// The members that one object has and an earlier one had not, or not so.
fn additions(before: &Value, after: &Value) -> impl Iterator<Item = (String, Value)> {
    let members = after.as_object().into_iter().flatten();
    let new = members.filter(|(name, value)| before.get(name.as_str()) != Some(*value));
    new.map(|(name, value)| (name.clone(), value.clone())).collect::<Vec<_>>().into_iter()
}

/// The distinct scalars of a field of all rows of a class, by their texts: the items, where any row has an array there.
fn distinct(world: &World, class: usize, path: &[String]) -> BTreeMap<String, Value> {
    let rows = || world.tables.get(class).into_iter().flat_map(|table| table.rows.values());
    let values: Vec<_> = rows().filter_map(|row| row_value(world, row, path)).collect();
    let arrays = values.iter().any(|value| value.is_array());
    let items = values.iter().flat_map(|value| match value.as_ref() {
        Value::Array(items) => items.as_slice(),
        one if !arrays => std::slice::from_ref(one),
        _ => &[],
    });
    let mut out = BTreeMap::new();
    for item in items {
        if let Some(text) = scalar_text(item) {
            out.entry(text).or_insert_with(|| item.clone());
        }
    }
    out
}

/// Replaces the value at a path; what is missing on the way is made.
pub(super) fn put(body: &mut Value, path: &[String], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        *body = value;
        return;
    };
    if let Value::Object(object) = body {
        put(object.entry(first.clone()).or_insert(Value::Null), rest, value);
    }
}

/// A tag over the content (RFC 9110 §8.8.3).
fn entity_tag(body: &[u8], weak: bool) -> String {
    let text = String::from_utf8_lossy(body);
    format!("{}\"{:x}-{:016x}\"", if weak { "W/" } else { "" }, body.len(), hash(&[&text]))
}
