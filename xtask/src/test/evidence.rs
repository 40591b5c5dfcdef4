//! Claims and the tests that prove them, compared with the tests that ran: each test must have run,
//! and none may have failed. Skipped tests are counted. A claim whose tests were all skipped does
//! not hold, and on a build server that is a failure.

use std::collections::BTreeMap;

use serde_json::Value;

use super::output::{Ran, Verdict};
use crate::{Result, paint};

/// A claim and the tests that prove it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) text: String,
    /// The names of tests, as [`Ran`] has them.
    tests: Vec<String>,
}

impl Claim {
    /// Reads the claim in the member `name` of `row`, and its `tests`.
    pub(super) fn read(row: &Value, name: &str) -> Result<Self> {
        let text = text(row, name)?;
        let tests = row["tests"].as_array().map(Vec::as_slice).unwrap_or_default();
        let tests = tests.iter().map(|test| test.as_str().map(str::to_owned));
        let tests = tests.collect::<Option<Vec<_>>>().filter(|tests| !tests.is_empty());
        let tests = tests.ok_or_else(|| format!("no test shows this: {text}"))?;
        if let Some(twice) = (1..tests.len()).find(|&at| tests[..at].contains(&tests[at])) {
            return Err(format!("{text} names a test twice: {}", tests[twice]).into());
        }
        Ok(Self { text, tests })
    }

    #[cfg(test)]
    pub(super) fn of(text: &str, tests: &[&str]) -> Self {
        Self { text: text.to_owned(), tests: tests.iter().map(|it| it.to_string()).collect() }
    }
}

/// Reads a member that must be text, and not empty.
pub(super) fn text(row: &Value, name: &str) -> Result<String> {
    let text = row[name].as_str().filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| format!("a row has no `{name}`: {row}").into())
}

/// Tells whether this is a build server: `CI` is set.
pub(super) fn is_build_server() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty())
}

/// The result of each claim.
#[derive(Debug, Default)]
pub(super) struct Summary<'a> {
    pub(super) lines: Vec<Line<'a>>,
    /// The tests that were skipped, and why.
    skipped: BTreeMap<&'a str, &'a str>,
    problems: Vec<String>,
}

/// The result of one claim.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub(super) claim: &'a str,
    /// How many tests passed in which host, in words.
    pub(super) counts: String,
    /// At least one of its tests passed, and the others passed or were skipped.
    pub(super) holds: bool,
}

impl<'a> Summary<'a> {
    pub(super) fn of(
        claims: impl IntoIterator<Item = &'a Claim>,
        ran: &'a Ran,
        is_build_server: bool,
    ) -> Self {
        let mut summary = Self::default();
        claims.into_iter().for_each(|claim| summary.add(claim, ran, is_build_server));
        summary
    }

    fn add(&mut self, claim: &'a Claim, ran: &'a Ran, is_build_server: bool) {
        let mut passed = BTreeMap::<&str, usize>::new();
        let (mut skipped, problems) = (0, self.problems.len());
        for name in &claim.tests {
            match ran.verdict(name) {
                Some(Verdict::Passed) => *passed.entry(engine(name)).or_default() += 1,
                Some(Verdict::Skipped(why)) => {
                    skipped += 1;
                    self.skipped.insert(name, why);
                }
                Some(Verdict::Failed) => self.problems.push(format!("{name} failed")),
                None => self.problems.push(format!("{name} did not run")),
            }
        }
        if is_build_server && skipped == claim.tests.len() {
            self.problems.push(format!("every test was skipped of: {}", claim.text));
        }
        let holds = !passed.is_empty() && problems == self.problems.len();
        let mut counts: Vec<String> =
            passed.iter().map(|(engine, count)| format!("{engine} {count}")).collect();
        if skipped > 0 {
            counts.push(format!("skipped {skipped}"));
        }
        self.lines.push(Line { claim: &claim.text, counts: counts.join(", "), holds });
    }

    /// The number of claims that hold.
    pub(super) fn holding(&self) -> usize {
        self.lines.iter().filter(|line| line.holds).count()
    }

    /// The number of tests that were skipped.
    pub(super) fn skipped(&self) -> usize {
        self.skipped.len()
    }

