//! What survives which fault. Quick versions of what `make soak` (SOAK=full) does for long; `docs/reliability.md` has the figures.

mod support;

#[path = "resilience/clock.rs"]
mod clock;
#[path = "resilience/corruption.rs"]
mod corruption;
#[path = "resilience/disk.rs"]
mod disk;
#[path = "resilience/floods.rs"]
mod floods;
#[path = "resilience/kills.rs"]
mod kills;
#[path = "resilience/panics.rs"]
mod panics;
#[path = "resilience/program.rs"]
mod program;
