//! Pages: every item exactly once, totals that agree, and what answers say of the page beside its rows.

mod stage;

use serde_json::{Value, json};
use stage::{Recording, Twin, request, with};
use understudy_contract::Request;

/// A body and the header fields beside it.
type Listed = (Value, Vec<(String, String)>);

const HOST: &str = "api.example.test";

fn get(target: &str) -> Request {
    with(request("GET", target, None), "host", HOST)
}

fn item(n: u64) -> Value {
    json!({"id": n, "name": format!("Item {n:02}"), "kind": if n.is_multiple_of(2) { "even" } else { "odd" }})
}

/// Records a list of so many items under these targets, as `answer` tells.
fn recorded(count: u64, targets: &[&str], answer: &dyn Fn(&str, &[Value]) -> Listed) -> Recording {
    let mut recording = Recording::default();
    let mut items = Vec::new();
    for n in 1..=count {
        let sent = json!({"name": item(n)["name"], "kind": item(n)["kind"]});
        recording.note(request("POST", "/items", Some(&sent)), &(201, item(n)));
        items.push(item(n));
    }
    for target in targets {
        let (body, fields) = answer(target, &items);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        recording.note_with(get(target), &fields, &(200, body));
    }
    recording
}

fn number(target: &str, name: &str) -> Option<usize> {
    let (_, query) = target.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?.parse().ok()
}

/// Ten more items made with the twin.
fn grown(recording: &Recording, by: u64) -> Twin {
    let mut twin = recording.twin();
    for n in 0..by {
        let sent = json!({"name": format!("New {n:02}"), "kind": "new"});
        assert_eq!(twin.says(&request("POST", "/items", Some(&sent))).0, 201);
    }
    twin
}

fn ids(rows: &Value) -> Vec<u64> {
    rows.as_array().expect("rows").iter().filter_map(|row| row["id"].as_u64()).collect()
}

#[test]
fn numbered_pages_in_an_envelope_are_walked_to_the_end() {
    let answer = |target: &str, items: &[Value]| {
        let Some(page) = number(target, "page") else { return (Value::from(items.to_vec()), vec![]) };
        let size = number(target, "per_page").unwrap_or(4);
        let pages = items.len().div_ceil(size);
        let rows: Vec<Value> = items.iter().skip((page - 1) * size).take(size).cloned().collect();
        let next = (page < pages).then_some(page + 1);
        let body = json!({"data": rows, "total": items.len(), "page": page, "pages": pages, "next": next,
            "prev": (page > 1).then(|| page - 1), "has_more": page < pages});
        (body, vec![])
    };
    let targets =
        ["/items", "/items?page=1", "/items?page=2", "/items?page=3&per_page=5", "/items?page=1&per_page=3", "/items"];
    let mut twin = grown(&recorded(11, &targets, &answer), 10);
    assert_eq!(
        twin.says(&get("/items")).1.as_array().map(Vec::len),
        Some(21),
        "no envelope where no page is asked for"
    );
    let (mut walked, mut page) = (Vec::new(), 1);
    loop {
        let body = twin.says(&get(&format!("/items?page={page}&per_page=6"))).1;
        assert_eq!((&body["total"], &body["pages"], &body["page"]), (&json!(21), &json!(4), &json!(page)));
        assert_eq!(body["has_more"], json!(page < 4));
        walked.extend(ids(&body["data"]));
        match body["next"].as_u64() {
            Some(next) => page = next,
            None => break,
        }
    }
    assert_eq!(walked, (1..=21).collect::<Vec<_>>());
    assert_eq!(twin.says(&get("/items?page=2")).1["prev"], 1);
}

/// The target of a link below an origin.
fn followed(link: &Value) -> Option<String> {
    Some(link.as_str()?.strip_prefix(&format!("http://{HOST}"))?.to_owned())
}

#[test]
fn links_in_the_body_keep_what_was_asked_and_end_with_the_last_page() {
    let answer = |target: &str, items: &[Value]| {
        let (page, size) = (number(target, "page").unwrap_or(1), 4);
        let kind = if target.contains("kind=odd") { "odd" } else { "even" };
        let own: Vec<&Value> = items.iter().filter(|item| item["kind"] == kind).collect();
        let rows: Vec<&&Value> = own.iter().skip((page - 1) * size).take(size).collect();
        let link = |page: usize| match page {
            1 => format!("http://{HOST}/items?kind={kind}"),
            _ => format!("http://{HOST}/items?kind={kind}&page={page}"),
        };
        let next = (page * size < own.len()).then(|| link(page + 1));
        let previous = (page > 1).then(|| link(page - 1));
        (json!({"count": own.len(), "next": next, "previous": previous, "results": rows}), vec![])
    };
    let targets = [
        "/items?kind=odd",
        "/items?kind=odd&page=2",
        "/items?kind=even",
        "/items?kind=even&page=2",
        "/items?kind=odd&page=3",
    ];
    let mut twin = grown(&recorded(19, &targets, &answer), 9);
    let (mut walked, mut target) = (Vec::new(), Some("/items?kind=new".to_owned()));
    let mut back = Value::Null;
    while let Some(asked) = target {
        let body = twin.says(&get(&asked)).1;
        assert_eq!(body["count"], 9);
        walked.extend(ids(&body["results"]));
        target = followed(&body["next"]);
        back = body["previous"].clone();
    }
    assert_eq!(walked, (20..=28).collect::<Vec<_>>());
    assert_eq!(followed(&back).as_deref(), Some("/items?kind=new&page=2"));
}

