//! The project's own driver.
//!
//! | command | what it does | where |
//! |---|---|---|
//! | `cargo xtask demo` | the real `pi` against a provider on this machine, every step checked | `demo.rs`, `demo/` |
//! | `cargo xtask test` | everything that must hold before a change goes in | `test.rs`, `test/` |
//! | `cargo xtask bench` | what `pi token`, the module and the npm package cost | `bench.rs`, `bench/` |
//! | `cargo xtask fuzz` | looks for inputs for which what must hold does not | `fuzz.rs`, `fuzz/` |
//! | `cargo xtask simulate` | any number of simulated worlds, in which nobody may be logged out | `simulate.rs` |
//! | `cargo xtask wasm` | the core as one WebAssembly module, small and without imports | `wasm.rs`, `wasm/` |
//!
//! They stand on `cargo.rs` (running cargo), `npm.rs` (what comes from npm), `home.rs` (a home
//! directory in which nothing of the person's own is seen or touched) and `paint.rs` (colours).

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what it is for")]

mod bench;
mod cargo;
mod demo;
mod fuzz;
mod home;
mod npm;
mod paint;
mod simulate;
mod test;
mod wasm;

use std::error::Error;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// The project's own driver
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Show `pi` at work: login, refresh and logout against a provider on this machine
    Demo,
    /// Check everything: format, lints, tests, documentation, size, system calls and the demo
    Test(test::Options),
    /// Measure `pi token` against `cat`, and the module and the npm package in Node
    Bench(bench::Options),
    /// Look for inputs for which what must hold does not, with libFuzzer
    Fuzz(fuzz::Options),
    /// Simulate processes, a provider, a disk and their faults, in any number of worlds
    Simulate(simulate::Options),
    /// Build the core as one WebAssembly module, and hold it to its budget
    Wasm,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        None => Ok(list_commands()),
        Some(Command::Demo) => demo::run(),
        Some(Command::Test(options)) => test::run(&options),
        Some(Command::Bench(options)) => bench::run(&options),
        Some(Command::Fuzz(options)) => fuzz::run(&options),
        Some(Command::Simulate(options)) => simulate::run(&options),
        Some(Command::Wasm) => wasm::run(),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

fn list_commands() -> ExitCode {
    println!("{}", Cli::command().render_help());
    ExitCode::SUCCESS
}
