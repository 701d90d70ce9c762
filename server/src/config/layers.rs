//! Where values come from, strongest first: flags, environment, file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Mistake;

/// The file that is read from the working directory when it is there.
const DEFAULT_FILE: &str = "understudy.toml";

/// Every key there is. In the file they are written in lower case.
const KEYS: &[&str] = &[
    "TARGET_URL",
    "DB_NAME",
    "DATA_DIR",
    "LISTEN_ADDR",
    "ADMIN_ADDR",
    "ADMIN_TOKEN",
    "ADMIN_VIEWER_TOKEN",
    "ADMIN_HOSTS",
    "PLUGIN_DIR",
    "FAILOVER",
    "UPSTREAM_5XX",
    "DEADLINE_FLOOR",
    "DEADLINE_CEILING",
    "CAPTURE_BODY_LIMIT",
    "CAPTURE_MEMORY_LIMIT",
    "TRAFFIC_MAX_AGE",
    "TRAFFIC_MAX_SIZE",
    "RECORD",
    "UPSTREAM_HOST",
    "FORWARDED",
    "VIA",
    "REWRITE_LOCATION",
    "REWRITE_COOKIES",
    "HEAD_TIMEOUT",
    "BODY_TIMEOUT",
    "MAX_HEAD_BYTES",
    "MAX_HEAD_FIELDS",
    "MAX_CONNECTIONS",
    "MAX_CONNECTION_AGE",
    "SHUTDOWN_GRACE",
    "TLS_CERT",
    "TLS_KEY",
    "UPSTREAM_CA_FILE",
    "UPSTREAM_INSECURE",
    "UPSTREAM_HTTP",
    "UPSTREAM_CONNECT_TIMEOUT",
    "UPSTREAM_IDLE_TIMEOUT",
    "LOG",
    "LOG_FORMAT",
];

/// Read from the environment alone and told to nobody: switches for tests and measurements.
const HIDDEN_KEYS: &[&str] = &["LEARNER_SLOWDOWN"];

/// The environment, or a map in tests.
pub trait Env {
    fn get(&self, key: &str) -> Option<String>;
}

/// The environment of this process.
#[derive(Debug, Clone, Copy)]
pub struct ProcessEnv;

impl Env for ProcessEnv {
    fn get(&self, key: &str) -> Option<String> {
        std::env::var_os(key).map(|value| value.to_string_lossy().into_owned())
    }
}

impl Env for BTreeMap<String, String> {
    fn get(&self, key: &str) -> Option<String> {
        BTreeMap::get(self, key).cloned()
    }
}

