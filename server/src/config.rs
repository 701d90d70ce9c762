//! Flags, environment, `understudy.toml` and defaults become one checked [`Config`].
//!
//! The strongest layer that names a key wins. All mistakes are collected, so that one start shows every one of them.

mod layers;
mod target;
mod units;
mod wire;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

pub use layers::{Env, Flags, Layers, PluginTable, ProcessEnv};
pub use target::TargetUrl;
use understudy_policy::{Deadlines, Unwell};

use crate::store::Keep;
use crate::store::files::is_beside;
pub use wire::{Fields, HostPolicy, ListenLimits, TlsFiles, UpstreamConfig, UpstreamHttp};

/// Where the API listens when nobody says otherwise: nothing outside of this machine can reach it.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8000);

/// What is left to do once the configuration is right; see the README for what each key means.
#[derive(Debug, Clone)]
pub struct Config {
    /// `None`: the built-in sample API is the upstream.
    pub target: Option<TargetUrl>,
    /// File name of the project under `data_dir`.
    pub project: String,
    pub data_dir: PathBuf,
    pub listen: SocketAddr,
    /// With it, dashboard and admin API have a listener of their own.
    pub admin: Option<SocketAddr>,
    /// Whoever has it may do everything.
    pub admin_token: Option<String>,
    /// Whoever has it may look.
    pub admin_viewer_token: Option<String>,
    /// Names, beside those of this machine, under which the dashboard may be asked for.
    pub admin_hosts: Vec<String>,
    pub plugin_dir: PathBuf,
    pub plugins: PluginTable,
    pub failover: bool,
    pub unwell: Unwell,
    pub deadlines: Deadlines,
    pub capture: CaptureLimits,
    /// Recorded traffic that a project keeps.
    pub keep: Keep,
    /// Off: of an exchange nothing but its method, path, status and times.
    pub record: bool,
    pub fields: Fields,
    pub limits: ListenLimits,
    pub upstream: UpstreamConfig,
    /// With it both listeners speak TLS.
    pub tls: Option<TlsFiles>,
    /// How many times slower the learner works than it could; 1 but in tests and measurements.
    pub learner_slowdown: u32,
    pub log: String,
    pub log_format: LogFormat,
}

/// How lines of the log are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// An object of JSON on each line.
    Json,
}

/// Bytes of bodies that are kept to learn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaptureLimits {
    pub body: usize,
    /// Of all that are under way or wait to be learned.
    pub memory: usize,
}

impl Default for CaptureLimits {
    fn default() -> Self {
        Self { body: 1 << 20, memory: 128 << 20 }
    }
}

/// One thing wrong with the configuration, as one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub key: &'static str,
    pub value: String,
    pub expected: String,
}

impl Mistake {
    pub fn new(key: &'static str, value: impl fmt::Display, expected: impl Into<String>) -> Self {
        Self { key, value: value.to_string(), expected: expected.into() }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {:?}: expected {}", self.key, self.value, self.expected)
    }
}

