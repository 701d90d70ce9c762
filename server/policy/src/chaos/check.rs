//! Refuses rules and experiments that make no sense, each mistake with its field, its value and what may stand there.

use std::fmt;

use super::fault::MAX_DELAY_MS;
use super::{Abort, Bounds, Delay, Experiment, Fault, FieldMatch, Flapping, LogNormal, Match, Normal, Rule, Schedule};

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Where in the rule: `schedule.until_ms`, `faults[1].abort.status`.
    pub field: String,
    pub given: String,
    pub expected: &'static str,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}: expected {}", self.field, self.given, self.expected)
    }
}

impl std::error::Error for Wrong {}

/// Of one rule; more is a mistake in a program.
const MAX_FAULTS: usize = 16;
/// Of notes, names and patterns.
const MAX_TEXT: usize = 2000;
/// Of a body that is given.
const MAX_BODY: usize = 64 << 10;
const MAX_SECONDS: f64 = 86_400.0;
const DIALS: &str = "a number from 0 to 20";
const TIMES: &str = "milliseconds from 0 to 600000";

impl Rule {
    /// Every mistake of a rule.
    #[must_use]
    pub fn check(&self) -> Vec<Wrong> {
        let mut list = List::default();
        list.needs((0.0..=1.0).contains(&self.probability), "probability", self.probability, "a number from 0 to 1");
        let count = self.faults.len();
        list.needs(
            (1..=MAX_FAULTS).contains(&count),
            "faults",
            format!("a list of {count}"),
            "a list of 1 to 16 faults",
        );
        list.text("note", &self.note);
        list.matches(&self.matches);
        list.schedule(&self.schedule);
        for (place, fault) in self.faults.iter().enumerate() {
            list.fault(&format!("faults[{place}].{}", fault.kind()), fault);
        }
        list.0
    }
}

impl Experiment {
    /// Every mistake of an experiment and its rules.
    #[must_use]
    pub fn check(&self) -> Vec<Wrong> {
        let mut list = List::default();
        let name = self.name.trim();
        list.needs(!name.is_empty() && name.len() <= 100, "name", quoted(&self.name), "1 to 100 characters");
        list.text("hypothesis", &self.hypothesis);
        list.needs((1..=86_400).contains(&self.seconds), "seconds", self.seconds, "a number from 1 to 86400");
        list.needs(
            (1..=50).contains(&self.rules.len()),
            "rules",
            format!("a list of {}", self.rules.len()),
            "1 to 50 rules",
        );
        let Bounds { error_rate, latency_ms, faults } = self.halt;
        let rate = error_rate.unwrap_or(1.0);
        list.needs(rate > 0.0 && rate <= 1.0, "halt.error_rate", rate, "a number above 0, at most 1");
        let latency = latency_ms.unwrap_or(1.0);
        list.needs(
            latency > 0.0 && latency <= MAX_DELAY_MS,
            "halt.latency_ms",
            latency,
            "a number above 0, at most 600000",
        );
        list.needs(faults != Some(0), "halt.faults", 0, "a number above 0");
        for (place, rule) in self.rules.iter().enumerate() {
            list.0.extend(
                rule.check()
                    .into_iter()
                    .map(|wrong| Wrong { field: format!("rules[{place}].{}", wrong.field), ..wrong }),
            );
        }
        list.0
    }
}

#[derive(Default)]
struct List(Vec<Wrong>);

fn quoted(text: &str) -> String {
    format!("{:?}", text.chars().take(60).collect::<String>())
}

impl List {
    fn needs(&mut self, is_right: bool, field: &str, given: impl fmt::Display, expected: &'static str) {
        if !is_right {
            self.0.push(Wrong { field: field.to_owned(), given: given.to_string(), expected });
        }
    }

    fn text(&mut self, field: &str, text: &str) {
        self.needs(text.len() <= MAX_TEXT, field, format!("{} bytes long", text.len()), "at most 2000 bytes");
    }

    fn matches(&mut self, matches: &Match) {
        let Match { methods, path, headers, query, clients, source: _ } = matches;
        for method in methods {
            let fits = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
            self.needs(fits, "match.methods", quoted(method), "methods in capital letters, such as GET");
        }
        if let Some(path) = path {
            let fits = path.starts_with('/') && !path.contains(['?', '#']) && path.len() <= MAX_TEXT;
            self.needs(fits, "match.path", quoted(path), "a path template or glob that begins with / and has no query");
            let is_ours = path == "/admin" || path.starts_with("/admin/");
            self.needs(!is_ours, "match.path", quoted(path), "a path of the API: /admin never gets a fault");
        }
        for (name, fields) in [("match.headers", headers), ("match.query", query)] {
            for FieldMatch { name: field, value } in fields {
                let fits = !field.is_empty() && field.len() + value.as_ref().map_or(0, String::len) <= MAX_TEXT;
                self.needs(fits, name, quoted(field), "a name, and a glob for the value");
            }
        }
        if let Some(clients) = clients {
            let fits = clients.share > 0.0 && clients.share <= 1.0;
            self.needs(fits, "match.clients.share", clients.share, "a number above 0, at most 1");
        }
    }

