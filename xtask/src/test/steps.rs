//! The steps, cheapest first.

use std::process::ExitCode;

use super::{
    Outcome, binary_size, core_tree, dependencies, host_tree, rust_tests, system_calls, wasm,
};
use crate::{Result, cargo, demo};

/// One step.
pub(super) struct Step {
    pub(super) name: &'static str,
    /// What it runs, or what it checks.
    pub(super) shown: &'static str,
    pub(super) run: fn() -> Result<Outcome>,
}

/// Everything, as it is by default.
const WORKSPACE: &[&str] = &["--workspace"];
/// What is not in it: `pi --core`.
const WASM_CORE: &[&str] = &["--package", "pi-auth", "--features", "wasm-core"];

pub(super) const STEPS: &[Step] = &[
    Step { name: "format", shown: "cargo fmt --all --check", run: format },
    Step {
        name: "core-tree",
        shown: "cargo tree -p pi-auth-core -e normal names only crates that can do no I/O",
        run: core_tree::check,
    },
    Step {
        name: "host-tree",
        shown: "cargo tree -p pi-auth -e normal has no WebAssembly runtime unless asked for one",
        run: host_tree::check,
    },
    Step {
        name: "dependencies",
        shown: "every dependency has a licence that deny.toml allows, and is from crates.io",
        run: dependencies::check,
    },
    Step {
        name: "lint",
        shown: "cargo clippy --workspace --all-targets -- -D warnings, with and without wasm-core",
        run: lint,
    },
    Step {
        name: "wasm",
        shown: "cargo xtask wasm: no imports, no path of this machine, within the budget",
        run: wasm::check,
    },
    Step {
        name: "lint-wasm",
        shown: "the same clippy for the target wasm32-unknown-unknown, which has files of its own",
        run: lint_wasm,
    },
    Step {
        name: "tests",
        shown: "cargo test --workspace --no-fail-fast, and each row of tests/faults.json is shown by it",
        run: rust_tests::run,
    },
    Step {
        name: "docs",
        shown: "RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps",
        run: docs,
    },
    Step {
        name: "size",
        shown: "the release build of `pi` is under 5 MB",
        run: binary_size::check,
    },
    Step {
        name: "system-calls",
        shown: "`pi token` with a fresh login opens one file and no socket",
        run: system_calls::check,
    },
    Step { name: "demo", shown: "cargo xtask demo", run: play_demo },
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
