//! `understudy`: reads its configuration, builds, runs, shuts down.

use std::process::ExitCode;

use clap::Parser;
use understudy_server::cli::{self, Cli};

fn main() -> ExitCode {
    cli::run(Cli::parse())
}
