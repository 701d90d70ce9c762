//! Who gets to the admin API: every route of it, and every way around it that the API's port might offer.

mod support;

use std::net::SocketAddr;

use axum::http::Method;
use leptos_axum::generate_route_list;
use serde_json::{Value, json};
use support::{DEADLINE, Server, Upstream, header, whole};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use understudy_server::control::{ROUTES, TOKEN_COOKIE};

const TOKEN: &str = "operator-0123456789";
const VIEWER: &str = "viewer-0123456789ab";
const OF_UPSTREAM: &str = "said by upstream";

async fn api() -> Upstream {
    Upstream::start(|_| async { http::Response::new(whole(OF_UPSTREAM)) }).await
}

async fn guarded() -> (Upstream, Server) {
    let upstream = api().await;
    let server = Server::start_with(upstream.address, |config| {
        config.admin_token = Some(TOKEN.into());
        config.admin_viewer_token = Some(VIEWER.into());
    })
    .await;
    (upstream, server)
}

/// What the router serves: the admin API by its own table, pages and server functions as Leptos lists them, and what is none of
/// these.
fn every_route() -> Vec<(Method, String)> {
    let of_api = ROUTES.iter().flat_map(|(path, methods)| {
        methods.iter().map(|method| (method.to_uppercase().parse().unwrap(), concrete(path)))
    });
    let pages = generate_route_list(understudy_app::App).into_iter().map(|route| (Method::GET, concrete(route.path())));
    let functions = leptos::server_fn::axum::server_fn_paths().map(|(path, method)| (method, path.to_owned()));
    let others = ["/admin", "/admin/", "/admin/nothing", "/admin/pkg/understudy.js", "/admin/../admin/status"];
    let others = others.into_iter().map(|path| (Method::GET, path.to_owned()));
    of_api.chain(pages).chain(functions).chain(others).collect()
}

