//! Ways in which upstream goes away, one by one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use understudy_policy::Unwell;
use understudy_server::config::{Config, Flags, Layers};

use super::support::{self, Server, Upstream, header, until};
use super::{teach, things};

/// What a raw upstream does with a connection after it has read a request.
#[derive(Clone, Copy)]
enum Raw {
    /// Ends it with a reset.
    Reset,
    /// Sends a head and a part of the body that it promised, then ends.
    Half,
}

/// A listener whose connections read one request and then misbehave.
struct RawUpstream {
    requests: Arc<AtomicUsize>,
    tasks: JoinSet<()>,
}

impl RawUpstream {
    async fn start_at(address: SocketAddr, how: Raw) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(misbehave(stream, how, Arc::clone(&counter)));
            }
        });
        Self { requests, tasks }
    }

    fn count(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

async fn misbehave(mut stream: TcpStream, how: Raw, requests: Arc<AtomicUsize>) {
    let mut read = vec![0; 4096];
    match stream.read(&mut read).await {
        Ok(0) | Err(_) => return,
        // A look of ours at whether it is back is no request of a client's.
        Ok(_) if read.starts_with(b"HEAD / ") => {}
        Ok(_) => drop(requests.fetch_add(1, Ordering::SeqCst)),
    }
    match how {
        Raw::Reset => stream.set_zero_linger().unwrap(),
        Raw::Half => {
            let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"id\": 7, ";
            stream.write_all(head).await.unwrap();
            stream.flush().await.unwrap();
            // The client shall have the head before the end comes.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

async fn taught_then(how: Raw) -> (Server, RawUpstream) {
    let upstream = Upstream::start(things).await;
    let server = Server::start(upstream.address).await;
    teach(&server).await;
    teach_creation(&server).await;
    let address = upstream.kill().await;
    (server, RawUpstream::start_at(address, how).await)
}

async fn teach_creation(server: &Server) {
    for name in ["a", "b", "c"] {
        let created = server.client.post(server.url("/things")).json(&json!({ "name": name })).send().await.unwrap();
        assert_eq!(created.status(), 201);
    }
    server.learned(24).await;
}

fn assert_twin(response: &reqwest::Response, status: u16, reason: &str) {
    assert_eq!((response.status().as_u16(), header(response, "x-understudy-source")), (status, "twin"));
    let given = header(response, "x-understudy-reason");
    assert!(given.contains(reason), "{given}");
}

#[tokio::test]
async fn a_reset_before_the_first_byte_is_answered_by_the_twin() {
    let (server, upstream) = taught_then(Raw::Reset).await;
    let response = server.get("/things/7").await;
    assert_twin(&response, 200, "closed the connection before it answered");
    assert!((1..=2).contains(&upstream.count()), "one more try is fair: {}", upstream.count());
    server.stop().await;
}

#[tokio::test]
async fn a_post_that_upstream_may_have_seen_is_not_sent_twice() {
    let (server, mut upstream) = taught_then(Raw::Reset).await;
    let created = server.client.post(server.url("/things")).json(&json!({ "name": "once" })).send().await.unwrap();
    assert_twin(&created, 201, "closed the connection before it answered");
    assert_eq!(upstream.count(), 1);
    upstream.tasks.shutdown().await;
    server.stop().await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_never_continued() {
    let (server, _upstream) = taught_then(Raw::Half).await;
    let mut response = server.get("/things/7").await;
    assert_eq!((response.status().as_u16(), header(&response, "x-understudy-source")), (200, "upstream"));
    let mut got = Vec::new();
    let end = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => got.extend_from_slice(&chunk),
            end => break end,
        }
    };
    assert!(end.is_err(), "the client must see that something is missing");
    assert_eq!(got, b"{\"id\": 7, ");
    server.stop().await;
}

#[tokio::test]
async fn a_failed_handshake_and_a_name_that_does_not_resolve_are_answered_by_the_twin() {
    let upstream = Upstream::start(things).await;
    let server = Server::start(upstream.address).await;
    teach(&server).await;
    let mut dir = server.stop().await;
    // The upstream speaks no TLS.
    let targets = [
        (format!("https://{}", upstream.address), "failed the TLS handshake"),
        ("http://api.invalid:1".to_owned(), "has a name that does not resolve"),
    ];
    for (target, reason) in targets {
        let env = std::collections::BTreeMap::from([("TARGET_URL".to_owned(), target)]);
        let (parsed, mistakes) = Config::check(&Layers::new(&Flags::default(), &env, None));
        assert!(mistakes.is_empty());
        let config = Config { target: parsed.target, ..support::config(dir.path(), None) };
        let server = Server::start_in(dir, config).await;
        assert_twin(&server.get("/things/7").await, 200, reason);
        dir = server.stop().await;
    }
}

/// Answers like [`things`] as long as it is told to, and not at all otherwise.
async fn hanging(server_floor: Duration) -> (Upstream, Server, Arc<AtomicBool>) {
    let hangs = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&hangs);
    let upstream = Upstream::start(move |req| {
        let hangs = switch.load(Ordering::SeqCst);
        async move {
            if hangs {
                std::future::pending::<()>().await;
            }
            things(req).await
        }
    })
    .await;
    let server = Server::start_with(upstream.address, |config| config.deadlines.floor = server_floor).await;
    teach(&server).await;
    (upstream, server, hangs)
}

#[tokio::test]
async fn a_hung_upstream_costs_a_deadline_and_then_nothing_until_it_is_back() {
    let floor = Duration::from_millis(300);
    let (_upstream, server, hangs) = hanging(floor).await;
    hangs.store(true, Ordering::SeqCst);
    let began = Instant::now();
    assert_twin(&server.get("/things/7").await, 200, "did not answer in time");
    let took = began.elapsed();
    assert!(took >= floor && took < Duration::from_secs(2), "{took:?}");
    let many: Vec<_> = (1..=6).map(|id| server.client.get(server.url(&format!("/things/{id}"))).send()).collect();
    for response in futures_util::future::join_all(many).await {
        assert_eq!(response.unwrap().status(), 200);
    }
    assert_eq!(server.status().await["upstream"]["breaker"], "open");
    let began = Instant::now();
    for id in 1..=20 {
        assert_twin(&server.get(&format!("/things/{id}")).await, 200, "upstream failed just before");
    }
    assert!(began.elapsed() < floor, "while the breaker is open nobody waits");
    hangs.store(false, Ordering::SeqCst);
    let back = Instant::now();
    until("upstream to answer again", || async {
        let response = server.get("/things/3").await;
        (header(&response, "x-understudy-source") == "upstream").then_some(())
    })
    .await;
    assert!(back.elapsed() < Duration::from_secs(2), "{:?}", back.elapsed());
    server.stop().await;
}

#[tokio::test]
async fn while_the_client_still_sends_upstream_is_not_to_blame() {
    let floor = Duration::from_millis(200);
    let (_upstream, server, _) = hanging(floor).await;
    let parts: [&[u8]; 4] = [b"{\"name\"", b":", b"\"slow\"", b"}"];
    let body = futures_util::stream::unfold(parts.into_iter(), |mut parts| async move {
        tokio::time::sleep(Duration::from_millis(350)).await;
        Some((Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::from_static(parts.next()?))), parts))
    });
    let uri: http::Uri = server.url("/things").parse().unwrap();
    let stream = TcpStream::connect(server.app.api()).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    let running = tokio::spawn(connection);
    let body = http_body_util::StreamBody::new(Box::pin(body));
    let req = http::Request::post(uri.path()).header("host", "api").header("content-type", "application/json");
    let response = sender.send_request(req.body(body).unwrap()).await.unwrap();
    assert_eq!(response.headers()["x-understudy-source"], "upstream");
    let answer = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&answer).unwrap()["name"], "slow");
    drop(sender);
    running.await.unwrap().unwrap();
    server.stop().await;
}

