//! Attacks by another user of this machine: the tests in `tests/tests/attacks`, and those that Node
//! runs from `bindings/npm/test/attacks.test.mjs`. A test that passes is an attack that failed.

use super::output::Verdict;
use super::watch::{Watched, watch};
use super::{Counts, Outcome};
use crate::{Result, paint};

/// The tests of both hosts.
const TESTS: [&[&str]; 2] = [
    &["test", "--locked", "--package", "pi-auth-tests", "--test", "attacks"],
    &[
        "test",
        "--locked",
        "--package",
        "pi-auth-tests",
        "--test",
        "npm",
        "--",
        "--exact",
        "attacks",
    ],
];

/// The beginning of the names of those tests, and the host that they attack.
const HOSTS: [(&str, &str); 2] = [("tests/attacks::", "pi"), ("attacks.test.mjs::", "Node")];

/// Runs the attacks alone. `tests` runs them, too.
pub(super) fn run() -> Result<Outcome> {
    let watched = watch(&TESTS)?;
    let counts = watched.ran.counts();
    match check(&watched) {
        Err(problem) if counts.failed == 0 => Err(problem),
        _ => Ok(Outcome::Tested(counts)),
    }
}

/// Prints each attack with its result. Fails where an attack succeeded, or a host was not attacked.
pub(super) fn check(watched: &Watched) -> Result {
    println!("\n{}", paint::bold("attacks by another user of this machine"));
    watched.lines.iter().filter_map(|line| rounds(line)).for_each(|it| println!("tried    {it}"));
    let mut counts = Counts::default();
    let mut problems = Vec::new();
    for (beginning, host) in HOSTS {
        let attacks: Vec<_> = watched.ran.below(beginning).collect();
        if attacks.is_empty() {
            problems.push(format!("no attack on {host} was tried: no test {beginning}..."));
        }
        for (name, verdict) in attacks {
            let attack = format!("{host:<5} {}", in_words(name));
            match verdict {
                Verdict::Passed => {
                    counts.passed += 1;
                    println!("{}     {attack}", paint::green("fails"));
                }
                Verdict::Skipped(why) => {
                    counts.ignored += 1;
                    println!("{}   {attack}: {why}", paint::yellow("skipped"));
                }
                Verdict::Failed => {
                    counts.failed += 1;
                    problems.push(format!("an attack succeeded: {beginning}{name}"));
                    println!("{}  {attack}", paint::red("succeeds"));
                }
            }
        }
    }
    let Counts { passed, failed, ignored } = counts;
    println!("attacks: {passed} fail, {failed} succeed, {ignored} skipped");
    match problems.is_empty() {
        true => Ok(()),
        false => Err(problems.join("\n    ").into()),
    }
}

/// The number of rounds that an attack reports: natively a line of its own, and in Node a
/// diagnostic.
fn rounds(line: &str) -> Option<&str> {
    let Some(told) = line.strip_prefix("attacks.test.mjs \u{2139} ") else {
        return line.contains(" under attack: ").then_some(line);
    };
    // Node's own counts are a word and a number.
    (told.split(' ').count() > 2).then_some(told)
}

/// A name as words: `lock::a_link_in_its_place` is "lock: a link in its place".
fn in_words(name: &str) -> String {
    name.replace("::", ": ").replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(lines: &[&str]) -> Watched {
        let mut watched = Watched::default();
        lines.iter().for_each(|line| watched.read(line.to_string()));
        watched
    }

    const RUST: &str = "Running tests/attacks/main.rs (target/debug/deps/attacks-0)";
    const NODE: &str = "attacks.test.mjs \u{2714} a link in place of the lock (1ms)";

    #[test]
    fn both_hosts_must_be_attacked_and_no_attack_may_succeed() {
        let no_node = "no attack on Node was tried: no test attacks.test.mjs::...";
        let succeeded = "an attack succeeded: tests/attacks::lock::a_link";
        for (lines, problem) in [
            (&[RUST, "test lock::a_link ... ok", NODE][..], None),
            (&[RUST, "skipped: lock::a_link: not root", "test lock::a_link ... ok", NODE], None),
            (&[RUST, "test lock::a_link ... FAILED", NODE], Some(succeeded)),
            (&[RUST, "test lock::a_link ... ok"], Some(no_node)),
            (&[NODE], Some("no attack on pi was tried: no test tests/attacks::...")),
        ] {
            let found = check(&watched(lines)).map_err(|problem| problem.to_string());
            assert_eq!(found.err().as_deref(), problem, "{lines:?}");
        }
    }

    #[test]
    fn rounds_are_reported_and_names_become_words() {
        for (line, shown) in [
            ("1000 locks under attack: 9 swaps", Some("1000 locks under attack: 9 swaps")),
            ("attacks.test.mjs \u{2139} 1000 locks, 9 swaps", Some("1000 locks, 9 swaps")),
            ("attacks.test.mjs \u{2139} tests 5", None),
            ("token.test.mjs \u{2139} 6 processes each", None),
            ("test lock::a_link ... ok", None),
        ] {
            assert_eq!(rounds(line), shown, "{line}");
        }
        assert_eq!(in_words("lock::a_link_in_its_place"), "lock: a link in its place");
    }
}
