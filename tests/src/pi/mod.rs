//! The real `pi`, as a black box: its binary, a home directory to run it in, and what it does
//! there.
//!
//! | file | what is in it |
//! |---|---|
//! | `binary.rs` | the programs of this checkout, built once |
//! | `hangup.rs` | signals that `nohup` would keep from it |
//! | `home.rs` | a home directory in which nothing of the person's own is seen or touched |
//! | `running.rs` | a `pi` that runs: what it says, what it is told, how it ends, and by when |
//! | `watch.rs` | what holds for all that any `pi` says, writes and hands on, whatever the test is about |
//! | `terminal.rs` | a terminal with a program in it, and somebody who looks at it and presses keys |
//!
//! Every `pi` that ends under [`Running`] is held to two promises, whatever the test is about: no
//! control character where there is no terminal, and no secret anywhere but in the credential file
//! and on the standard output of `pi token` and `pi headers`. At a [`Terminal`] it obeys nobody but
//! `pi`, and shows no secret that was not typed there. And none can hang a suite: past its deadline
//! it is killed, and the test fails with what it had said so far.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on stops and says why"
)]

mod binary;
mod hangup;
mod home;
mod running;
mod terminal;
mod watch;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use binary::{binary, built};
pub(crate) use binary::{cargo, target};
pub use home::{Age, Home, Pi, Snapshot};
pub use running::{Ended, Running, Signal};
pub use terminal::Terminal;

/// The time after which a wait counts as endless. It is the last resort of a test that hangs, so
/// even a machine that is busy with ten other things does not reach it.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// Now, in epoch milliseconds.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is past 1970");
    u64::try_from(since.as_millis()).expect("it is before the year 500 million")
}

/// Tries until there is something, and gives it.
///
/// # Panics
/// When [`PATIENCE`] is over; `what` says what was waited for.
#[track_caller]
pub fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
