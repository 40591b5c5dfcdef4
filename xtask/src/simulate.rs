//! `cargo xtask simulate [WORLDS]`: as many worlds as there is time for, in each of which nobody
//! may be logged out. What they are is in `tests/simulation`, whose tests try some of them each
//! time.

use std::process::ExitCode;

use clap::Args;

use crate::{Result, cargo};

#[derive(Args)]
pub(crate) struct Options {
    /// How many worlds to make up, and more: `cargo xtask simulate -- --help` tells
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "WORLDS")]
    arguments: Vec<String>,
}

/// Simulates; exit code 1 if somebody was logged out.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let mut run = cargo::command(&["run", "--locked", "--quiet", "--profile", "simulation"]);
    run.args(["--package", "pi-auth-simulation", "--"]).args(&options.arguments);
    Ok(if run.status()?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
