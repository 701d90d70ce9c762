//! Undoes content codings (RFC 9110 §8.4.1), with a bound: a small body can unpack to a huge one.

use std::io::Read;

use bytes::Bytes;
use understudy_contract::{Body, Headers};

/// More than this is not looked at, like a body over the capture's cap.
const MAX_DECODED_BYTES: u64 = 4 << 20;

/// True when there was a coding. A body that cannot be decoded counts as cut.
pub(super) fn decode(headers: &Headers, body: &mut Body) -> bool {
    let values = headers.0.iter().filter(|(name, _)| name == "content-encoding");
    let codings: Vec<String> =
        values.flat_map(|(_, value)| value.split(',')).map(|coding| coding.trim().to_ascii_lowercase()).collect();
    let codings: Vec<&str> =
        codings.iter().map(String::as_str).filter(|coding| !matches!(*coding, "" | "identity")).collect();
    if codings.is_empty() || body.bytes.is_empty() {
        return false;
    }
    // The last one was applied last.
    let decoded = codings.iter().rev().try_fold(body.bytes.clone(), |bytes, coding| undo(coding, &bytes));
    *body = match decoded {
        Some(bytes) if !body.truncated => Body { bytes, truncated: false },
        _ => Body { bytes: Bytes::new(), truncated: true },
    };
    true
}

fn undo(coding: &str, bytes: &[u8]) -> Option<Bytes> {
    match coding {
        "gzip" | "x-gzip" => read(flate2::read::MultiGzDecoder::new(bytes)),
        // Some servers leave the zlib wrapper away.
        "deflate" => {
            read(flate2::read::ZlibDecoder::new(bytes)).or_else(|| read(flate2::read::DeflateDecoder::new(bytes)))
        }
        "br" => read(brotli_decompressor::Decompressor::new(bytes, 4096)),
        "zstd" => read(ruzstd::decoding::StreamingDecoder::new(bytes).ok()?),
        _ => None,
    }
}

fn read(decoder: impl Read) -> Option<Bytes> {
    let mut decoded = Vec::new();
    decoder.take(MAX_DECODED_BYTES + 1).read_to_end(&mut decoded).ok()?;
    (decoded.len() as u64 <= MAX_DECODED_BYTES).then(|| decoded.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;

    use super::*;

    fn check(coding: &str, bytes: Vec<u8>, expected: Option<&[u8]>) {
        let headers = Headers(vec![("content-encoding".into(), coding.into())]);
        let mut body = Body { bytes: bytes.into(), truncated: false };
        assert!(decode(&headers, &mut body));
        assert_eq!(body.truncated, expected.is_none(), "{coding}");
        assert_eq!(body.bytes, expected.unwrap_or_default(), "{coding}");
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn known_codings_are_undone() {
        check("gzip", gzip(b"hello"), Some(b"hello"));
        check("GZip, gzip", gzip(&gzip(b"hello")), Some(b"hello"));
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"hello").unwrap();
        check("deflate", encoder.finish().unwrap(), Some(b"hello"));
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"hello").unwrap();
        check("deflate", encoder.finish().unwrap(), Some(b"hello"));
        let zstd = ruzstd::encoding::compress_to_vec(&b"hello"[..], ruzstd::encoding::CompressionLevel::Fastest);
        check("zstd", zstd, Some(b"hello"));
        // An uncompressed meta-block, RFC 7932 section 9.2, followed by an empty last one.
        check("br", vec![0x0b, 0x02, 0x80, b'h', b'e', b'l', b'l', b'o', 0x03], Some(b"hello"));
    }

    #[test]
    fn what_cannot_be_decoded_counts_as_cut() {
        check("gzip", b"hello".to_vec(), None);
        check("rot13", b"uryyb".to_vec(), None);
        check("gzip", gzip(&vec![0; MAX_DECODED_BYTES as usize + 1]), None);
    }
}
