//! The crates that the core may use. This list is what "the core does no I/O" rests on: `no_std`
//! holds for the core itself, but a dependency could still bring a socket or a clock along.

use super::Outcome;
use crate::{Result, cargo};

/// Every crate that may be in the tree, and why it can do no I/O.
const ALLOWED: &[(&str, &str)] = &[
    ("pi-auth-core", "the core itself: no_std"),
    ("base64", "bytes to text; its std feature is off"),
    ("block-buffer", "blocks for a hash; no_std"),
    ("cfg-if", "a macro"),
    ("cpufeatures", "asks the processor for its instructions"),
    ("crypto-common", "traits; its random source is a feature that is off"),
    ("digest", "traits of hashes; no_std"),
    ("hybrid-array", "arrays; no_std"),
    ("itoa", "integers to text; no_std"),
    ("libc", "on ARM only, where cpufeatures has to ask the system about the processor"),
    ("memchr", "searches bytes; its std feature is off"),
    ("percent-encoding", "text to text; its std feature is off"),
    ("serde", "traits; its std feature is off"),
    ("serde_core", "traits; its std feature is off"),
    ("serde_json", "text to values and back; its std feature is off"),
    ("sha2", "a hash; no_std"),
    ("subtle", "comparison in constant time; no_std"),
    ("typenum", "numbers as types"),
    ("zeroize", "overwrites memory; its std feature is off"),
    ("zmij", "floating-point numbers to text; no_std"),
];

pub(super) fn check() -> Result<Outcome> {
    let tree = cargo::read(cargo::command(&[
        "tree",
        "--locked",
        "--package",
        "pi-auth-core",
        "--edges",
        // Procedural macros run in the compiler.
        "normal,no-proc-macro",
        // What only another system would bring counts, too.
        "--target",
        "all",
        "--prefix",
        "none",
        "--format",
        "{p}|{f}|",
    ]))?;
    let mut crates: Vec<_> = tree.lines().map(name_and_features).collect();
    crates.sort_unstable();
    crates.dedup();
    let problems: Vec<_> =
        crates.iter().filter_map(|(name, features)| problem(name, features)).collect();
    if problems.is_empty() {
        return Ok(Outcome::Passed(format!("{} crates", crates.len())));
    }
    let here = file!();
    Err(format!(
        "In the tree of the core, {}.\n\
         Make sure that it can do no I/O, read no clock and make no random numbers with the \
         features that the core uses; then add it to the list in {here}, with the reason.",
        problems.join(", ")
    )
    .into())
}

/// A line of `cargo tree`: `name v1.2.3 (path)|feature,feature| (*)`.
fn name_and_features(line: &str) -> (&str, &str) {
    let mut parts = line.split('|');
    let name = parts.next().and_then(|package| package.split(' ').next()).unwrap_or_default();
    (name, parts.next().unwrap_or_default())
}

fn problem(name: &str, features: &str) -> Option<String> {
    if !ALLOWED.iter().any(|(allowed, _)| *allowed == name) {
        return Some(format!("`{name}` is new"));
    }
    let std = features.split(',').any(|feature| feature == "std");
    std.then(|| format!("`{name}` has its std feature on"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_or_has_std_is_a_problem() {
        for (line, expected) in [
            ("sha2 v0.11.1||", None),
            ("zeroize v1.9.2|alloc| (*)", None),
            ("pi-auth-core v0.1.0 (/somewhere/core)||", None),
            ("zeroize v1.9.2|alloc,std|", Some("`zeroize` has its std feature on")),
            ("tokio v1.54.1|net|", Some("`tokio` is new")),
            ("", Some("`` is new")),
        ] {
            let (name, features) = name_and_features(line);
            assert_eq!(problem(name, features).as_deref(), expected, "{line}");
        }
    }
}
