//! The Rust tests, documentation tests included, counted as they run; and what they run in Node.

use std::io::{BufRead as _, BufReader};

use super::output::Ran;
use super::{Counts, Outcome, faults, tools};
use crate::{Result, cargo, paint, wasm};

const TEST: [&str; 4] = ["test", "--locked", "--workspace", "--no-fail-fast"];

pub(super) fn run() -> Result<Outcome> {
    let module = &wasm::built()?.folder;
    let table = faults::read()?;
    tools::install_missing();
    // First alone: the compiler speaks to a terminal as it likes to.
    cargo::run(cargo::command(&[&TEST[..], &["--no-run"]].concat()))?;
    // Many wait for a process or for a poll: more of them at once than there are cores.
    let threads = std::env::var("RUST_TEST_THREADS").unwrap_or_else(|_| "8".to_owned());
    // Both streams in one, or nobody could tell to which binary a line belongs.
    let (output, input) = std::io::pipe()?;
    let mut child = cargo::command(&TEST)
        .env("RUST_TEST_THREADS", threads)
        .env("PI_AUTH_WASM", module)
        .stdout(input.try_clone()?)
        .stderr(input)
        .spawn()?;
    let (mut ran, mut simulated) = (Ran::default(), Vec::new());
    for line in BufReader::new(output).lines() {
        let line = line?;
        println!("{line}");
        ran.read(&line);
        simulated.extend(line.strip_prefix("simulated: ").map(str::to_owned));
    }
    let status = child.wait()?;
    let counts = ran.counts();
    match counts {
        // It does not build, or a test took the whole process down.
        Counts { failed: 0, .. } if !status.success() => {
            return Err(format!("cargo test ended with {status}").into());
        }
        Counts { passed: 0, failed: 0, .. } => return Err("not one test was counted".into()),
        _ => {}
    }
    println!("\n{}", paint::bold("simulated"));
    simulated.iter().for_each(|line| println!("{line}"));
    match faults::check(&table, &ran) {
        // What has failed is told by its count.
        Err(problem) if counts.failed == 0 => Err(problem),
        _ => Ok(Outcome::Tested(counts)),
    }
}