    fn schedule(&mut self, schedule: &Schedule) {
        let Schedule { from_ms, until_ms, ramp_seconds, period, first, every } = *schedule;
        let seconds = |value: f64| value > 0.0 && value <= MAX_SECONDS;
        if let (Some(from), Some(until)) = (from_ms, until_ms) {
            self.needs(until > from, "schedule.until_ms", until, "a time after schedule.from_ms");
            let fits = ramp_seconds.is_none_or(|ramp| ramp * 1000.0 <= until.saturating_sub(from) as f64);
            let expected = "at most the time from schedule.from_ms to schedule.until_ms";
            self.needs(fits || until <= from, "schedule.ramp_seconds", ramp_seconds.unwrap_or(0.0), expected);
        }
        if let Some(ramp) = ramp_seconds {
            self.needs(seconds(ramp), "schedule.ramp_seconds", ramp, "seconds above 0, at most 86400");
        }
        if let Some(period) = period {
            let (on, off) = (period.on_seconds, period.off_seconds);
            self.needs(seconds(on), "schedule.period.on_seconds", on, "seconds above 0, at most 86400");
            self.needs(seconds(off), "schedule.period.off_seconds", off, "seconds above 0, at most 86400");
        }
        self.needs(first != Some(0), "schedule.first", 0, "a number above 0");
        self.needs(every != Some(0), "schedule.every", 0, "a number above 0");
        if let (Some(first), Some(every)) = (first, every) {
            self.needs(every <= first, "schedule.every", every, "at most schedule.first, or no request is ever struck");
        }
    }

    fn fault(&mut self, at: &str, fault: &Fault) {
        let within = |name: &str| format!("{at}.{name}");
        let share = |value: f64| (0.0..=1.0).contains(&value);
        match fault {
            Fault::Delay(delay) => self.delay(at, delay),
            Fault::Abort(abort) => self.abort(at, abort),
            Fault::Learned { dial } => self.needs((0.0..=20.0).contains(dial), &within("dial"), dial, DIALS),
            Fault::Cut(cut) => self.needs(share(cut.after), &within("after"), cut.after, "a number from 0 to 1"),
            Fault::Bandwidth(pace) => {
                let given = pace.bytes_per_second;
                let fits = (1..=1_000_000_000).contains(&given);
                self.needs(fits, &within("bytes_per_second"), given, "a number from 1 to 1000000000");
            }
            Fault::Drip { bytes, every_ms } => {
                self.needs((1..=1_000_000).contains(bytes), &within("bytes"), bytes, "a number from 1 to 1000000");
                self.needs((1..=60_000).contains(every_ms), &within("every_ms"), every_ms, "a number from 1 to 60000");
            }
            Fault::Truncate { share: kept } => self.needs(share(*kept), &within("share"), kept, "a number from 0 to 1"),
            Fault::ContentType { value } => {
                let fits = !value.is_empty() && value.bytes().all(|byte| (b' '..0x7f).contains(&byte));
                self.needs(fits, &within("value"), quoted(value), "a media type in visible ASCII");
            }
            Fault::HugeList(huge) => {
                let fits = (1..=100_000).contains(&huge.items);
                self.needs(fits, &within("items"), huge.items, "a number from 1 to 100000");
            }
            Fault::ClockSkew { seconds } => {
                let fits = *seconds != 0 && seconds.unsigned_abs() <= 315_360_000;
                self.needs(fits, &within("seconds"), seconds, "seconds other than 0, at most ten years");
            }
            Fault::Flapping(Flapping { up_seconds, down_seconds, status }) => {
                for (name, value) in [("up_seconds", up_seconds), ("down_seconds", down_seconds)] {
                    let fits = *value > 0.0 && *value <= MAX_SECONDS;
                    self.needs(fits, &within(name), value, "seconds above 0, at most 86400");
                }
                self.status(&within("status"), *status);
            }
            Fault::Hang | Fault::Reset | Fault::Close | Fault::Corrupt | Fault::Stale => {}
            Fault::DropField(_) | Fault::DuplicateField(_) | Fault::NullField(_) | Fault::EmptyList(_) => {}
        }
    }

