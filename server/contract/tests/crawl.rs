//! From the roots of a twin every link and every reference leads to something.

mod stage;

use std::collections::{BTreeSet, VecDeque};

use serde_json::{Value, json};
use stage::{Recording, Twin, request, with};
use understudy_contract::Request;

const HOST: &str = "museum.example.test";
const ROOM: u64 = 3;

fn get(target: &str) -> Request {
    with(request("GET", target, None), "host", HOST)
}

fn url(path: &str) -> String {
    format!("http://{HOST}{path}")
}

fn painter(n: u64) -> Value {
    json!({"id": n, "name": format!("Painter {n}"), "works": url(&format!("/works?painterId={n}"))})
}

fn work(n: u64) -> Value {
    json!({"id": n + 40, "title": format!("Work {n}"), "painterId": n % 3 + 1, "self": url(&format!("/works/{}", n + 40))})
}

/// A page of works, with links to those around it.
fn page(works: &[Value], query: &str, number: usize) -> Value {
    let pages = works.len().div_ceil(3);
    let link = |number: usize| url(&format!("/works?{query}page={number}"));
    let rows: Vec<&Value> = works.iter().skip((number - 1) * 3).take(3).collect();
    json!({
        "data": rows, "total": works.len(),
        "next": if number < pages { json!(link(number + 1)) } else { Value::Null },
        "prev": if number > 1 { json!(link(number - 1)) } else { Value::Null },
    })
}

/// A museum of three painters and eight works, as a visitor who looks at a part of it sees it.
fn museum() -> Recording {
    let mut recording = Recording::default();
    let works: Vec<Value> = (1..=8).map(work).collect();
    for n in 1..=3 {
        let sent = json!({"name": painter(n)["name"]});
        recording.note(with(request("POST", "/painters", Some(&sent)), "host", HOST), &(201, painter(n)));
    }
    for n in 1..=8 {
        let sent = json!({"title": work(n)["title"], "painterId": n % 3 + 1});
        recording.note(with(request("POST", "/works", Some(&sent)), "host", HOST), &(201, work(n)));
    }
    for n in [1, 3] {
        recording.note(get(&format!("/painters/{n}")), &(200, painter(n)));
        let own: Vec<Value> = works.iter().filter(|work| work["painterId"] == n).cloned().collect();
        recording.note(get(&format!("/works?painterId={n}")), &(200, page(&own, &format!("painterId={n}&"), 1)));
    }
    recording.note(get("/painters"), &(200, json!({"data": [painter(1), painter(2), painter(3)], "total": 3})));
    for number in 1..=ROOM {
        let number = usize::try_from(number).expect("small");
        recording.note(get(&format!("/works?page={number}")), &(200, page(&works, "", number)));
    }
    for n in [2, 5] {
        recording.note(get(&format!("/works/{}", n + 40)), &(200, work(n)));
    }
    let missing = |what: &str| (404, json!({"error": format!("no such {what}")}));
    recording.note(get("/works/9999"), &missing("work"));
    recording.note(get("/painters/9999"), &missing("painter"));
    recording
}

/// The targets that an answer leads to: URLs of this host, rows by their ids, rows that are named by others.
fn leads(value: &Value, place: &str, out: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            if let Some(path) = text.strip_prefix(&url("")) {
                out.insert(path.to_owned());
            }
        }
        Value::Array(items) => items.iter().for_each(|item| leads(item, place, out)),
        Value::Object(object) => {
            if let Some(id) = object.get("id") {
                out.insert(format!("{place}/{id}"));
            }
            if let Some(id) = object.get("painterId") {
                out.insert(format!("/painters/{id}"));
            }
            object.values().for_each(|inner| leads(inner, place, out));
        }
        _ => {}
    }
}

/// Visits everything that the roots lead to; returns what was visited and what led nowhere.
fn crawl(twin: &mut Twin, roots: &[&str]) -> (BTreeSet<String>, Vec<String>) {
    let mut queue: VecDeque<String> = roots.iter().map(|root| (*root).to_owned()).collect();
    let (mut seen, mut dangling) = (BTreeSet::new(), Vec::new());
    while let Some(target) = queue.pop_front() {
        if !seen.insert(target.clone()) {
            continue;
        }
        let (status, body) = twin.says(&get(&target));
        if status != 200 {
            dangling.push(format!("{target}: {status} {body}"));
            continue;
        }
        let place = if target.starts_with("/painters") { "/painters" } else { "/works" };
        let mut found = BTreeSet::new();
        leads(&body, place, &mut found);
        queue.extend(found);
    }
    (seen, dangling)
}

#[test]
fn every_link_and_reference_leads_somewhere() {
    let mut twin = museum().twin();
    for n in 0..7 {
        let (_, painter) = twin.says(&with(
            request("POST", "/painters", Some(&json!({"name": format!("Newcomer {n}")}))),
            "host",
            HOST,
        ));
        let sent = json!({"title": format!("New {n}"), "painterId": painter["id"]});
        assert_eq!(twin.says(&with(request("POST", "/works", Some(&sent)), "host", HOST)).0, 201);
    }
    let (seen, dangling) = crawl(&mut twin, &["/painters", "/works?page=1"]);
    assert!(dangling.is_empty(), "{} of {}: {dangling:?}", dangling.len(), seen.len());
    // 10 painters and 15 works with their lists, and 5 pages.
    let items = |place: &str| seen.iter().filter(|target| target.starts_with(place)).count();
    assert_eq!((items("/painters/"), items("/works/")), (10, 15), "{seen:?}");
    assert!((1..=5).all(|page| seen.contains(&format!("/works?page={page}"))), "{seen:?}");
}
