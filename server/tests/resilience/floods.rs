//! Messages made to take memory: they pass, or are refused, and nobody else notices.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::Response;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::program::{Load, Program, log};
use crate::support::{self, Upstream};

/// What the promise allows.
const MOST_BYTES: u64 = 32 << 20;
const BIG_BYTES: usize = 100 << 20;

fn deep() -> Vec<u8> {
    let depth = 100_000;
    [vec![b'['; depth], vec![b']'; depth]].concat()
}

fn wide() -> Vec<u8> {
    let keys: Vec<String> = (0..1_000_000).map(|key| format!("\"k{key}\":{key}")).collect();
    format!("{{{}}}", keys.join(",")).into_bytes()
}

/// As many keys as one body may have that is kept.
fn wide_enough_to_learn() -> Vec<u8> {
    let keys: Vec<String> = (0..60_000).map(|key| format!("\"k{key}\":{key}")).collect();
    format!("{{{}}}", keys.join(",")).into_bytes()
}

/// A gibibyte of zeros.
fn bomb() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 1 << 20];
    (0..1024).for_each(|_| encoder.write_all(&zeros).unwrap());
    encoder.finish().unwrap()
}

/// Answers with a flood that was asked for by name, and with a small object else.
async fn api() -> Upstream {
    let floods: std::collections::HashMap<&str, Bytes> = [
        ("deep", deep()),
        ("wide", wide()),
        ("many", wide_enough_to_learn()),
        ("bomb", bomb()),
        ("big", vec![b'x'; BIG_BYTES]),
    ]
    .map(|(name, bytes)| (name, Bytes::from(bytes)))
    .into();
    let floods = std::sync::Arc::new(floods);
    Upstream::start(move |req| {
        let floods = std::sync::Arc::clone(&floods);
        async move {
            let name = req.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
            // Who answers before all has come is gone in the middle of it.
            let mut body = req.into_body();
            while let Some(Ok(_)) = body.frame().await {}
            let Some(flood) = floods.get(name.as_str()) else {
                let id: u64 = name.parse().unwrap_or(0);
                return support::json(200, &serde_json::json!({ "id": id }));
            };
            let mut response = Response::builder().header("content-type", "application/json");
            if name == "bomb" {
                response = response.header("content-encoding", "gzip");
            }
            response.body(support::whole(flood.clone())).unwrap()
        }
    })
    .await
}

/// Resident memory now and at its highest since the last look, in bytes.
fn memory(id: u32) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let field = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().strip_suffix("kB").unwrap().trim().parse::<u64>().unwrap() * 1024
    };
    (field("VmRSS:"), field("VmHWM:"))
}

/// Reads an answer to its end without keeping it: the status, and how long it was.
async fn pass(address: SocketAddr, head: &str, body: &[u8]) -> (u16, usize) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (mut from, mut to) = stream.split();
    let send = async {
        // Whoever refuses reads no further.
        let _ = to.write_all(head.as_bytes()).await;
        let _ = to.write_all(body).await;
    };
    let read = async {
        let (mut first, mut total, mut buffer) = (Vec::new(), 0, vec![0; 64 << 10]);
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            total += count;
            if first.len() < 64 {
                first.extend_from_slice(&buffer[..count.min(64)]);
            }
        }
        (String::from_utf8_lossy(&first).split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0), total)
    };
    tokio::time::timeout(Duration::from_secs(120), async { tokio::join!(send, read).1 }).await.expect("an end")
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_take_no_memory_and_nobody_else_notices() {
    let (upstream, dir) = (api().await, tempfile::tempdir().unwrap());
    let program = Program::start(dir.path(), upstream.address, ":", &[]).await;
    let load = Load::start(&program, 2, Duration::from_millis(5));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let get = |name: &str| format!("GET /flood/{name} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let post = |bytes: usize| {
        format!(
            "POST /flood/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {bytes}\r\n\r\n"
        )
    };
    let fields: String = (0..10_000).map(|n| format!("x-{n}: {n}\r\n")).collect();
    let (deep, wide, many, big) = (deep(), wide(), wide_enough_to_learn(), vec![b'x'; BIG_BYTES]);
    let cases: [(&str, String, &[u8], u16, usize); 10] = [
        ("answer 100,000 deep", get("deep"), b"", 200, deep.len()),
        ("request 100,000 deep", post(deep.len()), &deep, 200, 0),
        ("answer of a million keys", get("wide"), b"", 200, wide.len()),
        ("request of a million keys", post(wide.len()), &wide, 200, 0),
        ("answer of 60,000 keys", get("many"), b"", 200, many.len()),
        ("request of 60,000 keys", post(many.len()), &many, 200, 0),
        ("answer of 100 MiB", get("big"), b"", 200, BIG_BYTES),
        ("request of 100 MiB", post(BIG_BYTES), &big, 200, 0),
        ("10,000 header fields", format!("GET /flood/1 HTTP/1.1\r\nHost: a\r\n{fields}\r\n"), b"", 431, 0),
        ("answer of gzip 1:1000", get("bomb"), b"", 200, 1 << 19),
    ];
    for (what, head, body, expected, least) in cases {
        let (before, _) = memory(program.id());
        // The highest is counted from now on.
        std::fs::write(format!("/proc/{}/clear_refs", program.id()), "5").unwrap();
        for _ in 0..3 {
            let (status, bytes) = pass(program.address, &head, body).await;
            assert_eq!(status, expected, "{what}");
            assert!(bytes >= least, "{what}: {bytes} bytes of {least}");
        }
        // For what there is to learn of it.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let (after, highest) = memory(program.id());
        let (more, most) = (after.saturating_sub(before), highest.saturating_sub(before));
        println!("{what}: memory {} KiB more at most, {} KiB more afterwards", most >> 10, more >> 10);
        assert!(most < MOST_BYTES, "{what}: {most} bytes more");
    }
    let (answered, failed) = load.end().await;
    println!("others meanwhile: {answered} answered, {failed} failed");
    assert!(failed == 0 && answered > 100, "{failed} of {answered}: {}", log(dir.path()));
    assert!(!log(dir.path()).contains("panicked"), "{}", log(dir.path()));
    // How long it takes to learn what is left is no part of this.
    program.kill().await;
}
