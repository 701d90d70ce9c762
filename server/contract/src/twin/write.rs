//! Writes, replayed: rows made, changed and removed as the plans say.

use serde_json::{Map, Value};

use super::behaviour::{Behaviour, FieldPlan, IdRule, Otherwise, Plan};
use super::json_patch;
use super::maker::{Maker, type_word};
use super::template::Slots;
use super::timed::timed;
use super::trace::Call;
use super::value::{
    TimeForm, at, common_prefix, hash, key_text, plant, retyped, same_shape, shaped, slugify, within, write_time,
};
use super::world::{Row, RowId, State, TAG};

/// One write with all it may depend on.
pub(super) struct Writing<'a> {
    pub(super) behaviour: &'a Behaviour,
    pub(super) call: &'a Call,
    pub(super) who: Option<&'a str>,
    pub(super) params: &'a [Option<usize>],
    pub(super) now_ms: i64,
    pub(super) seed: u64,
    pub(super) maker: Option<Maker<'a>>,
}

impl Writing<'_> {
    fn payload(&self, plan: &Plan) -> Map<String, Value> {
        let body = self.call.sent.value().and_then(|body| at(body, &plan.wrapper));
        body.and_then(Value::as_object).cloned().unwrap_or_default()
    }

    /// Makes a row; returns its key.
    pub(super) fn create(&self, state: &mut State, class: usize, plan: &Plan) -> String {
        let payload = self.payload(plan);
        let key = self.new_key(state, class, plan, &payload);
        self.create_as(state, class, plan, key)
    }

    /// Makes the row with this key.
    pub(super) fn create_as(&self, state: &mut State, class: usize, plan: &Plan, key: Value) -> String {
        let payload = self.payload(plan);
        let mut row = Row {
            key: key.clone(),
            parents: self.call.params.clone(),
            owner: self.who.map(str::to_owned),
            created: true,
            ..Row::default()
        };
        self.fill(state, class, plan, &payload, &mut row);
        row.fields.insert(self.behaviour.classes.all[class].key.clone(), key.clone());
        let key = key_text(&key).unwrap_or_default();
        state.world.table_mut(class).put(key.clone(), row);
        state.mark(class, &key);
        key
    }

    /// Changes a row; returns its key, which may be a new one (a slug that follows a title).
    pub(super) fn update(&self, state: &mut State, class: usize, key: &str, plan: &Plan) -> String {
        let Some(mut row) = state.world.row(&(class, key.to_owned())).cloned() else { return key.to_owned() };
        let patched = json_patch::apply(self.call, &row.fields).and_then(Result::ok);
        let payload = self.payload(plan);
        let key_field = self.behaviour.classes.all[class].key.clone();
        if plan.replaces {
            row.fields.retain(|name, _| *name == key_field);
        }
        self.fill(state, class, plan, &payload, &mut row);
        if let Some(patched) = patched {
            row.fields.extend(patched.set.into_iter().filter(|(name, _)| *name != key_field));
            patched.gone.iter().for_each(|name| drop(row.fields.shift_remove(name)));
        }
        let new = if key_field.is_empty() { None } else { row.fields.get(&key_field).and_then(key_text) };
        let new = new.unwrap_or_else(|| key.to_owned());
        if new != key {
            row.key = row.fields[&key_field].clone();
            state.world.table_mut(class).rename(key, &new);
            self.follow(state, class, key, &new);
            state.mark(class, key);
        }
        state.world.table_mut(class).put(new.clone(), row);
        state.mark(class, &new);
        new
    }

    /// How a row is shown for the last time.
    pub(super) fn parting(&self, state: &mut State, class: usize, plan: &Plan, row: &mut Row) {
        let payload = self.payload(plan);
        self.fill(state, class, plan, &payload, row);
    }

    /// References, relations and sessions keep pointing at a row whose key changed.
    fn follow(&self, state: &mut State, class: usize, old: &str, new: &str) {
        state.world.repoint(&(class, old.to_owned()), &(class, new.to_owned()));
    }

    fn fill(&self, state: &mut State, class: usize, plan: &Plan, payload: &Map<String, Value>, row: &mut Row) {
        // What the API tagged was the row as it was before.
        row.hidden.remove(TAG);
        // Counts look at relations as they were before this call switches them.
        let mut switches = Vec::new();
        let mut planned = std::collections::BTreeSet::new();
        for (path, field) in &plan.fields {
            planned.extend(path.first().map(String::as_str));
            let key = *path == [self.behaviour.classes.all[class].key.as_str()];
            if let Some(value) = field.sent.as_ref().and_then(|path| within(payload, path)) {
                if !(key && row.created && within(&row.fields, path).is_none()) {
                    self.store(row, path, field, value);
                }
                continue;
            }
            // A password is shown as its hash, and asked for as it was sent.
            if let ([name], Some(value @ Value::String(_))) = (path.as_slice(), payload.get(path[0].as_str())) {
                row.hidden.insert(name.clone(), value.clone());
            }
            self.otherwise(state, class, plan, path, field, payload, row, &mut switches);
        }
        for (name, value) in payload.iter().filter(|(name, _)| !planned.contains(name.as_str())) {
            if plan.open {
                row.fields.insert(name.clone(), value.clone());
            } else {
                row.hidden.insert(name.clone(), value.clone());
            }
        }
        if let (Some(who), Some(key)) = (self.who, key_text(&row.key)) {
            for (field, truth) in switches {
                state.world.relate(class, &field, who, &key, truth);
            }
        }
    }

    /// Keeps what was sent, in the types that the row has.
    fn store(&self, row: &mut Row, path: &[String], field: &FieldPlan, value: &Value) {
        let form = self.call.headers.media_type().as_deref() == Some("application/x-www-form-urlencoded");
        let value = match &field.like {
            Some(like) if form => retyped(value, like),
            _ => value.clone(),
        };
        if value.is_null() && self.call.headers.media_type().as_deref() == Some("application/merge-patch+json") {
            // RFC 7396 §2: null takes the member away.
            uproot(&mut row.fields, path);
            return;
        }
        let value = match (value, within(&row.fields, path)) {
            (Value::Object(sent), Some(Value::Object(own))) if field.merges => {
                let mut own = own.clone();
                own.extend(sent);
                Value::Object(own)
            }
            (value, _) => value,
        };
        plant(&mut row.fields, path, value);
    }

    #[expect(clippy::too_many_arguments, reason = "one field of one row in one state; a struct would only rename them")]
    fn otherwise(
        &self,
        state: &State,
        class: usize,
        plan: &Plan,
        path: &[String],
        field: &FieldPlan,
        payload: &Map<String, Value>,
        row: &mut Row,
        switches: &mut Vec<(String, bool)>,
    ) {
        let name = path.last().map_or("", String::as_str);
        let value = match &field.otherwise {
            Otherwise::Keep | Otherwise::Key => return,
            Otherwise::Const(value) => value.clone(),
            Otherwise::Param { slot, number } => {
                let Some(text) = self.call.params.get(*slot) else { return };
                text.parse::<i64>().ok().filter(|_| *number).map_or_else(|| Value::from(text.clone()), Value::from)
            }
            Otherwise::Now { form, offset_ms } => {
                let last = state.world.tables[class].tops.get(name);
                match (form, last) {
                    // Clients tell versions apart by it: two writes in one millisecond are still two.
                    (TimeForm::Millis, Some(last)) if *offset_ms == 0 => Value::from(self.now_ms.max(last + 1)),
                    _ => write_time(*form, self.now_ms + offset_ms),
                }
            }
            Otherwise::Counter => Value::from(state.world.tables[class].tops.get(name).map_or(1, |top| top + 1)),
            Otherwise::CallerField(field) => {
                let account = self.account(state);
                let own = account.and_then(|row| if field.is_empty() { Some(&row.key) } else { row.fields.get(field) });
                match own {
                    Some(value) => value.clone(),
                    None => return,
                }
            }
            Otherwise::Template(template) => {
                let key = key_text(&row.key).unwrap_or_default();
                Slots { call: self.call, key: &key, who: self.who }.fill(template)
            }
            Otherwise::Fresh => match within(&row.fields, path).and_then(Value::as_str) {
                Some(text) => Value::from(self.next_version(state, text)),
                None => return,
            },
            Otherwise::Slug(path) => match within(payload, path).and_then(Value::as_str) {
                Some(text) => Value::from(self.free_slug(state, class, text, key_text(&row.key).as_deref())),
                None => return,
            },
            Otherwise::Caller => {
                let account = self.call.credential.as_ref().and_then(|credential| state.world.sessions.get(credential));
                if let Some(Some(account)) = account {
                    row.refs.insert(name.to_owned(), account.clone());
                }
                return;
            }
            Otherwise::Target(slot) => {
                if let (Some(Some(other)), Some(key)) = (self.params.get(*slot), self.call.params.get(*slot)) {
                    row.refs.insert(name.to_owned(), (*other, key.clone()));
                }
                return;
            }
            Otherwise::Relate(truth) => {
                switches.push((name.to_owned(), *truth));
                return;
            }
            Otherwise::Count { relation, by } => {
                let wanted = plan.fields.iter().find_map(|(field, plan)| match plan.otherwise {
                    Otherwise::Relate(truth) if field[..] == [relation.as_str()] => Some(truth),
                    _ => None,
                });
                let key = key_text(&row.key).unwrap_or_default();
                let pairs = state.world.relations.get(&(class, relation.clone()));
                let now = self.who.is_some_and(|who| pairs.is_some_and(|pairs| pairs.contains(&(who.to_owned(), key))));
                if wanted.is_none_or(|wanted| wanted == now) {
                    return;
                }
                Value::from(row.fields.get(name).and_then(Value::as_i64).unwrap_or(0) + by)
            }
            Otherwise::Add(by) => Value::from(row.fields.get(name).and_then(Value::as_i64).unwrap_or(0) + by),
            Otherwise::Drawn(values) => self.drawn(state, name, values),
        };
        plant(&mut row.fields, path, value);
    }

    fn account<'s>(&self, state: &'s State) -> Option<&'s Row> {
        let session = self.call.credential.as_ref().and_then(|credential| state.world.sessions.get(credential));
        if let Some(Some(id)) = session {
            return state.world.row(id);
        }
        let basic = self.behaviour.door.basic.as_ref().filter(|_| self.call.basic.is_some())?;
        state.world.row(&(basic.class, self.who?.to_owned()))
    }

    /// Another text of the same shape; a number before the first dash goes up (`3-9f2c` follows `2-71ab`).
    fn next_version(&self, state: &State, text: &str) -> String {
        let seed = hash(&[text, &self.seed.to_string(), &state.answers.to_string()]);
        match text.split_once('-').and_then(|(count, rest)| Some((count.parse::<u32>().ok()?, rest))) {
            Some((count, rest)) if count < 1_000_000 => format!("{}-{}", count + 1, same_shape(rest, seed)),
            _ => same_shape(text, seed),
        }
    }

    /// One of the values seen; texts that never repeated are made anew in the same shape.
    fn drawn(&self, state: &State, name: &str, values: &[Value]) -> Value {
        let asked = self.maker.zip(values.first());
        let made = asked.and_then(|(maker, like)| {
            let schema = serde_json::json!({ "type": type_word(like) });
            maker.value(&format!("/{name}"), name, &schema, &Map::new())
        });
        if let Some(made) = made {
            return made;
        }
        let seed = hash(&[name, &self.seed.to_string(), &state.answers.to_string()]);
        let Some(value) = values.get(usize::try_from(seed % values.len().max(1) as u64).unwrap_or(0)) else {
            return Value::Null;
        };
        let distinct = values.iter().enumerate().all(|(i, value)| !values[..i].contains(value));
        match value {
            Value::String(text) if distinct && values.len() > 1 && !text.contains(' ') && text.len() >= 8 => {
                let texts = values.iter().filter_map(Value::as_str);
                Value::from(shaped(text, common_prefix(texts), seed))
            }
            _ => value.clone(),
        }
    }

    fn new_key(&self, state: &State, class: usize, plan: &Plan, payload: &Map<String, Value>) -> Value {
        let key_field = &self.behaviour.classes.all[class].key;
        let planned = plan
            .fields
            .iter()
            .find(|(path, _)| path[..] == [key_field.as_str()])
            .and_then(|(_, field)| field.sent.as_ref());
        let sent =
            planned.and_then(|path| within(payload, path)).or_else(|| payload.get(key_field).filter(|_| plan.open));
        if let Some(value) = sent.filter(|value| key_text(value).is_some()) {
            return value.clone();
        }
        let table = &state.world.tables[class];
        match self.behaviour.id_rules.get(class) {
            Some(IdRule::Slug(path)) => {
                let text = within(payload, path).and_then(Value::as_str).unwrap_or("item");
                Value::from(self.free_slug(state, class, text, None))
            }
            Some(IdRule::Sent(path)) => within(payload, path).cloned().unwrap_or_else(|| Value::from(table.top + 1)),
            Some(IdRule::Shape { like, prefix }) => {
                let mut seed = hash(&[key_field, &self.seed.to_string(), &state.answers.to_string()]);
                loop {
                    let text = timed(like, self.now_ms, seed).unwrap_or_else(|| shaped(like, prefix, seed));
                    if !table.rows.contains_key(&text) {
                        return Value::from(text);
                    }
                    seed = seed.wrapping_add(1);
                }
            }
            Some(IdRule::Counter { text: true }) => Value::from((table.top + 1).to_string()),
            _ => Value::from(table.top + 1),
        }
    }

    fn free_slug(&self, state: &State, class: usize, text: &str, own: Option<&str>) -> String {
        let plain = slugify(text);
        let rows = &state.world.tables[class].rows;
        if !rows.contains_key(&plain) || own == Some(&plain) {
            return plain;
        }
        let suffix = same_shape("a1b2c3", hash(&[&plain, &state.answers.to_string()]));
        format!("{plain}-{suffix}")
    }
}

