//! What clients do after a fault, told from the traffic that follows it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One finished exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Who it was: the `User-Agent`, or what another field says.
    pub client: String,
    pub method: String,
    pub target: String,
    /// Unix milliseconds of its first and last byte.
    pub began_ms: u64,
    pub ended_ms: u64,
    pub status: u16,
    /// The request can be told from its repetition: it has an `Idempotency-Key`.
    pub has_key: bool,
    pub touched: Option<Touched>,
}

/// What was wrong with it on purpose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    pub kinds: Vec<String>,
    /// The client has no usable answer: a reason to try again.
    pub failed: bool,
    pub retry_after_ms: Option<u64>,
    /// The client itself ended the wait.
    pub given_up: bool,
}

/// What came of requests that failed on purpose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct After {
    /// Requests that failed on purpose.
    pub failed: u64,
    /// Repetitions of such requests.
    pub retried: u64,
    /// Series of attempts that ended well.
    pub recovered: u64,
    /// Series of three attempts or more whose pauses grew, and those whose pauses did not.
    pub backed_off: u64,
    pub hurried: u64,
    pub obeyed_retry_after: u64,
    pub ignored_retry_after: u64,
    /// Series that ended without a good answer.
    pub gave_up: u64,
    /// Repetitions of POST and PATCH without a key that would tell them apart.
    pub unsafe_retries: u64,
    /// Repetitions that came with next to no pause.
    pub storms: u64,
    /// Waits that the client ended, and waits that it should have ended.
    pub timed_out: u64,
    pub waited_too_long: u64,
}

impl After {
    fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.failed, other.failed),
            (&mut self.retried, other.retried),
            (&mut self.recovered, other.recovered),
            (&mut self.backed_off, other.backed_off),
            (&mut self.hurried, other.hurried),
            (&mut self.obeyed_retry_after, other.obeyed_retry_after),
            (&mut self.ignored_retry_after, other.ignored_retry_after),
            (&mut self.gave_up, other.gave_up),
            (&mut self.unsafe_retries, other.unsafe_retries),
            (&mut self.storms, other.storms),
            (&mut self.timed_out, other.timed_out),
            (&mut self.waited_too_long, other.waited_too_long),
        ];
        for (own, more) in pairs {
            *own += more;
        }
    }
}

/// One thing that a client does well or badly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Habit {
    pub name: String,
    pub good: bool,
    /// With the counts that show it.
    pub says: String,
}

/// From A, the best, to F.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Grade {
    A,
    B,
    C,
    D,
    F,
}

/// How one client takes faults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCard {
    pub client: String,
    /// `None` while nothing was seen that could be graded.
    pub grade: Option<Grade>,
    pub after: After,
    pub habits: Vec<Habit>,
}

/// A repetition that comes later is a request of its own.
const WINDOW_MS: u64 = 60_000;
/// A pause below this is none.
const STORM_MS: u64 = 50;
/// Clocks and sockets may differ from a promise by this much.
const GRACE_MS: u64 = 100;
/// A client that waits longer for a head has no timeout worth the name.
const TIMEOUT_MS: u64 = 60_000;
/// The next pause of a client that backs off is at least this many times as long.
const GROWTH: f64 = 1.3;
/// Pauses of a client with jitter differ at least so much from their mean.
const JITTER: f64 = 0.05;
const MAX_CLIENTS: usize = 200;
const MAX_SERIES: usize = 10_000;
const MAX_PAUSES: usize = 64;

/// Follows clients from fault to fault. Bounded.
#[derive(Debug, Default)]
pub struct Follower {
    clients: BTreeMap<String, Client>,
    series: BTreeMap<(String, String, String), Series>,
}

#[derive(Debug, Default)]
struct Client {
    after: After,
    /// First pauses of series: equal ones bring clients back at the same moment.
    first_pauses: Vec<u64>,
}

#[derive(Debug, Default)]
struct Series {
    last_ended_ms: u64,
    retry_after_ms: Option<u64>,
    pauses: Vec<u64>,
}

impl Follower {
    /// Exchanges in the order in which they ended.
    pub fn see(&mut self, seen: &Seen) {
        let key = (seen.client.clone(), seen.method.clone(), seen.target.clone());
        let touched = seen.touched.as_ref();
        let failed = touched.is_some_and(|touched| touched.failed);
        if !failed && !self.series.contains_key(&key) {
            return;
        }
        if self.clients.len() >= MAX_CLIENTS && !self.clients.contains_key(&seen.client) {
            return;
        }
        let client = self.clients.entry(seen.client.clone()).or_default();
        let series = self.series.remove(&key).filter(|series| {
            let is_late = seen.began_ms.saturating_sub(series.last_ended_ms) > WINDOW_MS;
            if is_late {
                client.close(series, false);
            }
            !is_late
        });
        let mut series = match series {
            Some(mut series) => {
                client.retry(&mut series, seen);
                series
            }
            None if failed => Series::default(),
            None => return,
        };
        if !failed {
            client.close(&series, true);
            return;
        }
        client.fail(seen, touched);
        series.last_ended_ms = seen.ended_ms;
        series.retry_after_ms = touched.and_then(|touched| touched.retry_after_ms);
        if self.series.len() < MAX_SERIES {
            self.series.insert(key, series);
        }
    }