/// The command line's share of the configuration.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Flags {
    /// Base URL of the real API; without it a built-in sample API is the upstream
    #[arg(long, global = true, value_name = "URL")]
    pub target_url: Option<String>,
    /// Project file under the data folder [default: default.db]
    #[arg(long, global = true, value_name = "NAME")]
    pub db_name: Option<String>,
    /// Folder of the project files [default: ./data]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// Address that apps call [default: 127.0.0.1:8000]
    #[arg(long, global = true, value_name = "IP:PORT")]
    pub listen_addr: Option<String>,
    /// Address of dashboard and admin API, when they get one of their own
    #[arg(long, global = true, value_name = "IP:PORT")]
    pub admin_addr: Option<String>,
    /// More host names under which the dashboard may be asked for, separated by commas
    #[arg(long, global = true, value_name = "NAMES")]
    pub admin_hosts: Option<String>,
    /// Folder of the plugins [default: ./plugins]
    #[arg(long, global = true, value_name = "DIR")]
    pub plugin_dir: Option<String>,
    /// Whether the twin answers when upstream cannot: on or off [default: on]
    #[arg(long, global = true, value_name = "ON|OFF")]
    pub failover: Option<String>,
    /// What a 502, 503 or 504 of upstream's becomes: pass (as it came) or twin (where it knows the endpoint) [default: pass]
    #[arg(long = "upstream-5xx", global = true, value_name = "PASS|TWIN")]
    pub upstream_5xx: Option<String>,
    /// How long upstream may be silent at least before it counts as hung [default: 2s]
    #[arg(long, global = true, value_name = "TIME")]
    pub deadline_floor: Option<String>,
    /// How long at most, also where nothing was learned of the endpoint [default: 60s]
    #[arg(long, global = true, value_name = "TIME")]
    pub deadline_ceiling: Option<String>,
    /// What is kept of one body to learn from; longer ones pass in full [default: 1MiB]
    #[arg(long, global = true, value_name = "SIZE")]
    pub capture_body_limit: Option<String>,
    /// What is kept of all bodies that are under way or wait to be learned [default: 128MiB]
    #[arg(long, global = true, value_name = "SIZE")]
    pub capture_memory_limit: Option<String>,
    /// How old recorded traffic may get in a project file [default: 7d]
    #[arg(long, global = true, value_name = "TIME")]
    pub traffic_max_age: Option<String>,
    /// How much of it there may be [default: 1GiB]
    #[arg(long, global = true, value_name = "SIZE")]
    pub traffic_max_size: Option<String>,
    /// PEM file with the certificate chain that apps and browsers are shown; the listeners then speak TLS
    #[arg(long, global = true, value_name = "FILE")]
    pub tls_cert: Option<String>,
    /// PEM file with the private key of it
    #[arg(long, global = true, value_name = "FILE")]
    pub tls_key: Option<String>,
    /// PEM file with certificates that upstream's may be signed by, beside the machine's own
    #[arg(long, global = true, value_name = "FILE")]
    pub upstream_ca_file: Option<String>,
    /// Do not check upstream's certificate: whoever answers is believed to be the real API (UPSTREAM_INSECURE=on)
    #[arg(long, global = true)]
    pub insecure: bool,
    /// What to log, for example debug or understudy_server=trace [default: info]
    #[arg(long, global = true, value_name = "FILTER")]
    pub log: Option<String>,
    /// How to write it: text, or json for an object on each line [default: text]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// Configuration file [default: understudy.toml, when there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl Flags {
    /// The tokens have no flag: every user of a machine can read the arguments of a process.
    fn get(&self, key: &str) -> Option<&String> {
        match key {
            "TARGET_URL" => self.target_url.as_ref(),
            "DB_NAME" => self.db_name.as_ref(),
            "DATA_DIR" => self.data_dir.as_ref(),
            "LISTEN_ADDR" => self.listen_addr.as_ref(),
            "ADMIN_ADDR" => self.admin_addr.as_ref(),
            "ADMIN_HOSTS" => self.admin_hosts.as_ref(),
            "PLUGIN_DIR" => self.plugin_dir.as_ref(),
            "FAILOVER" => self.failover.as_ref(),
            "UPSTREAM_5XX" => self.upstream_5xx.as_ref(),
            "DEADLINE_FLOOR" => self.deadline_floor.as_ref(),
            "DEADLINE_CEILING" => self.deadline_ceiling.as_ref(),
            "CAPTURE_BODY_LIMIT" => self.capture_body_limit.as_ref(),
            "CAPTURE_MEMORY_LIMIT" => self.capture_memory_limit.as_ref(),
            "TRAFFIC_MAX_AGE" => self.traffic_max_age.as_ref(),
            "TRAFFIC_MAX_SIZE" => self.traffic_max_size.as_ref(),
            "TLS_CERT" => self.tls_cert.as_ref(),
            "TLS_KEY" => self.tls_key.as_ref(),
            "UPSTREAM_CA_FILE" => self.upstream_ca_file.as_ref(),
            "LOG" => self.log.as_ref(),
            "LOG_FORMAT" => self.log_format.as_ref(),
            _ => None,
        }
    }
}

/// The table of the file that speaks of plugins.
const PLUGINS: &str = "plugins";
/// Its key that is not a plugin's name.
const ORDER: &str = "order";

/// What the file says to plugins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PluginTable {
    /// Files that come first, by name without ending.
    pub order: Vec<String>,
    /// By the file's name without ending, then by key. Values that are no text are written as JSON writes them; the items of a
    /// list have commas between them.
    pub config: BTreeMap<String, BTreeMap<String, String>>,
}

/// The raw values, each from the strongest layer that has it.
#[derive(Debug, Default)]
pub struct Layers {
    values: BTreeMap<&'static str, String>,
    plugins: PluginTable,
    mistakes: Vec<Mistake>,
}

impl Layers {
    /// `file` is the text of a configuration file.
    #[must_use]
    pub fn new(flags: &Flags, env: &dyn Env, file: Option<(&Path, &str)>) -> Self {
        let mut layers = Self::default();
        if let Some((path, text)) = file {
            layers.add_file(path, text);
        }
        for &key in KEYS.iter().chain(HIDDEN_KEYS) {
            // `make` passes a variable that nobody set as an empty one.
            let strong = flags.get(key).cloned().or_else(|| env.get(key)).filter(|value| !value.trim().is_empty());
            if let Some(value) = strong {
                layers.values.insert(key, value.trim().to_owned());
            }
        }
        if flags.insecure {
            layers.values.insert("UPSTREAM_INSECURE", "on".to_owned());
        }
        layers
    }

