//! Projects: one file each, switched while running, carried from one machine to another.

mod support;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use reqwest::Method;
use rusqlite::Connection;
use serde_json::{Value, json};
use support::{Server, Upstream, header, until};

/// An API that says which one it is, and takes its time over some.
async fn api(name: &'static str) -> Upstream {
    Upstream::start(move |req: Request<Incoming>| async move {
        let id: u64 = req.uri().path().rsplit('/').next().unwrap().parse().unwrap_or(0);
        if id.is_multiple_of(5) {
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        support::json(200, &json!({ "id": id, "api": name, "name": format!("{name} {id}") }))
    })
    .await
}

fn target(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// Calls the admin API; the status and what was said.
async fn call(server: &Server, method: Method, path: &str, body: Value) -> (u16, Value) {
    let request = server.client.request(method, server.url(path)).json(&body);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn post(server: &Server, path: &str, body: Value) -> Value {
    let (status, said) = call(server, Method::POST, path, body).await;
    assert!((200..300).contains(&status), "{path}: {status} {said}");
    said
}

async fn names(server: &Server) -> Vec<String> {
    let list = server.get_json("/admin/projects").await;
    list.as_array().unwrap().iter().map(|project| project["name"].as_str().unwrap().to_owned()).collect()
}

async fn ask(server: &Server, id: u64) -> Value {
    let response = server.get(&format!("/items/{id}")).await;
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

/// A project `default.db` in front of `a`, and `b.db` in front of `b`.
async fn two() -> (Upstream, Upstream, Server) {
    let (a, b) = (api("a").await, api("b").await);
    let server = Server::start(a.address).await;
    let made = post(&server, "/admin/projects", json!({ "name": "b", "target": target(b.address) })).await;
    assert_eq!(
        (&made["name"], &made["active"], &made["target"]),
        (&json!("b.db"), &json!(false), &json!(target(b.address)))
    );
    (a, b, server)
}

/// The ids that the active project has in its traffic list, all of them answered by its API.
async fn recorded(server: &Server) -> BTreeSet<u64> {
    let (mut ids, mut path) = (BTreeSet::new(), "/admin/traffic?limit=1000".to_owned());
    loop {
        let page = server.get_json(&path).await;
        for row in page["items"].as_array().unwrap() {
            assert_eq!(row["source"], "upstream", "{row}");
            ids.insert(row["target"].as_str().unwrap().rsplit('/').next().unwrap().parse().unwrap());
        }
        match page["next"].as_str() {
            Some(next) => path = format!("/admin/traffic?limit=1000&before={next}"),
            None => return ids,
        }
    }
}

#[tokio::test]
async fn each_project_has_its_own_of_everything() {
    let (_a, b, server) = two().await;
    for id in 1..=4 {
        ask(&server, id).await;
    }
    server.learned(4).await;
    server.set_mode("shadow").await;
    post(&server, "/admin/chaos/rules", json!({ "faults": ["hang"] })).await;
    assert_eq!(call(&server, Method::PUT, "/admin/redaction", json!({ "names": ["taxId"] })).await.0, 200);
    assert_eq!(call(&server, Method::PUT, "/admin/twin/settings", json!({ "seed": 7 })).await.0, 200);

    let status = post(&server, "/admin/projects/b/activate", json!({})).await;
    assert_eq!(
        (&status["project"], &status["mode"], &status["endpoints"]),
        (&json!("b.db"), &json!("proxy"), &json!(0))
    );
    assert_eq!(server.get_json("/admin/chaos/rules").await, json!([]));
    assert_eq!(server.get_json("/admin/redaction").await["names"], json!([]));
    assert_eq!(server.get_json("/admin/twin/settings").await["seed"], Value::Null);
    assert_eq!(ask(&server, 1).await["api"], "b");
    assert_eq!(server.status().await["upstream"]["url"], target(b.address));

    post(&server, "/admin/projects/default.db/activate", json!({})).await;
    let status = server.status().await;
    assert_eq!(
        (&status["project"], &status["mode"], &status["endpoints"]),
        (&json!("default.db"), &json!("shadow"), &json!(1))
    );
    assert_eq!(server.get_json("/admin/chaos/rules").await.as_array().unwrap().len(), 1);
    assert_eq!(server.get_json("/admin/redaction").await["names"], json!(["taxId"]));
    assert_eq!(ask(&server, 1).await["api"], "a");
    let list = server.get_json("/admin/projects").await;
    assert_eq!((&list[0]["name"], &list[0]["active"]), (&json!("b.db"), &json!(false)));
    assert_eq!((&list[1]["name"], &list[1]["mode"]), (&json!("default.db"), &json!("shadow")));
    server.stop().await;
}

#[tokio::test]
async fn switching_under_load_loses_and_misfiles_nothing() {
    let (a, b, server) = two().await;
    let (next, done) = (Arc::new(AtomicU64::new(1)), Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (next, done) = (Arc::clone(&next), Arc::clone(&done));
            let (client, base) = (server.client.clone(), server.url("/items/"));
            tokio::spawn(async move {
                let (mut of_a, mut of_b) = (BTreeSet::new(), BTreeSet::new());
                while !done.load(Ordering::Relaxed) {
                    // What is shed under more load than can be learned is counted, and another test's matter.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    let id = next.fetch_add(1, Ordering::Relaxed);
                    let response = client.get(format!("{base}{id}")).send().await.unwrap();
                    assert_eq!(
                        (response.status().as_u16(), header(&response, "x-understudy-source")),
                        (200, "upstream")
                    );
                    match response.json::<Value>().await.unwrap()["api"].as_str() {
                        Some("a") => of_a.insert(id),
                        _ => of_b.insert(id),
                    };
                }
                (of_a, of_b)
            })
        })
        .collect();
    for round in 0..30 {
        tokio::time::sleep(Duration::from_millis(if round % 3 == 0 { 120 } else { 15 })).await;
        post(&server, &format!("/admin/projects/{}/activate", ["b", "default"][round % 2]), json!({})).await;
    }
    done.store(true, Ordering::Relaxed);
    let (mut of_a, mut of_b) = (BTreeSet::new(), BTreeSet::new());
    for client in clients {
        let (some_a, some_b) = client.await.unwrap();
        of_a.extend(some_a);
        of_b.extend(some_b);
    }
    assert!(of_a.len() > 100 && of_b.len() > 100, "{} {}", of_a.len(), of_b.len());
    assert_eq!((a.count(), b.count()), (of_a.len(), of_b.len()));

    server.learned(0).await;
    assert_eq!(recorded(&server).await, of_a);
    post(&server, "/admin/projects/b/activate", json!({})).await;
    server.learned(0).await;
    assert_eq!(recorded(&server).await, of_b);
    // What the files themselves hold, once they are closed.
    let dir = server.stop().await;
    for (file, expected) in [("default.db", of_a), ("b.db", of_b)] {
        let connection = Connection::open(dir.path().join(file)).unwrap();
        let rows: i64 = connection.query_row("SELECT count(*) FROM traffic", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, expected.len() as i64, "{file}");
    }
}

#[tokio::test]
async fn an_exchange_ends_in_the_project_it_began_in() {
    let (ready, go) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
    let (told, wait) = (Arc::clone(&ready), Arc::clone(&go));
    let slow = Upstream::start(move |_| {
        let (told, wait) = (Arc::clone(&told), Arc::clone(&wait));
        async move {
            told.notify_one();
            wait.notified().await;
            support::json(200, &json!({ "id": 1, "api": "slow" }))
        }
    })
    .await;
    let b = api("b").await;
    let server = Server::start(slow.address).await;
    post(&server, "/admin/projects", json!({ "name": "b", "target": target(b.address) })).await;
    let asked = tokio::spawn(server.client.get(server.url("/items/1")).send());
    ready.notified().await;
    post(&server, "/admin/projects/b/activate", json!({})).await;
    assert_eq!(ask(&server, 2).await["api"], "b");
    let open = server.get_json("/admin/projects").await[1].clone();
    assert_eq!((&open["name"], &open["active"], &open["open"]), (&json!("default.db"), &json!(false), &json!(true)));
    go.notify_one();
    assert_eq!(asked.await.unwrap().unwrap().json::<Value>().await.unwrap()["api"], "slow");
    until("the project that was left to close", || async {
        (server.get_json("/admin/projects").await[1]["open"] == false).then_some(())
    })
    .await;
    post(&server, "/admin/projects/default/activate", json!({})).await;
    assert_eq!(recorded(&server).await, BTreeSet::from([1]));
    server.stop().await;
}

#[tokio::test]
async fn the_active_project_can_be_renamed_and_copied_while_it_works() {
    let (_a, _b, server) = two().await;
    let done = Arc::new(AtomicBool::new(false));
    let (client, base, over) = (server.client.clone(), server.url("/items/"), Arc::clone(&done));
    let load = tokio::spawn(async move {
        let mut asked = 0;
        while !over.load(Ordering::Relaxed) {
            asked += 1;
            assert_eq!(client.get(format!("{base}{asked}")).send().await.unwrap().status(), 200);
        }
        asked
    });
    for name in ["one", "two", "three.db"] {
        let from = server.status().await["project"].as_str().unwrap().to_owned();
        let (status, said) =
            call(&server, Method::PATCH, &format!("/admin/projects/{from}"), json!({ "name": name })).await;
        assert_eq!((status, &said["active"]), (200, &json!(true)), "{said}");
    }
    let copied = post(&server, "/admin/projects/three/copy", json!({ "name": "spare" })).await;
    assert_eq!(copied["name"], "spare.db");
    done.store(true, Ordering::Relaxed);
    let asked: u64 = load.await.unwrap();
    server.learned(asked).await;
    assert_eq!(recorded(&server).await.len() as u64, asked);
    assert_eq!(names(&server).await, ["b.db", "spare.db", "three.db"]);

    post(&server, "/admin/projects/spare/activate", json!({})).await;
    server.set_mode("mock").await;
    let response = server.get("/items/1").await;
    assert_eq!(header(&response, "x-understudy-source"), "twin");
    assert_eq!(response.json::<Value>().await.unwrap()["name"], "a 1");
    server.stop().await;
}

#[tokio::test]
async fn another_api_is_named_at_once_and_for_good() {
    let (a, b, server) = two().await;
    assert_eq!(ask(&server, 1).await["api"], "a");
    let change = json!({ "target": target(b.address) });
    assert_eq!(call(&server, Method::PATCH, "/admin/projects/default", change).await.0, 200);
    assert_eq!(ask(&server, 1).await["api"], "b");
    let (status, said) = call(&server, Method::PATCH, "/admin/projects/default", json!({ "target": "ftp://x" })).await;
    assert_eq!((status, &said["error"]["code"]), (422, &json!("bad_project")));
    drop(a);
    // Without a TARGET_URL the project itself says it.
    let mut config = support::config(server.dir.path(), None);
    let dir = server.stop().await;
    let server = Server::start_in(dir, config.clone()).await;
    assert_eq!(ask(&server, 1).await["api"], "b");
    let dir = server.stop().await;
    config.project = "fresh.db".into();
    let server = Server::start_in(dir, config).await;
    assert_eq!(server.status().await["upstream"]["sample"], true);
    server.stop().await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let (_a, _b, server) = two().await;
    let before = names(&server).await;
    let cases = [
        (Method::POST, "/admin/projects", json!({ "name": "b" }), 409, "name_taken"),
        (Method::POST, "/admin/projects", json!({ "name": "../b" }), 422, "bad_project"),
        (Method::POST, "/admin/projects", json!({ "name": "b.db-wal" }), 422, "bad_project"),
        (Method::POST, "/admin/projects", json!({ "name": "c", "target": "localhost" }), 422, "bad_project"),
        (Method::POST, "/admin/projects", json!({ "nam": "c" }), 422, "unfit"),
        (Method::POST, "/admin/projects/none/activate", json!({}), 404, "unknown_project"),
        (Method::POST, "/admin/projects/none/copy", json!({ "name": "c" }), 404, "unknown_project"),
        (Method::POST, "/admin/projects/b/copy", json!({ "name": "default" }), 409, "name_taken"),
        (Method::PATCH, "/admin/projects/b", json!({ "name": "default" }), 409, "name_taken"),
        (Method::DELETE, "/admin/projects/default", json!({}), 409, "project_active"),
        (Method::DELETE, "/admin/projects/none", json!({}), 404, "unknown_project"),
    ];
    for (method, path, body, status, code) in cases {
        let (got, said) = call(&server, method.clone(), path, body.clone()).await;
        assert_eq!((got, &said["error"]["code"]), (status, &json!(code)), "{method} {path} {body}: {said}");
    }
    assert_eq!(names(&server).await, before);
    let (status, _) = call(&server, Method::DELETE, "/admin/projects/b", json!({})).await;
    assert_eq!((status, names(&server).await), (200, vec!["default.db".to_owned()]));
    let left: Vec<_> = std::fs::read_dir(server.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with("b.db")), "{left:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_file_that_somebody_else_has_open_is_told_so() {
    let (_a, b, server) = two().await;
    let dir = server.dir.path().to_owned();
    let mut config = support::config(&dir, Some(b.address));
    config.project = "b.db".into();
    let other = understudy_server::app::App::start(config, Vec::new()).await.unwrap();
    let (status, said) = call(&server, Method::POST, "/admin/projects/b/activate", json!({})).await;
    assert_eq!((status, &said["error"]["code"]), (409, &json!("project_unusable")));
    assert!(said["error"]["message"].as_str().unwrap().contains("that no other Understudy has open"), "{said}");
    assert_eq!(server.status().await["project"], "default.db");
    other.shutdown().await;
    post(&server, "/admin/projects/b/activate", json!({})).await;
    server.stop().await;
}

async fn export(server: &Server, name: &str) -> Vec<u8> {
    let response = server.get(&format!("/admin/projects/{name}/export")).await;
    assert_eq!(response.status(), 200);
    assert!(header(&response, "content-disposition").contains(".db"));
    response.bytes().await.unwrap().to_vec()
}

async fn import(server: &Server, name: &str, bytes: Vec<u8>) -> (u16, Value) {
    let request = server.client.post(server.url(&format!("/admin/projects/import?name={name}"))).body(bytes);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// What lies in the folder of the projects.
fn files(server: &Server) -> BTreeSet<String> {
    let entries = std::fs::read_dir(server.dir.path()).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn an_exported_project_is_the_same_elsewhere() {
    let (a, _b, server) = two().await;
    for id in 1..=6 {
        let request = server.client.get(server.url(&format!("/items/{id}"))).bearer_auth("s3cret");
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
    // What is not learned yet goes with it, too.
    let file = export(&server, "default").await;
    assert!(!file.windows(6).any(|window| window == b"s3cret"));
    assert!(files(&server).iter().all(|name| !name.starts_with(".understudy")), "{:?}", files(&server));

    let other = Server::start(a.address).await;
    let (status, said) = import(&other, "brought", file.clone()).await;
    assert_eq!(
        (status, &said["name"], &said["target"]),
        (201, &json!("brought.db"), &json!(target(a.address))),
        "{said}"
    );
    post(&other, "/admin/projects/brought/activate", json!({})).await;
    other.set_mode("mock").await;
    let known = |server: &Server| server.client.get(server.url("/items/3")).bearer_auth("s3cret").send();
    let response = known(&other).await.unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "x-understudy-source")), (200, "twin"));
    assert_eq!(response.json::<Value>().await.unwrap()["name"], "a 3");
    // The tokens are those of the project: the same secret is the same.
    let key = |server: &Server, name: &str| std::fs::read(server.dir.path().join(name)).unwrap();
    assert_eq!(key(&other, "brought.db.key"), key(&server, "default.db.key"));
    assert_eq!(import(&other, "brought", file).await.1["error"]["code"], "name_taken");
    server.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn damaged_and_hostile_files_are_not_taken_in() {
    let (_a, _b, server) = two().await;
    for id in 1..=6 {
        ask(&server, id).await;
    }
    let file = export(&server, "default").await;
    let (before, listed) = (files(&server), server.get_json("/admin/projects").await);
    let with = |sql: &str| {
        let path = server.dir.path().join("tampered");
        std::fs::write(&path, &file).unwrap();
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        bytes
    };
    let mut scribbled = file.clone();
    scribbled[4096..8192].fill(0xa5);
    let cases = [
        ("empty", Vec::new(), "not SQLite"),
        ("text", b"a letter, and no database".to_vec(), "not SQLite"),
        ("cut", file[..file.len() - 1000].to_vec(), "its end is missing"),
        ("head only", file[..60].to_vec(), "ends within its head"),
        ("scribbled", scribbled, "damaged"),
        ("newer", with("PRAGMA user_version = 999"), "version 999"),
        ("foreign", with("PRAGMA application_id = 7"), "another program"),
        (
            "trigger",
            with("CREATE TRIGGER t AFTER INSERT ON traffic BEGIN DELETE FROM traffic; END"),
            "tables are not those",
        ),
        ("view", with("CREATE VIEW v AS SELECT 1"), "tables are not those"),
        ("checksum", with("UPDATE model SET checksum = x'00'"), "checksum"),
        ("journal", with("UPDATE journal SET exchange = x'00'"), "an exchange"),
        ("key", with("UPDATE setting SET value = 'AAAA' WHERE key = 'key'"), "its key is none"),
    ];
    for (what, bytes, words) in cases {
        let (status, said) = import(&server, "harm", bytes).await;
        assert_eq!((status, &said["error"]["code"]), (422, &json!("not_a_project")), "{what}: {said}");
        assert!(said["error"]["message"].as_str().unwrap().contains(words), "{what}: {said}");
        assert_eq!(files(&server), before, "{what}");
    }
    assert_eq!(server.get_json("/admin/projects").await, listed);
    assert_eq!(import(&server, "fine", file).await.0, 201);
    server.stop().await;
}
