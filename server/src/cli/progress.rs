//! What is shown while something takes long: on a terminal a bar, elsewhere nothing.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Faster than this nobody reads.
const TICK: Duration = Duration::from_millis(100);

/// Of so many bytes.
pub(super) fn bytes(total: u64) -> ProgressBar {
    bar(total, "{bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left")
}

/// Of so many things.
pub(super) fn things(total: u64) -> ProgressBar {
    bar(total, "{bar:30} {pos}/{len}, {per_sec}, {eta} left")
}

/// Of something whose end nobody knows.
pub(super) fn waiting(words: &'static str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(words);
    bar.enable_steady_tick(TICK);
    bar
}

fn bar(total: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).expect("the template is ours");
    ProgressBar::new(total).with_style(style)
}