    /// Reads the file that the flags name, or the default one when there is one.
    #[must_use]
    pub fn read(flags: &Flags, env: &dyn Env) -> Self {
        let path = flags.config.clone().unwrap_or_else(|| DEFAULT_FILE.into());
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::new(flags, env, Some((&path, &text))),
            Err(error) if flags.config.is_some() => {
                let mut layers = Self::new(flags, env, None);
                layers.mistakes.push(Mistake::new(
                    "--config",
                    path.display(),
                    format!("a file that can be read ({error})"),
                ));
                layers
            }
            Err(_) => Self::new(flags, env, None),
        }
    }

    #[must_use]
    pub fn get(&self, key: &str) -> Option<String> {
        self.values.get(key).cloned()
    }

    #[must_use]
    pub fn plugins(&self) -> &PluginTable {
        &self.plugins
    }

    #[must_use]
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    fn add_file(&mut self, path: &Path, text: &str) {
        let table: toml::Table = match text.parse() {
            Ok(table) => table,
            Err(error) => {
                let expected = format!("a TOML file ({})", error.message());
                return self.mistakes.push(Mistake::new("the configuration file", path.display(), expected));
            }
        };
        for (name, value) in table {
            if name == PLUGINS {
                self.add_plugins(value);
                continue;
            }
            let key = KEYS.iter().copied().find(|key| key.to_ascii_lowercase() == name);
            match (key, scalar(&value)) {
                (Some(key), Some(text)) => drop(self.values.insert(key, text)),
                (Some(key), None) => self.mistakes.push(Mistake::new(key, value.type_str(), "a single value")),
                (None, _) => {
                    let expected = format!("one of {} in {}", KEYS.join(", ").to_ascii_lowercase(), path.display());
                    self.mistakes.push(Mistake::new("a key", name, expected));
                }
            }
        }
    }
}

impl Layers {
    /// `[plugins]` with `order`, and a table for each plugin.
    fn add_plugins(&mut self, value: toml::Value) {
        let toml::Value::Table(table) = value else {
            return self.mistakes.push(Mistake::new(
                PLUGINS,
                value.type_str(),
                "a table, as in [plugins.tenant-prefix]",
            ));
        };
        for (name, value) in table {
            match value {
                toml::Value::Array(names) if name == ORDER => {
                    self.plugins.order = names.iter().filter_map(scalar).collect();
                }
                toml::Value::Table(pairs) => {
                    let known = pairs.iter().filter_map(|(key, value)| Some((key.clone(), scalar(value)?)));
                    let known: BTreeMap<_, _> = known.collect();
                    if let Some((key, value)) = pairs.iter().find(|(key, _)| !known.contains_key(*key)) {
                        let value = format!("{name}.{key} = {}", value.type_str());
                        self.mistakes.push(Mistake::new(PLUGINS, value, "a text, number, boolean, or list of these"));
                    }
                    self.plugins.config.insert(name, known);
                }
                other => {
                    let value = format!("{name} = {other}");
                    self.mistakes.push(Mistake::new(
                        PLUGINS,
                        value,
                        "`order` with a list of names, or a table for each plugin",
                    ));
                }
            }
        }
    }
}

fn scalar(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Boolean(on) => Some(on.to_string()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Array(items) => items.iter().map(scalar).collect::<Option<Vec<_>>>().map(|items| items.join(",")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_layer_wins() {
        let env = BTreeMap::from([("DB_NAME".into(), "env".into()), ("LOG".into(), "debug".into())]);
        let flags = Flags { db_name: Some("flag".into()), ..Flags::default() };
        let file = "db_name = \"file\"\nlog = \"trace\"\nfailover = false\n";
        let layers = Layers::new(&flags, &env, Some((Path::new("understudy.toml"), file)));
        assert_eq!(layers.get("DB_NAME").as_deref(), Some("flag"));
        assert_eq!(layers.get("LOG").as_deref(), Some("debug"));
        assert_eq!(layers.get("FAILOVER").as_deref(), Some("false"));
        assert!(layers.mistakes().is_empty());
    }

    #[test]
    fn plugins_have_tables_of_their_own() {
        let file =
            "[plugins]\norder = [\"b\", \"a\"]\n[plugins.tenant-prefix]\nprefixes = [\"t\", \"shops\"]\nlimit = 3\n";
        let layers = Layers::new(&Flags::default(), &BTreeMap::new(), Some((Path::new("u.toml"), file)));
        assert!(layers.mistakes().is_empty(), "{:?}", layers.mistakes());
        assert_eq!(layers.plugins().order, ["b", "a"]);
        let own = &layers.plugins().config["tenant-prefix"];
        assert_eq!((own["prefixes"].as_str(), own["limit"].as_str()), ("t,shops", "3"));
    }

    #[test]
    fn an_unknown_key_or_a_broken_file_is_a_mistake() {
        let check = |text: &str, expected: &str| {
            let layers = Layers::new(&Flags::default(), &BTreeMap::new(), Some((Path::new("u.toml"), text)));
            assert_eq!(layers.mistakes().len(), 1, "{text}");
            assert!(layers.mistakes()[0].to_string().contains(expected), "{:?}", layers.mistakes());
        };
        check("target = \"http://localhost\"", "a key is \"target\"");
        check("db_name = ", "expected a TOML file");
        check("db_name = { a = 1 }", "expected a single value");
        check("plugins = 3", "expected a table");
        check("[plugins]\nshop = 3", "plugins is \"shop = 3\"");
        check("[plugins.shop]\na = { b = 1 }", "plugins is \"shop.a = table\"");
    }
}