    /// Prints each test that was skipped, and why.
    pub(super) fn print_skipped(&self) {
        for (name, why) in &self.skipped {
            println!("{} {name}: {why}", paint::yellow("skipped:"));
        }
    }

    /// Fails with everything that is wrong with the table in `file`.
    pub(super) fn check(&self, file: &str) -> Result {
        match self.problems.is_empty() {
            true => Ok(()),
            false => Err(format!("{file}: {}", self.problems.join("\n    ")).into()),
        }
    }

    #[cfg(test)]
    pub(super) fn first_problem(&self) -> Option<&str> {
        self.problems.first().map(String::as_str)
    }
}

/// Returns the engine that a test runs: the real program, the package in Node, or a part of either.
fn engine(name: &str) -> &str {
    match name.split("::").next().unwrap_or_default() {
        "tests/pi" => "pi",
        "pi_auth" => "host",
        "pi_auth_core" | "tests/vectors" => "core",
        file if file.ends_with(".mjs") => {
            file.split_once('/').map_or("Node", |(runtime, _)| runtime)
        }
        binary => binary.trim_start_matches("tests/"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BAD: &str = "tests/pi::bad failed";
    const GONE: &str = "pi::good did not run";

    #[test]
    fn a_claim_has_a_text_and_tests_and_names_none_twice() {
        let read = |row: Value| Claim::read(&row, "fault");
        let good = json!({ "fault": "a disk", "tests": ["tests/pi::a"] });
        assert_eq!(read(good).unwrap(), Claim::of("a disk", &["tests/pi::a"]));
        for (bad, problem) in [
            (json!({ "tests": ["b"] }), "a row has no `fault`"),
            (json!({ "fault": "", "tests": ["b"] }), "a row has no `fault`"),
            (json!({ "fault": "a", "tests": [] }), "no test shows this: a"),
            (json!({ "fault": "a" }), "no test shows this: a"),
            (json!({ "fault": "a", "tests": [1] }), "no test shows this: a"),
            (json!({ "fault": "a", "tests": ["b", "c", "b"] }), "a names a test twice: b"),
        ] {
            let found = read(bad.clone()).unwrap_err().to_string();
            assert!(found.starts_with(problem), "{bad}: {found}");
        }
    }

    #[test]
    fn a_claim_holds_where_all_of_its_tests_ran_and_one_passed() {
        let mut ran = Ran::default();
        for line in [
            "Running tests/pi/main.rs (target/debug/deps/pi-0)",
            "test good ... ok",
            "test better ... ok",
            "test bad ... FAILED",
            "skipped: odd: no tool",
            "test odd ... ok",
            "a.test.mjs ✔ fine (1ms)",
            "bun/a.test.mjs ✔ fine (1ms)",
        ] {
            ran.read(line);
        }
        let all_skipped = "every test was skipped of: a disk";
        for (tests, holds, counts, skipped, problem, on_a_build_server) in [
            (&["tests/pi::good", "tests/pi::better"][..], true, "pi 2", 0, None, None),
            (&["tests/pi::good", "a.test.mjs::fine"], true, "Node 1, pi 1", 0, None, None),
            (&["bun/a.test.mjs::fine"], true, "bun 1", 0, None, None),
            (&["tests/pi::good", "tests/pi::odd"], true, "pi 1, skipped 1", 1, None, None),
            (&["tests/pi::odd"], false, "skipped 1", 1, None, Some(all_skipped)),
            (&["tests/pi::good", "tests/pi::bad"], false, "pi 1", 0, Some(BAD), Some(BAD)),
            (&["tests/pi::good", "pi::good"], false, "pi 1", 0, Some(GONE), Some(GONE)),
        ] {
            let claims = [Claim::of("a disk", tests)];
            let line = Line { claim: "a disk", counts: counts.to_owned(), holds };
            for (is_build_server, problem) in [(false, problem), (true, on_a_build_server)] {
                let summary = Summary::of(&claims, &ran, is_build_server);
                assert_eq!(summary.lines, std::slice::from_ref(&line));
                assert_eq!(summary.skipped(), skipped, "{tests:?}");
                assert_eq!(summary.holding(), usize::from(holds));
                assert_eq!(summary.first_problem(), problem, "{tests:?}");
                assert_eq!(summary.check("table").is_ok(), problem.is_none());
            }
        }
    }
}
