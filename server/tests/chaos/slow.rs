//! Bodies that come slowly.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{begin, with_fault};

#[tokio::test]
async fn a_bandwidth_is_kept_to() {
    let (_upstream, server) = begin().await;
    let plain = server.get("/users").await.text().await.unwrap();
    with_fault(&server, json!({ "bandwidth": { "bytes_per_second": 400 } })).await;
    let begun = Instant::now();
    let answer = server.get("/users").await;
    let head = begun.elapsed();
    assert_eq!(answer.text().await.unwrap(), plain);
    let whole = begun.elapsed();
    let expected = Duration::from_secs_f64(plain.len() as f64 / 400.0);
    assert!(head < expected / 2, "the head is not held back: {head:?}");
    assert!(whole + Duration::from_millis(60) >= expected && whole < expected * 3, "{whole:?} instead of {expected:?}");
}

#[tokio::test]
async fn a_body_drips() {
    let (_upstream, server) = begin().await;
    with_fault(&server, json!({ "drip": { "bytes": 10, "every_ms": 20 } })).await;
    let begun = Instant::now();
    let mut answer = server.get("/users").await;
    let mut pieces = Vec::new();
    while let Some(piece) = answer.chunk().await.unwrap() {
        pieces.push(piece.len());
    }
    let bytes: usize = pieces.iter().sum();
    assert!(pieces.len() > 4 && pieces[0] == 10, "{pieces:?}");
    assert!(begun.elapsed() >= Duration::from_millis(20) * u32::try_from(bytes / 10 - 1).unwrap());
}
