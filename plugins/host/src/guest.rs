//! What the host keeps for an instance, and what it does for it.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use wasmtime::component::HasSelf;
use wasmtime::{ResourceLimiter, Trap, UpdateDeadline, bail};

use crate::Limits;
use crate::bindings::imports::understudy::plugin::host::{Host, Level};
use crate::ticker::TICK;

/// Of a plugin, the same for all its instances.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) name: String,
    pub(crate) version: Option<String>,
    pub(crate) config: BTreeMap<String, String>,
    /// The most memory that one instance had.
    pub(crate) peak_memory: AtomicUsize,
}

pub(crate) struct Guest {
    about: Arc<About>,
    limits: Limits,
    lines: u32,
    /// Of half a deadline.
    ticks: u64,
    /// What the thread had computed when the half of the deadline was last over.
    computed: Option<Duration>,
    grants: u32,
    /// The last error of this call in the plugin's own words; a panic's message comes this way.
    complaint: Option<String>,
}

/// How the linker gets from a store's data to what implements the `host` interface.
pub(crate) type HostOf = HasSelf<Guest>;

/// However busy the machine is, a call ends after three deadlines.
const MOST_GRANTS: u32 = 4;

/// For how long the thread has computed so far.
fn thread_time() -> Option<Duration> {
    #[cfg(target_os = "linux")]
    return Duration::try_from(rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime)).ok();
    #[cfg(not(target_os = "linux"))]
    return None;
}

impl About {
    pub(crate) fn version(&self) -> &str {
        self.version.as_deref().unwrap_or("unknown")
    }
}

impl Guest {
    pub(crate) fn new(about: Arc<About>, limits: &Limits) -> Self {
        Self { about, limits: limits.clone(), lines: 0, ticks: 0, computed: None, grants: 0, complaint: None }
    }

    pub(crate) fn begin_call(&mut self, ticks: u64) {
        (self.ticks, self.computed, self.grants) = (ticks, None, 0);
        self.lines = 0;
        self.complaint = None;
    }

    /// The clock of a deadline runs on while a busy machine lets the thread wait, which is not the plugin's fault. So at half
    /// of the deadline it is noted what the thread has computed; when the other half is over and it computed next to nothing
    /// since, it gets that half again. A call that computes ends at its deadline, and nothing is measured in one that is short.
    pub(crate) fn half_time(&mut self) -> wasmtime::Result<UpdateDeadline> {
        let computed = thread_time();
        if let Some((before, now)) = self.computed.zip(computed) {
            let half = TICK * u32::try_from(self.ticks).unwrap_or(u32::MAX);
            if now.saturating_sub(before) >= half / 2 || self.grants == MOST_GRANTS {
                return Err(Trap::Interrupt.into());
            }
            self.grants += 1;
        } else if self.computed.is_some() || self.grants > 0 {
            return Err(Trap::Interrupt.into());
        } else {
            // Without a clock for threads there are two halves and no more.
            self.grants += u32::from(computed.is_none());
        }
        self.computed = computed;
        Ok(UpdateDeadline::Continue(self.ticks))
    }

    pub(crate) fn take_complaint(&mut self) -> Option<String> {
        mem::take(&mut self.complaint)
    }
}

/// Failing right there names the limit; most guests only say that they ran out of memory.
impl ResourceLimiter for Guest {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        if desired > self.limits.memory_bytes {
            bail!("growing memory to {desired} bytes, and it may have {}", self.limits.memory_bytes);
        }
        self.about.peak_memory.fetch_max(desired, Relaxed);
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        if desired > self.limits.table_elements {
            bail!("growing table to {desired} elements, and it may have {}", self.limits.table_elements);
        }
        Ok(true)
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