/// A path that the template fits.
fn concrete(template: &str) -> String {
    let segments = template.split('/').map(|segment| if segment.starts_with(['{', ':', '*']) { "1" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

/// Status and head of the answer to a request made by hand.
async fn ask(address: SocketAddr, method: &Method, target: &str, fields: &[(&str, &str)]) -> (u16, String) {
    let own = address.to_string();
    let host = fields.iter().find(|(name, _)| *name == "host").map_or(&*own, |(_, host)| host);
    let mut request =
        format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: 0\r\n");
    for (name, value) in fields.iter().filter(|(name, _)| *name != "host") {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    let answer = converse(address, format!("{request}\r\n").as_bytes()).await;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    (status, answer)
}

async fn converse(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await.expect("an answer in time");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn every_route_refuses_whoever_has_no_business_there() {
    let (upstream, server) = guarded().await;
    let address = server.app.api();
    let bearer = format!("Bearer {TOKEN}");
    let routes = every_route();
    let count = |test: fn(&Method, &str) -> bool| routes.iter().filter(|(method, path)| test(method, path)).count();
    assert!(count(|_, path| path.starts_with("/admin/fn/")) >= 30, "server functions are among them");
    assert!(count(|_, path| path == "/admin/settings" || path == "/") >= 2, "pages are among them");
    assert!(count(|method, _| *method != Method::GET) >= 60, "changes are among them");
    for (method, path) in &routes {
        let told = |answer: &str| format!("{method} {path}: {answer}");
        let is_open = matches!(&**path, "/admin/healthz" | "/admin/readyz");
        // A browser navigates to `/`; whoever does not is the API's guest.
        let navigates = ("accept", "text/html");
        let (status, answer) = ask(address, method, path, &[navigates]).await;
        assert_eq!(status, if is_open { 200 } else { 401 }, "{}", told(&answer));
        for forged in
            ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "evil.localhost.example", ""]
        {
            let (status, answer) =
                ask(address, method, path, &[navigates, ("host", forged), ("authorization", &bearer)]).await;
            assert_eq!(status, 403, "{forged:?} {}", told(&answer));
        }
        for origin in ["http://evil.example", "null", "https://localhost", "http://127.0.0.1:1", "file://"] {
            let fields = [navigates, ("origin", origin), ("authorization", &*bearer)];
            let (status, answer) = ask(address, method, path, &fields).await;
            assert_eq!(status, 403, "{origin} {}", told(&answer));
            assert!(!answer.contains("access-control-"), "{}", told(&answer));
        }
        if *method != Method::GET {
            let fields = [("sec-fetch-site", "same-site"), ("authorization", &*bearer)];
            assert_eq!(ask(address, method, path, &fields).await.0, 403, "{method} {path}");
        }
        let preflight =
            [("origin", "http://evil.example"), ("access-control-request-method", method.as_str()), navigates];
        let (status, answer) = ask(address, &Method::OPTIONS, path, &preflight).await;
        // What is not ours under `/` goes to the API.
        assert!(path == "/" || status == 403 && !answer.contains("access-control-"), "{}", told(&answer));
    }
    assert_eq!(upstream.count(), 1, "only the OPTIONS for / is the API's");
    server.stop().await;
}

#[tokio::test]
async fn the_live_feed_is_for_our_own_pages_with_a_token() {
    let (_upstream, server) = guarded().await;
    let address = server.app.api();
    let own = format!("http://{address}");
    let (operator, viewer) = (format!("Bearer {TOKEN}"), format!("Bearer {VIEWER}"));
    let cookie = format!("{TOKEN_COOKIE}={TOKEN}");
    for (fields, expected) in [
        (&[][..], 401),
        (&[("authorization", &*operator), ("origin", "http://evil.example")], 403),
        (&[("cookie", &*cookie), ("origin", "null")], 403),
        (&[("authorization", &*operator), ("host", "evil.example")], 403),
        (&[("cookie", &*cookie), ("sec-fetch-site", "cross-site")], 403),
        (&[("cookie", &*cookie), ("origin", &*own)], 101),
        (&[("authorization", &*viewer)], 101),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let host =
            fields.iter().find(|(name, _)| *name == "host").map_or(address.to_string(), |(_, host)| (*host).into());
        let mut request = format!(
            "GET /admin/ws HTTP/1.1\r\nhost: {host}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        );
        for (name, value) in fields.iter().filter(|(name, _)| *name != "host") {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{request}\r\n").as_bytes()).await.unwrap();
        let mut head = [0; 12];
        tokio::time::timeout(DEADLINE, stream.read_exact(&mut head)).await.unwrap().unwrap();
        assert_eq!(std::str::from_utf8(&head[9..]).unwrap(), expected.to_string(), "{fields:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_viewer_sees_everything_and_changes_nothing() {
    let (_upstream, server) = guarded().await;
    let address = server.app.api();
    let bearer = format!("Bearer {VIEWER}");
    let reads = ["/admin/fn/part", "/admin/chaos/preview", "/admin/redaction/try"];
    for (method, path) in every_route() {
        let (status, answer) =
            ask(address, &method, &path, &[("accept", "text/html"), ("authorization", &bearer)]).await;
        let is_change = method != Method::GET && !reads.contains(&&*path);
        let takes_all = path.starts_with("/admin/projects/") && path.ends_with("/export");
        let refused = answer.contains("viewer_only");
        assert_eq!(refused, is_change || takes_all, "{method} {path}: {answer}");
        assert_eq!(status == 403, refused, "{method} {path}: {answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_token_in_an_address_becomes_a_cookie_that_stays_with_us() {
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = std::sync::Arc::clone(&seen);
    let upstream = Upstream::start(move |req| {
        let cookie = req.headers().get("cookie").map(|cookie| cookie.to_str().unwrap().to_owned());
        noted.lock().unwrap().push(cookie);
        async { http::Response::new(whole(OF_UPSTREAM)) }
    })
    .await;
    let server = Server::start_with(upstream.address, |config| config.admin_token = Some(TOKEN.into())).await;
    let opened = server.get(&format!("/admin/settings?token={TOKEN}")).await;
    let cookie = header(&opened, "set-cookie").to_owned();
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.split("; ").any(|part| part == attribute), "{cookie}");
    }
    assert_eq!(header(&opened, "location"), "/admin/settings");
    assert_eq!(header(&opened, "referrer-policy"), "same-origin");
    let pair = cookie.split(';').next().unwrap();
    let api = server.client.get(server.url("/things")).header("cookie", format!("a=1; {pair}"));
    assert_eq!(api.send().await.unwrap().status(), 200);
    assert_eq!(*seen.lock().unwrap(), [Some("a=1".to_owned())]);
    // A frame of another page tries nothing.
    let framed =
        server.client.get(server.url(&format!("/admin/settings?token={TOKEN}"))).header("sec-fetch-dest", "iframe");
    assert_eq!(framed.send().await.unwrap().status(), 401);
    server.stop().await;
}

#[tokio::test]
async fn whoever_guesses_at_the_token_has_to_wait() {
    let (_upstream, server) = guarded().await;
    let ask = async |token: &str| {
        let asked = server.client.get(server.url("/admin/status")).bearer_auth(token).send().await.unwrap();
        (asked.status().as_u16(), header(&asked, "retry-after").to_owned())
    };
    for _ in 0..30 {
        assert_eq!(ask("the same old token").await.0, 401, "an old cookie is no guess");
    }
    for n in 0..9 {
        assert_eq!(ask(&format!("guess {n}")).await.0, 401);
    }
    let (status, wait) = ask(TOKEN).await;
    assert!(status == 429 && (1..=60).contains(&wait.parse::<u64>().unwrap()), "{status} {wait}");
    assert_eq!(server.get("/admin/healthz").await.status(), 200);
    assert_eq!(server.get("/things").await.status(), 200, "the API goes on");
    server.stop().await;
}

#[tokio::test]
async fn a_token_is_made_where_one_is_needed() {
    let upstream = api().await;
    let server = Server::start_with(upstream.address, |config| config.admin_viewer_token = Some(VIEWER.into())).await;
    let file = server.dir.path().join("admin-token");
    let made = std::fs::read_to_string(&file).unwrap();
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&file.metadata().unwrap()) & 0o777, 0o600);
    assert_eq!(server.get("/admin/status").await.status(), 401);
    let asked = server.client.get(server.url("/admin/status")).bearer_auth(made.trim()).send().await.unwrap();
    assert_eq!(asked.status(), 200);
    server.stop().await;
}

#[tokio::test]
async fn changes_are_written_down_with_who_made_them() {
    let (_upstream, server) = guarded().await;
    let put =
        |token: &str, body: &'static str| server.client.put(server.url("/admin/mode")).bearer_auth(token).body(body);
    assert_eq!(put(TOKEN, r#"{"mode":"mock"}"#).send().await.unwrap().status(), 200);
    assert_eq!(put(TOKEN, r#"{"mode":"party"}"#).send().await.unwrap().status(), 422);
    assert_eq!(put(VIEWER, r#"{"mode":"proxy"}"#).send().await.unwrap().status(), 403);
    let jwt = format!("eyJ{}.{}.{}", "a".repeat(30), "b".repeat(30), "c".repeat(30));
    let row = server.client.put(server.url(&format!("/admin/twin/state/x/{jwt}?token=s3cret"))).bearer_auth(TOKEN);
    row.body("{}").send().await.unwrap();
    let audit = server.client.get(server.url("/admin/audit?limit=10")).bearer_auth(VIEWER).send().await.unwrap();
    let audit: Value = audit.json().await.unwrap();
    let items = audit["items"].as_array().unwrap();
    let told: Vec<_> =
        items.iter().map(|item| (item["path"].as_str().unwrap(), &item["status"], &item["who"])).collect();
    assert_eq!(told.len(), 3, "what is refused at the door changes nothing: {audit}");
    assert!(told[0].0.starts_with("/admin/twin/state/x/") && !audit.to_string().contains(&jwt), "{audit}");
    assert_eq!(
        told[1..],
        [("/admin/mode", &json!(422), &json!("operator")), ("/admin/mode", &json!(200), &json!("operator"))]
    );
    assert_eq!((&items[0]["from"], &items[0]["method"]), (&json!("127.0.0.1"), &json!("PUT")));
    assert_eq!(
        server.client.get(server.url("/admin/audit?limit=x")).bearer_auth(TOKEN).send().await.unwrap().status(),
        400
    );
    let dir = server.stop().await;
    let written = std::fs::read_to_string(dir.path().join("audit.jsonl")).unwrap();
    assert!(written.lines().count() == 3 && !written.contains("s3cret"), "{written}");
}

/// With an address of its own, nothing that the API's port is sent reaches the admin API.
#[tokio::test]
async fn the_api_port_is_no_way_to_the_admin_api() {
    let upstream = api().await;
    let server =
        Server::start_with(upstream.address, |config| config.admin = Some("127.0.0.1:0".parse().unwrap())).await;
    let (api, admin) = (server.app.api(), server.app.control());
    assert_ne!(api, admin);
    let (_, mine) = ask(admin, &Method::GET, "/admin/status", &[]).await;
    assert!(mine.contains("\"uptime"), "there is something to reach");

    let targets = [
        "/admin/status",
        "//admin/status",
        "///admin/status",
        "/./admin/status",
        "/x/../admin/status",
        "/x/%2e%2e/admin/status",
        "/%61dmin/status",
        "/admin%2fstatus",
        "/admin%2Fstatus",
        "/%2fadmin/status",
        "/admin;x=1/status",
        "/admin/status;x",
        "/admin/status?x=1",
        "/admin//status",
        "/admin/./status",
        "/ADMIN/status",
        "/admin\\status",
        "/\\admin\\status",
        "/admin/status%00",
        "/admin/status%20",
        "/admin%252fstatus",
        "/..%2fadmin/status",
        "/..;/admin/status",
        "/admin/healthz",
        "/admin/openapi.json",
        "/admin/metrics",
        "/admin/pkg/understudy.js",
        "/admin/ws",
        "/",
    ]
    .map(str::to_owned);
    let absolute = ["http", "https", "HTTP", "ws"].map(|scheme| format!("{scheme}://{admin}/admin/status"));
    let users = [format!("http://{api}@{admin}/admin/status"), format!("http://user:pw@{admin}/admin/status")];
    let names = [format!("http://localhost:{}/admin/status", admin.port()), format!("//{admin}/admin/status")];
    let hosts = [api.to_string(), admin.to_string(), format!("localhost:{}", admin.port()), "admin".into(), "".into()];
    let further = [
        "",
        "x-forwarded-host: ADMIN\r\n",
        "forwarded: host=ADMIN;for=127.0.0.1\r\n",
        "x-original-url: /admin/status\r\n",
        "x-rewrite-url: /admin/status\r\n",
        "x-forwarded-prefix: /admin\r\n",
        "x-http-method-override: GET\r\n",
        "referer: http://ADMIN/admin\r\n",
        "origin: http://ADMIN\r\n",
        "x-forwarded-for: 127.0.0.1\r\n",
        "upgrade: websocket\r\nconnection: upgrade\r\n",
        "accept: text/html\r\nsec-fetch-dest: document\r\n",
    ]
    .map(|fields| fields.replace("ADMIN", &admin.to_string()));
    let mut asked = 0;
    for target in targets.iter().chain(&absolute).chain(&users).chain(&names) {
        for host in &hosts {
            for fields in &further {
                // One field is tried with each target, all of them with the plain one.
                if !fields.is_empty() && (target != "/admin/status" || host != &hosts[0]) {
                    continue;
                }
                let request = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{fields}\r\n");
                let answer = converse(api, request.as_bytes()).await;
                let passed = answer.ends_with(OF_UPSTREAM) && answer.contains("x-understudy-source: upstream");
                let refused =
                    ["400", "404", "414", "421", "501"].iter().any(|s| answer.starts_with(&format!("HTTP/1.1 {s} ")));
                assert!(passed || refused, "{request}{answer}");
                assert!(!answer.contains("\"uptime") && !answer.contains("\"learner\""), "{request}{answer}");
                asked += 1;
            }
        }
    }
    assert!(asked >= 150, "{asked}");
    for request in [
        format!("CONNECT {admin} HTTP/1.1\r\nhost: {admin}\r\n\r\n"),
        format!("TRACE /admin HTTP/1.1\r\nhost: {admin}\r\n\r\n"),
    ] {
        let mut stream = TcpStream::connect(api).await.unwrap();
        stream
            .write_all(
                format!("{request}GET /admin/status HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n").as_bytes(),
            )
            .await
            .unwrap();
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await;
        assert!(!String::from_utf8_lossy(&answer).contains("\"uptime"), "{request}");
    }
    // Nor does it become the API behind a project.
    for url in [format!("http://{admin}"), format!("http://{api}/x"), format!("http://localhost:{}/", admin.port())] {
        let made = server
            .client
            .post(format!("http://{admin}/admin/projects"))
            .json(&json!({ "name": "loop", "target": url }));
        let made = made.send().await.unwrap();
        assert_eq!(made.status(), 422, "{url}: {}", made.text().await.unwrap());
    }
    server.stop().await;
}

/// Names are names: nothing that is asked for writes or reads a file outside of the data folder, or starts a program.
#[tokio::test]
async fn no_name_is_a_path_or_a_command() {
    let upstream = api().await;
    let server = Server::start(upstream.address).await;
    let outside = server.dir.path().parent().unwrap().join(format!("understudy-outside-{}", std::process::id()));
    let bait = server.dir.path().join("bait.txt");
    std::fs::write(&bait, "BAIT-3c1f").unwrap();
    let names = [
        format!("../{}", outside.file_name().unwrap().to_str().unwrap()),
        outside.display().to_string(),
        bait.display().to_string(),
        "../../etc/passwd".into(),
        "/etc/passwd".into(),
        "..\\..\\x".into(),
        "a/b".into(),
        "$(touch /tmp/x)".into(),
        "`id`".into(),
        "; id".into(),
        "| id".into(),
        "file:///etc/passwd".into(),
        "~/x".into(),
        ".ssh".into(),
        "a\0b".into(),
        "bait.txt".into(),
        "default.key".into(),
        "admin-token/".into(),
        "audit.jsonl".into(),
        "x.db-wal".into(),
    ];
    let before = tree(server.dir.path());
    for name in &names {
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let mut answers = Vec::new();
        for (method, path, body) in [
            (Method::POST, "/admin/projects".to_owned(), json!({ "name": name })),
            (Method::POST, format!("/admin/projects/{encoded}/activate"), json!({})),
            (Method::POST, "/admin/projects/default/copy".into(), json!({ "name": name })),
            (Method::PATCH, "/admin/projects/default".into(), json!({ "name": name })),
            (Method::GET, format!("/admin/projects/{encoded}/export"), Value::Null),
            (Method::DELETE, format!("/admin/projects/{encoded}"), Value::Null),
            (Method::POST, format!("/admin/projects/import?name={encoded}"), Value::Null),
            (Method::PATCH, format!("/admin/plugins/{encoded}"), json!({ "enabled": true })),
            (Method::GET, format!("/admin/export/{encoded}"), Value::Null),
            (Method::POST, "/admin/twin/load".into(), json!({ "name": name })),
            (Method::GET, format!("/admin/pkg/{encoded}"), Value::Null),
        ] {
            let request = server.client.request(method.clone(), server.url(&path)).json(&body);
            let Ok(request) = request.build() else { continue };
            let answer = server.client.execute(request).await.unwrap();
            let status = answer.status();
            assert!(
                !status.is_success() && !status.is_redirection(),
                "{method} {path} {body}: {status} {}",
                answer.text().await.unwrap()
            );
            answers.push(answer.text().await.unwrap());
        }
        for up in ["/admin/pkg/../../../../../../..", "/admin/pkg/..%2f..%2f..%2f..%2f..%2f.."] {
            let (_, answer) = ask(server.app.api(), &Method::GET, &format!("{up}{encoded}"), &[]).await;
            answers.push(answer);
        }
        assert!(!answers.concat().contains("BAIT-3c1f") && !answers.concat().contains("root:"), "{name}");
    }
    assert!(!outside.exists());
    assert_eq!(tree(server.dir.path()), before);
    server.stop().await;
}

/// The files of a folder but those that come and go with a database, or with the attempt to open one.
fn tree(dir: &std::path::Path) -> Vec<String> {
    let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names
        .filter(|name| {
            !name.ends_with("-wal") && !name.ends_with(".lock") && !name.ends_with("-shm") && !name.starts_with("audit")
        })
        .collect();
    names.sort();
    names
}
