//! Whatever the twin says of an endpoint fits what was learned of it.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use understudy_contract::twin::{Behaviour, Context, Journal, State, Wish, answer_as};
use understudy_contract::{Body, Contract, Exchange, Headers, Model, Request, Response};

/// What a member of a thing can be.
#[derive(Debug, Clone)]
enum Kind {
    Integer,
    Float,
    Text,
    Word(Vec<&'static str>),
    Truth,
    Time,
    Date,
    Mail,
    Link,
    Uuid,
    Ip,
    List(Box<Kind>),
    Record(Vec<Member>),
    Map,
}

/// A member that is there, and null, in so many of 8 things.
#[derive(Debug, Clone)]
struct Member {
    name: String,
    kind: Kind,
    there: u64,
    null: u64,
}

fn kind() -> impl Strategy<Value = Kind> {
    let leaf = prop_oneof![
        Just(Kind::Integer),
        Just(Kind::Float),
        Just(Kind::Text),
        Just(Kind::Word(vec!["open", "closed", "draft"])),
        Just(Kind::Truth),
        Just(Kind::Time),
        Just(Kind::Date),
        Just(Kind::Mail),
        Just(Kind::Link),
        Just(Kind::Uuid),
        Just(Kind::Ip),
        Just(Kind::Map),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|kind| Kind::List(Box::new(kind))),
            prop::collection::vec(member(inner), 1..4).prop_map(Kind::Record),
        ]
    })
}

fn member(kind: impl Strategy<Value = Kind>) -> impl Strategy<Value = Member> {
    (0_u32..12, kind, 3_u64..10, 0_u64..4).prop_map(|(name, kind, there, null)| Member {
        name: ["title", "state", "owner", "size", "url", "note", "tags", "at", "email", "extra", "meta", "count"]
            [name as usize]
            .to_owned(),
        kind,
        there,
        null: null.saturating_sub(2),
    })
}

