//! Runs `cargo test`, shows what it prints, and reads it.

use std::io::{BufRead as _, BufReader};

use super::output::Ran;
use super::{Counts, tools};
use crate::{Result, cargo, wasm};

/// Tests that ran, and what they printed.
#[derive(Debug, Default)]
pub(super) struct Watched {
    pub(super) ran: Ran,
    pub(super) lines: Vec<String>,
}

impl Watched {
    pub(super) fn read(&mut self, line: String) {
        self.ran.read(&line);
        self.lines.push(line);
    }
}

/// Runs `cargo test` with each of these arguments, and shows and reads what it prints.
pub(super) fn watch(runs: &[&[&str]]) -> Result<Watched> {
    let module = &wasm::built()?.folder;
    tools::install_missing();
    // Many wait for a process or for a poll: more of them at once than there are cores.
    let threads = std::env::var("RUST_TEST_THREADS").unwrap_or_else(|_| "8".to_owned());
    let mut watched = Watched::default();
    for &run in runs {
        // First alone: the compiler speaks to a terminal as it likes to.
        let build = run.iter().copied().take_while(|word| *word != "--").chain(["--no-run"]);
        cargo::run(cargo::command(&build.collect::<Vec<_>>()))?;
        // Both streams in one, or nobody could tell to which binary a line belongs.
        let (output, input) = std::io::pipe()?;
        let mut child = cargo::command(run)
            .env("RUST_TEST_THREADS", &threads)
            .env("PI_AUTH_WASM", module)
            .stdout(input.try_clone()?)
            .stderr(input)
            .spawn()?;
        for line in BufReader::new(output).lines() {
            let line = line?;
            println!("{line}");
            watched.read(line);
        }
        let status = child.wait()?;
        match watched.ran.counts() {
            // It does not build, or a test took the whole process down.
            Counts { failed: 0, .. } if !status.success() => {
                return Err(format!("cargo test ended with {status}").into());
            }
            Counts { passed: 0, failed: 0, ignored: 0 } => {
                return Err("not one test was counted".into());
            }
            _ => {}
        }
    }
    Ok(watched)
}
