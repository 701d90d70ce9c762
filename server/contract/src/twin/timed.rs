//! Keys that begin with the time they were made at, so that they sort by it: version 7 UUIDs (RFC 9562 §5.7), ULIDs, and
//! object ids (BSON).

use super::value::same_shape;

/// Crockford's base 32.
const BASE_32: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// The years 2005 to 2099, in Unix milliseconds: what lies outside is no time but chance.
const PLAUSIBLE: std::ops::Range<i64> = 1_104_537_600_000..4_070_908_800_000;

/// A key of the form of `like` that was made at `now_ms` (Unix milliseconds); `None` where that form tells no time.
pub(super) fn timed(like: &str, now_ms: i64, seed: u64) -> Option<String> {
    let now = u64::try_from(now_ms).ok()?;
    let rest = same_shape(like, seed);
    let text = if is_uuid_v7(like) {
        let digits = format!("{now:012x}");
        format!("{}-{}{}", &digits[..8], &digits[8..], &rest[13..])
    } else if is_ulid(like) {
        let digit = |at: u32| char::from(BASE_32[usize::try_from((now >> (45 - 5 * at)) & 31).unwrap_or(0)]);
        // Letters of a shape may be any: only those of the alphabet may stand here.
        let chance = rest[10..].bytes().map(|byte| char::from(BASE_32[usize::from(byte) % 32]));
        (0..10).map(digit).chain(chance).collect()
    } else if is_object_id(like) {
        format!("{:08x}{}", (now / 1000) & 0xffff_ffff, &rest[8..])
    } else {
        return None;
    };
    let upper = like.bytes().any(|byte| byte.is_ascii_uppercase());
    Some(if upper { text.to_ascii_uppercase() } else { text.to_ascii_lowercase() })
}

fn is_uuid_v7(text: &str) -> bool {
    let hex = |part: &str| i64::from_str_radix(part, 16).ok();
    let form = text.len() == 36 && text.is_ascii() && text.matches('-').count() == 4 && text.as_bytes()[14] == b'7';
    form && hex(&format!("{}{}", &text[..8], &text[9..13])).is_some_and(|time| PLAUSIBLE.contains(&time))
}

fn is_ulid(text: &str) -> bool {
    let digit = |byte: u8| BASE_32.iter().position(|digit| *digit == byte.to_ascii_uppercase());
    if text.len() != 26 || !text.bytes().all(|byte| digit(byte).is_some()) {
        return false;
    }
    let time = text.bytes().take(10).filter_map(digit).fold(0_i64, |time, digit| (time << 5) | digit as i64);
    PLAUSIBLE.contains(&time)
}

fn is_object_id(text: &str) -> bool {
    let form = text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    form && i64::from_str_radix(&text[..8], 16).is_ok_and(|seconds| PLAUSIBLE.contains(&(seconds * 1000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_760_000_000_123;

    #[test]
    fn new_keys_sort_behind_older_ones() {
        // The examples of RFC 9562 (appendix A.6), of ULID's specification, and of MongoDB's manual.
        for like in ["017f22e2-79b0-7cc3-98c4-dc0c0c07398f", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "507f1f77bcf86cd799439011"] {
            let (first, second) = (timed(like, NOW, 1).expect(like), timed(like, NOW + 2000, 2).expect(like));
            assert!(*like < *first && first < second, "{like} {first} {second}");
            assert_eq!(timed(&second, NOW, 1).expect("the same form").len(), like.len());
        }
        let made = timed("017f22e2-79b0-7cc3-98c4-dc0c0c07398f", NOW, 7).expect("a version 7 UUID");
        assert_eq!((&made[..13], &made[14..15], &made[19..20]), ("0199c82c-c07b", "7", "9"));
        let lower = timed("01arz3ndektsv4rrffq69g5fav", NOW, 7).expect("a ULID");
        assert!(lower.starts_with("01k742sg3v"), "{lower}");
    }

    #[test]
    fn what_tells_no_time_is_left_alone() {
        for other in
            ["0b9f6c1e-5a57-4c39-9f6a-0b8a2f9f6d11", "ffffffff-ffff-7fff-8fff-ffffffffffff", "cus_9A1b2c3d4e", ""]
        {
            assert_eq!(timed(other, NOW, 1), None, "{other}");
        }
    }
}
