//! `cargo xtask fuzz SECONDS [TARGET]...`: looks for inputs for which what must hold does not.
//!
//! | file | what is in it |
//! |---|---|
//! | `fuzz/tool.rs` | cargo-fuzz: found or installed, and what it builds |
//! | `fuzz/hunt.rs` | libFuzzer at work on one target, and what it tells in the end |
//!
//! What is claimed is in `fuzz/properties`, whose tests replay the committed inputs without any of
//! this. New inputs and crashes go below the target directory. No sanitizer watches: they look for
//! mistakes with memory, which take `unsafe`, and a nightly compiler, which nobody else here needs.

mod hunt;
mod tool;

use std::fs;
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use clap::Args;

use crate::{Result, cargo, paint};
use hunt::{Hunt, Yield};

#[derive(Args)]
pub(crate) struct Options {
    /// How long to look, in seconds for each target
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Only these targets; all of them unless given
    #[arg(value_name = "TARGET")]
    only: Vec<String>,
    /// How many targets at a time; as many as there are cores unless given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
}

/// Looks, and prints what was found; exit code 1 if that is a crash.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let names = targets(&options.only)?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let built = tool::build(&names)?;
    let hunts = names.iter().map(|name| Hunt::new(name, &built)).collect::<Result<Vec<_>>>()?;
    let jobs = options.jobs.map_or_else(cores, usize::from).min(hunts.len());
    let length = Duration::from_secs(options.seconds.into());
    let rounds = u32::try_from(hunts.len().div_ceil(jobs))?;
    let whole_s = (length * rounds).as_secs();
    println!("{}: {jobs} at a time, {whole_s} s in all", names.join(", "));

    let yields = all(&hunts, jobs, length)?;
    print(&hunts, &yields);
    for (hunt, found) in hunts.iter().zip(&yields) {
        hunt.explain(found);
    }
    let is_crash = yields.iter().any(|found| found.crash.is_some());
    Ok(if is_crash { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Returns the names of the targets that were asked for: of all, where none was.
fn targets(only: &[String]) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(cargo::workspace().join("fuzz/fuzz_targets"))? {
        all.extend(entry?.path().file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    all.sort();
    if let Some(unknown) = only.iter().find(|name| !all.contains(name)) {
        return Err(
            format!("there is no target {unknown}; the targets are {}", all.join(", ")).into()
        );
    }
    Ok(if only.is_empty() { all } else { only.to_vec() })
}

fn print(hunts: &[Hunt], yields: &[Yield]) {
    println!(
        "\n{}",
        paint::bold("target     executions  a second  coverage  new inputs  findings")
    );
    for (hunt, found) in hunts.iter().zip(yields) {
        let Yield { executions, a_second, coverage, new_inputs, .. } = found;
        let findings = if found.crash.is_some() { paint::red("1") } else { paint::green("none") };
        let name = hunt.name();
        println!(
            "{name:<10} {executions:>10} {a_second:>9} {coverage:>9} {new_inputs:>11}  {findings}"
        );
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Runs all of them, so many at a time.
fn all(hunts: &[Hunt], jobs: usize, length: Duration) -> Result<Vec<Yield>> {
    let next = Mutex::new(hunts.iter().enumerate());
    let work = || {
        let mut found = Vec::new();
        loop {
            let Some((at, hunt)) = next.lock().map_err(|_| "another one has failed")?.next() else {
                return Ok::<_, String>(found);
            };
            found.push((at, hunt.run(length).map_err(|error| error.to_string())?));
        }
    };
    let mut yields = Vec::new();
    thread::scope(|scope| -> Result {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            yields.extend(worker.join().map_err(|_| "a target could not be watched")??);
        }
        Ok(())
    })?;
    yields.sort_by_key(|(at, _)| *at);
    Ok(yields.into_iter().map(|(_, found)| found).collect())
}
