//! The table of faults that must do no harm, `tests/faults.json`, held against the tests that ran:
//! each row has tests, each of them is there, and none failed. A test that could not be tried here
//! is counted; a row of which none could is not survived, and on a build server that is a failure.

use std::fs;

use serde_json::Value;

use super::evidence::{self, Claim, Line, Summary};
use super::output::Ran;
use crate::{Result, cargo, paint};

const FILE: &str = "tests/faults.json";

/// Reads the table.
pub(super) fn read() -> Result<Vec<Claim>> {
    rows(&fs::read_to_string(cargo::workspace().join(FILE))?)
        .map_err(|problem| format!("{FILE}: {problem}").into())
}

fn rows(text: &str) -> Result<Vec<Claim>> {
    let table: Value = serde_json::from_str(text)?;
    let rows = table.as_array().ok_or("it is a list of rows")?.iter();
    rows.map(|row| {
        // For those who read the file.
        evidence::text(row, "holds")?;
        Claim::read(row, "fault")
    })
    .collect()
}

/// Prints the rows with what came of them; fails for a test that is not there or failed, and on a
/// build server for a row of which every test was skipped.
pub(super) fn check(rows: &[Claim], ran: &Ran) -> Result {
    let summary = Summary::of(rows, ran, evidence::is_build_server());
    println!("\n{}", paint::bold("faults, and the tests that show that they do no harm"));
    for Line { claim, counts, holds } in &summary.lines {
        match holds {
            true => println!("{claim}\n    {counts}"),
            false => println!("{claim}\n    {} {counts}", paint::red("not survived:")),
        }
    }
    summary.print_skipped();
    let (survived, skipped) = (summary.holding(), summary.skipped());
    println!("faults survived: {survived} of {}, {skipped} tests skipped", rows.len());
    summary.check(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_must_hold_and_has_tests() {
        let good = r#"[{ "fault": "a disk", "holds": "x", "tests": ["tests/pi::a"] }]"#;
        assert_eq!(rows(good).unwrap(), [Claim::of("a disk", &["tests/pi::a"])]);
        for (bad, problem) in [
            (r#"{}"#, "it is a list of rows"),
            (r#"[{ "fault": "a", "tests": ["b"] }]"#, "a row has no `holds`"),
            (r#"[{ "holds": "a", "tests": ["b"] }]"#, "a row has no `fault`"),
            (r#"[{ "fault": "a", "holds": "b", "tests": [] }]"#, "no test shows this: a"),
        ] {
            let found = rows(bad).unwrap_err().to_string();
            assert!(found.starts_with(problem), "{bad}: {found}");
        }
    }

    #[test]
    fn the_table_can_be_read() {
        assert!(!read().unwrap().is_empty());
    }
}
