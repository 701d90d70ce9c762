//! Wrong tokens, counted by where they come from.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many different wrong tokens within [`WINDOW`], and no other is looked at until it is over. The same one again is no guess: a
/// browser sends an old cookie with everything.
const MAX_GUESSES: usize = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are remembered at once; beyond them the oldest is forgotten.
const MAX_ADDRESSES: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Guesses(Mutex<HashMap<Option<IpAddr>, Tries>>);

#[derive(Debug)]
struct Tries {
    since: Instant,
    different: Vec<blake3::Hash>,
}

impl Guesses {
    /// How long whoever comes from there has to wait.
    pub(super) fn wait(&self, from: Option<IpAddr>, now: Instant) -> Option<Duration> {
        let tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = tries.get(&from.map(network)).filter(|own| own.different.len() >= MAX_GUESSES)?;
        WINDOW.checked_sub(now.saturating_duration_since(own.since)).filter(|left| !left.is_zero())
    }

    /// A token was wrong.
    pub(super) fn note(&self, from: Option<IpAddr>, hash: blake3::Hash, now: Instant) {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let from = from.map(network);
        if !tries.contains_key(&from) && tries.len() >= MAX_ADDRESSES {
            let oldest = tries.iter().min_by_key(|(_, own)| own.since).map(|(from, _)| *from);
            oldest.and_then(|oldest| tries.remove(&oldest));
        }
        let own = tries.entry(from).or_insert_with(|| Tries { since: now, different: Vec::new() });
        if now.saturating_duration_since(own.since) >= WINDOW {
            *own = Tries { since: now, different: Vec::new() };
        }
        if own.different.len() < MAX_GUESSES && !own.different.contains(&hash) {
            own.different.push(hash);
        }
    }
}

/// Whoever has one IPv6 address has all of its /64 (RFC 4291 §2.5.1).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => std::net::Ipv6Addr::from(u128::from(address) & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: usize) -> blake3::Hash {
        blake3::hash(&n.to_le_bytes())
    }

    #[test]
    fn the_same_wrong_token_is_one_guess_and_waiting_ends() {
        let (guesses, start) = (Guesses::default(), Instant::now());
        let from = Some(IpAddr::from([192, 0, 2, 1]));
        (0..100).for_each(|_| guesses.note(from, hash(0), start));
        assert_eq!(guesses.wait(from, start), None);
        (0..MAX_GUESSES).for_each(|n| guesses.note(from, hash(n), start));
        assert_eq!(guesses.wait(from, start), Some(WINDOW));
        assert_eq!(guesses.wait(from, start + WINDOW), None);
        guesses.note(from, hash(99), start + WINDOW);
        assert_eq!(guesses.wait(from, start + WINDOW), None, "counted anew");
    }

    #[test]
    fn what_is_remembered_is_bounded_and_a_network_is_one() {
        let (guesses, start) = (Guesses::default(), Instant::now());
        for n in 0..(2 * MAX_ADDRESSES as u32) {
            guesses.note(Some(IpAddr::V4(n.into())), hash(0), start + Duration::from_millis(n.into()));
        }
        assert_eq!(guesses.0.lock().unwrap().len(), MAX_ADDRESSES);
        let address = |last: u16| Some(IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]));
        (0..MAX_GUESSES).for_each(|n| guesses.note(address(n as u16), hash(n), start));
        assert!(guesses.wait(address(999), start).is_some());
    }
}
