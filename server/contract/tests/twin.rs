//! The twin beside the truth: a small API is recorded on random journeys, then both go on from the same state with fresh
//! data and must say the same.

mod stage;

use bytes::Bytes;
use serde_json::{Value, json};
use stage::{Draw, Recording, Reply, play, request};
use understudy_contract::twin::{Behaviour, Refusal, State};
use understudy_contract::{Contract, Headers, Request};

/// A library: books with counted ids, and the reviews of each book. Lists are filtered and paged.
#[derive(Default)]
struct Library {
    books: Vec<Value>,
    reviews: Vec<Value>,
    books_made: i64,
    reviews_made: i64,
}

fn number(value: &Value) -> String {
    value.to_string()
}

impl Library {
    fn call(&mut self, method: &str, target: &str, body: Option<&Value>) -> Reply {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        match (method, segments.as_slice()) {
            ("GET", ["books"]) => self.list(query),
            ("POST", ["books"]) => self.create(body),
            (_, ["books", id]) => self.item(method, id, body),
            ("GET", ["books", id, "reviews"]) => self.reviews_of(id),
            ("POST", ["books", id, "reviews"]) => self.review(id, body),
            _ => (404, json!({"error": "no such page"})),
        }
    }

    fn list(&self, query: &str) -> Reply {
        let get = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let number = |name: &str| get(name).and_then(|text| text.parse::<usize>().ok());
        let all = self.books.iter().filter(|book| get("genre").is_none_or(|genre| book["genre"] == genre));
        let all: Vec<&Value> = all.collect();
        let page: Vec<&Value> =
            all.iter().copied().skip(number("offset").unwrap_or(0)).take(number("limit").unwrap_or(5)).collect();
        (200, json!({"items": page, "total": all.len()}))
    }

    fn create(&mut self, body: Option<&Value>) -> Reply {
        let Some(title) = body.and_then(|body| body["title"].as_str()).filter(|title| !title.is_empty()) else {
            return (422, json!({"error": "invalid", "fields": {"title": "is required"}}));
        };
        self.books_made += 1;
        let genre = body.map_or(Value::Null, |body| body["genre"].clone());
        let book = json!({"id": self.books_made, "title": title, "genre": genre, "lent": false});
        self.books.push(book.clone());
        (201, book)
    }

    fn item(&mut self, method: &str, id: &str, body: Option<&Value>) -> Reply {
        let Some(at) = self.books.iter().position(|book| number(&book["id"]) == id) else {
            return (404, json!({"error": "book not found"}));
        };
        match method {
            "GET" => (200, self.books[at].clone()),
            "PATCH" => {
                for (name, value) in body.and_then(Value::as_object).into_iter().flatten() {
                    self.books[at][name] = value.clone();
                }
                (200, self.books[at].clone())
            }
            _ => {
                let book = self.books.remove(at);
                self.reviews.retain(|review| review["bookId"] != book["id"]);
                (204, Value::Null)
            }
        }
    }

    fn reviews_of(&self, id: &str) -> Reply {
        if !self.books.iter().any(|book| number(&book["id"]) == id) {
            return (404, json!({"error": "book not found"}));
        }
        let own: Vec<&Value> = self.reviews.iter().rev().filter(|review| number(&review["bookId"]) == id).collect();
        (200, json!({"reviews": own}))
    }

    fn review(&mut self, id: &str, body: Option<&Value>) -> Reply {
        let Some(book) = self.books.iter().find(|book| number(&book["id"]) == id) else {
            return (404, json!({"error": "book not found"}));
        };
        self.reviews_made += 1;
        let review = json!({"id": self.reviews_made, "bookId": book["id"], "text": body.map_or(Value::Null, |b| b["text"].clone()), "stars": body.map_or(Value::Null, |b| b["stars"].clone())});
        self.reviews.push(review.clone());
        (201, review)
    }
}

