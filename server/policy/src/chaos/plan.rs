//! What becomes of one request.

use std::fmt;
use std::str::FromStr;

use super::{Abort, Cut, Draw, Edit, Fault};

/// Which fault it was: with the seed, the rule and the count of requests every draw can be had again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FaultId {
    pub seed: u64,
    pub rule: u64,
    /// Counts the requests that the rule concerned, from 0.
    pub ordinal: u64,
}

impl FaultId {
    #[must_use]
    pub const fn draw(self) -> Draw {
        Draw::new(self.seed, self.rule, self.ordinal)
    }
}

impl fmt::Display for FaultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}-{}", self.seed, self.rule, self.ordinal)
    }
}

impl FromStr for FaultId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('-');
        let seed = parts.next().and_then(|part| u64::from_str_radix(part, 16).ok()).ok_or(())?;
        let mut number = || parts.next().and_then(|part| part.parse().ok()).ok_or(());
        let (rule, ordinal) = (number()?, number()?);
        if parts.next().is_some() { Err(()) } else { Ok(Self { seed, rule, ordinal }) }
    }
}

/// One rule that strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    pub id: FaultId,
    pub kinds: Vec<&'static str>,
}

/// What happens instead of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    Abort(Abort),
    Hang,
    Reset,
    Close,
}

/// Everything that goes wrong with one request. Of several ends, paces and cuts the first one counts; delays add up, and a
/// body is edited as often as was asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    pub hits: Vec<Hit>,
    pub delay_ms: f64,
    /// Times the endpoint's own latency, read at this place of its distribution (0 to 1).
    pub learned_delays: Vec<(f64, f64)>,
    pub end: Option<End>,
    pub edits: Vec<Edit>,
    /// Bytes and milliseconds between them.
    pub pace: Option<(u64, u64)>,
    pub cut: Option<Cut>,
    pub stale: bool,
    pub skew_seconds: i64,
    pub content_type: Option<String>,
}

/// A bandwidth is kept to by pieces of this many milliseconds.
const PIECE_MS: u64 = 50;

impl Plan {
    /// What a request asked for itself.
    #[must_use]
    pub fn asked(faults: &[Fault], id: FaultId) -> Self {
        let mut plan = Self::default();
        for (place, fault) in faults.iter().enumerate() {
            plan.add(fault, id.draw(), place);
        }
        plan.hits.push(Hit { id, kinds: faults.iter().map(Fault::kind).collect() });
        plan
    }

    /// The client gets nothing that it could use: a reason to try again.
    #[must_use]
    pub fn fails(&self) -> bool {
        let breaks = |edit: &Edit| matches!(edit.fault, Fault::Truncate { .. } | Fault::Corrupt);
        self.cut.is_some()
            || self.edits.iter().any(breaks)
            || match &self.end {
                Some(End::Abort(abort)) => abort.status >= 500 || matches!(abort.status, 408 | 425 | 429),
                Some(End::Hang | End::Reset | End::Close) => true,
                None => false,
            }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hits.is_empty()
    }

    /// There is no earlier answer that could be given once more.
    pub fn forget_stale(&mut self) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        for hit in &mut self.hits {
            hit.kinds.retain(|kind| *kind != "stale");
        }
        self.hits.retain(|hit| !hit.kinds.is_empty());
    }

    /// Nothing goes wrong any more; what struck so far stays known.
    pub fn forgive(&mut self) {
        *self = Self { hits: std::mem::take(&mut self.hits), ..Self::default() };
    }

    /// The kinds of all faults, in order.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> {
        self.hits.iter().flat_map(|hit| hit.kinds.iter().copied())
    }

    /// Whether the whole body has to be at hand before any of it is sent.
    #[must_use]
    pub fn needs_body(&self) -> bool {
        !self.edits.is_empty() || self.skew_seconds != 0 || self.cut.is_some()
    }

    /// The bytes of an answer are touched below HTTP, where no label can say so.
    #[must_use]
    pub fn is_below_http(&self) -> bool {
        self.cut.is_some() || matches!(self.end, Some(End::Hang | End::Reset | End::Close))
    }

    /// Adds what this fault makes of a request. `place` is the fault's among those of its rule, so that two draw apart.
    pub(super) fn add(&mut self, fault: &Fault, draw: Draw, place: usize) {
        let purpose = (place as u64 + 1) << 8;
        let own = Draw::new(draw.bits(purpose), 0, 0);
        match fault {
            Fault::Delay(delay) => match (delay.sample(own), delay) {
                (Some(millis), _) => self.delay_ms += millis,
                (None, super::Delay::Learned { factor }) => self.learned_delays.push((*factor, own.unit(1))),
                (None, _) => {}
            },
            Fault::Abort(abort) => self.end_with(End::Abort(abort.clone())),
            Fault::Hang => self.end_with(End::Hang),
            Fault::Reset => self.end_with(End::Reset),
            Fault::Close => self.end_with(End::Close),
            Fault::Cut(cut) => drop(self.cut.get_or_insert(*cut)),
            Fault::Bandwidth(pace) => {
                let bytes = (pace.bytes_per_second * PIECE_MS / 1000).max(1);
                self.pace.get_or_insert((bytes, bytes * 1000 / pace.bytes_per_second.max(1)));
            }
            Fault::Drip { bytes, every_ms } => drop(self.pace.get_or_insert((*bytes, *every_ms))),
            Fault::ContentType { value } => drop(self.content_type.get_or_insert_with(|| value.clone())),
            Fault::Stale => self.stale = true,
            Fault::ClockSkew { seconds } => self.skew_seconds += seconds,
            Fault::Truncate { .. }
            | Fault::Corrupt
            | Fault::DropField(_)
            | Fault::DuplicateField(_)
            | Fault::NullField(_)
            | Fault::EmptyList(_)
            | Fault::HugeList(_) => self.edits.push(Edit { fault: fault.clone(), draw: own }),
            // These have become another fault by now, or nothing.
            Fault::Learned { .. } | Fault::Flapping(_) => {}
        }
    }

    fn end_with(&mut self, end: End) {
        self.end.get_or_insert(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back() {
        let id = FaultId { seed: u64::MAX, rule: 3, ordinal: 17 };
        assert_eq!(id.to_string(), "ffffffffffffffff-3-17");
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in ["", "1-2", "1-2-3-4", "x-1-2", "1--2"] {
            assert!(wrong.parse::<FaultId>().is_err(), "{wrong}");
        }
    }
}
