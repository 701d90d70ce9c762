//! Times and sizes as people write them: `2s`, `500ms`, `1MiB`.

use std::time::Duration;

use super::Wrong;

const TIMES: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
/// A year is as good as for ever, and no timer overflows with it.
const MAX_MILLIS: u64 = 365 * 24 * 3_600_000;
const SIZES: [(&str, u64); 7] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

/// A time above zero.
pub(super) fn time(value: &str) -> Result<Duration, Wrong> {
    let millis = scaled(value, &TIMES).filter(|millis| (1..=MAX_MILLIS).contains(millis));
    millis.map(Duration::from_millis).ok_or_else(|| "a time such as 500ms, 2s, 1min or 7d".into())
}

/// A number of bytes.
pub(super) fn size(value: &str) -> Result<usize, Wrong> {
    let bytes = scaled(value, &SIZES).or_else(|| value.parse().ok());
    bytes.and_then(|bytes| usize::try_from(bytes).ok()).ok_or_else(|| "a size such as 512KiB, 1MiB or 65536".into())
}

fn scaled(value: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, unit) = value.split_at(value.find(|c: char| !c.is_ascii_digit())?);
    let (_, factor) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()))?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read() {
        assert_eq!(time("500ms").ok(), Some(Duration::from_millis(500)));
        assert_eq!(time("2 s").ok(), Some(Duration::from_secs(2)));
        assert_eq!(time("7d").ok(), Some(Duration::from_secs(7 * 86_400)));
        assert_eq!(size("1MiB").ok(), Some(1 << 20));
        assert_eq!(size("4096").ok(), Some(4096));
        for wrong in ["", "2", "0s", "s", "-1s", "2w", "366d", "9999h", "99999999999999999999s"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "MiB", "1.5MiB", "-1", "1PiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
