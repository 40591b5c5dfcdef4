//! The core builds for wasm32-unknown-unknown: no operating system, no clock, no random source.

use std::process::Command;

use super::Outcome;
use crate::{Result, cargo};

pub(super) const SHOWN: &str = "cargo build -p pi-auth-core --target wasm32-unknown-unknown";

const TARGET: &str = "wasm32-unknown-unknown";

pub(super) fn check() -> Result<Outcome> {
    if !is_installed()?
        && let Err(failure) = install()
    {
        return Ok(Outcome::Skipped(format!("{TARGET} cannot be had: {failure}")));
    }
    let build = ["build", "--locked", "--package", "pi-auth-core", "--target", TARGET];
    cargo::run(cargo::command(&build))?;
    Ok(Outcome::Passed(String::new()))
}

/// Whether this toolchain has the target, however it was installed.
fn is_installed() -> Result<bool> {
    let mut ask = Command::new("rustc");
    ask.args(["--print", "target-libdir", "--target", TARGET]);
    Ok(std::path::Path::new(cargo::read(ask)?.trim()).is_dir())
}

fn install() -> Result {
    println!("rustup target add {TARGET}");
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", TARGET]).current_dir(cargo::workspace());
    cargo::run(rustup)
}
