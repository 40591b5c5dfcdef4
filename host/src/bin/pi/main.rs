//! `pi`: log in with a subscription, and hand everything else to the agent's own `pi`.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod cli;
mod handoff;
mod headers;
mod json;
mod lines;
mod login;
mod logout;
mod output;
mod person;
mod session;
mod status;
mod terminal;
mod token;
mod version;

use std::ffi::OsString;
use std::process::ExitCode;

use cli::{Command, Invocation};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match cli::parse(&arguments) {
        Invocation::Ours(Command::Token(arguments)) => token::run(arguments),
        Invocation::Ours(Command::Headers(arguments)) => headers::run(arguments),
        Invocation::Ours(Command::Login(arguments)) => login::run(arguments),
        Invocation::Ours(Command::Logout(arguments)) => logout::run(arguments),
        Invocation::Ours(Command::Status(arguments)) => status::run(&arguments),
        Invocation::Ours(Command::Completions { shell }) => cli::completions(shell),
        Invocation::Version => version::run(),
        Invocation::Agent => handoff::run(&arguments),
    }
}
