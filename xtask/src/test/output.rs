//! What `cargo test` says, read line by line: which tests ran, and what came of each.
//!
//! A test is named by where it is and what it is called:
//!
//! | name | where it is |
//! |---|---|
//! | `tests/pi::faults::a_claim` | `tests/pi` of some crate: a binary of integration tests |
//! | `pi_auth_core::flow::a_claim` | a crate's own tests, by what its binary is called |
//! | `store.test.mjs::a claim in words` | a file that Node ran |

use std::collections::BTreeMap;

use super::Counts;

/// What came of a test. The worst comes last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    Passed,
    /// It could not be tried here, for this reason.
    Skipped(String),
    Failed,
}

/// The tests that ran so far.
#[derive(Debug, Default)]
pub(super) struct Ran {
    /// Where the lines come from.
    binary: String,
    /// What tests of this binary have said that they had to leave out.
    left_out: BTreeMap<String, String>,
    /// The test whose verdict is still to come: something was told in between.
    open: Option<String>,
    verdicts: BTreeMap<String, Verdict>,
    counts: Counts,
}

impl Ran {
    /// Takes in a line, of either stream: in the order in which they were written.
    pub(super) fn read(&mut self, line: &str) {
        if let Some(binary) = begun(line) {
            self.binary = binary;
            self.left_out.clear();
            self.open = None;
        } else if let Some((name, why)) = left_out(line) {
            self.left_out.insert(name.to_owned(), why.to_owned());
        } else if let Some((name, rest)) = rust(line) {
            self.open = Some(name.to_owned());
            self.read(rest);
        } else if let Some((verdict, rest)) = verdict(line)
            && let Some(name) = self.open.take()
        {
            self.end(&name, verdict);
            self.read(rest);
        } else if let Some((name, verdict)) = node(line) {
            self.note(name, verdict);
        }
    }

    /// What came of a test; `None` where none of this name ran.
    pub(super) fn verdict(&self, name: &str) -> Option<&Verdict> {
        self.verdicts.get(name)
    }

    /// The tests whose names begin so: the rest of the name, and the verdict.
    pub(super) fn below(&self, beginning: &str) -> impl Iterator<Item = (&str, &Verdict)> {
        let all = self.verdicts.iter();
        all.filter_map(move |(name, verdict)| Some((name.strip_prefix(beginning)?, verdict)))
    }

    /// How many passed, failed and were skipped. Here those of one name count one by one.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// The verdict of a test in Rust, which has passed for the test runner where it was left out.
    fn end(&mut self, name: &str, verdict: Verdict) {
        let verdict = match self.left_out.get(name) {
            Some(why) if verdict == Verdict::Passed => Verdict::Skipped(why.clone()),
            _ => verdict,
        };
        self.note(format!("{}::{name}", self.binary), verdict);
    }

    fn note(&mut self, name: String, verdict: Verdict) {
        match verdict {
            Verdict::Passed => self.counts.passed += 1,
            Verdict::Skipped(_) => self.counts.ignored += 1,
            Verdict::Failed => self.counts.failed += 1,
        }
        // Of two of the same name, the worse is told.
        let noted = self.verdicts.entry(name).or_insert(Verdict::Passed);
        *noted = noted.clone().max(verdict);
    }
}

/// `Running tests/pi/main.rs (target/debug/deps/pi-0123)`, and what begins documentation tests.
fn begun(line: &str) -> Option<String> {
    let line = line.trim_start();
    if let Some(name) = line.strip_prefix("Doc-tests ") {
        return Some(format!("doc/{name}"));
    }
    let (source, program) = line.strip_prefix("Running ")?.rsplit_once(" (")?;
    let program = program.strip_suffix(')')?.rsplit(['/', '\\']).next()?;
    let (name, _hash) = program.rsplit_once('-')?;
    match source.starts_with("unittests ") {
        true => Some(name.to_owned()),
        false => Some(format!("tests/{name}")),
    }
}

/// `skipped: NAME: why`, as a test says past the test runner.
fn left_out(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("skipped: ")?.split_once(": ")
}

/// `test NAME ... `, and what follows: the verdict, or a line that another test wrote at this
/// moment.
fn rust(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.strip_prefix("test ")?.split_once(" ... ")?;
    Some((name.strip_suffix(" - should panic").unwrap_or(name), rest))
}

/// `ok`, `FAILED` or `ignored, WHY`, and what follows: nothing, or such a line.
fn verdict(text: &str) -> Option<(Verdict, &str)> {
    if text.starts_with("ignored") {
        return Some((Verdict::Skipped(text.to_owned()), ""));
    }
    let passed = text.strip_prefix("ok").map(|rest| (Verdict::Passed, rest));
    passed.or_else(|| text.strip_prefix("FAILED").map(|rest| (Verdict::Failed, rest)))
}

