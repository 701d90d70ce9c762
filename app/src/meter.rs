//! Who answered in each of the last seconds: the chart, the handover strip and the rate.
//!
//! Time arrives as an argument, in the server's milliseconds.

use std::collections::VecDeque;
use std::fmt::Write as _;

use understudy_types::{Counters, Source, TrafficRow};

use crate::times::Times;

/// Two minutes: what happened since one last looked.
pub const SECONDS: usize = 120;
/// The rate is the mean over so many whole seconds: steady enough to read, quick enough to follow.
const RATE_SECONDS: usize = 5;
/// The order in which the chart stacks them.
pub const STACK: [Source; 4] = [Source::Upstream, Source::Twin, Source::Fault, Source::None];

type Second = [u64; STACK.len()];

#[derive(Debug, Clone, PartialEq)]
pub struct Meter {
    /// Oldest first; the last one is still going on.
    seconds: VecDeque<Second>,
    /// Answers that were errors, second by second: of whoever gave them.
    errors: VecDeque<u64>,
    times: Times,
    /// Unix time of the last one.
    current: u64,
    /// The server's counters when they were last seen.
    counters: Option<Counters>,
}

/// A stretch of the handover strip: the same one answered from `start` for `len` seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    pub source: Source,
    pub start: usize,
    pub len: usize,
}

impl Meter {
    /// From the exchanges of the last minutes, as far as they are known.
    #[must_use]
    pub fn new(rows: &[TrafficRow], now_ms: u64) -> Self {
        let current = now_ms / 1000;
        // A row can be a little newer than the clock that was read before it.
        let place = |row: &TrafficRow| {
            let age = current.saturating_sub(row.at_ms / 1000);
            (SECONDS - 1).checked_sub(usize::try_from(age).unwrap_or(usize::MAX))
        };
        let seconds = VecDeque::from(vec![Second::default(); SECONDS]);
        let errors = VecDeque::from(vec![0; SECONDS]);
        let mut meter = Self { seconds, errors, times: Times::new(rows, place), current, counters: None };
        for row in rows {
            if let Some(place) = place(row) {
                meter.seconds[place][rank(row.source)] += 1;
                meter.errors[place] += u64::from(row.status >= 500 || row.source == Source::None);
            }
        }
        meter
    }

    /// Counts what the counters grew by since they were last seen.
    pub fn count(&mut self, counters: &Counters, now_ms: u64) {
        self.advance(now_ms);
        self.times.count(&counters.durations);
        if let Some(before) = self.counters.replace(*counters) {
            let last = self.seconds.back_mut().expect("a meter always has its seconds");
            for (sum, grown) in last.iter_mut().zip(growth(&before, counters)) {
                *sum += grown;
            }
            let errors = self.errors.back_mut().expect("a meter always has its seconds");
            *errors += counters.errors.saturating_sub(before.errors);
        }
    }

    /// What happens while nobody looks must not show as one high second: the next counters are only a new start.
    pub fn interrupt(&mut self) {
        self.counters = None;
        self.times.interrupt();
    }

    pub fn advance(&mut self, now_ms: u64) {
        let passed = (now_ms / 1000).saturating_sub(self.current);
        for _ in 0..passed.min(SECONDS as u64) {
            self.seconds.pop_front();
            self.seconds.push_back(Second::default());
            self.errors.pop_front();
            self.errors.push_back(0);
            self.times.next_second();
        }
        self.current += passed;
    }

    /// How long answers took.
    #[must_use]
    pub fn times(&self) -> &Times {
        &self.times
    }

    /// Answers a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        let whole = self.seconds.iter().rev().skip(1).take(RATE_SECONDS);
        whole.map(total).sum::<u64>() as f64 / RATE_SECONDS as f64
    }

    /// Whether `source` gave any of the answers.
    #[must_use]
    pub fn heard(&self, source: Source) -> bool {
        self.seconds.iter().any(|second| second[rank(source)] > 0)
    }

    /// Errors among the answers that are shown.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.errors.iter().sum()
    }

    /// An SVG path of a line up the middle of each column, as high as its errors.
    #[must_use]
    pub fn error_lines(&self, width: u32, height: f64) -> String {
        let unit = height / self.scale() as f64;
        let mut path = String::new();
        for (place, errors) in self.errors.iter().enumerate().filter(|(_, errors)| **errors > 0) {
            let x = place as f64 * f64::from(width) + f64::from(width - 1) / 2.0;
            let _ = write!(path, "M{x:.1} {height}V{:.1}", height - *errors as f64 * unit);
        }
        path
    }

    #[must_use]
    pub fn peak(&self) -> u64 {
        self.seconds.iter().map(total).max().unwrap_or(0)
    }

    /// An SVG path of `source`'s part of each column. A column is `width` wide with a gap of one, the highest `height`.
    #[must_use]
    pub fn columns(&self, source: Source, width: u32, height: f64) -> String {
        let rank = rank(source);
        let unit = height / self.scale() as f64;
        let mut path = String::new();
        for (place, second) in self.seconds.iter().enumerate() {
            let below: u64 = second[..rank].iter().sum();
            if second[rank] > 0 {
                let (x, y) = (place as u64 * u64::from(width), height - below as f64 * unit);
                let (across, up) = (width - 1, second[rank] as f64 * unit);
                // Writing to a string does not fail.
                let _ = write!(path, "M{x} {y:.1}v{:.1}h{across}V{y:.1}z", -up);
            }
        }
        path
    }

    /// What the top of the chart stands for: the peak, or a few, so that one request is no tower.
    #[must_use]
    pub fn scale(&self) -> u64 {
        nice_ceiling(self.peak().max(4))
    }

    /// Who gave most of the answers, second by second, joined; seconds without answers belong to whoever was before.
    #[must_use]
    pub fn stretches(&self) -> Vec<Stretch> {
        let mut stretches: Vec<Stretch> = Vec::new();
        for (start, second) in self.seconds.iter().enumerate() {
            let busiest =
                STACK.into_iter().rev().max_by_key(|source| second[rank(*source)]).filter(|_| total(second) > 0);
            match (stretches.last_mut(), busiest) {
                (Some(last), next) if next.is_none_or(|source| source == last.source) => last.len += 1,
                (_, Some(source)) => stretches.push(Stretch { source, start, len: 1 }),
                (_, None) => {}
            }
        }
        stretches
    }
}