#[tokio::test]
async fn an_upstream_that_says_it_is_not_well_is_passed_on_or_replaced_as_configured() {
    let sick = Arc::new(AtomicBool::new(false));
    let switch = Arc::clone(&sick);
    let upstream = Upstream::start(move |req| {
        let sick = switch.load(Ordering::SeqCst);
        async move { if sick { support::json(503, &json!({ "error": "maintenance" })) } else { things(req).await } }
    })
    .await;
    let server = Server::start(upstream.address).await;
    teach(&server).await;
    sick.store(true, Ordering::SeqCst);
    let passed = server.get("/things/7").await;
    assert_eq!((passed.status().as_u16(), header(&passed, "x-understudy-source")), (503, "upstream"));
    until("the breaker to open", || async {
        server.get("/things/7").await;
        (server.status().await["upstream"]["breaker"] == "open").then_some(())
    })
    .await;
    assert_twin(&server.get("/things/7").await, 200, "upstream failed just before");
    sick.store(false, Ordering::SeqCst);
    let mut config = support::config(std::path::Path::new(""), Some(upstream.address));
    let dir = server.stop().await;
    config =
        Config { unwell: Unwell::Twin, data_dir: dir.path().into(), plugin_dir: dir.path().join("plugins"), ..config };
    let server = Server::start_in(dir, config).await;
    sick.store(true, Ordering::SeqCst);
    assert_twin(&server.get("/things/7").await, 200, "upstream answered 503");
    let unknown = server.get("/never/seen").await;
    assert_eq!((unknown.status().as_u16(), header(&unknown, "x-understudy-source")), (503, "upstream"));
    server.stop().await;
}

