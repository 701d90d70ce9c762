//! What a project file keeps of traffic, for how long, and what becomes of the room.

mod support;

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;
use support::{Server, Upstream, until};
use understudy_server::store::Keep;

async fn api() -> Upstream {
    Upstream::start(|_| async { support::json(200, &json!({ "id": 1 })) }).await
}

fn rows(path: &Path) -> (i64, i64) {
    let connection = Connection::open(path).unwrap();
    connection
        .query_row("SELECT count(*), coalesce(min(id), 0) FROM traffic", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
}

/// So many rows of six days, the newest an hour old.
fn fill(path: &Path, count: u64, now_ms: u64) {
    let connection = Connection::open(path).unwrap();
    let transaction = connection.unchecked_transaction().unwrap();
    for id in 1..=count {
        let at = now_ms - 3_600_000 - (count - id) * (6 * 86_400_000 / count);
        transaction
            .execute(
                "INSERT INTO traffic VALUES (?, ?, 'GET', '/old', NULL, 200, 1, 1, 'upstream', 'recorded')",
                [id as i64, at as i64],
            )
            .unwrap();
    }
    transaction.commit().unwrap();
}

fn now_ms() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64
}

async fn restarted(upstream: &Upstream, count: u64, keep: Keep) -> Server {
    let dir = Server::start(upstream.address).await.stop().await;
    fill(&dir.path().join("default.db"), count, now_ms());
    let mut config = support::config(dir.path(), Some(upstream.address));
    config.keep = keep;
    Server::start_in(dir, config).await
}

#[tokio::test]
async fn rows_beyond_those_in_memory_are_listed_from_the_file() {
    const COUNT: u64 = 10_000 + 2_345;
    let upstream = api().await;
    let server = restarted(&upstream, COUNT, Keep::default()).await;
    server.get("/new").await.bytes().await.unwrap();
    server.learned(1).await;
    let (mut seen, mut path) = (Vec::new(), "/admin/traffic?limit=1000".to_owned());
    loop {
        let page = server.get_json(&path).await;
        seen.extend(page["items"].as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/admin/traffic?limit=1000&before={next}");
    }
    assert!(
        seen.iter().copied().eq((1..=COUNT + 1).rev()),
        "{} rows, from {:?} to {:?}",
        seen.len(),
        seen.first(),
        seen.last()
    );
    let found = server.get_json("/admin/traffic?filter=path:/new").await;
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn what_is_too_old_or_too_much_goes_the_oldest_first() {
    let upstream = api().await;
    for (keep, expected) in [
        (Keep { age: Duration::from_secs(86_400), ..Keep::default() }, 850..950),
        // 64 bytes and the texts, each.
        (Keep { bytes: 80 * 1000, ..Keep::default() }, 1000..1020),
    ] {
        let server = restarted(&upstream, 5_600, keep).await;
        server.get("/new").await.bytes().await.unwrap();
        server.learned(1).await;
        let path = server.dir.path().join("default.db");
        until("old rows to go", || async { expected.contains(&(rows(&path).0 as i32)).then_some(()) }).await;
        let (count, first) = rows(&path);
        assert_eq!(first + count - 1, 5_601, "the newest stay");
        server.stop().await;
    }
}

#[tokio::test]
async fn room_is_given_back_and_the_log_stays_small() {
    let upstream = api().await;
    let server = restarted(&upstream, 60_000, Keep { bytes: 80 * 1000, ..Keep::default() }).await;
    let path = server.dir.path().join("default.db");
    let before = path.metadata().unwrap().len();
    server.get("/new").await.bytes().await.unwrap();
    server.learned(1).await;
    until("room to be given back", || async {
        let connection = Connection::open(&path).unwrap();
        let free: u32 = connection.pragma_query_value(None, "freelist_count", |row| row.get(0)).unwrap();
        (rows(&path).0 < 2_000 && free < 300).then_some(())
    })
    .await;
    let log = server.dir.path().join("default.db-wal");
    assert!(log.metadata().unwrap().len() <= 64 << 20);
    server.stop().await;
    assert!(before > 2 << 20, "there was something to give back: {before}");
}

fn blocks(path: &Path) -> (i64, i64) {
    let sql = "SELECT count(*), coalesce(sum(length(bytes)), 0) FROM recorded";
    Connection::open(path).unwrap().query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
}

#[tokio::test]
async fn what_was_said_is_found_in_the_file_compressed_and_once() {
    const COUNT: u64 = 40;
    // Not the kind of text that packs well, so that it shows when it lies there twice.
    let text: String = (0..8000_u64).map(|n| format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40)).collect();
    let said = text.clone();
    let upstream = Upstream::start(move |_| {
        let said = said.clone();
        async move { support::json(200, &json!({ "text": said })) }
    })
    .await;
    let server = Server::start(upstream.address).await;
    for id in 1..=COUNT {
        server.get(&format!("/items/{id}")).await.bytes().await.unwrap();
    }
    server.learned(COUNT).await;
    let dir = server.stop().await;
    let path = dir.path().join("default.db");
    let (count, bytes) = blocks(&path);
    assert!(count < 10 && bytes > 1000, "{count} blocks, {bytes} bytes");
    assert!(bytes < 12 * text.len() as i64, "{bytes} bytes, the body alone has {}", text.len());

    let mut config = support::config(dir.path(), Some(upstream.address));
    config.keep.bytes = 1;
    let server = Server::start_in(dir, config).await;
    let page = server.get_json("/admin/traffic").await;
    let id = page["items"][7]["id"].as_u64().unwrap();
    let detail = server.get_json(&format!("/admin/traffic/{id}")).await;
    assert!(detail["response"]["text"].as_str().unwrap().contains(&text[..50]), "{}", detail["row"]);
    let recording = server.get_json("/admin/traffic.har").await;
    let entries = recording["log"]["entries"].as_array().unwrap();
    assert_eq!(entries.len() as u64, COUNT);
    assert!(entries[0]["request"]["url"].as_str().unwrap().ends_with("/items/1"), "the oldest first");
    // They go with their rows.
    server.get("/items/99").await.bytes().await.unwrap();
    server.learned(1).await;
    until("all of it to go", || async { (rows(&path).0 == 0 && blocks(&path).0 == 0).then_some(()) }).await;
    server.stop().await;
}
