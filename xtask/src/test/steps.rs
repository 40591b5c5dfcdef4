//! The steps, cheapest first.

use std::process::ExitCode;

use super::{
    Outcome, attacks, binary_size, core_tree, dependencies, host_tree, rust_tests, system_calls,
    wasm,
};
use crate::{Result, cargo, demo};

/// One step.
pub(super) struct Step {
    pub(super) name: &'static str,
    /// What it runs, or what it checks.
    pub(super) shown: &'static str,
    pub(super) run: fn() -> Result<Outcome>,
    /// The step that covers this one, which then runs only when it is named.
    pub(super) within: Option<&'static str>,
}

/// Everything, as it is by default.
const WORKSPACE: &[&str] = &["--workspace"];
/// What is not in it: `pi --core`.
const WASM_CORE: &[&str] = &["--package", "pi-auth", "--features", "wasm-core"];

pub(super) const STEPS: &[Step] = &[
    Step { name: "format", shown: "cargo fmt --all --check", run: format, within: None },
    Step {
        name: "core-tree",
        shown: "cargo tree -p pi-auth-core -e normal names only crates that can do no I/O",
        run: core_tree::check,
        within: None,
    },
    Step {
        name: "host-tree",
        shown: "cargo tree -p pi-auth -e normal has no WebAssembly runtime unless asked for one",
        run: host_tree::check,
        within: None,
    },
    Step {
        name: "dependencies",
        shown: "every dependency has a licence that deny.toml allows, and is from crates.io",
        run: dependencies::check,
        within: None,
    },
    Step {
        name: "lint",
        shown: "cargo clippy --workspace --all-targets -- -D warnings, with and without wasm-core",
        run: lint,
        within: None,
    },
    Step {
        name: "wasm",
        shown: "cargo xtask wasm: no imports, no path of this machine, within the budget",
        run: wasm::check,
        within: None,
    },
    Step {
        name: "lint-wasm",
        shown: "the same clippy for the target wasm32-unknown-unknown, which has files of its own",
        run: lint_wasm,
        within: None,
    },
    Step {
        name: "tests",
        shown: "cargo test --workspace --no-fail-fast, which shows each row of tests/faults.json, each example \
                of tests/field-reports, and that each attack fails",
        run: rust_tests::run,
        within: None,
    },
    Step {
        name: "attacks",
        shown: "every attack by another user of this machine fails (root only)",
        run: attacks::run,
        within: Some("tests"),
    },
    Step {
        name: "docs",
        shown: "RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps",
        run: docs,
        within: None,
    },
    Step {
        name: "size",
        shown: "the release build of `pi` is under 5 MB",
        run: binary_size::check,
        within: None,
    },
    Step {
        name: "system-calls",
        shown: "`pi token` with a fresh login opens one file and no socket",
        run: system_calls::check,
        within: None,
    },
    Step { name: "demo", shown: "cargo xtask demo", run: play_demo, within: None },
];

fn format() -> Result<Outcome> {
    cargo::run(cargo::command(&["fmt", "--all", "--check"]))?;
    Ok(Outcome::Passed(String::new()))
}

fn lint() -> Result<Outcome> {
    for what in [WORKSPACE, WASM_CORE] {
        clippy(&[&["--all-targets"], what].concat())?;
    }
    Ok(Outcome::Passed(String::new()))
}

fn lint_wasm() -> Result<Outcome> {
    clippy(&["--package", "pi-auth-wasm", "--target", "wasm32-unknown-unknown"])?;
    Ok(Outcome::Passed(String::new()))
}

fn clippy(what: &[&str]) -> Result {
    cargo::run(cargo::command(&[&["clippy", "--locked"], what, &["--", "-D", "warnings"]].concat()))
}

fn docs() -> Result<Outcome> {
    for what in [WORKSPACE, WASM_CORE] {
        let mut doc = cargo::command(&[&["doc", "--locked", "--no-deps"], what].concat());
        doc.env("RUSTDOCFLAGS", "-Dwarnings");
        cargo::run(doc)?;
    }
    Ok(Outcome::Passed(String::new()))
}

fn play_demo() -> Result<Outcome> {
    match demo::run()? {
        ExitCode::SUCCESS => Ok(Outcome::Passed(String::new())),
        _ => Err("the demo ended early".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_covers_a_step_is_a_step_that_runs_by_default() {
        for step in STEPS {
            let within = step.within.map(|name| STEPS.iter().find(|it| it.name == name));
            assert!(
                within.is_none_or(|it| it.is_some_and(|it| it.within.is_none())),
                "{}",
                step.name
            );
        }
        assert!(STEPS.iter().any(|step| step.name == "attacks"));
    }
}