    fn delay(&mut self, at: &str, delay: &Delay) {
        let time = |millis: f64| (0.0..=MAX_DELAY_MS).contains(&millis);
        match *delay {
            Delay::FixedMs(millis) => self.needs(time(millis), &format!("{at}.fixed_ms"), millis, TIMES),
            Delay::UniformMs(from, to) => {
                self.needs(time(from) && time(to), &format!("{at}.uniform_ms"), format!("[{from}, {to}]"), TIMES);
                self.needs(
                    from <= to,
                    &format!("{at}.uniform_ms"),
                    format!("[{from}, {to}]"),
                    "the shorter time first",
                );
            }
            Delay::NormalMs(Normal { mean, deviation }) => {
                self.needs(time(mean), &format!("{at}.normal_ms.mean"), mean, TIMES);
                self.needs(time(deviation), &format!("{at}.normal_ms.deviation"), deviation, TIMES);
            }
            Delay::LogNormalMs(LogNormal { median, p99 }) => {
                self.needs(
                    time(median) && median > 0.0,
                    &format!("{at}.log_normal_ms.median"),
                    median,
                    "milliseconds above 0, at most 600000",
                );
                self.needs(
                    time(p99) && p99 >= median,
                    &format!("{at}.log_normal_ms.p99"),
                    p99,
                    "at least the median, at most 600000",
                );
            }
            Delay::Learned { factor } => {
                let fits = factor > 0.0 && factor <= 100.0;
                self.needs(fits, &format!("{at}.learned.factor"), factor, "a number above 0, at most 100");
            }
        }
    }

    fn abort(&mut self, at: &str, abort: &Abort) {
        self.status(&format!("{at}.status"), abort.status);
        let bytes = abort.body.as_ref().map_or(0, String::len);
        self.needs(bytes <= MAX_BODY, &format!("{at}.body"), format!("{bytes} bytes long"), "at most 65536 bytes");
        if let Some(kind) = &abort.content_type {
            let fits = abort.body.is_some() && kind.bytes().all(|byte| (b' '..0x7f).contains(&byte));
            self.needs(fits, &format!("{at}.content_type"), quoted(kind), "a media type, beside a body");
        }
        let after = abort.retry_after_seconds.unwrap_or(0);
        self.needs(after <= 86_400, &format!("{at}.retry_after_seconds"), after, "a number from 0 to 86400");
    }

    fn status(&mut self, field: &str, status: u16) {
        self.needs((200..600).contains(&status), field, status, "a status from 200 to 599");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: Rule, expected: &str) {
        let told: Vec<String> = rule.check().iter().map(ToString::to_string).collect();
        assert_eq!(told.join("; "), expected);
    }

    #[test]
    fn mistakes_name_field_value_and_range() {
        check(Rule::of(Fault::Hang), "");
        check(Rule { probability: 1.5, ..Rule::of(Fault::Hang) }, "probability is 1.5: expected a number from 0 to 1");
        check(
            Rule { probability: f64::NAN, ..Rule::of(Fault::Hang) },
            "probability is NaN: expected a number from 0 to 1",
        );
        check(
            Rule { faults: Vec::new(), ..Rule::of(Fault::Hang) },
            "faults is a list of 0: expected a list of 1 to 16 faults",
        );
        check(
            Rule::of(Fault::Abort(Abort { status: 99, ..Abort::default() })),
            "faults[0].abort.status is 99: expected a status from 200 to 599",
        );
        check(
            Rule::of(Fault::Delay(Delay::UniformMs(300.0, 100.0))),
            "faults[0].delay.uniform_ms is [300, 100]: expected the shorter time first",
        );
        check(
            Rule::of(Fault::Delay(Delay::LogNormalMs(LogNormal { median: 100.0, p99: 50.0 }))),
            "faults[0].delay.log_normal_ms.p99 is 50: expected at least the median, at most 600000",
        );
        check(Rule::of(Fault::Learned { dial: 21.0 }), "faults[0].learned.dial is 21: expected a number from 0 to 20");
        let admin = Match { path: Some("/admin/status".into()), ..Match::default() };
        check(
            Rule { matches: admin, ..Rule::of(Fault::Hang) },
            "match.path is \"/admin/status\": expected a path of the API: /admin never gets a fault",
        );
    }

    #[test]
    fn schedules_that_contradict_themselves_are_refused() {
        let rule = |schedule| Rule { schedule, ..Rule::of(Fault::Hang) };
        check(
            rule(Schedule { from_ms: Some(5), until_ms: Some(5), ..Default::default() }),
            "schedule.until_ms is 5: expected a time after schedule.from_ms",
        );
        check(
            rule(Schedule { from_ms: Some(0), until_ms: Some(5000), ramp_seconds: Some(6.0), ..Default::default() }),
            "schedule.ramp_seconds is 6: expected at most the time from schedule.from_ms to schedule.until_ms",
        );
        check(
            rule(Schedule { first: Some(2), every: Some(3), ..Default::default() }),
            "schedule.every is 3: expected at most schedule.first, or no request is ever struck",
        );
    }
}
