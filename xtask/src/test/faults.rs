//! The table of faults that must do no harm, `tests/faults.json`, held against the tests that ran:
//! each row has tests, each of them is there, and none failed. A test that could not be tried here
//! is counted; a row of which none could is not survived, and on a build server that is a failure.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::output::{Ran, Verdict};
use crate::{Result, cargo, paint};

/// A fault, and what proves that it does no harm.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    fault: String,
    /// The names of tests, as [`Ran`] has them.
    tests: Vec<String>,
}

/// Reads the table.
pub(super) fn read() -> Result<Vec<Row>> {
    rows(&fs::read_to_string(cargo::workspace().join("tests/faults.json"))?)
        .map_err(|problem| format!("tests/faults.json: {problem}").into())
}

fn rows(text: &str) -> Result<Vec<Row>> {
    let table: Value = serde_json::from_str(text)?;
    table.as_array().ok_or("it is a list of rows")?.iter().map(row).collect()
}

fn row(row: &Value) -> Result<Row> {
    let text = |name: &str| {
        let text = row[name].as_str().filter(|text| !text.is_empty());
        text.map(str::to_owned).ok_or_else(|| format!("a row has no `{name}`: {row}"))
    };
    // For those who read the file.
    text("holds")?;
    let fault = text("fault")?;
    let tests = row["tests"].as_array().map(Vec::as_slice).unwrap_or_default();
    let tests = tests.iter().map(|test| test.as_str().map(str::to_owned));
    let tests = tests.collect::<Option<Vec<_>>>().filter(|tests| !tests.is_empty());
    Ok(Row { tests: tests.ok_or_else(|| format!("no test shows this: {fault}"))?, fault })
}

/// Prints the rows with what came of them; fails for a test that is not there or failed, and on a
/// build server (`CI` is set) for a row of which every test was skipped.
pub(super) fn check(rows: &[Row], ran: &Ran) -> Result {
    let is_build_server = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    report(rows, &Summary::of(rows, ran, is_build_server))
}

fn report(rows: &[Row], summary: &Summary<'_>) -> Result {
    println!("\n{}", paint::bold("faults, and the tests that show that they do no harm"));
    for Line { fault, counts, survived } in &summary.lines {
        match survived {
            true => println!("{fault}\n    {counts}"),
            false => println!("{fault}\n    {} {counts}", paint::red("not survived:")),
        }
    }
    for (name, why) in &summary.skipped {
        println!("{} {name}: {why}", paint::yellow("skipped:"));
    }
    println!(
        "faults survived: {} of {}, {} tests skipped",
        summary.survived(),
        rows.len(),
        summary.skipped.len()
    );
    match summary.problems.is_empty() {
        true => Ok(()),
        false => Err(format!("tests/faults.json: {}", summary.problems.join("\n    ")).into()),
    }
}

/// What came of the table.
#[derive(Debug, Default)]
struct Summary<'a> {
    lines: Vec<Line<'a>>,
    /// The tests that could not be tried here, and why.
    skipped: BTreeMap<&'a str, &'a str>,
    problems: Vec<String>,
}

/// What came of a row.
#[derive(Debug, PartialEq, Eq)]
struct Line<'a> {
    fault: &'a str,
    /// In words, how many tests passed where.
    counts: String,
    /// One of its tests passed, and each of the others, too, or was skipped.
    survived: bool,
}

impl<'a> Summary<'a> {
    fn of(rows: &'a [Row], ran: &'a Ran, is_build_server: bool) -> Self {
        let mut summary = Self::default();
        rows.iter().for_each(|row| summary.add(row, ran, is_build_server));
        summary
    }

