//! `cargo xtask test`: everything that must hold before a change goes in, in one command.
//!
//! | file | what is in it |
//! |---|---|
//! | `test/steps.rs` | the steps, cheapest first |
//! | `test/report.rs` | the table at the end, and the line that counts |
//! | `test/wasm.rs` | the module: no imports, and within its budget |
//! | `test/core_tree.rs` | the crates that the core may use |
//! | `test/host_tree.rs` | the crates that `pi` brings along only when asked |
//! | `test/dependencies.rs` | licences and sources of every dependency |
//! | `test/licence.rs` | reading an SPDX expression |
//! | `test/rust_tests.rs` | the Rust tests, and those that they run in Node, counted |
//! | `test/watch.rs` | `cargo test`, shown and read |
//! | `test/output.rs` | what `cargo test` says: which tests ran, and what came of each |
//! | `test/evidence.rs` | claims and the tests that prove them, compared with it |
//! | `test/faults.rs` | the table of faults |
//! | `test/field_reports.rs` | inputs from public bug reports |
//! | `test/attacks.rs` | attacks by another user of this machine |
//! | `test/binary_size.rs` | the size of `pi` as it is shipped |
//! | `test/system_calls.rs` | what a fresh token costs, seen from the kernel |
//! | `test/tools.rs` | strace and faketime, installed where they are missing |
//!
//! It stops at the first step that fails. A step that cannot run here is counted as skipped.

mod attacks;
mod binary_size;
mod core_tree;
mod dependencies;
mod evidence;
mod faults;
mod field_reports;
mod host_tree;
mod licence;
mod output;
mod report;
mod rust_tests;
mod steps;
mod system_calls;
mod tools;
mod wasm;
mod watch;

use std::io::Write as _;
use std::ops::Add;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::{Result, paint};
pub(crate) use binary_size::BUDGET_BYTES as SIZE_BUDGET_BYTES;
use report::{Report, Row};
use steps::{STEPS, Step};

#[derive(Args)]
pub(crate) struct Options {
    /// Only these steps; all of them unless given
    #[arg(value_name = "STEP", value_parser = PossibleValuesParser::new(STEPS.iter().map(|it| it.name)))]
    only: Vec<String>,
}

/// What came of a step.
enum Outcome {
    /// What it checks holds; a few words about it, where there is something to tell.
    Passed(String),
    /// It ran tests. They are counted in its place, one by one.
    Tested(Counts),
    /// It cannot run here, for this reason.
    Skipped(String),
}

/// How many tests passed, failed and were ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: usize,
    failed: usize,
    ignored: usize,
}

impl Add for Counts {
    type Output = Counts;

    fn add(self, other: Counts) -> Counts {
        Counts {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            ignored: self.ignored + other.ignored,
        }
    }
}

/// Runs the steps; exit code 1 if one failed.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let chosen = |step: &Step| match options.only.is_empty() {
        true => step.within.is_none(),
        false => options.only.iter().any(|it| it == step.name),
    };
    let mut report = Report::default();
    let mut failed = None;
    for step in STEPS.iter().filter(|step| chosen(step)) {
        if failed.is_some() {
            report.add(step.name, Row::NotRun);
            continue;
        }
        println!("\n{}", paint::bold(&format!("== {}: {}", step.name, step.shown)));
        std::io::stdout().flush()?;
        let begun = Instant::now();
        let row = match (step.run)() {
            Ok(outcome) => Row::of(outcome),
            Err(failure) => {
                println!("{}", paint::red(&failure.to_string()));
                Row::Failed
            }
        };
        if row.is_failure() {
            failed = Some(step.name);
        } else {
            row.print_note();
        }
        report.add_timed(step.name, row, begun.elapsed());
    }
    if let Some(name) = failed {
        let alone = format!("cargo xtask test {name}");
        println!("\n{} Run it alone with: {alone}", paint::red(&format!("Step `{name}` failed.")));
    }
    report.print();
    Ok(if failed.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
