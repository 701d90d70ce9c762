use std::time::Duration;

/// What one plugin may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Of a file.
    pub file_bytes: u64,
    /// For one call that nobody waits for, and for starting an instance.
    pub deadline: Duration,
    /// For one call that a request waits for, its instance included.
    pub deadline_on_the_way: Duration,
    /// Of an instance's memory.
    pub memory_bytes: usize,
    /// In each of an instance's tables.
    pub table_elements: usize,
    /// Of an instance's call stack. It lies on the stack of the calling thread.
    pub stack_bytes: usize,
    /// Handed to a plugin in one call. A question beyond that is not asked.
    pub input_bytes: usize,
    /// Taken from a plugin in one answer, or in one call that it makes to the host.
    pub output_bytes: usize,
    /// Written to the log in one call.
    pub log_lines: u32,
    /// Of one line in the log; what is longer is cut.
    pub log_line_bytes: usize,
    /// Failed calls in a row after which a plugin is switched off. Ten calls that succeed make up for one that failed.
    pub failures_in_a_row: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 16 << 20,
            deadline: Duration::from_millis(50),
            deadline_on_the_way: Duration::from_millis(10),
            memory_bytes: 16 << 20,
            table_elements: 10_000,
            stack_bytes: 256 << 10,
            input_bytes: 64 << 10,
            output_bytes: 64 << 10,
            log_lines: 8,
            log_line_bytes: 1 << 10,
            failures_in_a_row: 10,
        }
    }
}
