//! What was learned can be taken to other tools, and is there what it was here.

use serde_json::{Value, json};
use understudy_contract::export::{Format, Source, export};
use understudy_contract::import::import;
use understudy_contract::twin::{Behaviour, Journal};
use understudy_contract::{Body, Contract, Exchange, Headers, Model, Request, Response};

/// What somebody did with a small API that wants credentials for what writes.
fn shop() -> Vec<Exchange> {
    let user = |id: u64| json!({ "id": id, "name": format!("user {id}"), "tags": ["a"], "note": null });
    let missing = json!({ "error": "no such user" });
    let new = json!({ "name": "user 4", "tags": [] });
    let mut all = Vec::new();
    let mut say = |method: &str, target: &str, key: bool, sent: Option<&Value>, status: u16, answer: Option<&Value>| {
        let (n, json) = (all.len() as u64, ("content-type".to_owned(), "application/json".to_owned()));
        let mut headers: Vec<_> = sent.map(|_| json.clone()).into_iter().collect();
        headers.extend(key.then(|| ("authorization".to_owned(), "Bearer redacted-token".to_owned())));
        let body = |value: Option<&Value>| Body {
            bytes: value.map_or_else(Default::default, |value| value.to_string().into()),
            truncated: false,
        };
        let moment = ("date".to_owned(), format!("Mon, 01 Jan 2024 00:00:{:02} GMT", n % 60));
        all.push(Exchange {
            id: n,
            received_at_ms: 1_700_000_000_000 + n,
            latency_us: 1000,
            request: Request {
                method: method.into(),
                target: target.into(),
                headers: Headers(headers),
                body: body(sent),
            },
            response: Response {
                status,
                headers: Headers(answer.map(|_| json).into_iter().chain([moment]).collect()),
                body: body(answer),
            },
        });
    };
    let users = json!([user(1), user(2), user(3)]);
    say("GET", "/users", false, None, 200, Some(&users));
    say("GET", "/users?page=2&q=a%20b", false, None, 200, Some(&json!([])));
    for id in 1..=3 {
        say("GET", &format!("/users/{id}"), false, None, 200, Some(&user(id)));
    }
    for id in [77, 78, 79] {
        say("GET", &format!("/users/{id}"), false, None, 404, Some(&missing));
    }
    say("GET", "/users/me", false, None, 200, Some(&user(1)));
    say("GET", "/users/me", false, None, 200, Some(&user(1)));
    let refused = json!({ "error": "who are you?" });
    say("POST", "/users", false, Some(&new), 401, Some(&refused));
    say("POST", "/users", false, Some(&new), 401, Some(&refused));
    say("POST", "/users", true, Some(&new), 201, Some(&user(4)));
    say("DELETE", "/users/4", true, None, 204, None);
    all
}

struct Learned {
    contract: Contract,
    behaviour: Behaviour,
}

impl Learned {
    fn of<'e>(exchanges: impl IntoIterator<Item = &'e Exchange>) -> Self {
        let (mut model, mut journal) = (Model::default(), Journal::default());
        for exchange in exchanges {
            model.learn(exchange);
            journal.push(exchange.clone());
        }
        let contract = model.contract();
        let behaviour = Behaviour::mine(&journal, &contract);
        Self { contract, behaviour }
    }

    fn export(&self, format: Format) -> String {
        let Self { contract, behaviour } = self;
        export(&Source { contract, behaviour, title: "shop", base_url: "http://shop.example" }, format)
    }

    fn json(&self, format: Format) -> Value {
        serde_json::from_str(&self.export(format)).expect("JSON")
    }
}

/// `GET /a 200 {…}` of each exchange that an export holds, by our own importer, sorted.
fn carried(document: &Value) -> Vec<String> {
    let read = import(document, 0).unwrap_or_else(|error| panic!("{error}"));
    let line = |exchange: &Exchange| {
        let body = String::from_utf8_lossy(&exchange.response.body.bytes).into_owned();
        format!("{} {} {} {body}", exchange.request.method, exchange.request.target, exchange.response.status)
    };
    let mut lines: Vec<String> = read.exchanges.iter().map(line).collect();
    lines.sort();
    lines.dedup();
    lines
}

#[test]
fn what_is_exported_can_be_imported() {
    let learned = Learned::of(&shop());
    for format in [Format::WireMock, Format::Hoverfly, Format::Postman] {
        let lines = carried(&learned.json(format));
        for expected in [
            r#"GET /users/2 200 {"id":2,"name":"user 2","tags":["a"],"note":null}"#,
            r#"GET /users/79 404 {"error":"no such user"}"#,
            "DELETE /users/4 204 ",
            r#"POST /users 201 {"id":4,"name":"user 4","tags":["a"],"note":null}"#,
            r#"POST /users 401 {"error":"who are you?"}"#,
        ] {
            assert!(lines.iter().any(|line| line == expected), "{format:?} lacks {expected}: {lines:#?}");
        }
        let paged = |line: &&String| line.starts_with("GET /users?page=2&q=a") && line.ends_with(" 200 []");
        assert_eq!(lines.iter().filter(paged).count(), 1, "{format:?}: {lines:#?}");
    }
}

