//! The Rust tests, documentation tests included, counted as they run.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use super::{Counts, Outcome};
use crate::{Result, cargo};

pub(super) fn run() -> Result<Outcome> {
    let arguments = ["test", "--locked", "--workspace", "--no-fail-fast"];
    // Many wait for a process or for a poll: more of them at once than there are cores.
    let threads = std::env::var("RUST_TEST_THREADS").unwrap_or_else(|_| "8".to_owned());
    let mut child = cargo::command(&arguments)
        .env("RUST_TEST_THREADS", threads)
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = BufReader::new(child.stdout.take().ok_or("cargo has no stdout")?);
    let mut counts = Counts::default();
    for line in stdout.lines() {
        let line = line?;
        println!("{line}");
        if let Some(summary) = line.strip_prefix("test result: ") {
            counts.passed += number_before(summary, " passed");
            counts.failed += number_before(summary, " failed");
            counts.ignored += number_before(summary, " ignored");
        }
    }
    let status = child.wait()?;
    match counts {
        // It does not build, or a test took the whole process down.
        Counts { failed: 0, .. } if !status.success() => {
            Err(format!("cargo test ended with {status}").into())
        }
        Counts { passed: 0, failed: 0, .. } => Err("not one test was counted".into()),
        counts => Ok(Outcome::Tested(counts)),
    }
}

/// The number in front of a word: `ok. 12 passed; 0 failed; ...`.
fn number_before(summary: &str, word: &str) -> usize {
    let before = summary.split_once(word).map_or("", |(before, _)| before);
    before.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::number_before;

    #[test]
    fn numbers_of_a_summary() {
        let line =
            "FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.1s";
        for (word, number) in [(" passed", 12), (" failed", 3), (" ignored", 1), (" lost", 0)] {
            assert_eq!(number_before(line, word), number, "{word}");
        }
    }
}
