//! How long answers took in each of the last seconds, as lines up a logarithmic scale.
//!
//! Durations are known by the bounds they are counted by, so a quantile is a place between two bounds: right to a quarter.

use std::collections::VecDeque;
use std::fmt::Write as _;

use understudy_types::{DURATION_BOUNDS_US, Durations, Source, TrafficRow, duration_place};

use crate::meter::SECONDS;

/// Each point tells of so many seconds: of one alone a quantile says little.
const WINDOW: usize = 5;
/// What is drawn, slowest last.
pub const SHARES: [(&str, f64); 3] = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)];

const NONE: Durations = [0; DURATION_BOUNDS_US.len() + 1];
/// From one bound to the next; the first and the last place have no other bound.
const STEP: f64 = 1.6;

#[derive(Debug, Clone, PartialEq)]
pub struct Times {
    /// Oldest first; the last one is still going on.
    seconds: VecDeque<Durations>,
    /// The server's counts when they were last seen.
    seen: Option<Durations>,
}

impl Times {
    /// From the exchanges of the last minutes; `place` says in which of [`SECONDS`] seconds one belongs.
    pub(crate) fn new(rows: &[TrafficRow], place: impl Fn(&TrafficRow) -> Option<usize>) -> Self {
        let mut seconds = VecDeque::from(vec![NONE; SECONDS]);
        for row in rows.iter().filter(|row| matches!(row.source, Source::Upstream | Source::Twin)) {
            if let Some(place) = place(row) {
                seconds[place][duration_place(row.duration_us)] += 1;
            }
        }
        Self { seconds, seen: None }
    }

    /// Counts what the counts grew by since they were last seen.
    pub(crate) fn count(&mut self, durations: &Durations) {
        if let Some(before) = self.seen.replace(*durations) {
            let last = self.seconds.back_mut().expect("there are always the same seconds");
            for ((sum, now), before) in last.iter_mut().zip(durations).zip(before) {
                *sum += now.saturating_sub(before);
            }
        }
    }

    pub(crate) fn interrupt(&mut self) {
        self.seen = None;
    }

    pub(crate) fn next_second(&mut self) {
        self.seconds.pop_front();
        self.seconds.push_back(NONE);
    }

    /// Microseconds that `share` of the newest answers took at most; nothing where nothing was answered lately.
    #[must_use]
    pub fn latest(&self, share: f64) -> Option<f64> {
        quantile(&self.window(SECONDS - 1), share)
    }

    /// Bottom and top of the scale in microseconds, both powers of ten: a decade at least. Nothing without answers.
    #[must_use]
    pub fn scale(&self) -> Option<(f64, f64)> {
        let extremes = self.points(SHARES[0].1).zip(self.points(SHARES[SHARES.len() - 1].1));
        let found = extremes.filter_map(|(low, high)| low.zip(high));
        let (low, high) = found.reduce(|(low, high), (l, h)| (low.min(l), high.max(h)))?;
        let bottom = 10_f64.powf(low.log10().floor());
        let top = 10_f64.powf(high.log10().ceil());
        Some((bottom, top.max(bottom * 10.0)))
    }

    /// An SVG path of steps, one of `width` for each second, and a gap where nothing was answered.
    #[must_use]
    pub fn line(&self, share: f64, width: u32, height: f64) -> String {
        let Some((bottom, top)) = self.scale() else { return String::new() };
        let mut path = String::new();
        let mut is_drawing = false;
        for (place, micros) in self.points(share).enumerate() {
            if let Some(micros) = micros {
                let y = height * (1.0 - (micros / bottom).log10() / (top / bottom).log10());
                let x = place as u64 * u64::from(width);
                // Writing to a string does not fail.
                let _ = if is_drawing { write!(path, "V{y:.1}") } else { write!(path, "M{x} {y:.1}") };
                let _ = write!(path, "H{}", x + u64::from(width));
            }
            is_drawing = micros.is_some();
        }
        path
    }

