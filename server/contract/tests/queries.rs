//! Queries in the ways in which APIs spell them: what was recorded of one field and one comparison holds for the others.

mod stage;

use serde_json::{Value, json};
use stage::{Recording, Twin, request};

fn row(n: u64) -> Value {
    let kind = ["toy", "book", "food"][(n % 3) as usize];
    json!({"id": n, "name": format!("Item {n:02}"), "kind": kind, "price": n * 7 % 50, "meta": {"lang": if n.is_multiple_of(2) { "de" } else { "en" }}})
}

/// Whether a query lets a row through.
type Passes<'p> = &'p dyn Fn(&Value) -> bool;

/// Twenty rows in the list, and the answers to these queries as a filter of them tells.
fn recorded(queries: &[(&str, Passes<'_>)]) -> Twin {
    let mut recording = Recording::default();
    let all: Vec<Value> = (1..=20).map(row).collect();
    recording.note(request("GET", "/items", None), &(200, Value::from(all.clone())));
    for n in 1..=20 {
        recording.note(request("GET", &format!("/items/{n}"), None), &(200, row(n)));
    }
    for (query, passes) in queries {
        let rows: Vec<Value> = all.iter().filter(|row| passes(row)).cloned().collect();
        recording.note(request("GET", &format!("/items?{query}"), None), &(200, Value::from(rows)));
    }
    recording.twin()
}

/// The ids that the twin lists for a query, and those of the rows that should be there.
fn check(twin: &mut Twin, query: &str, passes: impl Fn(&Value) -> bool) {
    let (status, body) = twin.says(&request("GET", &format!("/items?{query}"), None));
    let ids = |rows: &[Value]| rows.iter().map(|row| row["id"].clone()).collect::<Vec<_>>();
    let due: Vec<Value> = (1..=20).map(row).filter(passes).collect();
    assert_eq!((status, ids(body.as_array().expect("a list"))), (200, ids(&due)), "{query}");
}

fn price(row: &Value) -> u64 {
    row["price"].as_u64().expect("a price")
}

#[test]
fn one_comparison_teaches_the_others() {
    for (recorded_query, asked, also) in [
        ("price_gte=30", "price_lt=12", "name_ne=Item 03"),
        ("price__gte=30", "price__lt=12", "name__ne=Item 03"),
        ("price[gte]=30", "price[lt]=12", "name[ne]=Item 03"),
        ("price[$gte]=30", "price[$lt]=12", "name[$ne]=Item 03"),
        ("filter[where][price][gte]=30", "filter[where][price][lt]=12", "filter[where][name][neq]=Item 03"),
        ("where={\"price\":{\"$gte\":30}}", "where={\"price\":{\"$lt\":12}}", "where={\"name\":{\"$ne\":\"Item 03\"}}"),
        ("min_price=30", "lt_price=12", "not_name=Item 03"),
    ] {
        let mut twin = recorded(&[(recorded_query, &|row| price(row) >= 30)]);
        check(&mut twin, asked, |row| price(row) < 12);
        check(&mut twin, also, |row| row["name"] != "Item 03");
    }
}

#[test]
fn fields_below_others_lists_and_alternatives_are_found() {
    let mut twin = recorded(&[
        ("filter[kind]=toy", &|row| row["kind"] == "toy"),
        ("filter[id][in]=3,4,5", &|row| (3..=5).contains(&row["id"].as_u64().unwrap_or(0))),
    ]);
    check(&mut twin, "filter[kind]=book", |row| row["kind"] == "book");
    check(&mut twin, "filter[meta][lang]=de", |row| row["meta"]["lang"] == "de");
    check(&mut twin, "filter[kind]=book&filter[name]=Item 04", |row| row["id"] == 4);
    check(&mut twin, "filter[id][in][]=7&filter[id][in][]=9", |row| row["id"] == 7 || row["id"] == 9);
    check(&mut twin, "filter[or][0][name]=Item 02&filter[or][1][name]=Item 09", |row| row["id"] == 2 || row["id"] == 9);
}

#[test]
fn values_that_say_their_comparison_are_read() {
    let mut twin = recorded(&[("price=>30", &|row| price(row) > 30), ("price=<=10", &|row| price(row) <= 10)]);
    check(&mut twin, "price=>=35", |row| price(row) >= 35);
    check(&mut twin, "kind=!toy", |row| row["kind"] != "toy");
}

#[test]
fn what_never_restricted_a_list_restricts_none() {
    let mut twin = recorded(&[("kind=toy", &|row| row["kind"] == "toy"), ("name=Item 01", &|_| true)]);
    check(&mut twin, "name=Item 02", |_| true);
}

#[test]
fn lists_are_sorted_as_asked_in_any_spelling() {
    let all = || (1..=20).map(row).collect::<Vec<Value>>();
    let sorted = |falling: bool| {
        let mut rows = all();
        rows.sort_by_key(|row| if falling { 1000 - price(row) } else { price(row) });
        rows
    };
    for (recorded_query, asked) in [
        ("sort=-price", "sort=-name"),
        ("$sort[price]=-1", "$sort[name]=-1"),
        ("order=price DESC", "order=name DESC"),
        ("filter={\"order\":\"price DESC\"}", "filter[order]=name DESC"),
        ("_sort=price&_order=desc", "_sort=name&_order=desc"),
    ] {
        let mut recording = Recording::default();
        recording.note(request("GET", "/items", None), &(200, Value::from(all())));
        recording.note(request("GET", &format!("/items?{recorded_query}"), None), &(200, Value::from(sorted(true))));
        let (_, body) = recording.twin().says(&request("GET", &format!("/items?{asked}"), None));
        assert_eq!(body[0]["name"], "Item 20", "{asked}");
        assert_eq!(body[19]["name"], "Item 01", "{asked}");
    }
}
