//! Journeys through a whole API: a client's run is recorded, then random journeys with fresh data are made through the API
//! and its twin side by side, and every answer is compared.

mod forum;
mod stage;

use std::collections::BTreeMap;

use forum::{Ask, Forum, Said};
use serde_json::{Value, json};
use stage::{Draw, Recording, request, with};
use understudy_contract::twin::{Behaviour, Context, State, answer};
use understudy_contract::{Contract, Request};

const JOURNEYS: u64 = 1_000;
const STEPS: usize = 20;
/// Journeys that are recorded.
const RECORDED: u64 = 30;
const RECORDED_STEPS: usize = 40;
/// Share of the answers whose `ETag` and `Location` are those of the API.
const FIELDS: f64 = 0.6;

/// A client: who it can be, and what it knows to be there.
#[derive(Clone, Default)]
struct Client {
    people: Vec<Person>,
    /// Posts and comments with the number of the person who wrote them.
    posts: Vec<(u64, usize)>,
    comments: Vec<(u64, usize)>,
    /// The version of each post as the client last saw it.
    versions: BTreeMap<u64, String>,
}

#[derive(Clone)]
struct Person {
    email: String,
    password: String,
    /// As the API and as its twin gave it.
    token: Option<(String, String)>,
}

/// A call with what it is called in the figures, and whose it is.
struct Step {
    name: &'static str,
    ask: Ask,
    who: Option<usize>,
}

impl Client {
    fn step(&self, draw: &mut Draw) -> Step {
        let signed: Vec<usize> = (0..self.people.len()).filter(|at| self.people[*at].token.is_some()).collect();
        if signed.is_empty() {
            return match self.people.is_empty() {
                true => self.register(draw),
                false => self.login(draw, self.people.len() - 1),
            };
        }
        let me = *draw.of(&signed);
        let mine = |all: &[(u64, usize)], draw: &mut Draw| {
            let own: Vec<u64> = all.iter().filter(|(_, of)| *of == me).map(|(id, _)| *id).collect();
            (!own.is_empty()).then(|| *draw.of(&own))
        };
        let any = |draw: &mut Draw| (!self.posts.is_empty()).then(|| draw.of(&self.posts).0);
        let unknown = |draw: &mut Draw| 500_000 + draw.below(1000);
        let step = |name, method, target: String, body: Option<Value>| Step {
            name,
            ask: Ask { method, target, body, ..Ask::default() },
            who: Some(me),
        };
        let own = mine(&self.posts, draw).unwrap_or_else(|| unknown(draw));
        let post = any(draw).unwrap_or_else(|| unknown(draw));
        match draw.below(32) {
            0 => self.register(draw),
            1 => self.login(draw, draw.0 as usize % self.people.len()),
            2 => step("register, refused", "POST", "/register".into(), Some(self.bad_person(draw))),
            3 => step(
                "login, refused",
                "POST",
                "/login".into(),
                Some(json!({"email": self.people[me].email, "password": draw.word()})),
            ),
            4 => step("me", "GET", "/me".into(), None),
            5 => Step { who: None, ..step("me, refused", "GET", "/me".into(), None) },
            6 => step("person", "GET", format!("/people/{}", 1 + draw.below(self.people.len() as u64)), None),
            7 => step("person, unknown", "GET", format!("/people/{}", unknown(draw)), None),
            8..=11 => {
                let mut body = json!({"title": format!("On {}", draw.word()), "text": draw.word()});
                if draw.below(2) == 0 {
                    body["tags"] = json!([draw.word(), draw.word()]);
                }
                step("post", "POST", "/posts".into(), Some(body))
            }
            12 => step("post, refused", "POST", "/posts".into(), Some(bad_post(draw))),
            13 => Step {
                who: None,
                ..step("post, unsigned", "POST", "/posts".into(), Some(json!({"title": draw.word(), "text": "x"})))
            },
            14 | 15 => step("read", "GET", format!("/posts/{post}"), None),
            16 => step("read, unknown", "GET", format!("/posts/{}", unknown(draw)), None),
            17 => step("list", "GET", "/posts".into(), None),
            18 => step("list by status", "GET", format!("/posts?status={}", draw.of(&["draft", "published"])), None),
            19 => step("list by author", "GET", format!("/posts?author={}&size=20", me + 1), None),
            20 => step("list a page", "GET", format!("/posts?page={}&size=3", 1 + draw.below(4)), None),
            21 => step("count", "GET", format!("/posts/count?status={}", draw.of(&["draft", "published"])), None),
            22 => step("change", "PATCH", format!("/posts/{own}"), Some(json!({"text": draw.word()}))),
            23 => step("change another's", "PATCH", format!("/posts/{post}"), Some(json!({"text": draw.word()}))),
            24 => step("change, refused", "PATCH", format!("/posts/{own}"), Some(json!({"title": "a"}))),
            25 => {
                let mut step = step("change a version", "PATCH", format!("/posts/{own}"), Some(json!({"tags": []})));
                let known = self.versions.get(&own).cloned().unwrap_or_else(|| "\"1\"".to_owned());
                step.ask.if_match = Some(if draw.below(3) == 0 { "\"777\"".to_owned() } else { known });
                step
            }
            26 => step("publish", "POST", format!("/posts/{own}/publish"), None),
            27 | 28 => step("comment", "POST", format!("/posts/{post}/comments"), Some(json!({"text": draw.word()}))),
            29 => step("comments", "GET", format!("/posts/{post}/comments"), None),
            30 => {
                let comment = mine(&self.comments, draw).unwrap_or_else(|| unknown(draw));
                step("remove a comment", "DELETE", format!("/comments/{comment}"), None)
            }
            _ => step("remove", "DELETE", format!("/posts/{own}"), None),
        }
    }