#[test]
fn cursors_of_the_twin_lead_through_the_whole_list() {
    // The cursor of this API is the position in disguise; it stands in a header.
    let disguised = |at: usize| format!("zq{:05x}", at * 7919);
    let answer = |target: &str, items: &[Value]| {
        let at =
            target.split_once("token=").map_or(0, |(_, token)| (0..99).find(|n| disguised(*n) == token).unwrap_or(0));
        let rows: Vec<Value> = items.iter().skip(at).take(3).cloned().collect();
        let next = format!("http://{HOST}/items?limit=3&token={}", disguised(at + 3));
        let fields = if at + 3 < items.len() { vec![("next-page".to_owned(), next)] } else { vec![] };
        (json!({"items": rows}), fields)
    };
    let targets: Vec<String> = std::iter::once("/items?limit=3".to_owned())
        .chain((1..4).map(|n| format!("/items?limit=3&token={}", disguised(n * 3))))
        .collect();
    let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
    let mut twin = grown(&recorded(11, &targets, &answer), 4);
    let (mut walked, mut target) = (Vec::new(), Some("/items?limit=4".to_owned()));
    while let Some(asked) = target {
        let reply = twin.ask(&get(&asked));
        walked.extend(ids(&serde_json::from_slice::<Value>(&reply.body).expect("JSON")["items"]));
        target = reply.headers.get("next-page").and_then(|link| followed(&Value::from(link)));
        assert!(walked.len() <= 15, "{walked:?}");
    }
    assert_eq!(walked, (1..=15).collect::<Vec<_>>());
}

#[test]
fn pages_go_on_after_a_key_and_are_never_longer_than_the_longest() {
    let answer = |target: &str, items: &[Value]| {
        let after = number(target, "starting_after").unwrap_or(0);
        let limit = number(target, "limit").unwrap_or(5).min(6);
        let rows: Vec<Value> = items.iter().skip(after).take(limit).cloned().collect();
        (json!({"data": rows, "has_more": after + limit < items.len(), "limit": limit}), vec![])
    };
    let targets = [
        "/items",
        "/items?limit=2",
        "/items?limit=2&starting_after=2",
        "/items?limit=4&starting_after=4",
        "/items?limit=50",
        "/items?limit=4&starting_after=8",
    ];
    let mut twin = grown(&recorded(11, &targets, &answer), 4);
    let (mut walked, mut target) = (Vec::new(), "/items?limit=4".to_owned());
    loop {
        let body = twin.says(&get(&target)).1;
        walked.extend(ids(&body["data"]));
        if body["has_more"] == false {
            break;
        }
        target = format!("/items?limit=4&starting_after={}", walked.last().expect("a row"));
    }
    assert_eq!(walked, (1..=15).collect::<Vec<_>>());
    let most = twin.says(&get("/items?limit=1000")).1;
    assert_eq!((ids(&most["data"]).len(), &most["limit"]), (6, &json!(6)));
}

#[test]
fn naming_the_fields_leaves_these_and_what_always_stays() {
    let answer = |target: &str, items: &[Value]| {
        let fields = target.split_once("fields=").map(|(_, fields)| fields.split(',').collect::<Vec<_>>());
        let thin = |item: &Value| {
            let members = item.as_object().expect("an item").iter();
            let kept = members.filter(|(name, _)| {
                *name == "id" || fields.as_ref().is_none_or(|fields| fields.contains(&name.as_str()))
            });
            kept.map(|(name, value)| (name.clone(), value.clone())).collect::<Value>()
        };
        (items.iter().map(thin).collect(), vec![])
    };
    let mut twin = grown(&recorded(5, &["/items", "/items?fields=name"], &answer), 1);
    let rows = twin.says(&get("/items?fields=kind")).1;
    assert_eq!(rows[5], json!({"id": 6, "kind": "new"}));
    assert_eq!(twin.says(&get("/items")).1[5], json!({"id": 6, "name": "New 00", "kind": "new"}));
}

#[test]
fn the_size_that_answers_tell_is_the_usual_one_and_totals_may_count_all() {
    let answer = |target: &str, items: &[Value]| {
        let wanted = target.split_once("kind=").map(|(_, kind)| kind.split('&').next().unwrap_or(kind));
        let limit = number(target, "limit").unwrap_or(50);
        let skip = number(target, "offset").unwrap_or(0);
        let rows: Vec<Value> =
            items.iter().filter(|item| wanted.is_none_or(|kind| item["kind"] == kind)).cloned().collect();
        let meta = json!({"offset": skip, "limit": limit, "total": items.len(), "matching": rows.len()});
        let rows: Vec<Value> = rows.into_iter().skip(skip).take(limit).collect();
        (json!({"items": rows, "meta": meta}), vec![])
    };
    let targets =
        ["/items", "/items?kind=odd", "/items?kind=even", "/items?limit=3", "/items?limit=3&offset=3&kind=odd"];
    let mut twin = grown(&recorded(11, &targets, &answer), 4);
    let told = |body: Value| ["offset", "limit", "total", "matching"].map(|name| body["meta"][name].as_u64());
    assert_eq!(told(twin.says(&get("/items?kind=new")).1), [Some(0), Some(50), Some(15), Some(4)]);
    assert_eq!(told(twin.says(&get("/items?limit=2&offset=4")).1), [Some(4), Some(2), Some(15), Some(15)]);
}