    fn add(&mut self, row: &'a Row, ran: &'a Ran, is_build_server: bool) {
        let mut passed = BTreeMap::<&str, usize>::new();
        let (mut skipped, problems) = (0, self.problems.len());
        for name in &row.tests {
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
        if is_build_server && skipped == row.tests.len() {
            self.problems.push(format!("every test was skipped of: {}", row.fault));
        }
        let survived = !passed.is_empty() && problems == self.problems.len();
        let mut counts: Vec<String> =
            passed.iter().map(|(engine, count)| format!("{engine} {count}")).collect();
        if skipped > 0 {
            counts.push(format!("skipped {skipped}"));
        }
        self.lines.push(Line { fault: &row.fault, counts: counts.join(", "), survived });
    }

    fn survived(&self) -> usize {
        self.lines.iter().filter(|line| line.survived).count()
    }
}

/// What a test tries: the real program, the package in Node, or a part of either.
fn engine(name: &str) -> &str {
    match name.split("::").next().unwrap_or_default() {
        "tests/pi" => "pi",
        "pi_auth" => "host",
        "pi_auth_core" | "tests/vectors" => "core",
        file if file.ends_with(".mjs") => "Node",
        binary => binary.trim_start_matches("tests/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD: &str = "tests/pi::bad failed";
    const GONE: &str = "pi::good did not run";

    fn row(tests: &[&str]) -> Row {
        Row { fault: "a disk".into(), tests: tests.iter().map(|it| it.to_string()).collect() }
    }

    #[test]
    fn a_row_says_what_must_hold_and_has_tests() {
        let good = r#"[{ "fault": "a disk", "holds": "x", "tests": ["tests/pi::a"] }]"#;
        assert_eq!(rows(good).unwrap(), [row(&["tests/pi::a"])]);
        for (bad, problem) in [
            (r#"{}"#, "it is a list of rows"),
            (r#"[{ "fault": "a", "tests": ["b"] }]"#, "a row has no `holds`"),
            (r#"[{ "holds": "a", "tests": ["b"] }]"#, "a row has no `fault`"),
            (r#"[{ "fault": "a", "holds": "b", "tests": [] }]"#, "no test shows this: a"),
            (r#"[{ "fault": "a", "holds": "b" }]"#, "no test shows this: a"),
            (r#"[{ "fault": "a", "holds": "b", "tests": [1] }]"#, "no test shows this: a"),
        ] {
            let found = rows(bad).unwrap_err().to_string();
            assert!(found.starts_with(problem), "{bad}: {found}");
        }
    }

    #[test]
    fn a_row_survives_where_all_of_its_tests_ran_and_one_passed() {
        let mut ran = Ran::default();
        for line in [
            "Running tests/pi/main.rs (target/debug/deps/pi-0)",
            "test good ... ok",
            "test better ... ok",
            "test bad ... FAILED",
            "skipped: odd: no tool",
            "test odd ... ok",
            "a.test.mjs ✔ fine (1ms)",
        ] {
            ran.read(line);
        }
        let all_skipped = "every test was skipped of: a disk";
        for (tests, survived, counts, skipped, problem, on_a_build_server) in [
            (&["tests/pi::good", "tests/pi::better"][..], true, "pi 2", 0, None, None),
            (&["tests/pi::good", "a.test.mjs::fine"], true, "Node 1, pi 1", 0, None, None),
            (&["tests/pi::good", "tests/pi::odd"], true, "pi 1, skipped 1", 1, None, None),
            (&["tests/pi::odd"], false, "skipped 1", 1, None, Some(all_skipped)),
            (&["tests/pi::good", "tests/pi::bad"], false, "pi 1", 0, Some(BAD), Some(BAD)),
            (&["tests/pi::good", "pi::good"], false, "pi 1", 0, Some(GONE), Some(GONE)),
        ] {
            let rows = [row(tests)];
            let line = Line { fault: "a disk", counts: counts.to_owned(), survived };
            for (is_build_server, problem) in [(false, problem), (true, on_a_build_server)] {
                let summary = Summary::of(&rows, &ran, is_build_server);
                assert_eq!(summary.lines, std::slice::from_ref(&line));
                assert_eq!(summary.skipped.len(), skipped, "{tests:?}");
                assert_eq!(summary.problems.first().map(String::as_str), problem, "{tests:?}");
                assert_eq!(report(&rows, &summary).is_ok(), problem.is_none());
            }
        }
    }

    #[test]
    fn the_table_can_be_read_and_names_no_test_twice_in_a_row() {
        for mut row in read().unwrap() {
            let named = row.tests.len();
            row.tests.sort();
            row.tests.dedup();
            assert_eq!(row.tests.len(), named, "{}", row.fault);
        }
    }
}
