//! File descriptors: how many there may be, and how many connections they are enough for.

use std::io;

/// For the project file, its readers, listeners, timers of the runtimes, plugins and the dashboard.
const RESERVED: usize = 64;
/// A client's connection, and one to upstream.
const PER_CONNECTION: usize = 2;
/// A server with fewer would be none.
const FEWEST: usize = 8;

/// Asks for as many as this process may have: the usual limit is one for programs that open a few files.
#[cfg(unix)]
pub fn raise() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::debug!(%error, "raise the number of file descriptors");
    }
}

#[cfg(not(unix))]
pub fn raise() {}

#[cfg(unix)]
fn most() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current
}

#[cfg(not(unix))]
fn most() -> Option<u64> {
    None
}

/// Connections of clients that there are descriptors for, and no more than were asked for.
#[must_use]
pub fn places(wanted: usize) -> usize {
    fitting(wanted, most())
}

fn fitting(wanted: usize, most: Option<u64>) -> usize {
    let Some(most) = most.and_then(|most| usize::try_from(most).ok()) else { return wanted };
    wanted.min((most.saturating_sub(RESERVED) / PER_CONNECTION).max(FEWEST))
}

/// Whether something failed only because this process, or the machine, has no descriptor left.
#[must_use]
pub fn are_exhausted(error: &io::Error) -> bool {
    #[cfg(unix)]
    return matches!(
        rustix::io::Errno::from_io_error(error),
        Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE)
    );
    #[cfg(not(unix))]
    return false;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_the_rest() {
        for (wanted, most, expected) in [
            (10_000, Some(1_048_576), 10_000),
            (10_000, Some(1024), 480),
            (5, Some(1024), 5),
            (100, Some(70), 8),
            (7, None, 7),
        ] {
            assert_eq!(fitting(wanted, most), expected, "{wanted} of {most:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_want_of_descriptors_is_that() {
        assert!(are_exhausted(&io::Error::from(rustix::io::Errno::MFILE)));
        assert!(!are_exhausted(&io::Error::from(io::ErrorKind::ConnectionRefused)));
    }
}