/// Why the server does not start. The exit code for it is 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, mistake) in self.0.iter().enumerate() {
            write!(f, "{}{mistake}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

impl Config {
    /// Where dashboard and admin API are.
    #[must_use]
    pub fn dashboard(&self) -> SocketAddr {
        self.admin.unwrap_or(self.listen)
    }

    /// Whether nobody gets in without a token: others can reach the dashboard, or only some may change things.
    #[must_use]
    pub fn needs_token(&self) -> bool {
        !self.dashboard().ip().is_loopback() || self.admin_viewer_token.is_some()
    }

    /// Checks every key. A key that is wrong has its default in the result, so that what does not depend on it can be
    /// checked further; with mistakes the result must not be run.
    #[must_use]
    pub fn check(layers: &Layers) -> (Self, Vec<Mistake>) {
        let mut mistakes = layers.mistakes().to_vec();
        let mut checked = Checker { layers, mistakes: &mut mistakes };
        let listen = checked.address("LISTEN_ADDR").unwrap_or(DEFAULT_LISTEN);
        let admin = checked.address("ADMIN_ADDR");
        let config = Self {
            target: checked.parse("TARGET_URL", TargetUrl::parse),
            project: checked.parse("DB_NAME", project_file).unwrap_or_else(|| "default.db".into()),
            data_dir: layers.get("DATA_DIR").unwrap_or_else(|| "./data".into()).into(),
            listen,
            admin,
            admin_token: checked.parse("ADMIN_TOKEN", admin_token),
            admin_viewer_token: checked.parse("ADMIN_VIEWER_TOKEN", admin_token),
            admin_hosts: layers.get("ADMIN_HOSTS").map(|hosts| split_list(&hosts)).unwrap_or_default(),
            plugin_dir: layers.get("PLUGIN_DIR").unwrap_or_else(|| "./plugins".into()).into(),
            plugins: layers.plugins().clone(),
            failover: checked.parse("FAILOVER", switch).unwrap_or(true),
            unwell: checked.parse("UPSTREAM_5XX", unwell).unwrap_or_default(),
            deadlines: checked.deadlines(),
            capture: checked.capture_limits(),
            keep: checked.keep(),
            record: checked.parse("RECORD", switch).unwrap_or(true),
            fields: Fields::check(&mut checked),
            limits: ListenLimits::check(&mut checked),
            upstream: UpstreamConfig::check(&mut checked),
            tls: TlsFiles::check(&mut checked),
            learner_slowdown: checked.parse("LEARNER_SLOWDOWN", factor).unwrap_or(1),
            log: checked.parse("LOG", log_filter).unwrap_or_else(|| "info".into()),
            log_format: checked.parse("LOG_FORMAT", log_format).unwrap_or_default(),
        };
        mistakes.extend(config.contradictions());
        (config, mistakes)
    }

    /// What is wrong although each key by itself is right.
    fn contradictions(&self) -> Vec<Mistake> {
        let mut found = Vec::new();
        if self.admin_viewer_token.is_some() && self.admin_viewer_token == self.admin_token {
            found.push(Mistake::new("ADMIN_VIEWER_TOKEN", "(not shown)", "another token than ADMIN_TOKEN"));
        }
        if self.deadlines.floor > self.deadlines.ceiling {
            let expected = format!("at most DEADLINE_CEILING, which is {} ms", self.deadlines.ceiling.as_millis());
            found.push(Mistake::new("DEADLINE_FLOOR", format!("{} ms", self.deadlines.floor.as_millis()), expected));
        }
        if self.admin.is_some_and(|admin| admin == self.listen && admin.port() != 0) {
            found.push(Mistake::new("ADMIN_ADDR", self.listen, "an address other than LISTEN_ADDR"));
        }
        let own = [Some(self.listen), self.admin];
        if let Some(target) = &self.target
            && own.into_iter().flatten().any(|address| target.is_at(address))
        {
            found.push(Mistake::new(
                "TARGET_URL",
                target,
                "the real API, this is the address Understudy itself listens on",
            ));
        }
        found
    }
}

struct Checker<'a> {
    layers: &'a Layers,
    mistakes: &'a mut Vec<Mistake>,
}

