//! How well the twin did at one endpoint: totals, a series over time, and examples of what it got wrong.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use understudy_contract::Exchange;
use understudy_contract::twin::{Kind, Mismatch, Score};
use understudy_types::{EndpointFidelity, FidelityExample, FidelityPoint};

/// One point of the series stands for so much time.
const POINT_MS: u64 = 60_000;
/// Points with traffic that are kept: four hours at a call a minute.
const MAX_POINTS: usize = 240;
const MAX_EXAMPLES: usize = 20;
/// Longer values are cut where they are shown.
const MAX_SHOWN_CHARS: usize = 200;

/// A sum of shares, and how many there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Mean {
    sum: f64,
    count: u64,
}

impl Mean {
    fn add(&mut self, share: Option<f64>) {
        if let Some(share) = share {
            self.sum += share;
            self.count += 1;
        }
    }

    /// 0 to 100.
    fn percent(self) -> Option<f64> {
        (self.count > 0).then(|| (self.sum / self.count as f64 * 10_000.0).round() / 100.0)
    }
}

/// Everything known of one endpoint; redacted, since it is made of redacted exchanges.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    total: Mean,
    status: Mean,
    schema: Mean,
    values: Mean,
    /// Oldest first: the start of each, in Unix milliseconds.
    series: Vec<(u64, Mean)>,
    /// Newest first, one of a kind and place.
    examples: Vec<FidelityExample>,
}

impl Record {
    pub fn add(&mut self, exchange: &Exchange, score: &Score) {
        self.total.add(Some(score.total()));
        self.status.add(Some(score.status));
        self.schema.add(score.schema);
        self.values.add(score.values);
        let start = exchange.received_at_ms / POINT_MS * POINT_MS;
        match self.series.iter_mut().rfind(|(at, _)| *at == start) {
            Some((_, mean)) => mean.add(Some(score.total())),
            None => {
                if self.series.len() >= MAX_POINTS {
                    self.series.remove(0);
                }
                let mut mean = Mean::default();
                mean.add(Some(score.total()));
                self.series.push((start, mean));
            }
        }
        for mismatch in &score.mismatches {
            self.example(exchange, mismatch);
        }
    }

    fn example(&mut self, exchange: &Exchange, mismatch: &Mismatch) {
        let kind = match mismatch.kind {
            Kind::Status => "status",
            Kind::Schema => "schema",
            Kind::Value => "value",
        };
        // Items of a list are alike in what is wrong with them.
        let place = |pointer: &str| {
            let steps = pointer.split('/').map(|step| if step.parse::<u32>().is_ok() { "*" } else { step });
            steps.collect::<Vec<_>>().join("/")
        };
        let here = place(&mismatch.pointer);
        self.examples.retain(|other| other.kind != kind || place(&other.pointer) != here);
        self.examples.truncate(MAX_EXAMPLES - 1);
        let example = FidelityExample {
            kind: kind.to_owned(),
            pointer: mismatch.pointer.clone(),
            expected: mismatch.expected.as_ref().map(shown),
            got: mismatch.got.as_ref().map(shown),
            target: exchange.request.target.clone(),
            exchange: exchange.id,
            at_ms: exchange.received_at_ms,
        };
        self.examples.insert(0, example);
    }

    /// Sums of all scores and how many there were, for the score of a whole API.
    #[must_use]
    pub fn weight(&self) -> (f64, u64) {
        (self.total.sum, self.total.count)
    }

    #[must_use]
    pub fn present(&self) -> EndpointFidelity {
        let point = |(at_ms, mean): &(u64, Mean)| FidelityPoint {
            at_ms: *at_ms,
            exchanges: mean.count,
            score: mean.percent().unwrap_or_default(),
        };
        EndpointFidelity {
            exchanges: self.total.count,
            score: self.total.percent().unwrap_or_default(),
            status: self.status.percent().unwrap_or_default(),
            schema: self.schema.percent(),
            values: self.values.percent(),
            series: self.series.iter().map(point).collect(),
            examples: self.examples.clone(),
        }
    }
}

/// A value as far as a person needs it to see what is wrong.
fn shown(value: &Value) -> Value {
    match value {
        Value::String(text) if text.chars().count() > MAX_SHOWN_CHARS => {
            Value::from(text.chars().take(MAX_SHOWN_CHARS).chain(['…']).collect::<String>())
        }
        Value::Array(items) => Value::from(format!("a list of {}", items.len())),
        Value::Object(members) => Value::from(format!("an object of {}", members.len())),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use understudy_contract::{Request, Response};

    use super::*;

    fn exchange(id: u64, minute: u64) -> Exchange {
        let (request, response) = (Request::default(), Response::default());
        Exchange { id, received_at_ms: minute * POINT_MS + 7, latency_us: 1, request, response }
    }

    fn wrong(pointer: &str, expected: Value) -> Score {
        let mismatch =
            Mismatch { kind: Kind::Value, pointer: pointer.into(), expected: Some(expected), got: Some(json!(1)) };
        Score { status: 1.0, schema: Some(1.0), values: Some(0.5), mismatches: vec![mismatch] }
    }

    #[test]
    fn scores_add_up_and_the_series_is_bounded() {
        let mut record = Record::default();
        for minute in 0..MAX_POINTS as u64 + 10 {
            record.add(&exchange(minute, minute), &Score { status: 1.0, ..Score::default() });
            record.add(&exchange(minute, minute), &Score::default());
        }
        let shown = record.present();
        assert_eq!((shown.score, shown.exchanges, shown.schema), (50.0, 500, None));
        assert_eq!((shown.series.len(), shown.series[0].at_ms, shown.series[0].score), (MAX_POINTS, 600_000, 50.0));
    }

    #[test]
    fn examples_are_the_newest_of_each_place() {
        let mut record = Record::default();
        record.add(&exchange(1, 0), &wrong("/items/0/name", json!("old")));
        record.add(&exchange(2, 0), &wrong("/items/3/name", json!("x".repeat(500))));
        record.add(&exchange(3, 0), &wrong("/total", json!([1, 2])));
        let shown = record.present();
        let places: Vec<&str> = shown.examples.iter().map(|example| example.pointer.as_str()).collect();
        assert_eq!(places, ["/total", "/items/3/name"]);
        assert_eq!(shown.examples[0].expected, Some(json!("a list of 2")));
        assert_eq!(shown.examples[1].expected.as_ref().unwrap().as_str().unwrap().chars().count(), 201);
    }
}
