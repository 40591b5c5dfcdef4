//! The JavaScript runtimes that the package is tested in, from npm, pinned in `tests/runtimes`.

use std::path::{Path, PathBuf};
use std::process::Command;

use pi_auth_tests::npm;

/// A runtime of the package's users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runtime {
    /// The oldest Node that the package supports.
    Node20,
    Node24,
    Bun,
    Deno,
}

impl Runtime {
    /// Its name before the file in the name of a test: `bun/token.test.mjs::a claim`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Runtime::Node20 => "node-20",
            Runtime::Node24 => "node-24",
            Runtime::Bun => "bun",
            Runtime::Deno => "deno",
        }
    }

    /// Its program; `None` on a machine for which no build is pinned.
    ///
    /// # Panics
    /// When npm is missing, or the registry out of reach.
    pub(crate) fn program(self) -> Option<PathBuf> {
        let program = modules().join(match self {
            Runtime::Node20 => "node-20/bin/node",
            Runtime::Node24 => "node-24/bin/node",
            Runtime::Bun => "@oven/bun-linux-x64/bin/bun",
            Runtime::Deno => "@deno/linux-x64-glibc/deno",
        });
        program.is_file().then_some(program)
    }

    /// Returns the command that runs the tests of a file, which has to be added.
    pub(crate) fn test(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.args(match self {
            Runtime::Node20 | Runtime::Node24 => &["--test", "--test-reporter=spec"][..],
            // Its own limit is 5 s for each test.
            Runtime::Bun => &["test", "--timeout=120000"],
            Runtime::Deno => &["test", "--allow-all", "--no-check"],
        });
        command
    }

    /// Returns what it says of one test in the words of Node: `✔ NAME (1.5ms)`.
    pub(crate) fn as_node(self, line: &str) -> Option<String> {
        match self {
            Runtime::Node20 | Runtime::Node24 => Some(line.to_owned()),
            Runtime::Bun => {
                let (mark, rest) = match line.strip_prefix("(pass) ") {
                    Some(rest) => ('✔', rest),
                    None => ('﹣', line.strip_prefix("(skip) ")?),
                };
                // Of a test that never began it tells no duration.
                let timed = rest.strip_suffix("ms]").and_then(|rest| rest.rsplit_once(" ["));
                let (name, took) = timed.unwrap_or((rest, "0"));
                Some(verdict(mark, name, took))
            }
            Runtime::Deno => {
                let (name, rest) = line.rsplit_once(" ... ")?;
                let (word, took) = rest.split_once(" (")?;
                let mark = match word {
                    "ok" => '✔',
                    "ignored" => '﹣',
                    _ => return None,
                };
                Some(verdict(mark, name, &milliseconds(took.strip_suffix(')')?)?.to_string()))
            }
        }
    }
}

fn verdict(mark: char, name: &str, took_ms: &str) -> String {
    let why = if mark == '﹣' { " # skipped there" } else { "" };
    format!("{mark} {name} ({took_ms}ms){why}")
}

/// Parses a duration as Deno prints it: `866µs`, `19ms`, `2s`, `1m12s`.
fn milliseconds(took: &str) -> Option<u64> {
    let number = |text: &str| text.parse::<u64>().ok();
    if let Some(us) = took.strip_suffix("µs") {
        return Some(number(us)? / 1000);
    }
    if let Some(ms) = took.strip_suffix("ms") {
        return number(ms);
    }
    let (minutes, seconds) = took.strip_suffix('s')?.split_once('m').unwrap_or(("0", took));
    Some((number(minutes)? * 60 + number(seconds.trim_end_matches('s'))?) * 1000)
}

/// The `node_modules` with all of them.
///
/// # Panics
/// When npm is missing, or the registry out of reach.
pub(crate) fn modules() -> PathBuf {
    let pinned = Path::new(env!("CARGO_MANIFEST_DIR")).join("runtimes");
    npm::modules(&pinned).unwrap_or_else(|problem| panic!("no runtimes: {problem}"))
}

#[test]
fn what_a_runtime_says_of_a_test_is_told_as_node_does() {
    for (runtime, line, told) in [
        (Runtime::Bun, "(pass) a claim [1] [2626.17ms]", Some("✔ a claim [1] (2626.17ms)")),
        (Runtime::Bun, "(skip) a claim", Some("﹣ a claim (0ms) # skipped there")),
        (Runtime::Bun, "(fail) a claim [1.20ms]", None),
        (Runtime::Deno, "a ... claim ... ok (866µs)", Some("✔ a ... claim (0ms)")),
        (Runtime::Deno, "a claim ... ok (1m2s)", Some("✔ a claim (62000ms)")),
        (Runtime::Deno, "a claim ... ok (2s)", Some("✔ a claim (2000ms)")),
        (Runtime::Deno, "a claim ... ignored (0ms)", Some("﹣ a claim (0ms) # skipped there")),
        (Runtime::Deno, "a claim ... FAILED (1ms)", None),
        (Runtime::Node24, "✔ a claim (1.5ms)", Some("✔ a claim (1.5ms)")),
    ] {
        assert_eq!(runtime.as_node(line).as_deref(), told, "{line}");
    }
}
