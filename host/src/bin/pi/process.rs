//! Protects the secrets that this process reads, and the answers that it has to store.

use std::io;
use std::os::unix::net::UnixStream;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

/// How many pairs of descriptors a job needs at least: for its event queue, its locks and files,
/// and a connection.
const PAIRS: usize = 8;

/// Keeps the memory of this process out of core dumps and from other processes of this user. A
/// program that takes this one's place is not affected by the second, and must not be by the first:
/// call this only for commands of ours.
pub(crate) fn hide_memory() {
    let limit = getrlimit(Resource::Core);
    // Both are a second line of defence: where the system refuses, work goes on.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: limit.maximum });
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// Fails where so few descriptors are left that the event queue could not be made, which is a
/// panic.
///
/// # Errors
/// The system's.
pub(crate) fn check_descriptors() -> io::Result<()> {
    let pairs: io::Result<Vec<_>> = (0..PAIRS).map(|_| UnixStream::pair()).collect();
    pairs.map(drop)
}

/// Has a write beyond the file size limit fail, where it would end this process without cleaning
/// up. Needs a runtime.
///
/// # Errors
/// The system's.
pub(crate) fn survive_file_size_limit() -> io::Result<()> {
    // The handler stays when nobody listens. Other programs that are started do not inherit it.
    signal(SignalKind::from_raw(Signal::XFSZ.as_raw())).map(drop)
}
