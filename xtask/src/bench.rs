//! `cargo xtask bench`: what a fresh token costs, by each way to it.
//!
//! | file | what it measures |
//! |---|---|
//! | `bench/command.rs` | `pi token` against `cat`, and the budgets of `pi` |
//! | `bench/node.rs`, `bench/node/` | the module and the npm package in Node |
//!
//! Everything is timed in pairs that alternate, so that whatever else the machine does meets both
//! (`bench/turns.rs`). The answer is the median of the ratios of the pairs (`bench/measure.rs`).

mod command;
mod measure;
mod node;
mod turns;

use std::process::ExitCode;

use clap::Args;

use crate::Result;

#[derive(Args)]
pub(crate) struct Options {
    /// How many pairs of `pi token` and `cat` to time
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(300..))]
    pairs: u32,
    /// Exit with 1 if something is over its budget
    #[arg(long)]
    check: bool,
}

/// Measures, and prints what it finds.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let is_within_budget = command::run(usize::try_from(options.pairs)?)?;
    node::run()?;
    Ok(if options.check && !is_within_budget { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
