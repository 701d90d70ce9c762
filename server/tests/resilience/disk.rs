//! The disk full, the file locked, deleted, its system read-only, no descriptor left: requests pass, it is told, and it passes.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::program::{Load, Program, api, database, log, took};

const TOLD_WITHIN: Duration = Duration::from_secs(2);
const RESUMED_WITHIN: Duration = Duration::from_secs(5);
/// Requests meet the fault for so long.
const FAULT: Duration = Duration::from_secs(2);

fn newest(path: &Path) -> Option<i64> {
    let connection = Connection::open(path).ok()?;
    connection.query_row("SELECT coalesce(max(id), 0) FROM traffic", [], |row| row.get(0)).ok()
}

/// Lets requests meet a fault. What `strike` gives back goes when the fault is to end.
async fn meet<G>(what: &str, dir: &Path, before: &str, lasts: bool, strike: impl FnOnce(&Program) -> G) {
    let upstream = api().await;
    let program = Program::start(dir, upstream.address, before, &[]).await;
    let load = Load::start(&program, 4, Duration::from_millis(4));
    let path = database(dir);
    took(&format!("{what}: first rows"), RESUMED_WITHIN, || async { newest(&path).is_some_and(|id| id > 20) }).await;
    let fault = strike(&program);
    let shown = |(state, says): (String, String)| state != "ok" || says.contains("written anew");
    took(&format!("{what}: told"), TOLD_WITHIN, || async { shown(program.part("store").await) }).await;
    if lasts {
        tokio::time::sleep(FAULT).await;
    }
    drop(fault);
    let before = program.json("/admin/traffic?limit=1").await["items"][0]["id"].as_i64().unwrap();
    took(&format!("{what}: resumed"), RESUMED_WITHIN, || async { newest(&path).is_some_and(|id| id > before) }).await;
    let well = || async { program.part("store").await.0 == "ok" };
    took(&format!("{what}: well again"), RESUMED_WITHIN, well).await;
    let (answered, failed) = load.end().await;
    println!("{what}: {answered} answered, {failed} failed");
    assert!(failed == 0 && answered > 100, "{what}: {failed} of {answered} requests failed");
    program.end().await;
    let whole: String =
        Connection::open(&path).unwrap().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(whole, "ok", "{what}");
    assert!(!log(dir).contains("panicked"), "{}", log(dir));
}

/// Does something when it goes.
struct End<F: FnMut()>(F);

impl<F: FnMut()> Drop for End<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn set_limit(id: u32, limit: &str) {
    let set = Command::new("prlimit").args(["--pid", &id.to_string(), limit]).status();
    assert!(set.is_ok_and(|status| status.success()), "prlimit {limit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_may_not_grow() {
    let dir = tempfile::tempdir().unwrap();
    // Whoever does not ignore the signal is ended by it.
    meet("no room", dir.path(), "trap '' XFSZ", true, |program| {
        let id = program.id();
        set_limit(id, "--fsize=8192:unlimited");
        End(move || set_limit(id, "--fsize=unlimited:unlimited"))
    })
    .await;
}

/// A file system of its own, where this user may have one.
struct Mount<'d>(&'d Path);

impl<'d> Mount<'d> {
    fn of(dir: &'d Path, size: &str) -> Option<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", size, "tmpfs"]).arg(dir).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(dir))
    }
}

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk() {
    let dir = tempfile::tempdir().unwrap();
    let Some(_mount) = Mount::of(dir.path(), "size=16m") else {
        return println!("a full disk: not tried, mounting is not allowed here");
    };
    meet("full disk", dir.path(), ":", true, |_| {
        let ballast = dir.path().join("ballast");
        let filled = std::fs::write(&ballast, vec![0; 32 << 20]);
        assert!(filled.is_err(), "the disk is full");
        End(move || std::fs::remove_file(&ballast).unwrap())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_somebody_locked() {
    let dir = tempfile::tempdir().unwrap();
    meet("locked", dir.path(), ":", true, |_| {
        let other = Connection::open(database(dir.path())).unwrap();
        other.busy_timeout(Duration::from_secs(5)).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        other
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_somebody_deleted() {
    let dir = tempfile::tempdir().unwrap();
    meet("deleted", dir.path(), ":", false, |_| std::fs::remove_file(database(dir.path())).unwrap()).await;
    let dir = tempfile::tempdir().unwrap();
    meet("folder deleted", dir.path(), ":", false, |_| std::fs::remove_dir_all(dir.path().join("data")).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_descriptor_left() {
    let (upstream, dir) = (api().await, tempfile::tempdir().unwrap());
    let program = Program::start(dir.path(), upstream.address, "ulimit -n 120", &[]).await;
    let load = Load::start(&program, 6, Duration::from_millis(4));
    took("descriptors: first answers", RESUMED_WITHIN, || async {
        load.answered.load(std::sync::atomic::Ordering::Relaxed) > 100
    })
    .await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        if let Ok(mut stream) = TcpStream::connect(program.address).await {
            let _ = stream.write_all(b"GET /items/1 HTTP/1.1\r\n").await;
            idle.push(stream);
        }
    }
    took("descriptors: told", TOLD_WITHIN, || async { program.part("listener").await.0 != "ok" }).await;
    tokio::time::sleep(FAULT).await;
    drop(idle);
    took("descriptors: a new client", RESUMED_WITHIN, || async {
        let answer = crate::support::client().get(program.url("/items/7")).send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    })
    .await;
    let (answered, failed) = load.end().await;
    println!("descriptors: {answered} answered, {failed} failed");
    assert!(failed == 0 && answered > 100, "{failed} of {answered} requests failed: {}", log(dir.path()));
    program.end().await;
}
