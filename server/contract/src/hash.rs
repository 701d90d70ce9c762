//! A stable hash: models are stored and merged across machines, so the hash must be the same everywhere and for ever.

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
const OFFSET: u64 = 0x2545_f491_4f6c_dd1d;

/// 64 well-mixed bits of some bytes.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let mut state = OFFSET ^ (bytes.len() as u64).wrapping_mul(MULTIPLIER);
    let (chunks, rest) = bytes.as_chunks::<8>();
    for chunk in chunks {
        state = fold(state ^ u64::from_le_bytes(*chunk));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    finish(fold(state ^ u64::from_le_bytes(last)))
}

/// Hashes of parts into the hash of their sequence.
pub(crate) fn combine(left: u64, right: u64) -> u64 {
    finish(fold(left).wrapping_add(right).wrapping_add(OFFSET))
}

/// The order in which keys leave a collection that is full, the highest first: those that look like data before those
/// that look like names, because a name is worth more than one value of many. Among equals the hash decides.
pub(crate) fn rank(key: &str) -> u64 {
    let hyphens = key.bytes().filter(|b| *b == b'-').count();
    let is_data = key.len() > 32 || hyphens >= 2 || key.bytes().any(|b| b.is_ascii_digit() || !b.is_ascii());
    u64::from(is_data) << 63 | hash(key.as_bytes()) >> 1
}

/// Bytes into a running hash that is kept nowhere: it may change from build to build, and so takes four words at a time.
pub(crate) fn mix(state: u64, bytes: &[u8]) -> u64 {
    // Names are short, and there are many of them: their two ends, which may overlap, are all of it.
    if let (8..=16, Some(first), Some(last)) = (bytes.len(), bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        return fold(
            fold(state ^ u64::from_le_bytes(*first)) ^ u64::from_le_bytes(*last).rotate_left(bytes.len() as u32),
        );
    }
    if let (4..=7, Some(first), Some(last)) = (bytes.len(), bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let ends = u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last));
        return fold(fold(state ^ bytes.len() as u64) ^ ends);
    }
    let mut lanes = [state, 1, 2, bytes.len() as u64];
    let (blocks, rest) = bytes.as_chunks::<32>();
    for block in blocks {
        for (lane, word) in lanes.iter_mut().zip(block.as_chunks::<8>().0) {
            *lane = fold(*lane ^ u64::from_le_bytes(*word));
        }
    }
    let (words, rest) = rest.as_chunks::<8>();
    for (lane, word) in lanes.iter_mut().zip(words) {
        *lane = fold(*lane ^ u64::from_le_bytes(*word));
    }
    // A tail of one to seven bytes; the length is in the last lane, so that zeros count.
    let tail = rest.iter().fold(0, |tail, byte| tail << 8 | u64::from(*byte));
    let [a, b, c, d] = lanes;
    fold(a ^ tail).wrapping_add(b.rotate_left(17)) ^ fold(c.wrapping_add(d.rotate_left(31)))
}

/// Whether two texts are the same. Names are mostly short, and for them a call of the platform's comparison costs more than it does.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    match (one.first_chunk::<8>(), one.last_chunk::<8>(), other.first_chunk::<8>(), other.last_chunk::<8>()) {
        (Some(a), Some(z), Some(b), Some(y)) if one.len() <= 16 => a == b && z == y,
        _ if one.len() < 8 => one.iter().zip(other).all(|(a, b)| a == b),
        _ => one == other,
    }
}

fn fold(value: u64) -> u64 {
    let product = u128::from(value ^ OFFSET) * u128::from(MULTIPLIER);
    (product as u64) ^ ((product >> 64) as u64)
}

/// The finalizer of splitmix64: bottom-k samples need every bit to depend on every other.
fn finish(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_counts_in_a_running_hash() {
        let text: Vec<u8> = (0..100).collect();
        let mut seen: Vec<u64> = (0..=100).map(|n| mix(7, &text[..n])).collect();
        for at in 0..100 {
            let mut other = text.clone();
            other[at] ^= 0x80;
            seen.push(mix(7, &other));
        }
        seen.push(mix(8, &text));
        seen.extend([mix(7, b"\0"), mix(7, b"\0\0"), mix(mix(7, b"a"), b"b"), mix(mix(7, b"b"), b"a")]);
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        // `[0]` is among the prefixes too.
        assert_eq!(seen.len(), count - 1);
    }

    #[test]
    fn stays_what_it_was() {
        assert_eq!(hash(b""), hash(b""));
        assert_ne!(hash(b"a"), hash(b"a\0"));
        assert_ne!(hash(b"12345678"), hash(b"12345679"));
        assert_ne!(combine(1, 2), combine(2, 1));
        assert!(rank("feed") < rank("amber-river-42") && rank("created_at") < rank("2024"));
    }
}
