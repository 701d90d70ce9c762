//! `kill -9` under load.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::json;
use tokio::task::JoinSet;

use super::program::{Draw, Program, api, bound, database, rounds};
use crate::support;

const CLIENTS: u64 = 4;

/// What clients got an answer to, and when.
type Answered = Arc<Mutex<Vec<(u64, Instant)>>>;

fn ask(program: &Program, first: u64, answered: &Answered) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for number in 0..CLIENTS {
        let (base, answered) = (program.url("/items/"), Arc::clone(answered));
        tasks.spawn(async move {
            let client = support::client();
            let mut next = first + number;
            while client.get(format!("{base}{next}")).send().await.is_ok_and(|answer| answer.status() == 200) {
                answered.lock().unwrap().push((next, Instant::now()));
                next += CLIENTS;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
    }
    tasks
}

/// Looks at a copy, so that the next start finds what the last one left.
fn copy_of(dir: &Path) -> (tempfile::TempDir, Connection) {
    let copy = tempfile::tempdir().unwrap();
    for end in ["", "-wal"] {
        let from = format!("{}{end}", database(dir).display());
        if Path::new(&from).exists() {
            std::fs::copy(&from, copy.path().join(format!("a.db{end}"))).unwrap();
        }
    }
    let connection = Connection::open(copy.path().join("a.db")).unwrap();
    (copy, connection)
}

fn stored(connection: &Connection) -> BTreeSet<u64> {
    let mut statement = connection.prepare("SELECT target FROM traffic").unwrap();
    let targets = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    targets.filter_map(|target| target.unwrap().rsplit('/').next().and_then(|id| id.parse().ok())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_it_loses_no_more_than_the_last_second() {
    let (upstream, dir) = (api().await, tempfile::tempdir().unwrap());
    let (mut draw, mut slowest, mut worst, mut total) = (Draw(11), Duration::ZERO, Duration::ZERO, 0);
    let (mut promised, mut endpoints) = (json!({ "names": [] }), BTreeSet::new());
    for round in 0..rounds(10, 200) as u64 {
        let begun = Instant::now();
        let program = Program::start(dir.path(), upstream.address, ":", &[]).await;
        let first_byte = begun.elapsed();
        slowest = slowest.max(first_byte);
        assert!(first_byte < bound(Duration::from_millis(500)), "round {round}: {first_byte:?} to the first byte");
        assert_eq!(program.json("/admin/redaction").await, promised, "round {round}: a setting");
        let known = endpoints_of(&program).await;
        assert!(known.is_superset(&endpoints), "round {round}: {endpoints:?} were known, and now {known:?} are");

        let answered = Answered::default();
        let clients = ask(&program, 1 + round * 1_000_000, &answered);
        tokio::time::sleep(Duration::from_millis(draw.below(1200))).await;
        promised = json!({ "names": [format!("secret{round}")] });
        program.put("/admin/redaction", &promised).await;
        endpoints = endpoints_of(&program).await;
        tokio::time::sleep(Duration::from_millis(draw.below(1200))).await;
        let killed = Instant::now();
        program.kill().await;
        clients.join_all().await;

        let (_copy, connection) = copy_of(dir.path());
        let verdict: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(verdict, "ok", "round {round}");
        let stored = stored(&connection);
        let answered = answered.lock().unwrap();
        total += answered.len();
        let lost = answered.iter().filter(|(id, at)| *at < killed && !stored.contains(id));
        let oldest = lost.map(|(_, at)| killed.duration_since(*at)).max().unwrap_or_default();
        worst = worst.max(oldest);
        assert!(oldest < bound(Duration::from_secs(1)), "round {round}: traffic of {oldest:?} before the end is lost");
    }
    println!("kill -9: {total} answers, slowest restart to the first byte {slowest:?}, oldest loss {worst:?}");
}

async fn endpoints_of(program: &Program) -> BTreeSet<String> {
    let endpoints = program.json("/admin/endpoints").await;
    endpoints.as_array().unwrap().iter().map(|endpoint| endpoint["template"].as_str().unwrap().to_owned()).collect()
}
