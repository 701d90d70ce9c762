//! Ids that were never seen: an answer for one repeats it wherever the API repeats the id it is asked for.

mod stage;

use serde_json::{Value, json};
use stage::{Draw, Recording, request};

const UNSEEN: u64 = 1_000;

/// How an API names its rows.
type Form = fn(&mut Draw) -> String;

fn digits(draw: &mut Draw) -> String {
    (1_000 + draw.below(9_000_000)).to_string()
}

fn hex(draw: &mut Draw, length: usize) -> String {
    (0..length)
        .map(|_| char::from_digit(u32::try_from(draw.below(16)).expect("a digit"), 16).expect("a digit"))
        .collect()
}

fn uuid(draw: &mut Draw) -> String {
    [8, 4, 4, 4, 12].map(|length| hex(draw, length)).join("-")
}

fn object_id(draw: &mut Draw) -> String {
    hex(draw, 24)
}

fn prefixed(draw: &mut Draw) -> String {
    format!("crt_{}", hex(draw, 14))
}

fn word(draw: &mut Draw) -> String {
    format!("{}-{}", draw.word(), draw.word())
}

/// An id as JSON has it: numbers stay numbers.
fn value(id: &str) -> Value {
    id.parse::<u64>().map_or_else(|_| json!(id), |number| json!(number))
}

fn crate_of(id: &str, weight: u64) -> Value {
    json!({
        "id": value(id),
        "weight": weight,
        "label": format!("Crate {id}"),
        "links": {"self": format!("/crates/{id}"), "parts": format!("http://api.test/crates/{id}/parts?page=1")},
        "meta": {"about": {"crate_id": value(id)}},
    })
}

fn parts_of(id: &str, count: u64) -> Value {
    let part = |n: u64| json!({"no": n, "crateId": value(id), "url": format!("/crates/{id}/parts/{n}")});
    json!({"crate": value(id), "parts": (1..=count).map(part).collect::<Value>()})
}

fn label_of(id: &str) -> Value {
    json!({"for": value(id), "text": format!("Handle {id} with care"), "key": format!("labels/{id}.svg")})
}

/// Every text and number that stands where the recorded answers had the id: by JSON Pointer.
fn told<'v>(body: &'v Value, pointers: &[&str]) -> Vec<Option<&'v Value>> {
    pointers.iter().map(|pointer| body.pointer(pointer)).collect()
}

fn every_place_says(form: Form) {
    let mut draw = Draw(11);
    let mut recording = Recording::default();
    for n in 0..24 {
        let id = form(&mut draw);
        recording.note(request("GET", &format!("/crates/{id}"), None), &(200, crate_of(&id, n * 3)));
        recording.note(request("GET", &format!("/crates/{id}/parts"), None), &(200, parts_of(&id, 1 + n % 3)));
        recording.note(request("GET", &format!("/crates/{id}/label"), None), &(200, label_of(&id)));
    }
    let mut twin = recording.twin();
    for _ in 0..UNSEEN {
        let id = form(&mut draw);
        let (status, body) = twin.says(&request("GET", &format!("/crates/{id}"), None));
        let places = ["/id", "/label", "/links/self", "/links/parts", "/meta/about/crate_id"];
        let due = crate_of(&id, 0);
        assert_eq!((status, told(&body, &places)), (200, told(&due, &places)), "{id}: {body}");

        let (status, body) = twin.says(&request("GET", &format!("/crates/{id}/label"), None));
        assert_eq!((status, &body), (200, &label_of(&id)), "{id}");

        let (status, body) = twin.says(&request("GET", &format!("/crates/{id}/parts"), None));
        assert_eq!((status, &body["crate"]), (200, &value(&id)), "{id}: {body}");
        for part in body["parts"].as_array().expect("a list") {
            assert_eq!(part["crateId"], value(&id), "{id}: {body}");
            let url = part["url"].as_str().expect("a text");
            assert!(url.starts_with(&format!("/crates/{id}/parts/")), "{id}: {url}");
        }
    }
}

#[test]
fn numbers() {
    every_place_says(digits);
}

#[test]
fn uuids() {
    every_place_says(uuid);
}

#[test]
fn object_ids() {
    every_place_says(object_id);
}

#[test]
fn prefixed_ids() {
    every_place_says(prefixed);
}

#[test]
fn words() {
    every_place_says(word);
}