    fn points(&self, share: f64) -> impl Iterator<Item = Option<f64>> + '_ {
        (0..SECONDS).map(move |place| quantile(&self.window(place), share))
    }

    /// The seconds up to `place`, if anything was answered in it.
    fn window(&self, place: usize) -> Durations {
        let mut sum = NONE;
        if self.seconds[place] != NONE || place == SECONDS - 1 {
            for second in self.seconds.range((place + 1).saturating_sub(WINDOW)..=place) {
                sum.iter_mut().zip(second).for_each(|(sum, count)| *sum += count);
            }
        }
        sum
    }
}

/// In microseconds, by the place of the answer among those that are counted with it.
fn quantile(durations: &Durations, share: f64) -> Option<f64> {
    let all: u64 = durations.iter().sum();
    if all == 0 {
        return None;
    }
    let rank = ((all as f64 * share).ceil() as u64).clamp(1, all);
    let mut below = 0;
    let place = durations.iter().position(|count| {
        below += count;
        below >= rank
    })?;
    let count = durations[place];
    let within = ((rank - (below - count)) as f64 - 0.5) / count as f64;
    let lower = place.checked_sub(1).map_or(DURATION_BOUNDS_US[0] as f64 / STEP, |at| DURATION_BOUNDS_US[at] as f64);
    let upper = DURATION_BOUNDS_US.get(place).map_or(lower * STEP, |bound| *bound as f64);
    Some(lower * (upper / lower).powf(within))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(durations: &[(usize, u64)]) -> Times {
        let mut times = Times::new(&[], |_| None);
        for (place, micros) in durations {
            times.seconds[*place][duration_place(*micros)] += 1;
        }
        times
    }

    #[test]
    fn a_quantile_lies_between_the_bounds_of_its_place() {
        let mut durations = NONE;
        [900, 1_200, 1_300, 90_000].into_iter().for_each(|micros| durations[duration_place(micros)] += 1);
        let median = quantile(&durations, 0.5).unwrap();
        assert!((1_000.0..1_600.0).contains(&median), "{median}");
        let slowest = quantile(&durations, 0.99).unwrap();
        assert!((63_000.0..100_000.0).contains(&slowest), "{slowest}");
        assert_eq!(quantile(&NONE, 0.5), None);
    }

    #[test]
    fn what_is_off_the_bounds_still_counts() {
        let times = times(&[(SECONDS - 1, 3), (SECONDS - 1, 60_000_000)]);
        assert_eq!(times.scale(), Some((10.0, 100_000_000.0)));
    }

    #[test]
    fn the_first_counts_are_a_start_and_an_interruption_is_another() {
        let mut times = Times::new(&[], |_| None);
        let mut durations = NONE;
        durations[10] = 500;
        times.count(&durations);
        assert_eq!((times.latest(0.5), times.scale()), (None, None));
        durations[10] = 502;
        times.count(&durations);
        assert!(times.latest(0.5).is_some());
        times.interrupt();
        (0..SECONDS).for_each(|_| times.next_second());
        durations[10] = 900;
        times.count(&durations);
        assert_eq!(times.latest(0.5), None);
    }

    #[test]
    fn a_second_without_answers_is_a_gap() {
        let times = times(&[(0, 1_500), (1, 1_500), (3, 1_500)]);
        let line = times.line(0.5, 5, 80.0);
        let steps: Vec<_> = line.split(['M', 'H', 'V']).collect();
        assert_eq!([steps[2], steps[4], steps[6]], ["5", "10", "20"], "{line}");
        assert!(steps[1].starts_with("0 ") && steps[5].starts_with("15 ") && line.matches('M').count() == 2, "{line}");
        assert_eq!(times.latest(0.5), None);
    }

    #[test]
    fn slower_is_higher() {
        let times = times(&[(7, 1_500), (7, 1_500), (7, 40_000)]);
        assert_eq!(times.scale(), Some((1_000.0, 100_000.0)));
        let height = |share| -> f64 {
            let line = times.line(share, 5, 80.0);
            line.trim_start_matches("M35 ").split('H').next().unwrap().parse().unwrap()
        };
        assert!(height(0.99) < height(0.5));
    }
}
