//! Learned validation against a true one: an API with a dozen checks, some 150 recorded calls, then 500 new bodies.

mod stage;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use stage::{Recording, Reply, request};

/// Numbers that look random, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    fn word(&mut self, length: usize) -> String {
        (0..length).map(|_| char::from(b'a' + u8::try_from(self.below(26)).unwrap())).collect()
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }
}

const STATES: [&str; 4] = ["open", "doing", "done", "dropped"];

/// The API: teams with numbers, tickets in teams.
#[derive(Default)]
struct Desk {
    teams: u64,
    tickets: BTreeMap<String, Value>,
}

impl Desk {
    fn add_team(&mut self, name: &str) -> Reply {
        self.teams += 1;
        (201, json!({"id": self.teams, "name": name}))
    }

    fn add_ticket(&mut self, body: &Value) -> Reply {
        let faults = self.faults(body);
        if !faults.is_empty() {
            return (422, json!({"message": "validation failed", "errors": faults}));
        }
        let id = self.tickets.len() as u64 + 1;
        let mut row = body.clone();
        row["id"] = json!(id);
        self.tickets.insert(body["slug"].as_str().unwrap().to_owned(), row.clone());
        (201, row)
    }

    fn faults(&self, body: &Value) -> Map<String, Value> {
        let mut out = Map::new();
        let mut check = |name: &str, needed: bool, test: &dyn Fn(&Value) -> Option<String>| {
            let fault = match body.get(name) {
                None => needed.then(|| "is required".to_owned()),
                Some(Value::Null) => Some("must not be null".to_owned()),
                Some(value) => test(value),
            };
            out.extend(fault.map(|fault| (name.to_owned(), json!([fault]))));
        };
        check("title", true, &|value| match value.as_str() {
            None => Some("must be a string".to_owned()),
            Some(text) if text.trim().is_empty() => Some("must not be blank".to_owned()),
            Some(text) => (text.chars().count() > 30).then(|| "must have at most 30 characters".to_owned()),
        });
        check("slug", true, &|value| match value.as_str() {
            None => Some("must be a string".to_owned()),
            Some(text) if !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') || text.is_empty() => {
                Some(format!("'{text}' is no slug of letters, digits and dashes"))
            }
            Some(text) => self.tickets.contains_key(text).then(|| format!("'{text}' is already taken")),
        });
        check("state", false, &|value| {
            let text = value.as_str().unwrap_or("?");
            (!STATES.contains(&text)).then(|| format!("{value} is not a valid choice"))
        });
        check("weight", true, &|value| match value.as_i64() {
            None => Some("must be a whole number".to_owned()),
            Some(n) if n < 1 => Some("must be at least 1".to_owned()),
            Some(n) => (n > 100).then(|| "must be at most 100".to_owned()),
        });
        check("mail", false, &|value| {
            let good = value.as_str().and_then(|text| text.split_once('@')).is_some_and(|(_, host)| host.contains('.'));
            (!good).then(|| "is not a valid email address".to_owned())
        });
        check("team", true, &|value| match value.as_u64() {
            None => Some("must be a whole number".to_owned()),
            Some(id) => (id == 0 || id > self.teams).then(|| format!("team {id} does not exist")),
        });
        out
    }
}

fn good(dice: &mut Dice, teams: u64) -> Value {
    let length = 3 + dice.below(9);
    let mut body = json!({
        "title": format!("{} {}", dice.word(length), dice.word(6)),
        "slug": format!("{}-{}", dice.word(5), dice.below(1000)),
        "weight": 1 + dice.below(100),
        "team": 1 + dice.below(usize::try_from(teams).unwrap()),
    });
    if dice.below(3) > 0 {
        body["state"] = json!(dice.of(&STATES));
    }
    if dice.below(2) > 0 {
        body["mail"] = json!(format!("{}@{}.test", dice.word(5), dice.word(4)));
    }
    body
}

fn spoil(dice: &mut Dice, body: &mut Value, taken: &[String]) {
    let (name, value) = match dice.below(17) {
        0 => ("title", json!("")),
        1 => ("title", json!(dice.word(31))),
        2 => ("title", json!(dice.below(90))),
        3 => ("title", Value::Null),
        4 => ("slug", json!(format!("{} {}", dice.word(4), dice.word(3)))),
        5 | 6 => ("slug", json!(dice.of(taken))),
        7 | 8 => ("state", json!(dice.word(5))),
        9 => ("weight", json!(101 + dice.below(50))),
        10 => ("weight", json!(-(dice.below(9) as i64))),
        11 => ("weight", json!(dice.word(4))),
        12 | 13 => ("mail", json!(dice.word(8))),
        14 => ("team", json!(5000 + dice.below(900))),
        15 => ("team", json!(dice.word(3))),
        _ => {
            let name = dice.of(&["title", "slug", "weight", "team"]);
            body.as_object_mut().unwrap().shift_remove(name);
            return;
        }
    };
    body[name] = value;
}

#[test]
fn five_hundred_new_bodies_are_judged_as_the_api_would() {
    let (mut dice, mut desk, mut recording) = (Dice(7), Desk::default(), Recording::default());
    for n in 0..6 {
        let body = json!({"name": format!("team {n}")});
        let reply = desk.add_team(&format!("team {n}"));
        recording.note(request("POST", "/teams", Some(&body)), &reply);
        recording.note(request("GET", &format!("/teams/{}", n + 1), None), &(200, reply.1));
    }
    for n in 0..138 {
        let mut body = good(&mut dice, desk.teams);
        if n > 5 && n % 2 == 0 {
            let taken: Vec<String> = desk.tickets.keys().cloned().collect();
            spoil(&mut dice, &mut body, &taken);
        }
        let reply = desk.add_ticket(&body);
        recording.note(request("POST", "/tickets", Some(&body)), &reply);
        if reply.0 == 201 && n % 8 == 1 {
            recording.note(request("GET", &format!("/tickets/{}", reply.1["id"]), None), &(200, reply.1));
        }
    }
    let mut twin = recording.twin();
    let (mut both, mut twin_only, mut api_only, mut same_words) = (0, 0, 0, 0);
    for n in 0..500 {
        let mut body = good(&mut dice, desk.teams);
        let taken: Vec<String> = desk.tickets.keys().cloned().collect();
        for _ in 0..[0, 1, 1, 2][n % 4] {
            spoil(&mut dice, &mut body, &taken);
        }
        let expected = desk.add_ticket(&body);
        let got = twin.says(&request("POST", "/tickets", Some(&body)));
        match (expected.0 == 422, got.0 == 422) {
            (true, true) => both += 1,
            (false, true) => twin_only += 1,
            (true, false) => api_only += 1,
            (false, false) => {}
        }
        same_words += usize::from(expected.0 == 422 && got.1 == expected.1);
    }
    let share = |part: usize, of: usize| part as f64 / of as f64;
    let (precision, recall) = (share(both, both + twin_only), share(both, both + api_only));
    let words = share(same_words, both + api_only);
    assert!(precision >= 0.9 && recall >= 0.9 && words >= 0.9, "{precision:.3} {recall:.3} {words:.3}");
}
