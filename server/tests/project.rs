//! The project file: what survives a restart, and what is refused and left alone.

mod support;

use std::fs;
use std::path::Path;

use http::Request;
use hyper::body::Incoming;
use rusqlite::Connection;
use serde_json::{Value, json};
use support::{Server, Upstream, header};
use understudy_server::app::App;

async fn item(req: Request<Incoming>) -> http::Response<support::TestBody> {
    let id: u64 = req.uri().path().rsplit('/').next().unwrap().parse().unwrap_or(0);
    support::json(200, &json!({ "id": id, "name": format!("item {id}"), "password": "s3cret" }))
}

async fn taught() -> (Upstream, Server) {
    let upstream = Upstream::start(item).await;
    let server = Server::start(upstream.address).await;
    for id in 1..=20 {
        let request = server.client.get(server.url(&format!("/items/{id}"))).bearer_auth("s3cret");
        request.send().await.unwrap().bytes().await.unwrap();
    }
    server.learned(20).await;
    (upstream, server)
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let (upstream, server) = taught().await;
    server.set_mode("mock").await;
    let before = (server.get_json("/admin/openapi.json").await, server.get_json("/admin/traffic").await);
    let config = support::config(server.dir.path(), Some(upstream.address));
    let dir = server.stop().await;
    upstream.kill().await;

    let server = Server::start_in(dir, config).await;
    assert_eq!(server.status().await["mode"], "mock");
    let after = (server.get_json("/admin/openapi.json").await, server.get_json("/admin/traffic").await);
    assert_eq!(before, after);
    let response = server.client.get(server.url("/items/7")).bearer_auth("s3cret").send().await.unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "x-understudy-source")), (200, "twin"));
    assert_eq!(response.json::<Value>().await.unwrap()["name"], "item 7");
    server.stop().await;
}

#[tokio::test]
async fn no_secret_reaches_the_disk() {
    let (_upstream, server) = taught().await;
    let dir = server.stop().await;
    let mut seen = 0;
    for entry in fs::read_dir(dir.path()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"s3cret"));
        seen += usize::from(bytes.windows(5).any(|window| window == b"item "));
    }
    assert!(seen > 0, "what was learned must be on the disk");
}

#[tokio::test]
async fn a_project_is_open_once() {
    let (upstream, server) = taught().await;
    let second = App::start(support::config(server.dir.path(), Some(upstream.address)), Vec::new()).await;
    let mistakes = second.err().unwrap().to_string();
    assert!(mistakes.contains("DB_NAME is ") && mistakes.contains("that no other Understudy has open"), "{mistakes}");
    server.stop().await;
}

/// Starting on this file must fail with these words and leave the file as it is, with nothing of SQLite's beside it.
async fn refused(dir: &Path, words: &str) {
    let path = dir.join("default.db");
    let before = fs::read(&path).unwrap();
    let mistakes = App::start(support::config(dir, None), Vec::new()).await.err().unwrap().to_string();
    assert!(mistakes.starts_with("DB_NAME is ") && mistakes.contains(words), "{mistakes}");
    assert_eq!(fs::read(&path).unwrap(), before, "{words}: the file was touched");
    for suffix in ["-wal", "-shm", "-journal"] {
        assert!(!dir.join(format!("default.db{suffix}")).exists(), "{words}: {suffix} was left behind");
    }
}

#[tokio::test]
async fn files_that_are_not_ours_are_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("default.db");
    fs::write(&path, "a letter, and no database").unwrap();
    refused(dir.path(), "not SQLite").await;
    fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    refused(dir.path(), "belongs to another program").await;
}

#[tokio::test]
async fn a_newer_file_is_refused_and_left_alone() {
    let dir = taught().await.1.stop().await;
    let connection = Connection::open(dir.path().join("default.db")).unwrap();
    connection.execute_batch("PRAGMA user_version = 999").unwrap();
    connection.close().unwrap();
    refused(dir.path(), "this one is of version 999").await;
}

#[tokio::test]
async fn damaged_files_are_set_aside_as_they_were() {
    let dir = taught().await.1.stop().await;
    let path = dir.path().join("default.db");
    let whole = fs::read(&path).unwrap();
    let check = async |bytes: &[u8], words: &str| {
        fs::write(&path, bytes).unwrap();
        let app = App::start(support::config(dir.path(), None), Vec::new()).await.unwrap();
        let told = app.handles().store.vitals().report().into_iter().find_map(|part| part.says).unwrap_or_default();
        assert!(told.contains(words) && told.contains("set aside as default.damaged-1.db"), "{words}: {told}");
        app.shutdown().await;
        let aside = dir.path().join("default.damaged-1.db");
        assert_eq!(fs::read(&aside).unwrap(), bytes, "{words}: the file was touched");
        fs::remove_file(aside).unwrap();
    };
    check(&whole[..50], "damaged").await;
    check(&whole[..whole.len() - 1000], "its end is missing").await;
    let mut scribbled = whole.clone();
    scribbled[4096..].fill(0xa5);
    check(&scribbled, "damaged").await;
    fs::write(&path, &whole).unwrap();
    Connection::open(&path).unwrap().execute_batch("UPDATE model SET checksum = x'00'").unwrap();
    let tampered = fs::read(&path).unwrap();
    check(&tampered, "checksum").await;
}

/// Each was written by the release that had this version of the schema.
const RELEASED: [&str; 4] = [
    include_str!("fixtures/project-v1.sql"),
    include_str!("fixtures/project-v2.sql"),
    include_str!("fixtures/project-v3.sql"),
    include_str!("fixtures/project-v4.sql"),
];

#[tokio::test]
async fn a_file_of_every_released_version_opens_with_all_it_held() {
    for (before, sql) in RELEASED.iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("default.db");
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let config = support::config(dir.path(), None);
        let server = Server::start_in(dir, config).await;
        let status = server.status().await;
        assert_eq!((&status["mode"], &status["endpoints"]), (&json!("mock"), &json!(2)), "version {}", before + 1);
        assert_eq!(server.get_json("/admin/traffic").await["items"].as_array().unwrap().len(), 5);
        let book = server.get("/books/2").await;
        assert_eq!((book.status().as_u16(), header(&book, "x-understudy-source")), (200, "twin"));
        assert_eq!(book.json::<Value>().await.unwrap()["id"], 2);
        let saves = server.get_json("/admin/twin/saves").await;
        assert_eq!(saves.as_array().unwrap().len(), usize::from(before + 1 >= 3), "version {}", before + 1);
        let dir = server.stop().await;
        let version = |path: &Path| -> u32 {
            let connection = Connection::open(path).unwrap();
            connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
        };
        assert!(version(&dir.path().join("default.db")) as usize >= RELEASED.len());
    }
}