    /// Ends series that nobody takes up any more.
    pub fn expire(&mut self, now_ms: u64) {
        self.close_where(|series| now_ms.saturating_sub(series.last_ended_ms) > WINDOW_MS);
    }

    /// Ends all series: what did not end well by now has not ended well.
    pub fn finish(&mut self) {
        self.close_where(|_| true);
    }

    fn close_where(&mut self, is_over: impl Fn(&Series) -> bool) {
        let clients = &mut self.clients;
        self.series.retain(|(client, ..), series| {
            let is_over = is_over(series);
            if is_over && let Some(client) = clients.get_mut(client) {
                client.close(series, false);
            }
            !is_over
        });
    }

    /// Of all clients together.
    #[must_use]
    pub fn after(&self) -> After {
        let mut all = After::default();
        self.clients.values().for_each(|client| all.add(&client.after));
        all
    }

    /// One card for each client, the worst first.
    #[must_use]
    pub fn cards(&self) -> Vec<ClientCard> {
        let mut cards: Vec<ClientCard> = self.clients.iter().map(|(name, client)| client.card(name)).collect();
        cards.sort_by_key(|card| (std::cmp::Reverse(card.grade), std::cmp::Reverse(card.after.failed)));
        cards
    }
}

impl Client {
    fn fail(&mut self, seen: &Seen, touched: Option<&Touched>) {
        self.after.failed += 1;
        let given_up = touched.is_some_and(|touched| touched.given_up);
        let waited = seen.ended_ms.saturating_sub(seen.began_ms);
        if waited > TIMEOUT_MS {
            self.after.waited_too_long += 1;
        } else if given_up {
            self.after.timed_out += 1;
        }
    }

    fn retry(&mut self, series: &mut Series, seen: &Seen) {
        let pause = seen.began_ms.saturating_sub(series.last_ended_ms);
        let after = &mut self.after;
        after.retried += 1;
        if matches!(seen.method.as_str(), "POST" | "PATCH") && !seen.has_key {
            after.unsafe_retries += 1;
        }
        match series.retry_after_ms {
            Some(wanted) if pause + GRACE_MS >= wanted => after.obeyed_retry_after += 1,
            Some(_) => after.ignored_retry_after += 1,
            None => {}
        }
        if pause < STORM_MS {
            after.storms += 1;
        }
        if series.pauses.is_empty() && self.first_pauses.len() < MAX_PAUSES {
            self.first_pauses.push(pause);
        }
        if series.pauses.len() < MAX_PAUSES {
            series.pauses.push(pause);
        }
    }

    fn close(&mut self, series: &Series, well: bool) {
        if well {
            self.after.recovered += 1;
        } else {
            self.after.gave_up += 1;
        }
        if series.pauses.len() >= 2 {
            let grown = series.pauses.windows(2).filter(|pair| pair[1] as f64 >= pair[0] as f64 * GROWTH).count();
            let most = grown * 2 > series.pauses.len() - 1;
            let count = if most { &mut self.after.backed_off } else { &mut self.after.hurried };
            *count += 1;
        }
    }

    /// How far its first pauses spread around their mean. `None` while they are too few.
    fn jitter(&self) -> Option<f64> {
        let count = self.first_pauses.len();
        if count < 4 {
            return None;
        }
        let mean = self.first_pauses.iter().sum::<u64>() as f64 / count as f64;
        let variance = self.first_pauses.iter().map(|pause| (*pause as f64 - mean).powi(2)).sum::<f64>() / count as f64;
        Some(variance.sqrt() / mean.max(1.0))
    }

    fn card(&self, name: &str) -> ClientCard {
        let judged = self.judge();
        let lost: u32 = judged.iter().filter(|(habit, _)| !habit.good).map(|(_, weight)| weight).sum();
        let grade = match lost {
            0..10 => Grade::A,
            10..25 => Grade::B,
            25..40 => Grade::C,
            40..60 => Grade::D,
            _ => Grade::F,
        };
        ClientCard {
            client: name.to_owned(),
            grade: (!judged.is_empty()).then_some(grade),
            after: self.after,
            habits: judged.into_iter().map(|(habit, _)| habit).collect(),
        }
    }

