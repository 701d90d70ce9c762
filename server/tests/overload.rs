//! A learner that cannot keep up. In a program of its own, because it looks at the memory of the whole process.

mod support;

use std::time::{Duration, Instant};

use serde_json::json;
use support::{Server, Upstream};

const CLIENTS: usize = 16;
const ROUND: Duration = Duration::from_secs(2);
/// So that the memory of the queue is full before its places are: both ends are reached.
const BODY_CHARS: usize = 16 << 10;

async fn memory_mib(server: &Server) -> f64 {
    server.status().await["memory_bytes"].as_f64().unwrap() / f64::from(1 << 20)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_learner_slowed_a_hundredfold_fails_nobody_and_fills_no_memory() {
    let upstream = Upstream::start(|req| async move {
        let path = req.uri().path().to_owned();
        support::json(200, &json!({ "path": path, "text": "x".repeat(BODY_CHARS) }))
    })
    .await;
    let server = Server::start_with(upstream.address, |config| config.learner_slowdown = 100).await;
    // Connections, threads and buffers are there before the measurement begins.
    load(&server, Duration::from_millis(300)).await;
    let before = memory_mib(&server).await;
    let (mut asked, mut failed, mut growth) = (0, 0, 0.0_f64);
    let began = Instant::now();
    let learner = loop {
        let round = load(&server, ROUND).await;
        (asked, failed) = (asked + round.0, failed + round.1);
        growth = growth.max(memory_mib(&server).await - before);
        let learner = server.status().await["learner"].clone();
        if learner["shed"].as_u64().unwrap() > 1000 || began.elapsed() > support::DEADLINE {
            break learner;
        }
    };
    eprintln!("slowed learner: {asked} requests, {failed} failed, RSS {growth:+.1} MiB, {learner}");
    assert_eq!(failed, 0);
    assert!(growth <= 64.0, "grew by {growth:.1} MiB");
    let part = |name: &str| learner[name].as_u64().unwrap();
    assert_eq!(part("offered"), part("learned") + part("shed") + part("pending"));
    assert!(part("shed") > 0 && part("bodies_shed") > 0, "the learner was meant to fall behind: {learner}");
    // What the queue holds is learned at the end, without waiting for the brake.
    let handles = server.app.handles();
    drop(server.stop().await);
    let learner = handles.status().learner;
    assert_eq!((learner.pending, learner.offered), (0, learner.learned + learner.shed));
}

/// Requests sent and failed.
async fn load(server: &Server, during: Duration) -> (u64, u64) {
    let until = Instant::now() + during;
    let clients: Vec<_> = (0..CLIENTS).map(|client| ask(server, client, until)).collect();
    let counts = futures_util::future::join_all(clients).await;
    counts.into_iter().fold((0, 0), |(asked, failed), (a, f)| (asked + a, failed + f))
}

async fn ask(server: &Server, client: usize, until: Instant) -> (u64, u64) {
    let (mut asked, mut failed) = (0, 0);
    while Instant::now() < until {
        let answer = server.client.get(server.url(&format!("/c/{client}/{asked}"))).send().await;
        let whole = match answer {
            Ok(response) if response.status() == 200 => {
                response.bytes().await.is_ok_and(|body| body.len() > BODY_CHARS)
            }
            _ => false,
        };
        asked += 1;
        failed += u64::from(!whole);
    }
    (asked, failed)
}