/// The next call of a client who knows the ids it was given.
fn next_call(draw: &mut Draw, ids: &[i64]) -> (&'static str, String, Option<Value>) {
    let genres = ["crime", "poetry", "essay"];
    let genre = genres[usize::try_from(draw.below(3)).expect("small")];
    let known = |draw: &mut Draw| {
        ids.get(usize::try_from(draw.below(ids.len().max(1) as u64)).expect("small")).copied().unwrap_or(1)
    };
    match draw.below(12) {
        0 | 1 => ("POST", "/books".into(), Some(json!({"title": draw.word(), "genre": genre}))),
        2 => ("POST", "/books".into(), Some(json!({"genre": genre}))),
        3 => ("GET", "/books".into(), None),
        4 => ("GET", format!("/books?genre={genre}&limit=2"), None),
        5 => ("GET", format!("/books?limit=3&offset={}", draw.below(4)), None),
        6 => ("GET", format!("/books/{}", known(draw)), None),
        7 => ("GET", format!("/books/{}", 100_000 + draw.below(1000)), None),
        8 => ("PATCH", format!("/books/{}", known(draw)), Some(json!({"lent": draw.below(2) == 0}))),
        9 => (
            "POST",
            format!("/books/{}/reviews", known(draw)),
            Some(json!({"text": draw.word(), "stars": draw.below(6)})),
        ),
        10 => ("GET", format!("/books/{}/reviews", known(draw)), None),
        _ => ("DELETE", format!("/books/{}", known(draw)), None),
    }
}

/// A library with its recording of so many random calls.
fn recorded(seed: u64, calls: usize) -> (Library, Contract, Behaviour, Vec<i64>) {
    let (mut library, mut draw, mut ids) = (Library::default(), Draw(seed), Vec::new());
    let mut recording = Recording::default();
    for _ in 0..calls {
        let (method, target, body) = next_call(&mut draw, &ids);
        let reply = library.call(method, &target, body.as_ref());
        if method == "POST" && target == "/books" && reply.0 == 201 {
            ids.extend(reply.1["id"].as_i64());
        }
        recording.note(request(method, &target, body.as_ref()), &reply);
    }
    let contract = recording.model.contract();
    let behaviour = Behaviour::mine(&recording.journal, &contract);
    (library, contract, behaviour, ids)
}

#[test]
fn the_twin_goes_on_where_the_api_stopped() {
    let (mut calls, mut wrong) = (0, Vec::new());
    for seed in 0..40 {
        let (mut library, contract, behaviour, mut ids) = recorded(seed, 300);
        let mut state = State::initial(&behaviour);
        let mut draw = Draw(seed + 1_000_000);
        for _ in 0..60 {
            let (method, target, body) = next_call(&mut draw, &ids);
            let truth = library.call(method, &target, body.as_ref());
            let said = play(&contract, &behaviour, &mut state, &request(method, &target, body.as_ref()))
                .expect("a learned endpoint");
            let said = (said.status, serde_json::from_slice(&said.body).unwrap_or(Value::Null));
            if method == "POST" && target == "/books" && truth.0 == 201 {
                ids.extend(truth.1["id"].as_i64());
            }
            calls += 1;
            if said != truth {
                wrong.push(format!("seed {seed}: {method} {target} {body:?}\n  truth {truth:?}\n  twin  {said:?}"));
            }
        }
    }
    assert!(
        wrong.len() * 100 <= calls,
        "{} of {calls} answers differ, for example\n{}",
        wrong.len(),
        wrong[..wrong.len().min(6)].join("\n")
    );
}

#[test]
fn the_same_question_in_the_same_state_gets_the_same_answer() {
    let (_, contract, behaviour, _) = recorded(5, 200);
    let ask = || {
        let mut state = State::initial(&behaviour);
        let body = json!({"title": "once", "genre": "essay"});
        let made = play(&contract, &behaviour, &mut state, &request("POST", "/books", Some(&body)));
        (made, play(&contract, &behaviour, &mut state, &request("GET", "/books?limit=50", None)))
    };
    assert_eq!(ask(), ask());
}