impl Checker<'_> {
    /// `parse` returns what was expected when the value is wrong. A value in the error replaces the one shown.
    fn parse<T>(&mut self, key: &'static str, parse: impl FnOnce(&str) -> Result<T, Wrong>) -> Option<T> {
        let value = self.layers.get(key)?;
        match parse(&value) {
            Ok(parsed) => Some(parsed),
            Err(wrong) => {
                self.mistakes.push(Mistake::new(key, wrong.shown.unwrap_or(value), wrong.expected));
                None
            }
        }
    }

    fn get(&self, key: &str) -> Option<String> {
        self.layers.get(key)
    }

    fn wrong<T>(&mut self, key: &'static str, value: &str, expected: String) -> Option<T> {
        self.mistakes.push(Mistake::new(key, value, expected));
        None
    }

    fn deadlines(&mut self) -> Deadlines {
        let usual = Deadlines::default();
        let floor = self.parse("DEADLINE_FLOOR", units::time);
        let ceiling = self.parse("DEADLINE_CEILING", units::time);
        Deadlines { floor: floor.unwrap_or(usual.floor), ceiling: ceiling.unwrap_or(usual.ceiling) }
    }

    fn capture_limits(&mut self) -> CaptureLimits {
        let usual = CaptureLimits::default();
        let body = self.parse("CAPTURE_BODY_LIMIT", units::size);
        let memory = self.parse("CAPTURE_MEMORY_LIMIT", units::size);
        CaptureLimits { body: body.unwrap_or(usual.body), memory: memory.unwrap_or(usual.memory) }
    }

    fn keep(&mut self) -> Keep {
        let usual = Keep::default();
        let age = self.parse("TRAFFIC_MAX_AGE", units::time);
        let bytes = self.parse("TRAFFIC_MAX_SIZE", units::size).map(|bytes| bytes as u64);
        Keep { age: age.unwrap_or(usual.age), bytes: bytes.unwrap_or(usual.bytes) }
    }

    fn address(&mut self, key: &'static str) -> Option<SocketAddr> {
        self.parse(key, |value| {
            let numeric = value.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
            let expected = "an IP address and a port such as 127.0.0.1:8000";
            numeric.as_deref().unwrap_or(value).parse().map_err(|_| Wrong::from(expected))
        })
    }
}

/// What was expected, and what to show of the value when showing all of it would tell a secret.
pub(crate) struct Wrong {
    pub(crate) shown: Option<String>,
    pub(crate) expected: String,
}

impl From<&str> for Wrong {
    fn from(expected: &str) -> Self {
        Self { shown: None, expected: expected.into() }
    }
}

/// A project is one file directly under `DATA_DIR`; `.db` is added when the name has no extension.
pub(crate) fn project_file(value: &str) -> Result<String, Wrong> {
    let plain = !value.starts_with('.')
        && !is_beside(value)
        && !value.is_empty()
        && value.len() <= 100
        && value.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ' '));
    if !plain {
        return Err("a file name of at most 100 letters, digits, dots, dashes and underscores, without a folder".into());
    }
    Ok(if value.contains('.') { value.into() } else { format!("{value}.db") })
}

/// The shortest token worth having: a guess over the network stays hopeless.
const MIN_TOKEN_CHARS: usize = 16;

pub(crate) fn admin_token(value: &str) -> Result<String, Wrong> {
    let fine = value.len() >= MIN_TOKEN_CHARS && value.bytes().all(|b| b.is_ascii_graphic());
    fine.then(|| value.to_owned()).ok_or_else(|| Wrong {
        shown: Some("(not shown)".into()),
        expected: format!("at least {MIN_TOKEN_CHARS} visible ASCII characters without spaces"),
    })
}

fn switch(value: &str) -> Result<bool, Wrong> {
    match value.to_ascii_lowercase().as_str() {
        "on" | "true" | "1" | "yes" => Ok(true),
        "off" | "false" | "0" | "no" => Ok(false),
        _ => Err("on or off".into()),
    }
}

fn unwell(value: &str) -> Result<Unwell, Wrong> {
    match value.to_ascii_lowercase().as_str() {
        "pass" => Ok(Unwell::PassOn),
        "twin" => Ok(Unwell::Twin),
        _ => Err("pass or twin".into()),
    }
}

fn factor(value: &str) -> Result<u32, Wrong> {
    value.parse().ok().filter(|factor| (1..=10_000).contains(factor)).ok_or_else(|| "a number from 1 to 10000".into())
}

fn log_filter(value: &str) -> Result<String, Wrong> {
    let parsed = value.parse::<tracing_subscriber::filter::Targets>();
    parsed
        .map(|_| value.to_owned())
        .map_err(|_| "a level such as info, or targets such as understudy_server=debug".into())
}

fn log_format(value: &str) -> Result<LogFormat, Wrong> {
    match value {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("text or json".into()),
    }
}