    /// What can be said, and what it costs if it is bad.
    fn judge(&self) -> Vec<(Habit, u32)> {
        let After { retried, unsafe_retries, storms, obeyed_retry_after, ignored_retry_after, .. } = self.after;
        let After { backed_off, hurried, timed_out, waited_too_long, .. } = self.after;
        let habit = |name: &str, good, says: String, weight| (Habit { name: name.to_owned(), good, says }, weight);
        let mut out = Vec::new();
        if retried > 0 {
            let says = format!("{unsafe_retries} of {retried} repetitions were unsafe: a POST or PATCH without a key");
            out.push(habit("repeats only what is safe", unsafe_retries == 0, says, 40));
            let says = format!("{storms} of {retried} repetitions came within {STORM_MS} ms");
            out.push(habit("pauses before it tries again", storms * 5 <= retried, says, 30));
        }
        let asked = obeyed_retry_after + ignored_retry_after;
        if asked > 0 {
            let says = format!("{obeyed_retry_after} of {asked} times");
            out.push(habit("obeys Retry-After", ignored_retry_after * 10 <= asked, says, 25));
        }
        if backed_off + hurried > 0 {
            let says = format!("pauses grew in {backed_off} of {} series", backed_off + hurried);
            out.push(habit("backs off", backed_off >= hurried, says, 15));
        }
        if let Some(jitter) = self.jitter() {
            let says = format!("first pauses spread by {:.0} % of their mean", jitter * 100.0);
            out.push(habit("jitters its pauses", jitter >= JITTER, says, 10));
        }
        if timed_out + waited_too_long > 0 {
            let says = format!("{timed_out} waits ended by the client, {waited_too_long} lasted over a minute");
            out.push(habit("has a timeout", waited_too_long == 0, says, 20));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attempts of one request: when they began, and whether they failed. Each takes 10 ms.
    fn series(follower: &mut Follower, client: &str, method: &str, attempts: &[(u64, bool)], retry_after: Option<u64>) {
        for (began_ms, failed) in attempts {
            let touched = failed.then(|| Touched { failed: true, retry_after_ms: retry_after, ..Touched::default() });
            follower.see(&Seen {
                client: client.into(),
                method: method.into(),
                target: "/a".into(),
                began_ms: *began_ms,
                ended_ms: began_ms + 10,
                status: if *failed { 503 } else { 200 },
                has_key: false,
                touched,
            });
        }
    }

    #[test]
    fn a_patient_client_has_the_best_grade() {
        let mut follower = Follower::default();
        for (round, wobble) in [0, 40, 170, 90, 250].into_iter().enumerate() {
            let at = 100_000 * round as u64;
            let attempts = [(at, true), (at + 1010 + wobble, true), (at + 3300 + wobble, true), (at + 9000, false)];
            series(&mut follower, "good", "GET", &attempts, Some(1000));
        }
        let card = &follower.cards()[0];
        assert_eq!((card.grade, card.after.recovered, card.after.backed_off), (Some(Grade::A), 5, 5), "{card:?}");
        assert_eq!((card.after.obeyed_retry_after, card.after.ignored_retry_after), (15, 0));
    }

    #[test]
    fn a_hasty_client_has_the_worst() {
        let mut follower = Follower::default();
        let attempts: Vec<(u64, bool)> = (0..10).map(|n| (n * 12, true)).collect();
        series(&mut follower, "bad", "POST", &attempts, Some(1000));
        follower.finish();
        let card = &follower.cards()[0];
        assert_eq!((card.grade, card.after.retried, card.after.gave_up), (Some(Grade::F), 9, 1), "{card:?}");
        assert_eq!((card.after.unsafe_retries, card.after.storms, card.after.hurried), (9, 9, 1));
    }

    #[test]
    fn who_never_comes_back_gave_up() {
        let mut follower = Follower::default();
        series(&mut follower, "one", "GET", &[(0, true)], None);
        follower.expire(10_000);
        assert_eq!(follower.after().gave_up, 0);
        follower.expire(70_000);
        let after = follower.after();
        assert_eq!((after.failed, after.retried, after.gave_up), (1, 0, 1));
        assert_eq!(follower.cards()[0].grade, None);
        // A later request of the same kind is no repetition.
        series(&mut follower, "one", "GET", &[(80_000, false)], None);
        assert_eq!(follower.after().retried, 0);
    }

    #[test]
    fn good_traffic_costs_nothing() {
        let mut follower = Follower::default();
        series(&mut follower, "one", "GET", &[(0, false), (5, false)], None);
        assert!(follower.cards().is_empty());
    }
}
