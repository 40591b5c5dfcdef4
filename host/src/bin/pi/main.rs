//! `pi`: log in with a subscription, and hand everything else to the agent's own `pi`.
//!
//! | file | what is in it |
//! |---|---|
//! | `cli.rs`, `handoff.rs` | which words are ours; the agent's own `pi`, which gets the others |
//! | `login.rs`, `logout.rs`, `status.rs`, `token.rs`, `headers.rs`, `version.rs` | the commands |
//! | `doctor.rs`, `doctor/` | `pi doctor`: its words, and the one thing that it looks at itself |
//! | `session.rs` | running a job to its end, with signals heeded where nothing can be lost |
//! | `process.rs` | no core dumps, and enough file descriptors |
//! | `person.rs` | whoever sits in front: `terminal/`, or `lines.rs` and `json.rs` behind a pipe |
//! | `output.rs` | what goes to standard output, and what to standard error |

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod cli;
mod doctor;
mod dumb_terminal;
mod handoff;
mod headers;
mod json;
mod lines;
mod login;
mod logout;
mod output;
mod person;
mod process;
mod session;
mod status;
mod terminal;
mod token;
mod version;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use cli::{Command, Invocation};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match cli::parse(&arguments) {
        Invocation::Ours(command, core) => run(command, core.as_deref()),
        Invocation::Version => version::run(),
        Invocation::Agent => handoff::run(&arguments),
    }
}

fn run(command: Command, core: Option<&Path>) -> ExitCode {
    process::hide_memory();
    match command {
        Command::Token(arguments) => token::run(arguments, core),
        Command::Headers(arguments) => headers::run(arguments, core),
        Command::Login(arguments) => login::run(arguments, core),
        Command::Logout(arguments) => logout::run(arguments, core),
        Command::Status(arguments) => status::run(&arguments, core),
        Command::Doctor(arguments) => doctor::run(&arguments, core),
        Command::Completions { shell } => cli::completions(shell),
    }
}