#[test]
fn the_same_knowledge_gives_the_same_text() {
    let (one, other) = (Learned::of(&shop()), Learned::of(shop().iter().rev()));
    for format in Format::ALL {
        assert_eq!(one.export(format), other.export(format), "{format:?}");
    }
}

#[test]
fn nothing_of_the_moment_and_no_credential_is_in_it() {
    let learned = Learned::of(&shop());
    for format in Format::ALL {
        let text = learned.export(format);
        assert!(!text.contains("2024") && !text.contains("redacted-token"), "{format:?}: {text}");
    }
}

/// Of the stubs that fit, WireMock gives the one with the lowest number.
#[test]
fn stubs_are_asked_in_the_order_in_which_they_are_certain() {
    let document = Learned::of(&shop()).json(Format::WireMock);
    let stubs = document["mappings"].as_array().expect("stubs");
    let of = |key: &str, value: &str, method: &str| {
        let fits = |stub: &&Value| stub["request"][key] == value && stub["request"]["method"] == method;
        stubs.iter().filter(fits).cloned().collect::<Vec<_>>()
    };
    let [other] = &of("urlPathTemplate", "/users/{id}", "GET")[..] else { panic!("{stubs:#?}") };
    assert_eq!(other["response"]["status"], 404);
    let [known] = &of("urlPath", "/users/2", "GET")[..] else { panic!("{stubs:#?}") };
    assert!(known["priority"].as_u64() < other["priority"].as_u64());
    let [me] = &of("url", "/users/me", "GET")[..] else { panic!("{stubs:#?}") };
    assert!(me["priority"].as_u64() < known["priority"].as_u64());
    let door = of("urlPath", "/users", "POST");
    let door = door.iter().find(|stub| stub["request"]["headers"]["Authorization"]["absent"] == true).expect("a door");
    assert_eq!((&door["response"]["status"], &door["priority"]), (&json!(401), &json!(1)));
}

#[test]
fn definitions_are_valid_and_accept_what_was_seen() {
    let learned = Learned::of(&shop());
    let document = learned.json(Format::JsonSchema);
    assert!(jsonschema::meta::is_valid(&document), "{document:#}");
    let check = |name: &str, value: &Value, expected: bool| {
        let mut schema = document.clone();
        schema["$ref"] = json!(format!("#/$defs/{name}"));
        assert_eq!(jsonschema::is_valid(&schema, value), expected, "{name}: {value} in {document:#}");
    };
    let user = json!({ "id": 1, "name": "x", "tags": ["a"], "note": null });
    check("GetUsersByIdResponse200", &user, true);
    check("GetUsersByIdResponse200", &json!({ "id": "one" }), false);
    check("PostUsersRequest", &json!({ "name": "x", "tags": [] }), true);
    check("GetUsersByIdParameters", &json!({ "path": { "id": 1 } }), true);
    check("GetUsersByIdParameters", &json!({ "path": {} }), false);
}

#[test]
fn types_name_every_endpoint() {
    let text = Learned::of(&shop()).export(Format::TypeScript);
    for line in [
        r#"  "GET /users/{id}": GetUsersById;"#,
        r#"  "POST /users": PostUsers;"#,
        "export interface GetUsersById {",
        "    404: {",
        "    204: undefined;",
    ] {
        assert!(text.lines().any(|known| known == line), "{line} is not in {text}");
    }
}

#[test]
fn what_was_learned_cannot_become_code() {
    let mut exchanges = shop();
    let evil = "/*/\n`${process.exit()}` */ \u{2028}\"</script>";
    let at = exchanges.len() as u64;
    for n in 0..3 {
        let mut exchange = exchanges[0].clone();
        exchange.id = at + n;
        exchange.request.target = "/evil".into();
        exchange.response.body.bytes = json!({ evil: evil }).to_string().into();
        exchanges.push(exchange);
    }
    let learned = Learned::of(&exchanges);
    for format in [Format::Msw, Format::K6, Format::TypeScript] {
        let text = learned.export(format);
        // As a literal it has no line break and no open quote.
        let literal = json!(evil).to_string();
        let rest = text.replace(&literal, "").replace(&json!(literal).to_string(), "");
        assert!(!rest.contains("process.exit"), "{format:?}: {text}");
    }
}