/// Open loop: a request leaves every two milliseconds, whether the ones before it are answered or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_killed_under_500_requests_a_second_fails_no_client() {
    const EVERY: Duration = Duration::from_millis(2);
    let upstream = Upstream::start(things).await;
    let server = Server::start(upstream.address).await;
    teach(&server).await;
    let began = Instant::now();
    let mut requests = JoinSet::new();
    let mut ticks = tokio::time::interval(EVERY);
    let (mut address, mut running, mut back) = (None, Some(upstream), None);
    for n in 0..3000_u64 {
        ticks.tick().await;
        let (client, url) = (server.client.clone(), server.url(&format!("/things/{}", n % 20 + 1)));
        let sent = began.elapsed();
        requests.spawn(async move {
            let response = client.get(url).send().await.map_err(|error| error.to_string())?;
            let (status, source) = (response.status(), header(&response, "x-understudy-source").to_owned());
            let body: serde_json::Value = response.json().await.map_err(|error| error.to_string())?;
            (status == 200 && body["id"] == n % 20 + 1).then_some((source, sent)).ok_or(body.to_string())
        });
        match n {
            750 => address = Some(running.take().unwrap().kill().await),
            2000 => {
                running = Some(Upstream::start_at(address.unwrap(), things).await);
                back = Some(began.elapsed());
            }
            _ => {}
        }
    }
    let answers: Vec<_> = requests.join_all().await;
    let failed: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert!(failed.is_empty(), "{} of {} failed: {:?}", failed.len(), answers.len(), failed.first());
    let answers = || answers.iter().flatten();
    let twin = answers().filter(|(source, _)| source == "twin").count();
    assert!((1000..2500).contains(&twin), "the twin answered {twin}");
    let back = back.unwrap();
    let live = answers().filter(|(source, at)| source == "upstream" && *at > back).map(|(_, at)| *at).min().unwrap();
    eprintln!(
        "killed under load: {} requests, 0 failed, {twin} by the twin, live again after {:?}",
        answers().count(),
        live - back
    );
    assert!(live - back < Duration::from_secs(2), "live again after {:?}", live - back);
    server.stop().await;
}
