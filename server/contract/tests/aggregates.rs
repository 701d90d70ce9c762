//! Answers that tell of rows without listing them: how many, whether there is one, the first, and the one that a row names.

mod stage;

use serde_json::{Value, json};
use stage::{Recording, request};

const GENRES: [&str; 3] = ["jazz", "folk", "punk"];

fn get(target: &str) -> understudy_contract::Request {
    request("GET", target, None)
}

fn band(n: u64) -> Value {
    json!({"id": n, "name": format!("Band {n}")})
}

fn album(n: u64) -> Value {
    json!({"id": n + 100, "bandId": n % 2 + 1, "title": format!("Album {n:02}"), "genre": GENRES[n as usize % 3]})
}

/// Two bands with three albums each, and what is asked of them.
fn recorded() -> Recording {
    let mut recording = Recording::default();
    for n in 1..=2 {
        recording.note(request("POST", "/bands", Some(&json!({"name": band(n)["name"]}))), &(201, band(n)));
    }
    for n in 1..=6 {
        let mut sent = album(n);
        sent.as_object_mut().expect("an object").shift_remove("id");
        recording.note(request("POST", "/albums", Some(&sent)), &(201, album(n)));
        recording.note(get(&format!("/albums/{}", n + 100)), &(200, album(n)));
    }
    recording.note(get("/albums"), &(200, (1..=6).map(album).collect()));
    for n in 1..=6 {
        recording.note(get(&format!("/albums/{}/band", n + 100)), &(200, band(n % 2 + 1)));
    }
    for (genre, count) in [("jazz", 2), ("folk", 2), ("none", 0)] {
        recording.note(get(&format!("/albums/count?genre={genre}")), &(200, json!({"count": count})));
    }
    for band in [1, 2, 2] {
        recording.note(get(&format!("/bands/{band}/albums/count")), &(200, json!(3)));
    }
    for n in [101, 104, 999] {
        recording.note(get(&format!("/albums/{n}/exists")), &(200, json!({"exists": n != 999})));
    }
    for n in [2, 5] {
        recording.note(get(&format!("/albums/first?title=Album%200{n}")), &(200, album(n)));
    }
    let none = json!({"error": "nothing like that"});
    recording.note(get("/albums/first?title=Unheard"), &(404, none.clone()));
    recording.note(get("/albums/first?title=Unsung"), &(404, none));
    recording
}

#[test]
fn rows_are_counted_as_they_are_now() {
    let mut twin = recorded().twin();
    let sent = json!({"bandId": 1, "title": "Newest", "genre": "punk"});
    assert_eq!(twin.says(&request("POST", "/albums", Some(&sent))).0, 201);
    assert_eq!(twin.says(&get("/albums/count?genre=punk")), (200, json!({"count": 3})));
    assert_eq!(twin.says(&get("/albums/count?genre=opera")), (200, json!({"count": 0})));
    assert_eq!(twin.says(&get("/bands/1/albums/count")), (200, json!(4)));
    assert_eq!(twin.says(&get("/bands/2/albums/count")), (200, json!(3)));
}

#[test]
fn whether_there_is_a_row_is_told_of_new_ones_too() {
    let mut twin = recorded().twin();
    let sent = json!({"bandId": 1, "title": "Newest", "genre": "punk"});
    let (_, made) = twin.says(&request("POST", "/albums", Some(&sent)));
    let id = made["id"].as_u64().expect("an id");
    assert_eq!(twin.says(&get(&format!("/albums/{id}/exists"))), (200, json!({"exists": true})));
    assert_eq!(twin.says(&get("/albums/4711/exists")), (200, json!({"exists": false})));
}

#[test]
fn the_first_match_is_shown_or_refused_as_the_api_does() {
    let mut twin = recorded().twin();
    let sent = json!({"bandId": 2, "title": "Newest", "genre": "punk"});
    let (_, made) = twin.says(&request("POST", "/albums", Some(&sent)));
    assert_eq!(twin.says(&get("/albums/first?title=Newest")), (200, made));
    assert_eq!(twin.says(&get("/albums/first?title=Never")), (404, json!({"error": "nothing like that"})));
}

#[test]
fn the_row_that_another_one_names_is_shown() {
    let mut twin = recorded().twin();
    let (_, made) = twin.says(&request("POST", "/bands", Some(&json!({"name": "Newcomers"}))));
    let sent = json!({"bandId": made["id"], "title": "Debut", "genre": "folk"});
    let (_, album) = twin.says(&request("POST", "/albums", Some(&sent)));
    assert_eq!(twin.says(&get(&format!("/albums/{}/band", album["id"]))), (200, made));
}
