//! Random damage to a project file: the server starts and passes requests on, and what it shows is right or missing.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::program::{Draw, api, bound, rounds};
use crate::support::{self, Server, Upstream};

const PROMISED: Duration = Duration::from_secs(1);
const COUNT: u64 = 60;

/// A project that has learned something, with a setting.
async fn project(upstream: &Upstream) -> tempfile::TempDir {
    let server = Server::start(upstream.address).await;
    for id in 1..=COUNT {
        server.get(&format!("/items/{id}")).await.bytes().await.unwrap();
    }
    server.learned(COUNT).await;
    let names = server.client.put(server.url("/admin/redaction")).json(&serde_json::json!({ "names": ["shoe-size"] }));
    assert_eq!(names.send().await.unwrap().status(), 200);
    server.stop().await
}

fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
        fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
    }
    to
}

/// One of the ways in which disks and people damage files.
fn damage(bytes: &mut Vec<u8>, draw: &mut Draw) -> String {
    let len = bytes.len() as u64;
    let at = |draw: &mut Draw, of: u64| usize::try_from(draw.below(of)).unwrap();
    match draw.below(7) {
        0 => {
            let count = 1 + draw.below(16);
            for _ in 0..count {
                let place = at(draw, len);
                bytes[place] ^= 1 << draw.below(8);
            }
            format!("{count} bits flipped")
        }
        1 => {
            let page = at(draw, len / 4096) * 4096;
            for byte in &mut bytes[page..page + 4096] {
                *byte = draw.below(256) as u8;
            }
            format!("random bytes in the page at {page}")
        }
        2 => {
            let page = at(draw, len / 4096) * 4096;
            bytes[page..page + 4096].fill(0);
            format!("zeros in the page at {page}")
        }
        3 => {
            let end = at(draw, len);
            bytes.truncate(end);
            format!("cut off at {end}")
        }
        4 => {
            let place = at(draw, 100);
            bytes[place] = draw.below(256) as u8;
            format!("another byte {place} in the head")
        }
        5 => {
            let (from, to) = (at(draw, len / 4096) * 4096, at(draw, len / 4096) * 4096);
            bytes.copy_within(from..from + 4096, to);
            format!("the page at {from} in the place of that at {to}")
        }
        _ => {
            let (place, count) = (at(draw, len - 600), at(draw, 512) + 1);
            for byte in &mut bytes[place..place + count] {
                *byte = draw.below(256) as u8;
            }
            format!("{count} random bytes at {place}")
        }
    }
}

/// What people get to see of a project.
async fn shown(server: &Server) -> Vec<Value> {
    let mut all = Vec::new();
    for path in
        ["/admin/openapi.json", "/admin/redaction", "/admin/traffic?limit=1000", "/admin/twin/state?collection=items"]
    {
        all.push(server.get_json(path).await);
    }
    for id in (1..=COUNT).step_by(7) {
        all.push(server.get_json(&format!("/admin/traffic/{id}")).await);
        let twin = server.client.get(server.url(&format!("/items/{id}"))).header("prefer", "source=twin");
        all.push(twin.send().await.unwrap().json().await.unwrap());
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_set_aside_and_never_believed() {
    let upstream = api().await;
    let original = project(&upstream).await;
    let whole = {
        let copy = copy(original.path());
        let config = support::config(copy.path(), Some(upstream.address));
        let server = Server::start_in(copy, config).await;
        let shown = shown(&server).await;
        server.stop().await;
        shown
    };
    let (mut aside, mut harmless, mut wrong, mut slowest) = (0, 0, Vec::new(), Duration::ZERO);
    for seed in 0..rounds(25, 100) as u64 {
        let copy = copy(original.path());
        let path = copy.path().join("default.db");
        let mut bytes = fs::read(&path).unwrap();
        let what = damage(&mut bytes, &mut Draw(seed));
        fs::write(&path, bytes).unwrap();
        let begun = Instant::now();
        let config = support::config(copy.path(), Some(upstream.address));
        let server = Server::start_in(copy, config).await;
        assert_eq!(server.get("/items/5").await.json::<Value>().await.unwrap()["id"], 5, "{what}");
        let took = begun.elapsed();
        slowest = slowest.max(took);
        assert!(took < bound(PROMISED), "{what}: {took:?} to the first answer");
        let status = server.status().await;
        let store = status["parts"].as_array().unwrap().iter().find(|part| part["name"] == "store").unwrap().clone();
        if store["says"].as_str().is_some_and(|says| says.contains("set aside as default.damaged-1.db")) {
            assert!(
                server.dir.path().join("default.damaged-1.db").exists()
                    && server.dir.path().join("default.damaged-1.db.key").exists()
            );
            aside += 1;
        } else {
            // The request above is new.
            let shown: Vec<Value> = shown(&server).await;
            let is_same = |(before, after): (&Value, &Value)| {
                // A recorded body whose checksum is wrong is missing.
                let is_missing = before["request"].is_object() && !after["request"].is_object();
                without_new(before) == without_new(after) || (is_missing && before["row"] == after["row"])
            };
            match whole.iter().zip(&shown).position(|pair| !is_same(pair)) {
                None => harmless += 1,
                Some(place) => wrong.push(format!("seed {seed}, {what}: part {place}")),
            }
        }
        server.stop().await;
    }
    println!(
        "damage: {aside} set aside, {harmless} without effect, slowest start {slowest:?}, silently wrong: {wrong:?}"
    );
    assert!(wrong.is_empty(), "silently wrong: {wrong:#?}");
    assert!(aside > 0);
}

/// Without what was asked since.
fn without_new(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(items) = value.get_mut("items").and_then(Value::as_array_mut) {
        items.retain(|item| item["id"].as_u64().is_none_or(|id| id <= COUNT));
    }
    if let Some(page) = value.as_object_mut() {
        page.remove("next");
    }
    value
}

#[tokio::test]
async fn what_is_not_ours_to_move_stays_where_it_is() {
    let upstream = api().await;
    let original = project(&upstream).await;
    let path = original.path().join("default.db");
    let bytes = fs::read(&path).unwrap();
    let mut newer = bytes.clone();
    newer[63] += 1;
    let foreign = {
        let dir = tempfile::tempdir().unwrap();
        let connection = rusqlite::Connection::open(dir.path().join("f.db")).unwrap();
        connection.execute_batch("CREATE TABLE letters (text TEXT)").unwrap();
        drop(connection);
        fs::read(dir.path().join("f.db")).unwrap()
    };
    for (what, content) in [("newer", newer), ("foreign", foreign), ("a letter", b"Dear Ada".to_vec())] {
        fs::write(&path, &content).unwrap();
        let config = support::config(original.path(), Some(upstream.address));
        assert!(understudy_server::app::App::start(config, Vec::new()).await.is_err(), "{what}");
        assert_eq!(fs::read(&path).unwrap(), content, "{what}");
    }
    fs::write(&path, &bytes).unwrap();
    let config = support::config(original.path(), Some(upstream.address));
    let server = Server::start_in(original, config.clone()).await;
    assert!(understudy_server::app::App::start(config, Vec::new()).await.is_err(), "it is open");
    let dir = server.stop().await;
    assert!(
        fs::read_dir(dir.path()).unwrap().all(|entry| !entry
            .unwrap()
            .file_name()
            .to_string_lossy()
            .contains("damaged"))
    );
}