fn split_list(value: &str) -> Vec<String> {
    value.split(',').map(|item| item.trim().to_ascii_lowercase()).filter(|item| !item.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn check(pairs: &[(&str, &str)]) -> (Config, Vec<String>) {
        let env: BTreeMap<String, String> = pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let (config, mistakes) = Config::check(&Layers::new(&Flags::default(), &env, None));
        (config, mistakes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn defaults_bind_to_loopback_and_need_nothing() {
        let (config, mistakes) = check(&[]);
        assert_eq!(mistakes, Vec::<String>::new());
        assert_eq!(config.listen.to_string(), "127.0.0.1:8000");
        assert_eq!((config.project.as_str(), config.failover), ("default.db", true));
        assert!(config.target.is_none());
    }

    #[test]
    fn every_mistake_is_told_with_key_value_and_expectation() {
        let (_, mistakes) = check(&[
            ("TARGET_URL", "ftp://example.org"),
            ("LISTEN_ADDR", "8000"),
            ("DB_NAME", "../x"),
            ("FAILOVER", "perhaps"),
            ("ADMIN_TOKEN", "short"),
        ]);
        assert_eq!(mistakes.len(), 5, "{mistakes:?}");
        assert!(
            mistakes
                .iter()
                .any(|m| m.starts_with("TARGET_URL is \"ftp://example.org\": expected an http or https URL"))
        );
        assert!(mistakes.iter().all(|m| !m.contains("short")), "a token must not be printed: {mistakes:?}");
    }

    #[test]
    fn beyond_loopback_a_token_is_needed() {
        let needs = |pairs: &[(&str, &str)]| {
            let (config, mistakes) = check(pairs);
            assert_eq!(mistakes, Vec::<String>::new());
            config.needs_token()
        };
        assert!(needs(&[("LISTEN_ADDR", "0.0.0.0:8000")]));
        assert!(needs(&[("ADMIN_ADDR", "192.168.1.1:8001")]));
        assert!(needs(&[("ADMIN_VIEWER_TOKEN", "0123456789abcdef")]));
        assert!(!needs(&[("LISTEN_ADDR", "0.0.0.0:8000"), ("ADMIN_ADDR", "127.0.0.1:8001")]));
        let same = check(&[("ADMIN_TOKEN", "0123456789abcdef"), ("ADMIN_VIEWER_TOKEN", "0123456789abcdef")]).1;
        assert!(same.len() == 1 && !same[0].contains("0123456789abcdef"), "{same:?}");
    }

    #[test]
    fn understudy_is_not_its_own_upstream() {
        assert_eq!(check(&[("TARGET_URL", "http://localhost:8000")]).1.len(), 1);
        assert!(check(&[("TARGET_URL", "http://localhost:8001")]).1.is_empty());
    }

    #[test]
    fn deadlines_and_limits_are_read_and_must_not_contradict() {
        let (config, mistakes) = check(&[
            ("DEADLINE_FLOOR", "300ms"),
            ("CAPTURE_BODY_LIMIT", "64KiB"),
            ("UPSTREAM_5XX", "twin"),
            ("LEARNER_SLOWDOWN", "100"),
        ]);
        assert_eq!(mistakes, Vec::<String>::new());
        assert_eq!((config.deadlines.floor.as_millis(), config.capture.body), (300, 65_536));
        assert_eq!((config.unwell, config.learner_slowdown), (Unwell::Twin, 100));
        let (_, mistakes) =
            check(&[("DEADLINE_FLOOR", "2min"), ("UPSTREAM_5XX", "hide"), ("CAPTURE_MEMORY_LIMIT", "big")]);
        assert_eq!(mistakes.len(), 3, "{mistakes:?}");
    }

    #[test]
    fn an_empty_value_counts_as_absent() {
        let (config, mistakes) = check(&[("TARGET_URL", ""), ("DB_NAME", "")]);
        assert!(mistakes.is_empty());
        assert_eq!(config.project, "default.db");
    }

    #[test]
    fn a_project_name_gets_an_extension() {
        assert_eq!(check(&[("DB_NAME", "shop")]).0.project, "shop.db");
        assert_eq!(check(&[("DB_NAME", "shop.sqlite")]).0.project, "shop.sqlite");
    }
}