fn uproot(object: &mut Map<String, Value>, path: &[String]) {
    match path {
        [] => {}
        [name] => drop(object.shift_remove(name)),
        [name, rest @ ..] => {
            if let Some(Value::Object(inner)) = object.get_mut(name) {
                uproot(inner, rest);
            }
        }
    }
}

/// A row for a key that was never seen, where the API is known to have more rows than were seen: like another one, and
/// wherever that one repeats its key, this one repeats its own.
pub(super) fn imagined(state: &State, id: &RowId) -> Option<Row> {
    let table = state.world.tables.get(id.0)?;
    // The same donor for the same id, whichever rows come and go beside it.
    let (old, donor) = table.rows.iter().max_by_key(|(key, _)| hash(&[&id.1, key]))?;
    let mut row = Row::clone(donor);
    let text = &id.1;
    row.key = if row.key.is_number() {
        text.parse::<i64>().map_or_else(|_| Value::from(text.clone()), Value::from)
    } else {
        Value::from(text.clone())
    };
    row.fields = row.fields.into_iter().map(|(name, value)| (name, renamed(value, old, text))).collect();
    Some(row)
}

/// The value with one id in place of another.
pub(super) fn renamed(value: Value, old: &str, new: &str) -> Value {
    match value {
        Value::String(text) if text == old => Value::from(new),
        // Short ids stand in longer texts by chance.
        Value::String(text) if old.len() >= 4 && text.contains(old) => Value::from(text.replace(old, new)),
        Value::String(text) => Value::String(replace_path_segment(&text, old, new)),
        Value::Number(ref number) if number.to_string() == old => new.parse::<i64>().map_or(value, Value::from),
        Value::Array(items) => Value::Array(items.into_iter().map(|item| renamed(item, old, new)).collect()),
        Value::Object(object) => object.into_iter().map(|(name, value)| (name, renamed(value, old, new))).collect(),
        other => other,
    }
}

/// In a URL an id stands between slashes, however short it is.
fn replace_path_segment(text: &str, old: &str, new: &str) -> String {
    if !text.contains('/') || !text.split(['/', '?', '#']).any(|part| part == old) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + new.len());
    for (i, part) in text.split('/').enumerate() {
        if i > 0 {
            out.push('/');
        }
        out.push_str(if part == old { new } else { part });
    }
    out
}
