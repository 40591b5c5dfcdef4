//! The real `pi` against the sandbox, as a person or a script meets it: over real sockets, with
//! real files, signals, pipes and terminals.
//!
//! | file | what it claims |
//! |---|---|
//! | `login.rs` | ways in: paste and callback; and what each mistake leads to |
//! | `login_faults.rs` | crowds at the callback, and pastes that are none |
//! | `login_json.rs` | the same for a program |
//! | `callback.rs` | the loopback server that a browser comes back to |
//! | `browser.rs` | the browser that a login opens, what it is given and what it inherits |
//! | `nobody_there.rs` | nobody answers any more, or sees what is shown |
//! | `slips.rs` | what is pasted by mistake is never sent |
//! | `dumb_terminal.rs` | a terminal that obeys no control sequences |
//! | `copilot.rs` | logging in to GitHub Copilot by a code, and what is stored then |
//! | `device.rs` | polling: never too early, and no code that was approved is lost |
//! | `device_json.rs`, `device_terminal.rs` | the same for a program, and for a person |
//! | `exchange.rs` | a GitHub token becomes a Copilot token, or why it does not |
//! | `copilot_token.rs` | a Copilot token that can be used now, for one request |
//! | `models.rs` | Copilot's models, over which no login fails |
//! | `enterprise.rs` | what is taken for a GitHub Enterprise, and that all of it stays there |
//! | `headers.rs` | what a request carries, and where it goes |
//! | `overrides.rs` | the file that changes the built-in providers |
//! | `trust.rs` | whose files are believed, where tokens go, and that both are said |
//! | `real_addresses.rs` | the built-in addresses, through a proxy and with TLS |
//! | `tls.rs` | whom `pi` trusts, and that nobody else learns anything |
//! | `proxies.rs` | the proxy that the variables name, and no way past it |
//! | `token.rs` | a token that can be used now, for what it costs |
//! | `faults.rs` | whatever the provider does wrong, nobody is logged out by us |
//! | `odd_answers.rs` | answers that grant something and have an odd part |
//! | `rate_limits.rs` | rate limits that look like refusals, and whatever stands in between |
//! | `lifetimes.rs` | tokens that live for a short time, or for ever; files that hold little |
//! | `wire.rs`, `wire/` | whatever comes over the wire, in answer to every request that is made |
//! | `resolution.rs` | which key wins |
//! | `logout_status.rs` | ways out, and telling who is logged in |
//! | `doctor.rs`, `doctor_faults.rs`, `doctor_network.rs` | what is wrong on this machine, and what mends it |
//! | `file.rs` | the credential file: its mode, its bytes, what is not ours in it |
//! | `save_faults.rs` | each system call of a save may fail, or be the last |
//! | `save_refused.rs` | a sync, a rename or a mode that is refused for good |
//! | `system_limits.rs` | limits on open files and on their size |
//! | `root_beside_user.rs` | root works in the home of a user |
//! | `memory.rs` | no core dumps, and what the agent gets of that |
//! | `full_disk.rs` | a disk that is full, on a real file system |
//! | `permissions.rs` | what a plain user may not write, and what nobody else may read |
//! | `broken_file.rs` | a file that is broken is told by line and column, and never written over |
//! | `replaced.rs` | what somebody removes or replaces while the provider is asked |
//! | `lock.rs` | the lock that the agent takes, too |
//! | `clock.rs` | a clock that is wrong, or jumps |
//! | `concurrency.rs` | many processes at once, some of them killed |
//! | `storm.rs` | many processes at a provider that wants to be left alone |
//! | `signals.rs` | what a signal stops, and what it must not |
//! | `handoff.rs` | what is not ours goes to the agent's own `pi` |
//! | `usage.rs` | words that mean nothing here, and help |
//! | `terminal.rs` | a person at a terminal |
//! | `escapes.rs` | nothing from elsewhere acts on it |
//! | `secrets.rs`, `copilot_secrets.rs` | where no secret may ever be seen |
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

mod broken_file;
mod browser;
mod callback;
mod clock;
mod concurrency;
mod copilot;
mod copilot_secrets;
mod copilot_token;
mod device;
mod device_json;
mod device_terminal;
mod doctor;
mod doctor_faults;
mod doctor_network;
mod dumb_terminal;
mod enterprise;
mod escapes;
mod exchange;
mod faults;
mod file;
mod full_disk;
mod handoff;
mod headers;
mod lifetimes;
mod lock;
mod login;
mod login_faults;
mod login_json;
mod logout_status;
mod memory;
mod models;
mod nobody_there;
mod odd_answers;
mod overrides;
mod permissions;
mod proxies;
mod rate_limits;
mod real_addresses;
mod replaced;
mod resolution;
mod root_beside_user;
mod save_faults;
mod save_refused;
mod secrets;
mod signals;
mod slips;
mod storm;
mod system_limits;
mod terminal;
mod tls;
mod token;
mod trust;
mod usage;
mod wire;

use std::io::Write as _;

use pi_auth_tests::sandbox::{Config, Kind, Sandbox};

fn sandbox() -> Sandbox {
    Sandbox::start(Config::default()).unwrap()
}

/// What happened there, without the requests that made it happen.
fn kinds(sandbox: &Sandbox) -> Vec<Kind> {
    sandbox.log().into_iter().map(|entry| entry.kind).collect()
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

/// Waits until the sandbox has granted this many refreshes.
fn wait_for_grants(sandbox: &Sandbox, grants: usize) {
    pi_auth_tests::pi::eventually("a refresh", || (sandbox.grants() >= grants).then_some(()));
}