/// `FILE.test.mjs ✔ NAME (1.5ms)`, as `tests/tests/npm` hands on what Node says. Those that failed
/// are not among it: they fail the test that ran them.
fn node(line: &str) -> Option<(String, Verdict)> {
    let (file, rest) = line.split_once(' ')?;
    let rest = rest.strip_prefix(['✔', '﹣']).filter(|_| file.ends_with(".mjs"))?.trim_start();
    let (name, after) = rest.rsplit_once("ms)")?;
    let (name, _duration) = name.rsplit_once(" (")?;
    let verdict = match after.split_once("# ") {
        None => Verdict::Passed,
        Some((_, why)) => Verdict::Skipped(why.to_owned()),
    };
    Some((format!("{file}::{name}"), verdict))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many tests at once write it, to both streams.
    const OUTPUT: &str = "\
   Compiling pi-auth v0.1.0 (/somewhere/host)
     Running unittests src/lib.rs (target/debug/deps/pi_auth-0123456789abcdef)

running 2 tests
test store::tests::a_file_is_whole ... ok
test store::tests::may_fail ... FAILED
test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s

     Running unittests src/bin/pi/main.rs (/tar get/debug/deps/pi-0123456789abcdef)
test a::claim ... ok
     Running tests/pi/main.rs (target/debug/deps/pi-fedcba9876543210)
running 4 tests
test a::claim ... FAILED
skipped: b::claim: faketime is not installed
a program of some test: says this
skipped: something without a name
test c::claim ... ok
test b::claim ... ok
test d::claim - should panic ... ok
test e::claim ... ignored, takes a day
     Running tests/npm/main.rs (target/debug/deps/npm-fedcba9876543210)
store.test.mjs \u{2714} room is taken (and given back) (12.5ms)
store.test.mjs \u{fe63} for root alone (0.1ms) # only root may
store.test.mjs \u{2714} one day (0.3ms) # TODO
store.test.mjs \u{2139} pass 1
test store ... ok
test b::claim ... ok
   Doc-tests pi_auth
test host/src/lib.rs - (line 12) - compile ... ok
";

    #[test]
    fn each_test_has_its_name_and_what_came_of_it() {
        let mut ran = Ran::default();
        OUTPUT.lines().for_each(|line| ran.read(line));
        let skipped = |why: &str| Verdict::Skipped(why.to_owned());
        let expected = [
            ("doc/pi_auth::host/src/lib.rs - (line 12) - compile", Verdict::Passed),
            ("pi::a::claim", Verdict::Passed),
            ("pi_auth::store::tests::a_file_is_whole", Verdict::Passed),
            ("pi_auth::store::tests::may_fail", Verdict::Failed),
            ("store.test.mjs::for root alone", skipped("only root may")),
            ("store.test.mjs::one day", skipped("TODO")),
            ("store.test.mjs::room is taken (and given back)", Verdict::Passed),
            // What one binary leaves out is not left out by another.
            ("tests/npm::b::claim", Verdict::Passed),
            ("tests/npm::store", Verdict::Passed),
            ("tests/pi::a::claim", Verdict::Failed),
            ("tests/pi::b::claim", skipped("faketime is not installed")),
            ("tests/pi::c::claim", Verdict::Passed),
            ("tests/pi::d::claim", Verdict::Passed),
            ("tests/pi::e::claim", skipped("ignored, takes a day")),
        ];
        let found: Vec<_> = ran.verdicts.iter().map(|(name, it)| (&**name, it.clone())).collect();
        assert_eq!(found, expected);
        assert_eq!(ran.verdict("tests/pi::no::claim"), None);
        let below: Vec<&str> = ran.below("tests/npm::").map(|(name, _)| name).collect();
        assert_eq!(below, ["b::claim", "store"]);
        assert_eq!(ran.counts(), Counts { passed: 8, failed: 2, ignored: 4 });
    }

    #[test]
    fn what_is_told_between_a_name_and_its_verdict_belongs_to_neither() {
        let mut ran = Ran::default();
        for line in [
            "test a ... skipped: b: no tool",
            "12 answers",
            "ok",
            "test b ... okstore.test.mjs \u{2714} room is taken (1ms)",
            "",
            "test d ... FAILED",
            "test e ... fatal runtime error",
            "Running tests/pi/main.rs (target/debug/deps/pi-0)",
            "ok",
        ] {
            ran.read(line);
        }
        let skipped = Verdict::Skipped("no tool".to_owned());
        for (name, verdict) in [
            ("::a", Some(Verdict::Passed)),
            ("::b", Some(skipped)),
            ("store.test.mjs::room is taken", Some(Verdict::Passed)),
            ("::d", Some(Verdict::Failed)),
            ("::e", None),
        ] {
            assert_eq!(ran.verdict(name), verdict.as_ref(), "{name}");
        }
        assert_eq!(ran.counts(), Counts { passed: 2, failed: 1, ignored: 1 });
    }

    #[test]
    fn of_two_tests_of_one_name_the_worse_is_told_and_each_is_counted() {
        let mut ran = Ran::default();
        for line in ["test a ... ok", "test a ... FAILED", "test a ... ok"] {
            ran.read(line);
        }
        assert_eq!(ran.verdict("::a"), Some(&Verdict::Failed));
        assert_eq!(ran.counts(), Counts { passed: 2, failed: 1, ignored: 0 });
    }
}
