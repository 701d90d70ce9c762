//! Content codings: whatever comes is undone within its bound or let go.

use bytes::Bytes;
use understudy_contract::{Body, Headers};

/// The bound of the server.
const MAX_DECODED_BYTES: usize = 4 << 20;

pub fn run(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    let coding = match kind % 6 {
        0 => "gzip",
        1 => "deflate",
        2 => "br",
        3 => "zstd",
        4 => "gzip, gzip",
        _ => "br, gzip",
    };
    let headers = Headers(vec![("content-encoding".into(), coding.into())]);
    let mut body = Body { bytes: Bytes::copy_from_slice(data), truncated: false };
    learner::undo(&headers, &mut body);
    assert!(body.bytes.len() <= MAX_DECODED_BYTES);
    assert!(!body.truncated || body.bytes.is_empty(), "what is not whole is let go");
}

#[path = "../../server/src/learner"]
mod learner {
    #[allow(dead_code, unreachable_pub, reason = "a target uses a part of it")]
    mod decode;

    use super::{Body, Headers};

    pub(super) fn undo(headers: &Headers, body: &mut Body) {
        decode::decode(headers, body);
    }
}
