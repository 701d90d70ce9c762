use std::fmt;

use crate::Hook;

/// How one file of the plugin folder does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginReport {
    /// As the plugin calls itself, or the file's name without its ending.
    pub name: String,
    pub file: String,
    /// As the plugin says, when it does.
    pub version: Option<String>,
    pub hooks: Vec<Hook>,
    pub state: PluginState,
    pub calls: u64,
    /// Calls without a usable answer: traps, overruns, answers that are too big or invalid.
    pub traps: u64,
    pub last_error: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginState {
    Active,
    /// The file cannot be used.
    Refused(String),
    /// It failed too often in a row. Loading the folder again gives it another chance.
    SwitchedOff(String),
}

impl fmt::Display for PluginState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Active => f.write_str("active"),
            Self::Refused(reason) => write!(f, "refused: {reason}"),
            Self::SwitchedOff(reason) => write!(f, "switched off: {reason}"),
        }
    }
}
