//! The order in which an API checks: as most do, except where a refusal shows that this one does not.

use super::refusals::Evidence;
use crate::twin::behaviour::{RefusalRule, Source};
use crate::twin::causes::Cause;
use crate::twin::fault::Fault;

/// Sorts the rules of an endpoint.
pub(super) fn sort(evidence: &Evidence<'_>, rules: &mut Vec<RefusalRule>) {
    let members = members(evidence);
    rules.sort_by_key(|rule| key(&rule.cause, &members));
    // A call that two causes hold for was refused for one of them: that one is checked first. One round for each rule is
    // enough to move all, and an API that contradicts itself comes to an end too.
    for _ in 0..rules.len() {
        let Some((from, to)) = misplaced(evidence, rules) else { return };
        let rule = rules.remove(from);
        rules.insert(to, rule);
    }
}

/// A rule that belongs before an earlier one: where it is, and where it belongs.
fn misplaced(evidence: &Evidence<'_>, rules: &[RefusalRule]) -> Option<(usize, usize)> {
    for (seen, case) in &evidence.bad {
        let of_it = |rule: &RefusalRule| rule.sample.status == seen.status && rule.sample.body == seen.reply;
        let Some(own) = rules.iter().position(|rule| of_it(rule) && rule.cause.holds(case)) else { continue };
        let together = |rule: &RefusalRule| rule.lists == rules[own].lists && !rule.lists.is_empty();
        let earlier = rules[..own].iter().position(|rule| !together(rule) && rule.cause.holds(case));
        if let Some(earlier) = earlier {
            return Some((own, earlier));
        }
    }
    None
}

/// Members in the order in which calls send them.
fn members(evidence: &Evidence<'_>) -> Vec<Vec<String>> {
    let mut out: Vec<Vec<String>> = Vec::new();
    let calls = evidence.accepted.iter().copied().chain(evidence.bad.iter().map(|(_, case)| case.call));
    for call in calls.take(100) {
        let Some(body) = call.sent.value() else { continue };
        super::refusals::member_paths(body, &mut vec![], &mut |path| {
            if !out.iter().any(|own| own == path) {
                out.push(path.to_vec());
            }
        });
    }
    out
}

/// The order in which most APIs check.
pub(super) fn stage(cause: &Cause) -> u8 {
    match cause {
        Cause::NotAcceptable(_) => 0,
        Cause::NoCredential => 1,
        Cause::BadCredential => 2,
        Cause::MediaType(_) => 3,
        Cause::Malformed => 5,
        Cause::Value { of: Source::Param(_), .. } => 6,
        Cause::Parameter(_) | Cause::Value { of: Source::Query(_) | Source::Header(_), .. } => 7,
        Cause::Unknown(_) => 8,
        Cause::NotOwner => 9,
        Cause::Unconditional(_) => 10,
        Cause::Exists | Cause::Known(_) | Cause::Stale { .. } => 11,
        Cause::Member { .. } | Cause::Value { .. } => 12,
        Cause::NoRow { .. } | Cause::Taken { .. } => 13,
        Cause::State { .. } | Cause::Referenced { .. } | Cause::PastEnd => 14,
        Cause::NoSuch => 15,
        Cause::Always => 16,
    }
}

/// The stage, the place, and what is looked at first there.
fn key(cause: &Cause, members: &[Vec<String>]) -> (u8, usize, u8) {
    let at = match cause.place() {
        Some(Source::Body(path)) => members.iter().position(|own| own == path).unwrap_or(members.len()),
        Some(Source::Param(slot)) => *slot,
        _ => 0,
    };
    (stage(cause), at, first_looked_at(cause))
}

/// Whether it is there, then what it is, then how it is, then which it is.
fn first_looked_at(cause: &Cause) -> u8 {
    match cause {
        Cause::Value { fault, .. } => match fault {
            Fault::Absent => 0,
            Fault::Null => 1,
            Fault::Type(_) => 2,
            Fault::Blank | Fault::Empty => 3,
            Fault::Form(_) => 4,
            Fault::Shorter(_) | Fault::Longer(_) | Fault::Below { .. } | Fault::Above { .. } => 5,
            Fault::NotOneOf(_) => 6,
            Fault::Same(_) => 7,
        },
        _ => 8,
    }
}
