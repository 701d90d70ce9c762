//! Breaks the checkout on Fridays: one request in three gets a 503, another third waits two seconds.
//!
//! Keys: `day` (default `friday`), `path` (default `checkout`, a part of the path), `share` (default `0.33`), and `utc_offset_hours`
//! (default `0`), because the only clock there is says UTC.

use understudy_plugin_sdk::{Abort, ChaosPolicy, ChaosRequest, Fault, config, export_chaos_policy};

struct FridayCheckout;

const DAYS: [&str; 7] = ["thursday", "friday", "saturday", "sunday", "monday", "tuesday", "wednesday"];

impl ChaosPolicy for FridayCheckout {
    fn concerns(_method: String, path: String) -> bool {
        path.contains(&*config("path").unwrap_or_else(|| "checkout".to_owned()))
    }

    fn decide(request: ChaosRequest) -> Option<Fault> {
        let offset: i64 = config("utc_offset_hours").and_then(|hours| hours.parse().ok()).unwrap_or(0);
        let wanted = config("day").unwrap_or_else(|| "friday".to_owned());
        if day(request.at_ms, offset) != wanted {
            return None;
        }
        let share: f64 = config("share").and_then(|share| share.parse().ok()).unwrap_or(0.33);
        let drawn = request.random as f64 / u64::MAX as f64;
        if drawn < share {
            let headers = [("content-type", "application/json"), ("retry-after", "30")];
            let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
            return Some(Fault::Abort(Abort { status: 503, headers, body: br#"{"error":"it is Friday"}"#.to_vec() }));
        }
        (drawn < share * 2.0).then_some(Fault::Delay(2000))
    }
}

export_chaos_policy!(FridayCheckout);

/// The first of January 1970 was a Thursday.
fn day(at_ms: u64, offset_hours: i64) -> &'static str {
    let hours = at_ms as i64 / 3_600_000 + offset_hours;
    DAYS[hours.div_euclid(24).rem_euclid(7) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_follow_the_offset() {
        const FRIDAY_NOON: u64 = 1_750_420_800_000;
        assert_eq!(day(FRIDAY_NOON, 0), "friday");
        assert_eq!(day(FRIDAY_NOON, 12), "saturday");
        assert_eq!(day(FRIDAY_NOON, -13), "thursday");
        assert_eq!(day(0, -1), "wednesday");
    }
}
