//! `understudy`: reads its configuration, builds, runs, shuts down.

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;
use understudy_server::cli::{self, Cli};

/// Traffic takes and gives back a few dozen pieces of memory for each exchange, and the learner gives back what the traffic took.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::run(Cli::parse())
}
