//! Cargo: the target, the profile, the crate type.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::{Result, cargo};

const TARGET: &str = "wasm32-unknown-unknown";

/// Where cargo puts what it builds.
pub(super) fn target_directory() -> Result<PathBuf> {
    let ask = ["metadata", "--locked", "--no-deps", "--format-version", "1"];
    let metadata: Value = serde_json::from_str(&cargo::read(cargo::command(&ask))?)?;
    let directory =
        metadata["target_directory"].as_str().ok_or("cargo knows no target directory")?;
    Ok(directory.into())
}

/// Builds and links the crate, and tells where the module is.
pub(super) fn link(target: &Path) -> Result<PathBuf> {
    if !has_target()? {
        println!("rustup target add {TARGET}");
        let mut rustup = Command::new("rustup");
        rustup.args(["target", "add", TARGET]).current_dir(cargo::workspace());
        cargo::run(rustup)?;
    }
    cargo::run(cargo::command(&[
        "rustc",
        "--locked",
        "--package",
        "pi-auth-wasm",
        "--profile",
        "wasm",
        "--target",
        TARGET,
        // In the manifest it is a library for tests. A package that is both is not optimized across
        // its crates, and a fifth larger.
        "--crate-type",
        "cdylib",
    ]))?;
    Ok(target.join(TARGET).join("wasm").join("pi_auth_wasm.wasm"))
}

/// Whether this toolchain has the target, however it was installed.
fn has_target() -> Result<bool> {
    let mut ask = Command::new("rustc");
    ask.args(["--print", "target-libdir", "--target", TARGET]);
    Ok(Path::new(cargo::read(ask)?.trim()).is_dir())
}
