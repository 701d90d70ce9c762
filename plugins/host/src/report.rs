use std::fmt;

use crate::Hook;

/// How one file of the plugin folder does.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginReport {
    /// The file's name without its ending: under it the operator configures, disables and enables it.
    pub id: String,
    /// As the plugin calls itself, or the id.
    pub name: String,
    pub file: String,
    /// As the plugin says, when it does.
    pub version: Option<String>,
    pub hooks: Vec<Hook>,
    pub state: PluginState,
    pub calls: u64,
    /// Calls without a usable answer: traps, overruns, answers that are too big or invalid.
    pub traps: u64,
    /// Half of the calls took no longer, in microseconds.
    pub p50_us: Option<f64>,
    /// 99 of 100 calls took no longer, in microseconds.
    pub p99_us: Option<f64>,
    /// The most memory that one of its instances had.
    pub memory_bytes: u64,
    /// What reading, compiling and starting it took, in microseconds.
    pub load_us: u64,
    /// It was compiled before.
    pub from_cache: bool,
    pub last_error: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginState {
    Active,
    /// It runs, but the file was replaced by one that cannot be used.
    Outdated(String),
    /// A person does not want it.
    Disabled,
    /// The file cannot be used.
    Refused(String),
    /// Too many of its calls failed. Enabling it gives it another chance, and so does a new file.
    SwitchedOff(String),
}

impl PluginState {
    /// One word for programs.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Outdated(_) => "outdated",
            Self::Disabled => "disabled",
            Self::Refused(_) => "refused",
            Self::SwitchedOff(_) => "switched-off",
        }
    }

    /// Why it is not simply active.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Active | Self::Disabled => None,
            Self::Outdated(reason) | Self::Refused(reason) | Self::SwitchedOff(reason) => Some(reason),
        }
    }
}

impl fmt::Display for PluginState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        self.reason().map_or(Ok(()), |reason| write!(f, ": {reason}"))
    }
}
