//! Random numbers that can be had again: a hash of what they are for.

/// The draws of one request under one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    key: u64,
}

impl Draw {
    #[must_use]
    pub const fn new(seed: u64, rule: u64, ordinal: u64) -> Self {
        Self { key: mix(mix(mix(seed) ^ rule) ^ ordinal) }
    }

    /// All 64 bits, for one of several purposes.
    #[must_use]
    pub const fn bits(self, purpose: u64) -> u64 {
        mix(self.key ^ mix(purpose))
    }

    /// At least 0, below 1.
    #[must_use]
    pub fn unit(self, purpose: u64) -> f64 {
        (self.bits(purpose) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Standard normal, after Box and Muller. Takes a second purpose beside the given one.
    #[must_use]
    pub fn normal(self, purpose: u64) -> f64 {
        let (radius, angle) = (1.0 - self.unit(purpose), self.unit(purpose ^ (1 << 63)));
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }

    /// One of so many, 0 when there is none.
    #[must_use]
    pub fn pick(self, purpose: u64, of: usize) -> usize {
        ((self.unit(purpose) * of as f64) as usize).min(of.saturating_sub(1))
    }
}

/// A stable hash of a text: FNV-1a, mixed.
#[must_use]
pub(super) fn hash(seed: u64, text: &str) -> u64 {
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    mix(seed ^ text.bytes().fold(0xcbf2_9ce4_8422_2325, fnv))
}

/// SplitMix64 (Steele, Lea, Flood 2014).
const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
