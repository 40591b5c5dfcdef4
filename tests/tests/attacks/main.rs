//! Attacks by another user of this machine, with a second user id. Root works in a directory which
//! that user owns, as `sudo pi` does, or a user without privileges has another beside them. Each
//! needs root, and is skipped without.
//!
//! | file | what is attacked |
//! |---|---|
//! | `swaps.rs` | what root makes is swapped for a link to something of root's |
//! | `foreign.rs` | files and directories of another user stand in the place of ours |
//! | `planted.rs` | overrides, memories of failures and logins that another user has written |
//! | `spies.rs` | memory, environment and arguments, as `/proc` shows them |
//! | `ports.rs` | the port of the callback is taken, or full of connections |
//! | `other.rs` | no attack: a program that another user runs |
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
mod other;
mod planted;
mod ports;
mod spies;
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

/// The user id of the second of [`two_users`].
const ATTACKER: u32 = 54_321;

/// A user who runs `pi`, and another one beside them.
fn two_users() -> Result<(PlainUser, PlainUser), String> {
    Ok((attacker()?, PlainUser::nameless()?))
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