fn rank(source: Source) -> usize {
    match source {
        Source::Upstream => 0,
        Source::Twin => 1,
        Source::Fault => 2,
        Source::None => 3,
    }
}

fn total(second: &Second) -> u64 {
    second.iter().sum()
}

/// Nothing when the counters went back: the server was started again.
fn growth(before: &Counters, now: &Counters) -> Second {
    let parts = |c: &Counters| {
        let refused = c.requests.saturating_sub(c.upstream + c.twin + c.fault);
        [c.upstream, c.twin, c.fault, refused]
    };
    let (before, now) = (parts(before), parts(now));
    std::array::from_fn(|rank| now[rank].saturating_sub(before[rank]))
}

/// The next of 1, 2, 4, 6, 8 times a power of ten.
fn nice_ceiling(n: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        if let Some(step) = [1, 2, 4, 6, 8].into_iter().find(|step| step * power >= n) {
            return step * power;
        }
        power = power.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000_500;

    fn counters(upstream: u64, twin: u64) -> Counters {
        Counters { requests: upstream + twin, upstream, twin, ..Counters::default() }
    }

    fn row(at_ms: u64, source: Source) -> TrafficRow {
        TrafficRow {
            id: 1,
            at_ms,
            method: "GET".into(),
            target: "/".into(),
            template: None,
            status: 200,
            duration_us: 1,
            bytes: 0,
            source,
            reason: String::new(),
        }
    }

    #[test]
    fn the_first_counters_are_a_start_and_the_next_are_counted() {
        let mut meter = Meter::new(&[], NOW);
        meter.count(&counters(500, 0), NOW);
        meter.count(&counters(503, 2), NOW + 100);
        assert_eq!(meter.peak(), 5);
        meter.count(&counters(504, 2), NOW + 1100);
        assert_eq!(meter.peak(), 5);
    }

    #[test]
    fn a_gap_or_a_restart_adds_nothing() {
        let mut meter = Meter::new(&[], NOW);
        meter.count(&counters(10, 0), NOW);
        meter.interrupt();
        meter.count(&counters(900, 0), NOW + 60_000);
        meter.count(&counters(1, 0), NOW + 61_000);
        assert_eq!(meter.peak(), 0);
    }

    #[test]
    fn the_rate_is_a_mean_of_whole_seconds() {
        let mut meter = Meter::new(&[], NOW);
        meter.count(&counters(0, 0), NOW);
        meter.count(&counters(10, 0), NOW);
        assert!(meter.rate() < f64::EPSILON, "this second is not over");
        meter.advance(NOW + 1000);
        assert!((meter.rate() - 2.0).abs() < f64::EPSILON);
        meter.advance(NOW + 10_000);
        assert!(meter.rate() < f64::EPSILON);
    }

    #[test]
    fn rows_fill_the_seconds_they_belong_to() {
        let rows = [
            row(NOW, Source::Twin),
            row(NOW - 3000, Source::Upstream),
            row(NOW - 3_600_000, Source::Twin),
            row(NOW + 900, Source::Twin),
        ];
        let meter = Meter::new(&rows, NOW);
        let expected = [
            Stretch { source: Source::Upstream, start: SECONDS - 4, len: 3 },
            Stretch { source: Source::Twin, start: SECONDS - 1, len: 1 },
        ];
        assert_eq!(meter.stretches(), expected);
    }

    #[test]
    fn columns_stack_in_a_fixed_order() {
        let rows = [row(NOW, Source::Twin), row(NOW, Source::Upstream), row(NOW, Source::Upstream)];
        let meter = Meter::new(&rows, NOW);
        assert_eq!(meter.scale(), 4);
        assert_eq!(meter.columns(Source::Upstream, 5, 80.0), "M595 80.0v-40.0h4V80.0z");
        assert_eq!(meter.columns(Source::Twin, 5, 80.0), "M595 40.0v-20.0h4V40.0z");
        assert_eq!(meter.columns(Source::Fault, 5, 80.0), "");
    }

    #[test]
    fn errors_are_counted_whoever_gave_them() {
        let mut meter =
            Meter::new(&[TrafficRow { status: 503, ..row(NOW, Source::Twin) }, row(NOW, Source::None)], NOW);
        assert_eq!((meter.failed(), meter.error_lines(5, 80.0).as_str()), (2, "M597.0 80V40.0"));
        meter.count(&counters(0, 0), NOW);
        meter.count(&Counters { errors: 3, ..counters(3, 0) }, NOW + 1000);
        assert_eq!(meter.failed(), 5);
        meter.advance(NOW + 200_000);
        assert_eq!(meter.failed(), 0);
    }

    #[test]
    fn the_scale_is_a_round_number() {
        let cases = [(4, 4), (5, 6), (9, 10), (11, 20), (41, 60), (100, 100), (1001, 2000)];
        for (n, expected) in cases {
            assert_eq!(nice_ceiling(n), expected);
        }
    }
}
