//! Plugins in a running server: each hook where it takes effect, and the admin API of plugins.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use http::{Request, Response};
use hyper::body::Incoming;
use serde_json::{Value, json};
use support::{Server, TestBody, Upstream, header, until};

/// The examples as they are built for the host's tests, in the same folder; `endless` is one of the SDK.
fn example(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    let workspace = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let target = workspace.join("target/plugins");
    BUILT.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--profile", "plugin", "--target", "wasm32-unknown-unknown", "--target-dir"]);
        cargo.arg(&target).args(["--lib", "--examples"]).current_dir(workspace);
        let names = ["tenant-prefix", "payment-data", "friday-checkout", "national-id", "graphql-stand-in"];
        for name in names.into_iter().chain(["understudy-plugin-sdk"]) {
            cargo.args(["-p", name]);
        }
        assert!(cargo.status().unwrap().success());
    });
    let built = target.join("wasm32-unknown-unknown/plugin");
    if name == "endless" {
        built.join("examples/endless.wasm")
    } else {
        built.join(format!("{}.wasm", name.replace('-', "_")))
    }
}

async fn api(request: Request<Incoming>) -> Response<TestBody> {
    let path = request.uri().path().to_owned();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let body = match segments[..] {
        ["t", tenant, "users", id] => {
            json!({ "tenant": tenant, "id": id.parse::<u64>().unwrap(), "name": format!("user {id}") })
        }
        ["people", id] => json!({ "id": id.parse::<u64>().unwrap(), "ssn": "01010750160", "name": "ann" }),
        ["accounts", id] => {
            json!({ "id": id.parse::<u64>().unwrap(), "iban": format!("DE{:020}", id.parse::<u64>().unwrap()), "owner": "ann" })
        }
        ["graphql"] => json!({ "errors": [{ "message": "no such field" }] }),
        _ => json!({ "ok": true }),
    };
    support::json(200, &body)
}

async fn start(names: &[&str], configure: impl FnOnce(&mut understudy_server::config::Config)) -> (Upstream, Server) {
    let upstream = Upstream::start(api).await;
    let files: Vec<(String, PathBuf)> = names.iter().map(|name| (format!("{name}.wasm"), example(name))).collect();
    let server = Server::start_with(upstream.address, |config| {
        std::fs::create_dir_all(&config.plugin_dir).unwrap();
        for (name, file) in &files {
            std::fs::copy(file, config.plugin_dir.join(name)).unwrap();
        }
        configure(config);
    })
    .await;
    (upstream, server)
}

