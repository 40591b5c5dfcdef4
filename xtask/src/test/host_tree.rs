//! What `pi` does not bring along unless it is asked for: a compiler for WebAssembly.

use super::Outcome;
use crate::{Result, cargo};

/// What the names of the crates begin with that only the feature `wasm-core` is for.
const OPTIONAL: [&str; 4] = ["wasmtime", "cranelift", "wasmparser", "regalloc2"];

pub(super) fn check() -> Result<Outcome> {
    let plain = crates(&[])?;
    let brought = |name: &&String| OPTIONAL.iter().any(|optional| name.starts_with(optional));
    if let Some(name) = plain.iter().find(brought) {
        return Err(format!("`pi` brings {name} along in its default build").into());
    }
    // Or the names above have changed, and this check finds nothing any more.
    if !crates(&["--features", "wasm-core"])?.iter().any(|name| name == "wasmtime") {
        return Err("the feature wasm-core does not bring wasmtime along".into());
    }
    Ok(Outcome::Passed(format!("{} crates", plain.len())))
}

/// The names of the crates in the tree of `pi`.
fn crates(more: &[&str]) -> Result<Vec<String>> {
    let arguments = ["tree", "--locked", "--package", "pi-auth", "--edges", "normal"];
    let mut tree = cargo::command(&arguments);
    tree.args(["--target", "all", "--prefix", "none", "--format", "{p}"]).args(more);
    let tree = cargo::read(tree)?;
    let mut names: Vec<String> =
        tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}
