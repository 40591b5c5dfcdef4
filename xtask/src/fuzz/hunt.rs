//! libFuzzer at work on one target, and what it tells in the end.
//!
//! Refs: <https://llvm.org/docs/LibFuzzer.html#output>

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::tool::{Built, folder};
use crate::{Result, paint};

/// The longest input that is tried, in bytes. What takes more is a table in a test.
const MAX_INPUT_BYTES: u32 = 8192;
/// How long one input may take, in seconds: thousands of times longer than any does.
const MAX_INPUT_S: u32 = 10;

/// A target, and what is needed to look for inputs that fail it.
pub(super) struct Hunt {
    name: String,
    program: PathBuf,
    /// Where new inputs go.
    found: PathBuf,
    /// Where an input that fails goes.
    crashes: PathBuf,
    log: PathBuf,
}

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Yield {
    pub(super) executions: u64,
    pub(super) a_second: u64,
    /// How many edges between blocks of code were seen.
    pub(super) coverage: u64,
    pub(super) new_inputs: usize,
    /// The file that fails.
    pub(super) crash: Option<PathBuf>,
}

impl Hunt {
    pub(super) fn new(name: &str, built: &Built) -> Result<Self> {
        let hunt = Hunt {
            name: name.to_owned(),
            program: built.programs.join(name),
            found: built.left.join("corpus").join(name),
            crashes: built.left.join("crashes").join(name),
            log: built.left.join(name).with_extension("log"),
        };
        fs::create_dir_all(&hunt.found)?;
        fs::create_dir_all(&hunt.crashes)?;
        Ok(hunt)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Looks for so long, or until something is found.
    pub(super) fn run(&self, length: Duration) -> Result<Yield> {
        println!("{}: into {}", self.name, self.log.display());
        let before = count(&self.found)?;
        let status = self.command(length).stderr(File::create(&self.log)?).status()?;
        let told = String::from_utf8_lossy(&fs::read(&self.log)?).into_owned();
        let mut found = Yield::read(&told);
        found.new_inputs = count(&self.found)?.saturating_sub(before);
        match (status.success(), &found.crash) {
            (true, _) | (false, Some(_)) => Ok(found),
            (false, None) => {
                let log = self.log.display();
                Err(format!("{} ended with {status}; see {log}", self.name).into())
            }
        }
    }

    fn command(&self, length: Duration) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg(format!("-max_total_time={}", length.as_secs()))
            .arg(format!("-max_len={MAX_INPUT_BYTES}"))
            .arg(format!("-timeout={MAX_INPUT_S}"))
            .arg("-print_final_stats=1")
            // With the slash at its end, a folder.
            .arg(format!("-artifact_prefix={}/", self.crashes.display()))
            .arg(format!("-dict={}", folder("dictionaries").join(&self.name).display()) + ".dict");
        // The first folder is where new inputs go; the others are only read.
        let crashers = Some(folder("crashers").join(&self.name)).filter(|it| it.is_dir());
        command.arg(&self.found).arg(folder("corpus").join(&self.name)).args(crashers);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Says how to see a crash again, and what to do with it.
    pub(super) fn explain(&self, found: &Yield) {
        let Some(crash) = &found.crash else { return };
        let (name, program, crash) = (&self.name, self.program.display(), crash.display());
        println!("\n{} {crash}", paint::red(&format!("{name} fails with")));
        println!("  See it again:  {program} {crash}");
        println!(
            "  Keep it:       copy it to fuzz/crashers/{name}/ by a name that says what it is.\n\
             \x20                `cargo test -p pi-auth-properties` fails until it is mended."
        );
    }
}

impl Yield {
    /// Reads what libFuzzer has told. The new inputs are counted where they are.
    fn read(told: &str) -> Self {
        let mut found = Yield::default();
        for line in told.lines() {
            let number = |text: &str| text.trim().parse().unwrap_or_default();
            if let Some(executions) = line.strip_prefix("stat::number_of_executed_units:") {
                found.executions = number(executions);
            } else if let Some(a_second) = line.strip_prefix("stat::average_exec_per_sec:") {
                found.a_second = number(a_second);
            } else if let Some((_, file)) = line.split_once("Test unit written to ") {
                found.crash = Some(file.trim().into());
            } else if let Some((before, rest)) = line.split_once(" cov: ")
                && before.starts_with('#')
            {
                let coverage = rest.split(' ').next().unwrap_or_default();
                found.coverage = found.coverage.max(number(coverage));
            }
        }
        found
    }
}

fn count(folder: &Path) -> Result<usize> {
    Ok(fs::read_dir(folder)?.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_tells_is_read() {
        let told = "#2\tINITED cov: 12 ft: 13 corp: 1/1b exec/s: 0 rss: 30Mb\n\
                    #69355\tDONE   cov: 2963 ft: 6916 corp: 976/103Kb lim: 317 exec/s: 2667\n\
                    stat::number_of_executed_units: 69355\n\
                    stat::average_exec_per_sec:     2667\n";
        let calm = Yield { executions: 69355, a_second: 2667, coverage: 2963, ..Yield::default() };
        assert_eq!(Yield::read(told), calm);
        let crash = "artifact_prefix='/t/x/'; Test unit written to /t/x/crash-02\n";
        assert_eq!(
            Yield::read(&format!("{crash}{told}")),
            Yield { crash: Some("/t/x/crash-02".into()), ..calm }
        );
        assert_eq!(Yield::read("thread panicked: cov: 7"), Yield::default());
    }
}
