//! The command line as a person or a script uses it.

mod support;

use std::path::Path;
use std::process::Output;

use http::Request;
use hyper::body::Incoming;
use rusqlite::Connection;
use serde_json::{Value, json};
use support::{Server, Upstream};
use tempfile::TempDir;
use tokio::process::Command;

async fn item(req: Request<Incoming>) -> http::Response<support::TestBody> {
    let id: u64 = req.uri().path().rsplit('/').next().unwrap().parse().unwrap_or(0);
    if id > 90 {
        return support::json(404, &json!({ "error": "no such item" }));
    }
    support::json(200, &json!({ "id": id, "name": format!("item {id}") }))
}

/// In front of `at`, or where nobody listens.
async fn understudy(at: Option<&Server>, dir: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_understudy"));
    let listen = at.map_or_else(|| "127.0.0.1:1".to_owned(), |server| server.app.api().to_string());
    command.args(arguments).env("DATA_DIR", dir).env("LISTEN_ADDR", listen).current_dir(dir);
    command.output().await.unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What was said, of a command that has to work.
async fn said(server: &Server, arguments: &[&str]) -> String {
    let output = understudy(Some(server), server.dir.path(), arguments).await;
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

async fn taught() -> (Upstream, Server) {
    let upstream = Upstream::start(item).await;
    let server = Server::start(upstream.address).await;
    for id in 1..=9 {
        server.get(&format!("/items/{id}")).await.bytes().await.unwrap();
    }
    server.learned(9).await;
    (upstream, server)
}

#[tokio::test]
async fn projects_are_handled_from_a_shell() {
    let (upstream, server) = taught().await;
    let target = format!("http://{}", upstream.address);
    assert!(said(&server, &["projects", "create", "second", "--target", &target]).await.contains("second.db"));
    assert!(
        said(&server, &["projects", "activate", "second"]).await.starts_with("second.db is active, in front of http")
    );
    said(&server, &["projects", "copy", "default", "copied"]).await;
    said(&server, &["projects", "rename", "copied", "kept"]).await;
    let list: Value = serde_json::from_str(&said(&server, &["projects", "list", "--json"]).await).unwrap();
    let names: Vec<_> = list.as_array().unwrap().iter().map(|project| project["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["default.db", "kept.db", "second.db"]);
    assert!(said(&server, &["projects", "list"]).await.contains("* second.db"));

    assert!(said(&server, &["projects", "export", "kept", "out.db"]).await.starts_with("out.db has "));
    let refused = understudy(Some(&server), server.dir.path(), &["projects", "delete", "kept"]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("--yes"), "{}", text(&refused.stderr));
    assert_eq!(said(&server, &["projects", "delete", "kept", "--yes"]).await, "kept is gone\n");
    assert!(said(&server, &["projects", "import", "out.db", "--name", "back"]).await.contains("back.db"));
    let wrong = understudy(Some(&server), server.dir.path(), &["projects", "activate", "none"]).await;
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stderr).contains("no project is called \"none.db\""), "{}", text(&wrong.stderr));
    server.stop().await;
}

fn recording(dir: &Path, ids: &[u64]) -> String {
    let entry = |id: &u64| {
        json!({
            "request": {
                "method": "GET", "url": format!("https://old.example/items/{id}"),
                "headers": [{ "name": ":authority", "value": "old.example" }, { "name": "Host", "value": "old.example" },
                    { "name": "accept", "value": "application/json" }],
            },
            "response": { "status": 200 },
        })
    };
    let har = json!({ "log": { "version": "1.2", "entries": ids.iter().map(entry).collect::<Vec<_>>() } });
    let path = dir.join("calls.har");
    std::fs::write(&path, har.to_string()).unwrap();
    path.to_string_lossy().into_owned()
}

#[tokio::test]
async fn a_recording_is_sent_again_and_judged() {
    let (upstream, server) = taught().await;
    let before = upstream.count();
    let file = recording(server.dir.path(), &(1..=40).chain([95]).collect::<Vec<_>>());
    let replay = ["replay", &file, "--concurrency", "4", "--rate", "400", "--json"];
    let report: Value = serde_json::from_str(&said(&server, &replay).await).unwrap();
    assert_eq!(
        (&report["sent"], &report["same_status"], &report["failed"]),
        (&json!(41), &json!(40), &json!(0)),
        "{report}"
    );
    assert_eq!(report["differ"], json!([{ "request": "GET /items/95", "then": 200, "now": 404 }]));
    assert!(report["seconds"].as_f64().unwrap() >= 0.1, "the rate is kept: {report}");
    assert_eq!(upstream.count() - before, 41);
    // Elsewhere, and where nobody answers.
    let target = format!("http://{}", upstream.address);
    assert!(said(&server, &["replay", &file, "--to", &target]).await.contains("40 with the status of then"));
    let nobody = understudy(None, server.dir.path(), &["replay", &file, "--to", "http://127.0.0.1:1"]).await;
    assert_eq!(nobody.status.code(), Some(1), "{}", text(&nobody.stdout));
    assert!(text(&nobody.stdout).contains("41 without an answer"), "{}", text(&nobody.stdout));
    std::fs::write(&file, "{\"log\":{}}").unwrap();
    let wrong = understudy(None, server.dir.path(), &["replay", &file]).await;
    assert!(text(&wrong.stderr).contains("log.entries is not there"), "{}", text(&wrong.stderr));
    server.stop().await;
}

async fn examined(dir: &TempDir, arguments: &[&str]) -> (Option<i32>, String) {
    let output = understudy(None, dir.path(), &[&["doctor"], arguments].concat()).await;
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

/// Of the file that a doctor repaired: the twin answers as before.
async fn is_well_again(dir: TempDir) -> TempDir {
    let config = support::config(dir.path(), None);
    let server = Server::start_in(dir, config).await;
    server.set_mode("mock").await;
    let response = server.get("/items/3").await;
    assert_eq!(support::header(&response, "x-understudy-source"), "twin");
    assert_eq!(response.json::<Value>().await.unwrap()["name"], "item 3");
    server.stop().await
}

#[tokio::test]
async fn the_doctor_repairs_what_can_be_repaired() {
    let (_upstream, server) = taught().await;
    let dir = server.stop().await;
    let path = dir.path().join("default.db");
    assert_eq!(examined(&dir, &[]).await, (Some(0), "default.db: all is well\n".to_owned()));

    let spoil = |sql: &str| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    spoil(
        "UPDATE model SET checksum = x'00'; UPDATE journal SET exchange = x'c1' WHERE id = 5;
         INSERT INTO outbox VALUES (77, 'no entry');
         INSERT INTO recorded VALUES (900, 900, 900, x'28b52ffd'); UPDATE setting SET value = 'sometimes' WHERE key = 'mode';",
    );
    let (code, told) = examined(&dir, &[]).await;
    assert_eq!(code, Some(1), "{told}");
    for words in [
        "the summaries cannot be read",
        "1 of the exchanges",
        "1 of the entries of the outbox",
        "1 of the blocks",
        "(--repair)",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let (code, told) = examined(&dir, &["default", "--repair", "--json"]).await;
    let told: Value = serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told}"));
    assert_eq!((code, &told[0]["repaired"], &told[0]["left"]), (Some(0), &json!(true), &json!([])));
    assert!(dir.path().join("default.db.before").exists());
    let dir = is_well_again(dir).await;

    // Pages in the middle are gone: what is around them stays.
    let whole = std::fs::read(&path).unwrap();
    let mut scribbled = whole.clone();
    let end = scribbled.len();
    scribbled[end - 4096..].fill(0xa5);
    std::fs::write(&path, &scribbled).unwrap();
    let (code, told) = examined(&dir, &["--repair"]).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("default.db: repaired") && told.contains("the file is damaged"), "{told}");
    let server = Server::start_in(dir, support::config(path.parent().unwrap(), None)).await;
    let dir = server.stop().await;

    std::fs::remove_file(dir.path().join("default.db.key")).unwrap();
    let (code, told) = examined(&dir, &["--repair"]).await;
    assert!(code == Some(1) && told.contains("its key file is missing"), "{told}");
    std::fs::write(&path, "a letter, and no database").unwrap();
    let (code, told) = examined(&dir, &["default", "--repair"]).await;
    assert!(code == Some(1) && told.contains("this one is not SQLite"), "{told}");
    assert_eq!(std::fs::read(&path).unwrap(), b"a letter, and no database");
}

#[tokio::test]
async fn the_doctor_leaves_alone_what_is_open() {
    let (_upstream, server) = taught().await;
    let output = understudy(None, server.dir.path(), &["doctor", "--repair"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("another Understudy has it open"), "{}", text(&output.stdout));
    server.stop().await;
}

#[tokio::test]
async fn shells_and_man_learn_all_commands() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let output = understudy(None, dir.path(), &["completions", shell]).await;
        let script = text(&output.stdout);
        assert!(output.status.success() && script.contains("projects") && script.contains("target-url"), "{shell}");
    }
    let page = text(&understudy(None, dir.path(), &["man"]).await.stdout);
    assert!(
        page.starts_with(".ie") && page.contains("Exit codes") && page.contains("understudy\\-projects(1)"),
        "{page}"
    );
    assert!(understudy(None, dir.path(), &["man", "pages"]).await.status.success());
    assert!(dir.path().join("pages/understudy-projects-export.1").exists());
    let help = text(&understudy(None, dir.path(), &["import", "--help"]).await.stdout);
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        ["Swagger 2", "HAR", "Postman", "WireMock", "Hoverfly", "access log"].iter().all(|word| help.contains(word)),
        "{help}"
    );
}
