//! What a plugin said about which requests concern it, so that it costs nothing where none does.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Which functions are to be called for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Interest {
    /// Of `chaos-policy`: `decide`.
    pub chaos: bool,
    /// Of `responder`: `on-request`.
    pub request: bool,
    /// Of `responder`: `on-response`.
    pub response: bool,
}

/// Paths that are remembered at once. A newer one takes the place of an older one.
const PLACES: usize = 4096;
/// The low bits of a place: three for the interest and one that says that the place is taken.
const LOW: u64 = 0b1111;
const TAKEN: u64 = 0b1000;

/// A question, hashed. Two questions with the same 60 bits are not to be expected, and the hash is keyed, so that nobody can
/// look for them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question(u64);

/// A table without a lock: one atomic number holds both a question and its answer.
#[derive(Debug)]
pub(crate) struct Interests(Box<[AtomicU64]>);

#[derive(Debug, Default, Clone)]
pub(crate) struct Asker(RandomState);

impl Asker {
    pub(crate) fn question(&self, method: &str, path: &str) -> Question {
        self.ask(&(method, path))
    }

    pub(crate) fn ask(&self, what: &impl Hash) -> Question {
        Question(self.0.hash_one(what))
    }
}

impl Interests {
    pub(crate) fn new() -> Self {
        Self((0..PLACES).map(|_| AtomicU64::new(0)).collect())
    }

    pub(crate) fn get(&self, question: Question) -> Option<Interest> {
        let found = self.place(question).load(Relaxed);
        (found & !LOW == question.0 & !LOW && found & TAKEN != 0).then(|| Interest::from_bits(found))
    }

    pub(crate) fn put(&self, question: Question, interest: Interest) {
        self.place(question).store(question.0 & !LOW | TAKEN | interest.bits(), Relaxed);
    }

    fn place(&self, question: Question) -> &AtomicU64 {
        &self.0[(question.0 >> 40) as usize % PLACES]
    }
}

impl Interest {
    #[must_use]
    pub const fn is_none(self) -> bool {
        !self.chaos && !self.request && !self.response
    }

    pub(crate) const fn or(self, other: Self) -> Self {
        Self {
            chaos: self.chaos || other.chaos,
            request: self.request || other.request,
            response: self.response || other.response,
        }
    }

    const fn bits(self) -> u64 {
        self.chaos as u64 | (self.request as u64) << 1 | (self.response as u64) << 2
    }

    const fn from_bits(bits: u64) -> Self {
        Self { chaos: bits & 1 != 0, request: bits & 2 != 0, response: bits & 4 != 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_kept_by_method_and_path() {
        let (asker, interests) = (Asker::default(), Interests::new());
        let ask = |method, path| interests.get(asker.question(method, path));
        assert_eq!(ask("GET", "/a"), None);
        let wanted = Interest { chaos: true, request: false, response: true };
        interests.put(asker.question("GET", "/a"), wanted);
        interests.put(asker.question("PUT", "/a"), Interest::default());
        assert_eq!(ask("GET", "/a"), Some(wanted));
        assert_eq!(ask("PUT", "/a"), Some(Interest::default()));
        assert_eq!(ask("GET", "/b"), None);
    }

    #[test]
    fn no_path_takes_the_answer_of_another() {
        let (asker, interests) = (Asker::default(), Interests::new());
        for i in 0..50_000 {
            let question = asker.question("GET", &format!("/things/{i}"));
            assert_eq!(interests.get(question), None);
            interests.put(question, Interest { chaos: true, ..Interest::default() });
        }
    }
}
