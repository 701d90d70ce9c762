//! What the watchdog says about one difference.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Whose promise it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Request,
    Response,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    Endpoint,
    Body,
    Parameters,
    Headers,
    Status,
    MediaType,
    Security,
    Performance,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Add,
    Remove,
    Change,
    Rename,
    Move,
}

/// The worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Critical,
    Warning,
    Info,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    FieldRemoved,
    FieldAdded,
    FieldRenamed,
    FieldMoved,
    TypeChanged,
    Nullability,
    Optionality,
    FormatChanged,
    EnumValueAdded,
    EnumValueRemoved,
    BoundsChanged,
    StatusAdded,
    StatusRemoved,
    HeaderAdded,
    HeaderRemoved,
    MediaTypeChanged,
    AuthRequired,
    RequestRefused,
    EndpointGone,
    EndpointAdded,
    ErrorRate,
    Latency,
    /// A status that was always possible comes far more often than it did to the same requests.
    StatusMix,
    /// Rows of a list stand in another order.
    OrderChanged,
    /// Pages have another size, or the next one is reached in another way.
    PagingChanged,
    /// A record has become an object whose keys are data, or the other way round.
    MapChanged,
    /// One more type, or kind of record, beside those that go on coming.
    UnionChanged,
}

impl Kind {
    pub const ALL: [Self; 27] = [
        Self::FieldRemoved,
        Self::FieldAdded,
        Self::FieldRenamed,
        Self::FieldMoved,
        Self::TypeChanged,
        Self::Nullability,
        Self::Optionality,
        Self::FormatChanged,
        Self::EnumValueAdded,
        Self::EnumValueRemoved,
        Self::BoundsChanged,
        Self::StatusAdded,
        Self::StatusRemoved,
        Self::HeaderAdded,
        Self::HeaderRemoved,
        Self::MediaTypeChanged,
        Self::AuthRequired,
        Self::RequestRefused,
        Self::EndpointGone,
        Self::EndpointAdded,
        Self::ErrorRate,
        Self::Latency,
        Self::StatusMix,
        Self::OrderChanged,
        Self::PagingChanged,
        Self::MapChanged,
        Self::UnionChanged,
    ];

    /// As it stands in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::FieldRemoved => "field_removed",
            Self::FieldAdded => "field_added",
            Self::FieldRenamed => "field_renamed",
            Self::FieldMoved => "field_moved",
            Self::TypeChanged => "type_changed",
            Self::Nullability => "nullability",
            Self::Optionality => "optionality",
            Self::FormatChanged => "format_changed",
            Self::EnumValueAdded => "enum_value_added",
            Self::EnumValueRemoved => "enum_value_removed",
            Self::BoundsChanged => "bounds_changed",
            Self::StatusAdded => "status_added",
            Self::StatusRemoved => "status_removed",
            Self::HeaderAdded => "header_added",
            Self::HeaderRemoved => "header_removed",
            Self::MediaTypeChanged => "media_type_changed",
            Self::AuthRequired => "auth_required",
            Self::RequestRefused => "request_refused",
            Self::EndpointGone => "endpoint_gone",
            Self::EndpointAdded => "endpoint_added",
            Self::ErrorRate => "error_rate",
            Self::Latency => "latency",
            Self::StatusMix => "status_mix",
            Self::OrderChanged => "order_changed",
            Self::PagingChanged => "paging_changed",
            Self::MapChanged => "map_changed",
            Self::UnionChanged => "union_changed",
        }
    }

    #[must_use]
    pub const fn action(self) -> Action {
        match self {
            Self::FieldRemoved
            | Self::HeaderRemoved
            | Self::StatusRemoved
            | Self::EnumValueRemoved
            | Self::EndpointGone => Action::Remove,
            Self::FieldAdded
            | Self::HeaderAdded
            | Self::StatusAdded
            | Self::EnumValueAdded
            | Self::EndpointAdded
            | Self::AuthRequired => Action::Add,
            Self::FieldRenamed => Action::Rename,
            Self::FieldMoved => Action::Move,
            _ => Action::Change,
        }
    }

    /// Whether it is about something within a body.
    #[must_use]
    pub const fn is_of_body(self) -> bool {
        matches!(
            self,
            Self::FieldRemoved
                | Self::FieldAdded
                | Self::FieldRenamed
                | Self::FieldMoved
                | Self::TypeChanged
                | Self::Nullability
                | Self::Optionality
                | Self::FormatChanged
                | Self::EnumValueAdded
                | Self::EnumValueRemoved
                | Self::BoundsChanged
                | Self::MapChanged
                | Self::UnionChanged
        )
    }

    /// How bad it is that an answer changed so: an answer may not lose a promise.
    #[must_use]
    pub const fn in_response(self) -> Severity {
        match self {
            Self::FieldAdded | Self::HeaderAdded | Self::EndpointAdded | Self::EnumValueRemoved => Severity::Info,
            Self::EnumValueAdded
            | Self::BoundsChanged
            | Self::FormatChanged
            | Self::StatusAdded
            | Self::HeaderRemoved
            | Self::StatusMix
            | Self::OrderChanged
            | Self::PagingChanged
            | Self::Latency => Severity::Warning,
            _ => Severity::Critical,
        }
    }

    /// How bad it is that what clients send changed so. The API cannot narrow that by being sent something else: what it
    /// refuses is seen in its answers.
    #[must_use]
    pub const fn in_request(self) -> Severity {
        match self {
            Self::RequestRefused | Self::AuthRequired => Severity::Critical,
            _ => Severity::Info,
        }
    }
}