    fn register(&self, draw: &mut Draw) -> Step {
        let (name, password) = (draw.word(), format!("Pw-{}", draw.word()));
        let body = json!({"email": format!("{name}@mail.test"), "name": name, "password": password});
        Step {
            name: "register",
            ask: Ask { method: "POST", target: "/register".into(), body: Some(body), ..Ask::default() },
            who: None,
        }
    }

    fn bad_person(&self, draw: &mut Draw) -> Value {
        let (email, password) = (format!("{}@mail.test", draw.word()), format!("Pw-{}", draw.word()));
        match draw.below(4) {
            0 => json!({"email": draw.of(&self.people).email, "name": "Anybody", "password": password}),
            1 => json!({"email": email, "name": "Anybody"}),
            2 => json!({"email": email, "name": "x", "password": password}),
            _ => json!({"email": email, "name": "Anybody", "password": "short"}),
        }
    }

    fn login(&self, _: &mut Draw, at: usize) -> Step {
        let person = &self.people[at];
        let body = json!({"email": person.email, "password": person.password});
        Step {
            name: "login",
            ask: Ask { method: "POST", target: "/login".into(), body: Some(body), ..Ask::default() },
            who: None,
        }
    }

    /// Takes over what an answer says, of the API and of its twin.
    fn note(&mut self, step: &Step, truth: &Said, twin: &Said) {
        let body = step.ask.body.clone().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let id = truth.body["id"].as_u64();
        match (step.name, truth.status) {
            ("register", 201) => {
                self.people.push(Person {
                    email: text(&body["email"]),
                    password: text(&body["password"]),
                    token: None,
                });
            }
            ("login", 200) => {
                let tokens = (text(&truth.body["token"]), text(&twin.body["token"]));
                if let Some(person) = self.people.iter_mut().find(|one| one.email == body["email"]) {
                    person.token = Some(tokens);
                }
            }
            ("post", 201) => self.posts.extend(id.zip(step.who)),
            ("comment", 201) => self.comments.extend(id.zip(step.who)),
            _ => {}
        }
        let tag = truth.fields.iter().find(|(name, _)| *name == "etag");
        if let Some(((_, tag), id)) = tag.zip(id) {
            self.versions.insert(id, tag.clone());
        }
    }
}

fn bad_post(draw: &mut Draw) -> Value {
    match draw.below(4) {
        0 => json!({"text": draw.word()}),
        1 => json!({"title": "a", "text": draw.word()}),
        2 => json!({"title": draw.word().repeat(8), "text": draw.word()}),
        _ => json!({"title": "a"}),
    }
}

fn asked(ask: &Ask) -> Request {
    let mut made = request(ask.method, &ask.target, ask.body.as_ref());
    if let Some(token) = &ask.token {
        made = with(made, "authorization", &format!("Bearer {token}"));
    }
    match &ask.if_match {
        Some(tag) => with(made, "if-match", tag),
        None => made,
    }
}

/// A twin of a recorded run, with the API and the client as the run left them.
struct Stage {
    forum: Forum,
    client: Client,
    contract: Contract,
    behaviour: Behaviour,
}

fn recorded() -> Stage {
    let (mut forum, mut client, mut recording) = (Forum::default(), Client::default(), Recording::default());
    for seed in 0..RECORDED {
        let mut draw = Draw(seed);
        // Each run of the client is about people and posts of its own.
        client.people.truncate(0);
        client.posts.truncate(0);
        client.comments.truncate(0);
        for _ in 0..RECORDED_STEPS {
            let mut step = client.step(&mut draw);
            step.ask.token = step.who.and_then(|at| Some(client.people[at].token.clone()?.0));
            let truth = forum.answer(&step.ask, recording.now_ms());
            let fields: Vec<(&str, &str)> = truth.fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            recording.note_with(asked(&step.ask), &fields, &(truth.status, truth.body.clone()));
            client.note(&step, &truth, &truth);
        }
    }
    let contract = recording.model.contract();
    let behaviour = Behaviour::mine(&recording.journal, &contract);
    Stage { forum, client: Client::default(), contract, behaviour }
}

