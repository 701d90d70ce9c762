//! Addresses of ours with what a screen shows in them.

use std::fmt::Write;

/// What the traffic screen shows, as its address says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrafficAddress {
    pub filter: String,
    /// Exchanges that stay on top.
    pub pins: Vec<u64>,
    /// The exchange beside the list.
    pub open: Option<u64>,
}

impl TrafficAddress {
    /// From the parameters `q`, `pin` and `open`; what is no number is left out.
    #[must_use]
    pub fn read(filter: Option<&str>, pins: Option<&str>, open: Option<&str>) -> Self {
        Self {
            filter: filter.unwrap_or_default().to_owned(),
            pins: pins.unwrap_or_default().split(',').filter_map(|id| id.parse().ok()).collect(),
            open: open.and_then(|id| id.parse().ok()),
        }
    }

    #[must_use]
    pub fn url(&self) -> String {
        let mut parts = Vec::new();
        if !self.filter.is_empty() {
            parts.push(format!("q={}", encode(&self.filter)));
        }
        if !self.pins.is_empty() {
            parts.push(format!("pin={}", ids(&self.pins)));
        }
        parts.extend(self.open.map(|id| format!("open={id}")));
        if parts.is_empty() { "/admin/traffic".into() } else { format!("/admin/traffic?{}", parts.join("&")) }
    }

    #[must_use]
    pub fn opening(&self, id: Option<u64>) -> Self {
        Self { open: id, ..self.clone() }
    }

    #[must_use]
    pub fn filtering(&self, filter: String) -> Self {
        Self { filter, ..self.clone() }
    }

    /// Pins an exchange, or takes its pin away.
    #[must_use]
    pub fn pinning(&self, id: u64) -> Self {
        let mut pins = self.pins.clone();
        match pins.iter().position(|pin| *pin == id) {
            Some(at) => drop(pins.remove(at)),
            None => pins.push(id),
        }
        Self { pins, ..self.clone() }
    }

    /// The recording of the pinned exchanges or, without any, of those that the filter lets through.
    #[must_use]
    pub fn recording(&self) -> String {
        if self.pins.is_empty() {
            return format!("/admin/traffic.har?filter={}", encode(&self.filter));
        }
        format!("/admin/traffic.har?ids={}", ids(&self.pins))
    }
}

fn ids(ids: &[u64]) -> String {
    ids.iter().map(u64::to_string).collect::<Vec<_>>().join(",")
}

/// For a value in a query (RFC 3986 §3.4).
#[must_use]
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/*,".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_what_is_shown() {
        let address = TrafficAddress::read(Some("status:>=400 é"), Some("7,x,9"), Some("12"));
        assert_eq!(address.url(), "/admin/traffic?q=status:%3E%3D400%20%C3%A9&pin=7,9&open=12");
        assert_eq!(address.pinning(7).pins, [9]);
        assert_eq!(address.pinning(3).pins, [7, 9, 3]);
        assert_eq!(TrafficAddress::default().url(), "/admin/traffic");
    }

    #[test]
    fn a_recording_is_of_what_was_chosen() {
        let address = TrafficAddress::read(Some("a&b"), None, None);
        assert_eq!(address.recording(), "/admin/traffic.har?filter=a%26b");
        assert_eq!(address.pinning(5).recording(), "/admin/traffic.har?ids=5");
    }
}
