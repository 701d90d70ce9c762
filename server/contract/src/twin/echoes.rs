//! What was said before: a client that polls teaches nothing, and need not push out of the journal what taught something.

use std::collections::HashMap;

use crate::hash::{hash, mix};
use crate::{Exchange, Headers};

/// So often the same is told before it counts as known: how sure the twin is goes by how often it was seen.
const ENOUGH: u8 = 3;
/// Questions remembered at a time.
const MAX_QUESTIONS: usize = 20_000;
/// Request fields that are new with every request and change no answer: Trace Context (W3C), and what came before it.
const VOLATILE: [&str; 6] = ["traceparent", "tracestate", "x-request-id", "x-correlation-id", "x-amzn-trace-id", "b3"];
/// Response fields that say something of the body; others may change from answer to answer.
const TELLING: [&str; 4] = ["content-type", "etag", "link", "location"];

/// Safe requests (RFC 9110 §9.2.1) since the last one that was not, with what they were answered.
#[derive(Debug, Clone, Default)]
pub struct Echoes {
    /// By a hash of the question: a hash of the answer, and how often it was given.
    answers: HashMap<u64, (u64, u8)>,
}

impl Echoes {
    /// Notes an exchange. Whether it says again what was said often enough, with nothing written in between.
    pub fn is_echo(&mut self, exchange: &Exchange) -> bool {
        if !matches!(exchange.request.method.as_str(), "GET" | "HEAD") || !exchange.request.body.bytes.is_empty() {
            self.answers.clear();
            return false;
        }
        if self.answers.len() >= MAX_QUESTIONS {
            self.answers.clear();
        }
        let answer = answer(exchange);
        let known = self.answers.entry(question(exchange)).or_insert((answer, 0));
        if known.0 != answer {
            *known = (answer, 0);
        }
        known.1 = known.1.saturating_add(1);
        known.1 > ENOUGH
    }
}

fn question(exchange: &Exchange) -> u64 {
    let request = &exchange.request;
    let state = mix(hash(request.method.as_bytes()), request.target.as_bytes());
    fields(state, &request.headers, |name| !VOLATILE.contains(&name))
}

fn answer(exchange: &Exchange) -> u64 {
    let response = &exchange.response;
    let state = mix(u64::from(response.status) << 1 | u64::from(response.body.truncated), &response.body.bytes);
    fields(state, &response.headers, |name| TELLING.contains(&name))
}

/// Names are in lower case here.
fn fields(state: u64, headers: &Headers, wanted: impl Fn(&str) -> bool) -> u64 {
    let wanted = headers.0.iter().filter(|(name, _)| wanted(name));
    wanted.fold(state, |state, (name, value)| mix(mix(state, name.as_bytes()), value.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Body, Request, Response};

    fn exchange(method: &str, target: &str, trace: &str, said: &str) -> Exchange {
        let fields = vec![("traceparent".to_owned(), trace.to_owned()), ("accept".to_owned(), "*/*".to_owned())];
        Exchange {
            id: 1,
            received_at_ms: 0,
            latency_us: 0,
            request: Request {
                method: method.to_owned(),
                target: target.to_owned(),
                headers: Headers(fields),
                body: Body::default(),
            },
            response: Response {
                status: 200,
                headers: Headers(vec![("date".to_owned(), trace.to_owned())]),
                body: Body { bytes: said.to_owned().into(), truncated: false },
            },
        }
    }

    #[test]
    fn the_same_answer_to_the_same_question_is_news_a_few_times() {
        let mut echoes = Echoes::default();
        let mut ask = |method: &str, target: &str, n: u8, said: &str| {
            echoes.is_echo(&exchange(method, target, &format!("trace {n}"), said))
        };
        let heard: Vec<bool> = (0..5).map(|n| ask("GET", "/a", n, "x")).collect();
        assert_eq!(heard, [false, false, false, true, true]);
        assert!(!ask("GET", "/b", 0, "x"), "another question");
        assert!(!ask("GET", "/a", 9, "y"), "another answer");
        assert!(!ask("POST", "/a", 9, "x"), "a write");
        assert!(!ask("GET", "/b", 9, "x"), "who knows what the write did");
    }
}