impl Severity {
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// A redacted message, cut to a length that can be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// `before` or `after`.
    pub of: String,
    pub text: String,
}

/// One difference between an endpoint and its baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    pub direction: Direction,
    pub area: Area,
    pub kind: Kind,
    pub action: Action,
    pub severity: Severity,
    /// 0 to 1.
    pub confidence: f64,
    /// Of the answer it is about.
    pub status: Option<u16>,
    /// JSON Pointer (RFC 6901), with `*` for any item or key; the name of a header or parameter with `/` in front; empty
    /// for what has no place.
    pub pointer: String,
    pub before: Value,
    pub after: Value,
    /// Exchanges that showed it.
    pub count: u64,
    /// Unix milliseconds.
    pub first_seen_ms: u64,
    pub last_seen_ms: u64,
    /// The first offending exchange.
    pub first_exchange: u64,
    pub samples: Vec<Sample>,
}

impl Finding {
    /// In one sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let place = if self.pointer.is_empty() { String::new() } else { format!(" {}", self.pointer) };
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let (before, after) = (text(&self.before), text(&self.after));
        match self.kind {
            Kind::FieldRemoved => format!("field{place} is gone"),
            Kind::FieldAdded => format!("field{place} is new"),
            Kind::FieldRenamed => format!("field{place} is now {after}"),
            Kind::FieldMoved => format!("field{place} moved to {after}"),
            Kind::TypeChanged => format!("type of{place} changed from {before} to {after}"),
            Kind::Nullability => format!("{} can be null", self.pointer),
            Kind::Optionality => format!("field{place} is no longer always there"),
            Kind::FormatChanged => format!("format of{place} was {before}, now {after}"),
            Kind::EnumValueAdded => format!("value {after} of{place} is new"),
            Kind::EnumValueRemoved => format!("of the values {before} of{place}, {after} no longer comes"),
            Kind::BoundsChanged => format!("{} leaves its bounds: {after}, before {before}", self.pointer),
            Kind::StatusAdded => format!("answers {after}, before {before}"),
            Kind::StatusRemoved => format!("no longer answers {before}"),
            Kind::HeaderAdded => format!("header{place} is new"),
            Kind::HeaderRemoved => format!("header{place} is gone"),
            Kind::MediaTypeChanged => format!("media type changed from {before} to {after}"),
            Kind::AuthRequired => format!("now wants credentials: {after}"),
            Kind::RequestRefused => format!("refuses with {after} what it took before"),
            Kind::EndpointGone => format!("answers {after} for what was there"),
            Kind::EndpointAdded => "endpoint is new".to_owned(),
            Kind::ErrorRate => format!("fails with {after}"),
            Kind::Latency => format!("takes {after}, before at most {before}"),
            Kind::StatusMix => format!("answers {after}, before {before}"),
            Kind::OrderChanged => format!("rows of{place} stood {before}, now {after}"),
            Kind::PagingChanged => format!("a page had {before}; now it has {after}"),
            Kind::MapChanged => format!("{before} became {after} at{place}"),
            Kind::UnionChanged => format!("{}: {before}, now {after}", self.pointer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_json() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
        }
    }
}
