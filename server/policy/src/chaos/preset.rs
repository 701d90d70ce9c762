//! Conditions that people know by name.

use super::{Abort, Delay, Fault, LogNormal, Normal, Pace, Period, Rule, Schedule};

/// A rule under a name.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// As it stands in addresses.
    pub id: &'static str,
    pub name: &'static str,
    /// What a client meets.
    pub meaning: &'static str,
    make: fn() -> Rule,
}

/// All of them, the mildest first.
pub const PRESETS: [Preset; 6] = [
    Preset {
        id: "slow-3g",
        name: "Slow 3G",
        meaning: "Answers begin two seconds later and come with 400 kbit a second",
        // The figures that browsers' developer tools use under this name.
        make: || {
            let delay = Fault::Delay(Delay::NormalMs(Normal { mean: 2000.0, deviation: 200.0 }));
            Rule::of(delay.clone()).with(vec![delay, Fault::Bandwidth(Pace { bytes_per_second: 50_000 })])
        },
    },
    Preset {
        id: "flaky-backend",
        name: "Flaky backend 5 %",
        meaning: "One request in twenty is answered 500",
        make: || Rule { probability: 0.05, ..Rule::of(abort(500, None)) },
    },
    Preset {
        id: "latency-spike",
        name: "Latency spike",
        meaning: "For ten seconds out of thirty answers take 800 ms, and some of them five seconds",
        make: || Rule {
            schedule: beat(10.0, 20.0),
            ..Rule::of(Fault::Delay(Delay::LogNormalMs(LogNormal { median: 800.0, p99: 5000.0 })))
        },
    },
    Preset {
        id: "rate-limited",
        name: "Rate limited",
        meaning: "For five seconds out of ten everything is answered 429 with Retry-After",
        make: || Rule { schedule: beat(5.0, 5.0), ..Rule::of(abort(429, Some(5))) },
    },
    Preset {
        id: "thundering-503s",
        name: "Thundering 503s",
        meaning: "For two seconds out of five everything is answered 503: do all clients come back at once?",
        make: || Rule { schedule: beat(2.0, 3.0), ..Rule::of(abort(503, Some(2))) },
    },
    Preset {
        id: "backend-down",
        name: "Backend down",
        meaning: "Everything is answered 503",
        make: || Rule::of(abort(503, None)),
    },
];

impl Preset {
    #[must_use]
    pub fn find(id: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.id == id)
    }

    /// The rule, with the preset's name as its note.
    #[must_use]
    pub fn rule(&self) -> Rule {
        Rule { note: self.name.to_owned(), ..(self.make)() }
    }
}

fn abort(status: u16, retry_after_seconds: Option<u64>) -> Fault {
    Fault::Abort(Abort { status, retry_after_seconds, ..Abort::default() })
}

fn beat(on_seconds: f64, off_seconds: f64) -> Schedule {
    Schedule { period: Some(Period { on_seconds, off_seconds }), ..Schedule::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_rules_without_mistakes() {
        for preset in PRESETS {
            assert_eq!(preset.rule().check(), [], "{}", preset.id);
            assert_eq!(Preset::find(preset.id).unwrap().name, preset.name);
        }
    }
}
