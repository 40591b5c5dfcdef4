//! The real `pi` against the sandbox, as a person or a script meets it: over real sockets, with
//! real files, signals, pipes and terminals.
//!
//! | file | what it claims |
//! |---|---|
//! | `login.rs` | ways in: paste, callback, JSON; and what each mistake leads to |
//! | `callback.rs` | the loopback server that a browser comes back to |
//! | `token.rs` | a token that can be used now, for what it costs |
//! | `faults.rs` | whatever the provider does wrong, nobody is logged out by us |
//! | `resolution.rs` | which key wins |
//! | `logout_status.rs` | ways out, and telling who is logged in |
//! | `file.rs` | the credential file: its mode, its bytes, what is not ours in it |
//! | `lock.rs` | the lock that the agent takes, too |
//! | `concurrency.rs` | many processes at once, some of them killed |
//! | `signals.rs` | what a signal stops, and what it must not |
//! | `handoff.rs` | what is not ours goes to the agent's own `pi` |
//! | `terminal.rs` | a person at a terminal |
//! | `secrets.rs` | where no secret may ever be seen |
#![allow(clippy::unwrap_used, clippy::panic)]

mod callback;
mod concurrency;
mod faults;
mod file;
mod handoff;
mod lock;
mod login;
mod logout_status;
mod pty;
mod resolution;
mod secrets;
mod signals;
mod terminal;
mod token;

use std::io::Write as _;

use pi_auth_tests::sandbox::{Config, Kind, Sandbox};

fn sandbox() -> Sandbox {
    Sandbox::start(Config::default()).unwrap()
}

/// What happened there, without the requests that made it happen.
fn kinds(sandbox: &Sandbox) -> Vec<Kind> {
    sandbox.log().into_iter().map(|entry| entry.kind).collect()
}

/// Tells of a claim that cannot be tried here, past the test runner, which shows only failures.
fn skipped(why: &str) {
    std::io::stderr().write_all(format!("skipped: {why}\n").as_bytes()).unwrap();
}

/// Waits until the sandbox has granted this many refreshes.
fn wait_for_grants(sandbox: &Sandbox, grants: usize) {
    pi_auth_tests::pi::eventually("a refresh", || (sandbox.grants() >= grants).then_some(()));
}