/// A copy of a state remembers no answers, so it has to compose each one.
#[test]
fn what_is_repeated_is_what_would_be_composed() {
    for seed in 0..5 {
        let (_, contract, behaviour, ids) = recorded(seed, 200);
        let mut draw = Draw(seed + 2_000_000);
        let mut state = State::initial(&behaviour);
        let mut forgetful = state.clone();
        for _ in 0..200 {
            let (method, target, body) = next_call(&mut draw, &ids);
            let asked = request(method, &target, body.as_ref());
            forgetful = forgetful.clone();
            let composed = play(&contract, &behaviour, &mut forgetful, &asked);
            assert_eq!(play(&contract, &behaviour, &mut state, &asked), composed, "{method} {target}");
        }
    }
}

#[test]
fn a_path_that_was_never_seen_is_refused_with_the_reason() {
    let (_, contract, behaviour, _) = recorded(5, 200);
    let refusal = play(&contract, &behaviour, &mut State::initial(&behaviour), &request("GET", "/members", None));
    assert!(matches!(refusal, Err(Refusal::UnknownEndpoint { .. })), "{refusal:?}");
}

/// What a recording of these calls makes the twin say to one more: `(method, target, media type, body, status, answer)`.
fn after(calls: &[(&str, &str, &str, &str, u16, &str)], asked: &Request) -> (u16, String) {
    let mut recording = Recording::default();
    for (method, target, kind, body, status, reply) in calls {
        let mut request = request(method, target, None);
        request.headers = Headers(vec![("content-type".to_owned(), (*kind).to_owned())]);
        request.body.bytes = Bytes::from((*body).to_owned());
        recording.note(request, &(*status, serde_json::from_str(reply).expect("JSON")));
    }
    let contract = recording.model.contract();
    let behaviour = Behaviour::mine(&recording.journal, &contract);
    let answer = play(&contract, &behaviour, &mut State::initial(&behaviour), asked).expect("a learned endpoint");
    (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
}

#[test]
fn a_path_that_says_the_status_gets_it() {
    let calls = [200, 404, 503].map(|status| (format!("/status/{status}"), status));
    let calls = calls.each_ref().map(|(target, status)| ("GET", target.as_str(), "", "", *status, "{}"));
    assert_eq!(after(&calls, &request("GET", "/status/404", None)).0, 404);
    assert_eq!(after(&calls, &request("GET", "/status/418", None)).0, 418);
}

#[test]
fn json_and_forms_are_echoed_each_in_its_place() {
    let form = "application/x-www-form-urlencoded";
    let json = "application/json";
    let calls = [
        ("POST", "/post", json, r#"{"name":"amber"}"#, 200, r#"{"form":{},"json":{"name":"amber"}}"#),
        ("POST", "/post", form, "name=cedar", 200, r#"{"form":{"name":"cedar"},"json":null}"#),
        ("POST", "/post", json, r#"{"name":"birch"}"#, 200, r#"{"form":{},"json":{"name":"birch"}}"#),
        ("POST", "/post", form, "name=dahlia", 200, r#"{"form":{"name":"dahlia"},"json":null}"#),
    ];
    let asked = request("POST", "/post", Some(&json!({"name": "elder"})));
    assert_eq!(after(&calls, &asked), (200, r#"{"form":{},"json":{"name":"elder"}}"#.to_owned()));
}

#[test]
fn reading_an_unseen_id_changes_nothing() {
    let mut recording = Recording::default();
    let item = |id: u64| json!({"id": id, "name": format!("thing {id}")});
    for id in 1..=4 {
        recording.note(request("GET", &format!("/things/{id}"), None), &(200, item(id)));
    }
    recording.note(request("GET", "/things", None), &(200, json!([item(1), item(2), item(3), item(4)])));
    let contract = recording.model.contract();
    let behaviour = Behaviour::mine(&recording.journal, &contract);
    let mut state = State::initial(&behaviour);
    let mut read =
        |target: &str| play(&contract, &behaviour, &mut state, &request("GET", target, None)).expect("learned").body;
    let list = read("/things");
    let unseen = read("/things/77");
    let body: Value = serde_json::from_slice(&unseen).expect("JSON");
    assert_eq!(body["id"], 77);
    assert_eq!(read("/things/77"), unseen);
    assert_eq!(read("/things"), list);
}
