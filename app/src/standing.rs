//! Who is answering now, in words: the first thing the Control Deck says.

use understudy_types::{Breaker, Health, Mode, PartHealth, PartState, Source, Status, Upstream};

/// In the order in which the switch shows them.
pub const CHOICES: [Mode; 3] = [Mode::Proxy, Mode::Shadow, Mode::Mock];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Who gives most answers from now on.
    pub source: Source,
    pub headline: &'static str,
    pub meaning: String,
}

#[must_use]
pub fn standing(status: &Status) -> Standing {
    let mut standing = by_mode(status);
    for part in status.parts.iter().filter(|part| part.state != PartState::Ok || part.says.is_some()) {
        standing.meaning.push(' ');
        standing.meaning.push_str(&trouble(part));
    }
    standing
}

/// A sentence about a part that does not do its work, or did not. Requests pass all the same.
fn trouble(part: &PartHealth) -> String {
    let state = match part.state {
        PartState::Ok => return format!("Of the {}: {}.", part.name, part.says.as_deref().unwrap_or("nothing")),
        PartState::Stalled => "hangs",
        PartState::Failing => "fails",
        PartState::Down => "is gone",
    };
    let says = part.says.as_ref().map_or_else(String::new, |says| format!(": {says}"));
    format!("Requests pass, but the {} {state}{says}.", part.name)
}

fn by_mode(status: &Status) -> Standing {
    let url = &status.upstream.url;
    match status.mode {
        Mode::Mock => Standing {
            source: Source::Twin,
            headline: "The twin answers your app",
            meaning: format!("Mock mode: every answer is made from what was learned. Nothing is sent to {url}."),
        },
        Mode::Proxy | Mode::Shadow if is_away(&status.upstream) => Standing {
            source: Source::Twin,
            headline: "The twin stands in",
            meaning: format!(
                "{url} cannot be reached. What was learned is answered by the twin until the API is back."
            ),
        },
        Mode::Shadow => Standing {
            source: Source::Upstream,
            headline: "Your API answers, the twin rehearses",
            meaning: format!(
                "Shadow mode: requests go to {url}. What the twin would have answered is compared with each answer."
            ),
        },
        Mode::Proxy => Standing {
            source: Source::Upstream,
            headline: "Your API answers",
            meaning: format!(
                "Proxy mode: requests go to {url} and are learned from. When it cannot answer, the twin does."
            ),
        },
    }
}

#[must_use]
pub fn mode_word(mode: Mode) -> &'static str {
    match mode {
        Mode::Proxy => "proxy",
        Mode::Shadow => "shadow",
        Mode::Mock => "mock",
    }
}

#[must_use]
pub fn mode_label(mode: Mode) -> &'static str {
    match mode {
        Mode::Proxy => "Proxy",
        Mode::Shadow => "Shadow",
        Mode::Mock => "Mock",
    }
}

#[must_use]
pub fn mode_hint(mode: Mode) -> &'static str {
    match mode {
        Mode::Proxy => "Upstream answers; when it cannot, the twin does",
        Mode::Shadow => "Upstream answers; the twin's answer is computed beside it and scored",
        Mode::Mock => "The twin answers; upstream is left alone",
    }
}

/// The one word for the health dot.
#[must_use]
pub fn health_word(upstream: &Upstream) -> &'static str {
    match (upstream.health, upstream.breaker) {
        (_, Breaker::HalfOpen) => "probing",
        (Health::Down, _) | (_, Breaker::Open) => "down",
        (Health::Up, Breaker::Closed) => "up",
        (Health::Unknown, Breaker::Closed) => "not asked yet",
    }
}

#[must_use]
pub fn breaker_word(breaker: Breaker) -> &'static str {
    match breaker {
        Breaker::Closed => "closed",
        Breaker::Open => "open",
        Breaker::HalfOpen => "half-open",
    }
}

#[must_use]
pub fn breaker_hint(breaker: Breaker) -> &'static str {
    match breaker {
        Breaker::Closed => "Requests go to upstream",
        Breaker::Open => "Upstream failed too often: it is spared for a while",
        Breaker::HalfOpen => "A few requests go to upstream to see whether it is back",
    }
}

fn is_away(upstream: &Upstream) -> bool {
    upstream.health == Health::Down || upstream.breaker == Breaker::Open
}

#[cfg(test)]
pub(crate) mod tests {
    use understudy_types::{Counters, Learner, Limits};

    use super::*;

    pub(crate) fn status(mode: Mode, health: Health, breaker: Breaker) -> Status {
        let upstream = Upstream {
            url: "http://api.test".into(),
            sample: false,
            insecure: false,
            health,
            breaker,
            latency_ms: None,
            last_error: None,
        };
        Status {
            version: "0".into(),
            project: "default.db".into(),
            mode,
            failover: true,
            upstream,
            learner: Learner::default(),
            outbox: 0,
            counters: Counters::default(),
            endpoints: 0,
            limits: Limits::default(),
            drift: understudy_types::DriftSummary::default(),
            chaos: understudy_types::ChaosStatus::default(),
            parts: Vec::new(),
            uptime_seconds: 0,
            memory_bytes: None,
        }
    }

    fn check(mode: Mode, health: Health, breaker: Breaker, expected: Source) {
        assert_eq!(standing(&status(mode, health, breaker)).source, expected, "{mode:?} {health:?} {breaker:?}");
    }

    #[test]
    fn the_mode_and_then_upstream_decide_who_answers() {
        check(Mode::Proxy, Health::Unknown, Breaker::Closed, Source::Upstream);
        check(Mode::Proxy, Health::Up, Breaker::Closed, Source::Upstream);
        check(Mode::Proxy, Health::Down, Breaker::Closed, Source::Twin);
        check(Mode::Proxy, Health::Up, Breaker::Open, Source::Twin);
        check(Mode::Mock, Health::Up, Breaker::Closed, Source::Twin);
        check(Mode::Shadow, Health::Up, Breaker::Closed, Source::Upstream);
        check(Mode::Shadow, Health::Down, Breaker::Open, Source::Twin);
    }

    #[test]
    fn what_does_not_do_its_work_is_told() {
        let mut status = status(Mode::Proxy, Health::Up, Breaker::Closed);
        let part = |state| PartHealth {
            name: "store".into(),
            state,
            restarts: 0,
            since_ms: None,
            says: Some("disk full".into()),
        };
        status.parts = vec![PartHealth { says: None, ..part(PartState::Ok) }];
        assert!(!standing(&status).meaning.contains("store"));
        status.parts = vec![part(PartState::Ok)];
        assert!(standing(&status).meaning.ends_with("Of the store: disk full."));
        status.parts = vec![part(PartState::Failing)];
        assert!(standing(&status).meaning.ends_with("Requests pass, but the store fails: disk full."));
    }

    #[test]
    fn the_health_word_believes_the_breaker() {
        let word = |health, breaker| health_word(&status(Mode::Proxy, health, breaker).upstream);
        assert_eq!(word(Health::Up, Breaker::Closed), "up");
        assert_eq!(word(Health::Up, Breaker::Open), "down");
        assert_eq!(word(Health::Down, Breaker::HalfOpen), "probing");
        assert_eq!(word(Health::Unknown, Breaker::Closed), "not asked yet");
    }
}
