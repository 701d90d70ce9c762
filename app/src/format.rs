//! Numbers and times as people read them: with a unit, three digits at most, and no digit that means nothing.

const SECOND_MS: u64 = 1000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
/// "Just now" is earned: older than this it is a number.
const JUST_NOW_MS: u64 = 2 * SECOND_MS;

/// `847`, `1.4 k`, `23 M`.
#[must_use]
pub fn count(n: u64) -> String {
    if n < 1000 { n.to_string() } else { scaled(n as f64, 1000.0, &["", " k", " M", " G", " T"]) }
}

/// `847`, `1,402`, `23,000,017`: for a hover, where there is room.
#[must_use]
pub fn exact(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `512 B`, `3.2 MB`.
#[must_use]
pub fn bytes(n: u64) -> String {
    if n < 1000 { format!("{n} B") } else { scaled(n as f64, 1000.0, &[" B", " kB", " MB", " GB", " TB"]) }
}

/// `0.4 ms`, `12 ms`, `1.3 s`.
#[must_use]
pub fn duration_us(us: u64) -> String {
    milliseconds(us as f64 / 1000.0)
}

#[must_use]
pub fn milliseconds(ms: f64) -> String {
    match ms {
        ms if ms < 9.95 => format!("{ms:.1} ms"),
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms if ms < 59_950.0 => format!("{:.1} s", ms / 1000.0),
        ms => format!("{:.0} min", ms / 60_000.0),
    }
}

/// `0/s`, `0.4/s`, `12/s`, `1.4 k/s`.
#[must_use]
pub fn rate(per_second: f64) -> String {
    match per_second {
        r if r < 0.05 => "0/s".into(),
        r if r < 9.95 => format!("{r:.1}/s"),
        r if r < 999.5 => format!("{r:.0}/s"),
        r => scaled(r, 1000.0, &["", " k", " M"]) + "/s",
    }
}

/// `97 %`; never 0 % or 100 % of what is only nearly so.
#[must_use]
pub fn percent(share: f64) -> String {
    match share {
        s if s <= 0.0 => "0 %".into(),
        s if s >= 1.0 => "100 %".into(),
        s if s < 0.01 => "< 1 %".into(),
        s if s >= 0.995 => "> 99 %".into(),
        s => format!("{:.0} %", s * 100.0),
    }
}

/// `once`, `14 times`.
#[must_use]
pub fn times(n: u64) -> String {
    if n == 1 { "once".into() } else { format!("{} times", count(n)) }
}

/// `just now`, `12 s ago`, `3 min ago`, then the date.
#[must_use]
pub fn ago(then_ms: u64, now_ms: u64) -> String {
    match now_ms.saturating_sub(then_ms) {
        age if age < JUST_NOW_MS => "just now".into(),
        age if age < MINUTE_MS => format!("{} s ago", age / SECOND_MS),
        age if age < HOUR_MS => format!("{} min ago", age / MINUTE_MS),
        age if age < DAY_MS => format!("{} h ago", age / HOUR_MS),
        age if age < 7 * DAY_MS => format!("{} d ago", age / DAY_MS),
        _ => timestamp(then_ms).chars().take(10).collect(),
    }
}

/// `2026-11-22 23:43:10.123 UTC`.
#[must_use]
pub fn timestamp(ms: u64) -> String {
    let (year, month, day) = civil(ms / DAY_MS);
    let (hour, minute) = (ms / HOUR_MS % 24, ms / MINUTE_MS % 60);
    let (second, milli) = (ms / SECOND_MS % 60, ms % SECOND_MS);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{milli:03} UTC")
}

fn scaled(value: f64, base: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut unit = 0;
    // 999.5 would be written as 1000 of the smaller unit.
    while value >= base - 0.5 && unit + 1 < units.len() {
        value /= base;
        unit += 1;
    }
    if value < 9.95 { format!("{value:.1}{}", units[unit]) } else { format!("{value:.0}{}", units[unit]) }
}

/// Days since 1970 to a date of the Gregorian calendar (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T>(write: impl Fn(T) -> String, cases: impl IntoIterator<Item = (T, &'static str)>) {
        for (input, expected) in cases {
            assert_eq!(write(input), expected);
        }
    }

    #[test]
    fn counts_keep_three_digits() {
        check(count, [(0, "0"), (999, "999"), (1000, "1.0 k"), (1402, "1.4 k"), (23_456, "23 k"), (999_600, "1.0 M")]);
        check(exact, [(0, "0"), (999, "999"), (1402, "1,402"), (23_000_017, "23,000,017")]);
    }

    #[test]
    fn sizes_and_durations_carry_units() {
        check(bytes, [(0, "0 B"), (999, "999 B"), (3_200_000, "3.2 MB"), (45_000, "45 kB")]);
        check(duration_us, [(380, "0.4 ms"), (12_300, "12 ms"), (999_700, "1.0 s"), (75_000_000, "1 min")]);
        check(rate, [(0.0, "0/s"), (0.4, "0.4/s"), (12.3, "12/s"), (1420.0, "1.4 k/s")]);
    }

    #[test]
    fn nearly_all_is_not_all() {
        check(percent, [(0.0, "0 %"), (0.001, "< 1 %"), (0.97, "97 %"), (0.9999, "> 99 %"), (1.0, "100 %")]);
    }

    #[test]
    fn times_are_relative_until_a_week_has_passed() {
        let now = 1_795_390_990_123;
        check(
            |age| ago(now - age, now),
            [(0, "just now"), (1999, "just now"), (2000, "2 s ago"), (61_000, "1 min ago")],
        );
        check(
            |age| ago(now - age, now),
            [(2 * HOUR_MS, "2 h ago"), (3 * DAY_MS, "3 d ago"), (9 * DAY_MS, "2026-11-13")],
        );
        assert_eq!(ago(now + 5000, now), "just now", "a clock that is behind shows no future");
    }

    #[test]
    fn timestamps_are_exact() {
        let cases = [
            (0, "1970-01-01 00:00:00.000 UTC"),
            (951_782_400_000, "2000-02-29 00:00:00.000 UTC"),
            (1_795_390_990_123, "2026-11-22 23:43:10.123 UTC"),
        ];
        check(timestamp, cases);
    }
}
