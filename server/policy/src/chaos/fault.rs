//! What can go wrong.

use serde::{Deserialize, Serialize};

use super::Draw;

/// One fault. In JSON a name, or an object of one member: `"hang"`, `{"abort":{"status":503}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The answer comes later.
    Delay(Delay),
    /// An error in the API's place.
    Abort(Abort),
    /// As the API itself fails, so many times as often: 0 to 20.
    Learned {
        dial: f64,
    },
    /// No answer until the client gives up.
    Hang,
    /// The connection is reset before the answer begins.
    Reset,
    /// The connection is closed before the answer begins.
    Close,
    /// The connection ends within the body.
    Cut(Cut),
    /// The body comes slowly.
    Bandwidth(Pace),
    /// The body comes in small pieces.
    Drip {
        bytes: u64,
        every_ms: u64,
    },
    /// A body that ends too early, well framed.
    Truncate {
        share: f64,
    },
    /// A body that is no JSON any more.
    Corrupt,
    /// Another `Content-Type`.
    ContentType {
        value: String,
    },
    DropField(Field),
    DuplicateField(Field),
    NullField(Field),
    EmptyList(Field),
    HugeList(Huge),
    /// What the same request was answered before.
    Stale,
    /// Dates in head and body, shifted.
    ClockSkew {
        seconds: i64,
    },
    /// Up, then down, then up.
    Flapping(Flapping),
}

/// How long an answer is held back.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delay {
    FixedMs(f64),
    /// From and to.
    UniformMs(f64, f64),
    /// Never below 0.
    NormalMs(Normal),
    LogNormalMs(LogNormal),
    /// So many times as long as this endpoint usually takes.
    Learned {
        factor: f64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normal {
    pub mean: f64,
    pub deviation: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogNormal {
    pub median: f64,
    /// 99 of 100 are shorter.
    pub p99: f64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Abort {
    pub status: u16,
    /// Without it, the body that the API itself has for this status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Of a given body; `application/json` when it is JSON, else `text/plain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// Of the body, 0 to 1.
    #[serde(default = "half")]
    pub after: f64,
    /// By a reset instead of an end.
    #[serde(default)]
    pub reset: bool,
}

const fn half() -> f64 {
    0.5
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pace {
    pub bytes_per_second: u64,
}

/// Which member of the body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The member's name, or its path with dots (`user.name`); without it one is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Huge {
    /// The member that holds the list; without it one is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub items: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flapping {
    pub up_seconds: f64,
    pub down_seconds: f64,
    /// What it answers while it is down.
    #[serde(default = "bad_gateway")]
    pub status: u16,
}

const fn bad_gateway() -> u16 {
    502
}

impl Fault {
    /// The name it has in JSON, in labels and in reports.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Delay(_) => "delay",
            Self::Abort(_) => "abort",
            Self::Learned { .. } => "learned",
            Self::Hang => "hang",
            Self::Reset => "reset",
            Self::Close => "close",
            Self::Cut(_) => "cut",
            Self::Bandwidth(_) => "bandwidth",
            Self::Drip { .. } => "drip",
            Self::Truncate { .. } => "truncate",
            Self::Corrupt => "corrupt",
            Self::ContentType { .. } => "content_type",
            Self::DropField(_) => "drop_field",
            Self::DuplicateField(_) => "duplicate_field",
            Self::NullField(_) => "null_field",
            Self::EmptyList(_) => "empty_list",
            Self::HugeList(_) => "huge_list",
            Self::Stale => "stale",
            Self::ClockSkew { .. } => "clock_skew",
            Self::Flapping(_) => "flapping",
        }
    }

    /// All kinds, as the page offers them.
    pub const KINDS: [&'static str; 20] = [
        "delay",
        "abort",
        "learned",
        "hang",
        "reset",
        "close",
        "cut",
        "bandwidth",
        "drip",
        "truncate",
        "corrupt",
        "content_type",
        "drop_field",
        "duplicate_field",
        "null_field",
        "empty_list",
        "huge_list",
        "stale",
        "clock_skew",
        "flapping",
    ];

    /// What it does, in words for people.
    #[must_use]
    pub fn says(&self) -> String {
        let of = |field: &Field| field.name.as_ref().map_or("a member".to_owned(), |name| format!("the member {name}"));
        match self {
            Self::Delay(delay) => delay.says(),
            Self::Abort(Abort { status, retry_after_seconds, .. }) => {
                let after = retry_after_seconds.map_or(String::new(), |after| format!(", retry after {after} s"));
                format!("answer {status}{after}")
            }
            Self::Learned { dial } => format!("fail as the API does, {dial} times as often"),
            Self::Hang => "never answer".into(),
            Self::Reset => "reset the connection".into(),
            Self::Close => "close the connection".into(),
            Self::Cut(Cut { after, reset }) => {
                let how = if *reset { "reset" } else { "close" };
                format!("{how} the connection after {:.0} % of the body", after * 100.0)
            }
            Self::Bandwidth(pace) => format!("send {} bytes a second", pace.bytes_per_second),
            Self::Drip { bytes, every_ms } => format!("send {bytes} bytes every {every_ms} ms"),
            Self::Truncate { share } => format!("leave {:.0} % of the body", share * 100.0),
            Self::Corrupt => "damage the JSON".into(),
            Self::ContentType { value } => format!("say it is {value}"),
            Self::DropField(field) => format!("leave out {}", of(field)),
            Self::DuplicateField(field) => format!("send {} twice", of(field)),
            Self::NullField(field) => format!("null for {}", of(field)),
            Self::EmptyList(_) => "an empty list".into(),
            Self::HugeList(huge) => format!("a list of {} items", huge.items),
            Self::Stale => "the previous answer".into(),
            Self::ClockSkew { seconds } => format!("dates off by {seconds} s"),
            Self::Flapping(Flapping { up_seconds, down_seconds, status }) => {
                format!("{up_seconds} s up, {down_seconds} s down with {status}")
            }
        }
    }
}

/// Nobody waits longer for an answer.
pub(super) const MAX_DELAY_MS: f64 = 600_000.0;

impl Delay {
    /// Milliseconds, for this draw. `None` where the endpoint's own latency has to be known: see [`Delay::Learned`].
    #[must_use]
    pub fn sample(&self, draw: Draw) -> Option<f64> {
        let millis = match *self {
            Self::FixedMs(millis) => millis,
            Self::UniformMs(from, to) => from + (to - from) * draw.unit(1),
            Self::NormalMs(Normal { mean, deviation }) => mean + deviation * draw.normal(1),
            Self::LogNormalMs(LogNormal { median, p99 }) => {
                /// The standard normal distribution stays below it in 99 of 100 cases.
                const Z99: f64 = 2.326_347_874_040_841;
                median * ((p99 / median).ln() / Z99 * draw.normal(1)).exp()
            }
            Self::Learned { .. } => return None,
        };
        Some(millis.clamp(0.0, MAX_DELAY_MS))
    }

    fn says(&self) -> String {
        match self {
            Self::FixedMs(millis) => format!("{millis} ms later"),
            Self::UniformMs(from, to) => format!("{from} to {to} ms later"),
            Self::NormalMs(Normal { mean, deviation }) => format!("about {mean} ms later, deviation {deviation} ms"),
            Self::LogNormalMs(LogNormal { median, p99 }) => format!("{median} ms later, one in a hundred {p99} ms"),
            Self::Learned { factor } => format!("{factor} times its usual time later"),
        }
    }
}