/// SplitMix64.
fn mix(a: u64, b: u64) -> u64 {
    let mut x = a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b.wrapping_add(0x2545_f491_4f6c_dd1d);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn value(kind: &Kind, n: u64) -> Value {
    match kind {
        Kind::Integer => json!(n % 1000),
        Kind::Float => json!((n % 1000) as f64 + 0.5),
        Kind::Text => json!(format!("some text {}", n % 10_000)),
        Kind::Word(words) => json!(words[(n % words.len() as u64) as usize]),
        Kind::Truth => json!(n.is_multiple_of(2)),
        Kind::Time => json!(format!("2026-03-{:02}T10:{:02}:00Z", 1 + n % 28, n % 60)),
        Kind::Date => json!(format!("2026-04-{:02}", 1 + n % 28)),
        Kind::Mail => json!(format!("user{}@example.com", n % 999)),
        Kind::Link => json!(format!("https://example.com/p/{}", n % 999)),
        Kind::Uuid => json!(format!("{:08x}-5a57-4c39-9f6a-0b8a2f9f6d11", n % 0xffff_ffff)),
        Kind::Ip => json!(format!("10.0.{}.{}", n % 200, n % 190)),
        Kind::List(inner) => (0..n % 4).map(|i| value(inner, mix(n, i))).collect(),
        Kind::Record(members) => record(members, n),
        Kind::Map => (0..2).map(|i| (format!("k-{:x}", mix(n, i) % 100_000), json!(mix(n, i) % 50))).collect(),
    }
}

fn record(members: &[Member], n: u64) -> Value {
    let mut out = Map::new();
    for (i, member) in members.iter().enumerate() {
        let own = mix(n, i as u64);
        if own % 8 < member.there {
            let null = mix(own, 1) % 8 < member.null;
            out.insert(member.name.clone(), if null { Value::Null } else { value(&member.kind, mix(own, 2)) });
        }
    }
    Value::Object(out)
}

fn request(method: &str, target: &str) -> Request {
    Request { method: method.into(), target: target.into(), ..Request::default() }
}

/// Things as an API shows them: alone, in lists, and some that are not there.
fn recorded(members: &[Member], seed: u64, things: u64) -> (Contract, Journal) {
    let thing = |id: u64| {
        let mut thing = json!({ "id": id });
        let own = record(members, mix(seed, id));
        thing.as_object_mut().expect("an object").extend(own.as_object().expect("an object").clone());
        thing
    };
    let mut model = Model::default();
    let mut journal = Journal::default();
    let mut say = |target: String, status: u16, body: Value| {
        let id = journal.exchanges().count() as u64;
        let headers = Headers(vec![("content-type".into(), "application/json".into())]);
        let body = Body { bytes: Bytes::from(body.to_string()), truncated: false };
        let response = Response { status, headers, body };
        let request = request("GET", &target);
        let exchange = Exchange { id, received_at_ms: 1_750_000_000_000 + id, latency_us: 10, request, response };
        model.learn(&exchange);
        journal.push(exchange);
    };
    for id in 1..=things {
        say(format!("/things/{id}"), 200, thing(id));
    }
    say("/things/9999".into(), 404, json!({ "error": "unknown", "code": 404 }));
    say("/things".into(), 200, json!({ "items": (1..=things).map(thing).collect::<Vec<_>>(), "total": things }));
    (model.contract(), journal)
}

/// Asks for things, seen and not, and for the list, with and without a wished status.
fn ask_and_check(contract: &Contract, behaviour: &Behaviour, seed: u64) -> Result<(), TestCaseError> {
    let mint = understudy_contract::twin::credential_like;
    let context = Context { now_ms: 1_760_000_000_000, seed, min_confidence: 0.0, mint: &mint, make: None };
    let mut state = State::initial(behaviour);
    let targets = ["/things/1", "/things/2", "/things/70001", "/things/70002", "/things/9999", "/things"];
    for (target, status) in
        targets.into_iter().flat_map(|target| [(target, None), (target, Some(200)), (target, Some(404))])
    {
        let wish = Wish { status, example: None };
        let asked = request("GET", target);
        let said =
            answer_as(contract, behaviour, &mut state, &asked, &context, &wish).expect("a learned endpoint").answer;
        let endpoint = contract.find("GET", target).expect("a learned endpoint").endpoint;
        let responses: Vec<_> = endpoint.responses().filter(|response| response.status == said.status).collect();
        let Some(body) = responses.first().and_then(|response| response.bodies.first()) else { continue };
        let schema = body.schema();
        let said: Value = serde_json::from_slice(&said.body).expect("JSON");
        let validator = jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
        let wrong: Vec<String> =
            validator.iter_errors(&said).map(|error| format!("{}: {error}", error.instance_path())).collect();
        prop_assert!(wrong.is_empty(), "{target} {status:?}: {wrong:?}\nschema {schema}\nsaid {said}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_answer_fits_the_learned_schema(
        members in prop::collection::vec(member(kind()), 1..7),
        seed in any::<u64>(),
        things in 1_u64..40,
    ) {
        let (contract, journal) = recorded(&members, seed, things);
        ask_and_check(&contract, &Behaviour::mine(&journal, &contract), seed)?;
        // The journal forgets, the schema stays.
        ask_and_check(&contract, &Behaviour::mine(&Journal::default(), &contract), seed)?;
    }
}

#[test]
fn an_array_field_that_is_a_number_elsewhere_gets_no_numbers_into_it() {
    let member = |name: &str, kind: Kind| Member { name: name.to_owned(), kind, there: 3, null: 0 };
    let title = || member("title", Kind::Integer);
    let list = member("extra", Kind::List(Box::new(Kind::Time)));
    let members = [title(), title(), title(), list, member("extra", Kind::Integer)];
    let seed = 2_356_296_633_992_808_219;
    let (contract, journal) = recorded(&members, seed, 3);
    ask_and_check(&contract, &Behaviour::mine(&journal, &contract), seed).unwrap();
}
