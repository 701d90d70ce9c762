//! Keys of the data plane: what may pass, how long it may take, and how it is marked.

use std::path::PathBuf;
use std::time::Duration;

use super::units::{size, time};
use super::{Checker, Wrong, switch};

/// Which `Host` upstream gets to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HostPolicy {
    /// The client's, for an upstream on this machine or network, because APIs build links from it; else upstream's own.
    #[default]
    Auto,
    Keep,
    Rewrite,
}

/// What happens to header fields on the way through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields {
    pub host: HostPolicy,
    /// `X-Forwarded-For`, `-Host`, `-Proto` and `Forwarded` (RFC 7239).
    pub forwarded: bool,
    pub via: bool,
    pub rewrite_location: bool,
    pub rewrite_cookies: bool,
}

impl Default for Fields {
    fn default() -> Self {
        Self { host: HostPolicy::Auto, forwarded: true, via: true, rewrite_location: true, rewrite_cookies: true }
    }
}

impl Fields {
    pub(super) fn check(checked: &mut Checker<'_>) -> Self {
        let default = Self::default();
        Self {
            host: checked.parse("UPSTREAM_HOST", host_policy).unwrap_or(default.host),
            forwarded: checked.parse("FORWARDED", switch).unwrap_or(default.forwarded),
            via: checked.parse("VIA", switch).unwrap_or(default.via),
            rewrite_location: checked.parse("REWRITE_LOCATION", switch).unwrap_or(default.rewrite_location),
            rewrite_cookies: checked.parse("REWRITE_COOKIES", switch).unwrap_or(default.rewrite_cookies),
        }
    }
}

/// What one client may take of us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenLimits {
    /// From the first byte of a request, or from the end of the one before, to the end of its head.
    pub head_timeout: Duration,
    /// Without a byte of a body that is under way, in either direction.
    pub body_timeout: Duration,
    pub head_bytes: usize,
    pub head_fields: usize,
    pub connections: usize,
    /// After which a connection is asked to end when its running requests have.
    pub connection_age: Duration,
    /// What running exchanges get when the server ends.
    pub grace: Duration,
}

impl Default for ListenLimits {
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(60),
            // Above what browsers and common servers send and take, and small beside a body.
            head_bytes: 64 << 10,
            head_fields: 100,
            connections: 10_000,
            connection_age: Duration::from_secs(3600),
            grace: Duration::from_secs(10),
        }
    }
}

impl ListenLimits {
    pub(super) fn check(checked: &mut Checker<'_>) -> Self {
        let default = Self::default();
        Self {
            head_timeout: checked.parse("HEAD_TIMEOUT", time).unwrap_or(default.head_timeout),
            body_timeout: checked.parse("BODY_TIMEOUT", time).unwrap_or(default.body_timeout),
            head_bytes: checked.parse("MAX_HEAD_BYTES", head_bytes).unwrap_or(default.head_bytes),
            head_fields: checked.parse("MAX_HEAD_FIELDS", number(10, 10_000)).unwrap_or(default.head_fields),
            connections: checked.parse("MAX_CONNECTIONS", number(1, 1_000_000)).unwrap_or(default.connections),
            connection_age: checked.parse("MAX_CONNECTION_AGE", time).unwrap_or(default.connection_age),
            grace: checked.parse("SHUTDOWN_GRACE", time).unwrap_or(default.grace),
        }
    }
}

/// Which versions of HTTP upstream is spoken to with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UpstreamHttp {
    /// HTTP/2 where an `https` upstream chooses it, else HTTP/1.1.
    #[default]
    Auto,
    One,
    /// Always; with an `http` upstream without asking first (h2c).
    Two,
}

/// How upstream is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamConfig {
    /// PEM; counts beside the machine's own certificates.
    pub ca_file: Option<PathBuf>,
    /// Whoever answers is believed to be upstream.
    pub insecure: bool,
    pub http: UpstreamHttp,
    pub connect_timeout: Duration,
    /// Without a byte of a body that is under way.
    pub idle_timeout: Duration,
}

impl Default for UpstreamConfig {
    fn default() -> Self {
        Self {
            ca_file: None,
            insecure: false,
            http: UpstreamHttp::Auto,
            // Long enough for a slow handshake far away, short enough that failover is still an answer.
            connect_timeout: Duration::from_secs(5),
            // Streams of events are silent for long, and most send something every minute or so.
            idle_timeout: Duration::from_secs(300),
        }
    }
}

impl UpstreamConfig {
    pub(super) fn check(checked: &mut Checker<'_>) -> Self {
        let default = Self::default();
        Self {
            ca_file: checked.get("UPSTREAM_CA_FILE").map(PathBuf::from),
            insecure: checked.parse("UPSTREAM_INSECURE", switch).unwrap_or(default.insecure),
            http: checked.parse("UPSTREAM_HTTP", upstream_http).unwrap_or(default.http),
            connect_timeout: checked.parse("UPSTREAM_CONNECT_TIMEOUT", time).unwrap_or(default.connect_timeout),
            idle_timeout: checked.parse("UPSTREAM_IDLE_TIMEOUT", time).unwrap_or(default.idle_timeout),
        }
    }
}

/// Certificate chain and private key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    pub cert: PathBuf,
    pub key: PathBuf,
}

impl TlsFiles {
    /// One without the other is a mistake.
    pub(super) fn check(checked: &mut Checker<'_>) -> Option<Self> {
        match (checked.get("TLS_CERT"), checked.get("TLS_KEY")) {
            (Some(cert), Some(key)) => Some(Self { cert: cert.into(), key: key.into() }),
            (Some(cert), None) => {
                checked.wrong("TLS_KEY", "", format!("the PEM file of the key that belongs to TLS_CERT {cert}"))
            }
            (None, Some(key)) => {
                checked.wrong("TLS_CERT", "", format!("the PEM file of the certificate that belongs to TLS_KEY {key}"))
            }
            (None, None) => None,
        }
    }
}

fn upstream_http(value: &str) -> Result<UpstreamHttp, Wrong> {
    match value.to_ascii_lowercase().as_str() {
        "auto" => Ok(UpstreamHttp::Auto),
        "1" | "1.1" => Ok(UpstreamHttp::One),
        "2" => Ok(UpstreamHttp::Two),
        _ => Err("auto, 1 or 2".into()),
    }
}

fn host_policy(value: &str) -> Result<HostPolicy, Wrong> {
    match value.to_ascii_lowercase().as_str() {
        "auto" => Ok(HostPolicy::Auto),
        "keep" => Ok(HostPolicy::Keep),
        "rewrite" => Ok(HostPolicy::Rewrite),
        _ => Err("auto, keep or rewrite".into()),
    }
}

/// hyper reads into a buffer of at least 8 KiB, and no server takes more than a megabyte.
fn head_bytes(value: &str) -> Result<usize, Wrong> {
    size(value)
        .ok()
        .filter(|bytes| (8 << 10..=1 << 20).contains(bytes))
        .ok_or_else(|| "a size from 8KiB to 1MiB".into())
}

fn number(least: usize, most: usize) -> impl Fn(&str) -> Result<usize, Wrong> {
    move |value| match value.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(Wrong { shown: None, expected: format!("a number from {least} to {most}") }),
    }
}
