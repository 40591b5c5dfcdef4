//! `pi` with the feature `wasm-core`, and what speaks to a module without it, built once in a
//! process.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use pi_auth_tests::pi::built;

/// `pi` with the feature `wasm-core`.
pub(crate) fn pi() -> &'static Path {
    &programs()[0]
}

/// What speaks to a module in wasmtime: `host/examples/engine.rs`.
pub(crate) fn wasmtime() -> &'static Path {
    &programs()[1]
}

fn programs() -> &'static [PathBuf; 2] {
    static PROGRAMS: OnceLock<[PathBuf; 2]> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        // A profile of its own: what is built with the feature must not take the place of `pi`.
        let profile = ["--profile", "wasm-core", "--features", "wasm-core"];
        let programs = ["--package", "pi-auth", "--bin", "pi", "--example", "engine"];
        built(["pi", "engine"], &[profile.as_slice(), &programs].concat())
    })
}
