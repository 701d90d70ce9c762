//! What is told apart as a kind of thing: by what objects say they are, by their own names, by other names, by what a query
//! asks to see of them.

mod stage;

use serde_json::{Value, json};
use stage::{Recording, request};

/// A resource object of JSON:API.
fn resource(kind: &str, id: &str, attributes: &Value) -> Value {
    json!({"data": {"type": kind, "id": id, "attributes": attributes}})
}

#[test]
fn things_that_say_their_kind_are_not_taken_for_another_kind() {
    let mut recording = Recording::default();
    for n in 1..=4 {
        for (kind, field) in [("planets", "radius"), ("moons", "period")] {
            let id = format!("{kind}-{n}a7f");
            let sent = json!({"data": {"type": kind, "attributes": {"title": format!("{kind} {n}"), field: n}}});
            let row = resource(kind, &id, &sent["data"]["attributes"]);
            recording.note(request("POST", &format!("/{kind}"), Some(&sent)), &(201, row.clone()));
            recording.note(request("GET", &format!("/{kind}/{id}"), None), &(200, row));
        }
        let gone = json!({"errors": [{"status": "404", "title": "no such thing"}]});
        recording.note(request("GET", &format!("/moons/none-{n}"), None), &(404, gone));
    }
    let mut twin = recording.twin();
    let sent = json!({"data": {"type": "planets", "attributes": {"title": "Vulcan", "radius": 9}}});
    let (status, made) = twin.says(&request("POST", "/planets", Some(&sent)));
    let id = made["data"]["id"].as_str().expect("an id").to_owned();
    assert_eq!((status, &made["data"]["attributes"]["radius"]), (201, &json!(9)), "{made}");
    let (status, read) = twin.says(&request("GET", &format!("/planets/{id}"), None));
    assert_eq!((status, &read), (200, &made));
    assert_eq!(twin.says(&request("GET", &format!("/moons/{id}"), None)).0, 404, "a planet is no moon");
}

#[test]
fn a_create_that_is_never_read_makes_rows_of_its_own() {
    let mut recording = Recording::default();
    for n in 1..=6 {
        let order = format!("ord_{n}k2x");
        recording.note(
            request("POST", "/orders", Some(&json!({"sum": n * 100}))),
            &(201, json!({"id": order, "sum": n * 100})),
        );
        recording.note(request("GET", &format!("/orders/{order}"), None), &(200, json!({"id": order, "sum": n * 100})));
        let refund = json!({"id": format!("ref_{n}zz9"), "order": order, "sum": n * 7, "state": "done"});
        recording.note(request("POST", "/refunds", Some(&json!({"order": order, "sum": n * 7}))), &(201, refund));
    }
    let mut twin = recording.twin();
    let (_, order) = twin.says(&request("POST", "/orders", Some(&json!({"sum": 4321}))));
    let ask = request("POST", "/refunds", Some(&json!({"order": order["id"], "sum": 1234})));
    let (_, refund) = twin.says(&ask);
    assert_eq!((&refund["order"], &refund["sum"]), (&order["id"], &json!(1234)), "{refund}");
    assert_ne!(refund["id"], order["id"]);
    assert_ne!(twin.says(&ask).1["id"], refund["id"], "every refund has its own id");
}