fn twin_says(stage: &Stage, state: &mut State, ask: &Ask, now_ms: u64) -> Said {
    let mint = understudy_contract::twin::credential_like;
    let context = Context { now_ms, seed: 1, min_confidence: 0.0, mint: &mint, make: None };
    let Ok(said) = answer(&stage.contract, &stage.behaviour, state, &asked(ask), &context) else {
        return Said { status: 501, fields: vec![], body: Value::Null };
    };
    let fields = ["etag", "location"].into_iter();
    let fields = fields.filter_map(|name| Some((name, said.headers.get(name)?.to_owned()))).collect();
    Said { status: said.status, fields, body: serde_json::from_slice(&said.body).unwrap_or(Value::Null) }
}

/// The same members with values of the same types.
fn same_shape(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, value)| b.get(name).is_some_and(|own| same_shape(value, own)))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.is_empty() == b.is_empty() && a.first().zip(b.first()).is_none_or(|(a, b)| same_shape(a, b))
        }
        _ => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}

/// Nobody can know a token beforehand.
fn predictable(said: &Said) -> Value {
    let mut body = said.body.clone();
    if let Some(token) = body.get_mut("token") {
        *token = json!("a token");
    }
    body
}

#[derive(Default)]
struct Tally {
    steps: usize,
    statuses: usize,
    shapes: usize,
    bodies: usize,
    /// Header fields that are the same.
    fields: usize,
    example: Option<String>,
}

#[test]
fn random_journeys_go_as_they_would_with_the_api() {
    let stage = recorded();
    let mut tallies: BTreeMap<&'static str, Tally> = BTreeMap::new();
    let mut whole = 0;
    for journey in 0..JOURNEYS {
        let mut draw = Draw(1_000_000 + journey);
        let (mut forum, mut client) = (stage.forum.clone(), stage.client.clone());
        let mut state = State::initial(&stage.behaviour);
        let mut all_right = true;
        for nth in 0..STEPS {
            let now_ms = 1_760_000_000_000 + nth as u64 * 1000;
            let mut step = client.step(&mut draw);
            let tokens = step.who.and_then(|at| client.people[at].token.clone()).unzip();
            let truth = forum.answer(&Ask { token: tokens.0, ..step.ask.clone() }, now_ms);
            step.ask.token = tokens.1;
            let twin = twin_says(&stage, &mut state, &step.ask, now_ms);
            let tally = tallies.entry(step.name).or_default();
            let right = truth.status == twin.status && predictable(&truth) == predictable(&twin);
            tally.steps += 1;
            tally.statuses += usize::from(truth.status == twin.status);
            tally.shapes += usize::from(same_shape(&truth.body, &twin.body));
            tally.bodies += usize::from(predictable(&truth) == predictable(&twin));
            tally.fields += usize::from(truth.fields == twin.fields);
            if !right && tally.example.is_none() {
                tally.example = Some(format!("{journey}: {:?}\n    truth {truth:?}\n    twin  {twin:?}", step.ask));
            }
            all_right &= right;
            client.note(&step, &truth, &twin);
        }
        whole += usize::from(all_right);
    }
    let sum = |of: fn(&Tally) -> usize| tallies.values().map(of).sum::<usize>();
    let steps = sum(|tally| tally.steps);
    let share = |of: fn(&Tally) -> usize| sum(of) as f64 / steps as f64;
    let (statuses, shapes) = (share(|tally| tally.statuses), share(|tally| tally.shapes));
    let (bodies, fields) = (share(|tally| tally.bodies), share(|tally| tally.fields));
    println!("{JOURNEYS} journeys, {steps} steps: {whole} journeys without a difference in status or body");
    println!("status {statuses:.4}, shape {shapes:.4}, body {bodies:.4}, header fields {fields:.4}");
    let mut examples = String::new();
    for (name, tally) in &tallies {
        println!("{name}: {} of {}, header fields {}", tally.bodies, tally.steps, tally.fields);
        tally.example.iter().for_each(|example| examples.push_str(&format!("{name}, {example}\n")));
    }
    assert!(statuses >= 0.999 && shapes >= 0.999 && bodies >= 0.999, "{examples}");
    assert!(fields >= FIELDS, "{fields}");
}
