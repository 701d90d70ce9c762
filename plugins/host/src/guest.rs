//! What the host keeps for an instance, and what it does for it.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use wasmtime::component::HasSelf;
use wasmtime::{StoreLimits, StoreLimitsBuilder};

use crate::Limits;
use crate::bindings::imports::understudy::plugin::host::{Host, Level};

/// Of a plugin, the same for all its instances.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) config: BTreeMap<String, String>,
}

pub(crate) struct Guest {
    pub(crate) store_limits: StoreLimits,
    about: Arc<About>,
    limits: Limits,
    lines: u32,
    /// The last error of this call in the plugin's own words; a panic's message comes this way.
    complaint: Option<String>,
}

/// How the linker gets from a store's data to what implements the `host` interface.
pub(crate) type HostOf = HasSelf<Guest>;

impl About {
    pub(crate) fn version(&self) -> &str {
        self.version.as_deref().unwrap_or("unknown")
    }
}

impl Guest {
    pub(crate) fn new(about: Arc<About>, limits: &Limits) -> Self {
        let store_limits = StoreLimitsBuilder::new()
            .memory_size(limits.memory_bytes)
            .table_elements(limits.table_elements)
            // Failing right there names the limit; most guests only say that they ran out of memory.
            .trap_on_grow_failure(true)
            .build();
        Self { store_limits, about, limits: limits.clone(), lines: 0, complaint: None }
    }

    pub(crate) fn begin_call(&mut self) {
        self.lines = 0;
        self.complaint = None;
    }

    pub(crate) fn take_complaint(&mut self) -> Option<String> {
        mem::take(&mut self.complaint)
    }
}

impl Host for Guest {
    fn log(&mut self, level: Level, message: String) {
        self.lines = self.lines.saturating_add(1);
        if self.lines > self.limits.log_lines {
            return;
        }
        let message = one_line(&message, self.limits.log_line_bytes);
        let (plugin, version) = (&self.about.name, self.about.version());
        match level {
            Level::Error => tracing::error!(plugin, version, "{message}"),
            Level::Warn => tracing::warn!(plugin, version, "{message}"),
            Level::Info => tracing::info!(plugin, version, "{message}"),
            Level::Debug => tracing::debug!(plugin, version, "{message}"),
            Level::Trace => tracing::trace!(plugin, version, "{message}"),
        }
        if level == Level::Error {
            self.complaint = Some(message);
        }
    }

    fn config(&mut self, key: String) -> Option<String> {
        self.about.config.get(&key).cloned()
    }
}

/// A plugin must not be able to forge lines or move the cursor of a terminal.
fn one_line(message: &str, most_bytes: usize) -> String {
    let cut = &message[..message.floor_char_boundary(most_bytes)];
    cut.trim().replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn a_message_is_one_bounded_line() {
        assert_eq!(one_line("a\nb\x1b[2J", 100), "a b [2J");
        assert_eq!(one_line("äöü", 3), "ä");
    }
}
