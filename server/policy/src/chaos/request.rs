//! Faults that a request asks for itself, in its `X-Understudy-Fault` field: `delay=500;abort=503`.

use std::fmt;

use super::{Abort, Cut, Delay, Fault, FaultId, Field, Huge, Pace, Rule, Wrong};

/// What one request asks for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Asked {
    pub faults: Vec<Fault>,
    /// A fault that struck before, to be had again.
    pub again: Option<FaultId>,
}

/// Why a field cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedError {
    pub given: String,
    pub expected: &'static str,
}

impl fmt::Display for AskedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the fault {:?} in X-Understudy-Fault cannot be read: expected {}", self.given, self.expected)
    }
}

impl std::error::Error for AskedError {}

const KNOWN: &str = "delay=MS, abort=STATUS, retry_after=SECONDS, hang, reset, close, cut=SHARE, bandwidth=BYTES, truncate=SHARE, \
    corrupt, content_type=TYPE, drop_field, duplicate_field, null_field, empty_list (each with =NAME if wanted), \
    huge_list=ITEMS, stale, clock_skew=SECONDS, or id=FAULT";

impl Asked {
    /// Reads the value of the field. Faults are separated by semicolons.
    pub fn read(value: &str) -> Result<Self, AskedError> {
        let mut asked = Self::default();
        for part in value.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let wrong = |expected| AskedError { given: part.to_owned(), expected };
            let (name, given) =
                part.split_once('=').map_or((part, None), |(name, given)| (name.trim(), Some(given.trim())));
            asked.take(name, given).ok_or_else(|| wrong(KNOWN))?;
        }
        match Rule::of(Fault::Hang).with(asked.faults.clone()).check().into_iter().next() {
            Some(Wrong { given, expected, .. }) if !asked.faults.is_empty() => Err(AskedError { given, expected }),
            _ => Ok(asked),
        }
    }

    fn take(&mut self, name: &str, given: Option<&str>) -> Option<()> {
        let number = || given?.parse::<f64>().ok().filter(|number| number.is_finite());
        let whole = || given?.parse::<u64>().ok();
        let field = || Field { name: given.map(str::to_owned) };
        let fault = match name {
            "delay" => Fault::Delay(Delay::FixedMs(number()?)),
            "abort" => Fault::Abort(Abort { status: given?.parse().ok()?, ..Abort::default() }),
            "retry_after" => return self.retry_after(whole()?),
            "hang" => Fault::Hang,
            "reset" => Fault::Reset,
            "close" => Fault::Close,
            "cut" => Fault::Cut(Cut { after: number()?, reset: false }),
            "bandwidth" => Fault::Bandwidth(Pace { bytes_per_second: whole()? }),
            "truncate" => Fault::Truncate { share: number()? },
            "corrupt" => Fault::Corrupt,
            "content_type" => Fault::ContentType { value: given?.to_owned() },
            "drop_field" => Fault::DropField(field()),
            "duplicate_field" => Fault::DuplicateField(field()),
            "null_field" => Fault::NullField(field()),
            "empty_list" => Fault::EmptyList(field()),
            "huge_list" => Fault::HugeList(Huge { name: None, items: whole()? }),
            "stale" => Fault::Stale,
            "clock_skew" => Fault::ClockSkew { seconds: given?.parse().ok()? },
            "id" => {
                self.again = Some(given?.parse().ok()?);
                return Some(());
            }
            _ => return None,
        };
        self.faults.push(fault);
        Some(())
    }

    /// Goes with the abort before it.
    fn retry_after(&mut self, seconds: u64) -> Option<()> {
        let Some(Fault::Abort(abort)) = self.faults.last_mut() else { return None };
        abort.retry_after_seconds = Some(seconds);
        Some(())
    }
}

impl Rule {
    /// The same rule with other faults.
    #[must_use]
    pub fn with(self, faults: Vec<Fault>) -> Self {
        Self { faults, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_read() {
        let asked = Asked::read("delay=500; abort=503;retry_after=2").unwrap();
        let abort = Abort { status: 503, retry_after_seconds: Some(2), ..Abort::default() };
        assert_eq!(asked.faults, [Fault::Delay(Delay::FixedMs(500.0)), Fault::Abort(abort)]);
        assert_eq!(Asked::read("id=7-1-3").unwrap().again, Some(FaultId { seed: 7, rule: 1, ordinal: 3 }));
        assert_eq!(Asked::read("null_field").unwrap().faults, [Fault::NullField(Field::default())]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for wrong in ["explode", "delay", "delay=soon", "abort=99", "retry_after=2", "cut=2", "id=x", "delay=-1"] {
            assert!(Asked::read(wrong).is_err(), "{wrong}");
        }
    }
}
