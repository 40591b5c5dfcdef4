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
    let (mut counts, mut ran, mut simulated) = (Counts::default(), Ran::default(), Vec::new());
    for line in BufReader::new(output).lines() {
        let line = line?;
        println!("{line}");
        ran.read(&line);
        simulated.extend(line.strip_prefix("simulated: ").map(str::to_owned));
        counts = counts + told_beside(&line) + summed_up(&line);
    }
    let status = child.wait()?;
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

/// What the test runner says at the end of a binary.
fn summed_up(line: &str) -> Counts {
    let Some(summary) = line.strip_prefix("test result: ") else { return Counts::default() };
    Counts {
        passed: number_before(summary, " passed"),
        failed: number_before(summary, " failed"),
        ignored: number_before(summary, " ignored"),
    }
}

/// What a test tells past the test runner: how many tests it ran in Node, and what it had to leave out.
/// Those that failed are not told: they fail the test that ran them.
fn told_beside(line: &str) -> Counts {
    let none = Counts::default();
    if line.starts_with("skipped: ") {
        return Counts { ignored: 1, ..none };
    }
    let Some((_, summary)) = line.split_once("ℹ ") else { return none };
    let number = |name: &str| {
        summary.strip_prefix(name).and_then(|it| it.trim().parse().ok()).unwrap_or_default()
    };
    Counts { passed: number("pass "), failed: 0, ignored: number("skipped ") + number("todo ") }
}

/// The number in front of a word: `ok. 12 passed; 0 failed; ...`.
fn number_before(summary: &str, word: &str) -> usize {
    let before = summary.split_once(word).map_or("", |(before, _)| before);
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_summary() {
        let line =
            "FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.1s";
        for (word, number) in [(" passed", 12), (" failed", 3), (" ignored", 1), (" lost", 0)] {
            assert_eq!(number_before(line, word), number, "{word}");
        }
    }

    #[test]
    fn what_is_told_beside_the_test_runner() {
        for (line, passed, ignored) in [
            ("core.test.mjs ℹ tests 14", 0, 0),
            ("core.test.mjs ℹ pass 12", 12, 0),
            ("core.test.mjs ℹ skipped 2", 0, 2),
            ("core.test.mjs ﹣ needs a sandbox # SKIP", 0, 0),
            ("skipped: no such file system here", 0, 1),
            ("456 vectors: native", 0, 0),
        ] {
            assert_eq!(told_beside(line), Counts { passed, failed: 0, ignored }, "{line}");
        }
    }
}
