//! The language that narrows the traffic list: it is read or refused with a reason, and a `-` turns a word around.

use understudy_types::{Filter, Source, TrafficRow};

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let rows = [
        row(200, "GET", "/users/7?q=1", Source::Upstream),
        row(0, "PÖST", "", Source::None),
        row(503, "POST", "/a b", Source::Fault),
    ];
    match Filter::parse(text) {
        Err(error) => assert!(!error.to_string().is_empty() && !error.expected.is_empty()),
        Ok(filter) => {
            let fits = rows.each_ref().map(|row| filter.fits(row));
            assert!(!filter.is_empty() || fits == [true; 3], "the empty filter takes all");
            // One word that does not turn around itself.
            let is_word = !text.contains(char::is_whitespace) && !text.contains('"') && !text.starts_with('-');
            if is_word
                && !text.is_empty()
                && let Ok(other) = Filter::parse(&format!("-{text}"))
            {
                assert_eq!(rows.each_ref().map(|row| !other.fits(row)), fits, "{text:?} turned around");
            }
        }
    }
}

fn row(status: u16, method: &str, target: &str, source: Source) -> TrafficRow {
    TrafficRow {
        id: 1,
        at_ms: 1_750_000_000_000,
        method: method.into(),
        target: target.into(),
        template: Some("/users/{id}".into()),
        status,
        duration_us: u64::from(status) * 1000,
        bytes: 12,
        source,
        reason: "closed".into(),
    }
}
