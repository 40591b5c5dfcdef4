//! Inputs from public bug reports, `tests/field-reports/*.json`, a file for each kind of fault: the
//! tests that each input names must have run, and none may have failed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::evidence::{self, Claim, Summary};
use super::output::Ran;
use crate::{Result, cargo, paint};

const FOLDER: &str = "tests/field-reports";

/// A kind of fault, and the inputs that were reported.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    name: String,
    /// The file that lists it.
    file: String,
    examples: Vec<Claim>,
}

/// Reads every file of the folder.
pub(super) fn read() -> Result<Vec<Kind>> {
    read_folder(&cargo::workspace().join(FOLDER))
        .map_err(|problem| format!("{FOLDER}: {problem}").into())
}

fn read_folder(folder: &Path) -> Result<Vec<Kind>> {
    let files = fs::read_dir(folder)?.map(|entry| entry.map(|it| it.path()));
    let mut files = files.collect::<std::io::Result<Vec<_>>>()?;
    files.sort();
    let mut kinds = Vec::new();
    for path in files {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // A file that nobody reads would prove nothing.
        if path.extension().is_none_or(|it| it != "json") {
            return Err(format!("{file} is not a JSON file; remove it").into());
        }
        let text = fs::read_to_string(&path).map_err(|problem| format!("{file}: {problem}"))?;
        kinds.push(kind(&file, &text).map_err(|problem| format!("{file}: {problem}"))?);
    }
    let mut known = BTreeSet::new();
    for kind in &kinds {
        for example in &kind.examples {
            if !known.insert((&kind.name, &example.text)) {
                let (file, input) = (&kind.file, &example.text);
                return Err(format!("{file}: this input is listed twice: {input}").into());
            }
        }
    }
    if kinds.is_empty() { Err("it has no file".into()) } else { Ok(kinds) }
}

fn kind(file: &str, text: &str) -> Result<Kind> {
    let document: Value = serde_json::from_str(text)?;
    // For those who read the file.
    evidence::text(&document, "right")?;
    let name = evidence::text(&document, "kind")?;
    let examples = document["examples"].as_array().filter(|it| !it.is_empty());
    let examples = examples.ok_or("it has no `examples`")?.iter();
    let examples = examples.map(|example| Claim::read(example, "input")).collect::<Result<_>>()?;
    Ok(Kind { name, file: file.to_owned(), examples })
}

/// Prints how many examples of each kind hold, and those that do not; fails as [`Summary::check`]
/// does.
pub(super) fn check(kinds: &[Kind], ran: &Ran) -> Result {
    let is_build_server = evidence::is_build_server();
    println!("\n{}", paint::bold("field reports, and the tests that show that they are handled"));
    for Kind { name, file, examples } in kinds {
        let summary = Summary::of(examples, ran, is_build_server);
        let count = format!("{} of {}", summary.holding(), examples.len());
        println!("{count:>9}  {name} ({file})");
        for line in summary.lines.iter().filter(|line| !line.holds) {
            println!("           {} {} {}", paint::red("does not hold:"), line.claim, line.counts);
        }
    }
    let all = Summary::of(kinds.iter().flat_map(|kind| &kind.examples), ran, is_build_server);
    all.print_skipped();
    println!("{}", total(&all));
    all.check(FOLDER)
}

fn total(all: &Summary<'_>) -> String {
    let (holding, skipped) = (all.holding(), all.skipped());
    format!(
        "field reports: {holding} of {} examples hold, {skipped} tests skipped",
        all.lines.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with these files.
    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    /// The kinds that must not be dropped.
    const FILES: &[&str] = &[
        "callback-families.json",
        "lifetimes-and-smaller.json",
        "nobody-there.json",
        "odd-answers.json",
        "paste.json",
        "rate-limits.json",
        "root-beside-a-user.json",
        "runtimes.json",
        "save-tried-before.json",
        "slow-refresh.json",
        "smaller-files.json",
        "strict-modes.json",
        "text-browsers.json",
        "text-of-others.json",
        "where-tokens-go.json",
    ];

    const GOOD: &str = r#"{ "kind": "odd", "right": "kept", "examples": [
        { "input": "soon", "tests": ["tests/pi::good"] },
        { "input": "late", "tests": ["tests/pi::good", "tests/pi::bad"] }
    ] }"#;

    #[test]
    fn every_file_is_read_and_an_input_stands_in_one_of_them() {
        let other = GOOD.replace("odd", "other");
        let kinds = read_folder(folder(&[("b.json", GOOD), ("a.json", &other)]).path()).unwrap();
        let names: Vec<&str> = kinds.iter().map(|kind| kind.name.as_str()).collect();
        assert_eq!(names, ["other", "odd"]);
        assert_eq!(kinds[1].examples[0], Claim::of("soon", &["tests/pi::good"]));

        let bare = r#"{ "kind": "a", "right": "b", "examples": [{ "input": "c" }] }"#;
        for (files, problem) in [
            (&[][..], "it has no file"),
            (&[("a.json", GOOD), ("b.json", GOOD)], "b.json: this input is listed twice: soon"),
            (&[("a.json", GOOD), ("notes.txt", "")], "notes.txt is not a JSON file"),
            (&[("a.json", "{}")], "a.json: a row has no `right`"),
            (&[("a.json", r#"{ "right": "b" }"#)], "a.json: a row has no `kind`"),
            (&[("a.json", r#"{ "kind": "a", "right": "b" }"#)], "a.json: it has no `examples`"),
            (&[("a.json", bare)], "a.json: no test shows this: c"),
            (&[("a.json", "{")], "a.json: EOF"),
        ] {
            let found = read_folder(folder(files).path()).unwrap_err().to_string();
            assert!(found.starts_with(problem), "{found}");
        }
    }

    #[test]
    fn an_example_with_a_test_that_failed_or_did_not_run_does_not_hold() {
        let kinds = [kind("odd.json", GOOD).unwrap()];
        let mut ran = Ran::default();
        ran.read("Running tests/pi/main.rs (target/debug/deps/pi-0)");
        for (line, holding, problem) in [
            ("test good ... ok", 1, Some("tests/pi::bad did not run")),
            ("test bad ... ok", 2, None),
            ("test bad ... FAILED", 1, Some("tests/pi::bad failed")),
        ] {
            ran.read(line);
            let all = Summary::of(&kinds[0].examples, &ran, false);
            assert_eq!(
                total(&all),
                format!("field reports: {holding} of 2 examples hold, 0 tests skipped")
            );
            assert_eq!(all.first_problem(), problem);
            assert_eq!(check(&kinds, &ran).is_ok(), problem.is_none());
        }
    }

    #[test]
    fn no_kind_and_no_example_is_dropped_from_the_folder() {
        let kinds = read().unwrap();
        let mut files: Vec<&str> = kinds.iter().map(|kind| kind.file.as_str()).collect();
        files.sort_unstable();
        assert_eq!(files, FILES);
        let examples: usize = kinds.iter().map(|kind| kind.examples.len()).sum();
        assert!(examples >= 108, "{examples} examples");
    }
}