fn set(config: &mut understudy_server::config::Config, plugin: &str, pairs: &[(&str, &str)]) {
    let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    config.plugins.config.insert(plugin.to_owned(), pairs);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_normalizer_names_templates_and_the_explorer_says_so() {
    let (_upstream, server) = start(&["tenant-prefix"], |_| {}).await;
    for tenant in ["acme", "initech"] {
        server.get(&format!("/t/{tenant}/users/7")).await;
    }
    server.learned(2).await;
    let endpoints = server.get_json("/admin/endpoints").await;
    assert_eq!(endpoints[0]["template"], "/t/{tenant}/users/{id}");
    let id = endpoints[0]["id"].as_str().unwrap();
    let detail = until("the name of who named it", || async {
        let detail = server.get_json(&format!("/admin/endpoints/{id}")).await;
        detail.get("named_by").is_some().then_some(detail)
    })
    .await;
    assert_eq!(detail["named_by"], "tenant-prefix");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redactor_keeps_numbers_out_and_equal_ones_equal() {
    let (_upstream, server) = start(&["national-id"], |_| {}).await;
    for id in 1..=3 {
        let answer = server.get_json(&format!("/people/{id}?of=01010750160")).await;
        assert_eq!(answer["ssn"], "01010750160", "the client sees what the API says");
    }
    server.learned(3).await;
    let rows = server.get_json("/admin/traffic").await;
    assert!(!rows.to_string().contains("01010750160"), "{rows}");
    server.set_mode("mock").await;
    let known = server.get_json("/people/1").await;
    let number = known["ssn"].as_str().unwrap();
    assert!(number != "01010750160" && number.len() == 11 && number.bytes().all(|b| b.is_ascii_digit()), "{number}");
    assert_eq!(server.get_json("/people/2").await["ssn"], known["ssn"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redactor_is_asked_once_about_a_message_without_a_find() {
    let (_upstream, server) = start(&["national-id"], |_| {}).await;
    for _ in 0..5 {
        server.get("/items/1").await;
    }
    server.learned(5).await;
    // Its path; the body holds neither strings nor numbers.
    assert_eq!(server.get_json("/admin/plugins").await[0]["calls"], 1);
    for id in 1..=2 {
        server.get(&format!("/people/{id}")).await;
        server.get(&format!("/people/{id}")).await;
    }
    server.learned(9).await;
    // Twice a path; and each time a body with a number, and the token for it, which must not be found in turn.
    let calls = server.get_json("/admin/plugins").await[0]["calls"].as_u64().unwrap();
    assert!(calls >= 1 + 2 + 4 * 2, "{calls}");
    let rows = server.get_json("/admin/traffic").await;
    assert!(!rows.to_string().contains("01010750160"), "{rows}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generator_makes_values_for_things_never_seen() {
    let (_upstream, server) =
        start(&["payment-data"], |config| set(config, "payment-data", &[("country", "NO")])).await;
    for id in 1..=4 {
        server.get(&format!("/accounts/{id}")).await;
    }
    server.learned(4).await;
    server.set_mode("mock").await;
    assert_eq!(server.get_json("/accounts/2").await["iban"], "DE00000000000000000002");
    let imagined = server.get_json("/accounts/77").await;
    assert!(imagined["iban"].as_str().is_some_and(|iban| iban.starts_with("NO") && iban.len() == 15), "{imagined}");
    assert_eq!(server.get_json("/accounts/77").await["iban"], imagined["iban"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chaos_policy_breaks_what_concerns_it_unless_the_client_declines() {
    let today = {
        const DAYS: [&str; 7] = ["thursday", "friday", "saturday", "sunday", "monday", "tuesday", "wednesday"];
        DAYS[(understudy_server::twin::now_ms() / 86_400_000 % 7) as usize]
    };
    let (upstream, server) =
        start(&["friday-checkout"], |config| set(config, "friday-checkout", &[("day", today), ("share", "1")])).await;
    let broken = server.get("/checkout").await;
    assert_eq!((broken.status().as_u16(), header(&broken, "x-understudy-source")), (503, "fault"));
    assert_eq!(header(&broken, "x-understudy-reason"), "plugin friday-checkout: abort with 503");
    assert_eq!((header(&broken, "retry-after"), upstream.count()), ("30", 0));
    assert_eq!(server.get("/items").await.status(), 200);
    let declined = server.client.get(server.url("/checkout")).header("prefer", "fault=none").send().await.unwrap();
    assert_eq!(declined.status(), 200);
    assert_eq!(server.status().await["counters"]["fault"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_responder_answers_changes_and_leaves_alone() {
    let (upstream, server) = start(&["graphql-stand-in"], |_| {}).await;
    let ask = async |query: &str| {
        let body = json!({ "query": query });
        server.client.post(server.url("/graphql")).json(&body).send().await.unwrap()
    };
    let answered = ask("{ __typename }").await;
    assert_eq!((answered.status().as_u16(), header(&answered, "x-understudy-source")), (200, "twin"));
    assert_eq!((header(&answered, "x-understudy-reason"), upstream.count()), ("plugin graphql-stand-in answered", 0));
    let changed = ask("{ users { id } }").await;
    assert_eq!((header(&changed, "x-graphql-errors"), upstream.count()), ("1", 1));
    assert_eq!(header(&changed, "x-understudy-reason"), "upstream answered; changed by plugin graphql-stand-in");
    assert_eq!(changed.json::<Value>().await.unwrap(), json!({ "errors": [{ "message": "no such field" }] }));
    server.learned(1).await;
    let rows = server.get_json("/admin/traffic").await;
    assert!(
        rows["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| { row["reason"] == "upstream answered; changed by plugin graphql-stand-in" })
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plugins_are_listed_switched_and_reloaded() {
    let (_upstream, server) = start(&["graphql-stand-in"], |_| {}).await;
    let page = server.client.get(server.url("/admin/plugins")).header("accept", "text/html,*/*").send().await.unwrap();
    assert!(page.text().await.unwrap().contains("graphql-stand-in.wasm"), "the page has the same address");
    let list = server.get_json("/admin/plugins").await;
    let row = &list[0];
    assert_eq!(
        (&row["id"], &row["state"], &row["version"]),
        (&json!("graphql-stand-in"), &json!("active"), &json!("0.1.0"))
    );
    assert_eq!(row["hooks"], json!(["responder"]));
    assert!(row["memory_bytes"].as_u64().unwrap() > 0);

    let switch = async |id: &str, body: Value| {
        let url = server.url(&format!("/admin/plugins/{id}"));
        let answer = server.client.patch(url).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let ping = async || {
        let body = json!({ "query": "{ __typename }" });
        let answer = server.client.post(server.url("/graphql")).json(&body).send().await.unwrap();
        header(&answer, "x-understudy-source").to_owned()
    };
    assert_eq!(switch("graphql-stand-in", json!({ "enabled": false })).await.1[0]["state"], "disabled");
    assert_eq!(ping().await, "upstream");
    assert_eq!(switch("graphql-stand-in", json!({ "enabled": true })).await.0, 200);
    assert_eq!(ping().await, "twin");
    let (status, error) = switch("other", json!({ "enabled": true })).await;
    assert_eq!((status, &error["error"]["code"]), (404, &json!("unknown_plugin")));
    assert_eq!(switch("graphql-stand-in", json!({ "enabled": "yes" })).await.0, 422);

    std::fs::write(server.dir.path().join("plugins/broken.wasm"), b"text").unwrap();
    let reloaded = server.client.post(server.url("/admin/plugins/reload")).send().await.unwrap();
    let reloaded: Value = reloaded.json().await.unwrap();
    assert_eq!((&reloaded[0]["id"], &reloaded[0]["state"]), (&json!("broken"), &json!("refused")));
    assert!(reloaded[0]["reason"].as_str().unwrap().contains("not WebAssembly"));

    assert_eq!(switch("graphql-stand-in", json!({ "enabled": false })).await.0, 200);
    let config = support::config(Path::new(""), None);
    let dir = server.stop().await;
    let config = understudy_server::config::Config {
        data_dir: dir.path().into(),
        plugin_dir: dir.path().join("plugins"),
        ..config
    };
    let server = Server::start_in(dir, config).await;
    assert_eq!(server.get_json("/admin/plugins").await[1]["state"], "disabled", "it outlives a restart");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_never_ends_fails_no_request_and_is_switched_off() {
    let (_upstream, server) = start(&["endless"], |_| {}).await;
    for n in 0..50 {
        let answer = server.get(&format!("/items/{}", n % 10)).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "x-understudy-source")), (200, "upstream"));
    }
    let row = &server.get_json("/admin/plugins").await[0];
    // Ten in a row, or a few more: what it says about its concerns is no failure and makes up for a little.
    assert_eq!(row["state"], "switched-off");
    assert!((10..=12).contains(&row["traps"].as_u64().unwrap()), "{row}");
    assert!(row["reason"].as_str().unwrap().contains("it ran longer than its 10 ms"), "{row}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_fail_no_request() {
    let reloads: u32 = std::env::var("RELOADS").map_or(100, |text| text.parse().unwrap());
    let (_upstream, server) = start(&["graphql-stand-in"], |_| {}).await;
    let file = server.dir.path().join("plugins/graphql-stand-in.wasm");
    let first = std::fs::read(&file).unwrap();
    // A custom section more: other bytes, the same plugin.
    let second = [first.as_slice(), &[0, 2, 1, b'x']].concat();
    let (done, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    let ask = async || {
        while !done.load(Relaxed) {
            let request = server.client.post(server.url("/graphql")).json(&json!({ "query": "{ __typename }" }));
            let answer = request.send().await.unwrap();
            assert_eq!((answer.status().as_u16(), header(&answer, "x-understudy-source")), (200, "twin"));
            calls.fetch_add(1, Relaxed);
        }
    };
    let reload = async || {
        for n in 0..reloads {
            std::fs::write(&file, if n % 2 == 0 { &second } else { &first }).unwrap();
            server.app.handles().reload_plugins().await;
        }
        done.store(true, Relaxed);
    };
    tokio::join!(ask(), ask(), reload());
    assert_eq!(server.get_json("/admin/plugins").await[0]["traps"], 0);
    println!("{reloads} reloads, {} requests, none failed", calls.load(Relaxed));
}