#[test]
fn a_query_shows_the_row_in_place_of_its_key() {
    let mut recording = Recording::default();
    for n in 1..=6 {
        let (person, book) = (format!("p{n}d41"), format!("b{n}c20"));
        let name = json!({"id": person, "name": format!("person {n}")});
        recording.note(request("POST", "/people", Some(&json!({"name": name["name"]}))), &(201, name.clone()));
        recording.note(request("GET", &format!("/people/{person}"), None), &(200, name.clone()));
        let title = format!("title {n}");
        let row = json!({"id": book, "title": title, "author": person});
        let sent = json!({"title": title, "author": person});
        recording.note(request("POST", "/books", Some(&sent)), &(201, row.clone()));
        recording.note(request("GET", &format!("/books/{book}"), None), &(200, row.clone()));
        let whole = json!({"id": book, "title": title, "author": name});
        recording.note(request("GET", &format!("/books/{book}?expand%5B%5D=author"), None), &(200, whole));
    }
    let mut twin = recording.twin();
    let (_, person) = twin.says(&request("POST", "/people", Some(&json!({"name": "someone new"}))));
    let sent = json!({"title": "new title", "author": person["id"]});
    let (_, book) = twin.says(&request("POST", "/books", Some(&sent)));
    let path = format!("/books/{}", book["id"].as_str().expect("an id"));
    let (_, plain) = twin.says(&request("GET", &path, None));
    assert_eq!(plain["author"], person["id"]);
    let (_, whole) = twin.says(&request("GET", &format!("{path}?expand%5B%5D=author"), None));
    assert_eq!((&whole["author"], &whole["title"]), (&person, &json!("new title")));
    // One that was last seen with the row in place still has its key.
    let (_, known) = twin.says(&request("GET", "/books/b6c20", None));
    assert_eq!(known["author"], json!("p6d41"));
}

#[test]
fn a_path_may_name_a_row_by_another_field_than_its_key() {
    let mut recording = Recording::default();
    for n in 1..=6 {
        let (id, nick) = (format!("{n}f00d{n}"), format!("nick-{n}"));
        let row = json!({"_id": id, "nick": nick, "age": n + 20});
        let sent = json!({"nick": nick, "age": n + 20});
        recording.note(request("POST", "/crew", Some(&sent)), &(201, row.clone()));
        recording.note(request("GET", &format!("/crew/{id}"), None), &(200, row.clone()));
        recording.note(request("GET", &format!("/crew/{nick}"), None), &(200, row));
        // The answer to a change shows nothing of what changed.
        recording.note(
            request("PATCH", &format!("/crew/{id}"), Some(&json!({"age": n + 60}))),
            &(200, json!({"_id": id, "_status": "OK"})),
        );
        let row = json!({"_id": id, "nick": nick, "age": n + 60});
        recording.note(request("GET", &format!("/crew/{id}"), None), &(200, row));
    }
    let mut twin = recording.twin();
    let (_, made) = twin.says(&request("POST", "/crew", Some(&json!({"nick": "the-new-one", "age": 33}))));
    assert_eq!(twin.says(&request("GET", "/crew/the-new-one", None)), (200, made.clone()));
    let path = format!("/crew/{}", made["_id"].as_str().expect("an id"));
    twin.says(&request("PATCH", &path, Some(&json!({"age": 99}))));
    assert_eq!(twin.says(&request("GET", "/crew/the-new-one", None)).1["age"], json!(99));
}

/// Songs and singers share their ids; what they say they are tells them apart, though tickets say something else there.
#[test]
fn words_that_are_no_kinds_do_not_hide_those_that_are() {
    let mut recording = Recording::default();
    for n in 1..=8 {
        let id = format!("{n}x7f2c");
        let song = json!({"id": id, "type": "song", "title": format!("Song {n}"), "plays": n * 31});
        let singer = json!({"id": id, "type": "singer", "title": format!("Singer {n}"), "plays": n * 77});
        let ticket = json!({"id": format!("t{n}9k"), "type": (["seat", "standing"][n % 2]), "price": n * 5});
        recording.note(request("GET", &format!("/songs/{id}"), None), &(200, song.clone()));
        recording.note(request("GET", &format!("/singers/{id}"), None), &(200, singer.clone()));
        recording.note(request("GET", &format!("/tickets/t{n}9k"), None), &(200, ticket));
        recording.note(request("GET", "/charts", None), &(200, json!({"songs": [song], "singers": [singer]})));
    }
    let mut twin = recording.twin();
    let (_, charts) = twin.says(&request("GET", "/charts", None));
    for (list, kind) in [("songs", "song"), ("singers", "singer")] {
        let rows = charts[list].as_array().expect("a list");
        assert!(!rows.is_empty() && rows.iter().all(|row| row["type"] == kind), "{charts}");
    }
    assert_eq!(twin.says(&request("GET", "/songs/3x7f2c", None)).1["title"], json!("Song 3"));
    assert_eq!(twin.says(&request("GET", "/singers/3x7f2c", None)).1["title"], json!("Singer 3"));
}
