//! Attacks by another user of this machine, with a second user id: root works in a directory which
//! that user owns, as `sudo pi` does. Each needs root, and is skipped without.
//!
//! | file | what is attacked |
//! |---|---|
//! | `swaps.rs` | what root makes is swapped for a link to something of root's |
//! | `foreign.rs` | files and directories of another user stand in the place of ours |
#![allow(clippy::unwrap_used, clippy::panic)]

/// What a test needs, or the end of the test, which is skipped and says why.
macro_rules! or_skip {
    ($needed:expr) => {
        match $needed {
            Ok(needed) => needed,
            Err(why) => return crate::skipped(&why),
        }
    };
}

mod foreign;
mod swaps;

use std::io::Write as _;

use pi_auth_tests::machine::plain_user::PlainUser;

/// Another user, beside root who runs the tests.
fn attacker() -> Result<PlainUser, String> {
    match rustix::process::geteuid().is_root() {
        true => PlainUser::find(),
        false => Err("only root can be attacked by another user here".to_owned()),
    }
}

/// Tells of a claim that cannot be tried here, past the test runner, which shows only failures. The
/// runner names the thread of a test after it.
fn skipped(why: &str) {
    let thread = std::thread::current();
    tell(&format!("skipped: {}: {why}", thread.name().unwrap_or("a test")));
}

/// Tells something past the test runner, on a line of its own.
fn tell(what: &str) {
    std::io::stderr().write_all(format!("{what}\n").as_bytes()).unwrap();
}
